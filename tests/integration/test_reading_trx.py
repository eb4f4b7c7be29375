"""Read-only transactions: they begin on a follower, and go on on the leader from the first statement
that belongs there. Each scene is sent to the leader itself and through Causeway; every byte is the same."""

import contextlib

import pymysql
import pytest
import wire
from conftest import start_causeway, stop_causeway
from harness import answered_by, connect, rows, value, wait_until
from test_wire import first_difference

ROUNDS = {"old": wire.PLAIN, "modern": wire.PLAIN | wire.DEPRECATE_EOF | wire.SESSION_TRACK}
BEGIN = "START TRANSACTION READ ONLY"
READ = "SELECT v FROM reading_t WHERE id = 1"


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    shared_cluster.leader.sql(
        "CREATE OR REPLACE TABLE demo.reading_t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));"
        "INSERT INTO demo.reading_t (v) VALUES ('one'), ('two');"
        "CREATE OR REPLACE FUNCTION demo.reading_f() RETURNS INT DETERMINISTIC RETURN 7;"
        "CREATE OR REPLACE PROCEDURE demo.reading_p() BEGIN SET @p = 5; SELECT @p; END")
    shared_cluster.caught_up()
    return shared_cluster


@pytest.fixture(scope="module", name="shared", params=["session", "transaction"])
def shared_fixture(shared_cluster, request):
    """Causeway in both poolings."""
    proxy = start_causeway(shared_cluster, {"routing": {"pooling": request.param}})
    yield proxy
    stop_causeway(proxy)


def prepared(sql, *parameters):
    return ("prepared", sql, parameters)


def long_data(sql, data):
    return ("long data", sql, data)


SCENES = {
    "a variable": [BEGIN, READ, "SET div_precision_increment = 8", "SELECT 1/3", "SELECT @@in_transaction", "COMMIT", "SELECT 1/3"],
    "names": [BEGIN, READ, "SET NAMES latin1", "SELECT CHARSET('x')", "SELECT @@in_transaction", "ROLLBACK", "SELECT CHARSET('x')"],
    "user variables": ["SELECT 1 INTO @a", BEGIN, "SELECT @a", "SELECT @a := @a + 1", "SELECT @a", READ, "COMMIT", "SELECT @a"],
    "a variable that is set inside": [BEGIN, READ, "SET @b = 5", "SELECT @b", "SELECT @b + 1 INTO @c", "COMMIT", "SELECT @b, @c"],
    "a lock": [BEGIN, READ, "SELECT GET_LOCK('reading', 1)", "SELECT IS_FREE_LOCK('reading')", "COMMIT",
               "SELECT RELEASE_LOCK('reading')", "SELECT RELEASE_LOCK('reading')"],
    "statements in SQL": [BEGIN, "PREPARE s FROM 'SELECT v FROM reading_t WHERE id = ?'", "SET @i = 2", "EXECUTE s USING @i", "COMMIT",
                          "EXECUTE s USING @i", "DEALLOCATE PREPARE s", "EXECUTE s USING @i"],
    "a handler": [BEGIN, "HANDLER reading_t OPEN AS h", "HANDLER h READ FIRST", READ, "HANDLER h READ NEXT", "COMMIT", "HANDLER h CLOSE"],
    "temporary tables": ["CREATE TEMPORARY TABLE reading_tmp (a INT)", BEGIN, "INSERT INTO reading_tmp VALUES (3)", "SELECT a FROM reading_tmp",
                         "COMMIT", "SELECT a FROM reading_tmp", "DROP TEMPORARY TABLE reading_tmp"],
    "a temporary table inside": [BEGIN, READ, "CREATE TEMPORARY TABLE reading_tmp (a INT)", "SELECT @@in_transaction", "COMMIT",
                                 "DROP TEMPORARY TABLE IF EXISTS reading_tmp"],
    "a function": [BEGIN, READ, "SELECT reading_f()", "CALL reading_p()", "SELECT @p", "COMMIT"],
    "writes": [BEGIN, READ, "INSERT INTO reading_t (v) VALUES ('no')", "SHOW WARNINGS", "UPDATE reading_t SET v = 'no'", "DELETE FROM reading_t",
               READ, "REPLACE INTO reading_nosuch VALUES (1)", "SELECT @@in_transaction", "COMMIT"],
    "locking reads": [BEGIN, READ, READ + " FOR UPDATE", READ + " LOCK IN SHARE MODE", "COMMIT"],
    "statements that commit": [
        BEGIN, READ, "ANALYZE TABLE reading_t", "SELECT @@in_transaction", BEGIN, READ, "OPTIMIZE TABLE reading_t", "SELECT @@in_transaction",
        BEGIN, READ, "FLUSH TABLES reading_t", "SELECT @@in_transaction", BEGIN, READ, "CREATE TABLE IF NOT EXISTS reading_new (a INT)",
        "SELECT @@in_transaction", BEGIN, READ, "DROP TABLE reading_new", "SELECT @@in_transaction", BEGIN, READ, "LOCK TABLES reading_t READ",
        READ, "UNLOCK TABLES", BEGIN, READ, "CHECK TABLE reading_t", "SELECT @@in_transaction", "ROLLBACK",
        BEGIN, READ, "GRANT SELECT ON lab.* TO app@'%'", "SELECT @@in_transaction"],
    "another transaction": [BEGIN, READ, "BEGIN", "INSERT INTO reading_t VALUES (50, 'yes')", "ROLLBACK", BEGIN, READ, BEGIN, READ,
                            "START TRANSACTION READ WRITE", "DELETE FROM reading_t WHERE v = 'nobody'", "COMMIT"],
    "savepoints": [BEGIN, READ, "SAVEPOINT a", READ, "SAVEPOINT b", "ROLLBACK TO a", "RELEASE SAVEPOINT b", "RELEASE SAVEPOINT a",
                   "ROLLBACK TO SAVEPOINT nosuch", "COMMIT"],
    "chains": [BEGIN, READ, "COMMIT AND CHAIN", "SELECT @@in_transaction, @@tx_read_only", READ, "INSERT INTO reading_t (v) VALUES ('no')",
               "ROLLBACK AND NO CHAIN", BEGIN, READ, "COMMIT WORK", "SELECT @@in_transaction"],
    "autocommit": [BEGIN, READ, "SET autocommit = 0", "SELECT @@in_transaction", READ, "COMMIT", "SET autocommit = 1", READ],
    "the characteristics of the next": [BEGIN, READ, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION READ WRITE", READ, "COMMIT",
                                        "SET TRANSACTION READ ONLY", "BEGIN", "INSERT INTO reading_t (v) VALUES ('no')", "COMMIT"],
    "schemas": [BEGIN, READ, "USE lab", "SELECT DATABASE()", "USE demo", READ, "COMMIT", "SELECT DATABASE()"],
    "several": [BEGIN, READ, "SELECT 1; SET @d = 4; SELECT @d", READ, "SELECT 2; COMMIT; SELECT @@in_transaction", READ],
    "a snapshot": ["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", READ, "SELECT 1 INTO @e", READ, "COMMIT"],
    "a snapshot of READ COMMITTED": ["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", BEGIN, READ, "SELECT 1 INTO @e", "SHOW WARNINGS", READ,
                                     "COMMIT"],
    "insert ids": ["CREATE OR REPLACE TABLE reading_i (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO reading_i (v) VALUES (1)",
                   BEGIN, "SELECT LAST_INSERT_ID()", READ, "COMMIT", "SELECT LAST_INSERT_ID()"],
    "errors": [BEGIN, "SELECT nosuch FROM reading_t", "SHOW WARNINGS", "SELEC", "SHOW WARNINGS", READ, "SELECT @@in_transaction", "COMMIT"],
    "warnings": [BEGIN, "SELECT 1/0, v FROM reading_t WHERE id = 1", "SHOW WARNINGS", "SELECT @@warning_count", "COMMIT",
                 "SELECT 1/0 INTO @f", BEGIN, "SHOW WARNINGS", READ, "SHOW WARNINGS", "COMMIT"],
    "found rows": [BEGIN, "SELECT seq FROM seq_1_to_4", "SELECT FOUND_ROWS()", "SELECT ROW_COUNT()", "COMMIT"],
    "prepared": [BEGIN, prepared(READ), prepared("SELECT @@in_transaction, ?", 5), prepared("INSERT INTO reading_t (v) VALUES (?)", b"no"), prepared(READ),
                 prepared("COMMIT"), prepared(READ), BEGIN, READ, prepared("COMMIT"), "SELECT @@in_transaction"],
    "parameters sent ahead": [BEGIN, READ, long_data("SELECT LENGTH(?)", b"x" * 900), "SELECT @@in_transaction", READ, "COMMIT"],
    "for one statement": [BEGIN, READ, "SET STATEMENT div_precision_increment = 9 FOR SELECT 1/3", "SELECT 1/3", READ, "COMMIT"],
    "nothing but one of the leader's": [BEGIN, "SELECT @@in_transaction, @nosuch", READ, "COMMIT", BEGIN, "COMMIT", BEGIN, "ROLLBACK"],
}

SMALL = {
    "ping": (0x0E, b""), "field list": (0x04, b"reading_t\0"), "schema": (0x02, b"lab"), "option": (0x1B, b"\1\0"),
}


def play(port, capabilities, scene, account):
    """What is told for each step, byte by byte."""
    client = wire.Wire(port)
    found = []
    with contextlib.closing(client):
        client.login(*account, "demo", capabilities=capabilities | wire.MULTI_STATEMENTS)
        client.take()
        for step in scene:
            if isinstance(step, str):
                client.query(step)
            elif step[0] == "command":
                client.field_list("reading_t") if step[1][0] == 4 else client.simple(*step[1])  # pylint: disable=expression-not-assigned
            else:
                handle = client.prepare(step[1])
                client.take()  # its id
                if step[0] == "long data":
                    client.long_data(handle[0], 0, step[2])
                    client.execute(handle[0], [b""], long_data=(0,))
                else:
                    client.execute(handle[0], step[2])
            found.append((step, client.take()))
    return found


def assert_same(ground, shared, capabilities, scene, account):
    expected = play(ground.leader.port, capabilities, scene, account)
    ground.caught_up()
    through = play(shared.port, capabilities, scene, account)
    different = [f"{step}\n  {first_difference(left, right, capabilities)}" for (step, left), (_, right) in zip(expected, through)
                 if first_difference(left, right, capabilities)]
    assert not different, "\n".join(different)


@pytest.fixture(name="untouched", autouse=True)
def untouched_fixture(ground):
    """No follower gains a transaction of its own, and all replicate."""
    before = {server.name: server.own_transactions() for server in ground.followers}
    yield
    ground.caught_up()
    assert {server.name: server.own_transactions() for server in ground.followers} == before
    assert not any(server.trouble() for server in ground.followers)


@pytest.mark.core
@pytest.mark.parametrize("capabilities", ROUNDS)
@pytest.mark.parametrize("name", SCENES)
def test_scene(shared, ground, name, capabilities):
    """As an account that read_only does not stop."""
    assert_same(ground, shared, ROUNDS[capabilities] & ~wire.SESSION_TRACK, SCENES[name], ("almighty", "almighty-demo"))


@pytest.mark.parametrize("name", ["writes", "savepoints", "statements that commit", "a function", "prepared", "another transaction"])
def test_scene_of_an_account_that_read_only_stops(shared, ground, name):
    scene = [step for step in SCENES[name] if not str(step).startswith(("GRANT", "FLUSH"))]
    assert_same(ground, shared, wire.PLAIN, scene, ("app", "app-demo"))


@pytest.mark.parametrize("name", SMALL)
def test_small_commands(shared, ground, name):
    scene = [BEGIN, READ, ("command", SMALL[name]), "SELECT @@in_transaction, DATABASE()", "COMMIT"]
    assert_same(ground, shared, wire.PLAIN, scene, ("app", "app-demo"))


@pytest.mark.core
def test_only_what_belongs_to_the_leader_moves_it(shared, ground):
    with contextlib.closing(shared.connect()) as client:
        for end in ("COMMIT", "ROLLBACK", "commit work;"):
            rows(client, BEGIN)
            assert answered_by(client) != ground.leader.name
            rows(client, "SELECT v FROM demo.reading_t")
            assert answered_by(client) != ground.leader.name
            rows(client, end)
        rows(client, BEGIN)
        assert answered_by(client) != ground.leader.name
        rows(client, "SET @moved = 1 + 1")
        assert answered_by(client) == ground.leader.name
        assert value(client, "SELECT @@in_transaction") == 1
        rows(client, "COMMIT")
        wait_until(lambda: answered_by(client) != ground.leader.name, "a read on a follower")


@pytest.mark.core
def test_what_was_seen_is_seen_behind_the_move(shared, ground):
    """Never less, and one snapshot from there on."""
    with contextlib.closing(shared.connect()) as client, contextlib.closing(connect(ground.leader.port)) as other:
        rows(other, "CREATE OR REPLACE TABLE demo.reading_n (n INT)")
        rows(other, "INSERT INTO demo.reading_n VALUES (0)")
        ground.caught_up()
        for number in range(1, 30):
            rows(other, f"UPDATE demo.reading_n SET n = {2 * number}")
            rows(client, BEGIN)
            seen = value(client, "SELECT n FROM demo.reading_n")
            rows(client, "SET @moved = 1 + 1")
            rows(other, "UPDATE demo.reading_n SET n = n + 1")
            behind = value(client, "SELECT n FROM demo.reading_n")
            assert seen <= behind == 2 * number
            assert value(client, "SELECT n FROM demo.reading_n") == behind
            rows(client, "COMMIT")
            assert value(client, "SELECT n FROM demo.reading_n") >= behind
        ground.caught_up()


@pytest.mark.core
def test_the_follower_has_no_transaction_left_open(shared, ground):
    """It would hold up the applier at the table's next change."""
    ground.leader.sql("CREATE OR REPLACE TABLE demo.reading_m (n INT)")
    ground.caught_up()
    with contextlib.closing(shared.connect()) as client:
        rows(client, BEGIN)
        rows(client, "SELECT n FROM demo.reading_m")
        rows(client, "SET @moved = 1 + 1")
        assert value(client, "SELECT @@in_transaction") == 1
        ground.leader.sql("ALTER TABLE demo.reading_m ADD COLUMN m INT")
        ground.caught_up()
        rows(client, "COMMIT")
        wait_until(lambda: answered_by(client) != ground.leader.name, "a read on a follower")


def test_a_cursor_outlasts_the_move(shared, ground):
    def script(port):
        client = wire.Wire(port)
        with contextlib.closing(client):
            client.login("app", "app-demo", "demo")
            client.query(BEGIN)
            handle = client.prepare("SELECT seq FROM seq_1_to_9")[0]
            client.execute(handle, cursor=1)
            client.fetch(handle, 2)
            client.query("SET @moved = 1 + 1")
            client.take()
            client.fetch(handle, 3)
            return client.take()

    # The flags differ: its connection is in no transaction any more.
    assert script(shared.port)[:-5] == script(ground.leader.port)[:-5]


def test_without_a_leader_it_goes_on_where_it_is(causeway, cluster):
    """The statement is refused, the transaction is not lost."""
    proxy = causeway({"routing": {"leader_wait": "200ms"}})
    with contextlib.closing(proxy.connect()) as client:
        rows(client, BEGIN)
        served = answered_by(client)
        cluster.leader.tool("kill")
        try:
            with pytest.raises(pymysql.MySQLError):
                rows(client, "SET @moved = 1 + 1")
            assert answered_by(client) == served
            rows(client, "COMMIT")
        finally:
            cluster.leader.tool("restart")
            wait_until(lambda: not any(server.trouble() for server in cluster.followers), "replication")
