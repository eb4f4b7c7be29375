"""Session state through Causeway: every scene is a list of statements, sent to the leader directly
and through Causeway, with the same answers expected. A question in a scene is asked twice: in a form
that a follower may answer, and in one that only the leader runs, so that both connections of the
session are compared with the one that a direct client has."""

import contextlib
import time
from decimal import Decimal

import pymysql
import pytest
import wire
from conftest import start_causeway, stop_causeway
from harness import answered_by, connect, rows, wait_until

EVERYWHERE = object()  # a question that must be answered the same by both connections


def both(expression):
    return (EVERYWHERE, expression)


def answer(connection, sql):
    """What a client is told: rows, errors, counts."""
    try:
        connection.query(sql)
        found = [connection._result.rows, connection._result.affected_rows]  # pylint: disable=protected-access
        while connection._result.has_next:  # pylint: disable=protected-access
            connection.next_result()
            found.append(connection._result.rows)  # pylint: disable=protected-access
        return found
    except pymysql.MySQLError as error:
        return ["error", *error.args]


def play(connection, scene):
    answers = []
    for step in scene:
        if isinstance(step, tuple):
            question = "SELECT " + step[1]
            answers.append((question, answer(connection, question)))
            # FOR UPDATE sends it to the leader; of one row, so that nothing is locked for long.
            answers.append((question, answer(connection, question + " FROM demo.this_server LIMIT 1 FOR UPDATE")[0]))
        else:
            answers.append((step, answer(connection, step)))
    return answers


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    shared_cluster.leader.sql(
        "CREATE OR REPLACE TABLE demo.state_t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));"
        "INSERT INTO demo.state_t (v) VALUES ('one'), ('two');"
        "CREATE OR REPLACE PROCEDURE demo.state_mode() SET sql_mode = 'ANSI_QUOTES', div_precision_increment = 7;"
        "CREATE OR REPLACE PROCEDURE demo.state_variable() SET @state_v = 'from a procedure';"
        "CREATE OR REPLACE PROCEDURE demo.state_table() "
        "BEGIN CREATE TEMPORARY TABLE state_tmp (a INT); SET sql_mode = ''; END;"
        "CREATE OR REPLACE ROLE `state ``role`; GRANT SELECT ON lab.* TO `state ``role`;"
        "GRANT `state ``role` TO app@'%'; GRANT `state ``role` TO almighty@'%'"
    )
    shared_cluster.caught_up()
    return shared_cluster


@pytest.fixture(scope="module", name="shared", params=["session", "transaction"])
def shared_fixture(shared_cluster, request):
    """Causeway in both poolings."""
    proxy = start_causeway(shared_cluster, {"routing": {"pooling": request.param}})
    yield proxy
    stop_causeway(proxy)


VARIABLES = (
    "@@sql_mode, @@div_precision_increment, @@group_concat_max_len, @@time_zone, @@character_set_client, "
    "@@character_set_connection, @@character_set_results, @@collation_connection, @@sql_select_limit, "
    "@@foreign_key_checks, @@lc_time_names, @@max_statement_time, @@tx_isolation"
)

SCENES = {
    "one variable": ["SET sql_mode = 'ANSI'", both(VARIABLES), "SET sql_mode = DEFAULT", both(VARIABLES)],
    "found rows": ["SELECT seq FROM seq_1_to_4", "SELECT nothing FROM demo.state_t", "SELECT FOUND_ROWS()"],
    "expressions without a result": [
        "SELECT seq FROM seq_1_to_4", "DO 1, 2", "SELECT FOUND_ROWS()", "DO SLEEP(0)", "SELECT ROW_COUNT()", "SELECT nothing FROM state_t",
        "DO 1", "SHOW WARNINGS", "DO CAST('x' AS INT)", "SHOW WARNINGS", "DO nosuch", "SHOW WARNINGS", "DO (SELECT 1 UNION SELECT 2)",
        "SHOW WARNINGS", "DO state_nosuch(1)", "SELECT v FROM state_t WHERE id = 1", "DO LAST_INSERT_ID(5)", "SELECT LAST_INSERT_ID()",
        "SELECT v FROM state_t WHERE id = 1", "DO LAST_INSERT_ID()", "SELECT LAST_INSERT_ID()", "DO @d := 4", "SELECT @d",
        "DO GET_LOCK('state_do', 0)", "SELECT IS_FREE_LOCK('state_do')", "DO RELEASE_LOCK('state_do')", "SELECT IS_FREE_LOCK('state_do')",
        "DO (SELECT COUNT(*) FROM state_t)", "DO 1; SELECT 2; DO 3", "START TRANSACTION READ ONLY", "DO SLEEP(0)", "COMMIT"],
    "an error of the first statement": ["SET nosuch = 3", "SHOW WARNINGS", "SELECT v FROM state_t WHERE id = 1", "SHOW WARNINGS"],
    "several": ["SET div_precision_increment = 9, time_zone = '+03:00', @@session.lc_time_names = 'de_DE'",
                both("1/3, NOW() > '2020-01-01', DATE_FORMAT('2020-05-01', '%M')"), both(VARIABLES)],
    "a number": ["SET SESSION group_concat_max_len = 5", both("GROUP_CONCAT('abcdefgh')")],
    "a value that is refused": ["SET sql_mode = 'nonsense'", "SET group_concat_max_len = 'x'", both(VARIABLES)],
    "half of an assignment": ["SET div_precision_increment = 2, nosuch = 3", both(VARIABLES)],
    "NULL": ["SET character_set_results = NULL", both("@@character_set_results"), "SET NAMES latin1", both(VARIABLES)],
    "names and collation": ["SET NAMES utf8mb4 COLLATE utf8mb4_bin", both("'a' = 'A', COLLATION('a')"), both(VARIABLES)],
    "character set": ["SET CHARACTER SET latin1", both("CHARSET('a'), COLLATION('a')"), both(VARIABLES)],
    "by a procedure": ["CALL demo.state_mode()", both("1/3"), both(VARIABLES), 'SELECT "v" FROM state_t LIMIT 1'],
    "by a prepared statement": ["PREPARE s FROM 'SET div_precision_increment = 8'", "EXECUTE s", both("1/3"),
                                "DEALLOCATE PREPARE s", both(VARIABLES)],
    "for one statement": ["SET STATEMENT div_precision_increment = 11 FOR SELECT 1/3", both("1/3"), both(VARIABLES)],
    "for one statement, over one that is set": [
        "SET div_precision_increment = 6", "SET STATEMENT div_precision_increment = 11 FOR SELECT 1/3",
        both("1/3"), "SET max_statement_time = 20", both("1/3"), both(VARIABLES)],
    "in several statements": ["SET div_precision_increment = 10; SELECT 1/3; SET time_zone = '+01:00'", both(VARIABLES)],
    "text that is lexed anew": ["SET sql_mode = 'ANSI_QUOTES'", 'SELECT "v" FROM state_t WHERE id = 1',
                                "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SELECT 'a\\', 'b'"],
    "schema": ["USE lab", both("DATABASE()"), "SELECT COUNT(*) FROM state_t", "USE demo", both("DATABASE()"),
               "USE nosuch", both("DATABASE()")],
    "a schema that is dropped": ["CREATE DATABASE IF NOT EXISTS state_gone", "USE state_gone", both("DATABASE()"),
                                 "DROP DATABASE state_gone", "SELECT DATABASE()", "SELECT COUNT(*) FROM state_t",
                                 "USE demo", both("DATABASE()")],
    "isolation of the next transaction": [
        "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "SELECT v FROM state_t WHERE id = 1", both("@@tx_isolation"),
        "SET TRANSACTION READ ONLY", "UPDATE state_t SET v = 'x' WHERE id = 1", "SELECT v FROM state_t WHERE id = 1",
        "UPDATE state_t SET v = 'one' WHERE id = 1"],
    "a read-only session": [
        "SET SESSION TRANSACTION READ ONLY", both("@@tx_isolation"), "SELECT v FROM state_t WHERE id = 1",
        "INSERT INTO state_t (v) VALUES ('no')", "SELECT v FROM state_t WHERE id = 1", "SELECT @@tx_read_only",
        "SET SESSION TRANSACTION READ WRITE", "UPDATE state_t SET v = 'one' WHERE id = 1", "SELECT @@tx_read_only"],
    "without autocommit": [
        "SET autocommit = 0", "UPDATE state_t SET v = 'uncommitted' WHERE id = 2", "SELECT v FROM state_t WHERE id = 2",
        "ROLLBACK", "SELECT v FROM state_t WHERE id = 2", "SET autocommit = 1", both("@@autocommit")],
    "last insert id": [
        "CREATE OR REPLACE TABLE state_i (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO state_i (v) VALUES (1)",
        "SELECT v FROM state_t WHERE id = 1", "SELECT LAST_INSERT_ID(), @@last_insert_id, @@identity",
        "INSERT INTO state_i VALUES (50, 1)", "SELECT LAST_INSERT_ID()", "SELECT LAST_INSERT_ID(77)",
        "SELECT v FROM state_t WHERE id = 1", "SELECT LAST_INSERT_ID()", "SET last_insert_id = 5", "SELECT @@identity",
        "SET insert_id = 200", "INSERT INTO state_i (v) VALUES (2)", "SELECT LAST_INSERT_ID()"],
    "user variables": [
        "SET @a = 1, @b = 'text', @c = NULL, @d = 1.50, @e := 1e3", "SELECT @a, @b, @c, @d, @e, @nosuch",
        "SELECT CHARSET(@b), COLLATION(@b), COERCIBILITY(@b)", "SELECT @a := @a + 1", "SELECT 5, 6 INTO @a, @f",
        "SELECT @a, @f", "SET NAMES latin1", "SELECT CHARSET(@b), @b = 'text'", "CALL demo.state_variable()",
        "SELECT @state_v"],
    "warnings behind statements without tables": [
        "SELECT nosuch FROM state_t", "SET sql_notes = 1", "SHOW WARNINGS", "SELECT DATABASE()", "SELECT @@warning_count",
        "USE demo", "SHOW COUNT(*) ERRORS", "SELECT v FROM state_t WHERE id = 1", "SHOW WARNINGS",
        "DROP TABLE IF EXISTS state_nosuch", "SELECT 1 + 1", "SHOW WARNINGS", "SELECT 1/0, v FROM state_t WHERE id = 1",
        "SET sql_notes = 1", "SHOW WARNINGS", "UPDATE state_t SET v = v WHERE id = 0", "SHOW WARNINGS"],
    "the row inserted last": [
        "CREATE OR REPLACE TABLE state_n (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "SET sql_auto_is_null = 1",
        "INSERT INTO state_n (v) VALUES (5)", "SELECT v FROM state_n WHERE id IS NULL", "SET sql_auto_is_null = 0",
        "SELECT v FROM state_n WHERE id IS NULL"],
    "what the optimizer traced": [
        "SET optimizer_trace = 'enabled=on'", "SELECT v FROM state_t WHERE id = 1",
        "SELECT QUERY FROM information_schema.OPTIMIZER_TRACE", "SELECT v FROM state_t WHERE id = 2",
        "SET @trace = (SELECT QUERY FROM information_schema.OPTIMIZER_TRACE)", "SELECT @trace",
        "SET optimizer_trace = 'enabled=off'"],
    "profiles": [
        "SET profiling = 1", "SELECT v FROM state_t WHERE id = 1", "SELECT COUNT(*) FROM state_t",
        "SELECT COUNT(DISTINCT QUERY_ID) FROM information_schema.PROFILING", "SET profiling = 0"],
    "a role": ["SET ROLE `state ``role`", both("CURRENT_ROLE()"), "SET ROLE nosuch", both("CURRENT_ROLE()"),
               "SET ROLE NONE", both("CURRENT_ROLE()")],
    "temporary tables": [
        "CREATE TEMPORARY TABLE state_tmp (a INT)", "INSERT INTO state_tmp VALUES (3)", "SELECT a FROM state_tmp",
        "DROP TABLE state_tmp", "SELECT a FROM state_tmp", "CALL demo.state_table()", "SELECT COUNT(*) FROM state_tmp"],
    "statements in SQL": ["PREPARE s FROM 'SELECT v FROM state_t WHERE id = ?'", "SET @i = 2", "EXECUTE s USING @i",
                          "SELECT 1", "EXECUTE s USING @i", "DEALLOCATE PREPARE s", "EXECUTE s USING @i"],
    "handlers": ["HANDLER state_t OPEN AS h", "HANDLER h READ FIRST", "SELECT 1", "HANDLER h READ NEXT",
                 "HANDLER h CLOSE", "HANDLER h READ NEXT"],
    "table locks": ["LOCK TABLES state_t READ", "SELECT v FROM state_t WHERE id = 1", "SELECT COUNT(*) FROM state_i",
                    "UNLOCK TABLES", "SELECT COUNT(*) FROM state_i"],
    "told of others, and more": [
        "SET div_precision_increment = 8, session_track_system_variables = 'time_zone', sql_mode = 'ANSI_QUOTES'",
        both("1/3"), both(VARIABLES), "SELECT @@session_track_system_variables"],
    "what it wants to be told": [
        "SELECT @@session_track_schema, @@session_track_state_change, @@session_track_transaction_info",
        "SELECT @@session_track_system_variables", "SHOW VARIABLES LIKE 'session_track%'",
        "SET session_track_system_variables = 'sql_mode', session_track_state_change = 1",
        "SELECT @@session_track_system_variables, @@session.session_track_state_change",
        "SET session_track_system_variables = 'nosuch'", "SET session_track_transaction_info = 'STATE'",
        "SHOW SESSION VARIABLES LIKE 'session_track%'", "SET sql_mode = 'ANSI_QUOTES', div_precision_increment = 5",
        both(VARIABLES), "SET session_track_system_variables = DEFAULT, session_track_schema = 0",
        "SELECT @@session_track_system_variables, @@session_track_schema", "SET time_zone = '+04:00'", both(VARIABLES)],
    "counters": [
        "FLUSH STATUS", "SELECT v FROM state_t WHERE v = 'one'", "SELECT v FROM state_t WHERE id = 1",
        "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_key', 'Handler_read_rnd_next', 'Select_scan')"],
}

# Scenes after which the session's reads stay where they are, for something goes on.
STAYS = {"by a procedure", "by a prepared statement", "user variables", "temporary tables", "counters"}


@pytest.mark.core
@pytest.mark.parametrize("name", SCENES)
def test_scene(shared, ground, name):
    """As direct; and when all of it is over, reads go to followers again."""
    with contextlib.closing(connect(ground.leader.port, user="almighty", password="almighty-demo",
                                    client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)) as direct:
        expected = play(direct, SCENES[name])
    ground.caught_up()
    with contextlib.closing(connect(shared.port, user="almighty", password="almighty-demo",
                                    client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)) as client:
        assert answered_by(client) != ground.leader.name
        for step, wanted in zip(play(client, SCENES[name]), expected):
            assert step == wanted
        rows(client, "SET NAMES utf8mb4")
        if name not in STAYS:
            wait_until(lambda: answered_by(client) != ground.leader.name, "a read on a follower")


@pytest.mark.parametrize("change", [
    "CALL state_sets(9)", "SELECT state_sets(9)", "DO state_sets(9)", "CALL state_sets_session(9)", "CALL state_sets_bare(9)",
    "CALL state_sets_dynamic(9)", "CALL state_sets_deep(9)", "INSERT INTO state_setting VALUES (9)", "CALL state_sets(NULL)",
    "CALL state_new(9)"])
def test_what_a_routine_sets(shared, ground, change):
    """SET @@name inside of one is not reported: reads on followers know it all the same."""
    body = "SET @@div_precision_increment = a, @@group_concat_max_len = a"
    ground.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.state_sets(a INT) {body};"
        f"CREATE OR REPLACE FUNCTION demo.state_sets(a INT) RETURNS INT BEGIN {body}; RETURN a; END;"
        "CREATE OR REPLACE PROCEDURE demo.state_sets_deep(a INT) CALL state_sets(a);"
        f"CREATE OR REPLACE PROCEDURE demo.state_sets_session(a INT) {body.replace('@@', '@@session.')};"
        f"CREATE OR REPLACE PROCEDURE demo.state_sets_bare(a INT) {body.replace('@@', '')};"
        "CREATE OR REPLACE PROCEDURE demo.state_sets_dynamic(a INT) EXECUTE IMMEDIATE CONCAT('SET @@div_precision_increment = ', a);"
        "CREATE OR REPLACE TABLE demo.state_setting (a INT);"
        "CREATE OR REPLACE TRIGGER demo.state_setting_t BEFORE INSERT ON demo.state_setting FOR EACH ROW CALL demo.state_sets(NEW.a);"
        "DROP PROCEDURE IF EXISTS demo.state_new")
    if "state_new" not in change: # which nobody can have looked at
        view = f"state_setting_{time.monotonic_ns()}"
        ground.leader.sql(f"CREATE VIEW demo.{view} AS SELECT demo.state_sets(NULL) AS v")
        with contextlib.closing(shared.connect()) as client:
            wait_until(lambda: rows(client, f"SELECT name FROM this_server, {view}")[0][0] == ground.leader.name, "the view is known")
    scene = ["SELECT 1/3", change, "SELECT ROW_COUNT()", "SHOW WARNINGS", both("1/3"), both("GROUP_CONCAT('abcdefghijkl')"), both(VARIABLES)]
    if "state_new" in change:
        scene.insert(1, f"CREATE PROCEDURE state_new(a INT) {body}")
    with contextlib.closing(connect(ground.leader.port, user="almighty", password="almighty-demo")) as direct:
        expected = play(direct, scene)
        ground.leader.sql("DROP PROCEDURE IF EXISTS demo.state_new")
    ground.caught_up()
    with contextlib.closing(connect(shared.port, user="almighty", password="almighty-demo")) as client:
        assert play(client, scene) == expected
        if "session" not in change and "bare" not in change: # of those the tracker tells that there is something
            wait_until(lambda: answered_by(client) != ground.leader.name, "a read on a follower")


PREPARED = [  # what is prepared, and whether the server forgets the diagnostics before it
    "SELECT 1", "SELECT nosuch", "SELECT v FROM state_t", "SELECT v FROM state_t WHERE v = 1 AND 1/0", "SELECT CAST('x' AS INT)",
    "SELECT nosuch FROM state_t", "UPDATE state_t SET v = 1/0 WHERE 0", "INSERT INTO state_t (v) VALUES (?)", "CALL state_variable()",
    "SET @a = 1/0", "DO 1/0", "COMMIT", "SHOW TABLES", "SHOW WARNINGS", "DROP TABLE IF EXISTS state_nosuch", "USE demo", "BEGIN",
    "VALUES (1)", "SELECT (SELECT v FROM state_t LIMIT 1)", "WITH c AS (SELECT 1 AS a) SELECT a FROM c", "FLUSH TABLES", "ROLLBACK",
    "SHOW VARIABLES LIKE 'nosuch'", "ANALYZE TABLE state_t", "CREATE TABLE state_nosuch (a INT)", "DELETE FROM state_t WHERE 1/0",
    "KILL QUERY 1", "SHOW PROCESSLIST", "SHOW GRANTS", "SELECT 1 UNION SELECT 2", "(SELECT 1)", "EXPLAIN SELECT 1",
    "SAVEPOINT a", "RESET QUERY CACHE", "SHOW CREATE TABLE state_t", "START TRANSACTION", "EXECUTE IMMEDIATE 'SELECT 1'"]


@pytest.mark.parametrize("before", ["SELECT 1/0", "SELECT 1/0 FROM state_t LIMIT 1 FOR UPDATE", "SELECT nosuch", "DO 1"])
def test_what_a_prepare_leaves_of_the_diagnostics(shared, ground, before):
    """COM_STMT_PREPARE of a statement with tables forgets them, as the statement itself does."""
    def told(port):
        found = []
        with contextlib.closing(wire.Wire(port)) as client:
            client.login("almighty", "almighty-demo", "demo")
            for sql in PREPARED:
                client.query(before)
                prepared = client.prepare(sql)
                client.take()
                if isinstance(prepared, tuple):
                    client.send(bytes([wire.STMT_CLOSE]) + prepared[0].to_bytes(4, "little"))
                client.query("SHOW WARNINGS")
                client.query("SELECT @@warning_count")
                found.append((sql, wire.packets_of(client.take())))
        return found

    direct = told(ground.leader.port)
    assert [(one, other) for one, other in zip(direct, told(shared.port)) if one != other] == []


# -- what is tracked for the client

TRACKING = wire.PLAIN | wire.SESSION_TRACK | wire.DEPRECATE_EOF


def tracked(port, statements):
    """The session state blocks of the replies, without GTIDs' own numbers."""
    client = wire.Wire(port)
    with contextlib.closing(client):
        client.login("app", "app-demo", "demo", capabilities=TRACKING)
        blocks = []
        for sql in statements:
            payload = client.query(sql)
            blocks.append((sql, sorted(entries(payload))))
        return blocks


def entries(payload):
    """(type, data) of an OK's session state; of variables, each pair on its own."""
    if payload[0] == 0xFF:
        return [("error", payload)]
    _, at = wire.read_lenenc(payload, 1)
    _, at = wire.read_lenenc(payload, at)
    status, at = int.from_bytes(payload[at:at + 2], "little"), at + 4
    if not status & 0x4000:
        return []
    length, at = wire.read_lenenc(payload, at)
    at += length
    length, at = wire.read_lenenc(payload, at)
    end, found = at + length, []
    while at < end:
        kind = payload[at]
        length, at = wire.read_lenenc(payload, at + 1)
        data, at = payload[at:at + length], at + length
        inner = 0
        while kind == 0 and inner < len(data):
            length, inner = wire.read_lenenc(data, inner)
            name, inner = data[inner:inner + length], inner + length
            length, inner = wire.read_lenenc(data, inner)
            item, inner = data[inner:inner + length], inner + length
            found.append((kind, name, b"" if name == b"last_gtid" else item))
        if kind != 0:
            found.append((kind, data))
    return found


@pytest.mark.core
@pytest.mark.parametrize("statements", [
    ["SET sql_mode = '', session_track_system_variables = 'time_zone', div_precision_increment = 9", "SET sql_mode = 'ANSI'",
     "SET time_zone = '+01:00'"],
    ["SET time_zone = '+01:00'", "SET sql_mode = ''", "USE lab", "SET autocommit = 0", "SET @a = 1"],
    ["SET session_track_system_variables = 'sql_mode', session_track_state_change = 1", "SET time_zone = '+01:00'",
     "SET sql_mode = ''", "SET @a = 1", "INSERT INTO state_t (v) VALUES ('tracked')", "USE lab"],
    ["SET session_track_schema = 0", "USE lab", "SET session_track_schema = 1", "USE demo"],
    ["SET session_track_system_variables = '*'", "SET div_precision_increment = 3", "DO 1",
     "INSERT INTO state_t (v) VALUES ('tracked')", "SET session_track_system_variables = ''", "SET sql_mode = ''"],
    ["SET session_track_transaction_info = 'CHARACTERISTICS'", "BEGIN", "INSERT INTO state_t (v) VALUES ('tracked')",
     "COMMIT", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN", "ROLLBACK"],
    ["SET session_track_transaction_info = 'STATE'", "BEGIN", "COMMIT"],
])
def test_a_client_is_told_what_it_asked_for(shared, ground, statements):
    """Byte for byte as direct, while Causeway goes on seeing what it needs."""
    expected = tracked(ground.leader.port, statements)
    assert tracked(shared.port, statements) == expected


def test_writes_are_seen_after_the_list_was_replaced(proxy, ground):
    """A list without last_gtid must not blind Causeway: reads behind a write still see it."""
    with contextlib.closing(proxy.connect()) as client, ground.applier_stopped():
        rows(client, "SET session_track_system_variables = 'autocommit'")
        rows(client, "UPDATE demo.state_t SET v = 'seen' WHERE id = 2")
        assert rows(client, "SELECT v FROM demo.state_t WHERE id = 2") == (("seen",),)


def test_a_role_outlasts_a_reset(proxy, ground):
    """As direct (the server keeps it); a connection that had one is not handed on."""
    answers = []
    for port in (ground.leader.port, proxy.port):
        client = wire.Wire(port)
        with contextlib.closing(client):
            client.login("app", "app-demo", "demo")
            found = []
            for sql in ("SET ROLE `state ``role`", "SELECT CURRENT_ROLE()"):
                client.query(sql)
            client.take()
            client.simple(wire.RESET_CONNECTION)
            client.query("SELECT CURRENT_ROLE()")
            client.query("SELECT CURRENT_ROLE() FROM this_server LIMIT 1 FOR UPDATE")
            found = client.take()
            answers.append(found)
    assert b"state `role" in answers[0]
    assert answers[1].count(b"state `role") == answers[0].count(b"state `role")
    for _ in range(5):
        with contextlib.closing(proxy.connect()) as fresh:
            assert rows(fresh, "SELECT CURRENT_ROLE()") == ((None,),)


# -- user variables of known values

def on_follower(client, ground, expression, expected):
    """The expression beside the name of the server, once a follower answers."""
    question = f"SELECT name, {expression} FROM demo.this_server"
    wait_until(lambda: rows(client, question)[0][0] != ground.leader.name, "a read on a follower")
    assert rows(client, question)[0][1:] == expected


@pytest.mark.core
def test_variables_with_literals_are_known_on_followers(shared, ground):
    with contextlib.closing(shared.connect()) as client:
        rows(client, "SET @a = 1, @b = 'it''s', @c = NULL")
        on_follower(client, ground, "@a + 1, @b, @c", (2, "it's", None))
        rows(client, "SET @A = -2.50")
        on_follower(client, ground, "@a, CHARSET(@b)", (Decimal("-2.50"), "utf8mb4"))
        rows(client, "SET NAMES latin1")
        assert rows(client, "SELECT CHARSET(@b), @b = 'it''s', @a") == (("utf8mb4", 1, Decimal("-2.50")),)
        rows(client, "SET @b = 'new'")
        on_follower(client, ground, "CHARSET(@b), @b", ("latin1", "new"))
        rows(client, "SET NAMES utf8mb4")


@pytest.mark.core
@pytest.mark.parametrize("change", [
    "SELECT @a := 5", "SELECT 5 INTO @a", "SET @a = (SELECT 5)", "INSERT INTO state_trigger VALUES (5)", "CALL state_five()",
    "SELECT state_five()", "BEGIN NOT ATOMIC SET @a = 5; END", "PREPARE s FROM 'SET @a = 5'; EXECUTE s", "SET @a = 2 + 3",
    "SELECT v FROM {view}"])
def test_variables_that_are_set_otherwise_are_the_leaders(shared, ground, change):
    view = f"state_five_{time.monotonic_ns()}"  # made last, and new: who knows it knows the trigger
    ground.leader.sql(
        "CREATE OR REPLACE TABLE demo.state_trigger (v INT);"
        "CREATE OR REPLACE TRIGGER demo.state_trigger_t BEFORE INSERT ON demo.state_trigger FOR EACH ROW SELECT NEW.v INTO @a;"
        "CREATE OR REPLACE PROCEDURE demo.state_five() SELECT 5 INTO @a;"
        "CREATE OR REPLACE FUNCTION demo.state_five() RETURNS INT BEGIN SELECT 5 INTO @a; RETURN 1; END;"
        f"CREATE VIEW demo.{view} AS SELECT demo.state_five() AS v")
    ground.caught_up()
    with contextlib.closing(shared.connect(client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)) as client:
        rows(client, "SET @a = 1")
        on_follower(client, ground, "@a", (1,))
        wait_until(lambda: rows(client, f"SELECT name FROM this_server, {view}")[0][0] == ground.leader.name, "the view is known")
        answer(client, change.format(view=view))
        assert rows(client, "SELECT @a") == ((5,),)
