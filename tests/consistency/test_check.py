"""The checker finds each anomaly in histories made for it, and nothing in clean ones."""

import itertools

import pytest

import check
from check import Event

BANK = check.ACCOUNTS * check.EACH


def history(*lines):
    """Events from `kind connection key value [start end] [server=…] [user=…] [way=…]`; without times each
    one comes after the one before."""
    events = []
    clock = itertools.count(100, 100)
    for line in lines:
        words = [word for word in line.split() if "=" not in word]
        named = dict(word.split("=") for word in line.split() if "=" in word)
        kind, connection, key, value = words[:4]
        start = next(clock)
        start, end = map(int, words[4:6]) if len(words) > 4 else (start, start + 50)
        text = "\t".join(
            [kind, connection, named.get("user", connection), str(start), str(end), named.get("server", "db2")]
            + [key, "" if value == "-" else value, named.get("way", "text")]
        )
        events.append(check.parse(text + "\n"))
    return sorted(events, key=lambda event: event.start)


def found(mode, *lines):
    """What is found, but for values that no line of the history wrote."""
    verdict = check.judge(history(*lines), mode)
    return sorted(violation.what for violation in verdict.violations if violation.what != "value from nowhere")


# --------------------------------------------------------------------------- stale reads


@pytest.mark.parametrize("mode", ["direct", "session", "key", "strong", "token", "eventual"])
def test_a_clean_session_is_clean_in_every_mode(mode):
    lines = ("w 1 x 1", "r 1 x 1", "w 1 x 2", "r 1 x 2", "s 1 x 2", "r 1 x 2", "r 2 x 2", "w 1 y 1", "r 1 y 1")
    assert not check.judge(history(*lines), mode).violations


def test_an_own_write_that_is_missing():
    assert found("session", "w 1 x 5", "r 1 x 4") == ["own write missing"]


def test_an_own_write_of_another_register_says_nothing():
    assert not found("session", "w 1 x 5", "r 1 y 0")


def test_time_that_runs_backwards():
    assert found("session", "r 1 x 5", "r 1 x 4") == ["time ran backwards"]


def test_each_read_that_is_too_old_is_found():
    assert found("session", "r 1 x 5", "r 1 x 4", "r 1 x 3", "r 1 x 5") == ["time ran backwards"] * 2


def test_an_error_that_showed_more_than_the_next_read():
    assert found("session", "s 1 x 5", "r 1 x 4") == ["time ran backwards"]


def test_what_was_shown_may_itself_be_old():
    """`s` is a least value: a duplicate key tells of a row that may long be there."""
    assert not found("session", "r 1 x 5", "s 1 x 4", "r 1 x 5")


def test_a_write_whose_outcome_is_unknown_promises_nothing():
    assert not found("session", "u 1 x 5", "r 1 x 4")
    assert not found("session", "u 1 x 5", "r 1 x 5")


def test_sessions_are_not_held_to_what_others_saw():
    assert not found("session", "r 1 x 5", "r 2 x 4")


def test_one_users_connections_are_held_to_one_another():
    lines = ("w 1 x 5 user=7", "r 2 x 4 user=7", "r 3 x 4 user=8")
    assert found("key", *lines) == ["own write missing"]
    assert found("token", *lines) == ["own write missing"]
    assert not found("session", *lines)


def test_strong_holds_everybody_to_what_was_acknowledged_to_anybody():
    lines = ("w 1 x 5", "r 2 x 4")
    assert found("strong", *lines) == ["own write missing"]
    assert found("direct", *lines) == ["own write missing"]
    assert not found("key", *lines)


def test_strong_reads_are_monotonic_in_real_time_also_before_the_acknowledgement():
    lines = ("w 1 x 5 0 1000", "r 2 x 5 10 20", "r 3 x 4 30 40")
    assert found("strong", *lines) == ["time ran backwards"]


def test_reads_at_the_same_time_may_differ():
    assert not found("strong", "w 1 x 4 0 5", "r 2 x 5 10 30", "r 3 x 4 20 40", "w 1 x 5 6 50")


def test_a_read_that_began_before_the_acknowledgement_may_miss_the_write():
    assert not found("key", "w 1 x 5 0 100 user=7", "r 2 x 4 50 150 user=7")


def test_an_event_that_ends_when_another_begins_came_before_it():
    assert found("session", "w 1 x 5 0 100", "r 1 x 4 100 150") == ["own write missing"]


def test_a_value_that_nobody_wrote():
    verdict = check.judge(history("w 1 x 1", "r 2 x 7"), "session")
    assert [violation.what for violation in verdict.violations] == ["value from nowhere"]


def test_a_value_before_it_was_written():
    verdict = check.judge(history("r 2 x 7 0 10", "w 1 x 7 20 30"), "session")
    assert [violation.what for violation in verdict.violations] == ["value from nowhere"]


def test_a_value_may_be_read_before_its_acknowledgement_and_after_a_failure():
    lines = ("w 1 x 7 0 100", "r 2 x 7 10 20", "u 1 x 8 200 300", "r 2 x 8 400 500", "r 3 z 0 0 1")
    assert not check.judge(history(*lines), "strong").violations


# --------------------------------------------------------------------------- effect and cause


@pytest.mark.parametrize("effect, cause", check.CAUSES.items())
def test_an_effect_without_its_cause(effect, cause):
    assert found("session", f"r 1 {effect} 9", f"r 1 {cause} 8") == ["effect without cause"]
    assert not found("session", f"r 1 {effect} 9", f"r 1 {cause} 9")
    assert not found("session", f"r 1 {cause} 8", f"r 1 {effect} 9")
    assert not found("session", f"r 1 {effect} 9", f"r 2 {cause} 8")


# --------------------------------------------------------------------------- long fork


def test_a_long_fork_of_two_sessions():
    assert found("session", "p 1 xy 5,3", "p 2 yx 4,4") == ["long fork"]


@pytest.mark.parametrize("other", ["5,4", "4,3", "5,3", "6,3", "4,2"])
def test_no_fork_where_some_order_explains_both(other):
    assert not found("session", "p 1 xy 5,3", f"p 2 yx {other}")


def test_pairs_read_in_the_same_order_prove_nothing():
    """x=5, and a while later y=3; x=4, and a while later y=4: the second reader was just slower."""
    assert not found("session", "p 1 xy 5,3", "p 2 xy 4,4")


def test_snapshots_that_fork():
    assert found("session", "p 1 both 5,3", "p 2 both 4,4") == ["long fork"]
    assert not found("session", "p 1 both 5,3", "p 2 both 5,4", "p 3 both 4,3")


def test_snapshots_of_the_leader_are_left_out():
    assert not found("session", "p 1 both 5,3 server=db1", "p 2 both 4,4")


def test_a_fork_among_many():
    pairs = [f"p 1 xy {n},{n}" for n in range(1, 500)] + [f"p 2 yx {n},{n}" for n in range(1, 500)]
    assert not found("session", *pairs)
    assert found("session", *pairs, "p 3 xy 250,240")[0] == "long fork"


# --------------------------------------------------------------------------- bank


def test_a_sum_that_is_not_the_constant():
    assert found("session", f"b 1 single {BANK - 1}") == ["wrong sum"]
    assert found("session", f"b 1 read-only {BANK + 5}") == ["wrong sum"]
    assert not found("session", f"b 1 single {BANK}")


def test_sums_of_two_statements_may_be_torn():
    verdict = check.judge(history(f"b 1 torn {BANK - 1}", f"b 1 torn {BANK}"), "session")
    assert not verdict.violations
    assert verdict.torn == 1


# --------------------------------------------------------------------------- lists


def test_lists_that_only_grow():
    assert not found("session", "a 1 k 1.1,", "l 1 k 1.1,", "a 2 k 2.1,", "l 1 k 1.1,2.1,", "l 3 k -", "l 3 k 1.1,")


def test_lists_in_two_orders():
    assert "lists that fork" in found("session", "l 1 k 1.1,2.1,", "l 2 k 2.1,")


def test_an_item_is_not_the_beginning_of_a_longer_one():
    assert "lists that fork" in found("session", "l 1 k 1.11,2.1,", "l 2 k 1.1,")


def test_a_list_that_shrinks():
    assert found("session", "l 1 k 1.1,2.1,", "l 1 k 1.1,") == ["time ran backwards"]
    assert not found("session", "l 1 k 1.1,2.1,", "l 2 k 1.1,")


def test_an_own_append_that_is_missing():
    assert found("session", "a 1 k 1.1,", "l 1 k -") == ["own write missing"]
    assert found("session", "l 2 k 2.1,1.1,", "a 1 k 1.1,", "l 1 k 2.1,") == ["own write missing"]


def test_an_append_that_was_acknowledged_and_lost():
    assert found("session", "a 1 k 1.1,", "l 1 k 2.1,", "l 1 k 2.1,3.1,") == ["own write missing"] * 2


def test_an_append_whose_outcome_is_unknown():
    assert not found("session", "u 1 k 1.1,", "l 1 k -")


# --------------------------------------------------------------------------- the rest


def test_shares_and_errors_are_counted():
    verdict = check.judge(
        history("w 1 x 1", "r 1 x 1", "r 1 x 1 server=db1", "p 1 xy 1,1 way=pair", "r 1 x 1 way=with-sum", "r 1 x 1 server=-", "e 1 - 1213 way=read-only"), "session"
    )
    assert (verdict.reads, verdict.served, verdict.followers) == (3, 2, 1)
    assert verdict.errors == {("read-only", 1213): 1}


def test_latency_classes():
    events = history("r 1 x 0", "r 1 x 0", "w 1 x 1", "r 1 x 1", "r 1 x 1 server=db3", "r 1 x 1 server=db1", "r 1 x 1 way=call")
    assert {name: len(values) for name, values in check.latencies(events).items()} == {
        "waiting": 3, "covered": 1, "leader": 1,
    }


def test_percentiles():
    assert check.percentile([], 50) is None
    assert check.percentile([1], 99) == 1
    assert check.percentile(list(range(100)), 50) == 50
    assert check.percentile(list(range(100)), 99) == 99


def test_histories_come_back_from_files_in_order(tmp_path):
    (tmp_path / "client-0.history").write_text("w\t0\t0\t30\t40\t-\tx\t1\ttext\nr\t0\t0\t50\t60\tdb2\tx\t1\ttext\n")
    (tmp_path / "client-1.history").write_text("l\t1\t1\t10\t20\tdb3\t4\t\ttext\n")
    events = check.load(tmp_path)
    assert [event.kind for event in events] == ["l", "w", "r"]
    assert events[0] == Event("l", 1, 1, 10, 20, "db3", "4", "", "text")
    assert events[1].value == 1


def test_a_quarter_of_a_million_reads_are_judged_in_time():
    import time

    lines = []
    for at in range(250_000):
        lines.append(Event("r" if at % 8 else "w", at % 16, at % 8, at * 10, at * 10 + 5, "db2", f"x.{at % 16}", at, "text"))
    started = time.monotonic()
    check.judge(lines, "key")
    assert time.monotonic() - started < 20
