"""A server connection that only read comes back to the pool without a reset; the next session must not notice."""

import contextlib

import pymysql
import pytest

import harness

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def proxy(shared_cluster, tmp_path_factory):
    """One worker, so that the next session gets the connections of the one before."""
    causeway = harness.Causeway(shared_cluster, tmp_path_factory.mktemp("reuse"), {"proxy": {"threads": "1"}})
    causeway.start()
    yield causeway
    causeway.stop()


def session(proxy, *statements, **settings):
    """What a session of its own answers to each statement: rows, or the error number."""
    answers = []
    with contextlib.closing(proxy.connect(**settings)) as connection:
        for sql in statements:
            try:
                answers.append(harness.rows(connection, sql))
            except pymysql.MySQLError as error:
                answers.append(error.args[0])
    return answers


def stat(proxy, name):
    return int(next(row["value"] for row in proxy.console("SHOW STATS") if row["name"] == name))


def ends(proxy):
    """All sessions are gone, so their connections lie in the pool or are being reset."""
    harness.wait_until(lambda: not proxy.console("SHOW SESSIONS"), "no session any more")


BEFORE = {
    "reads": ["SELECT seq FROM seq_1_to_7", "SELECT 1"],
    "rows": ["SELECT seq FROM seq_1_to_7"],
    "warnings": ["SELECT CAST('x' AS INT)"],
    "error": ["SELECT no_such_column"],
    "variables": ["SET sql_mode='ANSI_QUOTES', time_zone='+05:00'", "SELECT 1"],
    "user variable": ["SET @kept=1", "SELECT @kept"],
    "temporary table": ["CREATE TEMPORARY TABLE reuse_kept (a INT)", "SELECT 1"],
    "named lock": ["SELECT GET_LOCK('reuse', 0)"],
    "insert": ["CREATE OR REPLACE TABLE reuse_ids (id INT AUTO_INCREMENT PRIMARY KEY)", "INSERT INTO reuse_ids VALUES ()"],
    "schema": ["USE information_schema", "SELECT 1"],
    "transaction": ["BEGIN", "SELECT 1", "UPDATE this_server SET name=name"],
}

AFTER = [
    ["SHOW WARNINGS"],
    ["SELECT @@warning_count, @@error_count"],
    ["SELECT @@sql_mode, @@time_zone, @kept, DATABASE(), LAST_INSERT_ID()"],
    ["SELECT * FROM reuse_kept"],
    ["SELECT GET_LOCK('reuse', 0)"],
    ["SELECT @@in_transaction"],
]

# Of a new login a server tells what its thread has seen last; Causeway what the set-up of the connection left.
COUNTS = [
    ["SELECT FOUND_ROWS() < 2"],
    ["SELECT ROW_COUNT() < 1"],
    ["SET sql_notes=1", "SELECT FOUND_ROWS() < 2"],
]


@pytest.mark.parametrize("before", BEFORE)
def test_next_session_is_as_direct(cluster, proxy, before):
    def lock_is_free():
        """A server ends a session some time after its client has left, direct and here."""
        return cluster.leader.value("SELECT IS_FREE_LOCK('reuse')")

    for after in AFTER:
        harness.wait_until(lock_is_free, "the lock of the session before")
        expected = session(cluster.leader, *after)
        session(proxy, *BEFORE[before])
        ends(proxy)
        harness.wait_until(lock_is_free, "the lock of the direct session")
        assert session(proxy, *after) == expected, after
        ends(proxy)


@pytest.mark.parametrize("before", BEFORE)
def test_next_session_is_not_told_of_another_one(proxy, before):
    for after in COUNTS:
        session(proxy, *BEFORE[before])
        ends(proxy)
        assert session(proxy, *after)[-1] == ((1,),), after
        ends(proxy)


def test_reads_are_not_reset(proxy):
    """Two sessions that only read share both connections, and no login of any kind is needed."""
    session(proxy, "SELECT name FROM this_server")
    ends(proxy)
    connects, reuses = stat(proxy, "server_connects"), stat(proxy, "server_reuses")
    for _ in range(2):
        session(proxy, "SELECT name FROM this_server", "/* causeway to=leader */ SELECT 1")
        ends(proxy)
    assert stat(proxy, "server_connects") == connects
    assert stat(proxy, "server_reuses") >= reuses + 3


def test_schemas(cluster, proxy):
    for schema in ("demo", None, "information_schema", "demo", None):
        with contextlib.closing(proxy.connect(database=schema)) as connection:
            assert harness.value(connection, "SELECT DATABASE()") == schema
            on_leader = harness.value(connection, "/* causeway to=leader */ SELECT DATABASE()")
            assert on_leader == schema
        ends(proxy)


def test_schema_that_was_dropped(cluster, proxy):
    cluster.leader.sql("CREATE DATABASE reuse_gone")
    cluster.leader.sql("GRANT ALL ON reuse_gone.* TO app")
    cluster.caught_up()

    def logs_in():
        return proxy.connect(database="reuse_gone").close() is None

    harness.wait_until(logs_in, "a login to the new schema")
    ends(proxy)
    session(proxy, "SELECT 1", database="reuse_gone")
    ends(proxy)
    session(proxy, "DROP DATABASE reuse_gone")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        proxy.connect(database="reuse_gone")
    assert caught.value.args[0] == 1049
    cluster.caught_up()
