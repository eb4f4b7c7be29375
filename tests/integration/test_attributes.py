"""Connection attributes: what servers are told of who is behind a connection."""

import contextlib

import pytest

import wire
from harness import Cluster, scratch, wait_until

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def shared_cluster():
    """With the performance schema, which shows attributes."""
    cluster = Cluster(scratch("attributes"), followers=1, options=["performance_schema=ON"])
    yield cluster
    cluster.stop()


def attributes(server):
    """Of the connections of `app`, by connection."""
    found = {}
    for number, key, text in server.sql(
            "SELECT a.PROCESSLIST_ID, ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs a"
            " JOIN information_schema.PROCESSLIST p ON p.ID = a.PROCESSLIST_ID WHERE p.USER = 'app'"):
        found.setdefault(number, {})[key] = text
    return list(found.values())


def test_the_clients_reach_both_servers(proxy, cluster):
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.login(attributes={"program_name": "shop", "empty": ""})
        assert client.query("SELECT name FROM demo.this_server")[0] != 0xFF
        wanted = {"program_name": "shop", "_causeway_session": str(client.greeting.connection_id),
                  "_causeway_client": "127.0.0.1"}
        for server in cluster.servers:
            assert [one for one in attributes(server) if wanted.items() <= one.items()], attributes(server)


def test_none_outlive_their_session(proxy, cluster):
    """The connection goes to the pool; the next session must not look like the one before."""
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.login(attributes={"secret_of": "one"})
        client.query("INSERT INTO demo.nothing VALUES (1)")
    wait_until(lambda: not any("secret_of" in one for one in attributes(cluster.leader)), "the reset")
    assert {"_causeway_pooled": "yes"} in attributes(cluster.leader)


def test_too_many_are_cut(proxy, cluster):
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        assert client.login(attributes={f"key{index}": "x" * 100 for index in range(300)})[0] == 0
        assert client.query("SELECT 1")[0] != 0xFF
