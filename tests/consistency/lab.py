"""The place where histories are recorded: a cluster whose followers live in network namespaces of
their own, Causeway processes before it, and the recorders.

    this namespace: db1, Causeway, recorders        follower's namespace: db2 (db3)
        10.77.2.1  ---- link "clients"  ----  10.77.2.2   Causeway reads from it here
        10.78.2.1  ---- link "log"      ----  10.78.2.2   it follows the leader through this one

Where no namespaces are to be had everything is on 127.0.0.1, and links can't be cut."""

import collections
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pymysql

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import harness  # noqa: E402 # pylint: disable=wrong-import-position

NAMESPACE_MARK = "CAUSEWAY_CONSISTENCY_NAMESPACE"
ACCOUNTS = 8  # h0, h1, …: one for each user of a recorder


def enter_namespace():
    """Runs this program again in a network namespace of its own, if the machine lets us."""
    if os.environ.get(NAMESPACE_MARK) is not None:
        return
    enter = ["unshare", "--net", "--mount"]
    allowed = subprocess.run(enter + ["ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    os.environ[NAMESPACE_MARK] = "yes" if allowed.returncode == 0 else ""
    if allowed.returncode == 0:
        os.execvp(enter[0], enter + [sys.executable] + sys.argv)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Lab:
    """The cluster, its links, and what runs before it."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.namespaces = bool(os.environ.get(NAMESPACE_MARK))
        self.folder = harness.scratch("consistency")
        self.proxies = []
        self.cut_links = set()
        self.notes = collections.Counter()  # what a fault has to tell
        self.cluster = None

    # -- life

    def start(self):
        if self.namespaces:
            ip("link", "set", "lo", "up")
        options = ["bind_address=0.0.0.0"] if self.namespaces else []
        self.cluster = harness.Cluster(self.folder / "cluster", options=options)
        self.cluster.leader.sql(
            "CREATE DATABASE ledger; GRANT ALL PRIVILEGES ON ledger.* TO 'app'@'%';"
            "GRANT BINLOG REPLAY ON *.* TO 'app'@'%'"  # SET SESSION gtid_domain_id needs it
        )
        for number in range(ACCOUNTS):
            self.cluster.leader.sql(
                f"CREATE USER h{number}@'%' IDENTIFIED BY 'app-demo'; GRANT BINLOG REPLAY ON *.* TO h{number}@'%';"
                f"GRANT ALL ON demo.* TO h{number}@'%'; GRANT ALL ON ledger.* TO h{number}@'%'"
            )
        self.cluster.caught_up()
        if self.namespaces:
            for follower in self.cluster.followers:
                self.move_out(follower)
        self.cluster.caught_up()

    def stop(self):
        self.stop_proxies()
        if self.cluster is not None:
            for follower in self.cluster.followers:
                with contextlib.suppress(OSError, ValueError):
                    os.kill(follower.pid(), signal.SIGCONT)
            self.cluster.stop()
            if self.namespaces:
                for follower in self.cluster.followers:
                    subprocess.run(["ip", "netns", "del", self.namespace(follower)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- namespaces and links

    @staticmethod
    def namespace(server):
        return f"causeway-{server.name}"

    def move_out(self, follower):
        """Gives it a namespace and two links, and restarts it there."""
        space, number = self.namespace(follower), follower.name[-1]
        ip("netns", "add", space)
        ip("-n", space, "link", "set", "lo", "up")
        for link, net in (("clients", f"10.77.{number}"), ("log", f"10.78.{number}")):
            near, far = f"{link}{number}", link
            ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
            ip("addr", "add", f"{net}.1/24", "dev", near)
            ip("-n", space, "addr", "add", f"{net}.2/24", "dev", far)
            ip("link", "set", near, "up")
            ip("-n", space, "link", "set", far, "up")
        self.restart(follower)
        follower.sql(f"STOP SLAVE; CHANGE MASTER TO MASTER_HOST='10.78.{number}.1'; START SLAVE")

    def address(self, server):
        """Where Causeway reaches it."""
        if self.namespaces and server is not self.cluster.leader:
            return f"10.77.{server.name[-1]}.2:{server.port}"
        return f"127.0.0.1:{server.port}"

    def set_link(self, server, link, state):
        """`state` is up or down. The far end is switched, so that packets vanish without an error,
        as when a cable is pulled somewhere on the way."""
        ip("-n", self.namespace(server), "link", "set", link, state)
        (self.cut_links.discard if state == "up" else self.cut_links.add)((server, link))

    # -- servers

    def restart(self, follower):
        command = [ROOT / "tools" / "cluster", "restart", "--dir", self.cluster.folder, follower.name]
        if self.namespaces:
            command = ["ip", "netns", "exec", self.namespace(follower), *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self, follower):
        follower.tool("kill")

    def note(self, what):
        self.notes[what] += 1

    def heal(self):
        """Whatever a fault has left: every follower runs, replicates at once, and has everything."""
        for server, link in list(self.cut_links):
            self.set_link(server, link, "up")
        for follower in self.cluster.followers:
            try:
                os.kill(follower.pid(), signal.SIGCONT)
            except (ProcessLookupError, FileNotFoundError):
                self.restart(follower)
            if follower.trouble():
                follower.set_delay(0)
            harness.wait_until(lambda f=follower: not f.trouble(), f"{follower.name} replicates", 30)
        self.caught_up()

    def caught_up(self):
        position = self.cluster.leader.value("SELECT @@gtid_binlog_pos")
        for follower in self.cluster.followers:
            answer = follower.value("SELECT MASTER_GTID_WAIT(%s, 60)", (position,))
            assert answer == 0, f"{follower.name} did not reach {position}: {follower.trouble()}"

    # -- Causeway

    def start_proxies(self, count, settings):
        for number in range(count):
            folder = self.folder / f"proxy-{number}"
            folder.mkdir(exist_ok=True)
            overrides = {section: dict(keys) for section, keys in settings.items()}
            for server in self.cluster.servers:
                overrides.setdefault(f"server:{server.name}", {})["address"] = self.address(server)
            proxy = harness.Causeway(self.cluster, folder, overrides)
            proxy.log.unlink(missing_ok=True)
            self.proxies.append(proxy)
            proxy.start()

    def stop_proxies(self):
        """Also looks at what a sanitizer has to say."""
        while self.proxies:
            proxy = self.proxies.pop()
            try:
                proxy.stop()
            finally:
                if proxy.process is not None and proxy.process.poll() is None:
                    proxy.process.kill()

    def console(self, sql):
        for proxy in self.proxies:
            with contextlib.suppress(pymysql.MySQLError):
                proxy.console(sql)

    # -- recorders

    def setup(self, workload):
        subprocess.run(
            [self.recorder, "setup", workload, "--socket", self.cluster.leader.socket], check=True, timeout=60
        )

    def record(self, workload, arguments):
        """Starts a recorder; its histories go to the folder that is returned with it."""
        folder = self.folder / "histories" / workload
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [self.recorder, "run", workload, "--folder", folder, *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL), folder

    @staticmethod
    def running(recorders):
        return any(process.poll() is None for process, _ in recorders)
