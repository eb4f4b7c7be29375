/* Text: position, time, server, kind, then the fields. Times are UTC. */
#include "binlog/print/text_printer.h"

#include "binlog/gtid_set.h"
#include "binlog/print/charset.h"
#include "binlog/print/literal.h"
#include "binlog/print/rows_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void text_time(uint32_t timestamp, struct buf *out)
{
    time_t seconds = (time_t)timestamp;
    struct tm parts;
    char text[32];

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    buf_append_text(out, text);
}

void text_gtid(const struct binlog_event *event, struct buf *out)
{
    char text[GTID_TEXT_MAX];

    if (event->payload == EVENT_PAYLOAD_GTID) {
        gtid_print(&event->gtid.gtid, text);
        buf_append_text(out, text);
    } else if (!event->mysql_gtid.is_anonymous) {
        gtid_uuid_print(event->mysql_gtid.uuid, text);
        buf_printf(out, "%s:%" PRIu64, text, event->mysql_gtid.seq);
    } else {
        buf_append_text(out, "anonymous");
    }
}

/* Some lines of text as they are, indented; control characters but for line ends are shown. */
static void indented(struct span text, struct buf *out)
{
    buf_append_text(out, "    ");
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            buf_append_text(out, "\n    ");
        else if (text.data[i] < ' ' && text.data[i] != '\t')
            buf_printf(out, "\\x%02x", text.data[i]);
        else
            buf_append_u8(out, text.data[i]);
    }
    buf_append_u8(out, '\n');
}

static void mysql_gtid_fields(const struct event_mysql_gtid *gtid, struct buf *out)
{
    if (gtid->has_logical_clock)
        buf_printf(out, " last_committed %" PRId64 " sequence_number %" PRId64,
                   gtid->last_committed, gtid->sequence_number);
}

static void gtid_fields(const struct event_gtid *gtid, struct buf *out)
{
    static const struct {
        uint8_t flag;
        const char *name;
    } names[] = {
        {EVENT_GTID_STANDALONE, "standalone"},
        {EVENT_GTID_TRANSACTIONAL, "transactional"},
        {EVENT_GTID_DDL, "ddl"},
        {EVENT_GTID_WAITED, "waited"},
        {EVENT_GTID_PREPARED_XA, "xa"},
        {EVENT_GTID_COMPLETED_XA, "xa-end"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (gtid->flags & names[i].flag)
            buf_printf(out, " %s", names[i].name);
    }
    if (gtid->flags & EVENT_GTID_GROUP_COMMIT)
        buf_printf(out, " group %" PRIu64, gtid->commit_id);
    if (gtid->flags & (EVENT_GTID_PREPARED_XA | EVENT_GTID_COMPLETED_XA)) {
        buf_append_u8(out, ' ');
        literal_xid(out, &gtid->xid);
    }
}

static void gtid_list_fields(const struct event_gtid_list *list, struct buf *out)
{
    char text[GTID_TEXT_MAX];

    for (uint32_t i = 0; i < list->count; i++) {
        struct gtid gtid = event_gtid_list_at(list, i);
        gtid_print(&gtid, text);
        buf_printf(out, "%s%s", i == 0 ? " " : ",", text);
    }
}

static void previous_gtids_fields(const struct event_previous_gtids *previous, struct buf *out)
{
    struct gtid_set set;

    gtid_set_init(&set, GTID_SET_MYSQL);
    buf_append_u8(out, ' ');
    if (gtid_set_decode(&set, previous->set) == 0)
        gtid_set_print(&set, out);
    else
        buf_append_text(out, "(unreadable)");
    gtid_set_free(&set);
}

static void query_fields(const struct event_query *query, struct buf *out)
{
    struct buf text = {0};

    buf_printf(out, " thread %" PRIu32, query->thread_id);
    if (query->error_code != 0)
        buf_printf(out, " error %u", query->error_code);
    if (query->schema.len > 0) {
        buf_append_text(out, " schema ");
        literal_name_shown(out, query->schema);
    }
    buf_append_u8(out, '\n');
    if ((query->status.has & EVENT_QUERY_CHARSET) &&
        charset_to_utf8(query->status.charset_client, query->text, &text))
        indented(buf_span(&text), out);
    else
        indented(query->text, out);
    buf_free(&text);
}

static void user_var_fields(const struct event_user_var *var, struct buf *out)
{
    buf_append_text(out, " @");
    literal_name_shown(out, var->name);
    buf_append_u8(out, '=');
    if (var->is_null)
        buf_append_text(out, "NULL");
    else if (var->type != EVENT_USER_VAR_STRING && event_user_var_text(var, out) != 0)
        buf_append_text(out, "(unreadable)");
    else if (var->type == EVENT_USER_VAR_STRING && utf8_is_valid(var->value))
        literal_string(out, var->value);
    else if (var->type == EVENT_USER_VAR_STRING)
        literal_hex(out, var->value);
}

static void file_fields(struct span file, uint64_t position, struct buf *out)
{
    buf_append_u8(out, ' ');
    buf_append_span(out, file);
    buf_printf(out, ":%" PRIu64, position);
}

/* Behind the kind on the event's line; most end there. */
static void fields(const struct binlog_event *event, struct buf *out)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_FORMAT:
        buf_printf(out, " %s checksum %s%s", event->format.server_version,
                   event->format.checksum == BINLOG_CHECKSUM_CRC32 ? "crc32" : "none",
                   event->format.in_use ? " in use" : "");
        break;
    case EVENT_PAYLOAD_ROTATE: file_fields(event->rotate.file, event->rotate.position, out); break;
    case EVENT_PAYLOAD_HEARTBEAT:
        file_fields(event->heartbeat.file, event->heartbeat.position, out);
        break;
    case EVENT_PAYLOAD_CHECKPOINT:
        buf_append_u8(out, ' ');
        buf_append_span(out, event->checkpoint.file);
        break;
    case EVENT_PAYLOAD_GTID:
        buf_append_u8(out, ' ');
        text_gtid(event, out);
        gtid_fields(&event->gtid, out);
        break;
    case EVENT_PAYLOAD_MYSQL_GTID:
        buf_append_u8(out, ' ');
        text_gtid(event, out);
        mysql_gtid_fields(&event->mysql_gtid, out);
        break;
    case EVENT_PAYLOAD_GTID_LIST: gtid_list_fields(&event->gtid_list, out); break;
    case EVENT_PAYLOAD_PREVIOUS_GTIDS: previous_gtids_fields(&event->previous_gtids, out); break;
    case EVENT_PAYLOAD_XID: buf_printf(out, " %" PRIu64, event->xid.xid); break;
    case EVENT_PAYLOAD_XA_PREPARE:
        buf_append_u8(out, ' ');
        literal_xid(out, &event->xa_prepare.xid);
        buf_append_text(out, event->xa_prepare.one_phase ? " one phase" : "");
        break;
    case EVENT_PAYLOAD_INTVAR:
        buf_printf(out, " %s=%" PRIu64,
                   event->intvar.type == EVENT_INTVAR_INSERT_ID ? "insert_id" : "last_insert_id",
                   event->intvar.value);
        break;
    case EVENT_PAYLOAD_RAND:
        buf_printf(out, " seeds %" PRIu64 ",%" PRIu64, event->rand.seed1, event->rand.seed2);
        break;
    case EVENT_PAYLOAD_USER_VAR: user_var_fields(&event->user_var, out); break;
    case EVENT_PAYLOAD_TABLE_MAP:
        buf_printf(out, " %" PRIu64 " ", event->table_map.table_id);
        literal_name_shown(out, event->table_map.schema);
        buf_append_u8(out, '.');
        literal_name_shown(out, event->table_map.table);
        break;
    case EVENT_PAYLOAD_LOAD_BLOCK:
        buf_printf(out, " file %" PRIu32 ", %zu bytes", event->load_block.file_id,
                   event->load_block.data.len);
        break;
    case EVENT_PAYLOAD_INCIDENT:
        buf_printf(out, " %u ", event->incident.number);
        literal_string(out, event->incident.message);
        break;
    case EVENT_PAYLOAD_PAYLOAD:
        buf_printf(out, " %s, %zu bytes",
                   event->transaction_payload.compression == EVENT_COMPRESSION_ZSTD ? "zstd"
                                                                                    : "plain",
                   event->transaction_payload.data.len);
        break;
    default: break;
    }
}

static int rows_body(const struct binlog_event *event, struct row_reader *reader, struct buf *out,
                     struct binlog_error *error)
{
    const struct table_map *table = event->rows.table;
    struct row row;
    int result = row_reader_start(reader, event, error);

    if (table != NULL) {
        buf_append_u8(out, ' ');
        literal_table_shown(out, table);
    }
    buf_append_u8(out, '\n');
    while (result >= 0 && (result = row_reader_next(reader, &row, error)) > 0) {
        if (rows_text_line(out, table, &row) != 0)
            return binlog_error_set(error, BINLOG_DAMAGED, row.offset, "a JSON value is damaged");
    }
    return result;
}

int text_event(struct span file, const struct binlog_event *event, struct row_reader *reader,
               struct buf *out, struct binlog_error *error)
{
    const char *name = event_type_name(event->header.type);

    buf_append_span(out, file);
    buf_printf(out, "%s%" PRIu64 "%s ", file.len > 0 ? ":" : "", event->offset,
               event->is_inner ? "+" : "");
    text_time(event->header.timestamp, out);
    buf_printf(out, " server %" PRIu32 " ", event->header.server_id);
    if (name)
        buf_append_text(out, name);
    else
        buf_printf(out, "event-%u", event->header.type);
    if (event->payload == EVENT_PAYLOAD_ROWS)
        return rows_body(event, reader, out, error);
    if (event->payload == EVENT_PAYLOAD_QUERY) {
        query_fields(&event->query, out);
        return 0;
    }
    fields(event, out);
    buf_append_u8(out, '\n');
    if (event->payload == EVENT_PAYLOAD_TEXT)
        indented(event->text.text, out);
    return 0;
}
