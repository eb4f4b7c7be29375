"""server_compression: the compressed protocol between Causeway and the servers."""

import contextlib

import pytest

import wire
from harness import rows, value, wait_until

pytestmark = pytest.mark.core

SETTINGS = {"cluster": {"server_compression": "yes"}}


def compressed(connection):
    return rows(connection, "SHOW SESSION STATUS LIKE 'Compression'") == (("Compression", "ON"),)


def test_both_servers_are_spoken_to_so(proxy):
    with contextlib.closing(proxy.connect()) as connection:
        assert compressed(connection)
        text = value(connection, "SELECT REPEAT('abcdefghij', 2000000) FROM demo.this_server")
        assert text == "abcdefghij" * 2000000


def test_off_by_default(causeway):
    proxy = causeway()
    with contextlib.closing(proxy.connect()) as connection:
        assert not compressed(connection)


def test_results_statements_and_files_of_all_lengths(proxy, table, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{number}\tnote {number}\n" for number in range(50000)))
    with contextlib.closing(proxy.connect(local_infile=True, max_allowed_packet=1 << 26)) as connection:
        for size in (0, 1, 49, 50, 51, 0xFFFF, 0xFFFFFB, 0xFFFFFC, 0xFFFFFF, 20_000_000):
            assert value(connection, f"SELECT LENGTH('{'y' * size}') FROM demo.this_server") == size
        assert value(connection, "SELECT COUNT(*) FROM (SELECT seq, MD5(seq) FROM seq_1_to_50000) AS s") == 50000
        assert len(rows(connection, "SELECT seq, MD5(seq) FROM demo.this_server, seq_1_to_50000")) == 50000
        rows(connection, f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table}")
        assert rows(connection, f"SELECT COUNT(*), MAX(id) FROM {table}") == ((50000, 49999),)


def test_a_kept_connection_serves_again(causeway, cluster):
    """COM_CHANGE_USER asks for nothing new: what comes behind it is compressed as before."""
    proxy = causeway({**SETTINGS, "proxy": {"threads": "1"}})
    connections = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'"
    for number in range(3):
        before = cluster.leader.value(connections) if number else 0
        with contextlib.closing(proxy.connect()) as connection:
            assert compressed(connection)
            assert not number or cluster.leader.value(connections) == before
        wait_until(lambda: all(pool["open"] == pool["idle"] for pool in proxy.console("SHOW POOLS")), "its reset")


def test_with_a_client_that_compresses_too(proxy):
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        assert client.login()[0] == 0
        assert client.query("SELECT 'x', REPEAT('z', 100000)")[0] == 0xFE
