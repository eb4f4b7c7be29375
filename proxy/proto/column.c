/* Result sets that Causeway makes itself: see column.h. */
#include "proxy/proto/column.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"

enum {
    CHARSET_UTF8 = 33,
    TYPE_VAR_STRING = 0xfd,
    FIXED_FIELDS_BYTES = 0x0c,
    DECIMALS_NONE = 0x27,
    HEADER_TERMINATOR = 0xfe,
    NULL_CELL = 0xfb,
    BINARY_ROW_HEADER = 0x00,
    NULL_BIT_FIRST = 1 << 2, /* the bitmap begins with two bits of no column */
};

uint8_t column_build(struct buf *out, uint8_t seq, struct span name, uint32_t width_bytes,
                     uint64_t capabilities)
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
    buf_append_u16(out, CHARSET_UTF8);
    buf_append_u32(out, width_bytes);
    buf_append_u8(out, TYPE_VAR_STRING);
    buf_append_u16(out, 0);
    buf_append_u8(out, DECIMALS_NONE);
    buf_append_u16(out, 0);
    return packet_end(out, begin, seq);
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

void rows_end(struct buf *out, uint8_t seq, uint16_t status, uint64_t capabilities)
{
    const struct ok_reply end = {.header = HEADER_TERMINATOR, .status = status};
    ok_build(out, seq, &end, capabilities);
}
