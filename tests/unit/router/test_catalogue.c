/* What the catalogue finds in statements, and how it judges views. The definitions are written as a
 * MariaDB 10.11 shows them in information_schema.VIEWS. */
#include "router/catalogue.h"
#include "router/classify.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *view;
    const char *definition;
    bool kept;
} views[] = {
    {"plain", "select `d`.`t`.`a` AS `a`,concat(`d`.`t`.`b`,'x') AS `c` from `d`.`t`", false},
    {"calls", "select `d`.`f`(`d`.`t`.`a`) AS `x` from `d`.`t`", true},
    {"hidden", "", true},
    {"over_calls", "select `calls`.`x` AS `x` from `d`.`over_it`", true},
    {"over_it", "select `calls`.`x` AS `x` from `d`.`calls`", true},
    {"over_plain", "select `plain`.`a` AS `a` from `d`.`plain`", false},
    {"over_heap", "select count(0) AS `n` from `d`.`heap`", true},
    {"other_heap", "select count(0) AS `n` from `e`.`heap`", false},
    {"of_server",
     "select `information_schema`.`processlist`.`ID` AS `i` from "
     "`information_schema`.`processlist`",
     true},
    {"globals", "select @@global.max_connections AS `m`", true},
    {"backslash", "select '\\' AS `a`,`d`.`f`(1) AS `b`,'x' AS `c`", true},
};

static struct catalogue *made(void)
{
    struct catalogue *catalogue = catalogue_new();
    catalogue_add(catalogue, CATALOGUE_LEADERS, span_text("d"), span_text("heap"));
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        catalogue_add_view(catalogue, span_text("d"), span_text(views[i].view),
                           span_text(views[i].definition));
    catalogue_finish(catalogue, false);
    return catalogue;
}

START_TEST(a_view_is_judged_by_what_it_reaches)
{
    struct catalogue *catalogue = made();
    char sql[64];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s", views[_i].view);
    ck_assert_int_eq(catalogue_names(catalogue, CATALOGUE_LEADERS, span_text(sql), 0, "d"),
                     views[_i].kept);
    catalogue_unref(catalogue);
}
END_TEST

static const struct {
    const char *sql;
    unsigned mode;
    const char *schema;
    bool named;
} statements[] = {
    {"SELECT 1 FROM t", 0, "d", false},
    {"SELECT 1 FROM heap", 0, "d", true},
    {"SELECT 1 FROM Heap", 0, "D", true},
    {"SELECT 1 FROM `heap`", 0, "d", true},
    {"SELECT 1 FROM `he``ap`", 0, "d", true}, /* not decoded: it may be anything */
    {"SELECT 1 FROM heap", 0, "e", false},
    {"SELECT 1 FROM heap", 0, NULL, true},
    {"SELECT 1 FROM d.heap", 0, "e", true},
    {"SELECT 1 FROM `d` . `heap`", 0, "e", true},
    {"SELECT 1 FROM e.heap", 0, "d", false},
    {"SELECT 1 FROM e.heap", 0, NULL, false},
    {"SELECT x.heap FROM x", 0, "d", false},
    {"SELECT heap FROM x", 0, "d", true}, /* a column, but who knows */
    {"SELECT 'heap' FROM x", 0, "d", false},
    {"SELECT 1 FROM \"heap\"", 0, "d", false},
    {"SELECT 1 FROM \"heap\"", LEX_ANSI_QUOTES, "d", true},
    {"SELECT 1 /* heap */ FROM x -- heap", 0, "d", false},
    {"SELECT 1 FROM x JOIN y USING (a) JOIN heap", 0, "d", true},
    {"SELECT 'open FROM x", 0, "d", true},
};

START_TEST(names_are_found)
{
    struct catalogue *catalogue = made();
    struct span sql = span_text(statements[_i].sql);
    ck_assert_int_eq(catalogue_names(catalogue, CATALOGUE_LEADERS, sql, statements[_i].mode,
                                     statements[_i].schema),
                     statements[_i].named);
    catalogue_unref(catalogue);
}
END_TEST

START_TEST(nothing_is_found_in_an_empty_one)
{
    struct catalogue *catalogue = catalogue_new();
    catalogue_finish(catalogue, false);
    ck_assert(!catalogue_names(catalogue, CATALOGUE_LEADERS, span_text("SELECT 'open FROM heap"), 0,
                               "d"));
    catalogue_unref(catalogue);
}
END_TEST

START_TEST(many_names_and_a_copy)
{
    struct catalogue *catalogue = catalogue_new();
    char text[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        catalogue_add(catalogue, CATALOGUE_LEADERS, span_text("d"), span_text(text));
    }
    struct catalogue *copy = catalogue_copy(catalogue);
    ck_assert_uint_eq(catalogue_digest(copy), catalogue_digest(catalogue));
    ck_assert_uint_eq(copy->tables.count, 1000);
    catalogue_unref(catalogue);
    for (int i = 0; i < 1010; i++) {
        snprintf(text, sizeof(text), "SELECT * FROM t%d", i);
        ck_assert_int_eq(catalogue_names(copy, CATALOGUE_LEADERS, span_text(text), 0, "d"),
                         i < 1000);
    }
    catalogue_unref(copy);
}
END_TEST

/* Triggers as information_schema.TRIGGERS shows them; each is of a table with its own name. */
static const struct {
    const char *table;
    const char *body;
    bool sets;
} triggers[] = {
    {"audited", "INSERT INTO audit (a, b) VALUES (NEW.a, CONCAT('x', OLD.b))", false},
    {"audited_elsewhere", "insert ignore into `e`.`audit`(a) select max(a) from t where (1)",
     false},
    {"typed",
     "BEGIN DECLARE x VARCHAR(20); DECLARE y DECIMAL(4,2); IF (NEW.a > 1) THEN SET x = LEFT(NEW.b, "
     "2); ELSEIF (NEW.a = 0) THEN SET NEW.b = COALESCE(x, 'none'); END IF; WHILE (y < 3) DO SET y "
     "= "
     "y + 1; END WHILE; END",
     false},
    {"sets", "SET @x = 1", true},
    {"selects_into", "SELECT 1 INTO @`x`", true},
    {"assigns", "SET NEW.a = (@x := 2)", true},
    {"calls", "CALL p()", true},
    {"function", "SET NEW.a = f(1)", true},
    {"function_of_schema", "SET NEW.a = e.max(1)", true},
    {"function_with_gap", "SET NEW.a = MAX (1)", true},
    {"says_so", "SET NEW.b = 'CALL p() @x'", false},
    {"quoted", "SET NEW.b = \"it's\", NEW.a = @x, NEW.c = \"it's\"", true},
    {"escaped", "SET NEW.b = '\\', NEW.a = @x, NEW.c = '\\'", true},
    {"over_sets", "INSERT INTO sets VALUES (1)", true},
    {"over_view", "DELETE FROM view_of_sets", true},
    {"selects_function", "INSERT INTO audit SELECT f(1)", true},
    {"hidden", "", true},
};

START_TEST(a_trigger_is_judged_by_what_it_does)
{
    struct catalogue *catalogue = catalogue_new();
    char sql[64];
    for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
        catalogue_add_trigger(catalogue, span_text("d"), span_text(triggers[i].table),
                              span_text(triggers[i].body));
    catalogue_add_view(catalogue, span_text("d"), span_text("view_of_sets"),
                       span_text("select `d`.`sets`.`a` AS `a` from `d`.`sets`"));
    catalogue_finish(catalogue, false);
    snprintf(sql, sizeof(sql), "UPDATE %s SET a = 1", triggers[_i].table);
    ck_assert_msg(catalogue_names(catalogue, CATALOGUE_SETS, span_text(sql), 0, "d") ==
                      triggers[_i].sets,
                  "%s", triggers[_i].body);
    ck_assert(!catalogue_names(catalogue, CATALOGUE_SETS, span_text(sql), 0, "e"));
    ck_assert(!catalogue_names(catalogue, CATALOGUE_LEADERS, span_text(sql), 0, "d"));
    catalogue_unref(catalogue);
}
END_TEST

static const struct {
    bool function;
    const char *name;
    const char *body;
    unsigned leaves;
} routines[] = {
    {false, "quiet", "INSERT INTO t VALUES (1)", 0},
    {false, "calls_quiet", "BEGIN CALL quiet(); CALL D.Quiet(); END", 0},
    {false, "calls_deep", "CALL calls_locks()", LEAVES_MORE},
    {false, "calls_locks", "SELECT locks(1) INTO x", LEAVES_MORE},
    {true, "locks", "RETURN GET_LOCK('a', 1)", LEAVES_MORE},
    {true, "fine", "RETURN 1", 0},
    {false, "itself", "IF x THEN CALL other(); END IF", 0},
    {false, "other", "IF x THEN CALL itself(); END IF", 0},
    {false, "itself_sets", "BEGIN CALL other_sets(); END", LEAVES_VARIABLES},
    {false, "other_sets", "BEGIN CALL itself_sets(); SET @x = 1; END", LEAVES_VARIABLES},
    {false, "hidden", "", LEAVES_UNKNOWN},
    {false, "calls_hidden", "CALL hidden()", LEAVES_UNKNOWN},
    {false, "calls_nobody", "CALL nobody()", LEAVES_UNKNOWN},
    {false, "calls_elsewhere", "CALL e.quiet()", LEAVES_UNKNOWN},
    {false, "settings", "SET sql_mode = ''", LEAVES_MORE},
    {false, "own_variable", "SET mine = ''", 0},
    {false, "writes_locking", "INSERT INTO locking VALUES (1)", LEAVES_VARIABLES | LEAVES_MORE},
    {false, "unreported", "SET @@sql_mode = ''", LEAVES_MORE | LEAVES_SETTINGS},
    {false, "calls_unreported", "CALL unreported()", LEAVES_MORE | LEAVES_SETTINGS},
    {false, "writes_setting", "UPDATE setting SET a = 1", LEAVES_VARIABLES},
    {false, "reads_view", "SELECT a INTO x FROM view_locks", LEAVES_MORE},
    {false, "reads_plain_view", "SELECT a INTO x FROM view_fine", 0},
};

static struct catalogue *with_routines(bool known)
{
    struct catalogue *catalogue = catalogue_new();
    struct span d = span_text("d");
    for (size_t i = 0; i < sizeof(routines) / sizeof(routines[0]); i++)
        catalogue_add_routine(catalogue, routines[i].function, d, span_text(routines[i].name),
                              span_text(routines[i].body), 0);
    catalogue_add_trigger(catalogue, d, span_text("locking"), span_text("SET NEW.a = locks(1)"));
    catalogue_add_trigger(catalogue, d, span_text("setting"), span_text("SET @x = 1"));
    catalogue_add_trigger(catalogue, d, span_text("calling"), span_text("SET NEW.a = fine()"));
    catalogue_add_view(catalogue, d, span_text("view_locks"),
                       span_text("select `d`.`locks`(1) AS `a` from `d`.`t`"));
    catalogue_add_view(catalogue, d, span_text("view_fine"),
                       span_text("select `d`.`fine`() AS `a`,concat('x',`d`.`t`.`b`) AS `b` from "
                                 "`d`.`t`"));
    catalogue_add_setting(catalogue, span_text("SQL_MODE"));
    catalogue_finish(catalogue, known);
    return catalogue;
}

START_TEST(a_routine_leaves_what_those_leave_that_it_runs)
{
    struct catalogue *catalogue = with_routines(true);
    struct catalogue *unknown = with_routines(false);
    char sql[64];
    snprintf(sql, sizeof(sql), routines[_i].function ? "SELECT %s()" : "CALL %s()",
             routines[_i].name);
    ck_assert_msg(catalogue_leaves(catalogue, span_text(sql), 0, "d") == routines[_i].leaves, "%s",
                  sql);
    ck_assert_uint_eq(catalogue_leaves(unknown, span_text(sql), 0, "d"), LEAVES_UNKNOWN);
    ck_assert_uint_eq(catalogue_leaves(catalogue, span_text(sql), 0, "e"), LEAVES_UNKNOWN);
    ck_assert_uint_ne(catalogue_digest(catalogue), catalogue_digest(unknown));
    catalogue_unref(catalogue);
    catalogue_unref(unknown);
}
END_TEST

/* A function that is replaced by another must not put reads of views in doubt, nor writes. */
START_TEST(what_is_the_leaders_does_not_depend_on_what_functions_do)
{
    struct catalogue *catalogue = with_routines(true);
    ck_assert(catalogue_names(catalogue, CATALOGUE_LEADERS, span_text("SELECT a FROM view_fine"), 0,
                              "d"));
    ck_assert(catalogue_names(catalogue, CATALOGUE_SETS, span_text("DELETE FROM calling"), 0, "d"));
    ck_assert(
        !catalogue_names(catalogue, CATALOGUE_HOLDS, span_text("DELETE FROM calling"), 0, "d"));
    ck_assert(
        catalogue_names(catalogue, CATALOGUE_HOLDS, span_text("DELETE FROM locking"), 0, "d"));
    catalogue_unref(catalogue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("catalogue");
    TCase *tcase = tcase_create("catalogue");
    tcase_add_loop_test(tcase, a_view_is_judged_by_what_it_reaches, 0,
                        (int)(sizeof(views) / sizeof(views[0])));
    tcase_add_loop_test(tcase, a_trigger_is_judged_by_what_it_does, 0,
                        (int)(sizeof(triggers) / sizeof(triggers[0])));
    tcase_add_loop_test(tcase, names_are_found, 0,
                        (int)(sizeof(statements) / sizeof(statements[0])));
    tcase_add_loop_test(tcase, a_routine_leaves_what_those_leave_that_it_runs, 0,
                        (int)(sizeof(routines) / sizeof(routines[0])));
    tcase_add_test(tcase, what_is_the_leaders_does_not_depend_on_what_functions_do);
    tcase_add_test(tcase, nothing_is_found_in_an_empty_one);
    tcase_add_test(tcase, many_names_and_a_copy);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
