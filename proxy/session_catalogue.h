/* What the catalogue (router/catalogue.h) means for a session's statements. */
#ifndef CAUSEWAY_PROXY_SESSION_CATALOGUE_H
#define CAUSEWAY_PROXY_SESSION_CATALOGUE_H

#include "proxy/session.h"

/* True when a statement that looks like a read must run on the leader, for what it names, or
 * because the catalogue is just being read again after a change. */
bool catalogue_keeps(const struct session *session, struct span sql);
/* The same for a prepared one; what was found is remembered with it. */
bool catalogue_keeps_prepared(const struct session *session, struct statement *statement);
/* True when a write may set user variables by a trigger: the catalogue says so, or it can't tell
 * and there are variables that it might set anew. `sql`: empty when it is not kept. */
bool catalogue_may_set_variables(const struct session *session, struct span sql);
/* Before a command is sent, and when it has ended: what the routines that it ran, or the triggers
 * of what it named, may have left on its connection unseen (enum routine_leaves). LEAVES_UNKNOWN
 * while it is not known what they are, or were when it began. */
void catalogue_begin(struct session *session);
unsigned catalogue_left(const struct session *session);
/* Before a command is routed: what new sessions begin with may be something else by now. */
void catalogue_keep_settings(struct session *session);
/* A statement has ended well: where it may have changed what the control thread reads (views, what
 * sessions begin with), that is read anew. Called before its OK goes to the client: who sees that
 * finds no read of the time before on a follower. */
void catalogue_note_done(struct session *session);

#endif
