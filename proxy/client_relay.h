/* Logins that Causeway can't prove itself: what a server asks of its client is passed on to ours,
 * and the answer back, within the client's own login. A signature (ed25519) is for one connection;
 * so the session has the connections that were opened during its login, and no others. */
#ifndef CAUSEWAY_PROXY_CLIENT_RELAY_H
#define CAUSEWAY_PROXY_CLIENT_RELAY_H

#include "proxy/session.h"

/* A server asks: an AuthSwitch, or more of the plugin's own talk. */
void client_relay_ask(struct backend *backend, struct span payload);
/* The leader has let the client in. True when the session now waits for a connection to a follower,
 * which its login is needed for, too. */
bool client_relay_opens_reader(struct session *session);

/* The server has let the client in: where proxy.ini has the password, Causeway makes the session's
 * further connections itself. */
void client_relay_end(struct session *session);

#endif
