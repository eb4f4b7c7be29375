"""The leader's log is followed as a stream: lag to the millisecond, changed accounts at once, and what
happens when the stream can't be had, breaks, is taken away or does not have our position any more.
Probes are rare in most of these tests, so that what is shown can't come from them."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pymysql
import pytest

from conftest import start_causeway, stop_causeway
from harness import PATIENCE, Cluster, free_ports, rows, scratch, wait_until

RARELY = {"cluster": {"probe_interval": "1h"}}
EXACT_MS = 100 * PATIENCE
SAMPLE = re.compile(r'^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? \d+$')


@pytest.fixture(name="streamed")
def streamed_fixture(cluster):
    cluster.leader.sql(
        "CREATE TABLE IF NOT EXISTS lab.streamed (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)"
    )
    cluster.caught_up()


def row_of(proxy, table, name):
    return next(row for row in proxy.console(f"SHOW {table}") if row["name"] == name)


def log_state(proxy):
    return row_of(proxy, "POSITIONS", "db1")["log"] or ""


def followed(proxy):
    return wait_until(lambda: log_state(proxy).startswith("followed") and log_state(proxy),
                      "the leader's log to be followed")


def write(cluster, count=1):
    """When the first row was committed: not before, not after (monotonic seconds)."""
    times = None
    for _ in range(count):
        before = time.monotonic()
        cluster.leader.sql("INSERT INTO lab.streamed (body) VALUES ('x')")
        times = times or (before, time.monotonic())
    return times


def lag_error_ms(proxy, name, written):
    """By how much the lag on the console is wrong: 0 where it fits what was measured here."""
    before = time.monotonic()
    lag_ms = int(row_of(proxy, "SERVERS", name)["lag_ms"])
    after = time.monotonic()
    least, most = (before - written[1]) * 1000, (after - written[0]) * 1000
    return max(least - lag_ms, lag_ms - most, 0)


def transactions(proxy, name):
    return int(row_of(proxy, "SERVERS", name)["lag_transactions"])


@pytest.mark.core
def test_lag_of_a_delayed_follower(causeway, cluster, streamed):
    proxy = causeway(RARELY)
    followed(proxy)
    with cluster.delayed(3, [cluster.named("db2")]):
        written = write(cluster, 5)
        wait_until(lambda: transactions(proxy, "db2") == 5, "five transactions to be missing")
        errors = []
        while time.monotonic() < written[1] + 2.5:
            errors.append(lag_error_ms(proxy, "db2", written))
            assert transactions(proxy, "db2") == 5
        assert len(errors) > 20 and max(errors) <= EXACT_MS, errors
        wait_until(lambda: int(row_of(proxy, "SERVERS", "db3")["lag_ms"]) == 0, "db3 to be up to date")
        wait_until(lambda: transactions(proxy, "db2") == 0, "db2 to have all of them")
        assert int(row_of(proxy, "POSITIONS", "db2")["lag_ms"]) == 0
    leader = row_of(proxy, "POSITIONS", "db1")
    assert leader["position"] == cluster.leader.value("SELECT @@gtid_binlog_pos")
    clock = cluster.leader.value("SELECT UTC_TIMESTAMP()")
    assert leader["committed"] and leader["committed"][:15] <= str(clock)[:15]


def test_lag_from_before_the_start(causeway, cluster, streamed):
    with cluster.delayed(8, [cluster.named("db2")]):
        written = write(cluster, 3)
        wait_until(lambda: time.monotonic() > written[1] + 3, "some lag")
        proxy = causeway(RARELY, wait_for_followers=False)
        followed(proxy)
        # the log has whole seconds only
        wait_until(lambda: lag_error_ms(proxy, "db2", written) <= 1000 + EXACT_MS,
                   "the lag to be found out", 2)
        assert transactions(proxy, "db2") == 3


def test_max_lag_is_judged_without_probes(causeway, cluster, streamed):
    proxy = causeway({**RARELY, "routing": {"max_lag": "1s"}})
    followed(proxy)
    with cluster.delayed(2, [cluster.named("db2")]):
        assert row_of(proxy, "SERVERS", "db2")["state"] == "reads"
        written = write(cluster)
        wait_until(lambda: row_of(proxy, "SERVERS", "db2")["state"] == "out of rotation",
                   "db2 to be out of rotation", 2.5)
        assert 1.0 <= time.monotonic() - written[0] <= 1.0 + 0.5 * PATIENCE
        assert row_of(proxy, "SERVERS", "db3")["state"] == "reads"
        wait_until(lambda: row_of(proxy, "SERVERS", "db2")["state"] == "reads", "db2 to be back")


# --- accounts


def login(proxy, password):
    with contextlib.closing(proxy.connect(user="streamed", password=password, database=None)) as connection:
        return rows(connection, "SELECT 1") == ((1,),)


@pytest.mark.core
def test_accounts_are_read_again_at_once(causeway, cluster):
    """No login asks for it: the log alone does."""
    proxy = causeway(RARELY)
    followed(proxy)

    def change(*statements):
        before = proxy.log_text().count("after a change")
        for statement in statements:
            cluster.leader.sql(statement)
        wait_until(lambda: proxy.log_text().count("after a change") > before, "a reread", 3)

    try:
        change("CREATE USER streamed@'%' IDENTIFIED BY 'one'")
        assert login(proxy, "one")
        change("ALTER USER streamed@'%' IDENTIFIED BY 'two'")
        assert login(proxy, "two")
        change("SET PASSWORD FOR streamed@'%' = PASSWORD('three')")
        assert login(proxy, "three")
        with pytest.raises(pymysql.err.OperationalError):
            login(proxy, "two")
        change("UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.account_locked', true) "
               "WHERE user = 'streamed'", "FLUSH PRIVILEGES")
        with pytest.raises(pymysql.err.OperationalError):
            login(proxy, "three")
    finally:
        change("DROP USER streamed@'%'")


def test_a_grant_is_usable_at_once(causeway, cluster, streamed):
    proxy = causeway(RARELY)
    followed(proxy)
    cluster.leader.sql("CREATE USER streamed@'%' IDENTIFIED BY 'one'")
    try:
        cluster.caught_up()
        wait_until(lambda: login(proxy, "one"), "the account", 3)
        with contextlib.closing(proxy.connect(user="streamed", password="one", database=None)) as connection:
            cluster.leader.sql("GRANT INSERT ON lab.streamed TO streamed@'%'")
            rows(connection, "INSERT INTO lab.streamed (body) VALUES ('granted')")
    finally:
        cluster.leader.sql("DROP USER streamed@'%'")


# --- the stream is taken away


@contextlib.contextmanager
def rival(cluster, server_id):
    """Somebody else who follows the leader under that server id."""
    file = cluster.leader.sql("SHOW MASTER STATUS")[0][0]
    process = subprocess.Popen(
        ["mariadb-binlog", "-h127.0.0.1", f"-P{cluster.leader.port}", "-ureplication",
         "-preplication-demo", "--read-from-remote-server", "--stop-never",
         f"--stop-never-slave-server-id={server_id}", file],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.core
def test_an_eviction_is_not_answered_by_another(causeway, cluster, streamed):
    proxy = causeway(RARELY)
    server_id = re.search(r"server id (\d+)", followed(proxy)).group(1)
    with rival(cluster, server_id) as process:
        wait_until(lambda: "we go on as" in proxy.log_text(), "the eviction to be noticed")
        wait_until(lambda: log_state(proxy).startswith("followed"), "another stream")
        assert server_id not in log_state(proxy)
        written = write(cluster)
        wait_until(lambda: row_of(proxy, "POSITIONS", "db1")["position"] ==
                   cluster.leader.value("SELECT @@gtid_binlog_pos"), "the new stream to bring it")
        assert written and process.poll() is None, process.communicate()
    assert proxy.log_text().count("we go on as") == 1


def test_an_eviction_of_a_configured_id_ends_the_stream(causeway, cluster, streamed):
    proxy = causeway({"cluster": {"log_server_id": "4711"}})
    assert followed(proxy).endswith(" 4711")
    with rival(cluster, 4711) as process:
        wait_until(lambda: log_state(proxy).startswith("stopped"), "the stream to end")
        write(cluster)
        wait_until(lambda: row_of(proxy, "POSITIONS", "db1")["position"] ==
                   cluster.leader.value("SELECT @@gtid_binlog_pos"), "a probe to bring it")
        assert row_of(proxy, "SERVERS", "db2")["lag_ms"] is not None
        assert process.poll() is None
        assert proxy.log_text().count("choose another log_server_id") == 1
        proxy.write_config({"cluster": {"log_server_id": "4712"}})
        proxy.reload()
        wait_until(lambda: log_state(proxy).endswith(" 4712"), "the new id to be used")


@pytest.mark.core
def test_the_leader_restarts(causeway, cluster, streamed):
    proxy = causeway()
    followed(proxy)
    cluster.leader.tool("restart")
    wait_until(lambda: "its log can't be followed" in proxy.log_text(), "the loss to be noticed")
    written = write(cluster)
    wait_until(lambda: log_state(proxy).startswith("followed"), "the stream again", 20)
    assert written and "not in its log" not in proxy.log_text()
    wait_until(lambda: row_of(proxy, "POSITIONS", "db1")["position"] ==
               cluster.leader.value("SELECT @@gtid_binlog_pos"), "what was written meanwhile")
    cluster.caught_up()
    wait_until(lambda: row_of(proxy, "SERVERS", "db2")["lag_ms"] == "0" and transactions(proxy, "db2") == 0,
               "no lag")


def test_a_silent_leader_is_noticed(causeway, cluster, streamed):
    proxy = causeway(RARELY)
    followed(proxy)
    os.kill(cluster.leader.pid(), signal.SIGSTOP)
    try:
        wait_until(lambda: "no heartbeat for 3000 ms" in proxy.log_text(), "the silence to be noticed")
    finally:
        os.kill(cluster.leader.pid(), signal.SIGCONT)
    wait_until(lambda: log_state(proxy).startswith("followed"), "the stream again", 20)


@contextlib.contextmanager
def stopped_later(thing, stop=lambda thing: thing.stop()):
    try:
        yield thing
    finally:
        stop(thing)


def test_a_new_domain_is_confirmed_without_probes():
    """On a cluster of its own: a domain can't be taken back."""
    folder = scratch("domains")
    try:
        with stopped_later(Cluster(folder, followers=1)) as cluster, \
                stopped_later(start_causeway(cluster, RARELY), stop_causeway) as proxy:
            followed(proxy)
            cluster.leader.sql("SET gtid_domain_id=71; CREATE TABLE demo.t (id INT)")
            for name in ("db1", "db2"):
                wait_until(lambda name=name: "71-1-1" in row_of(proxy, "POSITIONS", name)["position"],
                           f"the new domain on {name}")
            wait_until(lambda: transactions(proxy, "db2") == 0, "no lag")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.core
def test_our_position_was_purged(causeway, cluster, streamed):
    proxy = causeway(RARELY)
    followed(proxy)
    os.kill(proxy.process.pid, signal.SIGSTOP)
    try:
        for (number,) in cluster.leader.sql("SELECT id FROM information_schema.processlist WHERE "
                                            "user = 'causeway' AND command = 'Binlog Dump'"):
            cluster.leader.sql(f"KILL {number}")
        write(cluster, 3)
        cluster.leader.sql("FLUSH BINARY LOGS")
        write(cluster, 3)
        cluster.caught_up()
        file = cluster.leader.sql("SHOW MASTER STATUS")[0][0]
        wait_until(lambda: cluster.leader.sql(f"PURGE BINARY LOGS TO '{file}'") == () and
                   len(cluster.leader.sql("SHOW BINARY LOGS")) == 1, "the log to be purged")
    finally:
        os.kill(proxy.process.pid, signal.SIGCONT)
    wait_until(lambda: "we go on from where it is now" in proxy.log_text(), "the purge to be noticed", 20)
    wait_until(lambda: log_state(proxy).startswith("followed"), "the stream again")
    write(cluster)
    wait_until(lambda: row_of(proxy, "POSITIONS", "db1")["position"] ==
               cluster.leader.value("SELECT @@gtid_binlog_pos"), "a new transaction")
    cluster.caught_up()
    wait_until(lambda: transactions(proxy, "db2") == 0, "no lag")


def test_without_the_right_to_follow(causeway, cluster, streamed):
    cluster.leader.sql("REVOKE REPLICATION SLAVE ON *.* FROM causeway@'%'")
    try:
        proxy = causeway()
        wait_until(lambda: log_state(proxy).startswith("not available"), "the console to say so")
        assert "the service account needs REPLICATION SLAVE" in proxy.log_text()
        with cluster.delayed(2, [cluster.named("db2")]):
            write(cluster, 2)
            wait_until(lambda: int(row_of(proxy, "SERVERS", "db2")["lag_ms"]) > 500, "lag from probes")
            assert transactions(proxy, "db2") == 2
    finally:
        cluster.leader.sql("GRANT REPLICATION SLAVE ON *.* TO causeway@'%'")
    wait_until(lambda: log_state(proxy).startswith("followed"), "the right to be used", 20)
    assert proxy.log_text().count("its log is not followed") == 1


def test_another_server_leads():
    folder = scratch("promoted")
    try:
        with stopped_later(Cluster(folder, followers=1)) as cluster, \
                stopped_later(start_causeway(cluster, {}), stop_causeway) as proxy:
            followed(proxy)
            old, new = cluster.servers
            cluster.caught_up()
            old.sql("SET GLOBAL read_only=1")
            new.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0")
            old.sql(f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={new.port}, "
                    "MASTER_USER='replication', MASTER_PASSWORD='replication-demo', "
                    "MASTER_USE_GTID=current_pos, MASTER_CONNECT_RETRY=1; START SLAVE")
            wait_until(lambda: str(row_of(proxy, "POSITIONS", "db2")["log"]).startswith("followed"),
                       "the new leader's log to be followed")
            assert log_state(proxy) == ""
            new.sql("CREATE TABLE demo.t (id INT)")
            position = new.value("SELECT @@gtid_binlog_pos")
            for name in ("db1", "db2"):
                wait_until(lambda name=name: row_of(proxy, "POSITIONS", name)["position"] == position,
                           f"the new transaction on {name}")
            wait_until(lambda: transactions(proxy, "db1") == 0, "no lag of the old leader")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_leader_without_a_log():
    folder = scratch("nolog")
    try:
        with stopped_later(Cluster(folder, followers=0, options=["skip_log_bin"])) as cluster, \
                stopped_later(start_causeway(cluster, {}), stop_causeway) as proxy:
            wait_until(lambda: log_state(proxy) == "not available: it keeps no binary log", "the console to say so")
            with contextlib.closing(proxy.connect()) as connection:
                rows(connection, "CREATE TABLE demo.t (id INT)")
                assert rows(connection, "SELECT COUNT(*) FROM demo.t") == ((0,),)
            assert proxy.log_text().count("its log is not followed") == 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_big_transaction_passes(causeway, cluster, streamed):
    """One event of 64 MiB, which comes in five packets, and several in one transaction."""
    proxy = causeway(RARELY)
    followed(proxy)
    write(cluster)
    before_kib = proxy.rss_kib()
    bodies = ("REPEAT('y', 67108864)", "REPEAT('y', 16777215 - 1000)")
    for body in bodies:
        cluster.leader.sql(f"INSERT INTO lab.streamed (body) VALUES ({body}), ({body})")
    expected = cluster.leader.value("SELECT @@gtid_binlog_pos")
    wait_until(lambda: row_of(proxy, "POSITIONS", "db1")["position"] == expected, "it to pass", 30)
    assert proxy.rss_kib() - before_kib < 16 * 1024 * (8 if PATIENCE > 1 else 1)
    assert log_state(proxy).startswith("followed") and "can't be followed" not in proxy.log_text()
    cluster.leader.sql("TRUNCATE TABLE lab.streamed")
    cluster.caught_up()


# --- metrics


@pytest.fixture(name="web")
def web_fixture(causeway, cluster, streamed):
    port = free_ports(1)
    proxy = causeway({"proxy": {"http": f"127.0.0.1:{port}"}})
    followed(proxy)

    def get(path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers.get("Content-Type"), answer.read().decode()

    return proxy, get


def samples_of(text):
    """{'name{labels}': value}; every line is a comment or a sample, and no sample stands twice."""
    found, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert kind in ("gauge", "counter") and name not in types, line
            types[name] = kind
        elif not line.startswith("# HELP "):
            assert SAMPLE.match(line), line
            name, number = line.rsplit(" ", 1)
            assert name not in found and name.split("{")[0] in types, line
            found[name] = int(number)
    assert text.endswith("\n")
    return found


def test_metrics_agree_with_the_console(web, cluster):
    proxy, get = web
    write(cluster)
    cluster.caught_up()
    wait_until(lambda: transactions(proxy, "db2") == transactions(proxy, "db3") == 0, "no lag")
    with contextlib.closing(proxy.connect()) as connection:
        for _ in range(5):
            rows(connection, "SELECT 1")
        kind, text = get("/metrics")
        found = samples_of(text)
        assert kind.startswith("text/plain; version=0.0.4")
        stats = {row["name"]: int(row["value"]) for row in proxy.console("SHOW STATS")}
        for name, number in stats.items():
            assert found[f"causeway_{name}" + ("" if name == "clients" else "_total")] == number, name
        assert found['causeway_queries_total{target="follower"}'] == stats["statements_follower"] >= 5
        assert sum(value for name, value in found.items() if name.startswith("causeway_sessions{")) == 1
    for row in proxy.console("SHOW SERVERS"):
        label = f'{{server="{row["name"]}"'
        assert found[f'causeway_server_role{label},role="{row["role"]}"}}'] == 1
        assert found[f"causeway_server_in_rotation{label}}}"] == (row["state"] == "reads")
        assert found[f"causeway_server_reachable{label}}}"] == 1
        if row["role"] == "follower":
            assert found[f"causeway_server_lag_ms{label}}}"] == int(row["lag_ms"])
            assert found[f"causeway_server_lag_transactions{label}}}"] == 0
    for row in proxy.console("SHOW POSITIONS"):
        domain, _, sequence = row["position"].split("-")
        assert found[f'causeway_server_position_sequence{{server="{row["name"]}",domain="{domain}"}}'] == \
            int(sequence)
    assert found['causeway_leader_log_state{state="followed"}'] == 1
    assert found["causeway_epoch"] >= 1
    assert "causeway-demo" not in text and "console-demo" not in text


def test_the_status_page_and_what_is_refused(web):
    proxy, get = web
    kind, text = get("/")
    assert kind.startswith("text/html") and "db2" in text and "http" not in text.replace("http-equiv", "")
    assert get("/metrics", "HEAD")[1] == ""
    for path, method, status in (("/x", "GET", 404), ("/metrics", "POST", 405), ("/", "DELETE", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(path, method)
        assert refused.value.code == status
    assert proxy.alive()


@pytest.mark.core
def test_it_stops_while_it_is_scraped(web):
    proxy, get = web
    answers, stopping = [], threading.Event()

    def scrape():
        while not stopping.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answers.append(len(samples_of(get("/metrics")[1])))

    scrapers = [threading.Thread(target=scrape) for _ in range(8)]
    for scraper in scrapers:
        scraper.start()
    try:
        wait_until(lambda: len(answers) > 50, "some answers")
        proxy.stop()
    finally:
        stopping.set()
        for scraper in scrapers:
            scraper.join()
    assert min(answers) > 40
