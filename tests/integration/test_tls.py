"""TLS between clients and Causeway. The servers have TLS too, so that each test can ask them how a
server does it."""

import contextlib
import os
import shutil
import socket
import ssl
import struct
import subprocess

import pymysql
import pytest

import wire
from certificates import Authority
from conftest import start_causeway, stop_causeway
from harness import PATIENCE, SANITIZED, Cluster, Load, answered_by, connect, rows, scratch, value, wait_until
from wire import Wire, frame

pytestmark = pytest.mark.core

LOGIN_TIMEOUT = 2


@pytest.fixture(scope="module", name="papers")
def papers_fixture():
    """An authority, certificates of a server and of two clients, and those of somebody else."""
    folder = scratch("papers")
    authority = Authority(folder)
    stranger = Authority(folder, "stranger")
    yield {
        "folder": folder,
        "authority": authority,
        "server": authority.issue("server", "/O=Causeway tests/CN=localhost"),
        "client": authority.issue("client", "/C=FI/O=Causeway tests/CN=app one"),
        "expired": authority.issue("expired", "/C=FI/O=Causeway tests/CN=app one", days=-1),
        "strange": stranger.issue("strange", "/C=FI/O=Causeway tests/CN=app one"),
    }
    shutil.rmtree(folder)


@pytest.fixture(scope="module", name="lab")
def lab_fixture(papers):
    folder = scratch("tls-cluster")
    certificate, key = papers["server"]
    lab = Cluster(folder, followers=1, options=[
        f"ssl_cert={certificate}", f"ssl_key={key}", f"ssl_ca={papers['authority'].certificate}",
    ])
    yield lab
    lab.stop()
    shutil.rmtree(folder, ignore_errors=True)


def tls_settings(papers, **changes):
    certificate, key = papers["server"]
    keys = {
        "tls": "optional", "tls_cert": certificate, "tls_key": key,
        "tls_ca": papers["authority"].certificate, "login_timeout": f"{LOGIN_TIMEOUT}s",
    }
    return {"proxy": keys | changes}


@pytest.fixture(scope="module", name="front")
def front_fixture(lab, papers):
    proxy = start_causeway(lab, tls_settings(papers))
    yield proxy
    stop_causeway(proxy)


@pytest.fixture(name="special")
def special_fixture(lab, papers):
    """special(**keys of [proxy]) starts a Causeway of its own."""
    started = []

    def make(**changes):
        started.append(start_causeway(lab, tls_settings(papers, **changes)))
        return started[-1]

    yield make
    for proxy in started:
        stop_causeway(proxy)


def secure(papers, client=None):
    """PyMySQL's settings for a connection that checks the certificate it is shown."""
    settings = {"ssl_ca": str(papers["authority"].certificate), "ssl_verify_cert": True,
                "ssl_verify_identity": True}
    if client:
        settings |= {"ssl_cert": str(papers[client][0]), "ssl_key": str(papers[client][1])}
    return settings


def outcome(port, **settings):
    """CURRENT_USER(), or the number and text of the refusal."""
    try:
        with contextlib.closing(connect(port, database=None, **settings)) as connection:
            return value(connection, "SELECT CURRENT_USER()")
    except pymysql.MySQLError as error:
        return error.args[:2]


# --- clients


def test_pymysql_reads_and_writes(front, papers):
    with contextlib.closing(front.connect(**secure(papers))) as client:
        assert client._sock.version() == "TLSv1.3"
        assert answered_by(client) == "db2"
        rows(client, "CREATE OR REPLACE TABLE demo.tls (id INT PRIMARY KEY, note LONGTEXT)")
        for number in range(50):
            rows(client, "INSERT INTO demo.tls VALUES (%s, REPEAT('x', %s))", (number, number * 997))
            assert value(client, "SELECT LENGTH(note) FROM demo.tls WHERE id = %s", (number,)) == number * 997
        rows(client, "INSERT INTO demo.tls VALUES (1000, %s)", ("y" * 20_000_000,))
        assert value(client, "SELECT MD5(note) FROM demo.tls WHERE id = 1000") == value(
            client, "SELECT MD5(REPEAT('y', 20000000))")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(front, papers, version):
    context = ssl.create_default_context(cafile=papers["authority"].certificate)
    context.minimum_version = context.maximum_version = version
    with contextlib.closing(front.connect(ssl=context)) as client:
        assert value(client, "SELECT 42") == 42


def mariadb_client(port, papers, *options, sql="SELECT 42; SELECT name FROM demo.this_server"):
    return subprocess.run(
        ["mariadb", "-h127.0.0.1", f"-P{port}", "-uapp", "-papp-demo", "-N", "--ssl",
         f"--ssl-ca={papers['authority'].certificate}", *options, "-e", sql],
        capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
    )


def test_mariadb_client_verifies_the_certificate(front, papers):
    done = mariadb_client(front.port, papers, "--ssl-verify-server-cert")
    assert (done.stdout, done.stderr) == ("42\ndb2\n", "")


def test_node_mysql2(front, papers):
    program = """
      const mysql = require('mysql2/promise'); const fs = require('fs');
      mysql.createConnection({host: '127.0.0.1', port: process.argv[1], user: 'app',
        password: 'app-demo', database: 'demo', ssl: {ca: fs.readFileSync(process.argv[2])}})
        .then(async (db) => {
          const [rows] = await db.execute('SELECT REPEAT(?, 100000) AS text', ['z']);
          console.log(rows[0].text.length, db.connection.stream.encrypted); await db.end(); });
    """
    done = subprocess.run(["node", "-e", program, str(front.port), papers["authority"].certificate],
                          capture_output=True, text=True, timeout=60, check=False,
                          cwd=os.path.dirname(__file__))
    assert (done.stdout, done.stderr) == ("100000 true\n", "")


def test_change_user_keeps_the_encryption(front, lab, papers):
    lab.leader.sql("CREATE OR REPLACE USER 'second'@'%' IDENTIFIED BY 'two'")
    second = {"user": "second", "password": "two"}
    wait_until(lambda: outcome(front.port, **second) == "second@%", "Causeway to know the account")
    with contextlib.closing(Wire(front.port)) as client:
        client.start_tls(ssl.create_default_context(cafile=papers["authority"].certificate))
        assert client.login()[0] == 0
        assert client.change_user("second", "two")[0] == 0
        client.take()
        client.query("SELECT CURRENT_USER()")
        assert b"second@%" in client.take()


def test_without_a_certificate_tls_is_not_offered(special):
    plain = special(tls="off")
    for port, offered in ((plain.port, False), (special().port, True)):
        with contextlib.closing(Wire(port)) as client:
            client.read_greeting()
            assert bool(client.greeting.capabilities & wire.SSL) == offered


# --- who must come with TLS


def test_required_refuses_the_clear_as_a_server_does(special, lab, papers):
    lab.leader.sql("SET GLOBAL require_secure_transport=1")
    try:
        direct = outcome(lab.leader.port)
    finally:
        lab.leader.sql("SET GLOBAL require_secure_transport=0")
    assert direct[0] == 1045
    socket_path = papers["folder"] / "front.sock"
    proxy = special()
    both = f"127.0.0.1:{proxy.port}, unix:{socket_path}"
    proxy.stop()
    proxy.write_config(tls_settings(papers, listen=both))
    proxy.start()
    proxy.write_config(tls_settings(papers, tls="required", listen=both))
    proxy.reload()
    wait_until(lambda: outcome(proxy.port) == direct, "a login in the clear to be refused")
    assert "tls = required, and the client came without TLS" in proxy.log_text()
    assert outcome(proxy.port, **secure(papers)) == "app@%"
    assert outcome(proxy.port, unix_socket=str(socket_path)) == "app@%"  # as a server


# --- what accounts require

REQUIREMENTS = {
    "ssl": "SSL",
    "x509": "X509",
    "issuer": "ISSUER '/O=Causeway tests/CN=authority'",
    "other_issuer": "ISSUER '/O=Causeway tests/CN=stranger'",
    "subject": "SUBJECT '/C=FI/O=Causeway tests/CN=app one'",
    "other_subject": "SUBJECT '/C=FI/O=Causeway tests/CN=app'",
    "cipher": "CIPHER 'TLS_AES_256_GCM_SHA384'",
    "other_cipher": "CIPHER 'TLS_AES_128_GCM_SHA256'",
}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_what_an_account_requires_is_judged_as_by_the_server(front, lab, papers, name):
    lab.leader.sql(f"CREATE OR REPLACE USER 'r_{name}'@'%' IDENTIFIED BY 'pw' REQUIRE {REQUIREMENTS[name]}")
    account = {"user": f"r_{name}", "password": "pw"}
    lab.caught_up()
    admitted = 0
    for way in ({}, secure(papers), secure(papers, "client")):
        direct = outcome(lab.leader.port, **account, **way)
        if isinstance(direct, tuple):
            wait_until(lambda w=way, d=direct: outcome(front.port, **account, **w) == d,
                       f"the server's answer {direct}")
        else:
            admitted += 1
            number, text = outcome(front.port, **account, **way)
            assert number == 1045 and "requires TLS of its server connections too" in text
    assert admitted == {"ssl": 2, "x509": 1, "issuer": 1, "subject": 1, "cipher": 2}.get(name, 0)


@pytest.mark.parametrize("bad", ["expired", "strange"])
def test_a_client_certificate_that_does_not_hold_ends_the_handshake(front, lab, papers, bad):
    for port in (lab.leader.port, front.port):
        context = ssl.create_default_context(cafile=papers["authority"].certificate)
        context.load_cert_chain(*papers[bad])
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the client hears of it at once
        with pytest.raises((pymysql.MySQLError, OSError)):
            connect(port, ssl=context)
    reason = {"expired": "certificate has expired", "strange": "unable to get local issuer certificate"}
    wait_until(lambda: reason[bad] in front.log_text(), "the reason in the log")


# --- peers that misbehave


def ssl_request(capabilities=wire.PLAIN | wire.SSL):
    return frame(struct.pack("<IIB23x", capabilities & 0xFFFFFFFF, 1 << 24, 45), 1)


def clear_login(client, sequence):
    payload = struct.pack("<IIB23x", wire.PLAIN, 1 << 24, 45) + b"app\0\x14"
    payload += wire.native_proof(b"app-demo", client.greeting.salt) + b"mysql_native_password\0"
    return frame(payload, sequence)


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_login_in_the_clear_behind_the_request_is_not_taken(front, sequence):
    """An attacker in between could put bytes there that the client never sent."""
    with contextlib.closing(Wire(front.port)) as client:
        client.read_greeting()
        client.socket.sendall(ssl_request() + clear_login(client, sequence)
                              + frame(b"\x03CREATE DATABASE smuggled"))
        left = b""
        with contextlib.suppress(OSError):
            while part := client.socket.recv(4096):
                left += part
    assert left[:1] in (b"", b"\x15")  # nothing, or an alert of TLS
    wait_until(lambda: "protocol error: " in front.log_text(), "the log to say so")
    assert front.console("SHOW SESSIONS") == [] or "smuggled" not in str(front.console("SHOW SESSIONS"))


def test_a_hello_in_the_same_segment_as_the_request_is_taken(front, papers):
    context = ssl.create_default_context(cafile=papers["authority"].certificate)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(into, out, server_hostname="127.0.0.1")
    with contextlib.closing(Wire(front.port)) as client:
        client.read_greeting()
        with contextlib.suppress(ssl.SSLWantReadError):
            talk.do_handshake()
        client.socket.sendall(ssl_request() + out.read())
        while True:
            try:
                talk.do_handshake()
                break
            except ssl.SSLWantReadError:
                into.write(client.socket.recv(65536))
        talk.write(clear_login(client, 2))
        client.socket.sendall(out.read())
        answer = b""
        while len(answer) < 7:
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += talk.read(4096)
                continue
            into.write(client.socket.recv(65536))
    assert answer[3:5] == b"\x03\x00"  # third packet of the login, OK


def handshake_begun(front):
    client = Wire(front.port)
    client.read_greeting()
    client.socket.sendall(ssl_request())
    return client


def test_garbage_and_silence_in_the_handshake_end_that_client_only(front, papers):
    def step(connection):
        value(connection, "SELECT name FROM demo.this_server")

    with Load(front.port, step, threads=1, **secure(papers)) as load:
        load.wait_steps(5)
        before = front.descriptors()
        silent = [handshake_begun(front) for _ in range(20)]
        for number in range(60):
            with contextlib.closing(handshake_begun(front)) as client:
                record = b"\x16\x03\x01" + struct.pack(">H", 40 + number) if number % 2 else b""
                client.socket.sendall(record + os.urandom(40 + number))
        for client in silent:
            client.socket.settimeout((LOGIN_TIMEOUT + 5) * PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert client.socket.recv(100) == b""
            client.close()
        wait_until(lambda: front.descriptors() <= before, "their sockets to be closed")
        load.wait_steps(5)
    assert not load.errors
    assert "no login within login_timeout" in front.log_text()


def test_a_slow_reader_of_a_large_result_does_not_fill_the_memory(front, papers):
    megabytes = 20 if SANITIZED else 100
    sql = f"SELECT REPEAT('0123456789', 10000) FROM seq_1_to_{megabytes * 10}"
    with contextlib.closing(front.connect(**secure(papers))) as warm:
        value(warm, sql)
    before = front.rss_kib()
    reader = front.connect(cursorclass=pymysql.cursors.SSCursor, **secure(papers))
    with contextlib.closing(reader), reader.cursor() as cursor:
        cursor.execute(sql)
        highest, count = 0, 0
        while row := cursor.fetchone():
            assert row[0] == "0123456789" * 10000
            count += 1
            highest = max(highest, front.rss_kib() if count % 100 == 1 else 0)
    assert count == megabytes * 10
    assert highest < before + (100_000 if SANITIZED else 4_000), "memory grew"


# --- certificates read again


def shown_certificate(port, papers):
    with contextlib.closing(connect(port, **secure(papers))) as client:
        return client._sock.getpeercert()["serialNumber"]


def test_a_reload_takes_new_certificates_for_new_clients(special, papers):
    folder, authority = papers["folder"], papers["authority"]
    certificate, key = authority.issue("renewed", "/O=Causeway tests/CN=localhost")
    proxy = special(tls_cert=certificate, tls_key=key)
    old = proxy.connect(**secure(papers))
    first = shown_certificate(proxy.port, papers)

    authority.issue("renewed", "/O=Causeway tests/CN=localhost")
    assert shown_certificate(proxy.port, papers) == first
    proxy.reload()
    second = wait_until(lambda: (new := shown_certificate(proxy.port, papers)) != first and new,
                        "the new certificate")

    (folder / "renewed.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    with pytest.raises(pymysql.MySQLError, match=r"tls_cert .*renewed\.pem: no usable certificate"):
        proxy.console("RELOAD")
    assert "no usable certificate" in proxy.log_text()
    assert shown_certificate(proxy.port, papers) == second
    assert value(old, "SELECT 42") == 42
    old.close()


# --- to the servers


@pytest.fixture(name="behind")
def behind_fixture(lab, papers):
    """behind(**keys of [cluster]) starts a Causeway that encrypts what it sends to the servers."""
    started = []

    def make(sections=None, wait_for_followers=True, **changes):
        keys = {"server_tls": "verify", "server_ca": papers["authority"].certificate} | changes
        settings = tls_settings(papers) | {"cluster": keys} | (sections or {})
        started.append(start_causeway(lab, settings, wait_for_followers))
        return started[-1]

    yield make
    for proxy in started:
        stop_causeway(proxy)


@contextlib.contextmanager
def nothing_in_the_clear(lab):
    for server in lab.servers:
        server.sql("SET GLOBAL require_secure_transport=1")
    try:
        yield
    finally:
        for server in lab.servers:
            server.sql("SET GLOBAL require_secure_transport=0")


@pytest.mark.parametrize("mode", ["required", "verify"])
def test_servers_that_take_no_clear_connections(behind, lab, mode):
    """Clients' statements, probes, accounts, positions and the leader's log: all of it encrypted."""
    with nothing_in_the_clear(lab):
        proxy = behind(server_tls=mode)
        with contextlib.closing(proxy.connect()) as client:
            ask = "SHOW STATUS LIKE 'Ssl_cipher'"
            assert rows(client, ask)[0][1].startswith("TLS_")
            assert answered_by(client) == "db2"
            rows(client, "CREATE OR REPLACE TABLE demo.sealed (id INT PRIMARY KEY, note LONGTEXT)")
            for number in range(50):
                rows(client, "INSERT INTO demo.sealed VALUES (%s, REPEAT('x', %s))", (number, number * 9973))
                assert value(client, "SELECT LENGTH(note) FROM demo.sealed WHERE id = %s",
                             (number,)) == number * 9973
            rows(client, "DROP TABLE demo.sealed")
        wait_until(lambda: "its log is followed" in proxy.log_text(), "the leader's log to be followed")
        lab.leader.sql("CREATE OR REPLACE USER 'sealed'@'%' IDENTIFIED BY 'pw'")
        wait_until(lambda: outcome(proxy.port, user="sealed", password="pw") == "sealed@%",
                   "the new account to be seen in the log")


def test_a_server_whose_certificate_nobody_vouches_for_is_not_used(behind, papers, front):
    proxy = behind(wait_for_followers=True)
    with contextlib.closing(proxy.connect()) as client:
        assert value(client, "SELECT 42") == 42
    stranger = papers["folder"] / "stranger.pem"
    proxy.write_config(tls_settings(papers) | {
        "cluster": {"server_tls": "verify", "server_ca": stranger}, "routing": {"leader_wait": "0ms"}})
    proxy.reload()
    wait_until(lambda: "self-signed certificate in certificate chain" in proxy.log_text()
               or "unable to get local issuer" in proxy.log_text(), "the reason in the log")
    wait_until(lambda: outcome(proxy.port)[0] in (1290, 2013), "no server to be left")


def test_accounts_that_ask_for_a_certificate_get_the_one_of_their_section(behind, lab, papers):
    certificate, key = papers["client"]
    own = {"server_cert": certificate, "server_key": key}
    proxy = behind({"user:p_x509": own, "user:p_subject": own})
    for name, clause in {"x509": "X509", "subject": REQUIREMENTS["subject"], "bare": "X509",
                         "ssl": "SSL", "cipher": REQUIREMENTS["other_cipher"]}.items():
        clause = clause if name != "subject" else REQUIREMENTS["subject"]
        lab.leader.sql(f"CREATE OR REPLACE USER 'p_{name}'@'%' IDENTIFIED BY 'pw' REQUIRE {clause}")
    lab.caught_up()
    as_app_one = secure(papers, "client")
    for name in ("x509", "subject", "ssl"):
        wait_until(lambda n=name: outcome(proxy.port, user=f"p_{n}", password="pw", **as_app_one)
                   == f"p_{n}@%", f"p_{name} to be let in")
    assert outcome(proxy.port, user="p_ssl", password="pw", **secure(papers)) == "p_ssl@%"
    assert outcome(proxy.port, user="p_x509", password="pw", **secure(papers))[0] == 1045
    number, text = outcome(proxy.port, user="p_bare", password="pw", **as_app_one)
    assert number == 1045 and "server_cert and server_key of its [user:NAME] section" in text
    # A cipher that the account names is what Causeway speaks to the server, too.
    context = ssl.create_default_context(cafile=papers["authority"].certificate)
    assert outcome(proxy.port, user="p_cipher", password="pw", ssl=context)[0] == 1045
