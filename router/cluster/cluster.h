/* The servers as a whole, watched from the control thread: who leads, who follows whom, how far
 * each follower's readers can see, and which accounts there are. Everything is non-blocking on one
 * libev loop (Connector/C's _start/_cont calls through binlog/stream/service_conn).
 *
 *     server:            probe every probe_interval ---> roles, health, latency ---> topology
 *     follower, domain:  long poll of gtid_slave_pos ---> positions board ---> events.confirmed
 *     leader:            digest of accounts at each probe, rows when it changed ---> accounts
 *     leader:            its log, followed ---> lag, changes of accounts at once
 */
#ifndef CAUSEWAY_ROUTER_CLUSTER_CLUSTER_H
#define CAUSEWAY_ROUTER_CLUSTER_CLUSTER_H

#include "binlog/positions.h"
#include "binlog/stream/leader_log.h"
#include "router/accounts.h"
#include "router/catalogue.h"
#include "router/cluster/failover.h"
#include "router/topology.h"

#include <ev.h>

struct cluster_server_settings {
    const char *name;
    const char *address; /* "127.0.0.1:3306", "[::1]:3306", "host:3306", "unix:/path" */
    uint32_t weight;
    enum promotable promotable;
};

struct cluster_settings {
    const char *user;
    const char *password;
    uint32_t probe_interval_ms;
    uint32_t max_lag_ms;               /* a follower further behind is out of rotation */
    uint32_t log_server_id;            /* that the leader's log is followed with; 0: derived */
    struct service_tls tls;            /* of its connections to the servers */
    bool proxy_header;                 /* they begin with one */
    struct failover_settings failover; /* copied */
    size_t count;
    const struct cluster_server_settings *servers;
};

/* Called in the control thread, always from the loop: never from within a call of this header,
 * except that cluster_drain and cluster_reconfigure hand out the changed topology themselves. */
struct cluster_events {
    /* A new snapshot, when anything a router looks at changed. The callee owns the reference. */
    void (*topology)(struct topology *topology, void *context);
    /* New accounts; the callee owns the reference. Also called, with an unchanged snapshot, as the
     * answer to cluster_reread_accounts when the servers could not be read. */
    void (*accounts)(struct accounts *accounts, void *context);
    /* What is read on the leader alone; the callee owns the reference. */
    void (*catalogue)(struct catalogue *catalogue, void *context);
    /* Routines of the leader may be others than before. Returns the count of such changes from now
     * on, as for cluster_routines_changed. */
    uint64_t (*routines)(void *context);
    /* How many sessions have a statement or a transaction with the leader, as the topologies before
     * have left them: cluster_leader_used() is the answer, once for each call. */
    void (*count_leader_users)(void *context);
    /* The positions board rose, or a column was emptied: once per batch. */
    void (*confirmed)(void *context);
    void *context;
};

struct cluster;

/* Copies the settings. The first topology follows within a probe's time. Never fails: a server that
 * can't be reached is tried again at every probe. */
struct cluster *cluster_start(struct ev_loop *loop, struct positions *positions,
                              const struct cluster_settings *settings,
                              const struct cluster_events *events);
/* Servers that stay (same name and address) keep their slot, connections and positions. */
void cluster_reconfigure(struct cluster *cluster, const struct cluster_settings *settings);
/* Asks for the accounts again; rereads take a tenth of the time at most (and one a second at least
 * is allowed): what comes sooner waits for the next. */
void cluster_reread_accounts(struct cluster *cluster);
/* Accounts may be others than before; so many statements of clients that may have changed them are
 * through (0: it was seen in the leader's log). A read that begins now, or soon after, finds it;
 * accounts->changes tells when. */
void cluster_accounts_changed(struct cluster *cluster, uint64_t changes);
/* Views or tables may be others than before; `changes` statements of clients that may have changed
 * them are through. The answer, events.catalogue, has at least that count, though it may come
 * without anything having been read when no server answers. */
void cluster_catalogue_changed(struct cluster *cluster, uint64_t changes);
/* The same of stored routines; it has a count of its own, catalogue->routine_changes, and may take
 * some more time. */
void cluster_routines_changed(struct cluster *cluster, uint64_t changes);
/* Takes a server out of rotation for reads, or back. -ENOENT. */
int cluster_drain(struct cluster *cluster, const char *name, bool drained);
/* Somebody saw that server fail (a connection ended, an answer did not come): it is probed at once.
 */
void cluster_suspect(struct cluster *cluster, unsigned slot);
/* Starts a failover (to `name`, or the best when it is empty), a switchover to it, or its
 * rejoining. `done` is called once, maybe at once; not when the cluster was stopped. */
void cluster_operate(struct cluster *cluster, enum operation_kind kind, const char *name,
                     failover_done done, void *context);
/* The answer to events.count_leader_users. */
void cluster_leader_used(struct cluster *cluster, unsigned users);
/* Its texts are good until the next turn of the loop. */
void cluster_failover_view(const struct cluster *cluster, struct failover_view *view);
/* The leader's @@gtid_binlog_pos of its last probe, for the console; NULL without a leader. */
const struct gtid_vector *cluster_leader_position(const struct cluster *cluster);
/* How the leader's log is followed; false: there is none to follow. Lag on the board is as of now
 * when it returns. */
bool cluster_leader_log(struct cluster *cluster, struct leader_log_view *view);
/* No event comes after it. Not from within an event. NULL is allowed. */
void cluster_stop(struct cluster *cluster);

#endif
