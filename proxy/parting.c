/* What a connection is asked before its session parts with it: see parting.h. */
#include "proxy/parting.h"

#include "proxy/base/clock.h"
#include "proxy/lend.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/text_rows.h"
#include "proxy/session_warnings.h"
#include "proxy/worker.h"
#include "router/user_var_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MAX_BYTES = 1 << 20, /* far above 64 variables of 1 KiB, or 64 warnings */
    ANSWER_STEP_BYTES = 64 << 10,
};
enum { COUNTS = 3, NAMES = 2 }; /* columns of the answers */

/* --- the questions --- */

static int say(struct backend *backend, enum parting parting, struct span sql)
{
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, COM_QUERY);
    buf_append_span(&out, sql);
    packet_end(&out, begin, 0);
    backend->parting = parting;
    int error = stream_write_span(&backend->stream, buf_span(&out));
    buf_free(&out);
    return error;
}

static void ask(struct backend *backend, enum parting parting, const struct buf *sql)
{
    int error = say(backend, parting, buf_span(sql));
    if (error)
        backend_fail(backend, 2013, "08S01", "%s", strerror(-error));
}

/* --- the answers: each gives the next question, or negative when it is none --- */

/* This question has tables: it takes the warnings of the statement before. */
static int ask_variables(struct backend *backend, struct buf *sql)
{
    struct session *session = backend->owner;
    if (backend->guarded || !(session->sticky & STICKY_VARIABLES))
        return PARTING_NOT;
    if (keep_has_warnings(session, backend))
        session->aftermath.lost = true;
    user_var_names_sql(sql, USER_VARS_MAX);
    return PARTING_NAMES;
}

static int take_warnings(struct backend *backend, struct span packets, struct buf *sql)
{
    struct session *session = backend->owner;
    session->aftermath.asked = true;
    warnings_keep(session, packets);
    return ask_variables(backend, sql);
}

static int take_counts(struct backend *backend, struct text_rows *rows, struct buf *sql)
{
    struct session *session = backend->owner;
    struct reader row;
    if (rows->columns != COUNTS || !text_rows_next(rows, &row))
        return -EPROTO;
    uint64_t insert_id = text_rows_number(&row);
    int64_t row_count = (int64_t)text_rows_number(&row);
    uint64_t found_rows = text_rows_number(&row);
    if (row.bad)
        return -EPROTO;
    keep_note_answer(session, insert_id, row_count, found_rows);
    if (!keep_has_warnings(session, backend) || session->aftermath.asked)
        return ask_variables(backend, sql);
    buf_append_text(sql,
                    "SHOW WARNINGS"); /* the statement before had no tables: they still stand */
    return PARTING_WARNINGS;
}

/* What of the variables there can't be given to another connection keeps this one. */
static void unreadable(struct session *session)
{
    user_vars_forget(&session->user_vars);
    session->user_vars.unreadable = true;
}

/* All of them: only what is set from now on makes a difference between the session's connections.
 */
static void known(struct session *session)
{
    struct backend *backend = session->leader;
    bool in_step = backend->vars_version == session->vars.version;
    session->vars.version++;
    if (in_step)
        backend->vars_version = session->vars.version;
    session->sticky &= ~(unsigned)STICKY_VARIABLES;
}

/* Asks for the values of all that there are. */
static int take_names(struct session *session, struct text_rows *rows, struct buf *sql)
{
    struct reader row;
    unsigned count = 0;
    if (rows->columns != NAMES)
        return -EPROTO;
    while (text_rows_next(rows, &row)) {
        struct span name = text_rows_cell(&row);
        struct span type = text_rows_cell(&row);
        buf_append_text(sql, count++ ? ", " : "SELECT ");
        user_var_cells_sql(sql, name, type);
    }
    if (count > 0 && count <= USER_VARS_MAX)
        return PARTING_VALUES;
    if (count > 0)
        unreadable(session);
    else
        known(session);
    return PARTING_NOT;
}

static bool take_value(struct session *session, struct reader *row)
{
    struct span cells[USER_VAR_CELLS];
    struct buf literal = {0};
    for (int i = 0; i < USER_VAR_CELLS; i++)
        cells[i] = text_rows_cell(row);
    bool taken = !row->bad &&
                 user_var_literal(cells[USER_VAR_TYPE], cells[USER_VAR_COLLATION],
                                  cells[USER_VAR_TEXT], &literal) &&
                 user_vars_restore(&session->user_vars, cells[USER_VAR_NAME], buf_span(&literal),
                                   session->vars.version + 1);
    buf_free(&literal);
    return taken;
}

static int take_values(struct session *session, struct text_rows *rows)
{
    struct reader row;
    if (!text_rows_next(rows, &row))
        return -EPROTO;
    user_vars_free(&session->user_vars);
    while (reader_left(&row) > 0)
        if (!take_value(session, &row)) {
            unreadable(session);
            return PARTING_NOT;
        }
    known(session);
    return PARTING_NOT;
}

static int take_answer(struct backend *backend, struct text_rows *rows, struct span packets,
                       struct buf *sql)
{
    switch (backend->parting) {
    case PARTING_COUNTS: return take_counts(backend, rows, sql);
    case PARTING_WARNINGS: return take_warnings(backend, packets, sql);
    case PARTING_NAMES: return take_names(backend->owner, rows, sql);
    case PARTING_VALUES: return take_values(backend->owner, rows);
    case PARTING_ROLLBACK:
    case PARTING_NOT: break;
    }
    return -EPROTO;
}

/* --- the connection --- */

static void end(struct backend *backend)
{
    struct session *session = backend->owner;
    backend->parting = PARTING_NOT;
    backend->worker->pool.parting--;
    backend_adopt(backend, &session_backend_events, session);
}

static void give(struct backend *backend)
{
    struct session *session = backend->owner;
    end(backend);
    if (session->running == backend && session->state == SESSION_WAIT_SERVER) {
        session_enter(session, SESSION_PRELUDE);
        session_run(session);
        return;
    }
    if (backend->worker->config->policy.pooling != POOLING_TRANSACTION)
        return;
    if (!backend->idle_since_ms)
        backend->idle_since_ms = clock_now_ms();
    list_append(&backend->worker->pool.lent[backend->slot], &backend->node);
    lend_wake(backend->worker, backend->slot);
}

/* A time-out of the session's own, say. */
static int take_error(struct backend *backend, struct buf *sql)
{
    switch (backend->parting) {
    case PARTING_WARNINGS: return take_warnings(backend, (struct span){0}, sql);
    case PARTING_NAMES:
    case PARTING_VALUES: unreadable(backend->owner); return PARTING_NOT;
    case PARTING_COUNTS:
    case PARTING_ROLLBACK:
    case PARTING_NOT: break;
    }
    return -EPROTO;
}

/* The answer to ROLLBACK. */
static void take_rolled_back(struct backend *backend)
{
    struct span payload;
    uint8_t seq;
    struct ok_reply ok;
    int whole = backend_peek_packet(backend, &payload, &seq);
    if (whole == 0)
        return;
    if (whole < 0 || ok_parse(payload, &ok) || ok.status & SERVER_STATUS_IN_TRANS) {
        backend_fail(backend, 2027, "HY000", "its transaction does not end");
        return;
    }
    backend->status = ok.status;
    stream_consume(&backend->stream, PACKET_HEADER_BYTES + payload.len);
    give(backend);
}

/* The answer that was received, or its beginning. */
static void take_received(struct backend *backend, struct buf *sql)
{
    struct text_rows rows;
    struct span received = span_of(stream_data(&backend->stream), stream_len(&backend->stream));
    int next = text_rows_open(&rows, received);
    if (next == 0 && received.len < ANSWER_MAX_BYTES) {
        stream_want(&backend->stream, received.len + ANSWER_STEP_BYTES);
        return;
    }
    if (next == 0)
        next = -EPROTO;
    else if (next == -EREMOTEIO)
        next = take_error(backend, sql);
    else if (next > 0)
        next = take_answer(backend, &rows, received, sql);
    if (next < 0) {
        backend_fail(backend, 2027, "HY000", "malformed answer to what a session leaves behind");
        return;
    }
    stream_consume(&backend->stream, received.len);
    if (next == PARTING_NOT)
        give(backend);
    else
        ask(backend, (enum parting)next, sql);
}

static void on_readable(struct backend *backend)
{
    struct buf sql = {0};
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        backend_fail(backend, 2013, "08S01", "the server closed the connection");
        return;
    }
    if (backend->parting == PARTING_ROLLBACK)
        take_rolled_back(backend);
    else
        take_received(backend, &sql);
    buf_free(&sql);
}

static void on_other(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    end(backend);
    session_backend_failed(backend);
}

static const struct backend_events parting_events = {on_other, on_readable, on_other, on_failed,
                                                     NULL};

static void begin(struct backend *backend)
{
    list_remove(&backend->node);
    backend->worker->pool.parting++;
    backend_adopt(backend, &parting_events, backend->owner);
}

void parting_roll_back(struct backend *backend)
{
    begin(backend);
    /* A broken connection is heard of from the loop, not in the middle of a command. */
    (void)!say(backend, PARTING_ROLLBACK, span_text("ROLLBACK"));
}

void parting_ask(struct backend *backend)
{
    struct buf sql = {0};
    begin(backend);
    backend->worker->counters.server_partings++;
    buf_append_text(&sql, "SELECT LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS()");
    ask(backend, PARTING_COUNTS, &sql);
    buf_free(&sql);
}
