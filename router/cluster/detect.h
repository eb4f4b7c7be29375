/* Is the leader lost? A pure function of what probes and followers say, and for how long.
 *
 *   answers                                        WELL
 *   silent, not yet for failover_after             SILENT
 *   silent, but a follower still hears from it     CUT: the way from here to it is broken, no more
 *   silent, and no follower can be asked           ALONE: it may be Causeway that is cut off
 *   silent, and no follower hears from it          LOST */
#ifndef CAUSEWAY_ROUTER_CLUSTER_DETECT_H
#define CAUSEWAY_ROUTER_CLUSTER_DETECT_H

#include "router/cluster/roles.h"

enum leader_health { LEADER_WELL, LEADER_SILENT, LEADER_CUT, LEADER_ALONE, LEADER_LOST };

/* What a follower of this leader says; one that can't be asked is left out. */
struct witness {
    const char *name;
    uint64_t unheard_ms;          /* since it last got a heartbeat or an event of the leader */
    uint32_t heartbeat_period_ms; /* 0: not known */
    bool disconnected;            /* it says itself that it has no connection to the leader */
};

struct leader_signs {
    const char *name;
    bool answers;
    uint64_t silent_ms; /* since its last answer */
    const char *down_why;
    unsigned witness_count;
    struct witness witnesses[POSITIONS_SERVERS_MAX];
};

/* `why` says it in words, for the console and the log: empty for WELL. */
enum leader_health leader_judge(const struct leader_signs *signs, uint32_t failover_after_ms,
                                char why[WHY_MAX * 2]);
const char *leader_health_name(enum leader_health health);

#endif
