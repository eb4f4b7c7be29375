/* Leader positions for moves: see bound.h. */
#include "proxy/bound.h"

#include "proxy/backend.h"
#include "proxy/base/log.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>

enum { DEFAULT_COLLATION = 45 }; /* utf8mb4_general_ci */

static void start(struct bound *bound);

static void answer(struct bound *bound, struct list *waiters, const struct gtid_vector *position)
{
    struct list batch;
    list_init(&batch);
    list_move_all(&batch, waiters);
    (void)bound;
    while (!list_empty(&batch)) {
        struct bound_waiter *waiter = list_object(batch.next, struct bound_waiter, node);
        list_remove(&waiter->node);
        waiter->answered(waiter, position);
    }
}

static void drop_connection(struct bound *bound, const char *why)
{
    if (bound->backend)
        backend_close(bound->backend, why);
    bound->backend = NULL;
    bound->under_way = false;
    ev_timer_stop(bound->worker->loop, &bound->timer);
}

static void give_up(struct bound *bound, const char *why)
{
    log_debug("worker %u: no leader position: %s", bound->worker->index, why);
    drop_connection(bound, why);
    answer(bound, &bound->current, NULL);
    answer(bound, &bound->next, NULL);
}

static void on_ready(struct backend *backend)
{
    struct bound *bound = backend->owner;
    ev_timer_stop(bound->worker->loop, &bound->timer);
    start(bound);
}

/* The packets of SELECT @@global.gtid_binlog_pos: count, definition, row, terminator. True when the
 * whole answer is there; then `position` is filled in, or *bad is set. */
static bool parse_answer(struct bound *bound, struct gtid_vector *position, bool *bad)
{
    struct stream *stream = &bound->backend->stream;
    struct reader reader = reader_of(span_of(stream_data(stream), stream_len(stream)));
    for (int packet = 0; packet < 4; packet++) {
        uint32_t len = read_u24(&reader);
        read_u8(&reader);
        struct span payload = read_span(&reader, len);
        if (reader.bad)
            return false;
        if (payload.len == 0 || payload.data[0] == 0xff) {
            *bad = true;
            return true;
        }
        struct reader row = reader_of(payload);
        if (packet == 2 && (gtid_vector_parse(read_lenenc_span(&row), position) || row.bad))
            *bad = true;
    }
    return true;
}

static void on_readable(struct backend *backend)
{
    struct bound *bound = backend->owner;
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    if (n <= 0 || !bound->under_way) {
        give_up(bound, "the connection to the leader ended");
        return;
    }
    struct gtid_vector position = {0};
    bool bad = false;
    if (!parse_answer(bound, &position, &bad))
        return;
    if (bad) {
        give_up(bound, "the leader's answer could not be read");
        return;
    }
    stream_consume(&backend->stream, stream_len(&backend->stream));
    bound->under_way = false;
    ev_timer_stop(bound->worker->loop, &bound->timer);
    answer(bound, &bound->current, &position);
    if (!list_empty(&bound->next) && !bound->under_way)
        start(bound);
}

static void on_drained(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    give_up(backend->owner, backend->error_text);
}

static const struct backend_events bound_events = {on_ready, on_readable, on_drained, on_failed};

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    give_up(list_object(timer, struct bound, timer), "no answer in time");
}

static void arm(struct bound *bound, uint32_t timeout_ms)
{
    ev_timer_stop(bound->worker->loop, &bound->timer);
    ev_timer_set(&bound->timer, timeout_ms / 1000., 0.);
    ev_timer_start(bound->worker->loop, &bound->timer);
}

static void connect_leader(struct bound *bound)
{
    struct worker *worker = bound->worker;
    if (worker->topology->leader < 0) {
        give_up(bound, "there is no leader");
        return;
    }
    bound->backend = backend_open(worker, &worker->topology->servers[worker->topology->leader],
                                  bound->identity, false, &bound_events, bound);
    if (!bound->backend)
        give_up(bound, "max_server_connections is reached");
}

/* Sends a fetch for all who wait, or connects first. */
static void start(struct bound *bound)
{
    struct worker *worker = bound->worker;
    if (!bound->backend) {
        connect_leader(bound);
        return;
    }
    if (bound->backend->state != BACKEND_READY || bound->under_way)
        return;
    assert(list_empty(&bound->current));
    if (list_empty(&bound->next))
        return;
    list_move_all(&bound->current, &bound->next);
    static const uint8_t query[] = "\x20\0\0\0\x03SELECT @@global.gtid_binlog_pos";
    static_assert(sizeof(query) - 1 == PACKET_HEADER_BYTES + 0x20, "length of the query");
    bound->under_way = true;
    worker->counters.bounds_fetched++;
    if (stream_write_span(&bound->backend->stream, span_of(query, sizeof(query) - 1)))
        give_up(bound, "the connection to the leader broke");
    else
        arm(bound, worker->config->connect_timeout_ms);
}

void bound_init(struct bound *bound, struct worker *worker)
{
    *bound = (struct bound){.worker = worker};
    list_init(&bound->current);
    list_init(&bound->next);
    ev_timer_init(&bound->timer, on_timeout, 0., 0.);
}

void bound_ask(struct bound *bound, struct bound_waiter *waiter)
{
    list_append(&bound->next, &waiter->node);
    if (!bound->under_way)
        start(bound);
}

void bound_forget(struct bound_waiter *waiter)
{
    list_remove(&waiter->node);
}

static struct identity *service_identity(const struct config *config)
{
    struct identity *identity = identity_new(span_text(config->cluster_user), NULL, NULL);
    identity->has_password = config->cluster_password[0] != '\0';
    native_stage1(span_text(config->cluster_password), identity->stage1);
    identity->capabilities = CLIENT_LONG_PASSWORD;
    identity->collation = DEFAULT_COLLATION;
    return identity;
}

void bound_review(struct bound *bound)
{
    struct worker *worker = bound->worker;
    struct identity *identity = service_identity(worker->config);
    bool same = bound->identity && identity_equal(bound->identity, identity);
    const struct topology *topology = worker->topology;
    if (bound->backend && (!same || topology->leader < 0 ||
                           topology->servers[topology->leader].slot != bound->backend->slot))
        give_up(bound, "the leader or the service account changed");
    identity_unref(bound->identity);
    bound->identity = identity;
    /* Ahead of the first move, which should not pay for the connect. */
    if (!bound->backend && topology->leader >= 0)
        connect_leader(bound);
}

void bound_close(struct bound *bound)
{
    give_up(bound, "the worker ends");
    identity_unref(bound->identity);
    bound->identity = NULL;
}
