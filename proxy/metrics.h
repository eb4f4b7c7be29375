/* The read-only HTTP endpoint: GET /metrics for Prometheus, GET / for people. It runs on the
 * control thread's loop (libmicrohttpd's own epoll descriptor is watched by libev); a request is
 * suspended while the workers are asked for their numbers. No password: nothing secret is ever
 * shown. */
#ifndef CAUSEWAY_PROXY_METRICS_H
#define CAUSEWAY_PROXY_METRICS_H

#include "proxy/metrics_text.h"

#include <ev.h>

struct metrics;

struct metrics_source {
    /* Writes the page into `out`, which stays valid until done(). done() must be called once, from
     * the loop, later, whatever has become of the client or the endpoint in between. */
    void (*collect)(void *context, enum metrics_page page, struct buf *out,
                    void (*done)(void *done_context), void *done_context);
    void *context;
};

/* 0, or the negative errno of the address. Copies the source. */
int metrics_start(struct metrics **out, struct ev_loop *loop, const char *address,
                  const struct metrics_source *source);
/* Closes every client. NULL is allowed. Not from within collect(). */
void metrics_stop(struct metrics *metrics);

#endif
