/* Result sets that Causeway makes itself: see column.h. */
#include "proxy/proto/column.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"

enum {
    CHARSET_UTF8 = 33,
    CHARSET_BINARY = 63,
    TYPE_LONG = 0x03,
    TYPE_LONGLONG = 0x08,
    FLAG_NOT_NULL = 0x01,
    FLAG_UNSIGNED = 0x20,
    FLAG_BINARY = 0x80,
    TYPE_VAR_STRING = 0xfd,
    FIXED_FIELDS_BYTES = 0x0c,
    DECIMALS_NONE = 0x27,
    HEADER_TERMINATOR = 0xfe,
    NULL_CELL = 0xfb,
    BINARY_ROW_HEADER = 0x00,
    NULL_BIT_FIRST = 1 << 2, /* the bitmap begins with two bits of no column */
};

struct column {
    uint16_t charset;
    uint32_t width_bytes;
    uint8_t type;
    uint16_t flags;
    uint8_t decimals;
};

static uint8_t definition_build(struct buf *out, uint8_t seq, struct span name,
                                const struct column *column, uint64_t capabilities)
{
    struct span empty = {0};
    size_t begin = packet_begin(out);
    write_lenenc_span(out, span_text("def"));
    write_lenenc_span(out, empty); /* schema, table, original table */
    write_lenenc_span(out, empty);
    write_lenenc_span(out, empty);
    write_lenenc_span(out, name);
    write_lenenc_span(out, empty); /* original name */
    if (capabilities & MARIADB_CLIENT_EXTENDED_METADATA)
        write_lenenc_span(out, empty);
    write_lenenc(out, FIXED_FIELDS_BYTES);
    buf_append_u16(out, column->charset);
    buf_append_u32(out, column->width_bytes);
    buf_append_u8(out, column->type);
    buf_append_u16(out, column->flags);
    buf_append_u8(out, column->decimals);
    buf_append_u16(out, 0);
    return packet_end(out, begin, seq);
}

uint8_t column_build(struct buf *out, uint8_t seq, struct span name, uint32_t width_bytes,
                     uint64_t capabilities)
{
    const struct column text = {CHARSET_UTF8, width_bytes, TYPE_VAR_STRING, 0, DECIMALS_NONE};
    return definition_build(out, seq, name, &text, capabilities);
}

uint8_t column_build_u32(struct buf *out, uint8_t seq, struct span name, uint64_t capabilities)
{
    const struct column number = {CHARSET_BINARY, 10, TYPE_LONG,
                                  FLAG_NOT_NULL | FLAG_UNSIGNED | FLAG_BINARY, 0};
    return definition_build(out, seq, name, &number, capabilities);
}

uint8_t column_build_i64(struct buf *out, uint8_t seq, struct span name, uint64_t capabilities)
{
    const struct column number = {CHARSET_BINARY, 21, TYPE_LONGLONG, FLAG_NOT_NULL | FLAG_BINARY,
                                  0};
    return definition_build(out, seq, name, &number, capabilities);
}

uint8_t columns_end(struct buf *out, uint8_t seq, uint16_t status, uint64_t capabilities)
{
    if (capabilities & CLIENT_DEPRECATE_EOF)
        return seq;
    eof_build(out, seq, 0, status);
    return (uint8_t)(seq + 1);
}

uint8_t row_build(struct buf *out, uint8_t seq, struct span value, bool binary)
{
    size_t begin = packet_begin(out);
    if (binary) {
        buf_append_u8(out, BINARY_ROW_HEADER);
        buf_append_u8(out, value.data ? 0 : NULL_BIT_FIRST);
    }
    if (value.data)
        write_lenenc_span(out, value);
    else if (!binary)
        buf_append_u8(out, NULL_CELL);
    return packet_end(out, begin, seq);
}

uint8_t row_build_u32(struct buf *out, uint8_t seq, uint32_t value, bool binary)
{
    struct buf text = {0};
    if (!binary) {
        buf_printf(&text, "%u", value);
        seq = row_build(out, seq, buf_span(&text), false);
        buf_free(&text);
        return seq;
    }
    size_t begin = packet_begin(out);
    buf_append_u8(out, BINARY_ROW_HEADER);
    buf_append_u8(out, 0);
    buf_append_u32(out, value);
    return packet_end(out, begin, seq);
}

void rows_end(struct buf *out, uint8_t seq, uint16_t status, uint64_t capabilities)
{
    const struct ok_reply end = {.header = HEADER_TERMINATOR, .status = status};
    ok_build(out, seq, &end, capabilities);
}
