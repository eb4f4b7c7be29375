/* Connection attributes that servers get (performance_schema.session_connect_attrs): the client's
 * own, as far as there is room, and Causeway's:
 *   _causeway_session   the connection id that the client was given
 *   _causeway_client    its address
 *   _causeway_pooled    "yes": the connection was reset for the next session; no others are left */
#ifndef CAUSEWAY_PROXY_ATTRIBUTES_H
#define CAUSEWAY_PROXY_ATTRIBUTES_H

#include "proxy/proto/packet.h"

enum { ATTRIBUTES_CLIENT_MAX_BYTES = 2048 }; /* what follows is left out, as a server does */

/* Appends key and value pairs, without their outer length. `client`: the pairs of the login, not
 * trusted: from the first malformed one on they are left out. */
void attributes_build(struct buf *out, struct span client, uint32_t session_id, const char *peer);
void attributes_build_pooled(struct buf *out);

#endif
