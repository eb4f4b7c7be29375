/* One command of the client: assembled from its packets, decoded, and judged. What can be answered
 * here is; the rest leaves with the answer to "may a follower run it?". */
#include "proxy/base/log.h"
#include "proxy/kill.h"
#include "proxy/own_answer.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/replica.h"
#include "proxy/session_catalogue.h"
#include "proxy/worker.h"
#include "router/set_scope.h"

#include <stdio.h>

static const uint8_t shapes[256] = {
#define X(name, code, reply) [code] = RESULT_SHAPE_##reply,
    COMMANDS(X)
#undef X
};

/* The payload as far as it is held, with the command byte. */
static struct span held_payload(const struct session *session)
{
    return span_of(stream_data(&session->client) + PACKET_HEADER_BYTES,
                   session->command.len - PACKET_HEADER_BYTES);
}

static struct span argument(const struct session *session)
{
    struct span payload = held_payload(session);
    return span_of(payload.data + 1, payload.len - 1);
}

unsigned session_lex_mode(const struct session *session)
{
    return (session->status & SERVER_STATUS_ANSI_QUOTES ? LEX_ANSI_QUOTES : 0) |
           (session->status & SERVER_STATUS_NO_BACKSLASH_ESCAPES ? LEX_NO_BACKSLASH_ESCAPES : 0) |
           (session->vars.wide_charset ? LEX_WIDE_CHARSET : 0);
}

static enum step go(struct session *session)
{
    session_enter(session, SESSION_ROUTE);
    return STEP_MORE;
}

static enum step to_leader(struct session *session)
{
    session->command.to_leader = true;
    return go(session);
}

/* --- statements in text --- */

/* The slot of the server with that name, or -1. */
static int named_slot(const struct topology *topology, struct span name)
{
    int index = topology_by_name(topology, name);
    return index < 0 ? -1 : (int)topology->servers[index].slot;
}

/* Sends the statement to followers, or to one server. What writes, locks or lives on the leader
 * connection stays there whatever is asked for: the guard does not stop ANALYZE TABLE,
 * GET_LOCK or SET GLOBAL (measured). */
static void request_follower(struct session *session, int slot)
{
    struct command *command = &session->command;
    if (!command->read && !(command->flags & CLASS_ON_REQUEST))
        return;
    command->read = true;
    command->requested = true;
    command->forced = slot;
}

static void apply_rule(struct session *session, const struct rule *rule)
{
    struct command *command = &session->command;
    if (rule->consistency >= 0)
        command->consistency = (int8_t)rule->consistency;
    if (rule->to == RULE_LEADER)
        command->to_leader = true;
    else if (rule->to == RULE_FOLLOWERS)
        request_follower(session, -1);
    else if (rule->to == RULE_SERVER)
        request_follower(session, named_slot(session->worker->topology, span_text(rule->server)));
}

/* False: the statement was refused. */
static bool take_key(struct session *session, struct span name)
{
    if (name.len == 0 || session_name_command_key(session, name))
        return true;
    session->worker->counters.keys_refused++;
    session_refuse(session, 1040, "08004", "Too many keys are in use (max_keys)");
    return false;
}

/* A hint beats a rule. False: the statement was refused. */
static bool apply_hint(struct session *session, const struct hint *hint)
{
    struct command *command = &session->command;
    if (hint->bad.len) {
        session_refuse(session, 1064, "42000", "Causeway does not understand '%.*s' in the hint",
                       (int)(hint->bad.len < 64 ? hint->bad.len : 64),
                       (const char *)hint->bad.data);
        return false;
    }
    if (hint->consistency.len)
        command->consistency = (int8_t)hint_consistency(hint);
    if (!take_key(session, hint->key))
        return false;
    if (hint->to == HINT_NONE)
        return true;
    command->forced = -1;
    command->to_leader = hint->to == HINT_LEADER;
    int slot = -1;
    if (hint->to == HINT_SERVER)
        slot = named_slot(session->worker->topology, hint->server);
    if (hint->to != HINT_LEADER)
        request_follower(session, slot);
    if (hint->to != HINT_SERVER || slot >= 0)
        return true;
    session_refuse(
        session, 1064, "42000", "the hint names server '%.*s', which is not in proxy.ini",
        (int)(hint->server.len < 64 ? hint->server.len : 64), (const char *)hint->server.data);
    return false;
}

/* Rules and hints, for a statement in text. False: it was refused. */
static bool apply_policy(struct session *session, struct span sql, const struct hint *hint)
{
    struct worker *worker = session->worker;
    if (rules_count(worker->config->rules) > 0) {
        size_t index;
        bool limit_hit = false;
        const struct rule *rule =
            rules_match(worker->config->rules, worker->rule_scratch, sql, session->identity->user,
                        session->vars.schema ? session->vars.schema : "", &index, &limit_hit);
        if (limit_hit)
            session_log(session, LOG_LEVEL_WARN,
                        "a rule's pattern ran into its match limit; it was taken as not matching");
        if (rule && rule->to == RULE_REFUSE) {
            session_refuse(session, 1148, "42000", "refused by rule '%s' of proxy.ini", rule->name);
            return false;
        }
        if (rule)
            apply_rule(session, rule);
    }
    return !hint->present || apply_hint(session, hint);
}

/* Judges `sql`; false: the statement was answered already. */
static bool judge(struct session *session, struct span sql, struct statement_class *class)
{
    struct command *command = &session->command;
    classify(sql, session_lex_mode(session), class);
    command->flags = class->flags;
    command->digest = class->digest;
    command->previous = class->target == CLASS_PREVIOUS;
    command->opens_trx = class->target == CLASS_READ_TRX;
    command->read = class->target == CLASS_READ || command->opens_trx;
    command->repeatable = class->target == CLASS_READ;
    if (class->flags & CLASS_VARIABLE_READ && command->code == COM_QUERY &&
        user_vars_known(&session->user_vars, sql, session_lex_mode(session)))
        command->read = command->repeatable = true;
    if (command->read && write_digests_has(session->worker->write_digests, class->digest))
        command->read = false;
    /* A statement prepared now may be a read again when it is executed. */
    command->catalogued = command->read && catalogue_keeps(session, sql);
    if (command->catalogued && command->code != COM_STMT_PREPARE)
        command->read = false;
    return apply_policy(session, sql, &class->hint);
}

/* SET @@name is sent as SET @@sEssion.name, which the server reports; see set_scope.h. */
static void write_scopes(struct session *session)
{
    static const char scope[] = SET_SCOPE_WORD;
    struct command *command = &session->command;
    size_t places[SET_SCOPE_PLACES_MAX];
    if (command->read || command->previous || command->of_replica)
        return;
    size_t count = set_scope_places(argument(session), session_lex_mode(session), places);
    for (size_t i = count; i-- > 0;) /* from the end: the others stay where they are */
        stream_insert(&session->client, PACKET_HEADER_BYTES + 1 + places[i], span_text(scope));
    if (count == 0)
        return;
    command->len += count * (sizeof(scope) - 1);
    store_u24(stream_data(&session->client), (uint32_t)(command->len - PACKET_HEADER_BYTES));
}

/* Text too long to hold: rules see its beginning; what all of it does nobody looks at, so it runs
 * on the leader. */
static enum step take_unjudged(struct session *session)
{
    struct command *command = &session->command;
    struct hint none = {0};
    command->flags = CLASS_OPAQUE | CLASS_PLAIN_READ;
    if (!apply_policy(session, argument(session), &none))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    command->read = false;
    command->forced = -1;
    return to_leader(session);
}

static enum step take_query(struct session *session)
{
    struct command *command = &session->command;
    struct statement_class class;
    if (command->streamed)
        return take_unjudged(session);
    if (replica_says(argument(session)))
        command->of_replica = command->to_leader = true;
    if (!judge(session, argument(session), &class))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    if (command->flags & CLASS_OWN_WORD && own_take(session, argument(session)))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    if (command->flags & CLASS_KILL && kill_take(session))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    write_scopes(session);
    return go(session);
}

static enum step take_prepare(struct session *session)
{
    struct command *command = &session->command;
    struct statement_class class;
    /* The statement is entered when the server has accepted it; until then it is the text that
     * counts, and "the last one" is none: a pipelined EXECUTE must not run the one before. */
    session->statements.last_prepared = 0;
    if (command->streamed)
        return take_unjudged(session);
    if (!judge(session, argument(session), &class))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    if (command->flags & CLASS_OWN_WORD && own_prepare(session, argument(session)))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    if (class.target == CLASS_READ_TRX)
        command->read = false;
    write_scopes(session);
    command->repeatable = true;
    return go(session);
}

/* --- prepared statements --- */

static struct statement *find_statement(struct session *session)
{
    struct span rest = argument(session);
    return rest.len < 4 ? NULL : statements_find(&session->statements, load_u32(rest.data));
}

/* A server says so, that it stands in the diagnostics area of one. */
static enum step unknown_statement(struct session *session, const char *where)
{
    struct command *command = &session->command;
    struct span rest = argument(session);
    if (rest.len >= 4 && !command->streamed) {
        command->unknown = command->repeatable = true;
        command->unknown_id = load_u32(rest.data);
        return go(session);
    }
    return session_refuse(session, 1243, "HY000",
                          "Unknown prepared statement handler (%u) given to %s",
                          rest.len < 4 ? 0 : load_u32(rest.data), where);
}

/* Parameters sent ahead are on the leader connection that got them, or nowhere. */
static bool long_data_lost(const struct session *session, const struct statement *statement)
{
    uint64_t serial = statement->long_data_serial;
    return serial && !(session->leader && session->leader->serial == serial);
}

static enum step take_execute(struct session *session)
{
    struct command *command = &session->command;
    struct statement *statement = find_statement(session);
    if (!statement)
        return unknown_statement(session, "mysqld_stmt_execute");
    size_t types_end = statement_types_end(statement, command->code);
    if (command->streamed && command->len < types_end) {
        stream_want(&session->client, types_end);
        if (session->client_ended)
            session_close(session, "the client left in the middle of a command");
        return STEP_WAIT;
    }
    struct span packet = span_of(stream_data(&session->client), command->len);
    if (statement_note_types(statement, packet))
        return session_refuse(session, 1210, "HY000", "Incorrect arguments to mysqld_stmt_execute");
    if (!take_key(session, buf_span(&statement->key)))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    if (statement->own)
        return own_execute(session, statement);
    if (long_data_lost(session, statement)) {
        statement->long_data_serial = 0;
        return session_refuse(
            session, 1210, "HY000",
            "Parameters that were sent ahead are lost: their server failed, or there was none");
    }
    command->statement = statement;
    command->flags = statement->flags;
    command->digest = statement->digest;
    command->previous = statement->target == CLASS_PREVIOUS;
    command->read = statement->target == CLASS_READ && !statement->long_data_serial &&
                    !command->streamed && command->code == COM_STMT_EXECUTE &&
                    !write_digests_has(session->worker->write_digests, statement->digest) &&
                    !catalogue_keeps_prepared(session, statement);
    command->requested = command->read && statement->flags & CLASS_ON_REQUEST;
    command->repeatable = command->read && !command->requested;
    command->consistency = statement->consistency;
    command->forced = statement->forced_slot;
    command->long_data_serial = statement->long_data_serial;
    statement->long_data_serial = 0;
    if (!command->read)
        command->to_leader = !command->previous;
    if (command->flags & CLASS_KILL && command->code == COM_STMT_EXECUTE && kill_take(session))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    return go(session);
}

/* Parameters sent ahead go to the leader, and the statement will run there: what has been sent
 * can't be sent again elsewhere, and holding it here would hold any amount of memory. */
static enum step take_long_data(struct session *session)
{
    struct statement *statement = find_statement(session);
    if (!statement) /* no reply, not even an error: the EXECUTE will get one */
        return session->command.streamed ? unknown_statement(session, "long data")
                                         : session_finish_command(session);
    bool lost = long_data_lost(session, statement);
    session->command.long_data_serial = statement->long_data_serial;
    statement->long_data_serial = LONG_DATA_LOST; /* until it is sent */
    if (statement->own || lost) /* what follows lost data is lost: no waiting for a leader again */
        return session->command.streamed ? unknown_statement(session, "long data")
                                         : session_finish_command(session);
    session->command.statement = statement;
    return to_leader(session);
}

static void close_on(struct statement *statement, struct backend *backend)
{
    struct prepared_on *on = statement_on(statement, backend);
    if (!on || backend->state != BACKEND_READY)
        return;
    uint8_t packet[] = {5, 0, 0, 0, COM_STMT_CLOSE, 0, 0, 0, 0};
    store_u32(packet + PACKET_HEADER_BYTES + 1, on->remote_id);
    /* A broken connection is heard of from the loop, not in the middle of this command. */
    (void)!stream_write_span(&backend->stream, span_of(packet, sizeof(packet)));
}

static enum step take_close(struct session *session)
{
    struct statement *statement = find_statement(session);
    if (statement) {
        close_on(statement, session->leader);
        close_on(statement, session->reader);
        statements_remove(&session->statements, statement);
        if (session->statements.unkept == 0)
            session->sticky &= ~(unsigned)STICKY_LONG_TEXT;
    }
    return session_finish_command(session);
}

/* The connection that ran a statement last: its cursor and its long data are there. */
static struct backend *last_runner(const struct session *session, const struct statement *statement)
{
    if (session->leader && session->leader->serial == statement->last_serial)
        return session->leader;
    if (session->reader && session->reader->serial == statement->last_serial)
        return session->reader;
    return NULL;
}

static enum step take_fetch(struct session *session)
{
    struct statement *statement = find_statement(session);
    if (!statement)
        return unknown_statement(session, "mysqld_stmt_fetch");
    struct backend *runner = last_runner(session, statement);
    if (!runner) /* one that has it says that no cursor is open */
        runner = statement_on(statement, session->leader) ? session->leader : session->reader;
    if (!statement_on(statement, runner))
        return session_refuse(session, 1421, "HY000", "The statement (%u) has no open cursor",
                              statement->id);
    session->command.statement = statement;
    session->running = runner;
    session->command.previous = true;
    return go(session);
}

static enum step take_stmt_reset(struct session *session)
{
    struct statement *statement = find_statement(session);
    if (!statement)
        return unknown_statement(session, "mysqld_stmt_reset");
    bool lost = long_data_lost(session, statement);
    bool sent_ahead = statement->long_data_serial != 0;
    statement->long_data_serial = 0;
    if (statement->own || lost)
        return session_accept(session);
    session->command.statement = statement;
    if (sent_ahead)
        return to_leader(session);
    if (!last_runner(session, statement))
        return session_accept(session);
    session->running = last_runner(session, statement);
    session->command.previous = true;
    return go(session);
}

/* --- the rest --- */

static enum step take_reset_connection(struct session *session)
{
    /* The leader connection's reply is the answer; the reader is reset ahead of its next use. */
    if (session->trx && session->trx == session->reader)
        session_release(session, &session->reader);
    session->trx_lost = false;
    return to_leader(session);
}

static enum step take_quit(struct session *session)
{
    session_close(session, "COM_QUIT");
    return STEP_WAIT;
}

static enum step take_process_kill(struct session *session)
{
    struct span rest = argument(session);
    if (rest.len < 4)
        return session_refuse(session, 1047, "08S01", "Malformed COM_PROCESS_KILL");
    if (kill_take(session))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    return to_leader(session);
}

/* A replica asks for the connection that it has to the leader. */
static enum step take_ping(struct session *session)
{
    return session->sticky & STICKY_REPLICA ? to_leader(session) : session_accept(session);
}

/* COM_REGISTER_SLAVE, COM_BINLOG_DUMP: what was said for it before is on the same connection. */
static enum step take_replica(struct session *session)
{
    session->sticky |= STICKY_REPLICA;
    session->command.of_replica = true;
    return to_leader(session);
}

static enum step take_unknown(struct session *session)
{
    session->command.code = COM_SLEEP; /* not COM_CONNECT, which stands for a login under way */
    return session_refuse(session, 1047, "08S01", "Unknown command");
}

static enum step decode(struct session *session)
{
    switch (session->command.code) {
    case COM_QUERY: return take_query(session);
    case COM_STMT_PREPARE: return take_prepare(session);
    case COM_STMT_EXECUTE:
    case COM_STMT_BULK_EXECUTE: return take_execute(session);
    case COM_STMT_SEND_LONG_DATA: return take_long_data(session);
    case COM_STMT_CLOSE: return take_close(session);
    case COM_STMT_RESET: return take_stmt_reset(session);
    case COM_STMT_FETCH: return take_fetch(session);
    case COM_QUIT: return take_quit(session);
    case COM_PING: return take_ping(session);
    case COM_CHANGE_USER: return client_auth_change_user(session, held_payload(session));
    case COM_RESET_CONNECTION: return take_reset_connection(session);
    case COM_PROCESS_KILL: return take_process_kill(session);
    case COM_REGISTER_SLAVE:
    case COM_BINLOG_DUMP:
    case COM_BINLOG_DUMP_GTID: return take_replica(session);
    case COM_INIT_DB:
    case COM_FIELD_LIST:
    case COM_CREATE_DB:
    case COM_DROP_DB:
    case COM_REFRESH:
    case COM_SHUTDOWN:
    case COM_STATISTICS:
    case COM_PROCESS_INFO:
    case COM_DEBUG:
    case COM_SET_OPTION: return to_leader(session);
    default: return take_unknown(session);
    }
}

/* The commands that may be longer than what is held: their bytes pass through. */
static bool may_stream(uint8_t code)
{
    return code == COM_QUERY || code == COM_STMT_EXECUTE || code == COM_STMT_BULK_EXECUTE ||
           code == COM_STMT_SEND_LONG_DATA || code == COM_STMT_PREPARE;
}

/* The transaction's connection died while no statement ran: the next one hears of it. */
static enum step tell_lost_transaction(struct session *session)
{
    session->trx_lost = false;
    session->status &= (uint16_t) ~(SERVER_STATUS_IN_TRANS | SERVER_STATUS_IN_TRANS_READONLY);
    return session_refuse(session, 1213, "40001",
                          "the server of this transaction failed; the transaction was rolled "
                          "back, try restarting it");
}

/* How much of the command is here: true when it can be looked at. */
static bool assemble(struct session *session)
{
    struct stream *client = &session->client;
    struct command *command = &session->command;
    size_t len = stream_len(client);
    const uint8_t *data = stream_data(client);
    if (len <= PACKET_HEADER_BYTES) {
        if (len == PACKET_HEADER_BYTES && packet_payload_len(data) == 0)
            session_protocol_error(session, "empty command");
        else if (session->client_ended)
            session_close(session, "the client left");
        return false;
    }
    size_t whole = PACKET_HEADER_BYTES + packet_payload_len(data);
    if (packet_seq(data) != 0) {
        session_protocol_error(session, "command packet out of order");
        return false;
    }
    *command = (struct command){.code = data[PACKET_HEADER_BYTES],
                                .forced = -1,
                                .consistency = -1,
                                .streamed = whole > COMMAND_HELD_MAX};
    if (command->streamed && !may_stream(command->code)) {
        session_protocol_error(session, "command too long");
        return false;
    }
    size_t needed = command->streamed ? STREAM_SMALL_BYTES : whole;
    if (len < needed) {
        if (session->client_ended)
            session_close(session, "the client left in the middle of a command");
        else
            stream_want(client, needed);
        return false;
    }
    command->len = command->streamed ? len : whole;
    command->rest = whole - command->len;
    command->more_packets = packet_payload_len(data) == PACKET_PAYLOAD_MAX;
    return true;
}

/* False: the client does not read what it has been sent. It gets no further command done until it
 * does: answers of Causeway's own (PING, errors) would pile up without end. */
static bool client_keeps_up(struct session *session)
{
    struct stream *client = &session->client;
    if (stream_blocked(client)) {
        if (!client->paused)
            stream_pause(client);
        return false;
    }
    if (client->paused && !session->client_ended)
        stream_resume(client);
    return true;
}

enum step step_command(struct session *session)
{
    struct command *command = &session->command;
    if (!client_keeps_up(session))
        return STEP_WAIT;
    if (session->worker->draining && !session->trx && stream_len(&session->client) == 0) {
        session_close(session, "Causeway is shutting down");
        return STEP_WAIT;
    }
    if (!assemble(session))
        return STEP_WAIT;
    if (!command_known(command->code))
        return take_unknown(session);
    command->shape = shapes[command->code];
    session->statements_run++;
    if (session->trx_lost && command->code != COM_QUIT && command->code != COM_STMT_CLOSE &&
        command->code != COM_STMT_SEND_LONG_DATA && command->code != COM_CHANGE_USER &&
        command->code != COM_RESET_CONNECTION)
        return tell_lost_transaction(session);
    return decode(session);
}
