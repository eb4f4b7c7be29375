"""Tables that hold every column type, with the values at the edges of each, and statements that fill
and change them. What is made here is logged by a real server."""

# column -> (SQL type, literals)
INTEGERS = {}
for _name, _bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)):
    _top = 1 << (_bits - 1)
    INTEGERS[f"s_{_name}"] = (_name, [str(-_top), str(_top - 1), "0", "-1", "1", "NULL"])
    INTEGERS[f"u_{_name}"] = (f"{_name} unsigned", ["0", str(2 * _top - 1), str(_top), "1", "NULL"])
INTEGERS["z_int"] = ("int(8) unsigned zerofill", ["0", "42", "4294967295"])
INTEGERS["b_bool"] = ("boolean", ["true", "false", "NULL"])


def _decimal(precision, scale):
    whole, part = "9" * (precision - scale), "9" * scale
    top = (whole or "0") + ("." + part if part else "")
    small = ("0." + "0" * (scale - 1) + "1") if scale else "1"
    return (f"decimal({precision},{scale})", [top, "-" + top, small, "-" + small, "0", "NULL"])


DECIMALS = {
    f"d_{p}_{s}": _decimal(p, s)
    for p, s in ((1, 0), (5, 2), (9, 9), (10, 0), (18, 9), (19, 10), (30, 10), (38, 38), (65, 30), (65, 0))
}
DECIMALS["d_unsigned"] = ("decimal(12,3) unsigned", ["0", "999999999.999", "0.001"])

FLOATS = {
    "f_float": ("float", ["0", "-1.5", "3.40282e38", "1.17549e-38", "0.1", "NULL"]),
    "f_double": ("double", ["0", "-1.5", "1.7976931348623157e308", "2.2250738585072014e-308", "0.1", "1e22"]),
    "f_scaled": ("double(10,3)", ["1234567.891", "-0.001", "NULL"]),
}
BITS = {
    f"b_{width}": (f"bit({width})", ["b'0'", f"b'{'1' * width}'", f"b'1{'0' * (width - 1)}'", "b'1'", "NULL"])
    for width in (1, 7, 8, 9, 33, 63, 64)
}
_TEXTS = ["''", "'plain'", r"'it''s \\ a \"quote\" \n new line\t'", "NULL", "'%_`;/*!*/'"]
STRINGS = {
    "c_zero": ("char(0)", ["''", "NULL"]),
    "c_latin1": ("char(10) character set latin1", ["'caf\u00e9'", "''", "'\u20ac'", "NULL"]),
    "c_utf8": ("char(60)", _TEXTS + ["'\U0001f600\u00e4\u4e2d'", "repeat('\U0001f600', 60)"]),
    "c_wide": ("char(255)", ["repeat('\U0001f600', 255)", "''", "'x'"]),
    "v_short": ("varchar(255) character set latin1", ["repeat('x', 255)", "''", "NULL", "'\u00fc'"]),
    "v_long": ("varchar(256) character set latin1", ["repeat('y', 256)", "''", "NULL"]),
    "v_utf8": ("varchar(5000)", _TEXTS + ["repeat('\u4e2d', 5000)", "'\U0001f680'"]),
    "v_ucs2": ("varchar(20) character set ucs2", ["'abc'", "'\u00e4\u4e2d'", "NULL"]),
    "v_utf16": ("varchar(20) character set utf16", ["'abc'", "'\U0001f600'", "''"]),
    "v_sjis": ("varchar(20) character set sjis", ["'\u30bd\u8868'", "'abc'", "NULL"]),
    "v_cp1251": ("varchar(20) character set cp1251", ["'\u041f\u0440\u0438\u0432\u0435\u0442'", "''"]),
    "n_binary": ("binary(5)", ["X'0001FF00'", "X'FFFFFFFFFF'", "''", "NULL"]),
    "n_varbinary": ("varbinary(300)", ["X'00'", "X'DEADBEEF27'", "repeat(X'AB', 300)", "''", "NULL"]),
}
BLOBS = {
    "b_tiny": ("tinyblob", ["''", "repeat(X'00', 255)", "NULL"]),
    "b_plain": ("blob", ["X'00FF'", "repeat(X'5C27', 30000)", "NULL"]),
    "b_medium": ("mediumblob", ["repeat('m', 70000)", "''", "NULL"]),
    "b_long": ("longblob", ["repeat(X'0A0D', 40000)", "X'1A'", "NULL"]),
    "t_tiny": ("tinytext", ["'t'", "''", "NULL"]),
    "t_plain": ("text", ["repeat('\u00e4', 3000)", r"'a\0b'", "NULL"]),
    "t_medium": ("mediumtext character set latin1", ["'\u00e9'", "repeat('z', 66000)"]),
    "t_long": ("longtext", ["'\U0001f600'", "''"]),
}
TEMPORALS = {
    "t_date": ("date", ["'2026-11-23'", "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2026-00-00'", "NULL"]),
    "t_year": ("year", ["1901", "2155", "0", "2026", "NULL"]),
}
for _digits in range(7):
    _part = "." + "987654"[:_digits] if _digits else ""
    TEMPORALS[f"t_time{_digits}"] = (
        f"time({_digits})",
        [f"'838:59:59{_part}'", f"'-838:59:59{_part}'", f"'-00:00:01{_part}'", "'00:00:00'", f"'12:34:56{_part}'", "NULL"],
    )
    TEMPORALS[f"t_datetime{_digits}"] = (
        f"datetime({_digits})",
        [f"'2026-11-23 10:20:30{_part}'", "'0000-00-00 00:00:00'", f"'9999-12-31 23:59:59{_part}'", "NULL"],
    )
    TEMPORALS[f"t_timestamp{_digits}"] = (
        f"timestamp({_digits}) NULL",
        [f"'2026-11-23 10:20:30{_part}'", "'0000-00-00 00:00:00'", f"'2038-01-19 03:14:07{_part}'", "'1970-01-01 00:00:01'", "NULL"],
    )
_MANY = ",".join(f"'member {number}'" for number in range(300))
_SIXTY_FOUR = ",".join(f"'m{number}'" for number in range(64))
CHOICES = {
    "e_small": ("enum('a','b','\u00e4')", ["'a'", "'\u00e4'", "NULL"]),
    "e_many": (f"enum({_MANY})", ["'member 0'", "'member 254'", "'member 255'", "'member 299'", "NULL"]),
    "e_latin1": ("enum('\u00e9','x') character set latin1", ["'\u00e9'", "'x'"]),
    "s_small": ("set('a','b','c')", ["''", "'a,c'", "'a,b,c'", "NULL"]),
    "s_wide": (f"set({_SIXTY_FOUR})", ["'m0'", "'m63'", "'m0,m31,m32,m63'", "''", "NULL"]),
}
SPECIALS = {
    "j_json": ("json", ["'{\"a\": [1, null, \"\u00e4\"]}'", "'[]'", "NULL"]),
    "g_point": ("point", ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(-1.5 0)', 4326)", "NULL"]),
    "g_any": ("geometry", ["ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')", "NULL"]),
    "x_uuid": ("uuid", ["'123e4567-e89b-12d3-a456-426655440000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "NULL"]),
    "x_inet6": ("inet6", ["'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.1'", "NULL"]),
    "x_inet4": ("inet4", ["'192.0.2.1'", "'255.255.255.255'", "'0.0.0.0'", "NULL"]),
    "k_varchar": ("varchar(2000) compressed", ["''", "repeat('abc', 600)", "'short'", "NULL"]),
    "k_blob": ("blob compressed", ["repeat(X'00', 20000)", "X'01'", "''", "NULL"]),
    "k_text": ("text compressed", ["repeat('\u00e4\u4e2d', 500)", "NULL"]),
}
GENERATED = {
    "i_plain": ("int", ["1", "-5", "NULL"]),
    "i_hidden": ("int invisible default 7", ["7", "8", "NULL"]),
}

# table -> (columns, what else stands in its definition)
TABLES = {
    "integers": (INTEGERS, ""),
    "decimals": (DECIMALS, ""),
    "floats": (FLOATS, ""),
    "bits": (BITS, ""),
    "strings": (STRINGS, ""),
    "blobs": (BLOBS, ""),
    "temporals": (TEMPORALS, ""),
    "choices": (CHOICES, ""),
    "specials": (SPECIALS, ""),
    "generated": (GENERATED, ", g_virtual bigint as (i_plain + 1) virtual, g_stored bigint as (i_plain * 2) stored"),
    "odd ``name``;\n-- \u00e4": ({"in t": ("int", ["1", "2"]), "`` \u00e4": ("text", ["'x'", "NULL"])}, ""),
}
# Also without a primary key, in an engine without transactions.
NO_KEY = "no_key"


def create_statements():
    yield "CREATE DATABASE corpus"
    for table, (columns, more) in TABLES.items():
        listed = ", ".join(f"`{name}` {sql_type}" for name, (sql_type, _) in columns.items())
        yield f"CREATE TABLE corpus.`{table}` (id INT PRIMARY KEY, {listed}{more}) ENGINE=InnoDB"
    yield f"CREATE TABLE corpus.{NO_KEY} (a INT, b VARCHAR(20)) ENGINE=MyISAM"


def _values(columns, number):
    return [literals[number % len(literals)] for _, literals in columns.values()]


def _rows_of(columns):
    return max(len(literals) for _, literals in columns.values())


def fill_statements():
    for table, (columns, _) in TABLES.items():
        names = ", ".join(f"`{name}`" for name in columns)
        groups = [
            f"({number}, {', '.join(_values(columns, number))})" for number in range(_rows_of(columns))
        ]
        yield f"INSERT INTO corpus.`{table}` (id, {names}) VALUES " + ", ".join(groups)
    yield f"INSERT INTO corpus.{NO_KEY} VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, NULL)"


def change_statements():
    """Every value is updated to another one; rows are deleted, and new ones put in their place."""
    for table, (columns, _) in TABLES.items():
        count = _rows_of(columns)
        yield "BEGIN"
        for number in range(count):
            pairs = ", ".join(
                f"`{name}` = {literal}" for name, literal in zip(columns, _values(columns, number + 1))
            )
            yield f"UPDATE corpus.`{table}` SET {pairs} WHERE id = {number}"
        yield f"UPDATE corpus.`{table}` SET id = id + 1000 WHERE id % 3 = 1"
        yield "COMMIT"
        yield f"DELETE FROM corpus.`{table}` WHERE id % 3 = 0"
        names = ", ".join(f"`{name}`" for name in columns)
        yield (
            f"INSERT INTO corpus.`{table}` (id, {names}) VALUES "
            f"({count + 50}, {', '.join(_values(columns, 2))})"
        )
    yield f"UPDATE corpus.{NO_KEY} SET b = 'y' WHERE a = 1"
    yield f"DELETE FROM corpus.{NO_KEY} WHERE a IS NULL"
