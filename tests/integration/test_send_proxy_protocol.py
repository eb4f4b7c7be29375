"""send_proxy_protocol: the servers know the clients' addresses, and judge accounts by them."""

import contextlib

import pymysql
import pytest

import wire
from harness import Cluster, connect, scratch, wait_until
from test_proxy_protocol import behind, v1, v2_tcp6

pytestmark = pytest.mark.core

SETTINGS = {"proxy": {"proxy_protocol_from": "127.0.0.0/8"}, "cluster": {"send_proxy_protocol": "yes"}}


@pytest.fixture(scope="module")
def shared_cluster():
    cluster = Cluster(scratch("addresses"), followers=1, options=["proxy_protocol_networks=127.0.0.1"])
    cluster.leader.sql(
        "CREATE USER guest@'192.0.2.%' IDENTIFIED BY 'g'; GRANT ALL ON demo.* TO guest@'192.0.2.%';"
        "CREATE USER guest@'198.51.100.%' IDENTIFIED BY 'g'; GRANT SELECT ON demo.* TO guest@'198.51.100.%'")
    cluster.caught_up()
    yield cluster
    cluster.stop()


def ask(connection, sql):
    """The one row of a statement's answer, or its error's number."""
    connection.send(b"\3" + sql.encode())
    first = connection.packet()
    if first[0] == 0xFF:
        return wire.error_of(first)[0]
    connection.read_definitions(first[0])
    row, values = connection.packet(), []
    while row:
        values.append(row[1:1 + row[0]].decode())
        row = row[1 + row[0]:]
    assert connection.is_end(connection.packet())
    return values


def told(server, user):
    """The hosts of that user's connections in the processlist."""
    return {host for (host,) in server.sql(
        f"SELECT HOST FROM information_schema.PROCESSLIST WHERE USER = '{user}'")}


def test_accounts_and_the_processlist_go_by_the_clients_address(proxy, cluster):
    with behind(proxy.port, v1("192.0.2.9")) as inside, behind(proxy.port, v1("198.51.100.4")) as outside:
        assert inside.login("guest", "g")[0] == 0
        assert outside.login("guest", "g")[0] == 0
        assert ask(inside, "SELECT USER(), CURRENT_USER() FROM demo.this_server FOR UPDATE") == [
            "guest@192.0.2.9", "guest@192.0.2.%"]
        assert ask(outside, "SELECT USER(), CURRENT_USER()") == ["guest@198.51.100.4", "guest@198.51.100.%"]
        assert ask(outside, "INSERT INTO demo.nothing VALUES (1)") == 1142
        for connection in inside, outside:  # on the follower
            assert ask(connection, "SELECT name FROM demo.this_server") == ["db2"]
        for server in cluster.servers:
            assert told(server, "guest") == {"192.0.2.9", "198.51.100.4"}


def test_an_ipv6_address(proxy):
    with behind(proxy.port, v2_tcp6()) as connection:
        assert connection.login()[0] == 0
        assert ask(connection, "SELECT USER() FROM demo.this_server FOR UPDATE") == ["app@2001:db8::7"]


def test_a_unix_socket_is_localhost(causeway):
    path = scratch("socket") / "causeway.sock"
    proxy = causeway({**SETTINGS, "proxy": {}})
    proxy.write_config({**SETTINGS, "proxy": {"listen": f"127.0.0.1:{proxy.port}, unix:{path}"}})
    proxy.stop()
    proxy.start()
    with contextlib.closing(pymysql.connect(unix_socket=str(path), user="app", password="app-demo")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT USER() FROM demo.this_server FOR UPDATE")
            assert cursor.fetchall() == (("app@localhost",),)


def test_pooled_connections_are_kept_apart(causeway, cluster):
    """A connection that is kept for later serves the address that it was opened for, and no other."""
    proxy = causeway({**SETTINGS, "proxy": {"threads": "1", **SETTINGS["proxy"]}})

    def visit(address):
        with behind(proxy.port, v1(address)) as connection:
            assert connection.login("guest", "g")[0] == 0
            assert ask(connection, "SELECT USER() FROM demo.this_server FOR UPDATE") == [f"guest@{address}"]

    def threads(state="%"):
        return {number for (number,) in cluster.leader.sql(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'guest' AND HOST LIKE '192.0.2.2_'"
            f" AND COMMAND LIKE '{state}'")}
    visit("192.0.2.21")
    visit("192.0.2.22")
    kept = threads()
    assert len(kept) == 2, "each has its own"
    wait_until(lambda: threads("Sleep") == kept, "both to be reset")
    visit("192.0.2.21")
    visit("192.0.2.22")
    assert threads() == kept, "and they serve again"


def test_a_reload_changes_it_for_new_sessions(causeway, cluster):
    proxy = causeway({**SETTINGS, "cluster": {"send_proxy_protocol": "no"}})
    sql = "SELECT USER() FROM demo.this_server FOR UPDATE"
    with behind(proxy.port, v1("192.0.2.31")) as before:
        assert before.login()[0] == 0
        assert ask(before, sql) == ["app@localhost"]
        proxy.write_config(SETTINGS)
        proxy.reload()

        def user_now():
            with behind(proxy.port, v1("192.0.2.32")) as connection:
                assert connection.login()[0] == 0
                return ask(connection, sql)
        wait_until(lambda: user_now() == ["app@192.0.2.32"], "the new configuration")
        assert ask(before, sql) == ["app@localhost"]
