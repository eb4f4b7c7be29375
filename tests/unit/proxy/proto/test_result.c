/* The result parser packet by packet: continued payloads, progress reports, limits, and what a
 * broken or hostile server may send. Whole replies of a real server are in test_result_relay. */
#include "proxy/proto/capability.h"
#include "proxy/proto/packet.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/result.h"

#include <check.h>
#include <stdlib.h>

/* Appends a packet with this payload. */
static void put(struct buf *out, uint8_t seq, const void *payload, size_t len)
{
    buf_append_u24(out, (uint32_t)len);
    buf_append_u8(out, seq);
    buf_append(out, payload, len);
}
#define PUT(out, seq, text) put(out, seq, text, sizeof text - 1)

#define DEFINITION                                                                                 \
    "\x03"                                                                                         \
    "def and so on"
#define TERMINATOR        "\xfe\x00\x00\x02\x00\x00\x00"
#define TERMINATOR_MORE   "\xfe\x00\x00\x0a\x00\x00\x00"
#define TERMINATOR_CURSOR "\xfe\x00\x00\x42\x00\x00\x00"
#define OK                "\x00\x00\x00\x02\x00\x00\x00"
#define ERR               "\xff\x15\x04#28000no"
#define PROGRESS          "\xff\xff\xff\x01\x02\x03\x00\x00\x00\x05phase"

/* --- what happens, as text: one word for each event --- */

static const char *const kind_names[] = {
    [RESULT_EVENT_NEED] = "need",       [RESULT_EVENT_INSERT_EOF] = "eof",
    [RESULT_EVENT_OK] = "ok",           [RESULT_EVENT_ERR] = "err",
    [RESULT_EVENT_COLUMNS] = "columns", [RESULT_EVENT_PREPARE_OK] = "prepare",
    [RESULT_EVENT_INFILE] = "infile",   [RESULT_EVENT_BAD] = "bad",
};

static uint16_t status_of(const uint8_t *packet, size_t packet_len)
{
    struct ok_reply ok;
    ck_assert_int_eq(ok_parse(span_of(packet + 4, packet_len - 4), &ok), 0);
    return ok.status;
}

/* Feeds all of `in` in pieces of `step` bytes (a piece that was not consumed is offered again with
 * the next); writes the events with their numbers to `events`, passed bytes to `passed`. */
static void run(struct result_parser *parser, struct span in, size_t step, struct buf *events,
                struct buf *passed)
{
    struct buf have = {0};
    size_t given = 0;
    size_t at = 0;
    buf_append_span(&have, in);
    for (;;) {
        struct result_event event;
        size_t done = result_feed(parser, have.data + at, given - at, &event);
        buf_append(passed, have.data + at, done);
        at += done;
        if (event.kind == RESULT_EVENT_NEED) {
            if (given == have.len)
                break;
            given = have.len - given < step ? have.len : given + step;
            continue;
        }
        buf_printf(events, "%s:%u ", kind_names[event.kind], event.seq);
        if (event.kind == RESULT_EVENT_BAD)
            break;
        if (event.kind == RESULT_EVENT_INSERT_EOF)
            continue;
        uint16_t status = 0;
        if (event.kind == RESULT_EVENT_OK)
            status = status_of(have.data + at, event.packet_len);
        result_take(parser, &event, have.data + at, status);
        at += event.packet_len;
    }
    if (result_ended(parser))
        buf_append_text(events, at == have.len ? "end" : "end early");
    buf_append_u8(events, 0);
    buf_free(&have);
}

static void expect_events(enum result_shape shape, bool legacy, const struct buf *in,
                          const char *expected)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 5, 7};
    struct buf first_passed = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct buf events = {0}, passed = {0};
        struct result_parser parser;
        result_open(&parser, shape, legacy);
        run(&parser, buf_span(in), steps[i], &events, i ? &passed : &first_passed);
        ck_assert_str_eq((const char *)events.data, expected);
        if (i > 0)
            ck_assert(span_equal(buf_span(&passed), buf_span(&first_passed)));
        buf_free(&events);
        buf_free(&passed);
    }
    buf_free(&first_passed);
}

/* --- replies as a table --- */

static const struct reply_case {
    const char *name;
    enum result_shape shape;
    bool legacy;
    struct {
        const char *bytes;
        size_t len;
    } packets[8];
    const char *events;
} cases[] = {
#define P(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
    {"ok", RESULT_SHAPE_SIMPLE, false, {P(OK)}, "ok:1 end"},
    {"old eof for a simple command", RESULT_SHAPE_SIMPLE, true, {P("\xfe\0\0\x02\0")}, "ok:1 end"},
    {"error", RESULT_SHAPE_SIMPLE, false, {P(ERR)}, "err:1 end"},
    {"no simple reply", RESULT_SHAPE_SIMPLE, false, {P("\x01")}, "bad:0 "},
    {"more results mean nothing to a simple command",
     RESULT_SHAPE_SIMPLE,
     false,
     {P("\x00\x00\x00\x0a\x00\x00\x00")},
     "ok:1 end"},
    {"progress before ok", RESULT_SHAPE_ROWS, false, {P(PROGRESS), P(PROGRESS), P(OK)}, "ok:3 end"},
    {"progress between rows",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(DEFINITION),
      P("\x01"
        "a"),
      P(PROGRESS),
      P("\x01"
        "b"),
      P(TERMINATOR)},
     "ok:6 end"},
    {"progress right behind the definitions",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P(PROGRESS),
      P("\x01"
        "b"),
      P(TERMINATOR)},
     "eof:3 ok:6 end"},
    {"error in the place of a definition",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x02"), P(DEFINITION), P(ERR)},
     "err:3 end"},
    {"error right behind the definitions",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P(ERR)},
     "eof:3 err:4 end"},
    {"cursor",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P(TERMINATOR_CURSOR)},
     "ok:3 end"},
    {"cursor flag with rows",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION),
      P("\x01"
        "a"),
      P(TERMINATOR_CURSOR)},
     "eof:3 ok:5 end"},
    {"a procedure's own cursor",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P("\xfe\x00\x00\x4a\x00\x00\x00"), P(OK)},
     "eof:3 ok:4 ok:5 end"},
    {"two results",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P(TERMINATOR_MORE), P("\x01"), P(DEFINITION), P(TERMINATOR)},
     "eof:3 ok:4 eof:7 ok:8 end"},
    {"rows begin like anything but 0xfe and 0xff",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(DEFINITION), P("\x00"), P("\xfb"), P("\xfc"), P("\xfd"), P(TERMINATOR)},
     "ok:7 end"},
    {"old eof as terminator",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(DEFINITION), P("\xfe\0\0\x02\0")},
     "ok:3 end"},
    {"infile",
     RESULT_SHAPE_ROWS,
     false,
     {P("\xfb"
        "file"),
      P(OK)},
     "infile:1 ok:2 end"},
    {"infile refused",
     RESULT_SHAPE_ROWS,
     false,
     {P("\xfb"
        "file"),
      P(ERR)},
     "infile:1 err:2 end"},
    {"no columns", RESULT_SHAPE_ROWS, false, {P("\xfc\x00\x00")}, "bad:0 "},
    {"too many columns", RESULT_SHAPE_ROWS, false, {P("\xfd\x00\x00\x01")}, "bad:0 "},
    {"column count cut off", RESULT_SHAPE_ROWS, false, {P("\xfc\x01")}, "bad:0 "},
    {"column count and more", RESULT_SHAPE_ROWS, false, {P("\x01\x01")}, "bad:0 "},
    {"column count far too long",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01........................")},
     "bad:0 "},
    {"empty first packet", RESULT_SHAPE_ROWS, false, {P("")}, "bad:0 "},
    {"empty definition", RESULT_SHAPE_ROWS, false, {P("\x01"), P("")}, "bad:0 "},
    {"terminator among the definitions",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(TERMINATOR)},
     "bad:0 "},
    {"empty row",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(DEFINITION),
      P("\x01"
        "a"),
      P("")},
     "bad:0 "},
    {"empty row before others",
     RESULT_SHAPE_ROWS,
     false,
     {P("\x01"), P(DEFINITION),
      P("\x01"
        "a"),
      P(""),
      P("\x01"
        "b"),
      P(TERMINATOR)},
     "bad:0 "},
    {"malformed terminator where an eof is due",
     RESULT_SHAPE_ROWS,
     true,
     {P("\x01"), P(DEFINITION), P("\xfe\x00")},
     "bad:0 "},
    {"error without a code", RESULT_SHAPE_ROWS, false, {P("\xff\x01")}, "bad:0 "},
    {"text", RESULT_SHAPE_TEXT, true, {P("Uptime: 5")}, "end"},
    {"text that begins like a terminator", RESULT_SHAPE_TEXT, true, {P("\xfetext")}, "end"},
    {"error for a text", RESULT_SHAPE_TEXT, false, {P(ERR)}, "err:1 end"},
    {"fields",
     RESULT_SHAPE_FIELDS,
     true,
     {P(DEFINITION), P(DEFINITION), P(TERMINATOR)},
     "ok:3 end"},
    {"rows fetched", RESULT_SHAPE_FETCH, true, {P("\x00\x00"), P(TERMINATOR_CURSOR)}, "ok:2 end"},
    {"fetched with more results",
     RESULT_SHAPE_FETCH,
     true,
     {P("\x00\x00"), P(TERMINATOR_MORE)},
     "ok:2 end"},
    {"prepare: nothing",
     RESULT_SHAPE_PREPARE,
     true,
     {P("\0\x01\0\0\0\0\0\0\0\0\0\0")},
     "prepare:1 end"},
    {"prepare: parameters",
     RESULT_SHAPE_PREPARE,
     true,
     {P("\0\x01\0\0\0\0\0\x02\0\0\0\0"), P(DEFINITION), P(DEFINITION)},
     "prepare:1 eof:4 end"},
    {"prepare: columns",
     RESULT_SHAPE_PREPARE,
     true,
     {P("\0\x01\0\0\0\x01\0\0\0\0\0\0"), P(DEFINITION)},
     "prepare:1 eof:3 end"},
    {"prepare: both",
     RESULT_SHAPE_PREPARE,
     true,
     {P("\0\x01\0\0\0\x01\0\x01\0\0\0\0"), P(DEFINITION), P(DEFINITION)},
     "prepare:1 eof:3 eof:5 end"},
    {"prepare: both, new client",
     RESULT_SHAPE_PREPARE,
     false,
     {P("\0\x01\0\0\0\x01\0\x01\0\0\0\0"), P(DEFINITION), P(DEFINITION)},
     "prepare:1 end"},
    {"prepare: too short",
     RESULT_SHAPE_PREPARE,
     false,
     {P("\0\x01\0\0\0\x01\0\x01\0\0\0")},
     "bad:0 "},
    {"prepare: no ok",
     RESULT_SHAPE_PREPARE,
     false,
     {P("\x01\x01\0\0\0\x01\0\x01\0\0\0\0")},
     "bad:0 "},
    {"prepare: error", RESULT_SHAPE_PREPARE, false, {P(ERR)}, "err:1 end"},
#undef P
};

START_TEST(each_reply_gives_its_events_however_it_is_cut)
{
    const struct reply_case *c = &cases[_i];
    struct buf in = {0};
    for (size_t i = 0; i < 8 && c->packets[i].bytes; i++)
        put(&in, (uint8_t)(i + 1), c->packets[i].bytes, c->packets[i].len);
    expect_events(c->shape, c->legacy, &in, c->events);
    buf_free(&in);
}
END_TEST

START_TEST(a_command_without_a_reply_is_at_its_end_at_once)
{
    struct result_parser parser;
    struct result_event event;
    result_open(&parser, RESULT_SHAPE_NONE, true);
    ck_assert(result_ended(&parser));
    ck_assert_uint_eq(result_feed(&parser, NULL, 0, &event), 0);
    ck_assert_int_eq(event.kind, RESULT_EVENT_NEED);
}
END_TEST

START_TEST(need_says_how_many_bytes_lead_on)
{
    static const struct {
        size_t have;
        size_t need;
    } steps[] = {{0, 1}, {1, 4}, {3, 4}, {4, 5}, {5, 11}, {10, 11}};
    uint8_t bytes[] = "\x07\x00\x00\x01" OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct result_parser parser;
        struct result_event event;
        result_open(&parser, RESULT_SHAPE_SIMPLE, false);
        ck_assert_uint_eq(result_feed(&parser, bytes, steps[i].have, &event), 0);
        ck_assert_int_eq(event.kind, RESULT_EVENT_NEED);
        ck_assert_uint_eq(event.need_bytes, steps[i].need);
    }
}
END_TEST

/* So that an error can stand behind the last one when the server dies. */
START_TEST(short_rows_pass_whole_or_not_at_all)
{
    uint8_t rows[] = "\x03\x00\x00\x01"
                     "abc"
                     "\x03\x00\x00\x02"
                     "ab";
    struct result_parser parser;
    struct result_event event;
    result_open(&parser, RESULT_SHAPE_FETCH, false);
    ck_assert_uint_eq(result_feed(&parser, rows, sizeof(rows) - 1, &event), 7);
    ck_assert_int_eq(event.kind, RESULT_EVENT_NEED);
    ck_assert_uint_eq(event.need_bytes, 7);
    ck_assert_uint_eq(parser.payload_left, 0);
}
END_TEST

START_TEST(a_part_of_a_long_row_passes)
{
    uint8_t row[100] = {0};
    store_u24(row, RESULT_HELD_PACKET_MAX + 1);
    struct result_parser parser;
    struct result_event event;
    result_open(&parser, RESULT_SHAPE_FETCH, false);
    ck_assert_uint_eq(result_feed(&parser, row, sizeof(row), &event), sizeof(row));
    ck_assert_int_eq(event.kind, RESULT_EVENT_NEED);
    ck_assert_uint_gt(parser.payload_left, 0);
}
END_TEST

START_TEST(a_control_packet_above_the_limit_is_malformed)
{
    static const uint32_t lens[] = {RESULT_CONTROL_PACKET_MAX, RESULT_CONTROL_PACKET_MAX + 1,
                                    PACKET_PAYLOAD_MAX};
    static const uint8_t firsts[] = {0x00, 0xfb, 0xff};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof firsts; k++) {
            uint8_t bytes[5] = {0, 0, 0, 1, firsts[k]};
            struct result_parser parser;
            struct result_event event;
            store_u24(bytes, lens[i]);
            result_open(&parser, RESULT_SHAPE_ROWS, false);
            ck_assert_uint_eq(result_feed(&parser, bytes, sizeof bytes, &event), 0);
            ck_assert_int_eq(event.kind, i == 0 ? RESULT_EVENT_NEED : RESULT_EVENT_BAD);
        }
    }
}
END_TEST

START_TEST(after_bad_everything_is_bad)
{
    struct buf in = {0};
    struct result_parser parser;
    struct result_event event;
    PUT(&in, 1, "");
    PUT(&in, 1, OK);
    result_open(&parser, RESULT_SHAPE_SIMPLE, false);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(result_feed(&parser, in.data, in.len, &event), 0);
        ck_assert_int_eq(event.kind, RESULT_EVENT_BAD);
        ck_assert(!result_ended(&parser));
    }
    ck_assert_uint_eq(result_feed(&parser, in.data + 4, in.len - 4, &event), 0);
    ck_assert_int_eq(event.kind, RESULT_EVENT_BAD);
    buf_free(&in);
}
END_TEST

/* --- payloads of 16 MiB and more --- */

static void put_filled(struct buf *out, uint8_t seq, uint8_t fill, uint32_t len)
{
    buf_append_u24(out, len);
    buf_append_u8(out, seq);
    memset(buf_reserve(out, len + 1), fill, len);
    out->len += len;
}

static const struct {
    const char *name;
    uint8_t fill;
    uint32_t tail_len;
} long_rows[] = {
    {"a row of one full packet, ended by an empty one", 'x', 0},
    {"a row whose continuation looks like a terminator", 0xfe, 7},
    {"a row whose continuation looks like an error", 0xfc, 3},
    {"a short continuation", 0xfe, 1},
};

/* The bytes of a result with one long row and a short one behind it. */
static struct buf long_result(int which)
{
    struct buf in = {0};
    PUT(&in, 1, "\x01");
    PUT(&in, 2, DEFINITION);
    put_filled(&in, 3, long_rows[which].fill, PACKET_PAYLOAD_MAX);
    put_filled(&in, 4, which == 2 ? 0xff : 0xfe, long_rows[which].tail_len);
    PUT(&in, 5,
        "\x01"
        "b");
    PUT(&in, 6, TERMINATOR);
    return in;
}

static void expect_long(struct buf *in, bool legacy, size_t step)
{
    struct result_parser parser;
    struct buf events = {0}, passed = {0};
    result_open(&parser, RESULT_SHAPE_ROWS, legacy);
    run(&parser, buf_span(in), step, &events, &passed);
    ck_assert_str_eq((const char *)events.data, legacy ? "eof:3 ok:7 end" : "ok:6 end");
    ck_assert_uint_eq(parser.rows, 2);
    ck_assert_uint_eq(passed.len, in->len - 11);
    size_t row_at = 5 + 4 + sizeof DEFINITION - 1;
    ck_assert_uint_eq(passed.data[row_at + 3], legacy ? 4 : 3);
    ck_assert_uint_eq(passed.data[row_at + 4 + PACKET_PAYLOAD_MAX + 3], legacy ? 5 : 4);
    buf_free(&events);
    buf_free(&passed);
}

START_TEST(a_long_row_is_one_row_whatever_its_continuation_begins_with)
{
    struct buf in = long_result(_i);
    expect_long(&in, false, SIZE_MAX);
    expect_long(&in, true, SIZE_MAX);
    expect_long(&in, true, 4099);
    buf_free(&in);
}
END_TEST

START_TEST(a_long_row_may_be_cut_anywhere_around_its_second_header)
{
    struct buf in = long_result(_i);
    size_t header_at = 5 + 4 + sizeof DEFINITION - 1 + 4 + PACKET_PAYLOAD_MAX;
    for (size_t cut = header_at - 2; cut <= in.len; cut++) {
        struct result_parser parser;
        struct result_event event = {0};
        result_open(&parser, RESULT_SHAPE_ROWS, false);
        size_t at = result_feed(&parser, in.data, cut, &event);
        if (event.kind == RESULT_EVENT_NEED)
            at += result_feed(&parser, in.data + at, in.len - at, &event);
        ck_assert_int_eq(event.kind, RESULT_EVENT_OK);
        ck_assert_uint_eq(at, in.len - 11);
    }
    buf_free(&in);
}
END_TEST

/* --- numbering --- */

START_TEST(only_sequence_numbers_change_and_they_wrap)
{
    struct buf in = {0}, expected = {0}, events = {0}, passed = {0};
    PUT(&in, 254, "\x01");
    PUT(&in, 255, DEFINITION);
    for (int i = 0; i < 600; i++)
        PUT(&in, (uint8_t)i,
            "\x01"
            "r");
    PUT(&expected, 254, "\x01");
    PUT(&expected, 255, DEFINITION);
    for (int i = 0; i < 600; i++)
        PUT(&expected, (uint8_t)(i + 1),
            "\x01"
            "r");
    PUT(&in, (uint8_t)600, TERMINATOR);
    struct result_parser parser;
    result_open(&parser, RESULT_SHAPE_ROWS, true);
    run(&parser, buf_span(&in), SIZE_MAX, &events, &passed);
    ck_assert_str_eq((const char *)events.data, "eof:0 ok:89 end");
    ck_assert(span_equal(buf_span(&passed), buf_span(&expected)));
    ck_assert_uint_eq(parser.rows, 600);
    buf_free(&in);
    buf_free(&expected);
    buf_free(&events);
    buf_free(&passed);
}
END_TEST

START_TEST(rows_are_counted_for_each_result_set_and_the_last_number_is_the_servers)
{
    struct buf in = {0}, events = {0}, passed = {0};
    PUT(&in, 1, "\x01");
    PUT(&in, 2, DEFINITION);
    PUT(&in, 3,
        "\x01"
        "a");
    PUT(&in, 4, TERMINATOR_MORE);
    PUT(&in, 5, "\x01");
    PUT(&in, 6, DEFINITION);
    PUT(&in, 7,
        "\x01"
        "b");
    PUT(&in, 8,
        "\x01"
        "c");
    struct result_parser parser;
    result_open(&parser, RESULT_SHAPE_ROWS, true);
    run(&parser, buf_span(&in), SIZE_MAX, &events, &passed);
    ck_assert_str_eq((const char *)events.data, "eof:3 ok:5 eof:8 ");
    ck_assert_uint_eq(parser.rows, 2);
    ck_assert_uint_eq(parser.seq_shift, 2);
    ck_assert_uint_eq(parser.last_seq, 8);

    in.len = events.len = 0;
    PUT(&in, 9, TERMINATOR_MORE);
    run(&parser, buf_span(&in), SIZE_MAX, &events, &passed);
    ck_assert_str_eq((const char *)events.data, "ok:11 ");
    ck_assert_uint_eq(parser.last_seq, 9);
    buf_free(&in);
    buf_free(&events);
    buf_free(&passed);
}
END_TEST

/* --- looking ahead --- */

/* Up to the INSERT_EOF event; the bytes behind the definitions are at data[at]. */
static size_t feed_to_eof(struct result_parser *parser, struct buf *in)
{
    struct result_event event;
    result_open(parser, RESULT_SHAPE_ROWS, true);
    size_t at = result_feed(parser, in->data, in->len, &event);
    ck_assert_int_eq(event.kind, RESULT_EVENT_INSERT_EOF);
    return at;
}

START_TEST(the_terminator_is_foreseen_only_when_it_is_there)
{
    struct buf in = {0};
    PUT(&in, 1, "\x01");
    PUT(&in, 2, DEFINITION);
    PUT(&in, 3,
        "\x01"
        "a");
    PUT(&in, 4,
        "\x01"
        "b");
    PUT(&in, 5, "\xfe\x00\x00\x23\x48\x00\x00"); /* in a transaction, no index, slow, state */
    struct result_parser parser;
    size_t at = feed_to_eof(&parser, &in);
    uint16_t status = 0xaaaa;
    for (size_t len = 0; len < in.len - at; len++)
        ck_assert(!result_foresee(&parser, in.data + at, len, &status));
    ck_assert_uint_eq(status, 0xaaaa);
    ck_assert(result_foresee(&parser, in.data + at, in.len - at, &status));
    ck_assert_uint_eq(status, SERVER_STATUS_IN_TRANS | SERVER_STATUS_AUTOCOMMIT |
                                  SERVER_QUERY_NO_INDEX_USED);
    buf_free(&in);
}
END_TEST

START_TEST(the_terminator_is_foreseen_behind_a_row_of_any_length)
{
    struct buf in = {0};
    PUT(&in, 1, "\x01");
    PUT(&in, 2, DEFINITION);
    put_filled(&in, 3, 0xfe, PACKET_PAYLOAD_MAX);
    PUT(&in, 4, "\xfe\x00\x00\xff\xff\x00\x00"); /* the end of that row */
    PUT(&in, 5, TERMINATOR);
    struct result_parser parser;
    size_t at = feed_to_eof(&parser, &in);
    uint16_t status = 0;
    ck_assert(result_foresee(&parser, in.data + at, in.len - at, &status));
    ck_assert_uint_eq(status, SERVER_STATUS_AUTOCOMMIT);
    buf_free(&in);
}
END_TEST

START_TEST(nothing_is_foreseen_of_an_error_or_of_garbage)
{
    struct buf in = {0};
    PUT(&in, 1, "\x01");
    PUT(&in, 2, DEFINITION);
    PUT(&in, 3,
        "\x01"
        "a");
    size_t tail = in.len;
    struct result_parser parser;
    uint16_t status;
    PUT(&in, 4, ERR);
    PUT(&in, 5, TERMINATOR);
    size_t at = feed_to_eof(&parser, &in);
    ck_assert(!result_foresee(&parser, in.data + at, in.len - at, &status));
    in.len = tail;
    PUT(&in, 4, "\xfe\x01");
    at = feed_to_eof(&parser, &in);
    ck_assert(!result_foresee(&parser, in.data + at, in.len - at, &status));
    result_open(&parser, RESULT_SHAPE_PREPARE, true);
    ck_assert(!result_foresee(&parser, in.data + at, in.len - at, &status));
    buf_free(&in);
}
END_TEST

/* A server that could not open a cursor has sent no EOF behind the definitions (measured). */
START_TEST(a_cursor_that_could_not_be_opened)
{
    static const uint8_t reply[] = {1,   0,   0, 1, 1, 2, 0,    0,    2,
                                    'd', 'e', 3, 0, 0, 3, 0xff, 0x15, 0x04};
    for (int asked = 0; asked < 2; asked++) {
        struct buf events = {0}, passed = {0};
        struct result_parser parser;
        result_open(&parser, RESULT_SHAPE_ROWS, true);
        parser.cursor_asked = asked;
        run(&parser, span_of(reply, sizeof(reply)), 3, &events, &passed);
        ck_assert_str_eq((const char *)events.data, asked ? "err:3 end" : "eof:3 err:4 end");
        buf_free(&events);
        buf_free(&passed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *tests = tcase_create("result");
    int long_row_count = sizeof long_rows / sizeof long_rows[0];
    tcase_set_timeout(tests, 50);
    tcase_add_loop_test(tests, each_reply_gives_its_events_however_it_is_cut, 0,
                        sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, a_command_without_a_reply_is_at_its_end_at_once);
    tcase_add_test(tests, a_cursor_that_could_not_be_opened);
    tcase_add_test(tests, need_says_how_many_bytes_lead_on);
    tcase_add_test(tests, short_rows_pass_whole_or_not_at_all);
    tcase_add_test(tests, a_part_of_a_long_row_passes);
    tcase_add_test(tests, a_control_packet_above_the_limit_is_malformed);
    tcase_add_test(tests, after_bad_everything_is_bad);
    tcase_add_loop_test(tests, a_long_row_is_one_row_whatever_its_continuation_begins_with, 0,
                        long_row_count);
    tcase_add_loop_test(tests, a_long_row_may_be_cut_anywhere_around_its_second_header, 0,
                        long_row_count);
    tcase_add_test(tests, only_sequence_numbers_change_and_they_wrap);
    tcase_add_test(tests, rows_are_counted_for_each_result_set_and_the_last_number_is_the_servers);
    tcase_add_test(tests, the_terminator_is_foreseen_behind_a_row_of_any_length);
    tcase_add_test(tests, the_terminator_is_foreseen_only_when_it_is_there);
    tcase_add_test(tests, nothing_is_foreseen_of_an_error_or_of_garbage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
