/* Server connections that no session uses: see pool.h. */
#include "proxy/pool.h"

#include "proxy/backend.h"
#include "proxy/base/clock.h"
#include "proxy/leaving.h"
#include "proxy/proto/capability.h"
#include "proxy/worker.h"

static void lay_down(struct backend *backend)
{
    struct worker *worker = backend->worker;
    struct pool *pool = &worker->pool;
    list_remove(&backend->node);
    backend->idle_since_ms = clock_now_ms();
    list_prepend(&pool->idle[backend->slot], &backend->node);
    pool->idle_count++;
    pool->serving |= UINT64_C(1) << backend->slot; /* if anybody waits */
}

static void on_ready(struct backend *backend)
{
    lay_down(backend);
}

static void drop_idle(struct backend *backend, const char *why)
{
    backend->worker->pool.idle_count--;
    leaving_begin(backend, NULL, why);
}

static void close_idle(struct backend *backend, const char *why)
{
    backend->worker->pool.idle_count--;
    backend_close(backend, why);
}

/* An idle connection has nothing to say: this is the server closing it. */
static void on_readable(struct backend *backend)
{
    close_idle(backend, "the server closed it while it was idle");
}

static void on_drained(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    if (backend->idle_since_ms)
        close_idle(backend, backend->error_text);
    else
        backend_close(backend, backend->error_text);
}

static const struct backend_events pool_events = {on_ready, on_readable, on_drained, on_failed,
                                                  NULL};

void pool_init(struct pool *pool)
{
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        list_init(&pool->idle[slot]);
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        list_init(&pool->lent[slot]);
    list_init(&pool->resetting);
    list_init(&pool->leaving);
    memset(pool->leaving_unclaimed, 0, sizeof(pool->leaving_unclaimed));
    pool->idle_count = 0;
    pool->next_serial = 0;
    pool->serving = 0;
    pool->parting = 0;
}

static bool role_fits(const struct worker *worker, const struct backend *backend)
{
    const struct topology_server *server = worker_server(worker, (int)backend->slot);
    if (!server || !server->reachable)
        return false;
    bool leads = worker->topology->leader >= 0 &&
                 server == &worker->topology->servers[worker->topology->leader];
    return backend->guarded ? !leads : leads;
}

void pool_put(struct worker *worker, struct backend *backend)
{
    list_remove(&backend->node);
    bool unique = !backend->guarded && backend->has_init_connect; /* no reset runs it again */
    if (backend->parting || backend->state != BACKEND_READY) {
        leaving_abandon(backend, "its session ended");
        return;
    }
    if (backend->tainted || unique || worker->draining || !role_fits(worker, backend) ||
        !identity_pooled(backend->identity)) {
        leaving_begin(backend, NULL, "its session ended");
        return;
    }
    backend_adopt(backend, &pool_events, NULL);
    backend->idle_since_ms = 0;
    /* What only a login does. */
    bool as_login = backend->has_init_connect || backend->attributes_shown ||
                    backend->identity->capabilities & (CLIENT_INTERACTIVE | CLIENT_IGNORE_SPACE);
    if (backend->spotless && !as_login && !(backend->status & SERVER_STATUS_IN_TRANS)) {
        lay_down(backend);
        return;
    }
    list_append(&worker->pool.resetting, &backend->node);
    if (as_login)
        backend_reset(backend);
    else
        backend_reset_quickly(backend);
}

struct backend *pool_take(struct worker *worker, unsigned slot, const struct identity *identity,
                          bool guarded)
{
    list_for_each_safe (node, &worker->pool.idle[slot]) {
        struct backend *backend = list_object(node, struct backend, node);
        if (backend->guarded != guarded || !identity_equal(backend->identity, identity))
            continue;
        if (backend->settings != worker_settings(worker)) {
            drop_idle(backend, "sessions begin with other values now");
            continue;
        }
        list_remove(&backend->node);
        worker->pool.idle_count--;
        worker->counters.server_reuses++;
        return backend;
    }
    return NULL;
}

struct backend *pool_spare(struct worker *worker, unsigned slot)
{
    struct list *idle = &worker->pool.idle[slot];
    if (list_empty(idle))
        return NULL;
    struct backend *backend = list_object(idle->prev, struct backend, node);
    list_remove(&backend->node);
    worker->pool.idle_count--;
    return backend;
}

void pool_expire(struct worker *worker, uint64_t now_ms)
{
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        list_for_each_safe (node, &worker->pool.idle[slot]) {
            struct backend *backend = list_object(node, struct backend, node);
            if (now_ms - backend->idle_since_ms > worker->config->idle_server_timeout_ms)
                drop_idle(backend, "idle for idle_server_timeout");
        }
}

void pool_review(struct worker *worker)
{
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        list_for_each_safe (node, &worker->pool.idle[slot]) {
            struct backend *backend = list_object(node, struct backend, node);
            if (!role_fits(worker, backend))
                drop_idle(backend, "its server is gone, down, or changed its role");
            else if (!identity_stands(backend->identity, worker->accounts))
                drop_idle(backend, "its account changed");
        }
}

static uint64_t length_of(const struct list *head)
{
    uint64_t length = 0;
    list_for_each (node, head)
        length++;
    return length;
}

void pool_count(const struct pool *pool, struct pool_counts counts[POSITIONS_SERVERS_MAX])
{
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++) {
        counts[slot].idle += length_of(&pool->idle[slot]);
        counts[slot].lent += length_of(&pool->lent[slot]);
    }
    list_for_each (node, &pool->leaving)
        counts[list_object(node, struct backend, node)->slot].leaving++;
}

void pool_close(struct worker *worker)
{
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        while (!list_empty(&worker->pool.idle[slot]))
            backend_close(pool_spare(worker, slot), "the worker ends");
    while (!list_empty(&worker->pool.resetting))
        backend_close(list_object(worker->pool.resetting.next, struct backend, node),
                      "the worker ends");
    leaving_close(worker);
}
