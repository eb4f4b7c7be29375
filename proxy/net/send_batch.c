/* See send_batch.h. Sockets don't block, so each send is over when io_uring_enter returns: what it
 * took, or why it took nothing. No buffer is in the kernel's hands between rounds. */
#include "proxy/net/send_batch.h"

#include "proxy/base/memory.h"
#include "proxy/net/stream_layer.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ENTRIES = 128, HELD_BYTES = 128 << 10 };

struct entry {
    struct stream *stream;
    size_t at;
    size_t len;
    int result; /* bytes sent, or a negative errno */
};

struct send_batch {
    struct io_uring ring;
    struct ev_loop *loop;
    struct ev_prepare flush; /* never started: fed to the loop, behind all other events */
    unsigned count;
    size_t used;
    struct entry entries[ENTRIES];
    uint8_t bytes[HELD_BYTES];
};

/* --- in one call --- */

static void queue(struct send_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        struct io_uring_sqe *sqe = io_uring_get_sqe(&batch->ring);
        io_uring_prep_send(sqe, entry->stream->watcher.fd, batch->bytes + entry->at, entry->len,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        io_uring_sqe_set_data64(sqe, i);
    }
}

static unsigned take_results(struct send_batch *batch)
{
    struct io_uring_cqe *cqe;
    unsigned head, taken = 0;
    io_uring_for_each_cqe(&batch->ring, head, cqe)
    {
        batch->entries[io_uring_cqe_get_data64(cqe)].result = cqe->res;
        taken++;
    }
    io_uring_cq_advance(&batch->ring, taken);
    return taken;
}

static void send_together(struct send_batch *batch)
{
    queue(batch);
    for (unsigned left = batch->count; left > 0;) {
        int submitted = io_uring_submit_and_wait(&batch->ring, left);
        /* The kernel may be short of memory for a moment; the sockets have no other way. */
        assert(submitted >= 0 || submitted == -EINTR || submitted == -EAGAIN ||
               submitted == -EBUSY || submitted == -ENOMEM);
        left -= take_results(batch);
    }
}

static void send_alone(struct send_batch *batch)
{
    struct entry *entry = &batch->entries[0];
    ssize_t n;
    do
        n = send(entry->stream->watcher.fd, batch->bytes + entry->at, entry->len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    entry->result = n < 0 ? -errno : (int)n;
}

/* --- rounds --- */

void send_batch_flush(struct send_batch *batch)
{
    if (batch->count == 0)
        return;
    if (batch->count == 1)
        send_alone(batch);
    else
        send_together(batch);
    for (unsigned i = 0; i < batch->count; i++) {
        struct entry *entry = &batch->entries[i];
        struct iovec bytes = {batch->bytes + entry->at, entry->len};
        stream_sent(entry->stream, &bytes, entry->result);
    }
    batch->count = 0;
    batch->used = 0;
    ev_clear_pending(batch->loop, &batch->flush);
}

static void on_round_end(struct ev_loop *loop, struct ev_prepare *flush, int events)
{
    (void)loop;
    (void)events;
    send_batch_flush(flush->data);
}

static struct entry *entry_for(struct send_batch *batch, struct stream *stream, size_t total)
{
    struct entry *last = batch->count > 0 ? &batch->entries[batch->count - 1] : NULL;
    bool fits = HELD_BYTES - batch->used >= total;
    if (last && last->stream == stream && fits)
        return last;
    /* What it wrote before, and others behind it: all goes, so that the order is kept. */
    if (stream->batched || !fits || batch->count == ENTRIES)
        send_batch_flush(batch);
    if (batch->count == 0)
        ev_feed_event(batch->loop, &batch->flush, EV_CUSTOM);
    struct entry *entry = &batch->entries[batch->count++];
    *entry = (struct entry){.stream = stream, .at = batch->used};
    stream->batched = true;
    return entry;
}

void send_batch_add(struct send_batch *batch, struct stream *stream, const struct iovec *parts,
                    int count, size_t total)
{
    assert(total <= SEND_BATCH_LONGEST);
    struct entry *entry = entry_for(batch, stream, total);
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > 0)
            memcpy(batch->bytes + batch->used, parts[i].iov_base, parts[i].iov_len);
        batch->used += parts[i].iov_len;
    }
    entry->len += total;
}

/* --- life --- */

/* Kernels before 6.0 don't know all of the flags. */
static int open_ring(struct io_uring *ring)
{
    int error =
        io_uring_queue_init(ENTRIES, ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN);
    return error == -EINVAL ? io_uring_queue_init(ENTRIES, ring, 0) : error;
}

struct send_batch *send_batch_new(struct ev_loop *loop)
{
    struct send_batch *batch = memory_zalloc(sizeof(*batch));
    int error = open_ring(&batch->ring);
    if (error) {
        free(batch);
        errno = -error;
        return NULL;
    }
    batch->loop = loop;
    ev_prepare_init(&batch->flush, on_round_end);
    ev_set_priority(&batch->flush, EV_MINPRI);
    batch->flush.data = batch;
    return batch;
}

void send_batch_free(struct send_batch *batch)
{
    assert(batch->count == 0);
    ev_clear_pending(batch->loop, &batch->flush);
    io_uring_queue_exit(&batch->ring);
    free(batch);
}
