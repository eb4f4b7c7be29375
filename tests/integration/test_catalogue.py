"""What looks like a read and is the leader's for what it names: views that reach stored functions, MEMORY tables."""

import contextlib

import pytest
import wire
from conftest import start_causeway, stop_causeway
from harness import answered_by, rows, wait_until


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    shared_cluster.leader.sql(
        "CREATE OR REPLACE FUNCTION demo.cat_f() RETURNS INT RETURN 7;"
        "CREATE OR REPLACE VIEW demo.cat_plain AS SELECT name FROM demo.this_server;"
        "CREATE OR REPLACE VIEW demo.cat_calls AS SELECT name, demo.cat_f() AS f FROM demo.this_server;"
        "CREATE OR REPLACE VIEW demo.cat_over AS SELECT name FROM demo.cat_calls;"
        "CREATE OR REPLACE TABLE demo.cat_memory (a INT) ENGINE=MEMORY; INSERT INTO demo.cat_memory VALUES (1);"
        "CREATE OR REPLACE TABLE demo.cat_innodb (a INT)"
    )
    shared_cluster.caught_up()
    return shared_cluster


@pytest.fixture(scope="module", name="shared", params=["session", "transaction"])
def shared_fixture(ground, request):
    proxy = start_causeway(ground, {"routing": {"pooling": request.param}})
    yield proxy
    stop_causeway(proxy)


def by_follower(ground, client):
    wait_until(lambda: answered_by(client) != ground.leader.name, "a read on a follower")


def server_of(client, view, column="name"):
    return rows(client, f"SELECT {column} FROM {view} LIMIT 1")[0][0]


@pytest.mark.core
@pytest.mark.parametrize("view", ["cat_calls", "demo.cat_calls", "`cat_over`", "cat_plain JOIN demo.cat_over USING (name)"])
def test_views_that_reach_functions_are_the_leaders(shared, ground, view):
    with contextlib.closing(shared.connect()) as client:
        by_follower(ground, client)
        assert server_of(client, "cat_plain") != ground.leader.name
        assert server_of(client, view) == ground.leader.name
        by_follower(ground, client)


@pytest.mark.core
def test_memory_tables_are_the_leaders(shared, ground):
    with contextlib.closing(shared.connect()) as client:
        by_follower(ground, client)
        question = "SELECT (SELECT name FROM this_server), COUNT(*) FROM "
        assert rows(client, question + "cat_memory") == ((ground.leader.name, 1),)
        assert rows(client, question + "cat_innodb")[0][0] != ground.leader.name


@pytest.mark.core
def test_a_view_that_was_just_made_counts_at_once(shared, ground):
    with contextlib.closing(shared.connect()) as client, contextlib.closing(shared.connect()) as other:
        by_follower(ground, other)
        for i in range(20):
            rows(client, f"CREATE OR REPLACE VIEW cat_new{i} AS SELECT name, cat_f() AS f FROM this_server")
            assert server_of(other, f"cat_new{i}") == ground.leader.name
            rows(client, f"DROP VIEW cat_new{i}")
        by_follower(ground, other)


def test_a_view_made_on_the_leader_itself_is_seen_in_its_log(shared, ground):
    with contextlib.closing(shared.connect()) as client:
        ground.leader.sql("CREATE OR REPLACE VIEW demo.cat_direct AS SELECT name FROM demo.this_server")
        ground.caught_up()
        wait_until(lambda: server_of(client, "cat_direct") != ground.leader.name, "a read on a follower")
        ground.leader.sql("CREATE OR REPLACE VIEW demo.cat_direct AS SELECT name, demo.cat_f() AS f FROM demo.this_server")
        wait_until(lambda: server_of(client, "cat_direct") == ground.leader.name, "the view is known")
        ground.leader.sql("CREATE OR REPLACE VIEW demo.cat_direct AS SELECT name FROM demo.this_server")
        wait_until(lambda: server_of(client, "cat_direct") != ground.leader.name, "it is any view again")
        ground.leader.sql("DROP VIEW demo.cat_direct")


def test_prepared_statements_notice_too(shared, ground):
    ground.leader.sql("CREATE OR REPLACE VIEW demo.cat_prepared AS SELECT name FROM demo.this_server")
    ground.caught_up()
    client = wire.Wire(shared.port)
    with contextlib.closing(client):
        client.login("app", "app-demo", "demo")
        statement = client.prepare("SELECT name FROM cat_prepared")[0]

        def server():
            client.take()
            client.execute(statement)
            return client.take()

        wait_until(lambda: ground.leader.name.encode() not in server(), "a read on a follower")
        ground.leader.sql("CREATE OR REPLACE VIEW demo.cat_prepared AS SELECT name, demo.cat_f() AS f FROM demo.this_server")
        wait_until(lambda: ground.leader.name.encode() in server(), "the view is known")


def test_an_account_that_sees_nothing_is_named_in_the_log(ground):
    ground.leader.sql("CREATE OR REPLACE USER blind@'%' IDENTIFIED BY 'blind-demo';"
                      "GRANT SLAVE MONITOR, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO blind@'%';"
                      "GRANT SELECT ON mysql.global_priv TO blind@'%'")
    ground.caught_up()
    proxy = start_causeway(ground, {"cluster": {"user": "blind", "password": "blind-demo"}})
    try:
        assert "needs SELECT, SHOW VIEW ON *.*" in proxy.log_text()
        with contextlib.closing(proxy.connect()) as client:
            by_follower(ground, client)
    finally:
        stop_causeway(proxy)
        ground.leader.sql("DROP USER blind@'%'")
