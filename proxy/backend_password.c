/* What the login of a server connection takes for MySQL's plugins, beyond the first answer.
 *
 *   caching_sha2_password: short proof -> the server knows the password (03), or not (04) -> full
 *   sha256_password: full
 *   full: the password over TLS or a unix socket, else the server's key is asked for and the
 *   password sent encrypted
 *
 * Source: protocol page "caching_sha2_password authentication plugin", "sha256_password". */
#include "proxy/backend_login.h"
#include "proxy/base/memory.h"
#include "proxy/net/tls.h"
#include "proxy/worker.h"

#include <errno.h>

enum { MORE_DATA = 0x01, SHORT_HOLDS = 0x03, FULL_WANTED = 0x04 };

/* What asks for the server's key, of either plugin. */
enum { CACHING_SHA2_ASKS_KEY = 0x02, SHA256_ASKS_KEY = 0x01 };

static bool is_private(const struct backend *backend)
{
    const struct topology_server *server = worker_server(backend->worker, (int)backend->slot);
    return stream_is_tls(&backend->stream) || (server && server->address.any.sa_family == AF_UNIX);
}

static struct span password_of(const struct backend *backend)
{
    const struct auth_secret *secret = &backend->identity->secret;
    return span_of(secret->password, secret->password_len);
}

static void answer(struct backend *backend, struct span payload, uint8_t seq)
{
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_span(&out, payload);
    packet_end(&out, begin, (uint8_t)(seq + 1));
    backend_write_out(backend, &out);
}

static void send_as_it_is(struct backend *backend, uint8_t seq)
{
    struct buf full = {0};
    buf_append_span(&full, password_of(backend));
    buf_append_u8(&full, 0);
    answer(backend, buf_span(&full), seq);
    memory_wipe(full.data, full.len);
    buf_free(&full);
}

static void send_password(struct backend *backend, uint8_t asks_key, uint8_t seq)
{
    if (!backend->identity->secret.password) {
        backend_fail(backend, 1045, "28000", "%s asks for the password of '%s', which is not known",
                     backend_server_name(backend), backend->identity->user);
    } else if (is_private(backend)) {
        send_as_it_is(backend, seq);
    } else {
        backend->key_asked = true;
        answer(backend, span_of(&asks_key, 1), seq);
    }
}

static void send_encrypted(struct backend *backend, struct span key, uint8_t seq)
{
    struct buf full = {0};
    backend->key_asked = false;
    int error = sha2_encrypt(password_of(backend), backend->nonce, key, &full);
    if (!error)
        answer(backend, buf_span(&full), seq);
    else
        backend_fail(backend, 2061, "HY000",
                     error == -EMSGSIZE
                         ? "the public key of %s is too short for the password of '%s'"
                         : "%s sent no public key for the password of '%s'",
                     backend_server_name(backend), backend->identity->user);
    buf_free(&full);
}

void backend_password_take(struct backend *backend, struct span payload, uint8_t seq)
{
    if (payload.len < 2 || payload.data[0] != MORE_DATA || !backend->asked)
        backend_broken(backend, "login reply");
    else if (backend->key_asked)
        send_encrypted(backend, span_of(payload.data + 1, payload.len - 1), seq);
    else if (payload.len == 2 && backend->asked->full && payload.data[1] == FULL_WANTED)
        send_password(backend, CACHING_SHA2_ASKS_KEY, seq);
    else if (payload.len != 2 || !backend->asked->full || payload.data[1] != SHORT_HOLDS)
        backend_broken(backend, "login reply");
}

bool backend_password_asked(struct backend *backend, const struct auth_plugin *plugin,
                            struct span nonce, uint8_t seq)
{
    backend->asked = NULL;
    backend->key_asked = false;
    if (!plugin || (!plugin->full && !plugin->takes_password))
        return false;
    backend->asked = plugin;
    memcpy(backend->nonce, nonce.data, sizeof(backend->nonce));
    if (!plugin->takes_password || backend->identity->secret.password_len == 0)
        return false;
    send_password(backend, SHA256_ASKS_KEY, seq);
    return true;
}

bool backend_password_plain(struct backend *backend, struct span plugin, struct span question,
                            uint8_t seq)
{
    enum { DIALOG_IS_LAST = 1, DIALOG_IS_PASSWORD = 4 };
    bool clear = span_equal(plugin, span_text("mysql_clear_password"));
    /* Without a question it is that for the password (pam, measured). */
    bool dialog = span_equal(plugin, span_text("dialog")) &&
                  (question.len == 0 || (question.data[0] & ~DIALOG_IS_LAST) == DIALOG_IS_PASSWORD);
    if ((!clear && !dialog) || !backend->identity->secret.password || !backend_is_private(backend))
        return false;
    send_as_it_is(backend, seq);
    return true;
}
