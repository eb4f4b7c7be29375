/* A reply on its way to the client. relay.c moves the bytes; relay_note.c reads what goes by:
 * GTIDs, status flags, session state, and what they mean for the session. */
#ifndef CAUSEWAY_PROXY_RELAY_H
#define CAUSEWAY_PROXY_RELAY_H

#include "proxy/proto/reply.h"
#include "proxy/session.h"

/* An OK, or the terminator of a result set, has come: notes what it says. -EPROTO: malformed.
 * Leaves in worker->tracked the session state that the client may see. */
int relay_note_ok(struct session *session, struct ok_reply *ok);

/* The leader has shown of its state what no GTID tells. */
void relay_note_leader_seen(struct session *session);

/* An ERR has come. */
void relay_note_err(struct session *session);

/* The first part of the reply is about to reach the client. */
void relay_note_begin(struct session *session);

/* The reply is complete. */
void relay_note_end(struct session *session);

#endif
