/* Server connections that no session uses, kept for the next session of the same account. One
 * worker's own. A connection comes back used, is reset (COM_CHANGE_USER), and lies idle until it is
 * taken.
 *
 *     session --pool_put--> resetting --ready--> idle --pool_take--> session
 *                               |                 | server closes, too old, account or server gone
 *                               +-----------------+--> closed (leaving.h) */
#ifndef CAUSEWAY_PROXY_POOL_H
#define CAUSEWAY_PROXY_POOL_H

#include "proxy/base/list.h"
#include "proxy/counters.h"
#include "router/topology.h"

struct worker;
struct backend;
struct identity;
struct accounts;

struct pool {
    struct list idle[POSITIONS_SERVERS_MAX]; /* by slot, the one used last first */
    struct list lent[POSITIONS_SERVERS_MAX]; /* by slot, the one used last last: with a session
                                                that has no work for them (lend.h) */
    struct list resetting;
    struct list leaving; /* leaving.h; of them without an heir, by slot: */
    unsigned leaving_unclaimed[POSITIONS_SERVERS_MAX];
    unsigned idle_count;
    unsigned parting; /* lent ones that are being asked (parting.h) */
    uint64_t serving; /* slots where somebody that waits may be served: bit by slot */
    uint64_t next_serial;
};

void pool_init(struct pool *pool);

/* Gives back a READY connection; closes it where it can't be reused. */
void pool_put(struct worker *worker, struct backend *backend);

/* An idle connection for that identity, or NULL. The caller adopts it. */
struct backend *pool_take(struct worker *worker, unsigned slot, const struct identity *identity,
                          bool guarded);

/* The idle connection to that server that was used longest ago, whoever it belongs to, out of the
 * pool: to be closed. NULL: there is none. */
struct backend *pool_spare(struct worker *worker, unsigned slot);

/* Closes what lay idle for longer than idle_server_timeout. */
void pool_expire(struct worker *worker, uint64_t now_ms);

/* Closes what must not be used any more: servers that are gone or changed their role, accounts that
 * changed. */
void pool_review(struct worker *worker);

/* Adds what is there to the counts of its server, by slot. */
void pool_count(const struct pool *pool, struct pool_counts counts[POSITIONS_SERVERS_MAX]);

void pool_close(struct worker *worker);

#endif
