/* Fuzzes the result parser (a hostile server) and the reader of basic types. The first byte chooses
 * shape and client, the second how the rest is cut; a reply cut into pieces must give the same
 * bytes and events as the whole one. */
#include "proxy/proto/packet.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/result.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What a run made of the bytes. */
struct outcome {
    struct buf passed;
    struct buf events;
    uint64_t rows;
    bool ended;
};

static uint16_t status_of(const struct result_event *event, const uint8_t *packet)
{
    struct ok_reply ok;
    struct err_reply err;
    struct span payload = span_of(packet + 4, event->packet_len - 4);
    if (event->kind == RESULT_EVENT_ERR)
        err_parse(payload, &err);
    if (event->kind != RESULT_EVENT_OK || ok_parse(payload, &ok) < 0)
        return 0;
    return ok.status;
}

/* Feeds one exact copy of the unconsumed bytes; returns how many were consumed in all. */
static size_t feed_once(struct result_parser *parser, const uint8_t *data, size_t len,
                        struct outcome *outcome, size_t *need)
{
    uint8_t *copy = malloc(len + 1);
    size_t at = 0;
    *need = 0;
    if (len > 0)
        memcpy(copy, data, len);
    copy = realloc(copy, len ? len : 1); /* so that ASan sees the end */
    for (;;) {
        struct result_event event;
        size_t done = result_feed(parser, copy + at, len - at, &event);
        assert(done <= len - at);
        buf_append(&outcome->passed, copy + at, done);
        at += done;
        if (event.kind == RESULT_EVENT_NEED) {
            assert(event.need_bytes > len - at || result_ended(parser));
            *need = event.need_bytes;
            break;
        }
        buf_append_u8(&outcome->events, (uint8_t)event.kind);
        buf_append_u8(&outcome->events, event.seq);
        if (event.kind == RESULT_EVENT_BAD)
            break;
        if (event.kind == RESULT_EVENT_INSERT_EOF) {
            uint16_t status;
            result_foresee(parser, copy + at, len - at, &status);
            continue;
        }
        assert(event.packet_len >= 5 && event.packet_len <= len - at);
        result_take(parser, &event, copy + at, status_of(&event, copy + at));
        at += event.packet_len;
    }
    free(copy);
    return at;
}

static void run(uint8_t choice, size_t step, const uint8_t *data, size_t len,
                struct outcome *outcome)
{
    struct result_parser parser;
    size_t at = 0;
    size_t need = 1;
    result_open(&parser, (enum result_shape)(choice % (RESULT_SHAPE_FETCH + 1)), choice & 0x80);
    for (size_t given = step < len ? step : len; need > 0; given += step) {
        if (given > len)
            given = len;
        at += feed_once(&parser, data + at, given - at, outcome, &need);
        if (given == len || result_ended(&parser))
            break;
    }
    outcome->rows = parser.rows;
    outcome->ended = result_ended(&parser);
}

static void read_all(const uint8_t *data, size_t len)
{
    struct reader reader = reader_of(span_of(data, len));
    while (reader_left(&reader) > 0) {
        size_t before = reader_left(&reader);
        switch (read_u8(&reader) % 8) {
        case 0: read_u16(&reader); break;
        case 1: read_u24(&reader); break;
        case 2: read_u32(&reader); break;
        case 3: read_u64(&reader); break;
        case 4: read_lenenc(&reader); break;
        case 5: assert(read_lenenc_span(&reader).len < before); break;
        case 6: assert(read_nul_span(&reader).len < before); break;
        default: assert(read_span(&reader, before / 2).len < before); break;
        }
        assert(reader_left(&reader) < before);
    }
}

static void outcome_free(struct outcome *outcome)
{
    buf_free(&outcome->passed);
    buf_free(&outcome->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct outcome whole = {0}, pieces = {0};
    run(data[0], len, data + 2, len - 2, &whole);
    run(data[0], (size_t)data[1] % 61 + 1, data + 2, len - 2, &pieces);
    assert(span_equal(buf_span(&whole.passed), buf_span(&pieces.passed)));
    assert(span_equal(buf_span(&whole.events), buf_span(&pieces.events)));
    assert(whole.rows == pieces.rows && whole.ended == pieces.ended);
    outcome_free(&whole);
    outcome_free(&pieces);
    read_all(data, len);
    return 0;
}
