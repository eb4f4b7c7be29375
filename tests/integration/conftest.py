"""Fixtures: one cluster a run, one Causeway a module (`proxy`), and a maker for special ones."""

import itertools
import shutil

import pytest

from harness import BINARY, Causeway, Cluster, scratch

RUNNING = []  # the Causeway processes whose log a failed test shows
NUMBERS = itertools.count(1)


def start_causeway(cluster, overrides, wait_for_followers=True):
    assert BINARY.exists(), f"{BINARY} is not built (CAUSEWAY_BIN names another)"
    folder = scratch("proxy")
    proxy = Causeway(cluster, folder, overrides)
    RUNNING.append(proxy)
    proxy.start(wait_for_followers)
    return proxy


def stop_causeway(proxy):
    try:
        proxy.stop()
    finally:
        if proxy.process is not None and proxy.process.poll() is None:
            proxy.process.kill()
            proxy.process.wait()
        RUNNING.remove(proxy)
        shutil.rmtree(proxy.folder, ignore_errors=True)


@pytest.fixture(scope="session", name="shared_cluster")
def shared_cluster_fixture():
    folder = scratch("cluster")
    cluster = None
    try:
        # Tests make functions that write; the option lets them be made without SUPER games.
        cluster = Cluster(folder, options=["log_bin_trust_function_creators=1"])
        cluster.leader.sql(
            "CREATE USER 'almighty'@'%' IDENTIFIED BY 'almighty-demo';"
            "GRANT ALL PRIVILEGES ON *.* TO 'almighty'@'%' WITH GRANT OPTION;"
            "CREATE DATABASE lab; GRANT ALL PRIVILEGES ON lab.* TO 'app'@'%'"
        )
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="cluster")
def cluster_fixture(shared_cluster):
    """The cluster, whole and caught up before each test."""
    shared_cluster.heal()
    return shared_cluster


@pytest.fixture(scope="module", name="module_proxy")
def module_proxy_fixture(shared_cluster, request):
    """Modules set SETTINGS to change their proxy.ini."""
    proxy = start_causeway(shared_cluster, getattr(request.module, "SETTINGS", {}))
    yield proxy
    stop_causeway(proxy)


@pytest.fixture(name="proxy")
def proxy_fixture(module_proxy, cluster):
    assert module_proxy.alive(), f"Causeway died in an earlier test:\n{module_proxy.log_tail()}"
    module_proxy.wait_in_rotation(*[server.name for server in cluster.followers])
    return module_proxy


@pytest.fixture(name="causeway")
def causeway_fixture(cluster):
    """causeway(overrides) starts a process of its own for this test."""
    started = []

    def make(overrides=None, wait_for_followers=True):
        started.append(start_causeway(cluster, overrides or {}, wait_for_followers))
        return started[-1]

    yield make
    for proxy in started:
        stop_causeway(proxy)


@pytest.fixture(scope="module", name="few_connections", params=["session", "transaction"])
def few_connections_fixture(shared_cluster, request):
    """Causeway in both poolings, with connections that all sessions share: one after the other, or in turns."""
    routing = {"pooling": request.param}
    if request.param == "transaction":
        routing.update({"max_server_connections": "1", "pool_wait": "4s"})
    proxy = start_causeway(shared_cluster, {"routing": routing, "proxy": {"threads": "1"}})
    yield proxy
    stop_causeway(proxy)


@pytest.fixture(params=["direct", "causeway"], name="target")
def target_fixture(request, cluster):
    """The port a client connects to: the leader's own as the control, then Causeway's."""
    if request.param == "direct":
        return cluster.leader.port
    return request.getfixturevalue("proxy").port


@pytest.fixture(name="client")
def client_fixture(proxy):
    """A connection through Causeway."""
    connection = proxy.connect()
    yield connection
    if connection.open:
        connection.close()


@pytest.fixture(name="direct")
def direct_fixture(cluster):
    """A connection to the leader itself."""
    connection = cluster.leader.connect()
    yield connection
    if connection.open:
        connection.close()


@pytest.fixture(name="table")
def table_fixture(cluster):
    """The name of an empty table (id INT PRIMARY KEY, note VARCHAR(200)) that every server shows."""
    name = f"demo.t{next(NUMBERS)}"
    cluster.leader.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY, note VARCHAR(200))")
    cluster.caught_up()
    yield name
    cluster.leader.sql(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture(name="admin")
def admin_fixture():
    """Login of an account that may do everything, whom read_only does not stop."""
    return {"user": "almighty", "password": "almighty-demo"}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for proxy in RUNNING:
            report.sections.append((f"log of Causeway {item.name} ({call.when})", proxy.log_tail()))

