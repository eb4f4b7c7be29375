"""Logins that only the client itself can prove to a server: an ed25519 account without a password in
proxy.ini, and PAM. The servers' questions are passed on to the client within its own login."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest

from certificates import Authority
from harness import scratch, wait_until
from test_login_plugins import account_fixture, cli, login, plugins_fixture  # noqa: F401 pylint: disable=unused-import # fixtures

pytestmark = pytest.mark.core

PAPERS = scratch("relay-papers")
SETTINGS = {"proxy": {}}
ED25519 = "IDENTIFIED VIA ed25519 USING PASSWORD('se;cret')"


@pytest.fixture(scope="module", autouse=True)
def papers_fixture():
    """Before the module's Causeway: a certificate, so that it speaks TLS."""
    certificate, key = Authority(PAPERS).issue("server", "/CN=localhost")
    SETTINGS["proxy"].update(tls="optional", tls_cert=str(certificate), tls_key=str(key))
    yield
    shutil.rmtree(PAPERS, ignore_errors=True)


class Client:
    """The mariadb client, kept open: one statement after another."""

    def __init__(self, port, user, password, *options):
        self.process = subprocess.Popen(
            ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", f"-u{user}", f"--password={password}",
             "-N", "-n", "--batch", "--skip-reconnect", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(name="signed_in")
def signed_in_fixture(proxy, account):
    account("bearer", ED25519)
    client = Client(proxy.port, "bearer", "se;cret")
    yield client
    client.close()


def test_ed25519_signs_in_to_leader_and_follower(cluster, proxy, signed_in):
    assert signed_in.ask("SELECT CURRENT_USER()") == "bearer@%"
    assert signed_in.ask("SELECT name FROM demo.this_server FOR UPDATE") == "db1"
    follower = signed_in.ask("SELECT name FROM demo.this_server")
    assert follower in ("db2", "db3")
    assert {signed_in.ask("SELECT name FROM demo.this_server") for _ in range(10)} == {follower}
    other = ({"db2", "db3"} - {follower}).pop()
    assert signed_in.ask(f"/* causeway to=server:{other} */ SELECT name FROM demo.this_server") in (
        "db1", follower), "a server that it did not sign in to can't be reached"


@pytest.mark.parametrize("password", ["se;cret", "wrong", ""])
def test_ed25519_is_answered_as_direct(cluster, proxy, account, password):
    account("bearer", ED25519)
    assert cli(proxy.port, "bearer", password) == cli(cluster.leader.port, "bearer", password)


def test_a_login_that_is_passed_on_is_asked_as_direct(cluster, proxy, account):
    account("bearer", ED25519)
    for answers in ([b"y" * 64], [b"y" * 3], [b""]):
        assert login(proxy.port, b"bearer", answers) == login(cluster.leader.port, b"bearer", answers)


def test_a_lost_follower_leaves_the_leader(cluster, proxy, signed_in):
    follower = signed_in.ask("SELECT name FROM demo.this_server")
    server = cluster.named(follower)
    for (number,) in server.sql("SELECT id FROM information_schema.processlist WHERE user='bearer'"):
        server.sql(f"KILL {number}")
    wait_until(lambda: signed_in.ask("SELECT name FROM demo.this_server") == "db1", "the leader to read")
    assert signed_in.ask("SELECT name FROM demo.this_server") == "db1"


def test_a_lost_leader_ends_the_session_with_a_reason(cluster, proxy, signed_in):
    assert signed_in.ask("SELECT CURRENT_USER() FOR UPDATE") == "bearer@%"
    for (number,) in cluster.leader.sql("SELECT id FROM information_schema.processlist WHERE user='bearer'"):
        cluster.leader.sql(f"KILL {number}")
    wait_until(lambda: "only its client could log in to another" in proxy.log_text(), "the reason in the log")
    with contextlib.suppress(BrokenPipeError):
        signed_in.ask("SELECT 1")
    assert signed_in.process.wait(10) == 1


def test_its_connections_are_nobody_elses(cluster, proxy, signed_in):
    assert signed_in.ask("SELECT CURRENT_USER() FOR UPDATE") == "bearer@%"
    signed_in.close()
    wait_until(lambda: all(server.sessions("bearer") == 0 for server in cluster.servers),
               "its server connections to be closed")


@pytest.fixture(name="pam_account")
def pam_account_fixture(cluster, account):
    """An account whose PAM service takes one password, `pam secret`."""
    if os.geteuid() != 0 or not list(pathlib.Path("/usr/lib").rglob("pam_exec.so")):
        pytest.skip("a PAM service for the test takes root and pam_exec")
    folder = scratch("pam")
    name = f"causeway-test-{os.getpid()}"  # the suite may run twice at a time
    script, service = folder / "check", pathlib.Path("/etc/pam.d") / name
    script.write_text('#!/bin/sh\n[ "$(tr -d "\\000")" = "pam secret" ]\n')
    script.chmod(0o755)
    folder.chmod(0o755)
    service.write_text(f"auth required pam_exec.so quiet expose_authtok {script}\n"
                       "account required pam_permit.so\n")
    try:
        for server in cluster.servers:
            server.sql("SET SESSION sql_log_bin=0; INSTALL PLUGIN IF NOT EXISTS pam SONAME 'auth_pam';"
                       "SET SESSION sql_log_bin=1")
        account("pammed", f"IDENTIFIED VIA pam USING '{name}'")
        yield "pammed"
    finally:
        service.unlink()
        shutil.rmtree(folder)


def test_pam_over_tls(cluster, proxy, pam_account):
    for password in ("pam secret", "wrong"):
        direct = cli(cluster.leader.port, pam_account, password)
        assert cli(proxy.port, pam_account, password, "SELECT CURRENT_USER()", "--ssl") == direct
        assert ("pammed@%" in direct) == (password == "pam secret")
    assert "pam secret" not in proxy.log_text()


def test_pam_in_the_clear_is_refused(proxy, pam_account):
    """Before the client is asked for its password."""
    said = cli(proxy.port, pam_account, "pam secret", "SELECT 1", "--skip-ssl")
    assert "ERROR 1045" in said and "is not encrypted" in said
    with contextlib.suppress(StopIteration):
        assert login(proxy.port, pam_account.encode(), [])[0] == []


def kill_sessions(server, user):
    for (number,) in server.sql(f"SELECT id FROM information_schema.processlist WHERE user='{user}'"):
        server.sql(f"KILL {number}")


READ, WRITE = "SELECT name FROM demo.this_server", "SELECT name FROM demo.this_server FOR UPDATE"


def test_pam_with_the_password_in_proxy_ini(cluster, causeway, pam_account):
    """The server judges the client; further connections need it no more, so that lost ones are replaced."""
    proxy = causeway({"proxy": SETTINGS["proxy"], "user:pammed": {"password": "pam secret"}})
    assert "ERROR 1045" in cli(proxy.port, pam_account, "wrong", "SELECT 1", "--ssl")
    with contextlib.closing(Client(proxy.port, pam_account, "pam secret", "--ssl")) as client:
        assert client.ask(READ) in ("db2", "db3")
        for server in cluster.servers[1:]:
            kill_sessions(server, pam_account)
        assert client.ask(READ) in ("db2", "db3")
        assert client.ask(WRITE) == "db1"
        kill_sessions(cluster.leader, pam_account)
        wait_until(lambda: "its connection to db1 is lost in state COMMAND" in proxy.log_text(), "the loss to be noticed")
        assert client.ask(WRITE) == "db1"
    wait_until(lambda: all(server.sessions(pam_account) == 0 for server in cluster.servers),
               "its server connections to be closed: the next client is judged anew")
    assert "pam secret" not in proxy.log_text()


def test_pam_with_a_stale_password_in_proxy_ini(cluster, causeway, pam_account):
    proxy = causeway({"proxy": SETTINGS["proxy"], "user:pammed": {"password": "another"}})
    with contextlib.closing(Client(proxy.port, pam_account, "pam secret", "--ssl")) as client:
        assert {client.ask(READ) for _ in range(3)} == {"db1"}
