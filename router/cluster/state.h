/* Private to router/cluster: what the control thread knows of the servers. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_STATE_H
#define CAUSEWAY_ROUTER_CLUSTER_STATE_H

#include "binlog/stream/confirm.h"
#include "binlog/stream/log_peek.h"
#include "router/cluster/accounts_read.h"
#include "router/cluster/address.h"
#include "router/cluster/catalogue_read.h"
#include "router/cluster/cluster.h"
#include "router/cluster/failover.h"
#include "router/cluster/lag.h"
#include "router/cluster/lag_log.h"
#include "router/cluster/probe.h"
#include "router/cluster/roles.h"

struct server {
    struct cluster *cluster;
    char name[SERVER_NAME_MAX];
    char address_text[128];
    struct server_place place;
    unsigned slot;
    uint32_t weight;
    enum promotable promotable;
    uint64_t answered_ms; /* its last probe that was answered; before: when it was configured */
    uint64_t heard_ms;    /* as a follower: when it was last seen to have heard from its leader */
    bool rejoin_failed;   /* tried, since it came up or its channels changed */
    bool drained;
    bool probed; /* a probe has ended, one way or the other */
    bool seen;   /* `last` holds an answer */
    bool reachable;
    char down_why[WHY_MAX];
    struct probe *probe;      /* NULL: the address could not be resolved */
    struct probe_result last; /* the last one that was answered */
    uint32_t latency_us;      /* smoothed */
    struct confirm *confirm;  /* NULL: not a reachable follower */
    struct role_verdict verdict;
    bool lag_stale;             /* its position rose since its lag was worked out */
    uint32_t peeked_generation; /* for this incarnation it was looked how old what it misses is */
    /* what stood on the board when the probe under way was sent */
    struct gtid_vector before;
    uint32_t before_generation;
    /* what the log has said of it */
    bool up_logged;
    bool writable_logged;
    bool denied_logged;
    char down_logged[WHY_MAX];
};

struct cluster {
    struct ev_loop *loop;
    struct positions *positions;
    struct cluster_events events;
    char *user;
    char *password;
    struct service_tls tls; /* its strings are owned */
    bool proxy_header;
    uint32_t probe_interval_ms;
    uint32_t max_lag_ms;
    unsigned count;
    struct server *servers[POSITIONS_SERVERS_MAX]; /* in the order of proxy.ini */
    unsigned slot_next;                            /* slots are given out in turn */
    int leader_slot;                               /* the leader now, -1 */
    int leader_last_slot;                          /* the last one there was, -1 */
    uint64_t epoch;
    struct lag_history lag; /* from the probes */
    /* the leader's log */
    struct leader_log *log;
    int log_slot;           /* whose log it is */
    uint32_t log_server_id; /* configured; 0: derived */
    struct lag_log lag_log; /* from the stream */
    struct log_peek *peek;
    struct ev_timer tick;
    bool domain_new; /* the stream brought a domain that was not known */
    char trouble_logged[WHY_MAX * 2];
    bool binlog_logged;
    struct failover failover;
    /* what is to be told before the loop sleeps */
    struct ev_prepare flush;
    bool confirmed_dirty;
    bool roles_dirty;
    bool started; /* the first topology was handed out */
    struct topology *published;
    uint64_t published_ms;
    char version[SERVER_VERSION_MAX]; /* of the leader now or last */
    char tracked_variables[1024];
    bool committed_isolation;
    char defaults[DEFAULTS_MAX]; /* of sessions of the leader */
    uint64_t defaults_version;
    /* accounts */
    struct accounts_reader *reader;
    struct accounts *accounts; /* the last that were read, NULL before */
    uint64_t accounts_generation;
    uint64_t reread_rest_ms;    /* time that must pass before the next */
    uint64_t reread_ms;         /* when the last forced reread went out */
    struct ev_timer reread_due; /* the next one, asked for too soon */
    bool reread_wanted;         /* an answer is owed for the run under way */
    bool answer_now;            /* an answer is owed with what there is */
    bool reread_again;          /* they changed after the run under way had begun */
    unsigned reread_tries;      /* looks that are left for a change that was seen in the log */
    uint64_t accounts_changes;  /* clients' statements that the run under way, or the last one, sees
                                   the effects of */
    uint64_t accounts_changes_next; /* that the next run will */
    char accounts_error_logged[256];
    /* catalogue */
    struct catalogue_reader *catalogue_reader;
    struct catalogue *catalogue;     /* the last that was read, NULL before */
    uint64_t catalogue_changes;      /* clients' statements that the run under way, or the last
                                        one, sees the effects of */
    uint64_t catalogue_changes_next; /* that the next run will */
    uint64_t routine_changes;        /* the same two of statements that may have changed routines */
    uint64_t routine_changes_next;
    uint64_t catalogue_began_ms; /* the run under way, or the last one */
    uint64_t catalogue_rest_ms;  /* time that must pass from then until the next */
    bool catalogue_of_leader;    /* that run asks the leader … */
    bool catalogue_for_routines; /* … for them alone */
    bool catalogue_again;        /* something changed after the run under way had begun */
    struct ev_timer catalogue_due;
    struct ev_timer routines_due;
    uint64_t routines_began_ms; /* the last run for them alone */
    uint64_t routines_rest_ms;  /* as above */
    bool log_followed;          /* what changes routines on the leader itself is told */
    char catalogue_error_logged[256];
    char routines_hidden_logged[256];
};

/* snapshot.c: hands out a new topology when it differs from the last. Changes that no route depends
 * on (latency, a number within `why`) are handed out at most every other second. */
void cluster_publish(struct cluster *cluster);

/* The leader's defaults, which may be others than before: then it hands out a new topology. */
void cluster_take_defaults(struct cluster *cluster, const char *defaults);

/* cluster_accounts.c */
void cluster_accounts_start(struct cluster *cluster);
/* After a probe of `server` was answered. */
void cluster_accounts_check(struct cluster *cluster, const struct server *server);
/* Gives the answers that are owed. */
void cluster_accounts_flush(struct cluster *cluster);
void cluster_accounts_stop(struct cluster *cluster);

/* The leader, or without one any server that answers; NULL: none does. */
const struct server *cluster_reading_server(const struct cluster *cluster);

/* cluster_catalogue.c */
void cluster_catalogue_start(struct cluster *cluster);
/* After a probe of `server` was answered: reads it when it is time. */
void cluster_catalogue_check(struct cluster *cluster, const struct server *server);
void cluster_catalogue_stop(struct cluster *cluster);

/* cluster_log.c */
void cluster_log_start(struct cluster *cluster);
/* Follows the log of the leader there is now; nothing when that is being done. */
void cluster_log_adjust(struct cluster *cluster);
/* Drops the stream and all that it said; cluster_log_adjust begins anew. */
void cluster_log_stop(struct cluster *cluster);
void cluster_log_end(struct cluster *cluster);
bool cluster_log_followed(const struct cluster *cluster);
/* Works lag out soon, and as long as somebody lags. */
void cluster_log_tick(struct cluster *cluster);
/* Puts its lag on the board. */
void cluster_lag_update(struct cluster *cluster, struct server *server);
void cluster_lag_update_all(struct cluster *cluster);

void cluster_login_of(const struct server *server, struct service_login *login);

#endif
