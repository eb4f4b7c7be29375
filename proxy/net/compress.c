/* The compressed protocol as a layer of a stream: see compress.h, and compress_codec.h for the
 * format.
 *
 * Compressed packets are numbered from 0 with every command, through command and reply, as the
 * packets within are. Where a command or reply begins is seen in both numberings: each direction
 * keeps its own next number, and takes over from the other one where the word passes. */
#include "proxy/net/compress.h"

#include "proxy/net/compress_codec.h"
#include "proxy/net/stream_layer.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 256 << 10 }; /* of plain bytes in one compressed packet that is sent */

struct compress_layer {
    struct stream_layer layer;
    bool to_server;
    bool held; /* the last receive stopped for want of room */
    struct unpacker unpacker;
    struct packet_walk in;
    struct packet_walk out;
    uint8_t in_number; /* expected on the next compressed packet */
    uint8_t in_inner;  /* given to the next packet within */
    uint8_t out_number;
    uint8_t out_inner; /* expected on the next packet within */
    bool heard;        /* something was received since the last was sent … */
    bool said;         /* … and the other way around */
    bool begins;       /* the next packet within is the first of a compressed one */
};

static struct compress_layer *compress_of(struct stream_layer *layer)
{
    return (struct compress_layer *)layer;
}

/* --- in --- */

/* A client's command begins anew with 0. What goes on (a file, a long command) is numbered on, from
 * the reply in between where there was one. */
static bool client_number(struct compress_layer *compress, uint8_t number)
{
    bool goes_on = number == (compress->said ? compress->out_number : compress->in_number);
    bool first = number == 0 && (!goes_on || compress->said);
    if (!first && !goes_on)
        return false;
    if (first)
        compress->in_inner = 0;
    else if (compress->said)
        compress->in_inner = compress->out_inner;
    return true;
}

/* A server's reply begins where the command ended. */
static bool server_number(struct compress_layer *compress, uint8_t number)
{
    if (number != compress->in_number || (compress->said && number == compress->out_number))
        compress->in_inner = compress->out_inner;
    return true;
}

static bool take_number(struct compress_layer *compress, uint8_t number)
{
    bool ok =
        compress->to_server ? server_number(compress, number) : client_number(compress, number);
    compress->in_number = (uint8_t)(number + 1);
    compress->said = false;
    compress->heard = true;
    compress->begins = true;
    return ok;
}

/* Puts in the numbers that the packets would have without compression. */
static void renumber(struct compress_layer *compress, uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        bool was_full = compress->in.full;
        size_t walked;
        ssize_t found = packet_walk_next(&compress->in, data + at, len - at, &walked);
        if (found >= 0) {
            /* A second command in one compressed packet. */
            bool first = !compress->to_server && !compress->begins && !was_full &&
                         data[at + (size_t)found] == 0;
            if (first)
                compress->in_inner = 0;
            data[at + (size_t)found] = compress->in_inner++;
            compress->begins = false;
        }
        at += walked;
    }
}

/* Unpacks what is there: number of bytes, 0: more must come, or -EPROTO. */
static ssize_t unpack_some(struct stream *stream, struct compress_layer *compress, uint8_t *data,
                           size_t room)
{
    struct unpacker *unpacker = &compress->unpacker;
    for (;;) {
        struct span before = stream_layer_input(&compress->layer);
        struct span input = before;
        bool began;
        uint8_t number;
        ssize_t n = compress_unpack(unpacker, &input, data, room, &began, &number);
        if (before.len > input.len)
            stream_layer_consume(stream, &compress->layer, before.len - input.len);
        if (began && !take_number(compress, number)) {
            unpacker->reason = "a compressed packet is out of order";
            n = -EPROTO;
        }
        if (n > 0)
            renumber(compress, data, (size_t)n);
        if (n < 0)
            stream->reason = unpacker->reason;
        if (n != 0 || !began)
            return n;
    }
}

static ssize_t unpack_all(struct stream *stream, struct compress_layer *compress, uint8_t *data,
                          size_t room)
{
    size_t done = 0;
    ssize_t n = 1;
    compress->unpacker.spare = stream->pool->inflater;
    stream->pool->inflater = NULL;
    while (done < room && n > 0) {
        n = unpack_some(stream, compress, data + done, room - done);
        if (n > 0)
            done += (size_t)n;
    }
    stream->pool->inflater = compress->unpacker.spare;
    compress->unpacker.spare = NULL;
    compress->held = done == room;
    return n < 0 ? n : (ssize_t)done;
}

static ssize_t compress_receive(struct stream *stream, struct stream_layer *layer, void *data,
                                size_t len)
{
    struct compress_layer *compress = compress_of(layer);
    bool held = compress->held;
    ssize_t n = held || layer->in ? unpack_all(stream, compress, data, len) : 0;
    if (n != 0)
        return n;
    if (held)
        return -EAGAIN;
    n = stream_layer_fill(stream, layer);
    if (n == -ENOBUFS) {
        stream->reason = "a compressed packet's lengths are wrong";
        return -EPROTO;
    }
    if (n <= 0)
        return n;
    n = unpack_all(stream, compress, data, len);
    return n != 0 ? n : -EAGAIN;
}

static bool compress_pending(const struct stream_layer *layer)
{
    return ((const struct compress_layer *)layer)->held;
}

/* --- out --- */

static int send_chunk(struct stream *stream, struct compress_layer *compress, struct span plain,
                      struct buf *wire)
{
    struct stream_pool *pool = stream->pool;
    while (plain.len > 0) {
        size_t n = plain.len < CHUNK_BYTES ? plain.len : CHUNK_BYTES;
        if (!pool->deflater)
            pool->deflater = deflater_new();
        pool->packed.len = 0;
        compress_pack(pool->deflater, &pool->packed, compress->out_number++,
                      span_of(plain.data, n));
        struct iovec part = {pool->packed.data, pool->packed.len};
        int error = stream_layer_send_below(stream, &compress->layer, &part, 1, wire);
        if (error)
            return error;
        plain = span_of(plain.data + n, plain.len - n);
    }
    return 0;
}

/* The packet's number tells whether a command or reply begins with it. */
static bool begins_anew(struct compress_layer *compress, uint8_t inner)
{
    bool goes_on = inner == compress->out_inner;
    uint8_t first = compress->to_server ? 0 : 1;
    return !goes_on || (compress->heard && inner == first);
}

/* Where the next packet within begins something new, what stands before it is a chunk of its own.
 */
static int encode_plain(struct stream *stream, struct compress_layer *compress, struct span plain,
                        struct buf *wire)
{
    size_t begin = 0;
    size_t at = 0;
    while (at < plain.len) {
        size_t header_at = at;
        size_t walked;
        bool split_header = compress->out.header_len > 0;
        ssize_t found = packet_walk_next(&compress->out, plain.data + at, plain.len - at, &walked);
        at += walked;
        if (found < 0)
            break;
        header_at += split_header ? 0 : (size_t)found - 3;
        uint8_t inner = plain.data[at - 1];
        if (begins_anew(compress, inner)) {
            int error =
                send_chunk(stream, compress, span_of(plain.data + begin, header_at - begin), wire);
            if (error)
                return error;
            begin = header_at;
            compress->out_number = compress->to_server && inner == 0 ? 0 : compress->in_number;
        }
        compress->out_inner = (uint8_t)(inner + 1);
        compress->heard = false;
        compress->said = true;
    }
    return send_chunk(stream, compress, span_of(plain.data + begin, plain.len - begin), wire);
}

static int compress_encode(struct stream *stream, struct stream_layer *layer,
                           const struct iovec *parts, int count, struct buf *wire)
{
    struct compress_layer *compress = compress_of(layer);
    if (count == 1)
        return encode_plain(stream, compress, span_of(parts->iov_base, parts->iov_len), wire);
    struct buf *joined = &stream->pool->joined;
    joined->len = 0;
    for (int i = 0; i < count; i++)
        buf_append(joined, parts[i].iov_base, parts[i].iov_len);
    return encode_plain(stream, compress, buf_span(joined), wire);
}

/* --- life --- */

static void compress_free(struct stream_layer *layer)
{
    unpacker_close(&compress_of(layer)->unpacker);
    free(layer);
}

static const struct stream_layer_kind compress_kind = {compress_receive, compress_encode,
                                                       compress_pending, NULL, compress_free};

static void start(struct stream *stream, bool to_server)
{
    struct compress_layer *compress = memory_zalloc(sizeof(*compress));
    compress->layer.kind = &compress_kind;
    compress->to_server = to_server;
    compress->heard = to_server;
    compress->said = !to_server;
    stream_push(stream, &compress->layer);
}

void compress_with_client(struct stream *stream)
{
    start(stream, false);
}

void compress_with_server(struct stream *stream)
{
    start(stream, true);
}
