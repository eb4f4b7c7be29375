"""The PROXY protocol of load balancers: the client's address is what they tell, and nobody else may."""

import contextlib
import socket
import struct

import pytest

import wire
from harness import wait_until

pytestmark = pytest.mark.core

SETTINGS = {"proxy": {"proxy_protocol_from": "127.0.0.0/8"}}
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v1(address="192.0.2.7"):
    return f"PROXY TCP4 {address} 127.0.0.1 56324 4006\r\n".encode()


def v2(address="192.0.2.7", command=0x21, extension=b""):
    body = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 56324, 4006) + extension
    return V2 + bytes([command, 0x11]) + struct.pack(">H", len(body)) + body


def v2_tcp6(address="2001:db8::7"):
    body = socket.inet_pton(socket.AF_INET6, address) * 2 + struct.pack(">HH", 1, 2)
    return V2 + b"\x21\x21" + struct.pack(">H", len(body)) + body


@contextlib.contextmanager
def behind(port, header, split=None):
    """A connection whose login packet has the header ahead of it."""
    with contextlib.closing(wire.Wire(port)) as connection:
        connection.read_greeting()
        for part in [header] if split is None else [header[i:i + split] for i in range(0, len(header), split)]:
            connection.socket.sendall(part)
        yield connection


def told(proxy, connection):
    """The address that Causeway knows the session by."""
    return [row["host"] for row in proxy.console("SHOW SESSIONS") if int(row["id"]) == connection.greeting.connection_id]


HEADERS = {
    "v1": (v1(), "192.0.2.7"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2": (v2(), "192.0.2.7"),
    "v2 TCP6": (v2_tcp6(), "2001:db8::7"),
    "v2 LOCAL": (v2(command=0x20), "127.0.0.1"),
    "v2 TLV": (v2(extension=b"\x04\0\x40" + b"x" * 64), "192.0.2.7"),
    "none": (b"", "127.0.0.1"),
}


@pytest.mark.parametrize("split", [None, 1, 7])
@pytest.mark.parametrize("name", HEADERS)
def test_the_address_is_the_headers(proxy, name, split):
    header, address = HEADERS[name]
    with behind(proxy.port, header, split) as connection:
        assert connection.login()[0] == 0
        assert told(proxy, connection) == [address]
        assert connection.query("SELECT 1")[0] != 0xFF


@pytest.mark.parametrize("direct", [False, True])
def test_accounts_match_it(proxy, cluster, direct):
    """As with a server: the account for that host decides, and a refusal names it."""
    cluster.leader.sql("CREATE USER guest@'192.0.2.%' IDENTIFIED BY 'g'")
    cluster.caught_up()
    port = cluster.leader.port if direct else proxy.port
    if direct:
        cluster.leader.sql("SET GLOBAL proxy_protocol_networks = '127.0.0.1'")
    try:
        for header, address in ((v1("198.51.100.1"), "198.51.100.1"), (b"", None)):
            with behind(port, header) as connection:
                code, _, text = wire.error_of(connection.login("guest", "g"))
                assert code == 1045 and (address is None or f"'guest'@'{address}'" in text), text
        with behind(port, v2("192.0.2.9")) as connection:
            answer = connection.login("guest", "wrong")
            assert wire.error_of(answer)[2] == "Access denied for user 'guest'@'192.0.2.9' (using password: YES)"
    finally:
        if direct:
            cluster.leader.sql("SET GLOBAL proxy_protocol_networks = ''")
        cluster.leader.sql("DROP USER guest@'192.0.2.%'")


@pytest.mark.parametrize("header", [b"PROXY TCP4 nonsense\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n",
                                    b"PROXY " + b"x" * 200, V2 + b"\x31\x11\0\0", V2 + b"\x21\x11\0\x03abc"])
def test_malformed_ones_are_refused(proxy, header):
    with behind(proxy.port, header) as connection:
        assert wire.error_of(connection.packet())[0] == 1105
        with pytest.raises((wire.WireError, ConnectionError)):
            connection.packet()


def test_a_slow_one_counts_as_a_slow_login(causeway):
    proxy = causeway({"proxy": {"proxy_protocol_from": "*", "login_timeout": "300ms"}})
    with behind(proxy.port, V2[:7]) as connection:
        with pytest.raises((wire.WireError, ConnectionError)):
            connection.packet()
    wait_until(lambda: "no login within login_timeout" in proxy.log_text(), "the reason in the log")


def test_nobody_else_may(causeway):
    """From elsewhere a header is a packet out of order; ordinary clients are taken as they come."""
    proxy = causeway({"proxy": {"proxy_protocol_from": "10.0.0.0/8, localhost"}})
    for header in (v1(), v2()):
        with behind(proxy.port, header) as connection:
            with pytest.raises((wire.WireError, ConnectionError)):
                connection.login()
    with behind(proxy.port, b"") as connection:
        assert connection.login()[0] == 0


def test_one_header_only(proxy):
    with behind(proxy.port, v1() + v1("192.0.2.8")) as connection:
        with pytest.raises((wire.WireError, ConnectionError)):
            connection.login()
