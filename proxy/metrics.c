/* HTTP by libmicrohttpd: see metrics.h.
 *
 *     request --> suspended, source.collect() --done--> resumed, answered --> freed
 *                    |                                      ^
 *                    +-- the endpoint ends: the request is nobody's, done() frees it
 *
 * Source: libmicrohttpd's manual, "External event loops" and "Suspending connections". */
#include "proxy/metrics.h"

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 32,
    CLIENT_MEMORY_BYTES = 16384,
    TIMEOUT_S = 10,
    SOCKET_MODE = 0666,
};

struct metrics {
    struct ev_loop *loop;
    struct metrics_source source;
    struct MHD_Daemon *daemon;
    struct ev_io io;
    struct ev_timer timer;
    struct list requests; /* whose pages are being written */
    char *unix_path;      /* to be removed at the end, or NULL */
    bool resumed;         /* MHD has work that its descriptor does not tell of */
};

struct request {
    struct list node;
    struct metrics *metrics;           /* NULL: the endpoint has ended */
    struct MHD_Connection *connection; /* suspended while `collecting` */
    enum metrics_page page;
    bool collecting;
    struct buf text;
};

static void request_free(struct request *request)
{
    list_remove(&request->node);
    buf_free(&request->text);
    free(request);
}

/* --- the loop --- */

/* Lets MHD do what there is to do, and asks when it wants to be called again at the latest. */
static void daemon_run(struct metrics *metrics)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    do {
        metrics->resumed = false;
        MHD_run(metrics->daemon);
    } while (metrics->resumed);
    ev_timer_stop(metrics->loop, &metrics->timer);
    if (MHD_get_timeout(metrics->daemon, &wait_ms) != MHD_YES)
        return;
    ev_now_update(metrics->loop);
    ev_timer_set(&metrics->timer, (double)wait_ms / 1000., 0.);
    ev_timer_start(metrics->loop, &metrics->timer);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    daemon_run(io->data);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    daemon_run(timer->data);
}

/* --- answers --- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              const void *text, size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* The page is written. */
static void on_collected(void *context)
{
    struct request *request = context;
    struct metrics *metrics = request->metrics;

    request->collecting = false;
    if (!metrics) {
        request_free(request);
        return;
    }
    MHD_resume_connection(request->connection);
    metrics->resumed = true;
    daemon_run(metrics);
}

static enum MHD_Result collect(struct metrics *metrics, struct MHD_Connection *connection,
                               enum metrics_page page, void **request_context)
{
    struct request *request = memory_zalloc(sizeof(*request));

    request->metrics = metrics;
    request->connection = connection;
    request->page = page;
    request->collecting = true;
    list_append(&metrics->requests, &request->node);
    *request_context = request;
    MHD_suspend_connection(connection);
    metrics->source.collect(metrics->source.context, page, &request->text, on_collected, request);
    return MHD_YES;
}

/* Called for a request's head, its body's parts, its end, and again after each resumption. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **request_context)
{
    struct request *request = *request_context;

    (void)version;
    (void)body;
    if (request) {
        assert(!request->collecting);
        return answer(connection, MHD_HTTP_OK, metrics_content_type(request->page),
                      request->text.data, request->text.len);
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    if (*body_len > 0)
        return MHD_NO;
    if (strcmp(url, "/metrics") == 0)
        return collect(context, connection, METRICS_PROMETHEUS, request_context);
    if (strcmp(url, "/") == 0)
        return collect(context, connection, METRICS_STATUS, request_context);
    return refuse(connection, MHD_HTTP_NOT_FOUND, "there are / and /metrics\n");
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *request_context;

    (void)context;
    (void)connection;
    (void)code;
    *request_context = NULL;
    if (!request)
        return;
    if (request->collecting) { /* the endpoint ends: done() will find that out */
        list_remove(&request->node);
        request->metrics = NULL;
    } else {
        request_free(request);
    }
}

/* --- life --- */

static int daemon_start(struct metrics *metrics, int fd)
{
    const union MHD_DaemonInfo *info;

    metrics->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, metrics,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, metrics, MHD_OPTION_END);
    if (!metrics->daemon)
        return -EIO;
    info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info);
    ev_io_init(&metrics->io, on_io, info->epoll_fd, EV_READ);
    metrics->io.data = metrics;
    ev_io_start(metrics->loop, &metrics->io);
    return 0;
}

int metrics_start(struct metrics **out, struct ev_loop *loop, const char *address,
                  const struct metrics_source *source)
{
    int fd = listener_bind(address, SOCKET_MODE, false);
    struct metrics *metrics;

    if (fd < 0)
        return fd;
    metrics = memory_zalloc(sizeof(*metrics));
    metrics->loop = loop;
    metrics->source = *source;
    list_init(&metrics->requests);
    ev_init(&metrics->timer, on_timer);
    metrics->timer.data = metrics;
    if (strncmp(address, "unix:", 5) == 0)
        metrics->unix_path = memory_strdup(address + 5);
    if (daemon_start(metrics, fd) < 0) {
        close(fd);
        free(metrics->unix_path);
        free(metrics);
        return -EIO;
    }
    log_info("http: listening on %s", address);
    *out = metrics;
    return 0;
}

void metrics_stop(struct metrics *metrics)
{
    if (!metrics)
        return;
    ev_io_stop(metrics->loop, &metrics->io);
    ev_timer_stop(metrics->loop, &metrics->timer);
    /* MHD must not be stopped with connections suspended. What is being collected for them is
     * nobody's from now on. */
    list_for_each_safe (node, &metrics->requests) {
        struct request *request = list_object(node, struct request, node);
        if (request->collecting)
            MHD_resume_connection(request->connection);
    }
    MHD_stop_daemon(metrics->daemon);
    if (metrics->unix_path)
        unlink(metrics->unix_path);
    free(metrics->unix_path);
    free(metrics);
}
