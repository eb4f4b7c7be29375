/* A worker: see worker.h. */
#include "proxy/worker.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/errand.h"
#include "proxy/leaving.h"
#include "proxy/lend.h"
#include "proxy/replica.h"
#include "proxy/session.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TICK_SECONDS 0.05 /* the keys want a floor */

enum { KEEP_SESSIONS = 1024, KEEP_BACKENDS = 1024, KEEP_STATEMENTS = 4096 };

/* --- mail --- */

enum letter_kind {
    LETTER_CONFIG,
    LETTER_TOPOLOGY,
    LETTER_ACCOUNTS,
    LETTER_CATALOGUE,
    LETTER_DRAIN,
    LETTER_VISIT,
};

struct letter {
    struct mail mail;
    enum letter_kind kind;
    void *content;
    void (*visit)(struct worker *worker, void *context);
};

static void wake_all(struct list *waiters, enum session_state next, uint64_t forgive)
{
    struct list batch;
    list_init(&batch);
    list_move_all(&batch, waiters);
    while (!list_empty(&batch)) {
        struct session *session = list_object(batch.next, struct session, wait_node);
        session->command.excluded_slots &= ~forgive;
        session_wake(session, next);
    }
}

static void review_sessions(struct worker *worker)
{
    list_for_each_safe (node, &worker->sessions)
        session_review(list_object(node, struct session, node));
}

static void take_topology(struct worker *worker, struct topology *topology)
{
    topology_unref(worker->topology);
    worker->topology = topology;
    pool_review(worker);
    leaving_review(worker);
    bound_review(&worker->bound);
    bound_review(&worker->shown);
    review_sessions(worker);
    lend_review(worker);
    if (topology->leader >= 0)
        wake_all(&worker->leader_waiters, SESSION_ROUTE, UINT64_MAX);
    wake_all(&worker->causal_waiters, SESSION_ROUTE, 0);
}

static void take_config(struct worker *worker, struct config *config)
{
    config_unref(worker->config);
    worker->config = config;
    lend_review(worker);
    bound_review(&worker->bound);
    bound_review(&worker->shown);
}

static void take_accounts(struct worker *worker, struct accounts *accounts)
{
    accounts_unref(worker->accounts);
    worker->accounts = accounts;
    pool_review(worker);
    wake_all(&worker->account_waiters, SESSION_LOGIN_VERIFY, 0);
}

static void take_catalogue(struct worker *worker, struct catalogue *catalogue)
{
    catalogue_unref(worker->catalogue);
    worker->catalogue = catalogue;
}

static void stop_loop_when_empty(struct worker *worker)
{
    if (worker->draining && list_empty(&worker->sessions))
        ev_break(worker->loop, EVBREAK_ALL);
}

static void start_drain(struct worker *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    for (unsigned i = 0; i < worker->listener_count; i++)
        listener_stop(&worker->listeners[i]);
    /* Those between commands and outside a transaction, with nothing left to send, end at once, the
     * others when they get there. */
    list_for_each_safe (node, &worker->sessions) {
        struct session *session = list_object(node, struct session, node);
        if ((session->state <= SESSION_COMMAND && !session->trx &&
             !stream_blocked(&session->client)) ||
            replica_streams(session))
            session_close(session, "Causeway is shutting down");
    }
    ev_timer_stop(worker->loop, &worker->drain_end);
    ev_timer_set(&worker->drain_end, worker->config->drain_ms / 1000., 0.);
    ev_timer_start(worker->loop, &worker->drain_end);
    stop_loop_when_empty(worker);
}

static void open_letter(struct mail *mail, void *receiver)
{
    struct worker *worker = receiver;
    struct letter *letter = list_object(mail, struct letter, mail);
    switch (letter->kind) {
    case LETTER_CONFIG: take_config(worker, letter->content); break;
    case LETTER_TOPOLOGY: take_topology(worker, letter->content); break;
    case LETTER_ACCOUNTS: take_accounts(worker, letter->content); break;
    case LETTER_CATALOGUE: take_catalogue(worker, letter->content); break;
    case LETTER_DRAIN: start_drain(worker); break;
    case LETTER_VISIT: letter->visit(worker, letter->content); break;
    }
    free(letter);
}

static void post(struct worker *worker, enum letter_kind kind, void *content,
                 void (*visit)(struct worker *, void *))
{
    struct letter *letter = memory_zalloc(sizeof(*letter));
    letter->mail.deliver = open_letter;
    letter->kind = kind;
    letter->content = content;
    letter->visit = visit;
    mailbox_post(&worker->mailbox, &letter->mail);
}

void worker_send_config(struct worker *worker, struct config *config)
{
    post(worker, LETTER_CONFIG, config, NULL);
}

void worker_send_topology(struct worker *worker, struct topology *topology)
{
    post(worker, LETTER_TOPOLOGY, topology, NULL);
}

void worker_send_accounts(struct worker *worker, struct accounts *accounts)
{
    post(worker, LETTER_ACCOUNTS, accounts, NULL);
}

void worker_send_catalogue(struct worker *worker, struct catalogue *catalogue)
{
    post(worker, LETTER_CATALOGUE, catalogue, NULL);
}

void worker_send_drain(struct worker *worker)
{
    post(worker, LETTER_DRAIN, NULL, NULL);
}

void worker_send_visit(struct worker *worker, void (*visit)(struct worker *worker, void *context),
                       void *context)
{
    post(worker, LETTER_VISIT, context, visit);
}

void worker_send_confirmed(struct worker *worker)
{
    /* The board was written before: either this sees `watching`, or the session that sets it sees
     * the board when it looks again (step_route). */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&worker->watching))
        ev_async_send(worker->loop, &worker->confirmed);
}

/* --- the loop --- */

static void on_confirmed(struct ev_loop *loop, struct ev_async *async, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = list_object(async, struct worker, confirmed);
    atomic_store(&worker->watching, false);
    wake_all(&worker->causal_waiters, SESSION_ROUTE, 0);
}

static void on_accepted(struct listener *listener, int fd, const struct sockaddr *peer,
                        void *context)
{
    (void)listener;
    session_open(context, fd, peer);
}

static void reap(struct worker *worker)
{
    while (!list_empty(&worker->dead_sessions)) {
        struct session *session = list_object(worker->dead_sessions.next, struct session, node);
        list_remove(&session->node);
        slab_put(&worker->session_slab, session);
    }
    while (!list_empty(&worker->dead_backends)) {
        struct backend *backend = list_object(worker->dead_backends.next, struct backend, node);
        list_remove(&backend->node);
        slab_put(&worker->backend_slab, backend);
    }
}

/* Before the loop sleeps: no call-back is on the stack, so the dead can go. */
static void on_reap(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = list_object(prepare, struct worker, reap);
    if (worker->pool.serving)
        lend_serve(worker);
    if (!list_empty(&worker->dead_sessions) || !list_empty(&worker->dead_backends))
        reap(worker);
    stop_loop_when_empty(worker);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = list_object(timer, struct worker, tick);
    uint64_t now_ms = clock_now_ms();
    pool_expire(worker, now_ms);
    lend_tick(worker, now_ms);
    if (worker->index == 0)
        key_sweep_tick(&worker->key_sweep);
    /* A leader that refused a connection may take one now, though the topology did not change. */
    if (worker->topology->leader >= 0)
        wake_all(&worker->leader_waiters, SESSION_ROUTE, UINT64_MAX);
}

static void on_drain_end(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct worker *worker = list_object(timer, struct worker, drain_end);
    list_for_each_safe (node, &worker->sessions)
        session_close(list_object(node, struct session, node), "drain time is over");
}

static void batch_sends(struct worker *worker)
{
    int error = stream_pool_batch(&worker->stream_pool, worker->loop);
    if (error && worker->index == 0)
        log_info("io_uring is not available (%s): every write is a system call of its own",
                 strerror(-error));
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    if (worker->config->io_uring)
        batch_sends(worker);
    ev_run(worker->loop, 0);
    stream_pool_unbatch(&worker->stream_pool); /* a ring is its thread's own */
    return NULL;
}

/* --- life --- */

static void init_watchers(struct worker *worker)
{
    mailbox_init(&worker->mailbox, worker->loop, worker);
    ev_async_init(&worker->confirmed, on_confirmed);
    ev_async_start(worker->loop, &worker->confirmed);
    ev_prepare_init(&worker->reap, on_reap);
    ev_prepare_start(worker->loop, &worker->reap);
    ev_timer_init(&worker->tick, on_tick, FIRST_TICK_SECONDS, 1.);
    ev_timer_start(worker->loop, &worker->tick);
    ev_timer_init(&worker->drain_end, on_drain_end, 0., 0.);
}

static void init_lists(struct worker *worker)
{
    list_init(&worker->sessions);
    list_init(&worker->dead_sessions);
    list_init(&worker->dead_backends);
    list_init(&worker->causal_waiters);
    list_init(&worker->leader_waiters);
    list_init(&worker->account_waiters);
    list_init(&worker->errands);
}

void worker_free(struct worker *worker)
{
    key_sweep_close(&worker->key_sweep);
    bound_close(&worker->bound);
    bound_close(&worker->shown);
    pool_close(worker);
    errand_close_all(worker);
    reap(worker);
    mailbox_close(&worker->mailbox);
    ev_loop_destroy(worker->loop);
    stream_pool_close(&worker->stream_pool);
    slab_close(&worker->session_slab);
    slab_close(&worker->backend_slab);
    slab_close(&worker->statement_slab);
    buf_free(&worker->prelude);
    buf_free(&worker->rewritten);
    buf_free(&worker->tracked);
    rule_scratch_free(worker->rule_scratch);
    write_digests_free(worker->write_digests);
    config_unref(worker->config);
    topology_unref(worker->topology);
    accounts_unref(worker->accounts);
    catalogue_unref(worker->catalogue);
    free(worker);
}

struct worker *worker_new(unsigned index, struct shared *shared,
                          const struct worker_requests *requests, struct config *config,
                          struct topology *topology, struct accounts *accounts,
                          struct catalogue *catalogue)
{
    struct worker *worker = memory_zalloc(sizeof(*worker));
    worker->index = index;
    worker->shared = shared;
    worker->requests = *requests;
    worker->config = config;
    worker->topology = topology;
    worker->accounts = accounts;
    worker->catalogue = catalogue;
    worker->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOSIGMASK);
    worker->random = (uint32_t)clock_now_us() ^ (index << 20);
    worker->rule_scratch = rule_scratch_new();
    worker->write_digests = write_digests_new();
    stream_pool_init(&worker->stream_pool);
    slab_init(&worker->session_slab, sizeof(struct session), KEEP_SESSIONS);
    slab_init(&worker->backend_slab, sizeof(struct backend), KEEP_BACKENDS);
    slab_init(&worker->statement_slab, sizeof(struct statement), KEEP_STATEMENTS);
    init_lists(worker);
    pool_init(&worker->pool);
    bound_init(&worker->bound, worker, BOUND_POSITION);
    bound_init(&worker->shown, worker, BOUND_SHOWN);
    key_sweep_init(&worker->key_sweep, worker);
    bound_review(&worker->bound);
    bound_review(&worker->shown);
    init_watchers(worker);
    return worker;
}

struct worker *worker_start(unsigned index, struct shared *shared,
                            const struct worker_requests *requests, struct config *config,
                            struct topology *topology, struct accounts *accounts,
                            struct catalogue *catalogue, const int *fds, unsigned fd_count)
{
    struct worker *worker =
        worker_new(index, shared, requests, config, topology, accounts, catalogue);
    for (unsigned i = 0; i < fd_count; i++)
        listener_start(&worker->listeners[i], worker->loop, fds[i], on_accepted, worker);
    worker->listener_count = fd_count;
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        for (unsigned i = 0; i < fd_count; i++)
            listener_stop(&worker->listeners[i]);
        worker_free(worker);
        return NULL;
    }
    return worker;
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

uint32_t worker_random(struct worker *worker)
{
    /* xorshift: for balance and ties, not for secrets. */
    uint32_t x = worker->random ? worker->random : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return worker->random = x;
}

uint64_t worker_settings(const struct worker *worker)
{
    return atomic_load_explicit(&worker->shared->settings_changes, memory_order_relaxed) +
           worker->topology->defaults_version;
}

const struct topology_server *worker_server(const struct worker *worker, int slot)
{
    int index = slot < 0 ? -1 : topology_by_slot(worker->topology, (unsigned)slot);
    return index < 0 ? NULL : &worker->topology->servers[index];
}
