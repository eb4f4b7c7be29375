/* See errand.h. */
#include "proxy/errand.h"

#include "proxy/backend.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/kill.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ER_NO_SUCH_THREAD = 1094 };

struct errand {
    struct list node; /* among the worker's */
    struct worker *worker;
    struct backend *backend; /* NULL: could not be opened */
    struct ev_timer timer;
    struct errand_order order; /* `server` counts while errand_send runs */
    unsigned slot;
    bool service; /* the service account is at it */
    bool sent;
    char trouble[160];
};

static const struct backend_events errand_events;

static void arm(struct errand *errand, double seconds)
{
    ev_timer_stop(errand->worker->loop, &errand->timer);
    ev_timer_set(&errand->timer, seconds, 0.);
    ev_timer_start(errand->worker->loop, &errand->timer);
}

static void drop_connection(struct errand *errand, const char *why)
{
    if (errand->backend)
        backend_close(errand->backend, why);
    errand->backend = NULL;
}

static void destroy(struct errand *errand)
{
    drop_connection(errand, "KILL was said");
    ev_timer_stop(errand->worker->loop, &errand->timer);
    list_remove(&errand->node);
    identity_unref(errand->order.identity);
    free(errand);
}

static void finish(struct errand *errand, const char *trouble)
{
    struct worker *worker = errand->worker;
    const struct errand_order order = errand->order;
    char text[sizeof(errand->trouble)] = {0};
    if (trouble)
        snprintf(text, sizeof(text), "%s", trouble);
    destroy(errand);
    errand_done(worker, order.kill, order.target_id, text);
}

static void open_as(struct errand *errand, struct identity *identity)
{
    struct worker *worker = errand->worker;
    const struct topology_server *server = worker_server(worker, (int)errand->slot);
    errand->sent = false;
    if (server)
        errand->backend = backend_open(worker, server, identity, false, &errand_events, errand);
    if (server && !errand->backend) { /* beyond max_server_connections: a KILL gets through */
        errand->backend =
            backend_open_placed(worker, server, identity, false, &errand_events, errand);
        errand->backend->place_passed = true;
    }
    if (!errand->backend) { /* told from the loop */
        snprintf(errand->trouble, sizeof(errand->trouble), "no connection could be opened");
        arm(errand, 0.);
    }
}

/* The way it was tried does not work. */
static void go_on(struct errand *errand, const char *trouble)
{
    snprintf(errand->trouble, sizeof(errand->trouble), "%s", trouble);
    drop_connection(errand, "KILL could not be said");
    if (errand->service) {
        finish(errand, errand->trouble);
        return;
    }
    log_debug("KILL %u: not as its own account (%s); as the service account",
              errand->order.thread_id, trouble);
    errand->service = true;
    open_as(errand, errand->worker->bound.identity);
}

static void on_ready(struct backend *backend)
{
    struct errand *errand = backend->owner;
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, COM_QUERY);
    buf_printf(&out, "KILL %s %s %u", errand->order.soft ? "SOFT" : "HARD",
               errand->order.query_only ? "QUERY" : "CONNECTION", errand->order.thread_id);
    packet_end(&out, begin, 0);
    errand->sent = true;
    arm(errand, errand->worker->config->connect_timeout_ms / 1000.);
    int error = stream_write_span(&backend->stream, buf_span(&out));
    buf_free(&out);
    if (error)
        backend_fail(backend, 2013, "08S01", "%s", strerror(-error));
}

static void take_answer(struct errand *errand, struct span payload)
{
    struct err_reply err;
    if (payload.len == 0 || payload.data[0] != 0xff) {
        finish(errand, NULL);
    } else if (err_parse(payload, &err)) {
        go_on(errand, "malformed answer");
    } else if (err.code == ER_NO_SUCH_THREAD) {
        finish(errand, NULL); /* it is gone: nothing runs there any more */
    } else {
        char text[sizeof(errand->trouble)];
        snprintf(text, sizeof(text), "%u %.*s", err.code, (int)err.message.len,
                 (const char *)err.message.data);
        go_on(errand, text);
    }
}

static void on_readable(struct backend *backend)
{
    struct errand *errand = backend->owner;
    ssize_t n = stream_receive(&backend->stream);
    struct span payload;
    uint8_t seq;
    if (n == -EAGAIN)
        return;
    int found = n > 0 ? backend_peek_packet(backend, &payload, &seq) : -EPROTO;
    if (found < 0)
        go_on(errand, "the server closed the connection");
    else if (found > 0)
        take_answer(errand, payload);
}

static void on_drained(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    go_on(backend->owner, backend->error_text);
}

static const struct backend_events errand_events = {on_ready, on_readable, on_drained, on_failed,
                                                    NULL};

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct errand *errand = list_object(timer, struct errand, timer);
    if (!errand->sent)
        go_on(errand, errand->trouble);
    else
        finish(errand, "the server does not answer");
}

void errand_send(struct worker *worker, const struct errand_order *order)
{
    struct errand *errand = memory_zalloc(sizeof(*errand));
    errand->worker = worker;
    errand->order = *order;
    errand->order.server = NULL;
    errand->slot = order->server->slot;
    identity_ref(order->identity);
    list_append(&worker->errands, &errand->node);
    ev_timer_init(&errand->timer, on_timer, 0., 0.);
    open_as(errand, order->identity);
}

void errand_close_all(struct worker *worker)
{
    list_for_each_safe (node, &worker->errands) {
        struct errand *errand = list_object(node, struct errand, node);
        kill_forget(errand->order.kill);
        destroy(errand);
    }
}
