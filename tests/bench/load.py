"""Load from sysbench (workloads.lua) on one target at a time, and what it cost."""

import dataclasses
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Figures:
    """Of one round of one target."""

    rate: float  # queries a second
    cpu: float  # microseconds of the target's CPU a query
    p50: float  # milliseconds an event
    p99: float


@dataclasses.dataclass
class Workload:
    name: str
    threads: int
    lua: str
    events_as_queries: bool = False  # a connect counts as one, whatever it sends


WORKLOADS = [
    Workload("point_text_1", 1, "point_text"),
    Workload("point_text_16", 16, "point_text"),
    Workload("point_text_64", 64, "point_text"),
    Workload("point_prepared_16", 16, "point_prepared"),
    Workload("point_prepared_64", 64, "point_prepared"),
    Workload("read_only_16", 16, "read_only"),
    Workload("read_write_16", 16, "read_write"),
    Workload("own_reads_16", 16, "own_reads"),
    Workload("connect_16", 16, "connect", events_as_queries=True),
    Workload("big_result", 1, "big_result"),
    Workload("many_rows", 4, "many_rows"),
]


def named(name):
    return next(workload for workload in WORKLOADS if workload.name == name)


def sysbench(target, workload, seconds):
    """Runs the load and returns (queries, events, [(ms, count)], seconds)."""
    done = subprocess.run(
        ["sysbench", HERE / "workloads.lua", f"--workload={workload.lua}",
         f"--threads={workload.threads}", f"--time={seconds}", "--histogram=on", "--mysql-host=127.0.0.1",
         f"--mysql-port={target.port}", "--mysql-user=app", "--mysql-password=app-demo", "--mysql-db=demo", "run"],
        capture_output=True, text=True, timeout=seconds + 60, check=False,
    )
    if done.returncode != 0:
        sys.exit(f"sysbench against {target.name}, {workload.name}:\n{done.stdout}{done.stderr}")
    queries = int(re.search(r"queries:\s+(\d+)", done.stdout).group(1))
    events = int(re.search(r"total number of events:\s+(\d+)", done.stdout).group(1))
    elapsed = float(re.search(r"total time:\s+([\d.]+)s", done.stdout).group(1))
    histogram = [(float(ms), int(count)) for ms, count in
                 re.findall(r"^\s+([\d.]+) \|\**\s+(\d+)$", done.stdout, re.M)]
    return queries, events, histogram, elapsed


def percentile(histogram, share):
    """Of [(value, count)] in rising order."""
    wanted = share * sum(count for _, count in histogram)
    for value, count in histogram:
        wanted -= count
        if wanted <= 0:
            return value
    return 0.0


def measure(target, workload, seconds):
    before = target.cpu_seconds()
    queries, events, histogram, elapsed = sysbench(target, workload, seconds)
    cpu = target.cpu_seconds() - before
    count = max(1, events if workload.events_as_queries else queries)
    return Figures(count / elapsed, cpu * 1e6 / count, percentile(histogram, 0.5), percentile(histogram, 0.99))


def rotated(targets, rounds):
    """Every target once in each round, in an order that rotates."""
    for turn in range(rounds):
        shift = turn % len(targets)
        yield from targets[shift:] + targets[:shift]


def run_workload(targets, workload, rounds, seconds):
    """{target's name: [Figures of each round]}"""
    found = {target.name: [] for target in targets}
    for target in targets:
        measure(target, workload, 1)  # warm
    for target in rotated(targets, rounds):
        found[target.name].append(measure(target, workload, seconds))
    return found


def median_of(rounds, figure):
    return statistics.median(getattr(each, figure) for each in rounds)


def print_table(found):
    floor = median_of(found["floor"], "cpu") if "floor" in found else 0
    for name, rounds in found.items():
        rate, cpu, p50, p99 = (median_of(rounds, figure) for figure in ("rate", "cpu", "p50", "p99"))
        ratio = f"{cpu / floor:5.2f}" if floor and cpu else "     "
        print(f"  {name:22} {rate:10.0f}/s  p50 {p50:8.3f} ms  p99 {p99:8.3f} ms  cpu {cpu:10.2f} us {ratio}", flush=True)
