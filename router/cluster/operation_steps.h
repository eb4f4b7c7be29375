/* Private to the operation's thread: what its procedures (promote.c, follow.c) have to work with.
 */
#ifndef CAUSEWAY_ROUTER_CLUSTER_OPERATION_STEPS_H
#define CAUSEWAY_ROUTER_CLUSTER_OPERATION_STEPS_H

#include "router/cluster/crew.h"
#include "router/cluster/operation.h"

enum { STATEMENT_MS = 5000 };

struct operation {
    struct operation_order *order;
    struct crew *crew;
    struct mailbox mailbox; /* the thread's */
    struct mailbox *home;   /* the control thread's */
    void (*told)(const struct operation_report *report, void *context);
    void *context;
    pthread_t thread;
    bool joined;
    atomic_bool cancelled;
    atomic_bool orphaned; /* nobody wants to be told any more */
    const char *fault;    /* the step at which the process shall die, for tests; or NULL */
    bool counted;
    unsigned users;
    char why[OPERATION_WHY_MAX]; /* how it ended */
};

/* The rows of SHOW ALL SLAVES STATUS; where there are several channels, of the last. */
struct replica_state {
    unsigned channels;
    bool named; /* one has a name */
    char host[256];
    unsigned port;
    bool using_gtid;
    uint32_t heartbeat_ms; /* 0: none */
    bool io_running;
    bool sql_running;
    struct gtid_vector received; /* applied or not */
    char io_error[WHY_MAX];
    char sql_error[WHY_MAX];
};

/* False: it could not be asked, the reason is in `why`. replica_state.c */
bool replica_state_read(struct operation *operation, unsigned server, struct replica_state *state);

/* Begins a step: tells its name. False when the operation was cancelled. */
bool operation_step(struct operation *operation, const char *name);
/* Always false, for `return operation_fails(…)`. */
bool operation_fails(struct operation *operation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts the barrier up or down; returns when nobody uses the leader any more, or after
 * `timeout_ms`: false. */
bool operation_barrier(struct operation *operation, enum barrier barrier, uint32_t timeout_ms);
/* That server is writable: the barrier falls when the control thread has seen it lead. */
void operation_leads(struct operation *operation, unsigned server, const char *history);
/* Leaves word of it in state_dir, for the next Causeway. */
void operation_remember(struct operation *operation, unsigned server, const char *history);
const char *operation_name(const struct operation *operation, unsigned server);

/* promote.c. `why` says how it ended. */
bool operation_failover(struct operation *operation);
bool operation_switchover(struct operation *operation);
/* follow.c */
bool operation_follow(struct operation *operation);
/* Makes a server follow that leader; false: not done, the reason is in `why`. */
bool follow_leader(struct operation *operation, unsigned server, unsigned leader);
/* No statement of a client gets through there any more: read_only, and their connections are
 * killed. */
bool follow_fence(struct operation *operation, unsigned server);
/* Events run on the leader alone, and who waits in semi-sync replication goes with the role. What
 * can't be changed is logged. role.c */
void role_take(struct operation *operation, unsigned server, bool leads);
/* locks.c: the right to act, from a majority of the servers. */
bool operation_lock(struct operation *operation);
void operation_unlock(struct operation *operation);

#endif
