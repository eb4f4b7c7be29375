"""The consistency contract where servers stand still, die and come back with less. Followers are held
behind a lock, not stopped: they stay in rotation, so that only the contract keeps reads off them."""

import contextlib
import os
import re
import signal
import threading
import time

import pymysql
import pytest

import wire
from harness import PATIENCE, Cluster, Load, answered_by, rows, scratch, value, wait_until

FOLLOWERS = ("db2", "db3")
STRONG = "/* causeway consistency=strong */ "
ON_LEADER = "/* causeway to=leader */ "
EVENTUAL = "/* causeway consistency=eventual to=followers */ "

SETTINGS = {
    "proxy": {"threads": "4"},
    "routing": {"consistency": "key", "causal_timeout": "300ms", "max_lag": "1h", "leader_wait": "5s"},
}


@contextlib.contextmanager
def held(cluster, *followers):
    """These followers show nothing new, and replicate all the same as far as anybody can tell."""
    cluster.caught_up()
    with contextlib.ExitStack() as stack:
        for follower in followers:
            connection = stack.enter_context(contextlib.closing(follower.root()))
            rows(connection, "FLUSH TABLES WITH READ LOCK")
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


# --- keys ---

NAMES = ["'", "\\", "ä€", "a b", "*/", "%s", "k" * 255, "\0zero", "-- x", "NULL", "new\nline"]


@pytest.mark.core
def test_key_names_may_be_any_bytes(proxy, cluster, table):
    """Each name joins its own two connections, and no other name's."""
    with held(cluster, *cluster.followers):
        for number, name in enumerate(NAMES):
            with contextlib.closing(keyed(proxy, name)) as writer, contextlib.closing(keyed(proxy, name)) as reader, \
                    contextlib.closing(keyed(proxy, name[:-1] + "?")) as other:
                write(writer, table, number)
                assert value(reader, "SELECT @causeway_key") == name
                assert count(other, table) == 0, "another key waits for nothing"
                assert count(reader, table) == number + 1, name
        assert count(other := proxy.connect(), table) == 0
        other.close()


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
def test_a_strangers_read_stays_on_its_follower(proxy, cluster, table):
    """What a key's connection waits for concerns nobody else, who is served by a follower at once."""
    with held(cluster, *cluster.followers), contextlib.closing(keyed(proxy, "alice")) as writer, \
            contextlib.closing(keyed(proxy, "alice")) as reader, contextlib.closing(keyed(proxy, "bob")) as stranger:
        write(writer, table, 1)
        before = counter(proxy, "causal_timeouts")
        for _ in range(20):
            assert (count(stranger, table), answered_by(stranger) in FOLLOWERS) == (0, True)
        assert counter(proxy, "causal_timeouts") == before
        assert (count(reader, table), answered_by(reader)) == (1, "db1")


@pytest.mark.core
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
        with contextlib.closing(keyed(proxy, "kept")) as connection:
            write(connection, table, 1)
        asked = counter(proxy, "shown_fetched")
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


# --- covered reads ---


@pytest.mark.core
def test_covered_reads_of_keys_are_all_that_servers_see(causeway, cluster, table):
    """Questions of both followers and of the leader, over 2000 reads of four connections of two keys,
    against as long a time without them: the reads, and nothing else."""
    proxy = causeway({**SETTINGS, "cluster": {"probe_interval": "1h"}})
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(keyed(proxy, f"key {n % 2}"))) for n in range(4)]
        write(connections[0], table, 1)
        write(connections[1], table, 2)
        cluster.caught_up()
        for connection in connections:
            wait_until(lambda connection=connection: answered_by(connection) in FOLLOWERS, "a follower serves")
        monitors = [stack.enter_context(contextlib.closing(server.root())) for server in cluster.servers]

        def questions():
            return [int(rows(monitor, "SHOW GLOBAL STATUS LIKE 'Questions'")[0][1]) for monitor in monitors]

        started = time.monotonic()
        before, fetched, moved = questions(), counter(proxy, "bounds_fetched"), counter(proxy, "moves")
        for _ in range(500):
            for connection in connections:
                assert count(connection, table) == 2
        leader, *followers = [now - then for now, then in zip(questions(), before)]
        seconds = time.monotonic() - started
        # One question a follower is the monitor's own; a poll is renewed, the sweep asks, each second at most.
        spare = int(seconds) + 2
        assert 2000 <= sum(followers) <= 2000 + 2 * (1 + spare)
        assert leader <= 1 + 4 * spare, "of the sweep, and the monitor's own"
        assert counter(proxy, "moves") == moved
        assert counter(proxy, "bounds_fetched") - fetched <= spare, "of the sweep"


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
            time.sleep(0.2)  # it may wait, or go to the leader where the known lag is too long
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
def test_many_questions_at_once_without_a_leader(proxy, cluster, table):
    """Each is refused in its turn, however many wait in the client's buffer."""
    many = 3000
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login(schema="demo")
        assert raw.query(f"SELECT COUNT(*) FROM {table}")[0] == 0xFE
        cluster.leader.tool("kill")
        try:
            wait_until(lambda: role_of(proxy, "db1") != "leader", "there is no leader")
            question = wire.frame(bytes([wire.QUERY]) + b"SELECT @@causeway_token")
            sender = threading.Thread(target=raw.socket.sendall, args=(question * many,))
            sender.start()
            for _ in range(many):
                assert wire.error_of(raw.read_result())[0] == 1290
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
            rows(connection, f"INSERT INTO {table} VALUES (1, 'not acknowledged')")

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


def as_text(sql):
    def read(raw):
        raw.take()
        for statement in sql:
            end = raw.query(statement)
            if end[0] == 0xFF:
                return wire.error_of(end)
        return re.findall(rb"rows: (\d)", raw.take())[-1]
    return read


def as_prepared(sql):
    def read(raw):
        *before, last = sql
        for statement in before:
            raw.query(statement)
        statement = raw.prepare(last)
        raw.take()
        end = raw.execute(statement[0])
        return wire.error_of(end) if end[0] == 0xFF else re.findall(rb"rows: (\d)", raw.take())[-1]
    return read


SHOWS = "SELECT CONCAT('rows: ', COUNT(*)) FROM {table}"
READS_ON_LEADER = {
    "hint": as_text([ON_LEADER + SHOWS]),
    "prepared-hint": as_prepared([ON_LEADER + SHOWS]),
    "begin": as_text(["BEGIN", SHOWS, "COMMIT"]),
    "begin-prepared": as_prepared(["BEGIN", SHOWS]),
    "autocommit-off": as_text(["SET autocommit=0", SHOWS]),
    "user-variable": as_text(["SET @a = 1", "SELECT CONCAT('rows: ', COUNT(*)), @b := 1 FROM {table}"]),
    "temporary-table": as_text(["CREATE TEMPORARY TABLE demo.own_copy (id INT)", SHOWS]),
    "call": as_text(["CALL demo.show_rows()"]),
    "prepared-call": as_prepared(["CALL demo.show_rows()"]),
    "strong": as_text([ON_LEADER.replace("*/", "consistency=strong */") + SHOWS]),
    "insert-select": as_text(["CREATE TEMPORARY TABLE demo.own_copy (note VARCHAR(100))",
                              "INSERT INTO demo.own_copy SELECT CONCAT('rows: ', COUNT(*)) FROM {table}",
                              "SELECT note FROM demo.own_copy"]),
}


def bound_to(read, table):
    """The table's name into the statements of READS_ON_LEADER."""
    cells = dict(zip(read.__code__.co_freevars, read.__closure__))
    sql = [statement.replace("{table}", table) for statement in cells["sql"].cell_contents]
    return (as_prepared if "before" in read.__code__.co_varnames else as_text)(sql)


@pytest.mark.core
@pytest.mark.parametrize("way", READS_ON_LEADER)
def test_no_way_to_read_the_leader_misses_what_a_follower_showed(causeway, cluster, table, way):
    """It waits until the leader shows it; the control, an eventual session, reads the old state."""
    cluster.leader.sql(
        f"CREATE OR REPLACE PROCEDURE demo.show_rows() {SHOWS.replace('{table}', table)}"
    )
    cluster.caught_up()
    proxy = causeway(SETTINGS)
    read = bound_to(READS_ON_LEADER[way], table)
    found = []
    with leader_behind_its_followers(cluster, table) as release, contextlib.closing(wire.Wire(proxy.port)) as raw, \
            contextlib.closing(proxy.connect()) as careless:
        raw.login(schema="demo")
        shown = as_text([SHOWS.replace("{table}", table)])
        wait_until(lambda: shown(raw) == b"1", "a follower has shown it")
        reader = threading.Thread(target=lambda: found.append(read(raw)))
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
        proxy = causeway({"cluster": {"user": "poor", "password": "poor-demo"}})
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
            stack.enter_context(held(cluster, other))
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
