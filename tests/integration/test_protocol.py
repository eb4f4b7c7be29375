"""The rest of the protocol, as direct: bulk executions, long statements, cursors, data sent ahead,
errors in the middle, limits, rare commands."""

import contextlib
import struct
import threading

import pytest

import wire
from harness import PATIENCE, wait_until
from test_wire import CLIENTS, assert_same, logged_in, masked_prepare
from wire import Wire

TWO = {"old": CLIENTS["old"], "mariadb": CLIENTS["mariadb"]}


@pytest.fixture(params=TWO, name="capabilities")
def capabilities_fixture(request):
    return TWO[request.param]


def lose_server_connections(proxy, cluster, client):
    """The servers close every connection of `app`; the session gets new ones with its next command."""
    for server in cluster.servers:
        for (number,) in server.sql("SELECT id FROM information_schema.processlist WHERE user='app'"):
            with contextlib.suppress(Exception):
                server.sql(f"KILL {number}")
        wait_until(lambda server=server: server.sessions() == 0, "its connections to be gone")
    assert client.simple(wire.PING)[0] == 0 and proxy.alive()


# -- bulk executions


@pytest.mark.core
def test_bulk_executions(cluster, proxy):
    def script(client):
        client.query("CREATE OR REPLACE TABLE proto_b (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(10), "
                     "b VARCHAR(10) DEFAULT 'dflt', UNIQUE (a))")
        insert = masked_prepare(client, "INSERT INTO proto_b (a, b) VALUES (?, ?)")[0]
        yield "prepare"
        client.bulk_insert(insert, [(b"a", b"b"), (b"c", None), (b"d", b"e")])
        yield "bulk"
        client.bulk_insert(insert, [(b"f", b"g"), (b"h", b"i")], types=False)
        yield "types are known"
        client.execute(insert, [b"j", b"k"], send_types=False)
        yield "one row, types are known from the bulk"
        client.bulk_insert(insert, [(b"l", b"1"), (b"a", b"2"), (b"m", b"3")])
        yield "a duplicate in the middle"
        client.send(bytes([wire.STMT_BULK]) + struct.pack("<iH", insert, 128) + b"\xfd\0\xfd\0"
                    + b"\0\1n\2" + b"\0\1o\3" + b"\0\1p\1")
        client.read_result()
        yield "indicators: default, ignore, null"
        returning = masked_prepare(client, "INSERT INTO proto_b (a) VALUES (?) RETURNING id, a, b")[0]
        client.bulk_insert(returning, [(b"q",), (b"r",), (b"s",)])
        yield "returning"
        update = masked_prepare(client, "UPDATE proto_b SET b=? WHERE a=?")[0]
        client.bulk_insert(update, [(b"new", b"q"), (b"new", b"nobody"), (b"newer", b"r")])
        yield "update"
        client.bulk_insert(insert, [(b"t%d" % n, b"x") for n in range(3000)])
        yield "3000 rows"
        client.bulk_insert(insert, [(b"u%d" % n, b"0123456789") for n in range(100_000)])
        yield "longer than what is held"
        client.query("SELECT COUNT(*), SUM(CRC32(CONCAT(a, b))) FROM proto_b")
        yield "read"

    assert_same(cluster, proxy, CLIENTS["mariadb"], script)


@pytest.mark.core
@pytest.mark.parametrize("kind", ["bulk", "single", "long"])
def test_types_reach_a_new_connection(cluster, proxy, kind):
    """A client sends the types of parameters once; the connection that heard them may be gone."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_t (a VARCHAR(40), b LONGTEXT)")
        insert = client.prepare("INSERT INTO proto_t VALUES (?, ?)")[0]
        assert client.execute(insert, [b"first", b"x"])[0] == 0
        lose_server_connections(proxy, cluster, client)
        if kind == "bulk":
            assert client.bulk_insert(insert, [(b"second", b"x"), (b"third", b"x")], types=False)[0] == 0
        else:
            text = b"x" * (3_000_000 if kind == "long" else 1)
            assert client.execute(insert, [b"second", text], send_types=False)[0] == 0
    found = [row[0] for row in cluster.leader.sql("SELECT a FROM demo.proto_t ORDER BY a")]
    assert found == ["first", "second", "third"][: 3 if kind == "bulk" else 2]


def test_types_that_no_longer_fit(cluster, proxy):
    """A packet of the full 16 MiB can't take them: an error that says what to do, nothing else."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_t (a VARCHAR(40), b LONGTEXT)")
        insert = client.prepare("INSERT INTO proto_t VALUES (?, ?)")[0]
        assert client.execute(insert, [b"first", b"x"])[0] == 0
        lose_server_connections(proxy, cluster, client)
        code, _, text = wire.error_of(client.execute(insert, [b"second", b"x" * 17_000_000], send_types=False))
        assert code == 1210 and "prepare the statement again" in text
        assert client.execute(insert, [b"third", b"x" * 17_000_000])[0] == 0
    assert cluster.leader.sql("SELECT a, LENGTH(b) FROM demo.proto_t ORDER BY a")[1] == ("third", 17_000_000)


# -- long statements


@pytest.mark.core
def test_long_statements_are_prepared(cluster, proxy, capabilities):
    def script(client):
        for length in (1 << 20, 3_000_000, wire.MAX_PACKET):
            text = "y" * length
            statement = masked_prepare(client, f"SELECT LENGTH('{text}') AS l, ? AS p")[0]
            yield f"prepare {length}"
            client.execute(statement, [5])
            yield f"execute {length}"
            client.query("SELECT 1 FROM DUAL")
            client.execute(statement, [b"again"])
            yield f"execute {length} again"
            masked_prepare(client, f"SELECT LENGTH('{text}'), nothing FROM nowhere")
            yield f"prepare {length} fails"

    assert_same(cluster, proxy, capabilities, script)


def test_a_long_statement_is_gone_with_its_connection(cluster, proxy):
    """Its text is not kept: the session ends with the connection that has it."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.prepare(f"SELECT LENGTH('{'y' * 2_000_000}')")
        for (number,) in cluster.leader.sql("SELECT id FROM information_schema.processlist WHERE user='app'"):
            cluster.leader.sql(f"KILL {number}")
        assert client.socket.recv(1) == b""


# -- data sent ahead


@pytest.mark.slow
def test_100_mib_sent_ahead(cluster, proxy):
    """Bounded memory, every byte, and on the connection where the statement runs."""
    chunk, count = bytes(range(256)) * 4096, 100  # 1 MiB each
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_l (id INT, b LONGBLOB)")
        insert = client.prepare("INSERT INTO proto_l VALUES (?, ?)")[0]
        before = proxy.rss_kib()
        highest = []
        for _ in range(count):
            client.long_data(insert, 1, chunk)
            highest.append(proxy.rss_kib())
        client.query("SELECT name FROM this_server")  # another statement between them
        client.socket.settimeout(60 * PATIENCE)
        assert client.execute(insert, [1, b""], long_data={1})[0] == 0
        assert max(highest) - before < 20_000 * PATIENCE
    assert cluster.leader.sql("SELECT LENGTH(b), MD5(b)=MD5(REPEAT(LEFT(b, 1048576), 100)) FROM demo.proto_l")[0] \
        == (count * len(chunk), 1)
    cluster.leader.sql("DROP TABLE demo.proto_l")


def test_data_sent_ahead_waits_once(cluster, causeway):
    """Without a leader the first packet waits for one, the others and the execution don't wait again."""
    proxy = causeway({"routing": {"leader_wait": "1500ms"}})
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_l (id INT, b LONGBLOB)")
        insert = client.prepare("INSERT INTO proto_l VALUES (?, ?)")[0]
        cluster.leader.tool("kill")
        wait_until(lambda: "is lost in state COMMAND" in proxy.log_text(), "the connection to be lost")
        try:
            for _ in range(6):
                client.long_data(insert, 1, b"part")
            code, _, text = wire.error_of(client.execute(insert, [1, b""], long_data={1}))
            assert code == 1210 and "lost" in text  # within the 10 s of the socket, not 7 times 1.5 s
        finally:
            cluster.leader.tool("restart")
            cluster.heal()
        proxy.wait_in_rotation("db1")
        client.long_data(insert, 1, b"once more")
        assert client.execute(insert, [2, b""], long_data={1})[0] == 0
    assert cluster.leader.sql("SELECT id, b FROM demo.proto_l") == ((2, b"once more"),)


# -- cursors


def fetch_all(client, statement, step):
    while not client.status_of(client.fetch(statement, step)) & wire.LAST_ROW_SENT:
        pass


@pytest.mark.core
def test_cursors(cluster, proxy, capabilities):
    """Several at once, read in turns, closed early, beside other statements and across a commit."""
    def script(client):
        client.query("CREATE OR REPLACE TABLE proto_c (id INT PRIMARY KEY, v VARCHAR(300)) "
                     "SELECT seq AS id, REPEAT(CHAR(65 + seq % 26), seq % 300) AS v FROM seq_1_to_400")
        yield "create"
        first = masked_prepare(client, "SELECT id, v FROM proto_c WHERE id > ? ORDER BY id")[0]
        second = masked_prepare(client, "SELECT v FROM proto_c ORDER BY id DESC")[0]
        third = masked_prepare(client, "SELECT id FROM proto_c WHERE id < 0")[0]
        yield "prepare"
        client.execute(first, [10], cursor=1)
        client.execute(second, cursor=1)
        client.execute(third, cursor=1)
        yield "three are open"
        for _ in range(3):
            client.fetch(first, 7)
            client.fetch(second, 3)
            yield "in turns"
        client.fetch(third, 1)
        yield "no rows"
        client.query("SELECT COUNT(*) FROM proto_c")
        client.query("INSERT INTO proto_c VALUES (1000, 'late')")
        yield "beside others"
        client.send(bytes([wire.STMT_CLOSE]) + struct.pack("<I", second))
        client.fetch(first, 5)
        yield "one is closed"
        fetch_all(client, first, 100)
        yield "to the end"
        client.execute(first, [390], cursor=1)
        client.fetch(first, 1)
        client.execute(first, [395], cursor=1)
        fetch_all(client, first, 2)
        yield "executed while open"
        client.query("BEGIN")
        client.execute(first, [0], cursor=1)
        client.fetch(first, 2)
        client.query("UPDATE proto_c SET v='changed' WHERE id=1")
        client.fetch(first, 2)
        client.query("COMMIT")
        client.fetch(first, 2)
        yield "across a commit"
        client.execute(first, [b"395"], cursor=0)
        yield "without a cursor"
        error = masked_prepare(client, "SELECT id, (SELECT 1 UNION SELECT id > 350) FROM proto_c")[0]
        client.execute(error, cursor=1)
        yield "an error when it is opened"

    assert_same(cluster, proxy, capabilities, script)


def test_cursor_on_a_follower(cluster, proxy):
    """It stays where it was opened, whatever runs on the leader meanwhile."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_f (id INT)")
        name = client.prepare("SELECT name, seq FROM this_server, seq_1_to_50")[0]
        cluster.caught_up()
        client.query("SELECT COUNT(*) FROM proto_f")
        client.execute(name, cursor=1)
        opened = client.take()
        names = set()
        for number in range(10):
            client.fetch(name, 5)
            rows = client.take()
            names.update(word for word in (b"db1", b"db2", b"db3") if word in rows)
            client.query(f"INSERT INTO proto_f VALUES ({number})")
            client.take()
        assert len(names) == 1 and names != {b"db1"}, (opened, names)


@pytest.mark.core
def test_an_open_cursor_keeps_its_follower(cluster, proxy):
    """That follower falls behind the session's own write: its reads are the leader's until the cursor is done."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        client.query("CREATE OR REPLACE TABLE proto_k (id INT)")
        cluster.caught_up()
        cursor = client.prepare("SELECT name, seq FROM this_server, seq_1_to_50")[0]
        client.execute(cursor, cursor=1)
        client.take()
        client.fetch(cursor, 5)
        rows = client.take()
        behind = next(server for server in cluster.followers if server.name.encode() in rows)
        with cluster.applier_stopped([behind]):
            client.query("INSERT INTO proto_k VALUES (1)")
            client.take()
            client.query("SELECT COUNT(*) FROM proto_k")
            assert b"\x011" in client.take()
            client.fetch(cursor, 45)
            assert client.take().count(behind.name.encode()) == 45


@pytest.mark.core
def test_set_option_outlasts_change_user(cluster, proxy, capabilities):
    def script(client):
        client.query("SELECT 1; SELECT 2")
        yield "several"
        client.simple(wire.SET_OPTION, struct.pack("<H", 1))
        client.query("SELECT 1; SELECT 2")
        yield "switched off"
        client.change_user("app", "app-demo", "demo")
        client.take()  # salts differ
        client.query("SELECT 1; SELECT 2")
        yield "still off"

    assert_same(cluster, proxy, capabilities, script)


@pytest.mark.core
def test_a_scope_that_was_written_out_is_not_reported(cluster, proxy, capabilities):
    """The server says nothing of SET @@name; so does Causeway, which sends it with a scope to hear of it."""
    def script(client):
        for sql in ("SET @@autocommit=0", "SET autocommit=1", "SET @@session.time_zone='+01:00'", "SET @@time_zone='+02:00'",
                    "SET @@sql_mode='ANSI', time_zone='+03:00'", "SET @@autocommit=1; SELECT 1"):
            client.query(sql)
            yield sql
        client.query("SELECT @@time_zone, @@sql_mode, @@autocommit")
        yield "they hold"
        prepared = masked_prepare(client, "SET @@autocommit=?")[0]
        client.execute(prepared, [0])
        yield "prepared"

    assert_same(cluster, proxy, capabilities, script)


# -- results


@pytest.mark.core
def test_results_of_every_kind(cluster, proxy, capabilities):
    texts = [
        "SELECT seq FROM seq_1_to_10 WHERE seq > 10",
        "SELECT 1 FROM DUAL WHERE FALSE; SELECT 2; DO 0",
        # errors behind rows that are already on their way
        "SELECT seq, REPEAT('x', 200), IF(seq < 3000, 1, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_5000",
        "SELECT 1; SELECT seq, IF(seq < 3, 1, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_5",
        # warnings
        "SET max_error_count=65535",
        "SELECT SUM(CAST('a' AS INT)) FROM seq_1_to_70000",
        "SELECT @@warning_count > 65535",
        "SELECT CAST('a' AS INT), 1/0; SELECT CAST('b' AS INT)",
        "SET max_error_count=DEFAULT",
        # 64 bits
        "CREATE OR REPLACE TABLE proto_w (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, v INT)",
        "INSERT INTO proto_w VALUES (9223372036854775807, 1)",
        "INSERT INTO proto_w (v) VALUES (2)",
        "INSERT INTO proto_w VALUES (18446744073709551614, 3)",
        "INSERT INTO proto_w (v) VALUES (4)",
        "UPDATE proto_w SET v=LAST_INSERT_ID(18446744073709551615) WHERE v=1",
        "UPDATE proto_w SET v=LAST_INSERT_ID(4294967296) - 4294967200 WHERE v=2",
        "SELECT LAST_INSERT_ID(), ROW_COUNT()",
        "INSERT INTO proto_w (v) SELECT 1 FROM seq_1_to_70000 LIMIT 0",
        "CREATE OR REPLACE TABLE proto_n (id INT PRIMARY KEY, v INT) SELECT seq AS id, seq AS v FROM seq_1_to_70000",
        "UPDATE proto_n SET v=v+1",
        "DELETE FROM proto_n WHERE v % 2",
        "CALL wire_two_results(1); SELECT 'behind'; CALL wire_fails(); SELECT 'never'",
        "CALL wire_two_results(1); CALL wire_writes_nothing()",
        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; SIGNAL SQLSTATE '45000'; END",
        "BEGIN NOT ATOMIC DECLARE c CURSOR FOR SELECT 1; OPEN c; SELECT 2 WHERE FALSE; CLOSE c; END",
        "INSERT INTO proto_n VALUES (99999, 1); SELECT nothing; SELECT 1",
        "EXPLAIN SELECT * FROM proto_n WHERE v = 3",
        "ANALYZE FORMAT=JSON SELECT 1",
        "SHOW WARNINGS; SHOW ERRORS; SHOW COUNT(*) WARNINGS",
        "HELP 'no such thing'",
        "DROP TABLE proto_n, proto_w",
        "DROP TABLE proto_n, proto_w",
        "DROP TABLE IF EXISTS proto_n, proto_w",
    ]

    def script(client):
        for text in texts:
            client.query(text)
            if "ANALYZE FORMAT" in text:
                client.take()  # it holds times
            yield text

    cluster.leader.sql("CREATE OR REPLACE PROCEDURE demo.wire_two_results(n INT) "
                       "BEGIN SELECT n AS first; SELECT n * 2 AS second, 'x' AS text; END")
    cluster.leader.sql("CREATE OR REPLACE PROCEDURE demo.wire_fails() BEGIN SELECT 1 AS before_the_error; "
                       "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'as asked'; END")
    assert_same(cluster, proxy, capabilities, script)


@pytest.mark.core
def test_prepared_calls(cluster, proxy, capabilities):
    """OUT and INOUT parameters come as a row of their own (SERVER_PS_OUT_PARAMS)."""
    cluster.leader.sql("CREATE OR REPLACE PROCEDURE demo.proto_out(IN a INT, OUT b INT, INOUT c TEXT) BEGIN "
                       "SELECT a AS given; SET b = a * 2; SET c = CONCAT(c, '!'); SELECT 'two' AS more; END")
    cluster.leader.sql("CREATE OR REPLACE PROCEDURE demo.proto_bad(OUT b INT) BEGIN "
                       "SET b = 1; SELECT 1 AS one; SIGNAL SQLSTATE '45000'; END")
    cluster.caught_up()

    def script(client):
        call = masked_prepare(client, "CALL proto_out(?, ?, ?)")[0]
        yield "prepare"
        for word in (b"some", b"other"):
            client.execute(call, [7, None, word])
            yield "call"
        client.execute(call, [8, None, b"cursor"], cursor=1)
        yield "with a cursor"
        bad = masked_prepare(client, "CALL proto_bad(?)")[0]
        client.execute(bad, [None])
        yield "fails behind a result"
        rows = masked_prepare(client, "SELECT seq, IF(seq < 3, 1, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_5")[0]
        client.execute(rows)
        yield "an error behind rows"
        nothing = masked_prepare(client, "DO 1")[0]
        client.execute(nothing)
        yield "no columns"
        show = masked_prepare(client, "SHOW TABLES LIKE 'no_such_table'")[0]
        client.execute(show)
        yield "no rows"

    assert_same(cluster, proxy, capabilities, script)


@pytest.mark.slow
def test_a_result_of_more_than_a_gib(proxy):
    """Bounded memory, also behind a client that reads slowly at first."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
        before = proxy.rss_kib()
        client.keep = False
        client.send(b"\x03SELECT seq, REPEAT('x', 16000) FROM seq_1_to_70000")
        wait_until(lambda: proxy.rss_kib() > before or True, "the result under way")
        count = int.from_bytes(client.packet()[:1], "little")
        for _ in range(count):
            client.packet()
        total = highest = rows = 0
        while True:
            payload = client.packet()
            if client.is_end(payload):
                break
            rows += 1
            total += len(payload)
            if rows % 5000 == 0:
                highest = max(highest, proxy.rss_kib())
        assert payload[0] == 0xFE and rows == 70000 and total > 1 << 30
        assert highest - before < 20_000 * PATIENCE


# -- LOAD DATA LOCAL


def test_load_data_that_ends_early(cluster, proxy):
    """The client goes away in the middle of its file: nothing of it stays, as direct."""
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.proto_load (a INT PRIMARY KEY)")
    for port in (cluster.leader.port, proxy.port):
        client = logged_in(port, CLIENTS["mariadb"])
        client.send(b"\x03LOAD DATA LOCAL INFILE 'f' INTO TABLE proto_load")
        assert client.packet()[0] == 0xFB
        client.send(b"1\n2\n3\n" * 5000, client.seq + 1)
        client.close()
        wait_until(lambda: cluster.leader.value(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'LOAD DATA%%'") == 0,
            "the server to give it up")
        assert cluster.leader.value("SELECT COUNT(*) FROM demo.proto_load") == 0


@pytest.mark.core
def test_load_data_with_errors(cluster, proxy, capabilities):
    def script(client):
        client.query("CREATE OR REPLACE TABLE proto_load (a INT PRIMARY KEY, b VARCHAR(5) NOT NULL)")
        yield "create"
        load = "LOAD DATA LOCAL INFILE 'f' INTO TABLE proto_load"
        client.query(load, {"f": []})
        yield "an empty file"
        client.query(load, {"f": [b"1\ta\n2\tb\n1\tc\n", b"3\td\n" * 300]})
        yield "duplicates are skipped"
        client.query("SET SESSION sql_mode='STRICT_ALL_TABLES'")
        client.query("LOAD DATA LOCAL INFILE 'f' INTO TABLE proto_load FIELDS TERMINATED BY ','",
                     {"f": [b"%d,too long for it\n" % n for n in range(10, 3000)]})
        yield "warnings"
        client.query(load + " (a, @b) SET b = (SELECT 1 UNION SELECT 2)",
                     {"f": [b"%d\tx\n" % n * 50 for n in range(5000, 9000)]})
        yield "an error in the middle"
        client.query("SELECT COUNT(*) FROM proto_load")
        yield "count"

    assert_same(cluster, proxy, capabilities, script)


# -- limits


def test_statements_over_max_allowed_packet(cluster, causeway):
    """1153 by the server, and the end of the connection, as direct; whatever the length."""
    cluster.leader.sql("SET GLOBAL max_allowed_packet=2097152")
    try:
        proxy = causeway()
        for length in (2_000_000, 2_097_152, 3_000_000, 20_000_000):
            answers = []
            for port in (cluster.leader.port, proxy.port):
                with contextlib.closing(logged_in(port, CLIENTS["modern"])) as client:
                    answers.append(too_long(client, length))
            # What a server says before it closes on bytes that it has not read may get lost, direct too.
            heard = {answer[0] for answer in answers} - ({b""} if length > 3_000_000 else set())
            assert answers[0][1] == answers[1][1] and len(heard) <= 1, (length, answers)
        with contextlib.closing(logged_in(proxy.port, CLIENTS["mariadb"])) as client:
            assert wire.error_of(client.query("SELECT REPEAT('x', 1) = REPEAT('y', 3000000) + nothing"))[0] == 1054
    finally:
        cluster.leader.sql("SET GLOBAL max_allowed_packet=134217728")


def too_long(client, length):
    """What the client hears of a statement that long, and whether the connection stands behind it."""
    sender = threading.Thread(target=send_quietly, args=(client, b"\x03SELECT LENGTH('" + b"x" * length + b"')"))
    sender.start()
    try:
        client.read_result()
        heard = client.take()
    except (wire.WireError, OSError):
        heard = b"the end"
    sender.join()
    try:
        return heard if heard != b"the end" else b"", client.simple(wire.PING)[0]
    except (wire.WireError, OSError):
        return heard if heard[4:5] == b"\xff" else b"", "closed"


def send_quietly(client, payload):
    with contextlib.suppress(OSError):
        client.send(payload)


# -- rare commands


@pytest.mark.core
def test_rare_commands(cluster, proxy, capabilities):
    """What the server says to an account without the privileges, and to commands that it does not know."""
    def script(client):
        for name, command, body in (
            ("debug", 0x0D, b""),
            ("shutdown", 0x08, b"\0"),
            ("create db", 0x05, b"proto_db"),
            ("drop db", 0x06, b"proto_db"),
            ("refresh tables", 0x07, b"\x04"),
            ("sleep", 0x00, b""),
            ("connect", 0x0B, b""),
            ("time", 0x0F, b""),
            ("delayed insert", 0x10, b""),
            ("table dump", 0x13, b"\0\0"),
            ("connect out", 0x14, b""),
            ("daemon", 0x1D, b""),
            ("binlog dump gtid", 0x1E, b""),
            ("multi", 0xFE, b""),
            ("nonsense", 0x77, b"body"),
            ("ping", wire.PING, b""),
        ):
            client.simple(command, body)
            yield name
        client.query("SHUTDOWN")
        yield "shutdown as a statement"
        client.query("SELECT 1")
        yield "still there"

    assert_same(cluster, proxy, capabilities, script)


@pytest.mark.core
def test_process_info_and_statistics(proxy, capabilities):
    with contextlib.closing(logged_in(proxy.port, capabilities)) as client:
        client.send(bytes([0x0A]))
        client.read_result()
        assert b"app" in client.take()
        assert client.simple(wire.STATISTICS).startswith(b"Uptime: ")
        assert client.simple(wire.PING)[0] == 0


def test_mysql_client_with_query_attributes(cluster, proxy):
    """A client that could send attributes does not where they are not offered, and works."""
    with contextlib.closing(Wire(proxy.port)) as client:
        client.read_greeting()
        assert not client.greeting.capabilities & wire.QUERY_ATTRIBUTES
        assert not client.greeting.capabilities & ~cluster_capabilities(cluster)


def cluster_capabilities(cluster):
    with contextlib.closing(Wire(cluster.leader.port)) as client:
        client.read_greeting()
        return client.greeting.capabilities


@pytest.mark.slow
def test_progress_reports(cluster, proxy):
    """They come between command and reply, for a client that asked for them."""
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.proto_p ENGINE=Aria "
                       "SELECT seq AS a, REPEAT('x', 200) AS b FROM demo.seq_1_to_150000")
    seen = {}
    for port in (cluster.leader.port, proxy.port):
        for capabilities in (CLIENTS["mariadb"], CLIENTS["mariadb"] | wire.PROGRESS):
            with contextlib.closing(logged_in(port, capabilities)) as client:
                client.socket.settimeout(60 * PATIENCE)
                client.query("SET progress_report_time=1")
                client.send(b"\x03ALTER TABLE proto_p ADD INDEX (a), ADD INDEX (b), ENGINE=Aria")
                reports = 0
                while (payload := client.packet())[:3] == b"\xff\xff\xff":
                    reports += 1
                assert payload[0] == 0
                client.query("ALTER TABLE proto_p DROP INDEX a, DROP INDEX b")
                seen[port, capabilities & wire.PROGRESS > 0] = reports > 0
    assert seen[proxy.port, True] == seen[cluster.leader.port, True]
    assert not seen[proxy.port, False]
    cluster.leader.sql("DROP TABLE demo.proto_p")
