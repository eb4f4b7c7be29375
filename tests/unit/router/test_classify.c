/* What kind of statement is it? The tables are the specification: add the statement that went
 * wrong. */
#include "router/classify.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct statement {
    const char *sql;
    unsigned mode;
};

/* Plain reads: a follower may serve them. All run on a real server without writing anything. */
static const struct statement reads[] = {
    {"SELECT 1", 0},
    {"select 1;", 0},
    {"SELECT 1 ; ; ", 0},
    {"  \t\r\n\v\fSELECT 1", 0},
    {"SELECT c FROM t WHERE id=4711", 0},
    {"SELECT * FROM `t` WHERE `id` = 1", 0},
    {"SELECT * FROM d.t", 0},
    {"SELECT d.t.c FROM d.t", 0},
    {"SELECT d . t . c FROM d . t", 0},
    {"SELECT `d`.`t`.`c` FROM `d`.`t`", 0},
    {"SELECT t.`update`, t.select, t.into, t.lock FROM words AS t", 0},
    {"SELECT `for`, `update`, `into` FROM words", 0},
    {"SELECT `a``b` FROM words", 0},
    {"SELECT '--', '/*', '#', ';', 'FOR UPDATE'", 0},
    {"SELECT 'it''s', \"he said \"\"no\"\"\", 'a\\'b', \"a\\\"b\"", 0},
    {"SELECT 'INTO OUTFILE \\'x', 1", 0},
    {"SELECT 'a\\', 'INTO @x', 'b'", LEX_NO_BACKSLASH_ESCAPES},
    {"SELECT \"FOR UPDATE\", \"a\"\"b\" FROM words", LEX_ANSI_QUOTES},
    {"SELECT N'abc', n'abc', _utf8'abc', _utf8mb4 'abc', x'41', X'41', b'01', 0x41, 0b01", 0},
    {"SELECT 'a' 'b' \"c\"", 0},
    {"SELECT DATE '2020-01-01', TIME '10:00:00', TIMESTAMP '2020-01-01 00:00:00'", 0},
    {"SELECT {d '2020-01-01'}, {fn abs(1)}", 0},
    {"SELECT 1e5, 1e+5, 1E-5, 1.5e3, .5, .5e1, 1., 1.5, -1, +1, 007", 0},
    {"SELECT 1.FROM t", 0},
    {"SELECT 1e5from words", 0},
    {"SELECT 2col, t.3c, t.1e5 FROM digits t", 0},
    {"SELECT TRUE, FALSE, NULL, \\N", 0},
    {"SELECT größe, 名前 FROM utf", 0},
    {"SELECT a AS `größe` FROM t", 0},
    {"SELECT \"\xe4\xf6\", '\xa0INTO'", 0},
    {"SELECT $a, _b, a$b FROM words", 0},
    {"SELECT # comment INTO @x\n 1", 0},
    {"SELECT -- INTO @x\n 1", 0},
    {"SELECT 1 --", 0},
    {"SELECT 1 -- INTO @x", 0},
    {"SELECT 1 --\tINTO @x", 0},
    {"SELECT 5--1", 0},
    {"SELECT 1 # INTO @x", 0},
    {"SELECT /* INTO @x */ 1", 0},
    {"SELECT/**/1/***/", 0},
    {"SELECT /* a /* nested */ 1", 0},
    {"/* FOR UPDATE */ SELECT 1 /* ; DELETE FROM t */", 0},
    {"SELECT /*+ NO_INDEX_MERGE(t) */ a FROM t", 0},
    {"SELECT /*! 1, */ 2", 0},
    {"SELECT /*!40001 SQL_NO_CACHE */ * FROM t", 0},
    {"SELECT /*!40001 SQL_NO_CACHE /* inner */ */ * FROM t", 0},
    {"SELECT /*M! 1, */ 2", 0},
    {"SELECT /*M!100100 1, */ 2", 0},
    {"SELECT /*!100100 1, */ 2", 0},
    {"SELECT /*m! INTO @x */ 2", 0},
    {"/*!SELECT 1*/", 0},
    {"SELECT 1 /*!*/", 0},
    {"SELECT DISTINCT a FROM t", 0},
    {"SELECT DISTINCT(a) FROM t", 0},
    {"SELECT ALL a FROM t", 0},
    {"SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", 0},
    {"SELECT HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT SQL_BUFFER_RESULT a FROM "
     "t",
     0},
    {"SELECT a, COUNT(*), SUM(b), AVG(b), MIN(b), MAX(b), GROUP_CONCAT(DISTINCT b ORDER BY b "
     "SEPARATOR ',') FROM t GROUP BY a WITH ROLLUP HAVING COUNT(*) > 1 LIMIT 1, 2",
     0},
    {"SELECT * FROM t a JOIN t b ON (a.id = b.id) CROSS JOIN (t2 c LEFT JOIN t2 e USING (id))", 0},
    {"SELECT * FROM t NATURAL JOIN t2", 0},
    {"SELECT * FROM (t, t2)", 0},
    {"SELECT * FROM t USE INDEX (i) WHERE a = 1", 0},
    {"SELECT * FROM t FORCE INDEX FOR JOIN (i) IGNORE KEY FOR ORDER BY (i2)", 0},
    {"SELECT * FROM pt PARTITION (p0, p1)", 0},
    {"SELECT * FROM t WHERE a IN (1,2,3) AND (b = 1 OR (b = 2)) AND NOT (a = 3)", 0},
    {"SELECT * FROM t WHERE a IN(SELECT a FROM t2) AND EXISTS(SELECT 1 FROM t2) XOR(1)", 0},
    {"SELECT * FROM t WHERE a > ALL(SELECT 1) OR a = ANY (SELECT 2) OR a = SOME (SELECT 3)", 0},
    {"SELECT * FROM t WHERE (a, b) = ROW(1, 2) OR a BETWEEN (1) AND (2) OR b LIKE ('x')", 0},
    {"SELECT * FROM t WHERE c REGEXP('x') OR c RLIKE ('y') OR a DIV(2) OR a MOD (2) = 1", 0},
    {"SELECT CASE WHEN (a = 1) THEN (2) ELSE (3) END FROM t", 0},
    {"SELECT CASE(a) WHEN(1) THEN(2) END FROM t", 0},
    {"SELECT IF(a, 1, 2), IFNULL(a, 1), NULLIF(a, 1), COALESCE(a, b), ISNULL(a) FROM t", 0},
    {"SELECT CAST(a AS CHAR(10)), CAST(a AS DECIMAL(10,2)), CONVERT(a, BINARY(5)) FROM t", 0},
    {"SELECT CONVERT(c USING utf8mb4), BINARY (c), CAST(a AS UNSIGNED) FROM t", 0},
    {"SELECT NOW(), NOW(6), CURRENT_TIMESTAMP, CURRENT_TIMESTAMP(), SYSDATE(), UTC_TIMESTAMP()", 0},
    {"SELECT CURDATE() + INTERVAL 1 DAY, DATE_ADD(NOW(), INTERVAL (1) HOUR)", 0},
    {"SELECT EXTRACT(YEAR FROM NOW()), YEAR(NOW()), WEEK (NOW()), DATE_FORMAT(NOW(), '%Y')", 0},
    {"SELECT UNIX_TIMESTAMP(), FROM_UNIXTIME(1), TIMESTAMPDIFF(DAY, NOW(), NOW())", 0},
    {"SELECT SUBSTRING(c FROM 1 FOR 2), TRIM(LEADING 'x' FROM c), POSITION('a' IN c) FROM t", 0},
    {"SELECT CONCAT('a', c), CONCAT_WS(',', c), LEFT(c, 1), RIGHT(c, 1), REPEAT(c, 2) FROM t", 0},
    {"SELECT REPLACE(c, 'a', 'b'), INSERT(c, 1, 1, 'x'), CHAR(65 USING utf8), ASCII(c) FROM t", 0},
    {"SELECT abs (1), round (1.5), `abs` FROM words", 0},
    {"SELECT MD5(c), SHA1(c), SHA2(c, 256), UUID(), RAND(), HEX(c), CRC32(c) FROM t", 0},
    {"SELECT VERSION(), DATABASE(), SCHEMA(), USER(), CURRENT_USER, CURRENT_USER(), CURRENT_ROLE()",
     0},
    {"SELECT INET_ATON('1.2.3.4'), SLEEP(0), BENCHMARK(1, 1), NAME_CONST('a', 1)", 0},
    {"SELECT JSON_EXTRACT('{}', '$'), JSON_OBJECT('a', 1), JSON_ARRAYAGG(a) FROM t", 0},
    {"SELECT * FROM JSON_TABLE('[{\"a\":1}]', '$[*]' COLUMNS (a INT PATH '$.a', n FOR ORDINALITY, "
     "NESTED PATH '$.b[*]' COLUMNS (v VARCHAR(10) PATH '$'))) AS jt",
     0},
    {"SELECT ST_AsText(POINT(1, 2)), ST_X(POINT(1,2))", 0},
    {"SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b), RANK() OVER w, LAG(b, 1) OVER (ORDER "
     "BY "
     "b) FROM t WINDOW w AS (ORDER BY a)",
     0},
    {"SELECT SUM(b) OVER(ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t", 0},
    {"SELECT * FROM t WHERE MATCH (c) AGAINST ('x' IN BOOLEAN MODE)", 0},
    {"SELECT * FROM t WHERE MATCH(c) AGAINST('x' WITH QUERY EXPANSION)", 0},
    {"SELECT VALUE(a) FROM t", 0},
    {"SELECT a AS next, a AS nowait, a AS locked, a AS skip FROM t", 0},
    {"SELECT a next FROM t value", 0},
    {"SELECT * FROM (SELECT a FROM t) AS x WHERE x.a IN (SELECT (a) FROM t2)", 0},
    {"SELECT 1 UNION SELECT 2", 0},
    {"SELECT 1 UNION ALL (SELECT 2) UNION DISTINCT SELECT 3 ORDER BY 1 LIMIT 2", 0},
    {"(SELECT 1) EXCEPT (SELECT 2) INTERSECT (SELECT 3)", 0},
    {"(SELECT 1)", 0},
    {"((SELECT 1) UNION (SELECT 2))", 0},
    {"(((SELECT 1)))", 0},
    {"(VALUES (1), (2))", 0},
    {"VALUES (1,2), (3,4)", 0},
    {"WITH a AS (SELECT 1) SELECT * FROM a", 0},
    {"WITH a (x, y) AS (SELECT 1, 2), b(z) AS (SELECT 3) SELECT * FROM a, b", 0},
    {"WITH `a` (`x`) AS (SELECT 1) SELECT * FROM `a`", 0},
    {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
     0},
    {"SELECT * FROM (WITH c (x) AS (SELECT 1) SELECT x FROM c) AS s", 0},
    {"SELECT * FROM t FOR SYSTEM_TIME AS OF NOW()", 0},
    {"SELECT a FROM t ORDER BY a OFFSET 1 ROW FETCH FIRST 2 ROWS ONLY", 0},
    {"SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES", 0},
    {"SELECT a FROM t LIMIT 5 ROWS EXAMINED 100", 0},
    {"SELECT transaction FROM words", 0},
    {"SELECT * FROM transaction", 0},
    {"SELECT @@version, @@version_comment, @@sql_mode, @@autocommit", 0},
    {"select @@version_comment limit 1", 0},
    {"SELECT @@session.tx_isolation, @@SESSION.`sql_mode`, @@local.time_zone, @@max_allowed_packet",
     0},
    {"/* mysql-connector-java-8.0.30 (Revision: 1de2fe87) */SELECT  "
     "@@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS "
     "character_set_client, @@character_set_connection AS character_set_connection, "
     "@@character_set_results AS character_set_results, @@character_set_server AS "
     "character_set_server, @@collation_server AS collation_server, @@collation_connection AS "
     "collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS "
     "interactive_timeout, @@license AS license, @@lower_case_table_names AS "
     "lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS "
     "net_write_timeout, @@performance_schema AS performance_schema, @@query_cache_size AS "
     "query_cache_size, @@query_cache_type AS query_cache_type, @@sql_mode AS sql_mode, "
     "@@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@tx_isolation AS "
     "transaction_isolation, @@wait_timeout AS wait_timeout",
     0},
    {"SELECT table_name FROM INFORMATION_SCHEMA.COLUMNS", 0},
    {"SELECT schema_name FROM `information_schema` . `SCHEMATA`", 0},
    {"SELECT k.column_name FROM information_schema.key_column_usage k", 0},
    {"SHOW TABLES", 0},
    {"SHOW FULL TABLES FROM d LIKE 't%'", 0},
    {"SHOW TABLES WHERE CHAR_LENGTH(Tables_in_d) > 2", 0},
    {"SHOW COLUMNS FROM t", 0},
    {"SHOW FULL COLUMNS FROM `t` FROM `d`", 0},
    {"SHOW FULL FIELDS FROM t", 0},
    {"SHOW DATABASES", 0},
    {"SHOW SCHEMAS LIKE 'd%'", 0},
    {"SHOW CREATE DATABASE d", 0},
    {"SHOW CREATE VIEW v", 0},
    {"SHOW CREATE PROCEDURE p", 0},
    {"SHOW CREATE FUNCTION f", 0},
    {"SHOW CHARACTER SET", 0},
    {"SHOW CHARSET LIKE 'utf%'", 0},
    {"SHOW COLLATION", 0},
    {"SHOW TRIGGERS", 0},
    {"SHOW PROCEDURE STATUS", 0},
    {"SHOW FUNCTION STATUS LIKE 'x'", 0},
    {"EXPLAIN SELECT 1", 0},
    {"EXPLAIN EXTENDED SELECT * FROM t", 0},
    {"EXPLAIN PARTITIONS SELECT * FROM pt", 0},
    {"EXPLAIN FORMAT=JSON SELECT * FROM t", 0},
    {"EXPLAIN FORMAT = 'JSON' (SELECT 1)", 0},
    {"EXPLAIN WITH a(x) AS (SELECT 1) SELECT * FROM a", 0},
    {"DESCRIBE SELECT 1", 0},
    {"DESC t", 0},
    {"DESC d.t c", 0},
    {"DESCRIBE `t` 'c%'", 0},
    {"EXPLAIN t", 0},
    {"ANALYZE SELECT * FROM t", 0},
    {"ANALYZE FORMAT=JSON SELECT * FROM t", 0},
    {"ANALYZE (SELECT 1)", 0},
    {"HELP 'SELECT'", 0},
    {"HELP contents", 0},
    {"CHECKSUM TABLE t", 0},
    {"CHECKSUM TABLES t, d.t2 EXTENDED", 0},
};

/* Reads that this server would not parse, or that need what a test server has not got. */
static const struct statement other_reads[] = {
    {"SELECT c FROM t WHERE id=?", 0},
    {"(WITH c(x) AS (SELECT 1) SELECT x FROM c)", 0},
    {"TABLE t", 0},
    {"TABLE t ORDER BY a LIMIT 1", 0},
    {"EXPLAIN ANALYZE SELECT 1", 0},
    {"SELECT", 0},
    {"SELECT @@session . sql_mode", 0},
    {"SELECT * FROM t WHERE ((((", 0},
    {"SELECT a FROM t WHERE b = :name", 0},
};

/* The leader's, without a flag. */
static const struct statement leaders[] = {
    {"", 0},
    {" \n", 0},
    {";", 0},
    {"-- nothing", 0},
    {"/* nothing */", 0},
    {"# nothing", 0},
    {"INSERT INTO t VALUES (1)", 0},
    {"INSERT INTO t (a, b) VALUES (1, ABS(2)), (3, 4)", 0},
    {"INSERT INTO `d`.`t` (`a`) SELECT a FROM t2", 0},
    {"INSERT INTO d.t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + VALUE(a)", 0},
    {"INSERT IGNORE t (a) VALUES (1) RETURNING id", 0},
    {"INSERT INTO t PARTITION (p0) (a) VALUES (1)", 0},
    {"INSERT INTO t SET a = 1", 0},
    {"INSERT t VALUE (1)", 0},
    {"REPLACE INTO t (a) VALUES (1)", 0},
    {"REPLACE t (a) VALUES (1)", 0},
    {"UPDATE t SET a = a + 1 WHERE id = 1", 0},
    {"UPDATE t JOIN t2 USING (id) SET t.a = (SELECT MAX(a) FROM t2)", 0},
    {"DELETE FROM t WHERE a IN (1, 2)", 0},
    {"DELETE t FROM t JOIN t2 ON (t.a = t2.a)", 0},
    {"TRUNCATE TABLE t", 0},
    {"TRUNCATE t", 0},
    {"WITH a AS (SELECT 1) DELETE FROM t", 0},
    {"WITH a AS (SELECT 1) UPDATE t SET a = 1", 0},
    {"WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", 0},
    {"LOAD DATA INFILE 'x' INTO TABLE t (a, b) SET c = CONCAT(a)", 0},
    {"LOAD DATA LOCAL INFILE 'x' INTO TABLE d.t FIELDS TERMINATED BY ',' (a, @b)", 0},
    {"LOAD XML INFILE 'x' INTO TABLE t", 0},
    {"CREATE TABLE t (id INT(11) PRIMARY KEY, c VARCHAR(10) DEFAULT (uuid()), KEY k (c))", 0},
    {"CREATE TABLE t2 AS SELECT * FROM t", 0},
    {"CREATE TABLE t2 SELECT CONCAT(a) FROM t", 0},
    {"CREATE OR REPLACE VIEW v AS SELECT ABS(a) FROM t", 0},
    {"CREATE UNIQUE INDEX i ON t (a)", 0},
    {"CREATE DATABASE d", 0},
    {"CREATE SEQUENCE s", 0},
    {"CREATE USER u@localhost IDENTIFIED BY 'x'", 0},
    {"CREATE PROCEDURE p() SELECT 1", 0},
    {"CREATE PROCEDURE p() KILL 5", 0},
    {"CREATE DEFINER = `a`@`b` FUNCTION f(x INT) RETURNS INT RETURN g(x);", 0},
    {"CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @x = 1", 0},
    {"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO CALL p()", 0},
    {"ALTER TABLE t ADD COLUMN x INT, ADD KEY (x)", 0},
    {"ALTER TABLE event ADD KEY (x)", 0},
    {"ALTER DATABASE d CHARACTER SET utf8", 0},
    {"ALTER EVENT e DISABLE", 0},
    {"DROP TABLE t", 0},
    {"DROP TEMPORARY TABLE t", 0},
    {"DROP PROCEDURE p", 0},
    {"RENAME TABLE a TO b", 0},
    {"GRANT SELECT (a), INSERT (b) ON d.t TO u@h", 0},
    {"REVOKE ALL ON d.* FROM u", 0},
    {"BEGIN", 0},
    {"BEGIN;", 0},
    {"BEGIN WORK", 0},
    {"START TRANSACTION", 0},
    {"START TRANSACTION READ WRITE", 0},
    {"START TRANSACTION WITH CONSISTENT SNAPSHOT", 0},
    {"START TRANSACTION READ ONLY, READ WRITE", 0},
    {"START TRANSACTION READ ONLY nonsense", 0},
    {"START TRANSACTION, READ ONLY", 0},
    {"START TRANSACTION WITH CONSISTENT SNAPSHOT READ ONLY", 0},
    {"START TRANSACTION READ", 0},
    {"START SLAVE", 0},
    {"COMMIT", 0},
    {"COMMIT AND CHAIN", 0},
    {"ROLLBACK", 0},
    {"ROLLBACK TO SAVEPOINT a", 0},
    {"SAVEPOINT a", 0},
    {"RELEASE SAVEPOINT a", 0},
    {"XA START 'a'", 0},
    {"XA RECOVER", 0},
    {"PREPARE s FROM 'SELECT 1'", 0},
    {"DEALLOCATE PREPARE s", 0},
    {"HANDLER t OPEN", 0},
    {"HANDLER t READ FIRST", 0},
    {"FLUSH TABLES", 0},
    {"FLUSH PRIVILEGES", 0},
    {"FLUSH LOGS", 0},
    {"RESET MASTER", 0},
    {"PURGE BINARY LOGS TO 'x'", 0},
    {"CHANGE MASTER TO MASTER_HOST = 'x'", 0},
    {"STOP SLAVE", 0},
    {"SHUTDOWN", 0},
    {"INSTALL PLUGIN x SONAME 'y'", 0},
    {"ANALYZE TABLE t", 0},
    {"ANALYZE LOCAL TABLE t", 0},
    {"ANALYZE TABLE t PERSISTENT FOR COLUMNS (a) INDEXES (b)", 0},
    {"ANALYZE UPDATE t SET a = 1", 0},
    {"ANALYZE FORMAT=JSON DELETE FROM t", 0},
    {"ANALYZE INSERT INTO t (a) VALUES (1)", 0},
    {"ANALYZE", 0},
    {"OPTIMIZE TABLE t", 0},
    {"REPAIR TABLE t", 0},
    {"CHECK TABLE t", 0},
    {"CACHE INDEX t IN c", 0},
    {"CHECKSUM t", 0},
    {"HELP", 0},
    {"SIGNAL SQLSTATE '45000'", 0},
    {"BACKUP STAGE START", 0},
    {"EXPLAIN UPDATE t SET a = 1", 0},
    {"EXPLAIN DELETE FROM t", 0},
    {"EXPLAIN INSERT INTO t (a) VALUES (1)", 0},
    {"EXPLAIN REPLACE t (a) VALUES (1)", 0},
    {"EXPLAIN FORMAT=JSON UPDATE t SET a = 1", 0},
    {"DESCRIBE DELETE FROM t", 0},
    {"EXPLAIN FOR CONNECTION 5", 0},
    {"DESC mysql.user", 0},
    {"SHOW STATUS", 0},
    {"SHOW GLOBAL STATUS LIKE 'x'", 0},
    {"SHOW VARIABLES", 0},
    {"SHOW SESSION VARIABLES LIKE 'x'", 0},
    {"SHOW PROCESSLIST", 0},
    {"SELECT * FROM information_schema.tables WHERE table_schema = DATABASE()", 0},
    {"SHOW TABLE STATUS", 0},
    {"SHOW TABLE STATUS LIKE 't'", 0},
    {"SHOW INDEX FROM t", 0},
    {"SHOW INDEXES IN t", 0},
    {"SHOW KEYS FROM t", 0},
    {"SHOW CREATE TABLE t", 0},
    {"SHOW CREATE TABLE `d`.`t`", 0},
    {"SHOW FULL PROCESSLIST", 0},
    {"SHOW MASTER STATUS", 0},
    {"SHOW SLAVE STATUS", 0},
    {"SHOW ALL SLAVES STATUS", 0},
    {"SHOW REPLICA STATUS", 0},
    {"SHOW BINLOG STATUS", 0},
    {"SHOW BINARY LOGS", 0},
    {"SHOW BINLOG EVENTS", 0},
    {"SHOW GRANTS", 0},
    {"SHOW GRANTS FOR u@h", 0},
    {"SHOW CREATE USER u", 0},
    {"SHOW CREATE EVENT e", 0},
    {"SHOW ENGINE INNODB STATUS", 0},
    {"SHOW ENGINES", 0},
    {"SHOW PLUGINS", 0},
    {"SHOW OPEN TABLES", 0},
    {"SHOW EVENTS", 0},
    {"SHOW EXPLAIN FOR 5", 0},
    {"SHOW PROFILE", 0},
    {"SHOW", 0},
    {"SHOW CREATE", 0},
    {"SHOW CREATE TABLE mysql.user", 0},
    {"SHOW TABLES WHERE @x = 1", 0},
    {"SELECT * INTO OUTFILE '/tmp/x' FROM t", 0},
    {"SELECT * FROM t INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ','", 0},
    {"SELECT 1 INTO DUMPFILE '/tmp/x'", 0},
    {"SELECT 1 INTO @x", 0},
    {"SELECT 1 INTO x", 0},
    {"SELECT 1/*!INTO*/x", 0},
    {"SELECT 1 /*! INTO OUTFILE '/tmp/x' */", 0},
    {"SELECT 1e5into OUTFILE '/tmp/x'", 0},
    {"SELECT 1.into @x", 0},
    {"SELECT 1 UNION SELECT 2 INTO @x", 0},
    {"(SELECT 1) INTO @x", 0},
    {"SELECT @x", 0},
    {"SELECT @`x`, @'y', @\"z\"", 0},
    {"SELECT @x := 1", 0},
    {"SELECT @x:=@x+1 FROM t", 0},
    {"SELECT a FROM t WHERE (@r := a) > 0", 0},
    {"SELECT @", 0},
    {"SELECT @@server_id", 0},
    {"SELECT @@hostname", 0},
    {"SELECT @@port, @@version", 0},
    {"SELECT @@gtid_slave_pos", 0},
    {"SELECT @@last_gtid", 0},
    {"SELECT @@read_only", 0},
    {"SELECT @@tx_read_only", 0},
    {"SELECT @@transaction_read_only", 0},
    {"SELECT @@session.tx_read_only", 0},
    {"SELECT @@last_insert_id", 0},
    {"SELECT @@identity", 0},
    {"SELECT @@insert_id", 0},
    {"SELECT @@timestamp", 0},
    {"SELECT @@rand_seed1", 0},
    {"SELECT @@pseudo_thread_id", 0},
    {"SELECT @@sql_log_bin", 0},
    {"SELECT @@session_track_schema", 0},
    {"SELECT @@in_transaction", 0},
    {"SELECT @@global.sql_mode", 0},
    {"SELECT @@GLOBAL . time_zone", 0},
    {"SELECT @@`global`.sql_mode", 0},
    {"SELECT @@default.key_buffer_size", 0},
    {"SELECT @@never_heard_of", 0},
    {"SELECT (SELECT @@server_id)", 0},
    {"EXPLAIN SELECT @@server_id", 0},
    {"SELECT GET_LOCK('a', 1)", 0},
    {"SELECT get_lock ('a', 1)", 0},
    {"SELECT GET_LOCK/**/('a', 1)", 0},
    {"SELECT /*! GET_LOCK('a', 1) */", 0},
    {"SELECT RELEASE_LOCK('a')", 0},
    {"SELECT RELEASE_ALL_LOCKS()", 0},
    {"SELECT IS_FREE_LOCK('a')", 0},
    {"SELECT IS_USED_LOCK('a')", 0},
    {"SELECT LAST_INSERT_ID()", 0},
    {"SELECT LAST_INSERT_ID(5)", 0},
    {"SELECT * FROM t WHERE id = LAST_INSERT_ID()", 0},
    {"SELECT NEXTVAL(s)", 0},
    {"SELECT NEXTVAL(d.s)", 0},
    {"SELECT SETVAL(s, 5)", 0},
    {"SELECT LASTVAL(s)", 0},
    {"SELECT NEXT VALUE FOR s", 0},
    {"SELECT PREVIOUS VALUE FOR s", 0},
    {"SELECT s.nextval", 0},
    {"SELECT s.`NEXTVAL`", 0},
    {"SELECT d.s.currval FROM dual", 0},
    {"SELECT s.\"nextval\"", LEX_ANSI_QUOTES},
    {"SELECT LOAD_FILE('/etc/passwd')", 0},
    {"SELECT MASTER_POS_WAIT('a', 1)", 0},
    {"SELECT MASTER_GTID_WAIT('0-1-1', 1)", 0},
    {"SELECT BINLOG_GTID_POS('a', 1)", 0},
    {"SELECT UUID_SHORT()", 0},
    {"SELECT WSREP_LAST_SEEN_GTID()", 0},
    {"SELECT DEFAULT(a) FROM t", 0},
    {"SELECT a FROM t WHERE EXISTS (SELECT GET_LOCK('a', 1))", 0},
    {"WITH a AS (SELECT GET_LOCK('a', 1)) SELECT * FROM a", 0},
    {"VALUES (GET_LOCK('a', 1))", 0},
    {"SELECT * FROM t FOR SYSTEM_TIME AS OF TRANSACTION 5", 0},
    {"SELECT * FROM mysql.user", 0},
    {"SELECT * FROM `mysql`.`user`", 0},
    {"SELECT * FROM MySQL . user", 0},
    {"SELECT * FROM \"mysql\".\"user\"", LEX_ANSI_QUOTES},
    {"SELECT * FROM t WHERE a IN (SELECT 1 FROM performance_schema.threads)", 0},
    {"SELECT * FROM sys.version", 0},
    {"SELECT * FROM information_schema.processlist", 0},
    {"SELECT * FROM `information_schema`.`PROCESSLIST`", 0},
    {"SELECT * FROM information_schema . innodb_trx", 0},
    {"SELECT * FROM information_schema.global_status", 0},
    {"SELECT * FROM information_schema.session_variables", 0},
    {"SELECT * FROM information_schema.user_variables", 0},
    {"SELECT * FROM information_schema.table_statistics", 0},
    {"SELECT * FROM information_schema.events", 0},
    {"(INSERT INTO t VALUES (1))", 0},
    {"SET @x = 1", 0},
    {"SET @x := 1", 0},
    {"SET a = @x", 0},
    {"SET sql_mode = '', @x = 1", 0},
    {"SET GLOBAL read_only = 1", 0},
    {"SET @@global.read_only = 1", 0},
    {"SET sql_mode = '', GLOBAL read_only = 1", 0},
    {"SET sql_mode = (SELECT 1)", 0},
    {"SET timestamp = GET_LOCK('a', 1)", 0},
    {"SET timestamp = @@server_id", 0},
    {"SET timestamp = ROW_COUNT()", 0},
    {"SET PASSWORD = PASSWORD('x')", 0},
    {"SET PASSWORD FOR u@h = 'x'", 0},
    {"SET TRANSACTION READ ONLY", 0},
    {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", 0},
    {"SET GLOBAL TRANSACTION READ WRITE", 0},
    {"SET STATEMENT max_statement_time = 1 FOR SELECT 1", 0},
    {"SET STATEMENT a = 1 FOR INSERT INTO t (a) VALUES (1)", 0},
    {"SET STATEMENT a = 1 FOR START TRANSACTION READ ONLY", 0},
    {"SET STATEMENT a = 1 FOR SELECT FOUND_ROWS()", 0},
    {"SET STATEMENT a = 1 FOR SET b = 2", 0},
    {"SET STATEMENT a = 1 FOR", 0},
    {"SET STATEMENT a = 1", 0},
    {"SELECT FOUND_ROWS(), LAST_INSERT_ID()", 0},
    {"INSERT INTO t VALUES (ROW_COUNT())", 0},
    {"GET", 0},
};

struct flagged {
    const char *sql;
    enum class_target target;
    uint32_t flags;
    unsigned mode;
};

static const struct flagged flagged[] = {
    /* several statements */
    {"SELECT 1; SELECT 2", CLASS_READ, CLASS_MULTI, 0},
    {"SELECT 1;;SHOW TABLES;", CLASS_READ, CLASS_MULTI, 0},
    {"SELECT ';'; SELECT 2", CLASS_READ, CLASS_MULTI, 0},
    {"SELECT 1; DELETE FROM t", CLASS_LEADER, CLASS_MULTI, 0},
    {"DELETE FROM t; SELECT 1", CLASS_LEADER, CLASS_MULTI, 0},
    {"SELECT 1; SELECT FOUND_ROWS()", CLASS_LEADER, CLASS_MULTI, 0},
    {"SELECT FOUND_ROWS(); SELECT 1", CLASS_LEADER, CLASS_MULTI, 0},
    {"START TRANSACTION READ ONLY; SELECT 1", CLASS_LEADER, CLASS_MULTI | CLASS_HOLDS, 0},
    {"SELECT 1; START TRANSACTION READ ONLY", CLASS_LEADER, CLASS_MULTI | CLASS_HOLDS, 0},
    {"SET a = 1; SET b = 2", CLASS_LEADER, CLASS_MULTI, 0},
    {"SELECT 1; SET ROLE r", CLASS_LEADER, CLASS_MULTI | CLASS_SET_ROLE, 0},
    {"USE d; LOCK TABLES t READ", CLASS_LEADER, CLASS_MULTI | CLASS_USE | CLASS_HOLDS, 0},
    {"SELECT 1 /*! ; DELETE FROM t */", CLASS_LEADER, CLASS_MULTI, 0},
    {"SELECT 'a\\'; DELETE FROM t; -- '", CLASS_READ, 0, 0},
    {"SELECT 'a\\'; DELETE FROM t; -- '", CLASS_LEADER, CLASS_MULTI, LEX_NO_BACKSLASH_ESCAPES},
    {"SELECT \"a\\\"; DELETE FROM t; -- \"", CLASS_READ, 0, 0},
    {"SELECT \"a\\\"; DELETE FROM t; -- \"", CLASS_LEADER, CLASS_MULTI, LEX_ANSI_QUOTES},
    {"CREATE PROCEDURE p() BEGIN KILL 5; LOCK TABLES t READ; END", CLASS_LEADER,
     CLASS_MULTI | CLASS_OPAQUE, 0},
    /* read-only transactions */
    {"START TRANSACTION READ ONLY", CLASS_READ_TRX, CLASS_HOLDS, 0},
    {"start transaction read only;", CLASS_READ_TRX, CLASS_HOLDS, 0},
    {"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", CLASS_READ_TRX, CLASS_HOLDS, 0},
    {"START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT", CLASS_READ_TRX, CLASS_HOLDS, 0},
    {"START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT, */ READ ONLY", CLASS_READ_TRX,
     CLASS_HOLDS, 0},
    /* of the statement before */
    {"SELECT FOUND_ROWS()", CLASS_PREVIOUS, 0, 0},
    {"SELECT ROW_COUNT() AS n", CLASS_PREVIOUS, 0, 0},
    {"SELECT found_rows ( )", CLASS_PREVIOUS, 0, 0},
    {"SELECT @@warning_count", CLASS_PREVIOUS, 0, 0},
    {"SELECT @@session.error_count, 1", CLASS_PREVIOUS, 0, 0},
    {"SHOW WARNINGS", CLASS_PREVIOUS, 0, 0},
    {"SHOW WARNINGS LIMIT 5", CLASS_PREVIOUS, 0, 0},
    {"SHOW ERRORS", CLASS_PREVIOUS, 0, 0},
    {"SHOW COUNT(*) WARNINGS", CLASS_PREVIOUS, 0, 0},
    {"SHOW COUNT(*) ERRORS", CLASS_PREVIOUS, 0, 0},
    {"GET DIAGNOSTICS @n = NUMBER", CLASS_PREVIOUS, 0, 0},
    {"GET CURRENT DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT", CLASS_PREVIOUS, 0, 0},
    /* locking reads */
    {"SELECT * FROM t FOR UPDATE", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM t FOR/**/UPDATE NOWAIT", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM t FOR UPDATE SKIP LOCKED", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM t FOR SHARE", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM t LOCK IN SHARE MODE", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM t /*! FOR UPDATE */", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"(SELECT * FROM t FOR UPDATE) UNION (SELECT 2)", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SELECT * FROM (SELECT a FROM t LOCK IN SHARE MODE) x", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"EXPLAIN SELECT * FROM t FOR UPDATE", CLASS_LEADER, CLASS_LOCKING_READ, 0},
    {"SET STATEMENT a = 1 FOR SELECT 1 FOR UPDATE", CLASS_LEADER,
     CLASS_LOCKING_READ | CLASS_SET_STATEMENT, 0},
    /* stored functions, and what may be one */
    {"SELECT f()", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT f ()", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT f/* */(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT `f`(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT `abs2` (1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT `year`(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT \"f\"(1)", CLASS_LEADER, CLASS_OPAQUE, LEX_ANSI_QUOTES},
    {"SELECT d.f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT d . abs (1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT `d`.`f`(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT d.select(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT größe(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 2f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT COUNT (a) FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT MAX /**/ (a) FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT NOW ()", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT columns(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT * FROM t PROCEDURE ANALYSE()", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT a, f(a) FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT * FROM t WHERE a IN (f(1))", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT * FROM t ORDER BY f(a)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT a FROM t GROUP BY a WITH ROLLUP ORDER BY a, f(a)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"WITH a(x) AS (SELECT 1) SELECT 1, f(x) FROM a", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"WITH a(x) AS (SELECT 1, f(1)) SELECT 1 FROM a", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"WITH a AS (SELECT 1) (SELECT 1, f(1))", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT (1), f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 'a' = f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"VALUES (f(1))", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SHOW TABLES WHERE f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"EXPLAIN SELECT f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"INSERT INTO t VALUES (f(1))", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"INSERT INTO t SET a = f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"INSERT INTO t (a) SELECT f(a) FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"INSERT INTO t SELECT d.f(a) FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"UPDATE t SET a = f(a)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"DELETE FROM t WHERE f(a)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"CREATE TABLE x AS SELECT f(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SET sql_mode = f()", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SET STATEMENT a = 1 FOR SELECT f()", CLASS_LEADER, CLASS_OPAQUE | CLASS_SET_STATEMENT, 0},
    /* statements that hide what they do */
    {"CALL p(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"CALL d.p", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"DO f(1)", CLASS_LEADER, CLASS_OPAQUE | CLASS_DO, 0},
    /* DO */
    {"DO SLEEP(1)", CLASS_READ, CLASS_DO, 0},
    {"DO 1, 'a' + 2", CLASS_READ, CLASS_DO, 0},
    {"do ?", CLASS_READ, CLASS_DO, 0},
    {"DO (SELECT 1)", CLASS_LEADER, CLASS_DO, 0},
    {"DO 1 IN (TABLE t)", CLASS_LEADER, CLASS_DO, 0},
    {"DO @a", CLASS_LEADER, CLASS_DO | CLASS_USER_VARIABLE, 0},
    {"DO @a := 1", CLASS_LEADER, CLASS_DO | CLASS_USER_VARIABLE, 0},
    {"DO GET_LOCK('a', 0)", CLASS_LEADER, CLASS_DO | CLASS_HOLDS, 0},
    {"DO LAST_INSERT_ID(5)", CLASS_LEADER, CLASS_DO, 0},
    {"DO NEXTVAL(s)", CLASS_LEADER, CLASS_DO, 0},
    {"DO ROW_COUNT()", CLASS_PREVIOUS, CLASS_DO, 0},
    {"DO 1; SELECT 1", CLASS_READ, CLASS_MULTI, 0},
    {"DO 1; DROP TABLE t", CLASS_LEADER, CLASS_MULTI | CLASS_HOLDS, 0},
    {"SELECT 1; DO 1", CLASS_READ, CLASS_MULTI, 0},
    {"EXECUTE s USING @a", CLASS_LEADER, CLASS_OPAQUE | CLASS_USER_VARIABLE, 0},
    {"EXECUTE IMMEDIATE 'SELECT 1'", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"BEGIN NOT ATOMIC SELECT 1; END", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"BEGIN NOT ATOMIC KILL 1; LOCK TABLES t READ; END", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI,
     0},
    {"IF (1) THEN SELECT 1; END IF", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"CASE 1 WHEN 1 THEN SELECT 1; END CASE", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"LOOP SELECT 1; END LOOP", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"FOR i IN 1..2 DO SELECT 1; END FOR", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"help: LOOP DELETE FROM t; END LOOP", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"DECLARE x INT; BEGIN NULL; END", CLASS_LEADER, CLASS_OPAQUE | CLASS_MULTI, 0},
    {"SET STATEMENT a = 1 FOR CALL p()", CLASS_LEADER, CLASS_OPAQUE | CLASS_SET_STATEMENT, 0},
    {"BINLOG 'abc'", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"NEVER HEARD OF", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"`SELECT` 1", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"'SELECT 1'", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"42", CLASS_LEADER, CLASS_OPAQUE, 0},
    /* text that servers may read in different ways, or not at all */
    {"SELECT 'abc", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT \"abc", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT `abc", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 'abc\\'", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 /* abc", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 /*! + 1", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 /*!50701 + 1 */", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 /*!80000 INTO @x */", CLASS_LEADER, CLASS_OPAQUE | CLASS_USER_VARIABLE, 0},
    {"SELECT 1 /*!999999 + 1 */", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 /*M!999999 + 1 */", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"/*M!999999\\- enable the sandbox mode */", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SET /*!80000 a = 1 */ b = 2", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1 \x01", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT [a] FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT \\x FROM t", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1.e", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT a FROM t FOR\xa0UPDATE", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT 1\xa0INTO OUTFILE 'x'", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT '\xbf\\' INTO OUTFILE '/tmp/x' -- '", CLASS_LEADER, CLASS_OPAQUE | CLASS_OWN_WORD,
     LEX_WIDE_CHARSET},
    {"SELECT 1", CLASS_READ, 0, LEX_WIDE_CHARSET},
    {"SELECT @@;", CLASS_LEADER, CLASS_OPAQUE, 0},
    {"SELECT @@(1)", CLASS_LEADER, CLASS_OPAQUE, 0},
    /* SET */
    {"SET autocommit = 0", CLASS_LEADER, CLASS_SET, 0},
    {"SET AUTOCOMMIT=1;", CLASS_LEADER, CLASS_SET, 0},
    {"SET NAMES utf8mb4", CLASS_LEADER, CLASS_SET, 0},
    {"SET NAMES 'utf8' COLLATE 'utf8_bin'", CLASS_LEADER, CLASS_SET, 0},
    {"SET CHARACTER SET utf8", CLASS_LEADER, CLASS_SET, 0},
    {"SET CHARSET utf8", CLASS_LEADER, CLASS_SET, 0},
    {"SET SESSION sql_mode = 'ANSI,TRADITIONAL', time_zone = '+00:00'", CLASS_LEADER, CLASS_SET, 0},
    {"SET LOCAL wait_timeout = 5", CLASS_LEADER, CLASS_SET, 0},
    {"SET @@session.sql_mode = '', @@sql_log_bin = 0", CLASS_LEADER, CLASS_SET, 0},
    {"SET @@tx_isolation = DEFAULT", CLASS_LEADER, CLASS_SET, 0},
    {"SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')", CLASS_LEADER, CLASS_SET, 0},
    {"SET sql_mode := 'x'", CLASS_LEADER, CLASS_SET, 0},
    {"SET NAMES utf8mb4, sql_mode = 'x'", CLASS_LEADER, CLASS_SET, 0},
    {"SET ROLE r", CLASS_LEADER, CLASS_SET_ROLE, 0},
    {"SET ROLE NONE", CLASS_LEADER, CLASS_SET_ROLE, 0},
    {"SET DEFAULT ROLE r FOR u", CLASS_LEADER, CLASS_SET_ROLE, 0},
    /* the rest of the flags */
    {"CREATE TEMPORARY TABLE x (a INT)", CLASS_LEADER, CLASS_HOLDS, 0},
    {"CREATE OR REPLACE TEMPORARY TABLE x (a INT)", CLASS_LEADER, CLASS_HOLDS, 0},
    {"create /* */ temporary table if not exists x select 1", CLASS_LEADER, CLASS_HOLDS, 0},
    {"CREATE /*!32302 TEMPORARY */ TABLE x (a INT)", CLASS_LEADER, CLASS_HOLDS, 0},
    {"CREATE TEMPORARY SEQUENCE s", CLASS_LEADER, CLASS_HOLDS, 0},
    {"SELECT GET_LOCK('a', 1)", CLASS_LEADER, CLASS_HOLDS, 0},
    {"SELECT RELEASE_LOCK('a'), RELEASE_ALL_LOCKS()", CLASS_LEADER, CLASS_HOLDS, 0},
    {"HANDLER t OPEN", CLASS_LEADER, CLASS_HOLDS, 0},
    {"PREPARE s FROM @a", CLASS_LEADER, CLASS_HOLDS | CLASS_USER_VARIABLE, 0},
    {"DEALLOCATE PREPARE s", CLASS_LEADER, CLASS_HOLDS, 0},
    {"DROP TABLE t", CLASS_LEADER, CLASS_HOLDS, 0},
    {"ALTER TABLE t RENAME u", CLASS_LEADER, CLASS_HOLDS, 0},
    {"BACKUP STAGE START", CLASS_LEADER, CLASS_HOLDS, 0},
    {"SELECT @a := 1", CLASS_LEADER, CLASS_USER_VARIABLE, 0},
    {"SELECT @@session_track_schema", CLASS_LEADER, CLASS_TRACKING, 0},
    {"SET @@session.session_track_state_change = 1", CLASS_LEADER, CLASS_TRACKING | CLASS_SET, 0},
    {"SET a = 1, session_track_system_variables = '*'", CLASS_LEADER, CLASS_TRACKING | CLASS_SET,
     0},
    {"SHOW VARIABLES", CLASS_LEADER, CLASS_TRACKING, 0},
    {"SHOW SESSION VARIABLES LIKE 'x'", CLASS_LEADER, CLASS_TRACKING, 0},
    {"SELECT * FROM information_schema.session_variables", CLASS_LEADER, CLASS_TRACKING, 0},
    {"LOCK TABLES t READ, u WRITE", CLASS_LEADER, CLASS_HOLDS, 0},
    {"LOCK TABLE t WRITE", CLASS_LEADER, CLASS_HOLDS, 0},
    {"FLUSH TABLES WITH READ LOCK", CLASS_LEADER, CLASS_HOLDS, 0},
    {"FLUSH TABLES t FOR EXPORT", CLASS_LEADER, CLASS_HOLDS, 0},
    {"FLUSH STATUS", CLASS_LEADER, CLASS_HOLDS, 0},
    {"UNLOCK TABLES", CLASS_LEADER, CLASS_HOLDS, 0},
    {"USE d", CLASS_LEADER, CLASS_USE, 0},
    {"USE `d`", CLASS_LEADER, CLASS_USE, 0},
    {"SELECT CONNECTION_ID()", CLASS_LEADER, CLASS_OWN_WORD, 0},
    {"KILL 5", CLASS_LEADER, CLASS_KILL, 0},
    {"KILL QUERY 5", CLASS_LEADER, CLASS_KILL, 0},
    {"KILL SOFT CONNECTION 5", CLASS_LEADER, CLASS_KILL, 0},
};

/* What a rule or hint may send to a follower, and what stays on the leader whatever is asked for.
 */
static const struct {
    const char *sql;
    bool allowed;
} requests[] = {
    {"SELECT f(1)", true},
    {"SELECT @@server_id", true},
    {"SELECT @@global.read_only", true},
    {"SELECT * FROM mysql.user", true},
    {"SELECT * FROM information_schema.processlist", true},
    {"SHOW STATUS", true},
    {"SHOW SLAVE STATUS", true},
    {"SHOW GLOBAL VARIABLES LIKE 'read_only'", true},
    {"EXPLAIN SELECT f(1)", true},
    {"SELECT 1", false}, /* needs no asking */
    {"INSERT INTO t VALUES (f(1))", false},
    {"UPDATE t SET a = @@server_id", false},
    {"SELECT f(1) FROM t FOR UPDATE", false},
    {"SELECT f(1) FROM t LOCK IN SHARE MODE", false},
    {"SELECT f(1) INTO OUTFILE '/tmp/x'", false},
    {"SELECT f(1) INTO @x", false},
    {"SELECT f(1), @x", false},
    {"SELECT @x := 1", false},
    {"SELECT GET_LOCK('a', 1)", false},
    {"SELECT LAST_INSERT_ID()", false},
    {"SELECT NEXT VALUE FOR s", false},
    {"SELECT s.nextval", false},
    {"ANALYZE TABLE t", false},
    {"OPTIMIZE TABLE t", false},
    {"SET GLOBAL read_only = 0", false},
    {"SET STATEMENT max_statement_time = 1 FOR SELECT f(1)", false},
    {"CALL p()", false},
    {"DO f(1)", false},
    {"SELECT 1; SELECT f(1)", false},
    {"/*!999999 SELECT */ f(1)", false},
    {"EXPLAIN UPDATE t SET a = 1", false},
    {"BEGIN", false},
    {"XA START 'x'", false},
    {"KILL 5", false},
    {"LOCK TABLES t READ", false},
};

#define COUNT(table) (sizeof(table) / sizeof(table[0]))

/* `unseen`: flags that the table at hand does not tell. */
static void expect(const char *sql, unsigned mode, enum class_target target, uint32_t flags,
                   uint32_t unseen)
{
    struct statement_class class;
    classify(span_text(sql), mode, &class);
    /* Shown below, and in test_classify_marks.c. */
    const uint32_t elsewhere = CLASS_ON_REQUEST | CLASS_PLAIN_READ | CLASS_SEMI_READ | CLASS_DDL |
                               CLASS_BEGIN | CLASS_SET_GLOBAL | CLASS_VARIABLE_READ |
                               CLASS_DIAGNOSTICS | CLASS_ACCOUNTS;
    uint32_t got = class.flags & ~elsewhere & ~unseen;
    ck_assert_msg(class.target == target && got == flags,
                  "target %d flags %#x, expected %d %#x: %s", class.target, got, target, flags,
                  sql);
}

START_TEST(what_commits_before_it_runs)
{
    static const struct {
        const char *sql;
        uint32_t commits;
    } cases[] = {
        {"BEGIN", CLASS_BEGIN},
        {"BEGIN; SELECT 1", CLASS_BEGIN},
        {"BEGIN NOT ATOMIC SELECT 1; END", 0},
        {"START TRANSACTION", CLASS_BEGIN},
        {"START TRANSACTION WITH CONSISTENT SNAPSHOT", CLASS_BEGIN},
        {"START TRANSACTION READ ONLY", 0},
        {"START SLAVE", 0},
        {"SELECT 1; DROP TABLE t", 0},
        {"SELECT 1; BEGIN", 0},
        {"LOCK TABLES t READ", CLASS_DDL},
        {"CREATE TABLE t (a INT)", CLASS_DDL},
        {"CREATE TEMPORARY TABLE t (a INT)", 0},
        {"CREATE OR REPLACE PROCEDURE p() SELECT 1", CLASS_DDL},
        {"ALTER TABLE t ADD b INT", CLASS_DDL},
        {"DROP TABLE t", CLASS_DDL},
        {"DROP TEMPORARY TABLE t", 0},
        {"DROP /* x */ temporary TABLE IF EXISTS t", 0},
        {"TRUNCATE t", CLASS_DDL},
        {"RENAME TABLE a TO b", CLASS_DDL},
        {"GRANT SELECT ON *.* TO u", CLASS_DDL},
        {"INSERT INTO t VALUES (1)", 0},
        {"SELECT TRUNCATE(1, 2)", 0},
        {"COMMIT", 0},
        {"DO 1", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct statement_class class;
        classify(span_text(cases[i].sql), 0, &class);
        ck_assert_msg((class.flags & (CLASS_DDL | CLASS_BEGIN)) == cases[i].commits, "%s",
                      cases[i].sql);
    }
}
END_TEST

START_TEST(plain_reads_may_go_to_a_follower)
{
    expect(reads[_i].sql, reads[_i].mode, CLASS_READ, 0, 0);
}
END_TEST

START_TEST(other_reads_may_go_to_a_follower)
{
    expect(other_reads[_i].sql, other_reads[_i].mode, CLASS_READ, 0, 0);
}
END_TEST

START_TEST(all_else_goes_to_the_leader)
{
    expect(leaders[_i].sql, leaders[_i].mode, CLASS_LEADER, 0,
           CLASS_HOLDS | CLASS_USER_VARIABLE | CLASS_SET_STATEMENT | CLASS_TRACKING);
}
END_TEST

START_TEST(flags_say_what_the_session_must_know)
{
    expect(flagged[_i].sql, flagged[_i].mode, flagged[_i].target, flagged[_i].flags, 0);
}
END_TEST

START_TEST(only_reads_can_be_asked_for_elsewhere)
{
    struct statement_class class;
    classify(span_text(requests[_i].sql), 0, &class);
    ck_assert_msg(((class.flags & CLASS_ON_REQUEST) != 0) == requests[_i].allowed, "%s",
                  requests[_i].sql);
}
END_TEST

/* A read must not turn into one for a leader, or back, by what stands before and behind it. */
START_TEST(comments_and_blanks_around_a_statement_change_nothing)
{
    struct statement_class bare, dressed;
    classify(span_text(reads[_i].sql), reads[_i].mode, &bare);
    char text[2048];
    int len = snprintf(text, sizeof(text), "/* x */ -- y\n # z\n\t%s\n/* ; */ ;", reads[_i].sql);
    ck_assert_int_lt(len, (int)sizeof(text));
    classify(span_text(text), reads[_i].mode, &dressed);
    ck_assert_msg(dressed.target == CLASS_READ && dressed.flags == bare.flags, "%s", text);
}
END_TEST

/* Any statement of the leader's keeps a text of several statements there. */
START_TEST(one_statement_of_the_leader_takes_all_with_it)
{
    struct statement_class class;
    char text[2048];
    int len = snprintf(text, sizeof(text), "SELECT 1; %s", flagged[_i].sql);
    ck_assert_int_lt(len, (int)sizeof(text));
    classify(span_text(text), flagged[_i].mode, &class);
    ck_assert_msg((class.target == CLASS_READ) == (flagged[_i].target == CLASS_READ), "%s", text);
}
END_TEST

static void fill(char *text, size_t len, const char *piece)
{
    size_t piece_len = strlen(piece);
    for (size_t i = 0; i < len; i++)
        text[i] = piece[i % piece_len];
}

static const char *const pieces[] = {
    "(",        "SET STATEMENT a=1 FOR ",
    "EXPLAIN ", ";",
    "/*!",      "/*",
    "'a'",      "`",
    "a.",       "@@",
    "WITH (",   "SELECT 1,",
    "-- ",      "#",
    "))",       "*/",
    "''",       "1e",
    "SET ",     "BEGIN ",
    "@",        "/*!50000 ",
    "--",       "CREATE ",
    "\\",       "/*/",
    "IN (1,",
};

/* Also a check of linear time: the quadratic case would run into the test's time-out. */
START_TEST(huge_texts_are_judged)
{
    size_t len = 4u * 1024 * 1024;
    char *text = malloc(len);
    ck_assert_ptr_nonnull(text);
    fill(text, len, pieces[_i]);
    struct statement_class class;
    classify(span_of(text, len), 0, &class);
    char out[64];
    statement_fingerprint(span_of(text, len), 0, out, sizeof(out));
    ck_assert_uint_lt(strlen(out), sizeof(out));
    free(text);
}
END_TEST

static Suite *classify_suite(void)
{
    Suite *suite = suite_create("classify");
    TCase *tcase = tcase_create("classify");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, plain_reads_may_go_to_a_follower, 0, (int)COUNT(reads));
    tcase_add_loop_test(tcase, other_reads_may_go_to_a_follower, 0, (int)COUNT(other_reads));
    tcase_add_loop_test(tcase, all_else_goes_to_the_leader, 0, (int)COUNT(leaders));
    tcase_add_test(tcase, what_commits_before_it_runs);
    tcase_add_loop_test(tcase, flags_say_what_the_session_must_know, 0, (int)COUNT(flagged));
    tcase_add_loop_test(tcase, only_reads_can_be_asked_for_elsewhere, 0, (int)COUNT(requests));
    tcase_add_loop_test(tcase, comments_and_blanks_around_a_statement_change_nothing, 0,
                        (int)COUNT(reads));
    tcase_add_loop_test(tcase, one_statement_of_the_leader_takes_all_with_it, 0,
                        (int)COUNT(flagged));
    tcase_add_loop_test(tcase, huge_texts_are_judged, 0, (int)COUNT(pieces));
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(classify_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
