/* What lies between a socket and the owner of its stream: TLS, compression. For the files that
 * implement one (tls.c, compress.c) and stream.c.
 *
 *     socket --receive--> lowest layer --receive--> ... top layer --> stream->in --> owner
 *     owner --stream_write--> top layer --encode--> ... lowest layer --> wire --> socket
 *
 * Encoding never waits: bytes are turned into what goes on the wire at once, and what the socket
 * does not take is kept in stream->out in that form. So back-pressure is the same with and without
 * layers. Receiving gives out as much as there is room for and keeps the rest as it came; the
 * stream then comes back without waiting for the socket. */
#ifndef CAUSEWAY_NET_STREAM_LAYER_H
#define CAUSEWAY_NET_STREAM_LAYER_H

#include "proxy/net/stream.h"

struct stream_buffer {
    struct stream_buffer *next; /* on a free list */
    size_t cap;
    size_t start;
    size_t end;
    uint8_t data[];
};

/* Room for `len` bytes at least; NULL never. Given back to the same pool. */
struct stream_buffer *stream_buffer_borrow(struct stream_pool *pool, size_t len);
void stream_buffer_return(struct stream_pool *pool, struct stream_buffer *buffer);

struct stream_layer;

struct stream_layer_kind {
    /* As a transport's receive. -EPROTO: the bytes are malformed, stream->reason says how. */
    ssize_t (*receive)(struct stream *stream, struct stream_layer *layer, void *data, size_t len);
    /* Hands the parts, as they are to be sent, to stream_layer_send_below. 0 or a negative errno.
     */
    int (*encode)(struct stream *stream, struct stream_layer *layer, const struct iovec *parts,
                  int count, struct buf *wire);
    /* Received bytes are left that may be given out without a new one from below. */
    bool (*pending)(const struct stream_layer *layer);
    /* The last words before the socket is closed; NULL: none. */
    void (*finish)(struct stream *stream, struct stream_layer *layer, struct buf *wire);
    void (*free)(struct stream_layer *layer);
};

/* At the beginning of each layer's own structure. */
struct stream_layer {
    const struct stream_layer_kind *kind;
    struct stream_layer *below; /* nearer to the socket; NULL: the socket */
    struct stream_buffer *in;   /* what came from below and is not used up */
};

/* Puts the layer on top of those that are there; the stream owns it from now on. What the stream
 * has received and its owner has not consumed becomes the layer's first input. */
void stream_push(struct stream *stream, struct stream_layer *layer);

/* The top layer of that kind, or NULL. */
struct stream_layer *stream_layer_find(const struct stream *stream,
                                       const struct stream_layer_kind *kind);

/* One receive from below, behind what layer->in holds: number of new bytes, 0 for end of file, or a
 * negative errno. */
ssize_t stream_layer_fill(struct stream *stream, struct stream_layer *layer);
struct span stream_layer_input(const struct stream_layer *layer);
/* The buffer goes back when nothing is left. */
void stream_layer_consume(struct stream *stream, struct stream_layer *layer, size_t len);

/* What comes out of encoding goes on down; at the bottom it is appended to `wire`. */
int stream_layer_send_below(struct stream *stream, struct stream_layer *layer,
                            const struct iovec *parts, int count, struct buf *wire);
/* Sends what a layer has to say of its own accord (a handshake), in the form of the wire. */
int stream_send_wire(struct stream *stream, const struct buf *wire);

/* The outcome of a batched send: how many of the bytes went, or a negative errno. */
void stream_sent(struct stream *stream, const struct iovec *bytes, ssize_t outcome);

#endif
