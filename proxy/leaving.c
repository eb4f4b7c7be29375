/* See leaving.h. */
#include "proxy/leaving.h"

#include "proxy/base/log.h"
#include "proxy/lend.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <errno.h>

/* A server that does not close by then may be down. */
#define WAIT_SECONDS 1.

static void end(struct backend *backend)
{
    struct worker *worker = backend->worker;
    struct place_ticket *heir = backend->heir;
    if (!heir)
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
    if (n > 0) /* of no interest any more */
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

void leaving_begin(struct backend *backend, struct place_ticket *heir, const char *why)
{
    static const uint8_t quit[] = {1, 0, 0, 0, COM_QUIT};
    struct worker *worker = backend->worker;
    log_debug("server connection %s/%u leaves: %s", backend_server_name(backend),
              backend->thread_id, why);
    list_remove(&backend->node);
    list_append(&worker->pool.leaving, &backend->node);
    backend->heir = heir;
    if (!heir)
        worker->pool.leaving_unclaimed[backend->slot]++;
    backend_adopt(backend, &leaving_events, NULL);
    ev_timer_init(&backend->timer, on_time_out, WAIT_SECONDS, 0.);
    ev_timer_start(worker->loop, &backend->timer);
    if (stream_write_span(&backend->stream, span_of(quit, sizeof(quit))))
        end(backend);
}

void leaving_close(struct worker *worker)
{
    while (!list_empty(&worker->pool.leaving))
        end(list_object(worker->pool.leaving.next, struct backend, node));
}
