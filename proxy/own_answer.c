/* The statements that Causeway answers itself: see own_answer.h. */
#include "proxy/own_answer.h"

#include "proxy/base/log.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/column.h"
#include "proxy/proto/command.h"
#include "proxy/proto/definitions.h"
#include "proxy/proto/execute.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>

static struct span own_value(const struct own_words *own)
{
    return span_of(own->value, own->value_len);
}

static uint8_t build_column(struct buf *out, uint8_t seq, const struct session *session,
                            const struct own_words *own)
{
    struct span title = span_of(own->title, own->title_len);
    if (own->what == OWN_GET_CONNECTION)
        return column_build_u32(out, seq, title, session->capabilities);
    return column_build(out, seq, title, OWN_TOKEN_MAX_BYTES, session->capabilities);
}

static uint8_t column_count(struct buf *out, const struct session *session)
{
    if (session->capabilities & MARIADB_CLIENT_CACHE_METADATA)
        return column_count_build(out, 1, 1, true);
    size_t begin = packet_begin(out);
    write_lenenc(out, 1);
    return packet_end(out, begin, 1);
}

/* One column, one row; `value` is not looked at for a number. */
static enum step answer_row(struct session *session, const struct own_words *own, struct span value)
{
    bool binary = session->command.code == COM_STMT_EXECUTE;
    struct buf out = {0};
    uint8_t seq = column_count(&out, session);
    seq = build_column(&out, seq, session, own);
    seq = columns_end(&out, seq, session->status, session->capabilities);
    if (own->what == OWN_GET_CONNECTION)
        seq = row_build_u32(&out, seq, session->id, binary);
    else
        seq = row_build(&out, seq, value, binary);
    rows_end(&out, seq, session->status, session->capabilities);
    bool sent = session_send(session, buf_span(&out));
    buf_free(&out);
    return sent ? session_finish_command(session) : STEP_WAIT;
}

/* --- the key --- */

static enum step set_key(struct session *session, const struct own_words *own)
{
    if (session_name_key(session, own_value(own)))
        return session_accept(session);
    session->worker->counters.keys_refused++;
    return session_refuse(session, 1040, "08004",
                          "Too many keys are in use (max_keys); @causeway_key is what it was");
}

static enum step get_key(struct session *session, const struct own_words *own)
{
    return answer_row(session, own, session_key_name(session));
}

/* --- the token --- */

static enum step set_token(struct session *session, const struct own_words *own)
{
    struct gtid_vector token;
    int error = gtid_vector_parse(own_value(own), &token);
    if (!error) {
        error = requirement_add(session_requirement(session), &token);
        session_settle(session);
    }
    if (!error)
        return session_accept(session);
    return session_refuse(session, 1231, "42000",
                          error == -E2BIG
                              ? "The token names more GTID domains than a session can hold"
                              : "The token is no list of GTIDs (domain-server-sequence, ...)");
}

/* All that was seen so far, as text. False: a leader position must be fetched first. */
static bool token_text(struct session *session, char *text, size_t size)
{
    const struct requirement *requirement = session_requirement(session);
    const struct gtid_vector *token = requirement_token(requirement, &session->command.proof);
    if (token)
        gtid_vector_print(token, text, size);
    session_settle(session);
    return token != NULL;
}

static enum step get_token(struct session *session, const struct own_words *own)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    if (token_text(session, text, sizeof(text)))
        return answer_row(session, own, span_text(text));
    if (!session->command.bound_failed)
        return session_ask_position(session);
    return session_refuse(session, 1290, "HY000",
                          "No leader told its position, so no token can cover what was read");
}

/* --- both --- */

static enum step answer(struct session *session, const struct own_words *own)
{
    switch (own->what) {
    case OWN_SET_KEY: return set_key(session, own);
    case OWN_GET_KEY: return get_key(session, own);
    case OWN_SET_TOKEN: return set_token(session, own);
    case OWN_GET_TOKEN: return get_token(session, own);
    case OWN_GET_CONNECTION: return answer_row(session, own, (struct span){0});
    case OWN_NONE: break;
    }
    return STEP_MORE;
}

/* --- as text --- */

static struct span command_payload(const struct session *session)
{
    return span_of(stream_data(&session->client) + PACKET_HEADER_BYTES,
                   session->command.len - PACKET_HEADER_BYTES);
}

/* Reads the command's words once more, with the parameter where it has one. 0, or -EINVAL with
 * `own->error`. */
static int own_read(const struct session *session, struct own_words *own)
{
    const struct statement *statement = session->command.statement;
    struct span payload = command_payload(session);
    if (!statement)
        return own_words_parse(span_of(payload.data + 1, payload.len - 1),
                               session_lex_mode(session), own);
    (void)!own_words_parse(buf_span(&statement->sql), statement->own_mode, own);
    if (!own->parameter)
        return 0;
    struct buf text = {0};
    int found = execute_text_parameter(payload, buf_span(&statement->types), &text);
    int error = found < 0 ? found : own_words_bind(own, buf_span(&text));
    buf_free(&text);
    if (found < 0)
        snprintf(own->error, sizeof(own->error), "%s must be a string or an integer, sent at once",
                 own->what == OWN_SET_KEY ? "@causeway_key" : "@@causeway_token");
    return error ? -EINVAL : 0;
}

enum step own_answer(struct session *session)
{
    struct own_words own;
    if (own_read(session, &own))
        return session_refuse(session, 1064, "42000", "%s", own.error);
    return answer(session, &own);
}

/* True when the text is Causeway's; then it may have been refused. */
static bool own_parse(struct session *session, struct span sql, bool may_bind,
                      struct own_words *own)
{
    int error = own_words_parse(sql, session_lex_mode(session), own);
    if (error == -ENOENT)
        return false;
    if (error || (own->parameter && !may_bind)) {
        session_refuse(session, 1064, "42000", "%s", own->error);
        own->what = OWN_NONE;
    }
    return true;
}

bool own_take(struct session *session, struct span sql)
{
    struct own_words own;
    if (!own_parse(session, sql, false, &own))
        return false;
    if (own.what == OWN_NONE)
        return true;
    session->command.own = (uint8_t)own.what;
    if (own.what == OWN_GET_CONNECTION) {
        answer(session, &own);
        return true;
    }
    /* A token waits for what is known of this leader's history, as a read does. */
    session_enter(session, SESSION_ROUTE);
    return true;
}

/* --- prepared --- */

/* Source: protocol page "com_stmt_prepare". */
static void prepare_ok(struct session *session, const struct statement *statement,
                       const struct own_words *own)
{
    bool selects = own->what != OWN_SET_KEY && own->what != OWN_SET_TOKEN;
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, 0x00);
    buf_append_u32(&out, statement->id);
    buf_append_u16(&out, selects ? 1 : 0);
    buf_append_u16(&out, statement->parameters);
    buf_append_u8(&out, 0);
    buf_append_u16(&out, 0); /* warnings */
    uint8_t seq = packet_end(&out, begin, 1);
    if (statement->parameters) {
        seq = column_build(&out, seq, span_text("?"), 0, session->capabilities);
        seq = columns_end(&out, seq, session->status, session->capabilities);
    }
    if (selects) {
        seq = build_column(&out, seq, session, own);
        columns_end(&out, seq, session->status, session->capabilities);
    }
    if (session_send(session, buf_span(&out)))
        session_finish_command(session);
    buf_free(&out);
}

bool own_prepare(struct session *session, struct span sql)
{
    const struct statement_class class = {.target = CLASS_LEADER, .flags = CLASS_OWN_WORD};
    struct own_words own;
    if (!own_parse(session, sql, true, &own))
        return false;
    if (own.what == OWN_NONE)
        return true;
    struct statement *statement = statements_add(&session->statements, sql, &class);
    statement->own = (uint8_t)own.what;
    statement->own_mode = (uint8_t)session_lex_mode(session);
    statement->parameters = own.parameter ? 1 : 0;
    if (session->command.key)
        buf_append_span(&statement->key, session_command_key_name(session));
    prepare_ok(session, statement, &own);
    return true;
}

enum step own_execute(struct session *session, struct statement *statement)
{
    struct command *command = &session->command;
    bool sent_ahead = statement->long_data_serial != 0;
    statement->long_data_serial = 0;
    if (command->streamed || sent_ahead || command->code != COM_STMT_EXECUTE)
        return session_refuse(session, 1210, "HY000",
                              "Causeway takes this statement's parameter whole, at once and alone");
    command->statement = statement;
    command->own = statement->own;
    if (command->own == OWN_GET_CONNECTION)
        return own_answer(session);
    session_enter(session, SESSION_ROUTE);
    return STEP_MORE;
}
