/* Byte buffers that grow: see buf.h. */
#include "proxy/base/buf.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

uint8_t *buf_reserve(struct buf *buf, size_t extra)
{
    if (buf->cap - buf->len < extra) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap - buf->len < extra)
            cap *= 2;
        buf->data = memory_resize(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_append_span(struct buf *buf, struct span span)
{
    buf_append(buf, span.data, span.len);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_u8(struct buf *buf, uint8_t value)
{
    buf_append(buf, &value, 1);
}

void buf_append_u16(struct buf *buf, uint16_t value)
{
    store_u16(buf_reserve(buf, 2), value);
    buf->len += 2;
}

void buf_append_u24(struct buf *buf, uint32_t value)
{
    store_u24(buf_reserve(buf, 3), value);
    buf->len += 3;
}

void buf_append_u32(struct buf *buf, uint32_t value)
{
    store_u32(buf_reserve(buf, 4), value);
    buf->len += 4;
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    store_u64(buf_reserve(buf, 8), value);
    buf->len += 8;
}

void buf_append_zero(struct buf *buf, size_t count)
{
    if (count == 0)
        return;
    memset(buf_reserve(buf, count), 0, count);
    buf->len += count;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    va_start(args, format);
    vsnprintf((char *)buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}
