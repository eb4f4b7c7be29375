"""The server's own main suite with its own test client, from Debian's mariadb-test.

Which tests take part is decided by a rule, not by hand: those that ask for a server of their own (an .opt or
.cnf file, a restart, another replication set-up, a debug build) are left out, and of the rest those that end
well direct, here, and say the same twice. What the client prints is compared word for word."""

import contextlib
import difflib
import os
import pathlib
import queue
import re
import subprocess
import threading
import time

import pymysql

import bed

SUITE = pathlib.Path("/usr/share/mysql/mysql-test")
MAIN = SUITE / "main"
TEST_SECONDS = 60

# What a test must not ask for: it would need, or wreck, the cluster that it runs on.
NEEDS_ITS_OWN_SERVER = re.compile(
    r"""^\s*(--\s*)?(
        shutdown_server | shutdown\b | (let\s+\$shutdown_timeout) |
        source\s+include/(restart_mysqld|start_mysqld|shutdown_mysqld|kill_mysqld|kill_and_restart|crash_mysqld|
            expect_crash|master-slave|have_debug|big_test|is_embedded|have_debug_sync|rpl_|wait_for_binlog|
            have_log_bin_off|not_log_bin|have_valgrind|windows|have_plugin|federated|start_slave|stop_slave|
            running_event_scheduler|no_running_event)[^;]* |
        (\w+\s+)*reset\s+master | change\s+master | (start|stop|reset)\s+(all\s+)?slave |
        (un)?install\s+(plugin|soname) | set\s+(@@)?global[.\s]+(gtid_|read_only|max_connections|server_id|event_scheduler)
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
# Files put under a server's feet are on that server only.
TOUCHES_FILES = re.compile(r"^\s*(--\s*)?(copy_file|move_file|write_file|remove_file|exec|system)\b[^\n]*"
                           r"(MYSQLD_DATADIR|\$datadir|DATADIR)", re.IGNORECASE | re.MULTILINE)
SOURCED = re.compile(r"^\s*(?:--\s*)?(?:source|\.)\s+([\w./$-]+)", re.IGNORECASE | re.MULTILINE)

# As the suite's own driver starts its servers, where results show it.
SERVER_OPTIONS = (
    "character_set_server=latin1", "collation_server=latin1_swedish_ci", "local_infile=1",
    "log_bin_trust_function_creators=1", "default_storage_engine=MyISAM", "key_buffer_size=1M",
    "sort_buffer_size=256K", "max_heap_table_size=1M", "use_stat_tables=preferably", "table_open_cache=2000",
    "max_allowed_packet=16M", "max_connections=151", "thread_cache_size=9", "log_basename=mysqld",
)

PROTOCOLS = ("plain", "ps", "cursor")  # how the client sends what it can

# `--short`: a little of everything, quickly.
SHORT = (
    "ansi", "bool", "commit", "delete_returning", "endspace", "errors", "except", "limit", "odbc", "ps_10nestset",
    "ps_11bugs", "ps_ddl1", "reopen_temp_table", "reset_connection", "rollback", "select_found", "sp-cursor", "sp-expr",
    "statement-expr", "type_uint", "user_var",
)

STATE_TABLES = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv",
                "roles_mapping", "proc", "event", "func", "plugin", "servers", "time_zone_name")


def whole_text(path, seen=None):
    """A test's text with what it sources, as far as the names are plain."""
    seen = set() if seen is None else seen
    if path in seen:
        return ""
    seen.add(path)
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ""
    for name in SOURCED.findall(text):
        for folder in (SUITE, path.parent):
            if "$" not in name and (folder / name).is_file():
                text += "\n" + whole_text(folder / name, seen)
                break
    return text


def own_server(path):
    """Why a test needs a server of its own, or an empty string."""
    for ending in (".opt", ".cnf", ".combinations", ".sh", "-master.opt", "-client.opt", "-master.sh"):
        if path.with_name(path.stem + ending).exists():
            return "a server started with " + path.stem + ending
    text = whole_text(path)
    found = NEEDS_ITS_OWN_SERVER.search(text) or TOUCHES_FILES.search(text)
    return found.group(0).strip() if found else ""


def chosen_tests(patterns):
    """(names that may take part, {left out: why})."""
    names, left_out = [], {}
    for path in sorted(MAIN.glob("*.test")):
        if patterns and not any(re.fullmatch(pattern, path.stem) for pattern in patterns):
            continue
        why = own_server(path)
        if why:
            left_out[path.stem] = why
        else:
            names.append(path.stem)
    return names, left_out


def of_size(names, size):
    """Those whose result is from size[0] to size[1] KB long."""
    kilobytes = {name: MAIN.joinpath(name + ".result").stat().st_size / 1000 for name in names}
    return [name for name in names if size[0] <= kilobytes[name] < size[1]]


class ServerSuiteBed(bed.Bed):
    """A bed that comes back to what it was after each test, or is made anew."""

    def __init__(self, poolings):
        # What one connection of a test writes another one expects to read: only `strong` promises that.
        super().__init__(poolings, followers=2, options=SERVER_OPTIONS,
                         settings={"routing": {"consistency": "strong"}})

    def start(self):
        os.environ["TZ"] = "GMT-3"  # the suite's time zone, for the servers too
        super().start()
        self.cluster.leader.sql("DROP DATABASE IF EXISTS demo")
        self.cluster.leader.sql("CREATE DATABASE mtr; CREATE PROCEDURE mtr.add_suppression(text VARCHAR(999)) "
                                "DO 0")  # tests call it to excuse what they write to the server's log
        self.vardir = self.folder / "cluster"  # the servers' folders lie in it, as tests expect
        (self.vardir / "tmp").mkdir()
        (self.vardir / "log").mkdir()
        (self.vardir / "std_data").symlink_to(SUITE / "std_data")
        for server in self.cluster.servers:  # tests write '../../tmp', seen from a schema's folder
            for name in ("tmp", "std_data"):
                (self.vardir / server.name / name).symlink_to(self.vardir / name)
        self.cluster.caught_up()
        self.first = [self.look(server) for server in self.cluster.servers]

    def look(self, server):
        """What a test may leave behind on a server."""
        sql = server.sql
        users = {(user, host) for user, host in sql("SELECT User, Host FROM mysql.global_priv")}
        variables = {name: text for name, text in sql("SHOW GLOBAL VARIABLES")
                     if not re.match("gtid_|innodb_undo_logs|timestamp|wsrep|slave_|last_", name)}
        databases = {name for (name,) in sql("SHOW DATABASES")}
        tables = sql("CHECKSUM TABLE " + ", ".join("mysql." + name for name in STATE_TABLES))
        return {"users": users, "variables": variables, "databases": databases, "tables": tables}

    def clean(self):
        """Back to the beginning; False where a new cluster was needed."""
        try:
            if self.cleaned():
                return True
        except (pymysql.MySQLError, AssertionError, OSError, KeyError, IndexError, TypeError):
            pass
        with contextlib.suppress(AssertionError, OSError):
            self.stop()
        self.start()
        return False

    def cleaned(self):
        leader = self.cluster.leader
        for (number,) in leader.sql("SELECT id FROM information_schema.processlist WHERE user NOT IN "
                                    "('causeway', 'replication', 'system user', 'event_scheduler') "
                                    "AND id <> CONNECTION_ID() AND command <> 'Sleep'"):
            with contextlib.suppress(pymysql.MySQLError):
                leader.sql(f"KILL {number}")
        now = self.look(leader)
        if now["databases"] - self.first[0]["databases"]:
            for name in now["databases"] - self.first[0]["databases"]:
                leader.sql("DROP DATABASE `" + name.replace("`", "``") + "`")
        for user, host in now["users"] - self.first[0]["users"]:
            with contextlib.suppress(pymysql.MySQLError):
                leader.sql("DROP USER %s@%s", (user, host))
            with contextlib.suppress(pymysql.MySQLError):
                leader.sql("DROP ROLE %s", (user,))
        leader.sql("DROP DATABASE IF EXISTS test; CREATE DATABASE test")
        for server, first in zip(self.cluster.servers, self.first):
            now = self.look(server)
            for name, text in now["variables"].items():
                if text != first["variables"].get(name):
                    literal = text if re.fullmatch(r"-?\d+(\.\d+)?", text) else "'" + text.replace("'", "''") + "'"
                    was = first["variables"][name]
                    literal = was if re.fullmatch(r"-?\d+(\.\d+)?", was) else "'" + was.replace("'", "''") + "'"
                    with contextlib.suppress(pymysql.MySQLError):
                        server.sql(f"SET GLOBAL {name} = {literal}")
        leader.sql("FLUSH TABLES; FLUSH STATUS")
        self.cluster.caught_up()
        for path in (self.vardir / "tmp").iterdir():
            if path.is_file():
                path.unlink()
        same = all(self.look(server) == first for server, first in zip(self.cluster.servers, self.first))
        return same and all(causeway.alive() for causeway in self.causeways)

    def environment(self, place):
        base = dict(os.environ)
        common = f"--user=root --host=localhost --port={place.port} --socket={place.socket}"
        programs = {
            "MYSQL": "mariadb", "MYSQL_DUMP": "mariadb-dump", "MYSQL_CHECK": "mariadb-check",
            "MYSQL_SLAP": "mariadb-slap", "MYSQL_IMPORT": "mariadb-import", "MYSQL_SHOW": "mariadb-show",
            "MYSQLADMIN": "mariadb-admin", "MYSQL_UPGRADE": "mariadb-upgrade",
        }
        for name, program in programs.items():
            base[name] = f"{program} --no-defaults {common}"
        base["MYSQL_BINLOG"] = "mariadb-binlog --no-defaults --local-load=" + str(self.vardir / "tmp")
        base["MYSQL_TEST"] = " ".join(self.client(place))
        base.update({
            "LC_ALL": "C", "UMASK": "0660", "UMASK_DIR": "0770", "TZ": "GMT-3",
            "MYSQL_TEST_DIR": str(SUITE), "MYSQLTEST_VARDIR": str(self.vardir),
            "MYSQL_TMP_DIR": str(self.vardir / "tmp"), "MYSQL_SHAREDIR": "/usr/share/mysql",
            "MYSQL_CHARSETSDIR": "/usr/share/mysql/charsets", "SECURE_LOAD_PATH": str(SUITE / "std_data"),
            "MASTER_MYPORT": str(place.port), "MASTER_MYSOCK": place.socket, "USE_RUNNING_SERVER": "1",
            "MASTER_MYSOCK1": place.socket, "EXE_MYSQL": "/usr/bin/mariadb", "MY_PERROR": "/usr/bin/perror",
            "REPLACE": "/usr/bin/replace",
        })
        return base

    def client(self, place):
        return [
            "mariadb-test", "--no-defaults", "--silent", "--user=root", "--password=", "--host=localhost",
            f"--port={place.port}", f"--socket={place.socket}", f"--tmpdir={self.vardir / 'tmp'}",
            f"--logdir={self.vardir / 'log'}", "--character-sets-dir=/usr/share/mysql/charsets",
            "--database=test", f"--suite-dir={MAIN}/", "--skip-ssl",
        ]

    def run(self, place, name, protocol):
        """(0 when the test ended well, what it printed)."""
        command = self.client(place) + [f"--test-file={MAIN / name}.test"]
        if protocol != "plain":
            command.append(f"--{protocol}-protocol")
        try:
            done = subprocess.run(command, cwd=SUITE, env=self.environment(place), capture_output=True,
                                  timeout=TEST_SECONDS, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return "timeout", f"no end within {TEST_SECONDS} s"
        text = done.stdout + done.stderr
        text = text.replace(place.socket.encode(), b"SOCKET")
        text = re.sub(rb"\b%d\b" % place.port, b"PORT", text)
        return done.returncode, text.decode("utf8", "surrogateescape")


def reason(text):
    """The line in which the client says why it gave up."""
    lines = [line for line in text.splitlines() if line.startswith("mysqltest:") or "error" in line.lower()]
    return (lines or ["no reason given"])[-1][:160]


def judge(bed_, name, protocol, poolings):
    """{pooling: "same" | "different"}, or why the test does not count; and the differences."""
    bed_.clean()
    direct = bed_.run(bed_.places[0], name, protocol)
    if direct[0] != 0:
        return "fails direct: " + reason(direct[1]), ""
    verdict, found = {}, ""
    for place in bed_.places[1:]:
        if place.name not in poolings:
            continue
        for attempt in (1, 2):
            bed_.clean()
            place = next(one for one in bed_.places if one.name == place.name)  # a new bed: new places
            through = bed_.run(place, name, protocol)
            if through == direct:
                break
            if attempt == 1:  # the difference is the proxy's only if the test says the same twice by itself
                bed_.clean()
                again = bed_.run(bed_.places[0], name, protocol)
                if again != direct:
                    return "says another thing each time, direct", ""
        verdict[place.name] = "same" if through == direct else "different"
        if through != direct:
            found += f"==== {name} {protocol} {place.name} (exit {through[0]})\n"
            found += "\n".join(difflib.unified_diff(direct[1].split("\n"), through[1].split("\n"), "direct",
                                                    place.name, lineterm="", n=2)) + "\n"
    return verdict, found


def work(waiting, poolings, report):
    with ServerSuiteBed(poolings) as mine:
        while True:
            try:
                name, protocol = waiting.get_nowait()
            except queue.Empty:
                return
            start = time.monotonic()
            verdict, found = judge(mine, name, protocol, poolings)
            report(name, protocol, verdict, found, time.monotonic() - start)


def tests_for(options):
    """The names that the command line asks for."""
    names, left_out = chosen_tests(SHORT if options.short else options.names)
    if options.size:
        names = of_size(names, options.size)
    names = names[:: options.every]
    print(f"{len(names)} tests of the main suite may take part; {len(left_out)} need a server of their own")
    return names


def tally(protocol, results, options):
    """(passed, failed) with one protocol; printed, too."""
    counted = {name: verdict for name, verdict in results.items() if not isinstance(verdict, str)}
    failed = 0
    print(f"\nmain suite, {protocol}: {len(counted)} end well direct")
    for pooling in options.poolings:
        different = sorted(name for name, verdict in counted.items() if verdict.get(pooling) != "same")
        failed += len(different)
        print(f"pooling = {pooling}: {len(counted) - len(different)} the same, {len(different)} different: "
              + " ".join(different))
    passed = len(counted) * len(options.poolings) - failed
    if options.short:  # each of these is known to end well: one that does not was not shown to pass
        failed += len(results) - len(counted)
    return passed, failed


def run(options):
    """How many differ."""
    names = tests_for(options)
    protocols = PROTOCOLS if options.protocol == "all" else (options.protocol,)
    waiting, results, lock = queue.Queue(), {protocol: {} for protocol in protocols}, threading.Lock()
    for name in names:
        for protocol in protocols:
            waiting.put((name, protocol))
    with open(options.differences, "w", encoding="utf8", errors="surrogateescape") as differences:

        def report(name, protocol, verdict, found, seconds):
            with lock:
                results[protocol][name] = verdict
                shown = verdict if isinstance(verdict, str) else " ".join(f"{k}:{v}" for k, v in verdict.items())
                count = sum(map(len, results.values()))
                print(f"{count:5} {name:44} {protocol:6} {seconds:6.1f} s  {shown}", flush=True)
                if found and not isinstance(verdict, str):
                    differences.write(found)
                    differences.flush()

        if options.jobs == 1:  # here, where a signal ends the work and stops its servers
            work(waiting, options.poolings, report)
        else:
            threads = [threading.Thread(target=work, args=(waiting, options.poolings, report))
                       for _ in range(options.jobs)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    totals = [tally(protocol, results[protocol], options) for protocol in protocols]
    passed, failed = (sum(column) for column in zip(*totals))
    missing = len(names) * len(protocols) - sum(map(len, results.values()))  # a thread that gave up
    print(f"{passed} passed, {failed + missing} failed")
    return failed + missing
