/* Which server runs this statement: requirement + topology + positions + pin -> a server, a wait,
 * or a reason why there is none. Pure: no I/O, no clock, so tests feed it tables. */
#ifndef CAUSEWAY_ROUTER_SELECT_H
#define CAUSEWAY_ROUTER_SELECT_H

#include "router/policy.h"
#include "router/requirement.h"
#include "router/topology.h"

enum route_kind {
    ROUTE_SERVER,      /* run it on route.server */
    ROUTE_BOUND,       /* fetch a leader position first, then decide again */
    ROUTE_SHOWN,       /* ask first whether the leader shows what was seen, then decide again */
    ROUTE_WAIT,        /* hold the read until a position rises, at most causal_timeout */
    ROUTE_WAIT_LEADER, /* hold the statement until there is a leader, at most leader_wait */
    ROUTE_NONE,        /* no server may run it; route.why says so to the client */
};

struct route {
    enum route_kind kind;
    int server;          /* index into topology->servers with ROUTE_SERVER */
    bool move;           /* the read is a move: its requirement was the bound */
    uint32_t generation; /* of the follower, in which it covers what it must */
    const char *why;
};

struct route_request {
    bool read;  /* a follower may serve it */
    bool plain; /* on the leader it may read without locks, so may miss what followers showed */
    int forced; /* server index that a rule or hint names, or -1 */
    enum consistency consistency;
    const struct policy *policy;
    const struct requirement *requirement;
    const struct proof *proof;
    uint64_t excluded_slots; /* bit per slot: servers that just failed this statement */
    bool waited;             /* causal_timeout is over */
    bool bound_failed;       /* no leader position could be fetched */
    bool shown_failed;       /* the leader did not get to show what was seen */
    const uint32_t *busy;    /* statements under way, per slot, as this worker sees them */
    uint32_t random;         /* for balance = random and ties */
};

struct route route_decide(const struct topology *topology, const struct positions *positions,
                          const struct route_request *request);

#endif
