"""What is measured: a direct connection, the floor, HAProxy, and Causeway in several settings, before one cluster."""

import dataclasses
import pathlib
import re
import socket
import subprocess

import harness

BUILD = harness.BINARY.parent
HAPROXY = pathlib.Path("/usr/sbin/haproxy")
MOST_CONNECTIONS = 12000  # of each server, so that no target is short of them

# As a user would have it who writes no more than he must.
DEFAULTS = {
    "proxy": {"threads": "1", "max_clients": "20000", "log_level": None},
    "cluster": {"probe_interval": None},
    "routing": {"consistency": None, "causal_timeout": None, "on_lag": None, "pooling": "session",
                "max_server_connections": str(MOST_CONNECTIONS)},
}


@dataclasses.dataclass
class Target:
    name: str
    port: int
    pid: int = 0  # 0: nothing stands between
    causeway: harness.Causeway = None

    def cpu_seconds(self):
        """Of all its threads, to the nanosecond."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat") if self.pid else ()
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text() if self.pid else "VmRSS: 0"
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def statements(self):
        """How many statements Causeway has sent to (the leader, followers)."""
        counts = {row["name"]: int(row["value"]) for row in self.causeway.console("SHOW STATS")}
        return counts["statements_leader"], counts["statements_follower"]


def started(stack, name, port, command):
    """The process of a target that listens on `port`; ended with the stack."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    stack.callback(end_process, process)

    def listens():
        assert process.poll() is None, f"{name} ended with {process.returncode}"
        return socket.create_connection(("127.0.0.1", port), timeout=1).close() is None

    harness.wait_until(listens, f"{name} to listen")
    return Target(name, port, process.pid)


def end_process(process):
    process.terminate()
    process.wait(10)


def floor_target(stack, cluster):
    port = harness.free_ports(1)
    return started(stack, "floor", port, [BUILD / "causeway_floor", str(port), str(cluster.leader.port)])


def haproxy_target(stack, cluster, folder):
    """A list of one; of none where it is not installed."""
    if not HAPROXY.exists():
        print("haproxy is not installed, and left out")
        return []
    port = harness.free_ports(1)
    config = folder / "haproxy.cfg"
    config.write_text(
        f"global\n nbthread 1\n maxconn 9000\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n"
        f" timeout server 1h\nlisten sql\n bind 127.0.0.1:{port}\n server db1 127.0.0.1:{cluster.leader.port}\n"
    )
    return [started(stack, "haproxy", port, [HAPROXY, "-db", "-f", config])]


def causeway_target(stack, cluster, folder, name, overrides):
    """Causeway with its defaults, but for {section: {key: value}} of `overrides`."""
    place = folder / name
    place.mkdir()
    settings = {section: {**keys, **overrides.get(section, {})} for section, keys in DEFAULTS.items()}
    causeway = harness.Causeway(cluster, place, settings)
    causeway.start()
    stack.callback(causeway.stop)
    return Target(name, causeway.port, causeway.process.pid, causeway)


def named_target(text):
    """NAME=PORT or NAME=PORT:PID, from the command line."""
    name, _, place = text.partition("=")
    port, _, pid = place.partition(":")
    return Target(name, int(port), int(pid or 0))


def prepare_tables(cluster):
    for sql in (
        f"SET GLOBAL max_connections = {MOST_CONNECTIONS}, max_allowed_packet = 134217728",
        "CREATE OR REPLACE TABLE demo.bench (id INT PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL)",
        "INSERT INTO demo.bench (id, c) SELECT seq, REPEAT(CHAR(97 + seq % 26), 119) FROM demo.seq_1_to_10000",
        "CREATE OR REPLACE TABLE demo.big (id INT PRIMARY KEY, b LONGBLOB NOT NULL)",
        "INSERT INTO demo.big SELECT seq, REPEAT('x', 1048576) FROM demo.seq_1_to_64",
    ):
        cluster.leader.sql(sql)
    for follower in cluster.followers:
        follower.sql(f"SET GLOBAL max_connections = {MOST_CONNECTIONS}, max_allowed_packet = 134217728")
    cluster.caught_up()
