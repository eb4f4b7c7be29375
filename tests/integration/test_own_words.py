"""Statements that Causeway answers itself, when they are prepared: SET and SELECT of the key and the
token. The key's are held against a server, for which @causeway_key is a variable like any other."""

import contextlib
import pathlib
import shutil
import struct
import subprocess

import pytest

import wire

CLIENTS = pathlib.Path(__file__).parent / "clients"

CAPABILITIES = {
    "eof": wire.PLAIN,
    "no-eof": wire.PLAIN | wire.DEPRECATE_EOF,
    "tracking": wire.PLAIN | wire.DEPRECATE_EOF | wire.SESSION_TRACK,
    "extended": wire.PLAIN | wire.DEPRECATE_EOF | wire.EXTENDED_METADATA,
}


@pytest.fixture(name="raw")
def raw_fixture(proxy):
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        assert raw.login(schema="demo")[0] == 0
        yield raw


def prepared(raw, sql):
    """The statement's id; the reply to its PREPARE is taken away."""
    answer = raw.prepare(sql)
    assert isinstance(answer, tuple), answer
    raw.take()
    return answer[0]


def shown(raw, statement, parameters=(), cursor=0):
    """The one row of an execution, as bytes behind its header; None for NULL."""
    raw.take()
    end = raw.execute(statement, parameters, cursor)
    assert end[0] != 0xFF, wire.error_of(end)
    packets = wire.packets_of(raw.take())
    row = packets[-2][4:]
    assert row[0] == 0
    if row[1] & 4:
        assert len(row) == 2
        return None
    length, at = wire.read_lenenc(row, 2)
    assert at + length == len(row)
    return row[at:]


def accepted(payload):
    assert payload[0] == 0, wire.error_of(payload)


def refused(payload, code):
    assert wire.error_of(payload)[0] == code, payload


@pytest.mark.core
@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_the_packets_are_those_of_a_server(proxy, cluster, capabilities):
    """Number, sequence and kind of all packets, the row byte by byte. (What definitions say of a
    variable's type and length, and the ids of statements, differ.)"""
    kinds, replies = [], []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(wire.Wire(port)) as raw:
            raw.login(schema="demo", capabilities=CAPABILITIES[capabilities])
            raw.take()
            setter = raw.prepare("SET @causeway_key = ?")
            getter = raw.prepare("SELECT @causeway_key")
            packets = wire.packets_of(raw.take())
            kinds.append([(packet[3], packet[4]) for packet in packets] + [setter[1:], getter[1:]])
            found = []
            for key in (b"alice", None, b"k" * 255):
                raw.execute(setter[0], (key,))
                raw.execute(getter[0])
                packets = wire.packets_of(raw.take())
                found.append([(packet[3], packet[4]) for packet in packets])
                row = next(packet for packet in packets[3:] if packet[4] == 0)
                found.append(row)
            replies.append(found)
    assert kinds[1] == kinds[0]
    assert replies[1] == replies[0]


@pytest.mark.core
@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_a_key_and_a_token_through_parameters(proxy, cluster, capabilities):
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login(schema="demo", capabilities=CAPABILITIES[capabilities])
        set_key, get_key = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key AS k")
        set_token = prepared(raw, "SET @@causeway_token = ?")
        get_token = prepared(raw, "SELECT @@causeway_token")
        for key, wanted in ((b"alice", b"alice"), (7, b"7"), (-7, b"-7"), (b"\0\xff'\\", b"\0\xff'\\"), (b"", None)):
            accepted(raw.execute(set_key, (key,)))
            assert shown(raw, get_key) == wanted
        position = cluster.leader.value("SELECT @@gtid_binlog_pos").encode()
        accepted(raw.execute(set_token, (position,)))
        assert shown(raw, get_token) == position
        accepted(raw.execute(set_token, (None,)))
        refused(raw.execute(set_token, (b"0-1",)), 1231)
        refused(raw.execute(set_key, (b"k" * 256,)), 1064)
        assert shown(raw, get_key) is None, "it is what it was"
        accepted(raw.execute(set_key, (b"k" * 255,)))
        assert shown(raw, get_key) == b"k" * 255
        raw.query("SELECT 1")
        assert b"\x011" in raw.take(), "the connection is in step"


def test_literals_in_prepared_words(raw):
    accepted(raw.execute(prepared(raw, "SET @causeway_key = 'literal'")))
    statement = prepared(raw, "SELECT @causeway_key")
    assert shown(raw, statement) == b"literal"
    accepted(raw.execute(prepared(raw, "SET @causeway_key = NULL")))
    assert shown(raw, statement) is None


def test_no_server_is_asked(raw, cluster):
    """Neither at PREPARE nor at EXECUTE: no connection of a follower is even opened."""
    with contextlib.closing(cluster.leader.root()) as root, root.cursor() as cursor:

        def prepares():
            cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_stmt_prepare', 'Com_stmt_execute')")
            return cursor.fetchall()

        before = prepares()
        for _ in range(10):
            accepted(raw.execute(prepared(raw, "SET @causeway_key = ?"), (b"local",)))
            assert shown(raw, prepared(raw, "SELECT @causeway_key")) == b"local"
        assert prepares() == before


def test_types_are_remembered_between_executions(raw):
    """Clients send the types of parameters once; later executions have the values alone."""
    setter, getter = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key")
    accepted(raw.execute(setter, (b"first",)))
    raw.send(bytes([wire.STMT_EXECUTE]) + struct.pack("<iBI", setter, 0, 1) + b"\0\0" + wire.lenenc_string(b"second"))
    accepted(raw.read_result())
    assert shown(raw, getter) == b"second"


@pytest.mark.parametrize("body, code", [
    (b"\0\x01\x05\0" + struct.pack("<d", 1.5), 1064),  # a double is no name
    (b"\0\x01\x0c\0\x04\xe8\x07\x02\x1d", 1064),  # a date
    (b"\0\x01\xfd\0\x09short", 1064),  # longer than the packet
    (b"\0\0", 1064),  # no types were ever sent
], ids=["double", "date", "cut", "typeless"])
def test_parameters_of_no_use_are_refused(raw, body, code):
    setter, getter = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key")
    accepted(raw.query("SET @causeway_key = 'before'"))
    raw.send(bytes([wire.STMT_EXECUTE]) + struct.pack("<iBI", setter, 0, 1) + body)
    refused(raw.read_result(), code)
    assert shown(raw, getter) == b"before"


def test_an_execution_too_short_for_its_parameter_is_refused(raw):
    """As a server refuses it; the session goes on."""
    setter = prepared(raw, "SET @causeway_key = ?")
    raw.send(bytes([wire.STMT_EXECUTE]) + struct.pack("<iBI", setter, 0, 1) + b"\0")
    refused(raw.packet(), 1210)
    accepted(raw.execute(setter, (b"whole",)))


def test_a_statement_without_parameters_may_be_sent_with_none(raw):
    """Some libraries leave everything behind the iterations away."""
    getter = prepared(raw, "SELECT @causeway_key")
    raw.send(bytes([wire.STMT_EXECUTE]) + struct.pack("<iBI", getter, 0, 1))
    assert raw.read_result()[0] == 0xFE


@pytest.mark.core
def test_long_data_is_refused_when_executed(raw):
    """COM_STMT_SEND_LONG_DATA has no reply of its own. What follows is in step; a reset, or the
    refusal itself, makes the statement usable again."""
    setter, getter = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key")
    raw.long_data(setter, 0, b"sent ahead")
    refused(raw.execute(setter, (b"",), long_data=(0,)), 1210)
    accepted(raw.execute(setter, (b"whole",)))
    assert shown(raw, getter) == b"whole"
    raw.long_data(setter, 0, b"x" * 100_000)
    raw.long_data(setter, 0, b"x" * 3_000_000)
    accepted(raw.simple(wire.STMT_RESET, struct.pack("<i", setter)))
    accepted(raw.execute(setter, (b"after the reset",)))
    assert shown(raw, getter) == b"after the reset"


def test_reset_and_close(raw):
    setter, getter = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key")
    accepted(raw.simple(wire.STMT_RESET, struct.pack("<i", getter)))
    accepted(raw.execute(setter, (b"x",)))
    raw.send(bytes([wire.STMT_CLOSE]) + struct.pack("<i", setter))
    refused(raw.execute(setter, (b"y",)), 1243)
    refused(raw.simple(wire.STMT_RESET, struct.pack("<i", setter)), 1243)
    assert shown(raw, getter) == b"x", "the other one stands"


@pytest.mark.core
def test_reset_connection_takes_them_along(raw):
    setter, getter = prepared(raw, "SET @causeway_key = ?"), prepared(raw, "SELECT @causeway_key")
    accepted(raw.execute(setter, (b"x",)))
    accepted(raw.simple(wire.RESET_CONNECTION))
    for statement in (setter, getter):
        refused(raw.execute(statement, (b"y",) if statement == setter else ()), 1243)
    assert shown(raw, prepared(raw, "SELECT @causeway_key")) is None


def test_a_cursor_request_is_answered_with_the_row(raw):
    """As for a statement that a server opens no cursor for: the row comes at once."""
    accepted(raw.query("SET @causeway_key = 'row'"))
    getter = prepared(raw, "SELECT @causeway_key")
    assert shown(raw, getter, cursor=1) == b"row"
    raw.send(bytes([wire.STMT_FETCH]) + struct.pack("<iI", getter, 1))
    refused(raw.packet(), 1421)
    assert shown(raw, getter) == b"row"


def test_bulk_execution_is_refused(proxy):
    with contextlib.closing(wire.Wire(proxy.port)) as raw:
        raw.login(capabilities=wire.PLAIN | wire.STMT_BULK_OPERATIONS)
        setter = prepared(raw, "SET @causeway_key = ?")
        refused(raw.bulk_insert(setter, [(b"a",), (b"b",)]), 1210)
        accepted(raw.execute(setter, (b"a",)))


@pytest.mark.core
def test_the_last_prepared_one_may_be_pipelined(raw):
    """PREPARE and EXECUTE of statement -1 in one write, as connectors send them."""
    for sql, parameters in (("SET @causeway_key = ?", (b"piped",)), ("SELECT @causeway_key", ())):
        raw.socket.sendall(
            wire.frame(bytes([wire.STMT_PREPARE]) + sql.encode()) + wire.frame(raw.execute_bytes(-1, parameters))
        )
        reply = raw.packet()
        assert reply[0] == 0
        columns, count = struct.unpack_from("<HH", reply, 5)
        raw.read_definitions(count)
        raw.read_definitions(columns)
        raw.take()
        end = raw.read_result()
        assert end[0] != 0xFF, wire.error_of(end)
    assert b"\x00\x00\x05piped" in raw.take()
    # One that fails to prepare leaves none: the one before must not run in its place.
    raw.socket.sendall(
        wire.frame(bytes([wire.STMT_PREPARE]) + b"SET @causeway_key = ?, @b = 1")
        + wire.frame(raw.execute_bytes(-1, ()))
    )
    refused(raw.packet(), 1064)
    refused(raw.packet(), 1243)


def test_ids_meet_no_other_statement(raw, table):
    """Causeway's own and servers' statements mixed: each runs what it was prepared for."""
    statements = []
    for number in range(10):
        statements.append((prepared(raw, "SELECT @causeway_key"), b"mixed"))
        statements.append((prepared(raw, f"SELECT 'text {number}'"), b"text %d" % number))
    accepted(raw.query("SET @causeway_key = 'mixed'"))
    assert len({statement for statement, _ in statements}) == 20
    for statement, wanted in statements[::-1]:
        assert shown(raw, statement) == wanted
    accepted(raw.query(f"INSERT INTO {table} VALUES (1, 'x')"))


def test_words_work_inside_a_transaction_and_say_so(raw):
    accepted(raw.query("BEGIN"))
    end = raw.execute(prepared(raw, "SET @causeway_key = ?"), (b"x",))
    assert raw.status_of(end) & 1, "SERVER_STATUS_IN_TRANS"
    end = raw.execute(prepared(raw, "SELECT @causeway_key"))
    assert raw.status_of(end) & 1
    accepted(raw.query("COMMIT"))


# --- client libraries that prepare everything ---

NODE_MYSQL2 = """
const mysql = require('mysql2/promise');
(async () => {
  const db = await mysql.createConnection({host: '127.0.0.1', port: PORT, user: 'app', password: 'app-demo'});
  await db.execute('SET @causeway_key = ?', ['alice']);
  console.log((await db.execute('SELECT @causeway_key'))[0][0]['@causeway_key']);
  const [rows] = await db.execute('SELECT @@causeway_token AS token');
  await db.execute('SET @@causeway_token = ?', [rows[0].token]);
  await db.execute('SET @causeway_key = ?', [null]);
  console.log((await db.execute('SELECT @causeway_key AS k'))[0][0].k);
  await db.end();
})();
"""

NODE_MARIADB = """
const mariadb = require('mariadb');
(async () => {
  const db = await mariadb.createConnection({host: '127.0.0.1', port: PORT, user: 'app', password: 'app-demo'});
  await db.execute('SET @causeway_key = ?', ['alice']);
  console.log((await db.execute('SELECT @causeway_key'))[0]['@causeway_key']);
  const rows = await db.execute('SELECT @@causeway_token AS token');
  await db.execute('SET @@causeway_token = ?', [rows[0].token]);
  await db.execute('SET @causeway_key = ?', [null]);
  console.log((await db.execute('SELECT @causeway_key AS k'))[0].k);
  await db.end();
})();
"""

PDO = """
$db = new PDO('mysql:host=127.0.0.1;port=PORT', 'app', 'app-demo',
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]);
$set = $db->prepare('SET @causeway_key = ?');
$set->execute(['alice']);
echo $db->query('SELECT @causeway_key')->fetch(PDO::FETCH_ASSOC)['@causeway_key'], "\\n";
$get = $db->prepare('SELECT @@causeway_token AS token');
$get->execute();
$token = $get->fetchColumn();
$get->closeCursor();
$db->prepare('SET @@causeway_token = ?')->execute([$token]);
$set->execute([null]);
$get = $db->prepare('SELECT @causeway_key AS k');
$get->execute();
echo $get->fetchColumn() ?? 'null', "\\n";
"""

DBD = """
use DBI;
my $db = DBI->connect('DBI:MariaDB:host=127.0.0.1;port=PORT', 'app', 'app-demo',
    {RaiseError => 1, PrintError => 0, mariadb_server_prepare => 1});
my $set = $db->prepare('SET @causeway_key = ?');
$set->execute('alice');
print $db->selectrow_hashref('SELECT @causeway_key')->{'@causeway_key'}, "\\n";
my ($token) = $db->selectrow_array('SELECT @@causeway_token AS token');
$db->prepare('SET @@causeway_token = ?')->execute($token);
$set->execute(undef);
my ($k) = $db->selectrow_array('SELECT @causeway_key AS k');
print $k // 'null', "\\n";
"""

LIBRARIES = {
    "node-mysql2": ["node", "-e", NODE_MYSQL2],
    "node-mariadb": ["node", "-e", NODE_MARIADB],
    "php-pdo": ["php", "-r", PDO],
    "perl-connector-c": ["perl", "-e", DBD],
}


@pytest.mark.core
@pytest.mark.parametrize("library", LIBRARIES)
def test_client_libraries_that_prepare(proxy, library):
    program, option, text = LIBRARIES[library]
    assert shutil.which(program), f"{program} is not installed"
    done = subprocess.run(
        [program, option, text.replace("PORT", str(proxy.port))],
        capture_output=True, text=True, timeout=60, check=False, cwd=CLIENTS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["alice", "null"]


@pytest.mark.core
def test_a_prepared_key_joins_connections(proxy, cluster, table):
    with cluster.applier_stopped(), contextlib.ExitStack() as stack:
        pair = [stack.enter_context(contextlib.closing(wire.Wire(proxy.port))) for _ in range(2)]
        for raw in pair:
            raw.login(schema="demo")
            accepted(raw.execute(prepared(raw, "SET @causeway_key = ?"), (b"prepared pair",)))
        accepted(pair[0].query(f"INSERT INTO {table} VALUES (1, 'x')"))
        assert shown(pair[1], prepared(pair[1], f"SELECT CONCAT(id, note) FROM {table}")) == b"1x"
