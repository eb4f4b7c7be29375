/* Server connections among the sessions of one worker, and who waits for one.
 *
 * With pooling = transaction a connection is lent: it stays with its session between statements
 * until another one needs it and the session can do without (session_keep.h).
 *
 *                         a statement begins
 *     in use  <------------------------------------  lent, without work (pool.lent)
 *        |                                             ^   |  another session needs it
 *        +---------- the statement is over ------------+   |  and something must be kept:
 *                                                      |   v
 *        taken by another session, which resets it <---+- parting: asked, then lent again
 *
 * Who finds none waits in the server's queue (places.h), in either pooling. What comes free in a
 * worker while somebody waits is given away before its loop sleeps. */
#ifndef CAUSEWAY_PROXY_LEND_H
#define CAUSEWAY_PROXY_LEND_H

#include "proxy/session.h"

/* A connection to that server for the session's command: one that is free, one of another session,
 * or a new one; else the session waits for one, or is refused. */
enum step lend_acquire(struct session *session, const struct topology_server *server, bool guarded);

/* True when others wait for the connection that the session is about to use again: it goes to
 * them, and the session to the end of the queue. */
bool lend_must_yield(struct session *session, struct backend *backend);

/* A command is over: what the session can do without may be taken from now on. */
void lend_offer(struct session *session);
/* It is being used again. True when it had no work for so long that its server may have closed it
 * unnoticed. */
bool lend_use(struct backend *backend);

/* Somebody may be served from what is free here: done before the loop sleeps. */
void lend_wake(struct worker *worker, unsigned slot);
void lend_serve(struct worker *worker);
/* Once a second: limits that sank, what has been idle for too long. */
void lend_tick(struct worker *worker, uint64_t now_ms);

/* A ticket that is out of the queue has got its place: a connection is opened for its session, or
 * the place goes on to the next. */
void lend_granted(struct worker *worker, struct place_ticket *ticket);

/* The session waits no more. */
void lend_cancel(struct session *session);
void lend_timed_out(struct session *session);
/* Another topology or limit: who waits for the wrong server is routed again. */
void lend_review(struct worker *worker);

#endif
