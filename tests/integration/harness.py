"""What the integration tests stand on: a throwaway cluster, a Causeway process, and waiting for
conditions. Nothing here sleeps for a fixed time in order to be right; every wait has a deadline."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pymysql

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CAUSEWAY_BIN", ROOT / "build" / "causeway"))
SANITIZED = os.environ.get("CAUSEWAY_SANITIZED", "")  # address or thread: slower, bigger
PATIENCE = 4 if SANITIZED else 1  # deadlines grow with the sanitizers

APP = {"user": "app", "password": "app-demo"}
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


def wait_until(condition, what, seconds=10.0, interval=0.02):
    """The first true value of `condition()`; fails with `what` and the last value or error."""
    deadline = time.monotonic() + seconds * PATIENCE
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (pymysql.MySQLError, OSError, ValueError, IndexError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * PATIENCE:g} s for: {what}; last: {last!r}")
        time.sleep(interval)


def free_ports(count):
    """So many free TCP ports in a row on loopback."""
    start = int(os.environ.get("CAUSEWAY_TEST_PORTS", 21000 + os.getpid() % 4000))
    for base in range(start, max(32000, start + 900), count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


def connect(port, **settings):
    """A PyMySQL connection with autocommit, as `app` to schema demo unless told otherwise."""
    merged = {"host": "127.0.0.1", "port": port, "autocommit": True, "charset": "utf8mb4"}
    merged.update(APP, database="demo", connect_timeout=10, read_timeout=60)
    merged.update(settings)
    return pymysql.connect(**merged)


def rows(connection, sql, arguments=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def value(connection, sql, arguments=None):
    found = rows(connection, sql, arguments)
    return found[0][0] if found else None


def answered_by(connection, prefix=""):
    """Which server a plain read of this connection goes to just now."""
    return value(connection, prefix + "SELECT name FROM demo.this_server")


class Server:
    """One MariaDB server of the cluster, reached directly."""

    host = "127.0.0.1"

    def __init__(self, cluster, name, port):
        self.cluster, self.name, self.port = cluster, name, port
        self.socket = cluster.folder / name / "sock"
        self.root_connection = None

    def connect(self, **settings):
        return connect(self.port, **settings)

    def root(self):
        """All rights, through the unix socket; multi-statements are on."""
        return pymysql.connect(
            unix_socket=str(self.socket),
            user="root",
            autocommit=True,
            charset="utf8mb4",
            read_timeout=60,
            client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
        )

    def sql(self, text, arguments=None):
        """Rows of the last statement, as root."""
        for attempt in (1, 2):
            try:
                if self.root_connection is None:
                    self.root_connection = self.root()
                with self.root_connection.cursor() as cursor:
                    cursor.execute(text, arguments)
                    found = cursor.fetchall()
                    while cursor.nextset():
                        found = cursor.fetchall()
                    return found
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as error:
                lost = error.args[0] in (0, 2003, 2006, 2013)
                self.root_connection = None if lost else self.root_connection
                if attempt == 2 or not lost:  # once more where the server was restarted meanwhile
                    raise
        return ()

    def value(self, text, arguments=None):
        found = self.sql(text, arguments)
        return found[0][0] if found else None

    def counters(self):
        """Com_* and Questions since the start, as numbers."""
        found = self.sql("SHOW GLOBAL STATUS WHERE Variable_name REGEXP '^(Com_|Questions|Connections)'")
        return {name: int(number) for name, number in found}

    def own_transactions(self):
        """The last sequence number that carries this server's own id, per domain: grows when, and
        only when, the server itself writes something to its log."""
        own = {}
        for gtid in filter(None, self.value("SELECT @@global.gtid_binlog_state").split(",")):
            domain, server_id, sequence = gtid.split("-")
            if int(server_id) == self.value("SELECT @@server_id"):
                own[domain] = int(sequence)
        return own

    def trouble(self):
        """What keeps it from replicating without delay; empty when nothing does."""
        connection = self.root()
        with contextlib.closing(connection), connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            status = cursor.fetchone()
        if status["Slave_IO_Running"] == status["Slave_SQL_Running"] == "Yes" and not status["SQL_Delay"]:
            return ""
        keys = ("Slave_IO_Running", "Slave_SQL_Running", "SQL_Delay", "Last_IO_Error", "Last_SQL_Error")
        return ", ".join(f"{key}: {status[key]}" for key in keys)

    def sessions(self, user="app"):
        return self.value("SELECT COUNT(*) FROM information_schema.processlist WHERE user=%s", (user,))

    def set_delay(self, seconds):
        self.sql(f"STOP SLAVE; CHANGE MASTER TO MASTER_DELAY={seconds}; START SLAVE")

    def tool(self, command, *arguments):
        return self.cluster.tool(command, self.name, *arguments)

    def pid(self):
        return int((self.cluster.folder / self.name / "pid").read_text())


class Cluster:
    """A leader and followers, started with tools/cluster."""

    def __init__(self, folder, followers=2, options=(), arguments=()):
        self.folder = pathlib.Path(folder)
        self.base_port = free_ports(followers + 1)
        arguments = [f"--followers={followers}", f"--base-port={self.base_port}", *arguments]
        self.tool("start", *arguments, *[f"--option={option}" for option in options])
        self.servers = [
            Server(self, f"db{index + 1}", self.base_port + index) for index in range(followers + 1)
        ]
        self.leader, *self.followers = self.servers

    def tool(self, command, *arguments):
        done = subprocess.run(
            [ROOT / "tools" / "cluster", command, "--dir", self.folder, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"tools/cluster {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self):
        self.tool("stop")

    def named(self, name):
        return next(server for server in self.servers if server.name == name)

    def caught_up(self):
        """Waits until every follower shows all that the leader has written."""
        position = self.leader.value("SELECT @@gtid_binlog_pos")
        for follower in self.followers:
            answer = follower.value("SELECT MASTER_GTID_WAIT(%s, 20)", (position,))
            assert answer == 0, f"{follower.name} did not reach {position}: {follower.trouble()}"

    def heal(self):
        """Every server runs, every follower replicates at once: what an earlier test left is mended,
        so that one failure is not many."""
        for server in self.servers:
            try:
                os.kill(server.pid(), signal.SIGCONT)
            except (ProcessLookupError, FileNotFoundError):
                server.tool("restart")
        for follower in self.followers:
            if follower.trouble():
                follower.set_delay(0)
        self.caught_up()

    @contextlib.contextmanager
    def delayed(self, seconds, followers=None):
        """Followers apply at least `seconds` late (the server counts in whole seconds, so one is
        added). On leaving they are prompt again and have caught up."""
        chosen = self.followers if followers is None else followers
        self.caught_up()
        try:
            for follower in chosen:
                follower.set_delay(seconds + 1)
            yield
        finally:
            for follower in chosen:
                follower.set_delay(0)
            self.caught_up()

    @contextlib.contextmanager
    def applier_stopped(self, followers=None):
        """Followers stand still: nothing that is written now becomes visible on them."""
        chosen = self.followers if followers is None else followers
        self.caught_up()
        for follower in chosen:
            follower.sql("STOP SLAVE SQL_THREAD")
        try:
            yield
        finally:
            for follower in chosen:
                follower.sql("START SLAVE SQL_THREAD")
            self.caught_up()


# The whole suite can be run in either pooling: CAUSEWAY_TEST_POOLING=transaction.
POOLING = os.environ.get("CAUSEWAY_TEST_POOLING", "session")

DEFAULT_SETTINGS = {
    "proxy": {
        "threads": "2",
        "max_clients": "1000",
        "console_user": "console",
        "console_password": "console-demo",
        "log_level": "info",
    },
    "cluster": {"user": "causeway", "password": "causeway-demo", "probe_interval": "200ms"},
    "routing": {
        "consistency": "session", "causal_timeout": "100ms", "on_lag": "wait", "pooling": POOLING,
    },
}


def merged_settings(overrides):
    """`overrides` is {section: {key: value}}; a value of None removes the key, a section of None
    the section."""
    settings = {section: dict(keys) for section, keys in DEFAULT_SETTINGS.items()}
    for section, keys in overrides.items():
        if keys is None:
            settings.pop(section, None)
            continue
        target = settings.setdefault(section, {})
        for key, item in keys.items():
            if item is None:
                target.pop(key, None)
            else:
                target[key] = item
    return settings


class Causeway:
    """A Causeway process before a cluster, with a proxy.ini made for it."""

    prefix = ()  # a tool to run it under
    host = "127.0.0.1"

    def __init__(self, cluster, folder, overrides=None):
        self.cluster = cluster
        self.folder = pathlib.Path(folder)
        self.port = free_ports(2)
        self.console_port = self.port + 1
        self.config = self.folder / "proxy.ini"
        self.log = self.folder / "causeway.log"
        self.process = None
        self.overrides = overrides or {}
        self.write_config(self.overrides)

    # -- configuration

    def write_config(self, overrides):
        settings = {
            "proxy": {
                "listen": f"{self.host}:{self.port}",
                "console": f"{self.host}:{self.console_port}",
            }
        }
        for server in self.cluster.servers:
            settings[f"server:{server.name}"] = {"address": f"{server.host}:{server.port}"}
        for section, keys in merged_settings(overrides).items():
            settings.setdefault(section, {}).update(keys)
        for section, keys in overrides.items():
            if keys is None:
                settings.pop(section, None)
        text = ""
        for section, keys in settings.items():
            text += f"[{section}]\n" + "".join(f"{key} = {item}\n" for key, item in keys.items()) + "\n"
        self.config.write_text(text)

    def reload(self):
        """SIGHUP; the caller waits for what the new file changes."""
        self.process.send_signal(signal.SIGHUP)

    # -- life

    def start(self, wait_for_followers=True):
        environment = dict(os.environ)
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        environment.setdefault(
            "TSAN_OPTIONS",
            f"halt_on_error=0:second_deadlock_stack=1:suppressions={ROOT / 'tests/integration/tsan.supp'}",
        )
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, BINARY, "run", "-c", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=environment,
            )
        wait_until(self.greets, "Causeway to greet")
        wait_until(lambda: self.connect().close() is None, "a login through Causeway")
        if wait_for_followers:
            self.wait_in_rotation(*[server.name for server in self.cluster.followers])
            if self.cluster.followers:
                self.wait_for_floor()
        return self

    def wait_for_floor(self):
        """Before it a key's first read asks the leader, which the servers' counters would show."""
        if not {"console", "console_user", "console_password", "console_password_file"} & set(
                self.overrides.get("proxy") or {}):
            wait_until(lambda: any(row["kind"] == "all others" for row in self.console("SHOW KEYS")),
                       "the keys have a floor")

    def greets(self):
        assert self.process.poll() is None, f"Causeway ended with {self.process.returncode}:\n{self.log_tail()}"
        with socket.create_connection((self.host, self.port), timeout=2) as probe:
            return len(probe.recv(5)) == 5

    def wait_in_rotation(self, *names, seconds=15):
        for name in names:
            def served(name=name):
                with contextlib.closing(self.connect()) as probe:
                    return answered_by(probe, f"/* causeway to=server:{name} */ ") == name
            wait_until(served, f"{name} in rotation", seconds)

    def stop(self, expected=0):
        """SIGTERM, then the exit code is checked, and the log for what a sanitizer says."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("Causeway did not leave after SIGTERM") from None
        code, self.process = self.process.returncode, None
        assert code == expected, f"Causeway ended with {code}:\n{self.log_tail()}"
        text = self.log_text()
        assert not any(word in text for word in SANITIZER_WORDS), text[-8000:]

    def alive(self):
        return self.process is not None and self.process.poll() is None

    # -- looking in

    def connect(self, **settings):
        return connect(self.port, host=self.host, **settings)

    def console(self, sql):
        """Rows of a console command, as dictionaries with lower-case keys."""
        with contextlib.closing(
            pymysql.connect(
                host=self.host, port=self.console_port, user="console", password="console-demo",
                autocommit=None, connect_timeout=5, read_timeout=10,
                cursorclass=pymysql.cursors.DictCursor,
            )
        ) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [{key.lower(): item for key, item in row.items()} for row in cursor.fetchall()]

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=60):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def rss_kib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Load:
    """Threads that run `step(connection)` over and over on a connection each, and keep the errors."""

    def __init__(self, port, step, threads=4, **settings):
        self.errors, self.count = [], 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.arguments = (port, step, settings)
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]

    def work(self):
        port, step, settings = self.arguments
        try:
            with contextlib.closing(connect(port, **settings)) as connection:
                while not self.stopping.is_set():
                    step(connection)
                    with self.lock:
                        self.count += 1
        except Exception as error:  # pylint: disable=broad-except # every kind is a finding
            with self.lock:
                self.errors.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def wait_steps(self, more, seconds=20):
        start = self.count
        wait_until(lambda: self.errors or self.count >= start + more, f"{more} more steps", seconds)

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(70)


def scratch(prefix):
    return pathlib.Path(tempfile.mkdtemp(prefix=f"causeway-{prefix}-"))
