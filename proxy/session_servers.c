/* The server connections of a session: taken from the pool or opened, given back, and what their
 * loss means for the client (docs/OPERATIONS.md). */
#include "proxy/base/log.h"
#include "proxy/client_relay.h"
#include "proxy/lend.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/relay.h"
#include "proxy/session.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

/* --- taking and giving back --- */

void session_part(struct session *session, const struct backend *backend)
{
    if (session->leader == backend)
        session->leader = NULL;
    if (session->reader == backend)
        session->reader = NULL;
    if (session->running == backend)
        session->running = NULL;
    if (session->trx == backend)
        session->trx = NULL;
}

void session_release(struct session *session, struct backend **place)
{
    struct backend *backend = *place;
    if (!backend)
        return;
    session_part(session, backend);
    pool_put(session->worker, backend);
}

static bool fits(const struct backend *backend, const struct topology_server *server)
{
    return backend->slot == server->slot && backend->state == BACKEND_READY;
}

enum step session_use(struct session *session, struct backend *backend)
{
    session->running = backend;
    session_enter(session, SESSION_PRELUDE);
    return STEP_MORE;
}

static void note_pin(struct session *session, const struct topology_server *server, bool leads)
{
    const struct command *command = &session->command;
    if (!command->read || command->code == COM_CONNECT || command->forced >= 0)
        return;
    struct requirement *requirement = session_requirement(session);
    if (!leads)
        requirement->pin = (int)server->slot;
    else if (requirement->pin < 0 &&
             session->worker->config->policy.reads_on_leader == READS_ON_LEADER_SHARE)
        requirement->pin = (int)server->slot;
    session_settle(session);
}

/* The read was to move to another follower, but a cursor is open on its reader: what the reader
 * does not cover, the leader serves. */
static bool must_stay(struct session *session, const struct backend *reader,
                      const struct topology_server *server)
{
    const struct command *command = &session->command;
    return reader && reader->guarded && reader->slot != server->slot && command->read &&
           reader->state == BACKEND_READY && command->forced < 0 && command->code != COM_CONNECT &&
           keep_binds_statements(session);
}

enum step step_attach(struct session *session)
{
    struct worker *worker = session->worker;
    const struct topology *topology = worker->topology;
    const struct topology_server *server = &topology->servers[session->command.target];
    bool leads = session->command.target == topology->leader;
    struct backend **place = leads ? &session->leader : &session->reader;
    if (must_stay(session, *place, server)) {
        session->command.to_leader = true;
        session_enter(session, SESSION_ROUTE);
        return STEP_MORE;
    }
    note_pin(session, server, leads);
    if (*place && !fits(*place, server))
        session_release(session, place);
    if (*place && !lend_must_yield(session, *place))
        return session_use(session, *place);
    return lend_acquire(session, server, !leads);
}

/* --- loss --- */

/* The session is told that its transaction is gone: the error on which applications try again. */
static enum step lose_transaction(struct session *session)
{
    /* Without a reply this command can't say it: the next one does. */
    session->trx_lost = session->command.code == COM_STMT_SEND_LONG_DATA;
    session->status &= (uint16_t) ~(SERVER_STATUS_IN_TRANS | SERVER_STATUS_IN_TRANS_READONLY);
    return session_refuse(session, 1213, "40001",
                          "the server of this transaction failed; the transaction was rolled "
                          "back, try restarting it");
}

/* Without that server, unless it was only a connection that had stood for long and broke. */
static void run_elsewhere(struct session *session, unsigned slot, bool reused)
{
    if (!reused)
        session->command.excluded_slots |= UINT64_C(1) << slot;
    session->command.waited = false;
    session_enter(session, SESSION_ROUTE);
}

/* True for a statement that can't have committed its transaction. */
static bool cannot_commit(const struct session *session)
{
    static const char *const words[] = {"select",  "insert",    "update", "delete",
                                        "replace", "savepoint", "with"};
    const struct command *command = &session->command;
    struct span sql = {0};
    if (command->statement)
        sql = buf_span(&command->statement->sql);
    else if (command->code == COM_QUERY && !command->streamed)
        sql = span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                      command->len - PACKET_HEADER_BYTES - 1);
    if (command->flags & (CLASS_MULTI | CLASS_OPAQUE))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);
        if (sql.len > len && strncasecmp((const char *)sql.data, words[i], len) == 0)
            return true;
    }
    return false;
}

/* Why the session can't go on with another connection to the leader; NULL: it can. */
static const char *irreplaceable(const struct session *session)
{
    if (session->sticky & STICKY_SURELY)
        return "its leader connection is gone, and with it what can't be replayed";
    if (session->identity->relayed && session->command.code != COM_CONNECT)
        return "its leader connection is gone, and only its client could log in to another";
    return NULL;
}

/* The server failed while it had the command. */
static void lost_in_flight(struct session *session, const struct backend *backend, bool was_trx)
{
    bool guarded = backend->guarded;
    struct command *command = &session->command;
    if (!guarded && irreplaceable(session)) {
        session_close(session, irreplaceable(session));
    } else if (command->begun) {
        session->trx_lost = session->trx_lost || was_trx;
        if (!guarded) /* rows of the leader were seen, and its last word on them will not come */
            relay_note_leader_seen(session);
        relay_cut_short(session);
    } else if (guarded && command->code == COM_STMT_FETCH) {
        session_refuse(session, 1421, "HY000", "the server of this cursor failed");
    } else if (was_trx && (guarded || cannot_commit(session))) {
        lose_transaction(session);
    } else if (was_trx) {
        session_log(session, LOG_LEVEL_WARN,
                    "the leader failed while a statement was under way: outcome unknown; closing");
        session_close(session, "outcome unknown");
    } else if (command->killed && (guarded || command->repeatable)) {
        session_refuse(session, 1317, "70100", "Query execution was interrupted");
    } else if (guarded || command->repeatable || command->flags & (CLASS_SET | CLASS_USE) ||
               command->code == COM_INIT_DB) {
        session->worker->counters.reads_retried++;
        session_log(session, LOG_LEVEL_INFO, "the server failed; running the read elsewhere");
        run_elsewhere(session, backend->slot, backend->reused);
    } else {
        session_log(session, LOG_LEVEL_WARN,
                    "the leader failed while a write was under way: outcome unknown; closing");
        session_close(session, "outcome unknown");
    }
}

/* It failed before the command was sent. */
static void lost_before_send(struct session *session, const struct backend *backend, bool was_trx)
{
    bool servers_word =
        backend->error_code < 2000; /* an ERR of the server, not of the connection */
    /* With a changed password, say, no new connection can be made until the client logs in again.
     */
    if (servers_word && backend->guarded &&
        (session->identity->vouched ||
         !identity_stands(session->identity, session->worker->accounts)))
        session->outdated = true;
    if (!backend->guarded && irreplaceable(session))
        session_close(session, irreplaceable(session));
    else if (was_trx)
        lose_transaction(session);
    else if (servers_word && !backend->guarded)
        session_refuse(session, backend->error_code, backend->error_sqlstate, "%s",
                       backend->error_text);
    else
        run_elsewhere(session, backend->slot, backend->reused);
}

static void lost_idle(struct session *session, bool guarded, bool was_trx)
{
    session->trx_lost = session->trx_lost || was_trx; /* until the client has heard of it */
    if (!guarded && irreplaceable(session)) {
        session_log(session, LOG_LEVEL_WARN, "%s; closing", irreplaceable(session));
        session_close(session, irreplaceable(session));
    }
}

/* Takes the failed connection away from the session; true when it was running the command. */
static bool detach(struct session *session, struct backend *backend)
{
    struct worker *worker = session->worker;
    /* Before ATTACH `running` is where the last command ran: this one may wait for something else,
     * and goes on waiting. */
    bool busy = session->running == backend && session->state >= SESSION_ATTACH;
    if (busy && session->state > SESSION_SEND)
        worker->busy[backend->slot]--;
    if (session->command.asked_for == backend)
        session->command.asked_for = NULL;
    if (session->reader == backend)
        session_reader_lost(session, backend->slot);
    session_part(session, backend);
    if (!backend->guarded)
        worker->counters.leader_lost++;
    return busy;
}

void session_backend_failed(struct backend *backend)
{
    struct session *session = backend->owner;
    struct worker *worker = session->worker;
    enum session_state state = session->state;
    bool was_trx = session->trx == backend;
    bool guarded = backend->guarded;
    unsigned slot = backend->slot;
    const struct topology_server *server = worker_server(worker, (int)slot);
    session_log(session, LOG_LEVEL_INFO, "its connection to %s is lost in state %s: %s",
                server ? server->name : "a server that is gone", session_state_name(state),
                backend->error_text);
    if (backend->error_code >= 2000)
        worker->requests.suspect(worker->requests.context, slot);
    if (state == SESSION_SEND_REST && session->running == backend)
        relay_last_words(session, backend);
    /* A whole command of which the socket took nothing has not run. */
    bool unsent = state == SESSION_RELAY && backend->stream.refused && !session->command.streamed;
    bool busy = detach(session, backend);
    if (busy && backend->half_closed)
        session_close(session, "its client left, and so did the server");
    else if (!busy)
        lost_idle(session, guarded, was_trx);
    else if (state < SESSION_SEND || unsent)
        lost_before_send(session, backend, was_trx);
    else if (state == SESSION_SEND_REST || state == SESSION_INFILE)
        session_close(session, "the server failed in the middle of a long command");
    else
        lost_in_flight(session, backend, was_trx);
    backend_close(backend, backend->error_text);
    session_run(session);
}

/* --- events --- */

static void on_ready(struct backend *backend)
{
    struct session *session = backend->owner;
    assert(session->running == backend);
    session_enter(session, SESSION_PRELUDE);
    session_run(session);
}

static void on_readable(struct backend *backend)
{
    struct session *session = backend->owner;
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    bool expected = session->running == backend &&
                    (session->state >= SESSION_SEND || session->state == SESSION_WAIT_PRELUDE);
    if (n > 0 && expected)
        session_run(session);
    else if (n == 0)
        backend_fail(backend, 2013, "08S01", "the server closed the connection");
    else if (n < 0)
        backend_fail(backend, 2013, "08S01", "%s", strerror((int)-n));
    else
        backend_fail(backend, 2027, "HY000", "the server spoke out of turn");
}

static void on_drained(struct backend *backend)
{
    struct session *session = backend->owner;
    if (session->running != backend)
        return;
    if (session->client.paused && !session->client_ended)
        stream_resume(&session->client);
    session_run(session);
}

const struct backend_events session_backend_events = {on_ready, on_readable, on_drained,
                                                      session_backend_failed, client_relay_ask};

/* --- a new topology --- */

/* A read that the server has, but of whose reply nothing has come yet. */
static bool waits_for_read(const struct session *session, const struct backend *reader)
{
    return session->running == reader && session->state == SESSION_RELAY &&
           session->command.repeatable && !session->command.begun && session->trx != reader;
}

static bool idle_on(const struct session *session, const struct backend *reader)
{
    return session->state <= SESSION_COMMAND && session->trx != reader;
}

/* A server that does not answer (a stopped process accepts and is silent) keeps no read waiting. */
static void review_reader(struct session *session, struct backend *reader, int leader_slot)
{
    const struct topology_server *server = worker_server(session->worker, (int)reader->slot);
    bool follows = server && (int)reader->slot != leader_slot;
    if (reader->state != BACKEND_READY || (follows && server->reachable))
        return;
    if (!follows)
        backend_fail(reader, 2013, "08S01", "this server follows no more");
    else if (waits_for_read(session, reader) || idle_on(session, reader))
        backend_fail(reader, 2013, "08S01", "the server does not answer");
}

void session_review(struct session *session)
{
    const struct topology *topology = session->worker->topology;
    int leader_slot = topology->leader < 0 ? -1 : (int)topology->servers[topology->leader].slot;
    struct backend *leader = session->leader;
    struct backend *reader = session->reader;
    /* One that is still being opened too: its command must not reach a server that led before. */
    if (leader && topology->barrier == BARRIER_CUT)
        backend_fail(leader, 2013, "08S01", "the leader is being replaced");
    else if (leader && leader_slot >= 0 && (int)leader->slot != leader_slot)
        backend_fail(leader, 2013, "08S01", "another server leads now");
    if (session->state == SESSION_CLOSED || !reader || session->reader != reader)
        return;
    review_reader(session, reader, leader_slot);
}
