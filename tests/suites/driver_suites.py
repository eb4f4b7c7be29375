"""The own suites of drivers and ORMs. Each is a function of a place and a scratch folder, and gives
{test: outcome}, an outcome being a word such as ok, FAILED or skipped."""

import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

import packages

RUN_SECONDS = 900


def execute(command, place, folder, seconds=RUN_SECONDS, **environment):
    """What it printed; its output is kept in the folder."""
    merged = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    cwd = environment.pop("cwd", folder)
    merged.update(environment)
    log = folder / f"{place.name}.log"
    with open(log, "ab") as out:
        try:
            subprocess.run(command, cwd=cwd, env=merged, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                           timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            out.write(b"\nno end in time\n")
    return log.read_text(errors="replace")


def recreate(place, *names, charset="utf8mb4"):
    """Empty schemas, made through the place itself."""
    statements = "".join(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET {charset};"
                         for name in names)
    subprocess.run(["mariadb", "--no-defaults", "-uroot", "-h127.0.0.1", f"-P{place.port}", "-e", statements],
                   check=True, timeout=60)


def junit_outcomes(path):
    """pytest's --junit-xml as {class.test: outcome}."""
    outcomes = {}
    if not path.exists():
        return {"the suite": "did not run"}
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        found = [child for child in case if child.tag in ("failure", "error", "skipped")]
        words = {"failure": "FAILED", "error": "ERROR", "skipped": "skipped"}
        outcomes[f"{case.get('classname')}.{case.get('name')}"] = words[found[0].tag] if found else "ok"
    return outcomes


def pytest_suite(place, folder, target, cwd, extra=(), **environment):
    result = folder / f"{place.name}.xml"
    execute(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={result}", *extra,
             *target], place, folder, cwd=cwd, **environment)
    return junit_outcomes(result)


def mysqlclient(place, folder):
    recreate(place, "suite_mysqlclient")
    config = folder / f"{place.name}.cnf"
    config.write_text(f"[MySQLdb-tests]\nhost=127.0.0.1\nport={place.port}\nuser=root\n"
                      "database=suite_mysqlclient\ndefault-character-set=utf8mb4\n")
    home = packages.source("python-mysqldb") / "tests"
    (folder / "mock.py").write_text("from unittest.mock import *\n")  # its old name
    return pytest_suite(place, folder, ["."], home, ["-p", "no:warnings", "--rootdir=."], TESTDB=str(config),
                        PYTHONPATH=str(folder))


def sqlalchemy_with(driver):
    def suite(place, folder):
        recreate(place, "suite_alchemy", "test_schema")
        home = folder / f"sqlalchemy-{driver}"
        home.mkdir(exist_ok=True)
        (home / "setup.cfg").write_text("[sqla_testing]\nrequirement_cls=requirements:Requirements\n"
                                        "profile_file=profiles.txt\n")
        (home / "requirements.py").write_text(
            "from sqlalchemy.testing.requirements import SuiteRequirements\n"
            "class Requirements(SuiteRequirements):\n    pass\n")
        (home / "conftest.py").write_text(
            "from sqlalchemy.dialects import registry\nimport pytest\n"
            "pytest.register_assert_rewrite('sqlalchemy.testing.assertions')\n"
            "from sqlalchemy.testing.plugin.pytestplugin import *\n")
        (home / "test_suite.py").write_text("from sqlalchemy.testing.suite import *\n")
        url = f"mysql+{driver}://root@127.0.0.1:{place.port}/suite_alchemy?charset=utf8mb4"
        return pytest_suite(place, folder, ["test_suite.py"], home, [f"--dburi={url}", "-p", "no:warnings"],
                            PYTHONPATH=str(home))
    return suite


def words_of(text):
    """A test's own words, without the numbers and names that are others in each run."""
    return re.sub(r"\d+|SQL_\w+", "N", text.split("#")[0].strip()[:60])


TAP_LINE = re.compile(r"^\s*(not )?ok (\d+)\s*-?\s*(.*)$")


def dbd_mariadb(place, folder):
    """Perl's DBD::MariaDB: every t/*.t by itself, each TAP line a test."""
    recreate(place, "suite_dbd", charset="utf8mb4 COLLATE utf8mb4_unicode_ci")
    home, outcomes = packages.source("libdbd-mariadb-perl"), {}
    for script in sorted(home.glob("t/*.t")):
        text = execute(["perl", "-Ilib", str(script)], place, folder, 120, cwd=home,
                       DBI_DSN=f"DBI:MariaDB:database=suite_dbd;host=127.0.0.1;port={place.port}",
                       DBI_USER="root", DBI_PASS="")
        (folder / f"{place.name}.log").rename(folder / f"{place.name}-{script.stem}.log")
        for line in text.splitlines():
            found = TAP_LINE.match(line)
            if found:
                word = "FAILED" if found[1] else "skipped" if "# skip" in line.lower() else "ok"
                outcomes[f"{script.stem} {found[2]} {words_of(found[3])}"] = word
            elif line.startswith("1..0"):
                outcomes[script.stem] = "skipped"
    return outcomes


GO_LINE = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)


def go_sql_driver(place, folder):
    """Go's go-sql-driver/mysql, built from Debian's package."""
    recreate(place, "gotest")
    home = pathlib.Path("/usr/share/gocode/src/github.com/go-sql-driver/mysql")
    binary = folder / "go-sql-driver.test"
    if not binary.exists():
        execute(["go", "test", "-c", "-o", str(binary), "."], place, folder, cwd=home, GO111MODULE="off",
                GOPATH="/usr/share/gocode", GOCACHE=str(folder / "go-cache"), GOFLAGS="-p=1")
    text = execute([str(binary), "-test.v", "-test.timeout=10m"], place, folder, MYSQL_TEST_USER="root",
                   MYSQL_TEST_PASS="", MYSQL_TEST_PROT="tcp", MYSQL_TEST_ADDR=f"127.0.0.1:{place.port}",
                   MYSQL_TEST_DBNAME="gotest", MYSQL_TEST_CONCURRENT="1")
    words = {"PASS": "ok", "FAIL": "FAILED", "SKIP": "skipped"}
    return {name: words[word] for word, name in GO_LINE.findall(text)} or {"the suite": "did not run"}


# Of Django's own suite, what speaks to a database most.
DJANGO_LABELS = (
    "backends", "basic", "migrations", "migrate_signals", "schema", "transactions", "transaction_hooks",
    "select_for_update", "queries", "lookup", "aggregation", "expressions", "bulk_create", "get_or_create",
    "introspection", "inspectdb",
)
DJANGO_LINE = re.compile(r"^(test\w*) \(([\w.]+)\)(?:\n.*?)? \.\.\. .*?(ok|FAIL|ERROR|skipped|expected failure)",
                         re.MULTILINE)


def django(place, folder):
    """Django's own tests: migrations, queries, transactions and the backend."""
    home = packages.source("python-django")
    settings = folder / f"settings_{place.name}.py"
    database = ("{'ENGINE': 'django.db.backends.mysql', 'HOST': '127.0.0.1', 'PORT': %d, 'USER': 'root', 'NAME': '%s', "
                "'TEST': {'CHARSET': 'utf8mb4'}}")
    settings.write_text(
        f"DATABASES = {{'default': {database % (place.port, 'suite_django')}, "
        f"'other': {database % (place.port, 'suite_django_other')}}}\n"
        "SECRET_KEY = 'of the suite'\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\n"
        "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\nUSE_TZ = False\n")
    recreate(place, "suite_django", "suite_django_other")
    labels = [label for label in DJANGO_LABELS if (home / "tests" / label).is_dir()]
    text = execute(["/usr/bin/python3", "-W", "ignore", "runtests.py", f"--settings=settings_{place.name}",
                    "--parallel=1", "--noinput", "-v2", *labels], place, folder, cwd=home / "tests",
                   PYTHONPATH=f"{folder}:{home}")
    return {f"{group}.{name}": word for name, group, word in DJANGO_LINE.findall(text)} or {"the suite": "did not run"}


SUITES = {
    "mysqlclient": mysqlclient,
    "dbd-mariadb": dbd_mariadb,
    "go-sql-driver": go_sql_driver,
    "sqlalchemy": sqlalchemy_with("mysqldb"),
    "sqlalchemy-pymysql": sqlalchemy_with("pymysql"),
    "django": django,
}
