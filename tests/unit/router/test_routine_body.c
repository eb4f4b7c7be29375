/* What bodies of stored programs, and statements that run routines, leave behind. */
#include "router/routine_body.h"

#include "router/classify.h"

#include <check.h>
#include <stdlib.h>

enum {
    NOTHING = 0,
    SETS = LEAVES_VARIABLES,
    MORE = LEAVES_MORE,
    SETTINGS = LEAVES_SETTINGS | LEAVES_MORE,
    ANY = LEAVES_UNKNOWN,
};

static const struct {
    const char *body;
    unsigned leaves;
} bodies[] = {
    /* nothing */
    {"SELECT 1", NOTHING},
    {"BEGIN END", NOTHING},
    {"BEGIN DECLARE x VARCHAR(20) DEFAULT 'a'; DECLARE y DECIMAL(4,2); SET x = LEFT(x, 2), y = "
     "(1); "
     "IF (x > 1) THEN SET x = 3; ELSEIF (x = 2) THEN UPDATE t SET a = 1, b = 2 WHERE c IN (1, 2) "
     "ORDER BY d, e LIMIT 1; END IF; WHILE (y < 3) DO SET y = y + 1; END WHILE; END",
     NOTHING},
    {"BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; DECLARE c CURSOR FOR SELECT a "
     "FROM t; "
     "OPEN c; l: LOOP FETCH c INTO x; LEAVE l; END LOOP; CLOSE c; END",
     NOTHING},
    {"BEGIN START TRANSACTION; INSERT INTO t (a, b) VALUES (1, 2) ON DUPLICATE KEY UPDATE a = "
     "VALUES(a), b = 3; COMMIT; END",
     NOTHING},
    {"INSERT IGNORE INTO e.t (a) SELECT MAX(b) FROM u FOR UPDATE", NOTHING},
    {"SELECT a INTO x FROM t LOCK IN SHARE MODE", NOTHING},
    {"SELECT a INTO x FROM t USE INDEX (i) WHERE CONVERT(a USING utf8mb4) = CAST(b AS CHAR "
     "CHARACTER "
     "SET latin1)",
     NOTHING},
    {"SET NEW.a = OLD.b + 1, NEW.c = LAST_INSERT_ID(4)", NOTHING},
    {"SELECT 'CALL p() @x', \"GET_LOCK('a', 1)\" /* CALL q() */ -- PREPARE", NOTHING},
    {"DROP TEMPORARY TABLE IF EXISTS t", NOTHING},
    {"SELECT @@session.sql_mode, @@autocommit", NOTHING},
    {"SET `x` = 1", NOTHING},
    /* user variables */
    {"SET @x = 1", SETS},
    {"SELECT 1 INTO @`x`", SETS},
    {"SET x = (@y := 2)", SETS},
    {"SET x = 1, @y = 2", SETS},
    /* settings */
    {"SET sql_mode = ''", MORE},
    {"SET x = 1, Sql_Mode = ''", MORE},
    {"SET x = (SELECT 1, 2), `sql_mode` = ''", MORE},
    {"SET @@time_zone = 'SYSTEM'", SETTINGS},
    {"SET x = 1, @@time_zone = 'SYSTEM'", SETTINGS},
    {"SET @@session.time_zone = 'SYSTEM', @@LOCAL.sql_mode = @@sql_mode", MORE},
    {"SET @@global.time_zone = 'SYSTEM'", MORE},
    {"SET SESSION wait_timeout = 1", MORE},
    {"SET GLOBAL wait_timeout = 1", MORE},
    {"SET NAMES utf8mb4", MORE},
    {"SET CHARACTER SET utf8mb4", MORE},
    {"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", MORE},
    {"SET PASSWORD = 'x'", MORE},
    {"SET ROLE r", MORE},
    {"SET STATEMENT max_statement_time = 1 FOR SELECT 1", MORE},
    {"sql_mode := ''", ANY},
    /* what the connection holds */
    {"SELECT GET_LOCK('a', 1)", MORE},
    {"SELECT get_lock ('a', 1)", MORE},
    {"SELECT `get_lock`('a', 1)", ANY},
    {"DO RELEASE_ALL_LOCKS()", MORE},
    {"SELECT NEXTVAL(s)", MORE},
    {"SELECT s.nextval", MORE},
    {"SELECT s.`nextval`", MORE},
    {"SELECT NEXT VALUE FOR s", MORE},
    {"SELECT PREVIOUS VALUE FOR s", MORE},
    {"CREATE TEMPORARY TABLE t (a INT)", ANY},
    {"CREATE OR REPLACE TEMPORARY TABLE t SELECT 1", MORE},
    {"HANDLER t OPEN", MORE},
    {"LOCK TABLES t READ", MORE},
    {"FLUSH TABLES WITH READ LOCK", MORE},
    {"BACKUP STAGE START", MORE},
    {"XA START 'a'", MORE},
    {"USE d", MORE},
    /* dynamic */
    {"PREPARE s FROM 'SELECT 1'", ANY},
    {"BEGIN EXECUTE IMMEDIATE x; END", ANY},
    {"EXECUTE s", ANY},
    /* routines */
    {"CALL quiet()", NOTHING},
    {"CALL quiet", NOTHING},
    {"CALL `Quiet`(1, 'x')", NOTHING},
    {"call d.quiet(fine(1))", NOTHING},
    {"CALL `d` . `quiet`", NOTHING},
    {"CALL sets()", SETS},
    {"CALL holds()", MORE},
    {"CALL nobody()", ANY},
    {"CALL e.quiet()", ANY},
    {"CALL fine()", ANY}, /* a function */
    {"CALL p.d.quiet()", ANY},
    {"CALL `qu``iet`()", ANY},
    {"SELECT fine(1)", NOTHING},
    {"SELECT fine (1)", NOTHING},
    {"SELECT `fine`(1) FROM t WHERE d.fine(2) > 3", NOTHING},
    {"SELECT locks()", MORE},
    {"SELECT e.locks()", ANY},
    {"SELECT quiet()", ANY}, /* a procedure */
    {"SELECT max (1)", ANY},
    {"SELECT e.max(1)", ANY},
    {"INSERT INTO t SELECT locks()", MORE},
    {"INSERT INTO t SET a = locks()", MORE},
    {"INSERT INTO locks (a) VALUES (1)", NOTHING},
    {"INSERT INTO e.locks (a) VALUES (1)", NOTHING},
    {"INSERT t VALUES (locks())", MORE},
    {"REPLACE t (a) VALUES (1)", NOTHING},
    {"BEGIN CALL quiet(); SET x = 1, y = locks(); END", MORE},
    {"BEGIN DECLARE EXIT HANDLER FOR 1062 CALL sets(); IF fine() THEN CALL holds(); END IF; END",
     SETS | MORE},
    {"RETURN (locks())", MORE},
    {"DO fine()", NOTHING},
    {"WITH c (a) AS (SELECT 1) SELECT 1", ANY},
    {"SELECT 'open", ANY},
    {"/*!99999 SELECT 1 */", ANY},
};

static void know(struct routines *routines)
{
    static const char *const settings[] = {"SQL_MODE", "WAIT_TIMEOUT", "TIME_ZONE"};
    struct span d = span_text("d");
    routines->known = true;
    names_add(&routines->procedures, ROUTINE_SEEN, d, span_text("quiet"));
    names_add(&routines->procedures, ROUTINE_SEEN, d, span_text("sets"));
    names_add(&routines->procedures, LEAVES_VARIABLES, d, span_text("sets"));
    names_add(&routines->procedures, ROUTINE_SEEN | LEAVES_MORE, d, span_text("holds"));
    names_add(&routines->functions, ROUTINE_SEEN, d, span_text("fine"));
    names_add(&routines->functions, ROUTINE_SEEN | LEAVES_MORE, d, span_text("locks"));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        names_add(&routines->settings, 1, span_text(""), span_text(settings[i]));
}

START_TEST(a_body_is_judged_by_its_words)
{
    struct routines routines = {0};
    know(&routines);
    struct span body = span_text(bodies[_i].body);
    ck_assert_msg(routine_body_leaves(body, 0, &routines, "d") == bodies[_i].leaves, "%s: %u",
                  bodies[_i].body, routine_body_leaves(body, 0, &routines, "d"));
    routines_free(&routines);
}
END_TEST

/* Whatever is left when all is known is left when nothing is. */
START_TEST(less_knowledge_never_means_less)
{
    struct routines none = {0};
    unsigned leaves = routine_body_leaves(span_text(bodies[_i].body), 0, &none, NULL);
    ck_assert_uint_eq(leaves & bodies[_i].leaves, bodies[_i].leaves);
}
END_TEST

START_TEST(without_a_schema_the_worst_of_that_name_counts)
{
    struct routines routines = {0};
    know(&routines);
    ck_assert_uint_eq(routine_body_leaves(span_text("CALL quiet()"), 0, &routines, NULL), 0);
    names_add(&routines.procedures, ROUTINE_SEEN | LEAVES_MORE, span_text("e"), span_text("quiet"));
    ck_assert_uint_eq(routine_body_leaves(span_text("CALL quiet()"), 0, &routines, NULL),
                      LEAVES_MORE);
    ck_assert_uint_eq(routine_body_leaves(span_text("CALL quiet()"), 0, &routines, "d"), 0);
    ck_assert_uint_eq(routine_body_leaves(span_text("CALL quiet()"), 0, &routines, "e"),
                      LEAVES_MORE);
    routines_free(&routines);
}
END_TEST

START_TEST(quotes_are_read_as_the_body_was)
{
    struct routines routines = {0};
    struct span body = span_text("SELECT \"locks\"(1)");
    know(&routines);
    ck_assert_uint_eq(routine_body_leaves(body, 0, &routines, "d"), 0);
    ck_assert_uint_eq(routine_body_leaves(body, LEX_ANSI_QUOTES, &routines, "d"), LEAVES_MORE);
    routines_free(&routines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routine_body");
    TCase *tcase = tcase_create("routine_body");
    int count = (int)(sizeof(bodies) / sizeof(bodies[0]));
    tcase_add_loop_test(tcase, a_body_is_judged_by_its_words, 0, count);
    tcase_add_loop_test(tcase, less_knowledge_never_means_less, 0, count);
    tcase_add_test(tcase, without_a_schema_the_worst_of_that_name_counts);
    tcase_add_test(tcase, quotes_are_read_as_the_body_was);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
