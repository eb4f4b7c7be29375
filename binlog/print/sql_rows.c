/* Rows events are put together anew for the replay, plain and without checksum, whatever form they
 * had in the log. */
#include "binlog/print/sql_rows.h"

#include "binlog/print/literal.h"
#include "binlog/print/rows_text.h"
#include "binlog/print/sql_session.h"
#include "proxy/base/memory.h"

#include <stdlib.h>

enum {
    SERVER_VERSION_BYTES = 50,
    TABLE_ID_BYTES = 6,
    /* Longer base64 goes into two user variables, so that no statement outgrows the 16 MiB that
     * clients and servers take by default (MariaDB). */
    STATEMENT_MAX_BYTES = 8 << 20,
    BASE64_LINE = 77, /* with its newline */
};

/* A text, or a row's image, somewhere in a buffer. */
struct piece {
    size_t offset;
    size_t len;
};

struct pieces {
    struct piece *list;
    size_t count;
    size_t cap;
};

static void pieces_add(struct pieces *pieces, size_t offset, size_t len)
{
    if (pieces->count == pieces->cap) {
        pieces->cap = pieces->cap ? pieces->cap * 2 : 16;
        pieces->list = memory_resize(pieces->list, pieces->cap * sizeof(*pieces->list));
    }
    pieces->list[pieces->count++] = (struct piece){offset, len};
}

void sql_rows_free(struct sql_rows *rows)
{
    for (size_t i = 0; i < rows->table_cap; i++)
        buf_free(&rows->tables[i].map);
    free(rows->tables);
    buf_free(&rows->format);
    buf_free(&rows->event);
    buf_free(&rows->base64);
}

/* --- events --- */

/* Begins an event behind what `out` holds; returns where. event_finish() fills in its length. */
static size_t event_start(struct buf *out, const struct event_header *header, uint8_t type)
{
    size_t start = out->len;

    buf_append_u32(out, header->timestamp);
    buf_append_u8(out, type);
    buf_append_u32(out, header->server_id);
    buf_append_u32(out, 0);
    buf_append_u32(out, header->end_pos);
    buf_append_u16(out, 0);
    return start;
}

static void event_finish(struct buf *out, size_t start)
{
    store_u32(out->data + start + 9, (uint32_t)(out->len - start));
}

void sql_rows_format(struct sql_rows *rows, const struct binlog_event *event)
{
    const struct event_format *format = &event->format;
    struct event_header header = event->header;
    size_t version_len = strlen(format->server_version);
    size_t start;

    rows->is_mariadb = format->is_mariadb;
    rows->format.len = 0;
    header.end_pos = 0;
    start = event_start(&rows->format, &header, EVENT_FORMAT_DESCRIPTION);
    buf_append_u16(&rows->format, format->binlog_version);
    buf_append(&rows->format, format->server_version, version_len);
    buf_append_zero(&rows->format, SERVER_VERSION_BYTES - version_len);
    buf_append_u32(&rows->format, 0); /* not the server's start: temporary tables stay */
    buf_append_u8(&rows->format, EVENT_HEADER_BYTES);
    buf_append(&rows->format, format->post_header_bytes + 1, format->post_header_count);
    buf_append_u8(&rows->format, BINLOG_CHECKSUM_NONE);
    store_u32(rows->format.data + start + 9,
              (uint32_t)(rows->format.len + BINLOG_CHECKSUM_BYTES - start));
    buf_append_u32(&rows->format, checksum_crc32(buf_span(&rows->format)));
}

static struct sql_table *table_find(struct sql_rows *rows, uint64_t id)
{
    for (size_t i = 0; i < rows->table_count; i++) {
        if (rows->tables[i].id == id)
            return &rows->tables[i];
    }
    return NULL;
}

void sql_rows_table(struct sql_rows *rows, const struct binlog_event *event)
{
    struct sql_table *table = table_find(rows, event->table_map.table_id);

    if (table == NULL && rows->table_count == rows->table_cap) {
        size_t old = rows->table_cap;
        rows->table_cap = old ? old * 2 : 8;
        rows->tables = memory_resize(rows->tables, rows->table_cap * sizeof(*rows->tables));
        memset(rows->tables + old, 0, (rows->table_cap - old) * sizeof(*rows->tables));
    }
    if (table == NULL)
        table = &rows->tables[rows->table_count++];
    table->id = event->table_map.table_id;
    table->map.len = 0;
    buf_append_span(&table->map, event->body);
}

void sql_rows_statement_end(struct sql_rows *rows)
{
    rows->table_count = 0;
}

/* The plain form of a compressed rows event's type, and the opposite to undo it. */
static uint8_t type_of(uint8_t type, enum event_rows_kind kind, bool undo)
{
    if (type >= EVENT_WRITE_ROWS_COMPRESSED_V1 && type <= EVENT_DELETE_ROWS_COMPRESSED_V1)
        type = (uint8_t)(type - EVENT_WRITE_ROWS_COMPRESSED_V1 + EVENT_WRITE_ROWS_V1);
    if (type >= EVENT_WRITE_ROWS_COMPRESSED && type <= EVENT_DELETE_ROWS_COMPRESSED)
        type = (uint8_t)(type - EVENT_WRITE_ROWS_COMPRESSED + EVENT_WRITE_ROWS);
    if (undo && kind == EVENT_ROWS_WRITE)
        return (uint8_t)(type + 2);
    if (undo && kind == EVENT_ROWS_DELETE)
        return (uint8_t)(type - 2);
    return type;
}

static void append_count(struct buf *out, uint32_t count)
{
    if (count < 251) {
        buf_append_u8(out, (uint8_t)count);
    } else { /* a table has at most 4096 columns */
        buf_append_u8(out, 0xfc);
        buf_append_u16(out, (uint16_t)count);
    }
}

/* Everything before the rows. Each event ends its statement, so that it can be replayed alone. */
static void rows_head(struct buf *out, const struct event_rows *rows, uint8_t type, bool undo)
{
    struct span first = undo ? rows->columns_after : rows->columns_before;
    struct span second = undo ? rows->columns_before : rows->columns_after;

    buf_append_u32(out, (uint32_t)rows->table_id);
    buf_append_u16(out, (uint16_t)(rows->table_id >> 32));
    buf_append_u16(out, rows->flags | EVENT_ROWS_STATEMENT_END);
    if (type >= EVENT_WRITE_ROWS) {
        buf_append_u16(out, (uint16_t)(rows->extra.len + 2));
        buf_append_span(out, rows->extra);
    }
    append_count(out, rows->column_count);
    buf_append_span(out, first);
    buf_append_span(out, second);
}

/* --- statements --- */

static void binlog_statement(struct sql_rows *rows, struct buf *out)
{
    size_t half;

    if (rows->base64.len <= STATEMENT_MAX_BYTES || !rows->is_mariadb) {
        buf_append_text(out, "BINLOG '\n");
        buf_append_span(out, buf_span(&rows->base64));
        buf_append_text(out, "'" SQL_END);
        return;
    }
    half = rows->base64.len / 2 / BASE64_LINE * BASE64_LINE;
    buf_append_text(out, "SET @binlog_fragment_0='\n");
    buf_append(out, rows->base64.data, half);
    buf_append_text(out, "'" SQL_END "SET @binlog_fragment_1='\n");
    buf_append(out, rows->base64.data + half, rows->base64.len - half);
    buf_append_text(out, "'" SQL_END "BINLOG @binlog_fragment_0, @binlog_fragment_1" SQL_END);
}

void sql_rows_format_print(struct sql_rows *rows, struct span format, struct buf *out)
{
    rows->base64.len = 0;
    literal_base64(&rows->base64, format, true);
    binlog_statement(rows, out);
}

static bool all_bits(struct span bitmap, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i / 8 >= bitmap.len || (bitmap.data[i / 8] >> i % 8 & 1) == 0)
            return false;
    }
    return true;
}

static int check_undoable(const struct binlog_event *event, struct binlog_error *error)
{
    const struct event_rows *rows = &event->rows;
    bool whole = !rows->is_partial;

    if (rows->kind != EVENT_ROWS_WRITE && !all_bits(rows->columns_before, rows->column_count))
        whole = false;
    if (rows->kind != EVENT_ROWS_DELETE && !all_bits(rows->columns_after, rows->column_count))
        whole = false;
    if (whole)
        return 0;
    return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                            "rows of `%.*s`.`%.*s` are not logged whole (flashback needs "
                            "binlog_row_image=FULL): %s",
                            (int)rows->table->schema.len, (const char *)rows->table->schema.data,
                            (int)rows->table->name.len, (const char *)rows->table->name.data,
                            event_type_name(event->header.type));
}

/* Comments into `text`, images into `images`, with where each row's are. */
static int collect(const struct binlog_event *event, struct row_reader *reader, bool undo,
                   struct buf *text, struct pieces *comments, struct pieces *images,
                   struct binlog_error *error)
{
    const uint8_t *base = event->rows.rows.data;
    struct row row;
    int result = row_reader_start(reader, event, error);

    while (result >= 0 && (result = row_reader_next(reader, &row, error)) > 0) {
        size_t start = text->len;
        struct span first = undo ? row.after.bytes : row.before.bytes;
        struct span second = undo ? row.before.bytes : row.after.bytes;

        if (rows_text_comment(text, event->rows.table, &row, undo) != 0)
            return binlog_error_set(error, BINLOG_DAMAGED, row.offset, "a JSON value is damaged");
        pieces_add(comments, start, text->len - start);
        pieces_add(images, first.len ? (size_t)(first.data - base) : 0, first.len);
        pieces_add(images, second.len ? (size_t)(second.data - base) : 0, second.len);
    }
    return result;
}

/* The rows in order, or last to first. */
static void append_rows(struct sql_rows *rows, const struct binlog_event *event,
                        const struct pieces *images, bool undo)
{
    const uint8_t *base = event->rows.rows.data;

    if (!undo) {
        buf_append_span(&rows->event, event->rows.rows);
        return;
    }
    for (size_t i = images->count / 2; i > 0; i--) {
        const struct piece *image = &images->list[(i - 1) * 2];
        buf_append(&rows->event, base + image[0].offset, image[0].len);
        buf_append(&rows->event, base + image[1].offset, image[1].len);
    }
}

static void append_comments(const struct pieces *comments, const struct buf *text, bool undo,
                            struct buf *out)
{
    if (!undo) {
        buf_append_span(out, buf_span(text));
        return;
    }
    for (size_t i = comments->count; i > 0; i--)
        buf_append(out, text->data + comments->list[i - 1].offset, comments->list[i - 1].len);
}

int sql_rows_print(struct sql_rows *rows, const struct binlog_event *event,
                   struct row_reader *reader, bool undo, struct buf *out,
                   struct binlog_error *error)
{
    const struct sql_table *table = table_find(rows, event->rows.table_id);
    uint8_t type = type_of(event->header.type, event->rows.kind, undo);
    struct pieces comments = {0};
    struct pieces images = {0};
    struct buf text = {0};
    size_t start;
    int result = undo ? check_undoable(event, error) : 0;

    if (result == 0 && table == NULL)
        result = binlog_error_set(error, BINLOG_DAMAGED, event->offset,
                                  "rows without the table map they need");
    if (result == 0)
        result = collect(event, reader, undo, &text, &comments, &images, error);
    if (result == BINLOG_UNSUPPORTED && !undo && table != NULL) { /* the server can read them */
        buf_append_text(out, "### (rows that Causeway can't read)\n");
        result = 1;
    }
    if (result == 1 || (result == 0 && comments.count > 0)) {
        rows->event.len = 0;
        start = event_start(&rows->event, &event->header, EVENT_TABLE_MAP);
        buf_append_span(&rows->event, buf_span(&table->map));
        event_finish(&rows->event, start);
        rows->base64.len = 0;
        literal_base64(&rows->base64, buf_span(&rows->event), true);
        rows->event.len = 0;
        start = event_start(&rows->event, &event->header, type);
        rows_head(&rows->event, &event->rows, type, undo);
        append_rows(rows, event, &images, undo);
        event_finish(&rows->event, start);
        literal_base64(&rows->base64, buf_span(&rows->event), true);
        append_comments(&comments, &text, undo, out);
        binlog_statement(rows, out);
        result = 0;
    }
    free(comments.list);
    free(images.list);
    buf_free(&text);
    return result;
}
