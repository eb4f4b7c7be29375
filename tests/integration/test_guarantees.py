"""The consistency contract, session form: own writes are read, time never runs backwards, and a
covered read costs nothing on the leader. The followers are made late or stopped, so that a lucky
race can't make a case pass."""

import contextlib
import threading
import time

import pymysql
import pytest

from harness import PATIENCE, answered_by, rows, value, wait_until

pytestmark = pytest.mark.core

FOLLOWERS = ("db2", "db3")


def write(connection, table, key):
    rows(connection, f"INSERT INTO {table} VALUES ({key}, 'written')")


def count(connection, table, key):
    return value(connection, f"SELECT COUNT(*) FROM {table} WHERE id = {key}")


def test_reads_go_to_a_follower_and_writes_to_the_leader(client, table, cluster):
    before = cluster.leader.counters()
    write(client, table, 1)
    assert cluster.leader.counters()["Com_insert"] > before["Com_insert"]
    wait_until(lambda: answered_by(client) in FOLLOWERS, "a follower serves the session again")
    assert count(client, table, 1) == 1


def test_own_writes_with_both_followers_delayed(proxy, cluster, table):
    """Both followers apply at least a second late: every session still reads what it wrote, and
    no later than causal_timeout and the leader's answer take."""
    with cluster.delayed(1):
        for key in range(10):
            with contextlib.closing(proxy.connect()) as connection:
                write(connection, table, key)
                started = time.monotonic()
                assert count(connection, table, key) == 1
                assert time.monotonic() - started < 0.8 * PATIENCE
        stale = [follower.value(f"SELECT COUNT(*) FROM {table} WHERE id = 9") for follower in cluster.followers]
        assert stale == [0, 0], "the followers were late indeed"


def test_own_writes_with_one_follower_delayed(proxy, cluster, table):
    """The prompt follower serves: the leader is not asked."""
    late, prompt = cluster.followers
    with cluster.applier_stopped([late]):
        for key in range(10):
            with contextlib.closing(proxy.connect()) as connection:
                write(connection, table, key)
                assert count(connection, table, key) == 1
        with contextlib.closing(proxy.connect()) as connection:
            write(connection, table, 100)
            wait_until(lambda: answered_by(connection) == prompt.name, "the prompt follower serves")


@pytest.mark.parametrize("prepared", [False, True], ids=["text", "prepared"])
def test_own_writes_while_followers_stand_still(proxy, cluster, table, prepared):
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        if prepared:
            rows(connection, f"PREPARE w FROM 'INSERT INTO {table} VALUES (5, ''x'')'")
            rows(connection, "EXECUTE w")
        else:
            write(connection, table, 5)
        assert count(connection, table, 5) == 1
        assert answered_by(connection) == "db1"


def test_insert_returning_then_read(client, cluster, table):
    """The GTID rides on the terminator of the result set."""
    with cluster.applier_stopped():
        assert rows(client, f"INSERT INTO {table} VALUES (1, 'r') RETURNING id, note") == ((1, "r"),)
        assert count(client, table, 1) == 1
        assert rows(client, f"DELETE FROM {table} WHERE id = 1 RETURNING id") == ((1,),)
        assert count(client, table, 1) == 0


def test_call_that_writes_and_returns_rows_then_read(client, cluster, table):
    """The last OK of such a CALL has no GTID: it was on the result set before."""
    cluster.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.write_and_show(k INT) BEGIN INSERT INTO {table} VALUES"
        f" (k, 'by procedure'); SELECT note FROM {table} WHERE id = k; END"
    )
    with cluster.applier_stopped():
        assert rows(client, "CALL demo.write_and_show(3)") == (("by procedure",),)
        assert count(client, table, 3) == 1


def test_call_that_writes_and_returns_nothing_then_read(client, cluster, table):
    cluster.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.only_write(k INT) INSERT INTO {table} VALUES (k, 'quietly')"
    )
    with cluster.applier_stopped():
        rows(client, "CALL demo.only_write(4)")
        assert count(client, table, 4) == 1


def test_error_after_a_partial_commit_then_read(client, cluster, table):
    """ERR packets carry no GTID, but something was committed: the next read has to show it."""
    cluster.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.write_and_fail(k INT) BEGIN INSERT INTO {table} VALUES"
        " (k, 'kept'); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'after the write'; END"
    )
    with cluster.applier_stopped():
        with pytest.raises(pymysql.err.OperationalError, match="after the write"):
            rows(client, "CALL demo.write_and_fail(1)")
        assert count(client, table, 1) == 1


def test_error_in_a_multi_statement_after_a_write_then_read(proxy, cluster, table):
    flag = pymysql.constants.CLIENT.MULTI_STATEMENTS
    with cluster.applier_stopped(), contextlib.closing(proxy.connect(client_flag=flag)) as connection:
        with connection.cursor() as cursor, pytest.raises(pymysql.MySQLError):
            cursor.execute(f"INSERT INTO {table} VALUES (8, 'kept'); SELECT nothing FROM nowhere")
            while cursor.nextset():
                pass
        assert count(connection, table, 8) == 1


def test_duplicate_key_error_shows_the_row_that_is_there(proxy, cluster, table):
    """Somebody else's write: the error has told the client that the row exists, so its next read
    has to find it."""
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        assert count(connection, table, 1) == 0
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'of another')")
        with pytest.raises(pymysql.err.IntegrityError):
            write(connection, table, 1)
        assert count(connection, table, 1) == 1


def test_what_the_leader_showed_is_not_unseen(proxy, cluster, table):
    """A read on the leader (a locking one, in a transaction), then a plain read: not older."""
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'of another')")
        assert rows(connection, f"SELECT id FROM {table} WHERE id = 1 FOR UPDATE") == ((1,),)
        assert count(connection, table, 1) == 1


def test_update_of_nothing_has_shown_leader_state(proxy, cluster, table):
    cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'same')")
    cluster.caught_up()
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        cluster.leader.sql(f"DELETE FROM {table} WHERE id = 1")
        rows(connection, f"UPDATE {table} SET note = 'other' WHERE id = 1")  # 0 rows: it is gone
        assert count(connection, table, 1) == 0


def test_transaction_commit_then_read(client, cluster, table):
    with cluster.applier_stopped():
        client.begin()
        write(client, table, 1)
        assert count(client, table, 1) == 1, "inside its transaction"
        client.commit()
        assert count(client, table, 1) == 1


def test_rollback_is_read_too(client, cluster, table):
    with cluster.applier_stopped():
        client.begin()
        write(client, table, 1)
        client.rollback()
        assert count(client, table, 1) == 0


def test_autocommit_off(proxy, cluster, table):
    with cluster.applier_stopped(), contextlib.closing(proxy.connect(autocommit=False)) as connection:
        write(connection, table, 1)
        assert count(connection, table, 1) == 1
        connection.commit()
        assert count(connection, table, 1) == 1
        connection.commit()


def test_ddl_then_use_of_the_table(client, cluster, table):
    with cluster.applier_stopped():
        rows(client, f"ALTER TABLE {table} ADD COLUMN extra INT DEFAULT 7")
        write_all = f"INSERT INTO {table} VALUES (1, 'x', 8)"
        rows(client, write_all)
        assert rows(client, f"SELECT extra FROM {table}") == ((8,),)


def test_truncate_then_read(client, cluster, table):
    write(client, table, 1)
    cluster.caught_up()
    with cluster.applier_stopped():
        rows(client, f"TRUNCATE {table}")
        assert count(client, table, 1) == 0


def test_reset_connection_keeps_what_was_written(proxy, cluster, table):
    """A pool resets a connection between two uses: the vector stays with the connection."""
    import wire

    with cluster.applier_stopped(), contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login(schema="demo")
        raw.query(f"INSERT INTO {table} VALUES (1, 'x')")
        assert raw.simple(wire.RESET_CONNECTION)[0] == 0
        raw.take()
        raw.query(f"SELECT note FROM {table} WHERE id = 1")
        assert b"\x01x" in raw.take()


def test_write_after_sql_log_bin_off_is_read_on_the_leader(proxy, cluster, table, admin):
    """What the log does not hold can't be waited for."""
    with contextlib.closing(proxy.connect(**admin)) as connection:
        rows(connection, "SET SESSION sql_log_bin = 0")
        rows(connection, f"INSERT INTO {table} VALUES (1, 'unlogged')")
        assert count(connection, table, 1) == 1
        assert answered_by(connection) == "db1"
    cluster.leader.sql(f"SET sql_log_bin = 0; DELETE FROM {table}; SET sql_log_bin = 1")


def test_monotonic_reads_with_one_follower_behind(proxy, cluster, table):
    """A counter that only grows is never seen smaller, though one follower stands still and the
    other goes on, and the session's follower is taken away in between."""
    cluster.leader.sql(f"INSERT INTO {table} VALUES (1, '0')")
    stop = threading.Event()
    errors = []

    def grow():
        with contextlib.closing(cluster.leader.connect()) as connection:
            while not stop.is_set():
                rows(connection, f"UPDATE {table} SET note = note + 1 WHERE id = 1")
                time.sleep(0.002)

    def watch():
        seen = -1
        with contextlib.closing(proxy.connect()) as connection:
            while not stop.is_set():
                now = int(value(connection, f"SELECT note FROM {table} WHERE id = 1"))
                if now < seen:
                    errors.append((seen, now))
                seen = now

    cluster.caught_up()
    threads = [threading.Thread(target=grow)] + [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for follower in cluster.followers * 2:
            follower.sql("STOP SLAVE SQL_THREAD")
            time.sleep(0.4)  # load under this condition, nothing is waited for
            follower.sql("START SLAVE SQL_THREAD")
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not errors, f"time ran backwards: {errors[:5]}"


def test_own_writes_under_load(proxy, cluster, table):
    """Eight sessions write and read at once; not one read misses its own write."""
    missed = []

    def work(worker):
        with contextlib.closing(proxy.connect()) as connection:
            for number in range(60):
                key = worker * 1000 + number
                write(connection, table, key)
                if count(connection, table, key) != 1:
                    missed.append(key)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not missed
    assert cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 480


def test_eventual_reads_may_be_old_and_never_wait(proxy, cluster, table):
    """The hint gives up the guarantee; it shows that the followers are really behind, so that the
    other cases mean something."""
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        write(connection, table, 1)
        old = value(connection, f"/* causeway consistency=eventual to=followers */ SELECT COUNT(*) FROM {table}")
        assert old == 0
        assert count(connection, table, 1) == 1


def test_covered_reads_stay_on_one_follower(proxy, cluster, table):
    """Nothing written: a session reads from its pinned follower, and the leader sees none of it."""
    with contextlib.closing(proxy.connect()) as connection:
        first = answered_by(connection)
        assert first in FOLLOWERS
        assert {answered_by(connection) for _ in range(50)} == {first}


def test_reads_are_spread_over_the_followers(proxy):
    connections = [proxy.connect() for _ in range(20)]
    try:
        seen = {answered_by(connection) for connection in connections}
    finally:
        for connection in connections:
            connection.close()
    assert seen == set(FOLLOWERS)


def test_on_lag_leader_does_not_wait(causeway, cluster, table):
    proxy = causeway({"routing": {"on_lag": "leader", "causal_timeout": "5s"}})
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as connection:
        for key in range(5):
            write(connection, table, key)
            started = time.monotonic()
            assert count(connection, table, key) == 1
            assert time.monotonic() - started < 1 * PATIENCE


def test_a_waiting_read_is_woken_when_its_follower_has_caught_up(causeway, cluster, table):
    """Not by the end of causal_timeout, and served by a follower."""
    proxy = causeway({"routing": {"causal_timeout": "20s", "max_lag": "60s"}})
    with contextlib.closing(proxy.connect()) as connection:
        answered_by(connection)
        answers = []
        with cluster.applier_stopped():
            write(connection, table, 1)

            def read():
                answers.append(rows(connection, f"SELECT COUNT(*), (SELECT name FROM demo.this_server) FROM {table}"))

            reader = threading.Thread(target=read)
            reader.start()
            time.sleep(0.3)
            waited = not answers
        started = time.monotonic()
        reader.join(30)
        assert answers and answers[0][0][0] == 1
        assert time.monotonic() - started < 5 * PATIENCE
        if waited:  # the known lag may have sent it to the leader at once, which is allowed too
            assert answers[0][0][1] in FOLLOWERS
