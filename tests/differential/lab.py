"""Where the rounds run: a cluster, and a Causeway for each pooling before it."""

import contextlib
import os
import pathlib
import shutil
import sys

import pymysql

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402 # pylint: disable=wrong-import-position

ACCOUNTS = (
    "CREATE USER 'full'@'%' IDENTIFIED BY 'full-diff'",
    "GRANT ALL PRIVILEGES ON *.* TO 'full'@'%'",
    "CREATE USER 'plain'@'%' IDENTIFIED BY 'plain-diff'",
    "GRANT ALL PRIVILEGES ON `d%`.* TO 'plain'@'%'",
    "CREATE USER 'empty'@'%'",
    "GRANT ALL PRIVILEGES ON `d%`.* TO 'empty'@'%'",
    "CREATE USER 'reader'@'%' IDENTIFIED BY 'reader-diff'",
    "GRANT SELECT ON `d%`.* TO 'reader'@'%'",
    "CREATE ROLE diff_role",
    "CREATE DATABASE secret",
    "CREATE TABLE secret.t (a INT)",
    "INSERT INTO secret.t VALUES (1)",
    "GRANT SELECT ON secret.* TO diff_role",
    "GRANT diff_role TO 'plain'@'%', 'empty'@'%'",
)
# Plans must not depend on when statistics are gathered in the background; and sequence numbers of GTIDs have
# seven digits all through a run, so that masking them leaves lengths alone.
OPTIONS = ("innodb_stats_auto_recalc=0", "log_bin_trust_function_creators=1")
FIRST_GTID = 1_000_000
SETTINGS = {
    "routing": {"consistency": "key", "causal_timeout": "1s"},
    "proxy": {"log_level": "warn"},
}
# With --lend: as few connections to each server as the sessions can hold at once (two lanes of four), so that none
# waits for another that waits for it; and time enough for who waits.
FEW_CONNECTIONS = {"max_server_connections": "8", "pool_wait": "60s"}


class Lab:
    def __init__(self, poolings, lend=False):
        self.poolings = poolings
        self.lend = lend
        self.cluster = None
        self.proxies = {}
        self.folders = []

    def start(self):
        self.folders.append(harness.scratch("differential"))
        self.cluster = harness.Cluster(self.folders[0], options=OPTIONS)
        leader = self.cluster.leader
        leader.sql(f"SET gtid_seq_no = {FIRST_GTID}")
        for statement in ACCOUNTS:
            leader.sql(statement)
        self.cluster.caught_up()
        for pooling in self.poolings:
            self.start_proxy(pooling)

    def start_proxy(self, pooling):
        settings = {section: dict(keys) for section, keys in SETTINGS.items()}
        settings["routing"]["pooling"] = pooling
        if self.lend and pooling == "transaction":
            settings["routing"].update(FEW_CONNECTIONS)
        folder = harness.scratch(f"differential-{pooling}")
        self.folders.append(folder)
        self.proxies[pooling] = harness.Causeway(self.cluster, folder, settings)
        self.proxies[pooling].start()

    def port(self, way):
        return self.cluster.leader.port if way == "direct" else self.proxies[way].port

    def counters(self, pooling):
        return {row["name"]: int(row["value"]) for row in self.proxies[pooling].console("SHOW STATS")}

    def errant(self):
        """Followers that wrote something to their own log, in words."""
        return [
            f"{follower.name} has transactions of its own: {own}"
            for follower in self.cluster.followers
            if (own := follower.own_transactions())
        ]

    def stop(self, keep=None):
        failures = []
        for pooling, proxy in self.proxies.items():
            try:
                proxy.stop()
            except AssertionError as error:
                failures.append(f"{pooling}: {error}")
            if keep:
                os.makedirs(keep, exist_ok=True)
                shutil.copy(proxy.log, pathlib.Path(keep) / f"{pooling}.log")
        with contextlib.suppress(Exception):
            self.cluster.stop()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        return failures


def reset_lane(leader_root, followers, world):
    """The lane's schemas are there and empty, on every server, and nothing of an earlier round is held."""
    with leader_root.cursor() as cursor:
        cursor.execute("SET lock_wait_timeout = 15")
        cursor.execute("XA RECOVER")
        for *_, name in cursor.fetchall():
            name = name.decode() if isinstance(name, bytes) else name
            if name.startswith(f"x{world.lane}_"):
                with contextlib.suppress(pymysql.err.OperationalError):  # 1402: it was rolled back before
                    cursor.execute(f"XA ROLLBACK '{name}'")
        for schema in world.all_schemas():
            cursor.execute(f"DROP DATABASE IF EXISTS {schema}")
            cursor.execute(f"CREATE DATABASE {schema}")
        wait_free(cursor, world)
        cursor.execute("SELECT @@gtid_binlog_pos")
        (position,) = cursor.fetchone()
    for follower in followers:
        with follower.cursor() as cursor:
            cursor.execute("SELECT MASTER_GTID_WAIT(%s, 30)", (position,))
            if cursor.fetchone() != (0,):
                raise AssertionError("a follower does not catch up")


def wait_free(cursor, world):
    """Until the sessions of the round before have ended for the server, too."""
    names = [f"l{world.lane}_{number}_{letter}" for number in range(len(world.schemas)) for letter in "abr"]
    question = "SELECT " + " AND ".join(f"IS_FREE_LOCK('{name}')" for name in names)

    def free():
        cursor.execute(question)
        return cursor.fetchone() == (1,)

    harness.wait_until(free, "locks of clients that have left are free")
