"""Peers that misbehave: garbage, half packets, silence, results that nobody reads. Each ends its own
session at most; memory and descriptors stay bounded, and everybody else goes on undisturbed."""

import concurrent.futures
import contextlib
import random
import socket
import struct
import time

import pytest

import wire
from harness import PATIENCE, SANITIZED, Load, answered_by, rows, value, wait_until
from wire import Wire, frame

SETTINGS = {"proxy": {"login_timeout": "2s"}}


@pytest.fixture(name="bystander")
def bystander_fixture(proxy):
    """Sessions that write and read all the while; not one error is allowed."""
    def step(connection):
        value(connection, "SELECT name FROM demo.this_server")
        value(connection, "SELECT name FROM demo.this_server FOR UPDATE")

    with Load(proxy.port, step, threads=2) as load:
        load.wait_steps(10)
        yield load
        load.wait_steps(10)
    assert not load.errors, load.errors[:3]


def throw(port, data, read=True):
    """Sends bytes on a new connection, half-closes it, and reads what comes."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as peer:
        with contextlib.suppress(OSError):
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while read and peer.recv(65536):
                pass


def throw_all(port, packets):
    """Many at once: a login that is refused first waits for the accounts to be read again."""
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for done in [pool.submit(throw, port, packet) for packet in packets]:
            done.result()


def login_packet(**changes):
    """A well-formed HandshakeResponse41 as a starting point for damage."""
    payload = struct.pack("<IIB23x", wire.PLAIN, 1 << 24, 45) + b"app\0" + b"\x14" + b"p" * 20
    payload += b"mysql_native_password\0"
    return bytearray(changes.get("prefix", b"") + payload)


def random_packets(generator, count):
    """Nonsense of every kind: random bytes, random packets, damaged logins."""
    for _ in range(count):
        kind = generator.randrange(5)
        if kind == 0:
            yield generator.randbytes(generator.randrange(1, 300))
        elif kind == 1:
            yield frame(generator.randbytes(generator.randrange(0, 300)), generator.randrange(3))
        elif kind == 2:
            packet = login_packet()
            for _ in range(generator.randrange(1, 6)):
                packet[generator.randrange(len(packet))] = generator.randrange(256)
            yield frame(bytes(packet), 1)
        elif kind == 3:
            yield frame(bytes(login_packet()), 1)[: generator.randrange(1, 60)]
        else:
            yield struct.pack("<I", generator.randrange(1 << 24))[:3] + b"\x01" + generator.randbytes(20)


@pytest.mark.core
@pytest.mark.usefixtures("bystander")
def test_10000_random_packets_before_login(proxy):
    generator = random.Random(4711)
    throw_all(proxy.port, random_packets(generator, 500))  # what is allocated once is there then
    before, descriptors = proxy.rss_kib(), proxy.descriptors()
    throw_all(proxy.port, random_packets(generator, 1500 if SANITIZED else 10000))
    assert proxy.alive()
    wait_until(lambda: proxy.descriptors() <= descriptors + 10, "the connections to be closed", 20)
    assert proxy.rss_kib() < before + (200_000 if SANITIZED else 8_000), "memory grew"


@pytest.mark.core
@pytest.mark.usefixtures("bystander")
def test_random_commands_after_login(proxy):
    """Logged in, then nonsense: answered with an error, or the session ends."""
    generator = random.Random(42)
    before = None
    for number in range(150 if SANITIZED else 1000):
        with contextlib.closing(Wire(proxy.port, timeout=20)) as client:
            client.login(schema="demo")
            with contextlib.suppress(OSError):
                for _ in range(generator.randrange(1, 6)):
                    body = generator.randbytes(generator.randrange(0, 60))
                    command = generator.choice(
                        [wire.QUERY, wire.STMT_PREPARE, wire.STMT_EXECUTE, wire.STMT_LONG_DATA,
                         wire.STMT_FETCH, wire.FIELD_LIST, wire.INIT_DB, wire.STMT_BULK,
                         wire.CHANGE_USER, wire.SET_OPTION, wire.STMT_RESET, wire.STMT_CLOSE,
                         wire.RESET_CONNECTION, 0x05, 0x06, 0x0A, 0x12, 0x15, 0xFF, 0x1E, 0xFE]
                    )
                    packet = frame(bytes([command]) + body, generator.choice([0, 0, 0, 7]))
                    client.socket.sendall(packet[: generator.choice([len(packet)] * 4 + [5])])
                client.socket.shutdown(socket.SHUT_WR)
                while client.socket.recv(65536):
                    pass
        if number == 100:
            before = proxy.rss_kib()
    assert proxy.alive()
    assert proxy.rss_kib() < before + (200_000 if SANITIZED else 16_000), "memory grew"


@pytest.mark.parametrize(
    "damage",
    {
        "empty login": frame(b"", 1),
        "truncated login": frame(bytes(login_packet())[:40], 1),
        "no protocol 41": frame(struct.pack("<H", 0x0005) + b"\0" * 60, 1),
        "wrong sequence": frame(bytes(login_packet()), 7),
        "user without an end": frame(struct.pack("<IIB23x", wire.PLAIN, 1, 45) + b"u" * 2000, 1),
        "proof longer than the packet": frame(
            struct.pack("<IIB23x", wire.PLAIN, 1, 45) + b"app\0\xff" + b"x" * 10, 1
        ),
        "length without a body": struct.pack("<I", 5000)[:3] + b"\x01",
        "16 MiB of login": b"\xff\xff\xff\x01" + b"x" * 100_000,
        "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "tls hello": bytes.fromhex("16030100c8010000c40303") + b"\0" * 200,
    }.items(),
    ids=lambda item: item[0] if isinstance(item, tuple) else None,
)
@pytest.mark.usefixtures("bystander")
def test_damaged_login(proxy, damage):
    _, data = damage
    before = proxy.rss_kib()
    throw(proxy.port, data)
    assert proxy.alive()
    assert proxy.rss_kib() < before + (100_000 if SANITIZED else 4_000)


@pytest.mark.core
@pytest.mark.usefixtures("bystander")
def test_slow_login_is_ended(proxy):
    """Nothing sent, or one byte at a time: closed at login_timeout, whose clock does not start
    again with each byte."""
    silent = socket.create_connection(("127.0.0.1", proxy.port), timeout=15 * PATIENCE)
    dripping = socket.create_connection(("127.0.0.1", proxy.port), timeout=0.25)
    started = time.monotonic()
    packet = frame(bytes(login_packet()), 1)
    ended = None
    dripping.recv(200)
    for byte in packet:
        try:
            dripping.sendall(bytes([byte]))
            if not dripping.recv(100):
                ended = time.monotonic()
                break
        except socket.timeout:
            continue
        except OSError:
            ended = time.monotonic()
            break
    assert ended is not None, "the dripping login was not ended"
    assert ended - started < 8 * PATIENCE
    silent.recv(200)
    with contextlib.suppress(OSError):
        while silent.recv(200):
            pass
    silent.close()
    dripping.close()


def test_an_idle_session_is_not_ended_by_the_login_timeout(proxy):
    with contextlib.closing(proxy.connect()) as connection:
        time.sleep(3)  # longer than login_timeout: the passing of time is what is tested
        assert answered_by(connection)


@pytest.mark.usefixtures("bystander")
def test_vanished_client_frees_its_server_connection(proxy, cluster):
    """Killed clients (RST) in the middle of everything: the servers' connections go back or close."""
    def sockets(count, text):
        for _ in range(count):
            client = Wire(proxy.port)
            client.login(schema="demo")
            client.send(b"\x03" + text)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()

    sockets(30, b"SELECT SLEEP(30)")
    sockets(30, b"SELECT SLEEP(30) FOR UPDATE")
    sockets(30, b"BEGIN")
    for server in cluster.servers:
        wait_until(
            lambda server=server: server.value(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%%'"
            ) == 0,
            f"{server.name} to be rid of the statements of clients that have gone", 20,
        )
        assert server.value("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state='RUNNING'"
                            " AND trx_rows_modified > 0") == 0


@pytest.mark.usefixtures("bystander")
def test_open_transaction_of_a_vanished_client_is_rolled_back(proxy, table):
    client = Wire(proxy.port)
    client.login(schema="demo")
    client.query("BEGIN")
    client.query(f"INSERT INTO {table} VALUES (1, 'never')")
    client.close()
    with contextlib.closing(proxy.connect()) as other:
        rows(other, "SET SESSION innodb_lock_wait_timeout = 20")
        rows(other, f"INSERT INTO {table} VALUES (1, 'mine')")  # waits for the rollback
        assert rows(other, f"SELECT note FROM {table}") == (("mine",),)


GIB_QUERY = b"\x03SELECT REPEAT('x', 1024) FROM seq_1_to_1048576"


@pytest.mark.slow
@pytest.mark.usefixtures("bystander")
def test_client_that_stops_reading_a_1_gib_result(proxy):
    """The server connection is throttled; the process does not take up the result."""
    with contextlib.closing(Wire(proxy.port, timeout=120)) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.login(schema="demo")
        client.keep = False
        before = proxy.rss_kib()
        client.send(GIB_QUERY)
        for _ in range(100):
            client.packet()
        highest = 0
        for _ in range(20):
            time.sleep(0.1)  # time for it to grow in, if it did
            highest = max(highest, proxy.rss_kib())
        assert highest < before + (60_000 if SANITIZED else 6_000), "the unread result is in memory"
        read = 0
        while read < 1_000_000_000:  # and then it goes on, to the end
            part = client.socket.recv(1 << 20)
            assert part, f"closed after {read}"
            read += len(part)
            if read % (200 << 20) < 1 << 20:
                highest = max(highest, proxy.rss_kib())
        assert highest < before + (60_000 if SANITIZED else 6_000)


@pytest.mark.slow
@pytest.mark.usefixtures("bystander")
def test_client_that_pipelines_and_never_reads(proxy):
    """Commands are taken in only as far as they are answered."""
    with contextlib.closing(Wire(proxy.port)) as client:
        client.login(schema="demo")
        before = proxy.rss_kib()
        client.socket.settimeout(3)
        command = frame(b"\x03SELECT REPEAT('x', 100000), '" + b"y" * 10000 + b"'")
        sent = 0
        with contextlib.suppress(socket.timeout, OSError):
            while sent < 500_000_000:
                client.socket.sendall(command * 10)
                sent += len(command) * 10
        assert sent < 100_000_000, "it should have been stopped"
        assert proxy.rss_kib() < before + (100_000 if SANITIZED else 20_000)


def test_many_idle_sessions_hold_no_buffers(proxy):
    """Memory per idle session, server connection included."""
    first = [proxy.connect() for _ in range(20)]
    for connection in first:
        answered_by(connection)
    before = proxy.rss_kib()
    more = [proxy.connect() for _ in range(200)]
    try:
        for connection in more:
            answered_by(connection)
            rows(connection, "SELECT REPEAT('x', 100000)")
        wait_until(
            lambda: SANITIZED or proxy.rss_kib() - before < 200 * 24,
            "200 idle sessions to hold less than 24 KiB each", 5,
        )
    finally:
        for connection in first + more:
            connection.close()


@pytest.mark.core
def test_connections_are_given_back(proxy, cluster):
    """Connect, query, leave, 300 times: neither descriptors nor the servers' sessions pile up."""
    def round_trip():
        with contextlib.closing(proxy.connect()) as connection:
            answered_by(connection)

    for _ in range(50):
        round_trip()
    descriptors = proxy.descriptors()
    sessions = {server.name: server.sessions() for server in cluster.servers}
    for _ in range(300):
        round_trip()
    wait_until(lambda: proxy.descriptors() <= descriptors + 6, "descriptors to be given back")
    for server in cluster.servers:
        assert server.sessions() <= sessions[server.name] + 6, server.name


@pytest.mark.core
def test_sigterm_finishes_what_is_under_way(causeway, table):
    """SIGTERM: no new clients, the running transaction may end, then the process leaves with 0."""
    proxy = causeway({"proxy": {"drain": "10s"}})
    with contextlib.closing(proxy.connect()) as connection:
        connection.begin()
        rows(connection, f"INSERT INTO {table} VALUES (1, 'x')")
        proxy.process.terminate()

        def refused():
            try:
                proxy.connect().close()
            except Exception:  # pylint: disable=broad-except
                return True
            return False

        wait_until(refused, "new clients to be refused")
        rows(connection, f"INSERT INTO {table} VALUES (2, 'x')")
        connection.commit()
    wait_until(lambda: proxy.process.poll() is not None, "the process to leave", 15)
    assert proxy.process.returncode == 0
