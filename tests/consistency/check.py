#!/usr/bin/python3
"""Judges histories: what clients were told, against what was promised to them.

A history has one line an event, tab separated:

    kind connection user start end server key value way

start and end are CLOCK_MONOTONIC nanoseconds around the event, so that an event that ended before another
began came before it. `kind` is one of

    r  a read returned `value` of register `key`      w  a write of `value` was acknowledged
    s  a reply showed that `key` holds at least `value` u  a write failed, and may have happened or not
    p  two registers, x and y, as "x,y"; key tells in which order they were read (both: at once)
    b  a sum over all accounts                        l  a whole list        a  an acknowledged append
    e  an error; `value` is its code

Registers only grow, each has one writer, so a value is also a version. Everything below is a pure
function over such events.

    check.py FOLDER --mode session                  judges the histories of one recording
"""

import argparse
import bisect
import collections
import pathlib
import sys

Event = collections.namedtuple("Event", "kind connection user start end server key value way")
Violation = collections.namedtuple("Violation", "what event because")
Verdict = collections.namedtuple("Verdict", "reads violations torn errors followers served latencies")

ACCOUNTS, EACH = 16, 1000
LEADER = "db1"
READS = "rpbl"
PLAIN = ("text", "prepared")
DERIVED = ("pair", "with-sum")  # ways of events that tell again what a read of another line has told

# --------------------------------------------------------------------------- whom a promise binds


def by_connection(event):
    return event.connection


def by_user(event):
    return event.user


def by_nobody(_event):
    """One group of all: what real time orders, everybody sees in that order."""
    return 0


GROUPS = {
    "direct": by_nobody,  # one server is linearizable
    "strong": by_nobody,
    "session": by_connection,
    "key": by_user,
    "account": by_user,
    "token": by_user,
    "eventual": by_connection,  # promises nothing; judged as a session, and must be found out
}

# Who has seen the effect has seen the cause: register -> the one that was written before it.
CAUSES = {
    "ledger.h_effect.2": "demo.h_cause.0",
    "ledger.h_effect.3": "demo.h_cause.1",
    "ledger.h_effect.6": "demo.h_cause.0",
}

# --------------------------------------------------------------------------- reading histories


def parse(line):
    kind, connection, user, start, end, server, key, value, way = line.rstrip("\n").split("\t")
    return Event(
        kind,
        int(connection),
        int(user),
        int(start),
        int(end),
        server,
        key,
        value if kind in "pla" or not value.lstrip("-").isdigit() else int(value),
        way,
    )


def load(folder):
    """All events of a recording, by the time at which they began."""
    events = []
    for path in sorted(pathlib.Path(folder).glob("*.history")):
        with open(path, encoding="utf-8") as lines:
            events.extend(map(parse, lines))
    events.sort(key=lambda event: event.start)
    return events


# --------------------------------------------------------------------------- registers


def stale_reads(events, group_of, causes=None):
    """Reads of less than was known before they began, within their group: own writes that are
    missing, time that ran backwards, effects without their cause. `events` are sorted by start."""
    causes = causes or {}
    groups = collections.defaultdict(list)
    for event in events:
        if event.kind in "rsw":
            groups[group_of(event)].append(event)
    found = []
    for group in groups.values():
        found.extend(stale_reads_of_group(group, causes))
    return found


def stale_reads_of_group(group, causes):
    """`known` is what any event that has ended by now has told: key -> (least value, which event)."""
    found, known = [], {}
    endings = sorted(group, key=lambda event: event.end)
    ended = 0
    for event in group:
        while ended < len(endings) and endings[ended].end <= event.start:
            learn(known, endings[ended], causes)
            ended += 1
        if event.kind == "r":
            least, because = known.get(event.key, (0, None))
            if event.value < least:
                found.append(Violation(name_stale(event, because), event, because))
    return found


def learn(known, event, causes):
    for key in (event.key, causes.get(event.key)):
        if key is not None and event.value > known.get(key, (0, None))[0]:
            known[key] = (event.value, event)


def name_stale(event, because):
    if because.key != event.key:
        return "effect without cause"
    return "own write missing" if because.kind == "w" else "time ran backwards"


def unwritten_reads(events):
    """Reads of a value that nobody had tried to write by the time they ended."""
    begun = {}
    for event in events:
        if event.kind in "wu":
            begun.setdefault((event.key, event.value), event.start)
    found = []
    for event in events:
        if event.kind == "r" and event.value != 0:
            if begun.get((event.key, event.value), event.end + 1) > event.end:
                found.append(Violation("value from nowhere", event, None))
    return found


# --------------------------------------------------------------------------- long fork


def long_forks(events):
    """x and y are written independently. One reader saw x=n and after that y=m: so x's n-th write came
    before y's m+1-st. Another saw y=m' and after that x=n': y's m'-th came before x's n'+1-st. With
    n > n' and m' > m the two contradict each other in every order of the writes.

    Left out are pairs that one statement has read on the leader: InnoDB takes its snapshot without
    stopping commits, and may see a transaction without an earlier one. Two statements don't."""
    x_first, y_first = [], []
    for event in events:
        if event.kind == "p" and not (event.key == "both" and event.server == LEADER):
            x, y = map(int, event.value.split(","))
            if event.key in ("xy", "both"):
                x_first.append((x, y, event))
            if event.key in ("yx", "both"):
                y_first.append((x, y, event))
    return forks_between(x_first, y_first)


def forks_between(x_first, y_first):
    """For each of y_first, the witness with the least y among those of x_first that saw a newer x."""
    x_first.sort(key=lambda pair: pair[0])
    xs = [pair[0] for pair in x_first]
    least = list(x_first)  # from each position on, the pair with the least y
    for at in range(len(least) - 2, -1, -1):
        if least[at + 1][1] < least[at][1]:
            least[at] = least[at + 1]
    found = []
    for x, y, event in y_first:
        at = bisect.bisect_right(xs, x)
        if at < len(least) and least[at][1] < y:
            found.append(Violation("long fork", event, least[at][2]))
    return found


# --------------------------------------------------------------------------- bank


def wrong_sums(events):
    """Sums of one snapshot that are not the constant. Those of two statements are no snapshot."""
    return [
        Violation("wrong sum", event, None)
        for event in events
        if event.kind == "b" and event.key != "torn" and event.value != ACCOUNTS * EACH
    ]


def torn_sums(events):
    """How many sums of two statements were not the constant: shows that transfers were under way."""
    return sum(event.kind == "b" and event.key == "torn" and event.value != ACCOUNTS * EACH for event in events)


# --------------------------------------------------------------------------- lists


def list_violations(events, group_of):
    """Any two reads of a list are one the beginning of the other; within a group they only grow, and
    hold the group's own appends."""
    longest = {}
    for event in events:
        if event.kind == "l" and len(event.value) > len(longest.get(event.key, "")):
            longest[event.key] = event.value
    found, as_registers = [], []
    places = {key: {item: at + 1 for at, item in enumerate(items(text))} for key, text in longest.items()}
    for event in events:
        if event.kind == "l":
            if not longest.get(event.key, "").startswith(event.value):
                found.append(Violation("lists that fork", event, longest[event.key]))
            as_registers.append(event._replace(kind="r", value=len(items(event.value))))
        elif event.kind == "a":
            place = places.get(event.key, {}).get(event.value.rstrip(","), float("inf"))
            as_registers.append(event._replace(kind="w", value=place))
    return found + stale_reads(as_registers, group_of)


def items(text):
    return text.split(",")[:-1]


# --------------------------------------------------------------------------- latencies and shares


def latencies(events):
    """Of plain reads, in microseconds, by what came before on their connection:
    covered: a plain read on the same follower; waiting: anything else that a follower then served;
    leader: served by the leader."""
    classes = collections.defaultdict(list)
    last = {}
    for event in events:
        if event.kind == "r" and event.way in PLAIN:
            before = last.get(event.connection)
            classes[latency_class(event, before)].append((event.end - event.start) / 1000)
        if event.way not in DERIVED:
            last[event.connection] = event
    return {name: sorted(found) for name, found in classes.items()}


def latency_class(event, before):
    if event.server == LEADER:
        return "leader"
    same = before is not None and before.kind == "r" and before.way in PLAIN and before.server == event.server
    return "covered" if same else "waiting"


def percentile(sorted_values, percent):
    if not sorted_values:
        return None
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


# --------------------------------------------------------------------------- the whole


def judge(events, mode):
    """The verdict over one recording; `events` sorted by start."""
    group_of = GROUPS[mode]
    violations = stale_reads(events, group_of, CAUSES)
    violations += unwritten_reads(events)
    violations += long_forks(events)
    violations += wrong_sums(events)
    violations += list_violations(events, group_of)
    reads = [event for event in events if event.kind in READS and event.way not in DERIVED]
    served = [event.server for event in reads if event.server != "-"]
    return Verdict(
        reads=len(reads),
        violations=violations,
        torn=torn_sums(events),
        errors=collections.Counter((event.way, event.value) for event in events if event.kind == "e"),
        followers=sum(server != LEADER for server in served),
        served=len(served),
        latencies=latencies(events),
    )


def show(event):
    if not isinstance(event, Event):
        return str(event)
    return (
        f"{event.kind} {event.key}={event.value} by {event.way} on {event.server}, connection "
        f"{event.connection}, user {event.user}, {event.start / 1e6:.3f} to {event.end / 1e6:.3f} ms"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--mode", choices=GROUPS, required=True)
    parser.add_argument("--examples", type=int, default=5)
    arguments = parser.parse_args()
    verdict = judge(load(arguments.folder), arguments.mode)
    counts = collections.Counter(violation.what for violation in verdict.violations)
    print(f"{verdict.reads} reads, {verdict.followers} of {verdict.served} by followers, {dict(counts)}")
    for violation in verdict.violations[: arguments.examples]:
        print(f"{violation.what}:\n  {show(violation.event)}\n  {show(violation.because)}")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
