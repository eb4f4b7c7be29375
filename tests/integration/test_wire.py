"""Through Causeway a client gets the very bytes that the leader would have sent it, for clients of
every age: with and without DEPRECATE_EOF, SESSION_TRACK and MariaDB's extended capabilities."""

import contextlib
import struct

import pytest

import wire
from harness import wait_until
from wire import Wire, packets_of

pytestmark = pytest.mark.core

CLIENTS = {
    "old": wire.PLAIN,
    "deprecate-eof": wire.PLAIN | wire.DEPRECATE_EOF,
    "session-track": wire.PLAIN | wire.SESSION_TRACK,
    "modern": wire.PLAIN | wire.DEPRECATE_EOF | wire.SESSION_TRACK,
    "found-rows": wire.PLAIN | wire.FOUND_ROWS,
    "mariadb": wire.PLAIN | wire.DEPRECATE_EOF | wire.SESSION_TRACK | wire.STMT_BULK_OPERATIONS
    | wire.EXTENDED_METADATA | wire.CACHE_METADATA,
}

TYPES = """
CREATE TABLE wire_types (
  id INT PRIMARY KEY AUTO_INCREMENT, ti TINYINT, si SMALLINT, mi MEDIUMINT, iu INT UNSIGNED,
  bi BIGINT, fl FLOAT, do DOUBLE, de DECIMAL(20,5), bt BIT(12), da DATE, tm TIME(3),
  dt DATETIME(6), ts TIMESTAMP NULL, yr YEAR, ch CHAR(10), vc VARCHAR(50), bn BINARY(6),
  vb VARBINARY(20), tb TINYBLOB, bl BLOB, tx TEXT, lt LONGTEXT, en ENUM('a','b'), st SET('x','y'),
  pt POINT, js JSON, uu UUID, i6 INET6, l1 VARCHAR(20) CHARACTER SET latin1)
"""
TYPES_ROW = """
INSERT INTO wire_types VALUES (NULL, -128, -32768, -8388608, 4294967295, -9223372036854775808,
  1.5, -2.25e300, 12345.67891, b'101010101010', '2024-02-29', '-838:59:59.123',
  '2024-02-29 23:59:59.123456', '2024-01-01 00:00:01', 2024, 'char', 'Zeichen ünd €', 'bin',
  0x00ff00, 'tiny', REPEAT('b', 300), REPEAT('t', 70000), '', 'b', 'x,y', POINT(1,2), '{"a": [1]}',
  '123e4567-e89b-12d3-a456-426655440000', '::1', 'größe')
"""
NULLS = "INSERT INTO wire_types (id) VALUES (NULL)"

# Each is sent as one COM_QUERY; the session's state goes on from one to the next.
STATEMENTS = [
    "DROP TABLE IF EXISTS wire_types, wire_t, wire_load",
    TYPES,
    TYPES_ROW,
    NULLS,
    "SELECT * FROM wire_types",
    "SELECT * FROM wire_types WHERE FALSE",
    "SELECT NULL, '', 0, 1.0, 'x' AS `a name with spaces`",
    "CREATE TABLE wire_t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40), UNIQUE (v))",
    "INSERT INTO wire_t (v) VALUES ('a'), ('b'), ('c')",
    "INSERT INTO wire_t (v) VALUES ('a')",
    "SELECT ROW_COUNT(), LAST_INSERT_ID()",
    "INSERT INTO wire_t (v) VALUES ('d') RETURNING id, v",
    "SELECT LAST_INSERT_ID()",
    "UPDATE wire_t SET v='b' WHERE v='b'",
    "UPDATE wire_t SET v='z' WHERE v='nobody'",
    "SELECT id, v FROM wire_t ORDER BY id",
    "SELECT COUNT(*) FROM wire_t; SELECT v FROM wire_t ORDER BY v; INSERT INTO wire_t (v) VALUES ('m')",
    "SELECT 1; SELECT nothing FROM nowhere; SELECT 2",
    "SELECT nothing FROM nowhere",
    "SELEC 1",
    "",
    "SELECT 'unfinished",
    "SELECT 1/0, CAST('abc' AS INT)",
    "SHOW WARNINGS",
    "SELECT SQL_CALC_FOUND_ROWS v FROM wire_t ORDER BY v LIMIT 2",
    "SELECT FOUND_ROWS()",
    "SELECT @a := 5, @a",
    "SELECT @a",
    "SET NAMES latin1",
    "SELECT vc, l1 FROM wire_types WHERE id = 1",
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    'SELECT "v" FROM "wire_t" ORDER BY "v"',
    "SELECT 'a\\' AS backslash",
    "SET SESSION sql_mode = DEFAULT",
    "SET autocommit=0",
    "SELECT v FROM wire_t WHERE id = 1",
    "INSERT INTO wire_t (v) VALUES ('in trx')",
    "SELECT v FROM wire_t WHERE v = 'in trx'",
    "ROLLBACK",
    "SET autocommit=1",
    "SELECT v FROM wire_t WHERE v = 'in trx'",
    "START TRANSACTION",
    "SELECT COUNT(*) FROM wire_t",
    "INSERT INTO wire_t (v) VALUES ('kept')",
    "COMMIT",
    "START TRANSACTION READ ONLY",
    "SELECT v FROM wire_t WHERE v = 'kept'",
    "INSERT INTO wire_t (v) VALUES ('forbidden')",
    "COMMIT",
    "START TRANSACTION READ ONLY",
    "SELECT v FROM wire_t WHERE v = 'kept'",
    "CREATE TABLE IF NOT EXISTS wire_t (a INT)",
    "SELECT @@in_transaction",
    "START TRANSACTION READ ONLY",
    "SELECT v FROM wire_t WHERE v = 'kept'",
    "BEGIN",
    "INSERT INTO wire_t (v) VALUES ('after all')",
    "COMMIT",
    "BEGIN NOT ATOMIC START TRANSACTION; SELECT nothing; END",
    "SELECT v FROM wire_t WHERE id = 1",
    "ROLLBACK",
    "START TRANSACTION READ ONLY",
    "DROP TEMPORARY TABLE wire_nowhere",
    "SELECT @@in_transaction",
    "COMMIT",
    "BEGIN",
    "COMMIT AND CHAIN",
    "ROLLBACK RELEASE_NOT",
    "ROLLBACK",
    "SELECT v FROM wire_t WHERE id = 1 FOR UPDATE",
    "SELECT v FROM wire_t WHERE id = 1 LOCK IN SHARE MODE",
    "CALL wire_two_results(2)",
    "CALL wire_writes()",
    "CALL wire_fails()",
    "CALL wire_out(@out)",
    "SELECT @out",
    "SELECT wire_function(3)",
    "SHOW TABLES LIKE 'wire%'",
    "DESCRIBE wire_t",
    "SHOW CREATE TABLE wire_t",
    "SHOW VARIABLES LIKE 'character_set_client'",
    "SHOW COLLATION LIKE 'latin1%'",
    "EXPLAIN SELECT * FROM wire_t WHERE id = 1",
    "SELECT table_name FROM information_schema.tables WHERE table_schema='demo' AND table_name LIKE 'wire%'",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n",
    "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 DESC",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT v INTO @v FROM wire_t WHERE id = 1",
    "SELECT @v",
    "SELECT v FROM wire_t WHERE id = 99 INTO @v",
    "PREPARE p FROM 'SELECT ? + 1 AS n'",
    "SET @n = 41",
    "EXECUTE p USING @n",
    "DEALLOCATE PREPARE p",
    "EXECUTE p USING @n",
    "CREATE TEMPORARY TABLE wire_temporary AS SELECT 1 AS one",
    "SELECT * FROM wire_temporary",
    "DROP TEMPORARY TABLE wire_temporary",
    "SELECT GET_LOCK('wire', 1), IS_USED_LOCK('wire') IS NOT NULL",
    "SELECT RELEASE_LOCK('wire')",
    "LOCK TABLES wire_t READ",
    "SELECT COUNT(*) FROM wire_t",
    "SELECT COUNT(*) FROM wire_types",
    "UNLOCK TABLES",
    "HANDLER wire_t OPEN",
    "HANDLER wire_t READ FIRST",
    "HANDLER wire_t CLOSE",
    "BEGIN NOT ATOMIC SELECT 'compound'; SELECT COUNT(*) FROM wire_t; END",
    "DO SLEEP(0)",
    "SET @x = (SELECT MAX(v) FROM wire_t)",
    "SELECT @x",
    "SET SESSION lock_wait_timeout = 77",
    "SELECT @@lock_wait_timeout",
    "SET no_such_variable = 1",
    "USE information_schema",
    "SELECT DATABASE()",
    "USE mysql_not_mine",
    "USE demo",
    "SET STATEMENT max_statement_time=5 FOR SELECT COUNT(*) FROM wire_t",
    "SET time_zone = '+03:00'",
    "SELECT ts FROM wire_types WHERE id = 1",
    "SET time_zone = DEFAULT",
    "SET ROLE NONE",
    "SELECT REPEAT('r', 200000) FROM wire_t",
    "SELECT seq, REPEAT('s', seq % 300) FROM seq_1_to_20000",
    "DELETE FROM wire_t WHERE v = 'a' RETURNING v",
    "REPLACE INTO wire_t VALUES (2, 'b2'), (77, 'new')",
    "TRUNCATE wire_t",
    "ALTER TABLE wire_t ADD COLUMN extra INT DEFAULT 3",
    "ANALYZE TABLE wire_t",
    "CHECK TABLE wire_t",
    "KILL QUERY 4294967290",
    "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(300)),
    "/* a comment */ SELECT 1 -- trailing",
    "# only a comment",
    "/*!50000 SELECT 'executable comment' */",
    "SELECT 1;",
    "SELECT 1; ;",
    b"SELECT '\xff\xfe\x00 not utf8'",
]

ROUTINES = """
CREATE OR REPLACE PROCEDURE demo.wire_two_results(n INT)
  BEGIN SELECT n AS first; SELECT n * 2 AS second, 'x' AS text; END;
CREATE OR REPLACE PROCEDURE demo.wire_writes()
  BEGIN INSERT INTO demo.wire_t (v) VALUES ('by procedure'); SELECT v FROM demo.wire_t ORDER BY id; END;
CREATE OR REPLACE PROCEDURE demo.wire_fails()
  BEGIN SELECT 1 AS before_the_error; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'as asked'; END;
CREATE OR REPLACE PROCEDURE demo.wire_out(OUT o INT) SET o = 42;
CREATE OR REPLACE FUNCTION demo.wire_function(n INT) RETURNS INT DETERMINISTIC RETURN n * n
"""


@pytest.fixture(name="routines", autouse=True)
def routines_fixture(cluster):
    connection = cluster.leader.root()
    with contextlib.closing(connection), connection.cursor() as cursor:
        for statement in ROUTINES.strip().split(";\nCREATE"):
            text = statement if statement.startswith("CREATE") else "CREATE" + statement
            cursor.execute(text)
    cluster.caught_up()


def logged_in(port, capabilities, **settings):
    client = Wire(port)
    answer = client.login(capabilities=capabilities, schema="demo", **settings)
    assert answer[0] == 0, answer
    client.take()
    return client


def record(port, capabilities, script):
    """[(label, bytes)] of a script, which is a generator of labels that sends on a Wire. A connection
    that breaks is the last entry."""
    with contextlib.closing(logged_in(port, capabilities)) as client:
        found = []
        try:
            for label in script(client):
                found.append((label, client.take()))
        except (wire.WireError, OSError, LookupError, struct.error) as error:
            found.append((f"broken behind that: {error!r}", client.take()))
        return found


def with_sorted_changes(packet, capabilities):
    """A server process reports the variables that one statement changed in the order of a hash table
    over addresses: another order after each start. So they are compared sorted."""
    payload = packet[4:]
    if not capabilities & wire.SESSION_TRACK or payload[:1] not in (b"\0", b"\xfe") or len(payload) < 9:
        return packet
    try:
        _, at = wire.read_lenenc(payload, 1)
        _, at = wire.read_lenenc(payload, at)
        if not struct.unpack_from("<H", payload, at)[0] & 0x4000:
            return packet
        length, at = wire.read_lenenc(payload, at + 4)
        _, start = wire.read_lenenc(payload, at + length)
        changes, at = [], start
        while at < len(payload):
            length, body = wire.read_lenenc(payload, at + 1)
            changes.append(payload[at : body + length])
            at = body + length
    except (LookupError, struct.error):
        return packet  # a row that looks like an OK
    return packet[: 4 + start] + b"".join(sorted(changes))


def comparable(raw, capabilities):
    return [with_sorted_changes(packet, capabilities) for packet in without_early_hints(raw, capabilities)]


def first_difference(expected, got, capabilities):
    direct, through = (comparable(raw, capabilities) for raw in (expected, got))
    for number, (left, right) in enumerate(zip(direct, through)):
        if left != right:
            return f"packet {number}:\n  direct   {left[:160]!r}\n  causeway {right[:160]!r}"
    if len(direct) != len(through):
        return f"direct sent {len(direct)} packets, Causeway {len(through)}"
    return ""


def offered(port, capabilities):
    """What a client would use of them before that server. (Causeway offers neither progress reports
    nor results without their column definitions.)"""
    with contextlib.closing(Wire(port)) as client:
        client.read_greeting()
        greeting = client.greeting
    # A server of the MariaDB kind leaves LONG_PASSWORD out of its greeting, clients send it anyway.
    return capabilities & (greeting.capabilities | greeting.extended << 32 | wire.LONG_PASSWORD)


def without_early_hints(raw, capabilities):
    """For clients without DEPRECATE_EOF the server says already behind the column definitions that a
    query used no index (or was slow); between servers that speak DEPRECATE_EOF this is said only
    behind the rows, so Causeway can't know it yet. The last EOF keeps it."""
    packets = packets_of(raw)
    if capabilities & wire.DEPRECATE_EOF:
        return packets
    for number, packet in enumerate(packets[:-1]):
        if len(packet) == 9 and packet[4] == 0xFE:
            packets[number] = packet[:7] + bytes([packet[7] & ~0x30, packet[8] & ~0x08])
    return packets


def assert_same(cluster, proxy, capabilities, script):
    capabilities = offered(proxy.port, capabilities)
    expected = record(cluster.leader.port, capabilities, script)
    got = record(proxy.port, capabilities, script)
    different = [
        f"{label!r}\n  {first_difference(left, right, capabilities)}"
        for (label, left), (_, right) in zip(expected, got)
        if first_difference(left, right, capabilities)
    ]
    if len(got) < len(expected):
        different.append(f"after {len(got)} of {len(expected)}: {got[-1][0]}")
    assert not different, f"{len(different)} of {len(expected)} differ:\n" + "\n".join(different[:12])


@pytest.fixture(params=CLIENTS, name="capabilities")
def capabilities_fixture(request):
    return CLIENTS[request.param]


def test_greeting_is_the_leaders(cluster, proxy):
    """Version, capabilities, collation, status and plugin; only salt and id are Causeway's own."""
    greetings = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(Wire(port)) as client:
            client.read_greeting()
            greetings.append(client.greeting)
    direct, through = greetings
    assert through.version == direct.version
    assert (through.protocol, through.plugin, through.status) == (10, direct.plugin, direct.status)
    assert through.collation == direct.collation
    # TLS, compression and interactive flags may be less than direct, never more.
    assert not through.capabilities & ~direct.capabilities
    needed = (
        wire.PROTOCOL_41 | wire.PLUGIN_AUTH | wire.SECURE_CONNECTION | wire.MULTI_STATEMENTS
        | wire.MULTI_RESULTS | wire.PS_MULTI_RESULTS | wire.SESSION_TRACK | wire.DEPRECATE_EOF
        | wire.LOCAL_FILES | wire.CONNECT_ATTRS | wire.FOUND_ROWS | wire.TRANSACTIONS
    )
    assert through.capabilities & needed == needed
    assert through.extended & 0x0C == direct.extended & 0x0C, "bulk operations, extended metadata"
    assert len(set(through.salt)) > 5 and 0 not in through.salt


def test_text_statements(cluster, proxy, capabilities):
    def script(client):
        for statement in STATEMENTS:
            client.query(statement)
            yield statement

    assert_same(cluster, proxy, capabilities, script)


def test_simple_commands(cluster, proxy, capabilities):
    def script(client):
        yield client.query("CREATE OR REPLACE TABLE wire_c (a INT, b TEXT, c DATE)") and "create"
        yield client.simple(wire.PING) and "ping"
        yield client.field_list("wire_c") and "field list"
        yield client.field_list("wire_c", "b%") and "field list, wildcard"
        yield client.field_list("no_such_table") and "field list of nothing"
        yield client.simple(wire.INIT_DB, b"information_schema") and "init db"
        yield client.simple(wire.INIT_DB, b"no_such_schema") and "init db, unknown"
        yield client.query("SELECT DATABASE()") and "where am I"
        yield client.simple(wire.INIT_DB, b"demo") and "init db back"
        yield client.simple(wire.SET_OPTION, b"\x01\x00") and "multi statements off"
        yield client.query("SELECT 1; SELECT 2") and "multi statement refused"
        yield client.simple(wire.SET_OPTION, b"\x00\x00") and "multi statements on"
        yield client.query("SELECT 1; SELECT 2") and "multi statement again"
        yield client.simple(wire.SET_OPTION, b"\x09\x00") and "unknown option"
        yield client.query("SET @u=1, NAMES latin1") and "set"
        yield client.simple(wire.RESET_CONNECTION) and "reset"
        yield client.query("SELECT @u, @@character_set_client") and "reset worked"
        yield client.simple(wire.PROCESS_KILL, struct.pack("<I", 4294967290)) and "kill nobody"
        yield client.simple(0x63) and "unknown command"
        yield client.simple(wire.PING) and "ping again"

    assert_same(cluster, proxy, capabilities, script)


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE IF EXISTS nothing_there"])
def test_client_without_multi_statements(cluster, proxy, sql):
    """The flag is what protects an application from injected statements: it must hold behind
    Causeway too, for the same error, from the text and from a prepare."""
    def script(client):
        client.query(sql)
        yield "refused"
        client.query("SELECT 1;")
        yield "a trailing semicolon is fine"

    for capabilities in (CLIENTS["old"], CLIENTS["modern"]):
        assert_same(cluster, proxy, capabilities & ~wire.MULTI_STATEMENTS, script)


def test_statistics_looks_like_the_servers(proxy):
    with contextlib.closing(logged_in(proxy.port, wire.PLAIN)) as client:
        assert client.simple(wire.STATISTICS).startswith(b"Uptime: ")
        assert client.simple(wire.PING)[0] == 0


def masked_prepare(client, sql):
    """Prepares; the reply's statement id (four bytes that may differ) is blanked."""
    before = len(client.raw)
    prepared = client.prepare(sql)
    if not isinstance(prepared, bytes):
        client.raw[before + 5 : before + 9] = b"\0\0\0\0"
    return prepared


def prepared_script(client):
    client.query("CREATE OR REPLACE TABLE wire_p (id INT PRIMARY KEY, v VARCHAR(40), b LONGBLOB)")
    yield "create"
    client.query(f"{TYPES.replace('CREATE', 'CREATE OR REPLACE')}; {TYPES_ROW}; {NULLS}")
    yield "types"
    insert = masked_prepare(client, "INSERT INTO wire_p VALUES (?, ?, ?)")[0]
    yield "prepare insert"
    for number in range(3):
        client.execute(insert, [number, b"text %d" % number, None])
        yield f"insert {number}"
    client.execute(insert, [1, b"again", None])
    yield "duplicate key"
    read = masked_prepare(client, "SELECT id, v, b FROM wire_p WHERE id >= ? ORDER BY id")[0]
    yield "prepare read"
    client.execute(read, [1])
    yield "read"
    client.execute(read, [100])
    yield "read nothing"
    masked_prepare(client, "SELECT id, 1 AS id FROM wire_p WHERE v = ? GROUP BY id")
    yield "prepare with a warning"
    everything = masked_prepare(client, "SELECT * FROM wire_types WHERE id < ?")[0]
    yield "prepare types"
    client.execute(everything, [10])
    yield "all types, binary rows"
    client.execute(everything, [10])
    yield "all types, binary rows, again"
    client.long_data(insert, 2, b"part one, ")
    client.long_data(insert, 2, b"part two")
    client.execute(insert, [10, b"long", b""], long_data={2})
    yield "long data"
    client.execute(read, [10])
    yield "long data read"
    client.long_data(insert, 2, b"to be dropped")
    client.simple(wire.STMT_RESET, struct.pack("<I", insert))
    yield "reset"
    client.execute(insert, [11, b"after reset", b"short"])
    yield "after reset"
    client.execute(read, [0], cursor=1)
    yield "cursor opened"
    client.fetch(read, 2)
    yield "fetch 2"
    client.fetch(read, 100)
    yield "fetch the rest"
    client.execute(read, [0], cursor=1)
    client.simple(wire.STMT_RESET, struct.pack("<I", read))
    yield "cursor dropped by reset"
    client.execute(read, [0], cursor=1)
    client.query("SELECT 'between' AS word")
    client.fetch(read, 1)
    yield "another statement while a cursor stands"
    client.simple(wire.STMT_RESET, struct.pack("<I", read))
    yield "reset again"
    call = masked_prepare(client, "CALL wire_two_results(?)")[0]
    yield "prepare call"
    client.execute(call, [4])
    yield "call"
    out = masked_prepare(client, "CALL wire_out(?)")[0]
    yield "prepare out"
    client.execute(out, [0])
    yield "out parameter"
    masked_prepare(client, "SELECT nothing FROM nowhere")
    yield "prepare fails"
    masked_prepare(client, "SELEC")
    yield "prepare syntax"
    masked_prepare(client, "SELECT 1; SELECT 2")
    yield "prepare of two"
    client.send(bytes([wire.STMT_CLOSE]) + struct.pack("<I", read))
    client.simple(wire.PING)
    yield "close says nothing"
    change = masked_prepare(client, "SET @from_prepared = ?")[0]
    yield "prepare set"
    client.execute(change, [7])
    yield "set"
    client.query("SELECT @from_prepared")
    yield "seen"
    returning = masked_prepare(client, "INSERT INTO wire_p VALUES (?, 'r', NULL) RETURNING id, v")[0]
    yield "prepare returning"
    client.execute(returning, [20])
    yield "returning"
    begin = masked_prepare(client, "START TRANSACTION READ ONLY")
    yield "prepare begin"
    if not isinstance(begin, bytes):
        client.execute(begin[0])
        client.query("COMMIT")
        yield "begin, commit"
    client.query("ALTER TABLE wire_p ADD COLUMN later INT DEFAULT 5")
    client.execute(insert, [30, b"x", None])
    yield "executed after ALTER"


def test_prepared_statements(cluster, proxy, capabilities):
    assert_same(cluster, proxy, capabilities, prepared_script)


def test_closed_statement_is_unknown(cluster, proxy, capabilities):
    """The same error as direct; its text names the id that the client used."""
    def script(client):
        statement = masked_prepare(client, "SELECT 1")[0]
        client.send(bytes([wire.STMT_CLOSE]) + struct.pack("<I", statement))
        client.take()
        code = wire.error_of(client.execute(statement))[0]
        client.take()
        yield code
        code = wire.error_of(client.execute(4711))
        yield code
        client.take()
        yield wire.error_of(client.simple(wire.STMT_RESET, struct.pack("<I", 4711)))

    def labels(port):
        return [label for label, _ in record(port, capabilities, script)]

    assert labels(proxy.port) == labels(cluster.leader.port)


def test_what_a_missing_statement_leaves(cluster, proxy, capabilities):
    """The server's words, with the client's number, and its diagnostics. Numbers that were given differ."""
    def nobodys(client, number):
        error = wire.error_of(client.execute(number))
        assert error[0] == 1243 and f"handler ({number}) given to mysqld_stmt_execute" in str(error)
        client.take()

    def script(client):
        closed, kept = masked_prepare(client, "SELECT 1")[0], masked_prepare(client, "SELECT 2")[0]
        client.send(bytes([wire.STMT_CLOSE]) + struct.pack("<I", closed))
        yield "prepared, one is closed"
        nobodys(client, closed)
        client.query("SHOW COUNT(*) ERRORS")
        yield "an error"
        for trx in ("SELECT 1", "START TRANSACTION READ ONLY", "COMMIT"):
            client.query(trx)
            client.query("SELECT 3")
            yield trx
            client.execute(4711)
            client.query("SHOW WARNINGS")
            yield "nobody's, executed"
            client.simple(wire.STMT_RESET, struct.pack("<I", 4712))
            client.query("SHOW WARNINGS")
            yield "reset"
            client.fetch(4713, 1)
            client.query("SHOW WARNINGS")
            yield "fetched"
        for number in range(kept + 1, kept + 60):
            nobodys(client, number)
        for label in ("not executed", "executed"):
            assert f"({kept}) has no open cursor" in str(wire.error_of(client.fetch(kept, 1)))
            client.take()
            client.query("SHOW COUNT(*) ERRORS")
            client.execute(kept)
            yield f"without a cursor: {label}"
        client.execute(4714)
        client.long_data(4711, 0, b"x")
        client.query("SHOW WARNINGS")
        yield "parameters of nobody's say nothing"
        masked_prepare(client, "SELEC")
        client.execute(-1)
        yield "the last one that was prepared is none"
        client.execute(kept)
        yield "all is well"

    assert_same(cluster, proxy, capabilities, script)


def test_statement_id_minus_one(cluster, proxy, capabilities):
    """PREPARE and EXECUTE of "the last prepared one" in one write."""
    def script(client):
        for sql, parameters in (("SELECT ? AS a, 'x' AS b", [5]), ("SELECT 3", [])):
            client.socket.sendall(
                wire.frame(bytes([wire.STMT_PREPARE]) + sql.encode())
                + wire.frame(client.execute_bytes(-1, parameters))
            )
            first = client.packet()
            client.raw[5:9] = b"\0\0\0\0"
            _, columns, count = struct.unpack_from("<IHH", first, 1)
            client.read_definitions(count)
            client.read_definitions(columns)
            client.read_result()
            yield sql

    assert_same(cluster, proxy, capabilities, script)


def test_bulk_execute(cluster, proxy):
    def script(client):
        client.query("CREATE OR REPLACE TABLE wire_b (a VARCHAR(10), b VARCHAR(10))")
        statement = masked_prepare(client, "INSERT INTO wire_b VALUES (?, ?)")[0]
        yield "prepare"
        client.bulk_insert(statement, [(b"a", b"b"), (b"c", None), (b"d", b"e")])
        yield "bulk"
        client.query("SELECT * FROM wire_b ORDER BY a")
        yield "read"

    assert_same(cluster, proxy, CLIENTS["mariadb"], script)


def test_pipelined_commands_are_answered_in_order(cluster, proxy, capabilities):
    def script(client):
        client.query("CREATE OR REPLACE TABLE wire_l (n INT PRIMARY KEY)")
        yield "create"
        texts = []
        for number in range(60):
            texts += [f"INSERT INTO wire_l VALUES ({number})", f"SELECT {number}, COUNT(*) FROM wire_l"]
        texts.insert(50, "SELECT nothing FROM nowhere")
        texts.insert(70, "BEGIN")
        texts.insert(80, "COMMIT")
        client.socket.sendall(b"".join(wire.frame(b"\x03" + text.encode()) for text in texts))
        for text in texts:
            client.read_result()
            yield text

    assert_same(cluster, proxy, capabilities, script)


def test_load_data_local(cluster, proxy, capabilities):
    def script(client):
        client.query("CREATE OR REPLACE TABLE wire_load (a INT, b VARCHAR(3000))")
        yield "create"
        load = "LOAD DATA LOCAL INFILE 'f' INTO TABLE wire_load"
        client.query(load, {"f": [b"1\tone\n2\ttwo\n"]})
        yield "one part"
        client.query(load, {"f": [b"%d\t%s\n" % (n, b"x" * 2000) for n in range(1500)]})
        yield "1500 parts"
        client.query(load, {})
        yield "empty"
        client.query(load, {"f": [b"not a number\tz\n9\t" + b"y" * 4000 + b"\n"]})
        yield "warnings"
        client.query("SHOW WARNINGS")
        yield "shown"
        client.query(load + "; SELECT COUNT(*) FROM wire_load", {"f": [b"5\tfive\n"]})
        yield "in a multi-statement"
        client.query("LOAD DATA LOCAL INFILE 'f' INTO TABLE no_such_table", {"f": [b"1\n"] * 5})
        yield "no such table"
        client.query("SELECT a, LENGTH(b) FROM wire_load ORDER BY a, 2")
        yield "read"

    assert_same(cluster, proxy, capabilities, script)


def big_script(client):
    client.query("CREATE OR REPLACE TABLE wire_big (id INT PRIMARY KEY, b LONGBLOB)")
    for name, length in (
        ("one packet's limit, exactly", wire.MAX_PACKET - 4),
        ("one less", wire.MAX_PACKET - 5),
        ("one more", wire.MAX_PACKET - 3),
        ("two limits, exactly", 2 * wire.MAX_PACKET - 9),
    ):
        client.query(f"SELECT REPEAT('x', {length})")
        yield name
    overhead = len(b"\x03SELECT LENGTH('')")
    for name, length in (("sent: the limit, exactly", wire.MAX_PACKET - overhead), ("sent: over", 17_000_000)):
        client.query(b"SELECT LENGTH('" + b"y" * length + b"')")
        yield name
    client.query(b"INSERT INTO wire_big VALUES (1, '" + b"z" * 17_000_000 + b"')")
    yield "insert"
    client.query("SELECT MD5(b), b FROM wire_big")
    yield "select"
    insert = masked_prepare(client, "INSERT INTO wire_big VALUES (?, ?)")[0]
    client.execute(insert, [2, b"p" * 17_000_000])
    yield "prepared insert"
    read = masked_prepare(client, "SELECT b FROM wire_big WHERE id = ?")[0]
    client.execute(read, [2])
    yield "prepared select"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["old", "modern"])
def test_packets_over_16_mib(cluster, proxy, name):
    assert_same(cluster, proxy, CLIENTS[name], big_script)


def test_change_user(cluster, proxy, capabilities):
    capabilities = offered(proxy.port, capabilities)
    answers = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(logged_in(port, capabilities)) as client:
            found = []
            client.query("SET @u = 1")
            found.append(client.change_user("app", "app-demo", "demo"))
            found.append(client.query("SELECT 1 FROM nowhere"))
            client.take()
            client.query("SELECT @u, USER(), CURRENT_USER(), DATABASE()")
            found.append(client.take())
            found.append(client.change_user("app", "app-demo"))
            client.take()
            client.query("SELECT DATABASE()")
            found.append(client.take())
            answers.append(found)
    assert answers[1] == answers[0]


BEFORE_THE_CHANGE = (
    "USE demo",
    "SET NAMES latin1, @gone = 1, sql_mode = ''",
    "SET ROLE NONE",
    "SELECT GET_LOCK('wire_change', 0)",
    "BEGIN",
    "INSERT INTO wire_s VALUES (7)",
)
AFTER_THE_CHANGE = (
    "SELECT CURRENT_USER(), DATABASE(), @gone, @@sql_mode, @@collation_connection, @@in_transaction",
    "SELECT IS_FREE_LOCK('wire_change'), COUNT(*) FROM wire_s",
    "SET sql_mode = 'ANSI_QUOTES'",
    'SELECT "a" FROM wire_s',
)


@pytest.mark.parametrize("password, schema, code", [("wrong", "demo", 1045), ("app-demo", "nosuch", 1044)])
def test_refused_change_user(cluster, proxy, password, schema, code):
    """The server's error text; then the connection is a new session of the same user in the same schema. No fourth attempt."""
    answers = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(logged_in(port, CLIENTS["modern"])) as client:
            client.query("CREATE OR REPLACE TABLE demo.wire_s (a INT)")
            for statement in BEFORE_THE_CHANGE:
                client.query(statement)
            client.take()
            found = []
            for _ in range(4):
                found.append(wire.error_of(client.change_user("app", password, schema)))
                for statement in AFTER_THE_CHANGE:
                    client.take()
                    client.query(statement)
                    found.append(client.take())
            answers.append(found)
    assert answers[0][0][0] == code
    assert answers[0][-len(AFTER_THE_CHANGE) - 1][0] == 1047
    assert answers[1] == answers[0]


def test_session_track_bytes_are_only_for_those_who_asked(proxy):
    """Causeway tracks more on its side than the client asked for: none of it may come through."""
    with contextlib.closing(logged_in(proxy.port, CLIENTS["modern"])) as client:
        client.query("CREATE OR REPLACE TABLE wire_s (a INT)")
        client.query("SET SESSION lock_wait_timeout=55, @a=1; INSERT INTO wire_s VALUES (1); SELECT * FROM wire_s")
        assert b"last_gtid" not in client.take()
    with contextlib.closing(logged_in(proxy.port, CLIENTS["old"])) as client:
        client.query("USE demo; SET autocommit=1; INSERT INTO wire_s VALUES (3)")
        assert b"autocommit" not in client.take()


def test_quit_closes_the_connection(proxy, cluster):
    before = cluster.leader.sessions()
    client = logged_in(proxy.port, wire.PLAIN)
    client.query("SELECT 1 FOR UPDATE")
    client.send(bytes([wire.QUIT]))
    assert client.socket.recv(10) == b""
    client.close()
    wait_until(lambda: cluster.leader.sessions() <= before + 1, "the leader's connection pooled or gone")
