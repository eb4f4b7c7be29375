"""Features of the wire: prepared statements, cursors, resets, other users, small commands."""

import struct

import grammar
from client import LAST_PREPARED
from session_model import feature

# Types of the binary protocol ("com_stmt_execute"): code, unsigned, bytes of a value.
TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, DATE, TIME, DATETIME = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12
YEAR, VARCHAR, DECIMAL, ENUM, BLOB, VAR_STRING, STRING = 13, 15, 246, 247, 252, 253, 254
CURSOR = 1


def text(value):
    return grammar_lenenc(value if isinstance(value, bytes) else value.encode())


def grammar_lenenc(data):
    if len(data) < 251:
        return bytes([len(data)]) + data
    return b"\xfc" + struct.pack("<H", len(data)) + data


def parameter(rng):
    """(type, unsigned, bytes or None)"""
    return rng.choice((
        lambda: (TINY, 0, struct.pack("<b", rng.choice((0, 1, -5, 127)))),
        lambda: (SHORT, 1, struct.pack("<H", rng.choice((0, 9, 65535)))),
        lambda: (LONG, 0, struct.pack("<i", rng.choice((0, 3, -7, 2147483647)))),
        lambda: (LONGLONG, 0, struct.pack("<q", rng.choice((1, 5, -(1 << 63))))),
        lambda: (LONGLONG, 1, struct.pack("<Q", (1 << 64) - 1)),
        lambda: (FLOAT, 0, struct.pack("<f", rng.choice((1.5, -0.25)))),
        lambda: (DOUBLE, 0, struct.pack("<d", rng.choice((2.5, 1e300)))),
        lambda: (VAR_STRING, 0, text(rng.choice(("", "a", "12", "größe", "x" * 300)))),
        lambda: (STRING, 0, text("stri'ng")),
        lambda: (BLOB, 0, text(b"\x00\xff\x80")),
        lambda: (DECIMAL, 0, text("12.345")),
        lambda: (DATE, 0, b"\x04" + struct.pack("<HBB", 2024, 2, 29)),
        lambda: (DATETIME, 0, b"\x0b" + struct.pack("<HBBBBBI", 2024, 2, 29, 23, 59, 58, 123456)),
        lambda: (TIMESTAMP, 0, b"\x07" + struct.pack("<HBBBBB", 2020, 1, 1, 0, 0, 0)),
        lambda: (TIME, 0, b"\x08" + struct.pack("<BIBBB", 1, 1, 2, 3, 4)),
        lambda: (TIME, 0, b"\0"),
        lambda: (YEAR, 0, struct.pack("<h", 2024)),
        lambda: (LONG, 0, None),
        lambda: (NULL, 0, None),
    ))()


def statement(s):
    """Text and the number of its parameters."""
    name = s.table().name
    return s.pick(
        ("SELECT ?", 1), ("SELECT ?, ?, ? + 1", 3), (f"SELECT id, k, v FROM {name} WHERE id > ? ORDER BY id", 1),
        (f"SELECT * FROM {name} ORDER BY id", 0), (f"SELECT v FROM {name} WHERE k = ? OR v = ? ORDER BY id", 2),
        (f"INSERT INTO {name} (k, v) VALUES (?, ?)", 2), (f"UPDATE {name} SET v = ? WHERE id = ?", 2), ("SELECT 1", 0),
        (f"DELETE FROM {name} WHERE id = ?", 1), (f"INSERT INTO {name} (k) VALUES (?) RETURNING id, k", 1), ("SET @p = ?", 1),
        ("SELECT @p, ?", 1), ("BEGIN", 0), ("COMMIT", 0), ("SHOW TABLES", 0), ("SELECT nosuch, ?", 1), ("SELEC ?", 1), ("DO ?", 1),
        ("SELECT CONCAT(?, 'x'), LENGTH(?)", 2), (f"SELECT COUNT(*) FROM {name} WHERE k BETWEEN ? AND ?", 2),
        ("SELECT 1; SELECT 2", 0), (f"SELECT id FROM {name} ORDER BY id LIMIT ?", 1), ("SELECT @@sql_mode, ?", 1),
        ("SELECT LAST_INSERT_ID()", 0), (s.read(), 0), (s.write(), 0), ("SELECT ? UNION ALL SELECT ?", 2),
        (f"EXPLAIN SELECT * FROM {name} WHERE id = 1 AND ? IS NOT NULL", 1), (f"SELECT id FROM {name} WHERE id = ? FOR UPDATE", 1),
    )


def execute(s, slot, cursor=0):
    count = s.slots.get(slot, 0)
    bound = s.chance(0.85)
    values = tuple(parameter(s.rng) for _ in range(count))
    if not bound and slot in s.bound:
        values = tuple((kind, unsigned, value) for (kind, unsigned, _), (_, _, value) in zip(s.bound[slot], s.bound[slot]))
    s.bound[slot] = values
    s.op("execute", slot, values, cursor, bound)


@feature("prepared", 9)
def prepared(s):
    slot = s.rng.randrange(6)
    if slot not in s.slots or s.chance(0.5):
        words, count = statement(s)
        s.op("prepare", slot, words)
        s.slots[slot] = count
        s.bound.pop(slot, None)
    if s.chance(0.3):
        s.some(1)
    for _ in range(s.rng.randrange(1, 4)):
        execute(s, slot)
        if s.chance(0.2):
            s.query(s.pick("SELECT LAST_INSERT_ID()", s.read()))
    if s.chance(0.1):
        s.op("stmt_reset", slot)
    if s.chance(0.25):
        s.op("stmt_close", slot)
        s.slots.pop(slot, None)
        if s.chance(0.2):
            s.op("execute", slot, (), 0, True)


@feature("last-prepared", 0.6)
def last_prepared(s):
    """The handle -1 means the statement prepared last."""
    if s.capabilities != "mariadb" and s.capabilities != "extended":
        return
    s.op("prepare", 20, s.pick("SELECT 11, 'last'", s.read(), f"SELECT COUNT(*) FROM {s.table().name}"))
    s.op("execute", LAST_PREPARED, (), 0, True)


@feature("cursors", 1.2)
def cursors(s):
    slot = 10 + s.rng.randrange(2)
    s.op("prepare", slot, s.pick(f"SELECT id, v FROM {s.table().name} ORDER BY id", "SELECT seq FROM seq_1_to_25", "SELECT 1 WHERE FALSE",
                                 f"INSERT INTO {s.table().name} (k) VALUES (3)", "SHOW TABLES", "SELECT nosuch"))
    s.op("execute", slot, (), CURSOR, True)
    for _ in range(s.rng.randrange(1, 5)):
        if s.chance(0.2):
            s.query(s.pick(s.read(), s.write(), "SELECT 1"))
        s.op("fetch", slot, s.pick(1, 2, 10, 100))
    if s.chance(0.4):
        s.op("stmt_reset", slot)
        s.op("fetch", slot, 1)
    s.op("stmt_close", slot)


@feature("long-data", 1)
def long_data(s):
    slot = 12
    s.op("prepare", slot, s.pick("SELECT LENGTH(?), ?", f"INSERT INTO {s.table().name} (v, k) VALUES (?, ?)"))
    for _ in range(s.rng.randrange(1, 4)):
        s.op("long_data", slot, s.pick(0, 0, 0, 1), s.pick(b"", b"part", b"x" * 5000))
    if s.chance(0.2):
        s.op("stmt_reset", slot)
    s.op("execute", slot, ((VAR_STRING, 0, b""), (LONG, 0, struct.pack("<i", 5))), 0, True)
    s.op("execute", slot, ((VAR_STRING, 0, b"\x01s"), (LONG, 0, struct.pack("<i", 6))), 0, True)
    s.op("stmt_close", slot)


@feature("bulk", 0.8)
def bulk(s):
    if s.capabilities not in ("extended", "mariadb"):
        return
    slot = 13
    s.op("prepare", slot, s.pick(f"INSERT INTO {s.table().name} (k, v) VALUES (?, ?)", f"UPDATE {s.table().name} SET k = ? WHERE v = ?",
                                 f"DELETE FROM {s.table().name} WHERE k = ? AND v = ?"))
    rows = tuple((struct.pack("<i", 3000 + n), s.pick(text(f"b{n}"), None)) for n in range(s.rng.randrange(1, 20)))
    s.op("bulk", slot, (LONG, VAR_STRING), rows)
    s.queries(f"SELECT COUNT(*) FROM {s.table().name}", "SELECT LAST_INSERT_ID()")
    s.op("stmt_close", slot)


def forget(s):
    """After a reset the session has neither statements nor temporary tables."""
    s.slots.clear()
    s.tables = [table for table in s.tables if not table.temporary]


@feature("reset", 0.8)
def reset(s):
    s.query(s.pick("SET @gone = 1", "SET sql_mode = 'ANSI_QUOTES'", "BEGIN", "SET NAMES latin1", "CREATE TEMPORARY TABLE gone (a INT)",
                   f"SELECT GET_LOCK('l{s.world.lane}_{s.number}_r', 0)", "SET ROLE diff_role", f"USE {s.other_schema}",
                   f"INSERT INTO {s.table().name} (k) VALUES (5000)", "SET autocommit = 0"))
    if s.chance(0.3):
        s.some(2)
    s.op("reset_connection")
    forget(s)
    s.queries(s.pick("SELECT @gone, @@sql_mode, @@autocommit", "SELECT \"x\"", "SELECT * FROM gone", "SELECT CURRENT_ROLE()", "SELECT DATABASE()",
                     "SELECT LAST_INSERT_ID()", "SELECT @@character_set_client, @@collation_connection", "ROLLBACK",
                     f"SELECT IS_FREE_LOCK('l{s.world.lane}_{s.number}_r')"), s.read())
    s.op("execute", s.rng.randrange(4), (), 0, True)
    s.queries("SET ROLE NONE", f"USE {s.schema}")
    rejoin(s)


@feature("change-user", 0.6)
def change_user(s):
    user, password = s.pick(("full", "full-diff"), ("plain", "plain-diff"), ("empty", ""), ("reader", "reader-diff"))
    if s.chance(0.3):
        s.query(s.pick("SET @gone = 1", "BEGIN", "SET sql_mode = ''"))
    s.query("SET ROLE NONE")
    s.op("change_user", user, password, s.pick(s.schema, s.schema, ""), s.pick(45, 8, 33))
    s.user = user
    forget(s)
    s.queries("SELECT CURRENT_USER(), DATABASE(), @gone", "SELECT @@collation_connection, CURRENT_ROLE()", f"USE {s.schema}")
    s.some(2)
    s.op("change_user", "plain", "plain-diff", s.schema, 45)
    s.user = "plain"
    forget(s)
    if s.chance(0.15):
        s.query(s.pick("SET @gone = 1", "BEGIN", "SET sql_mode = ''", "SET NAMES latin1"))
        s.op("change_user", *s.pick(("plain", "wrong", s.schema), ("nobody", "", ""), ("full", "full-diff", "nosuch")), 45)
        s.queries("SELECT CURRENT_USER(), DATABASE(), @gone, @@sql_mode, @@in_transaction", "SELECT @@collation_connection", s.read())
    rejoin(s)


def rejoin(s):
    """User variables are gone, and so is the key of a shared round."""
    if s.shared:
        s.query(f"SET @causeway_key = 'round-{s.world.lane}'")


@feature("small-commands", 2)
def small_commands(s):
    choice = s.rng.randrange(12)
    if choice < 3:
        s.op("ping")
    elif choice < 5:
        s.op("statistics", feature_name="statistics")
    elif choice < 8:
        s.op("field_list", s.pick(s.table().name.split(".")[-1], "nosuch", ""), s.pick("", "%", "v%"))
    elif choice < 10:
        s.op("set_option", s.pick(0, 1, 1, 0, 7))
        s.query("SELECT 1; SELECT 2")
        s.op("set_option", 1)
    else:
        s.op("raw", s.pick(b"\x05", b"\x55", b"\x06x", b"\x1b", b"\x0f", b"\x1d"))
        if s.chance(0.5):
            s.op("ping")
