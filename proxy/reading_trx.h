/* A read-only transaction that was begun on a follower. From the first statement that belongs to
 * the leader it goes on there:
 *
 *     on the follower --- a statement of the leader's ---> routed to the leader, which must show
 *        |      |                                          what was seen (session_route.c)
 *        |      | COMMIT, ROLLBACK                           |
 *        |      v                                            v
 *        |     over                         START TRANSACTION READ ONLY ahead of the statement
 *        |                                                   | answered: it is the leader's now
 *        +-- ROLLBACK <--------------------------------------+
 *
 * So what the statement does to the transaction (a commit that it implies, a savepoint, an error)
 * the server does itself. A read behind the move sees what the leader shows then: no less than
 * those before, and maybe more. */
#ifndef CAUSEWAY_PROXY_READING_TRX_H
#define CAUSEWAY_PROXY_READING_TRX_H

#include "proxy/session.h"

/* Must the command be run on the leader, and the transaction with it? `leader_only`: the command
 * may not run on followers; `asked`: the connection that a command about the statement before must
 * ask, else NULL. */
bool reading_trx_moves(const struct session *session, bool leader_only,
                       const struct backend *asked);

/* Appends the statement that begins the transaction on the leader. */
void reading_trx_begin_sql(const struct session *session, struct buf *sql);

/* The leader connection, which is session->running, has begun it: it is over on the follower. */
void reading_trx_moved(struct session *session);

/* A command on a follower has ended. */
void reading_trx_note(struct session *session);

#endif
