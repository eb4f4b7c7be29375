/* Replacing leaders: judges the leader's health after each probe, starts operations, and holds the
 * barrier while one runs. Control thread. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_FAILOVER_H
#define CAUSEWAY_ROUTER_CLUSTER_FAILOVER_H

#include "router/cluster/detect.h"
#include "router/cluster/operation.h"

struct cluster;
struct server;

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

/* What a person asked for. */
struct failover_request {
    enum operation_kind kind;
    char server[SERVER_NAME_MAX]; /* "": none was named */
    failover_done done;           /* NULL: there is no request */
    void *context;
};

struct failover {
    struct failover_settings settings;
    struct mailbox mailbox; /* of the control thread, for operations */
    struct operation *operation;
    char step[32];
    char result[OPERATION_WHY_MAX];
    enum barrier barrier;
    int leads_slot;          /* promoted, but not yet seen to lead: the barrier falls then; -1 */
    uint64_t leads_until_ms; /* or then */
    int promoted_slot;       /* the last one; -1: none, or another was made leader by other means */
    char promoted_from[HISTORY_MAX]; /* its history then */
    uint64_t rest_until_ms;          /* nothing is begun on its own before */
    enum leader_health health;
    char why[WHY_MAX * 2];
    char logged[WHY_MAX * 2];
    char history[HISTORY_MAX]; /* the leader's last known @@gtid_binlog_state */
    int history_slot;          /* whose it is; -1 */
    struct ev_timer timer;
    struct failover_request request; /* the operation under way is for it */
    struct failover_request next;    /* waits for the end of one that nobody asked for */
};

void failover_start(struct cluster *cluster);
void failover_configure(struct cluster *cluster, const struct failover_settings *settings);
/* Once the servers are there: what an earlier process left in state_dir. */
void failover_recall(struct cluster *cluster);
/* That server is no longer configured. */
void failover_forget(struct cluster *cluster, unsigned slot);
/* After every decision about roles. */
void failover_check(struct cluster *cluster);
/* Of a server, for roles_decide(). */
bool failover_promoted(const struct cluster *cluster, const struct server *server);
bool failover_superseded(const struct cluster *cluster, const struct server *server);
void failover_stop(struct cluster *cluster);

#endif
