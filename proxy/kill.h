/* KILL by the connection id that Causeway gave a client: KILL [HARD | SOFT] [CONNECTION | QUERY] n
 * and COM_PROCESS_KILL. Ids of Causeway's lie above SESSION_ID_BASE; lower ones are the servers'
 * own and go to the leader as they are.
 *
 *     session --visit--> worker of the target --finds it--> its server: KILL QUERY --visit-->
 * session: OK
 *
 * A client may kill sessions of its own account; others get the server's 1095. */
#ifndef CAUSEWAY_PROXY_KILL_H
#define CAUSEWAY_PROXY_KILL_H

#include "proxy/session.h"

/* True when the id is Causeway's: the command is then under way or answered. */
bool kill_by_id(struct session *session, uint32_t id, bool query_only);
bool kill_from_text(struct session *session, struct span sql);

#endif
