/* The compressed protocol over bytes: see compress_codec.h. */
#include "proxy/net/compress_codec.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <stdlib.h>

enum { PACKET_FULL = 0xffffff };

/* --- unpacking --- */

static ssize_t malformed(struct unpacker *unpacker, const char *reason)
{
    unpacker->reason = reason;
    return -EPROTO;
}

static z_stream *inflater_ready(struct unpacker *unpacker)
{
    z_stream *inflater = unpacker->spare;
    unpacker->spare = NULL;
    if (inflater && inflateReset(inflater) == Z_OK)
        return inflater;
    inflater_free(inflater);
    inflater = memory_zalloc(sizeof(*inflater));
    if (inflateInit(inflater) != Z_OK)
        abort(); /* out of memory: as everywhere */
    return inflater;
}

void inflater_free(z_stream *inflater)
{
    if (inflater)
        inflateEnd(inflater);
    free(inflater);
}

void unpacker_close(struct unpacker *unpacker)
{
    inflater_free(unpacker->inflater);
    inflater_free(unpacker->spare);
    *unpacker = (struct unpacker){0};
}

static void take_header(struct unpacker *unpacker, struct span *input, uint8_t *number)
{
    const uint8_t *header = input->data;
    unpacker->wire_left = load_u24(header);
    *number = header[3];
    unpacker->plain_left = load_u24(header + 4);
    unpacker->compressed = unpacker->plain_left > 0;
    if (unpacker->compressed)
        unpacker->inflater = inflater_ready(unpacker);
    else
        unpacker->plain_left = unpacker->wire_left;
    unpacker->open = unpacker->compressed || unpacker->wire_left > 0;
    *input = span_of(header + COMPRESS_HEADER_BYTES, input->len - COMPRESS_HEADER_BYTES);
}

static void skip(struct unpacker *unpacker, struct span *input, size_t len)
{
    if (len == 0)
        return;
    *input = span_of(input->data + len, input->len - len);
    unpacker->wire_left -= (uint32_t)len;
}

static ssize_t copy_plain(struct unpacker *unpacker, struct span *input, uint8_t *out, size_t room)
{
    size_t n = input->len < room ? input->len : room;
    if (n > unpacker->wire_left)
        n = unpacker->wire_left;
    memcpy(out, input->data, n);
    skip(unpacker, input, n);
    unpacker->open = unpacker->wire_left > 0;
    return (ssize_t)n;
}

static ssize_t end_compressed(struct unpacker *unpacker, ssize_t n)
{
    if (unpacker->plain_left > 0 || unpacker->wire_left > 0)
        return malformed(unpacker, "a compressed packet's lengths are wrong");
    unpacker->spare = unpacker->inflater;
    unpacker->inflater = NULL;
    unpacker->open = false;
    return n;
}

static ssize_t inflate_some(struct unpacker *unpacker, struct span *input, uint8_t *out,
                            size_t room)
{
    z_stream *inflater = unpacker->inflater;
    size_t given = input->len < unpacker->wire_left ? input->len : unpacker->wire_left;
    bool whole = given == unpacker->wire_left;
    size_t most = unpacker->plain_left - (whole ? 0 : 1);
    if (most > room)
        most = room;
    inflater->next_in = (Bytef *)input->data;
    inflater->avail_in = (uInt)given;
    inflater->next_out = out;
    inflater->avail_out = (uInt)most;
    int result = inflate(inflater, Z_NO_FLUSH);
    ssize_t n = (ssize_t)(most - inflater->avail_out);
    skip(unpacker, input, given - inflater->avail_in);
    unpacker->plain_left -= (uint32_t)n;
    if (result == Z_STREAM_END)
        return end_compressed(unpacker, n);
    if (result != Z_OK && result != Z_BUF_ERROR)
        return malformed(unpacker, "a compressed packet is no zlib stream");
    if (whole && n == 0 && (most > 0 || unpacker->plain_left == 0))
        return malformed(unpacker, "a compressed packet's lengths are wrong");
    if (whole && unpacker->plain_left == 0)
        return malformed(unpacker, "a compressed packet holds more than it says");
    return n;
}

ssize_t compress_unpack(struct unpacker *unpacker, struct span *input, uint8_t *out, size_t room,
                        bool *began, uint8_t *number)
{
    *began = false;
    if (!unpacker->open) {
        if (input->len < COMPRESS_HEADER_BYTES)
            return 0;
        *began = true;
        take_header(unpacker, input, number);
        return 0;
    }
    if (input->len == 0 && unpacker->wire_left > 0)
        return 0;
    return unpacker->compressed ? inflate_some(unpacker, input, out, room)
                                : copy_plain(unpacker, input, out, room);
}

/* --- packing --- */

z_stream *deflater_new(void)
{
    z_stream *deflater = memory_zalloc(sizeof(*deflater));
    if (deflateInit(deflater, Z_BEST_SPEED) != Z_OK)
        abort(); /* out of memory: as everywhere */
    return deflater;
}

void deflater_free(z_stream *deflater)
{
    if (deflater)
        deflateEnd(deflater);
    free(deflater);
}

static void store_header(uint8_t *header, size_t wire_len, uint8_t number, size_t plain_len)
{
    for (unsigned i = 0; i < 3; i++) {
        header[i] = (uint8_t)(wire_len >> (8 * i));
        header[4 + i] = (uint8_t)(plain_len >> (8 * i));
    }
    header[3] = number;
}

void compress_pack(z_stream *deflater, struct buf *out, uint8_t number, struct span plain)
{
    uint8_t *header = buf_reserve(out, COMPRESS_HEADER_BYTES + plain.len);
    size_t packed = 0;
    if (plain.len >= COMPRESS_SHORT_BYTES) {
        deflateReset(deflater);
        deflater->next_in = (Bytef *)plain.data;
        deflater->avail_in = (uInt)plain.len;
        deflater->next_out = header + COMPRESS_HEADER_BYTES;
        deflater->avail_out = (uInt)plain.len; /* what does not shrink goes as it is */
        if (deflate(deflater, Z_FINISH) == Z_STREAM_END)
            packed = plain.len - deflater->avail_out;
    }
    if (packed == 0)
        memcpy(header + COMPRESS_HEADER_BYTES, plain.data, plain.len);
    size_t wire_len = packed ? packed : plain.len;
    store_header(header, wire_len, number, packed ? plain.len : 0);
    out->len += COMPRESS_HEADER_BYTES + wire_len;
}

/* --- the packets within --- */

ssize_t packet_walk_next(struct packet_walk *walk, const uint8_t *data, size_t len, size_t *walked)
{
    size_t at = 0;
    while (at < len) {
        size_t left = len - at;
        if (walk->payload_left > 0) {
            size_t n = left < walk->payload_left ? left : walk->payload_left;
            walk->payload_left -= (uint32_t)n;
            at += n;
            continue;
        }
        walk->header[walk->header_len++] = data[at++];
        if (walk->header_len < sizeof(walk->header))
            continue;
        walk->header_len = 0;
        walk->payload_left = load_u24(walk->header);
        walk->full = walk->payload_left == PACKET_FULL;
        *walked = at;
        return (ssize_t)at - 1;
    }
    *walked = at;
    return -1;
}
