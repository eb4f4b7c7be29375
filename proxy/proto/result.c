/* Finding the end of a reply: see result.h, which has the picture of the states.
 *
 * A feed goes in steps; a step passes the rest of a payload, or one packet, or (rows_pass, where
 * the time goes) all rows that are there. It says whether there is more to do. */
#include "proxy/proto/result.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/packet.h"
#include "proxy/proto/reply.h"

#include <assert.h>

enum result_state {
    STATE_FIRST,       /* the first packet of a reply, or of the next one of several */
    STATE_DEFINITIONS, /* definitions_left packets that just pass (COLUMNS; also a TEXT) */
    STATE_ROWS,
    STATE_END,
    STATE_BAD,
};

enum {
    FIRST_OK = 0x00,
    FIRST_INFILE = 0xfb,
    FIRST_EOF = 0xfe, /* the terminator, unless the packet is a full one: then a very long column */
    FIRST_ERR = 0xff,
    PROGRESS_REPORT = 0xffff, /* in the place of an error code */
    ERR_MIN_BYTES = 3,
    PREPARE_OK_MIN_BYTES = 12,
    COLUMN_COUNT_MAX_BYTES = 9,
    COLUMN_COUNT_MAX = 0xffff,
    /* Flags of a terminator that are not known yet when the definitions are sent. */
    LATE_FLAGS = SERVER_QUERY_WAS_SLOW | SERVER_SESSION_STATE_CHANGED,
};

/* One call of result_feed. */
struct feed {
    struct result_parser *parser;
    uint8_t *data;
    size_t len;
    size_t at;
    struct result_event *event;
};

void result_open(struct result_parser *parser, enum result_shape shape, bool legacy_eof)
{
    *parser = (struct result_parser){.shape = (uint8_t)shape, .legacy_eof = legacy_eof};
    if (shape == RESULT_SHAPE_NONE)
        parser->state = STATE_END;
    else if (shape == RESULT_SHAPE_FIELDS || shape == RESULT_SHAPE_FETCH)
        parser->state = STATE_ROWS;
    else
        parser->state = STATE_FIRST;
}

bool result_ended(const struct result_parser *parser)
{
    return parser->state == STATE_END;
}

/* --- what a step can end with; all but packet_pass() return false: the feed is over --- */

static bool feed_need(struct feed *feed, size_t need_bytes)
{
    feed->event->kind = RESULT_EVENT_NEED;
    feed->event->need_bytes = need_bytes;
    return false;
}

static bool feed_bad(struct feed *feed)
{
    feed->parser->state = STATE_BAD;
    feed->event->kind = RESULT_EVENT_BAD;
    return false;
}

/* `seq` is that of the server's next packet. */
static bool feed_insert_eof(struct feed *feed, uint8_t seq)
{
    feed->event->kind = RESULT_EVENT_INSERT_EOF;
    feed->event->seq = (uint8_t)(seq + feed->parser->seq_shift);
    feed->parser->seq_shift++;
    return false;
}

/* True when the packet at feed->at, a control packet, is there as a whole. */
static bool packet_whole(struct feed *feed, uint32_t payload_len)
{
    if (payload_len > RESULT_CONTROL_PACKET_MAX)
        return feed_bad(feed);
    size_t packet_len = PACKET_HEADER_BYTES + payload_len;
    if (feed->len - feed->at < packet_len)
        return feed_need(feed, packet_len);
    return true;
}

static bool feed_control(struct feed *feed, enum result_event_kind kind, uint32_t payload_len)
{
    if (!packet_whole(feed, payload_len))
        return false;
    feed->event->kind = kind;
    feed->event->packet_len = PACKET_HEADER_BYTES + payload_len;
    feed->event->seq = (uint8_t)(packet_seq(feed->data + feed->at) + feed->parser->seq_shift);
    return false;
}

/* Passes the header; the payload follows with the next step. */
static bool packet_pass(struct feed *feed, uint32_t payload_len)
{
    struct result_parser *parser = feed->parser;
    uint8_t *header = feed->data + feed->at;
    parser->last_seq = packet_seq(header);
    if (parser->seq_shift)
        header[3] = (uint8_t)(header[3] + parser->seq_shift);
    parser->continued = payload_len == PACKET_PAYLOAD_MAX;
    parser->payload_left = payload_len;
    feed->at += PACKET_HEADER_BYTES;
    return true;
}

/* A packet that is not all there, but short enough to wait for: it passes whole, so that an error
 * can take its place when the server dies now. `left` counts from its header. */
static bool is_held(uint32_t payload_len, size_t left)
{
    return payload_len <= RESULT_HELD_PACKET_MAX && left < PACKET_HEADER_BYTES + payload_len;
}

/* --- one packet, by its first byte --- */

static bool err_look(struct feed *feed, uint32_t payload_len)
{
    if (payload_len < ERR_MIN_BYTES)
        return feed_bad(feed);
    if (!packet_whole(feed, payload_len))
        return false;
    if (load_u16(feed->data + feed->at + PACKET_HEADER_BYTES + 1) == PROGRESS_REPORT)
        return packet_pass(feed, payload_len);
    return feed_control(feed, RESULT_EVENT_ERR, payload_len);
}

static bool column_count_look(struct feed *feed, uint32_t payload_len)
{
    if (payload_len > COLUMN_COUNT_MAX_BYTES)
        return feed_bad(feed);
    if (!packet_whole(feed, payload_len))
        return false;
    const uint8_t *payload = feed->data + feed->at + PACKET_HEADER_BYTES;
    struct reader reader = reader_of(span_of(payload, payload_len));
    uint64_t count = read_lenenc(&reader);
    if (reader.bad || reader_left(&reader) > 0 || count == 0 || count > COLUMN_COUNT_MAX)
        return feed_bad(feed);
    if (feed->parser->tells_columns)
        return feed_control(feed, RESULT_EVENT_COLUMNS, payload_len);
    feed->parser->state = STATE_DEFINITIONS;
    feed->parser->definitions_left = (uint32_t)count;
    feed->parser->rows = 0;
    return packet_pass(feed, payload_len);
}

static bool result_first_look(struct feed *feed, uint32_t payload_len, uint8_t first)
{
    switch (first) {
    case FIRST_OK:
    case FIRST_EOF: return feed_control(feed, RESULT_EVENT_OK, payload_len);
    case FIRST_INFILE: return feed_control(feed, RESULT_EVENT_INFILE, payload_len);
    default: return column_count_look(feed, payload_len);
    }
}

static bool first_look(struct feed *feed, uint32_t payload_len, uint8_t first)
{
    if (first == FIRST_ERR)
        return err_look(feed, payload_len);
    switch (feed->parser->shape) {
    case RESULT_SHAPE_ROWS: return result_first_look(feed, payload_len, first);
    case RESULT_SHAPE_SIMPLE:
        if (first != FIRST_OK && first != FIRST_EOF)
            return feed_bad(feed);
        return feed_control(feed, RESULT_EVENT_OK, payload_len);
    case RESULT_SHAPE_PREPARE:
        if (first != FIRST_OK || payload_len < PREPARE_OK_MIN_BYTES)
            return feed_bad(feed);
        return feed_control(feed, RESULT_EVENT_PREPARE_OK, payload_len);
    default:
        assert(feed->parser->shape == RESULT_SHAPE_TEXT);
        feed->parser->state = STATE_DEFINITIONS;
        return packet_pass(feed, payload_len);
    }
}

static bool definition_look(struct feed *feed, uint32_t payload_len, uint8_t first)
{
    if (first == FIRST_ERR)
        return err_look(feed, payload_len);
    if (first == FIRST_EOF)
        return feed_bad(feed); /* a name of 16 MiB, or a server that has lost count */
    feed->parser->definitions_left--;
    return packet_pass(feed, payload_len);
}

/* An opened cursor has no rows yet: what follows its definitions is the classic EOF itself, in its
 * new form. The same flag together with MORE_RESULTS is a procedure that has a cursor of its own
 * open while it returns a result set without rows (measured). */
static bool cursor_opened(uint16_t status)
{
    return (status & SERVER_STATUS_CURSOR_EXISTS) && !(status & SERVER_MORE_RESULTS_EXISTS);
}

/* The packet behind the definitions. */
static bool eof_due_look(struct feed *feed, uint32_t payload_len, uint8_t first)
{
    struct result_parser *parser = feed->parser;
    const uint8_t *header = feed->data + feed->at;
    bool cursor = false;
    if (first == FIRST_EOF && payload_len < PACKET_PAYLOAD_MAX) {
        struct ok_reply ok;
        if (!packet_whole(feed, payload_len))
            return false;
        if (ok_parse(span_of(header + PACKET_HEADER_BYTES, payload_len), &ok) < 0)
            return feed_bad(feed);
        cursor = cursor_opened(ok.status);
    }
    parser->eof_due = false;
    if (first == FIRST_ERR && parser->cursor_asked)
        return err_look(feed, payload_len);
    if (cursor)
        return feed_control(feed, RESULT_EVENT_OK, payload_len);
    return feed_insert_eof(feed, packet_seq(header));
}

static bool row_look(struct feed *feed, uint32_t payload_len, uint8_t first)
{
    if (feed->parser->eof_due)
        return eof_due_look(feed, payload_len, first);
    if (first == FIRST_ERR)
        return err_look(feed, payload_len);
    if (first == FIRST_EOF && payload_len < PACKET_PAYLOAD_MAX)
        return feed_control(feed, RESULT_EVENT_OK, payload_len);
    feed->parser->rows++;
    return packet_pass(feed, payload_len);
}

static bool packet_look(struct feed *feed)
{
    const uint8_t *header = feed->data + feed->at;
    size_t left = feed->len - feed->at;
    if (left < PACKET_HEADER_BYTES)
        return feed_need(feed, left ? PACKET_HEADER_BYTES : 1);
    uint32_t payload_len = packet_payload_len(header);
    if (feed->parser->continued)
        return packet_pass(feed, payload_len);
    if (payload_len == 0)
        return feed_bad(feed);
    if (left == PACKET_HEADER_BYTES)
        return feed_need(feed, PACKET_HEADER_BYTES + 1);
    if (is_held(payload_len, left))
        return feed_need(feed, PACKET_HEADER_BYTES + payload_len);
    switch (feed->parser->state) {
    case STATE_FIRST: return first_look(feed, payload_len, header[PACKET_HEADER_BYTES]);
    case STATE_DEFINITIONS: return definition_look(feed, payload_len, header[PACKET_HEADER_BYTES]);
    default: return row_look(feed, payload_len, header[PACKET_HEADER_BYTES]);
    }
}

/* --- many packets --- */

/* The hot path: passes rows up to the end of the data or the first packet that is anything else
 * (terminator, error, a full packet, an empty one, a header that is not there yet). */
static void rows_pass(struct feed *feed)
{
    struct result_parser *parser = feed->parser;
    uint8_t *at = feed->data + feed->at;
    uint8_t *const end = feed->data + feed->len;
    const uint8_t shift = parser->seq_shift;
    const uint8_t *last = NULL;
    uint64_t rows = 0;

    while (end - at > PACKET_HEADER_BYTES) {
        uint32_t payload_len = packet_payload_len(at);
        bool plain = payload_len - 1 < PACKET_PAYLOAD_MAX - 1; /* neither 0 nor a full packet */
        if (!plain || at[PACKET_HEADER_BYTES] >= FIRST_EOF)
            break;
        if (is_held(payload_len, (size_t)(end - at)))
            break;
        if (shift)
            at[3] = (uint8_t)(at[3] + shift);
        last = at;
        rows++;
        at += PACKET_HEADER_BYTES;
        if ((size_t)(end - at) < payload_len) {
            parser->payload_left = payload_len - (uint32_t)(end - at);
            at = end;
            break;
        }
        at += payload_len;
    }
    if (last)
        parser->last_seq = (uint8_t)(last[3] - shift);
    parser->rows += rows;
    feed->at = (size_t)(at - feed->data);
}

static void payload_pass(struct feed *feed)
{
    struct result_parser *parser = feed->parser;
    size_t left = feed->len - feed->at;
    uint32_t passed = left < parser->payload_left ? (uint32_t)left : parser->payload_left;
    parser->payload_left -= passed;
    feed->at += passed;
}

/* The last of a block of definitions has passed: behind it the rows, the second block of a PREPARE
 * answer, or nothing. */
static bool definitions_end(struct feed *feed)
{
    struct result_parser *parser = feed->parser;
    if (parser->shape == RESULT_SHAPE_ROWS) {
        parser->state = STATE_ROWS;
        parser->eof_due = parser->legacy_eof;
        return true;
    }
    parser->definitions_left = parser->definitions_next;
    parser->definitions_next = 0;
    if (parser->definitions_left == 0)
        parser->state = STATE_END;
    if (parser->shape == RESULT_SHAPE_PREPARE && parser->legacy_eof)
        return feed_insert_eof(feed, (uint8_t)(parser->last_seq + 1));
    return true;
}

static bool feed_step(struct feed *feed)
{
    struct result_parser *parser = feed->parser;
    if (parser->payload_left > 0) {
        payload_pass(feed);
        if (parser->payload_left > 0)
            return feed_need(feed, 1);
    }
    if (parser->state == STATE_BAD)
        return feed_bad(feed);
    if (parser->state == STATE_END)
        return feed_need(feed, 1);
    if (parser->state == STATE_DEFINITIONS && parser->definitions_left == 0 && !parser->continued)
        return definitions_end(feed);
    if (parser->state == STATE_ROWS && !parser->eof_due && !parser->continued) {
        rows_pass(feed);
        if (parser->payload_left > 0)
            return feed_need(feed, 1);
    }
    return packet_look(feed);
}

size_t result_feed(struct result_parser *parser, uint8_t *data, size_t len,
                   struct result_event *event)
{
    uint8_t none = 0; /* in the place of data that may be NULL when there is none */
    struct feed feed = {.parser = parser, .data = len ? data : &none, .len = len, .event = event};
    *event = (struct result_event){0};
    while (feed_step(&feed))
        ;
    return feed.at;
}

/* --- the caller's answer to an event --- */

/* PREPARE_OK: 0x00, statement id (4 bytes), number of columns (2), number of parameters (2), a
 * zero, number of warnings (2). */
static void prepare_take(struct result_parser *parser, const uint8_t *payload)
{
    parser->definitions_left = load_u16(payload + 7);
    parser->definitions_next = load_u16(payload + 5);
    parser->warnings = load_u16(payload + 10);
    if (parser->definitions_left == 0) {
        parser->definitions_left = parser->definitions_next;
        parser->definitions_next = 0;
    }
    parser->state = parser->definitions_left > 0 ? STATE_DEFINITIONS : STATE_END;
}

void result_take(struct result_parser *parser, const struct result_event *event,
                 const uint8_t *packet, uint16_t status)
{
    assert(parser->payload_left == 0 && !parser->continued);
    parser->last_seq = (uint8_t)(event->seq - parser->seq_shift);
    switch (event->kind) {
    case RESULT_EVENT_OK:
        parser->state = STATE_END;
        parser->results++;
        if (parser->shape == RESULT_SHAPE_ROWS && (status & SERVER_MORE_RESULTS_EXISTS))
            parser->state = STATE_FIRST;
        break;
    case RESULT_EVENT_ERR: parser->state = STATE_END; break;
    case RESULT_EVENT_INFILE: parser->state = STATE_FIRST; break;
    case RESULT_EVENT_PREPARE_OK: prepare_take(parser, packet + PACKET_HEADER_BYTES); break;
    default: assert(event->packet_len > 0 && false);
    }
}

void result_take_columns(struct result_parser *parser, const struct result_event *event,
                         unsigned count, bool drop)
{
    assert(event->kind == RESULT_EVENT_COLUMNS);
    parser->last_seq = (uint8_t)(event->seq - parser->seq_shift);
    parser->state = STATE_DEFINITIONS;
    parser->definitions_left = drop ? 0 : count;
    parser->rows = 0;
    if (!drop)
        return;
    parser->last_seq = (uint8_t)(parser->last_seq + count);
    parser->seq_shift = (uint8_t)(parser->seq_shift - count);
}

bool result_foresee(const struct result_parser *parser, const uint8_t *data, size_t len,
                    uint16_t *status)
{
    bool continued = parser->continued;
    if (parser->state != STATE_ROWS || parser->payload_left > 0)
        return false;
    while (len > PACKET_HEADER_BYTES) {
        uint32_t payload_len = packet_payload_len(data);
        if (payload_len > len - PACKET_HEADER_BYTES)
            return false;
        uint8_t first = continued ? 0 : data[PACKET_HEADER_BYTES];
        continued = payload_len == PACKET_PAYLOAD_MAX;
        if (first == FIRST_ERR)
            return false;
        if (first == FIRST_EOF && !continued) {
            struct ok_reply ok;
            if (ok_parse(span_of(data + PACKET_HEADER_BYTES, payload_len), &ok) < 0)
                return false;
            *status = (uint16_t)(ok.status & ~LATE_FLAGS);
            return true;
        }
        data += PACKET_HEADER_BYTES + payload_len;
        len -= PACKET_HEADER_BYTES + payload_len;
    }
    return false;
}
