/* Leader positions for moves: one fetch at a time for each worker, shared by all who ask. A fetch
 * under way serves only those whose last read had ended before it was sent; who comes later is in
 * the next, so the number of fetches does not grow with the number of clients.
 *
 *     bound_ask -> next --fetch is sent--> current --answer--> every waiter is told */
#ifndef CAUSEWAY_PROXY_BOUND_H
#define CAUSEWAY_PROXY_BOUND_H

#include "binlog/gtid.h"
#include "proxy/base/list.h"

#include <ev.h>
#include <stdbool.h>

struct worker;
struct backend;
struct identity;

/* A place in the queue; embedded in who waits. */
struct bound_waiter {
    struct list node;
    /* `position` is NULL when no leader answered within causal_timeout. */
    void (*answered)(struct bound_waiter *waiter, const struct gtid_vector *position);
};

struct bound {
    struct worker *worker;
    struct backend *backend; /* to the leader, as the service account; NULL while there is none */
    struct identity *identity;
    struct list current;
    struct list next;
    struct ev_timer timer;
    bool under_way;
};

void bound_init(struct bound *bound, struct worker *worker);
void bound_ask(struct bound *bound, struct bound_waiter *waiter);
void bound_forget(struct bound_waiter *waiter);
/* The leader or the service account may have changed. */
void bound_review(struct bound *bound);
void bound_close(struct bound *bound);

#endif
