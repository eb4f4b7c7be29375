"""Logins with other plugins than mysql_native_password: what the servers' own accounts ask for, asked
in the same order and refused in the same words. The direct answer is the control everywhere."""

import contextlib
import ctypes
import subprocess

import pytest

import wire
from harness import connect, value, wait_until
from wire import Wire

pytestmark = pytest.mark.core

SETTINGS = {"user:signer": {"password": "se;cret é"}, "user:stale": {"password": "not this one"}}


@pytest.fixture(scope="module", name="plugins", autouse=True)
def plugins_fixture(shared_cluster):
    for server in shared_cluster.servers:
        server.sql("SET SESSION sql_log_bin=0; INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519';"
                   "SET SESSION sql_log_bin=1")


@pytest.fixture(name="account")
def account_fixture(cluster, proxy):
    """account(user, clause) makes an account that Causeway knows."""
    made = []

    def make(user, clause, host="%"):
        cluster.leader.sql(f"CREATE OR REPLACE USER '{user}'@'{host}' {clause}")
        made.append(f"'{user}'@'{host}'")
        cluster.leader.sql(f"GRANT SELECT ON demo.* TO '{user}'@'{host}'")
        cluster.caught_up()
        wait_until_known(cluster, proxy)

    yield make
    for name in made:
        cluster.leader.sql(f"DROP USER IF EXISTS {name}")
    cluster.caught_up()


def wait_until_known(cluster, proxy):
    """An account that is made now can log in: then Causeway knows those made before it, too."""
    password = cluster.leader.value("SELECT @@gtid_binlog_pos")
    cluster.leader.sql(f"CREATE OR REPLACE USER 'probe'@'%' IDENTIFIED BY '{password}'")
    wait_until(lambda: connect(proxy.port, user="probe", password=password, database=None).close() is None,
               "Causeway to know the account")


def cli(port, user, password, sql="SELECT CURRENT_USER()", *options):
    """What the mariadb client prints, its errors included."""
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", f"-u{user}", f"--password={password}", "-N",
         *options, "-e", sql],
        capture_output=True, text=True, timeout=30, check=False,
    )
    return (done.stdout + done.stderr).strip()


def login(port, user, answers, proof=b"x" * 20, plugin=None, capabilities=wire.PLAIN):
    """What a server says to a login whose questions get these answers: the plugins it asked for, and
    its last packet without what differs by chance."""
    with contextlib.closing(Wire(port)) as client:
        client.read_greeting()
        seen = []
        answers = iter(answers)
        client.begin_login(user, proof, plugin, capabilities)
        while True:
            packet = client.packet()
            if packet[0] != 0xFE:
                return seen, client.seq, packet
            seen.append((client.seq, packet[1:].partition(b"\0")[0]))
            client.send(next(answers), client.seq + 1)


def test_ed25519_with_the_password_in_proxy_ini(cluster, proxy, account):
    """Causeway checks the client's signature, and makes its own for the servers."""
    account("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('se;cret é')")
    for port in (cluster.leader.port, proxy.port):
        assert cli(port, "signer", "se;cret é") == "signer@%"
    names = {cli(proxy.port, "signer", "se;cret é", "SELECT name FROM demo.this_server") for _ in range(5)}
    assert names <= {"db2", "db3"}, "reads are shared, and logins to followers work"
    assert cli(proxy.port, "signer", "se;cret é", "SELECT name FROM demo.this_server FOR UPDATE") == "db1"
    pooled = [row for row in proxy.console("SHOW CONFIG") if row["section"] == "user:signer"]
    assert {row["key"]: row["value"] for row in pooled}["password"] == "***"


@pytest.mark.parametrize("password", ["wrong", "", "se;cret"])
def test_ed25519_wrong_password(cluster, proxy, account, password):
    account("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('se;cret é')")
    direct = cli(cluster.leader.port, "signer", password)
    assert "using password: YES" in direct
    assert cli(proxy.port, "signer", password) == direct
    assert "se;cret" not in proxy.log_text()


def test_ed25519_is_not_let_in_with_the_password_of_proxy_ini_alone(cluster, proxy, account):
    """The secret logs Causeway in to servers: it is no second password for clients."""
    account("stale", "IDENTIFIED VIA ed25519 USING PASSWORD('this one')")
    direct = cli(cluster.leader.port, "stale", "not this one")
    assert cli(proxy.port, "stale", "not this one") == direct


ALTERNATIVES = {
    "ed25519 first": "IDENTIFIED VIA ed25519 USING PASSWORD('se;cret é') OR mysql_native_password"
                     " USING PASSWORD('native')",
    "native first": "IDENTIFIED VIA mysql_native_password USING PASSWORD('native') OR ed25519"
                    " USING PASSWORD('se;cret é')",
    "socket first": "IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('native')",
    "two natives": "IDENTIFIED VIA mysql_native_password USING PASSWORD('native') OR"
                   " mysql_native_password USING PASSWORD('se;cret é')",
}


@pytest.mark.parametrize("clause", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_alternatives(cluster, proxy, account, clause):
    """Each of them lets in, through Causeway as direct; and what fits none is refused alike."""
    account("signer", clause)
    answers = {}
    for password in ("native", "se;cret é", "wrong", ""):
        answers[password] = cli(cluster.leader.port, "signer", password)
        assert cli(proxy.port, "signer", password) == answers[password], password
    assert answers["native"] == "signer@%"
    assert "ERROR 1045" in answers["wrong"]


QUESTIONS = [
    # user, what it was made with, answers to the questions, proof in the first packet
    ("signer", ALTERNATIVES["ed25519 first"], [b"y" * 64, b"z" * 20], b"x" * 20),
    ("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('x')", [b"y" * 64], b"x" * 20),
    ("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('x')", [b"y" * 63], b"x" * 20),
    ("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('x')", [b""], b""),
    ("signer", "IDENTIFIED VIA unix_socket", [], b"x" * 20),
    ("signer", "IDENTIFIED VIA unix_socket", [], b""),
    ("signer", "IDENTIFIED BY 'x'", [], b"x" * 20),
    ("signer", "IDENTIFIED BY 'x'", [], b"x" * 7),
    ("signer", "IDENTIFIED BY 'x'", [], b""),
    ("signer", "", [], b"x" * 20),
    ("signer", "", [], b""),
    ("root", None, [], b"x" * 20),
]


@pytest.mark.parametrize("user, clause, answers, proof", QUESTIONS)
def test_a_wrong_login_is_asked_and_answered_as_direct(cluster, proxy, account, user, clause, answers, proof):
    if clause is not None:
        account(user, clause)
    direct = login(cluster.leader.port, user.encode(), answers, proof)
    through = login(proxy.port, user.encode(), answers, proof)
    if user == "signer" and "OR" in clause:  # an answer to native is not asked for a second time
        assert through[2] == direct[2] and through[0][0] == direct[0][0]
    else:
        assert through == direct


@pytest.mark.parametrize("user", ["someone", "a" * 128, "b" * 129, "ü" * 128, "c" * 300, "d" * 3000, ""])
def test_unknown_users(cluster, proxy, user):
    """Refused with the name as the server would cut it; what they are asked before differs by chance
    on a server too, so that names can't be told from the questions."""
    for answers in ([], [b"y" * 64], [b"y" * 20]):
        try:
            _, _, packet = login(proxy.port, user.encode(), answers, b"x" * 20)
            break
        except (StopIteration, RuntimeError):
            continue
    code, _, text = wire.error_of(packet)
    assert code == 1045 and f"'{user[:128]}'@'localhost'" in text


def test_a_client_without_plugins_is_told_so(cluster, proxy, account):
    account("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('x')")
    plain = wire.PLAIN & ~wire.PLUGIN_AUTH
    direct = login(cluster.leader.port, b"signer", [], capabilities=plain)
    assert wire.error_of(direct[2])[0] == 1251
    assert login(proxy.port, b"signer", [], capabilities=plain) == direct


def test_change_user_to_another_plugin_and_back(cluster, proxy, account):
    """What fails leaves the session as it is, and usable, as direct."""
    account("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('x')")
    transcripts = []
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(Wire(port)) as client:
            assert client.login(schema="demo")[0] == 0
            said = []
            for user, answer in ((b"signer", b"y" * 64), (b"app", b"z" * 20), (b"signer", b"")):
                client.begin_change_user(user, b"x" * 20)
                question = client.packet()
                said.append((client.seq, question.partition(b"\0")[0]))
                client.send(answer, client.seq + 1)
                said.append((client.packet(), client.seq))
                said.append((client.simple(wire.PING)[0], client.seq))
            said.append(client.change_user("app", "app-demo"))  # once too often
            client.query("SELECT CURRENT_USER()")
            said.append(b"app@%" in client.take())
            transcripts.append(said)
    assert transcripts[1] == transcripts[0]


class Connector:
    """MariaDB Connector/C as it is, for what the mariadb client has no word for."""

    def __init__(self, port, user, password):
        self.library = ctypes.CDLL("libmariadb.so.3")
        self.library.mysql_init.restype = ctypes.c_void_p
        self.library.mysql_real_connect.restype = ctypes.c_void_p
        self.library.mysql_error.restype = ctypes.c_char_p
        self.handle = ctypes.c_void_p(self.library.mysql_init(None))
        assert self.library.mysql_real_connect(
            self.handle, b"127.0.0.1", user.encode(), password.encode(), None, port, None, ctypes.c_ulong(0)), self.error()

    def error(self):
        return self.library.mysql_error(self.handle).decode()

    def change_user(self, user, password):
        """\"\", or why not."""
        self.library.mysql_change_user(self.handle, user.encode(), password.encode(), None)
        return self.error()

    def close(self):
        self.library.mysql_close(self.handle)


def test_change_user_of_connector_c(cluster, proxy, account):
    """It answers a question for the native plugin with the salt of the greeting, which a server repeats."""
    account("signer", "IDENTIFIED VIA ed25519 USING PASSWORD('se;cret é')")
    account("plain", "IDENTIFIED BY 'plain'")
    account("open", "IDENTIFIED BY ''")
    users = {"signer": "se;cret é", "plain": "plain", "open": ""}
    for first, password in users.items():
        answers = []
        for port in (cluster.leader.port, proxy.port):
            with contextlib.closing(Connector(port, first, password)) as client:
                said = [client.change_user(user, users[user])
                        for user in ("plain", "plain", "signer", "open", "plain", "signer")]
                said += [client.change_user("plain", "wrong"), client.change_user("plain", "plain")]
                answers.append(said)
        assert answers[1] == answers[0]
        assert answers[0][0] == ""


def test_the_salt_of_the_greeting_is_the_salt(cluster, proxy):
    """In every question for the native plugin of a connection, and nowhere else."""
    for port in (cluster.leader.port, proxy.port):
        with contextlib.closing(Wire(port)) as client:
            client.read_greeting()
            client.begin_login(b"app", b"", b"client_ed25519")
            for _ in range(2):
                assert client.packet() == b"\xfemysql_native_password\0" + client.greeting.salt + b"\0"
                client.send(wire.native_proof(b"app-demo", client.greeting.salt), client.seq + 1)
                assert client.packet()[0] == 0
                client.begin_change_user(b"app", b"x" * 20)


def test_max_user_connections_counts_what_clients_have(cluster, proxy, account):
    """Idle server connections are not kept for such an account: they would count."""
    account("counted", "IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 1")
    for _ in range(6):
        with contextlib.closing(connect(proxy.port, user="counted", password="pw")) as connection:
            assert value(connection, "SELECT CURRENT_USER() FOR UPDATE") == "counted@%"
            direct = cli(cluster.leader.port, "counted", "pw")
            assert "ERROR 1226" in direct
            assert cli(proxy.port, "counted", "pw") == direct
        wait_until(lambda: cluster.leader.sessions("counted") == 0, "the place to be free")


def test_change_user_leaves_no_role_behind(cluster, proxy, account):
    """Direct, an account without a default role keeps the role of the session before (docs/COMPATIBILITY.md)."""
    account("player", "IDENTIFIED BY 'player'")
    account("plain", "IDENTIFIED BY 'plain'")
    cluster.leader.sql("CREATE OR REPLACE ROLE part; GRANT part TO player@'%'; SET DEFAULT ROLE part FOR player@'%'")
    try:
        wait_until_known(cluster, proxy)
        with contextlib.closing(Wire(proxy.port)) as client:
            def role():
                client.query("SELECT IFNULL(CURRENT_ROLE(), 'none')")
                packets = client.take()
                return next((name for name in (b"\x04part", b"\x04none") if name in packets), None)

            assert client.login("player", "player")[0] == 0
            for user, expected in (("player", b"\x04part"), ("plain", b"\x04none"), ("player", b"\x04part")):
                assert client.change_user(user, user)[0] == 0
                client.take()
                assert role() == expected, user
    finally:
        cluster.leader.sql("DROP ROLE part")
