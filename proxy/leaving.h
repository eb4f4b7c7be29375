/* The end of a server connection that nobody uses any more. Its place is another's only when the
 * server has closed it: no server ever sees more connections than max_server_connections. One that
 * has no work says COM_QUIT (else the server counts it as aborted, and logs that). */
#ifndef CAUSEWAY_PROXY_LEAVING_H
#define CAUSEWAY_PROXY_LEAVING_H

struct worker;
struct backend;
struct place_ticket;

/* A READY connection without work and without a session begins to leave. `heir`: who gets its
 * place, a ticket that is out of the queue; NULL: the oldest of all that wait, or nobody. */
void leaving_begin(struct backend *backend, struct place_ticket *heir, const char *why);

/* One without a session that is in the middle of something: its server may be busy for long with
 * what its client did not wait for, and nobody else has the place until it is done. */
void leaving_abandon(struct backend *backend, const char *why);

/* A topology came: who is down closes nothing. */
void leaving_review(struct worker *worker);

/* The worker ends: no waiting. */
void leaving_close(struct worker *worker);

#endif
