/* See leaving.h. */
#include "proxy/leaving.h"

#include "proxy/base/log.h"
#include "proxy/lend.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <errno.h>

/* A server without work that does not close by then may be down. */
#define WAIT_SECONDS 1.

/* Of an answer that nobody wants: a server that sends more stops sooner when the socket is gone. */
enum { UNWANTED_BYTES = 1 << 20 };

static void end(struct backend *backend)
{
    struct worker *worker = backend->worker;
    struct place_ticket *heir = backend->heir;
    if (!heir && !backend->abandoned)
        worker->pool.leaving_unclaimed[backend->slot]--;
    backend->place_passed = heir != NULL;
    backend_close(backend, "it has left");
    if (heir)
        lend_granted(worker, heir);
}

static void on_readable(struct backend *backend)
{
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    backend->unwanted_bytes += n > 0 ? (size_t)n : 0;
    if (n > 0 && backend->unwanted_bytes < UNWANTED_BYTES)
        stream_consume(&backend->stream, stream_len(&backend->stream));
    else
        end(backend);
}

static void on_other(struct backend *backend)
{
    (void)backend;
}

static const struct backend_events leaving_events = {on_other, on_readable, on_other, end, NULL};

static void on_time_out(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end(list_object(timer, struct backend, timer));
}

static void enter(struct backend *backend, const char *why)
{
    log_debug("server connection %s/%u leaves: %s", backend_server_name(backend),
              backend->thread_id, why);
    list_remove(&backend->node);
    list_append(&backend->worker->pool.leaving, &backend->node);
    backend_adopt(backend, &leaving_events, NULL);
}

void leaving_begin(struct backend *backend, struct place_ticket *heir, const char *why)
{
    static const uint8_t quit[] = {1, 0, 0, 0, COM_QUIT};
    struct worker *worker = backend->worker;
    enter(backend, why);
    backend->heir = heir;
    if (!heir)
        worker->pool.leaving_unclaimed[backend->slot]++;
    ev_timer_init(&backend->timer, on_time_out, WAIT_SECONDS, 0.);
    ev_timer_start(worker->loop, &backend->timer);
    if (stream_write_span(&backend->stream, span_of(quit, sizeof(quit))))
        end(backend);
}

void leaving_abandon(struct backend *backend, const char *why)
{
    if (!backend_abandon(backend) || stream_finish(&backend->stream)) {
        backend_close(backend, why);
        return;
    }
    backend->abandoned = true;
    enter(backend, why);
}

void leaving_review(struct worker *worker)
{
    list_for_each_safe (node, &worker->pool.leaving) {
        struct backend *backend = list_object(node, struct backend, node);
        const struct topology_server *server = worker_server(worker, (int)backend->slot);
        if (!server || !server->reachable)
            end(backend);
    }
}

void leaving_close(struct worker *worker)
{
    while (!list_empty(&worker->pool.leaving))
        end(list_object(worker->pool.leaving.next, struct backend, node));
}
