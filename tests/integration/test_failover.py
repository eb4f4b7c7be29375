"""The leader dies, or is asked to step down: detection, election, fencing, promotion, rejoining. Each test
has a cluster of its own, since it changes who leads. tests/failover has the schedules under load."""

import contextlib
import os
import re
import shutil
import signal
import threading
import time

import pymysql
import pytest

from conftest import start_causeway, stop_causeway
from harness import Cluster, rows, scratch, value, wait_until

GRANTS = """
GRANT READ_ONLY ADMIN, REPLICATION MASTER ADMIN, REPLICATION SLAVE ADMIN, CONNECTION ADMIN, PROCESS,
RELOAD, ALTER, EVENT, BINLOG ADMIN, BINLOG REPLAY ON *.* TO 'causeway'@'%'
"""

AUTO = {
    "cluster": {"failover": "auto", "failover_after": "1s", "state_dir": "state"},
    "routing": {"leader_wait": "20s"},
}


@pytest.fixture(name="lab")
def lab_fixture():
    """A cluster of three on which the service account may do what failover wants, and a table."""
    folder = scratch("failover")
    cluster = Cluster(folder / "cluster")
    try:
        cluster.leader.sql(GRANTS)
        cluster.leader.sql(
            "CREATE TABLE demo.kept (id BIGINT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, number INT NOT NULL,"
            " UNIQUE (client, number))"
        )
        cluster.caught_up()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(cluster, settings):
    proxy = start_causeway(cluster, settings)
    try:
        yield proxy
    except BaseException:
        print("\n".join(line for line in proxy.log.read_text().splitlines() if " console " not in line))
        raise
    finally:
        stop_causeway(proxy)


def state(proxy):
    return proxy.console("SHOW FAILOVER")[0]


def leader_of(proxy):
    return next((row["name"] for row in proxy.console("SHOW SERVERS") if row["state"] == "writes"), None)


def servers(proxy, role):
    return {row["name"] for row in proxy.console("SHOW SERVERS") if row["role"] == role}


class Writers:
    """Clients that write one row after the other and remember which were acknowledged, and when."""

    def __init__(self, proxy, count=4):
        self.proxy = proxy
        self.acknowledged = []
        self.errors = []
        self.longest_s = 0.0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(client,)) for client in range(count)]

    def write(self, client):
        connection = None
        number = 0
        last = time.monotonic()
        while not self.stopping.is_set():
            try:
                connection = connection or self.proxy.connect()
                number += 1
                rows(connection, "INSERT INTO kept (client, number) VALUES (%s, %s)", (client, number))
                now = time.monotonic()
                self.longest_s = max(self.longest_s, now - last)
                last = now
                self.acknowledged.append((client, number, now))
            except pymysql.MySQLError as error:
                self.errors.append(error)
                connection = None if error.args[0] in (0, 2006, 2013) else connection

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > 50, "writes go")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def go_on(self, count=50):
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > before + count, "writes go on", 30)


def saved(proxy):
    """What lost/ says the old leader had alone: rows of Write_rows, as `causeway binlog` prints them."""
    found = set()
    for path in (proxy.folder / "state" / "lost").glob("*.sql"):
        found |= {(int(client), int(number)) for client, number in
                  re.findall(r"INSERT INTO `demo`.`kept`\n### SET\n###   @1=\d+\n###   @2=(\d+)\n###   @3=(\d+)", path.read_text())}
    return found


def on_server(server):
    return set(server.sql("SELECT client, number FROM demo.kept"))


def same_everywhere(cluster, leader):
    position = leader.value("SELECT @@gtid_binlog_pos")
    for server in cluster.servers:
        if server is not leader:
            assert server.value("SELECT MASTER_GTID_WAIT(%s, 20)", (position,)) == 0, server.name
    sums = {server.name: server.sql("CHECKSUM TABLE demo.kept")[0][1] for server in cluster.servers}
    assert len(set(sums.values())) == 1, sums


def writable(cluster):
    return [server.name for server in cluster.servers if server.value("SELECT @@read_only") == 0]


@pytest.mark.core
def test_the_leader_is_killed(lab):
    """The best follower leads within the time-out and a moment; the old leader comes back and follows."""
    with running(lab, AUTO) as proxy:
        with Writers(proxy) as writers:
            os.kill(lab.leader.pid(), signal.SIGKILL)
            wait_until(lambda: leader_of(proxy) in ("db2", "db3"), "another leads", 15)
            writers.go_on()
        leader = lab.named(leader_of(proxy))
        lab.leader.tool("restart")
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db2", "db3"} - {leader.name}, "all follow", 30)
        assert writable(lab) == [leader.name]
        kept = on_server(leader) | saved(proxy)
        gone = [(client, number) for client, number, _ in writers.acknowledged if (client, number) not in kept]
        assert not gone, gone
        assert writers.longest_s < 3, writers.longest_s
        same_everywhere(lab, leader)


@pytest.mark.core
def test_a_switchover_under_load_costs_no_error(lab):
    with running(lab, AUTO) as proxy:
        with Writers(proxy) as writers:
            for target in ("db2", "db3", "db1"):
                proxy.console(f"SWITCHOVER TO {target}")
                writers.go_on()
                assert leader_of(proxy) == target
        assert not writers.errors, writers.errors
        wait_until(lambda: servers(proxy, "follower") == {"db2", "db3"}, "all follow")
        assert writable(lab) == ["db1"]
        kept = on_server(lab.leader)
        assert all((client, number) in kept for client, number, _ in writers.acknowledged)
        assert writers.longest_s < 2, writers.longest_s
        same_everywhere(lab, lab.leader)


def test_a_stopped_leader_is_replaced_only_when_it_is_fenced(lab):
    """It accepts connections and is silent, and would write again when it wakes."""
    with running(lab, AUTO) as proxy:
        os.kill(lab.leader.pid(), signal.SIGSTOP)
        try:
            wait_until(lambda: "nothing proves that db1" in (state(proxy)["last"] or ""), "it says what is missing", 20)
            assert leader_of(proxy) is None and writable_followers(lab) == []
        finally:
            os.kill(lab.leader.pid(), signal.SIGCONT)
        wait_until(lambda: leader_of(proxy) == "db1", "it goes on")
        with contextlib.closing(proxy.connect()) as client:
            rows(client, "INSERT INTO kept (client, number) VALUES (1, 1)")
        wait_until(lambda: servers(proxy, "follower") == {"db2", "db3"}, "they follow")
        lab.caught_up()


def writable_followers(lab):
    return [server.name for server in lab.followers if server.value("SELECT @@read_only") == 0]


@pytest.mark.parametrize("how", ["optional", "command"])
def test_a_stopped_leader_is_replaced(lab, how):
    """With fence = optional, or a fence_command that says it is done. When the old leader wakes it is made
    read_only before a write gets there, and follows."""
    marker = lab.folder / "fenced"
    fence = {"fence": "optional"} if how == "optional" else {"fence_command": f'echo "$0 $1" > {marker}'}
    with running(lab, {**AUTO, "cluster": {**AUTO["cluster"], **fence}}) as proxy:
        with Writers(proxy) as writers:
            os.kill(lab.leader.pid(), signal.SIGSTOP)
            try:
                wait_until(lambda: leader_of(proxy) in ("db2", "db3"), "another leads", 20)
                writers.go_on()
            finally:
                os.kill(lab.leader.pid(), signal.SIGCONT)
            writers.go_on()
        assert how == "optional" or marker.read_text() == f"db1 127.0.0.1:{lab.leader.port}\n"
        leader = lab.named(leader_of(proxy))
        wait_until(lambda: lab.leader.value("SELECT @@read_only") == 1, "the old leader is fenced", 20)
        assert writable(lab) == [leader.name]
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db2", "db3"} - {leader.name}, "all follow", 20)
        kept = on_server(leader) | saved(proxy)
        assert all((client, number) in kept for client, number, _ in writers.acknowledged)
        same_everywhere(lab, leader)


def test_a_follower_with_transactions_of_its_own_never_wins(lab):
    lab.followers[0].sql("STOP SLAVE; SET GLOBAL gtid_strict_mode = 0; START SLAVE")
    lab.followers[0].sql("CREATE TABLE demo.errant (id INT); INSERT INTO demo.errant VALUES (1)")
    with running(lab, AUTO) as proxy:
        with contextlib.closing(proxy.connect()) as client:
            for number in range(10):
                rows(client, "INSERT INTO kept (client, number) VALUES (1, %s)", (number,))
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: leader_of(proxy) == "db3", "the other leads", 20)
        assert "db2: it has transactions that the leader's history does not hold" in proxy.log.read_text()
        assert not lab.followers[1].sql("SHOW TABLES FROM demo LIKE 'errant'")
        assert lab.followers[0].sql("SELECT * FROM demo.errant") == ((1,),), "a person must look at it"


def test_what_another_follower_has_is_carried_over(lab):
    """The furthest follower must not lead: the one that does gets from it what it lacks."""
    with running(lab, {**AUTO, "server:db2": {"promotable": "no"}}) as proxy, contextlib.closing(proxy.connect()) as client:
        lab.followers[1].sql("STOP SLAVE IO_THREAD")
        rows(client, "INSERT INTO kept (client, number) VALUES (1, 1), (1, 2)")
        position = lab.leader.value("SELECT @@gtid_binlog_pos")
        assert lab.followers[0].value("SELECT MASTER_GTID_WAIT(%s, 20)", (position,)) == 0
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: leader_of(proxy) == "db3", "db3 leads", 20)
        assert on_server(lab.followers[1]) == {(1, 1), (1, 2)}
        rows(client, "INSERT INTO kept (client, number) VALUES (1, 3)")
        wait_until(lambda: servers(proxy, "follower") == {"db2"} | ({"db1"} & servers(proxy, "follower")), "db2 follows")
        assert not saved(proxy)


def test_an_old_leader_with_transactions_of_its_own_is_kept_out(lab):
    """Without a place for what it wrote and nobody got: it is named, read_only, and does not follow."""
    with running(lab, {**AUTO, "cluster": {**AUTO["cluster"], "state_dir": None}}) as proxy:
        for follower in lab.followers:
            follower.sql("STOP SLAVE IO_THREAD")
        lab.leader.sql("INSERT INTO demo.kept (client, number) VALUES (7, 7)")
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: leader_of(proxy) in ("db2", "db3"), "another leads", 20)
        lab.leader.tool("restart")
        wait_until(lambda: "rejoin: db1 has transactions" in (state(proxy)["last"] or ""), "it is named", 20)
        assert writable(lab) == [leader_of(proxy)]
        assert not lab.leader.sql("SHOW ALL SLAVES STATUS")


@pytest.mark.core
def test_what_only_the_old_leader_had_is_saved_undone_and_told(lab):
    with running(lab, AUTO) as proxy, contextlib.closing(proxy.connect()) as client, \
            contextlib.closing(proxy.connect()) as other:
        rows(client, "INSERT INTO kept (client, number) VALUES (1, 1)")
        lab.caught_up()
        for follower in lab.followers:
            follower.sql("STOP SLAVE IO_THREAD")
        rows(client, "INSERT INTO kept (client, number) VALUES (7, 7), (7, 8)")
        rows(client, "UPDATE kept SET number = 2 WHERE client = 1")
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: leader_of(proxy) in ("db2", "db3"), "another leads", 20)
        with pytest.raises(pymysql.MySQLError, match="Lost: what this session wrote"):
            rows(client, "INSERT INTO kept (client, number) VALUES (1, 3)")
        rows(other, "INSERT INTO kept (client, number) VALUES (8, 8)")
        assert value(other, "SELECT id FROM kept WHERE client = 8") > 1000, "auto_increment_gap"
        lab.leader.tool("restart")
        leader = leader_of(proxy)
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db2", "db3"} - {leader}, "all follow", 20)
        assert saved(proxy) == {(7, 7), (7, 8)}
        same_everywhere(lab, lab.named(leader))
        assert on_server(lab.leader) == {(1, 1), (8, 8)}


STEPS = ["lock", "cut", "fence", "elect", "apply", "promote", "lead", "repoint"]


@pytest.mark.parametrize("step", STEPS)
def test_causeway_dies_at_a_step_and_the_next_one_ends_it(lab, step, monkeypatch):
    monkeypatch.setenv("CAUSEWAY_FAULT", f"failover:{step}")
    first = start_causeway(lab, AUTO)
    try:
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: first.process.poll() == 99, "it died", 20)
    finally:
        with contextlib.suppress(AssertionError):
            stop_causeway(first)
    monkeypatch.delenv("CAUSEWAY_FAULT")
    with running_alone(lab, AUTO) as proxy:
        wait_until(lambda: leader_of(proxy) in ("db2", "db3"), "another leads", 20)
        leader = leader_of(proxy)
        wait_until(lambda: servers(proxy, "follower") == {"db2", "db3"} - {leader}, "the other follows", 20)
        lab.leader.tool("restart")
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db2", "db3"} - {leader}, "all follow", 30)
        assert writable(lab) == [leader]
        with contextlib.closing(proxy.connect()) as client:
            rows(client, "INSERT INTO kept (client, number) VALUES (1, 1)")
        same_everywhere(lab, lab.named(leader))


@contextlib.contextmanager
def running_alone(cluster, settings):
    proxy = start_causeway(cluster, settings, wait_for_followers=False)
    try:
        yield proxy
    finally:
        stop_causeway(proxy)


def test_a_switchover_that_fails_is_undone(lab):
    """The new leader can't catch up in time: the old one goes on, and nobody noticed more than a pause."""
    with running(lab, {**AUTO, "cluster": {**AUTO["cluster"], "switchover_timeout": "1s"}}) as proxy:
        with Writers(proxy, 2) as writers, contextlib.closing(lab.followers[0].root()) as blocker:
            rows(blocker, "FLUSH TABLES WITH READ LOCK")
            with pytest.raises(pymysql.MySQLError, match="has not caught up in time"):
                proxy.console("SWITCHOVER TO db2")
            rows(blocker, "UNLOCK TABLES")
            writers.go_on()
            assert leader_of(proxy) == "db1" and writable(lab) == ["db1"]
        assert not writers.errors, writers.errors
        wait_until(lambda: servers(proxy, "follower") == {"db2", "db3"}, "they follow")
        lab.caught_up()


def test_open_transactions_at_a_switchover(lab):
    """One that ends in time commits; one that does not is told 1213, and its connection stays."""
    with running(lab, {**AUTO, "cluster": {**AUTO["cluster"], "switchover_timeout": "2s"}}) as proxy, \
            contextlib.closing(proxy.connect()) as quick, contextlib.closing(proxy.connect()) as slow:
        for number, client in enumerate((quick, slow)):
            rows(client, "BEGIN")
            rows(client, "INSERT INTO kept (client, number) VALUES (5, %s)", (number,))
        result = []
        asking = threading.Thread(target=lambda: result.append(proxy.console("SWITCHOVER TO db2")))
        asking.start()
        wait_until(lambda: state(proxy)["step"] == "pause", "it pauses", interval=0.005)
        rows(quick, "COMMIT")
        asking.join()
        assert result and leader_of(proxy) == "db2"
        with pytest.raises(pymysql.MySQLError) as told:
            rows(slow, "INSERT INTO kept (client, number) VALUES (5, 3)")
        assert told.value.args[0] == 1213
        rows(slow, "INSERT INTO kept (client, number) VALUES (5, 4)")
        assert {number for client, number in on_server(lab.named("db2")) if client == 5} == {0, 4}


def test_two_causeways_do_not_fight(lab):
    with running(lab, AUTO) as first, running(lab, AUTO) as second:
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: leader_of(first) in ("db2", "db3"), "another leads", 20)
        wait_until(lambda: leader_of(first) == leader_of(second), "both agree", 20)
        leader = leader_of(first)
        lab.leader.tool("restart")
        for proxy in (first, second):
            wait_until(lambda proxy=proxy: servers(proxy, "follower") == {"db1", "db2", "db3"} - {leader}, "all follow", 30)
        assert writable(lab) == [leader]
        same_everywhere(lab, lab.named(leader))


def test_a_person_decides(lab):
    """failover = manual says that the leader is lost, and waits."""
    manual = {**AUTO, "cluster": {**AUTO["cluster"], "failover": "manual"}}
    with running(lab, manual) as proxy:
        with pytest.raises(pymysql.MySQLError, match="the leader is well"):
            proxy.console("FAILOVER")
        os.kill(lab.leader.pid(), signal.SIGKILL)
        wait_until(lambda: state(proxy)["health"] == "lost", "it is lost")
        proxy.console("FAILOVER TO db3")
        wait_until(lambda: leader_of(proxy) == "db3", "db3 leads")
        lab.leader.tool("restart")
        wait_until(lambda: any(row["name"] == "db1" and row["state"] != "down" for row in proxy.console("SHOW SERVERS")), "it is up")
        proxy.console("REJOIN db1")
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db2"}, "all follow")


def heartbeat_of(server):
    return float(server.value("SELECT variable_value FROM information_schema.global_status"
                              " WHERE variable_name = 'Slave_heartbeat_period'"))


def test_followers_are_made_to_hear_often(lab):
    """The server's default is a heartbeat in half a minute: silence would tell nothing."""
    lab.followers[0].sql("STOP SLAVE; CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 30; START SLAVE")
    with running(lab, AUTO):
        wait_until(lambda: all(heartbeat_of(follower) <= 0.34 for follower in lab.followers), "they hear often")
        wait_until(lambda: not any(follower.trouble() for follower in lab.followers), "they replicate")


def test_events_and_semi_sync_follow_the_role(lab):
    lab.leader.sql("CREATE EVENT demo.often ON SCHEDULE EVERY 1 HOUR DO DELETE FROM demo.kept WHERE client = -1")
    lab.leader.sql("CREATE EVENT demo.never ON SCHEDULE EVERY 1 HOUR DISABLE DO DELETE FROM demo.kept WHERE client = -1")
    lab.caught_up()
    lab.leader.sql("SET GLOBAL rpl_semi_sync_master_enabled = 1")
    for follower in lab.followers:
        follower.sql("SET GLOBAL rpl_semi_sync_slave_enabled = 1; STOP SLAVE; START SLAVE")

    def roles(server):
        return (
            server.sql("SELECT event_name, status FROM information_schema.events ORDER BY event_name"),
            server.value("SELECT @@rpl_semi_sync_master_enabled"), server.value("SELECT @@rpl_semi_sync_slave_enabled"),
        )

    before = {server.name: roles(server) for server in lab.servers}
    with running(lab, AUTO) as proxy:
        proxy.console("SWITCHOVER TO db2")
        wait_until(lambda: servers(proxy, "follower") == {"db1", "db3"}, "all follow")
        assert dict(roles(lab.named("db2"))[0])["often"] == "ENABLED"
        assert roles(lab.named("db2"))[1:] == (1, 0) and roles(lab.leader)[1:] == (0, 1)
        with contextlib.closing(proxy.connect()) as client:
            rows(client, "INSERT INTO kept (client, number) VALUES (1, 1)")
        wait_until(lambda: lab.named("db2").value("SELECT @@rpl_semi_sync_master_enabled") == 1, "it waits for them")
        proxy.console("SWITCHOVER TO db1")
        wait_until(lambda: servers(proxy, "follower") == {"db2", "db3"}, "all follow")
        assert {server.name: roles(server) for server in lab.servers} == before
        assert not any(server.own_transactions() for server in lab.servers[2:]), "nothing was written on a follower"
