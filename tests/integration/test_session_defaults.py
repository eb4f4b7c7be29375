"""What sessions begin with: a follower's defaults may be others than the leader's, and clients must not see it."""

import contextlib

import pytest
import wire
from conftest import start_causeway, stop_causeway
from harness import answered_by, connect, rows, wait_until

QUESTION = ("SELECT @@sql_mode, @@div_precision_increment, @@group_concat_max_len, @@time_zone, @@lc_time_names, "
            "@@default_storage_engine, @@collation_server, @@sql_big_selects, @@max_join_size, @@tx_isolation, "
            "@@default_week_format, @@sql_select_limit, @@max_statement_time, 1/3, DATE_FORMAT('2020-05-01', '%M')")
OTHERS = {"sql_mode": "'ANSI,PIPES_AS_CONCAT'", "div_precision_increment": "8", "group_concat_max_len": "7",
          "time_zone": "'+05:00'", "lc_time_names": "'de_DE'", "default_storage_engine": "MyISAM",
          "collation_server": "latin1_german2_ci", "max_join_size": "123456", "tx_isolation": "'READ-COMMITTED'",
          "default_week_format": "3", "sql_select_limit": "1000", "max_statement_time": "100"}


@contextlib.contextmanager
def set_globally(*servers, **values):
    """Sets them for new sessions of those servers; afterwards they are as before."""
    before = [(server, name, server.value(f"SELECT @@global.{name}")) for server in servers for name in values]
    try:
        for server in servers:
            for name, value in values.items():
                server.sql(f"SET GLOBAL {name} = {value}")
        yield
    finally:
        for server, name, value in before:
            quoted = f"'{value}'" if isinstance(value, str) else value
            server.sql(f"SET GLOBAL {name} = {quoted}")


@pytest.fixture(scope="module", name="shared", params=["session", "transaction"])
def shared_fixture(shared_cluster, request):
    proxy = start_causeway(shared_cluster, {"routing": {"pooling": request.param}})
    yield proxy
    stop_causeway(proxy)


def both(client, cluster):
    """What a follower and the leader say, of one session."""
    wait_until(lambda: answered_by(client) != cluster.leader.name, "a read on a follower")
    return rows(client, QUESTION), rows(client, QUESTION + " FROM demo.this_server FOR UPDATE")


@pytest.mark.core
def test_a_follower_with_other_defaults(shared, shared_cluster):
    with set_globally(*shared_cluster.followers, **OTHERS):
        with contextlib.closing(connect(shared_cluster.leader.port)) as direct:
            expected = rows(direct, QUESTION)

        def told():
            with contextlib.closing(shared.connect()) as client:
                return both(client, shared_cluster) == (expected, expected)

        wait_until(lambda: all(told() for _ in range(6)), "the leader's defaults on both followers")
        with contextlib.closing(shared.connect()) as client:
            rows(client, "SET div_precision_increment = 6")
            assert both(client, shared_cluster)[0] == both(client, shared_cluster)[1]
            client.ping()
            rows(client, "SET SESSION sql_mode = 'ORACLE'")
            assert both(client, shared_cluster)[0] == both(client, shared_cluster)[1]


@pytest.mark.core
def test_set_global_holds_for_the_next_login(shared, shared_cluster):
    """At once, on both connections; sessions that were there keep what they had."""
    with set_globally(shared_cluster.leader, div_precision_increment=4), \
            contextlib.closing(shared.connect(user="almighty", password="almighty-demo")) as setter:
        for value in (5, 6, 7, 8, 9):
            rows(setter, f"SET GLOBAL div_precision_increment = {value}")
            with contextlib.closing(shared.connect()) as client:
                assert both(client, shared_cluster)[0][0][1] == value
                assert both(client, shared_cluster)[1][0][1] == value
        assert rows(setter, "SELECT @@div_precision_increment") == ((4,),)


def test_set_global_on_the_leader_itself(shared, shared_cluster):
    with set_globally(shared_cluster.leader, group_concat_max_len=9):
        def told():
            with contextlib.closing(shared.connect()) as client:
                return [answer[0][2] for answer in both(client, shared_cluster)] == [9, 9]
        wait_until(told, "the new default on both")


@pytest.mark.core
def test_what_init_connect_sets_holds_on_followers(shared, shared_cluster):
    with set_globally(shared_cluster.leader, init_connect='"SET sql_mode = \'ANSI\', div_precision_increment = 3"'):
        with contextlib.closing(connect(shared_cluster.leader.port)) as direct:
            expected = rows(direct, QUESTION)

        def told():
            with contextlib.closing(shared.connect()) as client:
                return both(client, shared_cluster) == (expected, expected)

        wait_until(told, "what init_connect sets, on both")


@pytest.mark.core
def test_the_login_says_whether_commits_are_automatic(shared, shared_cluster):
    def flags(port):
        client = wire.Wire(port)
        with contextlib.closing(client):
            ok = client.login("app", "app-demo", "demo")
            changed = client.change_user("app", "app-demo", "demo")
            return client.status_of(ok) & 2, client.status_of(changed) & 2

    assert flags(shared.port) == flags(shared_cluster.leader.port) == (2, 2)
    with set_globally(shared_cluster.leader, autocommit=0):
        assert flags(shared_cluster.leader.port) == (0, 0)
        wait_until(lambda: flags(shared.port) == (0, 0), "the flag of the leader")
    wait_until(lambda: flags(shared.port) == (2, 2), "the flag of the leader")
