/* The command on its way to the server, from the buffer it was received into: whole, or passing
 * through when it is too long to hold; and the client's file of a LOAD DATA LOCAL. */
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/kill.h"
#include "proxy/proto/command.h"
#include "proxy/replica.h"
#include "proxy/session.h"
#include "proxy/worker.h"

/* Above those that servers give (server source sql/sql_class.h, STMT_ID_MASK). */
enum { FAR_ID = 0x40000000 };

static enum step broken(struct backend *backend, int error)
{
    backend_fail(backend, 2013, "08S01", "%s", strerror(-error));
    return STEP_WAIT;
}

/* Puts the server's statement id in the place of the client's; `anew` gets the packet, as far as it
 * is held, when parameter types must be put in as well. Negative: that is not possible. */
static int address_statement(struct session *session, struct buf *anew)
{
    struct command *command = &session->command;
    struct statement *statement = command->statement;
    struct prepared_on *on = statement_on(statement, session->running);
    uint8_t *packet = stream_data(&session->client);
    store_u32(packet + STATEMENT_ID_AT, on->remote_id);
    statement->last_serial = session->running->serial;
    if (command->code == COM_STMT_SEND_LONG_DATA) {
        statement->long_data_serial = session->running->serial;
        session->statements.bound = true;
    }
    if (statement_types_end(statement, command->code) == 0)
        return 0;
    int error = statement_add_types(statement, on, span_of(packet, command->len), anew);
    if (error >= 0)
        on->types_version = statement->types_version;
    return error;
}

/* Of a statement that there is not: an id that the server does not have either. */
static void address_nothing(struct session *session)
{
    const struct backend *backend = session->running;
    uint32_t id = session->command.unknown_id;
    while (id == STATEMENT_ID_LAST || statements_know(&session->statements, backend, id))
        id = (id - 1) | FAR_ID;
    store_u32(stream_data(&session->client) + STATEMENT_ID_AT, id);
}

/* In the place of a KILL. */
static void write_question(struct buf *out)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, COM_QUERY);
    buf_append_span(out, kill_question());
    packet_end(out, begin, 0);
}

static void count(struct session *session)
{
    struct counters *counters = &session->worker->counters;
    counters->statements++;
    counters->bytes_to_servers += session->command.len;
    if (session->running->guarded)
        counters->statements_follower++;
    else
        counters->statements_leader++;
    if (session->command.move)
        counters->moves++;
}

static enum step sent(struct session *session)
{
    if (session->command.shape != RESULT_SHAPE_NONE) {
        session_enter(session, SESSION_RELAY);
        if (session->client_ended)
            session_pass_end_on(session);
        return STEP_WAIT;
    }
    session->worker->busy[session->running->slot]--;
    return session_finish_command(session);
}

enum step step_send(struct session *session)
{
    struct worker *worker = session->worker;
    struct command *command = &session->command;
    struct backend *backend = session->running;
    if (command->code == COM_CONNECT)
        return client_auth_finish(session);
    if (command->killed)
        return kill_refused(session);
    struct buf anew = {0};
    if (command->asks_right)
        write_question(&anew);
    else if (command->unknown)
        address_nothing(session);
    else if (command->statement && address_statement(session, &anew) < 0)
        return session_refuse(session, 1210, "HY000",
                              "The types of these parameters were told to a connection that is "
                              "gone; prepare the statement again");
    struct iovec parts[2] = {
        {worker->prelude.data, command->prelude_due ? worker->prelude.len : 0},
        {stream_data(&session->client), command->len},
    };
    if (anew.len)
        parts[1] = (struct iovec){anew.data, anew.len};
    worker->busy[backend->slot]++;
    command->relaying = false;
    count(session);
    if (backend->guarded && worker->config->policy.pooling == POOLING_TRANSACTION)
        command->sent_us = clock_now_us();
    bool ahead = parts[0].iov_len > 0;
    int error = stream_write(&backend->stream, ahead ? parts : parts + 1, ahead ? 2 : 1);
    buf_free(&anew);
    if (error) {
        /* Refused at once: the connection was closed before, so nothing of this has run. */
        worker->busy[backend->slot]--;
        session_enter(session, SESSION_PRELUDE);
        return broken(backend, error);
    }
    bool keeps = !command->streamed && !replica_streams(session);
    if (!keeps) { /* what follows it from the client passes through */
        stream_consume(&session->client, command->len);
        command->len = 0;
    }
    if (!command->streamed)
        return sent(session);
    session_enter(session, SESSION_SEND_REST);
    return STEP_MORE;
}

/* Passes up to `*rest` bytes of the client on. False: wait, or the session is over. */
static bool pass(struct session *session, uint64_t *rest)
{
    struct stream *client = &session->client;
    struct backend *backend = session->running;
    if (stream_blocked(&backend->stream)) {
        if (!client->paused)
            stream_pause(client);
        return false;
    }
    if (client->paused && !session->client_ended)
        stream_resume(client);
    size_t len = stream_len(client) < *rest ? stream_len(client) : (size_t)*rest;
    if (len == 0) {
        if (session->client_ended)
            session_close(session, "the client left in the middle of a command");
        return false;
    }
    int error = stream_write_span(&backend->stream, span_of(stream_data(client), len));
    if (error) {
        (void)stream_receive(&backend->stream); /* why it does not want the rest */
        broken(backend, error);
        return false;
    }
    session->worker->counters.bytes_to_servers += len;
    stream_consume(client, len);
    *rest -= len;
    return true;
}

/* Looks at the next packet header of the client without consuming it. False: it is not all there.
 */
static bool next_header(struct session *session, uint32_t *payload_len)
{
    if (stream_len(&session->client) < PACKET_HEADER_BYTES) {
        if (session->client_ended)
            session_close(session, "the client left in the middle of a command");
        else if (session->client.paused)
            stream_resume(&session->client);
        return false;
    }
    *payload_len = packet_payload_len(stream_data(&session->client));
    return true;
}

/* The server may have answered already. */
static enum step finish_rest(struct session *session)
{
    sent(session);
    return STEP_MORE;
}

enum step step_send_rest(struct session *session)
{
    struct command *command = &session->command;
    for (;;) {
        while (command->rest > 0)
            if (!pass(session, &command->rest))
                return STEP_WAIT;
        if (!command->more_packets)
            return finish_rest(session);
        uint32_t len;
        if (!next_header(session, &len))
            return STEP_WAIT;
        command->rest = PACKET_HEADER_BYTES + len;
        command->more_packets = len == PACKET_PAYLOAD_MAX;
    }
}

static enum step answer_refused(struct session *session)
{
    if (session->refusal.len == 0)
        return session_finish_command(session);
    session->refusal.data[3] = (uint8_t)(session->command.last_seq + 1);
    bool sent = session_send(session, buf_span(&session->refusal));
    buf_free(&session->refusal);
    return sent ? session_finish_command(session) : STEP_WAIT;
}

/* The packets of a command that was refused, up to its end; then the client gets the answer. */
enum step step_discard(struct session *session)
{
    struct command *command = &session->command;
    struct stream *client = &session->client;
    for (;;) {
        size_t len = stream_len(client);
        len = len < command->rest ? len : (size_t)command->rest;
        stream_consume(client, len);
        command->rest -= len;
        if (command->rest > 0 && session->client_ended)
            session_close(session, "the client left in the middle of a command");
        if (command->rest > 0)
            return STEP_WAIT;
        if (!command->more_packets)
            return answer_refused(session);
        uint32_t payload_len;
        if (!next_header(session, &payload_len))
            return STEP_WAIT;
        command->last_seq = packet_seq(stream_data(client));
        command->rest = PACKET_HEADER_BYTES + payload_len;
        command->more_packets = payload_len == PACKET_PAYLOAD_MAX;
    }
}

/* The client's file: packets up to an empty one, then the server answers. */
enum step step_infile(struct session *session)
{
    struct command *command = &session->command;
    for (;;) {
        while (command->rest > 0)
            if (!pass(session, &command->rest))
                return STEP_WAIT;
        if (!command->more_packets) {
            session_enter(session, SESSION_RELAY);
            return STEP_MORE;
        }
        uint32_t len;
        if (!next_header(session, &len))
            return STEP_WAIT;
        /* The client numbers on from what it saw; the server from what it sent. */
        uint8_t *header = stream_data(&session->client);
        header[3] = (uint8_t)(header[3] - session->parser.seq_shift);
        command->rest = PACKET_HEADER_BYTES + len;
        command->more_packets = len > 0;
    }
}
