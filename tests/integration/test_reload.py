"""SIGHUP and RELOAD: the file is read again without dropping a session; a broken one changes nothing."""

import contextlib

import pymysql
import pytest

from harness import answered_by, rows, value, wait_until

pytestmark = pytest.mark.core
FOLLOWERS = ("db2", "db3")


@pytest.fixture(name="own")
def own_fixture(causeway):
    return causeway()


def names_of(proxy, count=12, prefix=""):
    """Who answers `count` sessions that are open at once."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(count)]
        return {answered_by(connection, prefix) for connection in connections}


def test_rules_are_reread_and_sessions_stay(own):
    with contextlib.closing(own.connect()) as connection:
        assert answered_by(connection) in FOLLOWERS
        rows(connection, "SET @kept = 1")
        own.write_config({"rule:all": {"match": "this_server", "to": "leader"}})
        own.reload()
        wait_until(lambda: answered_by(connection) == "db1", "the new rule to hold for an old session")
        assert value(connection, "SELECT @kept") == 1
        own.write_config({"rule:all": {"match": "this_server", "to": "server:db3"}})
        own.console("RELOAD")
        wait_until(lambda: answered_by(connection) == "db3", "the changed rule to hold")
        own.write_config({})
        own.reload()
        wait_until(lambda: names_of(own) == set(FOLLOWERS), "the rule to be gone")
        assert value(connection, "SELECT @kept") == 1


def test_weights(own):
    own.write_config({"server:db2": {"weight": "0"}})
    own.reload()
    wait_until(lambda: names_of(own) == {"db3"}, "a follower of weight 0 gets no reads")
    own.write_config({})
    own.reload()
    wait_until(lambda: names_of(own) == set(FOLLOWERS), "both again")


def test_consistency(own, cluster, table):
    own.write_config({"routing": {"consistency": "eventual"}})
    own.reload()
    with cluster.applier_stopped():
        def old_data():
            with contextlib.closing(own.connect()) as connection:
                rows(connection, f"REPLACE INTO {table} VALUES (1, 'x')")
                return value(connection, f"SELECT COUNT(*) FROM {table}") == 0

        wait_until(old_data, "eventual reads to be eventual")
        own.write_config({"routing": {"consistency": "session"}})
        own.reload()

        def own_write():
            with contextlib.closing(own.connect()) as connection:
                rows(connection, f"REPLACE INTO {table} VALUES (1, 'x')")
                return value(connection, f"SELECT COUNT(*) FROM {table}") == 1

        wait_until(own_write, "session reads again")


def test_server_removed_and_added(own):
    with contextlib.closing(own.connect()) as first, contextlib.closing(own.connect()) as second:
        for connection in (first, second):
            rows(connection, "SET @kept = 7")
            answered_by(connection)
        own.write_config({"server:db3": None})
        own.reload()
        wait_until(lambda: names_of(own) == {"db2"}, "the removed server to serve no more")
        for connection in (first, second):
            assert answered_by(connection) == "db2"
            assert value(connection, "SELECT @kept") == 7
        own.write_config({})
        own.reload()
        wait_until(lambda: names_of(own) == set(FOLLOWERS), "the added server to serve")
        for connection in (first, second):
            assert value(connection, "SELECT @kept") == 7


@pytest.mark.parametrize(
    "text, words",
    [
        ("[proxy]\nlisten = nonsense\n", ["listen"]),
        ("[proxi]\nlisten = 127.0.0.1:1\n", ["proxi", "proxy"]),
        ("[routing]\nconsistensy = session\n", ["consistensy", "consistency"]),
        ("", []),
        ("[rule:bad]\nmatch = (unclosed\nto = leader\n", ["bad", "pattern"]),
    ],
)
def test_broken_file_changes_nothing(own, text, words):
    good = own.config.read_text()
    with contextlib.closing(own.connect()) as connection:
        served = answered_by(connection)
        broken = text if text.startswith("[pro") or not text else good + text
        own.config.write_text(broken)
        size = len(own.log_text())
        own.reload()
        wait_until(lambda: len(own.log_text()) > size, "the errors in the log")
        wait_until(lambda: all(word in own.log_text()[size:] for word in words), f"{words} in the log")
        assert answered_by(connection) == served
        assert names_of(own) == set(FOLLOWERS), "the old configuration goes on"
        with pytest.raises(pymysql.MySQLError):
            own.console("RELOAD")
        assert names_of(own) == set(FOLLOWERS)
    own.config.write_text(good)
    own.console("RELOAD")


def test_reload_under_load(own):
    from harness import Load

    with Load(own.port, lambda connection: value(connection, "SELECT name FROM demo.this_server"), threads=4) as load:
        for number in range(20):
            own.write_config({"server:db3": {"weight": str(number % 3)}} if number % 4 else {"server:db3": None})
            own.reload()
            load.wait_steps(20)
    assert not load.errors, load.errors[:3]
