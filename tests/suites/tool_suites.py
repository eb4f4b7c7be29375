"""Programs that others wrote and that people run against a server: the client library's test, dump tools, a checksum
tool, an application. Each is a function of a place and a scratch folder and gives {what was done: what came of it}."""

import contextlib
import hashlib
import html
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.parse

import bed
from driver_suites import execute, recreate

WORDPRESS = pathlib.Path("/usr/share/wordpress")

# Something of everything that a dump has to carry.
SAMPLE_SQL = """
CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, born DATE, note TEXT,
  picture BLOB, balance DECIMAL(10,2), at TIMESTAMP NULL, KEY (name)) ENGINE=InnoDB;
INSERT INTO people (name, born, note, picture, balance, at)
  SELECT CONCAT('pérson ', seq), '1970-01-01' + INTERVAL seq DAY, REPEAT(CONCAT('it''s \\\\ "', seq, '"\\n'), 3),
  UNHEX(MD5(seq)), seq * 1.01, FROM_UNIXTIME(1600000000 + seq) FROM seq_1_to_4000;
CREATE TABLE orders (id INT PRIMARY KEY, person INT, amount BIGINT UNSIGNED,
  FOREIGN KEY (person) REFERENCES people (id)) ENGINE=InnoDB;
INSERT INTO orders SELECT seq, 1 + seq % 4000, 18446744073709551615 - seq FROM seq_1_to_3000;
CREATE TABLE plain (a INT, b DOUBLE, c BIT(5), d JSON, KEY (a)) ENGINE=MyISAM;
INSERT INTO plain SELECT seq, seq / 7, seq % 32, JSON_OBJECT('n', seq) FROM seq_1_to_500;
CREATE VIEW rich AS SELECT name, balance FROM people WHERE balance > 100;
CREATE TRIGGER shout BEFORE INSERT ON orders FOR EACH ROW SET NEW.amount = NEW.amount + 0;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n;
CREATE PROCEDURE greet() SELECT 'hello';
CREATE EVENT later ON SCHEDULE EVERY 1 YEAR DISABLE DO SELECT 1;
"""


def sql(place, statements, schema="", binary=False):
    done = subprocess.run(["mariadb", "--no-defaults", "-uroot", "-h127.0.0.1", f"-P{place.port}", "-N", "-B", "--comments",
                           schema],
                          input=statements if binary else statements.encode(), capture_output=True, timeout=300,
                          check=False)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def sample(place, schema):
    recreate(place, schema)
    problem = sql(place, SAMPLE_SQL, schema)
    assert not problem, problem


def contents(place, schema):
    """What is in a schema, as {object: digest}."""
    outcomes = {}
    strong = "/* causeway consistency=strong */ "  # others wrote it
    for table in ("people", "orders", "plain"):
        rows = sql(place, f"{strong}SELECT * FROM {table} ORDER BY 1; {strong}SHOW CREATE TABLE {table}", schema)
        outcomes[table] = digest(rows)
    for what in ("VIEW rich", "TRIGGER shout", "FUNCTION twice", "PROCEDURE greet", "EVENT later"):
        text = sql(place, f"{strong}SHOW CREATE {what}", schema).replace(schema, "SCHEMA")
        outcomes[what] = digest(re.sub(r"\d{4}-\d\d-\d\d [\d:.]+", "TIME", text))
    return outcomes


def digest(text):
    data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()[:12]


def client_test(place, folder):
    """mariadb-client-test: every test by itself."""
    program = ["mariadb-client-test", "--no-defaults", "-uroot", "-h127.0.0.1", f"-P{place.port}", "-s",
               "--basedir=/usr/share/mysql/mysql-test", f"--vardir={folder}"]
    shown = subprocess.run(["mariadb-client-test", "--no-defaults", "-T"], capture_output=True, text=True,
                           timeout=60, check=False).stdout
    outcomes = {}
    for name in re.findall(r"^(test_\w+)$", shown, re.MULTILINE):
        try:
            done = subprocess.run([*program, name], cwd=folder, capture_output=True, timeout=120, check=False)
            outcomes[name] = "ok" if done.returncode == 0 else "FAILED"
            if done.returncode != 0:
                (folder / f"{place.name}-{name}.log").write_bytes(done.stdout + done.stderr)
        except subprocess.TimeoutExpired:
            outcomes[name] = "no end"
    return outcomes


DUMPS = {
    "one schema": ["--routines", "--events", "--triggers", "dumped"],
    "one snapshot": ["--single-transaction", "--quick", "dumped"],
    "locked": ["--lock-all-tables", "--databases", "dumped"],
    "with its position": ["--single-transaction", "--master-data=2", "--gtid", "dumped"],
    "as XML": ["--xml", "dumped"],
    "hex, no extended inserts": ["--hex-blob", "--skip-extended-insert", "--order-by-primary", "dumped"],
    "one table, some rows": ["dumped", "people", "--where=id % 7 = 3"],
}


# When the sample was made, and what the engine guesses of its size.
SAMPLE_TIMES = re.compile(rb" STARTS '[^']*'| (Create_time|Update_time|Created|Rows|Data_length|Avg_row_length|"
                          rb"Index_length|Data_free|Cardinality|Check_time)=\"[^\"]*\"")


def mariadb_dump(place, folder):
    """Dumps in several ways are the same text; and one restored through the place has the same contents."""
    sample(place, "dumped")
    program = ["mariadb-dump", "--no-defaults", "-uroot", "-h127.0.0.1", f"-P{place.port}", "--skip-dump-date"]
    outcomes = {}
    for name, arguments in DUMPS.items():
        done = subprocess.run([*program, *arguments], capture_output=True, timeout=300, check=False)
        text = re.sub(rb"(?m)^-- (Host:|CHANGE MASTER|SET GLOBAL gtid_slave_pos).*$", b"", done.stdout)
        text = re.sub(rb"(?m)^(/\*M?!999999.*|-- MariaDB dump.*)$", b"", text)
        text = SAMPLE_TIMES.sub(b"", text)
        (folder / f"{place.name}-{name}.sql").write_bytes(text + done.stderr)
        outcomes[name] = f"exit {done.returncode}, {digest(text)}"
        if name == "one schema":
            recreate(place, "restored")
            problem = sql(place, done.stdout, "restored", binary=True)
            outcomes["restore"] = problem or "ok"
    return {**outcomes, **{f"restored {what}": was for what, was in contents(place, "restored").items()}}


def mydumper(place, folder):
    """mydumper with four connections, then myloader, and what is there then."""
    sample(place, "dumped")
    recreate(place, "restored")
    target = folder / f"{place.name}-mydumper"
    common = [f"--host=127.0.0.1", f"--port={place.port}", "--user=root", "--threads=4"]
    outcomes = {}
    for name, command in {
        "mydumper": ["mydumper", *common, "--database=dumped", "--triggers", "--routines", "--events",
                     f"--outputdir={target}", "--rows=500"],
        # Without --enable-binlog the followers never hear of it.
        "myloader": ["myloader", *common, "--database=restored", f"--directory={target}", "--overwrite-tables",
                     "--enable-binlog"],
    }.items():
        log = folder / f"{place.name}-{name}.log"
        with open(log, "wb") as out:
            code = subprocess.run(command, stdout=out, stderr=out, timeout=300, check=False).returncode
        trouble = re.findall(r"CRITICAL.*", log.read_text(errors="replace"))
        outcomes[name] = f"exit {code}" + "".join(f", {line}" for line in trouble)
    return {**outcomes, **contents(place, "restored")}


def table_checksum(place, folder):
    """pt-table-checksum: its own columns, but for the times."""
    sample(place, "dumped")
    text = execute(["pt-table-checksum", f"h=127.0.0.1,P={place.port},u=root", "--no-check-binlog-format",
                    "--recursion-method=none", "--databases=dumped", "--replicate=dumped.checksums",
                    "--chunk-size=500", "--no-version-check"], place, folder, 300)
    outcomes = {"messages": digest("\n".join(line for line in text.splitlines() if "dumped." not in line
                                             and "ERRORS" not in line))}
    for line in text.splitlines():
        found = re.match(r"\S+\s+(\d+\s+\d+\s+\d+\s+\d+\s+\d+\s+\d+)\s+[\d.]+ (dumped\.\w+)", line)
        if found:
            outcomes[found[2]] = " ".join(found[1].split())
    outcomes["rows that differ"] = sql(place, "SELECT COUNT(*) FROM checksums WHERE this_crc <> master_crc "
                                              "OR this_cnt <> master_cnt OR this_crc IS NULL", "dumped").strip()
    return outcomes


class Visit:
    """A browser with a memory for cookies."""

    def __init__(self, base, folder):
        self.base, self.jar = base, folder / "cookies"

    def get(self, path, data=None):
        """(status, text)."""
        command = ["curl", "-s", "-L", "-b", self.jar, "-c", self.jar, "--max-time", "60", "-w", "\n%{http_code}"]
        if data is not None:
            command += ["--data", urllib.parse.urlencode(data)]
        done = subprocess.run([*map(str, command), self.base + path], capture_output=True, timeout=90, check=False)
        text, _, status = done.stdout.decode(errors="replace").rpartition("\n")
        return status, html.unescape(text)


def field(text, name):
    """The value of a hidden field of a form."""
    found = re.search(rf"name=[\"']{name}[\"'][^>]*value=[\"']([^\"']*)", text) or re.search(
        rf"value=[\"']([^\"']*)[\"'][^>]*name=[\"']{name}[\"']", text)
    return found[1] if found else ""


WP_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', '127.0.0.1:%d'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('AUTH_SALT', 'e'); define('SECURE_AUTH_SALT', 'f'); define('LOGGED_IN_SALT', 'g'); define('NONCE_SALT', 'h');
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_DEBUG', true); define('WP_DEBUG_LOG', '%s'); define('WP_DEBUG_DISPLAY', false);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""


@contextlib.contextmanager
def wordpress_site(place, folder):
    """WordPress as PHP's own web server serves it; gives its address."""
    site = folder / f"{place.name}-site"
    shutil.copytree(WORDPRESS, site, symlinks=False, ignore=shutil.ignore_patterns("wp-config.php"),
                    ignore_dangling_symlinks=True)
    (site / "wp-config.php").write_text(WP_CONFIG % (place.port, folder / f"{place.name}-debug.log"))
    port = bed.harness.free_ports(1)
    with open(folder / f"{place.name}-php.log", "wb") as log:
        server = subprocess.Popen(["php", "-S", f"127.0.0.1:{port}", "-t", site], stdout=log, stderr=log,
                                  env=dict(os.environ, PHP_CLI_SERVER_WORKERS="4"), start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/license.txt"],
                             check=False).returncode and time.monotonic() < deadline:
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


def wordpress(place, folder):
    """Installed, logged in, written to, searched, commented on and looked at, as a visitor would."""
    recreate(place, "wordpress")
    with wordpress_site(place, folder) as address:
        visit, outcomes = Visit(address, folder / place.name), {}
        (folder / place.name).mkdir(exist_ok=True)

        def step(name, path, expected, data=None):
            status, text = visit.get(path, data)
            found = "ok" if expected in text else "other"
            (folder / place.name / f"{len(outcomes):02}.html").write_text(text)
            outcomes[f"{len(outcomes):02} {name}"] = f"{status} {found}"
            return text

        step("install", "/wp-admin/install.php?step=2", "wp-login.php", {
            "weblog_title": "The suite's site", "user_name": "admin", "admin_password": "correct horse battery",
            "admin_password2": "correct horse battery", "admin_email": "admin@example.com", "pw_weak": "on",
            "language": "", "Submit": "Install"})
        step("home page", "/", "The suite's site")
        step("log in", "/wp-login.php", "Dashboard", {
            "log": "admin", "pwd": "correct horse battery", "wp-submit": "Log In", "redirect_to": f"{address}/wp-admin/",
            "testcookie": "1"})
        for number in range(1, 6):
            form = visit.get("/wp-admin/index.php")[1]
            step(f"draft {number}", "/wp-admin/post.php", "", {
                "action": "post-quickdraft-save", "_wpnonce": field(form, "_wpnonce"), "post_type": "post",
                "post_ID": field(form, "post_ID"), "post_title": f"Draft number {number}", "content": "Ünïcode ☃ text"})
        step("the drafts are listed", "/wp-admin/edit.php?post_status=draft", "Draft number 5")
        step("settings", "/wp-admin/options-general.php", "admin@example.com")
        step("users", "/wp-admin/users.php", "admin")
        step("the first post", "/?p=1", "Hello world!")
        step("a comment", "/wp-comments-post.php", "A comment of the suite", {
            "comment": "A comment of the suite", "comment_post_ID": "1", "comment_parent": "0", "submit": "Post",
            "author": "x", "email": "x@example.com"})
        step("the comment is shown", "/?p=1", "A comment of the suite")
        step("search", "/?s=world", "Hello world!")
        step("feed", "/?feed=rss2", "Hello world!")
        step("REST", "/?rest_route=/wp/v2/posts", "Hello world!")
        step("plugins", "/wp-admin/plugins.php", "Plugins")
        log = folder / f"{place.name}-debug.log"
        trouble = "database error" in log.read_text(errors="replace") if log.exists() else False
        outcomes["errors of the database in its log"] = "some" if trouble else "none"
    return outcomes


SUITES = {
    "client-test": client_test,
    "mariadb-dump": mariadb_dump,
    "mydumper": mydumper,
    "pt-table-checksum": table_checksum,
    "wordpress": wordpress,
}
