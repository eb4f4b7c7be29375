/* Literals, names and text of other charsets. */
#include "binlog/print/charset.h"
#include "binlog/print/literal.h"

#include <check.h>
#include <stdlib.h>

static void expect(struct buf *out, const char *wanted)
{
    buf_append_u8(out, '\0');
    ck_assert_str_eq((const char *)out->data, wanted);
    buf_free(out);
}

START_TEST(names_can_not_leave_their_quotes_or_their_line)
{
    struct buf out = {0};

    literal_name(&out, span_text("a`b"));
    expect(&out, "`a``b`");
    literal_name_shown(&out, span_text("a`;\n-- b"));
    expect(&out, "`a``;\\x0a-- b`");
}
END_TEST

START_TEST(strings_stay_on_one_line)
{
    struct buf out = {0};

    literal_string(&out, span_of("it's\\\n\r\t\0\x01z", 11));
    expect(&out, "'it\\'s\\\\\\n\\r\\t\\0\\x01z'");
    literal_string(&out, span_text(""));
    expect(&out, "''");
}
END_TEST

static const struct {
    const char *bytes;
    const char *hex;
    const char *base64;
} encodings[] = {
    {"", "X''", ""},
    {"a", "X'61'", "YQ=="},
    {"ab", "X'6162'", "YWI="},
    {"abc", "X'616263'", "YWJj"},
    {"\xff\xfe\xfd\xfc", "X'FFFEFDFC'", "//79/A=="},
};

START_TEST(bytes_are_encoded)
{
    struct buf out = {0};

    literal_hex(&out, span_text(encodings[_i].bytes));
    expect(&out, encodings[_i].hex);
    literal_base64(&out, span_text(encodings[_i].bytes), false);
    expect(&out, encodings[_i].base64);
}
END_TEST

START_TEST(base64_lines_are_76_long)
{
    uint8_t bytes[115] = {0};
    struct buf out = {0};

    literal_base64(&out, span_of(bytes, 114), true);
    ck_assert_uint_eq(out.len, 2 * 77);
    ck_assert_int_eq(out.data[76], '\n');
    buf_free(&out);
    literal_base64(&out, span_of(bytes, 115), true);
    ck_assert_uint_eq(out.len, 2 * 77 + 5);
    buf_free(&out);
}
END_TEST

static const struct {
    uint32_t id;
    const char *name; /* NULL: not known */
    const char *charset;
} collations[] = {
    {8, "latin1_swedish_ci", "latin1"},
    {45, "utf8mb4_general_ci", "utf8mb4"},
    {63, "binary", "binary"},
    {1069, "utf8mb4_general_nopad_ci", "utf8mb4"},
    {2048, "utf8mb3_uca1400_ai_ci", "utf8mb3"},
    {2308, "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4"},
    {2312, "utf8mb4_uca1400_icelandic_ai_ci", "utf8mb4"},
    {255, NULL, "utf8mb4"},
    {0, NULL, NULL},
    {2047, NULL, NULL},
    {2303, NULL, NULL},
    {99999, NULL, NULL},
};

START_TEST(collations_have_names_and_charsets)
{
    char name[COLLATION_NAME_MAX];
    char charset[CHARSET_NAME_MAX];

    ck_assert_int_eq(collation_name(collations[_i].id, name), collations[_i].name != NULL);
    if (collations[_i].name)
        ck_assert_str_eq(name, collations[_i].name);
    ck_assert_int_eq(collation_charset(collations[_i].id, charset), collations[_i].charset != NULL);
    if (collations[_i].charset)
        ck_assert_str_eq(charset, collations[_i].charset);
}
END_TEST

static const struct {
    uint32_t collation;
    const char *text;
    const char *utf8; /* NULL: can't be converted */
} conversions[] = {
    {8, "caf\xe9 \x80 \x81", "caf\xc3\xa9 \xe2\x82\xac \xc2\x81"},
    {45, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {45, "\xff", NULL},
    {45, "\xc0\xaf", NULL},         /* overlong */
    {45, "\xed\xa0\x80", NULL},     /* a surrogate */
    {45, "\xf4\x90\x80\x80", NULL}, /* beyond the last code point */
    {45, "\xe4\xb8", NULL},         /* cut off */
    {13, "\x83\x5c", "\xe3\x82\xbd"},
    {13, "\x83", NULL},
    {63, "abc", NULL},
};

START_TEST(text_becomes_utf8_or_is_refused)
{
    struct buf out = {0};
    bool done = charset_to_utf8(conversions[_i].collation, span_text(conversions[_i].text), &out);

    ck_assert_int_eq(done, conversions[_i].utf8 != NULL);
    expect(&out, done ? conversions[_i].utf8 : "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print_literal");
    TCase *tcase = tcase_create("literal");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, names_can_not_leave_their_quotes_or_their_line);
    tcase_add_test(tcase, strings_stay_on_one_line);
    tcase_add_loop_test(tcase, bytes_are_encoded, 0, sizeof(encodings) / sizeof(encodings[0]));
    tcase_add_test(tcase, base64_lines_are_76_long);
    tcase_add_loop_test(tcase, collations_have_names_and_charsets, 0,
                        sizeof(collations) / sizeof(collations[0]));
    tcase_add_loop_test(tcase, text_becomes_utf8_or_is_refused, 0,
                        sizeof(conversions) / sizeof(conversions[0]));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
