/* A login finds the accounts as they are behind every statement of clients that has changed them
 * and that passed through Causeway; what is changed elsewhere is seen as soon as the leader's log
 * tells it. */
#ifndef CAUSEWAY_PROXY_SESSION_ACCOUNTS_H
#define CAUSEWAY_PROXY_SESSION_ACCOUNTS_H

#include <stdbool.h>

struct session;
struct worker;

/* A statement was answered with OK: from now on logins wait until its effect is known. */
void accounts_note_done(const struct session *session);

/* The worker's accounts may be those from before such a statement. */
bool accounts_in_doubt(const struct worker *worker);

#endif
