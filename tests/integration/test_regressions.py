"""Bugs of the data path that were found and mended once, a test each: cursors and statements across
connections, parameters sent ahead, connections that die in between, clients that do not read, and
what must never leave the leader."""

import contextlib
import socket
import struct
import threading

import pymysql
import pytest

import wire
from harness import PATIENCE, SANITIZED, answered_by, rows, value, wait_until
from wire import Wire, error_of, frame

FOLLOWERS = ("db2", "db3")
MIB = 1 << 20


@contextlib.contextmanager
def logged_in(proxy, schema="demo", **settings):
    with contextlib.closing(Wire(proxy.port)) as client:
        answer = client.login(schema=schema, **settings)
        assert answer[0] == 0, error_of(answer)
        yield client


@pytest.fixture(name="raw")
def raw_fixture(proxy):
    with logged_in(proxy) as client:
        yield client


def cells(payload):
    """The values of a row in text."""
    found, at = [], 0
    while at < len(payload):
        if payload[at] == 0xFB:
            found, at = found + [None], at + 1
            continue
        length, at = wire.read_lenenc(payload, at)
        found, at = found + [payload[at : at + length]], at + length
    return found


def first_row(client, sql):
    """The first row of a result, as bytes; an error fails the test."""
    client.send(bytes([wire.QUERY]) + sql.encode())
    head = client.packet()
    assert head[0] not in (0x00, 0xFF), head[:200]
    client.read_definitions(wire.read_lenenc(head, 0)[0])
    row = client.packet()
    assert not client.is_end(row), row[:200]
    last = client.read_rows()
    assert last[0] != 0xFF, error_of(last)
    return cells(row)


def reader_of(client):
    """The server that a plain read goes to."""
    return first_row(client, "SELECT name FROM demo.this_server")[0].decode()


def accepted(payload):
    assert payload[0] == 0x00, payload[:200]
    return True


def refused_with(payload, code):
    assert error_of(payload)[0] == code, error_of(payload)
    return True


def lose_connection(proxy, session_id, server):
    """Cuts the client's connection at the server, and waits until Causeway knows."""
    def losses():
        mark = f"session {session_id} "
        return sum(mark in line and f"its connection to {server.name} is lost" in line
                   for line in proxy.log_text().splitlines())

    before = losses()
    for (thread,) in server.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'"):
        with contextlib.suppress(pymysql.MySQLError):  # it may have left by itself meanwhile
            server.sql(f"KILL {thread}")
    wait_until(lambda: losses() > before, f"Causeway to notice that {server.name} has hung up")


@contextlib.contextmanager
def without_leader(proxy, cluster):
    """The leader takes no writes: to Causeway there is none."""
    def leaders():
        return [row["name"] for row in proxy.console("SHOW SERVERS") if row["role"] == "leader"]

    cluster.leader.sql("SET GLOBAL read_only = 1")
    try:
        wait_until(lambda: not leaders(), "Causeway to see no leader")
        yield
    finally:
        cluster.leader.sql("SET GLOBAL read_only = 0")
        wait_until(leaders, "Causeway to see the leader again")


def own_transactions(cluster):
    return {server.name: server.own_transactions() for server in cluster.followers}


# -- prepared statements


@pytest.mark.core
def test_fetch_from_a_followers_cursor_inside_a_transaction(proxy, raw):
    """The cursor is on the follower, the transaction begins on the leader: the rows still come from
    where the cursor is."""
    statement = raw.prepare("SELECT name, seq FROM this_server JOIN seq_1_to_6")[0]
    raw.execute(statement, cursor=1)
    raw.query("BEGIN")
    raw.take()
    last = raw.fetch(statement, 2)
    fetched = raw.take()
    assert last[0] == 0xFE, error_of(last)
    assert fetched.count(b"db2") + fetched.count(b"db3") == 2, fetched
    accepted(raw.query("COMMIT"))
    raw.fetch(statement, 10)
    fetched = raw.take()
    assert fetched.count(b"db2") + fetched.count(b"db3") == 4, fetched
    assert proxy.alive()


@pytest.mark.core
def test_fetch_after_the_cursors_connection_died(proxy, cluster, raw):
    statement = raw.prepare("SELECT name, seq FROM this_server JOIN seq_1_to_6")[0]
    raw.execute(statement, cursor=1)
    raw.take()
    raw.fetch(statement, 1)
    served = "db2" if b"db2" in raw.take() else "db3"
    lose_connection(proxy, raw.greeting.connection_id, cluster.named(served))
    refused_with(raw.fetch(statement, 1), 1421)
    assert reader_of(raw) in FOLLOWERS


@pytest.mark.core
def test_prepare_that_the_leader_refuses_keeps_the_transaction(proxy, cluster, raw, table):
    """Prepared on a follower; its table is gone when the leader prepares it anew, in the middle of a
    transaction. The client gets that error, and its transaction goes on."""
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.gone_soon (a INT)")
    cluster.caught_up()
    statement = raw.prepare("SELECT a FROM gone_soon")[0]
    raw.execute(statement)
    cluster.leader.sql("DROP TABLE demo.gone_soon")
    accepted(raw.query("BEGIN"))
    accepted(raw.query(f"INSERT INTO {table} VALUES (1, 'before')"))
    refused_with(raw.execute(statement), 1146)
    accepted(raw.query(f"INSERT INTO {table} VALUES (2, 'after')"))
    accepted(raw.query("COMMIT"))
    assert cluster.leader.sql(f"SELECT id FROM {table} ORDER BY id") == ((1,), (2,))
    assert reader_of(raw) in FOLLOWERS
    assert proxy.alive()


@pytest.mark.core
def test_execute_of_the_last_one_after_a_refused_prepare(cluster, raw, table):
    """In one write: PREPARE, which fails, and EXECUTE of "the last prepared one". That is not the
    one before."""
    assert isinstance(raw.prepare(f"INSERT INTO {table} VALUES (1, 'never asked for')"), tuple)
    raw.socket.sendall(
        frame(bytes([wire.STMT_PREPARE]) + b"SELEC nonsense") + frame(raw.execute_bytes(-1))
    )
    refused_with(raw.packet(), 1064)
    refused_with(raw.packet(), 1243)
    accepted(raw.simple(wire.PING))
    assert cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 0


@pytest.mark.core
@pytest.mark.parametrize("more", [b"", b"and the second"], ids=["whole", "in pieces"])
def test_long_data_lost_with_its_connection(proxy, cluster, raw, table, more):
    """Parameters sent ahead died with the leader connection: the EXECUTE says so, instead of running
    without them, or with the piece that came afterwards."""
    statement = raw.prepare(f"INSERT INTO {table} VALUES (?, ?)")[0]
    raw.long_data(statement, 1, b"the first piece")
    accepted(raw.query("SET NAMES utf8mb4"))  # behind it on the same connection: it has arrived
    lose_connection(proxy, raw.greeting.connection_id, cluster.leader)
    if more:
        raw.long_data(statement, 1, more)
    refusal = raw.execute(statement, [1, b""], long_data=(1,))
    refused_with(refusal, 1210)
    assert "sent ahead" in error_of(refusal)[2], "Causeway's own word: no server has seen it"
    accepted(raw.simple(wire.PING))
    assert first_row(raw, "SELECT 'in step' FROM this_server") == [b"in step"]
    raw.long_data(statement, 1, b"sent again")
    accepted(raw.execute(statement, [2, b""], long_data=(1,)))
    assert cluster.leader.sql(f"SELECT id, note FROM {table}") == ((2, "sent again"),)


@pytest.mark.core
@pytest.mark.parametrize("size", [13, 2 * MIB, 17 * MIB], ids=["held", "streamed", "two-packets"])
def test_refused_long_data_has_no_reply(causeway, cluster, table, size):
    """Without a leader there is nowhere to send them. The command has no reply, so the refusal must
    not be one: each later command gets its own."""
    proxy = causeway({"routing": {"leader_wait": "300ms"}})
    with logged_in(proxy) as client:
        statement = client.prepare(f"INSERT INTO {table} VALUES (1, ?)")[0]
        with without_leader(proxy, cluster):
            client.long_data(statement, 0, b"x" * size)
            refused_with(client.execute(statement, [b""], long_data=(0,)), 1210)
            accepted(client.simple(wire.PING))
            assert first_row(client, "SELECT 'in step' FROM this_server") == [b"in step"]
        client.long_data(4711, 0, b"x" * size)  # no such statement
        accepted(client.simple(wire.PING))
        client.long_data(statement, 0, b"arrived")
        accepted(client.execute(statement, [b""], long_data=(0,)))
        assert cluster.leader.sql(f"SELECT note FROM {table}") == (("arrived",),)


@pytest.mark.core
def test_long_data_after_a_lost_transaction_has_no_reply(proxy, cluster, raw, table):
    """It can't tell of the lost transaction; the EXECUTE behind it does."""
    statement = raw.prepare(f"INSERT INTO {table} VALUES (1, ?)")[0]
    accepted(raw.query("BEGIN"))
    lose_connection(proxy, raw.greeting.connection_id, cluster.leader)
    raw.long_data(statement, 0, b"x")
    refused_with(raw.execute(statement, [b""], long_data=(0,)), 1213)
    accepted(raw.simple(wire.PING))
    assert first_row(raw, "SELECT 'in step' FROM this_server") == [b"in step"]
    assert cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 0


# -- clients that are slow, or half gone


def read_away(client, count):
    while count > 0:
        part = client.socket.recv(min(count, MIB))
        assert part, f"closed, and {count} bytes are due"
        count -= len(part)


@pytest.mark.core
def test_pings_whose_answers_nobody_reads(proxy, raw):
    """Answered by Causeway itself: no server's pace holds them up, so the client's must."""
    raw.take()
    accepted(raw.simple(wire.PING))
    pong = raw.take()
    before = proxy.rss_kib()
    raw.socket.settimeout(1)
    pings = frame(bytes([wire.PING])) * 20_000
    sent, stopped = 0, False
    while sent < 200 * MIB and not stopped:
        try:
            sent += raw.socket.send(pings[sent % 5 :])
        except socket.timeout:
            stopped = True
    assert stopped, "it should have been stopped"
    assert proxy.rss_kib() < before + (100_000 if SANITIZED else 8_000), "answers pile up"
    raw.socket.settimeout(10 * PATIENCE)
    read_away(raw, sent // 5 * len(pong))  # and now that somebody reads, all are answered
    if sent % 5:
        raw.socket.sendall(pings[sent % 5 : 5])  # the rest of the one that was cut
        accepted(raw.packet())
    assert reader_of(raw) in FOLLOWERS


@pytest.mark.core
@pytest.mark.parametrize("where", ["", " FOR UPDATE"], ids=["follower", "leader"])
def test_half_closed_client_gets_its_answer(raw, where):
    """It says that it will send no more, while its query is still running."""
    raw.send(b"\x03SELECT SLEEP(0.2), name FROM this_server" + where.encode())
    raw.socket.shutdown(socket.SHUT_WR)
    last = raw.read_result()
    assert last[0] == 0xFE, error_of(last)
    assert b"db" in raw.take()
    with pytest.raises(wire.WireError, match="closed"):
        raw.packet()


@pytest.mark.core
def test_half_closed_client_gets_a_long_answer(proxy, raw):
    """Also what was still on its way to a client slower than the server when the server was done."""
    sql = "SELECT REPEAT('x', 100000) FROM seq_1_to_80"
    raw.take()
    raw.query(sql)
    whole = raw.take()
    for _ in range(5):
        with logged_in(proxy) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.send(b"\x03" + sql.encode())
            client.socket.shutdown(socket.SHUT_WR)
            got = b""
            while part := client.socket.recv(8192):
                got += part
            assert len(got) == len(whole), "cut off"


@pytest.mark.core
@pytest.mark.parametrize("size", [128 * 1024 - 5, 128 * 1024, 200_000, wire.MAX_PACKET - 4, 20 * MIB])
def test_rows_of_every_size_pass(raw, size):
    """Around what is held back (128 KiB), what is one packet, and more."""
    raw.keep = False
    raw.send(b"\x03SELECT REPEAT('r', %d) FROM seq_1_to_3" % size)
    assert raw.packet() == b"\x01"
    raw.read_definitions(1)
    for _ in range(3):
        row = raw.packet()
        assert row == wire.lenenc(size) + b"r" * size, (len(row), row[:10])
    assert raw.packet()[0] == 0xFE
    raw.keep = True
    assert reader_of(raw) in FOLLOWERS


# -- connections that die in between


@pytest.mark.core
@pytest.mark.parametrize("when", ["idle", "in a statement"])
def test_lost_transaction_that_held_user_variables(proxy, cluster, raw, table, when):
    """A repeated transaction would run without the variables: the connection closes instead."""
    accepted(raw.query("SET @held = 1"))
    accepted(raw.query("BEGIN"))
    accepted(raw.query(f"INSERT INTO {table} VALUES (@held, 'lost')"))
    if when == "in a statement":
        sql = f"SELECT SLEEP(30) FROM {table}"
        raw.send(b"\x03" + sql.encode())
        wait_until(
            lambda: cluster.leader.value(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info = %s", (sql,)
            ),
            "the statement to run",
        )
    lose_connection(proxy, raw.greeting.connection_id, cluster.leader)
    with pytest.raises((wire.WireError, ConnectionError)):
        if when == "in a statement":
            answer = raw.read_result()
            assert answer[0] != 0xFF, error_of(answer)
        raw.query("COMMIT")
    assert cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 0


@pytest.mark.core
def test_lost_transaction_is_told_once(proxy, cluster, raw, table):
    """The leader connection dies inside the transaction, and then the follower's too: COMMIT is
    refused all the same, and only that."""
    served = cluster.named(reader_of(raw))
    accepted(raw.query("BEGIN"))
    accepted(raw.query(f"INSERT INTO {table} VALUES (1, 'lost')"))
    lose_connection(proxy, raw.greeting.connection_id, cluster.leader)
    lose_connection(proxy, raw.greeting.connection_id, served)
    refused_with(raw.query("COMMIT"), 1213)
    assert reader_of(raw) in FOLLOWERS
    accepted(raw.query(f"INSERT INTO {table} VALUES (2, 'kept')"))
    accepted(raw.query("COMMIT"))
    assert cluster.leader.sql(f"SELECT id FROM {table}") == ((2,),)


@pytest.mark.core
def test_login_with_a_schema_while_there_is_no_leader(causeway, cluster):
    proxy = causeway()
    with without_leader(proxy, cluster), logged_in(proxy, schema="lab") as client:
        schema, name = first_row(client, "SELECT DATABASE(), name FROM demo.this_server")
        assert schema == b"lab" and name.decode() in FOLLOWERS


# -- session state


@pytest.fixture(name="vault")
def vault_fixture(cluster):
    """A table that `app` may only read by the role vault_reader."""
    cluster.leader.sql(
        "CREATE DATABASE vault; CREATE TABLE vault.secret (note VARCHAR(20));"
        "INSERT INTO vault.secret VALUES ('shown'); CREATE ROLE vault_reader;"
        "GRANT SELECT ON vault.* TO vault_reader; GRANT vault_reader TO 'app'@'%'"
    )
    cluster.caught_up()
    yield "vault.secret"
    cluster.leader.sql("DROP ROLE vault_reader; DROP DATABASE vault")
    cluster.caught_up()


@pytest.mark.core
def test_reset_connection_keeps_the_role(raw, vault):
    """The server keeps it, and so does every connection that the session's reads run on."""
    accepted(raw.query("SET ROLE vault_reader"))
    assert first_row(raw, f"SELECT note FROM {vault}") == [b"shown"]
    accepted(raw.simple(wire.RESET_CONNECTION))
    accepted(raw.simple(wire.INIT_DB, b"demo"))
    for _ in range(5):
        assert first_row(raw, f"SELECT note FROM {vault}") == [b"shown"]
    assert reader_of(raw) in FOLLOWERS


@pytest.mark.core
def test_unlogged_write_is_read_on_the_leader_for_good(proxy, cluster, table, admin):
    """sql_log_bin = 0, a write, and on again: no follower will ever have that row."""
    with contextlib.closing(proxy.connect(**admin)) as connection:
        assert answered_by(connection) in FOLLOWERS
        rows(connection, "SET SESSION sql_log_bin = 0")
        rows(connection, f"INSERT INTO {table} VALUES (1, 'unlogged')")
        rows(connection, "SET SESSION sql_log_bin = 1")
        try:
            for _ in range(5):
                assert value(connection, f"SELECT note FROM {table} WHERE id = 1") == "unlogged"
            assert answered_by(connection) == "db1"
        finally:
            cluster.leader.sql(f"SET sql_log_bin = 0; DELETE FROM {table}; SET sql_log_bin = 1")


@pytest.mark.core
@pytest.mark.parametrize(
    "statement",
    ["SET NAMES latin1 COLLATE latin1_bin", "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
     "SET NAMES 'utf8mb3' collate 'utf8mb3_unicode_ci'", "SET CHARACTER SET latin1"],
)
def test_collation_holds_on_the_follower(proxy, direct, statement):
    """No reply names the collation: it has to be asked for."""
    question = "SELECT CHARSET('x'), COLLATION('x'), 'a' = 'A' FROM demo.this_server"
    rows(direct, statement)
    expected = rows(direct, question)[0]
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, statement)
        for _ in range(3):
            found = rows(connection, question.replace("'A'", "'A', name"))[0]
            assert found[:3] == expected
            assert found[3] in FOLLOWERS


@pytest.mark.core
def test_multi_statements_switched_off_hold_on_the_follower(proxy, raw):
    """COM_SET_OPTION is what stands between an application and injected statements. It is heard by
    one connection only, but meant for the session; and the next session starts anew."""
    both = "SELECT name FROM this_server; SELECT 2"

    def served():
        raw.take()
        last = raw.query(both)
        assert last[0] == 0xFE, error_of(last)
        answer = raw.take()
        return any(name.encode() in answer for name in FOLLOWERS)

    assert served(), "a follower runs both"
    assert raw.simple(wire.SET_OPTION, b"\x01\x00")[0] == 0xFE
    refused_with(raw.query(both), 1064)
    assert reader_of(raw) in FOLLOWERS
    refused_with(raw.query(f"/* causeway to=followers */ {both}"), 1064)
    assert raw.simple(wire.SET_OPTION, b"\x00\x00")[0] == 0xFE
    assert served(), "and again when it is switched on"
    assert raw.simple(wire.SET_OPTION, b"\x01\x00")[0] == 0xFE
    refused_with(raw.query(both), 1064)
    raw.close()
    for _ in range(4):
        with logged_in(proxy) as other:
            assert other.query(both)[0] == 0xFE, "another session has not said so"


@pytest.mark.core
def test_reads_after_the_current_schema_was_dropped(proxy, cluster, admin):
    """The session has no schema then, on a follower's connection neither. That can't be said to a
    connection that has one, and none may be thrown away for trying."""
    cluster.leader.sql("CREATE OR REPLACE DATABASE short_lived")
    cluster.caught_up()
    seen = len(proxy.log_text())
    with contextlib.closing(proxy.connect(database="short_lived", **admin)) as connection:
        assert answered_by(connection) in FOLLOWERS
        rows(connection, "DROP DATABASE short_lived")
        for _ in range(3):
            assert answered_by(connection) in ("db1",) + FOLLOWERS
            assert value(connection, "SELECT DATABASE() FROM demo.this_server") is None
            with pytest.raises(pymysql.MySQLError) as error:
                rows(connection, "SELECT name FROM this_server")
            assert error.value.args[0] == 1046, error.value.args
        rows(connection, "USE demo")
        assert value(connection, "SELECT name FROM this_server") in FOLLOWERS
        assert value(connection, "SELECT DATABASE() FROM demo.this_server") == "demo"
    assert "refused the session's state" not in proxy.log_text()[seen:]


# -- rules and hints


@pytest.fixture(params=["rule", "hint", "hint to a server"], name="pulled")
def pulled_fixture(request, causeway, admin):
    """A session of an account that may do everything, and the text that asks for a follower."""
    rules = {"rule:all": {"match": ".", "to": "followers"}} if request.param == "rule" else {}
    prefix = {"rule": "", "hint": "/* causeway to=followers */ ",
              "hint to a server": "/* causeway to=server:db2 */ "}[request.param]
    with contextlib.closing(causeway(rules).connect(**admin)) as connection:
        assert answered_by(connection, prefix) in FOLLOWERS
        yield connection, prefix


@pytest.mark.core
def test_what_belongs_to_the_leader_is_not_moved(pulled, cluster, table):
    """The read-only guard of a follower's connection stops neither ANALYZE nor GET_LOCK."""
    connection, prefix = pulled
    before = own_transactions(cluster)
    rows(connection, f"{prefix}INSERT INTO {table} VALUES (1, 'x')")
    rows(connection, f"{prefix}ANALYZE TABLE {table}")
    rows(connection, f"{prefix}OPTIMIZE TABLE {table}")
    assert value(connection, f"{prefix}SELECT GET_LOCK('not moved', 0)") == 1
    assert cluster.leader.value("SELECT IS_USED_LOCK('not moved') IS NOT NULL") == 1
    for follower in cluster.followers:
        assert follower.value("SELECT IS_USED_LOCK('not moved')") is None
    assert value(connection, f"{prefix}SELECT RELEASE_LOCK('not moved')") == 1
    cluster.caught_up()
    assert own_transactions(cluster) == before, "a follower wrote something of its own"
    assert not any(follower.trouble() for follower in cluster.followers)


@pytest.mark.core
def test_locking_reads_and_user_variables_are_not_moved(pulled):
    connection, prefix = pulled
    assert answered_by(connection, prefix) in FOLLOWERS
    assert value(connection, f"{prefix}SELECT name FROM demo.this_server FOR UPDATE") == "db1"
    assert value(connection, f"{prefix}SELECT name FROM demo.this_server LOCK IN SHARE MODE") == "db1"
    rows(connection, f"{prefix}SET @mine = 5")
    assert value(connection, f"{prefix}SELECT @mine FROM demo.this_server") == 5
    assert rows(connection, f"{prefix}SELECT name, @mine := @mine + 1 FROM demo.this_server") == (("db1", 6),)
    assert value(connection, "SELECT @mine") == 6


@pytest.mark.core
@pytest.mark.parametrize("named_by", ["rule", "hint"])
def test_server_that_is_removed_while_a_read_waits_for_it(causeway, cluster, table, named_by):
    """The read is then served elsewhere, and sees the session's write."""
    rule = {"rule:named": {"match": r"\bpulled\b", "to": "server:db3"}} if named_by == "rule" else {}
    prefix = "/* causeway to=server:db3 */ " if named_by == "hint" else ""
    routing = {"causal_timeout": "20s", "max_lag": "60s"}
    proxy = causeway({"routing": routing, **rule})
    answers = []

    def read(connection):
        try:
            answers.append(rows(connection, f"{prefix}SELECT note AS pulled FROM {table}"))
        except pymysql.MySQLError as error:
            answers.append(error)

    def waits():
        return any(row["state"].lower() in ("wait_position", "waits for a position")
                   for row in proxy.console("SHOW SESSIONS"))

    with contextlib.closing(proxy.connect()) as connection:
        answered_by(connection)
        with cluster.applier_stopped([cluster.named("db3")]):
            rows(connection, f"INSERT INTO {table} VALUES (1, 'mine')")
            reader = threading.Thread(target=read, args=(connection,))
            reader.start()
            try:
                wait_until(waits, "the read to wait for db3")
                proxy.write_config({"routing": routing, "server:db3": None})
                proxy.reload()
                wait_until(lambda: answers, "the read to be answered elsewhere", 15)
            finally:
                reader.join(60)
        assert answers == [(("mine",),)]
        assert answered_by(connection) == "db2"
    assert proxy.alive()


@pytest.mark.core
def test_refuse_rule_sees_the_beginning_of_a_long_statement(causeway, cluster, table):
    """More than is held (1 MiB): padding does not carry a statement past the rule. The client gets the
    error, and the connection goes on behind the statement."""
    proxy = causeway({"rule:no": {"match": r"^\s*DELETE\b", "to": "refuse"}})
    cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'kept')")
    padding = "/*" + "x" * (2 * MIB) + "*/"
    with contextlib.closing(proxy.connect()) as connection:
        for sql in (
            f"DELETE FROM {table}",
            f"DELETE FROM {table} {padding}",
            f"DELETE {padding} FROM {table}",
            f"DELETE FROM {table} /*{'x' * (17 * MIB)}*/",
        ):
            with pytest.raises(pymysql.MySQLError) as refusal:
                rows(connection, sql)
            assert refusal.value.args[0] == 1148
            assert cluster.leader.value(f"SELECT note FROM {table}") == "kept"
        assert rows(connection, f"SELECT 7 {padding}") == ((7,),), "others pass"



# -- KILL


@pytest.mark.core
@pytest.mark.parametrize("command", ["KILL {}", "KILL CONNECTION {}", "COM_PROCESS_KILL"])
def test_kill_of_oneself(raw, command):
    """As the server does it: 1927, and then the end of the connection."""
    mine = raw.greeting.connection_id
    if command == "COM_PROCESS_KILL":
        answer = raw.simple(wire.PROCESS_KILL, struct.pack("<I", mine))
    else:
        answer = raw.query(command.format(mine))
    refused_with(answer, 1927)
    with pytest.raises((wire.WireError, ConnectionError)):
        raw.query("SELECT 1")


@pytest.mark.core
def test_kill_of_oneself_by_a_client_library(proxy):
    with contextlib.closing(proxy.connect()) as connection:
        with pytest.raises(pymysql.err.OperationalError) as error:
            rows(connection, f"KILL {connection.thread_id()}")
        assert error.value.args[0] == 1927, error.value.args
        with pytest.raises(pymysql.MySQLError) as error:
            rows(connection, "SELECT 1")
        assert error.value.args[0] in (2006, 2013), error.value.args


@pytest.mark.core
def test_kill_query_reaches_a_statement_on_a_follower(proxy, cluster, client):
    """Once, while it runs: it ends there, is not run again elsewhere, and its session goes on."""
    sql = "SELECT name, SLEEP(30) FROM demo.this_server"
    answers = []

    def run():
        try:
            answers.append(rows(client, sql))
        except pymysql.MySQLError as error:
            answers.append(error.args[0])

    def running():
        count = "SELECT COUNT(*) FROM information_schema.processlist WHERE info = %s"
        return [server.name for server in cluster.servers if server.value(count, (sql,))]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        served = wait_until(running, "the statement to run")
        assert len(served) == 1 and served[0] in FOLLOWERS, served
        with contextlib.closing(proxy.connect()) as other:
            assert rows(other, f"KILL QUERY {client.thread_id()}") == ()
        wait_until(lambda: answers, "the end of the statement")
    finally:
        thread.join(60)
    assert answers in ([1317], [((served[0], 1),)]), answers
    assert not running()
    assert value(client, "SELECT 5") == 5
