/* Byte buffers that grow. Used for packets and SQL text that Causeway writes itself.
 * Out of memory aborts the process: a proxy that has lost an allocation has lost its promises. */
#ifndef CAUSEWAY_BASE_BUF_H
#define CAUSEWAY_BASE_BUF_H

#include "proxy/base/bytes.h"

#include <stdarg.h>

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

/* Frees the bytes; the buffer is empty and usable again. */
void buf_free(struct buf *buf);

/* Makes room for `extra` more bytes behind data[len]; returns the first of them. */
uint8_t *buf_reserve(struct buf *buf, size_t extra);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_span(struct buf *buf, struct span span);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_u8(struct buf *buf, uint8_t value);
void buf_append_u16(struct buf *buf, uint16_t value);
void buf_append_u24(struct buf *buf, uint32_t value);
void buf_append_u32(struct buf *buf, uint32_t value);
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_append_zero(struct buf *buf, size_t count);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct span buf_span(const struct buf *buf)
{
    return span_of(buf->data, buf->len);
}

#endif
