"""Many clients at once from one thread: each is a generator that yields what it sends and gets the
reply, and one selector drives them all. Light enough that a machine of two cores can drive
thousands, servers included.

A client yields `seconds` (a number: it thinks for so long) or a command's payload (bytes: it gets a
Reply). The first yield of a client is answered once it has logged in.
"""

import heapq
import itertools
import selectors
import socket
import struct
import time

from wire import CONNECT_WITH_DB, PLAIN, Greeting, frame, native_proof, read_lenenc

RECEIVE_BYTES = 1 << 16


class Reply:
    """One complete reply: an error (code, text), or rows, or what an OK tells."""

    def __init__(self):
        self.error = None
        self.rows = None
        self.insert_id = 0
        self.statement = 0

    def value(self):
        """The one value that was asked for."""
        assert self.error is None, self.error
        assert self.rows is not None and len(self.rows) == 1, f"not one row: {self.rows}"
        return self.rows[0][0] if len(self.rows[0]) == 1 else self.rows[0]


def packets_in(data):
    """The whole packets at the beginning of `data`, and how many bytes they take."""
    found, at = [], 0
    while len(data) - at >= 4:
        end = at + 4 + int.from_bytes(data[at : at + 3], "little")
        if end > len(data):
            break
        found.append(bytes(data[at + 4 : end]))
        at = end
    return found, at


def text_row(payload):
    row, at = [], 0
    while at < len(payload):
        if payload[at] == 0xFB:
            row.append(None)
            at += 1
            continue
        length, at = read_lenenc(payload, at)
        row.append(payload[at : at + length].decode())
        at += length
    return tuple(row)


def binary_row(payload, columns):
    """Columns of BIGINT and INT alone, none of them NULL: what the crowd prepares."""
    size = (len(payload) - 1 - (columns + 9) // 8) // columns
    at = 1 + (columns + 9) // 8
    return tuple(int.from_bytes(payload[at + size * i : at + size * (i + 1)], "little", signed=True)
                 for i in range(columns))


def reply_of(packets, command):
    """The Reply that these packets are, None while it is not complete. One result, and the client
    has not negotiated DEPRECATE_EOF."""
    reply, first = Reply(), packets[0]
    if first[0] == 0xFF:
        reply.error = (struct.unpack_from("<H", first, 1)[0], first[9:].decode(errors="replace"))
        return reply
    if command == 0x16:  # COM_STMT_PREPARE: definitions of parameters, then of columns
        reply.statement, columns, parameters = struct.unpack_from("<IHH", first, 1)
        expected = 1 + sum(count + 1 for count in (columns, parameters) if count)
        return reply if len(packets) == expected else None
    if first[0] == 0x00:
        _, at = read_lenenc(first, 1)
        reply.insert_id, _ = read_lenenc(first, at)
        return reply
    columns, _ = read_lenenc(first, 0)
    last = packets[-1]
    if len(packets) < columns + 3 or not (last[0] == 0xFF or (last[0] == 0xFE and len(last) < 9)):
        return None
    if last[0] == 0xFF:
        reply.error = (struct.unpack_from("<H", last, 1)[0], last[9:].decode(errors="replace"))
        return reply
    body = packets[columns + 2 : -1]
    reply.rows = [binary_row(row, columns) if command == 0x17 else text_row(row) for row in body]
    return reply


class Guest:
    """One client's connection and script."""

    def __init__(self, port, script, user, password, schema):
        self.script = script
        self.account = (user, password, schema)
        self.received = bytearray()
        self.command = None  # None: not logged in yet
        self.greeted = False
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def send(self, payload, seq=0):
        self.command = payload[0] if seq == 0 else None
        self.socket.sendall(frame(payload, seq))  # small: a socket's buffer takes it whole

    def log_in(self, greeting):
        user, password, schema = self.account
        payload = struct.pack("<IIB23x", PLAIN | CONNECT_WITH_DB, 1 << 24, 45)
        proof = native_proof(password.encode(), Greeting(greeting).salt)
        payload += user.encode() + b"\0" + bytes([len(proof)]) + proof + schema.encode() + b"\0"
        self.greeted = True
        self.send(payload + b"mysql_native_password\0", 1)

    def receive(self):
        """The Reply that came, None while it is not complete."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the connection was closed")
        self.received += data
        packets, size = packets_in(self.received)
        if not packets or size < len(self.received):
            return None
        if not self.greeted and packets[0][0] != 0xFF:
            self.received.clear()
            self.log_in(packets[0])
            return None
        reply = reply_of(packets, self.command)
        if reply is not None:
            self.received.clear()
        return reply


class Crowd:
    """Runs scripts until each has ended. `failures` says what went wrong: (name, what)."""

    def __init__(self, port):
        self.port = port
        self.selector = selectors.DefaultSelector()
        self.sleepers = []
        self.order = itertools.count()
        self.guests = {}
        self.failures = []
        self.replies = 0
        self.slowest = 0.0

    def admit(self, name, script, user="app", password="app-demo", schema="demo"):
        guest = Guest(self.port, script, user, password, schema)
        guest.since = time.monotonic()
        self.guests[guest] = name
        self.selector.register(guest.socket, selectors.EVENT_READ, guest)

    def dismiss(self, guest):
        self.selector.unregister(guest.socket)
        guest.socket.close()
        del self.guests[guest]

    def step(self, guest, reply):
        """Gives the script what it waits for and does what it wants next."""
        try:
            wish = next(guest.script) if reply is None else guest.script.send(reply)
        except StopIteration:
            self.dismiss(guest)
            return
        if isinstance(wish, bytes):
            guest.since = time.monotonic()
            guest.send(wish)
        else:
            heapq.heappush(self.sleepers, (time.monotonic() + wish, next(self.order), guest))

    def guarded(self, guest, action):
        """A guest that fails leaves, the others go on."""
        try:
            action()
        except Exception as error:  # whatever a script's checks raise
            self.failures.append((self.guests[guest], f"{type(error).__name__}: {error}"))
            self.dismiss(guest)

    def hear(self, guest):
        begun = guest.command is not None
        reply = guest.receive()
        if reply is None:
            return
        self.slowest = max(self.slowest, time.monotonic() - guest.since)
        if not begun:
            assert reply.error is None, f"login: {reply.error}"
            self.step(guest, None)
            return
        self.replies += 1
        self.step(guest, reply)

    def wake(self):
        """Who has thought long enough goes on; seconds until the next one."""
        while self.sleepers and self.sleepers[0][0] <= time.monotonic():
            guest = heapq.heappop(self.sleepers)[2]
            self.guarded(guest, lambda guest=guest: self.step(guest, None))
        return max(0.0, self.sleepers[0][0] - time.monotonic()) if self.sleepers else 0.5

    def run(self, seconds):
        """Until every guest has left; those who are still there after `seconds` are failures."""
        deadline = time.monotonic() + seconds
        while self.guests and time.monotonic() < deadline:
            for key, _ in self.selector.select(min(self.wake(), 0.5)):
                guest = key.data
                self.guarded(guest, lambda guest=guest: self.hear(guest))
        for guest, name in list(self.guests.items()):
            waited = time.monotonic() - guest.since
            self.failures.append((name, f"still there; its last command {waited:.1f} s ago"))
            self.dismiss(guest)
        self.selector.close()
