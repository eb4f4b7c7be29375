"""Character sets and collations of a session are the same on every connection of it: also that of SET NAMES … COLLATE, which the
server does not report, and the one that results say they have."""

import contextlib

import pytest

from wire import DEPRECATE_EOF, PLAIN, RESET_CONNECTION, Wire, packets_of

# Not for the sanitizer builds: what is said to servers is looked at, and there are many.

CAPABILITIES = PLAIN | DEPRECATE_EOF  # the same for all: else they share no connections
# The definitions of its columns tell the collation that results have.
QUESTION = ("SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection, "
            "'a' = 'A', COLLATION('a'), _latin1'b', USER() = ''")


def prepared(sql):
    """COM_STMT_PREPARE and COM_STMT_EXECUTE, whose reply is not looked at."""
    def run(wire):
        wire.execute(wire.prepare(sql)[0])
        wire.take()
    return run


def reset(wire):
    wire.simple(RESET_CONNECTION)


SCENES = {
    "with a SET before it": ["SET sql_mode = '', NAMES utf8mb4 COLLATE utf8mb4_bin"],
    "a SET behind it": ["SET NAMES latin2 COLLATE latin2_bin, character_set_client = cp1251", "SET @a = 1"],
    "a SET behind it that is asked first": ["SET NAMES latin2 COLLATE latin2_bin; SET @a = 1", "SET time_zone = '+01:00'"],
    "then no character set of results": ["SET NAMES latin1 COLLATE latin1_german2_ci", "SET character_set_results = NULL"],
    "then another of results": ["SET NAMES latin1 COLLATE latin1_bin", "SET character_set_results = latin1"],
    "then another collation": ["SET NAMES ascii COLLATE ascii_bin", "SET collation_connection = utf8mb3_bin"],
    "then another of the client": ["SET NAMES utf8mb4 COLLATE utf8mb4_czech_ci, character_set_client = greek",
                                   "SET collation_connection = greek_general_ci"],
    "with its collation in the same SET": ["SET NAMES latin1, collation_connection = latin1_bin",
                                           "SET collation_connection = latin2_bin, NAMES latin2"],
    "prepared": [prepared("SET NAMES cp1251 COLLATE cp1251_bin"), "SET CHARSET ascii",
                 prepared("SET NAMES latin1")],
    "dynamic": ["EXECUTE IMMEDIATE 'SET @@collation_connection = latin1_bin'", "SET @b = 1"],
    "dynamic, in two steps": ["PREPARE s FROM 'SET @@session.collation_connection = latin1_bin, @@div_precision_increment = 7'",
                              "EXECUTE s", "SELECT 1/3", "DEALLOCATE PREPARE s", "SELECT 1/3"],
    "for one statement": ["SET STATEMENT sql_mode = '' FOR SET NAMES latin1 COLLATE latin1_bin", "SET CHARSET utf8mb3"],
    "the server's": ["SET NAMES latin1", "SET NAMES DEFAULT", "SET CHARACTER SET DEFAULT"],
    "a character set": ["SET CHARACTER SET latin1", "SET NAMES latin1 COLLATE latin1_bin", "SET CHARACTER SET latin1"],
    "wide": ["SET collation_connection = ucs2_bin", "SET sql_mode = 'ANSI'", "EXECUTE IMMEDIATE 'SET collation_connection = utf16_bin'",
             "SELECT 1/3"],
    "refused": ["SET NAMES latin1 COLLATE utf8mb4_bin", "SET NAMES latin1 COLLATE latin1_bin, character_set_client = nosuch"],
    "in a transaction that reads": [
        "START TRANSACTION READ ONLY", "SET NAMES utf8mb3", "SET NAMES latin1 COLLATE latin1_german2_ci", "COMMIT",
        "START TRANSACTION READ ONLY", "SET NAMES latin2 COLLATE latin2_bin", "ROLLBACK", "SET @a = 1"],
    "reset": ["SET NAMES latin1 COLLATE latin1_bin", reset, "SET character_set_results = latin1"],
}


def play(port, scene, collation, asks, between):
    """What is answered to the steps and, behind each that is due, to the question: by a follower, and by the leader."""
    with contextlib.closing(Wire(port)) as wire:
        wire.login(schema="demo", capabilities=CAPABILITIES, collation=collation)
        wire.take()
        answers = []
        for number, step in enumerate(scene):
            step(wire) if callable(step) else wire.query(step)
            answers.append((step if isinstance(step, str) else "", packets_of(wire.take())))
            for question in (QUESTION, "/* causeway to=leader */ " + QUESTION) if asks(number, len(scene)) else ():
                between()
                wire.query(question)
                answers.append((question, packets_of(wire.take())))
        return answers


@pytest.mark.parametrize("asks", [lambda number, count: True, lambda number, count: number == count - 1], ids=["each", "last"])
@pytest.mark.parametrize("collation", [45, 47])
@pytest.mark.parametrize("name", SCENES)
def test_scene(few_connections, cluster, name, collation, asks):
    expected = play(cluster.leader.port, SCENES[name], collation, asks, lambda: None)
    assert play(few_connections.port, SCENES[name], collation, asks, lambda: None) == expected


@pytest.mark.parametrize("name", [
    "with a SET before it", "a SET behind it", "then no character set of results", "then another of results",
    "then another of the client", "then another collation"])
def test_scene_with_a_neighbour(few_connections, cluster, name):
    """Another session works in between, on the same connections when they are lent."""
    expected = play(cluster.leader.port, SCENES[name], 47, lambda *_: True, lambda: None)
    with contextlib.closing(Wire(few_connections.port)) as other:
        other.login(schema="demo", capabilities=CAPABILITIES, collation=47)

        def work():
            for sql in ("SET NAMES cp1251 COLLATE cp1251_bin", "/* causeway to=leader */ SELECT 'a'", "SELECT 'a'"):
                other.query(sql)

        assert play(few_connections.port, SCENES[name], 47, lambda *_: True, work) == expected
