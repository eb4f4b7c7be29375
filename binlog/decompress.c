/* zlib and zstd with a bound on the output. Output grows by doubling from a modest start, so a
 * claim of a large plain length costs nothing until the bytes come. */
#include "binlog/decompress.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>

enum {
    CHUNK_MIN_BYTES = 4096,
    CHUNK_MAX_BYTES = 1 << 20,
    COLUMN_METHOD_ZLIB = 8,
};

/* How much room to make next: as much as is there already, within bounds, one byte above the limit
 * at most (to see that there would be more). */
static size_t chunk_next(size_t have, size_t max_bytes)
{
    size_t chunk = have;

    if (chunk < CHUNK_MIN_BYTES)
        chunk = CHUNK_MIN_BYTES;
    if (chunk > CHUNK_MAX_BYTES)
        chunk = CHUNK_MAX_BYTES;
    return chunk < max_bytes - have ? chunk : max_bytes - have + 1;
}

static int inflate_all(z_stream *stream, size_t max_bytes, struct buf *out)
{
    const size_t start = out->len;
    int result = Z_OK;

    while (result != Z_STREAM_END) {
        size_t chunk = chunk_next(out->len - start, max_bytes);

        stream->next_out = buf_reserve(out, chunk);
        stream->avail_out = (uInt)chunk;
        result = inflate(stream, Z_NO_FLUSH);
        out->len += chunk - stream->avail_out;
        if (out->len - start > max_bytes)
            return -E2BIG;
        if (result != Z_OK && result != Z_STREAM_END)
            return -EBADMSG; /* also Z_BUF_ERROR: the input ended too early */
    }
    return stream->avail_in == 0 ? 0 : -EBADMSG;
}

static int inflate_span(struct span in, int window_bits, size_t max_bytes, struct buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)in.data, .avail_in = (uInt)in.len};
    int result;

    if (in.len == 0 || in.len > UINT32_MAX)
        return -EBADMSG;
    if (inflateInit2(&stream, window_bits) != Z_OK)
        return -EBADMSG;
    result = inflate_all(&stream, max_bytes, out);
    inflateEnd(&stream);
    return result;
}

int decompress_zlib(struct span in, size_t max_bytes, struct buf *out)
{
    return inflate_span(in, MAX_WBITS, max_bytes, out);
}

int decompress_deflate(struct span in, size_t max_bytes, struct buf *out)
{
    return inflate_span(in, -MAX_WBITS, max_bytes, out);
}

static int zstd_all(ZSTD_DStream *stream, struct span in, size_t max_bytes, struct buf *out)
{
    ZSTD_inBuffer input = {.src = in.data, .size = in.len};
    const size_t start = out->len;
    size_t hint = 1; /* 0: a frame ended */

    while (input.pos < input.size || hint != 0) {
        size_t chunk = chunk_next(out->len - start, max_bytes);
        ZSTD_outBuffer output = {.dst = buf_reserve(out, chunk), .size = chunk};
        size_t pos_before = input.pos;

        hint = ZSTD_decompressStream(stream, &output, &input);
        if (ZSTD_isError(hint))
            return -EBADMSG;
        out->len += output.pos;
        if (out->len - start > max_bytes)
            return -E2BIG;
        if (output.pos == 0 && input.pos == pos_before)
            return -EBADMSG; /* no step forward: the input ended too early */
    }
    return 0;
}

int decompress_zstd(struct span in, size_t max_bytes, struct buf *out)
{
    ZSTD_DStream *stream;
    int result;

    if (in.len == 0)
        return -EBADMSG;
    stream = ZSTD_createDStream();
    if (stream == NULL)
        return -E2BIG;
    result = zstd_all(stream, in, max_bytes, out);
    ZSTD_freeDStream(stream);
    return result;
}

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Inflates what follows a header byte and a plain length of `len_bytes` bytes, and holds the result
 * to that length. */
static int framed_inflate(struct span in, size_t len_bytes, bool is_raw, size_t max_bytes,
                          struct buf *out)
{
    const size_t start = out->len;
    uint64_t plain_len;
    struct span stream;
    int result;

    if (in.len < 1 + len_bytes)
        return -EBADMSG;
    plain_len = big_endian(in.data + 1, len_bytes);
    if (plain_len > max_bytes)
        return -E2BIG;
    stream = span_of(in.data + 1 + len_bytes, in.len - 1 - len_bytes);
    result = is_raw ? decompress_deflate(stream, (size_t)plain_len, out)
                    : decompress_zlib(stream, (size_t)plain_len, out);
    if (result < 0)
        return -EBADMSG; /* also when more came out than was said */
    return out->len - start == plain_len ? 0 : -EBADMSG;
}

int decompress_event_part(struct span in, size_t max_bytes, struct buf *out)
{
    if (in.len == 0 || (in.data[0] & 0x80) == 0 || (in.data[0] & 0x70) != 0)
        return -EBADMSG; /* algorithm 0, zlib, is the only one */
    return framed_inflate(in, in.data[0] & 0x07, false, max_bytes, out);
}

int decompress_column(struct span in, size_t max_bytes, struct buf *out)
{
    if (in.len == 0)
        return 0;
    if (in.data[0] == 0) {
        if (in.len - 1 > max_bytes)
            return -E2BIG;
        buf_append(out, in.data + 1, in.len - 1);
        return 0;
    }
    if (in.data[0] >> 4 != COLUMN_METHOD_ZLIB)
        return -EBADMSG;
    return framed_inflate(in, in.data[0] & 0x07, (in.data[0] & 0x08) != 0, max_bytes, out);
}
