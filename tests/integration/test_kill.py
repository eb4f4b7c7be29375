"""KILL in all its forms: by the id of the greeting, by the servers' own, by user; across workers and
accounts; and never the wrong statement."""

import contextlib
import struct
import subprocess
import threading
import time

import pymysql
import pytest

import wire
from harness import APP, connect, rows, value, wait_until

pytestmark = pytest.mark.core

FOLLOWERS = ("db2", "db3")
ON_LEADER = "SELECT SLEEP(30) + 0 FOR UPDATE"
ON_FOLLOWER = "SELECT name, SLEEP(30) FROM demo.this_server"


@pytest.fixture(scope="module")
def boss(shared_cluster):
    """An account that may kill others; OTHER may not."""
    shared_cluster.leader.sql(
        "CREATE USER boss@'%' IDENTIFIED BY 'b'; GRANT CONNECTION ADMIN ON *.* TO boss@'%';"
        "GRANT SELECT ON demo.* TO boss@'%'; CREATE USER other@'%' IDENTIFIED BY 'o'")
    shared_cluster.caught_up()
    yield {"user": "boss", "password": "b", "database": None}
    shared_cluster.leader.sql("DROP USER boss@'%', other@'%'")
    shared_cluster.caught_up()


OTHER = {"user": "other", "password": "o", "database": None}


class Running:
    """A statement under way in a thread."""

    def __init__(self, cluster, connection, sql):
        self.cluster, self.connection, self.sql = cluster, connection, sql
        self.outcome = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.outcome = rows(self.connection, self.sql)
        except pymysql.MySQLError as error:
            self.outcome = error.args[0]

    def servers(self):
        count = "SELECT COUNT(*) FROM information_schema.processlist WHERE info = %s"
        return [server.name for server in self.cluster.servers if server.value(count, (self.sql,))]

    def wait_until_runs(self):
        return wait_until(self.servers, f"{self.sql} to run")

    def end(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), f"{self.sql} was not killed"
        return self.outcome


def was_killed(running):
    """1317, or as SLEEP() tells of it: 1 for interrupted."""
    outcome = running.end()
    assert outcome == 1317 or (isinstance(outcome, tuple) and outcome[0][-1] == 1), outcome
    # The server answers a moment before its processlist forgets the statement; run again, it would take 30 s.
    wait_until(lambda: not running.servers(), "the end of the statement on every server", 5)


def error_of(connection, sql):
    with pytest.raises(pymysql.MySQLError) as error:
        rows(connection, sql)
    return error.value.args


def ended(connection):
    try:
        rows(connection, "SELECT 1")
    except pymysql.MySQLError as error:
        return error.args[0] in (2006, 2013)
    return False


def raw_connection(port):
    connection = wire.Wire(port)
    connection.read_greeting()
    connection.login()
    return connection


@pytest.mark.parametrize("sql", [ON_LEADER, ON_FOLLOWER])
@pytest.mark.parametrize("command", ["KILL QUERY {}", "KILL SOFT QUERY '{}'", "KILL HARD QUERY {};"])
def test_kill_query(proxy, cluster, client, sql, command):
    running = Running(cluster, client, sql)
    running.wait_until_runs()
    with contextlib.closing(proxy.connect()) as killer:
        assert rows(killer, command.format(client.thread_id())) == ()
    was_killed(running)
    assert value(client, "SELECT 5") == 5


def test_from_every_worker_to_every_other(proxy, cluster):
    """Ids say in which worker a session lives; eight killers come from all of them."""
    for _ in range(8):
        with contextlib.closing(proxy.connect()) as target, contextlib.closing(proxy.connect()) as killer:
            running = Running(cluster, target, ON_FOLLOWER)
            running.wait_until_runs()
            rows(killer, f"KILL QUERY {target.thread_id()}")
            was_killed(running)


@pytest.mark.parametrize("sql", [ON_LEADER, ON_FOLLOWER])
@pytest.mark.parametrize("command", ["KILL {}", "KILL SOFT CONNECTION {}", "COM_PROCESS_KILL", "prepared", "bound"])
def test_kill_connection(proxy, cluster, sql, command):
    """The client is gone and the statement ends on its server, where nothing else would end it."""
    target = proxy.connect()
    running = Running(cluster, target, sql)
    running.wait_until_runs()
    with contextlib.closing(raw_connection(proxy.port)) as killer:
        number = target.thread_id()
        if command == "COM_PROCESS_KILL":
            answer = killer.simple(wire.PROCESS_KILL, struct.pack("<I", number))
        elif command == "prepared":
            answer = killer.execute(killer.prepare(f"KILL {number}")[0])
        elif command == "bound":
            answer = killer.execute(killer.prepare("KILL CONNECTION ?")[0], (number,))
        else:
            answer = killer.query(command.format(number))
        assert answer[0] == 0, answer
        assert killer.query("SELECT 1")[0] != 0xFF, "the killer goes on"
    assert running.end() in (2006, 2013)
    wait_until(lambda: not running.servers(), "its end on the server", 5)


def test_an_idle_session_ends(proxy, client):
    with contextlib.closing(proxy.connect()) as killer:
        rows(killer, f"KILL {client.thread_id()}")
        wait_until(lambda: ended(client), "the end of the killed session", 5)
        assert error_of(killer, f"KILL {client.thread_id()}") == (1094, f"Unknown thread id: {client.thread_id()}")


def test_kill_query_of_an_idle_session_does_nothing(proxy, client):
    with contextlib.closing(proxy.connect()) as killer:
        for _ in range(5):
            assert rows(killer, f"KILL QUERY {client.thread_id()}") == ()
            assert value(client, "SELECT 7") == 7


@pytest.mark.parametrize("command, code", [
    ("KILL {}", 1927), ("KILL CONNECTION_ID()", 1927), ("KILL SOFT {}", 1927), ("KILL {server}", 1927),
    ("KILL QUERY {}", 1317), ("KILL QUERY CONNECTION_ID()", 1317), ("KILL HARD QUERY {server}", 1317)])
def test_oneself(proxy, command, code):
    """As the server says it (measured): 1927 and the end, or 1317 and on."""
    with contextlib.closing(proxy.connect()) as connection:
        server = value(connection, "SELECT CONNECTION_ID() + 0")
        sql = command.format(connection.thread_id(), server=server)
        assert error_of(connection, sql)[0] == code
        if code == 1927:
            assert ended(connection)
        else:
            assert value(connection, "SELECT 3") == 3


def test_ids_of_the_servers(proxy, cluster, client):
    """What the processlist shows is killed too: the session that runs there."""
    running = Running(cluster, client, ON_LEADER)
    running.wait_until_runs()
    with contextlib.closing(proxy.connect()) as killer:
        shown = [row[0] for row in rows(killer, "SHOW FULL PROCESSLIST") if row[7] == ON_LEADER]
        assert len(shown) == 1
        rows(killer, f"KILL QUERY {shown[0]}")
        was_killed(running)
        rows(killer, f"KILL {shown[0]}")
        wait_until(lambda: ended(client), "the end of the killed session", 5)


def test_strangers_on_the_leader(proxy, cluster):
    """Connections that are not Causeway's are killed as direct."""
    with contextlib.closing(cluster.leader.connect()) as stranger, contextlib.closing(proxy.connect()) as killer:
        rows(killer, f"KILL {stranger.thread_id()}")
        assert ended(stranger)
        assert error_of(killer, "KILL 999999999")[0] == 1094
        assert error_of(killer, "KILL 4294967290") == (1094, "Unknown thread id: 4294967290")
        assert error_of(killer, "KILL QUERY ID 999999999")[0] == 1957


def test_who_may_kill_whom(proxy, cluster, client, boss):
    with contextlib.closing(proxy.connect(**OTHER)) as other, contextlib.closing(proxy.connect(**boss)) as killer:
        mine = client.thread_id()
        for command in ("KILL {}", "KILL QUERY {}"):
            assert error_of(other, command.format(mine)) == (1095, f"You are not owner of thread {mine}")
        assert rows(other, "KILL USER app") == ()
        assert value(client, "SELECT 5") == 5
        running = Running(cluster, client, ON_FOLLOWER)
        running.wait_until_runs()
        rows(killer, f"KILL QUERY {mine}")
        was_killed(running)
        rows(killer, f"KILL {mine}")
        wait_until(lambda: ended(client), "the end of the killed session", 5)


def test_the_question_changes_nothing(proxy, cluster, boss):
    before = cluster.leader.value("SELECT @@global.connect_timeout")
    with contextlib.closing(proxy.connect(**boss)) as killer, contextlib.closing(proxy.connect()) as target:
        rows(killer, f"KILL {target.thread_id()}")
        assert ended(target)
    assert cluster.leader.value("SELECT @@global.connect_timeout") == before


@pytest.mark.parametrize("sql", [ON_LEADER, ON_FOLLOWER])
def test_kill_query_user(proxy, cluster, client, boss, sql):
    running = Running(cluster, client, sql)
    running.wait_until_runs()
    with contextlib.closing(proxy.connect(**boss)) as killer:
        rows(killer, "KILL QUERY USER app")
    was_killed(running)


def test_kill_user(proxy, cluster, boss):
    """All sessions of the user end, and its connections past Causeway; nobody else's."""
    targets = [proxy.connect() for _ in range(6)]
    with contextlib.closing(cluster.leader.connect()) as stranger, \
            contextlib.closing(proxy.connect(**OTHER)) as other, contextlib.closing(proxy.connect(**boss)) as killer:
        rows(killer, "KILL USER 'app'@'10.9.8.7'")
        assert not any(ended(target) for target in targets), "the host is not theirs"
        rows(killer, "KILL USER app")
        wait_until(lambda: all(ended(target) for target in targets), "the end of the user's sessions", 5)
        assert ended(stranger)
        assert value(other, "SELECT 1") == value(killer, "SELECT 1") == 1


def test_kill_user_of_oneself(proxy, boss):
    with contextlib.closing(proxy.connect(**OTHER)) as one, contextlib.closing(proxy.connect(**OTHER)) as two:
        rows(one, "KILL USER other")
        assert ended(one) and ended(two)


def test_waiting_for_a_follower(causeway, cluster):
    """Held back by causal_timeout, no server has the statement: it ends at once."""
    proxy = causeway({"routing": {"causal_timeout": "30s", "on_lag": "wait"}})
    with contextlib.closing(proxy.connect()) as target, contextlib.closing(proxy.connect()) as killer:
        rows(killer, "CREATE OR REPLACE TABLE demo.waits (id INT)")
        cluster.caught_up()
        with cluster.applier_stopped():
            rows(target, "INSERT INTO demo.waits VALUES (1)")
            running = Running(cluster, target, "SELECT id FROM demo.waits")
            wait_until(lambda: [row for row in proxy.console("SHOW SESSIONS")
                                if int(row["id"]) == target.thread_id() and row["state"] == "WAIT_POSITION"],
                       "the read to wait")
            started = time.monotonic()
            rows(killer, f"KILL QUERY {target.thread_id()}")
            assert running.end() == 1317
            assert time.monotonic() - started < 10
        assert value(target, "SELECT id FROM demo.waits") == 1
        rows(killer, "DROP TABLE demo.waits")


def test_waiting_for_a_server_connection(causeway, cluster):
    """In the queue, no server has the statement either: it ends at once, its session goes on."""
    proxy = causeway({"routing": {"pooling": "transaction", "pool_wait": "30s", "max_server_connections": "1"}})
    with contextlib.closing(proxy.connect()) as holder, contextlib.closing(proxy.connect()) as target, \
            contextlib.closing(proxy.connect()) as killer:
        rows(holder, "BEGIN")
        rows(holder, "SELECT 1 FOR UPDATE")
        running = Running(cluster, target, "SELECT 2 FOR UPDATE")
        wait_until(lambda: [row for row in proxy.console("SHOW SESSIONS")
                            if int(row["id"]) == target.thread_id() and row["state"] == "WAIT_PLACE"],
                   "the statement to wait")
        started = time.monotonic()
        rows(killer, f"KILL QUERY {target.thread_id()}")
        assert running.end() == 1317
        assert time.monotonic() - started < 10
        rows(holder, "COMMIT")
        assert value(target, "SELECT 3 FOR UPDATE") == 3


def test_never_the_next_statement(causeway):
    """The KILL takes longer than the statement that it was for; the next one waits for it."""
    proxy = causeway({"proxy": {"threads": "1"}})
    with contextlib.closing(proxy.connect()) as killer, contextlib.closing(raw_connection(proxy.port)) as target:
        number = target.greeting.connection_id
        for _ in range(60):
            target.send(b"\x03SELECT SLEEP(0.001) FOR UPDATE")
            killer._execute_command(3, f"KILL QUERY {number}")
            target.read_result()
            target.take()
            target.query("SELECT 'next', SLEEP(0.01) FOR UPDATE")
            assert b"\x04next\x010" in target.take()
            killer._read_ok_packet()


def test_connection_id_is_that_of_the_greeting(proxy, client):
    """And what an application reads there, another connection can kill."""
    for sql in ("SELECT CONNECTION_ID()", "select connection_id() AS me;", "/* x */ SELECT connection_id ( ) id"):
        assert value(client, sql) == client.thread_id()
    with contextlib.closing(raw_connection(proxy.port)) as raw:
        raw.execute(raw.prepare("SELECT CONNECTION_ID()")[0])
        assert b"\0\0" + struct.pack("<I", raw.greeting.connection_id) in raw.take()
    with contextlib.closing(proxy.connect()) as killer:
        rows(killer, f"KILL {value(client, 'SELECT CONNECTION_ID()')}")
        wait_until(lambda: ended(client), "the end of the killed session", 5)


def test_connection_id_looks_as_the_servers(cluster, proxy):
    shapes = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(connect(port)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID()")
            field = cursor._result.fields[0]
            shapes.append((field.name, field.type_code, field.length, field.flags, field.charsetnr, field.scale))
    assert shapes[0] == shapes[1]


def test_the_mariadb_client_and_ctrl_c(proxy, cluster):
    """It opens a second connection and says KILL QUERY with the id of its greeting."""
    client = subprocess.Popen(["mariadb", "-h127.0.0.1", f"-P{proxy.port}", "-uapp", f"-p{APP['password']}", "demo",
                               "--force", "-e", ON_FOLLOWER + "; SELECT 'still', 'here'"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = "SELECT COUNT(*) FROM information_schema.processlist WHERE info = %s"
    wait_until(lambda: any(server.value(running, (ON_FOLLOWER,)) for server in cluster.followers), "it to run")
    client.send_signal(2)
    out, _ = client.communicate(timeout=60)
    wait_until(lambda: not any(server.value(running, (ON_FOLLOWER,)) for server in cluster.servers), "its end", 5)
    assert "SLEEP" in out or "1317" in out or "interrupted" in out or "aborted" in out, out
