/* Are a result's definitions seen as a whole, told apart, and left alone when they are too long? */
#include "proxy/proto/definitions.h"

#include "proxy/proto/packet.h"
#include "proxy/proto/result.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define DEFINITION "\3def name"
#define TERMINATOR "\xfe\0\0\2\0\0\0"

static void put(struct buf *out, uint8_t seq, const char *payload, size_t len)
{
    size_t begin = packet_begin(out);
    buf_append(out, payload, len);
    packet_end(out, begin, seq);
}
#define PUT(out, seq, text) put(out, seq, text, sizeof(text) - 1)

START_TEST(every_beginning_asks_for_more)
{
    struct buf in = {0};
    PUT(&in, 2, DEFINITION);
    PUT(&in, 3, "\3def other");
    size_t whole = in.len;
    PUT(&in, 4, TERMINATOR);
    struct definitions found;
    for (size_t len = 0; len < whole; len++) {
        ck_assert_int_eq(definitions_look(span_of(in.data, len), 2, 0, &found), 0);
        ck_assert_uint_gt(found.len, len);
        ck_assert_uint_le(found.len, whole);
    }
    ck_assert_int_eq(definitions_look(buf_span(&in), 2, 0, &found), 1);
    ck_assert_uint_eq(found.len, whole);
    buf_free(&in);
}
END_TEST

static uint64_t digest_of(uint8_t seq, const char *text, unsigned count, uint64_t salt)
{
    struct buf in = {0};
    struct definitions found;
    for (unsigned i = 0; i < count; i++)
        put(&in, (uint8_t)(seq + i), text, strlen(text));
    ck_assert_int_eq(definitions_look(buf_span(&in), count, salt, &found), 1);
    buf_free(&in);
    return found.digest;
}

START_TEST(what_they_say_counts_and_nothing_else)
{
    uint64_t digest = digest_of(2, "\3def a", 1, 0);
    ck_assert_uint_ne(digest, 0);
    ck_assert(digest == digest_of(9, "\3def a", 1, 0));
    ck_assert(digest != digest_of(2, "\3def b", 1, 0));
    ck_assert(digest != digest_of(2, "\3def a", 2, 0));
    ck_assert(digest != digest_of(2, "\3def a", 1, 7));
}
END_TEST

START_TEST(others_are_not_held)
{
    struct buf in = {0};
    struct definitions found;
    static const char *const first[] = {"\xff\x15\x04#28000no", TERMINATOR, "\xfb"};
    for (size_t i = 0; i < 3; i++) {
        in.len = 0;
        PUT(&in, 2, DEFINITION);
        put(&in, 3, first[i], 1 + strlen(first[i]));
        ck_assert_int_eq(definitions_look(buf_span(&in), 2, 0, &found), -E2BIG);
    }
    in.len = 0;
    PUT(&in, 2, "");
    PUT(&in, 3, DEFINITION);
    ck_assert_int_eq(definitions_look(buf_span(&in), 1, 0, &found), -E2BIG);
    in.len = 0;
    for (unsigned i = 0; i < DEFINITIONS_HELD_MAX / 1000 + 1; i++) {
        static const char text[1000] = "\3def";
        put(&in, (uint8_t)i, text, sizeof(text));
    }
    ck_assert_int_eq(definitions_look(buf_span(&in), DEFINITIONS_HELD_MAX / 1000 + 1, 0, &found),
                     -E2BIG);
    buf_free(&in);
}
END_TEST

/* The packets behind dropped definitions are numbered as if they had never been, however many. */
static void check_numbers(unsigned count, bool legacy, bool drop)
{
    struct buf in = {0};
    struct definitions found;
    struct result_parser parser;
    struct result_event event;
    size_t begin = packet_begin(&in);
    write_lenenc(&in, count);
    packet_end(&in, begin, 1);
    for (unsigned i = 0; i < count; i++)
        PUT(&in, (uint8_t)(2 + i), DEFINITION);
    PUT(&in, (uint8_t)(2 + count), "\1x");
    PUT(&in, (uint8_t)(3 + count), TERMINATOR);
    result_open(&parser, RESULT_SHAPE_ROWS, legacy);
    parser.tells_columns = true;
    ck_assert_uint_eq(result_feed(&parser, in.data, in.len, &event), 0);
    ck_assert_int_eq(event.kind, RESULT_EVENT_COLUMNS);
    ck_assert_uint_eq(event.seq, 1);
    size_t at = event.packet_len;
    ck_assert_int_eq(definitions_look(span_of(in.data + at, in.len - at), count, 0, &found), 1);
    result_take_columns(&parser, &event, count, drop);
    at += drop ? found.len : 0;
    uint8_t next = (uint8_t)(2 + (drop ? 0 : count));
    if (legacy) {
        at += result_feed(&parser, in.data + at, in.len - at, &event);
        ck_assert_int_eq(event.kind, RESULT_EVENT_INSERT_EOF);
        ck_assert_uint_eq(event.seq, next++);
    }
    const uint8_t *row = in.data + at; /* or the definitions before it */
    at += result_feed(&parser, in.data + at, in.len - at, &event);
    ck_assert_int_eq(event.kind, RESULT_EVENT_OK);
    if (drop || legacy)
        ck_assert_uint_eq(packet_seq(row), next);
    ck_assert_uint_eq(event.seq, (uint8_t)(next + 1));
    result_take(&parser, &event, in.data + at, 2);
    ck_assert(result_ended(&parser));
    buf_free(&in);
}

START_TEST(numbers_go_on_without_them)
{
    static const unsigned counts[] = {1, 2, 250, 251, 255, 256, 257, 1000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (unsigned way = 0; way < 4; way++)
            check_numbers(counts[i], way & 1, way & 2);
}
END_TEST

START_TEST(the_count_says_whether_they_follow)
{
    struct buf out = {0};
    ck_assert_uint_eq(column_count_build(&out, 1, 2, true), 2);
    ck_assert_mem_eq(out.data, "\2\0\0\1\2\1", 6);
    out.len = 0;
    column_count_build(&out, 7, 300, false);
    ck_assert_uint_eq(out.len, 8);
    ck_assert_mem_eq(out.data, "\4\0\0\7\xfc\x2c\1\0", 8);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions");
    TCase *tcase = tcase_create("definitions");
    tcase_add_test(tcase, every_beginning_asks_for_more);
    tcase_add_test(tcase, what_they_say_counts_and_nothing_else);
    tcase_add_test(tcase, others_are_not_held);
    tcase_add_test(tcase, numbers_go_on_without_them);
    tcase_add_test(tcase, the_count_says_whether_they_follow);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
