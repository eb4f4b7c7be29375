/* Binary JSON: a type byte and a value; objects and arrays begin with a table of their members,
 * whose offsets count from the table's own start.
 *
 *     | count | size | key entries (offset, length) | value entries (type, offset or value) | ... |
 *
 * Offsets can point anywhere, also at one thing twice: what is read in all may not be more than the
 * document has bytes, so a damaged document can't grow without bounds. */
#include "binlog/json_binary.h"

#include "binlog/binlog_error.h"
#include "binlog/cursor.h"
#include "binlog/decimal.h"
#include "binlog/table_map.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum json_type {
    JSON_SMALL_OBJECT = 0,
    JSON_LARGE_OBJECT = 1,
    JSON_SMALL_ARRAY = 2,
    JSON_LARGE_ARRAY = 3,
    JSON_LITERAL = 4,
    JSON_INT16 = 5,
    JSON_UINT16 = 6,
    JSON_INT32 = 7,
    JSON_UINT32 = 8,
    JSON_INT64 = 9,
    JSON_UINT64 = 10,
    JSON_DOUBLE = 11,
    JSON_STRING = 12,
    JSON_OPAQUE = 15,
};

enum { LITERAL_NULL = 0, LITERAL_TRUE = 1, LITERAL_FALSE = 2 };

enum {
    DEPTH_MAX = 100,
    VARIABLE_LENGTH_BYTES_MAX = 5,
    DOUBLE_DIGITS_MIN = 15,
    DOUBLE_DIGITS_MAX = 17,
    PACKED_FRACTION_BITS = 24,
};

struct json_printer {
    struct buf *out;
    size_t budget_bytes; /* what may still be read */
    unsigned depth;
};

/* False: damaged. */
static bool value_append(struct json_printer *printer, uint8_t type, struct span bytes);

static bool budget_take(struct json_printer *printer, size_t bytes)
{
    if (bytes > printer->budget_bytes)
        return false;
    printer->budget_bytes -= bytes;
    return true;
}

/* --- scalars --- */

static void escaped_append(struct buf *out, uint8_t byte)
{
    switch (byte) {
    case '"': buf_append_text(out, "\\\""); break;
    case '\\': buf_append_text(out, "\\\\"); break;
    case '\b': buf_append_text(out, "\\b"); break;
    case '\f': buf_append_text(out, "\\f"); break;
    case '\n': buf_append_text(out, "\\n"); break;
    case '\r': buf_append_text(out, "\\r"); break;
    case '\t': buf_append_text(out, "\\t"); break;
    default:
        if (byte < ' ')
            buf_printf(out, "\\u%04x", byte);
        else
            buf_append_u8(out, byte);
    }
}

static bool quoted_append(struct json_printer *printer, struct span text)
{
    if (!budget_take(printer, text.len))
        return false;
    buf_append_u8(printer->out, '"');
    for (size_t i = 0; i < text.len; i++)
        escaped_append(printer->out, text.data[i]);
    buf_append_u8(printer->out, '"');
    return true;
}

/* A length in groups of seven bits, lowest first, and that many bytes. */
static struct span variable_take(struct cursor *cursor)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < VARIABLE_LENGTH_BYTES_MAX; i++) {
        uint8_t byte = cursor_u8(cursor);

        len |= (uint64_t)(byte & 0x7f) << 7 * i;
        if ((byte & 0x80) == 0)
            return cursor_take(cursor, len);
    }
    cursor->is_short = true;
    return span_of(cursor->at, 0);
}

static bool literal_append(struct buf *out, uint64_t literal)
{
    switch (literal) {
    case LITERAL_NULL: buf_append_text(out, "null"); return true;
    case LITERAL_TRUE: buf_append_text(out, "true"); return true;
    case LITERAL_FALSE: buf_append_text(out, "false"); return true;
    default: return false;
    }
}

static bool double_append(struct buf *out, uint64_t bits)
{
    char text[40];
    double real;

    memcpy(&real, &bits, sizeof(real));
    if (!isfinite(real))
        return false;
    for (int digits = DOUBLE_DIGITS_MIN; digits <= DOUBLE_DIGITS_MAX; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    buf_append_text(out, text);
    if (strpbrk(text, ".e") == NULL)
        buf_append_text(out, ".0"); /* still a double when it is read back */
    return true;
}

static bool decimal_append(struct buf *out, struct span bytes)
{
    char text[DECIMAL_TEXT_MAX];

    if (bytes.len < 2 || decimal_bytes(bytes.data[0], bytes.data[1]) == 0 ||
        decimal_bytes(bytes.data[0], bytes.data[1]) != bytes.len - 2 ||
        decimal_print(bytes.data + 2, bytes.data[0], bytes.data[1], text) == 0)
        return false;
    buf_append_text(out, text);
    return true;
}

/* Sign, (year * 13 + month):17 day:5 hour:5 minute:6 second:6 fraction:24. Source: MySQL
 * mysys/my_time.cc, TIME_to_longlong_datetime_packed. */
static bool datetime_append(struct buf *out, int64_t packed, bool is_date)
{
    uint64_t size = (uint64_t)packed >> PACKED_FRACTION_BITS;
    uint64_t year_month = size >> 22;

    if (packed < 0)
        return false;
    buf_printf(out, "\"%04u-%02u-%02u", (unsigned)(year_month / 13), (unsigned)(year_month % 13),
               (unsigned)(size >> 17 & 0x1f));
    if (!is_date)
        buf_printf(out, " %02u:%02u:%02u.%06u", (unsigned)(size >> 12 & 0x1f),
                   (unsigned)(size >> 6 & 0x3f), (unsigned)(size & 0x3f),
                   (unsigned)(packed & 0xffffff));
    buf_append_u8(out, '"');
    return true;
}

static void time_append(struct buf *out, int64_t packed)
{
    uint64_t size = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint64_t clock = size >> PACKED_FRACTION_BITS;

    buf_printf(out, "\"%s%02u:%02u:%02u.%06u\"", packed < 0 ? "-" : "",
               (unsigned)(clock >> 12 & 0x3ff), (unsigned)(clock >> 6 & 0x3f),
               (unsigned)(clock & 0x3f), (unsigned)(size & 0xffffff));
}

static void base64_append(struct buf *out, uint8_t type, struct span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    buf_printf(out, "\"base64:type%u:", type);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;

        if (left > 1)
            group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2)
            group |= bytes.data[i + 2];
        buf_append_u8(out, (uint8_t)digits[group >> 18]);
        buf_append_u8(out, (uint8_t)digits[group >> 12 & 0x3f]);
        buf_append_u8(out, (uint8_t)(left > 1 ? digits[group >> 6 & 0x3f] : '='));
        buf_append_u8(out, (uint8_t)(left > 2 ? digits[group & 0x3f] : '='));
    }
    buf_append_u8(out, '"');
}

static bool opaque_append(struct json_printer *printer, struct span bytes)
{
    struct cursor cursor = cursor_of(bytes);
    uint8_t type = cursor_u8(&cursor);
    struct span data = variable_take(&cursor);
    bool is_temporal = type == COLUMN_DATE || type == COLUMN_TIME || type == COLUMN_DATETIME ||
                       type == COLUMN_TIMESTAMP;

    if (cursor.is_short || !budget_take(printer, data.len) || (is_temporal && data.len != 8))
        return false;
    switch (type) {
    case COLUMN_DECIMAL: return decimal_append(printer->out, data);
    case COLUMN_TIME: time_append(printer->out, (int64_t)load_u64(data.data)); return true;
    case COLUMN_DATE:
    case COLUMN_DATETIME:
    case COLUMN_TIMESTAMP:
        return datetime_append(printer->out, (int64_t)load_u64(data.data), type == COLUMN_DATE);
    default: base64_append(printer->out, type, data); return true;
    }
}

static bool scalar_append(struct json_printer *printer, uint8_t type, struct span bytes)
{
    struct buf *out = printer->out;
    struct cursor cursor = cursor_of(bytes);

    switch (type) {
    case JSON_LITERAL: return literal_append(out, cursor_u8(&cursor)) && !cursor.is_short;
    case JSON_INT16: buf_printf(out, "%" PRId16, (int16_t)cursor_u16(&cursor)); break;
    case JSON_UINT16: buf_printf(out, "%" PRIu16, cursor_u16(&cursor)); break;
    case JSON_INT32: buf_printf(out, "%" PRId32, (int32_t)cursor_u32(&cursor)); break;
    case JSON_UINT32: buf_printf(out, "%" PRIu32, cursor_u32(&cursor)); break;
    case JSON_INT64: buf_printf(out, "%" PRId64, (int64_t)cursor_u64(&cursor)); break;
    case JSON_UINT64: buf_printf(out, "%" PRIu64, cursor_u64(&cursor)); break;
    case JSON_DOUBLE: return double_append(out, cursor_u64(&cursor)) && !cursor.is_short;
    case JSON_STRING: {
        struct span text = variable_take(&cursor);
        return !cursor.is_short && quoted_append(printer, text);
    }
    case JSON_OPAQUE: return opaque_append(printer, bytes);
    default: return false;
    }
    return !cursor.is_short;
}

/* --- objects and arrays --- */

struct json_table {
    struct span bytes; /* from the count on, as long as the size says */
    struct cursor keys;
    struct cursor values;
    uint32_t count;
    bool is_large;
};

static uint32_t offset_take(struct cursor *cursor, bool is_large)
{
    return is_large ? cursor_u32(cursor) : cursor_u16(cursor);
}

static bool table_open(struct json_table *table, struct span bytes, bool is_object, bool is_large)
{
    struct cursor cursor = cursor_of(bytes);
    uint64_t offset_bytes = is_large ? 4 : 2;
    uint32_t size;

    table->is_large = is_large;
    table->count = offset_take(&cursor, is_large);
    size = offset_take(&cursor, is_large);
    if (cursor.is_short || size > bytes.len)
        return false;
    table->bytes = span_of(bytes.data, size);
    table->keys =
        cursor_of(cursor_take(&cursor, is_object ? table->count * (offset_bytes + 2) : 0));
    table->values = cursor_of(cursor_take(&cursor, table->count * (offset_bytes + 1)));
    return !cursor.is_short && (size_t)(cursor.at - bytes.data) <= size;
}

static bool key_append(struct json_printer *printer, struct json_table *table)
{
    uint32_t offset = offset_take(&table->keys, table->is_large);
    uint16_t len = cursor_u16(&table->keys);

    if (offset > table->bytes.len || len > table->bytes.len - offset)
        return false;
    if (!quoted_append(printer, span_of(table->bytes.data + offset, len)))
        return false;
    buf_append_text(printer->out, ": ");
    return true;
}

static bool type_is_inlined(uint8_t type, bool is_large)
{
    return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
           (is_large && (type == JSON_INT32 || type == JSON_UINT32));
}

static bool member_append(struct json_printer *printer, struct json_table *table)
{
    uint8_t type = cursor_u8(&table->values);
    struct span entry = cursor_take(&table->values, table->is_large ? 4 : 2);
    uint32_t offset = table->is_large ? load_u32(entry.data) : load_u16(entry.data);

    if (!budget_take(printer, 1 + entry.len))
        return false;
    if (type_is_inlined(type, table->is_large))
        return scalar_append(printer, type, entry);
    if (offset >= table->bytes.len)
        return false;
    return value_append(printer, type,
                        span_of(table->bytes.data + offset, table->bytes.len - offset));
}

static bool table_append(struct json_printer *printer, struct span bytes, bool is_object,
                         bool is_large)
{
    struct json_table table;

    if (!table_open(&table, bytes, is_object, is_large))
        return false;
    buf_append_u8(printer->out, is_object ? '{' : '[');
    for (uint32_t i = 0; i < table.count; i++) {
        if (i > 0)
            buf_append_text(printer->out, ", ");
        if (is_object && !key_append(printer, &table))
            return false;
        if (!member_append(printer, &table))
            return false;
    }
    buf_append_u8(printer->out, is_object ? '}' : ']');
    return true;
}

static bool value_append(struct json_printer *printer, uint8_t type, struct span bytes)
{
    bool is_right;

    if (type > JSON_LARGE_ARRAY)
        return scalar_append(printer, type, bytes);
    if (printer->depth == DEPTH_MAX)
        return false;
    printer->depth++;
    is_right = table_append(printer, bytes, type <= JSON_LARGE_OBJECT,
                            type == JSON_LARGE_OBJECT || type == JSON_LARGE_ARRAY);
    printer->depth--;
    return is_right;
}

int json_binary_print(struct span json, struct buf *out)
{
    struct json_printer printer = {.out = out, .budget_bytes = json.len};

    if (json.len == 0) {
        buf_append_text(out, "null");
        return 0;
    }
    return value_append(&printer, json.data[0], span_of(json.data + 1, json.len - 1))
               ? 0
               : BINLOG_DAMAGED;
}

/* --- differences --- */

int json_diff_next(struct span *diffs, struct json_diff *diff)
{
    struct cursor cursor = cursor_of(*diffs);
    uint8_t operation;

    if (diffs->len == 0)
        return 0;
    operation = cursor_u8(&cursor);
    if (operation > JSON_DIFF_REMOVE)
        return BINLOG_DAMAGED;
    diff->operation = (enum json_diff_operation)operation;
    diff->path = cursor_take(&cursor, cursor_lenenc(&cursor));
    diff->value = span_of(cursor.at, 0);
    if (diff->operation != JSON_DIFF_REMOVE)
        diff->value = cursor_take(&cursor, cursor_lenenc(&cursor));
    if (cursor.is_short)
        return BINLOG_DAMAGED;
    *diffs = cursor_rest(&cursor);
    return 1;
}

static void sql_quoted_append(struct buf *out, struct span text)
{
    buf_append_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'' || text.data[i] == '\\')
            buf_append_u8(out, text.data[i] == '\'' ? '\'' : '\\');
        buf_append_u8(out, text.data[i]);
    }
    buf_append_u8(out, '\'');
}

static const char *diff_function(const struct json_diff *diff)
{
    switch (diff->operation) {
    case JSON_DIFF_REMOVE: return "JSON_REMOVE(";
    case JSON_DIFF_REPLACE: return "JSON_REPLACE(";
    case JSON_DIFF_INSERT: break;
    }
    if (diff->path.len > 0 && diff->path.data[diff->path.len - 1] == ']')
        return "JSON_ARRAY_INSERT(";
    return "JSON_INSERT(";
}

static int diff_arguments_append(const struct json_diff *diff, struct buf *out)
{
    struct buf text = {0};
    int result;

    buf_append_text(out, ", ");
    sql_quoted_append(out, diff->path);
    if (diff->operation == JSON_DIFF_REMOVE) {
        buf_append_u8(out, ')');
        return 0;
    }
    result = json_binary_print(diff->value, &text);
    buf_append_text(out, ", CAST(");
    sql_quoted_append(out, buf_span(&text));
    buf_append_text(out, " AS JSON))");
    buf_free(&text);
    return result;
}

/* The last difference's function stands outermost, so the names come in reverse order. */
int json_diff_print(struct span diffs, struct span column, struct buf *out)
{
    struct buf names = {0};
    struct buf arguments = {0};
    struct json_diff diff;
    int result;

    while ((result = json_diff_next(&diffs, &diff)) > 0) {
        /* Reversed once more below, so each name goes in backwards. */
        const char *name = diff_function(&diff);

        for (size_t i = strlen(name); i > 0; i--)
            buf_append_u8(&names, (uint8_t)name[i - 1]);
        result = diff_arguments_append(&diff, &arguments);
        if (result < 0)
            break;
    }
    for (size_t i = names.len; i > 0 && result == 0; i--)
        buf_append_u8(out, names.data[i - 1]);
    if (result == 0) {
        buf_append_span(out, column);
        buf_append_span(out, buf_span(&arguments));
    }
    buf_free(&names);
    buf_free(&arguments);
    return result;
}
