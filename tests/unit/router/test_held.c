/* What a session holds: each reason begins and ends with the statements that say so, and goes on
 * where a text does not tell. */
#include "router/held.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
    const char *sql;
    unsigned reasons; /* after it */
    bool failed;
};

enum { RUNS_MAX = 6 };

static const struct {
    const char *what;
    struct run runs[RUNS_MAX];
} scenes[] = {
    {"a temporary table",
     {{"CREATE TEMPORARY TABLE t (a INT)", STICKY_TEMPORARY, false}, {"DROP TABLE t", 0, false}}},
    {"two of them",
     {{"CREATE TEMPORARY TABLE t (a INT); create temporary table d.u select 1", STICKY_TEMPORARY,
       false},
      {"DROP TABLE d.t", STICKY_TEMPORARY, false},
      {"DROP TEMPORARY TABLE IF EXISTS `u`", 0, false}}},
    {"of another schema",
     {{"CREATE TEMPORARY TABLE e.t (a INT)", STICKY_TEMPORARY, false},
      {"DROP TABLE t", STICKY_TEMPORARY, false},
      {"DROP TABLE x, e.t", 0, false}}},
    {"a drop that failed",
     {{"CREATE OR REPLACE TEMPORARY TABLE t (a INT)", STICKY_TEMPORARY, false},
      {"DROP TABLE t, nowhere", STICKY_TEMPORARY, true}}},
    {"a creation that failed behind another",
     {{"CREATE TEMPORARY TABLE IF NOT EXISTS t (a INT); nonsense", STICKY_TEMPORARY, true}}},
    {"a table that is renamed",
     {{"CREATE TEMPORARY TABLE t (a INT)", STICKY_TEMPORARY, false},
      {"ALTER TABLE t RENAME TO u", STICKY_TEMPORARY, false},
      {"DROP TABLE t", STICKY_TEMPORARY, false},
      {"DROP TABLE u", STICKY_TEMPORARY, false}}},
    {"a base table", {{"CREATE TABLE t (a INT)", 0, false}, {"DROP TABLE t", 0, false}}},
    {"for one statement",
     {{"SET STATEMENT max_statement_time=(5) FOR CREATE TEMPORARY TABLE t (a INT)",
       STICKY_TEMPORARY, false},
      {"DROP TABLES t", 0, false}}},
    {"LOCK TABLES", {{"LOCK TABLES t READ", STICKY_LOCKED, false}, {"UNLOCK TABLES", 0, false}}},
    {"a transaction gives table locks back",
     {{"LOCK TABLES t READ", STICKY_LOCKED, false}, {"BEGIN", 0, false}}},
    {"not the global one",
     {{"FLUSH TABLES WITH READ LOCK", STICKY_READ_LOCK, false},
      {"START TRANSACTION", STICKY_READ_LOCK, false},
      {"UNLOCK TABLES", 0, false}}},
    {"counters, until a reset",
     {{"FLUSH TABLES status", 0, false},
      {"FLUSH STATUS", 0, true},
      {"FLUSH LOCAL STATUS", STICKY_COUNTERS, false},
      {"FLUSH TABLES", STICKY_COUNTERS, false}}},
    {"BACKUP",
     {{"BACKUP STAGE START", STICKY_BACKUP, false},
      {"BACKUP STAGE BLOCK_DDL", STICKY_BACKUP, false},
      {"BACKUP STAGE END", 0, false},
      {"BACKUP LOCK t", STICKY_BACKUP, false},
      {"BACKUP UNLOCK", 0, false}}},
    {"a lock",
     {{"SELECT GET_LOCK('a', 10)", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_LOCK('b')", STICKY_NAMED_LOCK, false},
      {"DO RELEASE_LOCK('A')", 0, false}}},
    {"a lock taken twice",
     {{"SELECT GET_LOCK('a', 10)", STICKY_NAMED_LOCK, false},
      {"DO GET_LOCK(\"a\", 10)", STICKY_NAMED_LOCK, false},
      {"DO RELEASE_LOCK('a')", STICKY_NAMED_LOCK, false},
      {"DO RELEASE_LOCK('a')", 0, false}}},
    {"all of them",
     {{"SELECT GET_LOCK(?, 10), GET_LOCK('b', 1)", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_LOCK(?)", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_ALL_LOCKS()", 0, false}}},
    {"as often as there are rows",
     {{"SELECT GET_LOCK('a', 10) FROM t", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_LOCK('a')", STICKY_NAMED_LOCK, false}}},
    {"a release that may not have been made",
     {{"SELECT GET_LOCK('a', 10)", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_LOCK('a') FROM t", STICKY_NAMED_LOCK, false},
      {"SELECT IF(x, RELEASE_LOCK('a'), 0)", STICKY_NAMED_LOCK, false},
      {"SELECT RELEASE_ALL_LOCKS() WHERE 0", STICKY_NAMED_LOCK, false}}},
    {"a lock inside of a write",
     {{"INSERT INTO t VALUES (GET_LOCK('a', 1))", STICKY_NAMED_LOCK, false}}},
    {"a handler",
     {{"HANDLER t OPEN", STICKY_HANDLER, false},
      {"HANDLER t READ FIRST", STICKY_HANDLER, false},
      {"HANDLER t CLOSE", 0, false}}},
    {"a handler with a name of its own",
     {{"HANDLER d.t OPEN AS h", STICKY_HANDLER, false},
      {"HANDLER t CLOSE", STICKY_HANDLER, true},
      {"HANDLER h CLOSE", 0, false}}},
    {"a prepared statement",
     {{"PREPARE s FROM 'SELECT 1'", STICKY_PREPARED, false},
      {"PREPARE S FROM @x", STICKY_PREPARED, false},
      {"DEALLOCATE PREPARE s", 0, false},
      {"PREPARE s FROM 'SELECT 1'", STICKY_PREPARED, false},
      {"DROP PREPARE s", 0, false}}},
};

START_TEST(scene)
{
    struct held held;
    unsigned reasons = 0;
    held_init(&held);
    for (int i = 0; i < RUNS_MAX && scenes[_i].runs[i].sql; i++) {
        const struct run *run = &scenes[_i].runs[i];
        reasons = held_note(&held, reasons, span_text(run->sql), 0, "d", run->failed);
        ck_assert_msg(reasons == run->reasons, "%s: after %s: %x, expected %x", scenes[_i].what,
                      run->sql, reasons, run->reasons);
    }
    held_free(&held);
}
END_TEST

/* Names beyond what is kept, or in a schema that nobody knows, are held for good. */
START_TEST(names_without_number)
{
    struct held held;
    unsigned reasons = 0;
    char sql[64];
    held_init(&held);
    for (int i = 0; i < 300; i++) {
        snprintf(sql, sizeof(sql), "PREPARE s%d FROM 'SELECT 1'", i);
        reasons = held_note(&held, reasons, span_text(sql), 0, "d", false);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(sql, sizeof(sql), "DEALLOCATE PREPARE s%d", i);
        reasons = held_note(&held, reasons, span_text(sql), 0, "d", false);
    }
    ck_assert_uint_eq(reasons, STICKY_PREPARED);
    reasons =
        held_note(&held, reasons, span_text("CREATE TEMPORARY TABLE t (a INT)"), 0, NULL, false);
    reasons = held_note(&held, reasons, span_text("DROP TABLE t"), 0, "d", false);
    ck_assert_uint_eq(reasons, STICKY_PREPARED | STICKY_TEMPORARY);
    held_free(&held);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held");
    TCase *tcase = tcase_create("held");
    tcase_add_loop_test(tcase, scene, 0, sizeof(scenes) / sizeof(scenes[0]));
    tcase_add_test(tcase, names_without_number);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
