"""Accounts of caching_sha2_password and sha256_password that Causeway judges by what the servers store, and logs in for
itself: the short way and the full one, on both sides. Stand-ins play the servers' part (sha2_front.py)."""

import contextlib
import shutil

import pytest

from certificates import Authority
from harness import connect, scratch, value, wait_until
from sha2_front import PASSWORD, Front, RsaKey, cli, make_account, stored
from test_login_plugins import Connector

pytestmark = pytest.mark.core

READS = "SELECT CURRENT_USER() FROM demo.this_server FOR UPDATE; SELECT name FROM demo.this_server"
IN_THE_CLEAR = None


@pytest.fixture(scope="module", name="papers")
def papers_fixture():
    folder = scratch("sha2-logins")
    authority = Authority(folder)
    certificate, private = authority.issue("server", "/CN=localhost")
    key = RsaKey()
    yield str(authority.certificate), {"tls": "optional", "tls_cert": str(certificate), "tls_key": str(private)}, key
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(key.folder, ignore_errors=True)


@pytest.fixture(name="lab")
def lab_fixture(causeway, cluster, papers):
    """lab(plugin, sections): (the fronts of the servers, leader first; a Causeway before them; its authority)"""
    authority, tls, key = papers
    made = []

    def make(plugin="caching_sha2_password", sections=None):
        make_account(cluster, plugin, stored(plugin))
        fronts = [Front(server, plugin, key) for server in cluster.servers]
        made.extend(fronts)
        servers = {f"server:{front.server.name}": {"address": f"127.0.0.1:{front.port}"} for front in fronts}
        return fronts, causeway({"proxy": tls, **servers, **(sections or {})}), authority

    yield make
    for front in made:
        front.listener.close()
    cluster.leader.sql("DROP USER IF EXISTS sha@'%'")


def refused(answer):
    return "ERROR 1045 (28000)" in answer


def test_a_password_that_was_shown_once_is_known_for_the_short_way(lab):
    """As to a server: to a client in the clear as well; and to the servers, who get it encrypted first, then short."""
    fronts, proxy, authority = lab()
    before = cli(proxy.port, IN_THE_CLEAR, READS)
    assert refused(before) and "not encrypted" in before
    for link in (authority, IN_THE_CLEAR, authority):
        account, reader = cli(proxy.port, link, READS)
        assert account == "sha@%" and reader in ("db2", "db3")
    assert fronts[0].encrypted == 1 and not any(front.refused for front in fronts)


def test_reads_go_to_followers_for_any_client(lab):
    """Of a login that is passed on, clients other than Connector/C read from the leader."""
    fronts, proxy, authority = lab()
    for link in ({"ca": authority}, {"ca": authority}):
        with contextlib.closing(connect(proxy.port, user="sha", password=PASSWORD.decode(), ssl=link)) as client:
            assert value(client, "SELECT name FROM this_server") in ("db2", "db3")


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_wrong_passwords_are_refused(lab, plugin):
    """Also once the right one is known; no server hears of them."""
    fronts, proxy, authority = lab(plugin)
    for _ in range(2):
        for password in ("wrong", "", PASSWORD.decode() + "x", "x" * 300):
            for link in (authority, IN_THE_CLEAR):
                assert refused(cli(proxy.port, link, "SELECT 1", password)), (password, link)
        assert cli(proxy.port, authority, "SELECT 1") == ["1"]
    assert not any(front.refused for front in fronts)


def test_the_password_of_proxy_ini_serves_clients_in_the_clear(lab):
    fronts, proxy, _ = lab(sections={"user:sha": {"password": PASSWORD.decode()}})
    assert cli(proxy.port, IN_THE_CLEAR, READS)[0] == "sha@%"
    wrong = cli(proxy.port, IN_THE_CLEAR, "SELECT 1", "wrong")
    assert refused(wrong) and "using password: YES" in wrong


def test_a_stale_password_of_proxy_ini_is_not_used(lab):
    fronts, proxy, authority = lab(sections={"user:sha": {"password": "another"}})
    assert refused(cli(proxy.port, IN_THE_CLEAR, "SELECT 1", "another"))
    assert refused(cli(proxy.port, authority, "SELECT 1", "another"))
    assert cli(proxy.port, authority, READS)[0] == "sha@%"
    assert not any(front.refused for front in fronts)


def test_sha256_password_comes_over_tls_only(lab):
    fronts, proxy, authority = lab("sha256_password")
    account, reader = cli(proxy.port, authority, READS)
    assert account == "sha@%" and reader in ("db2", "db3")
    assert "not encrypted" in cli(proxy.port, IN_THE_CLEAR, "SELECT 1")
    assert fronts[0].encrypted == 1


def test_a_password_that_changes_is_forgotten(cluster, lab):
    fronts, proxy, authority = lab()
    assert cli(proxy.port, authority, "SELECT 1") == ["1"]
    make_account(cluster, "caching_sha2_password", stored("caching_sha2_password", b"another"))
    wait_until(lambda: refused(cli(proxy.port, authority, "SELECT 1")), "the old password to be refused")
    assert refused(cli(proxy.port, IN_THE_CLEAR, "SELECT 1"))


def test_an_account_without_a_password(cluster, lab):
    fronts, proxy, authority = lab()
    make_account(cluster, "caching_sha2_password", b"")
    wait_until(lambda: refused(cli(proxy.port, authority, "SELECT 1")), "the old password to be refused")
    for front in fronts:
        front.password = b""
    for link in (authority, IN_THE_CLEAR):
        assert refused(cli(proxy.port, link, "SELECT 1", "wrong"))
        assert cli(proxy.port, link, "SELECT 1", "") == ["1"]


def test_change_user_there_and_back(lab):
    fronts, proxy, authority = lab(sections={"user:sha": {"password": PASSWORD.decode()}})
    with contextlib.closing(Connector(proxy.port, "app", "app-demo")) as client:
        for user, password, error in (("sha", PASSWORD.decode(), ""), ("app", "app-demo", ""),
                                      ("sha", "wrong", "Access denied"), ("app", "app-demo", ""),
                                      ("sha", PASSWORD.decode(), "")):
            said = client.change_user(user, password)
            assert error in said and bool(error) == bool(said), (user, said)


def test_a_server_without_a_key_gets_no_password_in_the_clear(lab):
    fronts, proxy, authority = lab()
    for front in fronts:
        front.key = None
    answer = cli(proxy.port, authority, "SELECT 1")
    assert refused(answer)
    assert fronts[0].refused and not fronts[0].encrypted
