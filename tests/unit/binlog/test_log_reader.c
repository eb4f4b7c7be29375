/* A log's bytes come out as events; what is cut, damaged or not a log is told with its byte. */
#include "binlog/log_reader.h"

#include "tests/unit/binlog/log_builder.h"
#include "tests/unit/binlog/recorded_logs.h"

#include <check.h>
#include <stdlib.h>

/* Feeds `log` in pieces and appends "name@offset " for each event. The last code; `error` of it. */
static int log_names(struct span log, size_t piece, struct buf *out, struct binlog_error *error)
{
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    int result = 0;

    for (size_t at = 0; at < log.len && result == 0; at += piece) {
        size_t len = log.len - at < piece ? log.len - at : piece;

        log_reader_feed(reader, span_of(log.data + at, len));
        while ((result = log_reader_next(reader, &event, error)) > 0)
            buf_printf(out, "%s@%u ", event_type_name(event.header.type), (unsigned)event.offset);
    }
    if (result == 0)
        result = log_reader_end(reader, error);
    log_reader_free(reader);
    return result;
}

static void names_check(struct span log, size_t piece, const char *expected)
{
    struct buf names = {0};
    struct binlog_error error = {.text = ""};
    int result = log_names(log, piece, &names, &error);

    buf_append_u8(&names, 0);
    ck_assert_msg(result == 0, "%s", error.text);
    ck_assert_str_eq((const char *)names.data, expected);
    buf_free(&names);
}

static const char XA_NAMES[] =
    "Format_desc@4 Gtid_list@256 Binlog_checkpoint@285 Gtid@320 Query@362 Gtid@485 Query@527 "
    "Gtid@622 Table_map@668 Write_rows_v1@709 Query@747 XA_prepare@831 Gtid@869 Query@913 "
    "Gtid@1000 Table_map@1042 Write_rows_v1@1083 Xid@1121 Rotate@1152 ";

START_TEST(a_log_comes_out_as_its_events_whatever_the_pieces)
{
    static const size_t pieces[] = {1, 7, 19, 512, 100000};

    names_check(span_of(log_xa, sizeof(log_xa)), pieces[_i], XA_NAMES);
}
END_TEST

/* Not one of its prefixes is taken for damage, and each tells where it ends. */
START_TEST(a_cut_log_is_truncated_at_its_last_byte_and_not_damaged)
{
    unsigned whole = 0;

    for (size_t len = 0; len < sizeof(log_xa); len++) {
        struct buf names = {0};
        struct binlog_error error = {.code = 0};
        int result = log_names(span_of(log_xa, len), 4096, &names, &error);

        if (result == 0) {
            whole++;
        } else {
            ck_assert_int_eq(result, BINLOG_TRUNCATED);
            ck_assert_uint_eq(error.offset, len);
            ck_assert_ptr_nonnull(strstr(error.text, "truncated at byte"));
        }
        buf_free(&names);
    }
    ck_assert_uint_eq(whole, 19); /* behind the magic, and behind each event but the last */
}
END_TEST

START_TEST(a_flipped_bit_anywhere_in_a_log_with_checksums_is_told)
{
    uint8_t copy[sizeof(log_xa)];

    for (size_t at = 0; at < sizeof(log_xa); at++) {
        struct buf names = {0};
        struct binlog_error error = {.code = 0};

        memcpy(copy, log_xa, sizeof(copy));
        copy[at] ^= 0x10;
        ck_assert_msg(log_names(span_of(copy, sizeof(copy)), 4096, &names, &error) < 0, "byte %zu",
                      at);
        /* The event that it is in; the format description, which tells of its own checksum, is
         * judged by its fields, too. */
        ck_assert_uint_le(error.offset, at < 256 ? 256 : at);
        buf_free(&names);
    }
}
END_TEST

/* Only the length and the end position protect a log without checksums. */
START_TEST(a_wrong_length_in_a_log_without_checksums_is_told_at_its_event)
{
    uint8_t copy[sizeof(log_numbers)];
    struct buf names = {0};
    struct binlog_error error = {.code = 0};

    memcpy(copy, log_numbers, sizeof(copy));
    copy[256 + 9]++; /* the length of the GTID list at 256 */
    ck_assert_int_eq(log_names(span_of(copy, sizeof(copy)), 4096, &names, &error), BINLOG_DAMAGED);
    ck_assert_uint_eq(error.offset, 256);
    ck_assert_str_eq(error.text, "length (26) and end position (281) of an event don't fit at "
                                 "byte 256");
    buf_free(&names);
}
END_TEST

static const struct {
    const char *what;
    const char *bytes;
    size_t len;
    int code;
} not_logs[] = {
    {"text", "#!/bin/sh", 9, BINLOG_DAMAGED},
    {"MySQL's encrypted log",
     "\xfd"
     "bin....",
     8, BINLOG_UNSUPPORTED},
    {"nothing", "", 0, BINLOG_TRUNCATED},
    {"half a magic",
     "\xfe"
     "b",
     2, BINLOG_TRUNCATED},
};

START_TEST(what_is_not_a_log_is_refused)
{
    struct buf names = {0};
    struct binlog_error error = {.code = 0};
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    int result;

    log_reader_feed(reader, span_of(not_logs[_i].bytes, not_logs[_i].len));
    result = log_reader_next(reader, &event, &error);
    if (result == 0)
        result = log_reader_end(reader, &error);
    ck_assert_int_eq(result, not_logs[_i].code);
    ck_assert_int_eq(error.code, not_logs[_i].code);
    log_reader_free(reader);
    buf_free(&names);
}
END_TEST

START_TEST(zeros_behind_the_last_event_are_padding_and_anything_behind_them_is_damage)
{
    struct log_builder log = {.checksum = false};
    struct binlog_error error = {.code = 0};
    struct buf names = {0};
    size_t end;

    builder_start(&log, 0, "8.0.34");
    builder_event(&log, EVENT_STOP, 0, span_of("", 0));
    end = log.bytes.len;
    for (size_t zeros = 0; zeros < 45; zeros++) {
        names.len = 0;
        ck_assert_int_eq(log_names(builder_span(&log), 11, &names, &error), 0);
        buf_append_u8(&log.bytes, 0);
    }
    buf_append_u8(&log.bytes, 'x');
    ck_assert_int_eq(log_names(builder_span(&log), 11, &names, &error), BINLOG_DAMAGED);
    ck_assert_uint_eq(error.offset, end + 45);
    buf_free(&names);
    buf_free(&log.bytes);
}
END_TEST

START_TEST(a_log_being_written_is_known_and_reading_goes_on_where_it_ended)
{
    struct log_builder log = {.checksum = true};
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    struct binlog_error error;
    uint8_t xid[8] = {5};
    size_t cut;

    builder_start(&log, 0, "8.0.34");
    log.bytes.data[4 + 17] |= EVENT_FLAG_IN_USE; /* set behind the checksum's back */
    cut = log.bytes.len + 10;
    builder_event(&log, EVENT_XID, 0, span_of(xid, sizeof(xid)));
    log_reader_feed(reader, span_of(log.bytes.data, cut));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 1);
    ck_assert(log_reader_in_use(reader));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 0);
    ck_assert_int_eq(log_reader_end(reader, &error), BINLOG_TRUNCATED);
    ck_assert_uint_eq(error.offset, cut);
    log_reader_feed(reader, span_of(log.bytes.data + cut, log.bytes.len - cut));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 1);
    ck_assert_int_eq(event.xid.xid, 5);
    ck_assert_int_eq(log_reader_end(reader, &error), 0);
    ck_assert_uint_eq(log_reader_position(reader), log.bytes.len);
    log_reader_free(reader);
    buf_free(&log.bytes);
}
END_TEST

START_TEST(a_reader_may_begin_at_a_later_event)
{
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    struct binlog_error error;

    log_reader_feed(reader, span_of(log_xa, 300));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 1);
    log_reader_seek(reader, 1000);
    log_reader_feed(reader, span_of(log_xa + 1000, sizeof(log_xa) - 1000));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 1);
    ck_assert_uint_eq(event.offset, 1000);
    ck_assert_uint_eq(event.gtid.gtid.domain, 5);
    log_reader_free(reader);
}
END_TEST

static const struct {
    uint8_t type;
    uint16_t flags;
    const char *body;
    size_t len;
    int code;
} odd_events[] = {
    {200, 0, "abc", 3, BINLOG_UNSUPPORTED},
    {200, EVENT_FLAG_IGNORABLE, "abc", 3, 0},
    {0, 0, "", 0, BINLOG_UNSUPPORTED},
    {EVENT_START_ENCRYPTION, 0, "\1\1\0\0\0nonce4567890", 17, BINLOG_UNSUPPORTED},
    {EVENT_MYSQL_GTID_TAGGED, 0, "abc", 3, BINLOG_UNSUPPORTED},
    {EVENT_XID, 0, "1234567", 7, BINLOG_DAMAGED},
    {EVENT_INCIDENT, 0, "\1\0\4lost", 7, 0},
    {EVENT_TRANSACTION_PAYLOAD, 0, "\2\3\xfc\x01\x00\0", 6, BINLOG_UNSUPPORTED},
    {EVENT_TRANSACTION_PAYLOAD, 0, "\2\3\xfc\xff\x00\0\x01", 7, BINLOG_DAMAGED},
    {EVENT_TRANSACTION_PAYLOAD, 0, "\2\1\0\0zstd?", 9, BINLOG_DAMAGED},
    {EVENT_GTID_LIST, 0, "\xff\xff\xff\x0f", 4, BINLOG_DAMAGED},
    {EVENT_WRITE_ROWS, 0, "\1\0\0\0\0\0\1\0\2\0\1\1\0", 13, BINLOG_DAMAGED},
    {EVENT_WRITE_ROWS, 0, "\xff\xff\xff\0\0\0\1\0\2\0\0", 11, 0},
};

START_TEST(events_that_cannot_be_read_are_refused_at_their_byte)
{
    struct log_builder log = {.checksum = true};
    struct binlog_error error = {.code = 0};
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    size_t start;
    int result;

    builder_start(&log, 0, "8.0.34");
    start = log.bytes.len;
    builder_event(&log, odd_events[_i].type, odd_events[_i].flags,
                  span_of(odd_events[_i].body, odd_events[_i].len));
    log_reader_feed(reader, builder_span(&log));
    ck_assert_int_eq(log_reader_next(reader, &event, &error), 1);
    result = log_reader_next(reader, &event, &error);
    if (result > 0) /* what is wrong with a payload may show inside it only */
        result = log_reader_next(reader, &event, &error);
    ck_assert_int_eq(result, odd_events[_i].code);
    if (result < 0) {
        ck_assert_uint_ge(error.offset, start);
        ck_assert_uint_le(error.offset, log.bytes.len);
        ck_assert_int_eq(log_reader_next(reader, &event, &error), odd_events[_i].code);
    }
    log_reader_free(reader);
    buf_free(&log.bytes);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("log_reader");
    Suite *suite = suite_create("log_reader");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, a_log_comes_out_as_its_events_whatever_the_pieces, 0, 5);
    tcase_add_test(cases, a_cut_log_is_truncated_at_its_last_byte_and_not_damaged);
    tcase_add_test(cases, a_flipped_bit_anywhere_in_a_log_with_checksums_is_told);
    tcase_add_test(cases, a_wrong_length_in_a_log_without_checksums_is_told_at_its_event);
    tcase_add_loop_test(cases, what_is_not_a_log_is_refused, 0,
                        sizeof(not_logs) / sizeof(not_logs[0]));
    tcase_add_test(cases,
                   zeros_behind_the_last_event_are_padding_and_anything_behind_them_is_damage);
    tcase_add_test(cases, a_log_being_written_is_known_and_reading_goes_on_where_it_ended);
    tcase_add_test(cases, a_reader_may_begin_at_a_later_event);
    tcase_add_loop_test(cases, events_that_cannot_be_read_are_refused_at_their_byte, 0,
                        sizeof(odd_events) / sizeof(odd_events[0]));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
