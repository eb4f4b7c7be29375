"""What happens to the cluster and to Causeway while histories are recorded: FAULTS is the list.

A fault may `begin` something before the recording, go round and round in `step` during it, and `end` it
afterwards; Lab.heal() mends what is left. A step waits with `wait(seconds)`, which returns early when
the recording is over."""

import os
import random
import signal
from dataclasses import dataclass
from typing import Callable

# Errors that a client may be told when a follower goes away under it (docs/OPERATIONS.md).
FOLLOWER_LOST = (1159, 1213)


def nothing(*_):
    pass


def idle(_lab, wait):
    wait(1)


@dataclass
class Fault:
    begin: Callable = nothing
    step: Callable = idle
    end: Callable = nothing
    domains: bool = False  # clients write in two GTID domains
    explains: tuple = ()  # errors that clients may get
    breaks: tuple = ()  # violations that the contract does not rule out here
    needs_namespaces: bool = False
    serves: bool = True  # some follower could serve something
    pool_share: float = 0  # max_server_connections as a share of the clients' connections


# --------------------------------------------------------------------------- single faults


def delay_one(lab):
    lab.cluster.followers[-1].set_delay(3)


def delay_both(lab):
    for follower in lab.cluster.followers:
        follower.set_delay(3)


def applier(lab, wait):
    for follower in lab.cluster.followers:
        follower.sql("STOP SLAVE SQL_THREAD")
        wait(0.5)
        follower.sql("START SLAVE SQL_THREAD")
        wait(0.5)


def freeze(lab, wait):
    for follower in lab.cluster.followers:
        os.kill(follower.pid(), signal.SIGSTOP)
        wait(0.7)
        os.kill(follower.pid(), signal.SIGCONT)
        wait(0.7)


def kill(lab, wait):
    for follower in lab.cluster.followers:
        lab.kill(follower)
        wait(0.3)
        lab.restart(follower)
        wait(2)


def each_follower(*statements):
    def act(lab):
        for follower in lab.cluster.followers:
            for statement in statements:
                follower.sql(statement)

    return act


# Strict mode would stop the follower for good when it applies again what its log has and its tables
# have lost.
careless = each_follower(
    "SET GLOBAL gtid_strict_mode=0", "SET GLOBAL innodb_flush_log_at_trx_commit=0", "SET GLOBAL sync_binlog=0"
)
careful = each_follower("SET GLOBAL innodb_flush_log_at_trx_commit=2", "SET GLOBAL gtid_strict_mode=1")


def kill_lossy(lab, wait):
    for follower in lab.cluster.followers:
        before = position(follower)
        lab.kill(follower)
        wait(0.3)
        lab.restart(follower)
        lab.note("positions went back" if position(follower) < before else "positions stayed")
        careless(lab)
        if follower.trouble():
            follower.set_delay(0)
        wait(2)


def position(server):
    """The sum of the sequence numbers that its readers see: falls when any of them does."""
    gtids = server.value("SELECT @@gtid_slave_pos").split(",")
    return sum(int(gtid.rsplit("-", 1)[1]) for gtid in gtids if gtid)


def after_sync(lab):
    lab.cluster.leader.sql(
        "SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC; SET GLOBAL rpl_semi_sync_master_timeout=1000;"
        "SET GLOBAL rpl_semi_sync_master_enabled=1"
    )
    each_follower("SET GLOBAL rpl_semi_sync_slave_enabled=1", "STOP SLAVE IO_THREAD; START SLAVE IO_THREAD")(lab)


def no_sync(lab):
    lab.cluster.leader.sql("SET GLOBAL rpl_semi_sync_master_enabled=0")
    each_follower("SET GLOBAL rpl_semi_sync_slave_enabled=0", "STOP SLAVE IO_THREAD; START SLAVE IO_THREAD")(lab)


def drain(lab, wait):
    for follower in lab.cluster.followers:
        lab.console(f"DRAIN {follower.name}")
        wait(0.4)
        lab.console(f"RESUME {follower.name}")
        wait(0.2)


def reload_config(lab, wait):
    for number, weights in enumerate(((1, 3), (3, 1), (0, 1), (1, 1))):
        for proxy in lab.proxies:
            overrides = {section: dict(keys) for section, keys in proxy.overrides.items()}
            for follower, weight in zip(lab.cluster.followers, weights):
                overrides.setdefault(f"server:{follower.name}", {})["weight"] = str(weight)
            overrides.setdefault("routing", {})["causal_timeout"] = f"{50 * (number + 1)}ms"
            proxy.write_config(overrides)
            if number % 2:
                proxy.reload()
            else:
                lab.console("RELOAD")
        wait(0.3)


def appliers(threads):
    return each_follower(
        "STOP SLAVE",
        f"SET GLOBAL slave_parallel_threads={threads}",
        "SET GLOBAL slave_parallel_mode=optimistic",
        "START SLAVE",
    )


def log_format(name):
    def act(lab):
        for server in lab.cluster.servers:
            server.sql(f"SET GLOBAL binlog_format={name}")

    return act


def cut(link):
    def step(lab, wait):
        for follower in lab.cluster.followers:
            lab.set_link(follower, link, "down")
            wait(1.5)
            lab.set_link(follower, link, "up")
            wait(1.5)

    return step


# --------------------------------------------------------------------------- all at once


def anything_begin(lab):
    careless(lab)
    appliers(4)(lab)
    after_sync(lab)


def anything(lab, wait):
    """Any of the faults that come and go, in any order, often while one follower is late."""
    choices = [applier, freeze, kill_lossy, drain, reload_config]
    if lab.namespaces:
        choices += [cut("clients"), cut("log")]
    late = random.choice(lab.cluster.followers)
    if random.random() < 0.3:
        late.set_delay(2)
    random.choice(choices)(lab, wait)
    if late.trouble():
        late.set_delay(0)


def anything_end(lab):
    no_sync(lab)
    appliers(0)(lab)
    careful(lab)


# Several domains are applied in one order only by one applier: with parallel ones an effect may be
# seen before its cause, and x and y in two orders.
ACROSS_DOMAINS = ("effect without cause", "long fork")

# A read may be under way to the follower that is lost.
FAULTS = {
    "none": Fault(),
    "delay-one": Fault(begin=delay_one),
    "delay-both": Fault(begin=delay_both, serves=False),
    "applier": Fault(step=applier),
    "freeze": Fault(step=freeze, explains=FOLLOWER_LOST),
    "kill": Fault(step=kill, explains=FOLLOWER_LOST),
    "kill-lossy": Fault(begin=careless, step=kill_lossy, end=careful, explains=FOLLOWER_LOST),
    "after-sync": Fault(begin=after_sync, end=no_sync),
    "drain": Fault(step=drain),
    "pool": Fault(pool_share=0.95, explains=(1040,)),
    "reload": Fault(step=reload_config),
    "parallel": Fault(begin=appliers(4), end=appliers(0)),
    "mixed-format": Fault(begin=log_format("MIXED"), end=log_format("ROW")),
    "statement-format": Fault(begin=log_format("STATEMENT"), end=log_format("ROW")),
    "domains": Fault(domains=True),
    "domains-parallel": Fault(domains=True, begin=appliers(4), end=appliers(0), breaks=ACROSS_DOMAINS),
    "cut-follower": Fault(step=cut("clients"), needs_namespaces=True, explains=FOLLOWER_LOST),
    "cut-log": Fault(step=cut("log"), needs_namespaces=True),
    "anything": Fault(begin=anything_begin, step=anything, end=anything_end, explains=FOLLOWER_LOST),
}
