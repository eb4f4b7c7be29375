"""The consistency contract beyond one session: keys, tokens, strong, moves to the leader, lost writes.
Followers are held still or apart, so that a lucky race can't make a case pass."""

import contextlib
import os
import signal
import struct
import threading

import pymysql
import pytest

import wire
from harness import Cluster, answered_by, rows, scratch, value, wait_until

pytestmark = pytest.mark.core

SETTINGS = {"routing": {"consistency": "key", "causal_timeout": "300ms", "leader_wait": "3s"},
            "proxy": {"threads": "4"}}


def connect(proxy, key=None, **settings):
    connection = proxy.connect(**settings)
    if key is not None:
        rows(connection, f"SET @causeway_key = '{key}'")
    return connection


def write(connection, table, number):
    rows(connection, f"INSERT INTO {table} VALUES ({number}, 'written')")


def count(connection, table, number, prefix=""):
    return value(connection, f"{prefix}SELECT COUNT(*) FROM {table} WHERE id = {number}")


def counter(proxy, name):
    return next(int(row["value"]) for row in proxy.console("SHOW STATS") if row["name"] == name)


def keys_of(proxy):
    return {row["key"]: row for row in proxy.console("SHOW KEYS")}


# --- keys ---


@pytest.mark.parametrize("way", ["set", "hint", "other syntax"])
def test_a_key_joins_connections(proxy, cluster, table, way):
    """What one writes the other reads, though no follower has it; a stranger does not wait for it."""
    # Names of its own: a key that has read before would have to move from a follower that was stopped.
    alice, somebody = f"alice-{way.split()[0]}", f"somebody else than {table}"
    with cluster.delayed(2), contextlib.ExitStack() as stack:
        proxy.wait_in_rotation("db2", "db3")
        writer, reader, stranger = (stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(3))
        rows(stranger, f"SET @causeway_key = '{somebody}'")
        hint = f"/* causeway key={alice} */ " if way == "hint" else ""
        if way == "set":
            for connection in (writer, reader):
                rows(connection, f"SET @causeway_key = '{alice}'")
        if way == "other syntax":
            for connection in (writer, reader):
                rows(connection, f"/* first */ set @Causeway_Key := \"{alice}\" ;")
        rows(writer, f"{hint}INSERT INTO {table} VALUES (1, 'of alice')")
        assert count(stranger, table, 1) == 0, "nobody has promised it to a stranger"
        assert count(reader, table, 1, hint) == 1
        if way != "hint":
            assert value(reader, "SELECT @causeway_key") == alice


@pytest.mark.parametrize("source", ["user", "attribute"])
def test_a_login_brings_its_key(causeway, cluster, table, source):
    proxy = causeway({"routing": {"consistency": "key", "key": source}})
    attributes = {"program_name": "test"} if source == "user" else {"causeway_key": "alice"}

    def shows(raw):
        """Does a read of this connection show the row?"""
        raw.take()
        raw.query(f"SELECT note FROM {table}")
        return b"of alice" in raw.take()

    def login(stack, attributes):
        raw = stack.enter_context(contextlib.closing(wire.Wire(proxy.port)))
        assert raw.login(schema="demo", attributes=attributes)[0] == 0x00
        return raw

    with cluster.delayed(2), contextlib.ExitStack() as stack:
        proxy.wait_in_rotation("db2", "db3")
        writer, reader = login(stack, attributes), login(stack, attributes)
        assert writer.query(f"INSERT INTO {table} VALUES (1, 'of alice')")[0] == 0x00
        assert shows(reader)
        if source == "attribute":
            assert not shows(login(stack, {"causeway_key": "bob"}))


def test_a_key_is_given_up(proxy, cluster, table):
    with cluster.delayed(4), contextlib.closing(connect(proxy, "carol")) as writer:
        proxy.wait_in_rotation("db2", "db3")
        write(writer, table, 1)
        for end in ("SET @causeway_key = NULL", "SET @causeway_key = ''", "reset"):
            with contextlib.closing(connect(proxy, "carol")) as reader:
                assert count(reader, table, 1) == 1
            with contextlib.closing(connect(proxy, "carol")) as reader:
                if end == "reset":
                    reader._execute_command(wire.RESET_CONNECTION, b"")  # pylint: disable=protected-access
                    reader._read_ok_packet()  # pylint: disable=protected-access
                else:
                    rows(reader, end)
                assert value(reader, "SELECT @causeway_key") is None
                assert count(reader, table, 1) == 0


def test_time_does_not_run_backwards_across_the_connections_of_a_key(proxy, cluster, table):
    """One has read on the follower that is ahead; the other must not read on the one behind."""
    ahead, behind = cluster.followers
    with cluster.applier_stopped([behind]):
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'x')")
        wait_until(lambda: ahead.value(f"SELECT COUNT(*) FROM {table}") == 1, "the follower ahead has it")
        with contextlib.closing(connect(proxy, "dave")) as first:
            wait_until(lambda: count(first, table, 1) == 1, "a read has shown the row")
            for _ in range(20):
                with contextlib.closing(connect(proxy, "dave")) as second:
                    assert count(second, table, 1) == 1
        proxy.console(f"DRAIN {ahead.name}")
        try:
            for _ in range(5):
                with contextlib.closing(connect(proxy, "dave")) as second:
                    assert count(second, table, 1) == 1
        finally:
            proxy.console(f"RESUME {ahead.name}")


def test_connections_of_a_key_share_their_follower(proxy, cluster, table):
    for number in range(4):
        key = f"pair {number}"
        with contextlib.closing(connect(proxy, key)) as first:
            served = answered_by(first)
            for _ in range(5):
                with contextlib.closing(connect(proxy, key)) as other:
                    assert answered_by(other) == served
        assert keys_of(proxy)[key]["pinned_to"] == served


def test_keys_are_forgotten_when_every_follower_has_what_they_need(proxy, cluster, table):
    with contextlib.closing(connect(proxy, "to be forgotten")) as connection:
        write(connection, table, 1)
    wait_until(lambda: "to be forgotten" not in keys_of(proxy), "the key is forgotten")
    with cluster.applier_stopped([cluster.followers[0]]):
        with contextlib.closing(connect(proxy, "kept")) as connection:
            write(connection, table, 2)
        # its applier does not run, so that follower is out of rotation and nobody waits for it: what
        # matters is that it must reach the floor before it serves a key again
        wait_until(lambda: "kept" not in keys_of(proxy), "the key went below the floor")
        floor = keys_of(proxy)[None]["position"]
        assert cluster.followers[0].value("SELECT @@gtid_slave_pos") != floor
    with contextlib.closing(connect(proxy, "kept")) as connection:
        assert count(connection, table, 2) == 1


def test_too_many_keys_are_refused_not_lost(causeway, cluster, table):
    proxy = causeway({"routing": {"consistency": "key", "max_keys": "5"}})
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(contextlib.closing(connect(proxy, f"held {n}"))) for n in range(10)]
        with contextlib.closing(proxy.connect()) as late, pytest.raises(pymysql.err.OperationalError) as refused:
            rows(late, "SET @causeway_key = 'one too many'")
        assert refused.value.args[0] == 1040
        write(held[9], table, 1)
        assert count(held[9], table, 1) == 1
        assert counter(proxy, "keys_refused") == 1
    with contextlib.closing(connect(proxy)) as late:
        wait_until(lambda: rows(late, "SET @causeway_key = 'now'") == (), "there is room again")


def test_many_connections_of_one_key_at_once(proxy, cluster, table):
    """Writers and readers of one key on all workers: a read never misses a write that had ended
    before it was sent, nor shows less than another read that had."""
    write_all = f"INSERT INTO {table} VALUES (1, '0')"
    cluster.leader.sql(write_all)
    cluster.caught_up()  # it is no write of that key
    newest, errors, lock, stopping = [0], [], threading.Lock(), threading.Event()

    def writer():
        with contextlib.closing(connect(proxy, "crowd")) as connection:
            for number in range(1, 300):
                rows(connection, f"UPDATE {table} SET note = '{number}' WHERE id = 1")
                with lock:
                    newest[0] = max(newest[0], number)
        stopping.set()

    def reader():
        try:
            while not stopping.is_set():
                with contextlib.closing(connect(proxy, "crowd")) as connection:
                    for _ in range(5):
                        with lock:
                            floor = newest[0]
                        seen = int(value(connection, f"SELECT note FROM {table} WHERE id = 1"))
                        with lock:
                            newest[0] = max(newest[0], seen)
                        if seen < floor:
                            errors.append((seen, floor))
        except (pymysql.MySQLError, TypeError) as error:
            errors.append(error)

    threads = [threading.Thread(target=reader) for _ in range(6)] + [threading.Thread(target=writer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[:5]


def test_covered_reads_of_a_key_cost_nothing(proxy, cluster, table):
    with contextlib.closing(connect(proxy, "thrifty")) as connection:
        write(connection, table, 1)
        wait_until(lambda: answered_by(connection) in ("db2", "db3"), "a follower serves")
        before = sum(server.counters()["Com_select"] for server in cluster.servers)
        fetched = counter(proxy, "moves")
        for _ in range(200):
            assert count(connection, table, 1) == 1
        assert counter(proxy, "moves") == fetched
        after = sum(server.counters()["Com_select"] for server in cluster.servers)
        assert after - before < 200 + 60, "reads, and what probes and polls ask in that time"


# --- Causeway's own words ---


@pytest.mark.parametrize("capabilities", [wire.PLAIN, wire.PLAIN | wire.DEPRECATE_EOF], ids=["eof", "no eof"])
def test_own_words_when_prepared(proxy, capabilities):
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        assert raw.login(capabilities=capabilities)[0] == 0x00

        def answer(statement, parameters=()):
            raw.take()
            raw.execute(statement, parameters)
            return raw.take()

        setter, columns, parameters = raw.prepare("SET @causeway_key = ?")
        assert (columns, parameters) == (0, 1)
        getter, columns, parameters = raw.prepare("SELECT @causeway_key")
        assert (columns, parameters) == (1, 0)
        assert raw.execute(setter, (b"from a parameter",))[0] == 0x00
        assert b"\x00\x00\x10from a parameter" in answer(getter), "a binary row"
        assert raw.execute(setter, (4711,))[0] == 0x00
        assert b"4711" in answer(getter)
        assert raw.execute(setter, (None,))[0] == 0x00
        assert b"\x00\x04" in answer(getter), "a binary row whose one value is NULL"
        token = raw.prepare("SELECT @@causeway_token AS token")[0]
        assert raw.execute(token)[0] == 0xFE
        raw.long_data(setter, 0, b"in pieces")
        assert wire.error_of(raw.execute(setter, (b"",), long_data=(0,)))[0] == 1210
        assert raw.simple(wire.STMT_RESET, struct.pack("<I", setter))[0] == 0x00
        assert raw.execute(setter, (b"again",))[0] == 0x00
        raw.send(bytes([wire.STMT_CLOSE]) + struct.pack("<I", setter))
        assert wire.error_of(raw.execute(setter, (b"x",)))[0] == 1243
        assert raw.query("SELECT 1")[0] == 0xFE, "the connection is in step"


@pytest.mark.parametrize("statement, code", [
    ("SET @causeway_key = CONCAT('a', 'b')", 1064),
    ("SET @causeway_key = 'a', @b = 1", 1064),
    ("SET @@causeway_token = 'nonsense'", 1231),
    ("SET GLOBAL causeway_token = ''", 1064),
])
def test_own_words_that_make_no_sense_are_refused(proxy, statement, code):
    with contextlib.closing(proxy.connect()) as connection:
        with pytest.raises(pymysql.MySQLError) as refused:
            rows(connection, statement)
        assert refused.value.args[0] == code
        assert value(connection, "SELECT 1") == 1


# --- tokens ---


def test_a_token_is_carried_to_another_causeway(proxy, causeway, cluster, table):
    other = causeway({"routing": {"consistency": "session"}})
    with cluster.delayed(3), contextlib.closing(proxy.connect()) as here, \
            contextlib.closing(other.connect()) as there, contextlib.closing(other.connect()) as without:
        other.wait_in_rotation("db2", "db3")
        write(here, table, 1)
        token = value(here, "SELECT @@causeway_token")
        assert token == cluster.leader.value("SELECT @@gtid_binlog_pos")
        assert count(without, table, 1) == 0
        rows(there, f"SET @@causeway_token = '{token}'")
        assert count(there, table, 1) == 1


def test_a_token_covers_what_was_only_read(proxy, cluster, table):
    with cluster.applier_stopped(), contextlib.closing(proxy.connect()) as here, \
            contextlib.closing(proxy.connect()) as there:
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'of another')")
        assert count(here, table, 1, "/* causeway to=leader */ ") == 1
        rows(there, f"SET @@causeway_token = '{value(here, 'SELECT @@causeway_token')}'")
        assert count(there, table, 1) == 1


def test_a_token_that_nobody_wrote_is_told_once(proxy, table):
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, "SET @@causeway_token = '0-1-99999999'")
        with pytest.raises(pymysql.MySQLError, match="0-1-99999999") as told:
            count(connection, table, 1)
        assert told.value.args[0] == 1105
        assert count(connection, table, 1) == 0


# --- strong ---


def test_a_strong_read_sees_what_anybody_was_told(proxy, cluster, table):
    with cluster.delayed(3), contextlib.closing(proxy.connect()) as connection:
        proxy.wait_in_rotation("db2", "db3")
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'of another')")
        assert count(connection, table, 1) == 0
        assert count(connection, table, 1, "/* causeway consistency=strong */ ") == 1
    with contextlib.closing(proxy.connect()) as connection:
        for number in range(100, 130):
            cluster.leader.sql(f"INSERT INTO {table} VALUES ({number}, 'of another')")
            assert count(connection, table, number, "/* causeway consistency=strong */ ") == 1


def test_strong_reads_of_many_clients_share_their_question(causeway, cluster, table):
    """They arrive while one question is under way: all of them are in the next."""
    proxy = causeway({"routing": {"consistency": "strong", "causal_timeout": "20s"}, "proxy": {"threads": "1"}})
    connections = [proxy.connect() for _ in range(30)]
    for connection in connections:
        count(connection, table, 0)
    before = counter(proxy, "bounds_fetched")
    os.kill(cluster.leader.pid(), signal.SIGSTOP)  # the question can't be answered yet
    try:
        threads = [threading.Thread(target=count, args=(connection, table, 0)) for connection in connections]
        for thread in threads:
            thread.start()
        wait_until(lambda: sum(row["state"] == "WAIT_BOUND" for row in proxy.console("SHOW SESSIONS")) == 30,
                   "all wait for the leader's position")
    finally:
        os.kill(cluster.leader.pid(), signal.SIGCONT)
    for thread in threads:
        thread.join()
    asked = counter(proxy, "bounds_fetched") - before
    assert asked <= 5, f"{asked} questions for 30 reads"
    for connection in connections:
        connection.close()


# --- the leader shows later than its log ---


@contextlib.contextmanager
def leader_behind_its_followers(cluster, table, number):
    """A row that both followers show, and the leader not yet: semi-sync waits for an answer that does not
    come. Yields a function that lets it come."""
    leader = cluster.leader
    leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=1, rpl_semi_sync_master_wait_point='AFTER_SYNC',"
               " rpl_semi_sync_master_timeout=60000, rpl_semi_sync_master_wait_no_slave=1")
    done = threading.Event()

    def commit():
        with contextlib.closing(leader.root()) as connection:
            rows(connection, f"INSERT INTO {table} VALUES ({number}, 'not acknowledged')")
        done.set()

    thread = threading.Thread(target=commit)

    def release():
        leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=0")
        thread.join()

    try:
        thread.start()
        for follower in cluster.followers:
            wait_until(lambda follower=follower: follower.value(
                f"SELECT COUNT(*) FROM {table} WHERE id = {number}") == 1, "the followers show it")
        assert leader.value(f"SELECT COUNT(*) FROM {table} WHERE id = {number}") == 0 and not done.is_set()
        yield release
    finally:
        release()


WAYS = {
    "hint": "/* causeway to=leader */ SELECT COUNT(*) FROM {table}",
    "variable": "SELECT COUNT(*) + 0 * @nothing IS NULL, COUNT(*) FROM {table}",
    "transaction": "BEGIN; SELECT COUNT(*) FROM {table}",
    "procedure": "CALL demo.count_rows()",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_leader_is_not_read_before_it_shows_what_a_follower_did(proxy, cluster, table, way):
    cluster.leader.sql(f"CREATE OR REPLACE PROCEDURE demo.count_rows() SELECT COUNT(*) FROM {table}")
    cluster.caught_up()
    found = []

    def read(connection):
        for statement in WAYS[way].format(table=table).split("; "):
            answer = rows(connection, statement)
        found.append(answer[0][-1])

    with leader_behind_its_followers(cluster, table, 1) as release, contextlib.closing(proxy.connect()) as connection:
        wait_until(lambda: count(connection, table, 1) == 1, "a follower has shown it")
        reader = threading.Thread(target=read, args=(connection,))
        reader.start()
        wait_until(lambda: any(row["state"] == "WAIT_SHOWN" for row in proxy.console("SHOW SESSIONS")),
                   "the read waits")
        with contextlib.closing(proxy.connect()) as careless:
            eventual = "/* causeway to=leader consistency=eventual */ "
            assert count(careless, table, 1, eventual) == 0, "who asks for nothing waits for nothing"
        release()
        reader.join()
    assert found == [1]


def test_a_leader_that_does_not_show_it_in_time_is_an_error(proxy, cluster, table):
    with leader_behind_its_followers(cluster, table, 1), contextlib.closing(proxy.connect()) as connection:
        wait_until(lambda: count(connection, table, 1) == 1, "a follower has shown it")
        with pytest.raises(pymysql.MySQLError, match="does not show yet") as told:
            count(connection, table, 1, "/* causeway to=leader */ ")
        assert told.value.args[0] == 1290
        assert count(connection, table, 1) == 1, "the follower still serves it"


def test_without_the_grant_the_error_log_names_it(causeway, cluster, table):
    poor_account(cluster)
    try:
        proxy = causeway({"cluster": {"user": "poor", "password": "poor-demo"}}, wait_for_followers=False)
        proxy.wait_in_rotation("db2", "db3")
        with contextlib.closing(proxy.connect()) as connection:
            count(connection, table, 1)
            with pytest.raises(pymysql.MySQLError) as told:
                count(connection, table, 1, "/* causeway to=leader */ ")
            assert told.value.args[0] == 1290
            assert "BINLOG MONITOR" in proxy.log_text()
            assert count(connection, table, 1) == 0
    finally:
        cluster.leader.sql("DROP USER poor@'%'")


def poor_account(cluster):
    cluster.leader.sql("CREATE OR REPLACE USER poor@'%' IDENTIFIED BY 'poor-demo';"
                       "GRANT SLAVE MONITOR ON *.* TO poor@'%'; GRANT SELECT ON mysql.global_priv TO poor@'%'")
    cluster.caught_up()


# --- filters ---


def test_a_follower_that_filters_takes_eventual_reads_only(proxy, cluster, table):
    partial, whole = cluster.followers
    partial.sql("STOP SLAVE; SET GLOBAL replicate_ignore_table='demo.unwanted'; START SLAVE")
    try:
        wait_until(lambda: next("demo.unwanted" in row["why"] for row in proxy.console("SHOW SERVERS")
                                if row["name"] == partial.name), "the console names the filter")
        for _ in range(10):
            with contextlib.closing(proxy.connect()) as connection:
                assert answered_by(connection) == whole.name
        eventual = "/* causeway consistency=eventual to=server:" + partial.name + " */ "
        with contextlib.closing(proxy.connect()) as connection:
            assert answered_by(connection, eventual) == partial.name
            with pytest.raises(pymysql.MySQLError, match="eventual"):
                answered_by(connection, f"/* causeway to=server:{partial.name} */ ")
    finally:
        partial.sql("STOP SLAVE; SET GLOBAL replicate_ignore_table=''; START SLAVE")
        wait_until(lambda: next(not row["why"] for row in proxy.console("SHOW SERVERS")
                                if row["name"] == partial.name), "the filter is gone")


# --- lost writes ---


def promote(cluster, winner):
    """By hand: the winner leads, the others follow it."""
    winner.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0")
    for server in cluster.servers[1:]:
        if server is not winner:
            server.sql(f"STOP SLAVE; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={winner.port},"
                       " MASTER_USE_GTID=slave_pos; START SLAVE")


@pytest.mark.slow
@pytest.mark.parametrize("lost_write", ["error", "warn"])
def test_a_session_is_told_of_its_lost_write_once(request, lost_write):
    from conftest import start_causeway, stop_causeway  # a cluster of its own: it is not whole after this
    cluster = Cluster(scratch("lost"))
    proxy = None
    try:
        proxy = start_causeway(cluster, {"routing": {"lost_write": lost_write}})
        cluster.leader.sql("CREATE TABLE demo.lost (id INT PRIMARY KEY, note VARCHAR(200))")
        cluster.caught_up()
        with contextlib.closing(proxy.connect()) as unlucky, contextlib.closing(proxy.connect()) as onlooker:
            for follower in cluster.followers:
                follower.sql("STOP SLAVE IO_THREAD")
            write(unlucky, "demo.lost", 1)
            lost = cluster.leader.value("SELECT @@gtid_binlog_pos")
            cluster.leader.tool("kill")
            promote(cluster, cluster.followers[0])
            # the new leader writes on: numbers alone would say that it has what was lost
            for number in range(10, 20):
                cluster.followers[0].sql(f"INSERT INTO demo.lost VALUES ({number}, 'after')")
            wait_until(lambda: any(row["role"] == "leader" and row["name"] == "db2"
                                   for row in proxy.console("SHOW SERVERS")), "db2 leads")
            if lost_write == "error":
                with pytest.raises(pymysql.MySQLError, match=lost) as told:
                    count(unlucky, "demo.lost", 1)
                assert told.value.args[0] == 1105
            assert count(unlucky, "demo.lost", 1) == 0
            wait_until(lambda: count(unlucky, "demo.lost", 10) == 1, "it goes on from what the new leader has")
            wait_until(lambda: count(onlooker, "demo.lost", 10) == 1, "who wrote nothing hears nothing")
            if lost_write == "warn":
                wait_until(lambda: lost in proxy.log_text(), "the log tells of it")
    finally:
        if proxy is not None:
            stop_causeway(proxy)
        cluster.stop()
