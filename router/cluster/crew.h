/* The connections of one operation, one to each server, used as if they blocked: for a thread of
 * its own. They are opened once: an operation whose connection broke has lost its lock there and
 * must not go on. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_CREW_H
#define CAUSEWAY_ROUTER_CLUSTER_CREW_H

#include "binlog/stream/service_conn.h"

struct crew;

/* Room for that many members, numbered from 0. */
struct crew *crew_new(unsigned count);
void crew_free(struct crew *crew);
/* The loop that it waits in, for whoever else has something to wait for in this thread. */
struct ev_loop *crew_loop(struct crew *crew);

/* 0, or the number of the error; crew_why() has the words. Opened once: a second call tells whether
 * it still stands. */
unsigned crew_open(struct crew *crew, unsigned member, const struct service_login *login);
void crew_close(struct crew *crew, unsigned member);
bool crew_is_open(const struct crew *crew, unsigned member);

/* Runs a statement there, of which no rows are wanted. 0, or the number of the error (2013: it is
 * not open). */
unsigned crew_run(struct crew *crew, unsigned member, uint32_t timeout_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The first cell of the first row, "" when there is none; cut at `size`. */
unsigned crew_text(struct crew *crew, unsigned member, uint32_t timeout_ms, char *out, size_t size,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));
/* `each` for every row. */
unsigned crew_rows(struct crew *crew, unsigned member, uint32_t timeout_ms,
                   void (*each)(const struct service_reply *row, void *context), void *context,
                   const char *sql);
/* Of the last error, without secrets. */
const char *crew_why(const struct crew *crew);
/* Runs the loop until `*flag`, at most so long. */
void crew_wait(struct crew *crew, const bool *flag, uint32_t timeout_ms);

#endif
