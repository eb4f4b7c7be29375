/* Making a server connection the same as the session's other one, ahead of a statement:
 * the set-up where a reset undid it, variables and schema that changed elsewhere, and a prepared
 * statement that this server does not have yet. On a follower it goes out in one write with the
 * statement; on the leader, and where an answer is needed first, the statement waits for it. */
#include "proxy/base/log.h"
#include "proxy/kill.h"
#include "proxy/leaving.h"
#include "proxy/lend.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/text_rows.h"
#include "proxy/reading_trx.h"
#include "proxy/session.h"
#include "proxy/worker.h"
#include "router/cluster/defaults.h"
#include "router/set_targets.h"

#include <inttypes.h>

static void add_command(struct session *session, struct buf *out, uint8_t code, struct span text)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, code);
    buf_append_span(out, text);
    packet_end(out, begin, 0);
    session->command.prelude_due++;
}

/* What a connection that is new to the session lacks beside variables and schema: the session's
 * autocommit, LAST_INSERT_ID(), and what a login sets for its options and a reset undoes (server
 * source sql/sql_acl.cc, acl_authenticate). */
static void add_beginnings(struct session *session, struct backend *backend, struct buf *out,
                           bool was_reset)
{
    const struct aftermath *aftermath = &session->aftermath;
    uint64_t options = was_reset && !session->was_reset ? backend->identity->capabilities : 0;
    bool autocommit = session->status & SERVER_STATUS_AUTOCOMMIT;
    struct buf sql = {0};
    if (session->command.code != COM_CONNECT && autocommit != backend->starts_autocommit)
        buf_printf(&sql, ", @@session.autocommit=%d", autocommit);
    if (!backend->guarded && aftermath->insert_id)
        buf_printf(&sql, ", @@session.last_insert_id=%" PRIu64, aftermath->insert_id);
    if (options & CLIENT_INTERACTIVE)
        buf_append_text(&sql, ", @@session.wait_timeout=@@session.interactive_timeout");
    if (options & CLIENT_IGNORE_SPACE)
        buf_append_text(&sql,
                        ", @@session.sql_mode=CONCAT(@@session.sql_mode, _utf8mb4',IGNORE_SPACE')");
    if (sql.len) {
        struct buf text = {0};
        buf_append_text(&text, "SET ");
        buf_append_span(&text, span_of(sql.data + 2, sql.len - 2));
        add_command(session, out, COM_QUERY, buf_span(&text));
        buf_free(&text);
        backend->spotless = false;
    }
    buf_free(&sql);
    backend->anew = false;
}

static void add_transaction(struct session *session, struct backend *backend, struct buf *out)
{
    struct buf sql = {0};
    reading_trx_begin_sql(session, &sql);
    add_command(session, out, COM_QUERY, buf_span(&sql));
    buf_free(&sql);
    backend->spotless = false;
}

static void add_role(struct session *session, struct backend *backend, struct buf *out)
{
    struct buf sql = {0};
    sessvars_replay_role(&session->vars, backend->vars_version, &sql);
    if (sql.len) {
        add_command(session, out, COM_QUERY, buf_span(&sql));
        backend->tainted = true; /* a role outlasts a reset (measured) */
    }
    buf_free(&sql);
}

/* Who is in the schema already must leave it first: else the server does not look what ALTER
 * DATABASE has made of its character set meanwhile (measured). */
static void add_schema(struct session *session, struct backend *backend, struct buf *out)
{
    const char *schema = session->vars.schema;
    if (!schema || session->vars.schema_version <= backend->vars_version ||
        backend_is_in_schema(backend, schema))
        return;
    if (backend->has_schema && (!backend->schema || strcmp(backend->schema, schema) == 0))
        add_command(session, out, COM_INIT_DB, span_text("information_schema"));
    add_command(session, out, COM_INIT_DB, span_text(schema));
    backend_note_schema(backend, schema);
}

static void add_variables(struct session *session, struct backend *backend, struct buf *out)
{
    struct buf sql = {0};
    sessvars_replay(&session->vars, backend->vars_version, backend->guarded, &sql);
    if (sql.len) {
        add_command(session, out, COM_QUERY, buf_span(&sql));
        backend->spotless = false;
        if (sessvars_set_schema_charset(&session->vars)) /* until it is entered again */
            backend_note_schema(backend, NULL);
    }
    sql.len = 0;
    user_vars_replay(&session->user_vars, backend->vars_version, &sql);
    if (sql.len) {
        add_command(session, out, COM_QUERY, buf_span(&sql));
        backend->spotless = false;
    }
    buf_free(&sql);
    backend->vars_version = session->vars.version;
}

static bool must_prepare(const struct session *session, const struct backend *backend)
{
    struct statement *statement = session->command.statement;
    uint8_t code = session->command.code;
    return statement && code != COM_STMT_PREPARE && code != COM_STMT_FETCH &&
           !statement_on(statement, backend);
}

/* COM_SET_OPTION is said to one connection only; a pooled one must not hand it on. */
static void add_option(struct session *session, struct backend *backend, struct buf *out)
{
    uint8_t option[2] = {session->single_statements, 0};
    add_command(session, out, COM_SET_OPTION, span_of(option, sizeof(option)));
    backend->single_statements = session->single_statements;
    backend->tainted = true;
}

/* A statement that shows or sets how the client's session tracks its state must find it as the
 * client has set it: for this statement alone, Causeway's own settings come back with the next
 * set-up. */
static bool meets_tracking(const struct command *command, const struct backend *backend)
{
    const uint32_t others = CLASS_MULTI | CLASS_OPAQUE;
    return !backend->guarded && (command->flags & (CLASS_TRACKING | others)) == CLASS_TRACKING &&
           (command->code == COM_QUERY || command->code == COM_STMT_EXECUTE);
}

/* What else such a SET changes must be heard of: under a list of all, and again afterwards. */
static void add_wanted(struct session *session, struct backend *backend, struct buf *out)
{
    struct command *command = &session->command;
    struct sessvars *vars = &session->vars;
    struct buf sql = {0};
    bool mixed = false;
    if (command->flags & CLASS_SET) {
        vars->again.len = 0;
        enum set_targets targets =
            set_targets_read(session_sql(session), session_lex_mode(session), &vars->again);
        mixed = targets == SET_TARGETS_MIXED;
        if (!mixed)
            vars->again.len = 0;
        if (targets == SET_TARGETS_UNCLEAR)
            session->sticky |= STICKY_UNKNOWN;
        vars->asks |= SESSVARS_ASK_WANTED;
    }
    sessvars_replay_wanted(vars, session->worker->topology->tracked_variables, mixed, &sql);
    add_command(session, out, COM_QUERY, buf_span(&sql));
    buf_free(&sql);
    backend->needs_setup = true;
    backend->spotless = false;
    command->own_tracking = !mixed;
}

static bool in_step(const struct session *session, const struct backend *backend)
{
    return !session->command.moves_trx && !meets_tracking(&session->command, backend) &&
           backend->vars_version == session->vars.version && !backend->needs_setup &&
           !backend->needs_reset && !backend->anew &&
           backend->single_statements == session->single_statements &&
           !must_prepare(session, backend);
}

/* All that must be said first. */
static void compose(struct session *session, struct backend *backend, struct buf *out)
{
    struct command *command = &session->command;
    command->prelude_due = 0;
    command->prelude_taken = 0;
    command->prelude_again = 0;
    command->prelude_prepares = false;
    bool was_reset = backend->needs_reset;
    /* What an init_connect has set was not reported. */
    if (command->code == COM_CONNECT && !backend->guarded && backend->has_init_connect) {
        session->vars.again.len = 0;
        buf_append_text(&session->vars.again, defaults_report_sql);
        backend->needs_setup = true;
    }
    if (backend->needs_reset) {
        if (session->vars.bare_schema) {
            add_role(session, backend, out);
            add_schema(session, backend, out);
            backend_note_schema(backend, NULL);
        }
        add_command(session, out, COM_RESET_CONNECTION, (struct span){0});
        backend->needs_reset = false;
        backend->needs_setup = true;
        backend->spotless = true;
        backend->stale_answers = false;
        backend->settings = worker_settings(session->worker);
    }
    if (backend->needs_setup) {
        bool schema_charset = (was_reset || backend->guarded) && !session->vars.bare_schema;
        backend_setup_packet(backend, schema_charset, out);
        if (backend->guarded) /* it sets defaults, too */
            backend->vars_version = 0;
        command->prelude_due++;
        backend->needs_setup = false;
        if (!backend->guarded && session->vars.again.len) {
            command->prelude_again = command->prelude_due + 1;
            add_command(session, out, COM_QUERY, buf_span(&session->vars.again));
            session->vars.again.len = 0;
        }
    }
    if (backend->anew)
        add_beginnings(session, backend, out, was_reset);
    if (backend->single_statements != session->single_statements)
        add_option(session, backend, out);
    if (backend->vars_version < session->vars.version) {
        add_role(session, backend, out); /* it may be what gives the right to enter the schema */
        if (!session->vars.bare_schema)
            add_schema(session, backend, out);
        add_variables(session, backend, out);
    }
    if (meets_tracking(command, backend))
        add_wanted(session, backend, out);
    if (command->moves_trx)
        add_transaction(session, backend, out);
    if (must_prepare(session, backend)) {
        add_command(session, out, COM_STMT_PREPARE, buf_span(&command->statement->sql));
        backend->spotless = false;
        command->prelude_prepares = true;
    }
}

/* What the server changed without saying to what, the leader connection is asked for; texts in
 * UTF-8, whatever character_set_results says. */
static bool ask_leader(struct session *session)
{
    static const char question[] =
        "SELECT CAST(CONVERT(@@collation_connection USING utf8mb4) AS BINARY), "
        "CAST(CONVERT(@@session.session_track_system_variables USING utf8mb4) AS BINARY), "
        "CAST(CONVERT(COALESCE(CURRENT_ROLE(), '') USING utf8mb4) AS BINARY), "
        "CAST(CONVERT(@@session.session_track_transaction_info USING utf8mb4) AS BINARY), "
        "@@session.session_track_schema, @@session.session_track_state_change";
    struct backend *leader = session->leader;
    unsigned asks = session->vars.asks;
    if (session->running == leader)
        asks &= SESSVARS_ASK_TRACKING | SESSVARS_ASK_WANTED; /* it has all the rest */
    if (!asks || !leader || leader->state != BACKEND_READY)
        return false;
    (void)lend_use(leader);
    struct buf out = {0};
    session->command.prelude_due = 0;
    add_command(session, &out, COM_QUERY, span_text(question));
    session->command.prelude_asks = true;
    int error = stream_write_span(&leader->stream, buf_span(&out));
    buf_free(&out);
    if (error) {
        session->command.prelude_asks = false;
        return false;
    }
    session->command.asked_for = session->running;
    session->running = leader;
    session_enter(session, SESSION_WAIT_PRELUDE);
    return true;
}

static void open_answer(struct session *session)
{
    const struct command *command = &session->command;
    bool prepare = command->prelude_due == 1 && command->prelude_prepares;
    result_open(&session->parser, prepare ? RESULT_SHAPE_PREPARE : RESULT_SHAPE_SIMPLE, false);
}

static enum step wait_for_answers(struct session *session, struct backend *backend,
                                  const struct buf *out)
{
    session_enter(session, SESSION_WAIT_PRELUDE);
    int error = stream_write_span(&backend->stream, buf_span(out));
    if (error)
        backend_fail(backend, 2013, "08S01", "%s", strerror(-error));
    return STEP_WAIT;
}

/* While the password is expired the server refuses what would make the connection the same, and
 * the statement in its own words; so it is asked first whether a statement before has changed it.
 */
static enum step speak_expired(struct session *session, struct backend *backend)
{
    struct command *command = &session->command;
    if (command->code != COM_CONNECT && !command->asked_expired) {
        command->asked_expired = true;
        session_enter(session, SESSION_WAIT_SERVER);
        backend_set_up_again(backend);
        return STEP_WAIT;
    }
    session_enter(session, SESSION_SEND);
    return STEP_MORE;
}

/* The command is a plain read, after which a connection is as it was but for what CLASS_PREVIOUS is
 * about. */
static bool leaves_nothing(const struct session *session, const struct backend *backend)
{
    const struct command *command = &session->command;
    if (command->code == COM_CONNECT || command->code == COM_PING)
        return true;
    return command->code == COM_QUERY && command->read && !command->previous &&
           session->trx != backend &&
           (command->flags & ~(uint32_t)(CLASS_PLAIN_READ | CLASS_DO)) == 0;
}

/* A connection that was not reset since it served another session still answers FOUND_ROWS() and
 * ROW_COUNT() for that one, until the first statement that has answers of its own. Warnings that
 * came before are this session's. */
static void forget_other_session(const struct session *session, struct backend *backend)
{
    const struct command *command = &session->command;
    /* What a DO of the leader's has done there (a routine, GET_LOCK) no later reset may undo. */
    bool does = command->flags & CLASS_DO && !command->read;
    bool neutral = command->code == COM_CONNECT || command->code == COM_PING ||
                   (command->flags & (CLASS_SET | CLASS_DO) && !does);
    bool own = command->flags & CLASS_DIAGNOSTICS && session->diagnosed_serial == backend->serial;
    if (!backend->stale_answers || neutral || own)
        return;
    backend->stale_answers = false;
    if (!command->previous && !does)
        return;
    backend->needs_reset = true;
    backend->vars_version = 0;
    backend->serial = ++backend->worker->pool.next_serial;
}

enum step step_prelude(struct session *session)
{
    struct command *command = &session->command;
    struct backend *backend = session->running;
    struct buf *out = &session->worker->prelude;
    if (backend->parting) { /* its answer goes first */
        session_enter(session, SESSION_WAIT_SERVER);
        return STEP_WAIT;
    }
    bool stood_long = lend_use(backend) && session->trx != backend && !command->previous;
    if (backend->anew && session_reader_is_new(session, backend)) {
        session_enter(session, SESSION_ROUTE);
        return STEP_MORE;
    }
    out->len = 0;
    command->prelude_due = 0;
    command->prelude_asks = false;
    if (command->killed)
        return kill_refused(session);
    if (command->code == COM_CONNECT && !backend->needs_reset)
        session_note_status(session, backend, backend->status);
    if (command->code == COM_STMT_FETCH && command->statement &&
        !statement_on(command->statement, backend))
        return session_refuse(session, 1421, "HY000", "The statement (%u) has no open cursor",
                              command->statement->id);
    if (command->long_data_serial && command->long_data_serial != backend->serial)
        return session_refuse(
            session, 1210, "HY000",
            "Parameters that were sent ahead are lost: their server failed, or there was none");
    if (backend->expired)
        return speak_expired(session, backend);
    if (session->vars.asks && ask_leader(session))
        return STEP_WAIT;
    forget_other_session(session, backend);
    if (!in_step(session, backend))
        compose(session, backend, out);
    if (stood_long && command->prelude_due == 0)
        add_command(session, out, COM_PING, (struct span){0});
    backend->reused = backend->reused || stood_long;
    backend->spotless = backend->spotless && leaves_nothing(session, backend);
    if (command->prelude_due > 0) {
        open_answer(session);
        /* Only what does no harm may follow a set-up that might fail. A login has nothing to
         * follow: it ends with these answers. */
        if (!backend->guarded || !command->repeatable || command->prelude_prepares ||
            command->code == COM_CONNECT)
            return wait_for_answers(session, backend, out);
    }
    session_enter(session, SESSION_SEND);
    return STEP_MORE;
}

/* --- the answers --- */

/* What is set there now is not known: start with a new connection next time. */
static void give_up_connection(struct session *session, struct backend *backend)
{
    struct backend **place = backend == session->leader ? &session->leader : &session->reader;
    *place = NULL;
    session->running = NULL;
    if (session->trx == backend) {
        session->trx = NULL;
        session->trx_lost = true;
    }
    leaving_abandon(backend, "it refused the session's state");
}

/* A server refused what makes it the same: a follower is left alone for this statement (it may lack
 * the schema yet), the leader's word goes to the client. */
static enum step refused(struct session *session, const struct err_reply *err, size_t packet_len)
{
    struct backend *backend = session->running;
    bool login = session->command.code == COM_CONNECT;
    bool prepare = session->command.prelude_prepares && session->command.prelude_due == 1;
    backend->tainted = backend->tainted || !prepare;
    if (backend->guarded && (!login || session->leader) && session->trx != backend) {
        session_log(session, LOG_LEVEL_INFO, "the follower refused the session's state (%u %.*s)",
                    err->code, (int)err->message.len, (const char *)err->message.data);
        backend_fail(backend, 2013, "08S01", "it refused the session's state");
        return STEP_WAIT;
    }
    struct buf text = {0};
    buf_append_span(&text, err->message);
    buf_append_u8(&text, 0);
    uint16_t code = err->code;
    char sqlstate[6];
    memcpy(sqlstate, err->sqlstate, sizeof(sqlstate));
    if (prepare) /* the statement is not valid any more; the connection, its transaction … are */
        stream_consume(&backend->stream, packet_len);
    else
        give_up_connection(session, backend);
    enum step step = session_refuse(session, code, sqlstate, "%s", (const char *)text.data);
    buf_free(&text);
    return step;
}

static void note_prepared(struct session *session, struct span payload)
{
    statement_prepared(session->command.statement, session->running, load_u32(payload.data + 1));
}

/* What had been set, and may not have been reported then. */
static void note_again(struct session *session, struct span state)
{
    struct track_reader reader;
    struct track_entry entry;
    track_open(&reader, state);
    while (track_next(&reader, &entry) > 0)
        if (entry.type == TRACK_SYSTEM_VARIABLE)
            (void)sessvars_track(&session->vars, &entry);
    session->running->vars_version = session->vars.version;
}

/* One packet of the answers at the front of the stream. 1: taken; 0: more bytes must come; -1: the
 * state has changed, look no further. */
static int take_answer(struct session *session)
{
    struct backend *backend = session->running;
    struct result_event event;
    size_t used = result_feed(&session->parser, stream_data(&backend->stream),
                              stream_len(&backend->stream), &event);
    stream_consume(&backend->stream, used);
    struct span payload = {0};
    struct ok_reply ok = {0};
    struct err_reply err;
    if (event.kind != RESULT_EVENT_NEED && event.kind != RESULT_EVENT_BAD)
        payload = span_of(stream_data(&backend->stream) + PACKET_HEADER_BYTES,
                          event.packet_len - PACKET_HEADER_BYTES);
    switch (event.kind) {
    case RESULT_EVENT_NEED:
        if (result_ended(&session->parser))
            return 1;
        if (event.need_bytes > 1)
            stream_want(&backend->stream, event.need_bytes);
        return 0;
    case RESULT_EVENT_OK:
        if (ok_parse(payload, &ok))
            break;
        /* Beside the server's defaults, which a login takes over, nothing of the session changes.
         */
        if (session->command.code == COM_CONNECT)
            session_note_status(session, backend, ok.status);
        if (session->command.prelude_again == session->command.prelude_taken + 1)
            note_again(session, ok.state);
        break;
    case RESULT_EVENT_PREPARE_OK:
        if (payload.len >= 12)
            note_prepared(session, payload);
        break;
    case RESULT_EVENT_ERR:
        if (err_parse(payload, &err))
            break;
        refused(session, &err, event.packet_len);
        return -1;
    default: backend_fail(backend, 2027, "HY000", "malformed answer to the set-up"); return -1;
    }
    result_take(&session->parser, &event, stream_data(&backend->stream), ok.status);
    stream_consume(&backend->stream, event.packet_len);
    return 1;
}

static void take_values(struct session *session, struct reader *row)
{
    struct sessvars *vars = &session->vars;
    struct span collation = text_rows_cell(row);
    struct span variables = text_rows_cell(row);
    struct span role = text_rows_cell(row);
    struct span transaction = text_rows_cell(row);
    struct span schema = text_rows_cell(row);
    struct span state_change = text_rows_cell(row);
    if (row->bad)
        return;
    if (vars->asks & SESSVARS_ASK_COLLATION)
        sessvars_set_collation(vars, collation);
    if (vars->asks & SESSVARS_ASK_WANTED) {
        vars->wanted.no_schema = span_equal(schema, span_text("0"));
        vars->wanted.state_change = span_equal(state_change, span_text("1"));
        vars->wanted.characteristics = span_equal(transaction, span_text("CHARACTERISTICS"));
        vars->wanted.transaction = !span_equal(transaction, span_text("OFF"));
    }
    if (vars->asks & (SESSVARS_ASK_TRACKING | SESSVARS_ASK_WANTED) &&
        !span_equal(variables, span_text("*")))
        sessvars_want_variables(vars, variables); /* else it is Causeway's own, or was reported */
    if (vars->asks & SESSVARS_ASK_ROLE)
        sessvars_set_role(vars, role);
}

/* The packets of the answer, read as a whole. */
static enum step take_asked(struct session *session)
{
    struct command *command = &session->command;
    struct backend *leader = session->running;
    struct text_rows rows;
    struct reader row;
    size_t len = stream_len(&leader->stream);
    int read = text_rows_open(&rows, span_of(stream_data(&leader->stream), len));
    if (read == 0)
        return STEP_WAIT;
    if (read > 0 && text_rows_next(&rows, &row))
        take_values(session, &row);
    session->vars.asks = 0;
    leader->vars_version = session->vars.version;
    stream_consume(&leader->stream, len);
    command->prelude_asks = false;
    session->running = command->asked_for;
    session_enter(session, session->running ? SESSION_PRELUDE : SESSION_ROUTE);
    return STEP_MORE;
}

int prelude_take(struct session *session)
{
    struct command *command = &session->command;
    while (command->prelude_due > 0) {
        int taken = take_answer(session);
        if (taken <= 0)
            return taken;
        if (!result_ended(&session->parser))
            continue;
        command->prelude_due--;
        command->prelude_taken++;
        open_answer(session);
    }
    return 1;
}

enum step step_wait_prelude(struct session *session)
{
    struct command *command = &session->command;
    if (command->prelude_asks)
        return take_asked(session);
    int taken = prelude_take(session);
    if (taken == 0)
        return STEP_WAIT;
    if (taken > 0) {
        session->worker->prelude.len = 0;
        session_enter(session, SESSION_SEND);
        if (command->moves_trx)
            reading_trx_moved(session);
    }
    return STEP_MORE;
}
