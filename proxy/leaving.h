/* The end of a server connection that has no work. It says COM_QUIT (else the server counts it as
 * aborted, and logs that), and its place is another's only when the server has closed it: no server
 * ever sees more connections than max_server_connections. */
#ifndef CAUSEWAY_PROXY_LEAVING_H
#define CAUSEWAY_PROXY_LEAVING_H

struct worker;
struct backend;
struct place_ticket;

/* A READY connection without work and without a session begins to leave. `heir`: who gets its
 * place, a ticket that is out of the queue; NULL: the oldest of all that wait, or nobody. */
void leaving_begin(struct backend *backend, struct place_ticket *heir, const char *why);

/* The worker ends: no waiting. */
void leaving_close(struct worker *worker);

#endif
