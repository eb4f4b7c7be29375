/* Rows: for each image a bitmap of NULLs, then the cells that are neither absent nor NULL, one
 * behind the other, each as long as its column's metadata (or its own prefix) says. */
#include "binlog/row.h"

#include "binlog/cursor.h"
#include "binlog/decimal.h"
#include "binlog/decompress.h"
#include "proxy/base/memory.h"

#include <stdlib.h>

enum {
    YEAR_BASE = 1900,
    LONG_LENGTH_FROM = 256, /* strings that may be longer than 255 have lengths of two bytes */
    PARTIAL_JSON_UPDATES = 1,
};

/* Bytes that had to be made for a cell; they live as long as the row. */
struct made_bytes {
    struct made_bytes *next;
    struct buf bytes;
};

struct row_reader {
    size_t inflate_max_bytes;
    size_t inflate_left_bytes; /* of this row */
    const struct binlog_event *event;
    const struct table_map *table;
    struct cursor rows;
    bool is_single_empty; /* an INSERT of nothing but defaults, whose image holds no column */
    struct made_bytes *made;
    struct value *before;
    struct value *after;
    size_t values_cap;
};

struct row_reader *row_reader_new(size_t inflate_max_bytes)
{
    struct row_reader *reader = memory_zalloc(sizeof(*reader));

    reader->inflate_max_bytes =
        inflate_max_bytes != 0 ? inflate_max_bytes : EVENT_MAX_BYTES_DEFAULT;
    return reader;
}

static void made_free(struct row_reader *reader)
{
    while (reader->made != NULL) {
        struct made_bytes *made = reader->made;

        reader->made = made->next;
        buf_free(&made->bytes);
        free(made);
    }
}

void row_reader_free(struct row_reader *reader)
{
    if (reader == NULL)
        return;
    made_free(reader);
    free(reader->before);
    free(reader->after);
    free(reader);
}

static struct buf *made_new(struct row_reader *reader)
{
    struct made_bytes *made = memory_zalloc(sizeof(*made));

    made->next = reader->made;
    reader->made = made;
    return &made->bytes;
}

/* --- cells --- */

static uint64_t little_endian(struct span bytes)
{
    uint64_t value = 0;

    for (size_t i = bytes.len; i > 0; i--)
        value = value << 8 | bytes.data[i - 1];
    return value;
}

static uint64_t big_endian(struct span bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

static uint64_t number_take(struct cursor *row, size_t bytes)
{
    return little_endian(cursor_take(row, bytes));
}

static bool integer_take(struct cursor *row, const struct table_column *column, uint8_t width,
                         struct value *value)
{
    uint64_t number = number_take(row, width);
    unsigned unused_bits = (unsigned)(sizeof(number) - width) * 8;

    value->width_bytes = width;
    if (column->is_unsigned) {
        value->kind = VALUE_UINT;
        value->uinteger = number;
    } else {
        value->kind = VALUE_INT;
        value->integer = (int64_t)(number << unused_bits) >> unused_bits;
    }
    return true;
}

static bool float_take(struct cursor *row, struct value *value)
{
    uint32_t bits = cursor_u32(row);
    float real;

    memcpy(&real, &bits, sizeof(real));
    value->kind = VALUE_FLOAT;
    value->real = (double)real;
    return true;
}

static bool double_take(struct cursor *row, struct value *value)
{
    uint64_t bits = cursor_u64(row);

    memcpy(&value->real, &bits, sizeof(value->real));
    value->kind = VALUE_DOUBLE;
    return true;
}

static bool decimal_take(struct row_reader *reader, struct cursor *row,
                         const struct table_column *column, struct value *value)
{
    struct span bytes = cursor_take(row, decimal_bytes(column->precision, column->scale));
    char text[DECIMAL_TEXT_MAX];
    struct buf *made;
    size_t len;

    if (row->is_short)
        return true; /* told by who asks the cursor */
    len = decimal_print(bytes.data, column->precision, column->scale, text);
    made = made_new(reader);
    buf_append(made, text, len);
    value->kind = VALUE_DECIMAL;
    value->bytes = buf_span(made);
    return len > 0;
}

static bool bytes_take(struct cursor *row, size_t len_bytes, enum value_kind kind,
                       struct value *value)
{
    uint64_t len = number_take(row, len_bytes);

    value->kind = kind;
    value->bytes = cursor_take(row, len);
    return true;
}

static size_t string_len_bytes(const struct table_column *column)
{
    return column->max_bytes < LONG_LENGTH_FROM ? 1 : 2;
}

static bool compressed_take(struct row_reader *reader, struct cursor *row, size_t len_bytes,
                            struct value *value)
{
    struct buf *made;

    bytes_take(row, len_bytes, VALUE_STRING, value);
    if (row->is_short)
        return true;
    made = made_new(reader);
    if (decompress_column(value->bytes, reader->inflate_left_bytes, made) < 0)
        return false;
    reader->inflate_left_bytes -= made->len;
    value->bytes = buf_span(made);
    return true;
}

static bool temporal_take(struct cursor *row, const struct table_column *column,
                          struct value *value)
{
    size_t fraction_bytes = temporal_fraction_bytes(column->scale);
    struct temporal *out = &value->temporal;
    struct span bytes;

    switch (column->type) {
    case COLUMN_DATE:
    case COLUMN_NEWDATE:
        value->kind = VALUE_DATE;
        bytes = cursor_take(row, 3);
        return row->is_short || temporal_date(bytes.data, out);
    case COLUMN_TIME:
        value->kind = VALUE_TIME;
        bytes = cursor_take(row, 3);
        return row->is_short || temporal_time_old(bytes.data, out);
    case COLUMN_TIME2:
        value->kind = VALUE_TIME;
        bytes = cursor_take(row, 3 + fraction_bytes);
        return row->is_short || temporal_time2(bytes.data, column->scale, out);
    case COLUMN_DATETIME:
        value->kind = VALUE_DATETIME;
        bytes = cursor_take(row, 8);
        return row->is_short || temporal_datetime_old(bytes.data, out);
    case COLUMN_DATETIME2:
        value->kind = VALUE_DATETIME;
        bytes = cursor_take(row, 5 + fraction_bytes);
        return row->is_short || temporal_datetime2(bytes.data, column->scale, out);
    case COLUMN_TIMESTAMP:
        value->kind = VALUE_TIMESTAMP;
        bytes = cursor_take(row, 4);
        return row->is_short || temporal_timestamp_old(bytes.data, out);
    default:
        value->kind = VALUE_TIMESTAMP;
        bytes = cursor_take(row, 4 + fraction_bytes);
        return row->is_short || temporal_timestamp2(bytes.data, column->scale, out);
    }
}

static bool small_take(struct cursor *row, const struct table_column *column, struct value *value)
{
    switch (column->type) {
    case COLUMN_YEAR:
        value->kind = VALUE_YEAR;
        value->uinteger = cursor_u8(row);
        if (value->uinteger > 0)
            value->uinteger += YEAR_BASE;
        return true;
    case COLUMN_BIT:
        value->kind = VALUE_BIT;
        value->uinteger = big_endian(cursor_take(row, (column->bits + 7U) / 8));
        return column->bits == 64 || value->uinteger >> column->bits == 0;
    case COLUMN_ENUM:
        value->kind = VALUE_ENUM;
        value->uinteger = number_take(row, column->len_bytes);
        return column->value_count == 0 || value->uinteger <= column->value_count;
    default:
        value->kind = VALUE_SET;
        value->uinteger = number_take(row, column->len_bytes);
        return column->value_count == 0 || column->value_count >= 64 ||
               value->uinteger >> column->value_count == 0;
    }
}

/* One cell that is there and not NULL. False: it can't be (which also holds for types that aren't
 * known, but row_reader_start() has refused them). Too few bytes: the cursor tells. */
static bool cell_take(struct row_reader *reader, struct cursor *row,
                      const struct table_column *column, struct value *value)
{
    switch (column->type) {
    case COLUMN_TINY: return integer_take(row, column, 1, value);
    case COLUMN_SHORT: return integer_take(row, column, 2, value);
    case COLUMN_INT24: return integer_take(row, column, 3, value);
    case COLUMN_LONG: return integer_take(row, column, 4, value);
    case COLUMN_LONGLONG: return integer_take(row, column, 8, value);
    case COLUMN_FLOAT: return float_take(row, value);
    case COLUMN_DOUBLE: return double_take(row, value);
    case COLUMN_DECIMAL: return decimal_take(reader, row, column, value);
    case COLUMN_YEAR:
    case COLUMN_BIT:
    case COLUMN_ENUM:
    case COLUMN_SET: return small_take(row, column, value);
    case COLUMN_DATE:
    case COLUMN_NEWDATE:
    case COLUMN_TIME:
    case COLUMN_TIME2:
    case COLUMN_DATETIME:
    case COLUMN_DATETIME2:
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMP2: return temporal_take(row, column, value);
    case COLUMN_STRING:
    case COLUMN_VARCHAR:
    case COLUMN_VAR_STRING: return bytes_take(row, string_len_bytes(column), VALUE_STRING, value);
    case COLUMN_VARCHAR_COMPRESSED:
        return compressed_take(reader, row, string_len_bytes(column), value);
    case COLUMN_BLOB_COMPRESSED: return compressed_take(reader, row, column->len_bytes, value);
    case COLUMN_BLOB: return bytes_take(row, column->len_bytes, VALUE_STRING, value);
    case COLUMN_JSON: return bytes_take(row, column->len_bytes, VALUE_JSON, value);
    case COLUMN_GEOMETRY: return bytes_take(row, column->len_bytes, VALUE_GEOMETRY, value);
    case COLUMN_VECTOR: return bytes_take(row, column->len_bytes, VALUE_VECTOR, value);
    default: return false;
    }
}

static bool type_is_known(uint8_t type)
{
    switch (type) {
#define X(name, number) case name:
        COLUMN_TYPES(X)
#undef X
        return type != COLUMN_DECIMAL_OLD && type != COLUMN_NULL && type != COLUMN_TYPED_ARRAY;
    default: return false;
    }
}

/* --- rows --- */

static bool bit_is_set(struct span bitmap, uint32_t at)
{
    return at / 8 < bitmap.len && (bitmap.data[at / 8] >> at % 8 & 1) != 0;
}

static uint32_t bits_count(struct span bitmap, uint32_t count)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < count; i++)
        set += bit_is_set(bitmap, i) ? 1 : 0;
    return set;
}

static uint32_t json_column_count(const struct table_map *table)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < table->column_count; i++)
        count += table->columns[i].type == COLUMN_JSON ? 1 : 0;
    return count;
}

/* The byte of the log that `at` is; of compressed rows the event's first. */
static uint64_t row_offset(const struct row_reader *reader, const uint8_t *at)
{
    const struct binlog_event *event = reader->event;

    if (event->is_inner || at < event->raw.data || at > event->raw.data + event->raw.len)
        return event->offset;
    return event->offset + (uint64_t)(at - event->raw.data);
}

static int row_fail(const struct row_reader *reader, const uint8_t *at, struct binlog_error *error,
                    const char *what, uint32_t column)
{
    return binlog_error_set(
        error, BINLOG_DAMAGED, row_offset(reader, at), "a row of table %.*s.%.*s %s (column %u)",
        (int)reader->table->schema.len, (const char *)reader->table->schema.data,
        (int)reader->table->name.len, (const char *)reader->table->name.data, what, column + 1);
}

struct image {
    struct span columns;  /* bitmap: what it holds */
    struct span nulls;    /* bitmap: a bit for each of these */
    struct span partials; /* bitmap: a bit for each JSON column of the table; empty: none differs */
};

/* The part before an image of PARTIAL_UPDATE_ROWS. Source: MySQL sql/rpl_record.cc. */
static int partials_take(struct row_reader *reader, struct image *image, struct binlog_error *error)
{
    const uint8_t *start = reader->rows.at;
    uint64_t options = cursor_lenenc(&reader->rows);

    if (options > PARTIAL_JSON_UPDATES)
        return row_fail(reader, start, error, "has unknown options", 0);
    if (options == PARTIAL_JSON_UPDATES)
        image->partials = cursor_take(&reader->rows, (json_column_count(reader->table) + 7) / 8);
    return 0;
}

static int cells_take(struct row_reader *reader, const struct image *image, struct value *values,
                      struct binlog_error *error)
{
    uint32_t null_at = 0;
    uint32_t json_at = 0;

    for (uint32_t i = 0; i < reader->table->column_count; i++) {
        const struct table_column *column = &reader->table->columns[i];
        const uint8_t *start = reader->rows.at;
        bool is_partial = column->type == COLUMN_JSON && bit_is_set(image->partials, json_at++);

        values[i] = (struct value){.kind = VALUE_ABSENT};
        if (!bit_is_set(image->columns, i))
            continue;
        values[i].kind = VALUE_NULL;
        if (bit_is_set(image->nulls, null_at++))
            continue;
        if (!cell_take(reader, &reader->rows, column, &values[i]))
            return row_fail(reader, start, error, "holds an impossible value", i);
        if (reader->rows.is_short)
            return row_fail(reader, start, error, "ends too early", i);
        if (is_partial)
            values[i].kind = VALUE_JSON_DIFF;
    }
    return 0;
}

static int image_take(struct row_reader *reader, struct span columns, bool may_be_partial,
                      struct value *values, struct binlog_error *error)
{
    struct image image = {.columns = columns};
    int result;

    if (may_be_partial) {
        result = partials_take(reader, &image, error);
        if (result < 0)
            return result;
    }
    image.nulls =
        cursor_take(&reader->rows, (bits_count(columns, reader->table->column_count) + 7) / 8);
    if (reader->rows.is_short)
        return row_fail(reader, reader->rows.at, error, "ends too early", 0);
    return cells_take(reader, &image, values, error);
}

static int row_take(struct row_reader *reader, struct row *row, struct binlog_error *error)
{
    const struct event_rows *rows = &reader->event->rows;
    const uint8_t *start = reader->rows.at;
    const uint8_t *after = start;
    int result = 0;

    made_free(reader);
    reader->inflate_left_bytes = reader->inflate_max_bytes;
    *row = (struct row){.offset = row_offset(reader, start)};
    if (rows->kind != EVENT_ROWS_WRITE) {
        result = image_take(reader, rows->columns_before, false, reader->before, error);
        row->before = (struct row_image){.is_present = true, .values = reader->before};
        row->before.bytes = span_of(start, (size_t)(reader->rows.at - start));
        after = reader->rows.at;
    }
    if (result == 0 && rows->kind != EVENT_ROWS_DELETE) {
        result = image_take(reader, rows->columns_after, rows->is_partial, reader->after, error);
        row->after = (struct row_image){.is_present = true, .values = reader->after};
        row->after.bytes = span_of(after, (size_t)(reader->rows.at - after));
    }
    if (result == 0 && reader->rows.at == start && !reader->is_single_empty)
        return row_fail(reader, start, error, "has no column, yet bytes", 0);
    return result;
}

int row_reader_next(struct row_reader *reader, struct row *row, struct binlog_error *error)
{
    int result;

    if (reader->table == NULL || (cursor_left(&reader->rows) == 0 && !reader->is_single_empty))
        return 0;
    result = row_take(reader, row, error);
    reader->is_single_empty = false;
    if (result < 0) {
        reader->table = NULL; /* nothing behind it can be read */
        return result;
    }
    return 1;
}

/* --- start --- */

static int columns_judge(const struct row_reader *reader, struct binlog_error *error)
{
    const struct event_rows *rows = &reader->event->rows;
    const struct table_map *table = reader->table;

    if (rows->column_count != table->column_count)
        return binlog_error_set(error, BINLOG_DAMAGED, reader->event->offset,
                                "a rows event of %u columns for a table of %u,", rows->column_count,
                                table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (type_is_known(table->columns[i].type) ||
            (!bit_is_set(rows->columns_before, i) && !bit_is_set(rows->columns_after, i)))
            continue;
        return binlog_error_set(error, BINLOG_UNSUPPORTED, reader->event->offset,
                                "column %u of table %.*s is of type %u, which Causeway can't read,",
                                i + 1, (int)table->name.len, (const char *)table->name.data,
                                table->columns[i].type);
    }
    return 0;
}

static void values_make_room(struct row_reader *reader)
{
    size_t count = reader->table->column_count;

    if (count <= reader->values_cap && reader->before != NULL)
        return;
    reader->values_cap = count > 16 ? count : 16;
    reader->before = memory_resize(reader->before, reader->values_cap * sizeof(*reader->before));
    reader->after = memory_resize(reader->after, reader->values_cap * sizeof(*reader->after));
}

/* Columns of MariaDB's old temporals look the same in the log with and without a fraction, and the
 * fraction takes bytes. Without is what can be read: so the rows must all be readable as such
 * before the first one is handed out. Source: MariaDB sql/field.cc, Field_time_hires and friends,
 * which have no metadata. */
static bool has_old_temporals(const struct table_map *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        uint8_t type = table->columns[i].type;

        if (type == COLUMN_TIME || type == COLUMN_DATETIME || type == COLUMN_TIMESTAMP)
            return true;
    }
    return false;
}

static int old_temporals_judge(struct row_reader *reader, struct binlog_error *error)
{
    const struct row_reader start = *reader;
    struct row row;
    int result;

    while ((result = row_reader_next(reader, &row, NULL)) > 0)
        ;
    if (result == 0) {
        reader->rows = start.rows;
        reader->is_single_empty = start.is_single_empty;
        return 0;
    }
    return binlog_error_set(error, BINLOG_UNSUPPORTED, reader->event->offset,
                            "table %.*s has times of the format before 10.1, whose fractions the "
                            "log does not tell: its rows can't be read",
                            (int)start.table->name.len, (const char *)start.table->name.data);
}

int row_reader_start(struct row_reader *reader, const struct binlog_event *event,
                     struct binlog_error *error)
{
    int result;

    reader->event = event;
    reader->table = event->rows.table;
    if (reader->table == NULL)
        return 0;
    reader->rows = cursor_of(event->rows.rows);
    result = columns_judge(reader, error);
    if (result < 0) {
        reader->table = NULL;
        return result;
    }
    values_make_room(reader);
    reader->is_single_empty = event->rows.rows.len == 0 && event->rows.kind == EVENT_ROWS_WRITE &&
                              bits_count(event->rows.columns_after, event->rows.column_count) == 0;
    return has_old_temporals(reader->table) ? old_temporals_judge(reader, error) : 0;
}
