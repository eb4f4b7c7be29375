"""A client made of bytes: it logs in with the capabilities it is told, sends any command, and keeps
every byte of the reply, so that two servers' replies can be compared packet by packet.

Protocol facts: MariaDB's protocol pages "connection", "result set packets", "com_stmt_execute",
"packet_local_infile".
"""

import hashlib
import os
import socket
import struct

LONG_PASSWORD = 1
FOUND_ROWS = 2
CONNECT_WITH_DB = 8
LOCAL_FILES = 1 << 7
PROTOCOL_41 = 1 << 9
SSL = 1 << 11
TRANSACTIONS = 1 << 13
SECURE_CONNECTION = 1 << 15
MULTI_STATEMENTS = 1 << 16
MULTI_RESULTS = 1 << 17
PS_MULTI_RESULTS = 1 << 18
PLUGIN_AUTH = 1 << 19
CONNECT_ATTRS = 1 << 20
SESSION_TRACK = 1 << 23
DEPRECATE_EOF = 1 << 24
QUERY_ATTRIBUTES = 1 << 27

# MariaDB's own: bits 32 and up, sent instead of LONG_PASSWORD.
PROGRESS = 1 << 32
STMT_BULK_OPERATIONS = 1 << 34
EXTENDED_METADATA = 1 << 35
CACHE_METADATA = 1 << 36

PLAIN = (
    LONG_PASSWORD | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS
    | PS_MULTI_RESULTS | PLUGIN_AUTH | LOCAL_FILES
)

QUIT, INIT_DB, QUERY, FIELD_LIST, STATISTICS = 1, 2, 3, 4, 9
PROCESS_KILL, PING, CHANGE_USER = 0x0C, 0x0E, 0x11
STMT_PREPARE, STMT_EXECUTE, STMT_LONG_DATA, STMT_CLOSE, STMT_RESET = 0x16, 0x17, 0x18, 0x19, 0x1A
SET_OPTION, STMT_FETCH, RESET_CONNECTION, STMT_BULK = 0x1B, 0x1C, 0x1F, 0xFA

MORE_RESULTS = 0x0008
CURSOR_EXISTS = 0x0040
LAST_ROW_SENT = 0x0080
MAX_PACKET = 0xFFFFFF


class WireError(Exception):
    """The connection ended, or what came is not the protocol."""


def lenenc(number):
    if number < 251:
        return bytes([number])
    if number < 1 << 16:
        return b"\xfc" + struct.pack("<H", number)
    if number < 1 << 24:
        return b"\xfd" + struct.pack("<I", number)[:3]
    return b"\xfe" + struct.pack("<Q", number)


def lenenc_string(data):
    return lenenc(len(data)) + data


def read_lenenc(data, at):
    first = data[at]
    if first < 251:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def native_proof(password, salt):
    """mysql_native_password: SHA1(pw) XOR SHA1(salt + SHA1(SHA1(pw)))."""
    if not password:
        return b""
    first = hashlib.sha1(password).digest()
    return xor(first, hashlib.sha1(salt + hashlib.sha1(first).digest()).digest())


def frame(payload, seq=0):
    """The payload as packets; a multiple of 16 MiB - 1 ends with an empty one."""
    out = b""
    while True:
        part, payload = payload[:MAX_PACKET], payload[MAX_PACKET:]
        out += struct.pack("<I", len(part))[:3] + bytes([seq & 0xFF]) + part
        seq += 1
        if len(part) < MAX_PACKET:
            return out


class Greeting:
    def __init__(self, payload):
        self.protocol = payload[0]
        end = payload.index(0, 1)
        self.version = payload[1:end].decode()
        self.connection_id = struct.unpack_from("<I", payload, end + 1)[0]
        at = end + 5
        salt = payload[at : at + 8]
        low, self.collation, self.status, high = struct.unpack_from("<HBHH", payload, at + 9)
        self.salt_length = payload[at + 16]
        self.extended = struct.unpack_from("<I", payload, at + 23)[0]
        self.capabilities = low | high << 16
        self.salt = salt + payload[at + 27 : at + 39]
        self.plugin = payload[at + 40 :].rstrip(b"\0").decode()


class Wire:
    """One connection. `raw` collects every byte received since the last `take()`."""

    def __init__(self, port, timeout=40 if os.environ.get("CAUSEWAY_SANITIZED") else 10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.at = 0
        self.raw = bytearray()
        self.keep = True
        self.greeting = None
        self.capabilities = 0
        self.seq = 0
        self.login_seq = 1

    def close(self):
        self.socket.close()

    # -- packets

    def receive(self, count):
        parts = []
        while count:
            if self.at == len(self.buffer):
                self.buffer, self.at = self.socket.recv(1 << 20), 0
                if not self.buffer:
                    raise WireError("the connection was closed")
            part = self.buffer[self.at : self.at + count]
            self.at += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def packet(self):
        """One whole payload; parts of 16 MiB - 1 are put together."""
        payload = b""
        while True:
            header = self.receive(4)
            length = int.from_bytes(header[:3], "little")
            body = self.receive(length)
            if self.keep:
                self.raw += header + body
            self.seq = header[3]
            payload = payload + body if payload else body
            if length < MAX_PACKET:
                return payload

    def send(self, payload, seq=0):
        self.socket.sendall(frame(payload, seq))

    def take(self):
        raw, self.raw = bytes(self.raw), bytearray()
        return raw

    # -- login

    def read_greeting(self):
        payload = self.packet()
        if payload[0] == 0xFF:
            return payload
        self.greeting = Greeting(payload)
        return payload

    def start_tls(self, context):
        """Greeting, SSLRequest, handshake; the login that follows is encrypted."""
        self.read_greeting()
        self.login_seq = 2
        self.socket.sendall(frame(struct.pack("<IIB23x", PLAIN | SSL, 1 << 30, 45), 1))
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def login(self, user="app", password="app-demo", schema=None, capabilities=PLAIN, plugin=None,
              proof=None, collation=45, attributes=None):
        """Greeting, login, auth switch when asked; the last payload of the server (OK or ERR)."""
        if self.greeting is None and self.read_greeting()[0] == 0xFF:
            raise WireError("refused before the greeting")
        capabilities |= CONNECT_WITH_DB if schema else 0
        capabilities |= CONNECT_ATTRS if attributes else 0
        if proof is None:
            proof = native_proof(password.encode(), self.greeting.salt)
        if capabilities >> 32:  # MariaDB's own, as far as they are offered
            capabilities &= ~LONG_PASSWORD & (self.greeting.extended << 32 | 0xFFFFFFFF)
        self.capabilities = capabilities
        payload = struct.pack(
            "<IIB19xI", capabilities & 0xFFFFFFFF, 1 << 30, collation, capabilities >> 32
        )
        payload += user.encode() + b"\0"
        payload += (bytes([len(proof)]) + proof) if capabilities & SECURE_CONNECTION else proof + b"\0"
        payload += schema.encode() + b"\0" if schema else b""
        if capabilities & PLUGIN_AUTH:
            payload += (plugin or "mysql_native_password").encode() + b"\0"
        if attributes:
            pairs = b"".join(
                lenenc_string(key.encode()) + lenenc_string(text.encode())
                for key, text in attributes.items()
            )
            payload += lenenc_string(pairs)
        self.send(payload, self.login_seq)
        return self.finish_login(password)

    def begin_login(self, user, proof, plugin=None, capabilities=PLAIN):
        """The answer to the greeting, as bytes: the caller reads what comes of it."""
        self.capabilities = capabilities
        payload = struct.pack("<IIB19xI", capabilities & 0xFFFFFFFF, 1 << 30, 45, 0)
        payload += user + b"\0" + bytes([len(proof)]) + proof
        if capabilities & PLUGIN_AUTH:
            payload += (plugin or b"mysql_native_password") + b"\0"
        self.send(payload, 1)

    def begin_change_user(self, user, proof, plugin=b"mysql_native_password"):
        payload = bytes([CHANGE_USER]) + user + b"\0" + bytes([len(proof)]) + proof + b"\0"
        self.send(payload + struct.pack("<H", 45) + plugin + b"\0")

    def finish_login(self, password):
        answer = self.packet()
        if answer[0] == 0xFE:
            plugin, _, rest = answer[1:].partition(b"\0")
            if plugin != b"mysql_native_password":
                raise WireError(f"asked for {plugin!r}")
            self.send(native_proof(password.encode(), rest[:20]), self.seq + 1)
            answer = self.packet()
        return answer

    def change_user(self, user, password, schema="", salt=None):
        proof = native_proof(password.encode(), salt or self.greeting.salt)
        payload = bytes([CHANGE_USER]) + user.encode() + b"\0" + bytes([len(proof)]) + proof
        payload += schema.encode() + b"\0" + struct.pack("<H", 45) + b"mysql_native_password\0"
        self.send(payload)
        return self.finish_login(password)

    # -- replies

    def status_of(self, payload):
        """Status flags of an OK (also one that ends rows) or an EOF."""
        if payload[0] == 0xFE and len(payload) < 9 and not self.capabilities & DEPRECATE_EOF:
            return struct.unpack_from("<H", payload, 3)[0]
        _, at = read_lenenc(payload, 1)
        _, at = read_lenenc(payload, at)
        return struct.unpack_from("<H", payload, at)[0]

    def is_end(self, payload):
        """Whether this packet ends rows."""
        limit = MAX_PACKET if self.capabilities & DEPRECATE_EOF else 9
        return payload[0] == 0xFF or (payload[0] == 0xFE and len(payload) < limit)

    def read_definitions(self, count):
        """Column definitions and the EOF behind them; True when a cursor stands instead of rows."""
        for _ in range(count):
            self.packet()
        if count and not self.capabilities & DEPRECATE_EOF:
            return bool(self.status_of(self.packet()) & CURSOR_EXISTS)
        return False

    def read_rows(self):
        while True:
            payload = self.packet()
            if self.is_end(payload):
                return payload

    def read_result(self, files=None):
        """All results of a COM_QUERY or COM_STMT_EXECUTE; the last payload."""
        while True:
            payload = self.packet()
            if payload[0] == 0xFB:
                payload = self.send_file(payload[1:].decode(), files or {})
            elif payload[0] not in (0x00, 0xFF):
                count, at = read_lenenc(payload, 0)
                if self.capabilities & CACHE_METADATA and payload[at] == 0:
                    count = 0  # the client has the definitions from before
                payload = b"" if self.read_definitions(count) else self.read_rows()
            if not payload or payload[0] == 0xFF or not self.status_of(payload) & MORE_RESULTS:
                return payload

    def send_file(self, name, files):
        seq = self.seq + 1
        for part in files.get(name, []):
            self.send(part, seq)
            seq += 1
        self.send(b"", seq)
        return self.packet()

    # -- commands

    def query(self, sql, files=None):
        self.send(bytes([QUERY]) + (sql if isinstance(sql, bytes) else sql.encode()))
        return self.read_result(files)

    def simple(self, command, body=b""):
        self.send(bytes([command]) + body)
        return self.packet()

    def field_list(self, table, wildcard=""):
        self.send(bytes([FIELD_LIST]) + table.encode() + b"\0" + wildcard.encode())
        return self.read_rows()

    def prepare(self, sql):
        """(statement id, columns, parameters), or the ERR payload."""
        self.send(bytes([STMT_PREPARE]) + sql.encode())
        payload = self.packet()
        if payload[0] == 0xFF:
            return payload
        statement, columns, parameters = struct.unpack_from("<IHH", payload, 1)
        self.read_definitions(parameters)
        self.read_definitions(columns)
        return statement, columns, parameters

    def execute_bytes(self, statement, parameters=(), cursor=0, long_data=(), send_types=True):
        """COM_STMT_EXECUTE with bytes (as strings), integers and None; `long_data` names the
        parameters whose value was sent before. The types may be left out when they were sent."""
        body = bytes([STMT_EXECUTE]) + struct.pack("<iBI", statement, cursor, 1)
        if parameters:
            nulls = bytearray((len(parameters) + 7) // 8)
            types, values = b"", b""
            for index, item in enumerate(parameters):
                if item is None:
                    nulls[index // 8] |= 1 << index % 8
                    types += b"\x06\0"
                elif isinstance(item, int):
                    types += b"\x08\0"
                    values += struct.pack("<q", item)
                else:
                    types += b"\xfd\0"
                    values += b"" if index in long_data else lenenc_string(item)
            body += bytes(nulls) + (b"\x01" + types if send_types else b"\0") + values
        return body

    def execute(self, statement, parameters=(), cursor=0, long_data=(), send_types=True):
        self.send(self.execute_bytes(statement, parameters, cursor, long_data, send_types))
        return self.read_result()

    def bulk_insert(self, statement, rows, types=True):
        """COM_STMT_BULK_EXECUTE with strings and None."""
        body = bytes([STMT_BULK]) + struct.pack("<iH", statement, 128 if types else 0)
        body += b"\xfd\0" * len(rows[0]) if types else b""
        self.send(body + b"".join(
            b"\x01" if item is None else b"\0" + lenenc_string(item) for row in rows for item in row))
        return self.read_result()

    def fetch(self, statement, count):
        self.send(bytes([STMT_FETCH]) + struct.pack("<iI", statement, count))
        return self.read_rows()

    def long_data(self, statement, parameter, data):
        self.send(bytes([STMT_LONG_DATA]) + struct.pack("<iH", statement, parameter) + data)


def error_of(payload):
    """(code, sqlstate, text) of an ERR payload."""
    assert payload[0] == 0xFF, payload[:80]
    code = struct.unpack_from("<H", payload, 1)[0]
    if payload[3:4] == b"#":
        return code, payload[4:9].decode(), payload[9:].decode(errors="replace")
    return code, "", payload[3:].decode(errors="replace")


def packets_of(raw):
    """The packets of a byte string, for a readable comparison."""
    found, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 3], "little")
        found.append(raw[at : at + 4 + length])
        at += 4 + length
    return found
