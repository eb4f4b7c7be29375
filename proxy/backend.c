/* A connection to a server: see backend.h. The login is in backend_auth.c. */
#include "proxy/backend.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/proxy_header.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOGIN_PACKET_MAX = 64 << 10,
    SCHEMA_BELIEVED_MS = 1000,
};

void backend_fail(struct backend *backend, uint16_t code, const char *sqlstate, const char *format,
                  ...)
{
    if (backend->state == BACKEND_FAILED || backend->state == BACKEND_CLOSED)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(backend->error_text, sizeof(backend->error_text), format, args);
    va_end(args);
    snprintf(backend->error_sqlstate, sizeof(backend->error_sqlstate), "%s", sqlstate);
    backend->error_code = code;
    bool was_opening = backend->state != BACKEND_READY;
    backend->state = BACKEND_FAILED;
    ev_timer_stop(backend->worker->loop, &backend->timer);
    stream_pause(&backend->stream);
    if (was_opening)
        backend->worker->counters.server_connect_errors++;
    backend->events->failed(backend);
}

const char *backend_server_name(const struct backend *backend)
{
    const struct topology_server *server = worker_server(backend->worker, (int)backend->slot);
    return server ? server->name : "a server that is gone";
}

void backend_note_schema(struct backend *backend, const char *schema)
{
    backend->has_schema = backend->has_schema || schema;
    backend->schema_until_ms = clock_now_ms() + SCHEMA_BELIEVED_MS;
    backend->schema_ddl = atomic_load(&backend->worker->shared->ddl);
    if (schema && backend->schema && strcmp(schema, backend->schema) == 0)
        return;
    free(backend->schema);
    backend->schema = schema ? memory_strdup(schema) : NULL;
}

bool backend_is_in_schema(const struct backend *backend, const char *schema)
{
    return backend->schema && strcmp(backend->schema, schema) == 0 &&
           clock_now_ms() < backend->schema_until_ms &&
           backend->schema_ddl == atomic_load(&backend->worker->shared->ddl);
}

int backend_peek_packet(struct backend *backend, struct span *payload, uint8_t *seq)
{
    size_t len = stream_len(&backend->stream);
    if (len < PACKET_HEADER_BYTES)
        return 0;
    const uint8_t *data = stream_data(&backend->stream);
    size_t payload_len = packet_payload_len(data);
    if (payload_len > LOGIN_PACKET_MAX)
        return -EPROTO;
    if (len < PACKET_HEADER_BYTES + payload_len) {
        stream_want(&backend->stream, PACKET_HEADER_BYTES + payload_len);
        return 0;
    }
    *payload = span_of(data + PACKET_HEADER_BYTES, payload_len);
    *seq = packet_seq(data);
    return 1;
}

/* --- events of the socket --- */

static void login_readable(struct backend *backend)
{
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        backend_fail(backend, 2013, "08S01", "%s closed the connection during login%s%s",
                     backend_server_name(backend), n < 0 ? ": " : "",
                     n < 0 ? stream_error_text(&backend->stream, (int)n) : "");
        return;
    }
    backend_login_readable(backend);
}

static void on_stream(struct stream *stream, enum stream_event event)
{
    struct backend *backend = stream->owner;
    if (backend->state == BACKEND_FAILED || backend->state == BACKEND_CLOSED)
        return;
    switch (event) {
    case STREAM_READABLE:
        if (backend->state == BACKEND_READY)
            backend->events->readable(backend);
        else
            login_readable(backend);
        break;
    case STREAM_DRAINED:
        if (backend->state == BACKEND_READY)
            backend->events->drained(backend);
        break;
    case STREAM_FAILED:
        backend_fail(backend, 2013, "08S01", "the connection to %s broke: %s",
                     backend_server_name(backend), strerror(-stream->error));
        break;
    }
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct backend *backend = list_object(timer, struct backend, timer);
    backend_fail(backend, 2013, "08S01", "%s did not finish the login within %u ms",
                 backend_server_name(backend), backend->worker->config->connect_timeout_ms);
}

/* --- life --- */

static int start_connect(const struct topology_server *server)
{
    int fd = socket(server->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    stream_set_options(fd);
    if (connect(fd, &server->address.any, server->address_len) < 0 && errno != EINPROGRESS &&
        errno != EAGAIN) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* The service account's own are not limited: without them no client's read could move. */
static bool is_own(const struct backend *backend)
{
    return backend->identity->account_user == NULL;
}

static bool take_place(struct worker *worker, unsigned slot, const struct identity *identity)
{
    return !identity->account_user ||
           places_take(worker->shared->places, slot, worker->config->policy.max_server_connections);
}

static void give_place_back(struct backend *backend)
{
    struct worker *worker = backend->worker;
    struct places *places = worker->shared->places;
    if (is_own(backend))
        places_count_own(places, backend->slot, false);
    else if (!backend->place_passed)
        places_give_back(places, backend->slot, worker->config->policy.max_server_connections);
}

/* A connect that failed at once: told from the loop, as every other outcome. */
static void on_failed_at_once(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct backend *backend = list_object(timer, struct backend, timer);
    int error = backend->stream.error;
    backend_fail(backend, 2003, "HY000", "can't connect to %s: %s", backend_server_name(backend),
                 strerror(-error));
}

/* Ahead of everything, whoever reads it: a server takes it before its greeting as well as after.
 * A session goes on as it began, also when a reload changes send_proxy_protocol. */
static int tell_address(struct backend *backend)
{
    const char *address = backend->identity->address;
    if (!address && !(is_own(backend) && backend->worker->config->send_proxy_protocol))
        return 0;
    struct buf header = {0};
    proxy_header_build(&header, address);
    int error = stream_write_span(&backend->stream, buf_span(&header));
    buf_free(&header);
    return error;
}

struct backend *backend_open(struct worker *worker, const struct topology_server *server,
                             struct identity *identity, bool guarded,
                             const struct backend_events *events, void *owner)
{
    return take_place(worker, server->slot, identity)
               ? backend_open_placed(worker, server, identity, guarded, events, owner)
               : NULL;
}

struct backend *backend_open_placed(struct worker *worker, const struct topology_server *server,
                                    struct identity *identity, bool guarded,
                                    const struct backend_events *events, void *owner)
{
    struct backend *backend = slab_get(&worker->backend_slab);
    list_init(&backend->node);
    backend->worker = worker;
    backend->events = events;
    backend->owner = owner;
    backend->identity = identity_ref(identity);
    backend->guarded = guarded;
    backend->slot = server->slot;
    backend->server_id = server->server_id;
    backend->serial = ++worker->pool.next_serial;
    backend->checks_account = identity->account_user != NULL;
    backend->anew = true;
    backend->settings = worker_settings(worker);
    if (is_own(backend))
        places_count_own(worker->shared->places, server->slot, true);
    backend->single_statements = !(identity->capabilities & CLIENT_MULTI_STATEMENTS);
    worker->counters.server_connects++;
    int fd = start_connect(server);
    int error = fd;
    if (fd >= 0) {
        stream_open(&backend->stream, worker->loop, &worker->stream_pool, fd, on_stream, backend);
        error = tell_address(backend);
    }
    if (error < 0) {
        backend->stream.error = error;
        ev_timer_init(&backend->timer, on_failed_at_once, 0., 0.);
    } else {
        ev_timer_init(&backend->timer, on_timeout, worker->config->connect_timeout_ms / 1000., 0.);
    }
    ev_timer_start(worker->loop, &backend->timer);
    backend->state = BACKEND_GREETING;
    return backend;
}

static void end_parting(struct backend *backend)
{
    if (backend->parting)
        backend->worker->pool.parting--;
    backend->parting = PARTING_NOT;
}

bool backend_abandon(struct backend *backend)
{
    if (backend->state == BACKEND_FAILED || backend->state == BACKEND_CLOSED ||
        !stream_is_open(&backend->stream))
        return false;
    ev_timer_stop(backend->worker->loop, &backend->timer);
    end_parting(backend);
    backend->state = BACKEND_READY;
    return true;
}

void backend_close(struct backend *backend, const char *why)
{
    if (backend->state == BACKEND_CLOSED)
        return;
    struct worker *worker = backend->worker;
    log_debug("server connection %s/%u closed: %s", backend_server_name(backend),
              backend->thread_id, why);
    backend->state = BACKEND_CLOSED;
    ev_timer_stop(worker->loop, &backend->timer);
    stream_close(&backend->stream);
    free(backend->confirmed);
    backend->confirmed = NULL;
    free(backend->login_schema);
    free(backend->schema);
    backend->login_schema = NULL;
    end_parting(backend);
    give_place_back(backend);
    identity_unref(backend->identity);
    backend->identity = NULL;
    list_remove(&backend->node);
    list_append(&worker->dead_backends, &backend->node);
}

void backend_adopt(struct backend *backend, const struct backend_events *events, void *owner)
{
    backend->events = events;
    backend->owner = owner;
}
