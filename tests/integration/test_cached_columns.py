"""Column definitions of prepared statements that the client has already (MARIADB_CLIENT_CACHE_METADATA)."""

import contextlib

import pytest

import wire

pytestmark = pytest.mark.core

CAPABILITIES = {
    "old": wire.PLAIN | wire.CACHE_METADATA,
    "modern": wire.PLAIN | wire.CACHE_METADATA | wire.DEPRECATE_EOF | wire.SESSION_TRACK,
}


@pytest.fixture(params=CAPABILITIES, name="client")
def client_fixture(proxy, request):
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        assert client.login(capabilities=CAPABILITIES[request.param], schema="demo")[0] == 0
        assert client.capabilities & wire.CACHE_METADATA, "offered"
        client.take()
        yield client


def result(client):
    """(whether the definitions came, the first row's bytes) of the result in flight."""
    first = client.packet()
    assert first[0] not in (0x00, 0xFF), first
    count, at = wire.read_lenenc(first, 0)
    follow = {0: False, 1: True}[first[at]]
    if follow:
        client.read_definitions(count)
    elif not client.capabilities & wire.DEPRECATE_EOF:
        assert client.packet()[0] == 0xFE
    row = client.packet()
    assert client.is_end(client.packet())
    return follow, row


def execute(client, statement, parameters=()):
    client.send(client.execute_bytes(statement, parameters))
    return result(client)


def test_they_come_when_they_are_others_than_the_last(client, cluster):
    """Whichever server says them: a statement runs on the follower, and in a transaction on the leader."""
    statement = client.prepare("SELECT name FROM demo.this_server")[0]
    assert execute(client, statement) == (False, b"\0\0\3" + execute(client, statement)[1][3:])
    places = set()
    for _ in range(3):
        places.add(execute(client, statement)[1])
        client.query("BEGIN")
        follow, row = execute(client, statement)
        assert not follow
        places.add(row)
        client.query("COMMIT")
    assert len({row[-3:] for row in places}) >= 2, "more than one server answered"


def test_a_changed_table_is_told(client, cluster):
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.cached (a INT); INSERT INTO demo.cached VALUES (1)")
    cluster.caught_up()
    try:
        statement = client.prepare("SELECT a FROM demo.cached")[0]
        assert [execute(client, statement)[0] for _ in range(2)] == [False, False]
        cluster.leader.sql("ALTER TABLE demo.cached MODIFY a BIGINT NOT NULL")
        cluster.caught_up()
        assert [execute(client, statement)[0] for _ in range(2)] == [True, False]
        client.query("BEGIN")
        assert [execute(client, statement)[0] for _ in range(2)] == [False, False]
        client.query("ROLLBACK")
    finally:
        cluster.leader.sql("DROP TABLE demo.cached")


def test_text_always_has_them(client):
    for _ in range(2):
        client.send(bytes([wire.QUERY]) + b"SELECT name FROM demo.this_server")
        assert result(client)[0]
    client.send(bytes([wire.QUERY]) + b"SELECT CONNECTION_ID()")
    follow, row = result(client)
    assert follow and row[1:] == str(client.greeting.connection_id).encode()


def test_very_many_are_sent_each_time(client):
    """More than Causeway holds: correct, if not short."""
    sql = "SELECT " + ", ".join(f"{number} AS {'x' * 50}{number}" for number in range(1500))
    statement = client.prepare(sql)[0]
    for _ in range(2):
        follow, row = execute(client, statement)
        assert follow and len(row) > 1500
    client.query("SET NAMES latin1")
    assert execute(client, statement)[0]


def test_a_change_of_the_character_set_tells_them_again(client, cluster):
    statement = client.prepare("SELECT 'x'")[0]
    client.query("SET NAMES latin1")
    assert [execute(client, statement)[0] for _ in range(2)] == [True, False]
    client.query("SET NAMES utf8mb4")
    assert [execute(client, statement)[0] for _ in range(2)] == [True, False]
