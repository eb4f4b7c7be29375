"""pooling = transaction: user variables go with their session, whatever gave them their values."""

import contextlib

import pytest

from conftest import start_causeway, stop_causeway
from harness import rows, value, wait_until
from test_pooling import NARROW, disturb, sessions, stat
from wire import Wire

pytestmark = pytest.mark.core


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    shared_cluster.leader.sql(
        "CREATE OR REPLACE TABLE demo.pv (a INT, b VARCHAR(20));"
        "CREATE OR REPLACE TABLE demo.pv_plain (a INT, b VARCHAR(20));"
        "CREATE OR REPLACE TABLE demo.pv_audit (a INT);"
        "CREATE OR REPLACE TRIGGER demo.pv_sets BEFORE INSERT ON demo.pv FOR EACH ROW SELECT NEW.a INTO @seen;"
        "CREATE OR REPLACE TRIGGER demo.pv_audits BEFORE INSERT ON demo.pv_plain FOR EACH ROW"
        " INSERT INTO pv_audit (a) VALUES (NEW.a);"
        "CREATE OR REPLACE VIEW demo.pv_view AS SELECT a FROM demo.pv"
    )
    shared_cluster.caught_up()
    return shared_cluster


@pytest.fixture(scope="module", name="narrow")
def narrow_fixture(ground):
    proxy = start_causeway(ground, NARROW)
    yield proxy
    stop_causeway(proxy)


VALUES = [
    "4 + 5", "-4 - 5", "CAST(5 AS UNSIGNED)", "18446744073709551615", "-9223372036854775808", "1.50 * 3", "CAST(7 AS DECIMAL(20))",
    "0.1e0 + 0.2e0", "1e300 * 10", "-1e-300 / 3", "CONCAT('it''s ', '\\\\ \\0')", "''", "_utf8mb4'\u00e9\u20ac'",
    "CONVERT('x' USING latin1) COLLATE latin1_bin", "_ucs2 x'00e9'", "x'00ff'", "UNHEX('ff00')", "CAST('b' AS BINARY)", "b'101'",
    "NULL", "(SELECT NULL + 1)", "CAST(NULL AS SIGNED)", "CONVERT(NULL USING latin1)", "CURRENT_DATE", "DATE'2020-02-03'",
    "TRUE", "REPEAT('x', 1000)",
]
SETS = ["SET @v = {}", "SET @v := IF(1, {}, 0)", "SELECT {} INTO @v", "SELECT @v := {}"]


def answers(wire, *statements):
    """The bytes of the last one's answer."""
    for sql in statements:
        wire.take()
        wire.query(sql)
    return wire.take()


@pytest.mark.parametrize("how", SETS)
def test_values_are_read_back(narrow, ground, how):
    """Type, collation and value: what a SELECT of the variable answers is the same, byte by byte."""
    questions = ["SELECT @v", "SELECT COLLATION(@v), HEX(@v), @v + 0, @v = 1"]
    with contextlib.ExitStack() as stack:
        direct, through = (stack.enter_context(contextlib.closing(Wire(port)))
                           for port in (ground.leader.port, narrow.port))
        other = stack.enter_context(contextlib.closing(narrow.connect()))
        for wire in (direct, through):
            wire.login(schema="demo")
        for number, text in enumerate(VALUES):
            if number % 7 == 0:
                answers(direct, "SET NAMES utf8mb4"), answers(through, "SET NAMES utf8mb4")
            for wire in (direct, through):
                answers(wire, how.format(text))
            for question in questions:
                disturb(other)
                assert answers(through, question) == answers(direct, question), (text, question)


def test_any_character_set_of_the_session_will_do(narrow):
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET @v = CONCAT('a', 'b'), @w = 1 + 1")
        for charset in ("ucs2", "utf16", "utf32", "latin1", "gbk"):
            rows(client, f"SET character_set_results=NULL, collation_connection={charset}_bin, sql_select_limit=1")
            rows(client, "SET @x = @w + 1")
            disturb(other)
            assert rows(client, "SELECT LENGTH(@v), @w + 0, @x + 0") == ((2, 2, 3),)


def test_they_keep_the_session_off_nothing(narrow):
    """A connection of one's own to each server is not needed, and only one question is asked for one change."""
    with sessions(narrow, 2) as (client, other):
        rows(client, "SELECT @mine := 8")
        before = stat(narrow, "server_partings")
        for _ in range(5):
            disturb(other)
            assert value(client, "SELECT @mine") == 8
        rows(client, "INSERT INTO pv_plain VALUES (1, 'x')")
        disturb(other)
        assert value(client, "SELECT @mine") == 8
        assert stat(narrow, "server_partings") - before < 10


@pytest.mark.parametrize("write", ["INSERT INTO pv VALUES (7, 'x')", "INSERT INTO demo.pv (a) VALUES (6), (7)",
                                   "INSERT INTO pv_view VALUES (7)"])
@pytest.mark.parametrize("before", ["SELECT 1", "SET @seen = 1, @mine = 2"])
def test_what_a_trigger_sets(narrow, write, before):
    with sessions(narrow, 2) as (client, other):
        rows(client, before)
        rows(client, write)
        disturb(other)
        assert value(client, "SELECT @seen") == 7
        assert value(client, "SELECT @mine") == (2 if "mine" in before else None)
        assert value(other, "SELECT @seen") is None


def test_names_that_need_quotes_keep_the_connection(narrow):
    with sessions(narrow, 2) as (client, other):
        rows(client, "SET @`a ``b` = 1 + 1")
        with pytest.raises(Exception) as refused:
            rows(other, "/* causeway to=leader */ SELECT 1")
        assert refused.value.args[0] == 1040
        assert value(client, "SELECT @`a ``b`") == 2


def on_follower(client, ground):
    return rows(client, "SELECT name, @mine FROM this_server")[0][0] != ground.leader.name


def test_writes_without_such_triggers_leave_reads_on_followers(ground):
    """What is known of the variables stays known."""
    proxy = start_causeway(ground, {})
    try:
        with contextlib.closing(proxy.connect()) as client:
            rows(client, "SET @mine = 5")
            rows(client, "INSERT INTO pv_plain VALUES (1, 'x')")
            wait_until(lambda: on_follower(client, ground), "a read on a follower")
            rows(client, "INSERT INTO pv VALUES (1, 'x')")
            assert not on_follower(client, ground)
    finally:
        stop_causeway(proxy)


def test_without_the_right_to_see_triggers(ground):
    ground.leader.sql("REVOKE TRIGGER ON *.* FROM causeway@'%'")
    ground.caught_up()
    proxy = start_causeway(ground, {})
    try:
        with contextlib.closing(proxy.connect()) as client:
            rows(client, "SET @mine = 5")
            rows(client, "COMMIT")
            wait_until(lambda: on_follower(client, ground), "a read on a follower")
            rows(client, "INSERT INTO pv_plain VALUES (1, 'x')")
            assert not on_follower(client, ground)
    finally:
        stop_causeway(proxy)
        ground.leader.sql("GRANT TRIGGER ON *.* TO causeway@'%'")
        ground.caught_up()
