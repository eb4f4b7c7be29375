/* The dump over a socket: packets in any pieces, events of any size, and every kind of end. */
#include "binlog/event.h"
#include "binlog/stream/dump.h"
#include "proxy/base/memory.h"
#include "proxy/proto/packet.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEEN_MAX = 64 };

struct seen {
    unsigned count;
    uint32_t len[SEEN_MAX];
    size_t given[SEEN_MAX];
    uint8_t first_body[SEEN_MAX];
    uint8_t last_body[SEEN_MAX];
    unsigned batches;
    unsigned ended;
    enum dump_end_kind kind;
    char text[256];
    unsigned free_at; /* the dump is freed within its n-th event, 0: never */
    struct dump *dump;
};

static void on_event(const struct dump_event *event, void *context)
{
    struct seen *seen = context;
    unsigned at = seen->count;

    ck_assert_uint_lt(at, SEEN_MAX);
    seen->len[at] = event->len;
    seen->given[at] = event->bytes.len;
    seen->first_body[at] =
        event->bytes.len > EVENT_HEADER_BYTES ? event->bytes.data[EVENT_HEADER_BYTES] : 0;
    seen->last_body[at] = event->bytes.data[event->bytes.len - 1];
    seen->count++;
    if (seen->free_at == seen->count) {
        dump_free(seen->dump);
        seen->dump = NULL;
    }
}

static void on_batch(void *context)
{
    ((struct seen *)context)->batches++;
}

static void on_ended(const struct dump_end *end, void *context)
{
    struct seen *seen = context;

    seen->ended++;
    seen->kind = end->kind;
    snprintf(seen->text, sizeof(seen->text), "%s", end->text);
}

/* An event of `len` bytes in its packets; its body counts from `first` on. */
static void append_event(struct buf *out, uint32_t len, uint8_t first, uint8_t *seq)
{
    size_t begin = packet_begin(out);

    buf_append_u8(out, 0);
    buf_append_zero(out, 4);
    buf_append_u8(out, EVENT_WRITE_ROWS_V1);
    buf_append_u32(out, 1);
    buf_append_u32(out, len);
    buf_append_zero(out, 6);
    buf_reserve(out, len);
    for (uint32_t i = EVENT_HEADER_BYTES; i < len; i++)
        out->data[out->len++] = (uint8_t)(first + i - EVENT_HEADER_BYTES);
    *seq = packet_end(out, begin, *seq);
}

static void append_err(struct buf *out, uint16_t error, const char *text)
{
    size_t begin = packet_begin(out);

    buf_append_u8(out, 0xff);
    buf_append_u16(out, error);
    buf_append_text(out, "#HY000");
    buf_append_text(out, text);
    packet_end(out, begin, 1);
}

static void append_raw(struct buf *out, const void *payload, size_t len)
{
    size_t begin = packet_begin(out);

    buf_append(out, payload, len);
    packet_end(out, begin, 1);
}

/* Feeds the bytes in pieces of `piece`, then closes the server's end. Frees `bytes`. */
static void run(struct buf *bytes, const struct dump_settings *settings, size_t piece,
                struct seen *seen)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct dump_settings own = *settings;
    int fds[2];
    uint8_t asked[256];
    size_t at = 0;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    own.event = on_event;
    own.batch = on_batch;
    own.ended = on_ended;
    own.context = seen;
    seen->dump = dump_open_socket(loop, &own, fds[0]);
    ck_assert_int_ge(recv(fds[1], asked, sizeof(asked), 0), 15);
    ck_assert_uint_eq(asked[4], 18);
    while (at < bytes->len && seen->ended == 0 && seen->dump != NULL) {
        size_t len = bytes->len - at < piece ? bytes->len - at : piece;
        ssize_t sent = send(fds[1], bytes->data + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        at += sent > 0 ? (size_t)sent : 0;
        ev_run(loop, EVRUN_NOWAIT);
    }
    close(fds[1]);
    for (int turns = 0; turns < 10000 && seen->ended == 0 && seen->dump != NULL; turns++)
        ev_run(loop, EVRUN_NOWAIT);
    dump_free(seen->dump);
    ev_loop_destroy(loop);
    buf_free(bytes);
}

static const size_t pieces[] = {1, 3, 7, 100, 4096, 1 << 20};

START_TEST(events_come_whole_from_any_pieces)
{
    static const uint32_t lens[] = {19, 20, 42, 1000, 5000, 19, 100};
    struct dump_settings settings = {.server_id = 7, .whole_events = true};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        append_event(&bytes, lens[i], (uint8_t)i, &seq);
    run(&bytes, &settings, pieces[_i], &seen);
    ck_assert_uint_eq(seen.count, sizeof(lens) / sizeof(lens[0]));
    for (unsigned i = 0; i < seen.count; i++) {
        ck_assert_uint_eq(seen.len[i], lens[i]);
        ck_assert_uint_eq(seen.given[i], lens[i]);
        if (lens[i] > EVENT_HEADER_BYTES) {
            ck_assert_uint_eq(seen.first_body[i], i);
            ck_assert_uint_eq(seen.last_body[i], (uint8_t)(i + lens[i] - EVENT_HEADER_BYTES - 1));
        }
    }
    ck_assert_uint_eq(seen.ended, 1);
    ck_assert_int_eq(seen.kind, DUMP_LOST);
    ck_assert_uint_ge(seen.batches, 1);
}
END_TEST

/* Around the sizes where packets are full and where an event is collected aside. */
static const uint32_t big_lens[] = {
    65536 - 1,
    65536 + 1,
    200000,
    PACKET_PAYLOAD_MAX - 2,
    PACKET_PAYLOAD_MAX - 1,
    PACKET_PAYLOAD_MAX,
    PACKET_PAYLOAD_MAX + 1,
    PACKET_PAYLOAD_MAX * 2 - 1,
    PACKET_PAYLOAD_MAX * 2 + 99,
};
enum { BIG_LENS = sizeof(big_lens) / sizeof(big_lens[0]) };

START_TEST(big_events_come_whole)
{
    struct dump_settings settings = {.server_id = 7, .whole_events = true};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    append_event(&bytes, 40, 1, &seq);
    append_event(&bytes, big_lens[_i], 2, &seq);
    append_event(&bytes, 41, 3, &seq);
    run(&bytes, &settings, 100000, &seen);
    ck_assert_uint_eq(seen.count, 3);
    ck_assert_uint_eq(seen.given[1], big_lens[_i]);
    ck_assert_uint_eq(seen.first_body[1], 2);
    ck_assert_uint_eq(seen.last_body[1], (uint8_t)(2 + big_lens[_i] - EVENT_HEADER_BYTES - 1));
    ck_assert_uint_eq(seen.len[2], 41);
    ck_assert_uint_eq(seen.first_body[2], 3);
}
END_TEST

START_TEST(big_events_are_cut_and_skipped)
{
    struct dump_settings settings = {.server_id = 7, .event_max_bytes = 500};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    append_event(&bytes, big_lens[_i], 2, &seq);
    append_event(&bytes, 41, 3, &seq);
    run(&bytes, &settings, 50000, &seen);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_uint_eq(seen.len[0], big_lens[_i]);
    ck_assert_uint_eq(seen.given[0], 500);
    ck_assert_uint_eq(seen.last_body[0], (uint8_t)(2 + 500 - EVENT_HEADER_BYTES - 1));
    ck_assert_uint_eq(seen.given[1], 41);
    ck_assert_uint_eq(seen.first_body[1], 3);
}
END_TEST

START_TEST(a_larger_event_than_allowed_ends_it)
{
    struct dump_settings settings = {.whole_events = true, .event_max_bytes = 1000};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    append_event(&bytes, 1000, 2, &seq);
    append_event(&bytes, 1001, 3, &seq);
    run(&bytes, &settings, 4096, &seen);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_int_eq(seen.kind, DUMP_TOO_BIG);
}
END_TEST

START_TEST(the_dump_may_be_freed_within_an_event)
{
    struct dump_settings settings = {.server_id = 7};
    struct seen seen = {.free_at = 2};
    struct buf bytes = {0};
    uint8_t seq = 1;

    for (int i = 0; i < 5; i++)
        append_event(&bytes, 50, 0, &seq);
    run(&bytes, &settings, 4096, &seen);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_uint_eq(seen.ended, 0);
}
END_TEST

static const struct {
    unsigned error;
    const char *text;
    enum dump_end_kind kind;
} errors[] = {
    {1045, "Access denied for user", DUMP_DENIED},
    {1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)",
     DUMP_DENIED},
    {4052, "A slave with the same server_uuid/server_id as this slave has connected", DUMP_EVICTED},
    {1236, "A slave with the same server_uuid/server_id as this slave has connected", DUMP_EVICTED},
    {1236, "Binary log is not open", DUMP_NO_LOG},
    {1236,
     "connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
     DUMP_PURGED},
    {1236,
     "Could not find GTID state requested by slave in any binlog files. Probably the slave state "
     "is too old and required binlog files have been purged.",
     DUMP_PURGED},
    {1236, "Could not find first log file name in binary log index file", DUMP_PURGED},
    {1236, "bogus data in log event", DUMP_REFUSED},
    {1064, "You have an error in your SQL syntax", DUMP_REFUSED},
};

START_TEST(errors_are_told_apart)
{
    struct dump_settings settings = {.server_id = 7};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    ck_assert_int_eq(dump_error_kind(errors[_i].error, errors[_i].text), errors[_i].kind);
    append_event(&bytes, 50, 0, &seq);
    append_err(&bytes, (uint16_t)errors[_i].error, errors[_i].text);
    run(&bytes, &settings, 10, &seen);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_uint_eq(seen.ended, 1);
    ck_assert_int_eq(seen.kind, errors[_i].kind);
    ck_assert_ptr_nonnull(strstr(seen.text, errors[_i].text));
}
END_TEST

START_TEST(the_end_of_the_log_is_an_end_only_when_asked_for)
{
    struct dump_settings settings = {.stop_at_end = _i == 1};
    struct seen seen = {0};
    struct buf bytes = {0};

    append_raw(&bytes, "\xfe\0\0\2\0", 5);
    run(&bytes, &settings, 4096, &seen);
    ck_assert_int_eq(seen.kind, _i == 1 ? DUMP_END_OF_LOG : DUMP_LOST);
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
} malformed[] = {
    {"", 0},
    {"\0", 1},
    {"\0short", 6},
    {"\x42what", 5},
    {"\xef\x01semisync", 10},
    {"\xfe a packet that is too long for an end of file", 46},
    {"\0\1\1\1\1\x10\1\0\0\0\x13\0\0\0\0\0\0\0\0\0+", 21}, /* says 19, has 20 */
    {"\0\1\1\1\1\x10\1\0\0\0\xff\xff\xff\x7f\0\0\0\0\0\0", 20},
    {"\0\1\1\1\1\x10\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 20},
    {"\xff", 1},
};

START_TEST(malformed_packets_end_it)
{
    struct dump_settings settings = {.whole_events = true};
    struct seen seen = {0};
    struct buf bytes = {0};

    append_raw(&bytes, malformed[_i].bytes, malformed[_i].len);
    run(&bytes, &settings, 4096, &seen);
    ck_assert_uint_eq(seen.ended, 1);
    ck_assert_int_eq(seen.kind, DUMP_MALFORMED);
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(a_long_event_whose_packets_end_early_is_malformed)
{
    struct dump_settings settings = {.server_id = 7};
    struct seen seen = {0};
    struct buf bytes = {0};
    uint8_t seq = 1;

    append_event(&bytes, PACKET_PAYLOAD_MAX + 5000, 0, &seq);
    store_u32(bytes.data + PACKET_HEADER_BYTES + 1 + 9,
              _i == 0 ? PACKET_PAYLOAD_MAX + 6000 : PACKET_PAYLOAD_MAX + 4000);
    run(&bytes, &settings, 1 << 20, &seen);
    ck_assert_int_eq(seen.kind, DUMP_MALFORMED);
}
END_TEST

/* A server that is gone without a word. */
START_TEST(silence_is_an_end)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct seen seen = {0};
    struct dump_settings settings = {
        .heartbeat_ms = 10, .event = on_event, .ended = on_ended, .context = &seen};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    seen.dump = dump_open_socket(loop, &settings, fds[0]);
    while (seen.ended == 0)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(seen.kind, DUMP_LOST);
    ck_assert_str_eq(seen.text, "no heartbeat for 30 ms");
    dump_free(seen.dump);
    close(fds[1]);
    ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dump");
    TCase *events = tcase_create("events");
    TCase *ends = tcase_create("ends");
    SRunner *runner;
    int failed;

    tcase_set_timeout(events, 60);
    tcase_add_loop_test(events, events_come_whole_from_any_pieces, 0,
                        sizeof(pieces) / sizeof(pieces[0]));
    tcase_add_loop_test(events, big_events_come_whole, 0, BIG_LENS);
    tcase_add_loop_test(events, big_events_are_cut_and_skipped, 0, BIG_LENS);
    tcase_add_test(events, the_dump_may_be_freed_within_an_event);
    tcase_add_test(ends, a_larger_event_than_allowed_ends_it);
    tcase_add_loop_test(ends, errors_are_told_apart, 0, sizeof(errors) / sizeof(errors[0]));
    tcase_add_loop_test(ends, the_end_of_the_log_is_an_end_only_when_asked_for, 0, 2);
    tcase_add_loop_test(ends, malformed_packets_end_it, 0,
                        sizeof(malformed) / sizeof(malformed[0]));
    tcase_add_loop_test(ends, a_long_event_whose_packets_end_early_is_malformed, 0, 2);
    tcase_add_test(ends, silence_is_an_end);
    suite_add_tcase(suite, events);
    suite_add_tcase(suite, ends);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
