/* Where does a SET need its scope, and what does a SET STATEMENT set only for a while? */
#include "router/set_scope.h"

#include "router/classify.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *sql;
    const char *scoped; /* NULL: as it was */
    unsigned mode;
} scopes[] = {
    {"SET @@sql_mode='ANSI'", "SET @@sEssion.sql_mode='ANSI'", 0},
    {"set @@a = 1, @@b := 2", "set @@sEssion.a = 1, @@sEssion.b := 2", 0},
    {"SET a=1,@@b=IF(@@c=1,2,3),@@session.d=4,@@local.e=5",
     "SET a=1,@@sEssion.b=IF(@@c=1,2,3),@@session.d=4,@@local.e=5", 0},
    {"/*!40101 SET @@time_zone='+00:00' */;", "/*!40101 SET @@sEssion.time_zone='+00:00' */;", 0},
    {"SET @x=1, @@y=(SELECT a,b=@@z FROM t)", "SET @x=1, @@sEssion.y=(SELECT a,b=@@z FROM t)", 0},
    {"SET @@a=1; SET @@b=2; SELECT 1", "SET @@sEssion.a=1; SET @@sEssion.b=2; SELECT 1", 0},
    {"SET @@a=', @@b=1'", "SET @@sEssion.a=', @@b=1'", 0},
    {"SET @@a=\", @@b=1\"", "SET @@sEssion.a=\", @@b=1\"", LEX_ANSI_QUOTES},
    {"SET @@session.a=1", NULL, 0},
    {"SET @@global.a=1", NULL, 0},
    {"SET @@hot.key_buffer_size=1", NULL, 0},
    {"SET @@transaction_isolation='SERIALIZABLE'", NULL, 0},
    {"SET @@tx_read_only=1", NULL, 0},
    {"SET @@causeway_token=''", NULL, 0},
    {"SET a=@@b", NULL, 0},
    {"SET @a=@@b", NULL, 0},
    {"SET STATEMENT a=1 FOR SELECT @@a", NULL, 0},
    {"SELECT @@a=1, @@b", NULL, 0},
    {"INSERT INTO t SET a=1, b='@@c=1'", NULL, 0},
    {"SET @@", NULL, 0},
    {"SET @@a", NULL, 0},
    {"SET @@a='", NULL, 0},
    {"", NULL, 0},
};

START_TEST(a_bare_name_gets_its_scope)
{
    struct span sql = span_text(scopes[_i].sql);
    size_t places[SET_SCOPE_PLACES_MAX];
    size_t count = set_scope_places(sql, scopes[_i].mode, places);
    char text[512] = "";
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s" SET_SCOPE_WORD,
                 (int)(places[i] - done), scopes[_i].sql + done);
        done = places[i];
    }
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", scopes[_i].sql + done);
    ck_assert_str_eq(text, scopes[_i].scoped ? scopes[_i].scoped : scopes[_i].sql);
}
END_TEST

START_TEST(too_much_is_left_alone)
{
    size_t places[SET_SCOPE_PLACES_MAX];
    char many[1024] = "SET @@a=1";
    for (int i = 0; i < SET_SCOPE_PLACES_MAX; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), ",@@a=1");
    ck_assert_uint_eq(set_scope_places(span_text(many), 0, places), 0);
    char *large = malloc(SET_SCOPE_TEXT_MAX_BYTES + 1);
    memset(large, ' ', SET_SCOPE_TEXT_MAX_BYTES + 1);
    memcpy(large, "SET @@a=1", 9);
    ck_assert_uint_eq(set_scope_places(span_of(large, SET_SCOPE_TEXT_MAX_BYTES), 0, places), 1);
    ck_assert_uint_eq(set_scope_places(span_of(large, SET_SCOPE_TEXT_MAX_BYTES + 1), 0, places), 0);
    free(large);
}
END_TEST

static const struct {
    const char *sql;
    const char *name;
    bool passing;
} statements[] = {
    {"SET STATEMENT sql_mode='ANSI' FOR DO 1", "sql_mode", true},
    {"set statement a=1, SQL_MODE=IF(1,(SELECT 'for'),'') for DO 1", "sql_mode", true},
    {"SET STATEMENT a=1 FOR SET STATEMENT b=2 FOR DO 1", "b", true},
    {"SET STATEMENT a=1 FOR SET b=2", "b", false},
    {"SET STATEMENT a=(b=1) FOR DO 1", "b", false},
    {"SET a=1", "a", false},
    {"SELECT a=1", "a", false},
    {"SET STATEMENT", "a", false},
};

START_TEST(what_a_statement_sets_for_itself)
{
    ck_assert_int_eq(
        set_scope_is_passing(span_text(statements[_i].sql), 0, span_text(statements[_i].name)),
        statements[_i].passing);
}
END_TEST

static const struct {
    const char *sql;
    const char *name; /* empty: all of it */
    bool silent;
} written[] = {
    {"SET @@sEssion.a=1", "a", true},       {"SET @@sEssion.a=1", "A", true},
    {"SET @@sEssion.a=1", "", true},        {"SET @@sEssion.ab=1", "a", false},
    {"SET @@sEssion.a_b=1", "a", false},    {"SET @@session.a=1", "a", false},
    {"SET @@session.a=1", "", false},       {"SET b=1, @@sEssion.a=1", "a", true},
    {"SET b=1, @@sEssion.a=1", "b", false}, {"SET b=1, @@sEssion.a=1", "", false},
    {"SET @@sEssion.", "a", false},         {"", "a", false},
};

START_TEST(what_was_written_is_known_again)
{
    ck_assert_int_eq(set_scope_is_silent(span_text(written[_i].sql), span_text(written[_i].name)),
                     written[_i].silent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("set_scope");
    TCase *tests = tcase_create("set_scope");
    tcase_add_loop_test(tests, a_bare_name_gets_its_scope, 0, sizeof(scopes) / sizeof(scopes[0]));
    tcase_add_test(tests, too_much_is_left_alone);
    tcase_add_loop_test(tests, what_a_statement_sets_for_itself, 0,
                        sizeof(statements) / sizeof(statements[0]));
    tcase_add_loop_test(tests, what_was_written_is_known_again, 0,
                        sizeof(written) / sizeof(written[0]));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
