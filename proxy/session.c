/* The life of a session: see session.h. */
#include "proxy/session.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/leaving.h"
#include "proxy/lend.h"
#include "proxy/proto/reply.h"
#include "proxy/replica.h"
#include "proxy/session_warnings.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LOGIN_RECEIVE_MAX = 64 << 10, /* bytes of a client that has not logged in */
};

void session_log(const struct session *session, int level, const char *format, ...)
{
    if ((int)log_get_level() < level)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct topology_server *server =
        session->running ? worker_server(session->worker, (int)session->running->slot) : NULL;
    log_line((enum log_level)level, "session %u %s@%s%s%s: %s", session->id,
             session->identity ? session->identity->user : "?", session->peer, server ? " on " : "",
             server ? server->name : "", text);
}

/* --- the client's socket --- */

/* More than this is not taken in while a command is under way. */
static bool full_enough(const struct session *session)
{
    if (session->state < SESSION_COMMAND)
        return stream_len(&session->client) > LOGIN_RECEIVE_MAX;
    return session->state != SESSION_COMMAND && session->state != SESSION_DISCARD &&
           session->state != SESSION_SEND_REST && session->state != SESSION_INFILE &&
           stream_len(&session->client) >= session->command.len + STREAM_SMALL_BYTES;
}

void session_pass_end_on(struct session *session)
{
    const struct command *command = &session->command;
    struct backend *backend = session->running;
    size_t held = command->streamed ? 0 : command->len;
    if (session->state != SESSION_RELAY || !backend || backend->half_closed ||
        command->asks_right || replica_streams(session) || stream_len(&session->client) > held)
        return;
    if (stream_half_close(&backend->stream) == 0)
        backend->half_closed = backend->tainted = true;
}

static void client_readable(struct session *session)
{
    ssize_t n = stream_receive(&session->client);
    if (n == -EAGAIN)
        return;
    if (n == -ENOBUFS || full_enough(session)) {
        if (session->state < SESSION_COMMAND) {
            session_protocol_error(session, "too many bytes before login");
            return;
        }
        stream_pause(&session->client);
        return;
    }
    if (n == -EPROTO) {
        session_protocol_error(session, stream_error_text(&session->client, (int)n));
        return;
    }
    if (n < 0) {
        session_close(session, stream_error_text(&session->client, (int)n));
        return;
    }
    if (n == 0) {
        /* Half closed: what was sent before is still answered. */
        session->client_ended = true;
        stream_pause(&session->client);
        session_pass_end_on(session);
    }
    session_run(session);
}

static void on_client(struct stream *stream, enum stream_event event)
{
    struct session *session = stream->owner;
    switch (event) {
    case STREAM_READABLE: client_readable(session); break;
    case STREAM_DRAINED: session_run(session); break;
    case STREAM_FAILED: session_close(session, strerror(-stream->error)); break;
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    session_on_timer(list_object(timer, struct session, timer));
}

bool session_send(struct session *session, struct span bytes)
{
    int error = stream_write_span(&session->client, bytes);
    session->worker->counters.bytes_to_clients += bytes.len;
    if (error)
        session_close(session, strerror(-error));
    return error == 0;
}

/* --- life --- */

static bool id_is_used(const struct worker *worker, uint32_t id)
{
    list_for_each (node, &worker->sessions)
        if (list_object(node, struct session, node)->id == id)
            return true;
    return false;
}

static uint32_t next_id(struct worker *worker)
{
    uint32_t id;
    do {
        uint32_t counter = worker->next_session & SESSION_ID_COUNTER_MASK;
        id = SESSION_ID_BASE + (worker->index << SESSION_ID_WORKER_SHIFT) + counter;
        /* Once all have been given, an old session may still have this one. */
    } while (worker->next_session++ > SESSION_ID_COUNTER_MASK && id_is_used(worker, id));
    return id;
}

/* True when there is room for one more client. */
static bool take_place(struct worker *worker)
{
    if (atomic_fetch_add(&worker->shared->clients, 1) < worker->config->max_clients)
        return true;
    atomic_fetch_sub(&worker->shared->clients, 1);
    return false;
}

/* As a server does before its greeting: ERR without SQLSTATE (measured). */
static void refuse_too_many(struct worker *worker, int fd)
{
    static const char text[] = "Too many connections";
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, 0xff);
    buf_append_u16(&out, 1040);
    buf_append_text(&out, text);
    packet_end(&out, begin, 0);
    ssize_t ignored = send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    buf_free(&out);
    close(fd);
    if (worker->counters.connections_refused++ == 0)
        log_warn("worker %u: a client was refused: max_clients = %u is reached", worker->index,
                 worker->config->max_clients);
}

void session_open(struct worker *worker, int fd, const struct sockaddr *peer)
{
    if (!take_place(worker)) {
        refuse_too_many(worker, fd);
        return;
    }
    struct session *session = slab_get(&worker->session_slab);
    session->worker = worker;
    session->id = next_id(worker);
    session->connected_ms = clock_now_ms();
    address_host_text(peer, session->peer, sizeof(session->peer));
    list_append(&worker->sessions, &session->node);
    list_init(&session->wait_node);
    list_init(&session->bound_waiter.node);
    requirement_init(&session->requirement);
    sessvars_init(&session->vars);
    held_init(&session->held);
    keep_forget(session);
    statements_init(&session->statements, &worker->statement_slab);
    ev_timer_init(&session->timer, on_timer, 0., 0.);
    stream_open(&session->client, worker->loop, &worker->stream_pool, fd, on_client, session);
    worker->counters.connections++;
    client_auth_begin(session);
}

static void release_or_drop(struct session *session, struct backend **place, const char *why)
{
    struct backend *backend = *place;
    if (!backend)
        return;
    bool in_use = session->running == backend && session->state > SESSION_COMMAND;
    if (in_use && replica_streams(session)) { /* without end, and its server listens no more */
        *place = NULL;
        backend_close(backend, why);
    } else if (in_use || backend->state != BACKEND_READY) {
        *place = NULL;
        leaving_abandon(backend, why);
    } else if (session->sticky & STICKY_READS || session->trx == backend) {
        session_part(session, backend);
        leaving_begin(backend, NULL, why);
    } else {
        session_release(session, place);
    }
}

void session_close(struct session *session, const char *why)
{
    if (session->state == SESSION_CLOSED)
        return;
    struct worker *worker = session->worker;
    session_log(session, LOG_LEVEL_DEBUG, "closed in state %s: %s",
                session_state_name(session->state), why);
    if (session->state > SESSION_SEND && session->running)
        worker->busy[session->running->slot]--;
    release_or_drop(session, &session->leader, why);
    release_or_drop(session, &session->reader, why);
    session->running = NULL;
    session->trx = NULL;
    session_enter(session, SESSION_CLOSED);
    session_disarm(session);
    list_remove(&session->wait_node);
    lend_cancel(session);
    bound_forget(&session->bound_waiter);
    session_forget_keys(session);
    stream_close(&session->client);
    client_auth_forget(session);
    identity_unref(session->identity);
    session->identity = NULL;
    sessvars_free(&session->vars);
    user_vars_free(&session->user_vars);
    warnings_forget(session);
    held_free(&session->held);
    buf_free(&session->refusal);
    statements_clear(&session->statements);
    memory_wipe(session->salt, sizeof(session->salt));
    atomic_fetch_sub(&worker->shared->clients, 1);
    list_remove(&session->node);
    list_append(&worker->dead_sessions, &session->node);
}

void session_protocol_error(struct session *session, const char *what)
{
    session->worker->counters.protocol_errors++;
    session_log(session, LOG_LEVEL_WARN, "protocol error: %s; closing this client", what);
    session_close(session, what);
}
