/* What is the one parameter of a COM_STMT_EXECUTE, as text? */
#include "proxy/proto/execute.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES(text) span_of(text, sizeof(text) - 1)
#define HEAD        "\x17\1\0\0\0\0\1\0\0\0"

struct row {
    const char *payload; /* behind the head */
    size_t payload_len;
    const char *types; /* of an earlier execution */
    size_t types_len;
    int result;
    const char *text;
};

#define ROW(bytes, result, text)                                                                   \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, "", 0, result, text                                              \
    }
#define LATER(bytes, types, result, text)                                                          \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, types, sizeof(types) - 1, result, text                           \
    }

// clang-format off
static const struct row rows[] = {
    ROW("\0\1\xfd\0\5alice", 1, "alice"),                 /* VAR_STRING */
    ROW("\0\1\xfe\0\5alice", 1, "alice"),                 /* STRING */
    ROW("\0\1\x0f\0\5alice", 1, "alice"),                 /* VARCHAR */
    ROW("\0\1\xfc\0\2\xff\x01", 1, "\xff\x01"),           /* BLOB */
    ROW("\0\1\xf6\0\4-1.5", 1, "-1.5"),                   /* NEWDECIMAL */
    ROW("\0\1\xfd\0\0", 1, ""),                           /* '' */
    ROW("\0\1\1\0\xff", 1, "-1"),                         /* TINY */
    ROW("\0\1\1\x80\xff", 1, "255"),                      /* unsigned TINY */
    ROW("\0\1\2\0\0\x80", 1, "-32768"),                   /* SHORT */
    ROW("\0\1\x0d\x80\xe8\7", 1, "2024"),                 /* YEAR */
    ROW("\0\1\3\0\x2a\0\0\0", 1, "42"),                   /* LONG */
    ROW("\0\1\3\x80\xff\xff\xff\xff", 1, "4294967295"),   /* unsigned LONG */
    ROW("\0\1\x9\0\xfe\xff\xff\xff", 1, "-2"),            /* INT24 */
    ROW("\0\1\x8\0\0\0\0\0\0\0\0\x80", 1, "-9223372036854775808"),
    ROW("\0\1\x8\x80\xff\xff\xff\xff\xff\xff\xff\xff", 1, "18446744073709551615"),
    /* NULL, with and without a type */
    ROW("\1\1\xfd\0", 0, ""),
    ROW("\1\0", 0, ""),
    ROW("\0\1\6\0", 0, ""),
    /* the type was said before, or is said anew */
    LATER("\0\0\5alice", "\xfd\0", 1, "alice"),
    LATER("\0\0\x2a\0\0\0", "\3\0", 1, "42"),
    LATER("\0\1\xfd\0\1x", "\3\0", 1, "x"),
    ROW("\0\0\5alice", -EPROTO, ""),
    LATER("\0\0\5alice", "\xfd", -EPROTO, ""),
    /* without such a text */
    ROW("\0\1\4\0\0\0\0\0", -EOPNOTSUPP, ""),             /* FLOAT */
    ROW("\0\1\5\0\0\0\0\0\0\0\0\0", -EOPNOTSUPP, ""),     /* DOUBLE */
    ROW("\0\1\x0c\0\0", -EOPNOTSUPP, ""),                 /* DATETIME */
    ROW("\0\1\xff\0\1x", -EOPNOTSUPP, ""),                /* GEOMETRY */
    /* cut off */
    ROW("", -EPROTO, ""),
    ROW("\0", -EPROTO, ""),
    ROW("\0\1", -EPROTO, ""),
    ROW("\0\1\xfd", -EPROTO, ""),
    ROW("\0\1\xfd\0", -EPROTO, ""),                       /* as after long data */
    ROW("\0\1\xfd\0\5alic", -EPROTO, ""),
    ROW("\0\1\xfd\0\xfb", -EPROTO, ""),
    ROW("\0\1\3\0\x2a\0\0", -EPROTO, ""),
};
// clang-format on

START_TEST(parameter_is_read_as_text)
{
    const struct row *row = &rows[_i];
    struct buf payload = {0}, out = {0};
    buf_append_span(&payload, BYTES(HEAD));
    buf_append(&payload, row->payload, row->payload_len);
    struct span types = span_of(row->types, row->types_len);
    ck_assert_int_eq(execute_text_parameter(buf_span(&payload), types, &out), row->result);
    ck_assert_msg(span_equal(buf_span(&out), span_text(row->text)), "got '%.*s', expected '%s'",
                  (int)out.len, out.len > 0 ? (const char *)out.data : "", row->text);
    buf_free(&payload);
    buf_free(&out);
}
END_TEST

START_TEST(other_commands_are_refused)
{
    struct buf out = {0};
    struct span types = BYTES("\xfd\0");
    ck_assert_int_eq(execute_text_parameter(BYTES("\3SELECT 1, 2, 3"), types, &out), -EPROTO);
    ck_assert_int_eq(execute_text_parameter(BYTES(""), types, &out), -EPROTO);
    ck_assert_int_eq(execute_text_parameter(BYTES("\x17\1\0"), types, &out), -EPROTO);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

static Suite *execute_suite(void)
{
    Suite *suite = suite_create("execute");
    TCase *tcase = tcase_create("execute");
    tcase_add_loop_test(tcase, parameter_is_read_as_text, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, other_commands_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(execute_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
