/* A worker: one thread, one libev loop, its own listeners, sessions and server connections. Nothing
 * that it uses on the data path is shared, but for the immutable snapshots that the control thread
 * mails and the positions board. */
#ifndef CAUSEWAY_PROXY_WORKER_H
#define CAUSEWAY_PROXY_WORKER_H

#include "proxy/base/mailbox.h"
#include "proxy/base/slab.h"
#include "proxy/bound.h"
#include "proxy/config.h"
#include "proxy/counters.h"
#include "proxy/key_sweep.h"
#include "proxy/keys.h"
#include "proxy/net/listener.h"
#include "proxy/net/stream.h"
#include "proxy/places.h"
#include "proxy/pool.h"
#include "proxy/write_digests.h"
#include "router/accounts.h"
#include "router/catalogue.h"
#include "router/topology.h"

#include <pthread.h>

enum { LISTENERS_MAX = 16 };

/* What all threads of the process share; lives as long as they do. */
struct shared {
    struct positions *positions;
    struct keys *keys;
    struct passwords *passwords;            /* that fit accounts of caching_sha2_password */
    struct places *places;                  /* at the servers, for max_server_connections */
    atomic_uint clients;                    /* connected now, for max_clients */
    atomic_uint_fast64_t settings_changes;  /* SET GLOBALs that passed */
    atomic_uint_fast64_t account_changes;   /* statements that may have changed accounts */
    atomic_uint_fast64_t catalogue_changes; /* statements that may have changed the catalogue */
    atomic_uint_fast64_t routine_changes;   /* the same of stored routines */
    atomic_uint ddl;                        /* statements that may have dropped a schema */
    struct mailbox *control;                /* of the control thread */
};

/* What a worker tells the control thread; the functions are called in the worker's thread. */
struct worker_requests {
    void (*reread_accounts)(void *context);
    /* So many statements that may have changed accounts are through. */
    void (*accounts_changed)(void *context, uint64_t changes);
    void (*suspect)(void *context, unsigned slot); /* a server failed a statement: probe it now */
    /* So many statements that may have changed the catalogue are through. */
    void (*catalogue_changed)(void *context, uint64_t changes);
    /* The same of stored routines, which have a count of their own. */
    void (*routines_changed)(void *context, uint64_t changes);
    /* Runs `visit` in the thread of another worker (or the same); false: there is none with that
     * index. */
    bool (*visit)(void *context, unsigned index,
                  void (*visit)(struct worker *worker, void *content), void *content);
    void *context;
};

struct worker {
    unsigned index;
    pthread_t thread;
    struct ev_loop *loop;
    struct mailbox mailbox;
    struct shared *shared;
    struct worker_requests requests;

    struct config *config; /* the worker's own references */
    struct topology *topology;
    struct accounts *accounts;
    struct catalogue *catalogue;

    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct stream_pool stream_pool;
    struct slab session_slab;
    struct slab backend_slab;
    struct slab statement_slab;
    struct rule_scratch *rule_scratch;
    struct write_digests *write_digests;

    struct list sessions;
    struct list dead_sessions; /* closed: their memory goes at the end of the loop's turn */
    struct list dead_backends;
    struct list causal_waiters;  /* sessions held until a position rises */
    struct list leader_waiters;  /* sessions held until there is a leader */
    struct list account_waiters; /* sessions held until the accounts were read again */
    struct list errands;         /* KILLs on their way to a server */
    struct ev_prepare reap;
    struct ev_timer tick; /* once a second: what need not be exact */
    struct ev_timer drain_end;
    struct ev_async confirmed;
    atomic_bool watching; /* sessions wait for a position, or are about to */

    struct buf prelude;   /* scratch: what goes ahead of the statement being sent */
    struct buf rewritten; /* scratch: packets of a reply that were written anew */
    struct buf tracked;   /* scratch: session state as one client may see it */

    struct pool pool;
    struct bound bound;         /* how far the leader's log goes */
    struct bound shown;         /* whether it shows all of that */
    struct key_sweep key_sweep; /* worker 0 does it for all */
    struct counters counters;
    uint32_t busy[POSITIONS_SERVERS_MAX]; /* statements under way, per slot */
    uint32_t next_session;
    uint32_t random;
    bool draining;
};

/* A worker without a thread and without clients: who runs its loop is it. It takes over the
 * references. */
struct worker *worker_new(unsigned index, struct shared *shared,
                          const struct worker_requests *requests, struct config *config,
                          struct topology *topology, struct accounts *accounts,
                          struct catalogue *catalogue);
/* The same with a thread. Listening sockets are bound already
 * (`fds`, closed by the worker). NULL when the thread can't be made. */
struct worker *worker_start(unsigned index, struct shared *shared,
                            const struct worker_requests *requests, struct config *config,
                            struct topology *topology, struct accounts *accounts,
                            struct catalogue *catalogue, const int *fds, unsigned fd_count);
/* Waits until the loop has ended (after a drain). */
void worker_join(struct worker *worker);
/* Frees it. All workers are joined before the first is freed: they send mail to each other. */
void worker_free(struct worker *worker);

/* Mail to a worker; any thread. The worker takes over the reference. */
void worker_send_config(struct worker *worker, struct config *config);
void worker_send_topology(struct worker *worker, struct topology *topology);
void worker_send_accounts(struct worker *worker, struct accounts *accounts);
void worker_send_catalogue(struct worker *worker, struct catalogue *catalogue);
/* Positions rose: look at the sessions that wait. Coalesced. */
void worker_send_confirmed(struct worker *worker);
/* Stop accepting; sessions end when they are between transactions, the rest after drain_ms. */
void worker_send_drain(struct worker *worker);
/* Runs `visit` in the worker's thread, then frees the mail. */
void worker_send_visit(struct worker *worker, void (*visit)(struct worker *worker, void *context),
                       void *context);

uint32_t worker_random(struct worker *worker);

/* Another number than before when the values that sessions begin with on a server may be others. */
uint64_t worker_settings(const struct worker *worker);

/* The topology's entry for a slot, NULL when it is gone. */
const struct topology_server *worker_server(const struct worker *worker, int slot);

#endif
