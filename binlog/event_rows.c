/* TABLE_MAP and the rows events as far as they can be read without the table's columns.
 * Source: MariaDB sql/log_event.cc, Table_map_log_event and Rows_log_event; MySQL
 * libs/mysql/binlog/event/rows_event.h. */
#include "binlog/event_parsers.h"
#include "binlog/table_map.h"

enum {
    OLD_TABLE_ID_POST_HEADER_BYTES = 6, /* servers before 5.1.4 had ids of four bytes */
    V1_POST_HEADER_BYTES = 8,
    V2_POST_HEADER_BYTES = 10,
};

static uint64_t table_id_take(struct event_parse *parse)
{
    const struct event_format *format = parse->context->format;

    if (format->post_header_bytes[parse->event->header.type] == OLD_TABLE_ID_POST_HEADER_BYTES)
        return cursor_u32(&parse->body);
    return cursor_u48(&parse->body);
}

/* A length byte, the name, a NUL. */
static struct span name_take(struct event_parse *parse)
{
    struct span name = cursor_take(&parse->body, cursor_lenenc(&parse->body));

    cursor_u8(&parse->body);
    return name;
}

int event_parse_table_map(struct event_parse *parse)
{
    struct event_table_map *map = &parse->event->table_map;

    map->table_id = table_id_take(parse);
    map->flags = cursor_u16(&parse->body);
    event_parse_skip_post_header(parse, V1_POST_HEADER_BYTES);
    map->schema = name_take(parse);
    map->table = name_take(parse);
    map->columns = cursor_rest(&parse->body);
    map->is_mariadb = parse->context->format->is_mariadb;
    return 0;
}

static void rows_kind_of(uint8_t type, struct event_rows *rows, bool *is_v2, bool *is_compressed)
{
    rows->kind = EVENT_ROWS_DELETE;
    *is_v2 = false;
    *is_compressed = false;
    switch (type) {
    case EVENT_WRITE_ROWS:
        *is_v2 = true;
        rows->kind = EVENT_ROWS_WRITE;
        break;
    case EVENT_WRITE_ROWS_COMPRESSED:
        *is_v2 = true;
        *is_compressed = true;
        rows->kind = EVENT_ROWS_WRITE;
        break;
    case EVENT_WRITE_ROWS_COMPRESSED_V1:
        *is_compressed = true;
        rows->kind = EVENT_ROWS_WRITE;
        break;
    case EVENT_WRITE_ROWS_V1: rows->kind = EVENT_ROWS_WRITE; break;
    case EVENT_PARTIAL_UPDATE_ROWS:
        rows->is_partial = true;
        *is_v2 = true;
        rows->kind = EVENT_ROWS_UPDATE;
        break;
    case EVENT_UPDATE_ROWS:
        *is_v2 = true;
        rows->kind = EVENT_ROWS_UPDATE;
        break;
    case EVENT_UPDATE_ROWS_COMPRESSED:
        *is_v2 = true;
        *is_compressed = true;
        rows->kind = EVENT_ROWS_UPDATE;
        break;
    case EVENT_UPDATE_ROWS_COMPRESSED_V1:
        *is_compressed = true;
        rows->kind = EVENT_ROWS_UPDATE;
        break;
    case EVENT_UPDATE_ROWS_V1: rows->kind = EVENT_ROWS_UPDATE; break;
    case EVENT_DELETE_ROWS: *is_v2 = true; break;
    case EVENT_DELETE_ROWS_COMPRESSED:
        *is_v2 = true;
        *is_compressed = true;
        break;
    case EVENT_DELETE_ROWS_COMPRESSED_V1: *is_compressed = true; break;
    default: break;
    }
}

/* v2 has a block of extra data whose length counts its own two bytes. */
static int extra_take(struct event_parse *parse, struct event_rows *rows)
{
    uint16_t extra_bytes = cursor_u16(&parse->body);

    event_parse_skip_post_header(parse, V2_POST_HEADER_BYTES);
    if (!parse->body.is_short && extra_bytes < 2)
        return event_parse_fail(parse, BINLOG_DAMAGED, "its extra data has an impossible length");
    rows->extra = cursor_take(&parse->body, extra_bytes >= 2 ? extra_bytes - 2U : 0);
    return 0;
}

static int bitmaps_take(struct event_parse *parse, struct event_rows *rows)
{
    struct cursor *body = &parse->body;
    uint64_t count = cursor_lenenc(body);
    struct span first;

    if (body->is_short)
        return 0;
    if (count > TABLE_COLUMNS_MAX)
        return event_parse_fail(parse, BINLOG_DAMAGED, "it has more columns than a table can have");
    rows->column_count = (uint32_t)count;
    first = cursor_take(body, (count + 7) / 8);
    if (rows->kind == EVENT_ROWS_WRITE)
        rows->columns_after = first;
    else
        rows->columns_before = first;
    if (rows->kind == EVENT_ROWS_UPDATE)
        rows->columns_after = cursor_take(body, (count + 7) / 8);
    return 0;
}

int event_parse_rows(struct event_parse *parse)
{
    struct event_rows *rows = &parse->event->rows;
    bool is_v2;
    bool is_compressed;
    int result = 0;

    *rows = (struct event_rows){.table = NULL};
    rows_kind_of(parse->event->header.type, rows, &is_v2, &is_compressed);
    rows->table_id = table_id_take(parse);
    rows->flags = cursor_u16(&parse->body);
    if (is_v2)
        result = extra_take(parse, rows);
    else
        event_parse_skip_post_header(parse, V1_POST_HEADER_BYTES);
    if (result == 0)
        result = bitmaps_take(parse, rows);
    if (result < 0 || parse->body.is_short)
        return result;
    if (is_compressed) {
        result = event_parse_inflate(parse);
        if (result < 0)
            return result;
    }
    rows->rows = cursor_rest(&parse->body);
    return 0;
}
