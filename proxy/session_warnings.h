/* The warnings and errors of a session's last statement, kept when the connection that has them is
 * lent on (pooling = transaction): the server's own answer to SHOW WARNINGS, as it came. */
#ifndef CAUSEWAY_PROXY_SESSION_WARNINGS_H
#define CAUSEWAY_PROXY_SESSION_WARNINGS_H

#include "proxy/base/bytes.h"

struct session;

/* The packets of the answer; one that is long is not kept. */
void warnings_keep(struct session *session, struct span packets);
void warnings_forget(struct session *session);

/* The command is SHOW WARNINGS. */
bool warnings_asked(const struct session *session);
/* … and its answer is kept: true, and it is on its way to the client.
 */
bool warnings_answer(struct session *session);

#endif
