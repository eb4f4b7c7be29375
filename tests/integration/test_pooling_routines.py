"""pooling = transaction: who runs a stored routine keeps a connection only for what the routine may have left there."""

import contextlib

import pymysql
import pytest

from conftest import start_causeway, stop_causeway
from harness import rows, value, wait_until
from test_pooling import disturb, sessions
from wire import Wire

pytestmark = pytest.mark.core

# Refusals are what is looked for: no long waits for a place.
NARROW = {"routing": {"pooling": "transaction", "max_server_connections": "1", "pool_wait": "200ms"},
          "proxy": {"threads": "1"}}

GROUND = """
CREATE OR REPLACE TABLE demo.rt (a INT PRIMARY KEY AUTO_INCREMENT, b VARCHAR(20));
CREATE OR REPLACE TABLE demo.rt_locking (a INT);
CREATE OR REPLACE TABLE demo.rt_setting (a INT);
CREATE OR REPLACE TABLE demo.rt_calling (a INT);
CREATE OR REPLACE SEQUENCE demo.rt_seq;
CREATE OR REPLACE FUNCTION demo.rt_twice(x INT) RETURNS INT NO SQL RETURN 2 * x;
CREATE OR REPLACE FUNCTION demo.rt_lock(x INT) RETURNS INT NO SQL RETURN GET_LOCK('rt', 1) + x;
CREATE OR REPLACE FUNCTION demo.rt_note(x INT) RETURNS INT NO SQL BEGIN SET @rt = x; RETURN x; END;
CREATE OR REPLACE PROCEDURE demo.rt_adds(IN x VARCHAR(20), OUT y INT) BEGIN
  DECLARE z VARCHAR(20) DEFAULT 'none'; DECLARE CONTINUE HANDLER FOR 1062 BEGIN END;
  IF (x <> '') THEN SET z = CONCAT(x, rt_twice(4)), y = 7; ELSE SET y = 8; END IF;
  INSERT INTO rt (b) VALUES (z); SELECT COUNT(*) > 0 FROM rt; END;
CREATE OR REPLACE PROCEDURE demo.rt_calls() BEGIN DECLARE y INT; CALL rt_adds('x', y); CALL demo.RT_adds('', y); END;
CREATE OR REPLACE PROCEDURE demo.rt_begins() BEGIN START TRANSACTION; INSERT INTO rt (b) VALUES ('open'); END;
CREATE OR REPLACE PROCEDURE demo.rt_fails() BEGIN INSERT INTO rt (b) VALUES ('x'); SIGNAL SQLSTATE '45000'; END;
CREATE OR REPLACE PROCEDURE demo.rt_warns() BEGIN SELECT CAST('x' AS INT) > 1; END;
CREATE OR REPLACE PROCEDURE demo.rt_temporary() CREATE OR REPLACE TEMPORARY TABLE rt_own (a INT);
CREATE OR REPLACE PROCEDURE demo.rt_locks() DO GET_LOCK('rt', 1);
CREATE OR REPLACE PROCEDURE demo.rt_locks_deep() BEGIN CALL rt_locks(); END;
CREATE OR REPLACE PROCEDURE demo.rt_prepares() PREPARE rt_s FROM 'SELECT 17';
CREATE OR REPLACE PROCEDURE demo.rt_dynamic() EXECUTE IMMEDIATE CONCAT('DO GET_', "LOCK('rt', 1)");
CREATE OR REPLACE PROCEDURE demo.rt_sequence() DO NEXTVAL(rt_seq);
CREATE OR REPLACE PROCEDURE demo.rt_mode() SET @@lock_wait_timeout = 77;
CREATE OR REPLACE PROCEDURE demo.rt_sets() SET @rt = 5, @rt2 = 'x';
CREATE OR REPLACE TRIGGER demo.rt_t1 BEFORE INSERT ON demo.rt_locking FOR EACH ROW SET NEW.a = rt_lock(NEW.a);
CREATE OR REPLACE TRIGGER demo.rt_t2 BEFORE INSERT ON demo.rt_setting FOR EACH ROW SET @rt = NEW.a;
CREATE OR REPLACE TRIGGER demo.rt_t3 BEFORE INSERT ON demo.rt_calling FOR EACH ROW SET NEW.a = rt_twice(NEW.a);
CREATE OR REPLACE PROCEDURE demo.rt_writes_locking() INSERT INTO rt_locking VALUES (1);
CREATE OR REPLACE PROCEDURE demo.rt_writes_setting() INSERT INTO rt_setting VALUES (5);
CREATE OR REPLACE PROCEDURE demo.rt_writes_calling() INSERT INTO rt_calling VALUES (1);
CREATE OR REPLACE VIEW demo.rt_view AS SELECT demo.rt_lock(1) AS a, demo.rt_twice(2) AS b;
CREATE OR REPLACE VIEW demo.rt_view_fine AS SELECT demo.rt_twice(2) AS b
"""


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    shared_cluster.leader.sql(GROUND)
    shared_cluster.caught_up()
    return shared_cluster


@pytest.fixture(scope="module", name="narrow")
def narrow_fixture(ground):
    proxy = start_causeway(ground, NARROW)
    yield proxy
    stop_causeway(proxy)


def run(client, sql):
    """All results of it."""
    with client.cursor() as cursor:
        cursor.execute(sql)
        while cursor.nextset():
            pass


def served(other):
    """Another session gets the one connection to the leader."""
    try:
        rows(other, "/* causeway to=leader */ SELECT 1")
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1040
        return False
    return True


def lent_after(narrow, sql, schema="demo"):
    """Whether a session that ran it, and is idle, lends its connection."""
    with sessions(narrow, 2) as (client, other):
        if schema != "demo":
            rows(client, f"USE {schema}")
        with contextlib.suppress(pymysql.err.MySQLError):
            run(client, sql)
        return served(other)


def known(narrow, sql="CALL rt_calls()"):
    wait_until(lambda: lent_after(narrow, sql), "the routines are known")


QUIET = ["CALL rt_calls()", "CALL demo.`rt_calls`", "CALL rt_adds('x', @y)", "SELECT rt_twice(3)", "DO rt_twice(3), SLEEP(0)",
         "SELECT demo.rt_TWICE(3) FROM rt LIMIT 1", "INSERT INTO rt (b) VALUES (rt_twice(3))", "SET @x = rt_twice(1)",
         "UPDATE rt SET b = rt_twice(a) WHERE a < rt_twice(1)", "CALL rt_warns()", "CALL rt_sets()",
         "SELECT rt_note(4)", "CALL rt_writes_setting()", "CALL rt_writes_calling()", "SELECT b FROM rt_view_fine"]
HOLDING = ["CALL rt_begins()", "CALL rt_temporary()", "CALL rt_locks()", "CALL rt_locks_deep()", "CALL rt_prepares()",
           "CALL rt_dynamic()", "CALL rt_sequence()", "CALL rt_mode()", "SELECT rt_lock(1)", "CALL rt_writes_locking()",
           "INSERT INTO rt_locking VALUES (1)", "SELECT a FROM rt_view", "DO rt_twice(rt_lock(1))", "EXECUTE IMMEDIATE 'SELECT 1'",
           "BEGIN NOT ATOMIC DO GET_LOCK('rt', 1); END", "SELECT rt_twice(1); SELECT rt_lock(2)"]


@pytest.mark.parametrize("sql", QUIET)
def test_a_routine_that_leaves_nothing_keeps_no_connection(narrow, sql):
    known(narrow)
    assert lent_after(narrow, sql)


@pytest.mark.parametrize("sql", HOLDING)
def test_one_that_leaves_something_does(narrow, sql):
    known(narrow)
    with contextlib.closing(narrow.connect(client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)) as client, \
            contextlib.closing(narrow.connect()) as other:
        run(client, sql)
        assert not served(other)
    wait_until(lambda: lent_after(narrow, "SELECT 1"), "it is given back")


def test_what_they_did_is_as_it_was_direct(narrow, ground):
    """The same answers, byte by byte, from sessions whose connection is taken away after each statement."""
    steps = ["CALL rt_adds('x', @y)", "SELECT ROW_COUNT()", "SELECT @y", "CALL rt_sets()", "SELECT @rt, @rt2", "SELECT LAST_INSERT_ID() > 0",
             "SELECT rt_note(9)", "SELECT @rt", "CALL rt_writes_setting()", "SELECT @rt, @rt2", "CALL rt_warns()", "SHOW WARNINGS",
             "CALL rt_fails()", "SHOW WARNINGS", "SET @x = rt_twice(8)", "SELECT @x, @y, @rt",
             "CALL rt_calls()", "SELECT ROW_COUNT()", "DO rt_twice(1)", "SELECT @@lock_wait_timeout, DATABASE()"]
    known(narrow)
    with contextlib.closing(Wire(ground.leader.port)) as direct, contextlib.closing(Wire(narrow.port)) as through, \
            contextlib.closing(narrow.connect()) as other:
        for wire in (direct, through):
            wire.login(schema="demo", capabilities=wire_capabilities())
        for sql in steps:
            answers = []
            for wire in (direct, through):
                wire.take()
                wire.query(sql)
                answers.append(wire.take())
            assert answers[0] == answers[1], sql
            if "fails" not in sql:  # after an error the session waits to hear whether a transaction is open
                disturb(other)


def wire_capabilities():
    from wire import DEPRECATE_EOF, PLAIN
    return PLAIN | DEPRECATE_EOF | 1 << 16 | 1 << 17


def test_prepared(narrow):
    known(narrow)
    with contextlib.closing(Wire(narrow.port)) as client, contextlib.closing(narrow.connect()) as other:
        client.login(schema="demo", capabilities=wire_capabilities())
        for sql, lends in (("SELECT rt_twice(5)", True), ("CALL rt_locks()", False)):
            statement = client.prepare(sql)[0]
            client.execute(statement)
            assert served(other) == lends, sql


def test_the_current_schema_counts(narrow, ground):
    ground.leader.sql("CREATE OR REPLACE PROCEDURE lab.rt_calls() DO GET_LOCK('rt', 1)")
    ground.caught_up()
    known(narrow)
    assert not lent_after(narrow, "CALL rt_calls()", schema="lab")
    wait_until(lambda: lent_after(narrow, "SELECT 1"), "it is given back")
    assert lent_after(narrow, "CALL demo.rt_calls()", schema="lab")
    ground.leader.sql("DROP PROCEDURE lab.rt_calls")


def redefine(where, client, ground, body, what="PROCEDURE", tail=""):
    sql = f"CREATE OR REPLACE {what} demo.rt_changes() {tail} {body}"
    if where == "through":
        run(client, sql)
    else:
        ground.leader.sql(sql)
        ground.caught_up()


@pytest.mark.parametrize("where", ["through", "direct"])
def test_one_that_is_redefined(narrow, ground, where):
    """At once where a client did it through Causeway; as soon as the log tells of it elsewhere."""
    ground.leader.sql("GRANT CREATE ROUTINE, ALTER ROUTINE, EXECUTE ON demo.* TO app@'%'")
    for _ in range(5):
        with sessions(narrow, 3) as (client, other, maker):
            redefine(where, maker, ground, "SELECT 1")
            known(narrow, "CALL rt_changes()")
            redefine(where, maker, ground, "DO GET_LOCK('rt', 1)")
            if where == "direct":
                wait_until(lambda: not lent_after(narrow, "CALL rt_changes()"), "it is known")
            run(client, "CALL rt_changes()")
            assert not served(other)
            assert value(client, "SELECT IS_USED_LOCK('rt') IS NOT NULL") == 1


def test_a_function_that_is_redefined_and_one_that_is_dropped(narrow, ground):
    with sessions(narrow, 3) as (client, other, maker):
        redefine("through", maker, ground, "RETURN 1", "FUNCTION", "RETURNS INT NO SQL")
        known(narrow, "SELECT rt_changes()")
        redefine("through", maker, ground, "RETURN GET_LOCK('rt', 1)", "FUNCTION", "RETURNS INT NO SQL")
        run(client, "SELECT rt_changes()")
        assert not served(other)
        rows(client, "DROP FUNCTION rt_changes")
        with pytest.raises(pymysql.err.MySQLError):
            rows(client, "SELECT rt_changes()")


def test_a_routine_that_changes_leaves_reads_on_followers(ground):
    """Only the lookup of routines is in doubt meanwhile."""
    proxy = start_causeway(ground, {"routing": {"pooling": "transaction"}})
    try:
        with contextlib.closing(proxy.connect()) as client, contextlib.closing(proxy.connect()) as maker:
            def on_follower():
                return rows(client, "SELECT name FROM this_server")[0][0] != ground.leader.name
            wait_until(on_follower, "a read on a follower")
            for _ in range(30):
                redefine("through", maker, ground, "SELECT 1")
                assert on_follower()
    finally:
        stop_causeway(proxy)


def test_without_the_right_to_see_bodies(ground):
    """As ever, and the log says so."""
    ground.leader.sql("REVOKE SELECT, SHOW VIEW ON *.* FROM causeway@'%'; GRANT SELECT ON mysql.global_priv TO causeway@'%'")
    ground.caught_up()
    proxy = start_causeway(ground, NARROW)
    try:
        assert not lent_after(proxy, "CALL rt_calls()")
        assert proxy.log_text().count("needs SELECT ON mysql.proc") == 1
    finally:
        stop_causeway(proxy)
        ground.leader.sql("GRANT SELECT, SHOW VIEW ON *.* TO causeway@'%'")
        ground.caught_up()
