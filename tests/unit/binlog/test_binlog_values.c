/* Decimals, times, binary JSON and compressed parts, each by itself. */
#include "binlog/decimal.h"
#include "binlog/decompress.h"
#include "binlog/json_binary.h"
#include "binlog/temporal.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* --- decimal --- */

static const struct {
    unsigned precision;
    unsigned scale;
    const char *bytes;
    size_t len;
    const char *text;
} decimals[] = {
    {10, 2, "\x80\xbc\x61\x4e\x5a", 5, "12345678.90"},
    {10, 2, "\x7f\x43\x9e\xb1\xa5", 5, "-12345678.90"},
    {4, 2, "\x80\x00", 2, "0.00"},
    {4, 2, "\x7f\xfa", 2, "-0.05"},
    {9, 9, "\x87\x5b\xcd\x15", 4, "0.123456789"},
    {14, 4, "\x81\x0d\xfb\x38\xd2\x04\xd2", 7, "1234567890.1234"},
    {5, 0, "\x80\x00\x05", 3, "5"},
    {4, 2, "\xe4\x00", 2, ""},         /* 100 in two digits */
    {9, 0, "\xff\xff\xff\xff", 4, ""}, /* more than nine digits */
};

START_TEST(decimals_print_as_they_were_stored)
{
    char text[DECIMAL_TEXT_MAX] = "";

    ck_assert_uint_eq(decimal_bytes(decimals[_i].precision, decimals[_i].scale), decimals[_i].len);
    ck_assert_uint_eq(decimal_print((const uint8_t *)decimals[_i].bytes, decimals[_i].precision,
                                    decimals[_i].scale, text),
                      strlen(decimals[_i].text));
    if (decimals[_i].text[0] != '\0')
        ck_assert_str_eq(text, decimals[_i].text);
}
END_TEST

START_TEST(there_is_no_decimal_of_impossible_size)
{
    ck_assert_uint_eq(decimal_bytes(0, 0), 0);
    ck_assert_uint_eq(decimal_bytes(66, 0), 0);
    ck_assert_uint_eq(decimal_bytes(5, 6), 0);
    ck_assert_uint_eq(decimal_bytes(65, 39), 0);
    ck_assert_uint_eq(decimal_bytes(65, 38), 12 + 17);
}
END_TEST

/* --- times --- */

static bool date_read(const uint8_t *bytes, unsigned decimals_count, struct temporal *out)
{
    (void)decimals_count;
    return temporal_date(bytes, out);
}

static bool time_old_read(const uint8_t *bytes, unsigned decimals_count, struct temporal *out)
{
    (void)decimals_count;
    return temporal_time_old(bytes, out);
}

static bool datetime_old_read(const uint8_t *bytes, unsigned decimals_count, struct temporal *out)
{
    (void)decimals_count;
    return temporal_datetime_old(bytes, out);
}

static const struct {
    bool (*read)(const uint8_t *, unsigned, struct temporal *);
    size_t (*print)(const struct temporal *, char[TEMPORAL_TEXT_MAX]);
    unsigned decimals;
    const char *bytes;
    const char *text; /* NULL: out of range */
} times[] = {
    {date_read, temporal_print_date, 0, "\x76\xd5\x0f", "2026-11-22"},
    {date_read, temporal_print_date, 0, "\0\0\0", "0000-00-00"},
    {date_read, temporal_print_date, 0, "\xb6\xd5\x0f", NULL}, /* month 13 */
    {temporal_time2, temporal_print_time, 0, "\x80\xc8\xb8", "12:34:56"},
    {temporal_time2, temporal_print_time, 0, "\x4b\x91\x05", "-838:59:59"},
    {temporal_time2, temporal_print_time, 3, "\x7f\xff\xff\xfb\x32", "-00:00:00.123"},
    {temporal_time2, temporal_print_time, 1, "\x80\xc8\xb8\x46", "12:34:56.7"},
    {temporal_time2, temporal_print_time, 6, "\x80\xc8\xb8\x0c\x0a\x14", "12:34:56.789012"},
    {temporal_time2, temporal_print_time, 0, "\x80\xcf\x38", NULL}, /* minute 60 */
    {temporal_time2, temporal_print_time, 6, "\x80\xc8\xb8\xff\xff\xff", NULL},
    {temporal_datetime2, temporal_print_datetime, 0, "\x99\xbb\x6c\xa2\xcc", "2026-11-22 10:11:12"},
    {temporal_datetime2, temporal_print_datetime, 2, "\x99\xbb\x6c\xa2\xcc\x22",
     "2026-11-22 10:11:12.34"},
    {temporal_datetime2, temporal_print_datetime, 0, "\x80\0\0\0\0", "0000-00-00 00:00:00"},
    {temporal_datetime2, temporal_print_datetime, 0, "\x7f\xff\xff\xff\xff", NULL},
    {temporal_timestamp2, temporal_print_epoch, 4, "\x65\x53\xf1\x00\x04\xd2", "1700000000.1234"},
    {temporal_timestamp2, temporal_print_utc, 4, "\x65\x53\xf1\x00\x04\xd2",
     "2023-11-14 22:13:20.1234"},
    {temporal_timestamp2, temporal_print_utc, 0, "\0\0\0\0", "0000-00-00 00:00:00"},
    {time_old_read, temporal_print_time, 0, "\x40\xe2\x01", "12:34:56"},
    {time_old_read, temporal_print_time, 0, "\xc0\x1d\xfe", "-12:34:56"},
    {datetime_old_read, temporal_print_datetime, 0, "\x78\x4f\xfc\x68\x6d\x12\x00\x00",
     "2026-11-22 10:11:12"},
    {datetime_old_read, temporal_print_datetime, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", NULL},
};

START_TEST(times_print_as_they_were_stored_or_are_refused)
{
    struct temporal temporal;
    char text[TEMPORAL_TEXT_MAX];
    bool is_right = times[_i].read((const uint8_t *)times[_i].bytes, times[_i].decimals, &temporal);

    ck_assert_int_eq(is_right, times[_i].text != NULL);
    if (is_right) {
        ck_assert_uint_eq(times[_i].print(&temporal, text), strlen(times[_i].text));
        ck_assert_str_eq(text, times[_i].text);
    }
}
END_TEST

/* --- JSON --- */

static const struct {
    const char *bytes;
    size_t size; /* with the literal's NUL */
    const char *text;
} documents[] = {
    {"", 1, "null"},
    {"\4\0", 3, "null"},
    {"\4\1", 3, "true"},
    {"\4\2", 3, "false"},
    {"\4\3", 3, NULL},
    {"\5\xfe\xff", 4, "-2"},
    {"\6\xfe\xff", 4, "65534"},
    {"\7\0\0\0\x80", 6, "-2147483648"},
    {"\x8\xff\xff\xff\xff", 6, "4294967295"},
    {"\x9\0\0\0\0\0\0\0\x80", 10, "-9223372036854775808"},
    {"\xa\xff\xff\xff\xff\xff\xff\xff\xff", 10, "18446744073709551615"},
    {"\xb\0\0\0\0\0\0\xf8\x3f", 10, "1.5"},
    {"\xb\0\0\0\0\0\0\xf0\x3f", 10, "1.0"},
    {"\xb\0\0\0\0\0\0\xf0\x7f", 10, NULL}, /* infinite */
    {"\xc\3a\"\n", 6, "\"a\\\"\\n\""},
    {"\xc\2\x01\\", 5, "\"\\u0001\\\\\""},
    {"\xc\4abc", 6, NULL}, /* cut */
    {"\xc\x80\x80\x80\x80\x80", 7, NULL},
    {"\xf\xf6\4\3\1\x8c\5", 8, "12.5"},
    {"\xf\xb\x8\0\0\0\xb8\xc8\0\0\0", 12, "\"12:34:56.000000\""},
    {"\xf\xc\x8\x22\x00\x00\xcc\xa2\x6c\xbb\x19", 12, "\"2026-11-22 10:11:12.000034\""},
    {"\xf\xa\x8\x00\x00\x00\x00\x00\x6c\xbb\x19", 12, "\"2026-11-22\""},
    {"\xf\xf\3abc", 7, "\"base64:type15:YWJj\""},
    {"\xf\xf\4abcd", 8, "\"base64:type15:YWJjZA==\""},
    {"\0\0\0\4\0", 6, "{}"},
    {"\2\0\0\4\0", 6, "[]"},
    {"\2\2\0\xe\0\5\1\0\xc\xa\0\3two", 16, "[1, \"two\"]"},
    {"\0\1\0\xc\0\xb\0\1\0\5\1\0a", 14, "{\"a\": 1}"},
    /* {"a": [true]} */
    {"\0\1\0\x13\0\xb\0\1\0\2\xc\0a\1\0\7\0\4\1\0", 21, "{\"a\": [true]}"},
    /* the same, large: offsets of four bytes, int32 in place */
    {"\3\1\0\0\0\xd\0\0\0\7\x0\0\1\0", 15, "[65536]"},
    {"\2\1\0\7\0\2\0\0", 9, NULL},             /* an array that holds itself */
    {"\2\1\0\7\0\xc\7\0", 9, NULL},            /* behind its end */
    {"\2\xff\xff\7\0\4\0\0", 9, NULL},         /* more members than bytes */
    {"\0\1\0\xc\0\xb\0\2\0\5\1\0a", 14, NULL}, /* a key that is cut */
    {"\x77", 2, NULL},
};

START_TEST(json_prints_as_text_or_is_refused)
{
    struct buf out = {0};
    int result = json_binary_print(span_of(documents[_i].bytes, documents[_i].size - 1), &out);

    ck_assert_int_eq(result, documents[_i].text != NULL ? 0 : -EBADMSG);
    buf_append_u8(&out, 0);
    if (documents[_i].text != NULL)
        ck_assert_str_eq((const char *)out.data, documents[_i].text);
    buf_free(&out);
}
END_TEST

/* Each level holds the next one twice: were all of it printed, it would be 2^60 members. */
START_TEST(json_that_refers_to_one_thing_many_times_does_not_grow)
{
    struct buf json = {0};
    struct buf out = {0};

    enum { LEVELS = 60, LEVEL_BYTES = 10 };
    buf_append_u8(&json, 2);
    for (int level = 0; level < LEVELS; level++) {
        buf_append_u16(&json, 2);
        buf_append_u16(&json, (uint16_t)((LEVELS - level) * LEVEL_BYTES + 4));
        for (int member = 0; member < 2; member++) {
            buf_append_u8(&json, 2);
            buf_append_u16(&json, LEVEL_BYTES);
        }
    }
    buf_append_u16(&json, 0);
    buf_append_u16(&json, 4);
    ck_assert_int_eq(json_binary_print(buf_span(&json), &out), -EBADMSG);
    ck_assert_uint_lt(out.len, 10000);
    buf_free(&json);
    buf_free(&out);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    const char *text;
} diffs[] = {
    {"", 1, "@1"},
    {"\0\3$.a\3\5\2\0", 10, "JSON_REPLACE(@1, '$.a', CAST('2' AS JSON))"},
    {"\1\3$.a\3\xc\1'", 10, "JSON_INSERT(@1, '$.a', CAST('\"''\"' AS JSON))"},
    {"\1\4$[0]\2\4\1", 10, "JSON_ARRAY_INSERT(@1, '$[0]', CAST('true' AS JSON))"},
    {"\2\3$.a\2\3$.b", 11, "JSON_REMOVE(JSON_REMOVE(@1, '$.a'), '$.b')"},
    {"\3\3$.a", 6, NULL},
    {"\2\5$.a", 6, NULL},
    {"\0\3$.a\3\5\2", 9, NULL},
};

START_TEST(differences_print_as_functions)
{
    struct buf out = {0};
    int result =
        json_diff_print(span_of(diffs[_i].bytes, diffs[_i].size - 1), span_text("@1"), &out);

    ck_assert_int_eq(result, diffs[_i].text != NULL ? 0 : -EBADMSG);
    buf_append_u8(&out, 0);
    if (diffs[_i].text != NULL)
        ck_assert_str_eq((const char *)out.data, diffs[_i].text);
    buf_free(&out);
}
END_TEST

/* --- compression --- */

enum { PLAIN_BYTES = 5 << 20 };

/* A large plain text of one letter: packed it is small, a bomb to who trusts it. */
static struct span bomb_zlib(uint8_t *packed, size_t size)
{
    uint8_t *plain = calloc(1, PLAIN_BYTES);
    uLongf len = size;

    ck_assert_int_eq(compress(packed, &len, plain, PLAIN_BYTES), Z_OK);
    free(plain);
    return span_of(packed, len);
}

START_TEST(what_inflates_beyond_the_limit_is_refused_early)
{
    uint8_t packed[16384];
    struct span bomb = bomb_zlib(packed, sizeof(packed));
    struct buf out = {0};

    ck_assert_int_eq(decompress_zlib(bomb, 10000, &out), -E2BIG);
    ck_assert_uint_lt(out.cap, 65536);
    out.len = 0;
    ck_assert_int_eq(decompress_zlib(bomb, PLAIN_BYTES - 1, &out), -E2BIG);
    out.len = 0;
    ck_assert_int_eq(decompress_zlib(bomb, PLAIN_BYTES, &out), 0);
    ck_assert_uint_eq(out.len, PLAIN_BYTES);
    out.len = 0;
    ck_assert_int_eq(decompress_zlib(span_of(bomb.data, bomb.len - 1), PLAIN_BYTES, &out),
                     -EBADMSG);
    buf_free(&out);
}
END_TEST

START_TEST(zstd_is_bounded_and_must_be_whole)
{
    uint8_t packed[16384];
    uint8_t *plain = calloc(1, PLAIN_BYTES);
    size_t len = ZSTD_compress(packed, sizeof(packed), plain, PLAIN_BYTES, 1);
    struct buf out = {0};

    ck_assert_int_eq(decompress_zstd(span_of(packed, len), PLAIN_BYTES, &out), 0);
    ck_assert_uint_eq(out.len, PLAIN_BYTES);
    out.len = 0;
    ck_assert_int_eq(decompress_zstd(span_of(packed, len), PLAIN_BYTES - 1, &out), -E2BIG);
    out.len = 0;
    ck_assert_int_eq(decompress_zstd(span_of(packed, len - 1), PLAIN_BYTES, &out), -EBADMSG);
    ck_assert_int_eq(decompress_zstd(span_of("none", 4), PLAIN_BYTES, &out), -EBADMSG);
    buf_free(&out);
    free(plain);
}
END_TEST

START_TEST(an_event_part_must_hold_what_it_says)
{
    uint8_t part[64] = {0x82, 0, 5};
    uLongf len = sizeof(part) - 3;
    struct buf out = {0};

    ck_assert_int_eq(compress(part + 3, &len, (const uint8_t *)"hello", 5), Z_OK);
    ck_assert_int_eq(decompress_event_part(span_of(part, len + 3), 100, &out), 0);
    ck_assert(span_equal(buf_span(&out), span_text("hello")));
    ck_assert_int_eq(decompress_event_part(span_of(part, len + 3), 4, &out), -E2BIG);
    for (uint8_t claimed = 4; claimed <= 6; claimed += 2) {
        part[2] = claimed;
        ck_assert_int_eq(decompress_event_part(span_of(part, len + 3), 100, &out), -EBADMSG);
    }
    part[2] = 5;
    part[0] = 0x92; /* another algorithm */
    ck_assert_int_eq(decompress_event_part(span_of(part, len + 3), 100, &out), -EBADMSG);
    ck_assert_int_eq(decompress_event_part(span_of(part, 2), 100, &out), -EBADMSG);
    buf_free(&out);
}
END_TEST

START_TEST(a_compressed_column_is_plain_empty_or_deflated)
{
    struct buf out = {0};

    ck_assert_int_eq(decompress_column(span_of("", 0), 100, &out), 0);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_int_eq(decompress_column(span_of("\0plain", 6), 100, &out), 0);
    ck_assert(span_equal(buf_span(&out), span_text("plain")));
    ck_assert_int_eq(decompress_column(span_of("\0plain", 6), 4, &out), -E2BIG);
    ck_assert_int_eq(decompress_column(span_of("\x11plain", 6), 100, &out), -EBADMSG);
    out.len = 0; /* raw deflate, plain length 5 in one byte */
    ck_assert_int_eq(decompress_column(span_of("\x89\5\1\5\0\xfa\xffhello", 12), 100, &out), 0);
    ck_assert(span_equal(buf_span(&out), span_text("hello")));
    buf_free(&out);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("binlog_values");
    Suite *suite = suite_create("binlog_values");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, decimals_print_as_they_were_stored, 0, COUNT(decimals));
    tcase_add_test(cases, there_is_no_decimal_of_impossible_size);
    tcase_add_loop_test(cases, times_print_as_they_were_stored_or_are_refused, 0, COUNT(times));
    tcase_add_loop_test(cases, json_prints_as_text_or_is_refused, 0, COUNT(documents));
    tcase_add_test(cases, json_that_refers_to_one_thing_many_times_does_not_grow);
    tcase_add_loop_test(cases, differences_print_as_functions, 0, COUNT(diffs));
    tcase_add_test(cases, what_inflates_beyond_the_limit_is_refused_early);
    tcase_add_test(cases, zstd_is_bounded_and_must_be_whole);
    tcase_add_test(cases, an_event_part_must_hold_what_it_says);
    tcase_add_test(cases, a_compressed_column_is_plain_empty_or_deflated);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
