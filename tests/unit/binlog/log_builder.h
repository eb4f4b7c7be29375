/* Builds logs of MySQL's kind by hand, event by event, for the decoder's tests: no server of that
 * kind wrote them. Without checksums unless `checksum` is set. */
#ifndef CAUSEWAY_TESTS_LOG_BUILDER_H
#define CAUSEWAY_TESTS_LOG_BUILDER_H

#include "binlog/event.h"

struct log_builder {
    struct buf bytes;
    bool checksum;
};

/* One event with a header that fits; `end_pos` is where it ends in `out`. */
static inline void builder_event_into(struct buf *out, uint8_t type, uint16_t flags,
                                      struct span body, bool checksum)
{
    size_t start = out->len;
    uint32_t len =
        (uint32_t)(EVENT_HEADER_BYTES + body.len + (checksum ? BINLOG_CHECKSUM_BYTES : 0));

    buf_append_u32(out, 1700000000);
    buf_append_u8(out, type);
    buf_append_u32(out, 7);
    buf_append_u32(out, len);
    buf_append_u32(out, (uint32_t)(start + len));
    buf_append_u16(out, flags);
    buf_append_span(out, body);
    if (checksum)
        buf_append_u32(out, checksum_crc32(span_of(out->data + start, out->len - start)));
}

static inline void builder_event(struct log_builder *log, uint8_t type, uint16_t flags,
                                 struct span body)
{
    builder_event_into(&log->bytes, type, flags, body, log->checksum);
}

/* The magic and a format description of MySQL 8.0.34. */
static inline void builder_start(struct log_builder *log, uint16_t flags, const char *version)
{
    static const uint8_t lengths[41] = {
        [1] = 13, [3] = 8,   [14] = 98, [17] = 26, [18] = 8,  [22] = 8,  [23] = 8,  [24] = 8,
        [25] = 2, [29] = 10, [30] = 10, [31] = 10, [32] = 42, [33] = 42, [38] = 10,
    };
    char text[50] = {0};
    struct buf body = {0};

    memcpy(text, version, strlen(version));
    buf_append(&log->bytes,
               "\xfe"
               "bin",
               4);
    buf_append_u16(&body, 4);
    buf_append(&body, text, sizeof(text));
    buf_append_u32(&body, 0);
    buf_append_u8(&body, EVENT_HEADER_BYTES);
    buf_append(&body, lengths, sizeof(lengths));
    buf_append_u8(&body, log->checksum ? 1 : 0);
    if (!log->checksum)
        buf_append_u32(&body, 0); /* a checksum's room is there all the same */
    builder_event_into(&log->bytes, EVENT_FORMAT_DESCRIPTION, flags, buf_span(&body),
                       log->checksum);
    buf_free(&body);
}

static inline struct span builder_span(const struct log_builder *log)
{
    return buf_span(&log->bytes);
}

#endif
