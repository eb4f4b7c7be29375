"""Accounts of caching_sha2_password: their logins are passed on. MariaDB 10.11 has no such accounts, so what stands
before the servers here plays their part of the plugin; the clients' parts are MariaDB Connector/C's and PyMySQL's own."""

import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import wire
from certificates import Authority
from harness import connect, free_ports, scratch, value

pytestmark = pytest.mark.core

PASSWORD = b"sha-demo"
FAST, FULL = b"\x01\x03", b"\x01\x04"


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Front:
    """Passes connections on to a server; for the account `sha` it asks as caching_sha2_password does."""

    def __init__(self, server):
        self.server, self.cached, self.short, self.port = server, False, 0, free_ports(1)
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def packet(peer):
        """(number, payload)"""
        header = peer.recv(4, socket.MSG_WAITALL)
        if len(header) < 4:
            raise OSError("closed")
        return header[3], peer.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)

    def serve(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.server.port)) as server:
            _, greeting = self.packet(server)
            client.sendall(wire.frame(greeting))
            number, login = self.packet(client)
            at = login.index(b"\0", 32)
            if login[32:at] == b"sha":
                salt = wire.Greeting(greeting).salt
                assert login[at + 1] == 0, "there is no proof yet"
                login = login[:at + 1] + b"\x14" + wire.native_proof(PASSWORD, salt) + login[at + 2:]
                server.sendall(wire.frame(login, number))
                answer = self.packet(server)[1]
                number = self.ask(client)
                if number == 0:
                    return
                client.sendall(wire.frame(answer, number))
            else:
                server.sendall(wire.frame(login, number))
            threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
            self.pump(client, server)

    def ask(self, client):
        """The number of the OK; 0: it was refused."""
        nonce = os.urandom(20).replace(b"\0", b"x")
        client.sendall(wire.frame(b"\xfecaching_sha2_password\0" + nonce + b"\0", 2))
        number, scramble = self.packet(client)
        right = wire.xor(sha(PASSWORD), sha(sha(sha(PASSWORD)), nonce))
        if self.cached and scramble == right:
            self.short += 1
            client.sendall(wire.frame(FAST, number + 1))
            return number + 2
        client.sendall(wire.frame(FULL, number + 1))
        number, password = self.packet(client)
        if password == PASSWORD + b"\0":
            self.cached = True
            return number + 1
        client.sendall(wire.frame(b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied for user 'sha'", number + 1))
        return 0

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(name="lab")
def lab_fixture(causeway, cluster):
    """(the fronts of the servers, leader first; a Causeway before them; the authority of its certificate)"""
    papers = scratch("sha2-papers")
    authority = Authority(papers)
    certificate, key = authority.issue("server", "/CN=localhost")
    cluster.leader.sql(f"CREATE USER sha@'%' IDENTIFIED BY '{PASSWORD.decode()}'; GRANT ALL ON demo.* TO sha@'%';"
                       "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', 'caching_sha2_password')"
                       " WHERE User = 'sha'")  # which the server itself does not look at again
    cluster.caught_up()
    fronts = [Front(server) for server in cluster.servers]
    proxy = causeway({"proxy": {"tls": "optional", "tls_cert": str(certificate), "tls_key": str(key)},
                      **{f"server:{front.server.name}": {"address": f"127.0.0.1:{front.port}"} for front in fronts}})
    yield fronts, proxy, str(authority.certificate)
    for front in fronts:
        front.listener.close()
    cluster.leader.sql("DROP USER sha@'%'")
    shutil.rmtree(papers, ignore_errors=True)


def cli(port, authority, sql, password=PASSWORD.decode()):
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-usha", f"--password={password}", "-N", "--batch",
         *([f"--ssl-ca={authority}"] if authority else ["--skip-ssl"]), "-e", sql],
        capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.split() or done.stderr


def test_the_password_first_then_the_short_way(lab):
    """With the leader, and with a follower for the reads."""
    fronts, proxy, authority = lab
    sql = "SELECT CURRENT_USER() FROM demo.this_server FOR UPDATE; SELECT name FROM demo.this_server"
    for count in range(3):
        account, reader = cli(proxy.port, authority, sql)
        assert account == "sha@%" and reader in ("db2", "db3")
        assert fronts[0].short == count
    assert sum(front.short for front in fronts[1:]) >= 1


def test_the_packets_are_numbered_without_a_gap(lab):
    """Connector/C would not mind; others do."""
    fronts, proxy, authority = lab
    fronts[0].cached = True
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.start_tls(ssl.create_default_context(cafile=authority))
        client.capabilities = wire.PLAIN
        login = struct.pack("<IIB19xI", wire.PLAIN | wire.SSL, 1 << 30, 45, 0) + b"sha\0\0caching_sha2_password\0"
        client.send(login, client.login_seq)
        nonce = client.packet()[len(b"\xfecaching_sha2_password\0"):-1]
        number = client.seq
        client.send(wire.xor(sha(PASSWORD), sha(sha(sha(PASSWORD)), nonce)), number + 1)
        assert (client.packet(), client.seq) == (FAST, number + 2)
        assert (client.packet()[0], client.seq) == (0, number + 3)


def test_a_client_that_always_sends_the_password(lab):
    """PyMySQL takes the NUL behind the nonce for a part of it."""
    fronts, proxy, authority = lab
    for _ in range(2):
        with contextlib.closing(connect(proxy.port, user="sha", password=PASSWORD.decode(),
                                        ssl={"ca": authority})) as connection:
            assert value(connection, "SELECT CURRENT_USER()") == "sha@%"
    assert fronts[0].cached and fronts[0].short == 0


def test_a_wrong_password_and_a_client_in_the_clear_are_refused(lab):
    fronts, proxy, authority = lab
    fronts[0].cached = True
    assert "ERROR 1045 (28000)" in cli(proxy.port, authority, "SELECT 1", "wrong")
    assert "ERROR 1045 (28000)" in cli(proxy.port, None, "SELECT 1")
    assert fronts[0].short == 0
