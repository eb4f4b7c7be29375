/* The result parser with a small relay around it, fed with recorded replies of a real server: what
 * the relay writes must be what the server itself wrote for a client of that kind, however the
 * bytes were cut on their way. */
#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/result.h"
#include "tests/unit/proxy/proto/recorded_results.h"

#include <check.h>
#include <stdlib.h>

#define ALL_CAPABILITIES (CLIENT_SESSION_TRACK | CLIENT_DEPRECATE_EOF)

enum { KINDS = 4 };
static const uint64_t kind_capabilities[KINDS] = {
    ALL_CAPABILITIES,
    CLIENT_SESSION_TRACK,
    CLIENT_DEPRECATE_EOF,
    0,
};

struct recording {
    const char *name;
    enum result_shape shape;
    const char *hex[KINDS];
};

static const struct recording recordings[] = {
#define X(name, shape, both, track, eof, neither)                                                  \
    {#name, RESULT_SHAPE_##shape, {both, track, eof, neither}},
    RECORDED_RESULTS(X)
#undef X
};
enum { RECORDINGS = sizeof recordings / sizeof recordings[0] };

static unsigned hex_digit(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static struct buf bytes_of_hex(const char *hex)
{
    struct buf bytes = {0};
    for (; *hex; hex += 2)
        buf_append_u8(&bytes, (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
    return bytes;
}

/* --- the relay --- */

struct relay {
    struct result_parser parser;
    uint64_t capabilities;
    uint16_t last_status; /* what the session's last reply said */
    bool unforeseen;      /* an EOF was written with that */
    struct buf carried;   /* session state that came where an old client can't be told */
    struct buf in;        /* not yet consumed */
    struct buf out;       /* to the client */
};

/* A server that cannot put session state into an EOF keeps it for the OK that ends the CALL. */
static void relay_ok(struct relay *relay, uint8_t seq, struct ok_reply ok)
{
    buf_append_span(&relay->carried, ok.state);
    if (ok.header == 0x00 || (relay->capabilities & CLIENT_DEPRECATE_EOF)) {
        ok.state = buf_span(&relay->carried);
        ok_build(&relay->out, seq, &ok, relay->capabilities);
        relay->carried.len = 0;
    } else {
        ok_build(&relay->out, seq, &ok, relay->capabilities);
    }
}

static void relay_control(struct relay *relay, const struct result_event *event,
                          const uint8_t *packet)
{
    struct span payload =
        span_of(packet + PACKET_HEADER_BYTES, event->packet_len - PACKET_HEADER_BYTES);
    struct ok_reply ok = {0};
    if (event->kind == RESULT_EVENT_OK) {
        ck_assert_int_eq(ok_parse(payload, &ok), 0);
        relay_ok(relay, event->seq, ok);
    } else {
        size_t at = relay->out.len;
        buf_append(&relay->out, packet, event->packet_len);
        relay->out.data[at + 3] = event->seq;
    }
    result_take(&relay->parser, event, packet, ok.status);
}

/* What the recording session had as flags outside of any statement, where the EOF can't be
 * foreseen. */
static void relay_insert_eof(struct relay *relay, const struct result_event *event, size_t at)
{
    uint16_t status = relay->last_status;
    if (!result_foresee(&relay->parser, relay->in.data + at, relay->in.len - at, &status))
        relay->unforeseen = true;
    eof_build(&relay->out, event->seq, 0, status);
}

/* Feeds what is in relay->in; returns how many bytes must be there before the next call. */
static size_t relay_run(struct relay *relay)
{
    size_t at = 0;
    buf_reserve(&relay->in, 1);
    for (;;) {
        struct result_event event;
        size_t passed =
            result_feed(&relay->parser, relay->in.data + at, relay->in.len - at, &event);
        ck_assert_uint_le(passed, relay->in.len - at);
        buf_append(&relay->out, relay->in.data + at, passed);
        at += passed;
        if (event.kind == RESULT_EVENT_NEED) {
            memmove(relay->in.data, relay->in.data + at, relay->in.len - at);
            relay->in.len -= at;
            ck_assert_uint_gt(event.need_bytes, relay->in.len);
            return event.need_bytes;
        }
        ck_assert_int_ne(event.kind, RESULT_EVENT_BAD);
        if (event.kind == RESULT_EVENT_INSERT_EOF) {
            relay_insert_eof(relay, &event, at);
            continue;
        }
        ck_assert_uint_le(event.packet_len, relay->in.len - at);
        relay_control(relay, &event, relay->in.data + at);
        at += event.packet_len;
    }
}

static void relay_open(struct relay *relay, const struct recording *recording,
                       uint64_t capabilities)
{
    *relay = (struct relay){.capabilities = capabilities, .last_status = SERVER_STATUS_AUTOCOMMIT};
    result_open(&relay->parser, recording->shape, !(capabilities & CLIENT_DEPRECATE_EOF));
}

static void relay_close(struct relay *relay)
{
    buf_free(&relay->carried);
    buf_free(&relay->in);
    buf_free(&relay->out);
}

/* --- comparing --- */

/* EOF packets of old carry flags that nobody can know in advance, or that mean nothing there: the
 * session-state flag without the state, and, where the terminator was not there to be looked at,
 * those of the statement and the transaction. Only those are evened out before comparing. */
static void even_out(struct buf *bytes, uint16_t flags)
{
    for (size_t at = 0; at + PACKET_HEADER_BYTES <= bytes->len;) {
        uint8_t *packet = bytes->data + at;
        size_t payload_len = packet_payload_len(packet);
        if (payload_len == 5 && packet[4] == 0xfe)
            store_u16(packet + 7, (uint16_t)(load_u16(packet + 7) & ~flags));
        at += PACKET_HEADER_BYTES + payload_len;
    }
}

enum {
    STATE_FLAG = SERVER_SESSION_STATE_CHANGED,
    STATEMENT_FLAGS = STATE_FLAG | SERVER_STATUS_IN_TRANS | SERVER_STATUS_AUTOCOMMIT |
                      SERVER_QUERY_NO_INDEX_USED | SERVER_MORE_RESULTS_EXISTS |
                      SERVER_STATUS_CURSOR_EXISTS,
};

static void expect_same(struct relay *relay, const struct recording *recording, int kind,
                        size_t split)
{
    uint16_t uncertain = relay->unforeseen ? STATEMENT_FLAGS : STATE_FLAG;
    struct buf expected = bytes_of_hex(recording->hex[kind]);
    even_out(&expected, uncertain);
    even_out(&relay->out, uncertain);
    bool same = span_equal(buf_span(&expected), buf_span(&relay->out));
    ck_assert_msg(same, "%s, client kind %d, split %zu: %zu bytes where the server sent %zu",
                  recording->name, kind, split, relay->out.len, expected.len);
    ck_assert_msg(result_ended(&relay->parser), "%s is at its end", recording->name);
    ck_assert_uint_eq(relay->in.len, 0);
    buf_free(&expected);
}

START_TEST(each_client_gets_the_bytes_that_the_server_sends_to_its_kind)
{
    const struct recording *recording = &recordings[_i];
    for (int kind = 0; kind < KINDS; kind++) {
        struct relay relay;
        relay_open(&relay, recording, kind_capabilities[kind]);
        relay.in = bytes_of_hex(recording->hex[0]);
        relay_run(&relay);
        expect_same(&relay, recording, kind, 0);
        relay_close(&relay);
    }
}
END_TEST

START_TEST(any_two_part_split_gives_the_same_bytes)
{
    const struct recording *recording = &recordings[_i];
    struct buf all = bytes_of_hex(recording->hex[0]);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t split = 0; split <= all.len; split++) {
            struct relay relay;
            relay_open(&relay, recording, kind_capabilities[kind]);
            buf_append(&relay.in, all.data, split);
            relay_run(&relay);
            if (split < all.len)
                ck_assert_msg(!result_ended(&relay.parser), "%s ends at %zu", recording->name,
                              split);
            buf_append(&relay.in, all.data + split, all.len - split);
            relay_run(&relay);
            expect_same(&relay, recording, kind, split);
            relay_close(&relay);
        }
    }
    buf_free(&all);
}
END_TEST

START_TEST(byte_by_byte_gives_the_same_bytes_and_need_is_exact)
{
    const struct recording *recording = &recordings[_i];
    struct buf all = bytes_of_hex(recording->hex[0]);
    for (int kind = 0; kind < KINDS; kind++) {
        struct relay relay;
        relay_open(&relay, recording, kind_capabilities[kind]);
        size_t need = 1;
        for (size_t at = 0; at < all.len; at++) {
            buf_append_u8(&relay.in, all.data[at]);
            size_t out_len = relay.out.len;
            size_t in_len = relay.in.len;
            size_t next_need = relay_run(&relay);
            if (in_len < need) /* fewer than it asked for: nothing may happen */
                ck_assert(relay.out.len == out_len && relay.in.len == in_len && next_need == need);
            need = next_need;
        }
        expect_same(&relay, recording, kind, SIZE_MAX);
        relay_close(&relay);
    }
    buf_free(&all);
}
END_TEST

START_TEST(the_next_reply_in_the_same_bytes_is_left_alone)
{
    const struct recording *recording = &recordings[_i];
    struct relay relay;
    relay_open(&relay, recording, ALL_CAPABILITIES);
    relay.in = bytes_of_hex(recording->hex[0]);
    size_t len = relay.in.len;
    buf_append(&relay.in, "\x01\x00\x00\x01\x00", 5);
    size_t at = 0;
    while (!result_ended(&relay.parser)) {
        struct result_event event;
        at += result_feed(&relay.parser, relay.in.data + at, relay.in.len - at, &event);
        if (event.kind == RESULT_EVENT_NEED)
            continue;
        relay_control(&relay, &event, relay.in.data + at);
        at += event.packet_len;
    }
    ck_assert_uint_eq(at, len);
    struct result_event event;
    ck_assert_uint_eq(result_feed(&relay.parser, relay.in.data + at, 5, &event), 0);
    ck_assert_int_eq(event.kind, RESULT_EVENT_NEED);
    relay_close(&relay);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result_relay");
    TCase *tests = tcase_create("recorded");
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, each_client_gets_the_bytes_that_the_server_sends_to_its_kind, 0,
                        RECORDINGS);
    tcase_add_loop_test(tests, any_two_part_split_gives_the_same_bytes, 0, RECORDINGS);
    tcase_add_loop_test(tests, byte_by_byte_gives_the_same_bytes_and_need_is_exact, 0, RECORDINGS);
    tcase_add_loop_test(tests, the_next_reply_in_the_same_bytes_is_left_alone, 0, RECORDINGS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
