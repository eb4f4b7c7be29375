/* What a session leaves behind on its server connections: see session_keep.h. */
#include "proxy/session_keep.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/column.h"
#include "proxy/proto/command.h"
#include "proxy/session.h"
#include "proxy/session_warnings.h"
#include "proxy/worker.h"
#include "router/reading.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

enum {
    HEAD_BYTES = 256, /* where SQL_CALC_FOUND_ROWS stands */
};

static bool pooled(const struct session *session)
{
    return session->worker->config->policy.pooling == POOLING_TRANSACTION;
}

/* --- the text --- */

/* The text of the command, empty where there is none. */
static struct span text_of(const struct session *session)
{
    const struct command *command = &session->command;
    if (command->statement)
        return buf_span(&command->statement->sql);
    if ((command->code != COM_QUERY && command->code != COM_STMT_PREPARE) || command->len == 0)
        return (struct span){0};
    return span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                   command->len - PACKET_HEADER_BYTES - 1);
}

/* Where `word` (in lower case) stands; no data: nowhere. */
static struct span find(struct span text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if ((text.data[i] | 0x20) == (word[0] | 0x20) &&
            strncasecmp((const char *)text.data + i, word, len) == 0)
            return span_of(text.data + i, text.len - i);
    return (struct span){0};
}

static bool has(struct span text, const char *word)
{
    return find(text, word).data != NULL;
}

/* insert_id, the id that the next INSERT uses; not last_insert_id. */
static bool has_insert_id(struct span text)
{
    for (struct span at = text; (at = find(at, "insert_id")).data != NULL;
         at = span_of(at.data + 1, at.len - 1))
        if (at.data == text.data || at.data[-1] != '_')
            return true;
    return false;
}

static bool begins(struct span text, const char *word)
{
    while (text.len && isspace(text.data[0]))
        text = span_of(text.data + 1, text.len - 1);
    size_t len = strlen(word);
    return text.len > len && strncasecmp((const char *)text.data, word, len) == 0 &&
           !isalnum(text.data[len]) && text.data[len] != '_';
}

static struct span skip_blanks(struct span text)
{
    while (text.len && isspace(text.data[0]))
        text = span_of(text.data + 1, text.len - 1);
    while (text.len && (isspace(text.data[text.len - 1]) || text.data[text.len - 1] == ';'))
        text.len--;
    return text;
}

/* SELECT ROW_COUNT() and SELECT FOUND_ROWS(): the title, as it is written; empty: another form. */
static struct span plain_call(struct span text)
{
    text = skip_blanks(text);
    if (!begins(text, "select"))
        return (struct span){0};
    struct span call = skip_blanks(span_of(text.data + 6, text.len - 6));
    bool is_call =
        (call.len == 11 && strncasecmp((const char *)call.data, "row_count()", 11) == 0) ||
        (call.len == 12 && strncasecmp((const char *)call.data, "found_rows()", 12) == 0);
    return is_call ? call : (struct span){0};
}

/* --- the judgement --- */

/* Looks through the statements only while some may be found. */
bool keep_binds_statements(struct session *session)
{
    struct statements *statements = &session->statements;
    if (statements->unkept > 0)
        return true;
    if (!statements->bound)
        return false;
    list_for_each (node, &statements->list) {
        const struct statement *statement = list_object(node, struct statement, node);
        if (statement->long_data_serial || statement->cursor)
            return true;
    }
    statements->bound = false;
    return false;
}

static bool at_work(const struct session *session, const struct backend *backend)
{
    if (session->command.asked_for == backend || backend->parting)
        return true;
    return session->running == backend && session->state >= SESSION_ATTACH &&
           session->state != SESSION_CLOSED;
}

static bool leader_holds(const struct session *session)
{
    return session->sticky & ~(unsigned)STICKY_VARIABLES || session->user_vars.unreadable ||
           session->vars.leader_only || session->vars.looks_back || session->vars.schema_dropped ||
           session->vars.asks || session->vars.again.len > 0 || session->vars.unreported ||
           session->aftermath.unnamed || session->aftermath.one_time;
}

bool keep_has_warnings(const struct session *session, const struct backend *backend)
{
    return session->aftermath.diagnostics && session->diagnosed_serial == backend->serial;
}

enum keep session_keeps(struct session *session, const struct backend *backend)
{
    const struct aftermath *aftermath = &session->aftermath;
    bool last = session->running == backend;
    if (backend->state != BACKEND_READY || backend->tainted || backend->expired ||
        session->outdated || session->identity->relayed || /* it could open no other */
        at_work(session, backend) || session->trx == backend ||
        backend->status & SERVER_STATUS_IN_TRANS || (!backend->guarded && leader_holds(session)) ||
        keep_binds_statements(session))
        return KEEP_ON;
    if (last && aftermath->asks)
        return KEEP_ON;
    if ((last && aftermath->unsure) || (keep_has_warnings(session, backend) && !aftermath->asked))
        return KEEP_ASK;
    bool knows_more = !aftermath->insert_id_known || session->sticky & STICKY_VARIABLES;
    if (!backend->guarded && knows_more)
        return KEEP_ASK;
    return KEEP_NOT;
}

/* --- what replies tell --- */

static bool is_one_of(const struct token *token, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (token_is_word(token, words[i]))
            return true;
    return false;
}

/* Those whose COM_STMT_PREPARE forgets the warnings before it (measured). */
static bool prepares_tables(const struct session *session, struct span text)
{
    static const char *const verbs[] = {
        "insert",   "replace",  "update", "delete",  "create", "drop",
        "alter",    "truncate", "rename", "analyze", "check",  "repair",
        "optimize", "load",     "with",   "table",   "desc",   "describe",
    };
    static const char *const shown[] = {
        "tables",  "table",     "columns",  "fields",    "index",   "indexes",   "keys",
        "create",  "databases", "schemas",  "variables", "status",  "character", "collation",
        "session", "global",    "triggers", "events",    "engines", "procedure", "function",
    };
    struct reading reading;
    reading_start(&reading, text, session_lex_mode(session));
    if (has(text, "from") || is_one_of(&reading.token, verbs, sizeof(verbs) / sizeof(verbs[0])))
        return true;
    return token_is_word(&reading.token, "show") &&
           is_one_of(&reading.next, shown, sizeof(shown) / sizeof(shown[0]));
}

/* A statement without tables leaves the warnings of the one before as they are, unless it has some
 * of its own (server source sql/sql_parse.cc, mysql_execute_command). */
static bool without_tables(const struct session *session)
{
    const struct command *command = &session->command;
    struct span text = text_of(session);
    if (command->code == COM_STMT_PREPARE && !command->streamed)
        return !prepares_tables(session, text);
    if (command->code != COM_QUERY && command->code != COM_STMT_EXECUTE)
        return true;
    if (command->flags & (CLASS_SET | CLASS_USE | CLASS_BEGIN | CLASS_DIAGNOSTICS))
        return true;
    struct reading reading;
    reading_start(&reading, text, session_lex_mode(session));
    return command->read && !has(text, "from") &&
           (command->flags & CLASS_DO || token_is_word(&reading.token, "select"));
}

void keep_note_ok(struct session *session, const struct ok_reply *ok)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->own = ok->warnings > 0;
    aftermath->diagnostics = aftermath->own || (aftermath->diagnostics && without_tables(session));
    session->running->spotless = session->running->spotless && ok->warnings == 0;
    aftermath->row_count = ok->header == 0x00 ? (int64_t)ok->affected_rows : -1;
    /* The OK also tells of ids that the client chose itself, which LAST_INSERT_ID() does not
     * (measured). */
    if (!session->running->guarded && ok->insert_id && ok->insert_id != aftermath->insert_id) {
        aftermath->insert_id = ok->insert_id;
        aftermath->insert_id_known = false;
    }
}

void keep_note_prepared(struct session *session, uint16_t warnings)
{
    struct aftermath *aftermath = &session->aftermath;
    aftermath->own = warnings > 0;
    aftermath->diagnostics = aftermath->own || (aftermath->diagnostics && without_tables(session));
    session->running->spotless = session->running->spotless && warnings == 0;
}

void keep_note_err(struct session *session)
{
    session->aftermath.diagnostics = session->aftermath.own = true;
    session->aftermath.row_count = -1;
    session->running->spotless = false;
}

/* What its leader connection may have that no reply tells of. */
static void note_text(struct session *session, struct span text)
{
    struct aftermath *aftermath = &session->aftermath;
    const struct command *command = &session->command;
    if (command->flags & CLASS_SET) {
        aftermath->one_time |= has_insert_id(text) || has(text, "gtid_seq_no");
        aftermath->unnamed |= has(text, "tx_read_only") || has(text, "transaction_read_only") ||
                              has(text, "read only") || has(text, "server_id") ||
                              has(text, "gtid_domain_id") || has(text, "skip_replication") ||
                              has(text, "binlog_format") || has(text, "pseudo_");
        return;
    }
    aftermath->one_time = false;
    if (command->read)
        return;
    aftermath->unnamed |= has(text, "nextval") || has(text, "next value") || has(text, "setval");
}

static void note_diagnostics(struct session *session)
{
    uint64_t serial = session->running->serial;
    if (session->diagnosed_serial != serial && (session->aftermath.own || !without_tables(session)))
        session->diagnosed_serial = serial;
}

/* CHECK TABLE, HANDLER, INSERT … RETURNING and the like leave FOUND_ROWS() as it was (measured). */
static bool counts_found_rows(struct span text)
{
    static const char *const words[] = {"select", "with", "show", "values"};
    while (text.len && (isspace(text.data[0]) || text.data[0] == '('))
        text = span_of(text.data + 1, text.len - 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (begins(text, words[i]))
            return !begins(text, "show") || !has(text, "create");
    return text.len > 0 && (text.data[0] == '/' || text.data[0] == '#' || text.data[0] == '-');
}

/* In ways of which no OK tells; an INSERT that fails behind its first row is one (measured). */
static bool changes_insert_id(const struct session *session, struct span text)
{
    const struct command *command = &session->command;
    bool rows = session->aftermath.row_count < 0;
    if (command->flags & CLASS_SET)
        return has(text, "insert_id") || has(text, "identity");
    bool says = rows || command->flags & CLASS_DO; /* LAST_INSERT_ID(5) */
    return command->flags & (CLASS_OPAQUE | CLASS_MULTI) || command->streamed ||
           (says && !command->read);
}

/* UPDATE … ORDER BY counts what it sorts (measured). */
static bool sorts(const struct command *command, struct span text)
{
    return !command->read && has(text, "order");
}

/* What is kept of the warnings of an earlier statement: do they still stand behind this one? */
static bool note_standing(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    bool stand = aftermath->lost && !aftermath->own && without_tables(session);
    aftermath->lost = aftermath->asked = stand;
    return stand;
}

void keep_note_end(struct session *session)
{
    if (!(session->command.flags & CLASS_DIAGNOSTICS) || session->command.failed)
        note_diagnostics(session);
    struct command *command = &session->command;
    struct aftermath *aftermath = &session->aftermath;
    const struct backend *backend = session->running;
    if (command->statement) {
        uint16_t status = backend->status;
        bool opens = command->code == COM_STMT_EXECUTE || command->code == COM_STMT_FETCH;
        command->statement->cursor = opens && !command->failed &&
                                     status & SERVER_STATUS_CURSOR_EXISTS &&
                                     !(status & SERVER_STATUS_LAST_ROW_SENT);
        session->statements.bound |= command->statement->cursor;
    }
    struct span text = text_of(session);
    if (!backend->guarded && changes_insert_id(session, text))
        aftermath->insert_id_known = false;
    if (!pooled(session))
        return;
    if (!note_standing(session))
        warnings_forget(session);
    bool rows = aftermath->row_count < 0;
    if (rows && !command->failed && counts_found_rows(text))
        aftermath->found_rows = session->parser.rows;
    aftermath->unsure =
        command->flags & (CLASS_OPAQUE | CLASS_MULTI) || command->streamed ||
        has(text.len > HEAD_BYTES ? span_of(text.data, HEAD_BYTES) : text, "sql_calc_found_rows") ||
        sorts(command, text);
    if (command->previous && (command->code == COM_STMT_PREPARE || command->code == COM_QUERY) &&
        !warnings_asked(session) && plain_call(text).len == 0)
        aftermath->asks = true;
    if (backend->guarded)
        return;
    if (text.len)
        note_text(session, text);
    else if (command->streamed)
        aftermath->one_time = false;
}

void keep_forget(struct session *session)
{
    session->aftermath = (struct aftermath){.insert_id_known = true};
    warnings_forget(session);
}

void keep_note_insert_id(struct session *session, uint64_t insert_id)
{
    session->aftermath.insert_id = insert_id;
    session->aftermath.insert_id_known = true;
}

void keep_note_answer(struct session *session, uint64_t insert_id, int64_t row_count,
                      uint64_t found_rows)
{
    struct aftermath *aftermath = &session->aftermath;
    keep_note_insert_id(session, insert_id);
    if (!aftermath->unsure) /* the others were known, and may be of another connection */
        return;
    aftermath->row_count = row_count;
    aftermath->found_rows = found_rows;
    aftermath->unsure = false;
}

/* --- answers --- */

static void answer_number(struct session *session, struct span title, int64_t value)
{
    char digits[24];
    struct buf out = {0};
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    size_t begin = packet_begin(&out);
    write_lenenc(&out, 1);
    uint8_t seq = packet_end(&out, begin, 1);
    seq = column_build_i64(&out, seq, title, session->capabilities);
    seq = columns_end(&out, seq, session->status, session->capabilities);
    seq = row_build(&out, seq, span_text(digits), false);
    rows_end(&out, seq, session->status, session->capabilities);
    if (session_send(session, buf_span(&out)))
        session_finish_command(session);
    buf_free(&out);
}

static bool refuse_lost(struct session *session)
{
    session->aftermath.asks = true;
    session_refuse(session, 1105, "HY000",
                   "Causeway lent the connection of the previous statement to another session "
                   "(pooling = transaction), and with it what this statement asks for; from now "
                   "on this session keeps it");
    return true;
}

/* ROW_COUNT() or FOUND_ROWS() stands in it. */
static bool calls_counts(const struct session *session)
{
    struct reading reading;
    reading_start(&reading, session_sql(session), session_lex_mode(session));
    for (; !reading_at_end(&reading); reading_step(&reading)) {
        bool counts = token_is_word(&reading.token, "row_count") ||
                      token_is_word(&reading.token, "found_rows");
        if (!counts || !token_is_symbol(&reading.next, '('))
            continue;
        reading_step(&reading);
        if (token_is_symbol(&reading.next, ')'))
            return true;
    }
    return false;
}

bool keep_refuse_counts(struct session *session)
{
    const struct command *command = &session->command;
    bool runs = command->code == COM_QUERY || command->code == COM_STMT_EXECUTE;
    bool of_others = command->flags & (CLASS_MULTI | CLASS_OPAQUE | CLASS_DDL); /* inside of it */
    if (!pooled(session) || session->leader || command->read || command->previous || !runs ||
        of_others || command->streamed || session->statements_run <= 1 || !calls_counts(session))
        return false;
    return refuse_lost(session);
}

bool keep_answer(struct session *session)
{
    struct aftermath *aftermath = &session->aftermath;
    struct span text = text_of(session);
    if (!pooled(session))
        return false;
    if (aftermath->lost && warnings_answer(session))
        return true;
    struct span title = plain_call(text);
    if (title.len && session->command.code == COM_QUERY) {
        bool row_count = tolower(title.data[0]) == 'r';
        int64_t value = row_count ? aftermath->row_count : (int64_t)aftermath->found_rows;
        answer_number(session, title, value);
        aftermath->row_count = -1;
        aftermath->found_rows = 1;
        return true;
    }
    if (session->command.code == COM_STMT_PREPARE)
        return false;
    aftermath->asks = true;
    bool counts = has(text, "row_count") || has(text, "found_rows");
    if (!counts && !aftermath->lost)
        return false;
    return refuse_lost(session);
}
