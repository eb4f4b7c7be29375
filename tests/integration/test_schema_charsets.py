"""The character set of the current schema, which LOAD DATA and CREATE PROCEDURE go by: as direct, although COM_RESET_CONNECTION
leaves a pooled connection in its schema with the server's own character set."""

import contextlib

import pytest

from harness import rows, wait_until
from wire import DEPRECATE_EOF, INIT_DB, PLAIN, RESET_CONNECTION, Wire, packets_of

# Not for the sanitizer builds: what is said to servers is looked at, and there are many.

SCHEMAS = {"cs_greek": "greek", "cs_lat": "latin2", "cs_wide": "utf8mb4 COLLATE utf8mb4_bin"}
CAPABILITIES = PLAIN | DEPRECATE_EOF  # the same for all: else they share no connections
QUESTION = "SELECT DATABASE(), @@character_set_database, @@collation_database"


@pytest.fixture(scope="module", name="ground")
def ground_fixture(shared_cluster):
    for schema, charset in SCHEMAS.items():
        shared_cluster.leader.sql(
            f"CREATE OR REPLACE DATABASE {schema} CHARACTER SET {charset}; GRANT ALL ON {schema}.* TO app;"
            f"CREATE TABLE {schema}.t (a VARCHAR(20) CHARACTER SET utf8mb4)"
        )
    shared_cluster.caught_up()
    yield shared_cluster
    for schema in SCHEMAS:
        shared_cluster.leader.sql(f"DROP DATABASE IF EXISTS {schema}")


# -- what a session does: each takes its connection

def use(schema):
    return lambda wire: wire.query(f"USE {schema}")


def init(schema):
    return lambda wire: wire.simple(INIT_DB, schema.encode())


def say(sql):
    return lambda wire: wire.query(sql)


def reset(wire):
    wire.simple(RESET_CONNECTION)


def change_user(schema="", password="app-demo"):
    return lambda wire: wire.change_user("app", password, schema)


def load(wire):
    """A file whose bytes mean something else in each character set."""
    wire.query("DELETE FROM t")
    wire.query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t", files={"f": [b"\xe9\xf8\xb1\n"]})
    wire.query("SELECT HEX(a) FROM t")


def routine(wire):
    """It keeps the schema's collation."""
    wire.query("CREATE OR REPLACE PROCEDURE p(v CHAR(9)) SELECT v")
    wire.query("SHOW CREATE PROCEDURE p")
    wire.query("SELECT DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()")


SCENES = {
    "at login": ["cs_greek", load],
    "at login, to be read only": ["cs_greek"],
    "by USE": [None, use("cs_lat"), load, use("cs_greek"), load],
    "by COM_INIT_DB": ["cs_greek", init("cs_wide"), load, init("cs_greek"), load],
    "a routine": ["cs_greek", routine],
    "none": [None],
    "another one, by SET": ["cs_greek", say("SET character_set_database = utf8mb3"), load],
    "another one, until USE": ["cs_greek", say("SET collation_database = utf8mb4_czech_ci"), use("cs_greek"), load],
    "another one, for one statement": ["cs_greek", say(f"SET STATEMENT collation_database = utf8mb4_bin FOR {QUESTION}"), load],
    "set, and a schema": [None, say("SET collation_database = utf8mb4_czech_ci"), use("cs_lat"), load],
    "the schema's again": ["cs_greek", say("SET character_set_database = latin1"), say("SET character_set_database = DEFAULT"), load],
    "after a reset": ["cs_greek", reset, load, use("cs_greek"), load],
    "after a reset, only read": ["cs_greek", reset],
    "USE, then a reset": ["cs_greek", use("cs_lat"), reset, say("SET sql_mode = ''"), routine],
    "reset, then SET": ["cs_greek", reset, say("SET collation_database = DEFAULT"), load],
    "a reset of a SET": ["cs_greek", say("SET collation_database = utf8mb4_bin"), reset, load],
    "after COM_CHANGE_USER": ["cs_greek", change_user("cs_lat"), load, change_user("cs_wide"), load],
    "without a schema after it": ["cs_greek", change_user()],
    "after a refused one": ["cs_greek", change_user("cs_nosuch"), load],
    "after a denied one": ["cs_greek", change_user("cs_lat", "wrong"), use("cs_greek"), load],
    "altered": ["cs_lat", say(QUESTION), say("ALTER DATABASE cs_lat CHARACTER SET greek"), load,
                say("ALTER DATABASE CHARACTER SET latin2"), load],
    "altered from elsewhere": ["cs_lat", use("cs_greek"), say("ALTER DATABASE cs_lat CHARACTER SET greek"), load, use("cs_lat"), load,
                               use("cs_greek"), say("ALTER DATABASE cs_lat CHARACTER SET latin2"), use("cs_lat"), load],
}


def play(port, scene, between=lambda: None):
    """What the session is answered, packet by packet. After each step it is asked where a follower may answer, and where only the
    leader does."""
    with contextlib.closing(Wire(port)) as wire:
        wire.login(schema=scene[0], capabilities=CAPABILITIES)
        wire.take()
        answers = []
        asked = [say(QUESTION), say("/* causeway to=leader */ " + QUESTION), say("SHOW VARIABLES LIKE '%\\_database'")]
        for step in asked + [part for step in scene[1:] for part in (step, *asked)]:
            step(wire)
            answers += packets_of(wire.take())
            between()
        return [answer for answer in answers if answer[4:5] not in (b"\x00", b"\xfe")]  # states, positions, nonces


def do_something(wire):
    """On both servers; the connections must be reset behind it."""
    for sql in ("SET div_precision_increment = 5", "/* causeway to=leader */ SELECT 1/3", "SELECT 1/3"):
        wire.query(sql)


def stay_in(port, schema):
    with contextlib.closing(Wire(port)) as wire:
        wire.login(schema=schema, capabilities=CAPABILITIES)
        do_something(wire)


@pytest.mark.parametrize("name", SCENES)
def test_scene(few_connections, ground, name):
    scene = SCENES[name]
    expected = play(ground.leader.port, scene)
    ground.caught_up()
    assert any(b"cs_" in answer for answer in expected) or name in ("none", "without a schema after it")
    for _ in range(2):
        assert play(few_connections.port, scene) == expected
        stay_in(few_connections.port, "cs_greek")


@pytest.mark.parametrize("neighbour", ["cs_greek", "cs_lat"])
@pytest.mark.parametrize("name", SCENES)
def test_scene_with_a_neighbour(few_connections, ground, name, neighbour):
    """Another session works in between, on the same connections when they are lent."""
    scene = SCENES[name]
    expected = play(ground.leader.port, scene)
    ground.caught_up()
    with contextlib.closing(Wire(few_connections.port)) as other:
        other.login(schema=neighbour, capabilities=CAPABILITIES)
        assert play(few_connections.port, scene, lambda: do_something(other)) == expected


def test_an_altered_schema_is_known_to_new_sessions(few_connections, ground):
    """Altered behind Causeway's back: connections that are in it already are believed for a second."""
    def seen():
        with contextlib.closing(few_connections.connect(database="cs_wide")) as client:
            return {rows(client, where + "SELECT @@collation_database")[0][0] for where in ("/* causeway to=leader */ ", "")}

    for collation in ("utf8mb4_czech_ci", "utf8mb4_bin"):
        ground.leader.sql(f"ALTER DATABASE cs_wide COLLATE {collation}")
        ground.caught_up()
        wait_until(lambda wanted={collation}: seen() == wanted, f"{collation} on every connection")


def test_reads_stay_on_followers(ground, causeway):
    with contextlib.closing(causeway().connect(database="cs_greek")) as client:
        for _ in range(3):
            (charset, name), = rows(client, "SELECT @@character_set_database, name FROM demo.this_server")
            assert charset == "greek" and name != ground.leader.name
