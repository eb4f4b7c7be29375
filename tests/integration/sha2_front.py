"""A stand-in for a server with accounts of caching_sha2_password or sha256_password: MariaDB 10.11 has none. It passes
connections on to a real server and plays the plugin's part of the login for the account `sha`, from the protocol's
description, so what it shows is that Causeway holds to that. The clients' parts are the libraries' own."""

import contextlib
import hashlib
import os
import pathlib
import socket
import struct
import subprocess
import threading

import wire
from harness import free_ports, scratch

PASSWORD = b"sha-demo"
FAST, FULL = b"\x01\x03", b"\x01\x04"
ASKS_KEY = (b"\x02", b"\x01")  # of the two plugins


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def scramble(password, nonce):
    return wire.xor(sha(password), sha(sha(sha(password)), nonce))


def cycled(digest, length):
    return (digest * (length // 32 + 1))[:length]


def sha_crypt(password, salt, rounds=5000):
    """SHA-crypt (U. Drepper's specification) with a salt as long as MySQL's: the 43 characters."""
    length = len(password)
    inner = sha(password, salt, password)
    digest = password + salt + cycled(inner, length)
    bits = length
    while bits:
        digest += inner if bits & 1 else password
        bits >>= 1
    digest = sha(digest)
    p = cycled(sha(password * length), length)
    s = cycled(sha(salt * (16 + digest[0])), len(salt))
    for i in range(rounds):
        digest = sha(p if i % 2 else digest, s if i % 3 else b"", p if i % 7 else b"", digest if i % 2 else p)
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    groups = [(i * 21 % 30, (i * 21 + 10) % 30, (i * 21 + 20) % 30) for i in range(10)] + [(31, 30)]
    text = ""
    for group in groups:
        number = int.from_bytes(bytes(digest[at] for at in group), "big")
        text += "".join(letters[number >> 6 * i & 63] for i in range(len(group) + 1))
    return text


def stored(plugin, password=PASSWORD, salt=b"\x01\x7fsalt \"of'20 \\bytes"):
    """As such a server stores it; the salt has what may stand there, all bytes but NUL and $."""
    assert len(salt) == 20
    digest = sha_crypt(password, salt).encode()
    return (b"$A$005$" + salt + digest if plugin == "caching_sha2_password" else b"$5$" + salt + b"$" + digest)


class RsaKey:
    """The key of a server, for passwords that don't come over TLS."""

    def __init__(self):
        self.folder = pathlib.Path(scratch("sha2-key"))
        self.private = self.folder / "key.pem"
        self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self.private))
        self.public = self.openssl("pkey", "-in", str(self.private), "-pubout")

    @staticmethod
    def openssl(*arguments, data=None):
        return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True, timeout=30).stdout

    def decrypt(self, data):
        return self.openssl("pkeyutl", "-decrypt", "-inkey", str(self.private), "-pkeyopt", "rsa_padding_mode:oaep",
                            data=data)


class Front:
    """Passes connections on to a server; for the account `sha` it asks as the plugin does."""

    def __init__(self, server, plugin="caching_sha2_password", key=None):
        self.server, self.plugin, self.key, self.password = server, plugin, key, PASSWORD
        self.cached, self.short, self.encrypted, self.refused = False, 0, 0, 0
        self.port = free_ports(1)
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
                rest = login[at + 2 + login[at + 1]:]
                login = login[:at + 1] + b"\x14" + wire.native_proof(PASSWORD, salt) + rest
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
        client.sendall(wire.frame(b"\xfe" + self.plugin.encode() + b"\0" + nonce + b"\0", 2))
        number, answer = self.packet(client)
        if self.plugin == "caching_sha2_password":
            if not self.password:
                return 0 if answer.strip(b"\0") else number + 1
            if self.cached and answer == scramble(self.password, nonce):
                self.short += 1
                client.sendall(wire.frame(FAST, number + 1))
                return number + 2
            client.sendall(wire.frame(FULL, number + 1))
            number, answer = self.packet(client)
        if self.key and answer in ASKS_KEY:
            client.sendall(wire.frame(b"\x01" + self.key.public, number + 1))
            number, answer = self.packet(client)
            answer = self.key.decrypt(answer)
            answer = wire.xor(answer, (nonce * (len(answer) // 20 + 1))[:len(answer)])
            self.encrypted += 1
        if answer == self.password + b"\0":
            self.cached = True
            return number + 1
        self.refused += 1
        client.sendall(wire.frame(b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied for user 'sha'", number + 1))
        return 0

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def make_account(cluster, plugin, text=None):
    """`sha` is for Causeway an account of that plugin; the server itself does not look at it again."""
    hashed = "" if text is None else f", '$.authentication_string', CONVERT(X'{text.hex()}' USING utf8mb4)"
    cluster.leader.sql(f"CREATE OR REPLACE USER sha@'%' IDENTIFIED BY '{PASSWORD.decode()}';"
                       "GRANT ALL ON demo.* TO sha@'%';"
                       f"UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', '{plugin}'{hashed})"
                       " WHERE User = 'sha'")
    cluster.caught_up()


def cli(port, authority, sql, password=PASSWORD.decode()):
    """Words that the mariadb client prints, or its error; without an authority it connects in the clear."""
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-usha", f"--password={password}", "-N", "--batch",
         *([f"--ssl-ca={authority}"] if authority else ["--skip-ssl"]), "-e", sql],
        capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.split() or done.stderr
