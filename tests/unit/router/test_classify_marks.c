/* What a statement may do beside its kind: a plain read on the leader (one that may miss what a
 * follower has shown), an UPDATE that passes over locked rows, words that are Causeway's own. */
#include "router/classify.h"

#include <check.h>
#include <stdlib.h>

/* Run on the leader: may it do a plain read? */
static const struct {
    const char *sql;
    bool plain;
} plain_reads[] = {
    /* what reads nothing, or rows with locks and as they are now */
    {"INSERT INTO t VALUES (1)", false},
    {"INSERT INTO t (a, b) VALUES (1, ABS(2)), (3, 4)", false},
    {"INSERT INTO d.t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)", false},
    {"INSERT INTO t SET a = 1, b = NOW()", false},
    {"INSERT INTO t (a) VALUES (@x), (@@server_id), (LAST_INSERT_ID())", false},
    {"INSERT INTO t (a) VALUES (1) RETURNING id", false},
    {"INSERT INTO t (a) VALUES ('SELECT 1')", false},
    {"INSERT INTO t (`select`) VALUES (1)", false},
    {"INSERT INTO t (a) VALUES (NEXT VALUE FOR s)", false},
    {"REPLACE INTO t (a) VALUES (1)", false},
    {"UPDATE t SET a = a + 1 WHERE id = 1", false},
    {"UPDATE t JOIN t2 USING (id) SET t.a = t2.a", false},
    {"DELETE FROM t WHERE a IN (1, 2)", false},
    {"DELETE t FROM t JOIN t2 ON (t.a = t2.a)", false},
    {"BEGIN", false},
    {"BEGIN WORK;", false},
    {"START TRANSACTION", false},
    {"START TRANSACTION READ WRITE", false},
    {"START TRANSACTION READ ONLY", false},
    {"COMMIT", false},
    {"COMMIT AND CHAIN", false},
    {"ROLLBACK", false},
    {"ROLLBACK TO SAVEPOINT a", false},
    {"SAVEPOINT a", false},
    {"RELEASE SAVEPOINT a", false},
    {"SET @x = 1", false},
    {"SET @x = @y, sql_mode = CONCAT(@@sql_mode, ',ANSI')", false},
    {"SET NAMES utf8mb4", false},
    {"SET autocommit = 0", false},
    {"SET TRANSACTION READ ONLY", false},
    {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", false},
    {"SET GLOBAL read_only = 1", false},
    {"SET ROLE r", false},
    {"SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1", false},
    {"USE d", false},
    {"CREATE TABLE t (id INT PRIMARY KEY, c INT DEFAULT (1))", false},
    {"CREATE TEMPORARY TABLE t LIKE t2", false},
    {"ALTER TABLE t ADD COLUMN x INT", false},
    {"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE t2", false},
    {"CREATE UNIQUE INDEX i ON t (a)", false},
    {"CREATE DATABASE d", false},
    {"DROP TABLE t", false},
    {"TRUNCATE TABLE t", false},
    {"RENAME TABLE a TO b", false},
    {"GRANT SELECT ON d.t TO u", false},
    {"GRANT ALL ON d.t TO u", false},
    {"REVOKE ALL ON d.* FROM u", false},
    {"LOCK TABLES t READ", false},
    {"UNLOCK TABLES", false},
    {"FLUSH TABLES", false},
    {"KILL 5", false},
    {"LOAD DATA INFILE 'x' INTO TABLE t (a) SET c = CONCAT(a)", false},
    {"SELECT * FROM t FOR UPDATE", false},
    {"SELECT * FROM t JOIN t2 USING (id) LOCK IN SHARE MODE", false},
    {"SELECT a INTO @x FROM t FOR UPDATE NOWAIT", false},
    {"SET STATEMENT a = 1 FOR SELECT * FROM t FOR UPDATE", false},
    {"INSERT INTO t VALUES (1); UPDATE t SET a = 2; COMMIT", false},
    /* what reads, or may */
    {"SELECT 1", true},
    {"SELECT @x", true},
    {"SELECT @@server_id", true},
    {"SELECT GET_LOCK('a', 1)", true},
    {"SELECT LAST_INSERT_ID()", true},
    {"(SELECT 1)", true},
    {"VALUES (1)", true},
    {"TABLE t", true},
    {"WITH a AS (SELECT 1) SELECT * FROM a", true},
    {"WITH a AS (SELECT 1) UPDATE t SET a = 1", true},
    {"INSERT INTO t SELECT * FROM t2", true},
    {"INSERT INTO t (a) VALUES ((SELECT MAX(a) FROM t2))", true},
    {"INSERT INTO t TABLE t2", true},
    {"INSERT INTO t WITH a AS (SELECT 1) SELECT * FROM a", true},
    {"INSERT INTO t VALUES (f(1))", true},
    {"INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = (SELECT 1)", true},
    {"INSERT INTO t (a) VALUES (1) RETURNING (SELECT MAX(a) FROM t2)", true},
    {"REPLACE INTO t SELECT 1", true},
    {"UPDATE t SET a = (SELECT MAX(a) FROM t2)", true},
    {"UPDATE t SET a = f(a)", true},
    {"UPDATE t SET a = 1 WHERE b IN (TABLE t2)", true},
    {"DELETE FROM t WHERE a IN (SELECT a FROM t2)", true},
    {"START TRANSACTION WITH CONSISTENT SNAPSHOT", true},
    {"START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT", true},
    {"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE", true},
    {"START TRANSACTION READ WRITE, WITH CONSISTENT SNAPSHOT", true},
    {"START SLAVE", true},
    {"SET @x = (SELECT MAX(a) FROM t)", true},
    {"SET @x = f()", true},
    {"SET @x = (TABLE t)", true},
    {"SET STATEMENT a = 1 FOR SELECT 1", true},
    {"SET STATEMENT a = (SELECT 1) FOR UPDATE t SET a = 1", true},
    {"CREATE TABLE t2 AS SELECT * FROM t", true},
    {"CREATE TABLE t2 TABLE t", true},
    {"CREATE VIEW v AS SELECT 1", true},
    {"CREATE PROCEDURE p() SELECT 1", true},
    {"LOAD DATA INFILE 'x' INTO TABLE t (a) SET c = (SELECT 1)", true},
    {"SELECT * FROM t WHERE a = (SELECT MAX(a) FROM t2) FOR UPDATE", true},
    {"SELECT * FROM (SELECT a FROM t LOCK IN SHARE MODE) x", true},
    {"SELECT 1 FROM t UNION SELECT 2 FROM t FOR UPDATE", true},
    {"SELECT * FROM t WHERE a IN (TABLE t2) FOR UPDATE", true},
    {"SELECT f(a) FROM t FOR UPDATE", true},
    {"SELECT * FROM t FOR UPDATE SKIP LOCKED", true},
    {"EXPLAIN SELECT * FROM t FOR UPDATE", true},
    {"EXPLAIN UPDATE t SET a = 1", true},
    {"ANALYZE UPDATE t SET a = 1", true},
    {"SHOW TABLES", true},
    {"SHOW WARNINGS", true},
    {"CALL p()", true},
    {"DO SLEEP(1)", true},
    {"EXECUTE s", true},
    {"PREPARE s FROM 'SELECT 1'", true},
    {"XA START 'a'", true},
    {"HANDLER t READ FIRST", true},
    {"CHECKSUM TABLE t", true},
    {"BEGIN NOT ATOMIC UPDATE t SET a = 1; END", true},
    {"UPDATE t SET a = 1; SELECT 1", true},
    {"SELECT 1; UPDATE t SET a = 1", true},
    {"NEVER HEARD OF", true},
    {"COMMIT 'abc", true},
    {"COMMIT /*!80000 AND CHAIN */", true},
    {"", true},
    {";", true},
};

/* Which texts are worth a look for a statement that Causeway answers itself? */
static const struct {
    const char *sql;
    bool own;
    unsigned mode;
} own_words[] = {
    {"SET @causeway_key = 'alice'", true, 0},
    {"set @Causeway_Key := 1", true, 0},
    {"SET @`causeway_key` = 'alice'", true, 0},
    {"SET @'causeway_key' = 'alice'", true, 0},
    {"SELECT @causeway_key", true, 0},
    {"SELECT a, @causeway_key FROM t", true, 0},
    {"SELECT @@causeway_token", true, 0},
    {"SELECT @@SESSION.Causeway_Token", true, 0},
    {"SELECT @@session.`causeway_token`", true, 0},
    {"SET @@causeway_token = ''", true, 0},
    {"SET @@session.causeway_token = ''", true, 0},
    {"SET @@local.causeway_token = ''", true, 0},
    {"SET SESSION causeway_token = ''", true, 0},
    {"SET causeway_token = ''", true, 0},
    {"SET `causeway_token` = ''", true, 0},
    {"SET GLOBAL causeway_token = ''", true, 0},
    {"SET @@global.causeway_token = ''", true, 0},
    {"SET autocommit = 1, causeway_token = ''", true, 0},
    {"SELECT 1; SET @causeway_key = 'a'", true, 0},
    {"SET @causeway_key = 'gr\xb3\\'", true, LEX_WIDE_CHARSET},
    {"SELECT 1", false, 0},
    {"SELECT 1", false, LEX_WIDE_CHARSET},
    {"SELECT '@causeway_key', \"@@causeway_token\"", false, 0},
    {"SELECT 1 /* @causeway_key */", false, 0},
    {"SELECT causeway_token, `@causeway_key` FROM t", false, 0},
    {"SELECT @causeway_keys, @causeway_ke, @x, @", false, 0},
    {"SELECT @`causeway_keys`", false, 0},
    {"SELECT @@causeway_tokens", false, 0},
    {"SET a = causeway_token", false, 0},
    {"SET @x = 1", false, 0},
};
#define COUNT(table) (sizeof(table) / sizeof(table[0]))

START_TEST(plain_reads_are_known)
{
    struct statement_class class;
    classify(span_text(plain_reads[_i].sql), 0, &class);
    ck_assert_msg(((class.flags & CLASS_PLAIN_READ) != 0) == plain_reads[_i].plain, "%s",
                  plain_reads[_i].sql);
}
END_TEST

START_TEST(text_that_is_not_judged_may_read)
{
    struct statement_class class;
    classify(span_text("INSERT INTO t VALUES ('\xbf')"), LEX_WIDE_CHARSET, &class);
    ck_assert_uint_eq(class.flags & CLASS_PLAIN_READ, CLASS_PLAIN_READ);
    classify(span_text("INSERT INTO t VALUES ('a')"), LEX_WIDE_CHARSET, &class);
    ck_assert_uint_eq(class.flags & CLASS_PLAIN_READ, 0);
}
END_TEST

START_TEST(updates_alone_may_pass_over_locked_rows)
{
    static const struct {
        const char *sql;
        bool semi;
    } rows[] = {
        {"UPDATE t SET a = 1", true},
        {"UPDATE t JOIN t2 USING (id) SET t.a = 1", true},
        {"SET STATEMENT a = 1 FOR UPDATE t SET a = 1", true},
        {"COMMIT; UPDATE t SET a = 1", true},
        {"DELETE FROM t WHERE a = 1", false},
        {"INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2", false},
        {"SELECT * FROM t FOR UPDATE", false},
        {"REPLACE INTO t VALUES (1)", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct statement_class class;
        classify(span_text(rows[i].sql), 0, &class);
        ck_assert_msg(((class.flags & CLASS_SEMI_READ) != 0) == rows[i].semi, "%s", rows[i].sql);
    }
}
END_TEST

START_TEST(reads_but_for_variables_and_global_settings_are_marked)
{
    static const struct {
        const char *sql;
        uint32_t flags;
    } rows[] = {
        {"SELECT @x", CLASS_VARIABLE_READ},
        {"SELECT a FROM t WHERE b = @x AND c = @`y`", CLASS_VARIABLE_READ},
        {"SELECT @x := 1", 0},
        {"SELECT 1 INTO @x", 0},
        {"SELECT @x, f(1)", 0},
        {"SELECT @x, FOUND_ROWS()", 0},
        {"SELECT @x, @@server_id", 0},
        {"SELECT @x FROM t FOR UPDATE", 0},
        {"SELECT 1; SELECT @x", 0},
        {"SELECT @x; SELECT 1", 0},
        {"SET a = @x", 0},
        {"INSERT INTO t VALUES (@x)", 0},
        {"SELECT 1", 0},
        {"SET GLOBAL a = 1", CLASS_SET_GLOBAL},
        {"SET @@global.a = 1", CLASS_SET_GLOBAL},
        {"SET b = 1, PERSIST a = 1", CLASS_SET_GLOBAL},
        {"SET a = @@global.a", 0},
        {"SHOW GLOBAL VARIABLES", 0},
        {"SHOW WARNINGS", CLASS_DIAGNOSTICS},
        {"SHOW COUNT(*) ERRORS", CLASS_DIAGNOSTICS},
        {"SELECT @@warning_count", CLASS_DIAGNOSTICS},
        {"GET DIAGNOSTICS @n = NUMBER", CLASS_DIAGNOSTICS},
        {"SELECT ROW_COUNT()", 0},
        {"SELECT trace FROM information_schema.optimizer_trace", 0},
        {"SET PASSWORD = PASSWORD('x')", CLASS_ACCOUNTS},
        {"SET PASSWORD FOR a = PASSWORD('x')", CLASS_ACCOUNTS},
        {"SET DEFAULT ROLE r", CLASS_ACCOUNTS},
        {"FLUSH PRIVILEGES", CLASS_ACCOUNTS},
        {"SET a = DEFAULT", 0},
        {"INSERT INTO password VALUES (1)", 0},
    };
    const uint32_t both =
        CLASS_VARIABLE_READ | CLASS_SET_GLOBAL | CLASS_DIAGNOSTICS | CLASS_ACCOUNTS;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct statement_class class;
        classify(span_text(rows[i].sql), 0, &class);
        ck_assert_msg((class.flags & both) == rows[i].flags, "%s", rows[i].sql);
        if (rows[i].flags == CLASS_DIAGNOSTICS || strstr(rows[i].sql, "trace"))
            ck_assert_int_eq(class.target, CLASS_PREVIOUS);
        else
            ck_assert(rows[i].flags == 0 || class.target == CLASS_LEADER);
    }
}
END_TEST

START_TEST(own_words_are_seen)
{
    struct statement_class class;
    classify(span_text(own_words[_i].sql), own_words[_i].mode, &class);
    ck_assert_msg(((class.flags & CLASS_OWN_WORD) != 0) == own_words[_i].own, "%s",
                  own_words[_i].sql);
}
END_TEST
int main(void)
{
    Suite *suite = suite_create("classify_marks");
    TCase *tcase = tcase_create("classify_marks");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, plain_reads_are_known, 0, (int)COUNT(plain_reads));
    tcase_add_test(tcase, updates_alone_may_pass_over_locked_rows);
    tcase_add_test(tcase, text_that_is_not_judged_may_read);
    tcase_add_test(tcase, reads_but_for_variables_and_global_settings_are_marked);
    tcase_add_loop_test(tcase, own_words_are_seen, 0, (int)COUNT(own_words));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
