/* KILL in all its forms: by the connection id that Causeway gave a client, by that of a server
 * connection on the leader, by user; in text, prepared, and as COM_PROCESS_KILL.
 *
 *   session --visit--> worker(s) of the targets --errand--> their servers: KILL
 *      ^                                            |
 *      +-------------------- visit -----------------+ answered
 *
 * What is nobody's through Causeway goes to the leader as it is. A session may kill those of its
 * own user; whether it may kill others the leader is asked first, on the session's own connection.
 * The killer gets its OK, and a killed session its next command, when the server has answered the
 * KILL: so it can't hit a later statement. */
#ifndef CAUSEWAY_PROXY_KILL_H
#define CAUSEWAY_PROXY_KILL_H

#include "proxy/session.h"

struct kill;

/* For a command that is, or executes, a KILL. True: it is under way or answered; false: it goes to
 * the leader as it is. */
bool kill_take(struct session *session);

/* What is sent ahead in its place while command->asks_right: may the session kill others'? */
struct span kill_question(void);
/* The answer, an ERR in either case. The session has gone on, or waits. */
void kill_right_told(struct session *session, uint16_t code);

/* Answers the command under way, which KILL QUERY has hit before it ran or instead of running it
 * again. */
enum step kill_refused(struct session *session);

/* --- for errand.c --- */

/* The server has answered; an empty `trouble`: nothing runs there any more. */
void errand_done(struct worker *worker, struct kill *kill, uint32_t target_id, const char *trouble);
/* One errand fewer, nobody is told. */
void kill_forget(struct kill *kill);

#endif
