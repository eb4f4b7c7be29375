/* The control thread's state, and what the console shows of it. Only for control.c and
 * control_tables.c. */
#ifndef CAUSEWAY_PROXY_CONTROL_TABLES_H
#define CAUSEWAY_PROXY_CONTROL_TABLES_H

#include "proxy/admin.h"
#include "proxy/metrics.h"
#include "proxy/worker.h"
#include "router/cluster/cluster.h"

struct control {
    struct ev_loop *loop;
    struct mailbox mailbox;
    struct shared shared;
    struct config *config;
    struct topology *topology;
    struct accounts *accounts;
    struct catalogue *catalogue;
    struct cluster *cluster;
    struct admin *admin;
    struct metrics *metrics; /* NULL: off */
    struct worker **workers;
    atomic_uint worker_count; /* of `workers`, complete up to here: workers read both */
    bool stopping;            /* a signal asked for it */
};

/* As struct admin_source wants them; `context` is the struct control. */
void control_table_servers(void *context, struct admin_table *out);
void control_table_positions(void *context, struct admin_table *out);
void control_table_keys(void *context, struct admin_table *out);
void control_table_failover(void *context, struct admin_table *out);
void control_operate(void *context, enum admin_verb verb, const char *server, admin_done done,
                     void *done_context);
int control_reload(void *context, struct buf *report); /* control.c */
int control_drain(void *context, const char *server, bool drained);
void control_collect(void *context, enum admin_topic topic, struct admin_table *out,
                     void (*done)(void *done_context), void *done_context);
/* control_barrier.c, as struct cluster_events wants it: answers with cluster_leader_used(). */
void control_count_leader_users(void *context);
/* As struct metrics_source wants it. */
void control_metrics(void *context, enum metrics_page page, struct buf *out,
                     void (*done)(void *done_context), void *done_context);

#endif
