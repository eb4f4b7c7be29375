/* A socket on a libev loop: see stream.h. */
#include "proxy/net/send_batch.h"
#include "proxy/net/stream_layer.h"

#include "proxy/base/list.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KEEPALIVE_IDLE_S = 60, /* a vanished peer is noticed after 60 + 3 * 10 s */
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_PROBES = 3,
    WIRE_KEPT_BYTES = 2 * STREAM_LARGE_BYTES,
};

/* --- the socket --- */

static ssize_t socket_receive(struct stream *stream, void *data, size_t len)
{
    ssize_t n;
    do
        n = recv(stream->watcher.fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        stream->busy_peer = (size_t)n == len;
    return n < 0 ? -errno : n;
}

static ssize_t socket_send(struct stream *stream, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t n;
    do
        n = count == 1 ? send(stream->watcher.fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                       : sendmsg(stream->watcher.fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* --- life --- */

static bool pending(const struct stream *stream)
{
    for (const struct stream_layer *layer = stream->top; layer; layer = layer->below)
        if (layer->kind->pending(layer))
            return true;
    return false;
}

/* What a layer holds back makes the stream readable, though the socket may not be. */
static void watch_pending(struct stream *stream)
{
    if (stream->top && !stream->paused && pending(stream))
        ev_feed_event(stream->loop, &stream->watcher, EV_READ);
}

/* Told from the loop; stopping the watcher takes it back. */
static void tell_refused(struct stream *stream)
{
    ev_feed_event(stream->loop, &stream->watcher, EV_CUSTOM);
}

/* The one place that decides what the loop watches for. */
static void watch(struct stream *stream)
{
    int events = (stream->paused ? 0 : EV_READ) | (stream_blocked(stream) ? EV_WRITE : 0);
    if (events == (stream->watcher.events & (EV_READ | EV_WRITE)) &&
        ev_is_active(&stream->watcher) == (events != 0))
        return;
    ev_io_stop(stream->loop, &stream->watcher);
    ev_io_set(&stream->watcher, stream->watcher.fd, events);
    if (events)
        ev_io_start(stream->loop, &stream->watcher);
    watch_pending(stream);
    if (stream->refused)
        tell_refused(stream);
}

/* False: it failed, and its owner may have freed the stream. */
static bool drain(struct stream *stream)
{
    struct iovec part = {stream->out.data + stream->out_sent, stream->out.len - stream->out_sent};
    ssize_t n = socket_send(stream, &part, 1);
    if (n == -EAGAIN)
        return true;
    if (n < 0) {
        stream->error = (int)n;
        stream->handler(stream, STREAM_FAILED);
        return false;
    }
    stream->out_sent += (size_t)n;
    if (stream->out_sent < stream->out.len)
        return true;
    buf_free(&stream->out);
    stream->out_sent = 0;
    watch(stream);
    stream->handler(stream, STREAM_DRAINED);
    return true;
}

static void on_event(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    (void)loop;
    struct stream *stream = list_object(watcher, struct stream, watcher);
    int fd = watcher->fd;
    if (events & EV_CUSTOM) {
        stream->handler(stream, STREAM_FAILED);
        return;
    }
    if (events & EV_WRITE && stream_blocked(stream) && !drain(stream))
        return;
    /* The handler may have closed the stream, and even opened another socket in its place. */
    if (events & EV_READ && stream_is_open(stream) && stream->watcher.fd == fd && !stream->paused)
        stream->handler(stream, STREAM_READABLE);
}

void stream_set_options(int fd)
{
    int on = 1;
    int idle = KEEPALIVE_IDLE_S;
    int interval = KEEPALIVE_INTERVAL_S;
    int probes = KEEPALIVE_PROBES;
    /* These fail on a unix socket, where none is needed. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void stream_open(struct stream *stream, struct ev_loop *loop, struct stream_pool *pool, int fd,
                 stream_handler handler, void *owner)
{
    *stream = (struct stream){.loop = loop, .pool = pool, .handler = handler, .owner = owner};
    ev_io_init(&stream->watcher, on_event, fd, EV_READ);
    ev_io_start(loop, &stream->watcher);
}

/* Last words, where all that was said before is on its way. */
static void finish_layers(struct stream *stream)
{
    struct buf *wire = &stream->pool->wire;
    wire->len = 0;
    for (struct stream_layer *layer = stream->top; layer; layer = layer->below)
        if (layer->kind->finish)
            layer->kind->finish(stream, layer, wire);
    struct iovec part = {wire->data, wire->len};
    if (wire->len > 0 && !stream_blocked(stream) && stream->error == 0)
        (void)socket_send(stream, &part, 1);
}

static void free_layers(struct stream *stream)
{
    while (stream->top) {
        struct stream_layer *layer = stream->top;
        stream->top = layer->below;
        if (layer->in)
            stream_buffer_return(stream->pool, layer->in);
        layer->kind->free(layer);
    }
}

static void forget_output(struct stream *stream)
{
    buf_free(&stream->out);
    stream->out_sent = 0;
}

/* What was written is on its way, as far as the socket takes it. */
static void flush_batched(struct stream *stream)
{
    if (stream->batched)
        send_batch_flush(stream->pool->batch);
}

int stream_half_close(struct stream *stream)
{
    flush_batched(stream);
    if (stream_blocked(stream))
        return -EAGAIN;
    return shutdown(stream->watcher.fd, SHUT_WR) < 0 ? -errno : 0;
}

int stream_finish(struct stream *stream)
{
    flush_batched(stream);
    if (stream->top)
        finish_layers(stream);
    free_layers(stream);
    forget_output(stream);
    stream_consume(stream, stream_len(stream));
    stream_resume(stream);
    return shutdown(stream->watcher.fd, SHUT_WR) < 0 ? -errno : 0;
}

void stream_close(struct stream *stream)
{
    if (!stream_is_open(stream))
        return;
    flush_batched(stream);
    ev_io_stop(stream->loop, &stream->watcher);
    if (stream->top)
        finish_layers(stream);
    free_layers(stream);
    close(stream->watcher.fd);
    if (stream->in)
        stream_buffer_return(stream->pool, stream->in);
    buf_free(&stream->out);
    stream->in = NULL;
    stream->loop = NULL;
}

/* --- in --- */

/* Room for at least one more byte behind what is there; NULL when the buffer is full. */
static struct stream_buffer *room_to_receive(struct stream *stream, struct stream_buffer **place)
{
    if (!*place)
        *place = stream_buffer_borrow(stream->pool,
                                      stream->busy_peer ? STREAM_LARGE_BYTES : STREAM_SMALL_BYTES);
    struct stream_buffer *in = *place;
    if (in->end == in->cap && in->start > 0) {
        memmove(in->data, in->data + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    return in->end < in->cap ? in : NULL;
}

static void give_back(struct stream *stream, struct stream_buffer **place)
{
    stream_buffer_return(stream->pool, *place);
    *place = NULL;
}

static ssize_t receive_from(struct stream *stream, struct stream_layer *layer, void *data,
                            size_t len)
{
    return layer ? layer->kind->receive(stream, layer, data, len)
                 : socket_receive(stream, data, len);
}

/* One receive from that layer (NULL: the socket) to behind what the buffer holds. */
static ssize_t receive_into(struct stream *stream, struct stream_layer *from,
                            struct stream_buffer **place)
{
    struct stream_buffer *in = room_to_receive(stream, place);
    if (!in)
        return -ENOBUFS;
    ssize_t n = receive_from(stream, from, in->data + in->end, in->cap - in->end);
    if (n > 0)
        in->end += (size_t)n;
    else if (in->start == in->end)
        give_back(stream, place);
    return n;
}

ssize_t stream_receive(struct stream *stream)
{
    ssize_t n = receive_into(stream, stream->top, &stream->in);
    if (n < 0 && n != -EAGAIN && n != -ENOBUFS)
        stream->error = (int)n;
    watch_pending(stream);
    return n;
}

uint8_t *stream_data(const struct stream *stream)
{
    return stream->in ? stream->in->data + stream->in->start : NULL;
}

size_t stream_len(const struct stream *stream)
{
    return stream->in ? stream->in->end - stream->in->start : 0;
}

void stream_consume(struct stream *stream, size_t len)
{
    struct stream_buffer *in = stream->in;
    if (!in)
        return;
    assert(len <= in->end - in->start);
    in->start += len;
    if (in->start == in->end)
        give_back(stream, &stream->in);
}

void stream_want(struct stream *stream, size_t len)
{
    struct stream_buffer *in = stream->in;
    if (in && in->cap - in->start >= len)
        return;
    struct stream_buffer *larger = stream_buffer_borrow(stream->pool, len);
    if (in) {
        larger->end = in->end - in->start;
        memcpy(larger->data, in->data + in->start, larger->end);
        stream_buffer_return(stream->pool, in);
    }
    stream->in = larger;
}

void stream_insert(struct stream *stream, size_t at, struct span bytes)
{
    size_t len = stream_len(stream);
    assert(at <= len);
    stream_want(stream, len + bytes.len);
    struct stream_buffer *in = stream->in;
    uint8_t *place = in->data + in->start + at;
    memmove(place + bytes.len, place, len - at);
    memcpy(place, bytes.data, bytes.len);
    in->end += bytes.len;
}

void stream_pause(struct stream *stream)
{
    stream->paused = true;
    watch(stream);
}

void stream_resume(struct stream *stream)
{
    stream->paused = false;
    watch(stream);
}

const char *stream_error_text(const struct stream *stream, int error)
{
    return error == -EPROTO && stream->reason ? stream->reason : strerrordesc_np(-error);
}

/* --- out --- */

static void keep_rest(struct stream *stream, const struct iovec *parts, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        buf_append(&stream->out, (const uint8_t *)parts[i].iov_base + skip,
                   parts[i].iov_len - skip);
        sent -= skip;
    }
}

static size_t total_len(const struct iovec *parts, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    return total;
}

/* After a send: the rest is kept, an error is remembered and returned. */
static int settle(struct stream *stream, const struct iovec *parts, int count, size_t total,
                  ssize_t outcome)
{
    if (outcome < 0 && outcome != -EAGAIN)
        return stream->error = (int)outcome;
    size_t sent = outcome < 0 ? 0 : (size_t)outcome;
    if (sent < total) {
        keep_rest(stream, parts, count, sent);
        watch(stream);
    }
    return 0;
}

/* The parts are as they go on the wire. */
static int send_or_keep(struct stream *stream, const struct iovec *parts, int count, size_t total)
{
    struct send_batch *batch = stream->pool->batch;
    if (batch && total > SEND_BATCH_LONGEST)
        flush_batched(stream);
    if (stream->refused)
        return stream->error;
    if (stream_blocked(stream))
        keep_rest(stream, parts, count, 0);
    else if (batch && total <= SEND_BATCH_LONGEST)
        send_batch_add(batch, stream, parts, count, total);
    else
        return settle(stream, parts, count, total, socket_send(stream, parts, count));
    return 0;
}

void stream_sent(struct stream *stream, const struct iovec *bytes, ssize_t outcome)
{
    stream->batched = false;
    if (settle(stream, bytes, 1, bytes->iov_len, outcome) == 0)
        return;
    stream->refused = true;
    tell_refused(stream);
}

int stream_write(struct stream *stream, const struct iovec *parts, int count)
{
    assert(count > 0 && count <= IOV_MAX);
    size_t total = total_len(parts, count);
    if (total == 0)
        return 0;
    if (!stream->top)
        return send_or_keep(stream, parts, count, total);
    struct buf *wire = &stream->pool->wire;
    wire->len = 0;
    int error = stream->top->kind->encode(stream, stream->top, parts, count, wire);
    if (!error)
        error = stream_send_wire(stream, wire);
    if (wire->cap > WIRE_KEPT_BYTES)
        buf_free(wire);
    return error;
}

int stream_write_span(struct stream *stream, struct span bytes)
{
    struct iovec part = {(void *)bytes.data, bytes.len};
    return stream_write(stream, &part, 1);
}

/* --- layers --- */

void stream_push(struct stream *stream, struct stream_layer *layer)
{
    layer->below = stream->top;
    layer->in = stream->in;
    stream->in = NULL;
    stream->top = layer;
    watch_pending(stream);
}

struct stream_layer *stream_layer_find(const struct stream *stream,
                                       const struct stream_layer_kind *kind)
{
    struct stream_layer *layer = stream->top;
    while (layer && layer->kind != kind)
        layer = layer->below;
    return layer;
}

ssize_t stream_layer_fill(struct stream *stream, struct stream_layer *layer)
{
    return receive_into(stream, layer->below, &layer->in);
}

struct span stream_layer_input(const struct stream_layer *layer)
{
    const struct stream_buffer *in = layer->in;
    return in ? span_of(in->data + in->start, in->end - in->start) : (struct span){0};
}

void stream_layer_consume(struct stream *stream, struct stream_layer *layer, size_t len)
{
    layer->in->start += len;
    if (layer->in->start == layer->in->end)
        give_back(stream, &layer->in);
}

int stream_layer_send_below(struct stream *stream, struct stream_layer *layer,
                            const struct iovec *parts, int count, struct buf *wire)
{
    if (layer->below)
        return layer->below->kind->encode(stream, layer->below, parts, count, wire);
    for (int i = 0; i < count; i++)
        buf_append(wire, parts[i].iov_base, parts[i].iov_len);
    return 0;
}

int stream_send_wire(struct stream *stream, const struct buf *wire)
{
    struct iovec part = {wire->data, wire->len};
    return wire->len ? send_or_keep(stream, &part, 1, wire->len) : 0;
}
