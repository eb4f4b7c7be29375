/* What does a KILL say, and which are left to the server? */
#include "router/kill_words.h"

#include "router/classify.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *sql;
    enum kill_whom whom;
    bool soft;
    bool query_only;
    uint64_t id;
    const char *user;
    const char *host;
} kills[] = {
    {"KILL 5", KILL_ID, false, false, 5, "", ""},
    {"kill 1073741824;", KILL_ID, false, false, 1073741824, "", ""},
    {"KILL CONNECTION 5 ; ;", KILL_ID, false, false, 5, "", ""},
    {"/* x */ KILL/**/QUERY 5 -- now", KILL_ID, false, true, 5, "", ""},
    {"KILL SOFT 5", KILL_ID, true, false, 5, "", ""},
    {"KILL HARD QUERY 5", KILL_ID, false, true, 5, "", ""},
    {"KILL SOFT CONNECTION '5'", KILL_ID, true, false, 5, "", ""},
    {"KILL QUERY \"5\"", KILL_ID, false, true, 5, "", ""},
    {"KILL CONNECTION_ID()", KILL_ONESELF, false, false, 0, "", ""},
    {"KILL QUERY connection_id ( )", KILL_ONESELF, false, true, 0, "", ""},
    {"KILL QUERY ?", KILL_PARAMETER, false, true, 0, "", ""},
    {"KILL USER app", KILL_USER, false, false, 0, "app", "%"},
    {"KILL USER 'app'@'10.0.0.1'", KILL_USER, false, false, 0, "app", "10.0.0.1"},
    {"KILL USER `a b`@localhost", KILL_USER, false, false, 0, "a b", "localhost"},
    {"KILL USER ''@'%'", KILL_USER, false, false, 0, "", "%"},
    {"KILL SOFT QUERY USER app", KILL_USER, true, true, 0, "app", "%"},
    {"KILL HARD CONNECTION USER app;", KILL_USER, false, false, 0, "app", "%"},
    {"KILL 999999999999999999", KILL_ID, false, false, 999999999999999999, "", ""},
};

static const char *const others[] = {
    "",
    "KILL",
    "KILL QUERY",
    "KILL QUERY ID 5",
    "KILL -1",
    "KILL 5 + 1",
    "KILL 5, 6",
    "KILL 5; SELECT 1",
    "KILL 5.5",
    "KILL 0x5",
    "KILL 'x'",
    "KILL ''",
    "KILL '5",
    "KILL @x",
    "KILL @@pseudo_thread_id",
    "KILL CONNECTION_ID",
    "KILL (SELECT 5)",
    "KILL 99999999999999999999",
    "KILL USER",
    "KILL USER CURRENT_USER",
    "KILL USER CURRENT_USER()",
    "KILL USER app@",
    "KILL USER 'it''s'",
    "KILL USER app, other",
    "KILL CONNECTION QUERY 5",
    "SELECT 1",
    "/*!99999 KILL 5 */",
};

START_TEST(test_reads_them)
{
    struct kill_words words;
    ck_assert_int_eq(kill_words_parse(span_text(kills[_i].sql), 0, &words), 0);
    ck_assert_int_eq(words.whom, kills[_i].whom);
    ck_assert_int_eq(words.soft, kills[_i].soft);
    ck_assert_int_eq(words.query_only, kills[_i].query_only);
    ck_assert_uint_eq(words.id, kills[_i].id);
    ck_assert_str_eq(words.user, kills[_i].user);
    ck_assert_str_eq(words.host, kills[_i].host);
}
END_TEST

START_TEST(test_leaves_to_the_server)
{
    struct kill_words words;
    ck_assert_msg(kill_words_parse(span_text(others[_i]), 0, &words) == -ENOENT, "%s", others[_i]);
}
END_TEST

START_TEST(test_ansi_quotes)
{
    struct kill_words words;
    ck_assert_int_eq(kill_words_parse(span_text("KILL \"5\""), LEX_ANSI_QUOTES, &words), -ENOENT);
    ck_assert_int_eq(kill_words_parse(span_text("KILL USER \"a\"@\"b\""), LEX_ANSI_QUOTES, &words),
                     0);
    ck_assert_str_eq(words.user, "a");
    ck_assert_str_eq(words.host, "b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kill_words");
    TCase *tests = tcase_create("kill_words");
    tcase_add_loop_test(tests, test_reads_them, 0, sizeof(kills) / sizeof(kills[0]));
    tcase_add_loop_test(tests, test_leaves_to_the_server, 0, sizeof(others) / sizeof(others[0]));
    tcase_add_test(tests, test_ansi_quotes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
