/* The receive buffers of a thread: see stream.h. */
#include "proxy/net/compress_codec.h"
#include "proxy/net/send_batch.h"
#include "proxy/net/stream_layer.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    KEEP_SMALL = 256, /* free buffers that a thread keeps */
    KEEP_LARGE = 16,
};

void stream_pool_init(struct stream_pool *pool)
{
    *pool = (struct stream_pool){0};
}

int stream_pool_batch(struct stream_pool *pool, struct ev_loop *loop)
{
    pool->batch = send_batch_new(loop);
    return pool->batch ? 0 : -errno;
}

void stream_pool_unbatch(struct stream_pool *pool)
{
    if (!pool->batch)
        return;
    send_batch_flush(pool->batch);
    send_batch_free(pool->batch);
    pool->batch = NULL;
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
    stream_pool_unbatch(pool);
    free_all(pool->free_small);
    free_all(pool->free_large);
    buf_free(&pool->wire);
    buf_free(&pool->joined);
    buf_free(&pool->packed);
    deflater_free(pool->deflater);
    inflater_free(pool->inflater);
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

struct stream_buffer *stream_buffer_borrow(struct stream_pool *pool, size_t len)
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

void stream_buffer_return(struct stream_pool *pool, struct stream_buffer *buffer)
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
