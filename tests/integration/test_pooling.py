"""pooling = transaction: few server connections for many sessions, and no session notices."""

import contextlib
import threading
import time

import pymysql
import pytest
from pymysql.constants import COMMAND

from conftest import start_causeway, stop_causeway
from harness import rows, value, wait_until
from wire import CACHE_METADATA, DEPRECATE_EOF, PLAIN, Wire

NARROW = {"routing": {"pooling": "transaction", "max_server_connections": "1", "pool_wait": "4s"},
           "proxy": {"threads": "1"}}


@contextlib.contextmanager
def sessions(proxy, count, **settings):
    """So many clients at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(proxy.connect(**settings))) for _ in range(count)]


def disturb(connection):
    """Another session's work, on the same server connection: the leader's, then a follower's."""
    rows(connection, "/* causeway to=leader */ SELECT 1")
    rows(connection, "SET @@session.sql_mode='ANSI_QUOTES', @@session.time_zone='+07:00', NAMES latin1")
    rows(connection, "USE lab")
    rows(connection, "SET @@session.last_insert_id=4711")
    rows(connection, "SELECT 1")


def stat(proxy, name):
    return next(int(row["value"]) for row in proxy.console("SHOW STATS") if row["name"] == name)


def pool_of(proxy, server):
    return {name: int(text) for row in proxy.console("SHOW POOLS") if row["server"] == server
            for name, text in row.items() if name != "server"}


@pytest.fixture(scope="module", name="narrow")
def narrow_fixture(shared_cluster):
    """One connection to each server, for everybody."""
    proxy = start_causeway(shared_cluster, NARROW)
    yield proxy
    stop_causeway(proxy)


@pytest.mark.core
def test_sessions_share_one_connection(narrow, cluster):
    with sessions(narrow, 5) as clients:
        for client in clients:
            assert value(client, "SELECT 1") == 1
        assert cluster.leader.sessions() == 1
        assert all(follower.sessions() <= 1 for follower in cluster.followers)


@pytest.mark.core
def test_variables_schema_and_charset_are_each_sessions_own(narrow, cluster):
    with sessions(narrow, 3) as (first, second, third):
        rows(first, "SET @@session.sql_mode='NO_ZERO_DATE', @@session.time_zone='+03:00'")
        rows(second, "SET NAMES latin1")
        rows(second, "USE information_schema")
        rows(third, "SET @@session.group_concat_max_len=77, @@session.lock_wait_timeout=9")
        for _ in range(3):
            for where in ("/* causeway to=leader */ ", ""):
                assert rows(first, where + "SELECT @@sql_mode, @@time_zone, DATABASE()") == (
                    ("NO_ZERO_DATE", "+03:00", "demo"),)
                assert rows(second, where + "SELECT @@character_set_client, @@time_zone, DATABASE()") == (
                    ("latin1", "SYSTEM", "information_schema"),)
                assert rows(third, where + "SELECT @@group_concat_max_len, @@lock_wait_timeout, DATABASE(),"
                            " @@character_set_client") == ((77, 9, "demo", "utf8mb4"),)


@pytest.mark.core
def test_a_session_without_a_schema_gets_none(narrow):
    with sessions(narrow, 1) as (named,), sessions(narrow, 1, database=None) as (bare,):
        for _ in range(3):
            assert value(named, "SELECT DATABASE()") == "demo"
            assert value(bare, "SELECT DATABASE()") is None
            assert value(bare, "/* causeway to=leader */ SELECT DATABASE()") is None
            with pytest.raises(pymysql.err.Error) as refused:
                rows(bare, "SELECT * FROM this_server")
            assert refused.value.args[0] == 1046


@pytest.mark.core
def test_last_insert_id_follows_the_session(narrow, cluster):
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.ids (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
    with sessions(narrow, 3) as clients:
        expected = {}
        for client in clients:
            with client.cursor() as cursor:
                cursor.execute("INSERT INTO demo.ids (n) VALUES (1)")
                expected[client] = cursor.lastrowid
        rows(clients[1], "INSERT INTO demo.ids VALUES (1000, 2)")  # an id of its own choice is none
        for client in clients:
            disturb(clients[2])
            assert value(client, "SELECT LAST_INSERT_ID()") == (
                4711 if client is clients[2] else expected[client])
        rows(clients[0], "INSERT INTO demo.ids VALUES (NULL, LAST_INSERT_ID() + 5000)")
        assert value(clients[1], f"SELECT COUNT(*) FROM demo.ids WHERE n={expected[clients[0]] + 5000}") == 1


@pytest.mark.core
def test_an_id_of_an_insert_that_failed_is_known(narrow, cluster):
    """No reply tells of it; and behind ROLLBACK nothing else is asked of the connection."""
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.ids (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
    for returning in ("", " RETURNING id"):
        answers = []
        for server in (cluster.leader, narrow):
            cluster.leader.sql("TRUNCATE TABLE demo.ids")
            with contextlib.closing(server.connect()) as client, sessions(narrow, 1) as (other,):
                rows(client, "INSERT INTO demo.ids (n) VALUES (1), (2)")
                disturb(other)
                rows(client, "BEGIN")
                with pytest.raises(pymysql.err.Error) as refused:
                    rows(client, "INSERT INTO demo.ids (n) VALUES (3), (9999999999)" + returning)
                assert refused.value.args[0] == 1264
                rows(client, "ROLLBACK")
                rows(client, "SELECT 1")
                disturb(other)
                answers.append(value(client, "SELECT LAST_INSERT_ID()"))
        assert answers == [3, 3]


@pytest.mark.core
def test_logging_that_was_never_off_is_not_turned_on(narrow, table):
    """SET sql_log_bin = DEFAULT needs no right, but turning it on does: an account without it is told of no error."""
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET sql_log_bin = DEFAULT")
        disturb(other)
        rows(client, f"INSERT INTO {table} VALUES (1, 'a')")
        disturb(other)
        assert value(client, "/* causeway to=leader */ SELECT @@sql_log_bin") == 1


@pytest.mark.core
def test_row_count_and_found_rows_after_the_connection_went(narrow, table):
    with sessions(narrow, 2) as (client, other):
        rows(client, f"INSERT INTO {table} VALUES (1,'a'),(2,'b'),(3,'c')")
        disturb(other)
        assert rows(client, "SELECT ROW_COUNT()") == ((3,),)
        assert rows(client, "SELECT ROW_COUNT()") == ((-1,),)
        rows(client, f"SELECT * FROM {table}")
        disturb(other)
        assert rows(client, "SELECT FOUND_ROWS()") == ((3,),)
        rows(client, f"SELECT SQL_CALC_FOUND_ROWS * FROM {table} LIMIT 1")
        disturb(other)
        assert rows(client, "select found_rows();") == ((3,),)


def fails(client, sql):
    with pytest.raises(pymysql.err.Error) as refused:
        rows(client, sql)
    return refused.value.args


@pytest.mark.core
@pytest.mark.parametrize("where", ["/* causeway to=leader */ ", ""])
def test_warnings_after_the_connection_went(narrow, where):
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET @v = 1 + 1")  # more to be asked
        for number in (1, 2):
            rows(client, where + f"SELECT CAST('{number}x' AS INT), CAST('y' AS INT)")
            disturb(other)
            for _ in range(2):
                told = rows(client, "show  WARNINGS;")
                assert [row[:2] for row in told] == [("Warning", 1292)] * 2 and f"'{number}x'" in told[0][2]
                disturb(other)
            rows(client, where + "SELECT 1")  # without tables: warnings stay
            assert len(rows(client, "SHOW WARNINGS")) == 2
            rows(client, where + "SELECT name FROM this_server")
            assert rows(client, "SHOW WARNINGS") == ()
        assert fails(client, "INSERT INTO demo.nowhere VALUES (1)")[0] == 1146
        disturb(other)
        assert rows(client, "SHOW WARNINGS") == (("Error", 1146, "Table 'demo.nowhere' doesn't exist"),)
        assert value(client, "SELECT @v") == 2


@pytest.mark.core
def test_many_warnings_and_long_variables(narrow):
    """What is asked ahead of lending is longer than one buffer."""
    with sessions(narrow, 2) as (client, other):
        for number in range(60):
            rows(client, f"SET @v{number} = REPEAT('{number % 10}', 1000)")
        rows(client, "SELECT " + ", ".join(f"CAST('{number}{'y' * 300}' AS INT)" for number in range(64)))
        disturb(other)
        assert len(rows(client, "SHOW WARNINGS")) == 64
        disturb(other)
        assert all(value(client, f"SELECT @v{number}") == f"{number % 10}" * 1000 for number in range(60))


@pytest.mark.core
@pytest.mark.parametrize("capabilities", [PLAIN, PLAIN | DEPRECATE_EOF, PLAIN | DEPRECATE_EOF | CACHE_METADATA])
def test_warnings_are_told_byte_by_byte(narrow, cluster, capabilities):
    def answer(port):
        with contextlib.closing(Wire(port)) as wire:
            wire.login(schema="demo", capabilities=capabilities)
            wire.query("SELECT 1/0, CAST('x' AS INT)")
            if port == narrow.port:
                with sessions(narrow, 1) as (other,):
                    disturb(other)
            wire.take()
            wire.query("SHOW WARNINGS")
            return wire.take()

    assert answer(narrow.port) == answer(cluster.leader.port)


@pytest.mark.core
def test_lost_diagnostics_are_an_error_not_a_wrong_answer(narrow):
    with sessions(narrow, 2) as (client, other):
        assert fails(client, "INSERT INTO demo.nowhere VALUES (1)")[0] == 1146
        disturb(other)
        assert fails(client, "SHOW COUNT(*) WARNINGS")[1].count("pooling = transaction") == 1
        rows(client, "/* causeway to=leader */ SELECT 1/0")  # it has asked: kept, for as long as it takes
        assert fails(other, "/* causeway to=leader */ SELECT 1")[0] == 1040
        assert rows(client, "SHOW COUNT(*) WARNINGS") == ((1,),)
        rows(client, "/* causeway to=leader */ SELECT name FROM this_server")
        assert rows(client, "SHOW WARNINGS") == ()


@pytest.mark.core
def test_lost_counts_beside_variables_are_an_error(narrow, table):
    """What only the leader connection may run asks for the counts of a statement, and that one is gone."""
    for question in ("SELECT @y, ROW_COUNT()", "SET @n = ROW_COUNT()", f"INSERT INTO {table} VALUES (ROW_COUNT() + 7, @y)"):
        with sessions(narrow, 2) as (client, other):
            rows(client, "SET @y = 1")
            rows(client, f"REPLACE INTO {table} VALUES (1, 'a')")
            disturb(other)
            code, text = fails(client, question)
            assert code == 1105 and "pooling = transaction" in text
            rows(client, f"REPLACE INTO {table} VALUES (2, 'b'), (3, 'c')")
            rows(client, "SET @n = ROW_COUNT()")  # it has asked: kept
            assert value(client, "SELECT @n") in (2, 4)
    with sessions(narrow, 2) as (client, other):
        rows(client, f"REPLACE INTO {table} VALUES (1, 'a')")
        disturb(other)
        rows(client, "SELECT 'ROW_COUNT()', @row_count")
        disturb(other)
        rows(client, "BEGIN NOT ATOMIC DO ROW_COUNT(); END")


@pytest.mark.core
def test_transactions_and_autocommit(narrow, table):
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET autocommit=0")
        rows(client, f"INSERT INTO {table} VALUES (1,'a')")
        waited = []

        def ask():
            waited.append(value(other, f"/* causeway to=leader */ SELECT COUNT(*) FROM {table}"))

        before = stat(narrow, "place_waits")
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: stat(narrow, "place_waits") > before, "the other session to wait")
        assert waited == []  # the connection is the transaction's
        rows(client, "COMMIT")
        thread.join(10)
        assert waited == [1]
        disturb(other)
        rows(client, f"INSERT INTO {table} VALUES (2,'b')")  # autocommit is still off, elsewhere
        rows(client, "ROLLBACK")
        assert value(other, f"/* causeway to=leader */ SELECT COUNT(*) FROM {table}") == 1
        disturb(other)
        assert value(client, "SELECT @@autocommit") == 0
        assert value(other, "SELECT @@autocommit") == 1


@pytest.mark.core
def test_what_cannot_be_said_again_keeps_the_connection(narrow, cluster):
    for make, ask, expected in (
        ("CREATE TEMPORARY TABLE demo.tmp AS SELECT 7 AS n", "SELECT n FROM demo.tmp", 7),
        ("SET @mine = REPEAT('x', 5000)", "SELECT LENGTH(@mine)", 5000),
        ("DO GET_LOCK('pool', 0)", "SELECT IS_USED_LOCK('pool') = CONNECTION_ID()", 1),
        ("LOCK TABLES demo.this_server READ", "SELECT 10", 10),
        ("PREPARE s FROM 'SELECT 11'", "EXECUTE s", 11),
    ):
        with sessions(narrow, 2) as (client, other):
            rows(client, make)
            with pytest.raises(pymysql.err.Error) as refused:
                rows(other, "/* causeway to=leader */ SELECT 1")
            assert refused.value.args[0] == 1040 and "pool_wait" in refused.value.args[1], make
            assert value(client, ask) == expected, make
    with sessions(narrow, 1) as (after,):
        assert value(after, "SELECT @mine") is None


@pytest.mark.core
def test_variables_of_known_values_do_not_keep_it(narrow, cluster):
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET @mine = 9")
        rows(other, "/* causeway to=leader */ SELECT 1")
        rows(other, "SET @mine = 'theirs'")
        assert value(client, "/* causeway to=leader */ SELECT @mine") == 9
        assert value(other, "/* causeway to=leader */ SELECT @mine") == "theirs"


@pytest.mark.core
def test_expressions_without_a_result_do_not_keep_it(narrow, cluster):
    with sessions(narrow, 2) as (client, other):
        for expression in ("1", "SLEEP(0)", "LAST_INSERT_ID(6)", "(SELECT COUNT(*) FROM demo.this_server)"):
            rows(client, "DO " + expression)
            rows(client, "/* causeway to=leader */ DO " + expression)
            assert value(other, "/* causeway to=leader */ SELECT 1") == 1, expression
        disturb(other)
        assert value(client, "SELECT LAST_INSERT_ID()") == 6


def first_byte(wire, statement):
    """Executes a prepared SELECT of one small integer."""
    wire.send(wire.execute_bytes(statement))
    assert wire.packet() == b"\x01"
    wire.read_definitions(1)
    row, _ = wire.packet(), wire.packet()
    return row[2]


@pytest.mark.core
def test_prepared_statements(narrow, cluster):
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(contextlib.closing(Wire(narrow.port))) for _ in range(2)]
        prepared = []
        for number, wire in enumerate(wires):
            wire.login()
            prepared.append([wire.prepare(f"SELECT {number} + {place}") for place in range(3)])
        for _ in range(4):
            for number, wire in enumerate(wires):
                for place in range(3):
                    assert first_byte(wire, prepared[number][place][0]) == number + place
        counts = [int(server.sql("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0][1])
                  for server in cluster.servers]
        assert max(counts) <= 3, "what was prepared for one session is gone for the next"


@pytest.mark.core
@pytest.mark.parametrize("statement", [
    "SELECT SLEEP(1)",
    # Its client's end is noticed when the second row can't be given to it.
    " UNION ALL ".join(f"SELECT SLEEP({seconds}), REPEAT('x', 300000)" for seconds in (0, 0.3, 2)),
])
def test_a_vanished_client_has_its_place_until_the_server_is_done(narrow, cluster, statement):
    """The server does not stop for it, and never sees more than one connection."""
    with sessions(narrow, 1) as (gone,):
        gone._execute_command(COMMAND.COM_QUERY, "/* causeway to=leader */ " + statement)
        wait_until(lambda: cluster.leader.value(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user='app' AND info LIKE '%SLEEP%'") == 1,
            "the statement to begin")
        gone._force_close()
        gone.close = lambda: None
    with contextlib.closing(narrow.connect()) as client:
        assert value(client, "/* causeway to=leader */ SELECT COUNT(*) FROM information_schema.processlist") == 1


def test_no_connection_ends_as_aborted(narrow, cluster):
    """The servers count, and write to their logs, clients that leave without a word."""
    def aborted():
        return [int(server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1]) for server in cluster.servers]

    before = aborted()
    left = int(cluster.leader.sql("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1])
    for account in ({}, {"user": "almighty", "password": "almighty-demo"}) * 2:
        with sessions(narrow, 1, **account) as (client,):
            rows(client, "CREATE TEMPORARY TABLE demo.tmp (a INT)")
            rows(client, "SELECT 1")
    with sessions(narrow, 1) as (client,):  # who gets the place of the one before
        rows(client, "BEGIN")
        rows(client, "SELECT 1 FROM this_server FOR UPDATE")
    with sessions(narrow, 1, user="almighty", password="almighty-demo") as (client,):
        rows(client, "/* causeway to=leader */ SELECT 1")
    assert int(cluster.leader.sql("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1]) > left + 4
    assert aborted() == before


def test_show_pools(narrow, cluster):
    leader = cluster.leader.name
    with sessions(narrow, 2) as (first, second):
        rows(first, "/* causeway to=leader */ SELECT 1")
        wait_until(lambda: pool_of(narrow, leader)["lent"] == 1, "the connection to be lent")
        rows(first, "BEGIN")
        held = pool_of(narrow, leader)
        assert (held["limit"], held["open"], held["in_use"], held["lent"], held["waiting"]) == (1, 1, 1, 0, 0)
        assert held["own"] > 0
        waiter = threading.Thread(target=rows, args=(second, "/* causeway to=leader */ SELECT 1"))
        waiter.start()
        try:
            wait_until(lambda: pool_of(narrow, leader)["waiting"] == 1, "the second to wait")
        finally:
            rows(first, "ROLLBACK")
            waiter.join()
    wait_until(lambda: pool_of(narrow, leader)["in_use"] == 0, "the connection to be nobody's")
    assert pool_of(narrow, leader)["waiting"] == 0


def test_who_waits_is_served_in_order_over_all_workers(shared_cluster):
    leader = shared_cluster.leader
    leader.sql("CREATE OR REPLACE TABLE demo.queue (at INT AUTO_INCREMENT PRIMARY KEY, who INT)")
    settings = {"routing": {**NARROW["routing"], "pool_wait": "30s"}, "proxy": {"threads": "2"}}
    proxy = start_causeway(shared_cluster, settings)
    try:
        with sessions(proxy, 9) as (holder, *waiters):
            assert {row["worker"] for row in proxy.console("SHOW SESSIONS")} == {"0", "1"}
            rows(holder, "BEGIN")
            rows(holder, "/* causeway to=leader */ SELECT 1")
            threads = []
            for who, client in enumerate(waiters):
                insert = f"INSERT INTO demo.queue (who) VALUES ({who})"
                threads.append(threading.Thread(target=rows, args=(client, insert)))
                threads[-1].start()
                wait_until(lambda: pool_of(proxy, leader.name)["waiting"] == len(threads), "it to wait")
                time.sleep(0.06)  # among those who come within 50 ms a worker may serve its own first
            rows(holder, "COMMIT")
            for thread in threads:
                thread.join()
        served = leader.sql("SELECT GROUP_CONCAT(who ORDER BY at) FROM demo.queue")
        assert "0,1,2,3,4,5,6,7" in str(served)
    finally:
        stop_causeway(proxy)
