"""Accounts of caching_sha2_password whose stored text Causeway does not know: their logins are passed on. What stands
before the servers plays their part of the plugin; the clients' parts are MariaDB Connector/C's and PyMySQL's own."""

import contextlib
import shutil
import ssl
import struct

import pytest

import wire
from certificates import Authority
from harness import connect, scratch, value
from sha2_front import FAST, PASSWORD, Front, cli, make_account, scramble

pytestmark = pytest.mark.core


@pytest.fixture(name="lab")
def lab_fixture(causeway, cluster):
    """(the fronts of the servers, leader first; a Causeway before them; the authority of its certificate)"""
    papers = scratch("sha2-papers")
    authority = Authority(papers)
    certificate, key = authority.issue("server", "/CN=localhost")
    make_account(cluster, "caching_sha2_password")
    fronts = [Front(server) for server in cluster.servers]
    proxy = causeway({"proxy": {"tls": "optional", "tls_cert": str(certificate), "tls_key": str(key)},
                      **{f"server:{front.server.name}": {"address": f"127.0.0.1:{front.port}"} for front in fronts}})
    yield fronts, proxy, str(authority.certificate)
    for front in fronts:
        front.listener.close()
    cluster.leader.sql("DROP USER sha@'%'")
    shutil.rmtree(papers, ignore_errors=True)


def test_the_password_first_then_the_short_way(lab):
    """With the leader, and with a follower for the reads."""
    fronts, proxy, authority = lab
    sql = "SELECT CURRENT_USER() FROM demo.this_server FOR UPDATE; SELECT name FROM demo.this_server"
    for count in range(3):
        account, reader = cli(proxy.port, authority, sql)
        assert account == "sha@%" and reader in ("db2", "db3")
        assert fronts[0].short == count
    assert sum(front.short for front in fronts[1:]) >= 1


def test_the_packets_are_numbered_without_a_gap(lab):
    """Connector/C would not mind; others do."""
    fronts, proxy, authority = lab
    fronts[0].cached = True
    with contextlib.closing(wire.Wire(proxy.port)) as client:
        client.start_tls(ssl.create_default_context(cafile=authority))
        client.capabilities = wire.PLAIN
        login = struct.pack("<IIB19xI", wire.PLAIN | wire.SSL, 1 << 30, 45, 0) + b"sha\0\0caching_sha2_password\0"
        client.send(login, client.login_seq)
        nonce = client.packet()[len(b"\xfecaching_sha2_password\0"):-1]
        number = client.seq
        client.send(scramble(PASSWORD, nonce), number + 1)
        assert (client.packet(), client.seq) == (FAST, number + 2)
        assert (client.packet()[0], client.seq) == (0, number + 3)


def test_a_client_that_always_sends_the_password(lab):
    """PyMySQL takes the NUL behind the nonce for a part of it."""
    fronts, proxy, authority = lab
    for _ in range(2):
        with contextlib.closing(connect(proxy.port, user="sha", password=PASSWORD.decode(),
                                        ssl={"ca": authority})) as connection:
            assert value(connection, "SELECT CURRENT_USER()") == "sha@%"
    assert fronts[0].cached and fronts[0].short == 0


def test_a_wrong_password_and_a_client_in_the_clear_are_refused(lab):
    fronts, proxy, authority = lab
    fronts[0].cached = True
    assert "ERROR 1045 (28000)" in cli(proxy.port, authority, "SELECT 1", "wrong")
    assert "ERROR 1045 (28000)" in cli(proxy.port, None, "SELECT 1")
    assert fronts[0].short == 0
