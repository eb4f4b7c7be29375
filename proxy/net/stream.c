/* A socket on a libev loop: see stream.h. */
#include "proxy/net/stream.h"

#include "proxy/base/list.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream_buffer {
    struct stream_buffer *next; /* on a free list */
    size_t cap;
    size_t start;
    size_t end;
    uint8_t data[];
};

enum {
    KEEP_SMALL = 256, /* free buffers that a thread keeps */
    KEEP_LARGE = 16,
    KEEPALIVE_IDLE_S = 60, /* a vanished peer is noticed after 60 + 3 * 10 s */
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_PROBES = 3,
};

/* --- the buffers of a thread --- */

void stream_pool_init(struct stream_pool *pool)
{
    *pool = (struct stream_pool){0};
}

static void free_all(struct stream_buffer *buffer)
{
    while (buffer) {
        struct stream_buffer *next = buffer->next;
        free(buffer);
        buffer = next;
    }
}

void stream_pool_close(struct stream_pool *pool)
{
    assert(pool->borrowed_bytes == 0);
    free_all(pool->free_small);
    free_all(pool->free_large);
    *pool = (struct stream_pool){0};
}

static struct stream_buffer *pool_take(struct stream_buffer **free_list, unsigned *count)
{
    struct stream_buffer *buffer = *free_list;
    if (buffer) {
        *free_list = buffer->next;
        (*count)--;
    }
    return buffer;
}

static struct stream_buffer *buffer_borrow(struct stream_pool *pool, size_t len)
{
    struct stream_buffer *buffer = NULL;
    size_t cap = len;
    if (len <= STREAM_SMALL_BYTES) {
        cap = STREAM_SMALL_BYTES;
        buffer = pool_take(&pool->free_small, &pool->small_count);
    } else if (len <= STREAM_LARGE_BYTES) {
        cap = STREAM_LARGE_BYTES;
        buffer = pool_take(&pool->free_large, &pool->large_count);
    }
    if (!buffer) {
        buffer = memory_resize(NULL, sizeof(*buffer) + cap);
        buffer->cap = cap;
    }
    buffer->next = NULL;
    buffer->start = 0;
    buffer->end = 0;
    pool->borrowed_bytes += buffer->cap;
    return buffer;
}

static void buffer_return(struct stream_pool *pool, struct stream_buffer *buffer)
{
    pool->borrowed_bytes -= buffer->cap;
    if (buffer->cap == STREAM_SMALL_BYTES && pool->small_count < KEEP_SMALL) {
        buffer->next = pool->free_small;
        pool->free_small = buffer;
        pool->small_count++;
    } else if (buffer->cap == STREAM_LARGE_BYTES && pool->large_count < KEEP_LARGE) {
        buffer->next = pool->free_large;
        pool->free_large = buffer;
        pool->large_count++;
    } else {
        free(buffer);
    }
}

/* --- the plain socket --- */

static ssize_t plain_receive(struct stream *stream, void *data, size_t len)
{
    ssize_t n;
    do
        n = recv(stream->watcher.fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t plain_send(struct stream *stream, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t n;
    do
        n = count == 1 ? send(stream->watcher.fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                       : sendmsg(stream->watcher.fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static const struct stream_transport plain_transport = {plain_receive, plain_send};

/* --- life --- */

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
}

static void drain(struct stream *stream)
{
    struct iovec part = {stream->out.data + stream->out_sent, stream->out.len - stream->out_sent};
    ssize_t n = stream->transport->send(stream, &part, 1);
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        stream->error = (int)n;
        stream->handler(stream, STREAM_FAILED);
        return;
    }
    stream->out_sent += (size_t)n;
    if (stream->out_sent < stream->out.len)
        return;
    buf_free(&stream->out);
    stream->out_sent = 0;
    watch(stream);
    stream->handler(stream, STREAM_DRAINED);
}

static void on_event(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    (void)loop;
    struct stream *stream = list_object(watcher, struct stream, watcher);
    int fd = watcher->fd;
    if (events & EV_WRITE && stream_blocked(stream))
        drain(stream);
    /* The handler may have closed the stream, and even opened another socket in its place. */
    if (events & EV_READ && stream_is_open(stream) && stream->watcher.fd == fd && !stream->paused)
        stream->handler(stream, STREAM_READABLE);
}

static void set_socket_options(int fd)
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
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void stream_open(struct stream *stream, struct ev_loop *loop, struct stream_pool *pool, int fd,
                 stream_handler handler, void *owner)
{
    *stream = (struct stream){.loop = loop,
                              .pool = pool,
                              .transport = &plain_transport,
                              .handler = handler,
                              .owner = owner};
    set_socket_options(fd);
    ev_io_init(&stream->watcher, on_event, fd, EV_READ);
    ev_io_start(loop, &stream->watcher);
}

void stream_close(struct stream *stream)
{
    if (!stream_is_open(stream))
        return;
    ev_io_stop(stream->loop, &stream->watcher);
    close(stream->watcher.fd);
    if (stream->in)
        buffer_return(stream->pool, stream->in);
    buf_free(&stream->out);
    stream->in = NULL;
    stream->loop = NULL;
}

/* --- in --- */

/* Room for at least one more byte behind what is there; NULL when the buffer is full. */
static struct stream_buffer *room_to_receive(struct stream *stream)
{
    if (!stream->in)
        stream->in = buffer_borrow(stream->pool,
                                   stream->busy_peer ? STREAM_LARGE_BYTES : STREAM_SMALL_BYTES);
    struct stream_buffer *in = stream->in;
    if (in->end == in->cap && in->start > 0) {
        memmove(in->data, in->data + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    return in->end < in->cap ? in : NULL;
}

ssize_t stream_receive(struct stream *stream)
{
    struct stream_buffer *in = room_to_receive(stream);
    if (!in)
        return -ENOBUFS;
    size_t room = in->cap - in->end;
    ssize_t n = stream->transport->receive(stream, in->data + in->end, room);
    if (n > 0) {
        in->end += (size_t)n;
        stream->busy_peer = (size_t)n == room;
    } else {
        if (n < 0 && n != -EAGAIN)
            stream->error = (int)n;
        stream_consume(stream, 0);
    }
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
    if (in->start < in->end)
        return;
    buffer_return(stream->pool, in);
    stream->in = NULL;
}

void stream_want(struct stream *stream, size_t len)
{
    struct stream_buffer *in = stream->in;
    if (in && in->cap - in->start >= len)
        return;
    struct stream_buffer *larger = buffer_borrow(stream->pool, len);
    if (in) {
        larger->end = in->end - in->start;
        memcpy(larger->data, in->data + in->start, larger->end);
        buffer_return(stream->pool, in);
    }
    stream->in = larger;
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

int stream_write(struct stream *stream, const struct iovec *parts, int count)
{
    assert(count > 0 && count <= IOV_MAX);
    size_t total = total_len(parts, count);
    if (total == 0)
        return 0;
    if (stream_blocked(stream)) {
        keep_rest(stream, parts, count, 0);
        return 0;
    }
    ssize_t n = stream->transport->send(stream, parts, count);
    if (n < 0 && n != -EAGAIN) {
        stream->error = (int)n;
        return (int)n;
    }
    size_t sent = n < 0 ? 0 : (size_t)n;
    if (sent < total) {
        keep_rest(stream, parts, count, sent);
        watch(stream);
    }
    return 0;
}

int stream_write_span(struct stream *stream, struct span bytes)
{
    struct iovec part = {(void *)bytes.data, bytes.len};
    return stream_write(stream, &part, 1);
}
