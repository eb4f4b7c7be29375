/* The login of a server connection, between the files that carry it out: backend_auth.c proves who
 * it is, backend_setup.c prepares the connection that then stands. */
#ifndef CAUSEWAY_PROXY_BACKEND_LOGIN_H
#define CAUSEWAY_PROXY_BACKEND_LOGIN_H

#include "proxy/backend.h"
#include "proxy/proto/handshake.h"

/* Logged in: sends the set-up; `reset`: COM_RESET_CONNECTION ahead of it. */
void backend_setup_start(struct backend *backend, bool reset);
/* Takes one packet of its answers; setup_replies_due says how many are still to come. */
void backend_setup_take(struct backend *backend, struct span payload);
/* All were taken: the connection is its owner's. */
void backend_setup_finish(struct backend *backend);

/* Asks for TLS ahead of `login` where proxy.ini wants it, and begins the handshake; what is written
 * from then on is encrypted. The greeting, `greeting_len` bytes with its header, is consumed
 * then. The sequence number of the login packet, or -1: it was failed. */
int backend_tls_start(struct backend *backend, struct login *login, uint64_t offered,
                      size_t greeting_len);

/* Nobody can listen between here and the server: TLS, a unix socket, or loopback. */
bool backend_is_private(const struct backend *backend);

/* Of the packets of a login that are passed on: one that wants no answer. caching_sha2_password
 * says so that it needs no password, the server's OK comes right behind it (protocol page
 * "caching_sha2_password authentication plugin"). */
static inline bool login_notice(struct span payload)
{
    return payload.len == 2 && payload.data[0] == 0x01 && payload.data[1] == 0x03;
}

/* A server's AuthSwitch with `plugin` (NULL: not known) and a nonce of its length: remembers what
 * may follow. True: it was answered, with the password; else the plugin's own proof is due. */
bool backend_password_asked(struct backend *backend, const struct auth_plugin *plugin,
                            struct span nonce, uint8_t seq);
/* Likewise for the plugins that take a password as it is, where nobody can listen: of a dialog only
 * the first question is answered. True: it was answered. */
bool backend_password_plain(struct backend *backend, struct span plugin, struct span question,
                            uint8_t seq);
/* What a server says or asks behind it (first byte 0x01). */
void backend_password_take(struct backend *backend, struct span payload, uint8_t seq);

/* Fails the connection for bytes that are no packet of the protocol; `where` names them. */
void backend_broken(struct backend *backend, const char *where);
/* Sends `out`, wipes it (there may be a proof in it) and frees it. */
void backend_write_out(struct backend *backend, struct buf *out);

#endif
