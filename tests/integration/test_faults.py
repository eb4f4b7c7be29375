"""Servers that die, freeze and come back. Each case has a Causeway of its own, and the cluster is
mended before the next."""

import contextlib
import threading
import time

import pymysql
import pytest

from harness import PATIENCE, Load, answered_by, rows, value, wait_until

FOLLOWERS = ("db2", "db3")


def read(connection):
    value(connection, "SELECT name FROM demo.this_server")


def in_rotation(proxy):
    """Names of the followers that the console shows as serving."""
    found = set()
    for row in proxy.console("SHOW SERVERS"):
        text = " ".join(str(item) for item in row.values())
        if "follower" in text and str(row.get("in_rotation", row.get("state", text))).lower() in (
            "1", "yes", "true", "in rotation", "serving",
        ):
            found.add(next(item for item in row.values() if item in FOLLOWERS))
    return found


@pytest.mark.core
def test_follower_killed_under_load(proxy, cluster):
    """kill -9 of a follower: no client sees an error, reads go on, and it comes back by itself."""
    with Load(proxy.port, read, threads=8) as load:
        load.wait_steps(200)
        cluster.followers[0].tool("kill")
        load.wait_steps(500)
        assert not load.errors, load.errors[:3]
        cluster.followers[0].tool("restart")
        load.wait_steps(200)
        proxy.wait_in_rotation("db2", seconds=20)
    assert not load.errors, load.errors[:3]


def test_follower_killed_under_load_of_writes_and_reads(proxy, cluster, table):
    """Each session writes a row and reads it back while followers die one after the other."""
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def write_and_read(connection):
        with lock:
            key = next(numbers)
        rows(connection, f"INSERT INTO {table} VALUES ({key}, 'x')")
        assert value(connection, f"SELECT COUNT(*) FROM {table} WHERE id = {key}") == 1

    with Load(proxy.port, write_and_read, threads=6) as load:
        load.wait_steps(100)
        for follower in cluster.followers:
            follower.tool("kill")
            load.wait_steps(60)
            follower.tool("restart")
            load.wait_steps(60)
    assert not load.errors, load.errors[:3]


def test_both_followers_killed(proxy, cluster):
    """reads_without_followers = leader: the leader serves."""
    with Load(proxy.port, read, threads=4) as load:
        load.wait_steps(50)
        for follower in cluster.followers:
            follower.tool("kill")
        load.wait_steps(200)
        with contextlib.closing(proxy.connect()) as connection:
            wait_until(lambda: answered_by(connection) == "db1", "the leader serves reads")
        for follower in cluster.followers:
            follower.tool("restart")
        proxy.wait_in_rotation(*FOLLOWERS, seconds=20)
    assert not load.errors, load.errors[:3]


def test_prepared_statements_survive_a_follower(proxy, cluster):
    """A statement that was prepared on the dead follower is prepared again elsewhere, unseen."""
    import wire

    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.login(schema="demo")
        statement = client.prepare("SELECT name FROM this_server WHERE ? = 1")[0]
        client.take()
        client.execute(statement, [1])
        served = "db2" if b"db2" in client.take() else "db3"
        cluster.named(served).tool("kill")
        client.execute(statement, [1])
        answer = client.take()
        other = ({"db2", "db3"} - {served}).pop()
        assert other.encode() in answer or b"db1" in answer, answer[-200:]
        cluster.named(served).tool("restart")


def test_follower_dies_in_the_middle_of_a_result(proxy, cluster):
    """Part of the result is with the client: that statement fails, the connection stays."""
    import wire

    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.login(schema="demo")
        client.keep = False
        client.send(b"\x03SELECT REPEAT('x', 1000) FROM seq_1_to_2000000, this_server")
        for _ in range(200):
            client.packet()
        client.keep = True
        with contextlib.closing(proxy.connect()) as probe:
            candidates = {answered_by(probe)}
        busy = [
            follower for follower in cluster.followers
            if follower.value("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE"
                              " 'SELECT REPEAT%'")
        ]
        assert busy, f"the read runs on a follower (another goes to {candidates})"
        busy[0].tool("kill")
        client.keep = False
        last = client.read_rows()
        assert last[0] == 0xFF, "an error ends the result"
        assert wire.error_of(last)[1].startswith("08"), wire.error_of(last)
        client.keep = True
        assert client.query("SELECT 1")[0] == 0xFE, "the connection stays"
        busy[0].tool("restart")
    assert proxy.alive()


@pytest.mark.core
def test_frozen_follower_gets_no_reads(proxy, cluster):
    """SIGSTOP: it accepts connections but says nothing. Reads go elsewhere, and come back after
    SIGCONT."""
    frozen = cluster.followers[0]
    frozen.tool("kill", "--signal", "STOP")
    try:
        def served_elsewhere():
            started = time.monotonic()
            names = set()
            for _ in range(6):
                with contextlib.closing(proxy.connect(read_timeout=20)) as connection:
                    names.add(answered_by(connection))
            return names <= {"db1", "db3"} and time.monotonic() - started < 2 * PATIENCE

        wait_until(served_elsewhere, "reads to go elsewhere, promptly", 25)
    finally:
        frozen.tool("kill", "--signal", "CONT")
    proxy.wait_in_rotation("db2", seconds=20)


def test_frozen_follower_under_load(proxy, cluster):
    """Reads that were under way on it are run again elsewhere: no client sees an error."""
    with Load(proxy.port, read, threads=6) as load:
        load.wait_steps(100)
        cluster.followers[0].tool("kill", "--signal", "STOP")
        try:
            load.wait_steps(300, 40)
        finally:
            cluster.followers[0].tool("kill", "--signal", "CONT")
        load.wait_steps(100)
    assert not load.errors, load.errors[:3]


def test_broken_replication_takes_a_follower_out(proxy, cluster, table):
    """The applier stops with an error: the follower gets no more reads than its position allows."""
    broken = cluster.followers[0]
    broken.sql(f"SET sql_log_bin = 0; INSERT INTO {table} VALUES (1, 'in the way')")
    rows(cluster.leader.connect(), f"INSERT INTO {table} VALUES (1, 'x')")
    wait_until(broken.trouble, "the applier to stop")
    try:
        with contextlib.closing(proxy.connect()) as connection:
            rows(connection, f"INSERT INTO {table} VALUES (2, 'x')")
            for _ in range(20):
                assert value(connection, f"SELECT COUNT(*) FROM {table} WHERE id = 2") == 1
    finally:
        broken.sql(f"SET sql_log_bin = 0; DELETE FROM {table} WHERE id = 1; SET sql_log_bin = 1;"
                   "START SLAVE SQL_THREAD")
    cluster.caught_up()
    proxy.wait_in_rotation("db2")


def test_follower_that_lags_more_than_max_lag_is_left_out(causeway, cluster, table):
    proxy = causeway({"routing": {"max_lag": "2s"}})
    late = cluster.followers[0]
    with cluster.applier_stopped([late]):
        stop = time.monotonic() + 30 * PATIENCE

        def left_out():
            with contextlib.closing(proxy.connect()) as connection:
                rows(connection, f"REPLACE INTO {table} VALUES (1, NOW(6))")
            names = set()
            for _ in range(4):
                with contextlib.closing(proxy.connect()) as connection:
                    names.add(answered_by(connection, "/* causeway consistency=eventual to=followers */ "))
            return names == {"db3"}

        wait_until(left_out, "the late follower to be left out", stop - time.monotonic(), 0.2)
    proxy.wait_in_rotation("db2", seconds=20)


def test_leader_dead(causeway, cluster, table):
    """Without a leader: sessions that wrote nothing go on reading, a write waits up to leader_wait and
    then gets an error of the read-only class; when the leader is back, the same connection writes."""
    proxy = causeway({"routing": {"leader_wait": "1s"}})
    with contextlib.closing(proxy.connect()) as connection:
        for _ in range(3):
            assert answered_by(connection) in FOLLOWERS
        cluster.leader.tool("kill")
        try:
            for _ in range(20):
                assert answered_by(connection) in FOLLOWERS, "its own pinned follower goes on"
            with pytest.raises(pymysql.MySQLError) as error:
                rows(connection, f"INSERT INTO {table} VALUES (1, 'x')")
            assert error.value.args[0] == 1290, error.value.args
        finally:
            cluster.leader.tool("restart")
    with contextlib.closing(proxy.connect()) as connection:
        wait_until(lambda: rows(connection, f"REPLACE INTO {table} VALUES (2, 'x')") == (), "writes go on", 20)
        assert value(connection, f"SELECT COUNT(*) FROM {table} WHERE id = 2") == 1


def test_idle_session_survives_a_restart_of_the_leader(causeway, cluster, table):
    """Idle, outside a transaction: the client notices nothing, its next write waits for the leader."""
    proxy = causeway({"routing": {"leader_wait": "20s"}})
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, f"INSERT INTO {table} VALUES (1, 'x')")
        rows(connection, "SET SESSION group_concat_max_len = 8")
        cluster.leader.tool("restart")
        rows(connection, f"INSERT INTO {table} VALUES (2, 'x')")
        assert value(connection, f"SELECT COUNT(*) FROM {table}") == 2
        assert len(value(connection, "SELECT GROUP_CONCAT(seq) FROM demo.seq_1_to_99 FOR UPDATE")) == 8


def test_leader_dies_inside_a_transaction(causeway, cluster, table):
    """1213/40001, on which applications retry; the connection stays."""
    proxy = causeway({"routing": {"leader_wait": "20s"}})
    with contextlib.closing(proxy.connect()) as connection:
        connection.begin()
        rows(connection, f"INSERT INTO {table} VALUES (1, 'lost')")
        cluster.leader.tool("kill")
        with pytest.raises(pymysql.MySQLError) as error:
            rows(connection, f"INSERT INTO {table} VALUES (2, 'lost')")
        cluster.leader.tool("restart")
        assert error.value.args[0] == 1213, error.value.args
        rows(connection, f"INSERT INTO {table} VALUES (3, 'kept')")
        assert rows(connection, f"SELECT id FROM {table}") == ((3,),)


def test_started_before_the_leader(causeway, cluster):
    """Causeway comes up with the leader down, and finds it when it appears."""
    cluster.leader.tool("kill")
    try:
        from conftest import RUNNING, scratch
        from harness import Causeway

        proxy = Causeway(cluster, scratch("proxy"), {"routing": {"leader_wait": "20s"}})
        RUNNING.append(proxy)
        try:
            import subprocess

            from harness import BINARY

            with open(proxy.log, "ab") as log:
                proxy.process = subprocess.Popen(
                    [BINARY, "run", "-c", proxy.config], stdout=log, stderr=log, cwd=proxy.folder
                )
            wait_until(lambda: "db2" in str(proxy.console("SHOW SERVERS")), "the console answers")
            cluster.leader.tool("restart")
            wait_until(lambda: proxy.connect().close() is None, "logins work", 20)
            proxy.wait_in_rotation(*FOLLOWERS, seconds=20)
            proxy.stop()
        finally:
            if proxy.process is not None:
                proxy.process.kill()
                proxy.process.wait()
            RUNNING.remove(proxy)
    finally:
        cluster.heal()


def test_roles_are_found_out(causeway, cluster, table):
    """Which server leads is not configured: after a switchover by hand Causeway follows."""
    proxy = causeway({"routing": {"leader_wait": "20s"}})
    old, new, third = cluster.servers
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, f"INSERT INTO {table} VALUES (1, 'before')")
        switch_over(old, new, third)
        try:
            wait_until(lambda: leader_of(connection) == "db2", "writes to go to the new leader", 30)
            rows(connection, f"INSERT INTO {table} VALUES (2, 'after')")
            assert value(connection, f"SELECT COUNT(*) FROM {table}") == 2
        finally:
            switch_over(new, old, third)
        wait_until(lambda: leader_of(connection) == "db1", "writes to go to the first leader again", 30)
        rows(connection, f"INSERT INTO {table} VALUES (3, 'back')")
        assert value(connection, f"SELECT COUNT(*) FROM {table}") == 3
    cluster.caught_up()


def leader_of(connection):
    try:
        return value(connection, "SELECT name FROM demo.this_server FOR UPDATE")
    except pymysql.MySQLError:
        return None


def switch_over(old, new, third):
    """A clean switch as a person would do it (the tests' leader keeps its place in `cluster`)."""
    old.sql("SET GLOBAL read_only = 1")
    position = old.value("SELECT @@gtid_binlog_pos")
    for server in (new, third):
        assert server.value("SELECT MASTER_GTID_WAIT(%s, 20)", (position,)) == 0
    new.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0")
    for server in (old, third):
        server.sql("STOP SLAVE; SET GLOBAL gtid_slave_pos = @@gtid_current_pos" if server is old else "STOP SLAVE")
        server.sql(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={new.port}, MASTER_USER='replication',"
            " MASTER_PASSWORD='replication-demo', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,"
            " MASTER_HEARTBEAT_PERIOD=1; START SLAVE"
        )
