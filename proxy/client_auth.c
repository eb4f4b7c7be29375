/* The packets of a login: the greeting, the client's answer, the question for another plugin, the
 * last OK; and COM_CHANGE_USER, which is a login again. Who it is and whether the proof holds is
 * in client_verify.c. */
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/client_address.h"
#include "proxy/client_login.h"
#include "proxy/client_relay.h"
#include "proxy/client_tls.h"
#include "proxy/net/compress.h"
#include "proxy/net/tls.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEFAULT_COLLATION = 45,
    LOGIN_PACKET_MAX = 64 << 10,
    CHANGES_REFUSED_MAX = 3, /* then a server hears no COM_CHANGE_USER any more (measured) */
};

/* What Causeway speaks with clients: all of MariaDB 10.11; TLS where there is a certificate. Not
 * bit 0: a MariaDB server leaves it out to say that bits 32 and up count.
 */
#define OFFERED                                                                                    \
    (CLIENT_FOUND_ROWS | CLIENT_LONG_FLAG | CLIENT_CONNECT_WITH_DB | CLIENT_COMPRESS |             \
     CLIENT_NO_SCHEMA | CLIENT_ODBC | CLIENT_LOCAL_FILES | CLIENT_IGNORE_SPACE |                   \
     CLIENT_PROTOCOL_41 | CLIENT_INTERACTIVE | CLIENT_IGNORE_SIGPIPE | CLIENT_TRANSACTIONS |       \
     CLIENT_RESERVED | CLIENT_SECURE_CONNECTION | CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS | \
     CLIENT_PS_MULTI_RESULTS | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS |                         \
     CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS |                 \
     CLIENT_SESSION_TRACK | CLIENT_DEPRECATE_EOF | CLIENT_REMEMBER_OPTIONS |                       \
     MARIADB_CLIENT_PROGRESS | MARIADB_CLIENT_STMT_BULK_OPERATIONS |                               \
     MARIADB_CLIENT_EXTENDED_METADATA | MARIADB_CLIENT_CACHE_METADATA)

void client_auth_forget(struct session *session)
{
    struct login_state *login = session->login;
    if (!login)
        return;
    memory_wipe(login->answers, sizeof(login->answers));
    free(login->user);
    free(login->schema);
    free(login->key);
    identity_unref(login->former);
    free(login->former_schema);
    free(login->former_role);
    buf_free(&login->attributes);
    free(login);
    session->login = NULL;
}

uint8_t client_auth_seq(const struct session *session)
{
    if (session->login)
        return session->login->seq;
    return stream_is_tls(&session->client) ? 2 : 1; /* behind an SSLRequest */
}

bool client_auth_refused(struct session *session)
{
    bool goes_on = session->login && session->login->changes_user;
    if (goes_on) {
        session->failed_changes++;
        client_login_undo(session);
    }
    client_auth_forget(session);
    return goes_on;
}

void client_auth_begin(struct session *session)
{
    struct greeting greeting = {
        .version = span_text(session->worker->topology->version),
        .connection_id = session->id,
        .capabilities = OFFERED | client_tls_offer(session),
        .collation = DEFAULT_COLLATION,
        .status = SERVER_STATUS_AUTOCOMMIT,
        .plugin = span_text(NATIVE_PLUGIN),
    };
    auth_nonce(session->salt, SALT_BYTES);
    memcpy(greeting.salt, session->salt, SALT_BYTES);
    session->status = SERVER_STATUS_AUTOCOMMIT;
    session->command.code = COM_CONNECT;
    struct buf out = {0};
    greeting_build(&out, &greeting);
    session_arm(session, session->worker->config->login_timeout_ms);
    session_send(session, buf_span(&out));
    buf_free(&out);
}

/* --- packets of the client --- */

/* The whole packet at the front, or 0 when more must come; negative: the session was closed. */
static int peek(struct session *session, struct span *payload)
{
    struct stream *client = &session->client;
    size_t len = stream_len(client);
    if (len < PACKET_HEADER_BYTES) {
        if (!session->client_ended)
            return 0;
        session_close(session, "the client left during login");
        return -ECONNRESET;
    }
    const uint8_t *data = stream_data(client);
    size_t payload_len = packet_payload_len(data);
    if (payload_len > LOGIN_PACKET_MAX || packet_seq(data) != client_auth_seq(session)) {
        session_protocol_error(session, payload_len > LOGIN_PACKET_MAX
                                            ? "login packet too long"
                                            : "login packet out of order");
        return -EPROTO;
    }
    if (len < PACKET_HEADER_BYTES + payload_len) {
        if (session->client_ended) {
            session_close(session, "the client left during login");
            return -ECONNRESET;
        }
        stream_want(client, PACKET_HEADER_BYTES + payload_len);
        return 0;
    }
    *payload = span_of(data + PACKET_HEADER_BYTES, payload_len);
    return 1;
}

static void take_login(struct session *session, const struct login *login, uint8_t seq,
                       bool changes_user)
{
    client_auth_forget(session);
    struct login_state *state = memory_zalloc(sizeof(*state));
    state->user = memory_strndup(login->user.data, login->user.len);
    if (login->schema.len)
        state->schema = memory_strndup(login->schema.data, login->schema.len);
    buf_append_span(&state->attributes, login->attributes);
    struct span key;
    if (attributes_find(login->attributes, "causeway_key", &key) > 0 && key.len > 0)
        state->key = memory_strndup(key.data, key.len);
    struct span client;
    state->answers_again = attributes_find(login->attributes, "_client_name", &client) > 0 &&
                           span_equal(client, span_text("libmariadb"));
    state->collation = login->collation;
    state->seq = seq;
    state->changes_user = changes_user;
    session->login = state;
}

const struct login_answer *client_login_answer(const struct login_state *login,
                                               const struct auth_plugin *plugin)
{
    for (size_t i = 0; i < login->answer_count; i++)
        if (login->answers[i].plugin == plugin)
            return &login->answers[i];
    return NULL;
}

static void add_payload(struct buf *out, struct login_state *login, const char *payload)
{
    size_t begin = packet_begin(out);
    buf_append_text(out, payload);
    packet_end(out, begin, login->seq++);
}

static void add_switch(const struct session *session, const struct auth_plugin *plugin,
                       struct buf *out)
{
    struct login_state *login = session->login;
    /* With the salt of the greeting, where the plugin takes one of that length: Connector/C answers
     * in COM_CHANGE_USER with the last one that it saw, and servers repeat it, too (measured). */
    if (plugin->nonce_bytes == SALT_BYTES)
        memcpy(login->nonce, session->salt, SALT_BYTES);
    else
        auth_nonce(login->nonce, plugin->nonce_bytes);
    struct auth_switch request = {.plugin = span_text(plugin->client),
                                  .data = span_of(login->nonce, plugin->nonce_bytes)};
    auth_switch_build(out, login->seq++, &request);
}

void client_login_notice(struct session *session, const struct auth_plugin *plugin)
{
    struct buf out = {0};
    add_payload(&out, session->login, plugin->notice);
    session_send(session, buf_span(&out));
    buf_free(&out);
}

enum step client_login_ask(struct session *session, const struct auth_plugin *plugin)
{
    struct login_state *login = session->login;
    if (!(session->capabilities & CLIENT_PLUGIN_AUTH) && plugin != &auth_native_plugin)
        return session_refuse(session, 1251, "08004",
                              "Client does not support authentication protocol requested by "
                              "server; consider upgrading MariaDB client");
    login->asked = plugin;
    struct buf out = {0};
    if (plugin->question)
        add_payload(&out, login, plugin->question);
    else
        add_switch(session, plugin, &out);
    login->seq++;
    session_enter(session, SESSION_LOGIN_SWITCH);
    session_arm(session, session->worker->config->login_timeout_ms);
    session_send(session, buf_span(&out));
    buf_free(&out);
    return STEP_WAIT;
}

/* One of a wrong length is as good as none to a server, but for native (measured). A password of no
 * bytes comes with its NUL or without. */
static bool proof_fits(struct span proof, const struct auth_plugin *plugin)
{
    if (proof.len == 0)
        return true;
    if (plugin->proof_bytes)
        return proof.len == plugin->proof_bytes;
    return proof.len <= AUTH_PROOF_MAX_BYTES && proof.data[0] != 0;
}

/* Keeps a proof for when it is known what it must prove. */
static enum step take_proof(struct session *session, struct span proof,
                            const struct auth_plugin *plugin, const uint8_t *nonce)
{
    struct login_state *login = session->login;
    bool fits = proof_fits(proof, plugin);
    if (!fits && plugin == &auth_native_plugin)
        return session_refuse(session, 1043, "08S01", "Bad handshake");
    assert(login->answer_count < LOGIN_ANSWERS_MAX && !client_login_answer(login, plugin));
    struct login_answer *answer = &login->answers[login->answer_count++];
    answer->plugin = plugin;
    answer->len = fits ? proof.len : 0;
    memcpy(answer->nonce, nonce, plugin->nonce_bytes);
    if (answer->len)
        memcpy(answer->proof, proof.data, answer->len);
    session_enter(session, SESSION_LOGIN_VERIFY);
    return STEP_MORE;
}

enum step step_login_response(struct session *session)
{
    struct span payload;
    if (!client_address_take(session))
        return STEP_WAIT;
    /* client_auth_seq says before a login which number the answer to the greeting has. */
    if (peek(session, &payload) <= 0)
        return STEP_WAIT;
    struct login login;
    int error = login_parse(payload, &login);
    if (error == -EAGAIN && client_tls_start(session, PACKET_HEADER_BYTES + payload.len))
        return STEP_WAIT;
    if (error) {
        session_protocol_error(session, error == -EAGAIN       ? "TLS was asked for but not offered"
                                        : error == -EOPNOTSUPP ? "client without protocol 4.1"
                                                               : "malformed login packet");
        return STEP_WAIT;
    }
    session->capabilities = login.capabilities & (OFFERED | CLIENT_LONG_PASSWORD);
    session->collation = login.collation;
    take_login(session, &login, (uint8_t)(client_auth_seq(session) + 1), false);
    session_enter(session, SESSION_LOGIN_VERIFY);
    /* The greeting asked for native; a proof of another plugin is for a nonce it made up. */
    enum step step = STEP_MORE;
    if (login.plugin.len == 0 || span_equal(login.plugin, span_text(NATIVE_PLUGIN)))
        step = take_proof(session, login.auth, &auth_native_plugin, session->salt);
    if (session->state != SESSION_CLOSED)
        stream_consume(&session->client, PACKET_HEADER_BYTES + payload.len);
    return step;
}

int client_login_peek_answer(struct session *session, struct span *payload)
{
    session->login->seq--;
    int found = peek(session, payload);
    if (session->state == SESSION_CLOSED)
        return -ECONNRESET;
    session->login->seq++;
    return found;
}

enum step step_login_switch(struct session *session)
{
    struct span payload;
    if (client_login_peek_answer(session, &payload) <= 0)
        return STEP_WAIT;
    enum step step = take_proof(session, payload, session->login->asked, session->login->nonce);
    if (session->state != SESSION_CLOSED)
        stream_consume(&session->client, PACKET_HEADER_BYTES + payload.len);
    return step;
}

/* The schema as an entry of a session state block. */
static void schema_state(struct buf *out, struct span schema)
{
    struct buf value = {0};
    write_lenenc_span(&value, schema);
    buf_append_u8(out, TRACK_SCHEMA);
    write_lenenc_span(out, buf_span(&value));
    buf_free(&value);
}

/* A server connection stands, with the schema the client asked for: the login is done. */
enum step client_auth_finish(struct session *session)
{
    client_relay_end(session);
    if (client_relay_opens_reader(session))
        return STEP_MORE;
    if (!client_login_take_key(session))
        return session_refuse(session, 1040, "08004", "Too many keys are in use (max_keys)");
    struct ok_reply ok = {.status = session->status};
    struct buf out = {0};
    session->settings = session->running->settings;
    /* As a server reports it, after a login and after COM_CHANGE_USER (measured). */
    struct buf state = {0};
    if (session->vars.schema)
        schema_state(&state, span_text(session->vars.schema));
    ok.state = buf_span(&state);
    ok_build(&out, session->login->seq, &ok, session->capabilities);
    buf_free(&state);
    bool compresses = (session->capabilities & CLIENT_COMPRESS) && !session->login->changes_user;
    client_auth_forget(session);
    bool sent = session_send(session, buf_span(&out));
    buf_free(&out);
    if (sent && compresses) /* the OK itself is not compressed */
        compress_with_client(&session->client);
    return sent ? session_finish_command(session) : STEP_WAIT;
}

enum step client_auth_change_user(struct session *session, struct span payload)
{
    struct login login;
    if (session->failed_changes >= CHANGES_REFUSED_MAX) {
        client_login_undo(session);
        return session_refuse(session, 1047, "08S01", "Unknown command");
    }
    if (change_user_parse(payload, session->capabilities, &login)) {
        session_protocol_error(session, "malformed COM_CHANGE_USER");
        return STEP_WAIT;
    }
    take_login(session, &login, 1, true);
    session->command.code = COM_CONNECT;
    stream_consume(&session->client, session->command.len);
    session->command.len = 0;
    /* The proof that came with it is not looked at: the client is asked, as by MariaDB (measured).
     */
    session_enter(session, SESSION_LOGIN_VERIFY);
    return STEP_MORE;
}
