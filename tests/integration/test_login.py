"""Logins: Causeway lists no accounts of its own, so every account of the servers works with its own
password, and what the servers would refuse is refused with the servers' own words."""

import contextlib
import subprocess

import pymysql
import pytest

import wire
from harness import answered_by, connect, rows, value, wait_until
from wire import Wire

pytestmark = pytest.mark.core


@pytest.fixture(name="account")
def account_fixture(cluster, proxy):
    """account(name, host, clause) makes an account on the leader and removes it afterwards. Causeway
    reads accounts again at most once a second: that is waited for."""
    made = []

    def make(user, host="%", clause="IDENTIFIED BY 'pw'"):
        cluster.leader.sql(f"CREATE OR REPLACE USER '{user}'@'{host}' {clause}")
        made.append(f"'{user}'@'{host}'")
        cluster.leader.sql(f"GRANT SELECT ON demo.* TO '{user}'@'{host}'")
        cluster.caught_up()
        settle(cluster, proxy, user)
        return {"user": user, "password": "pw"}

    yield make
    for name in made:
        cluster.leader.sql(f"DROP USER IF EXISTS {name}")
    cluster.caught_up()


def settle(cluster, proxy, user):
    """Until the proof of a password gets the same answer from Causeway as from the leader."""
    def same():
        answers = []
        for port in (cluster.leader.port, proxy.port):
            found = []
            for password in ("pw", "", "general", "special"):
                try:
                    with contextlib.closing(connect(port, user=user, password=password)) as connection:
                        found.append(value(connection, "SELECT CURRENT_USER()"))
                except pymysql.MySQLError as error:
                    found.append(error.args[0])
            answers.append(found)
        return answers[0] == answers[1]

    with contextlib.suppress(AssertionError):  # the test itself says better what is wrong
        wait_until(same, f"Causeway to know account {user!r}", 5, 0.2)


def refusal(port, **settings):
    with pytest.raises(pymysql.MySQLError) as error:
        connect(port, **settings).close()
    return error.value.args


def same_refusal(cluster, proxy, **settings):
    """The direct answer (the control), which Causeway's equals."""
    direct = refusal(cluster.leader.port, **settings)
    assert refusal(proxy.port, **settings) == direct
    return direct


def test_wrong_password(cluster, proxy):
    assert same_refusal(cluster, proxy, password="wrong") == (
        1045, "Access denied for user 'app'@'localhost' (using password: YES)",
    )


def test_no_password_given(cluster, proxy):
    assert same_refusal(cluster, proxy, password="") == (
        1045, "Access denied for user 'app'@'localhost' (using password: NO)",
    )


def test_unknown_user(cluster, proxy):
    code, text = same_refusal(cluster, proxy, user="nobody", password="x")
    assert code == 1045 and "'nobody'@'localhost'" in text


def test_unknown_schema(cluster, proxy):
    assert same_refusal(cluster, proxy, database="no_such_schema")[0] in (1044, 1049)


def test_unknown_schema_of_an_account_with_all_rights(cluster, proxy, admin):
    assert same_refusal(cluster, proxy, database="no_such_schema", **admin) == (
        1049, "Unknown database 'no_such_schema'",
    )


def test_schema_without_rights(cluster, proxy):
    assert same_refusal(cluster, proxy, database="mysql")[0] == 1044


def test_login_without_a_schema(target):
    with contextlib.closing(connect(target, database=None)) as connection:
        assert value(connection, "SELECT DATABASE()") is None
        with pytest.raises(pymysql.MySQLError, match="No database selected"):
            rows(connection, "SELECT * FROM this_server")


def test_root_of_the_unix_socket_can_not_log_in_over_tcp(cluster, proxy):
    """unix_socket can't be passed on: refused, not let in."""
    assert same_refusal(cluster, proxy, user="root", password="", database=None)[0] == 1698


def test_new_account_works_without_a_restart(proxy, account):
    login = account("fresh")
    with contextlib.closing(proxy.connect(**login)) as connection:
        assert value(connection, "SELECT CURRENT_USER()") == "fresh@%"
        assert answered_by(connection) in ("db1", "db2", "db3")


def test_changed_password_works_without_a_restart(proxy, cluster, account):
    login = account("changing")
    proxy.connect(**login).close()
    cluster.leader.sql("ALTER USER 'changing'@'%' IDENTIFIED BY 'other'")
    cluster.caught_up()

    def accepted():
        proxy.connect(user="changing", password="other").close()
        return True

    wait_until(accepted, "the new password to work")
    wait_until(lambda: old_is_refused(proxy, login), "the old password to be refused")


def old_is_refused(proxy, login):
    try:
        proxy.connect(**login).close()
    except pymysql.MySQLError as error:
        return error.args[0] == 1045
    return False


def test_dropped_account_is_refused(proxy, cluster, account):
    login = account("leaving")
    proxy.connect(**login).close()
    cluster.leader.sql("DROP USER 'leaving'@'%'")
    cluster.caught_up()
    wait_until(lambda: old_is_refused(proxy, login), "the dropped account to be refused")


def test_what_changes_through_causeway_holds_for_the_next_login(proxy):
    """Also where a connection of that account is kept, and an account was read a moment ago."""
    def login(password):
        with contextlib.closing(proxy.connect(user="hasty", password=password)) as client:
            cursor = client.cursor()
            cursor.execute("SHOW MASTER STATUS")

    def refused(password):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            login(password)
        return caught.value.args[0]

    with contextlib.closing(proxy.connect(user="almighty", password="almighty-demo")) as admin:
        try:
            rows(admin, "CREATE OR REPLACE USER hasty@'%' IDENTIFIED BY 'old'")
            rows(admin, "GRANT SELECT ON demo.* TO hasty@'%'")
            for new in ("ALTER USER hasty@'%' IDENTIFIED BY 'new'", "SET PASSWORD FOR hasty@'%' = PASSWORD('new')"):
                assert refused("old") == 1227  # of SHOW MASTER STATUS
                rows(admin, "GRANT REPLICATION CLIENT ON *.* TO hasty@'%'")
                login("old")
                rows(admin, "REVOKE REPLICATION CLIENT ON *.* FROM hasty@'%'")
                assert refused("old") == 1227
                rows(admin, new)
                assert refused("old") == 1045
                assert refused("new") == 1227
                rows(admin, "ALTER USER hasty@'%' ACCOUNT LOCK")
                assert refused("new") == 4151
                rows(admin, "ALTER USER hasty@'%' IDENTIFIED BY 'old' ACCOUNT UNLOCK")
            rows(admin, "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.access', 0, '$.account_locked', true)"
                        " WHERE User='hasty'")
            rows(admin, "FLUSH PRIVILEGES")
            assert refused("old") == 4151
        finally:
            rows(admin, "DROP USER hasty@'%'")
        assert refused("old") == 1045


def test_locked_account(proxy, cluster, account):
    login = account("locked", clause="IDENTIFIED BY 'pw' ACCOUNT LOCK")
    assert same_refusal(cluster, proxy, **login) == (4151, "Access denied, this account is locked")
    cluster.leader.sql("ALTER USER 'locked'@'%' ACCOUNT UNLOCK")
    cluster.caught_up()
    wait_until(lambda: proxy.connect(**login).close() is None, "the unlocked account to work")


def test_account_without_a_password(proxy, cluster, account):
    account("open", clause="")
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(connect(port, user="open", password="")) as connection:
            assert value(connection, "SELECT CURRENT_USER()") == "open@%"
    assert same_refusal(cluster, proxy, user="open", password="something")[0] == 1045


@pytest.mark.parametrize("host", ["localhost", "%", "127.0.0.1", "127.0.0.%", "127.0.0.0/255.0.0.0"])
def test_host_patterns(proxy, cluster, account, host):
    login = account("hosted", host)
    try:
        with contextlib.closing(connect(cluster.leader.port, **login)) as connection:
            expected = value(connection, "SELECT CURRENT_USER()")
    except pymysql.MySQLError as error:
        assert refusal(proxy.port, **login) == error.args
        return
    with contextlib.closing(proxy.connect(**login)) as connection:
        assert value(connection, "SELECT CURRENT_USER()") == expected
        assert expected == f"hosted@{host}"


def test_host_that_is_not_the_clients(proxy, cluster, account):
    login = account("elsewhere", "10.9.8.7")
    assert same_refusal(cluster, proxy, **login)[0] == 1045


def test_more_specific_host_wins(proxy, cluster, account):
    account("twice", "%", "IDENTIFIED BY 'general'")
    account("twice", "localhost", "IDENTIFIED BY 'special'")
    assert same_refusal(cluster, proxy, user="twice", password="general")[0] == 1045
    with contextlib.closing(proxy.connect(user="twice", password="special")) as connection:
        assert value(connection, "SELECT CURRENT_USER()") == "twice@localhost"


def test_anonymous_account(proxy, cluster, account):
    account("", "localhost", "IDENTIFIED BY 'pw'")
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(connect(port, user="whoever", password="pw")) as connection:
            assert value(connection, "SELECT CURRENT_USER()") == "@localhost"
            assert value(connection, "SELECT USER()") == "whoever@localhost"
    # `app`@`%` is less specific than ``@`localhost`: the server takes the anonymous one, so must we
    assert same_refusal(cluster, proxy, password="app-demo")[0] == 1045


def test_role_is_no_account(proxy, cluster):
    cluster.leader.sql("CREATE OR REPLACE ROLE some_role")
    cluster.caught_up()
    assert same_refusal(cluster, proxy, user="some_role", password="")[0] == 1045
    cluster.leader.sql("DROP ROLE some_role")


def test_default_role_is_the_servers_business(proxy, cluster, account):
    account("with_role")
    cluster.leader.sql(
        "CREATE OR REPLACE ROLE reader; GRANT SELECT ON mysql.help_topic TO reader;"
        "GRANT reader TO 'with_role'@'%'; SET DEFAULT ROLE reader FOR 'with_role'@'%'"
    )
    cluster.caught_up()

    def both_servers_know():
        with contextlib.closing(proxy.connect(user="with_role", password="pw")) as connection:
            return (value(connection, "SELECT CURRENT_ROLE()") == "reader"
                    and value(connection, "SELECT CURRENT_ROLE() FOR UPDATE") == "reader"
                    and value(connection, "SELECT COUNT(*) FROM mysql.help_topic") is not None)

    # Pooled connections from before go when the accounts are read again, a probe later.
    wait_until(both_servers_know, "the default role on leader and follower", 5, 0.1)
    cluster.leader.sql("DROP ROLE reader")


def test_grants_hold_as_on_the_servers(proxy, account, table):
    login = account("only_reads")
    with contextlib.closing(proxy.connect(**login)) as connection:
        assert value(connection, f"SELECT COUNT(*) FROM {table}") == 0
        with pytest.raises(pymysql.MySQLError) as error:
            rows(connection, f"INSERT INTO {table} VALUES (1, 'x')")
        assert error.value.args[0] == 1142


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "mysql_clear_password", "client_ed25519", ""])
def test_client_that_starts_with_another_plugin_is_switched(target, plugin):
    with contextlib.closing(Wire(target)) as client:
        capabilities = wire.PLAIN if plugin else wire.PLAIN & ~wire.PLUGIN_AUTH
        proof = b"" if not plugin else b"x" * 32
        if not plugin:
            proof = None
        assert client.login(capabilities=capabilities, plugin=plugin, proof=proof)[0] == 0
        assert client.query("SELECT 1")[0] == 0xFE


def test_a_proof_for_another_salt_is_refused(proxy):
    """A recorded login can't be played again."""
    with contextlib.closing(Wire(proxy.port)) as first, contextlib.closing(Wire(proxy.port)) as second:
        first.read_greeting()
        second.read_greeting()
        assert first.greeting.salt != second.greeting.salt
        proof = wire.native_proof(b"app-demo", first.greeting.salt)
        assert wire.error_of(second.login(proof=proof))[0] == 1045


def test_connection_attributes(proxy):
    with contextlib.closing(Wire(proxy.port)) as client:
        attributes = {"_client_name": "wire", "program_name": "test", "long": "x" * 3000}
        assert client.login(attributes=attributes)[0] == 0
        assert client.simple(wire.PING)[0] == 0


@pytest.mark.parametrize("collation", [8, 33, 45, 63, 224, 255])
def test_character_set_of_the_login_holds_everywhere(cluster, proxy, collation):
    """Also one that the servers have not as their default."""
    answers = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(Wire(port)) as client:
            assert client.login(schema="demo", collation=collation)[0] == 0
            client.take()
            client.query("SELECT @@character_set_client, @@collation_connection FOR UPDATE")
            on_leader = client.take()
            client.query("SELECT CHARSET('x'), COLLATION('x'), 'ä'")
            answers.append((on_leader, client.take()))
    assert answers[1] == answers[0]


def test_max_clients(causeway):
    """The one too many gets 1040, and a place that becomes free can be taken."""
    proxy = causeway({"proxy": {"max_clients": "5"}})
    wait_until(lambda: "0" in count_sessions(proxy), "no session left of the start")
    connections = [proxy.connect() for _ in range(5)]
    try:
        with pytest.raises(pymysql.MySQLError) as error:
            proxy.connect()
        assert error.value.args[0] == 1040  # before a login without SQLSTATE, as the server sends it
        assert "connections" in error.value.args[1]
        connections.pop().close()
        wait_until(lambda: connections.append(proxy.connect()) is None, "the free place to be taken")
    finally:
        for connection in connections:
            connection.close()


def count_sessions(proxy):
    return str(len(proxy.console("SHOW SESSIONS")))


CHANGES = {
    "role": ("SET DEFAULT ROLE NONE FOR fresh@'%'", "SELECT CURRENT_ROLE()"),
    "rights": ("GRANT SELECT ON *.* TO fresh@'%'", "SELECT COUNT(*) > 0 FROM mysql.plugin"),
    "limit": ("ALTER USER fresh@'%' WITH MAX_QUERIES_PER_HOUR 1", "SELECT 1"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_server_reads_at_login_is_that_of_now(proxy, cluster, name):
    """Connections that are kept were logged in before the change: they are not used any more."""
    change, shows = CHANGES[name]
    cluster.leader.sql("CREATE OR REPLACE ROLE fresh_role; CREATE OR REPLACE USER fresh@'%' IDENTIFIED BY 'fresh';"
                       "GRANT fresh_role TO fresh@'%'; SET DEFAULT ROLE fresh_role FOR fresh@'%'")
    cluster.caught_up()

    def answer(port):
        try:
            with contextlib.closing(connect(port, user="fresh", password="fresh", database=None)) as client:
                return value(client, shows)
        except pymysql.MySQLError as error:
            return error.args[0]

    try:
        before = answer(cluster.leader.port)
        wait_until(lambda: answer(proxy.port) == before, "the account to be known")
        cluster.leader.sql(change)
        cluster.caught_up()
        wait_until(lambda: answer(proxy.port) == answer(cluster.leader.port) != before, "the change to hold")
    finally:
        cluster.leader.sql("DROP USER fresh@'%'; DROP ROLE fresh_role")


def test_account_changes_close_pooled_connections(proxy, cluster, account):
    """A server connection of an account that has changed is not lent again."""
    login = account("pooled")
    with contextlib.closing(proxy.connect(**login)) as connection:
        answered_by(connection)
    cluster.leader.sql("REVOKE SELECT ON demo.* FROM 'pooled'@'%'; DROP USER 'pooled'@'%'")
    cluster.leader.sql("CREATE USER 'pooled'@'%' IDENTIFIED BY 'pw'")
    cluster.caught_up()

    def refused():
        with contextlib.closing(proxy.connect(database=None, **login)) as connection:
            try:
                rows(connection, "SELECT name FROM demo.this_server")
            except pymysql.MySQLError as error:
                return error.args[0] in (1142, 1044)
        return False

    wait_until(refused, "the revoked right to be gone")


OLD = "mysql_old_password USING '5d2e19393cc5ef67'"
NATIVE = "mysql_native_password USING PASSWORD('pw')"


@pytest.mark.parametrize(("ways", "password", "code"), [
    (OLD, "password", 1275), (OLD, "", 1275), (f"{NATIVE} OR {OLD}", "password", 1275),
    (f"{NATIVE} OR {OLD}", "", 1045), (f"{OLD} OR {NATIVE}", "password", 1045),
])
def test_old_passwords_are_refused_in_the_servers_words(cluster, proxy, ways, password, code):
    def refused(port):  # by MariaDB's own client: PyMySQL knows no old passwords
        done = subprocess.run(["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uancient",
                               f"--password={password}", "-e", "SELECT 1"], capture_output=True, text=True, timeout=20,
                              check=False)
        return done.stderr

    cluster.leader.sql(f"CREATE OR REPLACE USER ancient IDENTIFIED VIA {ways}")
    try:
        direct = refused(cluster.leader.port)
        assert f"ERROR {code} " in direct
        wait_until(lambda: refused(proxy.port) == direct, "the server's words: " + direct, 5, 0.2)
    finally:
        cluster.leader.sql("DROP USER ancient")
        cluster.caught_up()
