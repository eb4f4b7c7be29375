/* A socket on a libev loop: bytes in, bytes out, with back-pressure.
 *
 *     socket --stream_receive--> in (borrowed, given back when empty) --owner consumes-->
 *     owner --stream_write--> socket, and what it did not take --> out --on EV_WRITE--> socket
 *
 * With stream_pool_batch() small writes reach their sockets together, at the end of the loop's
 * round.
 *
 * An idle stream holds no buffer. The owner bounds memory: while stream_blocked() it takes nothing
 * more from where the bytes come from (stream_pause there), and is told when `out` has drained. */
#ifndef CAUSEWAY_NET_STREAM_H
#define CAUSEWAY_NET_STREAM_H

#include "proxy/base/buf.h"

#include <ev.h>
#include <sys/uio.h>

/* Receive buffers of two sizes, shared by all streams of a thread. A stream starts with a small one
 * and takes a large one while the peer sends fast. */
enum { STREAM_SMALL_BYTES = 16 << 10, STREAM_LARGE_BYTES = 128 << 10 };

struct stream_buffer; /* header and bytes in one block */

struct stream_pool {
    struct stream_buffer *free_small;
    struct stream_buffer *free_large;
    unsigned small_count;
    unsigned large_count;
    size_t borrowed_bytes;       /* now in the hands of streams */
    struct buf wire;             /* scratch: what layers made of the bytes of one write */
    struct buf joined;           /* scratch of compression: the parts of one write … */
    struct buf packed;           /* … and a compressed packet */
    struct z_stream_s *deflater; /* made when first used */
    struct z_stream_s *inflater; /* a spare one */
    struct send_batch *batch;    /* NULL: every write is sent at once */
};

void stream_pool_init(struct stream_pool *pool);
void stream_pool_close(struct stream_pool *pool);
/* From now on, until stream_pool_unbatch(), the pool's streams send small writes in batches. In the
 * thread of `loop`, which is the loop of all of them. 0, or a negative errno: no io_uring here. */
__attribute__((warn_unused_result)) int stream_pool_batch(struct stream_pool *pool,
                                                          struct ev_loop *loop);
void stream_pool_unbatch(struct stream_pool *pool);

struct stream;

struct stream_layer; /* TLS or compression, between the socket and the owner: stream_layer.h */

enum stream_event {
    STREAM_READABLE, /* call stream_receive */
    STREAM_DRAINED,  /* all of `out` was sent after stream_blocked() had been true */
    STREAM_FAILED,   /* stream->error says why; the owner closes the stream */
};
typedef void (*stream_handler)(struct stream *stream, enum stream_event event);

struct stream {
    struct ev_io watcher;
    struct ev_loop *loop;
    struct stream_pool *pool;
    struct stream_layer *top; /* NULL: bytes go as they are */
    stream_handler handler;
    void *owner;
    struct stream_buffer *in;
    struct buf out;
    size_t out_sent;
    int error;          /* negative errno of the first failure */
    const char *reason; /* with -EPROTO: what a layer found wrong; static text */
    bool paused;
    bool busy_peer; /* the last receive filled its buffer: take a large one next time */
    bool batched;   /* the pool's batch holds bytes of it */
    bool refused;   /* the socket took nothing of the last write: STREAM_FAILED is under way */
};

/* TCP_NODELAY and keepalive, for a socket that connects; what a listening one has, those that it
 * accepts inherit. */
void stream_set_options(int fd);

/* Takes over `fd`, which is non-blocking, and starts reading. */
void stream_open(struct stream *stream, struct ev_loop *loop, struct stream_pool *pool, int fd,
                 stream_handler handler, void *owner);
/* Gives everything back and closes the socket. Harmless when not open. Pending output is lost. */
void stream_close(struct stream *stream);
/* Nothing more will be sent; the peer hears so, and everything goes on to be received. As a client
 * that closes its socket, TLS says no good-bye. -EAGAIN while output is pending; a negative errno.
 */
__attribute__((warn_unused_result)) int stream_half_close(struct stream *stream);
/* Nothing more will be sent, what is pending is lost. The peer hears so; its bytes can still be
 * received, as they are on the wire. 0, or a negative errno. */
__attribute__((warn_unused_result)) int stream_finish(struct stream *stream);
static inline bool stream_is_open(const struct stream *stream)
{
    return stream->loop != NULL;
}

/* --- in --- */

/* One receive: number of new bytes, 0 for end of file, -EAGAIN, or another negative errno; -EPROTO:
 * what came is not what TLS or compression allow.
 * -ENOBUFS: the buffer is full and stream_want() was not used to ask for a larger one. */
ssize_t stream_receive(struct stream *stream);
/* The received, unconsumed bytes. Valid until the next receive, consume or close. */
uint8_t *stream_data(const struct stream *stream);
size_t stream_len(const struct stream *stream);
/* The first `len` bytes are done with; the buffer goes back to the pool when nothing is left. */
void stream_consume(struct stream *stream, size_t len);
/* Sees to it that the buffer can hold `len` bytes in one piece. */
void stream_want(struct stream *stream, size_t len);
/* Puts bytes among those received, before the one at `at` (at most stream_len()). What
 * stream_data() gave before is void. */
void stream_insert(struct stream *stream, size_t at, struct span bytes);

/* An error of a receive or write in words. */
const char *stream_error_text(const struct stream *stream, int error);

/* Stop or go on reading the socket. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* --- out --- */

/* Sends the parts as far as the socket takes them, keeps a copy of the rest. The order of calls is
 * the order on the wire. 0, or a negative errno (the stream is dead; STREAM_FAILED follows not).
 * What fails in a batch is told by STREAM_FAILED, with stream->refused. */
__attribute__((warn_unused_result)) int stream_write(struct stream *stream,
                                                     const struct iovec *parts, int count);
__attribute__((warn_unused_result)) int stream_write_span(struct stream *stream, struct span bytes);
/* Unsent output is waiting. */
static inline bool stream_blocked(const struct stream *stream)
{
    return stream->out.len > 0;
}

#endif
