"""Where the suites run: a throwaway cluster, its leader reached directly, and a Causeway before it for each
way of pooling. All of them take the account root with no password, which is what the suites expect."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import harness  # noqa: E402  (found through the line above)

STARTING = threading.Lock()  # one at a time: two would find the same ports free

POOLINGS = ("session", "transaction")

# root as the servers' own test suites know it; over TCP too, whatever the name of 127.0.0.1 is.
ROOT_ACCOUNT_SQL = """
ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING '';
CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
GRANT PROXY ON ''@'%' TO root@'localhost' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS test;
"""


class Place:
    """One way to reach the data: host and port, or the socket."""

    def __init__(self, name, port, socket):
        self.name, self.port, self.socket = name, port, str(socket)
        self.host = "127.0.0.1"


class Bed:
    """A cluster, and a Causeway for each of `poolings`. `places` has direct first."""

    def __init__(self, poolings=POOLINGS, followers=2, options=(), settings=None):
        self.poolings, self.follower_count, self.options = poolings, followers, options
        self.settings = settings or {}
        self.folder = self.cluster = None
        self.causeways, self.places = [], []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with STARTING:
            self.start_all()

    def start_all(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="causeway-suites-"))
        self.cluster = harness.Cluster(self.folder / "cluster", self.follower_count, self.options)
        leader = self.cluster.leader
        leader.sql(ROOT_ACCOUNT_SQL)
        self.cluster.caught_up()
        self.places = [Place("direct", leader.port, leader.socket)]
        self.causeways = []
        for pooling in self.poolings:
            self.add_causeway(pooling)

    def add_causeway(self, pooling):
        folder = self.folder / pooling
        folder.mkdir()
        socket = folder / "sock"
        overrides = {"routing": {"pooling": pooling}}
        # By their sockets, so that root@localhost is the account that the servers see.
        for server in self.cluster.servers:
            overrides[f"server:{server.name}"] = {"address": f"unix:{server.socket}"}
        for section, keys in self.settings.items():
            overrides.setdefault(section, {}).update(keys)
        causeway = harness.Causeway(self.cluster, folder, overrides)
        overrides["proxy"] = {"listen": f"127.0.0.1:{causeway.port}, unix:{socket}"}
        causeway.write_config(overrides)
        causeway.start()
        self.causeways.append(causeway)
        self.places.append(Place(pooling, causeway.port, socket))

    def stop(self):
        for causeway in self.causeways:
            causeway.stop()
        self.causeways = []
        if self.cluster is not None:
            self.cluster.stop()
            self.cluster = None
        if self.folder is not None and not os.environ.get("CAUSEWAY_SUITES_KEEP"):
            with contextlib.suppress(OSError):
                shutil.rmtree(self.folder)
