"""Causeway as the master of somebody else: a server that replicates through it, mariadb-binlog, and
semi-synchronous acknowledgements, as with the leader itself."""

import contextlib
import shutil
import signal
import struct
import subprocess

import pytest

import wire
from harness import PATIENCE, Cluster, free_ports, scratch, wait_until
from wire import Wire

REPLICATION = {"user": "replication", "password": "replication-demo"}


@pytest.fixture(name="outsider", scope="module")
def outsider_fixture():
    """A server of its own, that belongs to no cluster."""
    folder = scratch("outsider")
    other = None
    try:
        other = Cluster(folder, followers=0, options=["server_id=77"])
        yield other.leader
    finally:
        if other is not None:
            other.stop()
        shutil.rmtree(folder, ignore_errors=True)


def replica_status(server):
    connection = server.root()
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SHOW SLAVE STATUS")
        found = cursor.fetchone()
        return dict(zip([column[0] for column in cursor.description], found)) if found else {}


def shown(server, statement):
    """What the replica shows, or its trouble."""
    status = replica_status(server)
    assert not status["Last_SQL_Errno"] and not status["Last_IO_Errno"], status
    return server.value(statement)


@contextlib.contextmanager
def replicating(outsider, port, start="0"):
    """The outsider follows whoever answers on that port, from `start` on."""
    outsider.sql("STOP SLAVE; RESET SLAVE ALL; RESET MASTER")
    outsider.sql(f"SET GLOBAL gtid_slave_pos='{start}'")
    outsider.sql(
        f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='replication', "
        "MASTER_PASSWORD='replication-demo', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, "
        "MASTER_HEARTBEAT_PERIOD=1"
    )
    outsider.sql("START SLAVE")
    try:
        yield
    finally:
        outsider.sql("STOP SLAVE; RESET SLAVE ALL")


@pytest.fixture(name="rows_table")
def rows_table_fixture(cluster, outsider):
    """A table that both have, and the position behind its creation."""
    sql = "CREATE OR REPLACE TABLE demo.through (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)"
    cluster.leader.sql(sql)
    cluster.caught_up()
    outsider.sql("STOP SLAVE")
    outsider.sql(f"SET SESSION sql_log_bin=0; {sql}; SET SESSION sql_log_bin=1")
    yield cluster.leader.value("SELECT @@gtid_binlog_pos")
    cluster.leader.sql("DROP TABLE demo.through")


def write(cluster, count, size=10):
    connection = cluster.leader.connect()
    with contextlib.closing(connection), connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("INSERT INTO demo.through (body) VALUES (REPEAT('x', %s))", (size,))


COUNT = "SELECT COUNT(*) FROM demo.through"


def heartbeats(server):
    return int(server.sql("SHOW STATUS LIKE 'Slave_received_heartbeats'")[0][1])


def dump_threads(server):
    return server.value("SELECT COUNT(*) FROM information_schema.processlist "
                        "WHERE user='replication' AND command='Binlog Dump'")


@pytest.mark.core
def test_server_replicates(cluster, proxy, outsider, rows_table):
    with replicating(outsider, proxy.port, rows_table):
        write(cluster, 20)
        wait_until(lambda: shown(outsider, COUNT) == 20, "20 rows on the replica")
        status = replica_status(outsider)
        assert status["Slave_IO_Running"] == "Yes"
        # A follower's id there would let a replica replicate itself.
        assert status["Master_Server_Id"] == cluster.leader.value("SELECT @@server_id")
        wait_until(lambda: replica_status(outsider)["Slave_IO_State"] == "Waiting for master to send event",
                   "the stream is idle")
        first = heartbeats(outsider)
        wait_until(lambda: heartbeats(outsider) > first + 1, "heartbeats while nothing is written")
        assert dump_threads(cluster.leader) == 3
    wait_until(lambda: dump_threads(cluster.leader) == 2, "the leader's thread for it ended")


@pytest.mark.slow
def test_thousands_of_transactions_and_kills(cluster, proxy, outsider, rows_table):
    """The replica is killed and comes back, its connection is killed, and nothing is missing or twice."""
    with replicating(outsider, proxy.port, rows_table):
        write(cluster, 1500, 200)
        outsider.tool("kill")
        write(cluster, 1500, 200)
        outsider.tool("restart")
        wait_until(lambda: shown(outsider, COUNT) > 1600, "the replica goes on", 30)
        outsider.sql("STOP SLAVE; START SLAVE")
        write(cluster, 1000, 200)
        wait_until(lambda: shown(outsider, COUNT) == 4000, "all rows on the replica", 60)
        check = "CHECKSUM TABLE demo.through"
        assert outsider.sql(check) == cluster.leader.sql(check)


def test_large_events(cluster, proxy, outsider, rows_table):
    """Events longer than a packet, in bounded memory."""
    before = proxy.rss_kib()
    with replicating(outsider, proxy.port, rows_table):
        write(cluster, 2, 17_000_000)
        write(cluster, 1, 40_000_000)
        wait_until(lambda: shown(outsider, COUNT) == 3, "three rows on the replica", 30)
        check = "CHECKSUM TABLE demo.through"
        assert outsider.sql(check) == cluster.leader.sql(check)
    assert proxy.rss_kib() - before < 24_000 * PATIENCE


@pytest.mark.core
def test_semi_synchronous_acknowledgements(cluster, proxy, outsider, rows_table):
    """Only the replica behind Causeway acknowledges: without it every commit would wait a minute."""
    leader = cluster.leader
    leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=1; SET GLOBAL rpl_semi_sync_master_timeout=60000")
    outsider.sql("SET GLOBAL rpl_semi_sync_slave_enabled=1")
    try:
        with replicating(outsider, proxy.port, rows_table):
            wait_until(lambda: status(leader, "Rpl_semi_sync_master_clients") == 1, "a semi-sync replica")
            write(cluster, 30)
            assert status(leader, "Rpl_semi_sync_master_yes_tx") >= 30
            assert status(leader, "Rpl_semi_sync_master_no_tx") == 0
            wait_until(lambda: shown(outsider, COUNT) == 30, "30 rows on the replica")
    finally:
        leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=0; SET GLOBAL rpl_semi_sync_master_timeout=DEFAULT")
        outsider.sql("SET GLOBAL rpl_semi_sync_slave_enabled=0")


def status(server, name):
    return int(server.sql(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])


def binlog_tool(port, *arguments):
    return subprocess.Popen(
        ["mariadb-binlog", "-h127.0.0.1", f"-P{port}", "-ureplication", "-preplication-demo",
         "--read-from-remote-server", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def test_mariadb_binlog_reads_to_the_end(cluster, proxy, rows_table):
    write(cluster, 50)
    file = cluster.leader.sql("SHOW MASTER STATUS")[0][0]
    texts = []
    for port in (cluster.leader.port, proxy.port):
        out, errors = binlog_tool(port, file).communicate(timeout=30 * PATIENCE)
        assert not errors, errors
        texts.append(out)
    assert texts[0] == texts[1] and rows_table


def test_mariadb_binlog_never_stops(cluster, proxy, rows_table):
    file = cluster.leader.sql("SHOW MASTER STATUS")[0][0]
    tool = binlog_tool(proxy.port, "--stop-never", "--stop-never-slave-server-id=78", "--raw",
                       f"--result-file={proxy.folder}/copy-", file)
    copy = proxy.folder / f"copy-{file}"
    try:
        for round_number in range(3):
            write(cluster, 10)
            size = int(cluster.leader.sql("SHOW MASTER STATUS")[0][1])
            wait_until(lambda size=size: copy.exists() and copy.stat().st_size >= size,
                       f"round {round_number} in the copy")
        assert tool.poll() is None
    finally:
        tool.kill()
        tool.communicate()
    original = (cluster.folder / cluster.leader.name / "data" / file).read_bytes()
    # The first event says of the original that it is still being written.
    assert original[300:].startswith(copy.read_bytes()[300:]) and rows_table


def logged_in(port, **account):
    client = Wire(port)
    assert client.login(**account)[0] == 0
    client.take()
    return client


DUMP = bytes([0x12]) + struct.pack("<IHI", 4, 0, 79)
REGISTER = bytes([0x15]) + struct.pack("<I", 79) + b"\0\0\0" + struct.pack("<HII", 0, 0, 0)


@pytest.mark.core
@pytest.mark.parametrize("account", [{}, REPLICATION], ids=["not allowed", "allowed"])
@pytest.mark.parametrize("name", ["old", "modern"])
def test_refusals_are_the_leaders(cluster, proxy, account, name):
    """No privilege, or a log that is not there: the leader's own error, then the end."""
    capabilities = wire.PLAIN | (wire.DEPRECATE_EOF | wire.SESSION_TRACK if name == "modern" else 0)
    answers = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(logged_in(port, capabilities=capabilities, **account)) as client:
            client.send(REGISTER)
            client.packet()
            client.send(DUMP + b"no-such-log.000001")
            client.read_rows()
            answer = client.take()
            try:
                ended = client.simple(wire.PING)[0] == 0xFF
            except (wire.WireError, OSError):
                ended = True
            answers.append((answer, ended))
    assert answers[0] == answers[1]
    assert answers[0][1] == bool(account), "only an error of the stream itself ends the connection"


def test_stream_ends_with_its_leader(cluster, causeway, outsider, rows_table):
    """The leader goes away and comes back: the replica connects anew by itself, and misses nothing. A
    leader that stays away longer than leader_wait does not stop it either."""
    proxy = causeway({"routing": {"leader_wait": "300ms"}, "proxy": {"log_level": "debug"}})
    with replicating(outsider, proxy.port, rows_table):
        write(cluster, 5)
        wait_until(lambda: shown(outsider, COUNT) == 5, "5 rows on the replica")
        cluster.leader.tool("kill")
        outsider.sql("STOP SLAVE; START SLAVE")
        wait_until(lambda: "a replica, and there is no leader" in proxy.log_text(), "it tries in vain")
        assert replica_status(outsider)["Slave_IO_Running"] == "Connecting"
        cluster.leader.tool("restart")
        cluster.heal()
        write(cluster, 5)
        wait_until(lambda: outsider.value(COUNT) == 10, "10 rows on the replica", 30)
        assert replica_status(outsider)["Slave_IO_Running"] == "Yes"


def test_it_does_not_hold_up_the_end(causeway, outsider, rows_table):
    """SIGTERM does not wait for a stream that has no end."""
    proxy = causeway({"proxy": {"drain": "60s"}})
    with replicating(outsider, proxy.port, rows_table):
        wait_until(lambda: replica_status(outsider)["Slave_IO_Running"] == "Yes", "it follows")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(10 * PATIENCE) == 0
