"""`causeway binlog`: logs that a real server wrote, printed, replayed and undone."""

import base64
import contextlib
import ipaddress
import json
import pathlib
import re
import shutil
import signal
import subprocess
import uuid

import pymysql
import pytest

import binlog_corpus
from harness import BINARY, PATIENCE, SANITIZED, SANITIZER_WORDS, Cluster, scratch, wait_until

COMPRESSED_COLUMNS = [
    2 + at for at, name in enumerate(binlog_corpus.SPECIALS) if name.startswith("k_")
]
SQL_MODE = "NO_ENGINE_SUBSTITUTION"  # zero dates and years are wanted


class Source:
    """The server whose logs are read."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.server = cluster.leader
        self.connection = self.server.root()
        self.folder = pathlib.Path(self.sql("SELECT @@datadir")[0][0])
        self.sql(f"SET sql_mode='{SQL_MODE}', time_zone='+00:00'")
        self.defaults = {}

    def sql(self, text):
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    def set_global(self, **settings):
        for name, value in settings.items():
            self.defaults.setdefault(name, self.sql(f"SELECT @@global.{name}")[0][0])
            self.sql(f"SET GLOBAL {name}={value!r}" if isinstance(value, str) else f"SET GLOBAL {name}={value}")

    def fresh(self):
        """No corpus, default settings; the session too."""
        for name, value in self.defaults.items():
            self.sql(f"SET GLOBAL {name}='{value}'" if isinstance(value, str) else f"SET GLOBAL {name}={value}")
        self.defaults.clear()
        self.connection.close()
        self.connection = self.server.root()
        self.sql(f"SET sql_mode='{SQL_MODE}', time_zone='+00:00', NAMES utf8mb4")
        self.sql("SET lock_wait_timeout=10")
        for _, gtrid_len, _, data in self.sql("XA RECOVER"):
            name = data.decode() if isinstance(data, bytes) else data
            self.unlogged(f"XA ROLLBACK '{name[:gtrid_len]}','{name[gtrid_len:]}'")
        self.unlogged("DROP DATABASE IF EXISTS corpus")

    def unlogged(self, text):
        self.sql("SET sql_log_bin=0")
        self.sql(text)
        self.sql("SET sql_log_bin=1")

    @contextlib.contextmanager
    def logged(self):
        """The log file that holds what is done inside, alone: in `.path` of what is given."""
        self.sql("FLUSH BINARY LOGS")
        taken = type("Taken", (), {})()
        taken.path = self.folder / self.sql("SHOW MASTER STATUS")[0][0]
        yield taken
        self.sql("FLUSH BINARY LOGS")

    def run(self, statements):
        for statement in statements:
            self.sql(statement)

    def tables(self):
        return [row[0] for row in self.sql("SELECT table_name FROM information_schema.tables "
                                           "WHERE table_schema='corpus' ORDER BY 1")]

    def state(self):
        """Everything in the corpus, in an order of its own."""
        found = {}
        for table in self.tables():
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema='corpus' "
                               "AND table_name=%s ORDER BY ordinal_position", (table,))
                names = [row[0] for row in cursor.fetchall()]
            quoted = ", ".join("`" + name.replace("`", "``") + "`" for name in names)
            name = table.replace("`", "``")
            found[table] = sorted(self.sql(f"SELECT {quoted} FROM corpus.`{name}`"), key=repr)
        return found

    def checksums(self):
        """Not of tables with virtual columns: those change from one CHECKSUM TABLE to the next."""
        names = [table.replace("`", "``") for table in self.tables() if table != "generated"]
        return self.sql("CHECKSUM TABLE " + ", ".join(f"corpus.`{name}`" for name in names))

    def replay(self, text, logged=False):
        """Through the mariadb client, as a user would. The log stays off so that it can be compared."""
        arguments = ["mariadb", "--no-defaults", "--binary-mode", "-uroot", f"--socket={self.server.socket}"]
        if not logged:
            arguments.append("--init-command=SET sql_log_bin=0")
        done = subprocess.run(arguments, input=text, capture_output=True, timeout=100 * PATIENCE, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")


@pytest.fixture(scope="module", name="server")
def server_fixture():
    folder = scratch("binlog")
    cluster = None
    try:
        cluster = Cluster(folder, followers=0)
        yield Source(cluster)
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="source")
def source_fixture(server):
    server.fresh()
    yield server
    server.fresh()


def causeway(*arguments, code=0, stdin=None):
    """Standard output and error of `causeway binlog`."""
    done = subprocess.run([BINARY, "binlog", *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=60 * PATIENCE, check=False)
    errors = done.stderr.decode(errors="replace")
    assert not any(word in errors for word in SANITIZER_WORDS), errors
    assert done.returncode == code, f"exit code {done.returncode}: {errors}"
    return done.stdout, errors


def objects(*arguments):
    output, _ = causeway("--format=json", *arguments)
    return [json.loads(line) for line in output.decode().splitlines()]


# --- replay and flashback

SETTINGS = {
    "plain": {"binlog_row_metadata": "NO_LOG"},
    "compressed": {"binlog_row_metadata": "MINIMAL", "log_bin_compress": 1, "log_bin_compress_min_len": 10,
                   "binlog_checksum": "NONE"},
    "full-metadata": {"binlog_row_metadata": "FULL"},
}


@pytest.fixture(name="made", params=SETTINGS)
def made_fixture(source, request):
    """The corpus under one of the settings: its logs, and the states between them."""
    source.set_global(**SETTINGS[request.param])
    with source.logged() as created:
        source.run(binlog_corpus.create_statements())
    with source.logged() as filled:
        source.run(binlog_corpus.fill_statements())
    made = {"created": created.path, "filled": filled.path, "metadata": SETTINGS[request.param]["binlog_row_metadata"]}
    made["before"], made["before_sums"] = source.state(), source.checksums()
    with source.logged() as changed:
        source.run(binlog_corpus.change_statements())
    made["changed"] = changed.path
    made["after"], made["after_sums"] = source.state(), source.checksums()
    return made


@pytest.mark.core
def test_a_corpus_of_every_type_is_replayed_and_undone(source, made):
    assert made["before"] != made["after"]
    undo, _ = causeway("--format=sql", "--flashback", made["changed"])
    source.replay(undo)
    assert source.state() == made["before"]
    assert source.checksums() == made["before_sums"]
    undo, _ = causeway("--format=sql", "--flashback", made["filled"])
    source.replay(undo)
    assert all(rows == [] for rows in source.state().values())
    source.unlogged("DROP DATABASE corpus")
    replay, _ = causeway("--format=sql", made["created"], made["filled"], made["changed"])
    source.replay(replay)
    assert source.state() == made["after"]
    assert source.checksums() == made["after_sums"]


def unescaped(text):
    """The bytes of a quoted string as Causeway prints it."""
    plain = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"Z": b"\x1a"}

    def one(match):
        found = match.group(1)
        return bytes([int(found[1:], 16)]) if found[:1] == b"x" else plain.get(found, found)

    return re.sub(rb"\\(x[0-9a-f]{2}|.)", one, text, flags=re.DOTALL)


def as_mariadb_binlog(value):
    """A cell that Causeway printed, in the notation of mariadb-binlog: strings are raw bytes between
    quotes, where only control characters are escaped."""
    if not value.startswith((b"X'", b"'")):
        return value
    raw = bytes.fromhex(value[2:-1].decode()) if value[:1] == b"X" else unescaped(value[1:-1])
    return b"'" + re.sub(rb"[\x00-\x1f]", lambda found: b"\\x%02x" % found.group()[0], raw) + b"'"


def same_cell(our, their):
    """mariadb-binlog pads FLOAT and DOUBLE with blanks, and shows six digits of them."""
    their = re.sub(rb"^'(\d{4}):(\d\d):(\d\d)'$", rb"'\1-\2-\3'", their)  # a DATE
    if as_mariadb_binlog(our) == their or (our, their) == (b"0000", b"1900"):  # the YEAR 0
        return True
    if our.startswith(b"b'"):  # a SET: its bytes stand in the order of the log there
        bits = their[2:-1]
        return our[2:-1] == b"".join(reversed([bits[at:at + 8] for at in range(0, len(bits), 8)]))
    if not re.fullmatch(rb"-?[0-9.]+(e[+-]\d+)? *(\(.*\))?", their):
        return False
    return f"{float(our):.6g}" == f"{float(their.split()[0]):.6g}"


def shown_rows(output):
    """Every row of `###` comments as a list of statement, clauses and (column, value)."""
    found = []
    for line in output.split(b"\n"):
        if not line.startswith(b"### "):
            continue
        line = re.sub(rb" /\* [A-Z].* \*/$", b"", line[4:])
        match = re.match(rb"  @(\d+)=(.*)$", line, re.DOTALL)
        if match:
            found[-1].append((int(match.group(1)), match.group(2)))
        elif line in (b"SET", b"WHERE"):
            found[-1].append(line)
        else:
            found.append([line])
    return found


def test_rows_equal_those_of_mariadb_binlog(source):
    source.set_global(binlog_row_metadata="NO_LOG")
    source.unlogged("CREATE DATABASE corpus")
    with source.logged() as log:
        source.run(list(binlog_corpus.create_statements())[1:])
        source.run(binlog_corpus.fill_statements())
        source.run(binlog_corpus.change_statements())
    ours = shown_rows(causeway("--format=sql", log.path)[0])
    theirs = shown_rows(subprocess.run(["mariadb-binlog", "--no-defaults", "-vv", log.path],
                                       capture_output=True, check=True).stdout)
    assert len(ours) == len(theirs) > 100
    different = []
    for our, their in zip(ours, theirs):
        assert len(our) == len(their)
        for our_part, their_part in zip(our, their):
            if our_part == their_part or (
                isinstance(our_part, bytes) and our_part.startswith(their_part + rb"\x0a")
            ):
                continue  # a name with a line end goes over two lines there
            assert isinstance(our_part, tuple), (our, their)
            if our[0].endswith(b"`specials`") and our_part[0] in COMPRESSED_COLUMNS:
                continue  # mariadb-binlog shows the compressed bytes
            if our_part[0] != their_part[0] or not same_cell(our_part[1], their_part[1]):
                different.append((our[0], our_part, their_part))
    assert not different


# --- JSON


def selected(source, table):
    """{id: {column: value}} in the form that JSON has it."""
    with source.connection.cursor() as cursor:
        cursor.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema='corpus' "
                       "AND table_name=%s ORDER BY ordinal_position", (table,))
        types = dict(cursor.fetchall())

    def expression(name, kind):
        quoted = "`" + name.replace("`", "``") + "`"
        if kind in ("date", "time", "datetime", "timestamp", "decimal", "uuid", "inet6", "inet4"):
            return f"CAST({quoted} AS CHAR)"
        return f"{quoted} + 0" if kind == "bit" else quoted

    listed = ", ".join(expression(name, kind) for name, kind in types.items())
    name = table.replace("`", "``")
    return types, {row[0]: dict(zip(types, row)) for row in source.sql(f"SELECT {listed} FROM corpus.`{name}`")}


def normal(value, kind, is_text_wanted):
    """A value of the JSON output as the client library gives it."""
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        raw = base64.b64decode(value["base64"])
        if kind == "uuid":
            return str(uuid.UUID(bytes=raw))
        if kind in ("inet4", "inet6"):
            return str(ipaddress.ip_address(raw)) if raw[:12] != bytes(10) + b"\xff\xff" else (
                "::ffff:" + str(ipaddress.ip_address(raw[12:])))
        return raw.decode() if is_text_wanted else raw
    if kind == "float" and value is not None:
        return float(f"{value:.6g}")
    return value


@pytest.mark.core
def test_json_holds_what_select_gives(source):
    source.set_global(binlog_row_metadata="FULL")
    source.run(binlog_corpus.create_statements())
    with source.logged() as log:
        source.run(binlog_corpus.fill_statements())
    seen = 0
    for found in objects(log.path):
        for event in found["events"]:
            if event["type"] != "insert" or event["table"] == binlog_corpus.NO_KEY:
                continue
            types, wanted = selected(source, event["table"])
            for row in event["rows"]:
                expected = wanted[row["after"]["id"]]
                got = {
                    name: normal(value, types[name], isinstance(expected[name], str))
                    for name, value in row["after"].items()
                }
                for name, value in expected.items():
                    if types[name] == "double" and value is not None:  # SELECT rounds to its scale
                        value = pytest.approx(value, rel=1e-9)
                    assert got[name] == value, f"{event['table']}.{name}"
                    seen += 1
    assert seen > 500


# --- row images, formats, engines


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_partial_row_images_are_replayed_and_not_undone(source, image):
    source.sql(f"SET binlog_row_image={image}")
    with source.logged() as first:
        source.run(binlog_corpus.create_statements())
        source.run(binlog_corpus.fill_statements())
    with source.logged() as second:
        source.run(binlog_corpus.change_statements())
    state, sums = source.state(), source.checksums()
    output, errors = causeway("--format=sql", "--flashback", second.path, code=1)
    assert output == b""
    assert re.search(r"rows of `corpus`\.`\w+` are not logged whole .* at byte \d+", errors), errors
    source.unlogged("DROP DATABASE corpus")
    source.replay(causeway("--format=sql", first.path, second.path)[0])
    assert source.state() == state
    assert source.checksums() == sums


STATEMENTS = r"""
SET time_zone='+03:00', timestamp=1700000000.123456
CREATE DATABASE corpus
USE corpus
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(80), b DOUBLE, c DATETIME(6)) ENGINE=InnoDB
SET @u='it''s \\ ä', @n=-5, @d=12.50, @r=0.1e-5, @big=18446744073709551615, @nil=NULL
INSERT INTO t (a, b, c) VALUES (CONCAT(@u, @n, @d, @r, @big, IFNULL(@nil, '-')), RAND(), NOW(6))
SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION'
INSERT INTO "t" ("a") VALUES ('back\slash'), ('x')
SET sql_mode='NO_ENGINE_SUBSTITUTION'
INSERT INTO t (a, b) VALUES (LAST_INSERT_ID(), 1)
SET auto_increment_increment=10, auto_increment_offset=3
INSERT INTO t (a) VALUES ('stepped')
SET auto_increment_increment=1, auto_increment_offset=1
SET @latin=_latin1 X'E9'
INSERT INTO t (a) VALUES (@latin)
CREATE TEMPORARY TABLE scratch (x INT)
INSERT INTO scratch VALUES (1), (2)
INSERT INTO t (a) SELECT x FROM scratch
DROP TEMPORARY TABLE scratch
SET foreign_key_checks=0, unique_checks=0, check_constraint_checks=0
CREATE TABLE child (id INT PRIMARY KEY, p INT, CHECK (p > 5), FOREIGN KEY (p) REFERENCES t (id)) ENGINE=InnoDB
INSERT INTO child VALUES (1, 3)
SET foreign_key_checks=1, unique_checks=1, check_constraint_checks=1
CREATE PROCEDURE p() BEGIN INSERT INTO t (a) VALUES ('by p'); UPDATE t SET b = 2 WHERE a = 'by p'; END
CALL p()
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.b = IFNULL(NEW.b, 7)
INSERT INTO t (a) VALUES ('triggered')
BEGIN
UPDATE t SET a = 'one' WHERE id = 2
SAVEPOINT s
DELETE FROM t WHERE id = 1
ROLLBACK TO s
UPDATE t SET a = 'two' WHERE id = 3
COMMIT
CREATE TABLE copied ENGINE=InnoDB SELECT * FROM t
SET lc_time_names='de_DE'
INSERT INTO t (a) VALUES (DATE_FORMAT('2026-03-01', '%M'))
SET lc_time_names='en_US'
SET NAMES latin1
INSERT INTO t (a) VALUES ('plain after latin1')
SET NAMES utf8mb4
INSERT INTO t (a) VALUES ('中\0x')
"""


@pytest.mark.core
@pytest.mark.parametrize("log_format", ["STATEMENT", "MIXED", "ROW"])
def test_statements_are_replayed_as_they_ran(source, log_format):
    source.sql(f"SET binlog_format={log_format}")
    with source.logged() as log:
        source.run(line for line in STATEMENTS.strip().split("\n"))
    state = source.state()
    assert len(state["t"]) >= 12 and state["copied"]
    source.unlogged("DROP DATABASE corpus")
    source.replay(causeway("--format=sql", log.path)[0])
    assert source.state() == state


def test_load_data_is_replayed_from_files_beside(source, tmp_path):
    data = tmp_path / "data"
    data.write_bytes(b"1,one\n2,it's \\\\ two\n" + b"".join(b"%d,%s\n" % (n, b"x" * 500) for n in range(3, 2000)))
    data.chmod(0o644)
    tmp_path.chmod(0o755)
    source.sql("SET binlog_format=STATEMENT")
    with source.logged() as log:
        source.sql("CREATE DATABASE corpus")
        source.sql("CREATE TABLE corpus.l (id INT PRIMARY KEY, note VARCHAR(600))")
        source.sql("USE corpus")
        client = subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", "--local-infile=1", f"--socket={source.server.socket}",
             "--init-command=SET binlog_format=STATEMENT", "corpus"],
            input=f"LOAD DATA LOCAL INFILE '{data}' INTO TABLE l FIELDS TERMINATED BY ','", text=True,
            capture_output=True, timeout=60, check=False)
        assert client.returncode == 0, client.stderr
    state = source.state()
    assert len(state["l"]) == 1999
    _, errors = causeway("--format=sql", log.path, code=1)
    assert re.search(r"LOAD DATA.*--load-files.*at byte \d+", errors), errors
    folder = tmp_path / "loads"
    folder.mkdir()
    replay, _ = causeway("--format=sql", f"--load-files={folder}", log.path)
    source.unlogged("DROP DATABASE corpus")
    source.replay(replay)
    assert source.state() == state


def test_times_of_the_old_format_are_replayed(source):
    source.set_global(mysql56_temporal_format=0)
    with source.logged() as log:
        source.sql("CREATE DATABASE corpus")
        source.sql("CREATE TABLE corpus.old (id INT PRIMARY KEY, a TIME, b DATETIME, c TIMESTAMP NULL)")
        source.sql("CREATE TABLE corpus.parts (id INT PRIMARY KEY, a TIME(3), b DATETIME(6), c TIMESTAMP(1) NULL)")
        for table, part in (("old", ""), ("parts", ".5")):
            source.sql(f"INSERT INTO corpus.{table} VALUES (1, '-838:59:59', '2026-11-23 10:20:30{part}', "
                       f"'2026-11-23 10:20:30{part}'), (2, '00:00:00', '0000-00-00', NULL)")
    state = source.state()
    source.unlogged("DROP DATABASE corpus")
    source.replay(causeway("--format=sql", log.path)[0])
    assert source.state() == state
    if re.search("error|can't", causeway(log.path, code=causeway_code(log.path))[1]):
        assert "byte" in causeway(log.path, code=1)[1]


def causeway_code(path):
    return subprocess.run([BINARY, "binlog", path], capture_output=True, check=False).returncode


# --- XA


def xa(source, name, statement, end):
    source.run([f"XA START '{name}','branch'", statement, f"XA END '{name}','branch'", *end])


def test_xa_transactions_are_replayed_and_undone(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY, a INT)")
    source.sql("INSERT INTO corpus.t VALUES (1, 1), (2, 2)")
    before = source.state()
    with source.logged() as log:
        xa(source, "a", "UPDATE corpus.t SET a = 10 WHERE id = 1",
           ["XA PREPARE 'a','branch'", "XA COMMIT 'a','branch'"])
        xa(source, "b", "DELETE FROM corpus.t WHERE id = 2", ["XA PREPARE 'b','branch'", "XA ROLLBACK 'b','branch'"])
        xa(source, "c", "INSERT INTO corpus.t VALUES (3, 3)", ["XA COMMIT 'c','branch' ONE PHASE"])
    after = source.state()
    assert [found["xa"] for found in objects(log.path) if "xa" in found][0] == "X'61',X'6272616E6368',1"
    source.replay(causeway("--format=sql", "--flashback", log.path)[0])
    assert source.state() == before
    source.replay(causeway("--format=sql", log.path)[0])
    assert source.state() == after


def test_an_undecided_xa_transaction_is_not_undone(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY)")
    with source.logged() as prepared:
        with contextlib.closing(source.server.root()) as other, other.cursor() as cursor:
            for statement in ("XA START 'a','branch'", "INSERT INTO corpus.t VALUES (1)",
                              "XA END 'a','branch'", "XA PREPARE 'a','branch'"):
                cursor.execute(statement)
        wait_until(lambda: not source.sql("SELECT 1 FROM information_schema.processlist WHERE id = "
                                          f"{other.thread_id()}"), "the other session to end")
    with source.logged() as committed:
        source.sql("XA COMMIT 'a','branch'")
    output, errors = causeway("--format=sql", "--flashback", prepared.path, code=1)
    assert output == b"" and "XA transaction X'61',X'6272616E6368',1" in errors
    output, errors = causeway("--format=sql", "--flashback", committed.path, code=1)
    assert output == b"" and "prepared before these logs begin" in errors
    source.replay(causeway("--format=sql", "--flashback", prepared.path, committed.path)[0])
    assert source.state() == {"t": []}


# --- what a flashback refuses


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TABLE corpus.u (a INT)", "CREATE TABLE"),
        ("TRUNCATE TABLE corpus.t", "TRUNCATE TABLE"),
        ("ALTER TABLE corpus.t ADD COLUMN z INT", "ALTER TABLE"),
        ("SET STATEMENT binlog_format=STATEMENT FOR UPDATE corpus.t SET id = 5", "UPDATE"),
        ("CREATE USER nobody_at_all", "CREATE USER"),
    ],
)
def test_a_flashback_names_the_statement_that_it_can_not_undo(source, statement, named):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY)")
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t VALUES (1)")
        if statement.startswith("SET STATEMENT"):
            source.sql("SET binlog_format=STATEMENT")
            statement = statement.split(" FOR ")[1]
        source.sql(statement)
    source.unlogged("DROP USER IF EXISTS nobody_at_all")
    output, errors = causeway("--format=sql", "--flashback", log.path, code=1)
    assert output == b""
    assert re.search(rf"{log.path.name}: flashback: {named}.* can't be undone .*at byte \d+", errors), errors


# --- size


def test_a_large_transaction_takes_little_memory(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT AUTO_INCREMENT PRIMARY KEY, a VARBINARY(1000), b INT)")
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t (a, b) SELECT REPEAT('x', 1000), seq FROM corpus.seq_1_to_8000")
    with source.logged() as second:
        source.sql("UPDATE corpus.t SET b = b + 1, a = REPEAT('y', 1000)")
    state = source.state()
    assert log.path.stat().st_size > 8e6
    for arguments, limit_kib in ((["--format=text"], 12e3), (["--format=sql"], 12e3), (["--format=sql", "--flashback"], 12e3)):
        used = peak_memory(*arguments, second.path)
        assert used < limit_kib * (20 if SANITIZED else 1), f"{arguments}: {used} KiB"
    source.replay(causeway("--format=sql", "--flashback", second.path)[0])
    assert source.sql("SELECT COUNT(*) FROM corpus.t WHERE b = id AND a = REPEAT('x', 1000)")[0][0] == 8000
    source.replay(causeway("--format=sql", second.path)[0])
    assert source.state() == state


def peak_memory(*arguments):
    """KiB, of one run whose output is read and thrown away."""
    peak = 0
    with subprocess.Popen([BINARY, "binlog", *map(str, arguments)], stdout=subprocess.PIPE) as process:
        while process.stdout.read(1 << 18):
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s*(\d+)", status)
            peak = max(peak, int(found.group(1)) if found else 0)
    assert process.returncode == 0 and peak > 0
    return peak


def test_a_row_larger_than_a_packet_is_replayed_in_two_parts(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY, a LONGBLOB)")
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t VALUES (1, REPEAT(X'00FF5C27', 3000000))")
    sums = source.checksums()
    replay, _ = causeway("--format=sql", log.path)
    assert b"BINLOG @binlog_fragment_0, @binlog_fragment_1" in replay
    source.unlogged("DELETE FROM corpus.t")
    source.replay(replay)
    assert source.checksums() == sums


# --- GTIDs


def test_gtids_are_new_ones_unless_they_are_to_be_kept(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY)")
    with source.logged() as log:
        source.sql("SET gtid_domain_id=9, server_id=77")
        source.sql("INSERT INTO corpus.t VALUES (1)")
        source.sql("INSERT INTO corpus.t VALUES (2)")
    gtids = [found["gtid"] for found in objects(log.path)]
    assert [gtid.rsplit("-", 1)[0] for gtid in gtids] == ["9-77", "9-77"]
    source.unlogged("DELETE FROM corpus.t")
    with source.logged() as again:
        source.replay(causeway("--format=sql", log.path)[0], logged=True)
    assert [found["gtid"].split("-")[0] for found in objects(again.path)] == ["0", "0"]
    kept, _ = causeway("--format=sql", "--keep-gtids", log.path)
    for gtid in gtids:
        domain, server, seq = gtid.split("-")
        wanted = f"SET @@session.gtid_domain_id={domain}, @@session.server_id={server}, @@session.gtid_seq_no={seq}"
        assert wanted.encode() in kept


# --- damage


@pytest.fixture(name="small_log")
def small_log_fixture(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY, a TEXT)")
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t VALUES (1, 'one'), (2, NULL)")
        source.sql("UPDATE corpus.t SET a = 'two' WHERE id = 2")
        source.sql("DELETE FROM corpus.t")
    return log.path


def event_ends(log):
    """Where a log may end; the length of an event is in its header."""
    end = 4
    while end < len(log):
        yield end
        end += int.from_bytes(log[end + 9:end + 13], "little")
    yield end


@pytest.mark.core
@pytest.mark.parametrize("printed_as", ["text", "json", "sql"])
def test_a_log_that_is_cut_off_is_printed_up_to_there(small_log, tmp_path, printed_as):
    whole = small_log.read_bytes()
    complete, _ = causeway(f"--format={printed_as}", small_log)
    cut = tmp_path / small_log.name
    ends = set(event_ends(whole))
    lines = complete.splitlines()
    for size in range(0, len(whole), 97 if SANITIZED else 43):
        cut.write_bytes(whole[:size])
        output, errors = causeway(f"--format={printed_as}", cut, code=0 if size in ends else 1)
        if size not in ends:
            assert re.search(rf"{cut.name}: .*byte {size}\b", errors), (size, errors)
        if printed_as == "text":
            assert output.splitlines() == lines[: len(output.splitlines())]
        if printed_as == "json":
            assert all(json.loads(line) for line in output.splitlines())


@pytest.mark.core
def test_a_flipped_bit_is_found_by_the_checksum(small_log, tmp_path):
    whole = small_log.read_bytes()
    broken = tmp_path / "broken"
    for at in range(0, len(whole), 97 if SANITIZED else 37):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
        _, errors = causeway(broken, code=1)
        named = re.search(r"broken: .*byte (\d+)", errors)
        assert named and int(named.group(1)) <= max(at, 4) + 4, (at, errors)


def test_damage_without_checksums_never_crashes(source, tmp_path):
    source.set_global(binlog_checksum="NONE")
    with source.logged() as log:
        source.run(binlog_corpus.create_statements())
        source.run(list(binlog_corpus.fill_statements())[:5])
    whole = log.path.read_bytes()
    broken = tmp_path / "broken"
    for number in range(20):
        at = (number * 7919) % len(whole)
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << number % 8)]) + whole[at + 1:])
        for printed_as in ("text", "json", "sql"):
            done = subprocess.run([BINARY, "binlog", f"--format={printed_as}", broken], capture_output=True,
                                  timeout=60, check=False)
            assert done.returncode in (0, 1), done.stderr
            assert done.returncode == 0 or re.search(rb"byte \d+", done.stderr), done.stderr


# --- the command line


def test_standard_input_and_ranges(small_log):
    whole, _ = causeway("--format=json", small_log)
    piped, _ = causeway("--format=json", "-", stdin=small_log.read_bytes())
    strip = re.compile(rb'"file":"[^"]*"')
    assert strip.sub(b"", piped) == strip.sub(b"", whole)
    transactions = [json.loads(line) for line in whole.splitlines()]
    second = transactions[1]
    ranged, _ = causeway("--format=json", f"--start-position={second['position']}",
                         f"--stop-position={second['end_position']}", small_log)
    assert [json.loads(line) for line in ranged.splitlines()] == [second]


def test_a_closed_pipe_ends_it_quietly(source):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY, a TEXT)")
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t SELECT seq, REPEAT('x', 500) FROM corpus.seq_1_to_5000")
    with subprocess.Popen([BINARY, "binlog", log.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30 * PATIENCE) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "arguments",
    [[], ["--format=xml", "x"], ["--flashback", "x"], ["--server", "db1"], ["--follow", "x"], ["--nonsense"],
     ["--start-position=-1", "x"], ["-c", "proxy.ini", "--server", "db1", "x"]],
)
def test_misuse_says_what_is_wrong(arguments):
    output, errors = causeway(*arguments, code=2)
    assert output == b"" and errors.startswith("causeway binlog: ") and "--format=text" in errors


def test_help_goes_to_standard_output():
    output, errors = causeway("--help")
    assert b"--flashback" in output and errors == ""


def test_a_file_that_is_not_there():
    output, errors = causeway("/nonexistent/binlog.000001", code=1)
    assert output == b"" and "/nonexistent/binlog.000001: No such file" in errors


# --- a server


@pytest.fixture(name="config")
def config_fixture(source, tmp_path):
    path = tmp_path / "proxy.ini"
    path.write_text(
        "[proxy]\nlisten = 127.0.0.1:4006\n[cluster]\nuser = causeway\npassword = causeway-demo\n"
        f"[server:db1]\naddress = 127.0.0.1:{source.server.port}\n"
    )
    return path


@pytest.mark.core
def test_a_servers_log_is_printed_from_a_gtid_on(source, config):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY)")
    start = source.sql("SELECT @@gtid_binlog_pos")[0][0]
    with source.logged() as log:
        source.sql("INSERT INTO corpus.t VALUES (1)")
        source.sql("UPDATE corpus.t SET id = 2")
    assert objects("-c", config, "--server", "db1", "--from", start) == objects(log.path)
    replay, _ = causeway("-c", config, "--server", "db1", "--from", start, "--format=sql")
    state = source.state()
    source.unlogged("DELETE FROM corpus.t")
    source.replay(replay)
    assert source.state() == state


def test_a_servers_log_is_followed(source, config):
    source.sql("CREATE DATABASE corpus")
    source.sql("CREATE TABLE corpus.t (id INT PRIMARY KEY)")
    start = source.sql("SELECT @@gtid_binlog_pos")[0][0]
    command = [BINARY, "binlog", "-c", config, "--server", "db1", "--from", start, "--follow", "--format=json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            for number in range(3):
                source.sql(f"INSERT INTO corpus.t VALUES ({number})")
                found = json.loads(process.stdout.readline())
                assert [event["type"] for event in found["events"]] == ["annotate", "insert"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(20 * PATIENCE) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_a_server_that_can_not_be_read_is_named(config, tmp_path):
    _, errors = causeway("-c", config, "--server", "nobody", code=1)
    assert "has no [server:nobody]" in errors
    _, errors = causeway("-c", config, "--server", "db1", "--from", "0-1-99999999", code=1)
    assert "server db1" in errors
    wrong = tmp_path / "wrong.ini"
    wrong.write_text(config.read_text().replace("causeway-demo", "wrong"))
    _, errors = causeway("-c", wrong, "--server", "db1", code=1)
    assert "server db1" in errors and "denied" in errors.lower()
