"""Rounds of operations from a seed: sessions that take turns, each on schemas of its own, or on shared
tables under one key."""

import random

import features_protocol  # noqa: F401 # pylint: disable=unused-import # registers
import features_sql
import features_state  # noqa: F401 # pylint: disable=unused-import
from client import ALONE, CAPABILITIES, Op
from session_model import Session

LANES = 2  # rounds that run side by side have schemas of different names
SESSIONS = 4
USERS = (("full", "full-diff"), ("plain", "plain-diff"), ("empty", ""))
COLLATIONS = (45, 45, 45, 8, 33, 224, 63, 5)


class World:
    """The names that belong to a lane."""

    def __init__(self, lane):
        self.lane = lane
        self.schemas = [f"d{lane}s{number}" for number in range(SESSIONS)]
        self.shared = f"d{lane}shared"

    def all_schemas(self):
        return [*self.schemas, *[name + "x" for name in self.schemas], self.shared]


class Round:
    def __init__(self, seed, number, size, chosen=()):
        self.number = number
        self.world = World(number % LANES)
        rng = random.Random(f"{seed}/{number}")
        self.shared = rng.random() < 0.15
        count = rng.choice((1, 2, 3, SESSIONS))
        sessions = [Session(rng, index, self.world, chosen, self.shared) for index in range(count)]
        for session in sessions:
            begin(session)
            if self.shared:
                features_sql.shared_table(session, session.number == 0)
        share = size // count
        for session in sessions:
            while len(session.ops) < share:
                session.next_feature()
            session.feature = "logout"
            if session.chance(0.9):
                session.op(session.pick("quit", "quit", "drop"))
        first = [op for op in sessions[0].ops if op.feature == "login"] if self.shared else []
        rest = [session.ops[len(first) if session.number == 0 else 0 :] for session in sessions]
        self.groups = group(rng, first, []) + interleave(rng, rest, not self.shared)


def begin(session):
    user, password = session.pick(*USERS, USERS[1])
    session.user = user
    session.capabilities = session.pick(*CAPABILITIES, "modern", "modern", "mariadb")
    schema = session.schema if session.chance(0.9) else ""
    session.op("connect", user, password, schema, session.capabilities, session.pick(*COLLATIONS))
    if not schema:
        session.query(f"USE {session.schema}")


def group(rng, ops, groups):
    """One session's operations, some of them sent before the one ahead is answered."""
    for op in ops:
        alone = op.kind in ALONE
        if groups and not alone and groups[-1][-1].kind not in ALONE and groups[-1][-1].session == op.session \
                and pipelined(groups[-1][-1], op) and rng.random() < 0.15:
            groups[-1].append(op)
        else:
            groups.append([op])
    return groups


def pipelined(before, op):
    """A prepared statement's handle must be known before it is named, and a file be asked for."""
    if before.kind == "query" and len(before.args) > 1:
        return False
    return not (before.kind == "prepare" and op.args and op.args[0] == before.args[0]) and before.kind != "raw"


def interleave(rng, lists, bursts):
    """Sessions take turns. In a burst several send at once."""
    queues = [group(rng, ops, [])[::-1] for ops in lists]
    groups = []
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        for _ in range(rng.choice((1, 1, 2, 5))):
            if queue:
                groups.append(queue.pop())
        ready = [queue for queue in queues if queue and queue[-1][0].kind not in ALONE]
        if bursts and len(ready) > 1 and rng.random() < 0.2:
            groups.append([op for queue in ready for op in queue.pop()])
    return groups


def flat(groups):
    return [op for ops in groups for op in ops]


def show(op):
    args = ", ".join(repr(item) for item in op.args)
    return f"Op({op.session}, {op.kind!r}, ({args}{',' if op.args else ''}), {op.feature!r})"


__all__ = ["Op", "Round", "World", "flat", "show", "LANES"]
