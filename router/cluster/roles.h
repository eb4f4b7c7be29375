/* Who leads, who follows, and who may serve reads: a pure function of what the probes saw.
 *
 *   leader     answers, read_only off, replicates from no configured server, is not superseded.
 * Several such: the one that Causeway promoted; the one that others replicate from; still several:
 * the leader before, if it is among them; else none. follower   replicates from the leader; without
 * a leader, from any configured server (so that reads go on after the leader's death) rotation   a
 * follower that answers, applies, is not further behind than max_lag, has confirmed a position and
 * was not drained */
#ifndef CAUSEWAY_ROUTER_CLUSTER_ROLES_H
#define CAUSEWAY_ROUTER_CLUSTER_ROLES_H

#include "router/topology.h"

enum { CHANNELS_MAX = 8, WHY_MAX = 160 };

/* One row of SHOW ALL SLAVES STATUS. */
struct replication_channel {
    bool io_running; /* Yes; Connecting and Preparing are not */
    bool sql_running;
    uint32_t master_server_id; /* 0 until it was connected once */
    char master_host[256];
    unsigned master_port;
    unsigned io_errno;
    unsigned sql_errno;
    char io_error[WHY_MAX];
    char sql_error[WHY_MAX];
    uint32_t heartbeat_period_ms;
    uint64_t heartbeats;  /* received since the threads were started */
    uint64_t read_bytes;  /* Read_Master_Log_Pos: moves with every event received */
    char filter[WHY_MAX]; /* a Replicate_… setting that leaves transactions out; "" for none */
};

/* One server: its configuration, and what its last answered probe said. */
struct server_view {
    const char *name;
    const char *host; /* as configured, NULL for a unix socket */
    const char *ip;   /* numeric, NULL when unknown */
    unsigned port;
    bool drained;
    bool seen; /* a probe was answered once: the fields below mean something */
    bool reachable;
    char down_why[WHY_MAX]; /* when it is not reachable */
    bool read_only;
    bool channels_known; /* false: the service account may not see them */
    uint32_t server_id;
    unsigned channel_count;
    const struct replication_channel *channels;
    const char *log_filter; /* what its own log leaves out (Binlog_Do_DB …), or "" */
    bool skips_errors;      /* slave_skip_errors */
    bool parallel;          /* its appliers work side by side */
    unsigned domain_count;  /* that its position names */
    bool confirmed;         /* a position of this incarnation stands on the board */
    uint32_t lag_ms;        /* UINT32_MAX: not known */
    bool promoted;          /* Causeway made it the leader, and nothing else since */
    bool superseded;        /* its history ends before that of the promoted one begins */
    bool lagged; /* out of rotation for its lag: comes back at three quarters of max_lag */
};

/* Why a server is not in rotation, for comparing: the words may hold a number that changes. */
enum role_cause {
    CAUSE_NONE, /* in rotation, or the leader */
    CAUSE_DOWN,
    CAUSE_OUTSIDE, /* neither leader nor follower */
    CAUSE_DRAINED,
    CAUSE_STOPPED,  /* the SQL thread */
    CAUSE_DIVERGED, /* the leader does not have what this server has */
    CAUSE_UNCONFIRMED,
    CAUSE_LAG,
};

struct role_verdict {
    enum server_role role;
    enum role_cause cause;
    bool in_rotation;
    bool writable_follower; /* read_only is off on a follower: worth a warning */
    bool partial;           /* it may lack what its position says it has: eventual reads only */
    char why[WHY_MAX];      /* why it is not in rotation, or what its reads lack; "" when all is
                               well */
};

struct roles {
    int leader; /* index or -1 */
    bool split; /* several servers could lead: someone must look */
    char trouble[WHY_MAX *
                 2]; /* why there is no leader, or what is odd about it; "" when all is well */
    struct role_verdict servers[POSITIONS_SERVERS_MAX];
};

/* `count` is at most POSITIONS_SERVERS_MAX. `previous` is the index of the last leader, -1: none.
 */
void roles_decide(const struct server_view *views, unsigned count, int previous,
                  uint32_t max_lag_ms, struct roles *out);

#endif
