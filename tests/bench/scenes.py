"""What sysbench alone can't show. Each scene gets the bench (run's Bench), prints its figures and returns them for
the record."""

import contextlib
import itertools
import random
import statistics
import threading
import time

import load
from crowd import Crowd
from targets import causeway_target
from wire import QUERY, Wire

GREEDY_ROWS = 16  # times the 64 MiB of demo.big: 1 GiB
GREEDY_PACKET = 64 << 20
CROWD = 2000
THINK_SECONDS = 2.0


def idle(bench):
    """KiB of a target's memory for each client that logged in, ran a query and stays."""
    def one(target):
        client = Wire(target.port, timeout=30)
        client.login(schema="demo")
        client.query("SELECT 1")
        return client

    found = {}
    for target in bench.targets:
        if not target.pid:
            continue
        clients = [one(target) for _ in range(20)]
        before = target.memory_kib()
        clients += [one(target) for _ in range(bench.options.idle_clients)]
        found[target.name] = (target.memory_kib() - before) / bench.options.idle_clients
        for client in clients:
            client.close()
        print(f"  {target.name:22} {found[target.name]:8.2f} KiB", flush=True)
    return found


def eventual(bench):
    """What a covered read behind a write costs beside one that promises nothing."""
    with contextlib.ExitStack() as stack:
        promising = bench.target("causeway")
        careless = causeway_target(stack, bench.cluster, bench.folder, "eventual", {"routing": {"consistency": "eventual"}})
        # Reads of rows that nobody writes, behind a write of one's own: both go to followers, and only one looks.
        workload = load.Workload("write_then_reads", 16, "write_then_reads")
        found = load.run_workload([promising, careless], workload, bench.options.rounds, bench.options.seconds)
    load.print_table(found)
    ratio = load.median_of(found["causeway"], "cpu") / load.median_of(found["eventual"], "cpu")
    print(f"  CPU with session guarantees: {ratio:.3f} of eventual's", flush=True)
    return {"ratio": ratio}


def lag(bench):
    """Rounds of write and own read while followers are prompt, one is a second late, both are."""
    target = bench.target("causeway")
    workload = load.named("own_reads_16")
    followers = bench.cluster.followers
    found = {}
    for name, late in (("none", []), ("one", followers[:1]), ("both", followers)):
        with bench.cluster.delayed(1, late) if late else contextlib.nullcontext():
            load.measure(target, workload, 2)  # the sessions of a real application are there already
            rates, shares = [], []
            for _ in range(bench.options.rounds):
                leader, follower = target.statements()
                rates.append(load.measure(target, workload, bench.options.seconds).rate / 2)
                leader_now, follower_now = target.statements()
                # One in two is a write and goes to the leader.
                shares.append(2 * (follower_now - follower) / (leader_now - leader + follower_now - follower))
        found[name] = {"rounds": statistics.median(rates), "from_followers": statistics.median(shares)}
        ratio = found[name]["rounds"] / found["none"]["rounds"]
        print(f"  {name:5} late {found[name]['rounds']:10.0f} rounds/s  {ratio:5.2f}"
              f"  reads from followers {100 * found[name]['from_followers']:5.1f} %", flush=True)
    return found


def pull_results(target, stop):
    while not stop.is_set():
        with contextlib.closing(Wire(target.port, timeout=60)) as client:
            client.login(schema="demo")
            client.send(bytes([QUERY]) + f"SELECT b FROM big, seq_1_to_{GREEDY_ROWS}".encode())
            into = bytearray(1 << 20)
            left = GREEDY_ROWS * GREEDY_PACKET
            while left > 0 and not stop.is_set():
                left -= client.socket.recv_into(into)


def push_packets(target, stop):
    statement = "SELECT LENGTH('" + "y" * (GREEDY_PACKET - 100) + "')"
    with contextlib.closing(Wire(target.port, timeout=60)) as client:
        client.login(schema="demo")
        while not stop.is_set():
            client.query(statement)


def greedy(bench):
    """p99 of 16 small clients alone, beside one that pulls 1 GiB results, and beside one that sends 64 MiB packets."""
    workload = load.named("point_text_16")
    found = {}
    for target in bench.targets:
        found[target.name] = {"alone": load.measure(target, workload, bench.options.seconds).p99}
        for name, appetite in (("results", pull_results), ("packets", push_packets)):
            stop = threading.Event()
            eater = threading.Thread(target=appetite, args=(target, stop))
            eater.start()
            try:
                found[target.name][name] = load.measure(target, workload, bench.options.seconds).p99
            finally:
                stop.set()
                eater.join()
        alone, results, packets = found[target.name].values()
        print(f"  {target.name:22} p99 alone {alone:7.2f} ms  beside results {results:7.2f} ({results / alone:4.1f})"
              f"  beside packets {packets:7.2f} ({packets / alone:4.1f})", flush=True)
    return found


def crowd(bench):
    """2,000 clients that think for some seconds: CPU of a query, its latency, memory of a client."""
    found = {}
    for target in bench.targets:
        latencies = []
        before, memory = target.cpu_seconds(), target.memory_kib()
        guests = Crowd(target.port)
        until = time.monotonic() + 10 + 2 * bench.options.seconds
        for number in range(CROWD):
            guests.admit(str(number), thinking_client(random.Random(number), until, latencies))
        guests.run(120)
        assert not guests.failures, guests.failures[:3]
        latencies.sort()
        cpu = (target.cpu_seconds() - before) * 1e6 / len(latencies)
        found[target.name] = {
            "queries": len(latencies), "cpu": cpu, "p50": latencies[len(latencies) // 2] * 1e3,
            "p99": latencies[len(latencies) * 99 // 100] * 1e3, "kib": (target.memory_kib() - memory) / CROWD,
        }
        print("  {:22} {queries:7} queries  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  cpu {cpu:7.2f} us  {kib:5.2f} KiB a client"
              .format(target.name, **found[target.name]), flush=True)
    return found


def thinking_client(chance, until, latencies):
    for _ in itertools.count():
        yield chance.random() * 2 * THINK_SECONDS
        if time.monotonic() > until:
            return
        begun = time.monotonic()
        reply = yield bytes([QUERY]) + f"SELECT c FROM bench WHERE id={chance.randint(1, 10000)}".encode()
        latencies.append(time.monotonic() - begun)
        assert len(reply.value()) == 119


def workers(bench):
    """CPU of a query with one worker and with two: what two share must not cost more."""
    with contextlib.ExitStack() as stack:
        two = causeway_target(stack, bench.cluster, bench.folder, "causeway-2-workers", {"proxy": {"threads": "2"}})
        found = load.run_workload([bench.target("causeway"), two], load.named("point_text_64"),
                                  bench.options.rounds, bench.options.seconds)
    load.print_table(found)
    one, two = (load.median_of(rounds, "cpu") for rounds in found.values())
    print(f"  so two workers on processors of their own do {2 * one / two:.2f} of one's work", flush=True)
    return {"gain": 2 * one / two}


SCENES = {scene.__name__: scene for scene in (idle, eventual, lag, workers, greedy, crowd)}
