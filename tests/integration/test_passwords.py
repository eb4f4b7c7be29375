"""Passwords that expire, and that change while a client is connected: as on the server itself."""

import contextlib

import pymysql
import pytest

import wire
from harness import answered_by, connect, rows, value, wait_until
from test_login_plugins import account_fixture  # noqa: F401 pylint: disable=unused-import # a fixture
from wire import Wire

pytestmark = pytest.mark.core

CAN_HANDLE_EXPIRED = 1 << 22
EXPIRED = "IDENTIFIED BY 'pw' PASSWORD EXPIRE"


@pytest.mark.parametrize("capabilities", [wire.PLAIN, wire.PLAIN | CAN_HANDLE_EXPIRED])
def test_what_an_expired_password_lets_do(cluster, proxy, account, capabilities):
    account("expired", EXPIRED)
    transcripts = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(Wire(port)) as client:
            said = [client.login(user="expired", password="pw", schema="demo", capabilities=capabilities)]
            for sql in (b"SELECT 1", b"SET @a = 1", b"SELECT @a", b"SET NAMES latin1", b"BEGIN", b"DO 1",
                        b"INSERT INTO this_server VALUES (1)", b"SHOW TABLES",
                        b"ALTER USER CURRENT_USER() IDENTIFIED BY 'new'"):
                client.send(bytes([wire.QUERY]) + sql)
                said.append(client.packet())
            said.append(client.simple(wire.PING)[0])
            transcripts.append(said)
    assert transcripts[1] == transcripts[0]
    assert wire.error_of(transcripts[0][1])[0] == 1820


def test_a_changed_password_ends_it_and_the_session_goes_on(cluster, proxy, account):
    for port in (cluster.leader.port, proxy.port):
        account("expired", EXPIRED)
        with contextlib.closing(connect(port, user="expired", password="pw")) as connection:
            with pytest.raises(pymysql.MySQLError) as error:
                rows(connection, "SELECT name FROM this_server")
            assert error.value.args[0] == 1820
            rows(connection, "SET PASSWORD = PASSWORD('new')")
            assert value(connection, "SELECT DATABASE()") == "demo"
            assert value(connection, "SELECT CURRENT_USER()") == "expired@%"
            for _ in range(3):
                assert answered_by(connection) in ("db1", "db2", "db3")
            assert value(connection, "SELECT @@autocommit") == 1
        wait_until(lambda port=port: connect(port, user="expired", password="new").close() is None,
                   "the new password to work")


def test_a_server_that_refuses_expired_passwords(cluster, proxy, account):
    account("expired", EXPIRED)
    cluster.leader.sql("SET GLOBAL disconnect_on_expired_password = 1")
    try:
        answers = []
        for port in (cluster.leader.port, proxy.port):
            for capabilities in (wire.PLAIN, wire.PLAIN | CAN_HANDLE_EXPIRED):
                with contextlib.closing(Wire(port)) as client:
                    answers.append(client.login(user="expired", password="pw", capabilities=capabilities))
        assert wire.error_of(answers[0])[0] == 1862
        assert answers[2:] == answers[:2]
    finally:
        cluster.leader.sql("SET GLOBAL disconnect_on_expired_password = 0")


def test_the_password_changes_while_a_client_is_connected(cluster, proxy, account):
    """It keeps what it has, as on a server; its reads are answered, and by the leader where a new
    connection would be needed."""
    account("changing", "IDENTIFIED BY 'pw'")
    with contextlib.closing(proxy.connect(user="changing", password="pw")) as reading, \
            contextlib.closing(proxy.connect(user="changing", password="pw")) as fresh:
        assert answered_by(reading) in ("db2", "db3")
        rows(fresh, "SET PASSWORD = PASSWORD('new')")
        cluster.caught_up()
        for _ in range(5):
            assert answered_by(reading) in ("db2", "db3")
            assert answered_by(fresh) in ("db1", "db2", "db3")
        wait_until(lambda: proxy.connect(user="changing", password="new").close() is None, "the new password")
        before = [server.counters()["Connections"] for server in cluster.followers]
        assert {answered_by(fresh) for _ in range(20)} <= {"db1", "db2", "db3"}
        after = [server.counters()["Connections"] for server in cluster.followers]
        assert sum(after) - sum(before) <= 4, "logins that must fail are not tried with every read"
