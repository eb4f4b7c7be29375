"""A client that closes its connection while its statement waits: the server notices as it would direct, ends the statement, and gives
back what the session held."""

import contextlib
import socket
import time

import pytest

from harness import PATIENCE, rows, value, wait_until
from wire import Wire, error_of

NOTICED_S = 20  # a server looks at its clients every five seconds while they sleep or wait for a lock of GET_LOCK


@pytest.fixture(name="proxy", params=["session", "transaction"])
def proxy_fixture(causeway, request):
    return causeway({"routing": {"pooling": request.param}})


@contextlib.contextmanager
def logged_in(port, **settings):
    with contextlib.closing(Wire(port)) as client:
        answer = client.login(schema="demo", **settings)
        assert answer[0] == 0, error_of(answer)
        yield client


def running(cluster, words):
    return [
        (server.name, row) for server in cluster.servers
        for row in server.sql("SELECT id FROM information_schema.processlist WHERE info LIKE %s AND id <> CONNECTION_ID()", (words,))
    ]


def leave_while_it_runs(port, cluster, sql, before=(), **settings):
    """Closes the socket once the statement is seen to run; the seconds until the server has ended it."""
    with logged_in(port, **settings) as client:
        for statement in before:
            client.query(statement)
            client.take()
        client.send(b"\x03" + sql.encode())
        wait_until(lambda: running(cluster, sql), "it runs")
    left = time.monotonic()
    wait_until(lambda: not running(cluster, sql), f"{sql} is ended", NOTICED_S)
    return time.monotonic() - left


SLEEPS = {"on a follower": "SELECT SLEEP(61), name FROM this_server", "on the leader": "SELECT SLEEP(62) FROM this_server FOR UPDATE",
          "a write": "UPDATE this_server SET name = name WHERE SLEEP(63)", "DO": "DO SLEEP(64)"}


@pytest.mark.core
@pytest.mark.parametrize("sql", SLEEPS.values(), ids=SLEEPS)
def test_a_statement_that_sleeps_is_ended(proxy, cluster, sql):
    assert leave_while_it_runs(proxy.port, cluster, sql) < NOTICED_S * PATIENCE


def test_direct_it_is_the_same(cluster):
    for sql in SLEEPS.values():
        leave_while_it_runs(cluster.leader.port, cluster, sql)


@pytest.mark.core
def test_locks_are_free_again(proxy, cluster, table):
    """GET_LOCK that waits, rows that the transaction holds, and a lock that it has."""
    holder = cluster.leader.root()
    with contextlib.closing(holder):
        rows(holder, "SELECT GET_LOCK('held', 1)")
        rows(holder, f"INSERT INTO {table} VALUES (1, 'x')")
        before = ["SELECT GET_LOCK('mine', 1)", "BEGIN", f"SELECT id FROM {table} WHERE id = 1 FOR UPDATE"]
        leave_while_it_runs(proxy.port, cluster, "SELECT GET_LOCK('held', 65)", before)
        wait_until(lambda: value(holder, "SELECT IS_FREE_LOCK('mine')") == 1, "its lock is free", NOTICED_S)
        rows(holder, f"DELETE FROM {table} WHERE id = 1")


@pytest.mark.core
def test_what_was_sent_before_is_done(proxy, cluster, table):
    """Two statements in one write, then the end: both are run, and the half-closed client has both answers."""
    with logged_in(proxy.port) as client:
        texts = [f"INSERT INTO {table} VALUES ({number}, 'sent')".encode() for number in (1, 2)]
        client.socket.sendall(b"".join((len(text) + 1).to_bytes(3, "little") + b"\0\x03" + text for text in texts))
        client.socket.shutdown(socket.SHUT_WR)
        answers = b""
        while part := client.socket.recv(4096):
            answers += part
    wait_until(lambda: cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 2, "both are there")
    assert len(answers) >= 22


def test_causeway_stops_meanwhile(causeway, cluster):
    """A drain waits for the statement, but not for longer than the server takes to notice."""
    proxy = causeway({"proxy": {"drain": "60s"}})
    sql = "SELECT SLEEP(66), name FROM this_server"
    with logged_in(proxy.port) as client:
        client.send(b"\x03" + sql.encode())
        wait_until(lambda: running(cluster, sql), "it runs")
    began = time.monotonic()
    proxy.stop()
    assert time.monotonic() - began < NOTICED_S * PATIENCE
