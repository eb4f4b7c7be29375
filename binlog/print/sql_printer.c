/* Replayable SQL.
 *
 *     GTID --> (nothing) --first rows or statement--> START TRANSACTION ... COMMIT
 *     standalone GTID --> its one statement
 *     GTID of XA --> XA START ... XA END, XA PREPARE
 * The start is printed late, so that CREATE TABLE .. SELECT, a DDL with rows behind it in one
 * group, has its rows in a transaction too. */
#include "binlog/print/sql_printer.h"

#include "binlog/print/literal.h"
#include "binlog/print/text_printer.h"

#include <inttypes.h>

void sql_printer_free(struct sql_printer *sql)
{
    sql_session_free(&sql->session);
    sql_rows_free(&sql->rows);
}

void sql_begin(bool flashback, struct buf *out)
{
    buf_printf(out, "-- Causeway " CAUSEWAY_VERSION ": %s\n",
               flashback ? "undoes a binary log, newest transaction first"
                         : "replays a binary log");
    buf_append_text(out, "-- For the mariadb client, with --binary-mode; needs the right BINLOG "
                         "REPLAY.\n"
                         "SET @@session.pseudo_slave_mode=1;\n"
                         "SET @causeway_completion_type=@@completion_type, completion_type=0;\n"
                         "DELIMITER /*!*/;\n");
}

void sql_end(struct sql_printer *sql, struct buf *out)
{
    if (sql->started)
        buf_append_text(out, "ROLLBACK /* the log ends inside this transaction */" SQL_END);
    if (sql->mysql_gtid_set)
        buf_append_text(out, "SET @@session.gtid_next='AUTOMATIC'" SQL_END);
    buf_append_text(out, "DELIMITER ;\n"
                         "SET completion_type=@causeway_completion_type;\n"
                         "SET @@session.pseudo_slave_mode=0;\n"
                         "-- end\n");
}

static void start(struct sql_printer *sql, struct buf *out)
{
    if (sql->started)
        return;
    buf_append_text(out, "START TRANSACTION" SQL_END);
    sql->started = true;
}

static void finish(struct sql_printer *sql, const char *how, struct buf *out)
{
    if (sql->started)
        buf_printf(out, "%s" SQL_END, how);
    sql->started = false;
}

static void comment(const struct binlog_event *event, struct buf *out)
{
    buf_printf(out, "# at %" PRIu64 " ", event->offset);
    text_time(event->header.timestamp, out);
    buf_printf(out, " server %" PRIu32 " ", event->header.server_id);
    if (event->payload == EVENT_PAYLOAD_GTID || event->payload == EVENT_PAYLOAD_MYSQL_GTID)
        text_gtid(event, out);
    else
        buf_append_text(out, event_type_name(event->header.type));
    buf_append_u8(out, '\n');
}

/* Lines of text as comments, each behind `mark`. */
static void comment_lines(const char *mark, struct span text, struct buf *out)
{
    buf_append_text(out, mark);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            buf_printf(out, "\n%s", mark);
        else if (text.data[i] < ' ' && text.data[i] != '\t')
            buf_append_u8(out, '?');
        else
            buf_append_u8(out, text.data[i]);
    }
    buf_append_u8(out, '\n');
}

/* --- the beginning of a transaction --- */

static void keep_gtid(struct sql_printer *sql, const struct binlog_event *event, struct buf *out)
{
    const struct gtid *gtid = &event->gtid.gtid;

    if (event->payload == EVENT_PAYLOAD_GTID) {
        buf_printf(out,
                   "SET @@session.gtid_domain_id=%" PRIu32 ", @@session.server_id=%" PRIu32
                   ", @@session.gtid_seq_no=%" PRIu64 SQL_END,
                   gtid->domain, gtid->server, gtid->seq);
        return;
    }
    buf_append_text(out, "SET @@session.gtid_next='");
    text_gtid(event, out);
    buf_append_text(out, "'" SQL_END);
    sql->mysql_gtid_set = true;
}

static void event_gtid(struct sql_printer *sql, const struct binlog_event *event, struct buf *out)
{
    const struct event_gtid *gtid = &event->gtid;
    bool is_mariadb = event->payload == EVENT_PAYLOAD_GTID;
    bool skips_replicate = (event->header.flags & EVENT_FLAG_SKIP_REPLICATION) != 0;

    comment(event, out);
    if (is_mariadb && skips_replicate != sql->skips_replicate) {
        buf_printf(out, "SET @@session.skip_replication=%d" SQL_END, skips_replicate);
        sql->skips_replicate = skips_replicate;
    }
    /* ALTER TABLE in two phases: the whole statement comes again when it commits. */
    sql->skips =
        is_mariadb && (gtid->extra_flags & (EVENT_GTID_START_ALTER | EVENT_GTID_ROLLBACK_ALTER));
    if (sql->skips)
        return;
    if (sql->settings->keep_gtids && (is_mariadb || !event->mysql_gtid.is_anonymous))
        keep_gtid(sql, event, out);
    if (is_mariadb && (gtid->flags & EVENT_GTID_PREPARED_XA)) {
        buf_append_text(out, "XA START ");
        literal_xid(out, &gtid->xid);
        buf_append_text(out, SQL_END);
        sql->started = true;
    }
}

/* --- statements --- */

static int load_path(struct sql_printer *sql, const struct binlog_event *event, struct buf *out)
{
    static const char *const duplicates[] = {"", " IGNORE", " REPLACE"};
    const struct event_query *query = &event->query;
    struct buf path = {0};
    const char *how = query->load_duplicates < 3 ? duplicates[query->load_duplicates] : "";

    if (sql->settings->loads == NULL)
        return -1;
    sql->settings->loads->path(query->load_file_id, &path, sql->settings->loads->context);
    buf_append(out, query->text.data, query->load_name_start);
    buf_append_text(out, " LOCAL INFILE '");
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '\'')
            buf_append_u8(out, '\'');
        buf_append_u8(out, path.data[i]);
    }
    buf_printf(out, "'%s INTO", how);
    buf_append(out, query->text.data + query->load_name_end,
               query->text.len - query->load_name_end);
    buf_free(&path);
    return 0;
}

static int statement(struct sql_printer *sql, const struct binlog_event *event, struct buf *out,
                     struct binlog_error *error)
{
    const struct event_query *query = &event->query;
    int result = sql_session_set(&sql->session, event, out, error);

    if (result < 0)
        return result;
    if (query->error_code != 0)
        buf_printf(out, "# this statement ended with error %u where it was logged\n",
                   query->error_code);
    if (!query->is_load) {
        buf_append_span(out, query->text);
    } else if (load_path(sql, event, out) < 0) {
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "a LOAD DATA statement needs --load-files=FOLDER for its data:");
    }
    buf_append_text(out, "\n" SQL_END);
    return 0;
}

/* `open`: inside a transaction that an XID or COMMIT will end. */
static int event_query(struct sql_printer *sql, const struct binlog_event *event, bool open,
                       struct buf *out, struct binlog_error *error)
{
    enum query_kind kind = query_kind_of(event->query.text);
    int result;

    switch (kind) {
    case QUERY_BEGIN: return 0; /* printed when something follows */
    case QUERY_COMMIT: finish(sql, "COMMIT", out); return 0;
    case QUERY_ROLLBACK: finish(sql, "ROLLBACK", out); return 0;
    case QUERY_XA_START: sql->started = true; break;
    default:
        if (open && kind != QUERY_OTHER)
            start(sql, out);
        break;
    }
    result = statement(sql, event, out, error);
    if (kind == QUERY_OTHER && result == 0)
        sql->started = false; /* DDL has committed what was open */
    if (kind == QUERY_XA_PREPARE)
        sql->started = false;
    return result;
}

static void xa_prepare(struct sql_printer *sql, const struct event_xa_prepare *xa, struct buf *out)
{
    buf_append_text(out, xa->one_phase ? "XA COMMIT " : "XA PREPARE ");
    literal_xid(out, &xa->xid);
    buf_append_text(out, xa->one_phase ? " ONE PHASE" SQL_END : SQL_END);
    sql->started = false;
}

static int load_block(struct sql_printer *sql, const struct binlog_event *event,
                      struct binlog_error *error)
{
    const struct print_loads *loads = sql->settings->loads;
    const struct event_load_block *block = &event->load_block;

    if (event->header.type == EVENT_DELETE_FILE)
        return 0;
    if (loads == NULL)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "a LOAD DATA statement needs --load-files=FOLDER for its data:");
    if (loads->write(block->file_id, event->header.type == EVENT_BEGIN_LOAD_QUERY, block->data,
                     loads->context) < 0)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "the data of a LOAD DATA can't be written");
    return 0;
}

static int event_rows(struct sql_printer *sql, const struct binlog_event *event,
                      struct row_reader *reader, struct buf *out, struct binlog_error *error)
{
    int result = 0;

    if (event->rows.table != NULL) {
        if (!sql->format_printed)
            sql_rows_format_print(&sql->rows, buf_span(&sql->rows.format), out);
        sql->format_printed = true;
        start(sql, out);
        comment(event, out);
        result = sql_rows_print(&sql->rows, event, reader, false, out, error);
    }
    if (event->rows.flags & EVENT_ROWS_STATEMENT_END)
        sql_rows_statement_end(&sql->rows);
    return result;
}

static int content(struct sql_printer *sql, const struct binlog_event *event, bool open,
                   struct row_reader *reader, struct buf *out, struct binlog_error *error)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_QUERY: return event_query(sql, event, open, out, error);
    case EVENT_PAYLOAD_ROWS: return event_rows(sql, event, reader, out, error);
    case EVENT_PAYLOAD_TABLE_MAP: sql_rows_table(&sql->rows, event); return 0;
    case EVENT_PAYLOAD_XID: finish(sql, "COMMIT", out); return 0;
    case EVENT_PAYLOAD_XA_PREPARE: xa_prepare(sql, &event->xa_prepare, out); return 0;
    case EVENT_PAYLOAD_TEXT: comment_lines("#Q> ", event->text.text, out); return 0;
    case EVENT_PAYLOAD_LOAD_BLOCK: return load_block(sql, event, error);
    case EVENT_PAYLOAD_USER_VAR: return sql_session_user_var(&sql->session, event, out, error);
    case EVENT_PAYLOAD_INTVAR:
        buf_printf(out, "SET %s=%" PRIu64 SQL_END,
                   event->intvar.type == EVENT_INTVAR_INSERT_ID ? "INSERT_ID" : "LAST_INSERT_ID",
                   event->intvar.value);
        return 0;
    case EVENT_PAYLOAD_RAND:
        buf_printf(out, "SET @@rand_seed1=%" PRIu64 ", @@rand_seed2=%" PRIu64 SQL_END,
                   event->rand.seed1, event->rand.seed2);
        return 0;
    default: return 0;
    }
}

int sql_event(struct sql_printer *sql, const struct binlog_event *event, struct trx_step step,
              struct row_reader *reader, struct buf *out, struct binlog_error *error)
{
    int result = 0;

    if (step.broken && sql->started)
        finish(sql, "ROLLBACK /* it never ended in the log */", out);
    if (event->payload == EVENT_PAYLOAD_FORMAT) {
        sql_rows_format(&sql->rows, event);
        sql->session.is_mariadb = event->format.is_mariadb;
        sql->format_printed = false;
    } else if (event->payload == EVENT_PAYLOAD_INCIDENT) {
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "the server lost events here (an incident event): the log can't "
                                "be replayed beyond it,");
    } else if (event->payload == EVENT_PAYLOAD_GTID || event->payload == EVENT_PAYLOAD_MYSQL_GTID) {
        event_gtid(sql, event, out);
    } else if (!sql->skips) {
        result = content(sql, event, step.inside && !step.ends, reader, out, error);
    }
    if (step.ends)
        sql->skips = false;
    return result;
}
