"""The consistency contract where servers stand still, die and come back with less. Followers are held
behind a lock, not stopped: they stay in rotation, so that only the contract keeps reads off them."""

import contextlib
import os
import re
import shutil
import signal
import threading
import time

import pymysql
import pytest

import wire
from conftest import start_causeway, stop_causeway
from harness import PATIENCE, Cluster, answered_by, rows, scratch, value, wait_until

FOLLOWERS = ("db2", "db3")
STRONG = "/* causeway consistency=strong */ "
ON_LEADER = "/* causeway to=leader */ "
EVENTUAL = "/* causeway consistency=eventual to=followers */ "

SETTINGS = {
    "proxy": {"threads": "4"},
    "routing": {"consistency": "key", "causal_timeout": "300ms", "max_lag": "1h", "leader_wait": "5s"},
}


@contextlib.contextmanager
def locked(*followers):
    """These followers show nothing new, and replicate all the same as far as anybody can tell."""
    with contextlib.ExitStack() as stack:
        for follower in followers:
            connection = stack.enter_context(contextlib.closing(follower.root()))
            rows(connection, "FLUSH TABLES WITH READ LOCK")
        yield


@contextlib.contextmanager
def held(cluster, *followers):
    """Locked from where all have caught up, and until they have again."""
    cluster.caught_up()
    with locked(*followers):
        yield
    cluster.caught_up()


def keyed(proxy, key, **settings):
    connection = proxy.connect(**settings)
    rows(connection, "SET @causeway_key = %s", (key,))
    return connection


def write(connection, table, number):
    rows(connection, f"INSERT INTO {table} VALUES ({number}, 'written')")


def count(connection, table, prefix=""):
    return value(connection, f"{prefix}SELECT COUNT(*) FROM {table}")


def counter(proxy, name):
    return next(int(row["value"]) for row in proxy.console("SHOW STATS") if row["name"] == name)


def keys_of(proxy):
    return {row["key"]: row for row in proxy.console("SHOW KEYS")}


def role_of(proxy, name):
    return next(row["role"] for row in proxy.console("SHOW SERVERS") if row["name"] == name)


def read_on(connection, server):
    """Brings the session's pin to that server, however the first choice fell."""
    assert answered_by(connection, f"/* causeway to=server:{server.name} */ ") == server.name


@pytest.fixture(name="floor")
def floor_fixture(proxy):
    """A process knows no floor until it has forgotten keys once: from then on a new key asks nothing."""
    with contextlib.closing(keyed(proxy, "first")):
        pass
    wait_until(lambda: keys_of(proxy)[None]["position"], "there is a floor")


# --- keys ---

NAMES = ["'", "\\", "ä€", "a b", "*/", "%s", "k" * 255, "\0zero", "-- x", "NULL", "new\nline"]


@pytest.mark.core
@pytest.mark.usefixtures("floor")
def test_key_names_may_be_any_bytes(proxy, cluster, table):
    """Each name joins its own two connections, and no other name's."""
    with held(cluster, *cluster.followers):
        floor = keys_of(proxy)[None]["position"]
        for number, name in enumerate(NAMES):
            with contextlib.closing(keyed(proxy, name)) as writer, contextlib.closing(keyed(proxy, name)) as reader, \
                    contextlib.closing(keyed(proxy, name[:-1] + "?")) as other:
                write(writer, table, number)
                assert value(reader, "SELECT @causeway_key") == name
                seen = count(other, table)
                assert seen == 0 or keys_of(proxy)[None]["position"] != floor, "another waits for nothing"
                assert count(reader, table) == number + 1, name
        assert count(other := proxy.connect(), table) == 0
        other.close()


@pytest.mark.core
def test_a_key_outlives_a_restart_of_causeway(causeway, cluster, table):
    """What the process that is gone had promised, the next one can't know: it must ask."""
    first = causeway(SETTINGS)
    with held(cluster, *cluster.followers):
        with contextlib.closing(keyed(first, "quentin")) as writer:
            write(writer, table, 1)
        first.stop()
        second = causeway(SETTINGS, wait_for_followers=False)
        with contextlib.closing(keyed(second, "quentin")) as reader:
            assert count(reader, table) == 1


SWITCHES = {
    "hint-then-plain": ["/* causeway key=alice */ {write}", "{read}"],
    "plain-then-hint": ["{write}", "/* causeway key=alice */ {read}"],
    "key-then-none": ["SET @causeway_key = 'alice'", "{write}", "SET @causeway_key = NULL", "{read}"],
    "none-then-key": ["{write}", "SET @causeway_key = 'alice'", "{read}"],
    "key-then-key": ["SET @causeway_key = 'alice'", "{write}", "SET @causeway_key = 'bob'", "{read}"],
    "hinted-transaction": ["BEGIN", "/* causeway key=alice */ {write}", "COMMIT", "{read}"],
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_own_writes_are_seen_whatever_the_key_is_called_by_then(proxy, cluster, table, switch):
    """The connection's own promise holds beside that of its keys."""
    statements = [
        statement.format(write=f"INSERT INTO {table} VALUES (1, 'own')", read=f"SELECT COUNT(*) FROM {table}")
        for statement in SWITCHES[switch]
    ]
    with held(cluster, *cluster.followers), contextlib.closing(proxy.connect()) as connection:
        for statement in statements:
            found = rows(connection, statement)
        assert found == ((1,),)


def test_a_key_of_all_bytes_is_told_as_it_was_named(proxy):
    name = bytes(range(255))
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login()
        setter, *_ = raw.prepare("SET @causeway_key = ?")
        assert raw.execute(setter, (name,))[0] == 0
        raw.take()
        raw.query("SELECT @causeway_key")
        assert wire.lenenc_string(name) in raw.take()
        assert len(proxy.console("SHOW KEYS")) >= 1, "the console takes it"


@pytest.mark.core
@pytest.mark.usefixtures("floor")
def test_a_strangers_read_stays_on_its_follower(proxy, cluster, table):
    """What a key's connection waits for concerns nobody else, who is served by a follower at once."""
    with held(cluster, *cluster.followers), contextlib.closing(keyed(proxy, "trent")) as writer, \
            contextlib.closing(keyed(proxy, "trent")) as reader, contextlib.closing(keyed(proxy, "victor")) as stranger:
        write(writer, table, 1)
        before = counter(proxy, "causal_timeouts")
        for _ in range(20):
            found = (count(stranger, table), answered_by(stranger) in FOLLOWERS)
            assert found == (0, True), (proxy.console("SHOW KEYS"), proxy.console("SHOW SERVERS"))
        assert counter(proxy, "causal_timeouts") == before
        assert (count(reader, table), answered_by(reader)) == (1, "db1")


@pytest.mark.core
@pytest.mark.usefixtures("floor")
def test_a_key_goes_with_its_connections_only(proxy, cluster, table):
    """NULL, the empty name and a reset give it up; what the connection itself did stays with it."""
    with held(cluster, *cluster.followers), contextlib.closing(keyed(proxy, "carol")) as writer:
        write(writer, table, 1)
        for end in ("SET @causeway_key = NULL", "SET @causeway_key = ''", None):
            with contextlib.closing(wire.Wire(proxy.port)) as raw:
                raw.login(schema="demo")
                assert raw.query("SET @causeway_key = 'carol'")[0] == 0
                assert (raw.query(end) if end else raw.simple(wire.RESET_CONNECTION))[0] == 0
                raw.take()
                raw.query(f"SELECT CONCAT('rows: ', COUNT(*)) FROM {table}")
                assert b"rows: 0" in raw.take(), end


@pytest.mark.core
def test_time_goes_on_across_connections_when_the_follower_ahead_dies(proxy, cluster, table):
    ahead, behind = cluster.followers
    with held(cluster, behind), contextlib.closing(keyed(proxy, "dave")) as first:
        cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'of another')")
        assert behind.value(f"SELECT COUNT(*) FROM {table}") == 0
        read_on(first, ahead)
        wait_until(lambda: count(first, table) == 1, "a read has shown the row")
        ahead.tool("kill")
        try:
            for _ in range(10):
                with contextlib.closing(keyed(proxy, "dave")) as second:
                    assert count(second, table) == 1
        finally:
            ahead.tool("restart")


@pytest.mark.core
def test_a_key_is_kept_while_a_follower_in_rotation_lags(proxy, cluster, table):
    with held(cluster, cluster.followers[1]):
        asked = counter(proxy, "shown_fetched")  # nothing is asked while there is no key
        with contextlib.closing(keyed(proxy, "kept")) as connection:
            write(connection, table, 1)
        wait_until(lambda: counter(proxy, "shown_fetched") > asked, "the sweep has looked")
        time.sleep(2.5)  # it looks again each second; nothing is waited for
        assert "kept" in keys_of(proxy)
    wait_until(lambda: "kept" not in keys_of(proxy), "the key is forgotten")
    with held(cluster, *cluster.followers):
        with contextlib.closing(keyed(proxy, "kept")) as again:
            assert count(again, table) == 1


@pytest.mark.slow
def test_more_keys_than_max_keys_lose_nothing(causeway, cluster, table):
    """They are forgotten early, at most twice as many are held, and each still reads what it wrote
    though no follower has it."""
    settings = {**SETTINGS, "routing": {**SETTINGS["routing"], "max_keys": "4", "causal_timeout": "20ms"}}
    proxy = causeway(settings)

    def open_key(name):
        connection = proxy.connect()
        wait_until(lambda: rows(connection, "SET @causeway_key = %s", (name,)) == (), "there is room for a key")
        return connection

    with held(cluster, *cluster.followers):
        for number in range(20):
            with contextlib.closing(open_key(f"user {number}")) as connection:
                write(connection, table, number)
            assert len([key for key in keys_of(proxy) if key]) <= 8
        for number in range(20):
            with contextlib.closing(open_key(f"user {number}")) as connection:
                assert value(connection, f"SELECT COUNT(*) FROM {table} WHERE id = {number}") == 1
        assert counter(proxy, "keys_refused") > 0, "it was full at times"
        with contextlib.closing(proxy.connect()) as nobody:
            assert count(nobody, table) == 0, "who has no key waits for nothing"


@pytest.mark.parametrize("source", ["attribute", "user"])
@pytest.mark.parametrize("length", [1, 255, 256, 385, 5000])
def test_a_logins_key_of_any_length(causeway, source, length):
    """Too long a key is refused, or the login is; nobody else notices."""
    proxy = causeway({"routing": {"consistency": "key", "key": source}})
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        name = "k" * length
        try:
            if source == "attribute":
                answer = raw.login(attributes={"causeway_key": name})
                if length <= 255:
                    assert answer[0] == 0
                    assert name in keys_of(proxy)
            else:
                assert raw.login(user=name)[0] == 0xFF
        except (wire.WireError, ConnectionError):
            assert length > 255
    with contextlib.closing(proxy.connect()) as connection:
        assert value(connection, "SELECT 1") == 1
    assert proxy.alive()


@pytest.mark.core
def test_change_user_keeps_what_was_written_and_drops_the_key(proxy, cluster, table):
    with held(cluster, *cluster.followers), contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login(schema="demo")
        assert raw.query(f"INSERT INTO {table} VALUES (1, 'x')")[0] == 0
        assert raw.query("SET @causeway_key = 'olivia'")[0] == 0
        statement, *_ = raw.prepare("SELECT @causeway_key")
        assert raw.change_user("app", "app-demo", "demo")[0] == 0
        raw.take()
        raw.query("SELECT @causeway_key")
        assert b"olivia" not in raw.take()
        assert wire.error_of(raw.execute(statement))[0] == 1243
        raw.take()
        raw.query(f"SELECT CONCAT('rows: ', COUNT(*)) FROM {table}")
        assert b"rows: 1" in raw.take()


# --- tokens ---


@pytest.mark.core
def test_a_token_makes_another_causeway_wait(proxy, causeway, cluster, table):
    other = causeway({"routing": {"consistency": "session", "causal_timeout": "20s", "max_lag": "1h"}})
    with contextlib.closing(proxy.connect()) as here, contextlib.closing(other.connect()) as there, \
            contextlib.closing(other.connect()) as without:
        answers = []
        with held(cluster, *cluster.followers):
            write(here, table, 1)
            token = value(here, "SELECT @@causeway_token")
            assert token == cluster.leader.value("SELECT @@gtid_binlog_pos")
            rows(there, f"SET @@causeway_token = '{token}'")
            assert count(without, table) == 0
            reader = threading.Thread(target=lambda: answers.append(count(there, table)))
            reader.start()
            # it waits, or goes to the leader where the known lag is too long
            wait_until(lambda: answers or any(row["state"] == "WAIT_POSITION" for row in other.console("SHOW SESSIONS")),
                       "the read waits, or was answered")
            assert answers in ([], [1])
        reader.join(30)
        assert answers == [1]
        assert value(there, "SELECT @@causeway_token") == token


@pytest.mark.parametrize("token", ["x", "0-1", "0-1-1,", "0-1-", "-1-1-1", "0-1-18446744073709551616", "0-1-1;",
                                   "4294967296-1-1", ",".join(f"{domain}-1-1" for domain in range(17)), "0-1-1 0-1-2"])
def test_bogus_tokens_are_refused_and_change_nothing(proxy, table, token):
    with contextlib.closing(proxy.connect()) as connection:
        write(connection, table, 1)
        own = value(connection, "SELECT @@causeway_token")
        with pytest.raises(pymysql.MySQLError) as refused:
            rows(connection, "SET @@causeway_token = %s", (token,))
        assert refused.value.args[0] == 1231
        assert value(connection, "SELECT @@causeway_token") == own
        assert count(connection, table) == 1


def test_a_token_of_a_domain_that_nobody_writes_is_told_once(proxy, table):
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, "SET @@causeway_token = '77-5-3'")
        with pytest.raises(pymysql.MySQLError, match="77-5-3") as told:
            count(connection, table)
        assert told.value.args[0] == 1105
        assert count(connection, table) == 0
        assert "77-5-3" not in (value(connection, "SELECT @@causeway_token") or "")


# --- strong ---


@pytest.mark.core
def test_strong_reads_of_a_burst_share_their_questions(causeway, cluster, table):
    """What 60 clients send at once costs hardly more questions than what 6 do."""
    proxy = causeway({"proxy": {"threads": "2"}, "routing": {"consistency": "strong", "causal_timeout": "20s"}})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(wire.Wire(proxy.port))) for _ in range(60)]
        for raw in clients:
            raw.login(schema="demo")
            raw.query(f"SELECT COUNT(*) FROM {table}")
        cost = {}
        for size in (6, 60):
            before = counter(proxy, "bounds_fetched")
            for _ in range(20):
                for raw in clients[:size]:
                    raw.send(bytes([wire.QUERY]) + f"SELECT COUNT(*) FROM {table}".encode())
                for raw in clients[:size]:
                    assert raw.read_result()[0] == 0xFE
            cost[size] = counter(proxy, "bounds_fetched") - before
    assert cost[60] < 20 * 60 / 2, f"{cost[60]} questions for 1200 reads"
    assert 0 < cost[6] <= 20 * 6


@pytest.mark.core
def test_strong_reads_where_no_follower_gets_there(proxy, cluster, table):
    with held(cluster, *cluster.followers), contextlib.closing(proxy.connect()) as connection:
        for number in range(1, 4):
            cluster.leader.sql(f"INSERT INTO {table} VALUES ({number}, 'of another')")
            started = time.monotonic()
            assert count(connection, table, STRONG) == number
            assert time.monotonic() - started < 2 * PATIENCE
            assert answered_by(connection, STRONG) == "db1"
        assert count(connection, table, EVENTUAL) == 0


@pytest.mark.core
def test_a_strong_read_beside_a_follower_that_lags(proxy, cluster, table):
    """The other follower has it: that one serves."""
    late, prompt = cluster.followers
    with held(cluster, late), contextlib.closing(proxy.connect()) as connection:
        for number in range(1, 20):
            cluster.leader.sql(f"INSERT INTO {table} VALUES ({number}, 'of another')")
            assert count(connection, table, STRONG) == number
        wait_until(lambda: answered_by(connection, STRONG) == prompt.name, "the prompt follower serves")


@pytest.mark.core
def test_strong_reads_without_a_leader_are_refused(proxy, cluster, table):
    with contextlib.closing(proxy.connect()) as strong, contextlib.closing(proxy.connect()) as weak:
        assert count(strong, table, STRONG) == 0 == count(weak, table)
        served = answered_by(weak)
        cluster.leader.tool("kill")
        try:
            wait_until(lambda: not [row for row in proxy.console("SHOW SERVERS") if row["role"] == "leader"],
                       "there is no leader")
            started = time.monotonic()
            with pytest.raises(pymysql.MySQLError) as refused:
                count(strong, table, STRONG)
            assert refused.value.args[0] == 1290
            assert time.monotonic() - started < 2 * PATIENCE
            assert (count(weak, table), answered_by(weak)) == (0, served), "its own follower still serves it"
        finally:
            cluster.leader.tool("restart")
        wait_until(lambda: count(strong, table, STRONG) == 0, "strong reads are back")


@pytest.mark.core
@pytest.mark.parametrize("question", ["SELECT @@causeway_token", STRONG + "SELECT 1"], ids=["token", "strong"])
def test_many_questions_at_once_without_a_leader(causeway, cluster, question):
    """Each is refused in its turn, however many of them wait in the client's buffer, which a long
    command before them has made large: refusals must not nest."""
    many = 20_000
    proxy = causeway({"routing": {"on_lag": "leader"}})
    long_command = b"SELECT name FROM this_server /*" + b"x" * 1_000_000 + b"*/"
    burst = wire.frame(bytes([wire.QUERY]) + long_command) + wire.frame(bytes([wire.QUERY]) + question.encode()) * many
    with contextlib.closing(wire.Wire(proxy.port, timeout=60)) as raw:
        raw.login(schema="demo")
        assert raw.query("SELECT name FROM this_server")[0] == 0xFE
        cluster.leader.tool("kill")
        try:
            wait_until(lambda: role_of(proxy, "db1") != "leader", "there is no leader")
            os.kill(proxy.process.pid, signal.SIGSTOP)
            sender = threading.Thread(target=raw.socket.sendall, args=(burst,))
            sender.start()
            sender.join(1)  # as much as fits is in the socket's buffer before anything is read
            os.kill(proxy.process.pid, signal.SIGCONT)
            assert raw.read_result()[0] == 0xFE
            assert {wire.error_of(raw.read_result())[0] for _ in range(many)} == {1290}
            sender.join()
        finally:
            cluster.leader.tool("restart")
    assert proxy.alive()


# --- the leader shows later than its log ---


@contextlib.contextmanager
def leader_behind_its_followers(cluster, table):
    """A row that the followers show and the leader does not yet: semi-sync waits for an answer that
    nobody gives. Yields a function that ends the wait."""
    leader = cluster.leader
    leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=1, rpl_semi_sync_master_wait_point='AFTER_SYNC',"
               " rpl_semi_sync_master_timeout=100000, rpl_semi_sync_master_wait_no_slave=1")

    def commit():
        with contextlib.closing(leader.root()) as connection:
            rows(connection, f"INSERT INTO {table} VALUES (1, 'rows: 1')")

    thread = threading.Thread(target=commit)

    def release():
        leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=0")
        thread.join(60)

    try:
        thread.start()
        for follower in cluster.followers:
            wait_until(lambda follower=follower: follower.value(f"SELECT COUNT(*) FROM {table}") == 1,
                       "the followers show it")
        assert leader.value(f"SELECT COUNT(*) FROM {table}") == 0
        yield release
    finally:
        release()


def run_all(raw, statements, prepared=False):
    """What the last `rows: N` of the last statement says, or its error."""
    *first, last = statements
    for statement in first:
        raw.query(statement)
    if prepared:
        statement, *_ = raw.prepare(last)
    raw.take()
    end = raw.execute(statement) if prepared else raw.query(last)
    return wire.error_of(end) if end[0] == 0xFF else re.findall(rb"rows: (\d)", raw.take())[-1]


SHOWS = "SELECT CONCAT('rows: ', COUNT(*)) FROM {table}"
READS_ON_LEADER = {
    "hint": [ON_LEADER + SHOWS],
    "prepared-hint": [ON_LEADER + SHOWS],
    "begin": ["BEGIN", SHOWS],
    "prepared-begin": ["BEGIN", SHOWS],
    "autocommit-off": ["SET autocommit=0", SHOWS],
    "user-variable": ["SET @a = 1", "SELECT CONCAT('rows: ', COUNT(*)), @b := 1 FROM {table}"],
    "temporary-table": ["CREATE TEMPORARY TABLE demo.own_copy (id INT)", SHOWS],
    "call": ["CALL demo.show_rows()"],
    "prepared-call": ["CALL demo.show_rows()"],
    "strong": [ON_LEADER.replace("*/", "consistency=strong */") + SHOWS],
    "insert-select": ["CREATE TEMPORARY TABLE demo.own_copy (note VARCHAR(100))",
                      "INSERT INTO demo.own_copy SELECT CONCAT('rows: ', COUNT(*)) FROM {table}",
                      "SELECT note FROM demo.own_copy"],
    "set-subquery": ["SET @r = (SELECT COUNT(*) FROM {table})", "SELECT CONCAT('rows: ', @r)"],
    "into-variable": ["SELECT COUNT(*) INTO @r FROM {table}", "SELECT CONCAT('rows: ', @r)"],
    "sql-prepare": ["PREPARE p FROM 'SELECT CONCAT(\"rows: \", COUNT(*)) FROM {table}'", "EXECUTE p"],
    "execute-immediate": ["EXECUTE IMMEDIATE 'SELECT CONCAT(\"rows: \", COUNT(*)) FROM {table}'"],
    "function": ["SELECT CONCAT('rows: ', demo.count_rows())"],
    "set-function": ["SET @r = demo.count_rows()", "SELECT CONCAT('rows: ', @r)"],
    "block": ["BEGIN NOT ATOMIC " + SHOWS + "; END"],
    "set-statement": ["SET STATEMENT lock_wait_timeout=5 FOR " + ON_LEADER + SHOWS,
                      "SET STATEMENT lock_wait_timeout=5, tx_read_only=0 FOR " + SHOWS],
    "handler": ["HANDLER {table} OPEN AS h", "HANDLER h READ FIRST"],
    "union": [ON_LEADER + "SELECT 'x' UNION ALL " + SHOWS],
    "with": [ON_LEADER + "WITH c AS (SELECT COUNT(*) AS n FROM {table}) SELECT CONCAT('rows: ', n) FROM c"],
    "brackets": [ON_LEADER + "(" + SHOWS + ") LIMIT 1"],
    "get-lock": ["SELECT GET_LOCK('contract', 0)", SHOWS],
    "insert-values-subquery": ["CREATE TEMPORARY TABLE demo.own_copy (note VARCHAR(100))",
                               "INSERT INTO demo.own_copy VALUES ((" + SHOWS + "))",
                               "SELECT note FROM demo.own_copy"],
    "insert-set-subquery": ["CREATE TEMPORARY TABLE demo.own_copy (note VARCHAR(100))",
                            "INSERT INTO demo.own_copy SET note = (" + SHOWS + ")",
                            "SELECT note FROM demo.own_copy"],
    "create-select": ["CREATE TEMPORARY TABLE demo.own_copy AS " + SHOWS.replace(") FROM", ") AS note FROM"),
                      "SELECT note FROM demo.own_copy"],
    "do-subquery": ["DO (SELECT @r := COUNT(*) FROM {table})", "SELECT CONCAT('rows: ', @r)"],
    "returning-subquery": ["CREATE TEMPORARY TABLE demo.own_copy (id INT)",
                           "INSERT INTO demo.own_copy VALUES (1) RETURNING (" + SHOWS + ")"],
    "update-read-committed": ["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                              "CREATE TEMPORARY TABLE demo.own_copy (note VARCHAR(100))",
                              "INSERT INTO demo.own_copy VALUES ('nothing')",
                              "UPDATE demo.own_copy SET note = (" + SHOWS + ")",
                              "SELECT note FROM demo.own_copy"],
    "delete-read-uncommitted": ["SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
                                "CREATE TEMPORARY TABLE demo.own_copy (n INT)",
                                "INSERT INTO demo.own_copy VALUES (0), (1)",
                                "DELETE FROM demo.own_copy WHERE n <> (SELECT COUNT(*) FROM {table})",
                                "SELECT CONCAT('rows: ', n) FROM demo.own_copy"],
    "serializable": ["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", ON_LEADER + SHOWS],
    "multi": [ON_LEADER + "SELECT 1; " + SHOWS],
}


@pytest.mark.core
@pytest.mark.parametrize("way", READS_ON_LEADER)
def test_no_way_to_read_the_leader_misses_what_a_follower_showed(proxy, cluster, table, way):
    """It waits until the leader shows it; the control, an eventual session, reads the old state."""
    cluster.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.show_rows() {SHOWS.replace('{table}', table)};"
        f"CREATE OR REPLACE FUNCTION demo.count_rows() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM {table})"
    )
    cluster.caught_up()
    statements = [statement.replace("{table}", table) for statement in READS_ON_LEADER[way]]
    found = []
    with leader_behind_its_followers(cluster, table) as release, contextlib.closing(wire.Wire(proxy.port)) as raw, \
            contextlib.closing(proxy.connect()) as careless:
        raw.login(schema="demo")
        wait_until(lambda: run_all(raw, [SHOWS.replace("{table}", table)]) == b"1", "a follower has shown it")
        reader = threading.Thread(target=lambda: found.append(run_all(raw, statements, way.startswith("prepared"))))
        reader.start()
        wait_until(lambda: found or any(row["state"] == "WAIT_SHOWN" for row in proxy.console("SHOW SESSIONS")),
                   "the read waits")
        assert not found
        assert count(careless, table, "/* causeway to=leader consistency=eventual */ ") == 0
        release()
        reader.join(30)
    assert found == [b"1"]


@pytest.mark.core
def test_old_data_is_an_error_after_leader_wait(causeway, cluster, table):
    """Also in a transaction, whose connection then is still good for another try."""
    settings = {**SETTINGS, "routing": {**SETTINGS["routing"], "leader_wait": "300ms"}}
    proxy = causeway(settings)
    with contextlib.closing(proxy.connect()) as connection:
        with leader_behind_its_followers(cluster, table):
            wait_until(lambda: count(connection, table) == 1, "a follower has shown it")
            for begin in ("SELECT 1", "BEGIN"):
                rows(connection, begin)
                started = time.monotonic()
                with pytest.raises(pymysql.MySQLError, match="does not show yet") as told:
                    count(connection, table, ON_LEADER)
                assert told.value.args[0] == 1290
                assert 0.25 < time.monotonic() - started < 2 * PATIENCE
        wait_until(lambda: count(connection, table, ON_LEADER) == 1, "the same transaction reads it later")
        rows(connection, "COMMIT")


@pytest.mark.core
def test_a_key_does_not_go_back_on_the_leader_either(proxy, cluster, table):
    """One connection has seen it on a follower; another of the key reads on the leader."""
    with leader_behind_its_followers(cluster, table) as release, contextlib.closing(keyed(proxy, "frank")) as first, \
            contextlib.closing(keyed(proxy, "frank")) as second, contextlib.closing(proxy.connect()) as other:
        wait_until(lambda: count(first, table) == 1, "a follower has shown it")
        found = []
        reader = threading.Thread(target=lambda: found.append(count(second, table, ON_LEADER)))
        reader.start()
        wait_until(lambda: any(row["state"] == "WAIT_SHOWN" for row in proxy.console("SHOW SESSIONS")),
                   "the read waits")
        assert count(other, table, ON_LEADER) == 0, "who has not seen it does not wait"
        release()
        reader.join(30)
        assert found == [1]


# --- grants ---


def test_a_missing_grant_is_named(causeway, cluster, table):
    cluster.leader.sql("CREATE OR REPLACE USER poor@'%' IDENTIFIED BY 'poor-demo'; GRANT SLAVE MONITOR ON *.*"
                       " TO poor@'%'; GRANT SELECT ON mysql.global_priv TO poor@'%'")
    cluster.caught_up()
    try:
        proxy = causeway({"cluster": {"user": "poor", "password": "poor-demo"}}, wait_for_followers=False)
        proxy.wait_in_rotation(*FOLLOWERS)
        with contextlib.closing(proxy.connect()) as connection:
            write(connection, table, 1)
            wait_until(lambda: answered_by(connection) in FOLLOWERS, "a follower serves")
            with pytest.raises(pymysql.MySQLError) as told:
                count(connection, table, ON_LEADER)
            assert told.value.args[0] == 1290
            assert "BINLOG MONITOR" in proxy.log_text()
            assert counter(proxy, "shown_denied") > 0
            assert count(connection, table) == 1, "reads on followers need no such grant"
            write(connection, table, 2)
            assert count(connection, table) == 2
    finally:
        cluster.leader.sql("DROP USER poor@'%'")


# --- servers that come back ---


@pytest.mark.core
def test_a_leader_that_comes_back_whole_is_nobodys_news(proxy, cluster, table):
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(contextlib.closing(keyed(proxy, "heidi")))
        fellow = stack.enter_context(contextlib.closing(keyed(proxy, "heidi")))
        reader = stack.enter_context(contextlib.closing(proxy.connect()))
        write(writer, table, 1)
        assert count(reader, table, STRONG) == count(fellow, table) == 1
        token, told = value(writer, "SELECT @@causeway_token"), counter(proxy, "lost_writes")
        cluster.leader.tool("kill")
        try:
            wait_until(lambda: role_of(proxy, "db1") != "leader", "it is missed")
        finally:
            cluster.leader.tool("restart")
        wait_until(lambda: role_of(proxy, "db1") == "leader", "it leads again")
        for connection in (writer, fellow, reader):
            assert count(connection, table) == 1
            assert count(connection, table, ON_LEADER) == 1
        with contextlib.closing(proxy.connect()) as later:
            rows(later, f"SET @@causeway_token = '{token}'")
            assert count(later, table) == 1
        write(writer, table, 2)
        assert count(fellow, table) == 2
        assert counter(proxy, "lost_writes") == told


@contextlib.contextmanager
def careless(cluster, follower):
    """Its commits are on disk up to a second late; its log keeps those that are lost, which strict
    mode would not apply again."""
    follower.sql("SET GLOBAL innodb_flush_log_at_trx_commit=0; SET GLOBAL sync_binlog=0")
    try:
        yield
    finally:
        follower.sql("SET GLOBAL gtid_strict_mode=0; SET GLOBAL innodb_flush_log_at_trx_commit=2")
        follower.set_delay(0)
        cluster.caught_up()
        follower.sql("SET GLOBAL gtid_strict_mode=1")


def restart_behind(cluster, follower):
    """Starts it with a delay of an hour: what it lost it does not get back meanwhile. Source of the
    file's lines: server source sql/rpl_rli.cc, Relay_log_info::flush (the sixth is the delay)."""
    info = cluster.folder / follower.name / "data" / "relay-log.info"
    lines = info.read_bytes().split(b"\n")
    assert lines[0] == b"5" and lines[5] == b"0", lines
    lines[5] = b"3600"
    info.write_bytes(b"\n".join(lines))
    follower.tool("restart")


@pytest.mark.core
def test_a_follower_that_comes_back_with_less_shows_nothing_older(proxy, cluster, table):
    """Killed with its last commits in memory. What it had shown, it does not show any more: whoever saw
    that is served elsewhere, or told so."""
    lossy, other = cluster.followers
    for attempt in range(5):
        with careless(cluster, lossy), contextlib.ExitStack() as stack:
            reader = stack.enter_context(contextlib.closing(proxy.connect()))
            fellows = [stack.enter_context(contextlib.closing(keyed(proxy, f"ivan {attempt}"))) for _ in range(2)]
            read_on(reader, lossy)
            read_on(fellows[0], lossy)
            stack.enter_context(locked(other))
            cluster.leader.sql(f"INSERT INTO {table} VALUES ({attempt}, 'soon lost')")
            rows_now = attempt + 1
            wait_until(lambda: count(reader, table) == rows_now, "it is read", interval=0.001)
            wait_until(lambda: count(fellows[0], table) == rows_now, "with the key, too", interval=0.001)
            assert answered_by(reader) == answered_by(fellows[0]) == lossy.name
            os.kill(lossy.pid(), signal.SIGKILL)
            restart_behind(cluster, lossy)
            less = lossy.value(f"SELECT COUNT(*) FROM {table}") < rows_now
            seen = set()
            deadline = time.monotonic() + 2 * PATIENCE
            while time.monotonic() < deadline:
                for connection in (reader, *fellows):
                    for prefix in ("", f"/* causeway to=server:{lossy.name} */ "):
                        try:
                            assert count(connection, table, prefix) == rows_now
                        except pymysql.err.OperationalError as error:
                            assert error.args[0] == 1290, error
                            seen.add(prefix)
            assert "" not in seen, "a read that may go anywhere is served"
        if less:
            return
    pytest.fail("the follower never lost a commit: the test showed nothing")


# --- histories ---


@pytest.fixture(name="lab")
def lab_fixture():
    """A cluster of this test's own, which is not whole any more after it."""
    folder = scratch("lost")
    cluster = Cluster(folder)
    cluster.leader.sql("CREATE TABLE demo.lost (id INT PRIMARY KEY, note VARCHAR(200))")
    cluster.caught_up()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def before(lab, overrides, **how):
    proxy = start_causeway(lab, overrides, **how)
    try:
        yield proxy
    finally:
        stop_causeway(proxy)


def fail_over(lab, proxy):
    """The leader dies, db2 is promoted by hand, db3 follows it. Then db2 gives numbers out again, beyond
    those that were lost: by numbers alone nothing is."""
    lab.leader.tool("kill")
    winner, other = lab.followers
    winner.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0")
    other.sql(f"STOP SLAVE; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={winner.port},"
              " MASTER_USE_GTID=slave_pos; START SLAVE")
    for number in range(100, 110):
        winner.sql(f"INSERT INTO demo.lost VALUES ({number}, 'after')")
    wait_until(lambda: role_of(proxy, winner.name) == "leader", f"{winner.name} leads")
    wait_until(lambda: other.value("SELECT COUNT(*) FROM demo.lost WHERE id >= 100") == 10, "the other follows it")


def told_of(gtid, action):
    with pytest.raises(pymysql.MySQLError, match=gtid) as told:
        action()
    assert told.value.args[0] == 1105


@pytest.mark.slow
@pytest.mark.core
def test_a_lost_write_is_told_to_those_whom_it_concerns(lab):
    """Once to the connection that wrote it (whatever it does next), to the key's connections together, to
    who brings a token; nobody else hears of it, and all go on."""
    with before(lab, {"routing": SETTINGS["routing"]}) as proxy, contextlib.ExitStack() as stack:
        def client(key=None):
            connection = keyed(proxy, key) if key else proxy.connect()
            return stack.enter_context(contextlib.closing(connection))

        # writer and fellow_writer do not read before: a write alone is enough to be told of
        reader, writer, in_trx, early = client(), client(), client(), client()
        fellow, fellow_writer = client("judy"), client("judy")
        write(early, "demo.lost", 1)
        lab.caught_up()
        assert count(reader, "demo.lost") == count(early, "demo.lost") == 1
        for follower in lab.followers:
            follower.sql("STOP SLAVE IO_THREAD")
        lost = {}
        for number, connection in ((2, writer), (3, in_trx), (4, fellow_writer)):
            write(connection, "demo.lost", number)
            lost[connection] = lab.leader.value("SELECT @@gtid_binlog_pos")
        token = value(writer, "SELECT @@causeway_token")
        fail_over(lab, proxy)
        told_of(lost[writer], lambda: write(writer, "demo.lost", 50))
        assert count(writer, "demo.lost", "") == 11, "it was not run, and the lost row is gone"
        told_of(lost[in_trx], lambda: rows(in_trx, "BEGIN"))
        rows(in_trx, "BEGIN")
        write(in_trx, "demo.lost", 51)
        rows(in_trx, "COMMIT")
        wait_until(lambda: lab.followers[1].value("SELECT COUNT(*) FROM demo.lost") == 12, "the other has it, too")
        told_of(lost[fellow_writer], lambda: count(fellow, "demo.lost"))
        assert count(fellow_writer, "demo.lost") == 12, "the key was told"
        for connection in (reader, early, writer, in_trx, fellow):
            for prefix in ("", STRONG, ON_LEADER):
                assert count(connection, "demo.lost", prefix) == 12
        newcomer = client()
        rows(newcomer, f"SET @@causeway_token = '{token}'")
        told_of(lost[writer], lambda: count(newcomer, "demo.lost"))
        assert count(newcomer, "demo.lost") == 12
        write(newcomer, "demo.lost", 52)
        assert count(newcomer, "demo.lost") == 13
        assert counter(proxy, "lost_writes") == 4


@pytest.mark.slow
def test_lost_write_warn_tells_the_log_alone(lab):
    with before(lab, {"routing": {"lost_write": "warn"}}) as proxy, \
            contextlib.closing(proxy.connect()) as writer:
        write(writer, "demo.lost", 1)
        lab.caught_up()
        for follower in lab.followers:
            follower.sql("STOP SLAVE IO_THREAD")
        write(writer, "demo.lost", 2)
        lost = lab.leader.value("SELECT @@gtid_binlog_pos")
        fail_over(lab, proxy)
        assert count(writer, "demo.lost") == 11
        assert lost in proxy.log_text()
        write(writer, "demo.lost", 3)
        assert count(writer, "demo.lost") == 12
        assert proxy.log_text().count(f"up to {lost} is not in the log") == 1


@pytest.mark.slow
def test_a_failover_that_loses_nothing_is_nobodys_news(lab):
    with before(lab, {"routing": SETTINGS["routing"]}) as proxy, contextlib.closing(proxy.connect()) as writer, \
            contextlib.closing(keyed(proxy, "mallory")) as fellow:
        write(writer, "demo.lost", 1)
        write(fellow, "demo.lost", 2)
        token = value(fellow, "SELECT @@causeway_token")
        lab.caught_up()
        fail_over(lab, proxy)
        assert count(writer, "demo.lost") == count(fellow, "demo.lost") == 12
        with contextlib.closing(proxy.connect()) as newcomer:
            rows(newcomer, f"SET @@causeway_token = '{token}'")
            assert count(newcomer, "demo.lost") == 12
        assert counter(proxy, "lost_writes") == 0


# --- several domains ---


@pytest.mark.slow
def test_promises_hold_over_several_domains(lab):
    admin = {"user": "domains", "password": "domains-demo"}
    lab.leader.sql("CREATE USER 'domains'@'%' IDENTIFIED BY 'domains-demo';"
                   "GRANT ALL PRIVILEGES ON *.* TO 'domains'@'%'")
    with before(lab, {"routing": SETTINGS["routing"]}) as proxy, contextlib.ExitStack() as stack:
        def client(key=None, **settings):
            connection = keyed(proxy, key, **settings) if key else proxy.connect(**settings)
            return stack.enter_context(contextlib.closing(connection))

        def write_in(connection, domain):
            rows(connection, f"SET SESSION gtid_domain_id = {domain}")
            write(connection, "demo.lost", domain)

        write_in(client(**admin), 1)  # the domain is born
        wait_until(lambda: all("1-1-" in row["position"] for row in proxy.console("SHOW POSITIONS")), "it is known")
        with held(lab, *lab.followers):
            first, second, third = client("peggy", **admin), client("peggy"), client("peggy")
            rows(first, "SET SESSION gtid_domain_id = 1")
            write(first, "demo.lost", 2)
            write(second, "demo.lost", 3)
            assert count(third, "demo.lost") == 3
            token = value(third, "SELECT @@causeway_token")
            assert sorted(gtid[:4] for gtid in token.split(",")) == ["0-1-", "1-1-"]
            newcomer, stranger = client(), client()
            rows(newcomer, f"SET @@causeway_token = '{token}'")
            assert count(newcomer, "demo.lost") == 3
            assert (count(stranger, "demo.lost"), count(stranger, "demo.lost", STRONG)) == (1, 3)
            many = client(**admin)
            for domain in range(10, 30):
                write_in(many, domain)
            assert count(many, "demo.lost") == 23, "more domains than a session can hold: it stays on the leader"
            assert count(client(), "demo.lost", STRONG) == 23
            assert count(stranger, "demo.lost", EVENTUAL) == 1
        wait_until(lambda: count(stranger, "demo.lost") == 23, "others go on")
    # With so many, keys get no floor: that is not waited for.
    with before(lab, {"routing": SETTINGS["routing"]}, wait_for_followers=False) as proxy, \
            contextlib.closing(keyed(proxy, "late")) as late:
        proxy.wait_in_rotation(*[follower.name for follower in lab.followers])
        assert count(late, "demo.lost", EVENTUAL) == 23
        assert count(late, "demo.lost") == 23
