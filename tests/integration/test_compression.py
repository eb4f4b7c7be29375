"""The compressed protocol between clients and Causeway, as a server offers it."""

import contextlib
import os
import struct
import subprocess
import zlib

import pytest

import wire
from harness import PATIENCE, value, wait_until
from wire import Wire, WireError, frame

pytestmark = pytest.mark.core

COMPRESS = 1 << 5


def mariadb_client(port, sql, *options):
    done = subprocess.run(
        ["mariadb", "-h127.0.0.1", f"-P{port}", "-uapp", "-papp-demo", "-N", "--local-infile=1",
         *options, "-e", sql, "demo"],
        capture_output=True, text=True, timeout=90 * PATIENCE, check=False)
    return done.stdout, done.stderr


@pytest.mark.parametrize("sql", [
    "SELECT 1; SELECT 'two', REPEAT('x', 100); SELECT 3",
    "SELECT seq, MD5(seq) FROM seq_1_to_50000; SELECT 7",
    "SELECT REPEAT('abcdefghij', 2000000)",
    "SELECT 1; SELECT nothing FROM nowhere",
])
def test_the_mariadb_client_sees_the_same(proxy, cluster, sql):
    direct = mariadb_client(cluster.leader.port, sql)
    assert mariadb_client(proxy.port, sql, "--compress") == direct


def test_files_and_long_statements_of_the_mariadb_client(proxy, table, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{number}\tnote {number}\n" for number in range(100000)))
    sql = f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table}; SELECT COUNT(*), MAX(id) FROM {table}"
    assert mariadb_client(proxy.port, sql, "--compress") == ("100000\t99999\n", "")
    script = tmp_path / "long.sql"
    script.write_text(f"SELECT LENGTH('{'y' * 20_000_000}');\nSELECT 2;\n")
    found = mariadb_client(proxy.port, f"source {script}", "--compress", "--max-allowed-packet=64M")
    assert found == ("20000000\n2\n", "")


def test_node_mysql2(proxy):
    program = """
      const mysql = require('mysql2/promise');
      mysql.createConnection({host: '127.0.0.1', port: process.argv[1], user: 'app',
        password: 'app-demo', database: 'demo', compress: true}).then(async (db) => {
          for (const size of [1, 60, 100000, 3000000]) {
            const [rows] = await db.execute('SELECT REPEAT(?, ?) AS text', ['z', size]);
            console.log(rows[0].text.length); }
          await db.end(); });
    """
    done = subprocess.run(["node", "-e", program, str(proxy.port)], capture_output=True, text=True,
                          timeout=60 * PATIENCE, check=False, cwd=os.path.dirname(__file__))
    assert (done.stdout, done.stderr) == ("1\n60\n100000\n3000000\n", "")


def packed(payload, number=0, plain_len=None, squeeze=zlib.compress):
    body = squeeze(payload)
    plain_len = len(payload) if plain_len is None else plain_len
    return (struct.pack("<I", len(body))[:3] + bytes([number]) + struct.pack("<I", plain_len)[:3] + body)


QUERY = frame(b"\x03SELECT name FROM demo.this_server /* " + b"x" * 100 + b" */")

BAD = {
    "no zlib": packed(QUERY, squeeze=lambda data: b"\x11" * len(data)),
    "too long": packed(QUERY, plain_len=len(QUERY) - 1),
    "too short": packed(QUERY, plain_len=len(QUERY) + 1),
    "checksum": packed(QUERY, squeeze=lambda data: zlib.compress(data)[:-1] + b"\x00"),
    "bytes behind": packed(QUERY, squeeze=lambda data: zlib.compress(data) + b"\x00\x00"),
    "cut": packed(QUERY, squeeze=lambda data: zlib.compress(data)[:-6]),
    "bomb": packed(b"\xfe\xff\xff\0\x03" + b"x" * 100_000_000, plain_len=0xFFFFFF),
    "out of order": packed(QUERY, number=5),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_packets_end_the_session_and_no_other(proxy, client, name):
    before = proxy.rss_kib()
    with contextlib.closing(Wire(proxy.port)) as bad:
        assert bad.login(capabilities=wire.PLAIN | COMPRESS)[0] == 0
        bad.socket.sendall(BAD[name])
        with contextlib.suppress(ConnectionError), pytest.raises(WireError):
            bad.receive(1)
    wait_until(lambda: "protocol error: " in proxy.log_text(), "the log to say so")
    assert value(client, "SELECT 42") == 42
    assert proxy.rss_kib() < before + 60_000 * PATIENCE
