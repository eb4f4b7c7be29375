/* OK, ERR and EOF packets: bytes of a real server are understood, and built again for each kind of
 * client. */
#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES(text) span_of(text, sizeof text - 1)

/* INSERT of one row with a generated id and a GTID tracked: affected 1, id 42, no info. */
#define OK_GTID                                                                                    \
    "\x00\x01\x2a\x02\x40\x03\x00\x00\x13\x00\x11\x09last_gtid\x06"                                \
    "0-1-10"
/* The same state on the terminator of a result set. */
#define EOF_GTID                                                                                   \
    "\xfe\x00\x00\x2a\x40\x02\x00\x00\x13\x00\x11\x09last_gtid\x06"                                \
    "0-1-10"

START_TEST(an_ok_with_session_state_is_read)
{
    struct ok_reply ok;
    ck_assert_int_eq(ok_parse(BYTES(OK_GTID), &ok), 0);
    ck_assert_uint_eq(ok.header, 0);
    ck_assert_uint_eq(ok.affected_rows, 1);
    ck_assert_uint_eq(ok.insert_id, 42);
    ck_assert_uint_eq(ok.status, SERVER_STATUS_AUTOCOMMIT | SERVER_SESSION_STATE_CHANGED);
    ck_assert_uint_eq(ok.warnings, 3);
    ck_assert_uint_eq(ok.info.len, 0);
    ck_assert(span_equal(ok.state, BYTES("\x00\x11\x09last_gtid\x06"
                                         "0-1-10")));
}
END_TEST

START_TEST(an_ok_with_info_is_read)
{
    struct ok_reply ok;
    ck_assert_int_eq(ok_parse(BYTES("\x00\xfc\x2c\x01\x00\x02\x00\x00\x00\x04info"), &ok), 0);
    ck_assert_uint_eq(ok.affected_rows, 300);
    ck_assert(span_equal(ok.info, BYTES("info")));
    ck_assert_uint_eq(ok.state.len, 0);
}
END_TEST

START_TEST(an_old_eof_is_read)
{
    struct ok_reply ok;
    ck_assert_int_eq(ok_parse(BYTES("\xfe\x07\x00\x02\x40"), &ok), 0);
    ck_assert_uint_eq(ok.header, 0xfe);
    ck_assert_uint_eq(ok.warnings, 7);
    ck_assert_uint_eq(ok.status, SERVER_STATUS_AUTOCOMMIT | SERVER_SESSION_STATE_CHANGED);
    ck_assert_uint_eq(ok.state.len, 0);
}
END_TEST

START_TEST(an_ok_cut_anywhere_is_malformed_or_lacks_only_its_optional_end)
{
    struct span whole = BYTES(OK_GTID);
    for (size_t len = 0; len < whole.len; len++) {
        struct ok_reply ok;
        int rc = ok_parse(span_of(whole.data, len), &ok);
        bool complete = len == 7 || len == 8; /* without info; without state */
        ck_assert_msg(rc == (complete ? 0 : -EPROTO), "%zu bytes: %d", len, rc);
    }
}
END_TEST

START_TEST(what_is_no_ok_is_refused)
{
    static const struct {
        size_t len;
        const char *bytes;
    } cases[] = {
        {7, "\x01\0\0\2\0\0\0"},     {7, "\xff\0\0\2\0\0\0"},         {7, "\x00\xfb\0\2\0\0\0"},
        {8, "\x00\0\0\2\0\0\0\x05"}, {9, "\x00\0\0\2\x40\0\0\0\x05"}, {4, "\xfe\0\0\2"},
        {6, "\xfe\0\0\2\0\0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ok_reply ok;
        ck_assert_int_eq(ok_parse(span_of(cases[i].bytes, cases[i].len), &ok), -EPROTO);
    }
}
END_TEST

START_TEST(an_error_is_read_with_and_without_sqlstate)
{
    struct err_reply err;
    ck_assert_int_eq(err_parse(BYTES("\xff\x15\x04#28000Access denied"), &err), 0);
    ck_assert_uint_eq(err.code, 1045);
    ck_assert_str_eq(err.sqlstate, "28000");
    ck_assert(span_equal(err.message, BYTES("Access denied")));

    ck_assert_int_eq(err_parse(BYTES("\xff\x10\x04Too many connections"), &err), 0);
    ck_assert_uint_eq(err.code, 1040);
    ck_assert_str_eq(err.sqlstate, "HY000");
    ck_assert(span_equal(err.message, BYTES("Too many connections")));

    ck_assert_int_eq(err_parse(BYTES("\xff\x10\x04#12"), &err), 0);
    ck_assert(span_equal(err.message, BYTES("#12")));
    ck_assert_int_eq(err_parse(BYTES("\xff\x10\x04"), &err), 0);
    ck_assert_uint_eq(err.message.len, 0);
    ck_assert_int_eq(err_parse(BYTES("\xff\x10"), &err), -EPROTO);
    ck_assert_int_eq(err_parse(BYTES("\x00\x10\x04"), &err), -EPROTO);
    ck_assert_int_eq(err_parse(BYTES(""), &err), -EPROTO);
}
END_TEST

/* --- building --- */

#define BOTH (CLIENT_SESSION_TRACK | CLIENT_DEPRECATE_EOF)

static const struct build_case {
    const char *name;
    struct span payload;
    uint64_t capabilities;
    struct span packet; /* with sequence number 9 */
} build_cases[] = {
#define B(text)                                                                                    \
    {                                                                                              \
        (const uint8_t *)text, sizeof text - 1                                                     \
    }
    {"ok, everything", B(OK_GTID), BOTH, B("\x1c\x00\x00\x09" OK_GTID)},
    {"ok, tracking", B(OK_GTID), CLIENT_SESSION_TRACK, B("\x1c\x00\x00\x09" OK_GTID)},
    {"ok, no tracking", B(OK_GTID), CLIENT_DEPRECATE_EOF,
     B("\x07\x00\x00\x09\x00\x01\x2a\x02\x00\x03\x00")},
    {"ok, old", B(OK_GTID), 0, B("\x07\x00\x00\x09\x00\x01\x2a\x02\x00\x03\x00")},
    {"terminator, everything", B(EOF_GTID), BOTH, B("\x1c\x00\x00\x09" EOF_GTID)},
    {"terminator, tracking", B(EOF_GTID), CLIENT_SESSION_TRACK,
     B("\x05\x00\x00\x09\xfe\x02\x00\x2a\x40")},
    {"terminator, no tracking", B(EOF_GTID), CLIENT_DEPRECATE_EOF,
     B("\x07\x00\x00\x09\xfe\x00\x00\x2a\x00\x02\x00")},
    {"terminator, old", B(EOF_GTID), 0, B("\x05\x00\x00\x09\xfe\x02\x00\x2a\x00")},
    {"info stays", B("\x00\x00\x00\x02\x00\x00\x00\x02hi"), 0,
     B("\x0a\x00\x00\x09\x00\x00\x00\x02\x00\x00\x00\x02hi")},
    {"info without the state", B("\x00\x00\x00\x02\x40\x00\x00\x02hi\x05\x01\x03\x02t1"), 0,
     B("\x0a\x00\x00\x09\x00\x00\x00\x02\x00\x00\x00\x02hi")},
    {"info and state", B("\x00\x00\x00\x02\x40\x00\x00\x02hi\x05\x01\x03\x02t1"), BOTH,
     B("\x10\x00\x00\x09\x00\x00\x00\x02\x40\x00\x00\x02hi\x05\x01\x03\x02t1")},
    {"a flag without state is cleared", B("\xfe\x00\x00\x02\x40"), BOTH,
     B("\x07\x00\x00\x09\xfe\x00\x00\x02\x00\x00\x00")},
#undef B
};

START_TEST(an_ok_is_built_for_each_kind_of_client)
{
    const struct build_case *c = &build_cases[_i];
    struct ok_reply ok;
    struct buf out = {0};
    ck_assert_int_eq(ok_parse(c->payload, &ok), 0);
    ok_build(&out, 9, &ok, c->capabilities);
    ck_assert_msg(span_equal(buf_span(&out), c->packet), "%s", c->name);
    buf_free(&out);
}
END_TEST

START_TEST(an_error_is_built_with_its_sqlstate_or_without)
{
    struct buf out = {0};
    err_build(&out, 1, 1045, "28000", BYTES("no"));
    ck_assert(span_equal(buf_span(&out), BYTES("\x0b\x00\x00\x01\xff\x15\x04#28000no")));
    out.len = 0;
    err_build(&out, 0, 1040, NULL, BYTES("full"));
    ck_assert(span_equal(buf_span(&out), BYTES("\x07\x00\x00\x00\xff\x10\x04"
                                               "full")));
    buf_free(&out);
}
END_TEST

START_TEST(an_error_is_formatted_and_cut_at_what_clients_keep)
{
    struct buf out = {0};
    struct err_reply err;
    err_printf(&out, 3, 1290, "HY000", "server %s is %d", "db1", 7);
    ck_assert_int_eq(err_parse(span_of(out.data + 4, out.len - 4), &err), 0);
    ck_assert(span_equal(err.message, BYTES("server db1 is 7")));
    ck_assert_uint_eq(packet_seq(out.data), 3);

    out.len = 0;
    err_printf(&out, 3, 1290, "HY000", "%01000d", 1);
    ck_assert_int_eq(err_parse(span_of(out.data + 4, out.len - 4), &err), 0);
    ck_assert_uint_eq(err.message.len, 511);
    buf_free(&out);
}
END_TEST

START_TEST(an_old_eof_is_built)
{
    struct buf out = {0};
    eof_build(&out, 4, 1, 0x22);
    ck_assert(span_equal(buf_span(&out), BYTES("\x05\x00\x00\x04\xfe\x01\x00\x22\x00")));
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply");
    TCase *tests = tcase_create("reply");
    tcase_add_test(tests, an_ok_with_session_state_is_read);
    tcase_add_test(tests, an_ok_with_info_is_read);
    tcase_add_test(tests, an_old_eof_is_read);
    tcase_add_test(tests, an_ok_cut_anywhere_is_malformed_or_lacks_only_its_optional_end);
    tcase_add_test(tests, what_is_no_ok_is_refused);
    tcase_add_test(tests, an_error_is_read_with_and_without_sqlstate);
    tcase_add_loop_test(tests, an_ok_is_built_for_each_kind_of_client, 0,
                        sizeof build_cases / sizeof build_cases[0]);
    tcase_add_test(tests, an_error_is_built_with_its_sqlstate_or_without);
    tcase_add_test(tests, an_error_is_formatted_and_cut_at_what_clients_keep);
    tcase_add_test(tests, an_old_eof_is_built);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
