/* Replacing the leader, or making a server follow it: a few statements to each server in a fixed
 * order, carried out by a thread of its own that may wait. The control thread tells it what is
 * known and is told each step; it keeps the barrier.
 *
 *     control:  order --> thread --STEP, BARRIER, COUNT, LEADS, DONE--> cluster's mailbox
 *               cluster_leader_used --> thread's mailbox
 *
 * Every step looks at the server before it acts: whoever comes behind a Causeway that died in the
 * middle finds what was done and does the rest. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_OPERATION_H
#define CAUSEWAY_ROUTER_CLUSTER_OPERATION_H

#include "binlog/stream/service_conn.h"
#include "proxy/base/mailbox.h"
#include "router/cluster/elect.h"
#include "router/topology.h"

enum { OPERATION_WHY_MAX = 512 };

enum operation_kind {
    OPERATION_FAILOVER,   /* the leader is lost: the best of its followers shall lead */
    OPERATION_SWITCHOVER, /* it lives, and hands over to `target` */
    OPERATION_FOLLOW,     /* `target` shall follow the leader */
};

struct operation_server {
    char name[SERVER_NAME_MAX];
    unsigned slot;
    struct service_login login; /* a copy with strings of its own */
    char address[128];          /* as in proxy.ini */
    char host[256];             /* for CHANGE MASTER; "": a unix socket */
    unsigned port;
    uint32_t server_id;
    bool reachable;
    enum promotable promotable;
};

/* What proxy.ini says about it; the strings are owned. */
struct failover_settings {
    int mode; /* enum failover_mode */
    uint32_t after_ms;
    bool fence_required;
    bool quorum;
    char *fence_command; /* or NULL */
    uint32_t switchover_timeout_ms;
    uint32_t auto_increment_gap;
    char *state_dir;        /* or NULL */
    char *config_path;      /* of proxy.ini, for `causeway binlog` */
    char *replication_user; /* never NULL */
    char *replication_password;
};

struct operation_order {
    enum operation_kind kind;
    unsigned count;
    struct operation_server servers[POSITIONS_SERVERS_MAX];
    int leader;                       /* index: who leads, or led; -1: not known */
    int target;                       /* index; FAILOVER: -1 for the best */
    char leader_history[HISTORY_MAX]; /* its last known @@gtid_binlog_state; "": not known */
    struct failover_settings settings;
};

struct operation;

enum operation_news { NEWS_STEP, NEWS_BARRIER, NEWS_COUNT, NEWS_LEADS, NEWS_DONE };

/* What the thread tells; handed out in the control thread. */
struct operation_report {
    enum operation_news news;
    const char *step;     /* STEP: its name */
    enum barrier barrier; /* BARRIER */
    unsigned slot;        /* LEADS: it is writable now */
    bool succeeded;       /* DONE */
    const char *text;     /* DONE: how it ended, in words; LEADS: its @@gtid_binlog_state */
};

/* How often a follower must hear from an idle leader, so that silence tells something. */
uint32_t failover_heartbeat_ms(const struct failover_settings *settings);

/* Takes over the order (from operation_order_new). `told` is called in the loop of `mailbox`; with
 * DONE the operation is over, and freed when the call has returned. NULL: no thread could be made;
 * the order is freed. */
struct operation *operation_start(struct operation_order *order, struct mailbox *mailbox,
                                  void (*told)(const struct operation_report *report,
                                               void *context),
                                  void *context);
/* The answer to COUNT: so many sessions still have something under way with the leader. */
void operation_leader_used(struct operation *operation, unsigned users);
/* It ends at the next step, as one that failed, and tells so. */
void operation_stop(struct operation *operation);
/* It ends at the next step and undoes what can be undone; waits for that. `told` is not called any
 * more. NULL is allowed. */
void operation_cancel(struct operation *operation);
enum operation_kind operation_kind_of(const struct operation *operation);
const char *operation_kind_name(enum operation_kind kind);

struct operation_order *operation_order_new(enum operation_kind kind);
void operation_order_free(struct operation_order *order);

void failover_settings_copy(struct failover_settings *copy, const struct failover_settings *from);
void failover_settings_clear(struct failover_settings *settings);

#endif
