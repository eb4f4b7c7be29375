/* Which texts does Causeway answer itself, and what do they say? */
#include "router/own_words.h"

#include "router/classify.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT(text) text, sizeof(text) - 1

struct set {
    const char *sql;
    enum own_what what;
    const char *value;
    size_t value_len;
    unsigned mode;
};

static const struct set sets[] = {
    {"SET @causeway_key = 'alice'", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @causeway_key='alice';", OWN_SET_KEY, TEXT("alice"), 0},
    {"set @CAUSEWAY_key := 'Alice' ; ;", OWN_SET_KEY, TEXT("Alice"), 0},
    {"\n/* x */SET -- y\n@causeway_key/**/= # z\n'alice' /* ; */", OWN_SET_KEY, TEXT("alice"), 0},
    {"/*!40101 SET @causeway_key = 'alice' */;", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @`causeway_key` = 'alice'", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @'causeway_key' = 'alice'", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @\"causeway_key\" = 'alice'", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @\"causeway_key\" = 'alice'", OWN_SET_KEY, TEXT("alice"), LEX_ANSI_QUOTES},
    {"SET @causeway_key = \"alice\"", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @causeway_key = ''", OWN_SET_KEY, TEXT(""), 0},
    {"SET @causeway_key = NULL", OWN_SET_KEY, TEXT(""), 0},
    {"SET @causeway_key = null;", OWN_SET_KEY, TEXT(""), 0},
    {"SET @causeway_key = \\N", OWN_SET_KEY, TEXT(""), 0},
    {"SET @causeway_key = 42", OWN_SET_KEY, TEXT("42"), 0},
    {"SET @causeway_key = 1.50", OWN_SET_KEY, TEXT("1.50"), 0},
    {"SET @causeway_key = 'al ice; #1 --'", OWN_SET_KEY, TEXT("al ice; #1 --"), 0},
    {"SET @causeway_key = 'al' \"ic\" 'e'", OWN_SET_KEY, TEXT("alice"), 0},
    {"SET @causeway_key = 'größe'", OWN_SET_KEY, TEXT("größe"), 0},
    {"SET @causeway_key = '\xe9'", OWN_SET_KEY, TEXT("\xe9"), 0},
    /* escapes */
    {"SET @causeway_key = 'it''s'", OWN_SET_KEY, TEXT("it's"), 0},
    {"SET @causeway_key = \"a\"\"b'c\"", OWN_SET_KEY, TEXT("a\"b'c"), 0},
    {"SET @causeway_key = 'it\\'s'", OWN_SET_KEY, TEXT("it's"), 0},
    {"SET @causeway_key = '\\0\\b\\n\\r\\t\\Z\\\\\\\"\\x'", OWN_SET_KEY,
     TEXT("\0\b\n\r\t\x1a\\\"x"), 0},
    {"SET @causeway_key = 'a\\%b\\_c'", OWN_SET_KEY, TEXT("a\\%b\\_c"), 0},
    {"SET @causeway_key = 'a\\\\'", OWN_SET_KEY, TEXT("a\\"), 0},
    {"SET @causeway_key = 'a\\'", OWN_SET_KEY, TEXT("a\\"), LEX_NO_BACKSLASH_ESCAPES},
    {"SET @causeway_key = 'a\\n'''", OWN_SET_KEY, TEXT("a\\n'"), LEX_NO_BACKSLASH_ESCAPES},
    /* ASCII is read in every character set */
    {"SET @causeway_key = 'alice'", OWN_SET_KEY, TEXT("alice"), LEX_WIDE_CHARSET},
    /* tokens */
    {"SET @@causeway_token = '0-1-100,1-2-55'", OWN_SET_TOKEN, TEXT("0-1-100,1-2-55"), 0},
    {"SET @@Causeway_Token := '0-1-100'", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET @@session.causeway_token = '0-1-100'", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET @@LOCAL . causeway_token = '0-1-100'", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET @@session.`causeway_token` = '0-1-100'", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET SESSION causeway_token = \"0-1-100\"", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET LOCAL causeway_token = '0-1-100'", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET causeway_token = '0-1-100';", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET `causeway_token` = '0-1-100';", OWN_SET_TOKEN, TEXT("0-1-100"), 0},
    {"SET @@causeway_token = ''", OWN_SET_TOKEN, TEXT(""), 0},
    {"SET @@causeway_token = NULL", OWN_SET_TOKEN, TEXT(""), 0},
};

struct get {
    const char *sql;
    enum own_what what;
    const char *title;
    unsigned mode;
};

static const struct get gets[] = {
    {"SELECT CONNECTION_ID()", OWN_GET_CONNECTION, "CONNECTION_ID()", 0},
    {"select connection_id ( ) ;", OWN_GET_CONNECTION, "connection_id ( )", 0},
    {"SELECT CONNECTION_ID() AS id", OWN_GET_CONNECTION, "id", 0},
    {"SELECT @causeway_key", OWN_GET_KEY, "@causeway_key", 0},
    {"select @Causeway_KEY ;", OWN_GET_KEY, "@Causeway_KEY", 0},
    {"SELECT @`causeway_key`", OWN_GET_KEY, "@`causeway_key`", 0},
    {"SELECT @causeway_key AS k", OWN_GET_KEY, "k", 0},
    {"SELECT @causeway_key k", OWN_GET_KEY, "k", 0},
    {"SELECT @causeway_key AS `a``b`", OWN_GET_KEY, "a`b", 0},
    {"SELECT @causeway_key AS 'it\\'s'", OWN_GET_KEY, "it's", 0},
    {"SELECT @causeway_key 'k'", OWN_GET_KEY, "k", 0},
    {"SELECT @causeway_key AS \"a\"\"b\"", OWN_GET_KEY, "a\"b", LEX_ANSI_QUOTES},
    {"/* x */ SELECT @causeway_key /* y */", OWN_GET_KEY, "@causeway_key", 0},
    {"SELECT @@causeway_token", OWN_GET_TOKEN, "@@causeway_token", 0},
    {"SELECT @@session.causeway_token", OWN_GET_TOKEN, "@@session.causeway_token", 0},
    {"SELECT\n@@SESSION . causeway_token\nAS t;", OWN_GET_TOKEN, "t", 0},
    {"SELECT @@SESSION . causeway_token -- x", OWN_GET_TOKEN, "@@SESSION . causeway_token", 0},
    {"SELECT @@local.causeway_token t", OWN_GET_TOKEN, "t", 0},
};

/* Ordinary statements, whatever the servers think of them. */
static const struct {
    const char *sql;
    unsigned mode;
} others[] = {
    {"", 0},
    {";", 0},
    {"SET", 0},
    {"SELECT", 0},
    {"SET @", 0},
    {"SET @@", 0},
    {"SET @@session", 0},
    {"SET @@session.", 0},
    {"SELECT 1", 0},
    {"SET @x = 1", 0},
    {"SET @causeway_keys = 1", 0},
    {"SET @ `causeway_key` = 1", 0},
    {"SET causeway_key = 1", 0},
    {"SET @causeway_token = 1", 0},
    {"SET 'causeway_token' = 1", 0},
    {"SET @@causeway_tokens = 1", 0},
    {"SET @@x.causeway_token = 1", 0},
    {"SET @x = @causeway_key", 0},
    {"SET @x = '@causeway_key = 1'", 0},
    {"SET @x = CONCAT(1, @causeway_key = 1)", 0},
    {"SELECT @causeway_key AS", 0},
    {"SELECT @causeway_key AS 1", 0},
    {"SELECT @causeway_key = 'alice'", 0},
    {"SELECT @causeway_key := 'alice'", 0},
    {"SELECT @causeway_key FROM t", 0},
    {"SELECT @causeway_key LIMIT 1", 0},
    {"SELECT @causeway_key k, 1", 0},
    {"SELECT a, @causeway_key FROM t", 0},
    {"SELECT (@causeway_key)", 0},
    {"SELECT @causeway_key; SELECT 1", 0},
    {"SELECT 1; SELECT @causeway_key", 0},
    {"SELECT a, @@causeway_token FROM t", 0},
    {"SELECT @@global.causeway_token", 0},
    {"SELECT @causeway_key /*!80000 AS k */", 0},
    {"SELECT 'x' INTO @causeway_key", 0},
    {"SHOW VARIABLES LIKE 'causeway_token'", 0},
    {"SELECT @causeway_key AS '\xb3\\'", LEX_WIDE_CHARSET},
    {"SET @x = '\xb3\\'; SET @causeway_key = 'a'", LEX_WIDE_CHARSET},
    {"SET /* \xb3* */ @causeway_key = 'a'", LEX_WIDE_CHARSET},
};

/* Meant to be one, and refused with a sentence that has `part`. */
static const struct {
    const char *sql;
    const char *part;
    unsigned mode;
} refused[] = {
    {"SET @causeway_key", "literal", 0},
    {"SET @causeway_key =", "literal", 0},
    {"SET @causeway_key = ;", "literal", 0},
    {"SET @causeway_key 'alice'", "literal", 0},
    {"SET @causeway_key = alice", "literal", 0},
    {"SET @causeway_key = \"alice\"", "literal", LEX_ANSI_QUOTES},
    {"SET @causeway_key = `alice`", "literal", 0},
    {"SET @causeway_key = UUID()", "literal", 0},
    {"SET @causeway_key = @x", "literal", 0},
    {"SET @causeway_key = @@hostname", "literal", 0},
    {"SET @causeway_key = (SELECT 1)", "literal", 0},
    {"SET @causeway_key = 'a' COLLATE utf8mb4_bin", "literal", 0},
    {"SET @causeway_key = 'a' + 1", "literal", 0},
    {"SET @causeway_key = -1", "literal", 0},
    {"SET @causeway_key = x'41'", "literal", 0},
    {"SET @causeway_key = N'a'", "literal", 0},
    {"SET @causeway_key = _utf8'a'", "literal", 0},
    {"SET @causeway_key = DEFAULT", "literal", 0},
    {"SET @causeway_key = 'a", "literal", 0},
    {"SET @causeway_key = ? ?", "literal", 0},
    {"SET @@causeway_token = DEFAULT", "literal", 0},
    {"SET causeway_token = ON", "literal", 0},
    {"SET @causeway_key = 'a', @x = 1", "on its own", 0},
    {"SET @x = 1, @causeway_key = 'a'", "on its own", 0},
    {"SET @x = (1, 2), @causeway_key := 'a'", "on its own", 0},
    {"SET autocommit = 1, causeway_token = 'a'", "on its own", 0},
    {"SET autocommit = 1, SESSION causeway_token = 'a'", "on its own", 0},
    {"SET @causeway_key = 'a'; SELECT 1", "on its own", 0},
    {"SELECT 1; SET @causeway_key = 'a'", "on its own", 0},
    {"SELECT @causeway_key; SET @causeway_key = 'a'", "on its own", 0},
    {"SET @x = 1;; SET @@causeway_token = 'a'", "on its own", 0},
    {"BEGIN; SET @y = 1, @causeway_key = 'a'", "on its own", 0},
    {"SET GLOBAL causeway_token = 'a'", "GLOBAL", 0},
    {"SET @@global.causeway_token = 'a'", "GLOBAL", 0},
    {"SET @causeway_key = 'a' /*!80000 'b' */", "different ways", 0},
    {"SET @causeway_key = 'gr\xb3\\'", "utf8mb4", LEX_WIDE_CHARSET},
};

START_TEST(a_set_is_read)
{
    const struct set *set = &sets[_i];
    struct own_words own;
    ck_assert_msg(own_words_parse(span_text(set->sql), set->mode, &own) == 0, "%s", set->sql);
    ck_assert_msg(own.what == set->what, "what %d: %s", own.what, set->sql);
    ck_assert_msg(!own.parameter && own.error[0] == '\0', "%s", set->sql);
    ck_assert_msg(
        span_equal(span_of(own.value, own.value_len), span_of(set->value, set->value_len)),
        "got '%.*s': %s", own.value_len, (const char *)own.value, set->sql);
}
END_TEST

START_TEST(a_get_is_read_with_its_title)
{
    const struct get *get = &gets[_i];
    struct own_words own;
    ck_assert_msg(own_words_parse(span_text(get->sql), get->mode, &own) == 0, "%s", get->sql);
    ck_assert_msg(own.what == get->what, "what %d: %s", own.what, get->sql);
    ck_assert_msg(span_equal(span_of(own.title, own.title_len), span_text(get->title)),
                  "got '%.*s': %s", own.title_len, own.title, get->sql);
}
END_TEST

START_TEST(all_else_is_an_ordinary_statement)
{
    struct own_words own;
    int result = own_words_parse(span_text(others[_i].sql), others[_i].mode, &own);
    ck_assert_msg(result == -ENOENT && own.what == OWN_NONE, "%d: %s", result, others[_i].sql);
}
END_TEST

START_TEST(what_is_half_right_is_refused_with_a_reason)
{
    struct own_words own;
    int result = own_words_parse(span_text(refused[_i].sql), refused[_i].mode, &own);
    ck_assert_msg(result == -EINVAL, "%d: %s", result, refused[_i].sql);
    ck_assert_msg(strstr(own.error, refused[_i].part) != NULL, "'%s': %s", own.error,
                  refused[_i].sql);
}
END_TEST

static void expect_own_word(const char *sql, unsigned mode)
{
    struct statement_class class;
    classify(span_text(sql), mode, &class);
    ck_assert_msg((class.flags & CLASS_OWN_WORD) != 0, "%s", sql);
}

/* Whatever is read or refused here, the classifier has pointed at. */
START_TEST(the_classifier_knows_a_set)
{
    expect_own_word(sets[_i].sql, sets[_i].mode);
}
END_TEST

START_TEST(the_classifier_knows_a_get)
{
    expect_own_word(gets[_i].sql, gets[_i].mode);
}
END_TEST

START_TEST(the_classifier_knows_what_is_refused)
{
    expect_own_word(refused[_i].sql, refused[_i].mode);
}
END_TEST

START_TEST(values_have_a_greatest_length)
{
    static const struct {
        const char *before, *behind;
        int max;
    } forms[] = {
        {"SET @causeway_key = '", "'", OWN_KEY_MAX_BYTES},
        {"SET @causeway_key = ", "", OWN_KEY_MAX_BYTES},
        {"SET @@causeway_token = '", "'", OWN_TOKEN_MAX_BYTES},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char sql[1200];
        struct own_words own;
        snprintf(sql, sizeof(sql), "%s%0*d%s", forms[i].before, forms[i].max, 7, forms[i].behind);
        ck_assert_int_eq(own_words_parse(span_text(sql), 0, &own), 0);
        ck_assert_int_eq(own.value_len, forms[i].max);
        snprintf(sql, sizeof(sql), "%s%0*d%s", forms[i].before, forms[i].max + 1, 7,
                 forms[i].behind);
        ck_assert_int_eq(own_words_parse(span_text(sql), 0, &own), -EINVAL);
        ck_assert_ptr_nonnull(strstr(own.error, "at most"));
    }
}
END_TEST

START_TEST(long_titles_are_cut)
{
    static const char before[] = "SELECT @causeway_key AS ";
    char sql[400] = {0};
    struct own_words own;
    memset(sql, 'x', sizeof(sql) - 1);
    memcpy(sql, before, sizeof(before) - 1);
    ck_assert_int_eq(own_words_parse(span_text(sql), 0, &own), 0);
    ck_assert_uint_eq(own.title_len, OWN_TITLE_MAX_BYTES);
    sql[sizeof(before) - 1] = sql[sizeof(sql) - 2] = '`';
    ck_assert_int_eq(own_words_parse(span_text(sql), 0, &own), 0);
    ck_assert_uint_eq(own.title_len, OWN_TITLE_MAX_BYTES);
}
END_TEST

START_TEST(a_parameter_gets_its_value_later)
{
    struct own_words own, bound;
    ck_assert_int_eq(own_words_parse(span_text("SET @causeway_key = ?"), 0, &own), 0);
    ck_assert(own.what == OWN_SET_KEY && own.parameter && own.error[0] != '\0');
    bound = own;
    ck_assert_int_eq(own_words_bind(&bound, span_text("alice")), 0);
    ck_assert(!bound.parameter);
    ck_assert(span_equal(span_of(bound.value, bound.value_len), span_text("alice")));
    ck_assert_int_eq(own_words_bind(&bound, span_of(NULL, 0)), 0);
    ck_assert_uint_eq(bound.value_len, 0);
    char text[OWN_TOKEN_MAX_BYTES + 1] = {0};
    bound = own;
    ck_assert_int_eq(own_words_bind(&bound, span_of(text, OWN_KEY_MAX_BYTES + 1)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(bound.error, "at most 255 bytes"));

    ck_assert_int_eq(own_words_parse(span_text("SET @@causeway_token = ?;"), 0, &own), 0);
    ck_assert(own.what == OWN_SET_TOKEN && own.parameter);
    ck_assert_int_eq(own_words_bind(&own, span_of(text, OWN_TOKEN_MAX_BYTES)), 0);
    ck_assert_int_eq(own_words_bind(&own, span_of(text, OWN_TOKEN_MAX_BYTES + 1)), -EINVAL);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

static Suite *own_words_suite(void)
{
    Suite *suite = suite_create("own_words");
    TCase *tcase = tcase_create("own_words");
    tcase_add_loop_test(tcase, a_set_is_read, 0, COUNT(sets));
    tcase_add_loop_test(tcase, a_get_is_read_with_its_title, 0, COUNT(gets));
    tcase_add_loop_test(tcase, all_else_is_an_ordinary_statement, 0, COUNT(others));
    tcase_add_loop_test(tcase, what_is_half_right_is_refused_with_a_reason, 0, COUNT(refused));
    tcase_add_loop_test(tcase, the_classifier_knows_a_set, 0, COUNT(sets));
    tcase_add_loop_test(tcase, the_classifier_knows_a_get, 0, COUNT(gets));
    tcase_add_loop_test(tcase, the_classifier_knows_what_is_refused, 0, COUNT(refused));
    tcase_add_test(tcase, values_have_a_greatest_length);
    tcase_add_test(tcase, long_titles_are_cut);
    tcase_add_test(tcase, a_parameter_gets_its_value_later);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(own_words_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
