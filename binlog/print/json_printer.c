/* JSON. Strings are escaped by jansson; the frame around them is written as the events come, in the
 * order of the log, and integers in full (a BIGINT UNSIGNED has no room in jansson's own). */
#include "binlog/print/json_printer.h"

#include "binlog/json_binary.h"
#include "binlog/print/charset.h"
#include "binlog/print/literal.h"
#include "binlog/print/text_printer.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

void json_printer_free(struct json_printer *json)
{
    buf_free(&json->line);
}

static int dump_to_buf(const char *bytes, size_t len, void *out)
{
    buf_append(out, bytes, len);
    return 0;
}

/* Well-formed UTF-8 as a JSON string. */
static void json_utf8(struct buf *out, struct span text)
{
    json_t *string = json_stringn(text.len > 0 ? (const char *)text.data : "", text.len);
    int failed = string == NULL || json_dump_callback(string, dump_to_buf, out, JSON_ENCODE_ANY);

    json_decref(string);
    if (failed)
        buf_append_text(out, "null");
}

static void json_bytes(struct buf *out, struct span bytes)
{
    buf_append_text(out, "{\"base64\":\"");
    literal_base64(out, bytes, false);
    buf_append_text(out, "\"}");
}

/* Text of that collation (0: not known) as a string, or what is none as {"base64":..}. */
static void json_text(struct buf *out, uint32_t collation, struct span text)
{
    struct buf converted = {0};

    if (collation != 0 && charset_to_utf8(collation, text, &converted))
        json_utf8(out, buf_span(&converted));
    else if (utf8_is_valid(text))
        json_utf8(out, text);
    else
        json_bytes(out, text);
    buf_free(&converted);
}

static void json_key(struct buf *out, const char *key)
{
    buf_printf(out, "\"%s\":", key);
}

/* --- cells --- */

/* BINARY(n), UUID, INET6: the log leaves out zero bytes at the end. */
static void json_padded(struct buf *out, struct span bytes, size_t len)
{
    struct buf padded = {0};

    buf_append_span(&padded, bytes);
    buf_append_zero(&padded, len - bytes.len);
    json_bytes(out, buf_span(&padded));
    buf_free(&padded);
}

static void cell_string(struct buf *out, const struct table_column *column, struct span bytes)
{
    if (column->type == COLUMN_STRING && column->collation == COLLATION_BINARY &&
        bytes.len < column->max_bytes)
        json_padded(out, bytes, column->max_bytes);
    else if (table_column_is_text(column) == 0)
        json_bytes(out, bytes);
    else
        json_text(out, column->collation, bytes);
}

static void cell_set(struct buf *out, const struct table_column *column, uint64_t members)
{
    bool first = true;

    if (column->value_count == 0) {
        buf_printf(out, "%" PRIu64, members);
        return;
    }
    buf_append_u8(out, '[');
    for (uint32_t i = 0; i < column->value_count && i < 64; i++) {
        if ((members >> i & 1) == 0)
            continue;
        if (!first)
            buf_append_u8(out, ',');
        first = false;
        json_text(out, column->collation, table_column_value(column, i));
    }
    buf_append_u8(out, ']');
}

static void cell_enum(struct buf *out, const struct table_column *column, uint64_t number)
{
    if (number == 0 && column->value_count > 0)
        buf_append_text(out, "\"\"");
    else if (number > column->value_count)
        buf_printf(out, "%" PRIu64, number);
    else
        json_text(out, column->collation, table_column_value(column, (uint32_t)number - 1));
}

static int cell_json(struct buf *out, const struct value *value)
{
    struct buf text = {0};
    int result;

    if (value->kind == VALUE_JSON)
        return json_binary_print(value->bytes, out);
    result = json_diff_print(value->bytes, span_text("@before"), &text);
    buf_append_text(out, "{\"json_diff\":");
    json_text(out, 0, buf_span(&text));
    buf_append_u8(out, '}');
    buf_free(&text);
    return result;
}

static int cell_quoted(struct buf *out, const struct value *value)
{
    char text[TEMPORAL_TEXT_MAX];
    int result = 0;

    buf_append_u8(out, '"');
    if (value->kind == VALUE_TIMESTAMP) {
        temporal_print_utc(&value->temporal, text);
        buf_append_text(out, text);
    } else {
        result = value_print(value, out);
    }
    buf_append_u8(out, '"');
    return result;
}

static int json_cell(struct buf *out, const struct table_column *column, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL: buf_append_text(out, "null"); return 0;
    case VALUE_YEAR: buf_printf(out, "%" PRIu64, value->uinteger); return 0;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        if (isfinite(value->real))
            return value_print(value, out);
        buf_append_text(out, "null");
        return 0;
    case VALUE_DECIMAL:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP: return cell_quoted(out, value);
    case VALUE_STRING: cell_string(out, column, value->bytes); return 0;
    case VALUE_ENUM: cell_enum(out, column, value->uinteger); return 0;
    case VALUE_SET: cell_set(out, column, value->uinteger); return 0;
    case VALUE_GEOMETRY:
    case VALUE_VECTOR: json_bytes(out, value->bytes); return 0;
    case VALUE_JSON:
    case VALUE_JSON_DIFF: return cell_json(out, value);
    default: return value_print(value, out);
    }
}

/* --- rows --- */

static int json_image(struct buf *out, const struct table_map *table, const struct row_image *image)
{
    bool first = true;
    int result = 0;

    buf_append_u8(out, '{');
    for (uint32_t i = 0; i < table->column_count && result == 0; i++) {
        if (image->values[i].kind == VALUE_ABSENT)
            continue;
        if (!first)
            buf_append_u8(out, ',');
        first = false;
        if (table->columns[i].name.len > 0)
            json_text(out, 0, table->columns[i].name);
        else
            buf_printf(out, "\"@%u\"", i + 1);
        buf_append_u8(out, ':');
        result = json_cell(out, &table->columns[i], &image->values[i]);
    }
    buf_append_u8(out, '}');
    return result;
}

static int json_row(struct buf *out, const struct table_map *table, const struct row *row)
{
    int result = 0;

    buf_append_u8(out, '{');
    if (row->before.is_present) {
        json_key(out, "before");
        result = json_image(out, table, &row->before);
    }
    if (result == 0 && row->after.is_present) {
        buf_append_text(out, row->before.is_present ? "," : "");
        json_key(out, "after");
        result = json_image(out, table, &row->after);
    }
    buf_append_u8(out, '}');
    return result;
}

static int json_rows(struct buf *out, const struct binlog_event *event, struct row_reader *reader,
                     struct binlog_error *error)
{
    static const char *const types[] = {"insert", "update", "delete"};
    const struct table_map *table = event->rows.table;
    struct row row;
    bool first = true;
    int result = row_reader_start(reader, event, error);

    buf_printf(out, "{\"type\":\"%s\",\"schema\":", types[event->rows.kind]);
    json_text(out, 0, table->schema);
    buf_append_text(out, ",\"table\":");
    json_text(out, 0, table->name);
    buf_append_text(out, ",\"rows\":[");
    while (result >= 0 && (result = row_reader_next(reader, &row, error)) > 0) {
        if (!first)
            buf_append_u8(out, ',');
        first = false;
        if (json_row(out, table, &row) != 0)
            result = binlog_error_set(error, BINLOG_DAMAGED, row.offset, "a JSON value is damaged");
    }
    buf_append_text(out, "]}");
    return result;
}

/* --- other events --- */

static void json_query(struct buf *out, const struct event_query *query)
{
    bool knows_charset = (query->status.has & EVENT_QUERY_CHARSET) != 0;

    buf_append_text(out, "{\"type\":\"query\",\"schema\":");
    json_text(out, 0, query->schema);
    buf_append_text(out, ",\"sql\":");
    json_text(out, knows_charset ? query->status.charset_client : 0, query->text);
    if (query->error_code != 0)
        buf_printf(out, ",\"error\":%u", query->error_code);
    buf_append_u8(out, '}');
}

static void json_user_var(struct buf *out, const struct event_user_var *var)
{
    buf_append_text(out, "{\"type\":\"user_variable\",\"name\":");
    json_text(out, 0, var->name);
    buf_append_text(out, ",\"value\":");
    if (var->is_null)
        buf_append_text(out, "null");
    else if (var->type == EVENT_USER_VAR_STRING)
        json_text(out, var->collation, var->value);
    else if (event_user_var_text(var, out) != 0)
        buf_append_text(out, "null");
    buf_append_u8(out, '}');
}

static void json_xid(struct buf *out, const struct event_xid_name *xid)
{
    struct buf text = {0};

    literal_xid(&text, xid);
    json_utf8(out, buf_span(&text));
    buf_free(&text);
}

static void json_load(struct buf *out, const struct binlog_event *event)
{
    buf_printf(out,
               "{\"type\":\"load_data\",\"file\":%" PRIu32 ",\"data\":", event->load_block.file_id);
    json_bytes(out, event->load_block.data);
    buf_append_u8(out, '}');
}

/* Appends the event as an object; 0 when it has none, 1 when it has, or an error. */
static int json_member(struct buf *out, const struct binlog_event *event, struct row_reader *reader,
                       struct binlog_error *error)
{
    int result;

    switch (event->payload) {
    case EVENT_PAYLOAD_QUERY: json_query(out, &event->query); return 1;
    case EVENT_PAYLOAD_USER_VAR: json_user_var(out, &event->user_var); return 1;
    case EVENT_PAYLOAD_LOAD_BLOCK: json_load(out, event); return 1;
    case EVENT_PAYLOAD_ROWS:
        if (event->rows.table == NULL)
            return 0;
        result = json_rows(out, event, reader, error);
        return result < 0 ? result : 1;
    case EVENT_PAYLOAD_INTVAR:
        buf_printf(out, "{\"type\":\"%s\",\"value\":%" PRIu64 "}",
                   event->intvar.type == EVENT_INTVAR_INSERT_ID ? "insert_id" : "last_insert_id",
                   event->intvar.value);
        return 1;
    case EVENT_PAYLOAD_RAND:
        buf_printf(out, "{\"type\":\"rand\",\"seed1\":%" PRIu64 ",\"seed2\":%" PRIu64 "}",
                   event->rand.seed1, event->rand.seed2);
        return 1;
    case EVENT_PAYLOAD_TEXT:
        buf_append_text(out, "{\"type\":\"annotate\",\"sql\":");
        json_text(out, 0, event->text.text);
        buf_append_u8(out, '}');
        return 1;
    case EVENT_PAYLOAD_XA_PREPARE:
        buf_append_text(out, event->xa_prepare.one_phase
                                 ? "{\"type\":\"xa_commit_one_phase\",\"xid\":"
                                 : "{\"type\":\"xa_prepare\",\"xid\":");
        json_xid(out, &event->xa_prepare.xid);
        buf_append_u8(out, '}');
        return 1;
    case EVENT_PAYLOAD_INCIDENT:
        buf_append_text(out, "{\"type\":\"incident\",\"message\":");
        json_text(out, 0, event->incident.message);
        buf_append_u8(out, '}');
        return 1;
    default: return 0;
    }
}

/* --- transactions --- */

static void open_line(struct json_printer *json, struct span file, const struct binlog_event *event)
{
    struct buf *line = &json->line;
    bool has_gtid = event->payload == EVENT_PAYLOAD_GTID ||
                    (event->payload == EVENT_PAYLOAD_MYSQL_GTID && !event->mysql_gtid.is_anonymous);

    json->is_open = true;
    json->has_event = false;
    line->len = 0;
    buf_append_text(line, "{\"gtid\":");
    if (has_gtid) {
        buf_append_u8(line, '"');
        text_gtid(event, line);
        buf_append_u8(line, '"');
    } else {
        buf_append_text(line, "null");
    }
    buf_printf(line, ",\"timestamp\":%" PRIu32 ",\"server_id\":%" PRIu32 ",\"file\":",
               event->header.timestamp, event->header.server_id);
    json_text(line, 0, file);
    buf_printf(line, ",\"position\":%" PRIu64, event->offset);
    if (event->payload == EVENT_PAYLOAD_GTID &&
        (event->gtid.flags & (EVENT_GTID_PREPARED_XA | EVENT_GTID_COMPLETED_XA))) {
        buf_append_text(line, ",\"xa\":");
        json_xid(line, &event->gtid.xid);
    }
    buf_append_text(line, ",\"events\":[");
}

static void close_line(struct json_printer *json, bool complete, struct buf *out)
{
    if (!json->is_open)
        return;
    buf_append_span(out, buf_span(&json->line));
    buf_printf(out, "],\"end_position\":%" PRIu64 "%s}\n", json->end,
               complete ? "" : ",\"complete\":false");
    json->is_open = false;
    json->line.len = 0;
}

static int add_member(struct json_printer *json, const struct binlog_event *event,
                      struct row_reader *reader, struct binlog_error *error)
{
    size_t start = json->line.len;
    int result;

    if (json->has_event)
        buf_append_u8(&json->line, ',');
    result = json_member(&json->line, event, reader, error);
    if (result <= 0)
        json->line.len = start;
    else
        json->has_event = true;
    return result < 0 ? result : 0;
}

int json_event(struct json_printer *json, struct span file, const struct binlog_event *event,
               struct trx_step step, struct row_reader *reader, struct buf *out,
               struct binlog_error *error)
{
    bool alone = !step.inside && event->payload == EVENT_PAYLOAD_INCIDENT && !json->is_open;
    int result;

    if (step.broken)
        close_line(json, false, out);
    if (step.begins || alone)
        open_line(json, file, event);
    if (!json->is_open)
        return 0;
    result = add_member(json, event, reader, error);
    if (result == 0 && (step.inside || alone) && !event->is_inner)
        json->end = event->offset + event->header.len_bytes;
    if (result == 0 && (step.ends || alone))
        close_line(json, true, out);
    return result;
}

void json_end(struct json_printer *json, struct buf *out)
{
    close_line(json, false, out);
}
