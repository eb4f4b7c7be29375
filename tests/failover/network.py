"""A network of the test's own: a namespace and an address for each server and for Causeway, on one bridge. A way
between two of them can be cut in either direction: what comes from there is dropped without a word, as by a broken
cable, and both ends only notice that nothing comes. Needs root."""

import os
import subprocess

CAUSEWAY = "causeway"


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


class Network:
    """Names are db1, db2 ... and "causeway"."""

    def __init__(self, servers=3):
        number = os.getpid() % 200 + 20
        self.prefix = f"cw{os.getpid() % 100000}"
        self.subnet = f"10.77.{number}"
        self.names = [*(f"db{index + 1}" for index in range(servers)), CAUSEWAY]
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.subnet}.254/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for name in self.names:
            self.add(name)

    @property
    def bridge(self):
        return f"{self.prefix}b"

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    def link(self, name):
        return f"{self.prefix}{self.names.index(name)}"

    def address(self, name):
        return f"{self.subnet}.{self.names.index(name) + 1}"

    def add(self, name):
        space, link = self.namespace(name), self.link(name)
        ip("netns", "add", space)
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("link", "set", link, "master", self.bridge, "up")
        ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")
        # Rules of ours come before the one that delivers to local addresses.
        ip("-n", space, "rule", "add", "pref", "10", "lookup", "local")
        ip("-n", space, "rule", "del", "pref", "0")

    def cluster_arguments(self):
        return [f"--netns={name}={self.namespace(name)}:{self.address(name)}" for name in self.names if name != CAUSEWAY]

    def inside(self, name):
        """The words before a command that shall run there."""
        return ("ip", "netns", "exec", self.namespace(name))

    def cut_from_to(self, source, target):
        """Nothing of `source` arrives at `target` any more."""
        ip("-n", self.namespace(target), "rule", "add", "pref", "1", "from", self.address(source), "blackhole")

    def cut(self, one, other):
        self.cut_from_to(one, other)
        self.cut_from_to(other, one)

    def isolate(self, name):
        for other in self.names:
            if other != name:
                self.cut(name, other)

    def heal(self):
        for name in self.names:
            while "blackhole" in ip("-n", self.namespace(name), "rule"):
                ip("-n", self.namespace(name), "rule", "del", "pref", "1")

    def close(self):
        for name in self.names:
            ip("netns", "del", self.namespace(name), check=False)
            ip("link", "del", self.link(name), check=False)
        ip("link", "del", self.bridge, check=False)
