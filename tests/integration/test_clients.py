"""Existing clients, unmodified: each runs the same scenario directly on the leader (the control) and
through Causeway, and sees the same."""

import pathlib
import subprocess

import pytest

CLIENTS = pathlib.Path(__file__).parent / "clients"

PROGRAMS = {
    "pymysql": ["/usr/bin/python3", "pymysql_client.py", "PORT"],
    "mysqlclient": ["/usr/bin/python3", "mysqlclient_client.py", "PORT"],
    "php-mysqli": ["php", "mysqli.php", "PORT"],
    "php-pdo-emulated": ["php", "pdo.php", "PORT", "emulated"],
    "php-pdo-real": ["php", "pdo.php", "PORT", "real"],
    "perl-text": ["perl", "dbd_mariadb.pl", "PORT", "text"],
    "perl-prepared": ["perl", "dbd_mariadb.pl", "PORT", "real"],
    "node-mysql2-text": ["node", "node_mysql2.js", "PORT", "text"],
    "node-mysql2-prepared": ["node", "node_mysql2.js", "PORT", "prepared"],
    "node-mariadb-text": ["node", "node_mariadb.js", "PORT", "text"],
    "node-mariadb-prepared": ["node", "node_mariadb.js", "PORT", "prepared"],
    "node-mariadb-batch": ["node", "node_mariadb.js", "PORT", "batch"],
}

EXPECTED = """\
inserted 1 1
1|ä€'"\\|12.50|2024-02-29
2|NULL|NULL|NULL
bytes same
own writes 50
inside 0
after rollback 52
error 1062
changed 5
result 1
result two
"""


def run(arguments, **settings):
    done = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, timeout=100, check=False, **settings
    )
    output = done.stdout.decode(errors="replace")
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {output[-2000:]}{errors[-2000:]}"
    return output


@pytest.fixture(name="procedure", scope="module", autouse=True)
def procedure_fixture(shared_cluster):
    """Before Causeway starts: behind a CALL of what it does not know yet the next read is the leader's."""
    shared_cluster.leader.sql(
        "CREATE OR REPLACE PROCEDURE demo.client_two_results() BEGIN SELECT 1; SELECT 'two'; END"
    )
    shared_cluster.caught_up()


@pytest.mark.core
@pytest.mark.parametrize("program", PROGRAMS)
def test_client_library(program, target, cluster):
    arguments = [str(target) if item == "PORT" else item for item in PROGRAMS[program]]
    output = run(arguments, cwd=CLIENTS)
    assert output.startswith(EXPECTED), output
    server = output[len(EXPECTED) :].strip()
    if target == cluster.leader.port:
        assert server == "read by db1"
    else:
        assert server in ("read by db2", "read by db3"), "reads go to a follower"


COMMAND_LINE = """
CREATE OR REPLACE TABLE client_cli (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50));
INSERT INTO client_cli (name) VALUES ('ä€'), (NULL);
SELECT * FROM client_cli;
DELIMITER //
BEGIN NOT ATOMIC SELECT COUNT(*) FROM client_cli; END//
DELIMITER ;
INSERT INTO client_cli (name) VALUES ('three') RETURNING id;
SELECT COUNT(*) FROM client_cli;
USE information_schema
SELECT DATABASE();
USE demo
SHOW TABLES LIKE 'client_cli';
DESCRIBE client_cli;
CALL client_two_results();
SELECT * FROM client_cli WHERE id = 3\\G
"""


def command_line(port, *arguments, **settings):
    return run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uapp", "-papp-demo", *arguments, "demo"],
        **settings,
    )


@pytest.mark.core
def test_mariadb_command_line(cluster, proxy):
    """Table output, compared as it stands with the direct one; the client's own completion
    (COM_FIELD_LIST for every table) runs as well."""
    arguments = ["--table", "--auto-rehash", "--default-character-set=utf8mb4", "--show-warnings"]
    direct = command_line(cluster.leader.port, *arguments, input=COMMAND_LINE.encode())
    through = command_line(proxy.port, *arguments, input=COMMAND_LINE.encode())
    assert "three" in direct and "ä€" in direct
    assert through == direct


def test_mariadb_command_line_errors(target):
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{target}", "-uapp", "-papp-demo", "demo"],
        input=b"SELECT nothing FROM nowhere;", capture_output=True, timeout=30, check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith(b"ERROR 1146 (42S02) at line 1: Table 'demo.nowhere' doesn't exist\n")


def test_mariadb_command_line_status(target):
    output = command_line(target, "-e", "status")
    assert "Current user:\t\tapp@localhost" in output
    assert "MariaDB" in output and "Uptime:" in output


def test_local_infile(target, cluster, tmp_path):
    cluster.leader.sql("CREATE OR REPLACE TABLE demo.client_infile (a INT, b VARCHAR(100))")
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{number}\ttext {number}\n" for number in range(50000)))
    output = command_line(
        target, "--local-infile", "-N", "-e",
        f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE client_infile;"
        " SELECT COUNT(*), MAX(a) FROM client_infile",
    )
    assert output == "50000\t49999\n"


@pytest.mark.slow
@pytest.mark.parametrize("prepared", ["text", "prepared"])
def test_sysbench(prepared, target, cluster):
    cluster.leader.sql("DROP TABLE IF EXISTS demo.sbtest1, demo.sbtest2")
    arguments = [
        "sysbench", "oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1",
        f"--mysql-port={target}", "--mysql-user=app", "--mysql-password=app-demo", "--mysql-db=demo",
        "--tables=2", "--table-size=500", "--threads=4", "--time=4",
        "--db-ps-mode=" + ("auto" if prepared == "prepared" else "disable"),
        "--mysql-ignore-errors=1213,1020,1205", # conflicts of sysbench's own threads
    ]
    run(arguments + ["prepare"])
    try:
        output = run(arguments + ["run"])
        assert "transactions:" in output and "total:" in output
        # Without transactions sysbench's threads would trip over each other's rows.
        autocommit = run(arguments + ["--skip-trx=on", "--threads=1", "--time=3", "run"])
        assert "transactions:" in autocommit
    finally:
        run(arguments + ["cleanup"])
    cluster.caught_up()


@pytest.mark.core
def test_dump_equals_a_direct_dump(cluster, proxy, admin):
    cluster.leader.sql("CREATE OR REPLACE DATABASE dumped")
    for number in range(3):
        cluster.leader.sql(
            f"CREATE TABLE dumped.t{number} (id INT PRIMARY KEY, v VARCHAR(100), b BLOB);"
            f"INSERT INTO dumped.t{number} SELECT seq, MD5(seq), UNHEX(SHA2(seq, 256)) FROM dumped.seq_1_to_2000"
        )
    cluster.leader.sql(
        "CREATE VIEW dumped.v AS SELECT id FROM dumped.t0;"
        "CREATE PROCEDURE dumped.p() SELECT 1;"
        "CREATE TRIGGER dumped.g BEFORE INSERT ON dumped.t0 FOR EACH ROW SET NEW.v = 'x'"
    )
    cluster.caught_up()
    login = [f"-u{admin['user']}", f"-p{admin['password']}"]
    for mode in (["--single-transaction"], ["--lock-tables"], ["--skip-lock-tables", "--quick"]):
        dumps = []
        for port in (cluster.leader.port, proxy.port):
            dumps.append(
                run(
                    ["mariadb-dump", "--no-defaults", "-h127.0.0.1", f"-P{port}", *login,
                     "--skip-dump-date", "--routines", "--triggers", "--hex-blob", *mode, "dumped"]
                )
            )
        assert dumps[0].count("INSERT INTO") >= 3
        assert dumps[1] == dumps[0], mode
    cluster.leader.sql("CREATE OR REPLACE DATABASE restored")
    # A restore through Causeway: long multi-row INSERTs, comments that are executed, LOCK TABLES.
    tables_only = run(
        ["mariadb-dump", "--no-defaults", "-h127.0.0.1", f"-P{proxy.port}", *login,
         "--skip-triggers", "--hex-blob", "--ignore-table=dumped.v", "dumped"]
    )
    run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{proxy.port}", *login, "restored"],
        input=tables_only.encode(),
    )
    cluster.caught_up()
    for server in cluster.servers:
        sums = [server.value(f"SELECT SUM(CRC32(CONCAT(id, v, HEX(b)))) FROM {schema}.t1")
                for schema in ("dumped", "restored")]
        assert sums[0] == sums[1], server.name
