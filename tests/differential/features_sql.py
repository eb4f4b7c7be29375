"""Features that are statements: reading, writing, tables, transactions, routines, errors."""

import grammar
from session_model import feature

WORDS = ("READ WRITE", "READ ONLY", "WITH CONSISTENT SNAPSHOT", "WITH CONSISTENT SNAPSHOT, READ ONLY")


@feature("read", 34)
def read(s):
    s.reads(4)


@feature("write", 16)
def write(s):
    s.query(s.write())
    if s.chance(0.5):
        s.query(f"SELECT id, k, v FROM {s.table().name} ORDER BY id LIMIT 8")
    elif s.chance(0.3):
        s.query(s.read())


@feature("ddl", 3)
def ddl(s):
    choice = s.rng.random()
    if not s.tables or (choice < 0.35 and len(s.tables) < 4):
        s.make_table()
        return
    table = s.table()
    if table.temporary:  # RENAME of one is logged and stops followers (a fault of the server)
        return
    new = s.name("c")
    s.query(s.pick(
        f"ALTER TABLE {table.name} ADD COLUMN {new} INT DEFAULT 5",
        f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {new} VARCHAR(9), ADD INDEX (v)",
        f"ALTER TABLE {table.name} COMMENT = 'changed'",
        f"ALTER TABLE {table.name} MODIFY v VARCHAR(50)",
        f"ALTER TABLE {table.name} AUTO_INCREMENT = 100",
        f"CREATE INDEX i{new} ON {table.name} (v, k)",
        f"TRUNCATE TABLE {table.name}",
        f"RENAME TABLE {table.name} TO {table.name}r, {table.name}r TO {table.name}",
        f"CREATE TABLE IF NOT EXISTS {table.name} (a INT)",
        f"CREATE OR REPLACE TABLE {new} AS SELECT id, v FROM {table.name} WHERE id < 4",
        f"CREATE TABLE {new} LIKE {table.name}",
        f"ALTER TABLE {table.name} DROP COLUMN IF EXISTS nothing",
    ))
    s.query(s.pick(f"SHOW COLUMNS FROM {table.name}", f"SELECT * FROM {table.name} ORDER BY id",
                   f"SHOW CREATE TABLE {table.name}", "SHOW TABLES", f"SHOW INDEX FROM {table.name}", "SHOW WARNINGS"))
    if s.chance(0.3):
        s.drop_table(table)


@feature("constraints", 2)
def constraints(s):
    parent, child = s.name("p"), s.name("f")
    s.queries(
        f"CREATE TABLE {parent} (id INT PRIMARY KEY, u INT UNIQUE, c INT CHECK (c < 10))",
        f"CREATE TABLE {child} (id INT PRIMARY KEY, pid INT, FOREIGN KEY (pid) REFERENCES {parent} (id) ON DELETE "
        + s.pick("CASCADE", "SET NULL", "RESTRICT") + ")",
        f"INSERT INTO {parent} VALUES (1, 1, 1), (2, 2, 2)",
        f"INSERT INTO {child} VALUES (1, 1), (2, 2), (3, NULL)",
    )
    for _ in range(s.rng.randrange(1, 5)):
        s.query(s.pick(
            f"INSERT INTO {child} VALUES (4, 77)", f"INSERT INTO {parent} VALUES (3, 3, 11)",
            f"INSERT INTO {parent} VALUES (4, 1, 1)", f"DELETE FROM {parent} WHERE id = 1",
            f"UPDATE {parent} SET id = 9 WHERE id = 2", f"SELECT * FROM {child} ORDER BY id",
            f"INSERT IGNORE INTO {parent} VALUES (1, 1, 1), (5, 5, 5), (6, 6, 66)", "SHOW WARNINGS",
            "SELECT ROW_COUNT()",
            f"INSERT INTO {parent} VALUES (7, 2, 1) ON DUPLICATE KEY UPDATE c = c + 1",
            f"TRUNCATE {parent}", f"DROP TABLE {parent}",
        ))
    s.query(f"DROP TABLE {child}, {parent}")


@feature("transaction", 6)
def transaction(s):
    begin = s.pick("BEGIN", "START TRANSACTION", "BEGIN WORK", *("START TRANSACTION " + word for word in WORDS))
    inside = [lambda: s.read() + " FOR UPDATE", lambda: "SELECT @@in_transaction", s.read, s.read, s.write, s.write,
              lambda: f"SELECT k FROM {s.table().name} ORDER BY id LOCK IN SHARE MODE"]
    if "READ ONLY" in begin and s.user == "reader":  # a follower refuses a write before it looks at rights
        inside = inside[1:4]
    elif "READ ONLY" not in begin:
        inside += [lambda: "SAVEPOINT a", lambda: "ROLLBACK TO a", lambda: "ROLLBACK TO SAVEPOINT nosuch", lambda: "RELEASE SAVEPOINT a"]
        if s.chance(0.2):
            s.query("SET TRANSACTION " + s.pick("ISOLATION LEVEL READ COMMITTED", "ISOLATION LEVEL SERIALIZABLE", "READ ONLY", "READ WRITE",
                                                "ISOLATION LEVEL READ UNCOMMITTED, READ ONLY"))
            if s.chance(0.3):
                s.query(s.pick("SELECT 1", s.read()))
    chains = s.chance(0.05)
    if chains:
        s.query("SET completion_type = " + s.pick("CHAIN", "1"))
    s.query(begin)
    for _ in range(s.rng.randrange(0, 5)):
        s.query(s.pick(*inside)())
        if s.chance(0.1):
            s.some(1)
    s.query(s.pick("COMMIT", "COMMIT", "COMMIT", "ROLLBACK", "ROLLBACK", "COMMIT AND CHAIN", "BEGIN", "COMMIT AND NO CHAIN",
                   "ROLLBACK AND CHAIN"))
    if chains:
        s.reads(2)
        s.queries("SET completion_type = DEFAULT", s.pick("COMMIT", "ROLLBACK", "COMMIT AND NO CHAIN"))
    if s.chance(0.7):
        s.query(s.pick("COMMIT", "ROLLBACK"))
    s.reads(2)


@feature("autocommit", 1.5)
def autocommit(s):
    s.query(s.pick("SET autocommit=0", "SET @@autocommit=OFF", "SET SESSION autocommit=0, sql_notes=1"))
    for _ in range(s.rng.randrange(0, 5)):
        s.query(s.pick(s.read(), s.write(), s.write(), "COMMIT", "ROLLBACK", "SELECT @@autocommit"))
    if s.chance(0.3):
        s.some(2)
    s.query(s.pick("SET autocommit=1", "SET @@autocommit=ON", "SET autocommit=DEFAULT"))
    s.reads(2)


@feature("temporary", 1.5)
def temporary(s):
    table = s.make_table(s.pick("InnoDB", "MEMORY", "Aria"), temporary=True)
    s.some(3)
    s.queries(f"SELECT id, k FROM {table.name} ORDER BY id", f"SHOW CREATE TABLE {table.name}")
    if s.chance(0.8) and table in s.tables:
        s.drop_table(table)
        s.reads(3)


@feature("shadow", 0.6)
def shadow(s):
    """A temporary table hides the real one."""
    table = s.table()
    s.queries(f"CREATE TEMPORARY TABLE {table.name} (id INT, only_here INT)", f"SELECT * FROM {table.name}",
              f"INSERT INTO {table.name} VALUES (1, 2)", f"SELECT * FROM {table.name}", f"DROP TEMPORARY TABLE {table.name}",
              f"SELECT * FROM {table.name} ORDER BY id")


@feature("locks", 1)
def locks(s):
    table, other = s.table(), s.table()
    s.query(f"LOCK TABLES {table.name} " + s.pick("READ", "WRITE", "READ LOCAL", f"WRITE, {other.name} AS o READ"))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(s.pick(f"SELECT k FROM {table.name} ORDER BY id", s.write(), s.read(), f"INSERT INTO {table.name} (k) VALUES (1000)"))
    s.query(s.pick("UNLOCK TABLES", "UNLOCK TABLES", "UNLOCK TABLES", "BEGIN"))
    s.query("COMMIT")
    s.reads(2)


@feature("get-lock", 1)
def get_lock(s):
    name = f"l{s.world.lane}_{s.number}_" + s.pick("a", "b")
    s.query(f"SELECT GET_LOCK('{name}', 0)")
    s.some(2)
    s.query(s.pick(f"SELECT IS_FREE_LOCK('{name}')", f"SELECT GET_LOCK('{name}', 0)", f"SELECT IS_USED_LOCK('{name}') IS NULL"))
    s.query(s.pick(f"SELECT RELEASE_LOCK('{name}')", f"DO RELEASE_LOCK('{name}')", "SELECT RELEASE_ALL_LOCKS()"))
    s.query(f"SELECT IS_FREE_LOCK('{name}')")
    s.query("DO RELEASE_ALL_LOCKS()")


@feature("handler", 0.8)
def handler(s):
    table = s.table()
    name = table.name.split(".")[-1]
    s.query(f"HANDLER {table.name} OPEN" + s.pick("", " AS h"))
    for _ in range(s.rng.randrange(1, 5)):
        s.query(s.pick(f"HANDLER {name} READ FIRST", f"HANDLER {name} READ NEXT LIMIT 2", "HANDLER h READ FIRST",
                       f"HANDLER {name} READ `PRIMARY` = (2)", f"HANDLER {name} READ `PRIMARY` PREV", s.read()))
    s.queries(f"HANDLER {name} CLOSE", "HANDLER h CLOSE")


@feature("sql-prepare", 2)
def sql_prepare(s):
    name = s.pick("p", "q", "P", "`odd name`")
    table = s.table()
    text = s.pick(f"SELECT id, v FROM {table.name} WHERE k > ? ORDER BY id", "SELECT ? + 1 AS n", "SELECT 1, ?",
                  f"INSERT INTO {table.name} (k) VALUES (?)", "SELEC ?", "SET @r = ?", "SHOW TABLES LIKE ?",
                  f"UPDATE {table.name} SET k = ? WHERE id = 1", "SELECT @x, ?")
    s.query(f"PREPARE {name} FROM '{text}'")
    if s.chance(0.4):
        s.some(1)
    for _ in range(s.rng.randrange(1, 3)):
        s.query(s.pick(f"EXECUTE {name} USING 5", f"SET @a = 7; EXECUTE {name} USING @a" if s.chance(0.3) else "SET @a = 9",
                       f"EXECUTE {name} USING @a", f"EXECUTE {name}", f"EXECUTE {name} USING NULL"))
    s.query(s.pick(f"DEALLOCATE PREPARE {name}", f"DROP PREPARE {name}"))
    if s.chance(0.3):
        s.query(s.pick(f"EXECUTE {name}", f"EXECUTE IMMEDIATE 'SELECT 1 + ?' USING 2",
                       f"EXECUTE IMMEDIATE CONCAT('SELECT COUNT(*) FROM ', '{table.name}')"))


@feature("xa", 0.5)
def xa(s):
    name = f"'x{s.world.lane}_{s.number}'"
    s.query(f"XA START {name}")
    s.query(s.write())
    if s.chance(0.3):
        s.query(s.pick(s.read(), "COMMIT", "BEGIN", "XA RECOVER", "XA COMMIT 'nosuch'"))
    s.query(f"XA END {name}")
    if s.chance(0.6):
        s.queries(f"XA PREPARE {name}", s.pick(f"XA COMMIT {name}", f"XA ROLLBACK {name}"))
    else:
        s.query(s.pick(f"XA COMMIT {name} ONE PHASE", f"XA ROLLBACK {name}"))
    s.query(s.read())


@feature("routines", 2.5)
def routines(s):
    name, table = s.name("r"), s.table()
    s.query(s.pick(
        f"CREATE PROCEDURE {name}(n INT) BEGIN SELECT n; SELECT id, v FROM {table.name} WHERE id < n ORDER BY id; END",
        f"CREATE PROCEDURE {name}(n INT) INSERT INTO {table.name} (k) VALUES (n + 500)",
        f"CREATE PROCEDURE {name}(n INT) BEGIN UPDATE {table.name} SET v = 'proc' WHERE id = n; SELECT ROW_COUNT(); END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN SET @by_proc = n; SET lc_time_names = 'de_DE'; SET time_zone = '+02:00'; END",
        f"CREATE PROCEDURE {name}(n INT) SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'on purpose', MYSQL_ERRNO = 1234",
        f"CREATE PROCEDURE {name}(n INT) BEGIN SELECT 'before'; SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'warned'; END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN SELECT 'one'; SELECT nothing; END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN GET DIAGNOSTICS CONDITION 1 "
        f"@m = MESSAGE_TEXT; SELECT @m; END; INSERT INTO nosuch VALUES (n); END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN CREATE TEMPORARY TABLE IF NOT EXISTS by_proc (a INT); INSERT INTO by_proc "
        f"VALUES (n); SELECT COUNT(*) FROM by_proc; DROP TEMPORARY TABLE by_proc; END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN START TRANSACTION; INSERT INTO {table.name} (k) VALUES (n + 600); END",
        f"CREATE PROCEDURE {name}(n INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < n DO SELECT i; SET i = i + 1; END WHILE; END",
    ))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(f"CALL {name}({s.pick(0, 1, 3, 'NULL')})")
        s.query(s.pick("SELECT @by_proc, @@lc_time_names, @@time_zone", s.read(), "COMMIT",
                       "SELECT \"x\", 'y'"))
    s.queries("ROLLBACK", s.pick(f"DROP PROCEDURE {name}", f"SHOW CREATE PROCEDURE {name}", f"CALL {name}()"))
    s.query("SET lc_time_names = DEFAULT, time_zone = DEFAULT")


@feature("out-params", 0.7)
def out_params(s):
    name, table = s.name("o"), s.table()
    s.query(f"CREATE PROCEDURE {name}(IN a INT, OUT b VARCHAR(20), INOUT c INT) BEGIN SELECT COUNT(*) INTO b FROM {table.name}; "
            "SET c = c + a; END")
    s.queries("SET @c = 5", f"CALL {name}(2, @b, @c)", "SELECT @b, @c", f"CALL {name}(2, 3, @c)")
    slot = s.rng.randrange(4)
    s.slots.pop(slot, None)
    s.op("prepare", slot, f"CALL {name}(?, ?, ?)")
    s.op("execute", slot, ((3, 0, b"\x04\0\0\0"), (253, 0, b"\x01x"), (3, 0, b"\x09\0\0\0")), 0, True)
    s.query(f"DROP PROCEDURE {name}")


@feature("functions", 1.2)
def functions(s):
    name, table = s.name("fn"), s.table()
    s.query(s.pick(
        f"CREATE FUNCTION {name}(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
        f"CREATE FUNCTION {name}(n INT) RETURNS VARCHAR(40) READS SQL DATA RETURN (SELECT v FROM {table.name} WHERE id = n)",
        f"CREATE FUNCTION {name}(n INT) RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO {table.name} (k) VALUES (n + 700); RETURN n; END",
        f"CREATE FUNCTION {name}(n INT) RETURNS INT NO SQL BEGIN SET @in_fn = n; RETURN n; END",
    ))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(s.pick(f"SELECT {name}(1)", f"SELECT id, {name}(id) FROM {table.name} ORDER BY id LIMIT 3", "SELECT @in_fn",
                       f"SELECT COUNT(*) FROM {table.name}", f"SELECT {name}()", f"SET @f = {name}(3)", f"DO {name}(1)"))
    s.query(f"DROP FUNCTION {name}")


@feature("views", 1.2)
def views(s):
    name, table = s.name("w"), s.table()
    s.query(s.pick(f"CREATE VIEW {name} AS SELECT id, k FROM {table.name} WHERE id < 6",
                   f"CREATE OR REPLACE VIEW {name} AS SELECT k, COUNT(*) AS n FROM {table.name} GROUP BY k",
                   f"CREATE VIEW {name} (a) AS SELECT CONCAT(v, 'w') FROM {table.name} WITH CHECK OPTION"))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(s.pick(f"SELECT * FROM {name} ORDER BY 1, 2", f"SELECT * FROM {name} ORDER BY 1", f"SHOW CREATE VIEW {name}",
                       f"UPDATE {name} SET k = 12 WHERE id = 1", f"INSERT INTO {name} (k) VALUES (3)", f"DESCRIBE {name}"))
    s.query(f"DROP VIEW {name}")
    s.query(f"SELECT * FROM {name}")


@feature("sequences", 0.8)
def sequences(s):
    name = s.name("sq")
    s.query(f"CREATE SEQUENCE {name} " + s.pick("", "START WITH 10 INCREMENT BY 5", "MAXVALUE 3 NOCACHE CYCLE", "MAXVALUE 2"))
    for _ in range(s.rng.randrange(2, 6)):
        s.query(s.pick(f"SELECT NEXTVAL({name})", f"SELECT LASTVAL({name})", f"SELECT NEXT VALUE FOR {name}",
                       f"SELECT PREVIOUS VALUE FOR {name}", f"SELECT SETVAL({name}, 50)", f"DO NEXTVAL({name})",
                       f"ALTER SEQUENCE {name} RESTART 2", f"SHOW CREATE SEQUENCE {name}", f"SELECT {name}.NEXTVAL"))
    s.query(f"DROP SEQUENCE {name}")


@feature("triggers", 0.7)
def triggers(s):
    name, table = s.name("tr"), s.table()
    s.query(s.pick(f"CREATE TRIGGER {name} BEFORE INSERT ON {table.name} FOR EACH ROW SET NEW.v = CONCAT(NEW.v, '+')",
                   f"CREATE TRIGGER {name} AFTER INSERT ON {table.name} FOR EACH ROW SET @trg = NEW.id",
                   f"CREATE TRIGGER {name} BEFORE UPDATE ON {table.name} FOR EACH ROW SIGNAL SQLSTATE '45000'"))
    s.queries("SET @trg = 0", s.write(), f"INSERT INTO {table.name} (v) VALUES ('tr')", "SELECT @trg", s.write(),
              f"SHOW TRIGGERS LIKE '{table.name}x'", f"DROP TRIGGER {name}")


@feature("previous", 4)
def previous(s):
    """What speaks of the statement before."""
    table = s.table()
    reads = s.chance(0.5)
    if reads:
        s.query(s.pick(f"SELECT k / 0, CAST(v AS INT) FROM {table.name} ORDER BY id", f"SELECT nothing FROM {table.name}",
                       f"SELECT SQL_CALC_FOUND_ROWS id FROM {table.name} ORDER BY id LIMIT 1", f"SELECT id FROM {table.name} WHERE v = 'x'"))
    else:
        s.query(s.pick(s.write(), s.write(), f"INSERT INTO {table.name} (k) VALUES (1), (2)", f"DELETE FROM {table.name} WHERE v + 1 > 5000"))
    tells = ["SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS", "SELECT @@warning_count, @@error_count", "SHOW WARNINGS LIMIT 1"]
    if not reads:  # on a follower they would set variables there
        tells += ["GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT", "GET DIAGNOSTICS CONDITION 1 @e = MYSQL_ERRNO, @t = MESSAGE_TEXT"]
    counted = reads and "nothing" not in s.ops[-1].args[0]  # an error leaves FOUND_ROWS() to what was before
    first = s.pick("SELECT ROW_COUNT()", *(["SELECT FOUND_ROWS()"] if counted else []), *tells)
    s.query(first)
    if "FOUND" not in first and "ROW_COUNT()" not in first:
        s.query(s.pick(*tells))
    s.query(s.pick("SELECT LAST_INSERT_ID()", "SELECT @n, @r, @e, @t", "SELECT LAST_INSERT_ID(77)", "SELECT @@last_insert_id, @@identity",
                   "SELECT LAST_INSERT_ID() + 1 AS n", f"INSERT INTO {table.name} (k) VALUES (LAST_INSERT_ID() + 2000)"))


ERRORS = (
    "SELEC 1", "SELECT 'open", "SELECT `open", "SELECT (1", "", ";", "   ", "-- only a comment", "/* nothing */",
    "SELECT * FROM nosuch", "SELECT nosuch(1)", "SELECT * FROM nosuch.t", "USE nosuch", "SELECT @@nosuch", "SET nosuch = 1",
    "DROP TABLE nosuch", "DROP TABLE IF EXISTS nosuch", "CREATE TABLE bad (a NOTATYPE)", "SELECT ABS()", "SELECT ABS(1, 2)",
    "CALL nosuch()", "SELECT COUNT(COUNT(1))", "SELECT 1 UNION SELECT 1, 2", "SELECT (SELECT 1 UNION SELECT 2)",
    "SELECT 1 FROM dual WHERE", "INSERT INTO nosuch VALUES (1)", "DELETE FROM nosuch", "UPDATE nosuch SET a = 1",
    "EXECUTE nosuch", "DEALLOCATE PREPARE nosuch", "ROLLBACK TO nosuch", "SET sql_mode = 'NOSUCH'", "SET NAMES nosuch",
    "SELECT * FROM (SELECT 1, 1) d", "SELECT EXP(1000)", "SELECT 9223372036854775807 + 1", "SELECT JSON_EXTRACT('{', '$')",
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'signalled'", "RESIGNAL", "KILL 999999999", "KILL QUERY 999999998",
    "SET GLOBAL nosuch = 1", "GRANT NOSUCH ON *.* TO nobody", "SHOW CREATE TABLE nosuch", "SHOW CREATE VIEW nosuch",
    "SELECT CAST('2024-99-99' AS DATE)", "SELECT REPEAT('x', 1e10)", "SELECT 1 INTO @a, @b", "HELP 'nosuch topic'",
    "SELECT 1; SELEC 2", "SELECT 1;; SELECT 2", "SELECT 1;", "SELECT BENCHMARK(-1, 1)", "LOCK TABLES nosuch READ",
    "SELECT a FROM (SELECT 1 AS a) d GROUP BY b", "CHECK TABLE nosuch", "ANALYZE TABLE nosuch", "SELECT 1 AS ``",
    "SELECT x'1'", "SELECT _utf8mb4 x'ff'", "SELECT 1 LIMIT -1", "DO nosuch()", "BEGIN NOT ATOMIC SELECT 1; END",
    "LOAD DATA INFILE '/nosuch' INTO TABLE nosuch", "SELECT 0x", "SELECT 1e", "SELECT .5, 5.", "SELECT 'a' 'b' AS c, N'x'",
    b"SELECT '\xff\xfe'", b"\x00", b"SELECT 1\x00", b"SELECT '\xe4\xf6'", "SELECT {d '2024-01-01'}, {fn ABS(-1)}",
)


@feature("errors", 4)
def errors(s):
    table = s.table()
    if s.chance(0.6):
        s.query(s.pick(*ERRORS))
        return
    s.query(s.pick(
        f"INSERT INTO {table.name} (id) VALUES (1), (1)", f"INSERT INTO {table.name} (id, v) VALUES (3, REPEAT('x', 99))",
        f"INSERT INTO {table.name} (nosuch) VALUES (1)", f"INSERT INTO {table.name} VALUES (1)", f"SELECT nosuch FROM {table.name}",
        f"INSERT INTO {table.name} (id) VALUES ('x')", f"UPDATE {table.name} SET id = 1", f"SELECT * FROM {table.name} a, {table.name} a",
        f"SELECT id FROM {table.name} a JOIN {table.name} b", f"CREATE TABLE {table.name} (a INT)", f"ALTER TABLE {table.name} DROP nosuch",
        f"SELECT v, COUNT(*) FROM {table.name} ORDER BY 5", f"DELETE FROM {table.name} WHERE nosuch = 1", f"SELECT MAX(id) FROM {table.name} WHERE MAX(id) > 1",
        f"INSERT INTO {table.name} (k) VALUES (1/0)", f"INSERT INTO {table.name} (k) VALUES (99999999999)", f"SELECT * FROM {table.name} WHERE (1, 2) = 3"))
    if s.chance(0.4):
        s.query(s.pick("SHOW WARNINGS", "SHOW ERRORS", "SELECT @@error_count", "SELECT ROW_COUNT()", s.read()))


@feature("multi", 2)
def multi(s):
    s.query("; ".join(s.pick(s.read(), s.read(), s.write(), "SELECT 1", "SET @m = 4", "SELECT @m", "SELEC", "DO 1")
                      for _ in range(s.rng.randrange(2, 5))))


@feature("show", 3)
def show(s):
    name = s.table().name
    short = name.split(".")[-1]
    s.query(s.pick(
        "SHOW TABLES", "SHOW FULL TABLES", f"SHOW COLUMNS FROM {name}", f"SHOW FULL COLUMNS FROM {name}", f"DESCRIBE {name}",
        f"SHOW CREATE TABLE {name}", f"SHOW INDEX FROM {name} WHERE Key_name = 'PRIMARY' AND 0", "SHOW CHARACTER SET LIKE 'utf8%'",
        "SHOW COLLATION LIKE 'latin1%'", "SHOW VARIABLES LIKE 'character_set_c%'", "SHOW VARIABLES LIKE 'sql_mode'",
        "SHOW VARIABLES LIKE 'collation%'", "SHOW SESSION VARIABLES LIKE 'max_%size'", "SHOW GLOBAL VARIABLES LIKE 'lower_case%'",
        "SHOW ENGINES", "SHOW PRIVILEGES", f"SHOW DATABASES LIKE 'd{s.world.lane}s{s.number}%'", "SHOW PROCEDURE STATUS LIKE 'nosuch'",
        f"SHOW TRIGGERS LIKE '{short}'", "SHOW GRANTS", f"SHOW CREATE DATABASE {s.schema}", "SHOW OPEN TABLES LIKE 'nosuch'",
        "SHOW EVENTS", "SHOW STATUS LIKE 'nosuch'", "SHOW FUNCTION STATUS LIKE 'nosuch'", "HELP 'SELECT'",
        f"EXPLAIN SELECT * FROM {name} WHERE id = 1", f"EXPLAIN FORMAT=JSON SELECT 1", f"CHECKSUM TABLE {name}",
        f"SELECT table_name, engine FROM information_schema.tables WHERE table_schema = '{s.schema}' ORDER BY 1",
        f"SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = '{s.schema}' AND table_name = '{short}' ORDER BY ordinal_position",
        "SELECT DATABASE(), USER(), CURRENT_USER(), VERSION()", "SELECT @@server_id, @@port, @@hostname, @@read_only",
        "SELECT @@version_comment LIMIT 1", "SELECT SCHEMA(), SESSION_USER(), SYSTEM_USER()", "SELECT CURRENT_ROLE()",
        f"CHECK TABLE {name}", f"SHOW TABLE STATUS LIKE 'nosuch'",
    ))


@feature("files", 0.6)
def files(s):
    """LOAD DATA LOCAL, also of nothing and with too much in a line."""
    table = s.table()
    content = s.pick(b"", b"1001\tloaded\n1002\tb\n", b"x\ty\tz\n", b"1003\n\\N\t\\N\n", b"1,2\n3,4\n" * 50)
    s.op("query", f"LOAD DATA LOCAL INFILE 'some.csv' " + s.pick("", "IGNORE ", "REPLACE ") + f"INTO TABLE {table.name} "
         + s.pick("", "FIELDS TERMINATED BY ',' ") + "(k, v)", content)
    s.queries("SHOW WARNINGS LIMIT 3", f"SELECT COUNT(*) FROM {table.name}")


@feature("big", 0.4)
def big(s):
    size = s.pick(16000, 65000, 70000, 300000)
    s.query(s.pick(f"SELECT REPEAT('b', {size})", f"SELECT LENGTH('{'l' * size}')", "SELECT seq, REPEAT('r', 200) FROM seq_1_to_500",
                   f"SELECT '{'m' * (size // 4)}' AS m"))


def shared_table(s, first):
    """Sessions under one key see each other's writes at once."""
    name = f"{s.world.shared}.st"
    s.query(f"SET @causeway_key = 'round-{s.world.lane}'")
    if first:
        s.query(f"CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, k INT, v VARCHAR(40))")
        s.query(f"INSERT INTO {name} (k, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')")


@feature("shared", 0)
def shared(s):
    name = f"{s.world.shared}.st"
    s.query(s.pick(f"SELECT * FROM {name} ORDER BY id", f"SELECT COUNT(*), MAX(id) FROM {name}",
                   f"INSERT INTO {name} (k, v) VALUES ({s.rng.randrange(99)}, 'from {s.number}')",
                   f"UPDATE {name} SET v = 'by {s.number}' WHERE id = {s.rng.randrange(9)}", f"DELETE FROM {name} WHERE id = {s.rng.randrange(30)}",
                   f"SELECT v FROM {name} WHERE id = {s.rng.randrange(12)}"))


__all__ = ["grammar", "shared_table"]
