/* A reply on its way to the client: bytes go out from the buffer they were received into; only what
 * the client's capabilities ask for is written anew. One pass over the buffer makes one write.
 *
 *     backend in-buffer: [definitions][rows .......][terminator]
 *     pieces             [as is      ]<EOF>[as is   ]<EOF or OK>    for a client without
 * DEPRECATE_EOF */
#include "proxy/relay.h"

#include "proxy/base/log.h"
#include "proxy/kill.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/definitions.h"
#include "proxy/replica.h"
#include "proxy/worker.h"
#include "router/reading.h"

#include <assert.h>
#include <errno.h>

enum {
    PIECES_MAX = 32,
    /* A command beyond max_allowed_packet: the server closes behind this error (measured). */
    ERROR_PACKET_TOO_LARGE = 1153,
};

/* A part of what the next write sends: bytes as received, or written anew (then an offset into
 * worker->rewritten, which may still move). */
struct piece {
    const uint8_t *data;
    size_t offset;
    size_t len;
};

struct relay {
    struct session *session;
    struct backend *backend;
    uint8_t *data;
    size_t len;
    size_t done; /* bytes of data that are forwarded, rewritten or dropped */
    size_t want; /* so many bytes must be in one piece to go on */
    int count;
    struct piece pieces[PIECES_MAX];
};

static void add_piece(struct relay *relay, const uint8_t *data, size_t offset, size_t len)
{
    if (len == 0)
        return;
    assert(relay->count < PIECES_MAX);
    relay->pieces[relay->count++] = (struct piece){data, offset, len};
}

static void add_received(struct relay *relay, size_t len)
{
    struct piece *last = relay->count ? &relay->pieces[relay->count - 1] : NULL;
    uint8_t *at = relay->data + relay->done;
    if (last && last->data && last->data + last->len == at)
        last->len += len;
    else
        add_piece(relay, at, 0, len);
    relay->done += len;
}

/* What was appended to worker->rewritten from `offset` on. */
static void add_rewritten(struct relay *relay, size_t offset)
{
    add_piece(relay, NULL, offset, relay->session->worker->rewritten.len - offset);
}

/* Sends the pieces. False: the client is gone. */
static bool flush(struct relay *relay)
{
    struct session *session = relay->session;
    struct buf *rewritten = &session->worker->rewritten;
    struct iovec parts[PIECES_MAX];
    size_t total = 0;
    if (relay->count == 0)
        return true;
    if (!session->command.begun)
        relay_note_begin(session);
    for (int i = 0; i < relay->count; i++) {
        const struct piece *piece = &relay->pieces[i];
        const uint8_t *data = piece->data ? piece->data : rewritten->data + piece->offset;
        parts[i] = (struct iovec){(void *)data, piece->len};
        total += piece->len;
    }
    int error = stream_write(&session->client, parts, relay->count);
    session->worker->counters.bytes_to_clients += total;
    relay->count = 0;
    rewritten->len = 0;
    if (error)
        session_close(session, strerror(-error));
    return error == 0;
}

/* --- packets that are looked at --- */

enum outcome { GO_ON, STOP, GONE };

/* GONE: the session went elsewhere or ended; nothing of it may be touched. */
static enum outcome bad_reply(struct relay *relay)
{
    if (relay->session->command.statement) /* what it was about to be sent it has not got */
        relay->session->command.statement->columns = 0;
    backend_fail(relay->backend, 2027, "HY000", "malformed reply");
    return GONE;
}

/* Statements of the text behind the one whose result is under way: each has one. */
static bool more_follow(const struct session *session)
{
    struct reading reading;
    uint32_t statement = 0;
    reading_start(&reading, session_sql(session), session_lex_mode(session));
    for (; !reading_at_end(&reading); reading_step(&reading))
        statement += token_is_symbol(&reading.token, ';') && reading.next.kind != TOKEN_END;
    return statement > session->parser.results;
}

static void insert_eof(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    struct buf *rewritten = &session->worker->rewritten;
    size_t offset = rewritten->len;
    uint16_t status;
    if (!result_foresee(&session->parser, relay->data + relay->done, relay->len - relay->done,
                        &status)) {
        status = session->status;
        if (session->command.flags & CLASS_MULTI && more_follow(session))
            status |= SERVER_MORE_RESULTS_EXISTS;
    }
    eof_build(rewritten, event->seq, session->parser.warnings,
              status & (uint16_t)~SERVER_SESSION_STATE_CHANGED);
    add_rewritten(relay, offset);
}

/* The packet as it came, numbered as the client counts. */
static void pass_packet(struct relay *relay, const struct result_event *event)
{
    relay->data[relay->done + 3] = event->seq;
    add_received(relay, event->packet_len);
}

static bool client_takes_as_is(const struct session *session, const struct ok_reply *ok)
{
    if (ok->status & SERVER_SESSION_STATE_CHANGED)
        return false;
    return ok->header == 0x00 || session->capabilities & CLIENT_DEPRECATE_EOF;
}

static enum outcome take_ok(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    struct buf *rewritten = &session->worker->rewritten;
    uint8_t *packet = relay->data + relay->done;
    struct ok_reply ok;
    if (ok_parse(span_of(packet + PACKET_HEADER_BYTES, event->packet_len - PACKET_HEADER_BYTES),
                 &ok) ||
        relay_note_ok(session, &ok))
        return bad_reply(relay);
    result_take(&session->parser, event, packet, ok.status);
    if (client_takes_as_is(session, &ok)) {
        pass_packet(relay, event);
        return GO_ON;
    }
    ok.state = buf_span(&session->worker->tracked);
    size_t offset = rewritten->len;
    ok_build(rewritten, event->seq, &ok, session->capabilities);
    relay->done += event->packet_len;
    add_rewritten(relay, offset);
    return GO_ON;
}

/* Stopped by the guard before any row (measured): a read that turned out to write. */
static bool is_write_on_follower(const struct relay *relay, const struct err_reply *err)
{
    const struct session *session = relay->session;
    const struct command *command = &session->command;
    bool may_move = command->forced < 0 || session->trx == relay->backend;
    return relay->backend->guarded && may_move && !command->begun && relay->count == 0 &&
           (err->code == 1792 || err->code == 1290);
}

/* Its text without its data, for who wants to give it a rule. */
static void log_found_write(const struct session *session)
{
    const struct command *command = &session->command;
    struct span sql = command->statement ? buf_span(&command->statement->sql) : (struct span){0};
    if (command->code == COM_QUERY)
        sql = span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                      command->len - PACKET_HEADER_BYTES - 1);
    char text[200];
    statement_fingerprint(sql, session->vars.wide_charset ? LEX_WIDE_CHARSET : 0, text,
                          sizeof(text));
    session_log(session, LOG_LEVEL_INFO,
                "a statement judged a read wants to write; running it on the leader: %s", text);
}

/* The answer to the question whether a KILL may be carried out. */
static enum outcome take_right(struct relay *relay, const struct result_event *event,
                               const uint8_t *packet, uint16_t code)
{
    struct session *session = relay->session;
    result_take(&session->parser, event, packet, 0);
    stream_consume(&relay->backend->stream, relay->done + event->packet_len);
    session->worker->busy[relay->backend->slot]--;
    session_enter(session, SESSION_WAIT_KILL);
    kill_right_told(session, code);
    return GONE;
}

static enum outcome run_on_leader(struct relay *relay, const struct result_event *event,
                                  const uint8_t *packet)
{
    struct session *session = relay->session;
    struct worker *worker = session->worker;
    log_found_write(session);
    worker->counters.writes_found++;
    write_digests_add(worker->write_digests, session->command.digest);
    result_take(&session->parser, event, packet, 0);
    stream_consume(&relay->backend->stream, relay->done + event->packet_len);
    worker->busy[relay->backend->slot]--;
    session->command.to_leader = true;
    session->command.repeatable = false;
    session_enter(session, SESSION_ROUTE);
    return GONE;
}

/* ER_UNKNOWN_STMT_HANDLER and ER_STMT_HAS_NO_OPEN_CURSOR name the server's id: the client's in its
 * place. False: there is nothing to replace. */
static bool name_statement(struct relay *relay, const struct result_event *event,
                           const struct err_reply *err)
{
    struct session *session = relay->session;
    const struct command *command = &session->command;
    if ((err->code != 1243 && err->code != 1421) || !(command->unknown || command->statement) ||
        command->len < STATEMENT_ID_AT + 4)
        return false;
    uint32_t sent = load_u32(stream_data(&session->client) + STATEMENT_ID_AT);
    uint32_t told = command->unknown ? command->unknown_id : command->statement->id;
    char digits[16];
    int len = snprintf(digits, sizeof(digits), "(%u)", sent);
    const uint8_t *at = memmem(err->message.data, err->message.len, digits, (size_t)len);
    if (sent == told || !at)
        return false;
    size_t before = (size_t)(at - err->message.data);
    size_t behind = before + (size_t)len;
    struct buf text = {0};
    buf_append(&text, err->message.data, before);
    buf_printf(&text, "(%u)", told);
    buf_append(&text, err->message.data + behind, err->message.len - behind);
    struct buf *rewritten = &session->worker->rewritten;
    size_t offset = rewritten->len;
    err_build(rewritten, event->seq, err->code, err->sqlstate, buf_span(&text));
    buf_free(&text);
    relay->done += event->packet_len;
    add_rewritten(relay, offset);
    return true;
}

static enum outcome take_err(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    uint8_t *packet = relay->data + relay->done;
    struct err_reply err;
    if (err_parse(span_of(packet + PACKET_HEADER_BYTES, event->packet_len - PACKET_HEADER_BYTES),
                  &err))
        return bad_reply(relay);
    if (session->command.asks_right)
        return take_right(relay, event, packet, err.code);
    if (is_write_on_follower(relay, &err))
        return run_on_leader(relay, event, packet);
    relay_note_err(session);
    session->command.last = err.code == ERROR_PACKET_TOO_LARGE;
    result_take(&session->parser, event, packet, 0);
    if (!name_statement(relay, event, &err))
        pass_packet(relay, event);
    return GO_ON;
}

/* --- definitions that the client has already --- */

static bool caches_columns(const struct session *session)
{
    return session->capabilities & MARIADB_CLIENT_CACHE_METADATA;
}

/* The definitions from data[done + skip] on: see definitions_look(); with 0 the relay waits. They
 * count as others once the client's character set has changed, as with a server (measured). */
static int look_at_definitions(struct relay *relay, size_t skip, unsigned count,
                               struct definitions *found)
{
    struct span rest = span_of(relay->data + relay->done + skip, relay->len - relay->done - skip);
    int whole = definitions_look(rest, count, relay->session->vars.client_charset, found);
    if (whole == 0)
        relay->want = skip + found->len;
    return whole;
}

/* A prepared statement's are dropped where this client was told the same last, whichever server
 * said it. The server connections know nothing of it: each would go by what it told itself. */
static enum outcome take_columns(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    const struct command *command = &session->command;
    struct buf *rewritten = &session->worker->rewritten;
    uint8_t *packet = relay->data + relay->done;
    struct reader reader =
        reader_of(span_of(packet + PACKET_HEADER_BYTES, event->packet_len - PACKET_HEADER_BYTES));
    unsigned count = (unsigned)read_lenenc(&reader);
    struct statement *statement = command->statement;
    bool known = false;
    struct definitions found = {0};
    if (statement) {
        int whole = look_at_definitions(relay, event->packet_len, count, &found);
        if (whole == 0)
            return STOP;
        uint64_t digest = whole > 0 ? found.digest : 0;
        known = digest && digest == statement->columns;
        statement->columns = digest;
    }
    result_take_columns(&session->parser, event, count, known);
    size_t offset = rewritten->len;
    column_count_build(rewritten, event->seq, count, !known);
    relay->done += event->packet_len + (known ? found.len : 0);
    add_rewritten(relay, offset);
    return GO_ON;
}

/* What a client is told of a statement's columns when it is prepared. 0: more must come. */
static int look_at_prepared(struct relay *relay, const struct result_event *event,
                            uint64_t *columns)
{
    const uint8_t *payload = relay->data + relay->done + PACKET_HEADER_BYTES;
    struct definitions found;
    *columns = 0;
    if (!caches_columns(relay->session) || load_u16(payload + 5) == 0)
        return 1;
    int whole = look_at_definitions(relay, event->packet_len, load_u16(payload + 7), &found);
    if (whole > 0)
        whole = look_at_definitions(relay, event->packet_len + found.len, load_u16(payload + 5),
                                    &found);
    if (whole > 0)
        *columns = found.digest;
    return whole;
}

/* The server has prepared it: from now on it has an id of the client's. */
static enum outcome take_prepare_ok(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    struct command *command = &session->command;
    uint8_t *packet = relay->data + relay->done;
    uint8_t *payload = packet + PACKET_HEADER_BYTES;
    struct span sql = {0};
    uint64_t columns;
    if (look_at_prepared(relay, event, &columns) == 0)
        return STOP;
    if (command->streamed) /* this connection alone has its text */
        session->sticky |= STICKY_LONG_TEXT;
    else
        sql = span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                      command->len - PACKET_HEADER_BYTES - 1);
    struct statement_class class = {
        .target = command->previous                      ? CLASS_PREVIOUS
                  : command->read && !command->to_leader ? CLASS_READ
                                                         : CLASS_LEADER,
        .flags = command->flags,
        .digest = command->digest,
    };
    struct statement *statement = statements_add(&session->statements, sql, &class);
    statement->consistency = command->consistency;
    statement->forced_slot = command->forced;
    if (command->key)
        buf_append_span(&statement->key, session_command_key_name(session));
    statement->parameters = load_u16(payload + 7);
    statement->columns = columns;
    statement_prepared(statement, relay->backend, load_u32(payload + 1));
    keep_note_prepared(session, load_u16(payload + 10));
    result_take(&session->parser, event, packet, 0);
    store_u32(payload + 1, statement->id);
    pass_packet(relay, event);
    return GO_ON;
}

static enum outcome take_infile(struct relay *relay, const struct result_event *event)
{
    struct session *session = relay->session;
    result_take(&session->parser, event, relay->data + relay->done, 0);
    pass_packet(relay, event);
    return STOP;
}

static enum outcome take_event(struct relay *relay, const struct result_event *event)
{
    switch (event->kind) {
    case RESULT_EVENT_NEED: relay->want = event->need_bytes; return STOP;
    case RESULT_EVENT_INSERT_EOF: insert_eof(relay, event); return GO_ON;
    case RESULT_EVENT_OK: return take_ok(relay, event);
    case RESULT_EVENT_ERR: return take_err(relay, event);
    case RESULT_EVENT_COLUMNS: return take_columns(relay, event);
    case RESULT_EVENT_PREPARE_OK: return take_prepare_ok(relay, event);
    case RESULT_EVENT_INFILE: return take_infile(relay, event);
    case RESULT_EVENT_BAD: break;
    }
    return bad_reply(relay);
}

/* --- the step --- */

static enum step finish(struct session *session)
{
    relay_note_end(session);
    if (session->command.code == COM_REGISTER_SLAVE && session->command.failed)
        session->sticky &= ~(unsigned)STICKY_REPLICA;
    if (session->command.last) {
        session_close(session, "its command was longer than the server's max_allowed_packet");
        return STEP_WAIT;
    }
    session->worker->busy[session->running->slot]--;
    return session_finish_command(session);
}

/* The client's command is with the server: its bytes make room for the file. */
static enum step start_infile(struct session *session)
{
    struct command *command = &session->command;
    stream_consume(&session->client, command->len);
    command->len = 0;
    command->rest = 0;
    command->more_packets = true;
    session_enter(session, SESSION_INFILE);
    if (session->client.paused && !session->client_ended)
        stream_resume(&session->client);
    return STEP_MORE;
}

/* Goes through what was received, sends it, and says what comes next. */
static enum step relay_received(struct session *session)
{
    struct backend *backend = session->running;
    session->worker->rewritten.len = 0;
    struct relay relay = {
        .session = session,
        .backend = backend,
        .data = stream_data(&backend->stream),
        .len = stream_len(&backend->stream),
    };
    struct result_event event = {.kind = RESULT_EVENT_NEED};
    enum outcome outcome = GO_ON;
    while (outcome == GO_ON && !result_ended(&session->parser)) {
        size_t used =
            result_feed(&session->parser, relay.data + relay.done, relay.len - relay.done, &event);
        add_received(&relay, used);
        outcome = take_event(&relay, &event);
        if (outcome == GONE)
            return STEP_MORE;
        if (relay.count >= PIECES_MAX - 3 && !flush(&relay))
            return STEP_WAIT;
    }
    if (!flush(&relay))
        return STEP_WAIT;
    stream_consume(&backend->stream, relay.done);
    if (result_ended(&session->parser))
        return finish(session);
    if (event.kind == RESULT_EVENT_INFILE)
        return start_infile(session);
    if (relay.want > 1)
        stream_want(&backend->stream, relay.want);
    return STEP_WAIT;
}

/* COM_STMT_EXECUTE: statement id (4 bytes), then flags; 0: no cursor. */
static bool cursor_asked(const struct session *session)
{
    const struct command *command = &session->command;
    size_t flags_at = PACKET_HEADER_BYTES + 1 + 4;
    return command->code == COM_STMT_EXECUTE && command->len > flags_at &&
           stream_data(&session->client)[flags_at] != 0;
}

enum step step_relay(struct session *session)
{
    struct command *command = &session->command;
    struct backend *backend = session->running;
    if (command->prelude_due > 0) {
        int taken = prelude_take(session);
        if (taken <= 0)
            return taken == 0 ? STEP_WAIT : STEP_MORE;
    }
    if (!command->relaying) {
        result_open(&session->parser, command->shape,
                    !(session->capabilities & CLIENT_DEPRECATE_EOF));
        session->parser.cursor_asked = cursor_asked(session);
        session->parser.tells_columns = caches_columns(session);
        command->relaying = true;
    }
    if (replica_streams(session) && !replica_pass(session))
        return STEP_WAIT;
    if (stream_blocked(&session->client)) {
        if (!backend->stream.paused)
            stream_pause(&backend->stream);
        return STEP_WAIT;
    }
    if (backend->stream.paused)
        stream_resume(&backend->stream);
    if (stream_len(&backend->stream) == 0)
        return STEP_WAIT;
    return relay_received(session);
}

/* --- servers that die --- */

void relay_cut_short(struct session *session)
{
    const struct result_parser *parser = &session->parser;
    if (parser->payload_left > 0 || parser->continued || !session->command.repeatable) {
        session_log(session, LOG_LEVEL_WARN,
                    "the server failed in the middle of a reply; closing the client");
        session_close(session, "the server failed in the middle of a reply");
        return;
    }
    struct buf out = {0};
    err_printf(&out, (uint8_t)(parser->last_seq + parser->seq_shift + 1), 1159, "08S01",
               "The server failed in the middle of the result");
    if (session_send(session, buf_span(&out)))
        session_finish_command(session);
    buf_free(&out);
}

void relay_last_words(struct session *session, struct backend *backend)
{
    size_t len = stream_len(&backend->stream);
    if (len > 0)
        (void)session_send(session, span_of(stream_data(&backend->stream), len));
}
