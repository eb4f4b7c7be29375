"""Statements over tables that a session knows: expressions, SELECT, INSERT, UPDATE, DELETE.

Nothing here depends on the clock, on chance inside the server, or on an order that is not asked for."""

STRING, NUMBER, DATE, BINARY = "string", "number", "date", "binary"

# Name, definition, kind of value. Every table has id, k and v and some of these.
COLUMNS = (
    ("ti", "TINYINT", NUMBER),
    ("su", "SMALLINT UNSIGNED", NUMBER),
    ("mi", "MEDIUMINT", NUMBER),
    ("bi", "BIGINT", NUMBER),
    ("bu", "BIGINT UNSIGNED", NUMBER),
    ("fl", "FLOAT", NUMBER),
    ("db", "DOUBLE", NUMBER),
    ("de", "DECIMAL(12,3)", NUMBER),
    ("bt", "BIT(9)", NUMBER),
    ("da", "DATE", DATE),
    ("tm", "TIME(2)", DATE),
    ("dt", "DATETIME(6)", DATE),
    ("ts", "TIMESTAMP NULL", DATE),
    ("yr", "YEAR", NUMBER),
    ("ch", "CHAR(8)", STRING),
    ("l1", "VARCHAR(12) CHARACTER SET latin1", STRING),
    ("tx", "TEXT", STRING),
    ("bn", "BINARY(4)", BINARY),
    ("vb", "VARBINARY(16)", BINARY),
    ("bl", "BLOB", BINARY),
    ("en", "ENUM('red','green','blue')", STRING),
    ("st", "SET('x','y','z')", STRING),
    ("js", "JSON", STRING),
    ("uu", "UUID", STRING),
    ("i6", "INET6", STRING),
    ("nn", "INT NOT NULL", NUMBER),
    ("df", "VARCHAR(10) NOT NULL DEFAULT 'dflt'", STRING),
    ("gv", "INT AS (k * 2) VIRTUAL", NUMBER),
    ("gs", "VARCHAR(60) AS (CONCAT(v, '!')) STORED", STRING),
    ("pt", "POINT", BINARY),
)
GENERATED = ("gv", "gs")

NUMBERS = ("0", "1", "-1", "7", "42", "255", "256", "-129", "65536", "4294967295", "9223372036854775807",
           "18446744073709551615", "1.5", "-0.001", "2.5e3", "1e308", "NULL", "TRUE", "0x1F", "b'101'", "99999.999")
STRINGS = ("''", "'a'", "'B'", "'abc'", "'a b'", "'x''y'", "'12'", "'3.5abc'", "'red'", "'x,z'", "'%'", "'a_c'", "NULL",
           "'[1,2]'", "'{\"a\": 1}'", "'::1'", "'123e4567-e89b-12d3-a456-426655440000'", "'a string of more than twelve'",
           "'tab\\there'", "'back\\\\slash'", "N'nat'", "_utf8mb4'u'", "_latin1 x'e4'", "'a' 'b'")
WIDE_STRINGS = ("'größe'", "'naïve'", "'日本'", "'€'", "'😀'")
DATES = ("'2024-02-29'", "'2024-02-30'", "'0000-00-00'", "'2023-12-31 23:59:59.123456'", "'12:34:56.78'", "'-838:59:59'",
         "DATE'2020-01-01'", "TIMESTAMP'2020-01-01 00:00:00'", "TIME'01:02:03'", "20240101", "NULL", "'no date'")
BINARIES = ("x''", "x'00'", "x'00ff10'", "x'616263'", "'abcd'", "NULL", "x'000102030405060708090a0b0c0d0e0f1011'")
LITERALS = {NUMBER: NUMBERS, STRING: STRINGS, DATE: DATES, BINARY: BINARIES}

# {} stands for an expression of any kind.
FUNCTIONS = {
    NUMBER: (
        "{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} DIV {}", "{} % {}", "-({})", "ABS({})", "ROUND({}, 1)",
        "FLOOR({})", "CEIL({})", "MOD({}, 7)", "SIGN({})", "TRUNCATE({}, 2)", "CRC32({})", "LENGTH({})",
        "CHAR_LENGTH({})", "ASCII({})", "LOCATE('a', {})", "INSTR({}, 'b')", "STRCMP({}, {})", "BIT_COUNT({})",
        "CAST({} AS SIGNED)", "CAST({} AS UNSIGNED)", "CAST({} AS DECIMAL(10,2))", "CAST({} AS DOUBLE)", "{} = {}",
        "{} <=> {}", "{} < {}", "{} <> {}", "{} AND {}", "{} OR {}", "NOT {}", "{} XOR {}", "{} IS NULL",
        "{} IS NOT TRUE", "{} BETWEEN {} AND {}", "{} IN ({}, {}, 3)", "{} LIKE 'a%'", "{} REGEXP '^[a-c]'",
        "{} | {}", "{} & {}", "{} ^ 5", "~{}", "{} << 2", "{} >> 1", "DATEDIFF({}, '2020-01-01')", "YEAR({})",
        "TO_DAYS({})", "HOUR({})", "DAYOFWEEK({})", "EXTRACT(MONTH FROM {})", "UNIX_TIMESTAMP('2020-01-01 00:00:00')",
        "JSON_VALID({})", "JSON_LENGTH({})", "JSON_DEPTH({})", "GREATEST({}, {}, 3)", "LEAST({}, {})",
        "INTERVAL({}, 1, 10, 100)", "FIELD({}, 'a', 'b')", "FIND_IN_SET({}, 'a,b,abc')", "RAND(5)", "PI()", "SQRT({})",
        "POW({}, 2)", "LOG({})", "SIN({})", "CONV({}, 16, 10)", "INET_ATON('10.0.0.1')", "COERCIBILITY({})",
        "UNCOMPRESSED_LENGTH(COMPRESS({}))", "BENCHMARK(1, {})", "ISNULL({})", "MICROSECOND({})", "EXP({})",
    ),
    STRING: (
        "CONCAT({}, {})", "CONCAT_WS('-', {}, {})", "UPPER({})", "LOWER({})", "LEFT({}, 2)", "RIGHT({}, 2)",
        "SUBSTRING({}, 2, 3)", "REPLACE({}, 'a', 'bb')", "REVERSE({})", "TRIM({})", "LPAD({}, 6, '*')", "RPAD({}, 5, 'ab')",
        "REPEAT({}, 3)", "HEX({})", "QUOTE({})", "MD5({})", "SHA1({})", "SHA2({}, 256)", "TO_BASE64({})", "SOUNDEX({})",
        "IF({}, {}, {})", "IFNULL({}, {})", "NULLIF({}, {})", "COALESCE({}, {}, 'z')", "FORMAT({}, 2)", "SPACE(3)",
        "CASE WHEN {} THEN {} ELSE {} END", "CASE {} WHEN {} THEN 'one' WHEN 2 THEN 'two' END", "CAST({} AS CHAR)",
        "CAST({} AS CHAR(3))", "CONVERT({} USING latin1)", "CONVERT({} USING utf8mb4)", "{} COLLATE utf8mb4_bin",
        "CHARSET({})", "COLLATION({})", "ELT(2, {}, {})", "EXPORT_SET(5, 'Y', 'N', ',', 4)", "MAKE_SET(3, {}, {})",
        "JSON_OBJECT('k', {})", "JSON_ARRAY({}, {})", "JSON_EXTRACT('{{\"a\": [1, {{\"b\": 2}}]}}', '$.a[1].b')",
        "JSON_QUOTE({})", "JSON_UNQUOTE({})", "JSON_SET('{{}}', '$.x', {})", "JSON_TYPE({})", "OCT({})", "BIN({})",
        "INSERT({}, 2, 1, 'Q')", "REGEXP_REPLACE({}, '[a-c]', '#')", "REGEXP_SUBSTR({}, '[0-9]+')", "INET_NTOA(1)",
        "DATE_FORMAT({}, '%Y/%m/%d %H:%i:%s')", "DATE_FORMAT({}, '%W %M')", "MONTHNAME({})", "DAYNAME({})", "CHAR(65, 66)",
        "SUBSTRING_INDEX({}, 'b', 1)", "EXTRACTVALUE('<a><b>x</b></a>', '/a/b')", "UNHEX(HEX({}))", "NATURAL_SORT_KEY({})",
    ),
    DATE: (
        "DATE({})", "TIME({})", "DATE_ADD({}, INTERVAL 1 MONTH)", "DATE_SUB({}, INTERVAL 90 MINUTE)", "LAST_DAY({})",
        "CAST({} AS DATE)", "CAST({} AS DATETIME(3))", "CAST({} AS TIME)", "STR_TO_DATE({}, '%Y-%m-%d')",
        "MAKEDATE(2024, 60)", "SEC_TO_TIME({})", "FROM_DAYS(738000)", "ADDTIME({}, '01:00:00')", "TIMEDIFF({}, {})",
        "FROM_UNIXTIME(1700000000)", "CONVERT_TZ('2024-01-01 12:00:00', '+00:00', '+05:30')", "MAKETIME(12, 30, 15.5)",
    ),
    BINARY: ("BINARY {}", "CAST({} AS BINARY)", "CAST({} AS BINARY(3))", "UNHEX('414243')", "COMPRESS({})",
             "WEIGHT_STRING({})", "INET6_ATON('::1')", "POINT(1, 2)", "AES_ENCRYPT({}, 'k')", "FROM_BASE64('QUJD')"),
}
AGGREGATES = ("COUNT(*)", "COUNT({})", "COUNT(DISTINCT {})", "SUM({})", "AVG({})", "MIN({})", "MAX({})", "BIT_OR({})",
              "BIT_AND({})", "BIT_XOR({})", "GROUP_CONCAT({} ORDER BY id)", "GROUP_CONCAT(DISTINCT {} ORDER BY 1 SEPARATOR ';')",
              "STDDEV({})", "VARIANCE({})", "JSON_ARRAYAGG(k ORDER BY id)")
WINDOWS = ("ROW_NUMBER() OVER (ORDER BY id)", "RANK() OVER (ORDER BY k)", "DENSE_RANK() OVER (PARTITION BY v ORDER BY k)",
           "LAG(k) OVER (ORDER BY id)", "SUM(k) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
           "NTILE(3) OVER (ORDER BY id)", "FIRST_VALUE(v) OVER (ORDER BY id)", "COUNT(*) OVER ()",
           "PERCENT_RANK() OVER (ORDER BY id)")


class Table:
    """What a session knows of a table that it made."""

    def __init__(self, name, extra, engine="InnoDB", unique=False, temporary=False):
        self.name, self.extra, self.engine = name, extra, engine
        self.unique, self.temporary = unique, temporary

    def definition(self):
        parts = ["id INT PRIMARY KEY AUTO_INCREMENT", "k INT", "v VARCHAR(40)"]
        parts += [f"{name} {text}" for name, text, _ in self.extra]
        parts += ["UNIQUE KEY uk (k)"] if self.unique else ["KEY (k)"] if self.engine != "MEMORY" else []
        word = "TEMPORARY " if self.temporary else ""
        return f"CREATE {word}TABLE {self.name} ({', '.join(parts)}) ENGINE={self.engine}"

    def columns(self):
        return [("k", "", NUMBER), ("v", "", STRING), *self.extra]

    def writable(self):
        return [column for column in self.columns() if column[0] not in GENERATED]


def literal(rng, kind=None, wide=False):
    kind = kind or rng.choice((NUMBER, NUMBER, STRING, STRING, DATE, BINARY))
    if wide and kind == STRING and rng.random() < 0.3:
        return rng.choice(WIDE_STRINGS)
    return rng.choice(LITERALS[kind])


def expression(rng, table=None, depth=2, kind=None, wide=False):
    if depth <= 0 or rng.random() < 0.25:
        if table and rng.random() < 0.6:
            return rng.choice(table.columns())[0]
        return literal(rng, kind, wide)
    kind = kind or rng.choice((NUMBER, NUMBER, STRING, STRING, DATE, BINARY))
    pattern = rng.choice(FUNCTIONS[kind])
    count = pattern.replace("{{", "").count("{}")
    inner = [expression(rng, table, depth - 1, None, wide) for _ in range(count)]
    return "(" + pattern.format(*inner) + ")" if rng.random() < 0.3 else pattern.format(*inner)


def condition(rng, table, wide=False):
    return rng.choice((
        lambda: f"id = {rng.randrange(1, 12)}",
        lambda: f"id > {rng.randrange(8)}",
        lambda: f"id IN ({rng.randrange(9)}, {rng.randrange(9)}, {rng.randrange(30)})",
        lambda: f"k = {rng.choice(NUMBERS[:8])}",
        lambda: f"k BETWEEN {rng.randrange(5)} AND {rng.randrange(300)}",
        lambda: f"v LIKE '{rng.choice('abx')}%'",
        lambda: "v IS NOT NULL",
        lambda: f"id < 6 AND {expression(rng, table, 1, NUMBER, wide)}",
        lambda: "TRUE",
        lambda: "FALSE",
    ))()


def select_list(rng, table, wide):
    if rng.random() < 0.25:
        return "*"
    count = rng.randrange(1, 5)
    parts = []
    for index in range(count):
        text = expression(rng, table, rng.randrange(3), None, wide)
        parts.append(text + (f" AS c{index}" if rng.random() < 0.3 else ""))
    return ", ".join(parts)


def limit(rng):
    return rng.choice(("", "", "", " LIMIT 3", " LIMIT 2 OFFSET 1", " LIMIT 0", " LIMIT 1, 2"))


def select(rng, tables, wide=False):
    """A plain read of known order."""
    if not tables or rng.random() < 0.12:
        return "SELECT " + ", ".join(expression(rng, None, 2, None, wide) for _ in range(rng.randrange(1, 4)))
    table, other = rng.choice(tables), rng.choice(tables)
    where = condition(rng, table, wide)
    name = table.name
    return rng.choice(SELECTS)(rng, table, other, name, where, wide)


def _simple(rng, table, _other, name, where, wide):
    return f"SELECT {select_list(rng, table, wide)} FROM {name} WHERE {where} ORDER BY id{limit(rng)}"


def _aggregate(rng, table, _other, name, where, wide):
    text = rng.choice(AGGREGATES).format(expression(rng, table, 1, None, wide))
    return f"SELECT {text}, COUNT(*) FROM {name} WHERE {where}"


def _group(rng, table, _other, name, where, wide):
    text = rng.choice(AGGREGATES).format(expression(rng, table, 1, None, wide))
    having = rng.choice(("", " HAVING COUNT(*) > 1", " WITH ROLLUP"))
    return f"SELECT k, {text} FROM {name} WHERE {where} GROUP BY k{having}"


def _window(rng, _table, _other, name, where, _wide):
    return f"SELECT id, {rng.choice(WINDOWS)} AS w FROM {name} WHERE {where} ORDER BY id"


def _join(rng, _table, other, name, _where, _wide):
    kind = rng.choice(("JOIN", "LEFT JOIN", "STRAIGHT_JOIN", "RIGHT JOIN"))
    return f"SELECT a.id, b.id, a.v FROM {name} a {kind} {other.name} b ON a.k = b.k WHERE a.id < 5 ORDER BY 1, 2{limit(rng)}"


def _subquery(rng, _table, other, name, where, _wide):
    return rng.choice((
        f"SELECT id, (SELECT COUNT(*) FROM {other.name} b WHERE b.k = {name}.k) FROM {name} WHERE {where} ORDER BY id",
        f"SELECT id FROM {name} WHERE EXISTS (SELECT 1 FROM {other.name} b WHERE b.k = {name}.k) ORDER BY id",
        f"SELECT d.n FROM (SELECT COUNT(*) AS n FROM {name} WHERE {where}) d",
        f"SELECT (SELECT id FROM {name})",
        f"WITH c AS (SELECT id, k FROM {name} WHERE {where}) SELECT * FROM c ORDER BY id",
    ))


def _union(rng, _table, other, name, where, _wide):
    word = rng.choice(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
    return f"SELECT id, v FROM {name} WHERE {where} {word} SELECT id, v FROM {other.name} ORDER BY 1, 2{limit(rng)}"


def _various(rng, _table, _other, name, where, _wide):
    return rng.choice((
        f"SELECT DISTINCT k FROM {name} ORDER BY k",
        f"SELECT SQL_CALC_FOUND_ROWS id FROM {name} ORDER BY id LIMIT 2",
        f"SELECT SQL_NO_CACHE HIGH_PRIORITY id, v FROM {name} WHERE {where} ORDER BY id",
        f"(SELECT id FROM {name} ORDER BY id LIMIT 1) UNION (SELECT 99) ORDER BY 1",
        f"SELECT /* a comment */ id -- another\n FROM {name} # and one\n ORDER BY id",
        f"SELECT /*!40101 id */ FROM {name} ORDER BY /*M!100000 id */",
        f"SELECT {name}.* FROM {name} ORDER BY {name}.id DESC LIMIT 4",
        f"TABLE {name} ORDER BY id" if rng.random() < 0.1 else f"SELECT MAX(id), MIN(v) FROM {name}",
        f"SELECT id FROM {name} ORDER BY id LIMIT 5 ROWS EXAMINED 1000",
        f"VALUES (1, 'a'), (2, 'b'), ({rng.randrange(9)}, 'c')",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT SUM(i) FROM n",
        "SELECT seq FROM seq_1_to_20 ORDER BY seq",
        f"SELECT id FROM {name} PROCEDURE ANALYSE()" if rng.random() < 0.05 else "DO 1, 2",
    ))


SELECTS = (_simple,) * 6 + (_aggregate, _group, _window, _join, _join, _subquery, _union, _various, _various)


def value_for(rng, kind, wide=False):
    if rng.random() < 0.08:
        return expression(rng, None, 1, None, wide)
    if rng.random() < 0.05:
        return "DEFAULT"
    return literal(rng, kind, wide)


def row(rng, columns, wide):
    return "(" + ", ".join(value_for(rng, kind, wide) for _, _, kind in columns) + ")"


def insert(rng, table, wide=False):
    columns = rng.sample(table.writable(), min(len(table.writable()), rng.randrange(1, 5)))
    names = ", ".join(name for name, _, _ in columns)
    rows = ", ".join(row(rng, columns, wide) for _ in range(rng.choice((1, 1, 1, 2, 3, 6))))
    ignore = rng.choice(("", "", "", " IGNORE"))
    text = f"INSERT{ignore} INTO {table.name} ({names}) VALUES {rows}"
    choice = rng.random()
    if choice < 0.12:
        return text + f" ON DUPLICATE KEY UPDATE v = CONCAT(COALESCE(VALUES(v), ''), 'd'), k = {rng.randrange(300)}"
    if choice < 0.22:
        return text + " RETURNING id, v"
    if choice < 0.27:
        return text.replace("INSERT IGNORE", "REPLACE").replace("INSERT", "REPLACE")
    if choice < 0.32:
        name, _, kind = rng.choice(columns)
        return f"INSERT INTO {table.name} SET id = {rng.randrange(1, 40)}, {name} = {value_for(rng, kind, wide)}"
    if choice < 0.37:
        return f"INSERT{ignore} INTO {table.name} (k, v) SELECT k + 1, v FROM {table.name} WHERE id < {rng.randrange(6)}"
    return text


def update(rng, table, wide=False):
    name, _, kind = rng.choice(table.writable())
    assigned = value_for(rng, kind, wide) if rng.random() < 0.6 else expression(rng, table, 1, kind, wide)
    ignore = rng.choice(("", "", " IGNORE"))
    tail = rng.choice(("", "", " ORDER BY id LIMIT 2"))
    return f"UPDATE{ignore} {table.name} SET {name} = {assigned} WHERE {condition(rng, table, wide)}{tail}"


def delete(rng, table, wide=False):
    tail = rng.choice((" LIMIT 1", " ORDER BY id LIMIT 2", "", " RETURNING id"))
    where = f"id = {rng.randrange(40)}" if rng.random() < 0.5 else condition(rng, table, wide)
    if tail == " LIMIT 1" and "id =" not in where:
        tail = " ORDER BY id LIMIT 1"
    return f"DELETE FROM {table.name} WHERE {where}{tail}"


def multi_table(rng, table, other):
    return rng.choice((
        f"UPDATE {table.name} a JOIN {other.name} b ON a.k = b.k SET a.v = 'joined' WHERE b.id < 4",
        f"UPDATE {table.name} a, {other.name} b SET a.k = b.k + 1, b.v = 'both' WHERE a.id = b.id AND a.id < 3",
        f"DELETE a FROM {table.name} a JOIN {other.name} b ON a.k = b.k WHERE b.id > 5",
        f"DELETE FROM a USING {table.name} a LEFT JOIN {other.name} b ON a.id = b.id WHERE b.id IS NULL AND a.id > 20",
    ))


def change(rng, table, tables, wide=False):
    """Some DML."""
    choice = rng.random()
    if choice < 0.5:
        return insert(rng, table, wide)
    if choice < 0.75:
        return update(rng, table, wide)
    if choice < 0.92:
        return delete(rng, table, wide)
    return multi_table(rng, table, rng.choice(tables))
