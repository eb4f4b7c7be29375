"""Networks that are cut while clients write: who is right to act, and does? Needs root: every server has a network namespace.

    /usr/bin/python3 -m pytest -p no:cacheprovider -c tests/integration/pytest.ini -q tests/failover/test_cuts.py"""

import contextlib
import pathlib
import shutil
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

# pylint: disable=wrong-import-position
from harness import Causeway, Cluster, rows, scratch, value, wait_until  # noqa: E402
from network import CAUSEWAY, Network  # noqa: E402
from test_failover import AUTO, GRANTS, Writers, heartbeat_of, leader_of, on_server, saved, servers, state, writable  # noqa: E402

FENCED = {**AUTO, "cluster": {**AUTO["cluster"], "fence_command": "true"}}


class Lab:
    """Three servers and a Causeway, each with a network of its own."""

    def __init__(self, settings=None):
        self.folder = scratch("cuts")
        self.network = Network()
        self.cluster = Cluster(self.folder / "cluster", arguments=self.network.cluster_arguments())
        for server in self.cluster.servers:
            server.host = self.network.address(server.name)
        self.leader = self.cluster.leader
        self.proxy = Causeway(self.cluster, self.folder, None)
        self.proxy.prefix = self.network.inside(CAUSEWAY)
        self.proxy.host = self.network.address(CAUSEWAY)
        self.proxy.write_config(settings or AUTO)

    def start(self):
        self.leader.sql(GRANTS)
        self.leader.sql(
            "CREATE TABLE demo.kept (id BIGINT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, number INT NOT NULL,"
            " UNIQUE (client, number))"
        )
        self.cluster.caught_up()
        self.proxy.start()
        wait_until(lambda: all(heartbeat_of(follower) <= 0.34 for follower in self.cluster.followers), "they hear often")
        wait_until(lambda: state(self.proxy)["operation"] is None, "nothing is under way")
        return self

    def all_follow(self, leader):
        names = {server.name for server in self.cluster.servers}
        wait_until(lambda: servers(self.proxy, "follower") == names - {leader}, "all follow", 40)

    def account(self, writers):
        """Every acknowledged write is there or saved, on servers that are equal, of which one is writable."""
        leader = self.cluster.named(leader_of(self.proxy))
        self.all_follow(leader.name)
        position = leader.value("SELECT @@gtid_binlog_pos")
        for server in self.cluster.servers:
            assert server is leader or server.value("SELECT MASTER_GTID_WAIT(%s, 20)", (position,)) == 0, server.name
        assert len({server.sql("CHECKSUM TABLE demo.kept")[0][1] for server in self.cluster.servers}) == 1
        assert writable(self.cluster) == [leader.name]
        kept = on_server(leader) | saved(self.proxy)
        gone = [(client, number) for client, number, _ in writers.acknowledged if (client, number) not in kept]
        assert not gone, gone[:5]

    def close(self):
        self.network.heal()
        with contextlib.suppress(AssertionError):
            self.proxy.stop()
        self.cluster.stop()
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(name="make")
def make_fixture():
    labs = []

    def make(settings=None):
        labs.append(Lab(settings))
        return labs[-1].start()

    yield make
    for lab in labs:
        lab.close()


def says(lab, health):
    return wait_until(lambda: state(lab.proxy)["health"] == health, f"health: {health}", 20)


@pytest.mark.parametrize("direction", ["both", "to the leader", "from the leader"])
def test_causeway_alone_is_cut_off_from_the_leader(make, direction):
    """No reason to replace it: reads go on, writes wait, the console says why."""
    lab = make(FENCED)
    with Writers(lab.proxy) as writers:
        if direction != "from the leader":
            lab.network.cut_from_to(CAUSEWAY, "db1")
        if direction != "to the leader":
            lab.network.cut_from_to("db1", CAUSEWAY)
        says(lab, "cut off from Causeway")
        with contextlib.closing(lab.proxy.connect()) as reader:
            for _ in range(20):
                assert value(reader, "SELECT COUNT(*) FROM demo.this_server") == 1
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            assert state(lab.proxy)["operation"] is None and leader_of(lab.proxy) is None
            time.sleep(0.1)
        lab.network.heal()
        wait_until(lambda: leader_of(lab.proxy) == "db1", "it leads again", 20)
        writers.go_on()
    lab.account(writers)


def test_the_leader_is_cut_off_from_its_followers(make):
    """It answers Causeway: no reason either. They get what they missed when the network is back."""
    lab = make(FENCED)
    with Writers(lab.proxy) as writers:
        lab.network.cut("db1", "db2")
        lab.network.cut("db1", "db3")
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            assert leader_of(lab.proxy) == "db1"
            time.sleep(0.1)
        lab.network.heal()
        writers.go_on()
    lab.account(writers)
    assert leader_of(lab.proxy) == "db1"


def test_the_leader_is_cut_off_from_everybody(make):
    """It is replaced, being fenced; when it is back it is read_only before anybody writes there."""
    lab = make(FENCED)
    with Writers(lab.proxy) as writers:
        lab.network.isolate("db1")
        wait_until(lambda: leader_of(lab.proxy) in ("db2", "db3"), "another leads", 20)
        writers.go_on()
        lab.network.heal()
        wait_until(lambda: lab.leader.value("SELECT @@read_only") == 1, "the old leader is fenced", 20)
        writers.go_on()
    lab.account(writers)


def test_it_is_not_replaced_without_a_fence(make):
    lab = make()
    with Writers(lab.proxy) as writers:
        lab.network.isolate("db1")
        wait_until(lambda: "nothing proves that db1" in (state(lab.proxy)["last"] or ""), "it says so", 20)
        assert leader_of(lab.proxy) is None and lab.leader.value("SELECT @@read_only") == 0
        lab.network.heal()
        wait_until(lambda: leader_of(lab.proxy) == "db1", "it leads again", 20)
        writers.go_on()
    lab.account(writers)


def test_causeway_is_cut_off_from_everybody(make):
    """It can't know what goes on, and does nothing."""
    lab = make(FENCED)
    with Writers(lab.proxy) as writers:
        for name in ("db1", "db2", "db3"):
            lab.network.cut(name, CAUSEWAY)
        says(lab, "silent, nobody to ask")
        time.sleep(2)
        assert state(lab.proxy)["operation"] is None
        lab.network.heal()
        wait_until(lambda: leader_of(lab.proxy) == "db1", "it leads again", 20)
        writers.go_on()
    lab.account(writers)


def test_causeway_and_a_follower_are_cut_off_from_the_others(make):
    """One follower says that the leader is silent, but two of three servers can't be reached: no majority."""
    lab = make(FENCED)
    with Writers(lab.proxy) as writers:
        for name in ("db1", "db3"):
            lab.network.cut(name, CAUSEWAY)
            lab.network.cut(name, "db2")
        wait_until(lambda: "majority" in (state(lab.proxy)["last"] or ""), "it says so", 20)
        assert leader_of(lab.proxy) is None
        with contextlib.closing(lab.cluster.named("db1").root()) as direct:
            rows(direct, "INSERT INTO demo.kept (client, number) VALUES (99, 1)")
        lab.network.heal()
        wait_until(lambda: leader_of(lab.proxy) == "db1", "it leads again", 20)
        writers.go_on()
    lab.account(writers)
