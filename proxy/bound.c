/* What the leader is asked for moves: see bound.h. */
#include "proxy/bound.h"

#include "proxy/backend.h"
#include "proxy/base/log.h"
#include "proxy/bound_answer.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>

enum {
    DEFAULT_COLLATION = 45, /* utf8mb4_general_ci */
    PAUSE_FIRST_US = 200,   /* doubles up to .. */
    PAUSE_LAST_US = 5000,
    ER_SPECIFIC_ACCESS_DENIED = 1227,
};

static const char position_question[] =
    "SELECT @@global.gtid_binlog_pos, @@global.gtid_binlog_state";
static const char end_question[] = "SHOW MASTER STATUS";
static const char shown_question[] = "SHOW STATUS LIKE 'binlog_snapshot_%'";

static void start(struct bound *bound);

static const char *kind_text(const struct bound *bound)
{
    return bound->kind == BOUND_POSITION ? "its position" : "what it shows";
}

static void answer(struct list *waiters, const struct bound_answer *answer)
{
    struct list batch;
    list_init(&batch);
    list_move_all(&batch, waiters);
    while (!list_empty(&batch)) {
        struct bound_waiter *waiter = list_object(batch.next, struct bound_waiter, node);
        list_remove(&waiter->node);
        waiter->answered(waiter, answer);
    }
}

static void drop_connection(struct bound *bound, const char *why)
{
    if (bound->backend)
        backend_close(bound->backend, why);
    bound->backend = NULL;
    bound->under_way = false;
    bound->behind = false;
    bound->refused = false;
    ev_timer_stop(bound->worker->loop, &bound->timer);
}

static void give_up(struct bound *bound, const char *why)
{
    log_debug("worker %u: the leader did not tell %s: %s", bound->worker->index, kind_text(bound),
              why);
    drop_connection(bound, why);
    answer(&bound->current, NULL);
    answer(&bound->next, NULL);
}

static void on_ready(struct backend *backend)
{
    struct bound *bound = backend->owner;
    ev_timer_stop(bound->worker->loop, &bound->timer);
    start(bound);
}

/* --- the questions --- */

static void arm(struct bound *bound, double seconds)
{
    ev_timer_stop(bound->worker->loop, &bound->timer);
    ev_timer_set(&bound->timer, seconds, 0.);
    ev_timer_start(bound->worker->loop, &bound->timer);
}

static void add_question(struct buf *out, const char *sql)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, COM_QUERY);
    buf_append_text(out, sql);
    packet_end(out, begin, 0);
}

/* Asks on behalf of `current`. */
static void ask(struct bound *bound)
{
    struct buf out = {0};
    if (bound->kind == BOUND_POSITION)
        add_question(&out, position_question);
    else if (!bound->behind)
        add_question(&out, end_question);
    if (bound->kind == BOUND_SHOWN)
        add_question(&out, shown_question);
    bound->under_way = true;
    int error = stream_write_span(&bound->backend->stream, buf_span(&out));
    buf_free(&out);
    if (error)
        give_up(bound, "the connection to the leader broke");
    else
        arm(bound, bound->worker->config->connect_timeout_ms / 1000.);
}

static void finish(struct bound *bound, const struct bound_answer *content)
{
    bound->under_way = false;
    bound->behind = false;
    ev_timer_stop(bound->worker->loop, &bound->timer);
    answer(&bound->current, content);
    if (!list_empty(&bound->next) && !bound->under_way)
        start(bound);
}

/* The leader has written more than it shows (a group of commits, or semi-sync waits for its
 * followers): asked again after a pause. */
static void ask_later(struct bound *bound)
{
    bound->pause_us = bound->behind ? bound->pause_us * 2 : PAUSE_FIRST_US;
    if (bound->pause_us > PAUSE_LAST_US)
        bound->pause_us = PAUSE_LAST_US;
    bound->behind = true;
    bound->under_way = false;
    arm(bound, bound->pause_us / 1e6);
}

static void take_trouble(struct bound *bound, const struct bound_trouble *trouble)
{
    if (trouble->code == ER_SPECIFIC_ACCESS_DENIED && bound->worker->counters.shown_denied++ == 0)
        log_error("worker %u: the service account may not ask the leader where its log ends (%s): "
                  "reads on the leader after reads on a follower are refused; grant it BINLOG "
                  "MONITOR",
                  bound->worker->index, trouble->text);
    give_up(bound, trouble->text);
}

static void take_position(struct bound *bound, struct span bytes)
{
    struct bound_answer content;
    struct bound_trouble trouble;
    int found = bound_answer_position(bytes, &content, &trouble);
    if (found < 0)
        take_trouble(bound, &trouble);
    if (found <= 0)
        return;
    /* The call-backs may end this connection, and its buffer with it. */
    bound->state.len = 0;
    buf_append_span(&bound->state, content.state);
    content.state = buf_span(&bound->state);
    stream_consume(&bound->backend->stream, bytes.len);
    finish(bound, &content);
}

static void take_shown(struct bound *bound, struct span bytes)
{
    static const struct bound_answer all_shown = {.position = {.count = 0}};
    struct binlog_place shown;
    struct bound_trouble trouble;
    int found = bound_answer_shown(bytes, bound->behind ? NULL : &bound->end, &shown, &trouble);
    if (found < 0)
        take_trouble(bound, &trouble);
    if (found <= 0)
        return;
    stream_consume(&bound->backend->stream, bytes.len);
    if (binlog_place_reached(&shown, &bound->end))
        finish(bound, &all_shown);
    else
        ask_later(bound);
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
    struct span bytes = span_of(stream_data(&backend->stream), stream_len(&backend->stream));
    if (bound->kind == BOUND_POSITION)
        take_position(bound, bytes);
    else
        take_shown(bound, bytes);
}

static void on_drained(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    give_up(backend->owner, backend->error_text);
}

static const struct backend_events bound_events = {on_ready, on_readable, on_drained, on_failed,
                                                   NULL};

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct bound *bound = list_object(timer, struct bound, timer);
    if (bound->under_way)
        give_up(bound, "no answer in time");
    else if (bound->refused)
        give_up(bound, "there is no leader, or max_server_connections is reached");
    else if (!list_empty(&bound->current))
        ask(bound);
    else /* all of them have left */
        finish(bound, NULL);
}

/* Who asks is never told before bound_ask() has returned: an answer runs the session, whose next
 * command may ask again, and the stack would grow with the commands in the client's buffer. */
static void connect_leader(struct bound *bound)
{
    struct worker *worker = bound->worker;
    if (worker->topology->leader >= 0)
        bound->backend = backend_open(worker, &worker->topology->servers[worker->topology->leader],
                                      bound->identity, false, &bound_events, bound);
    bound->refused = !bound->backend;
    if (bound->refused)
        arm(bound, 0.);
}

/* Sends a fetch for all who wait, or connects first. */
static void start(struct bound *bound)
{
    struct worker *worker = bound->worker;
    if (!bound->backend) {
        connect_leader(bound);
        return;
    }
    if (bound->backend->state != BACKEND_READY || bound->under_way || bound->behind)
        return;
    assert(list_empty(&bound->current));
    if (list_empty(&bound->next))
        return;
    list_move_all(&bound->current, &bound->next);
    if (bound->kind == BOUND_POSITION)
        worker->counters.bounds_fetched++;
    else
        worker->counters.shown_fetched++;
    ask(bound);
}

void bound_init(struct bound *bound, struct worker *worker, enum bound_kind kind)
{
    *bound = (struct bound){.worker = worker, .kind = kind};
    list_init(&bound->current);
    list_init(&bound->next);
    ev_timer_init(&bound->timer, on_timer, 0., 0.);
}

void bound_ask(struct bound *bound, struct bound_waiter *waiter)
{
    list_append(&bound->next, &waiter->node);
    if (!bound->under_way && !bound->behind)
        start(bound);
}

void bound_forget(struct bound_waiter *waiter)
{
    list_remove(&waiter->node);
}

static struct identity *service_identity(const struct config *config)
{
    struct identity *identity = identity_new(span_text(config->cluster_user), NULL, NULL);
    auth_secret_set_password(&identity->secret, span_text(config->cluster_password));
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
    if (!bound->backend && bound->kind == BOUND_POSITION && topology->leader >= 0)
        connect_leader(bound);
}

void bound_close(struct bound *bound)
{
    give_up(bound, "the worker ends");
    identity_unref(bound->identity);
    bound->identity = NULL;
    buf_free(&bound->state);
}
