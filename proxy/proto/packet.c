/* Reading and writing the basic types of the wire protocol: see packet.h. */
#include "proxy/proto/packet.h"

#include <assert.h>

struct reader reader_of(struct span bytes)
{
    if (bytes.len == 0)
        return (struct reader){0};
    return (struct reader){.at = bytes.data, .end = bytes.data + bytes.len};
}

size_t reader_left(const struct reader *reader)
{
    return reader->at == reader->end ? 0 : (size_t)(reader->end - reader->at);
}

/* The next `len` bytes, or NULL when there are fewer; then nothing is left either. */
static const uint8_t *take(struct reader *reader, size_t len)
{
    if (reader->bad || reader_left(reader) < len) {
        reader->bad = true;
        reader->at = reader->end;
        return NULL;
    }
    const uint8_t *at = reader->at;
    if (len > 0)
        reader->at += len;
    return at;
}

uint8_t read_u8(struct reader *reader)
{
    const uint8_t *at = take(reader, 1);
    return at ? *at : 0;
}

uint16_t read_u16(struct reader *reader)
{
    const uint8_t *at = take(reader, 2);
    return at ? load_u16(at) : 0;
}

uint32_t read_u24(struct reader *reader)
{
    const uint8_t *at = take(reader, 3);
    return at ? load_u24(at) : 0;
}

uint32_t read_u32(struct reader *reader)
{
    const uint8_t *at = take(reader, 4);
    return at ? load_u32(at) : 0;
}

uint64_t read_u64(struct reader *reader)
{
    const uint8_t *at = take(reader, 8);
    return at ? load_u64(at) : 0;
}

uint64_t read_lenenc(struct reader *reader)
{
    uint8_t first = read_u8(reader);
    switch (first) {
    case 0xfb:
    case 0xff: take(reader, SIZE_MAX); return 0;
    case 0xfc: return read_u16(reader);
    case 0xfd: return read_u24(reader);
    case 0xfe: return read_u64(reader);
    default: return first;
    }
}

struct span read_lenenc_span(struct reader *reader)
{
    uint64_t len = read_lenenc(reader);
    if (len > reader_left(reader)) {
        take(reader, SIZE_MAX);
        return (struct span){0};
    }
    return read_span(reader, (size_t)len);
}

struct span read_span(struct reader *reader, size_t len)
{
    const uint8_t *at = take(reader, len);
    if (!at || len == 0)
        return (struct span){0};
    return span_of(at, len);
}

struct span read_nul_span(struct reader *reader)
{
    size_t left = reader_left(reader);
    const uint8_t *nul = left ? memchr(reader->at, 0, left) : NULL;
    if (!nul) {
        take(reader, SIZE_MAX);
        return (struct span){0};
    }
    struct span text = read_span(reader, (size_t)(nul - reader->at));
    take(reader, 1);
    return text;
}

struct span read_rest(struct reader *reader)
{
    return read_span(reader, reader_left(reader));
}

void write_lenenc(struct buf *out, uint64_t value)
{
    if (value < 0xfb) {
        buf_append_u8(out, (uint8_t)value);
    } else if (value <= 0xffff) {
        buf_append_u8(out, 0xfc);
        buf_append_u16(out, (uint16_t)value);
    } else if (value <= 0xffffff) {
        buf_append_u8(out, 0xfd);
        buf_append_u24(out, (uint32_t)value);
    } else {
        buf_append_u8(out, 0xfe);
        buf_append_u64(out, value);
    }
}

void write_lenenc_span(struct buf *out, struct span span)
{
    write_lenenc(out, span.len);
    buf_append_span(out, span);
}

void write_nul_span(struct buf *out, struct span span)
{
    buf_append_span(out, span);
    buf_append_u8(out, 0);
}

size_t packet_begin(struct buf *out)
{
    size_t begin = out->len;
    buf_append_zero(out, PACKET_HEADER_BYTES);
    return begin;
}

uint8_t packet_end(struct buf *out, size_t begin, uint8_t seq)
{
    assert(out->len >= begin + PACKET_HEADER_BYTES);
    size_t payload_len = out->len - begin - PACKET_HEADER_BYTES;
    size_t full_count = payload_len / PACKET_PAYLOAD_MAX;
    size_t tail_len = payload_len % PACKET_PAYLOAD_MAX;
    buf_append_zero(out, full_count * PACKET_HEADER_BYTES);

    /* From the back, so that nothing is overwritten before it has been moved. */
    for (size_t i = full_count;; i--) {
        uint8_t *from = out->data + begin + PACKET_HEADER_BYTES + i * PACKET_PAYLOAD_MAX;
        uint8_t *header = from + i * PACKET_HEADER_BYTES - PACKET_HEADER_BYTES;
        size_t len = i == full_count ? tail_len : PACKET_PAYLOAD_MAX;
        if (i > 0)
            memmove(header + PACKET_HEADER_BYTES, from, len);
        store_u24(header, (uint32_t)len);
        header[3] = (uint8_t)(seq + i);
        if (i == 0)
            return (uint8_t)(seq + full_count + 1);
    }
}
