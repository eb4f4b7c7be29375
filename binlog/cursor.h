/* Reading fields one after the other out of untrusted bytes. A read behind the end gives zeros and
 * an empty span and is remembered: a parser reads all its fields, then asks once. */
#ifndef CAUSEWAY_BINLOG_CURSOR_H
#define CAUSEWAY_BINLOG_CURSOR_H

#include "proxy/base/bytes.h"

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool is_short; /* something was asked for that isn't there */
};

static inline struct cursor cursor_of(struct span bytes)
{
    return (struct cursor){.at = bytes.data,
                           .end = bytes.len > 0 ? bytes.data + bytes.len : bytes.data};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return cursor->end == cursor->at ? 0 : (size_t)(cursor->end - cursor->at);
}

static inline struct span cursor_take(struct cursor *cursor, uint64_t len)
{
    struct span taken;

    if (len > cursor_left(cursor)) {
        cursor->is_short = true;
        return (struct span){.data = cursor->at, .len = 0};
    }
    taken = span_of(cursor->at, (size_t)len);
    if (len > 0)
        cursor->at += len;
    return taken;
}

static inline struct span cursor_rest(struct cursor *cursor)
{
    return cursor_take(cursor, cursor_left(cursor));
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 1);
    return bytes.len == 1 ? bytes.data[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 2);
    return bytes.len == 2 ? load_u16(bytes.data) : 0;
}

static inline uint32_t cursor_u24(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 3);
    return bytes.len == 3 ? load_u24(bytes.data) : 0;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 4);
    return bytes.len == 4 ? load_u32(bytes.data) : 0;
}

static inline uint64_t cursor_u48(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 6);
    return bytes.len == 6 ? load_u32(bytes.data) | (uint64_t)load_u16(bytes.data + 4) << 32 : 0;
}

static inline uint64_t cursor_u56(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 7);
    return bytes.len == 7 ? load_u32(bytes.data) | (uint64_t)load_u24(bytes.data + 4) << 32 : 0;
}

static inline uint64_t cursor_u64(struct cursor *cursor)
{
    struct span bytes = cursor_take(cursor, 8);
    return bytes.len == 8 ? load_u64(bytes.data) : 0;
}

/* A length-encoded integer, as the protocol page "int<lenenc>" has it; 0xfb and 0xff are none. */
static inline uint64_t cursor_lenenc(struct cursor *cursor)
{
    uint8_t first = cursor_u8(cursor);

    switch (first) {
    case 0xfb:
    case 0xff: cursor->is_short = true; return 0;
    case 0xfc: return cursor_u16(cursor);
    case 0xfd: return cursor_u24(cursor);
    case 0xfe: return cursor_u64(cursor);
    default: return first;
    }
}

#endif
