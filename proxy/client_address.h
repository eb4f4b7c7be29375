/* The address of a client behind a load balancer: a PROXY header ahead of its first packet. */
#ifndef CAUSEWAY_PROXY_CLIENT_ADDRESS_H
#define CAUSEWAY_PROXY_CLIENT_ADDRESS_H

#include "proxy/session.h"

/* Before the answer to the greeting is looked at, which a header may precede: as with a server, it
 * may be there or not. False: more of it must come, or it was refused and the session is closed. */
bool client_address_take(struct session *session);

#endif
