/* Literals. What is printed for people is UTF-8 on one line; what is replayed is hex or base64. */
#include "binlog/print/literal.h"

#include "binlog/json_binary.h"
#include "binlog/print/charset.h"

#include <inttypes.h>

enum { BASE64_LINE_BYTES = 57 }; /* 76 characters */

void literal_name(struct buf *out, struct span name)
{
    buf_append_u8(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '`')
            buf_append_u8(out, '`');
        buf_append_u8(out, name.data[i]);
    }
    buf_append_u8(out, '`');
}

static const char *escape_of(uint8_t byte)
{
    switch (byte) {
    case '\0': return "\\0";
    case '\b': return "\\b";
    case '\t': return "\\t";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case 26: return "\\Z";
    case '\'': return "\\'";
    case '\\': return "\\\\";
    default: return NULL;
    }
}

void literal_string(struct buf *out, struct span text)
{
    size_t plain = 0;

    buf_append_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(text.data[i]);
        bool is_control = text.data[i] < ' ' || text.data[i] == 127;

        if (escape == NULL && !is_control)
            continue;
        buf_append(out, text.data + plain, i - plain);
        if (escape)
            buf_append_text(out, escape);
        else
            buf_printf(out, "\\x%02x", text.data[i]);
        plain = i + 1;
    }
    if (text.len > plain)
        buf_append(out, text.data + plain, text.len - plain);
    buf_append_u8(out, '\'');
}

void literal_name_shown(struct buf *out, struct span name)
{
    buf_append_u8(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < ' ' || name.data[i] == 127)
            buf_printf(out, "\\x%02x", name.data[i]);
        else if (name.data[i] == '`')
            buf_append_text(out, "``");
        else
            buf_append_u8(out, name.data[i]);
    }
    buf_append_u8(out, '`');
}

void literal_table_shown(struct buf *out, const struct table_map *table)
{
    literal_name_shown(out, table->schema);
    buf_append_u8(out, '.');
    literal_name_shown(out, table->name);
}

void literal_hex(struct buf *out, struct span bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t *at;

    buf_append_text(out, "X'");
    at = buf_reserve(out, bytes.len * 2);
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = (uint8_t)digits[bytes.data[i] >> 4];
        *at++ = (uint8_t)digits[bytes.data[i] & 15];
    }
    out->len += bytes.len * 2;
    buf_append_u8(out, '\'');
}

static void base64_group(const uint8_t *bytes, size_t len, uint8_t out[4])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = (uint32_t)bytes[0] << 16;

    if (len > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (len > 2)
        group |= bytes[2];
    out[0] = (uint8_t)digits[group >> 18];
    out[1] = (uint8_t)digits[group >> 12 & 63];
    out[2] = (uint8_t)(len > 1 ? digits[group >> 6 & 63] : '=');
    out[3] = (uint8_t)(len > 2 ? digits[group & 63] : '=');
}

void literal_base64(struct buf *out, struct span bytes, bool wrap)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        base64_group(bytes.data + at, bytes.len - at, buf_reserve(out, 4));
        out->len += 4;
        if (wrap && (at + 3) % BASE64_LINE_BYTES == 0 && at + 3 < bytes.len)
            buf_append_u8(out, '\n');
    }
    if (wrap)
        buf_append_u8(out, '\n');
}

void literal_xid(struct buf *out, const struct event_xid_name *xid)
{
    literal_hex(out, span_of(xid->data.data, xid->gtrid_len));
    buf_append_u8(out, ',');
    literal_hex(out, span_of(xid->data.data + xid->gtrid_len, xid->bqual_len));
    buf_printf(out, ",%" PRIu32, xid->format_id);
}

static void cell_string(struct buf *out, const struct table_column *column, struct span bytes)
{
    struct buf text = {0};

    if (table_column_is_text(column) == 0)
        literal_hex(out, bytes);
    else if (column->collation != 0 && charset_to_utf8(column->collation, bytes, &text))
        literal_string(out, buf_span(&text));
    else if (utf8_is_valid(bytes))
        literal_string(out, bytes);
    else
        literal_hex(out, bytes);
    buf_free(&text);
}

static void cell_bits(struct buf *out, uint64_t value, unsigned bits)
{
    buf_append_text(out, "b'");
    for (unsigned bit = bits; bit > 0; bit--)
        buf_append_u8(out, (uint8_t)('0' + (value >> (bit - 1) & 1)));
    buf_append_u8(out, '\'');
}

static void cell_integer(struct buf *out, bool sign_is_known, const struct value *value)
{
    buf_printf(out, "%" PRId64, value->integer);
    if (!sign_is_known && value->integer < 0)
        buf_printf(out, " (%" PRIu64 ")", value_as_unsigned(value));
}

static void cell_enum(struct buf *out, const struct table_column *column, uint64_t number)
{
    if (number == 0 || number > column->value_count)
        buf_printf(out, "%" PRIu64, number);
    else
        cell_string(out, column, table_column_value(column, (uint32_t)number - 1));
}

static void cell_set(struct buf *out, const struct table_column *column, uint64_t members)
{
    struct buf text = {0};

    if (column->value_count == 0) {
        cell_bits(out, members, column->len_bytes * 8U);
        return;
    }
    for (uint32_t i = 0; i < column->value_count && i < 64; i++) {
        if ((members >> i & 1) == 0)
            continue;
        if (text.len > 0)
            buf_append_u8(&text, ',');
        buf_append_span(&text, table_column_value(column, i));
    }
    cell_string(out, column, buf_span(&text));
    buf_free(&text);
}

static int cell_json(struct buf *out, const struct value *value)
{
    struct buf text = {0};
    int result = value->kind == VALUE_JSON_DIFF
                     ? json_diff_print(value->bytes, span_text("@before"), &text)
                     : json_binary_print(value->bytes, &text);

    literal_string(out, buf_span(&text));
    buf_free(&text);
    return result;
}

static int cell_quoted(struct buf *out, const struct value *value)
{
    buf_append_u8(out, '\'');
    if (value_print(value, out) != 0)
        return BINLOG_DAMAGED;
    buf_append_u8(out, '\'');
    return 0;
}

int literal_cell(struct buf *out, const struct table_map *table, uint32_t at,
                 const struct value *value)
{
    const struct table_column *column = &table->columns[at];

    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL: buf_append_text(out, "NULL"); return 0;
    case VALUE_INT: cell_integer(out, table->has_signedness, value); return 0;
    case VALUE_BIT: cell_bits(out, value->uinteger, column->bits); return 0;
    case VALUE_ENUM: cell_enum(out, column, value->uinteger); return 0;
    case VALUE_SET: cell_set(out, column, value->uinteger); return 0;
    case VALUE_STRING: cell_string(out, column, value->bytes); return 0;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME: return cell_quoted(out, value);
    case VALUE_GEOMETRY:
    case VALUE_VECTOR: literal_hex(out, value->bytes); return 0;
    case VALUE_JSON:
    case VALUE_JSON_DIFF: return cell_json(out, value);
    default: return value_print(value, out);
    }
}
