/* Replacing leaders: judges the leader's health after each probe, starts operations, and holds the
 * barrier while one runs. Control thread. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_FAILOVER_H
#define CAUSEWAY_ROUTER_CLUSTER_FAILOVER_H

#include "router/cluster/detect.h"
#include "router/cluster/operation.h"

struct cluster;

/* `failover` of proxy.ini, in the order of its words. */
enum failover_mode { FAILOVER_OFF, FAILOVER_MANUAL, FAILOVER_AUTO };

/* What the console shows. */
struct failover_view {
    enum failover_mode mode;
    enum leader_health health;
    const char *leader;    /* the leader, or the one before; NULL: none was seen */
    const char *operation; /* under way; NULL: none */
    const char *step;      /* of it */
    const char *why;       /* about the leader's health */
    const char *result;    /* how the last operation ended; "" before the first */
};

/* How an operation that was asked for ended. */
typedef void (*failover_done)(bool succeeded, const char *text, void *context);

struct failover {
    struct failover_settings settings;
    struct mailbox mailbox; /* of the control thread, for operations */
    struct operation *operation;
    char step[32];
    char result[OPERATION_WHY_MAX];
    enum barrier barrier;
    int leads_slot;          /* promoted, but not yet seen to lead: the barrier falls then; -1 */
    uint64_t leads_until_ms; /* or then */
    uint64_t rest_until_ms;  /* nothing is begun on its own before */
    enum leader_health health;
    char why[WHY_MAX * 2];
    char logged[WHY_MAX * 2];
    char history[HISTORY_MAX]; /* the leader's last known @@gtid_binlog_state */
    int history_slot;          /* whose it is; -1 */
    struct ev_timer timer;
    failover_done done; /* of who asked for the operation under way; NULL: nobody did */
    void *done_context;
};

void failover_start(struct cluster *cluster);
void failover_configure(struct cluster *cluster, const struct failover_settings *settings);
/* After every decision about roles. */
void failover_check(struct cluster *cluster);
void failover_stop(struct cluster *cluster);

#endif
