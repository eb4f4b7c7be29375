/* Small writes of one round of the event loop, sent in one system call (io_uring). A send wakes its
 * receiver, who takes the processor at the next return from the kernel; many in one call let a
 * round be finished first. Measured on two busy processors: a third less CPU a statement
 * (docs/PERFORMANCE.md).
 *
 * For stream.c. What is added is sent when all other events of the round were handled. */
#ifndef CAUSEWAY_NET_SEND_BATCH_H
#define CAUSEWAY_NET_SEND_BATCH_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct stream;
struct send_batch;

enum { SEND_BATCH_LONGEST = 8 << 10 }; /* longer writes gain nothing: they go at once */

/* For the streams of one loop; to be called in the loop's own thread. NULL with errno when the
 * kernel offers no io_uring (too old, or forbidden). */
struct send_batch *send_batch_new(struct ev_loop *loop);
/* Nothing is in it: all streams are closed. */
void send_batch_free(struct send_batch *batch);

/* Takes a copy of the parts, `total` bytes and at most SEND_BATCH_LONGEST. They come behind what it
 * holds of this stream. */
void send_batch_add(struct send_batch *batch, struct stream *stream, const struct iovec *parts,
                    int count, size_t total);
/* Sends now what it holds. */
void send_batch_flush(struct send_batch *batch);

#endif
