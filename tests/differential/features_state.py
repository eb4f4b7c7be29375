"""Features that change what a session is: variables, character sets, schema, roles, user variables, tracking."""

from session_model import feature

# Statements that set, and what goes back to the default. What they do shows in any later statement.
SETS = (
    ("sql_mode", ("''", "'ANSI_QUOTES'", "'STRICT_ALL_TABLES,NO_ZERO_DATE'", "'NO_BACKSLASH_ESCAPES'", "'PIPES_AS_CONCAT'", "'ORACLE'",
                  "'ONLY_FULL_GROUP_BY'", "'ERROR_FOR_DIVISION_BY_ZERO,STRICT_TRANS_TABLES'", "'PAD_CHAR_TO_FULL_LENGTH'", "'REAL_AS_FLOAT'",
                  "CONCAT(@@sql_mode, ',HIGH_NOT_PRECEDENCE')", "'NO_UNSIGNED_SUBTRACTION'", "'IGNORE_SPACE'", "'EMPTY_STRING_IS_NULL'",
                  "'NO_AUTO_VALUE_ON_ZERO'", "'TRADITIONAL'", "'ANSI'", "'TIME_ROUND_FRACTIONAL'", "'NOSUCH'", "1411383296")),
    ("time_zone", ("'+00:00'", "'-03:30'", "'SYSTEM'", "'+12:00'", "'Nowhere/Here'")),
    ("lc_time_names", ("'de_DE'", "'en_US'", "'ja_JP'", "5")),
    ("lc_messages", ("'de_DE'", "'en_US'", "'fr_FR'")),
    ("div_precision_increment", ("0", "9", "4")),
    ("group_concat_max_len", ("5", "10", "1000000")),
    ("sql_select_limit", ("2", "1", "18446744073709551615")),
    ("sql_safe_updates", ("1", "0")),
    ("sql_big_selects", ("0", "1")),
    ("max_join_size", ("2", "1000000")),
    ("sql_auto_is_null", ("1", "0")),
    ("character_set_results", ("latin1", "NULL", "utf8mb4", "binary", "'utf8mb3'", "ucs2")),
    ("character_set_client", ("latin1", "utf8mb4", "ucs2")),
    ("character_set_connection", ("latin1", "utf8mb4", "binary")),
    ("collation_connection", ("utf8mb4_bin", "latin1_german2_ci", "utf8mb4_unicode_ci", "'utf8mb4_nopad_bin'")),
    ("character_set_server", ("latin1", "utf8mb4")),
    ("collation_server", ("latin1_bin", "utf8mb4_general_ci")),
    ("character_set_database", ("latin1", "utf8mb4")),
    ("default_week_format", ("3", "0")),
    ("sql_warnings", ("1", "0")),
    ("sql_notes", ("0", "1")),
    ("unique_checks", ("0", "1")),
    ("foreign_key_checks", ("0", "1")),
    ("check_constraint_checks", ("0", "1")),
    ("sql_quote_show_create", ("0", "1")),
    ("auto_increment_increment", ("5", "1")),
    ("auto_increment_offset", ("3", "1")),
    ("max_error_count", ("1", "0", "64")),
    ("optimizer_switch", ("'index_merge=off'", "'mrr=on'", "'default'")),
    ("old_mode", ("''", "'UTF8_IS_UTF8MB3'", "'NO_PROGRESS_INFO'")),
    ("default_storage_engine", ("MyISAM", "Aria", "InnoDB", "nosuch")),
    ("max_statement_time", ("50", "0")),
    ("max_sort_length", ("8", "1024")),
    ("tx_isolation", ("'READ-COMMITTED'", "'SERIALIZABLE'", "'REPEATABLE-READ'", "'READ-UNCOMMITTED'")),
    ("tx_read_only", ("1", "0")),
    ("low_priority_updates", ("1", "0")),
    ("innodb_lock_wait_timeout", ("1", "3")),
    ("lock_wait_timeout", ("2", "9")),
    ("wait_timeout", ("3000",)),
    ("net_write_timeout", ("70",)),
    ("sort_buffer_size", ("65536",)),
    ("tmp_table_size", ("2000000",)),
    ("join_buffer_size", ("70000",)),
    ("standard_compliant_cte", ("0", "1")),
    ("default_regex_flags", ("'DOTALL'", "'EXTENDED'", "''")),
    ("updatable_views_with_limit", ("NO", "YES")),
    ("insert_id", ("500", "700")),
    ("last_insert_id", ("33",)),
    ("identity", ("44",)),
    ("timestamp", ("1700000000", "1500000000.25", "DEFAULT")),
    ("rand_seed1", ("12345",)),
    ("rand_seed2", ("54321",)),
    ("explicit_defaults_for_timestamp", ("0", "1")),
    ("sql_if_exists", ("1", "0")),
    ("column_compression_threshold", ("50",)),
    ("system_versioning_asof", ("DEFAULT",)),
    ("query_cache_type", ("0",)),
    ("long_query_time", ("5", "0.5")),
    ("min_examined_row_limit", ("7",)),
    ("binlog_format", ("'ROW'", "'MIXED'")),
    ("big_tables", ("1", "0")),
    ("skip_replication", ("0",)),
    ("log_slow_verbosity", ("'query_plan'", "''")),
    ("sql_log_bin", ("1",)),
    ("max_allowed_packet", ("2000",)),
    ("net_buffer_length", ("4096",)),
    ("version", ("'x'",)),
    ("nosuch_variable", ("1",)),
    ("max_connections", ("9",)),
    ("character_set_filesystem", ("binary", "latin1")),
    ("debug_no_thread_alarm", ("1",)),
)
READ_ONLY_HERE = ("tx_read_only",)
SHOWN = tuple(name for name, _ in SETS[:-1] if name not in ("timestamp", "nosuch_variable", "insert_id", "rand_seed1", "rand_seed2"))


def probes(s):
    """What the variables do to statements."""
    return s.pick(
        "SELECT 1/3, 10/7", "SELECT \"k\", 'it''s'", "SELECT 'a\\nb', 'x' || 'y'", "SELECT GROUP_CONCAT(seq) FROM seq_1_to_30",
        "SELECT DATE_FORMAT('2024-03-05', '%W %M %v')", "SELECT FROM_UNIXTIME(1700000000)", "SELECT CAST('abc' AS INT), 1/0",
        "SELECT @@" + ", @@session.".join(s.rng.sample(SHOWN, 4)), "SELECT WEEK('2024-01-03')", "SELECT NOT 1 BETWEEN -5 AND 5",
        "SELECT 'grün', LENGTH('grün'), CHARSET('a'), COLLATION('a')", "SELECT seq FROM seq_1_to_9", "SELECT CAST(1 AS UNSIGNED) - 2",
        "SELECT 'a' = 'A', 'a' = 'a '", "SELECT '' IS NULL", "SELECT 'x' REGEXP 'a  |x'", f"SELECT * FROM {s.table().name} ORDER BY id",
        "SELECT UNIX_TIMESTAMP('2024-01-01 00:00:00'), UNIX_TIMESTAMP('2024-07-01 00:00:00')",
        f"INSERT INTO {s.table().name} (k, v) VALUES (1/0, 'a long text that is longer than forty characters')",
        f"INSERT INTO {s.table().name} (id, k) VALUES (0, 3)", f"SHOW CREATE TABLE {s.table().name}", "SELECT COUNT (*) FROM dual",
        f"DELETE FROM {s.table().name} WHERE v = 'nobody'", s.read(),
        "SELECT @@" + s.pick(*SHOWN), "SHOW VARIABLES LIKE '" + s.pick(*SHOWN) + "'", "SELECT * FROM nosuch",
        "SELECT JSON_EXTRACT('{\"a\": \"ü\"}', '$.a')", "SELECT HEX('ü'), HEX(CONVERT('ü' USING utf8mb4)), 'ü' AS 'ü'",
    )


@feature("variables", 6)
def variables(s):
    name, values = s.pick(*SETS)
    value = s.pick(*values)
    scope = s.pick("", "", "SESSION ", "@@", "@@session.", "LOCAL ")
    s.query(f"SET {scope}{name} = {value}")
    if s.chance(0.2):
        other, others = s.pick(*SETS)
        s.query(f"SET {name} = {value}, {other} = {s.pick(*others)}")
    for _ in range(s.rng.randrange(1, 4)):
        s.query(probes(s))
    if s.chance(0.3):
        s.some(2)
    if name in ("tx_read_only",) or s.chance(0.85):
        s.query(f"SET {name} = DEFAULT")
        if name == "sql_mode" and s.chance(0.5):
            s.query(probes(s))


@feature("set-other-ways", 2)
def set_other_ways(s):
    name, values = s.pick(*SETS)
    value = s.pick(*values)
    slot = 30
    way = s.rng.randrange(6)
    if way == 0:
        s.query(f"SET STATEMENT {name} = {value} FOR {s.pick(s.read(), s.write(), 'SELECT @@' + name)}")
    elif way == 1:
        s.op("prepare", slot, f"SET {name} = {value}")
        s.op("execute", slot, (), 0, True)
    elif way == 2:
        s.query(f"BEGIN NOT ATOMIC SET {name} = {value}; END")
    elif way == 3:
        s.query(f"PREPARE sv FROM 'SET {name} = ?'")
        s.query(f"EXECUTE sv USING {value}")
        s.query("DEALLOCATE PREPARE sv")
    elif way == 4:
        s.query(f"SELECT 1; SET {name} = {value}; SELECT @@{name if name in SHOWN else 'sql_mode'}")
    else:
        s.query(f"SET @old = @@{name}, {name} = {value}")
        s.queries(probes(s), f"SET {name} = @old")
    s.queries(probes(s), probes(s), f"SET {name} = DEFAULT")


@feature("names", 2)
def names(s):
    s.query(s.pick("SET NAMES latin1", "SET NAMES utf8mb4", "SET CHARACTER SET latin1", "SET NAMES utf8mb3",
                   "SET CHARACTER SET utf8mb4", "SET CHARSET DEFAULT", "SET NAMES DEFAULT", "SET NAMES binary", "SET NAMES sjis", "SET NAMES gbk",
                   "SET NAMES ucs2", "SET NAMES 'cp1251'", "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
                   "set names latin1 collate latin1_german2_ci", "SET NAMES utf8mb3 COLLATE DEFAULT"))
    for _ in range(s.rng.randrange(1, 5)):
        s.query(s.pick(probes(s), "SELECT 'größe', LENGTH('größe')", b"SELECT '\xe4', HEX('\xe4')", b"SELECT '\x95\x5c', 1", "SELECT COLLATION('a')",
                       "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection",
                       f"INSERT INTO {s.table().name} (v) VALUES ('zürich €')", f"SELECT v FROM {s.table().name} ORDER BY id"))
    if s.chance(0.7):
        s.query("SET NAMES utf8mb4")


@feature("schema", 2)
def schema(s):
    def away():
        if s.chance(0.3):
            s.op("init_db", s.pick(s.other_schema, s.other_schema, "information_schema", "nosuch", ""))
        else:
            s.query(s.pick(f"USE {s.other_schema}", f"USE `{s.other_schema}`", "USE information_schema", "USE nosuch"))

    away()
    s.queries(s.pick("SELECT DATABASE()", "SHOW TABLES", f"CREATE TABLE IF NOT EXISTS o{s.number} (a INT)"),
              s.pick("SELECT DATABASE()", f"SELECT COUNT(*) FROM o{s.number}", f"SELECT COUNT(*) FROM {s.schema}.nosuch"))
    if s.chance(0.3):
        s.queries(f"DROP DATABASE IF EXISTS {s.other_schema}", "SELECT DATABASE()", "SHOW TABLES", f"CREATE DATABASE {s.other_schema}",
                  s.pick("SELECT DATABASE()", f"CREATE TABLE o{s.number} (a INT)"))
    if s.chance(0.3):
        s.op("init_db", s.schema)
    else:
        s.query(f"USE {s.schema}")
    s.query("SELECT DATABASE()")


@feature("user-variables", 5)
def user_variables(s):
    name = s.pick("a", "b", "x", "`odd one`", "A")
    s.query(s.pick(f"SET @{name} = 5", f"SET @{name} = 'text'", f"SET @{name} := 1.50", f"SET @{name} = NULL, @other = 3", f"SET @{name} = x'00ff'",
                   f"SELECT @{name} := 12", f"SELECT MAX(id) INTO @{name} FROM {s.table().name}", f"SET @{name} = (SELECT COUNT(*) FROM {s.table().name})",
                   f"SET @{name} = _latin1'abc' COLLATE latin1_bin", f"SET @{name} = -7", f"SET @{name} = 18446744073709551615", f"SET @{name} = 1e10",
                   f"SET @{name} = @{name} + 1", f"SELECT id, @{name} := k FROM {s.table().name} ORDER BY id", f"SET @{name} = 'ü'",
                   f"SET @{name} = DATE'2024-01-01'", f"SET @{name} = 0x41", f"SET @{name} = TRUE", f"SET @{name} = 'it''s \\\\ \"q\"'",
                   f"SET @{name} = CONCAT('a', 'b'), sql_notes = 1", f"SET @{name} = 00012.500", f"SET @{name} = ''"))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(s.pick(f"SELECT @{name}", f"SELECT @{name} + 1, CONCAT(@{name}, 'z')", f"SELECT * FROM {s.table().name} WHERE k = @{name} ORDER BY id",
                       f"SELECT HEX(@{name}), CHARSET(@{name}), COLLATION(@{name}), COERCIBILITY(@{name})", f"SELECT @{name} = '5', @nosuch", s.read(),
                       f"INSERT INTO {s.table().name} (v) VALUES (@{name})", f"SELECT @{name} IS NULL, LENGTH(@{name})", "SELECT @a, @b, @x, @A"))


@feature("roles", 0.8)
def roles(s):
    s.query(s.pick("SET ROLE diff_role", "SET ROLE diff_role", "SET ROLE nosuch", "SET ROLE NONE"))
    for _ in range(s.rng.randrange(1, 4)):
        s.query(s.pick("SELECT CURRENT_ROLE()", "SELECT * FROM secret.t", "SHOW GRANTS FOR CURRENT_ROLE", s.read(), s.write(), "SELECT CURRENT_USER()",
                       "SHOW TABLES FROM secret", "SELECT role_name, grantee FROM information_schema.applicable_roles WHERE role_name = 'diff_role'"))
    if s.chance(0.7):
        s.queries("SET ROLE NONE", "SELECT * FROM secret.t")


@feature("session-track", 0.3)
def session_track(s):
    s.query(s.pick("SET session_track_schema = 0", "SET session_track_state_change = 1", "SET session_track_system_variables = 'sql_mode,time_zone'",
                   "SET session_track_system_variables = ''", "SET session_track_transaction_info = 'STATE'", "SET session_track_system_variables = '*'",
                   "SET session_track_transaction_info = 'CHARACTERISTICS'", "SET session_track_system_variables = 'autocommit,nosuch'",
                   "SET session_track_system_variables = 'last_gtid'", "SET session_track_system_variables = NULL"))
    for _ in range(s.rng.randrange(2, 6)):
        s.query(s.pick("SET sql_mode = ''", "SET time_zone = '+01:00'", "USE " + s.schema, "SET @tracked = 1", "BEGIN", "COMMIT", s.write(), s.read(),
                       "SET NAMES latin1", "SET autocommit = 1", "START TRANSACTION READ ONLY", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
                       "SELECT @@session_track_system_variables, @@session_track_schema", "SET sql_mode = DEFAULT, time_zone = DEFAULT",
                       "CREATE TEMPORARY TABLE IF NOT EXISTS trk (a INT)", "DROP TEMPORARY TABLE IF EXISTS trk", "SHOW VARIABLES LIKE 'session_track_s%'"))
    s.queries("COMMIT", "SET NAMES utf8mb4", "SET sql_mode = DEFAULT, time_zone = DEFAULT")
    if s.chance(0.8):
        s.query("SET session_track_schema = DEFAULT, session_track_state_change = DEFAULT, session_track_system_variables = DEFAULT, "
                "session_track_transaction_info = DEFAULT")


@feature("own-id", 0.3)
def own_id(s):
    s.query(s.pick("SELECT CONNECTION_ID()", "SELECT @@pseudo_thread_id"))


@feature("accounts", 0.15)
def accounts(s):
    """Statements about accounts; few, since they make Causeway read them again."""
    name = f"'made{s.world.lane}{s.number}'@'%'"
    s.queries(f"CREATE USER {name} IDENTIFIED BY 'secret'", f"GRANT SELECT ON {s.schema}.* TO {name}", f"SHOW GRANTS FOR {name}",
              f"DROP USER {name}", f"DROP USER {name}")
