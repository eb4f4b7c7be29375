/* Framing and the basic types: what is written is read back, and no reader passes its end. */
#include "proxy/proto/packet.h"

#include <check.h>
#include <stdlib.h>

static const struct lenenc_case {
    uint64_t value;
    size_t len;
    uint8_t bytes[9];
} lenenc_cases[] = {
    {0, 1, {0}},
    {0xfa, 1, {0xfa}},
    {0xfb, 3, {0xfc, 0xfb, 0}},
    {0xff, 3, {0xfc, 0xff, 0}},
    {0xffff, 3, {0xfc, 0xff, 0xff}},
    {0x10000, 4, {0xfd, 0, 0, 1}},
    {0xffffff, 4, {0xfd, 0xff, 0xff, 0xff}},
    {0x1000000, 9, {0xfe, 0, 0, 0, 1, 0, 0, 0, 0}},
    {UINT64_MAX, 9, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
};

START_TEST(a_length_encoded_integer_is_written_in_its_shortest_form_and_read_back)
{
    const struct lenenc_case *c = &lenenc_cases[_i];
    struct buf out = {0};
    write_lenenc(&out, c->value);
    ck_assert_uint_eq(out.len, c->len);
    ck_assert_mem_eq(out.data, c->bytes, c->len);
    struct reader reader = reader_of(buf_span(&out));
    ck_assert_uint_eq(read_lenenc(&reader), c->value);
    ck_assert(!reader.bad && reader_left(&reader) == 0);
    for (size_t cut = 0; cut < c->len; cut++) {
        reader = reader_of(span_of(out.data, cut));
        ck_assert_uint_eq(read_lenenc(&reader), 0);
        ck_assert(reader.bad);
    }
    buf_free(&out);
}
END_TEST

START_TEST(null_and_the_error_mark_are_no_length)
{
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[] = {i ? 0xff : 0xfb, 1, 2, 3};
        struct reader reader = reader_of(span_of(bytes, sizeof bytes));
        ck_assert_uint_eq(read_lenenc(&reader), 0);
        ck_assert(reader.bad);
        ck_assert_uint_eq(reader_left(&reader), 0);
    }
}
END_TEST

START_TEST(every_fixed_type_is_little_endian)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    struct reader reader = reader_of(span_of(bytes, sizeof bytes));
    ck_assert_uint_eq(read_u8(&reader), 1);
    ck_assert_uint_eq(read_u16(&reader), 0x0302);
    ck_assert_uint_eq(read_u24(&reader), 0x060504);
    ck_assert_uint_eq(read_u32(&reader), 0x0a090807);
    ck_assert_uint_eq(read_u64(&reader), UINT64_C(0x1211100f0e0d0c0b));
    ck_assert(!reader.bad);
}
END_TEST

START_TEST(after_a_read_beyond_the_end_all_later_ones_are_empty)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct reader reader = reader_of(span_of(bytes, sizeof bytes));
    ck_assert_uint_eq(read_u32(&reader), 0);
    ck_assert(reader.bad);
    ck_assert_uint_eq(read_u8(&reader), 0);
    ck_assert_uint_eq(read_u64(&reader), 0);
    ck_assert_uint_eq(read_lenenc(&reader), 0);
    ck_assert_uint_eq(read_lenenc_span(&reader).len, 0);
    ck_assert_uint_eq(read_nul_span(&reader).len, 0);
    ck_assert_uint_eq(read_rest(&reader).len, 0);
    ck_assert(reader.bad);
}
END_TEST

START_TEST(a_span_longer_than_what_is_left_is_bad)
{
    static const struct {
        size_t len;
        uint8_t bytes[10];
    } cases[] = {
        {3, {3, 'a', 'b'}},
        {4, {0xfc, 1, 1, 'a'}},
        {9, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {10, {0xfe, 2, 0, 0, 0, 0, 0, 0, 0, 'a'}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader reader = reader_of(span_of(cases[i].bytes, cases[i].len));
        ck_assert_uint_eq(read_lenenc_span(&reader).len, 0);
        ck_assert(reader.bad);
    }
}
END_TEST

START_TEST(text_ends_at_its_nul)
{
    struct reader reader = reader_of(span_of("ab\0\0cd", 6));
    ck_assert(span_equal(read_nul_span(&reader), span_text("ab")));
    ck_assert_uint_eq(read_nul_span(&reader).len, 0);
    ck_assert(!reader.bad);
    ck_assert_uint_eq(reader_left(&reader), 2);
    ck_assert_uint_eq(read_nul_span(&reader).len, 0);
    ck_assert(reader.bad);
}
END_TEST

START_TEST(an_empty_reader_is_at_its_end_and_not_bad)
{
    struct reader reader = reader_of((struct span){0});
    ck_assert_uint_eq(reader_left(&reader), 0);
    ck_assert_uint_eq(read_rest(&reader).len, 0);
    ck_assert(!reader.bad);
    read_u8(&reader);
    ck_assert(reader.bad);
}
END_TEST

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

/* Payloads around the limit: headers, sequence numbers and every byte of the payload. */
START_TEST(a_long_payload_is_split_and_an_exact_one_gets_an_empty_packet_behind_it)
{
    static const size_t lens[] = {
        0,
        1,
        PACKET_PAYLOAD_MAX - 1,
        PACKET_PAYLOAD_MAX,
        PACKET_PAYLOAD_MAX + 1,
        2 * (size_t)PACKET_PAYLOAD_MAX,
        2 * (size_t)PACKET_PAYLOAD_MAX + 7,
    };
    size_t len = lens[_i];
    struct buf out = {0};
    buf_append_text(&out, "before");
    size_t begin = packet_begin(&out);
    uint8_t *payload = buf_reserve(&out, len + 1);
    for (size_t i = 0; i < len; i++)
        payload[i] = pattern(i);
    out.len += len;
    uint8_t next = packet_end(&out, begin, 254);

    ck_assert_mem_eq(out.data, "before", 6);
    size_t seen = 0;
    size_t at = begin;
    uint8_t seq = 254;
    uint32_t packet_len = PACKET_PAYLOAD_MAX;
    while (packet_len == PACKET_PAYLOAD_MAX) {
        ck_assert_uint_le(at + PACKET_HEADER_BYTES, out.len);
        packet_len = packet_payload_len(out.data + at);
        ck_assert_uint_eq(packet_seq(out.data + at), seq++);
        at += PACKET_HEADER_BYTES;
        bool same = true;
        for (size_t i = 0; i < packet_len; i++)
            same = same && out.data[at + i] == pattern(seen + i);
        ck_assert(same);
        seen += packet_len;
        at += packet_len;
    }
    ck_assert_uint_eq(at, out.len);
    ck_assert_uint_eq(seen, len);
    ck_assert_uint_eq(next, seq);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests,
                        a_length_encoded_integer_is_written_in_its_shortest_form_and_read_back, 0,
                        sizeof lenenc_cases / sizeof lenenc_cases[0]);
    tcase_add_test(tests, null_and_the_error_mark_are_no_length);
    tcase_add_test(tests, every_fixed_type_is_little_endian);
    tcase_add_test(tests, after_a_read_beyond_the_end_all_later_ones_are_empty);
    tcase_add_test(tests, a_span_longer_than_what_is_left_is_bad);
    tcase_add_test(tests, text_ends_at_its_nul);
    tcase_add_test(tests, an_empty_reader_is_at_its_end_and_not_bad);
    tcase_add_loop_test(
        tests, a_long_payload_is_split_and_an_exact_one_gets_an_empty_packet_behind_it, 0, 7);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
