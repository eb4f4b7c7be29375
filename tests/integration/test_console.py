"""The console on its own port, and `causeway check`."""

import contextlib
import os
import stat
import subprocess

import pymysql
import pytest

from harness import BINARY, ROOT, answered_by, rows, wait_until

pytestmark = pytest.mark.core


def text_of(found):
    return " ".join(str(item) for row in found for item in row.values())


def test_show_servers(proxy):
    found = proxy.console("SHOW SERVERS")
    assert len(found) == 3
    assert all(any(name in row.values() for row in found) for name in ("db1", "db2", "db3"))
    assert "leader" in text_of(found) and text_of(found).count("follower") == 2


def test_show_servers_names_what_is_wrong(proxy, cluster):
    cluster.followers[0].sql("STOP SLAVE")
    try:
        wait_until(lambda: "STOP" in text_of(proxy.console("SHOW SERVERS")).upper()
                   or "not" in text_of(proxy.console("SHOW SERVERS")).lower(), "the reason to be shown")
    finally:
        cluster.followers[0].sql("START SLAVE")


def test_show_positions(proxy, cluster, table):
    cluster.leader.sql(f"INSERT INTO {table} VALUES (1, 'x')")
    position = cluster.leader.value("SELECT @@gtid_binlog_pos")
    cluster.caught_up()
    wait_until(lambda: text_of(proxy.console("SHOW POSITIONS")).count(position) >= 2
               or text_of(proxy.console("SHOW POSITIONS")).count(position.split("-")[2]) >= 2,
               f"both followers at {position}")


def test_show_sessions(proxy):
    with contextlib.closing(proxy.connect()) as connection:
        answered_by(connection)
        found = proxy.console("SHOW SESSIONS")
        assert any("app" in str(row.values()) for row in found)


def test_show_sessions_shows_no_data(proxy):
    """Literals of statements may be user data."""
    with contextlib.closing(proxy.connect()) as connection:
        rows(connection, "SELECT 'very secret' FROM demo.this_server")
        assert "very secret" not in text_of(proxy.console("SHOW SESSIONS"))
    assert "very secret" not in proxy.log_text()


def test_show_stats_count_statements(proxy):
    def numbers():
        return sum(int(item) for row in proxy.console("SHOW STATS") for item in row.values()
                   if str(item).isdigit())

    before = numbers()
    with contextlib.closing(proxy.connect()) as connection:
        for _ in range(20):
            answered_by(connection)
    wait_until(lambda: numbers() >= before + 20, "the counters to grow")


def test_show_rules(causeway):
    proxy = causeway({"rule:first": {"match": "abc", "to": "leader"},
                      "rule:second": {"user": "app", "to": "followers"}})
    found = text_of(proxy.console("SHOW RULES"))
    assert found.index("first") < found.index("second")
    assert "abc" in found


def test_show_config_hides_passwords(proxy):
    found = text_of(proxy.console("SHOW CONFIG"))
    assert "causal_timeout" in found and f"127.0.0.1:{proxy.port}" in found
    assert "causeway-demo" not in found and "console-demo" not in found


def test_unknown_command_says_what_there_is(proxy):
    with pytest.raises(pymysql.MySQLError):
        proxy.console("SHOW NONSENSE")
    assert proxy.console("SHOW SERVERS")


@pytest.mark.parametrize("login", [("console", "wrong"), ("nobody", "console-demo"), ("app", "app-demo")])
def test_console_has_its_own_login(proxy, login):
    with pytest.raises(pymysql.MySQLError) as error:
        pymysql.connect(host="127.0.0.1", port=proxy.console_port, user=login[0], password=login[1],
                        autocommit=None)
    assert error.value.args[0] == 1045


def test_command_line_client_on_the_console(proxy):
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{proxy.console_port}", "-uconsole",
         "-pconsole-demo", "--table", "-e", "SHOW SERVERS; SHOW POSITIONS; SHOW STATS"],
        capture_output=True, text=True, timeout=20, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "db3" in done.stdout


def test_interactive_command_line_client_on_the_console(proxy):
    """Its opening questions (version comment, databases) are answered."""
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{proxy.console_port}", "-uconsole", "-pconsole-demo"],
        input="status;\nshow servers;\n", capture_output=True, text=True, timeout=20, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "db3" in done.stdout


def test_console_on_a_unix_socket(causeway, tmp_path):
    """Mode 0600, no password."""
    path = f"/tmp/causeway-console-{os.getpid()}.sock"
    proxy = causeway({"proxy": {"console": f"unix:{path}", "console_user": None, "console_password": None}})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with contextlib.closing(pymysql.connect(unix_socket=path, user="root", autocommit=None)) as connection:
        assert len(rows(connection, "SHOW SERVERS")) == 3
    proxy.stop()
    assert not os.path.exists(path), "the socket is removed at the end"
    del tmp_path


def test_drain_and_resume(proxy):
    """DRAIN takes a follower out of rotation for reads."""
    proxy.console("DRAIN db2")
    try:
        def drained():
            with contextlib.ExitStack() as stack:
                connections = [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(8)]
                return {answered_by(connection) for connection in connections} == {"db3"}

        wait_until(drained, "reads to leave the drained follower")
    finally:
        proxy.console("RESUME db2")
    proxy.wait_in_rotation("db2")


def check(text, tmp_path):
    file = tmp_path / "proxy.ini"
    file.write_text(text)
    return subprocess.run([BINARY, "check", file], capture_output=True, text=True, timeout=20, check=False)


def test_check_of_the_repositorys_file():
    done = subprocess.run([BINARY, "check", ROOT / "proxy.ini"], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_lists_every_mistake_at_once(tmp_path):
    done = check(
        "[proxy]\nlisten = 127.0.0.1:4006\nlissten = 1\n\n[cluster]\nuser = u\npassword = geheim\n"
        "probe_interval = soon\n\n[server:db1]\nweight = 1\n\n[routing]\nconsistency = perfect\n"
        "[nowhere]\na = b\n",
        tmp_path,
    )
    output = done.stdout + done.stderr
    assert done.returncode != 0
    for words in (":3:", "listen", ":8:", "probe_interval", "db1", "address", "consistency", "nowhere"):
        assert words in output, (words, output)
    assert "geheim" not in output


def test_start_with_a_broken_file_ends_with_the_errors(tmp_path):
    file = tmp_path / "proxy.ini"
    file.write_text("[proxy]\nlisten = here\n")
    done = subprocess.run([BINARY, "run", "-c", file], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "proxy.ini:2" in done.stdout + done.stderr


def test_busy_port_is_named(proxy, tmp_path):
    file = tmp_path / "proxy.ini"
    file.write_text(proxy.config.read_text().replace(f"console = 127.0.0.1:{proxy.console_port}", ""))
    done = subprocess.run([BINARY, "run", "-c", file], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert str(proxy.port) in done.stdout + done.stderr
