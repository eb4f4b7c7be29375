"""A session as the generator sees it, and the register of features."""

import contextlib

import grammar
from client import Op
from grammar import Table

FEATURES = {}  # name: (weight, function)


def feature(name, weight):
    """The function makes some operations of this feature, by the session's methods."""

    def register(function):
        FEATURES[name] = (weight, function)
        return function

    return register


class Session:
    """Makes the operations of one session, one feature after the other."""

    def __init__(self, rng, number, world, chosen, shared):
        self.rng = rng
        self.number = number
        self.world = world
        self.ops = []
        self.feature = "login"
        self.schema = world.schemas[number]
        self.other_schema = world.schemas[number] + "x"
        self.tables = []
        self.serial = 0
        self.depth = 0
        self.wide = False
        self.capabilities = ""
        self.user = ""
        self.slots = {}  # prepared statements: slot to its parameters' count
        self.bound = {}  # and what was bound last
        self.shared = shared
        self.names = [name for name in FEATURES if not chosen or name in chosen or name in ("read", "write", "ddl", "shared")]
        self.weights = [FEATURES[name][0] or (name in chosen) for name in self.names]
        if shared:
            self.weights[self.names.index("shared")] = 40

    # -- operations

    def op(self, kind, *args, feature_name=None):
        self.ops.append(Op(self.number, kind, args, feature_name or self.feature))

    def query(self, text):
        self.op("query", text)

    def queries(self, *texts):
        for text in texts:
            self.op("query", text)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, share):
        return self.rng.random() < share

    def name(self, prefix):
        self.serial += 1
        return f"{prefix}{self.serial}"

    # -- tables

    def make_table(self, engine=None, temporary=False, schema=""):
        rng = self.rng
        extra = rng.sample(grammar.COLUMNS, rng.randrange(0, 6))
        engine = engine or self.pick("InnoDB", "InnoDB", "InnoDB", "InnoDB", "Aria", "MyISAM")
        if engine == "MEMORY" or temporary:
            extra = [column for column in extra if column[0] in ("ti", "bi", "de", "da", "ch", "en", "nn")]
        table = Table(schema + self.name("tt" if temporary else "t"), extra, engine, self.chance(0.3), temporary)
        self.query(table.definition())
        self.tables.append(table)
        rows = ", ".join(f"({n}, '{rng.choice('abxyz')}{n}')" for n in range(1, rng.randrange(2, 9)))
        nn = any(column[0] == "nn" for column in extra)
        self.query(f"INSERT INTO {table.name} (k, v{', nn' * nn}) VALUES " + (rows.replace("')", "', 0)") if nn else rows))
        return table

    def table(self):
        """One of its tables; made when there is none."""
        return self.rng.choice(self.tables) if self.tables else self.make_table()

    def drop_table(self, table):
        word = self.pick("", "IF EXISTS ", "TEMPORARY " if table.temporary else "")
        self.query(f"DROP TABLE {word}{table.name}")
        self.tables.remove(table)

    # -- statements

    def read(self):
        return grammar.select(self.rng, [self.table(), *self.tables], self.wide)

    def write(self):
        return grammar.change(self.rng, self.table(), self.tables, self.wide)

    def some(self, most=3):
        """Some operations of other features; those of this one stand around them."""
        if self.depth > 1:
            return
        kept = self.feature
        for _ in range(self.rng.randrange(most + 1)):
            self.next_feature()
        self.feature = kept

    def reads(self, most=3):
        for _ in range(self.rng.randrange(1, most + 1)):
            self.query(self.read())

    @contextlib.contextmanager
    def inside(self, name):
        kept, self.feature = self.feature, name
        self.depth += 1
        yield
        self.depth -= 1
        self.feature = kept

    def next_feature(self):
        (name,) = self.rng.choices(self.names, self.weights)
        with self.inside(name):
            FEATURES[name][1](self)
