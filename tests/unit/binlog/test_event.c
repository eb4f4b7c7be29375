/* Single events, as they come in the packets of a stream: no file around them. */
#include "binlog/event.h"

#include "binlog/decoder.h"
#include "binlog/log_reader.h"
#include "tests/unit/binlog/log_builder.h"
#include "tests/unit/binlog/recorded_logs.h"

#include <check.h>
#include <stdlib.h>

/* The format description that all recorded logs with checksums begin with. */
static struct span xa_format(void)
{
    return span_of(log_xa + 4, 252);
}

static struct decoder *decoder_started(void)
{
    struct decoder *decoder = decoder_new(NULL);
    struct binlog_event event;
    struct binlog_error error;

    ck_assert_int_eq(decoder_event(decoder, xa_format(), 4, &event, &error), 0);
    return decoder;
}

START_TEST(a_format_description_tells_server_and_checksum)
{
    struct decoder *decoder = decoder_started();
    const struct event_format *format = decoder_format(decoder);

    ck_assert_uint_eq(format->checksum, BINLOG_CHECKSUM_CRC32);
    ck_assert(format->is_mariadb);
    ck_assert(!format->in_use);
    ck_assert_int_eq(strncmp(format->server_version, "10.11.", 6), 0);
    ck_assert_uint_eq(format->post_header_bytes[EVENT_QUERY], 13);
    ck_assert_uint_eq(format->post_header_bytes[EVENT_GTID], 19);
    decoder_free(decoder);
}
END_TEST

/* The ROTATE that opens a stream comes before the format description; so does the one that a server
 * makes on going to its next log, which may have another checksum algorithm than this one. */
START_TEST(an_artificial_rotate_is_read_with_and_without_a_checksum)
{
    for (int round = 0; round < 4; round++) {
        struct decoder *decoder = round < 2 ? decoder_new(NULL) : decoder_started();
        struct buf bytes = {0};
        struct binlog_event event;
        struct binlog_error error;

        builder_event_into(&bytes, EVENT_ROTATE, EVENT_FLAG_ARTIFICIAL,
                           span_of("\4\0\0\0\0\0\0\0b.000007", 16), round % 2 == 1);
        ck_assert_int_eq(decoder_event(decoder, buf_span(&bytes), 0, &event, &error), 0);
        ck_assert(span_equal(event.rotate.file, span_text("b.000007")));
        ck_assert_uint_eq(event.rotate.position, 4);
        buf_free(&bytes);
        decoder_free(decoder);
    }
}
END_TEST

/* What the events of a transaction say, read one packet at a time. */
START_TEST(the_events_of_a_stream_are_read_one_by_one)
{
    struct decoder *decoder = decoder_started();
    struct binlog_event event;
    struct binlog_error error;

    ck_assert_int_eq(decoder_event(decoder, span_of(log_xa + 622, 46), 622, &event, &error), 0);
    ck_assert_uint_eq(event.gtid.gtid.seq, 3);
    ck_assert_uint_eq(event.gtid.gtid.server, 1);
    ck_assert_uint_eq(event.gtid.flags & EVENT_GTID_PREPARED_XA, EVENT_GTID_PREPARED_XA);
    ck_assert_uint_eq(event.gtid.xid.format_id, 7);
    ck_assert(span_equal(event.gtid.xid.data, span_text("gb")));
    ck_assert_int_eq(decoder_event(decoder, span_of(log_xa + 831, 38), 831, &event, &error), 0);
    ck_assert(!event.xa_prepare.one_phase);
    ck_assert(span_equal(event.xa_prepare.xid.data, span_text("gb")));
    ck_assert_int_eq(decoder_event(decoder, span_of(log_xa + 1000, 42), 1000, &event, &error), 0);
    ck_assert_uint_eq(event.gtid.gtid.domain, 5);
    ck_assert_uint_eq(event.gtid.flags & EVENT_GTID_STANDALONE, 0);
    ck_assert_int_eq(decoder_event(decoder, span_of(log_xa + 527, 95), 527, &event, &error), 0);
    ck_assert(span_equal(event.query.text, span_text("CREATE TABLE c (a INT)")));
    ck_assert(span_equal(event.query.schema, span_text("t")));
    ck_assert_uint_eq(event.query.status.unknown.len, 0);
    ck_assert(event.query.status.has & EVENT_QUERY_CHARSET);
    ck_assert_uint_eq(event.query.status.charset_client, 45);
    ck_assert_uint_ne(event.query.status.xid, 0);
    decoder_free(decoder);
}
END_TEST

START_TEST(a_wrong_checksum_names_the_event)
{
    struct decoder *decoder = decoder_started();
    struct binlog_event event;
    struct binlog_error error;
    uint8_t bytes[42];

    memcpy(bytes, log_xa + 1000, sizeof(bytes));
    bytes[30] ^= 1;
    ck_assert_int_eq(decoder_event(decoder, span_of(bytes, sizeof(bytes)), 1000, &event, &error),
                     BINLOG_DAMAGED);
    ck_assert_str_eq(error.text, "the checksum of the event (42 bytes) is wrong at byte 1000");
    decoder_free(decoder);
}
END_TEST

static const struct {
    const char *body;
    size_t len;
    uint64_t commit_id;
    uint64_t start_alter;
    uint8_t flags;
    int code;
} gtids[] = {
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x0c\0\0\0\0\0\0", 19, 0, 0, 0x0c, 0},
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x0e\x63\0\0\0\0\0\0\0", 21, 99, 0, 0x0e, 0},
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x29\4\x62\0\0\0\0\0\0\0", 22, 0, 98, 0x29, 0},
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x0e\x63\0\0\0\0\0", 19, 0, 0, 0, BINLOG_DAMAGED},
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x4c\1\0\0\0\x40\x40", 19, 0, 0, 0, BINLOG_DAMAGED},
    {"\x64\0\0\0\0\0\0\0\2\0\0\0\x0c\0\0\0\0\0", 18, 0, 0, 0, BINLOG_DAMAGED},
};

START_TEST(a_gtid_event_is_read_by_its_flags)
{
    struct decoder *decoder = decoder_started();
    struct buf bytes = {0};
    struct binlog_event event;
    struct binlog_error error;

    builder_event_into(&bytes, EVENT_GTID, 0, span_of(gtids[_i].body, gtids[_i].len), true);
    ck_assert_int_eq(decoder_event(decoder, buf_span(&bytes), 0, &event, &error), gtids[_i].code);
    if (gtids[_i].code == 0) {
        ck_assert_uint_eq(event.gtid.gtid.seq, 100);
        ck_assert_uint_eq(event.gtid.gtid.domain, 2);
        ck_assert_uint_eq(event.gtid.gtid.server, 7);
        ck_assert_uint_eq(event.gtid.flags, gtids[_i].flags);
        ck_assert_uint_eq(event.gtid.commit_id, gtids[_i].commit_id);
        ck_assert_uint_eq(event.gtid.start_alter_seq, gtids[_i].start_alter);
    }
    buf_free(&bytes);
    decoder_free(decoder);
}
END_TEST

START_TEST(a_gtid_list_gives_its_entries)
{
    static const uint8_t body[] = {2, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0,
                                   0, 0, 5, 0,    0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0};
    struct decoder *decoder = decoder_started();
    struct buf bytes = {0};
    struct binlog_event event;
    struct binlog_error error;
    struct gtid last;

    builder_event_into(&bytes, EVENT_GTID_LIST, 0, span_of(body, sizeof(body)), true);
    ck_assert_int_eq(decoder_event(decoder, buf_span(&bytes), 0, &event, &error), 0);
    ck_assert_uint_eq(event.gtid_list.count, 2);
    ck_assert_uint_eq(event.gtid_list.flags, 1);
    last = event_gtid_list_at(&event.gtid_list, 1);
    ck_assert_uint_eq(last.domain, 5);
    ck_assert_uint_eq(last.server, 2);
    ck_assert_uint_eq(last.seq, 7);
    buf_free(&bytes);
    decoder_free(decoder);
}
END_TEST

static const struct {
    uint8_t type;
    const char *body;
    size_t len;
    uint64_t position;
} heartbeats[] = {
    {EVENT_HEARTBEAT, "b.000007", 8, 31}, /* the header's: the builder's end of this one event */
    {EVENT_HEARTBEAT_V2,
     "\1\x8"
     "b.000007\2\3\xfc\xe8\3\0",
     16, 1000},
    {EVENT_HEARTBEAT_V2,
     "\1\x8"
     "b.000007\2\x9\xfe\0\0\0\0\2\0\0\0",
     21, UINT64_C(0x200000000)},
};

START_TEST(heartbeats_tell_log_and_position)
{
    struct decoder *decoder = decoder_started();
    struct buf bytes = {0};
    struct binlog_event event;
    struct binlog_error error;

    builder_event_into(&bytes, heartbeats[_i].type, EVENT_FLAG_ARTIFICIAL,
                       span_of(heartbeats[_i].body, heartbeats[_i].len), true);
    ck_assert_int_eq(decoder_event(decoder, buf_span(&bytes), 0, &event, &error), 0);
    ck_assert(span_equal(event.heartbeat.file, span_text("b.000007")));
    ck_assert_uint_eq(event.heartbeat.position, heartbeats[_i].position);
    buf_free(&bytes);
    decoder_free(decoder);
}
END_TEST

START_TEST(a_mysql_gtid_is_read_with_what_its_server_wrote)
{
    static const uint8_t body[] = {
        0,    0,    1,  2,    3,    4, 5,    6,    7,    8, 9, 10, 11, 12,
        13,   14,   15,                               /* flags, uuid */
        6,    0,    0,  0,    0,    0, 0,    0,    2, /* seq, clock */
        1,    0,    0,  0,    0,    0, 0,    0,    2,    0, 0, 0,  0,  0,
        0,    0,                                                          /* committed, sequence */
        0x10, 0,    0,  0,    0,    0, 0x80, 0x20, 0,    0, 0, 0,  0,  0, /* commit times */
        0xfc, 0x37, 2,  0xa2, 0x38, 1, 0x80, 0xa1, 0x38, 1, 0,            /* length, versions */
    };
    static const size_t lengths[] = {25, 42, 56, 59, 67};
    struct decoder *decoder = decoder_new(NULL);

    for (int i = 0; i < 5; i++) {
        struct buf bytes = {0};
        struct binlog_event event;
        struct binlog_error error;

        builder_event_into(&bytes, EVENT_MYSQL_GTID, 0, span_of(body, lengths[i]), false);
        ck_assert_int_eq(decoder_event(decoder, buf_span(&bytes), 0, &event, &error), 0);
        ck_assert_uint_eq(event.mysql_gtid.seq, 6);
        ck_assert_uint_eq(event.mysql_gtid.uuid[15], 15);
        ck_assert_int_eq(event.mysql_gtid.last_committed, i >= 1 ? 1 : 0);
        ck_assert_uint_eq(event.mysql_gtid.immediate_commit_us, i >= 2 ? 16 : 0);
        ck_assert_uint_eq(event.mysql_gtid.original_commit_us, i >= 2 ? 32 : 0);
        ck_assert_uint_eq(event.mysql_gtid.transaction_len_bytes, i >= 3 ? 567 : 0);
        ck_assert_uint_eq(event.mysql_gtid.immediate_server_version, i >= 4 ? 80034 : 0);
        ck_assert_uint_eq(event.mysql_gtid.original_server_version, i >= 4 ? 80033 : 0);
        buf_free(&bytes);
    }
    decoder_free(decoder);
}
END_TEST

/* Statements with all that they need, as the log of statements has it, in order. */
static void statement_append(const struct binlog_event *event, struct buf *out)
{
    if (event->payload == EVENT_PAYLOAD_INTVAR)
        buf_printf(out, "int %u %u\n", event->intvar.type, (unsigned)event->intvar.value);
    if (event->payload == EVENT_PAYLOAD_RAND)
        buf_append_text(out, event->rand.seed1 != 0 && event->rand.seed2 != 0 ? "rand\n" : "?\n");
    if (event->payload == EVENT_PAYLOAD_LOAD_BLOCK)
        buf_printf(out, "block %zu\n", event->load_block.data.len);
    if (event->payload == EVENT_PAYLOAD_QUERY && event->query.is_load)
        buf_printf(out, "load %u %u\n", event->query.load_duplicates,
                   event->query.load_name_end - event->query.load_name_start);
    if (event->payload != EVENT_PAYLOAD_USER_VAR)
        return;
    buf_printf(out, "%.*s ", (int)event->user_var.name.len,
               (const char *)event->user_var.name.data);
    ck_assert_int_eq(event_user_var_text(&event->user_var, out), 0);
    if (event->user_var.type == EVENT_USER_VAR_STRING && !event->user_var.is_null)
        buf_append_span(out, event->user_var.value);
    buf_append_text(out, event->user_var.is_null ? "NULL\n" : "\n");
}

START_TEST(statements_come_with_their_variables)
{
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    struct buf out = {0};

    log_reader_feed(reader, span_of(log_statements, sizeof(log_statements)));
    while (log_reader_next(reader, &event, NULL) > 0)
        statement_append(&event, &out);
    buf_append_u8(&out, 0);
    ck_assert_str_eq((const char *)out.data,
                     "int 2 1\nx s\ni -5\nr 1.50000000000000000e+00\nd 12.5\nn NULL\n"
                     "int 1 1\nint 2 6\nint 2 7\nrand\nblock 17\nload 1 36\n");
    buf_free(&out);
    log_reader_free(reader);
}
END_TEST

START_TEST(status_variables_of_all_kinds_are_read)
{
    static const char body[] = "\x09\0\0\0\1\0\0\0\1\x05\0\x3b\0" /* thread .. lengths */
                               "\0\0\x40\0\0"                     /* flags2 */
                               "\1\2\0\0\0\0\0\0\0"               /* sql_mode */
                               "\6\3std"                          /* catalog */
                               "\3\2\0\1\0"                       /* auto increment */
                               "\5\6SYSTEM"                       /* time zone */
                               "\xb\1u\2%h"                       /* invoker */
                               "\xc\1db\0"                        /* updated databases */
                               "\x80\x40\x42\x0f"                 /* microseconds */
                               "\x81\7\0\0\0\0\0\0\0"             /* xid */
                               "\xc8zz"                           /* not known */
                               "d\0BEGIN";
    struct decoder *decoder = decoder_started();
    struct buf bytes = {0};
    struct binlog_event event;
    struct binlog_error error = {.text = ""};
    const struct event_query_status *status = &event.query.status;

    builder_event_into(&bytes, EVENT_QUERY, 0, span_of(body, sizeof(body) - 1), true);
    ck_assert_msg(decoder_event(decoder, buf_span(&bytes), 0, &event, &error) == 0, "%s",
                  error.text);
    ck_assert_uint_eq(status->flags2, EVENT_OPTION_AUTO_IS_NULL);
    ck_assert_uint_eq(status->sql_mode, 2);
    ck_assert(span_equal(status->catalog, span_text("std")));
    ck_assert_uint_eq(status->auto_increment_increment, 2);
    ck_assert_uint_eq(status->auto_increment_offset, 1);
    ck_assert(span_equal(status->time_zone, span_text("SYSTEM")));
    ck_assert(span_equal(status->invoker_user, span_text("u")));
    ck_assert(span_equal(status->invoker_host, span_text("%h")));
    ck_assert_uint_eq(status->microseconds, 1000000);
    ck_assert_uint_eq(status->xid, 7);
    ck_assert_uint_eq(status->unknown.len, 3);
    ck_assert(span_equal(event.query.text, span_text("BEGIN")));
    ck_assert_uint_eq(event.query.error_code, 5);
    buf_free(&bytes);
    decoder_free(decoder);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("event");
    Suite *suite = suite_create("event");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, a_format_description_tells_server_and_checksum);
    tcase_add_test(cases, an_artificial_rotate_is_read_with_and_without_a_checksum);
    tcase_add_test(cases, the_events_of_a_stream_are_read_one_by_one);
    tcase_add_test(cases, a_wrong_checksum_names_the_event);
    tcase_add_loop_test(cases, a_gtid_event_is_read_by_its_flags, 0,
                        sizeof(gtids) / sizeof(gtids[0]));
    tcase_add_test(cases, a_gtid_list_gives_its_entries);
    tcase_add_loop_test(cases, heartbeats_tell_log_and_position, 0,
                        sizeof(heartbeats) / sizeof(heartbeats[0]));
    tcase_add_test(cases, a_mysql_gtid_is_read_with_what_its_server_wrote);
    tcase_add_test(cases, statements_come_with_their_variables);
    tcase_add_test(cases, status_variables_of_all_kinds_are_read);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
