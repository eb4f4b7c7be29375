"""Runs rounds every way, compares the answers, and cuts a round that differs down to a few operations."""

from typing import NamedTuple

from client import ENDED, run_round
from generate import flat
from lab import reset_lane


# Said once to a session that asks for what its connection had when it was lent (docs/CONFIG.md).
WENT = b"#HY000Causeway lent the connection of the previous statement"


class Difference(NamedTuple):
    way: str
    index: int
    op: object
    expected: bytes
    got: bytes


class Arena:
    """A lane's connections for setting up, and the ports of the ways."""

    def __init__(self, cluster, ports, timeout, skipped=(), lend=False):
        self.leader = cluster.leader.root()
        self.followers = [follower.root() for follower in cluster.followers]
        self.ports = ports
        self.timeout = timeout
        self.skipped = skipped  # features
        self.lend = lend

    def answers(self, way, groups, world):
        reset_lane(self.leader, self.followers, world)
        return run_round(self.ports[way], groups, self.timeout)

    def differences(self, groups, world, ways):
        """The first difference of each session, each way."""
        expected = self.answers("direct", groups, world)
        found = []
        for way in ways:
            got = self.answers(way, groups, world)
            if self.lend and way == "transaction":
                got = [one if WENT in other else other for one, other in zip(expected, got)]
            found += first_differences(way, flat(groups), expected, got, self.skipped)
        return found


def first_differences(way, ops, expected, got, skipped):
    found = {}
    for index, (one, other) in enumerate(zip(expected, got)):
        if one != other and ops[index].feature not in skipped:
            found.setdefault(ops[index].session, Difference(way, index, ops[index], one, other))
    return list(found.values())


def only(groups, kept):
    """The groups with those operations alone, counted through."""
    result, index = [], 0
    for group in groups:
        part = [op for offset, op in enumerate(group) if index + offset in kept]
        index += len(group)
        if part:
            result.append(part)
    return result


def shrink(arena, groups, world, difference, attempts=400):
    """The smallest round found that still differs at an operation of that kind, and how."""
    way, kind, who = difference.way, difference.op.kind, difference.op.session

    def differs(candidate):
        nonlocal attempts
        attempts -= 1
        for found in arena.differences(candidate, world, [way]):
            if found.op.kind == kind and found.op.session == who:
                return found
        return None

    groups = only(groups, set(range(difference.index + 1)))
    best = differs(groups)
    if not best:
        return groups, None
    single = [[op] for op in flat(groups)]
    if found := differs(single):
        groups, best = single, found
    for session in sorted({op.session for op in flat(groups)} - {best.op.session}):
        rest = [part for group in groups if (part := [op for op in group if op.session != session])]
        if found := differs(rest):
            groups, best = rest, found
    size = max(1, len(flat(groups)) // 2)
    while attempts > 0:
        groups, best, less = without_parts(groups, best, size, differs, lambda: attempts > 0)
        if size == 1 and not less:
            break
        size = max(1, size // 2)
    return groups, best


def without_parts(groups, best, size, differs, go_on):
    """Leaves out parts of that size, last ones first, where it differs all the same."""
    less = False
    end = len(flat(groups)) - 1
    while end > 0 and go_on():
        ops = flat(groups)
        begin = max(0, end - size)
        gone = {index for index in range(begin, end) if ops[index].kind != "connect"}
        if gone:
            candidate = only(groups, set(range(len(ops))) - gone)
            if found := differs(candidate):
                groups, best, less = only(candidate, set(range(found.index + 1))), found, True
        end = min(begin, len(flat(groups)) - 1)
    return groups, best, less


def packets(raw):
    """For reading: each packet in a line of its own."""
    if raw.startswith((b"<", b"#")) or raw == ENDED:
        return [repr(raw[:300])]
    found, at = [], 0
    while at + 4 <= len(raw):
        length = int.from_bytes(raw[at : at + 3], "little")
        if at + 4 + length > len(raw):
            break
        found.append(f"{raw[at + 3]:3d} {length:5d} {raw[at + 4 : at + 4 + length][:240]!r}")
        at += 4 + length
    return found + ([f"rest {raw[at:][:240]!r}"] if at < len(raw) else [])


def tell(difference):
    """The packets that differ, of either side."""
    one, other = packets(difference.expected), packets(difference.got)
    lines = [f"    {len(one)} packets direct, {len(other)} packets {difference.way}"]
    shown = 0
    for index in range(max(len(one), len(other))):
        left = one[index] if index < len(one) else "-"
        right = other[index] if index < len(other) else "-"
        if left != right and shown < 4:
            lines += [f"    direct  {left}", f"    through {right}"]
            shown += 1
    return "\n".join(lines)
