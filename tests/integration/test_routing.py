"""Where statements run: what may write never reaches a follower, whatever the account may do; rules
and hints override; a read-only transaction stays on one follower."""

import contextlib
import threading
import time

import pymysql
import pytest

from harness import answered_by, rows, value, wait_until

FOLLOWERS = ("db2", "db3")

SETTINGS = {
    "rule:refused": {"match": r"\bforbidden_table\b", "to": "refuse"},
    "rule:leader": {"match": r"/\*\s*on the leader\s*\*/", "to": "leader"},
    "rule:named": {"match": r"/\*\s*on db3\s*\*/", "to": "server:db3"},
    "rule:schema": {"match": r"this_server", "schema": "lab", "to": "leader"},
}


@pytest.fixture(name="untouched")
def untouched_fixture(cluster):
    """Followers must gain no transaction of their own during the test."""
    before = {server.name: server.own_transactions() for server in cluster.followers}
    yield
    cluster.caught_up()
    after = {server.name: server.own_transactions() for server in cluster.followers}
    assert after == before, "a follower wrote something of its own"
    for follower in cluster.followers:
        status = follower.value("SELECT COUNT(*) FROM information_schema.global_status"
                                " WHERE variable_name='Slave_running' AND variable_value='ON'")
        assert status == 1, f"replication of {follower.name} is broken"


@pytest.fixture(name="almighty")
def almighty_fixture(proxy, admin):
    connection = proxy.connect(**admin)
    yield connection
    connection.close()


@pytest.mark.core
@pytest.mark.usefixtures("untouched")
def test_function_that_writes_runs_on_the_leader(cluster, almighty, table):
    """As a user with ALL PRIVILEGES, whom read_only does not stop."""
    cluster.leader.sql(
        f"CREATE OR REPLACE FUNCTION demo.f_writes(k INT) RETURNS INT BEGIN INSERT INTO {table}"
        " VALUES (k, 'by function'); RETURN k; END"
    )
    cluster.caught_up()
    for key in range(5):
        assert value(almighty, f"SELECT demo.f_writes({key})") == key
        assert value(almighty, f"SELECT COUNT(*) FROM {table} WHERE id = {key}") == 1
    assert cluster.leader.value(f"SELECT COUNT(*) FROM {table}") == 5


@pytest.mark.core
@pytest.mark.usefixtures("untouched")
def test_view_over_a_function_that_writes(cluster, almighty, table):
    """No token of the statement shows it: the read-only guard stops it on the follower, and it is
    run on the leader instead."""
    cluster.leader.sql(
        f"CREATE OR REPLACE FUNCTION demo.f_hidden() RETURNS INT BEGIN INSERT INTO {table}"
        " VALUES (FLOOR(RAND() * 1000000000), 'hidden'); RETURN 1; END;"
        "CREATE OR REPLACE VIEW demo.v_hidden AS SELECT demo.f_hidden() AS f"
    )
    cluster.caught_up()
    for number in range(3):
        assert value(almighty, "SELECT f FROM demo.v_hidden") == 1
        assert value(almighty, f"SELECT COUNT(*) FROM {table}") == number + 1


LEADER_ONLY = [
    "INSERT INTO {table} VALUES (1, 'x')",
    "REPLACE INTO {table} VALUES (1, 'x')",
    "UPDATE {table} SET note = 'y'",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "ANALYZE TABLE {table}",
    "OPTIMIZE TABLE {table}",
    "REPAIR TABLE {table}",
    "CHECK TABLE {table}",
    "FLUSH TABLES",
    "FLUSH STATUS",
    "CREATE TABLE demo.leader_only (a INT)",
    "ALTER TABLE demo.leader_only ADD b INT",
    "RENAME TABLE demo.leader_only TO demo.leader_only2",
    "DROP TABLE demo.leader_only2",
    "CREATE SEQUENCE demo.leader_seq",
    "SELECT NEXT VALUE FOR demo.leader_seq",
    "SELECT NEXTVAL(demo.leader_seq)",
    "DO NEXTVAL(demo.leader_seq)",
    "DROP SEQUENCE demo.leader_seq",
    "SET GLOBAL max_error_count = 65",
    "SET GLOBAL max_error_count = DEFAULT",
    "SET STATEMENT max_error_count = 5 FOR INSERT INTO {table} VALUES (2, 'set statement')",
    "SET STATEMENT tx_read_only = 0 FOR INSERT INTO {table} VALUES (3, 'past the guard')",
    "SELECT * FROM {table} FOR UPDATE",
    "SELECT * FROM (SELECT * FROM {table} FOR UPDATE) AS d",
    "WITH c AS (SELECT * FROM {table}) SELECT * FROM c FOR UPDATE",
    "INSERT INTO {table} SELECT 50, 'selected'",
    "/*!50000 INSERT INTO {table} VALUES (51, 'executable comment') */",
    "/*M! INSERT INTO {table} VALUES (52, 'executable comment') */",
    "SELECT 1 INTO OUTFILE '{folder}/leader_only'",
    "EXPLAIN FORMAT=JSON UPDATE {table} SET note = 'z'",
    "ANALYZE UPDATE {table} SET note = 'z'",
    "BEGIN NOT ATOMIC INSERT INTO {table} VALUES (60, 'compound'); END",
    "GRANT USAGE ON *.* TO 'almighty'@'%'",
    "CREATE TEMPORARY TABLE leader_temporary AS SELECT 1 AS a",
    "INSERT INTO leader_temporary VALUES (2)",
    "SELECT * FROM leader_temporary",
    "DROP TEMPORARY TABLE leader_temporary",
    "KILL QUERY ID 999999999",
    "PURGE BINARY LOGS BEFORE '2000-01-01'",
    "FLUSH BINARY LOGS",
    "XA START 'x'",
    "INSERT INTO {table} VALUES (70, 'xa')",
    "XA END 'x'",
    "XA PREPARE 'x'",
    "XA COMMIT 'x'",
]


@pytest.mark.core
@pytest.mark.usefixtures("untouched")
def test_nothing_writes_on_a_follower(cluster, almighty, table, tmp_path):
    """Every statement that can leave a trace in a server's log, as a user with all rights: if it ran
    on a follower, the follower would have a transaction of its own."""
    tmp_path.chmod(0o777)
    for text in LEADER_ONLY:
        statement = text.format(table=table, folder=tmp_path)
        with contextlib.suppress(pymysql.err.ProgrammingError):
            try:
                rows(almighty, statement)
            except pymysql.MySQLError as error:
                # 1094 unknown thread and the like are fine; what a follower's guard says is not.
                assert error.args[0] not in (1792, 1290), (statement, error)
    assert (tmp_path / "leader_only").exists()
    assert cluster.leader.value("SELECT @@global.max_error_count") == 64


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM demo.this_server FOR UPDATE",
        "SELECT name FROM demo.this_server LOCK IN SHARE MODE",
        "SELECT name, @x := 5 FROM demo.this_server",
        "SELECT name, GET_LOCK('routing', 0) FROM demo.this_server",
        "SELECT name, LAST_INSERT_ID(3) FROM demo.this_server",
        "SELECT name, @@server_id FROM demo.this_server",
        "SELECT name, @@hostname FROM demo.this_server",
        "SELECT name, CONNECTION_ID() FROM demo.this_server",
        "SELECT name FROM demo.this_server PROCEDURE ANALYSE()",
        "(SELECT name FROM demo.this_server FOR UPDATE)",
        "SELECT name FROM demo.this_server /* on the leader */",
    ],
)
def test_read_that_belongs_to_the_leader(proxy, statement):
    with contextlib.closing(proxy.connect()) as connection:
        found = rows(connection, statement)
        assert "db1" in str(found[0]) or "PROCEDURE" in statement, found


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM demo.this_server",
        "select name from demo.this_server where 'insert into' <> 'update'",
        "/* comment */ SELECT name FROM demo.this_server -- delete",
        "(SELECT name FROM demo.this_server)",
        "WITH c AS (SELECT name FROM demo.this_server) SELECT * FROM c",
        "SELECT name FROM demo.this_server UNION SELECT name FROM demo.this_server",
        "SELECT UPPER(LOWER(name)) FROM demo.this_server WHERE NOW() > '2000-01-01'",
        "/*!50000 SELECT name FROM demo.this_server */",
        "SELECT name FROM demo.this_server WHERE name IN (SELECT name FROM demo.this_server)",
        "EXECUTE IMMEDIATE",
    ],
)
def test_plain_reads_go_to_a_follower(proxy, statement):
    if statement == "EXECUTE IMMEDIATE":  # prepared on the server by the client library
        import wire

        with contextlib.closing(wire.Wire(proxy.port)) as raw:
            raw.login(schema="demo")
            prepared = raw.prepare("SELECT name FROM demo.this_server WHERE ? = 1")
            raw.take()
            raw.execute(prepared[0], [1])
            found = raw.take()
            assert b"db2" in found or b"db3" in found
        return
    with contextlib.closing(proxy.connect()) as connection:
        assert value(connection, statement).lower() in FOLLOWERS


def test_rule_refuses(client):
    with pytest.raises(pymysql.MySQLError) as error:
        rows(client, "SELECT * FROM forbidden_table")
    assert "refused" in str(error.value), "the message names the rule"
    assert value(client, "SELECT 1") == 1, "the connection goes on"


def test_rule_names_a_server(proxy):
    connections = [proxy.connect() for _ in range(6)]
    try:
        assert {value(c, "SELECT /* on db3 */ name FROM demo.this_server") for c in connections} == {"db3"}
    finally:
        for connection in connections:
            connection.close()


def test_rule_with_a_schema(proxy):
    with contextlib.closing(proxy.connect(database="lab")) as connection:
        assert answered_by(connection) == "db1"
        rows(connection, "USE demo")
        assert answered_by(connection) in FOLLOWERS


@pytest.mark.parametrize(
    "hint, allowed",
    [("to=leader", ("db1",)), ("to=server:db2", ("db2",)), ("to=server:db3", ("db3",)),
     ("to=followers", FOLLOWERS), ("to=followers consistency=eventual", FOLLOWERS)],
)
def test_hint(client, hint, allowed):
    for _ in range(3):
        assert answered_by(client, f"/* causeway {hint} */ ") in allowed


def test_hint_that_is_not_understood_is_an_error(client):
    with pytest.raises(pymysql.MySQLError, match="nonsense"):
        answered_by(client, "/* causeway to=leader nonsense=1 */ ")
    with pytest.raises(pymysql.MySQLError, match="db9"):
        answered_by(client, "/* causeway to=server:db9 */ ")
    assert answered_by(client) in FOLLOWERS


@pytest.mark.usefixtures("untouched")
def test_hint_does_not_make_a_write_run_on_a_follower(proxy, cluster, admin, table):
    """Whether it is refused or run on the leader is Causeway's choice; a follower's log is not."""
    with contextlib.closing(proxy.connect(**admin)) as connection:
        for hint in ("/* causeway to=server:db2 */ ", "/* causeway to=followers */ "):
            with contextlib.suppress(pymysql.MySQLError):
                rows(connection, f"{hint}INSERT INTO {table} VALUES (1, 'x')")
            cluster.leader.sql(f"DELETE FROM {table}")
        assert value(connection, "SELECT 1") == 1


@pytest.mark.core
def test_read_only_transaction_runs_on_one_follower(client, cluster, table):
    cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'before')")
    cluster.caught_up()
    rows(client, "START TRANSACTION READ ONLY")
    served = answered_by(client)
    assert served in FOLLOWERS
    assert value(client, f"SELECT note FROM {table} WHERE id = 1") == "before"
    cluster.leader.sql(f"UPDATE {table} SET note = 'after' WHERE id = 1")
    cluster.caught_up()
    assert value(client, f"SELECT note FROM {table} WHERE id = 1") == "before", "one snapshot"
    assert {answered_by(client) for _ in range(10)} == {served}
    rows(client, "COMMIT")
    assert value(client, f"SELECT note FROM {table} WHERE id = 1") == "after"


@pytest.mark.core
@pytest.mark.usefixtures("untouched")
def test_read_only_transaction_does_not_write(client, cluster, table):
    rows(client, "START TRANSACTION READ ONLY")
    assert answered_by(client) in FOLLOWERS
    with pytest.raises(pymysql.MySQLError) as error:
        rows(client, f"INSERT INTO {table} VALUES (2, 'x')")
    assert error.value.args[0] == 1792
    assert answered_by(client) == cluster.leader.name
    rows(client, "COMMIT")
    assert value(client, f"SELECT COUNT(*) FROM {table}") == 0


def test_read_only_transaction_sees_own_writes(client, cluster, table):
    with cluster.applier_stopped():
        rows(client, f"INSERT INTO {table} VALUES (1, 'mine')")
        rows(client, "START TRANSACTION READ ONLY")
        assert value(client, f"SELECT note FROM {table} WHERE id = 1") == "mine"
        rows(client, "COMMIT")


def test_read_write_transaction_runs_on_the_leader(client, table):
    rows(client, "START TRANSACTION")
    assert answered_by(client) == "db1"
    rows(client, f"INSERT INTO {table} VALUES (1, 'x')")
    assert answered_by(client) == "db1"
    rows(client, "COMMIT")
    wait_until(lambda: answered_by(client) in FOLLOWERS, "back on a follower")
    rows(client, "SET autocommit = 0")
    assert answered_by(client) == "db1", "an implicit transaction may come to write"
    rows(client, "COMMIT")
    rows(client, "SET autocommit = 1")
    wait_until(lambda: answered_by(client) in FOLLOWERS, "back on a follower")


@pytest.mark.core
def test_session_state_is_the_same_everywhere(client):
    """Variables, schema, character set and user variables set once hold on the follower too."""
    rows(client, "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+05:30', group_concat_max_len = 7")
    rows(client, "SET @mine = 'kept'")
    assert value(client, 'SELECT name FROM "demo"."this_server"') in FOLLOWERS
    found = rows(
        client,
        "SELECT (SELECT name FROM demo.this_server), DATABASE(), GROUP_CONCAT(seq),"
        " DATE_FORMAT(FROM_UNIXTIME(0), '%H:%i') FROM demo.seq_1_to_50",
    )[0]
    assert found[0] in FOLLOWERS
    assert found[1:] == ("demo", "1,2,3,4", "05:30")
    assert value(client, "SELECT @mine") == "kept"
    rows(client, "USE lab")
    assert value(client, "SELECT DATABASE() FROM demo.this_server") == "lab"
    rows(client, "USE demo")
    rows(client, "SET NAMES latin1")
    assert rows(client, "SELECT name, CHARSET('x') FROM this_server")[0][1] == "latin1"


@pytest.mark.core
def test_a_variable_set_without_its_scope_holds_on_the_follower(client):
    """The server's tracking does not report SET @@name, alone or among others."""
    def length():
        name, text = rows(client, "SELECT (SELECT name FROM demo.this_server), GROUP_CONCAT(seq) FROM demo.seq_1_to_50")[0]
        assert name in FOLLOWERS
        return len(text)

    rows(client, "SET @@group_concat_max_len = 9")
    assert length() == 9
    rows(client, "/*!40101 SET @@time_zone = '+05:30', @@group_concat_max_len := 8 */")
    assert length() == 8
    assert value(client, "SELECT DATE_FORMAT(FROM_UNIXTIME(0), '%H:%i') FROM demo.this_server") == "05:30"
    with pytest.raises(pymysql.err.OperationalError, match="1229"):
        rows(client, "SET @@max_connections = 1")
    assert length() == 8


def test_what_a_statement_sets_for_itself_is_gone_behind_it(client):
    def length():
        name, text = rows(client, "SELECT (SELECT name FROM demo.this_server), GROUP_CONCAT(seq) FROM demo.seq_1_to_50")[0]
        assert name in FOLLOWERS
        return len(text)

    rows(client, "SET SESSION group_concat_max_len = 11")
    rows(client, "SET STATEMENT group_concat_max_len = 5, time_zone = '+05:30' FOR SELECT 1")
    assert length() == 11
    assert value(client, "SELECT DATE_FORMAT(FROM_UNIXTIME(0), '%H:%i') = '05:30' FROM demo.this_server") == 0


def test_variables_changed_by_a_procedure_hold_on_the_follower(client, cluster):
    cluster.leader.sql("CREATE OR REPLACE PROCEDURE demo.set_something() SET SESSION group_concat_max_len = 9")
    cluster.caught_up()
    rows(client, "CALL demo.set_something()")
    name, text = rows(client, "SELECT (SELECT name FROM demo.this_server), GROUP_CONCAT(seq) FROM demo.seq_1_to_50")[0]
    assert len(text) == 9 and name


def test_last_insert_id_and_friends_go_where_their_statement_ran(client, cluster):
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.numbered (id INT PRIMARY KEY AUTO_INCREMENT, n INT)")
    cluster.caught_up()
    rows(client, "INSERT INTO demo.numbered (n) VALUES (1), (2), (3)")
    assert value(client, "SELECT ROW_COUNT()") == 3
    assert value(client, "SELECT LAST_INSERT_ID()") == 1
    value(client, "SELECT name FROM demo.this_server")
    assert value(client, "SELECT LAST_INSERT_ID()") == 1, "also after a read elsewhere"
    rows(client, "SELECT SQL_CALC_FOUND_ROWS n FROM demo.numbered LIMIT 1")
    assert value(client, "SELECT FOUND_ROWS()") == 3
    rows(client, "SELECT CAST('abc' AS INT)")
    assert "Truncated incorrect INTEGER" in rows(client, "SHOW WARNINGS")[0][2]


def test_temporary_table_keeps_the_session_on_the_leader(client):
    rows(client, "CREATE TEMPORARY TABLE demo.t_here AS SELECT 5 AS n")
    assert value(client, "SELECT n FROM demo.t_here") == 5
    assert value(client, "SELECT n FROM demo.t_here JOIN demo.this_server") == 5
    rows(client, "DROP TEMPORARY TABLE demo.t_here")


def test_lock_tables_keeps_the_session_on_the_leader(client, table):
    rows(client, f"LOCK TABLES {table} WRITE, demo.this_server READ")
    assert answered_by(client) == "db1"
    rows(client, "UNLOCK TABLES")
    wait_until(lambda: answered_by(client) in FOLLOWERS, "back on a follower")


def test_get_lock_is_held_on_one_server(client, proxy):
    assert value(client, "SELECT GET_LOCK('held', 0)") == 1
    with contextlib.closing(proxy.connect()) as other:
        assert value(other, "SELECT GET_LOCK('held', 0)") == 0
        assert value(client, "SELECT RELEASE_LOCK('held')") == 1
        assert value(other, "SELECT GET_LOCK('held', 0)") == 1


def test_kill_of_a_session(client, proxy):
    """By the id of its greeting, from another session of the account."""
    with contextlib.closing(proxy.connect()) as other:
        rows(other, f"KILL CONNECTION {client.thread_id()}")

    def gone():
        try:
            return not rows(client, "SELECT 1")
        except pymysql.MySQLError:
            return True

    wait_until(gone, "the killed session's end")


@pytest.mark.parametrize("sql", ["SELECT SLEEP(30)", "SELECT name, SLEEP(30) FROM demo.this_server",
                                 "SELECT SLEEP(30) FOR UPDATE"])
def test_kill_query_of_a_session(client, proxy, sql):
    """The running statement ends with 1317, wherever it ran; the session goes on."""
    answers = []

    def run():
        try:
            answers.append(rows(client, sql))
        except pymysql.MySQLError as error:
            answers.append(error.args[0])

    thread = threading.Thread(target=run)
    started = time.monotonic()
    thread.start()
    with contextlib.closing(proxy.connect()) as other:
        wait_until(lambda: rows(other, f"KILL QUERY {client.thread_id()}") == () and not thread.is_alive()
                   or answers, "the statement's end", 15, 0.1)
    thread.join(35)
    assert time.monotonic() - started < 20
    assert answers in ([1317], [((1,),)], [(("db2", 1),)], [(("db3", 1),)]), answers
    assert value(client, "SELECT 5") == 5


def test_routing_counters_grow_where_the_statements_ran(proxy, cluster, table):
    """By the servers' own counters: 200 reads cost the leader none, 50 writes the followers only
    their replication."""
    def reads(server):
        return server.sql("SELECT SUM(rows_read) FROM information_schema.table_statistics"
                          " WHERE table_schema = 'demo' AND table_name = 'this_server'")[0][0] or 0

    for server in cluster.servers:
        server.sql("SET GLOBAL userstat = 1")
    try:
        connections = [proxy.connect() for _ in range(8)]
        before = {server.name: reads(server) for server in cluster.servers}
        writes = cluster.leader.counters()["Com_insert"]
        for connection in connections:
            for _ in range(25):
                answered_by(connection)
        for number in range(50):
            rows(connections[0], f"INSERT INTO {table} VALUES ({number}, 'x')")
        for connection in connections:
            connection.close()

        def grown():
            now = {server.name: reads(server) - before[server.name] for server in cluster.servers}
            return now if sum(now.values()) >= 200 else None

        now = wait_until(grown, "the statistics of 200 reads")
        assert now["db1"] == 0 and now["db2"] > 0 and now["db3"] > 0, now
        assert cluster.leader.counters()["Com_insert"] - writes == 50
    finally:
        for server in cluster.servers:
            server.sql("SET GLOBAL userstat = 0")
