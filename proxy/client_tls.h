/* TLS in a client's login: the SSLRequest, and what accounts REQUIRE. */
#ifndef CAUSEWAY_PROXY_CLIENT_TLS_H
#define CAUSEWAY_PROXY_CLIENT_TLS_H

#include "proxy/session.h"
#include "router/accounts.h"

/* CLIENT_SSL when a client may ask for TLS, else 0. */
uint64_t client_tls_offer(const struct session *session);
/* An SSLRequest stands at the front of the client's stream, `packet_len` bytes with its header:
 * from here on the stream is encrypted. False: TLS was not offered. */
bool client_tls_start(struct session *session, size_t packet_len);
/* TLS is required of all clients, and this one came without; a unix socket counts as safe, as with
 * a server. */
bool client_tls_missing(const struct session *session);
/* Whether the connection is what the account REQUIREs. Source: acl_check_ssl in server source
 * sql/sql_acl.cc; measured: CIPHER alone asks for no certificate. */
bool client_tls_satisfies(const struct session *session, const struct account *account);
/* Why Causeway's own connections to the servers will not do for that account, in words that go on
 * from "account 'a'@'b' "; NULL: they will. A server never sees the client's certificate. */
const char *client_tls_hindrance(const struct session *session, const struct account *account);

/* Nobody can listen between the client and here: TLS, or a unix socket. */
bool client_tls_is_private(const struct session *session);

#endif
