"""A covered read costs nothing: the servers' own counters show the reads that were sent and nothing else.
No other Causeway may run before the cluster meanwhile, so this is a module of its own."""

import contextlib
import time

import pytest

from harness import answered_by, rows, value, wait_until

FOLLOWERS = ("db2", "db3")
READS = 500  # of each connection


def counter(proxy, name):
    return next(int(row["value"]) for row in proxy.console("SHOW STATS") if row["name"] == name)


@pytest.mark.core
@pytest.mark.parametrize("consistency, keys", [
    ("session", []),
    ("session", ["alice", "alice"]),
    ("key", ["bob", "carol"]),
])
def test_covered_reads_are_all_that_servers_see(causeway, cluster, table, consistency, keys):
    """Four connections, with keys and without, after writes of their own."""
    proxy = causeway({"routing": {"consistency": consistency}, "cluster": {"probe_interval": "1h"}})
    with contextlib.ExitStack() as stack:
        monitors = [stack.enter_context(contextlib.closing(server.root())) for server in cluster.servers]

        def questions():
            return [int(rows(monitor, "SHOW GLOBAL STATUS LIKE 'Questions'")[0][1]) for monitor in monitors]

        def rests():
            asked = questions()[0]
            time.sleep(0.5)
            return questions()[0] == asked + 1

        wait_until(rests, "the catalogue to be read behind the table's CREATE")
        connections = [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(4)]
        for number, connection in enumerate(connections):
            if number < len(keys):
                rows(connection, "SET @causeway_key = %s", (keys[number],))
            rows(connection, f"INSERT INTO {table} VALUES ({number}, 'x')")
        cluster.caught_up()
        for connection in connections:
            wait_until(lambda connection=connection: answered_by(connection) in FOLLOWERS, "a follower serves")
        wait_until(lambda: proxy.console("SHOW KEYS")[-1]["position"], "the floor of all keys is known")
        started = time.monotonic()
        before, moves, fetched = questions(), counter(proxy, "moves"), counter(proxy, "bounds_fetched")
        for _ in range(READS):
            for connection in connections:
                assert value(connection, f"SELECT COUNT(*) FROM {table}") == len(connections)
        leader, *followers = [now - then for now, then in zip(questions(), before)]
        seconds = int(time.monotonic() - started) + 1
        # A statement more for each read would double the count. What polls ask, and connections that were
        # given back before and are set up anew meanwhile, is a handful; the sweep of keys, where there are
        # any, asks the leader three times a second.
        assert READS * 4 <= sum(followers) - 2 <= READS * 4 + READS * 4 // 100 + 2 * (seconds // 2)
        assert leader - 1 <= (3 * (seconds + 1) if keys else 2)
        assert counter(proxy, "moves") == moves
        assert counter(proxy, "bounds_fetched") - fetched <= (seconds + 1 if keys else 0)
