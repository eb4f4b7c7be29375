"""A fast raw client: sends the operations of a round and keeps every byte of the answers.

An operation is data (Op), so that a round can be printed, cut down and run again. What the packets mean is
known only as far as it takes to find the end of an answer (MariaDB's protocol pages "result set packets",
"com_stmt_prepare", "com_stmt_fetch")."""

import pathlib
import socket
import struct
import sys
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import wire  # noqa: E402 # pylint: disable=wrong-import-position

from must_differ import IN_TRANSACTION, PLAN_FLAGS, STATE_CHANGED, mask  # noqa: E402 # pylint: disable=wrong-import-position

BASE = wire.PLAIN
CAPABILITIES = {
    "old": BASE,
    "deprecate-eof": BASE | wire.DEPRECATE_EOF,
    "track": BASE | wire.SESSION_TRACK,
    "modern": BASE | wire.DEPRECATE_EOF | wire.SESSION_TRACK,
    "found-rows": BASE | wire.FOUND_ROWS | wire.DEPRECATE_EOF | wire.SESSION_TRACK,
    "single": (BASE | wire.SESSION_TRACK) & ~wire.MULTI_STATEMENTS,
    "extended": BASE | wire.DEPRECATE_EOF | wire.SESSION_TRACK | wire.EXTENDED_METADATA
    | wire.STMT_BULK_OPERATIONS,
    "mariadb": BASE | wire.DEPRECATE_EOF | wire.SESSION_TRACK | wire.EXTENDED_METADATA
    | wire.STMT_BULK_OPERATIONS,
}
CLOSED = b"<the connection was closed>"
SILENT = b"<no answer>"
ENDED = b"<ended before>"
NO_STATEMENT = 0x7FFFFF00  # a handle that no server gives out
LAST_PREPARED = -1
MAX = wire.MAX_PACKET


class Op(NamedTuple):
    """One thing that a client does."""

    session: int
    kind: str
    args: tuple = ()
    feature: str = ""


class Closed(Exception):
    pass


def parameter_block(parameters, with_types):
    """The part of COM_STMT_EXECUTE behind the header: (type, unsigned, value bytes or None) each."""
    if not parameters:
        return b""
    nulls = bytearray((len(parameters) + 7) // 8)
    types = values = b""
    for index, (kind, unsigned, value) in enumerate(parameters):
        types += bytes([kind, 0x80 if unsigned else 0])
        if value is None:
            nulls[index // 8] |= 1 << index % 8
        else:
            values += value
    return bytes(nulls) + (b"\x01" + types if with_types else b"\0") + values


class Client:
    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.at = 0
        self.capabilities = 0
        self.salt = b""
        self.identity = 0  # the connection id of the greeting
        self.statements = {}
        self.texts = {}
        self.alive = True

    # -- bytes

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError as error:
            raise Closed from error

    def fill(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed
        self.buffer += data

    def packet(self):
        """Takes one whole payload: its beginning in the buffer, and its length."""
        begin = at = self.at
        total = 0
        while True:
            while len(self.buffer) < at + 4:
                self.fill()
            length = int.from_bytes(self.buffer[at : at + 3], "little")
            while len(self.buffer) < at + 4 + length:
                self.fill()
            at += 4 + length
            total += length
            if length < MAX:
                break
        self.at = at
        return begin + 4, total

    def take(self):
        raw = bytes(self.buffer[: self.at])
        del self.buffer[: self.at]
        self.at = 0
        return raw

    # -- answers

    def is_end(self, begin, length):
        first = self.buffer[begin]
        limit = MAX if self.capabilities & wire.DEPRECATE_EOF else 9
        return first == 0xFF or (first == 0xFE and length < limit)

    def status(self, begin, length):
        """Status flags of an OK or EOF. What speaks of the plan and the time that it took goes."""
        buffer = self.buffer
        at = begin + 3
        if buffer[begin] != 0xFE or length >= 9 or self.capabilities & wire.DEPRECATE_EOF:
            _, at = wire.read_lenenc(buffer, begin + 1)
            _, at = wire.read_lenenc(buffer, at)
        flags = PLAN_FLAGS if self.capabilities & wire.SESSION_TRACK else PLAN_FLAGS | STATE_CHANGED
        buffer[at] &= ~flags & 0xFF
        buffer[at + 1] &= ~flags >> 8 & 0xFF
        return buffer[at] | buffer[at + 1] << 8

    def read_single(self, _op):
        self.packet()

    def read_rows(self, _op=None):
        while True:
            begin, length = self.packet()
            if self.is_end(begin, length):
                return begin, length

    def read_definitions(self, count):
        """True: a cursor stands in place of the rows."""
        for _ in range(count):
            self.packet()
        if count and not self.capabilities & wire.DEPRECATE_EOF:
            begin, length = self.packet()
            if self.buffer[begin] != 0xFE:
                return False
            self.buffer[begin + 1 : begin + 3] = b"\0\0"  # warnings so far, and the transaction that the
            self.buffer[begin + 3] &= ~IN_TRANSACTION  # statement begins: see must_differ.py
            return bool(self.status(begin, length) & wire.CURSOR_EXISTS)
        return False

    def read_result(self, op):
        while True:
            begin, length = self.packet()
            first = self.buffer[begin]
            if first == 0xFB:
                self.send_file(op, self.buffer[begin - 1])
                begin, length = self.packet()
                first = self.buffer[begin]
            elif first not in (0x00, 0xFF):
                count, at = wire.read_lenenc(self.buffer, begin)
                if self.capabilities & wire.CACHE_METADATA and at < begin + length and not self.buffer[at]:
                    count = 0
                if self.read_definitions(count):
                    return
                begin, length = self.read_rows()
                first = self.buffer[begin]
            if first == 0xFF or not self.status(begin, length) & wire.MORE_RESULTS:
                return

    def send_file(self, op, seq):
        content = op.args[1] if len(op.args) > 1 else b""
        out = b""
        if content:
            seq = (seq + 1) & 0xFF
            out = wire.frame(content, seq)
        self.send(out + wire.frame(b"", (seq + 1) & 0xFF))

    def read_prepare(self, op):
        begin, _ = self.packet()
        slot = op.args[0]
        self.statements.pop(slot, None)
        if self.buffer[begin] == 0xFF:
            return
        handle, columns, parameters = struct.unpack_from("<IHH", self.buffer, begin + 1)
        self.statements[slot] = handle
        self.texts[slot] = self.texts[LAST_PREPARED] = op.args[1]
        self.read_definitions(parameters)
        self.read_definitions(columns)

    def read_login(self, op):
        """The server may ask once more, with a salt of its own."""
        begin, length = self.packet()
        if self.buffer[begin] != 0xFE:
            return
        payload = bytes(self.buffer[begin : begin + length])
        if not payload[1:].startswith(b"mysql_native_password\0"):
            return
        salt = payload[23:43]
        proof = wire.native_proof(op.args[1].encode(), salt)
        self.send(wire.frame(proof, (self.buffer[begin - 1] + 1) & 0xFF))
        self.packet()

    def read_nothing(self, _op):
        pass

    # -- operations: each returns what is sent

    def connect(self, op):
        user, password, schema, kind, collation = op.args
        begin, length = self.packet()
        if self.buffer[begin] == 0xFF:
            raise Closed
        greeting = wire.Greeting(bytes(self.buffer[begin : begin + length]))
        self.salt, self.identity = greeting.salt, greeting.connection_id
        capabilities = CAPABILITIES[kind] | (wire.CONNECT_WITH_DB if schema else 0)
        if capabilities >> 32:
            capabilities &= ~wire.LONG_PASSWORD & (greeting.extended << 32 | 0xFFFFFFFF)
        self.capabilities = capabilities
        proof = wire.native_proof(password.encode(), greeting.salt)
        payload = struct.pack(
            "<IIB19xI", capabilities & 0xFFFFFFFF, 1 << 30, collation & 0xFF, capabilities >> 32
        )
        payload += user.encode() + b"\0" + bytes([len(proof)]) + proof
        payload += schema.encode() + b"\0" if schema else b""
        self.send(wire.frame(payload + b"mysql_native_password\0", 1))
        self.read_login(op)

    def texts_of(self, op):
        """What the operation says, and what was prepared that it executes."""
        return (*op.args, self.texts.get(op.args[0], "")) if op.kind in ("execute", "fetch", "bulk") else op.args

    def handle(self, slot):
        if slot == LAST_PREPARED:
            return 0xFFFFFFFF
        return self.statements.get(slot, NO_STATEMENT + slot)

    def encode(self, op):
        """The packets of an operation."""
        args = op.args
        code = CODES[op.kind][0]
        if op.kind in ("query", "init_db", "prepare"):
            text = args[1] if op.kind == "prepare" else args[0]
            body = text if isinstance(text, bytes) else text.encode()
        elif op.kind == "execute":
            slot, parameters, cursor, with_types = args
            body = struct.pack("<IBI", self.handle(slot), cursor, 1)
            body += parameter_block(parameters, with_types)
        elif op.kind == "bulk":
            slot, types, rows = args
            body = struct.pack("<IH", self.handle(slot), 128)
            body += b"".join(bytes([kind, 0]) for kind in types)
            body += b"".join(b"\x01" if cell is None else b"\0" + cell for row in rows for cell in row)
        elif op.kind == "long_data":
            slot, parameter, data = args
            body = struct.pack("<IH", self.handle(slot), parameter) + data
        elif op.kind == "fetch":
            body = struct.pack("<II", self.handle(args[0]), args[1])
        elif op.kind in ("stmt_reset", "stmt_close"):
            body = struct.pack("<I", self.handle(args[0]))
        elif op.kind == "field_list":
            body = args[0].encode() + b"\0" + args[1].encode()
        elif op.kind == "set_option":
            body = struct.pack("<H", args[0])
        elif op.kind == "change_user":
            user, password, schema, collation = args
            proof = wire.native_proof(password.encode(), self.salt)
            body = user.encode() + b"\0" + bytes([len(proof)]) + proof + schema.encode() + b"\0"
            body += struct.pack("<H", collation) + b"mysql_native_password\0"
        elif op.kind == "raw":
            return wire.frame(args[0])
        else:
            body = b""
        return wire.frame(bytes([code]) + body)

    def answer(self, op):
        """What came back, with what must differ masked."""
        if not self.alive:
            return ENDED
        try:
            if op.kind == "connect":
                self.connect(op)
            elif op.kind in ("drop", "quit"):
                self.close()
                return b""
            else:
                CODES[op.kind][1](self, op)
                if op.kind == "stmt_close":
                    self.statements.pop(op.args[0], None)
            return mask(self, op, self.take())
        except Closed:
            self.close()
            return mask(self, op, bytes(self.buffer)) + CLOSED
        except socket.timeout:
            self.close()
            return SILENT

    def close(self):
        self.alive = False
        self.socket.close()


# The command's byte, and how the end of its answer is found.
CODES = {
    "query": (wire.QUERY, Client.read_result),
    "init_db": (wire.INIT_DB, Client.read_single),
    "prepare": (wire.STMT_PREPARE, Client.read_prepare),
    "execute": (wire.STMT_EXECUTE, Client.read_result),
    "bulk": (wire.STMT_BULK, Client.read_result),
    "long_data": (wire.STMT_LONG_DATA, Client.read_nothing),
    "fetch": (wire.STMT_FETCH, Client.read_rows),
    "stmt_reset": (wire.STMT_RESET, Client.read_single),
    "stmt_close": (wire.STMT_CLOSE, Client.read_nothing),
    "field_list": (wire.FIELD_LIST, Client.read_rows),
    "set_option": (wire.SET_OPTION, Client.read_single),
    "ping": (wire.PING, Client.read_single),
    "statistics": (wire.STATISTICS, Client.read_single),
    "reset_connection": (wire.RESET_CONNECTION, Client.read_single),
    "change_user": (wire.CHANGE_USER, Client.read_login),
    "raw": (None, Client.read_single),
    "quit": (wire.QUIT, Client.read_nothing),
    "drop": (None, Client.read_nothing),
    "connect": (None, Client.read_nothing),
}
ALONE = ("connect", "change_user", "drop", "quit")  # not sent together with others


def send_group(clients, group):
    """Sends the operations of a group, each session's in one write."""
    waiting = {}
    for op in group:
        client = clients.get(op.session)
        if client and client.alive and op.kind not in ("connect", "drop"):
            waiting[op.session] = waiting.get(op.session, b"") + client.encode(op)
    for session, data in waiting.items():
        try:
            clients[session].socket.sendall(data)
        except OSError:
            pass  # reading tells


def run_round(port, groups, timeout=20):
    """The answers to a round: one for each operation, in their order."""
    clients, answers = {}, []
    try:
        for group in groups:
            for op in group:
                if op.kind == "connect":
                    clients[op.session] = Client(port, timeout)
            send_group(clients, group)
            answers += [clients[op.session].answer(op) if op.session in clients else ENDED for op in group]
        return answers
    finally:
        for client in clients.values():
            client.close()
