"""What a SQLite file holds, as SQLite itself says: its pragmas and nothing else.

What enters: a file. What leaves: relations by name. Tests compare with it what clients are shown.
"""

import collections
import dataclasses
import re
import sqlite3

Column = collections.namedtuple("Column", "name declared not_null default key generated")
Index = collections.namedtuple("Index", "name unique origin keys partial")
ForeignKey = collections.namedtuple("ForeignKey", "columns table to on_update on_delete")


@dataclasses.dataclass
class Relation:
    """A table, a view or a virtual table."""

    name: str
    kind: str
    columns: list
    indexes: list
    foreign_keys: list
    triggers: list
    checks: int
    alias: str | None = None

    @property
    def key(self):
        """The primary key's columns in their order."""
        return [c.name for c in sorted(self.columns, key=lambda c: c.key) if c.key]

    @property
    def uniques(self):
        """The columns of UNIQUE constraints, sorted."""
        return sorted([k[0] for k in i.keys] for i in self.indexes if i.origin == "u")

    @property
    def created(self):
        """What CREATE INDEX made, by name."""
        return {i.name: i for i in self.indexes if i.origin == "c"}

    def nullable(self, column):
        """Whether a column of that name may be NULL."""
        return not (column.not_null or column.name == self.alias)


def read(path):
    """All relations that are somebody's business, by name."""
    db = sqlite3.connect(path)
    listed = db.execute("PRAGMA table_list").fetchall()
    kinds = {name: kind for schema, name, kind, *_ in listed if schema == "main"}
    stored = db.execute("SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view') "
                        "AND name NOT LIKE 'sqlite!_%' ESCAPE '!'").fetchall()
    shown = {name: (kinds.get(name, kind), sql) for name, kind, sql in stored
             if kinds.get(name) != "shadow"}
    return {name: relation(db, name, kind, sql) for name, (kind, sql) in shown.items()}


def relation(db, name, kind, sql):
    """One relation."""
    quoted = name.replace('"', '""')

    def pragma(pragma, of=quoted):
        return db.execute(f'PRAGMA {pragma}("{of}")').fetchall()

    try:
        info = pragma("table_xinfo")
    except sqlite3.OperationalError:
        info = []  # A view of what is not there.
    without_rowid = any(row[4] for row in db.execute("PRAGMA table_list") if row[1] == name)
    columns = [Column(column, declared, bool(not_null or (key and without_rowid)), default, key,
                      hidden > 1)
               for _, column, declared, not_null, default, key, hidden in info if hidden != 1]
    triggers = [row[0] for row in db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (name,))]
    out = Relation(name, kind, columns, [], [], triggers, 0)
    if kind == "table":
        out.indexes = [index(db, row) for row in pragma("index_list")]
        out.foreign_keys = foreign_keys(db, pragma("foreign_key_list"), pragma)
        out.checks = len(re.findall(r"\bCHECK *\(", bare(sql), re.I))
        indexed = any(i.origin == "pk" for i in out.indexes)
        if len(out.key) == 1 and not indexed and not without_rowid:
            out.alias = out.key[0]
    return out


def index(db, row):
    """One index: its keys are (column or None, descending, collation)."""
    _, name, unique, origin, partial = row
    quoted = name.replace('"', '""')
    keys = [(column, bool(descending), collation) for _, _, column, descending, collation, key
            in db.execute(f'PRAGMA index_xinfo("{quoted}")') if key]
    return Index(name, bool(unique), origin, keys, bool(partial))


def foreign_keys(db, rows, pragma):
    """Keys from the rows of their columns; those that name no columns mean the primary key."""
    out = collections.defaultdict(list)
    for number, _, *row in rows:
        out[number].append(row)
    return [ForeignKey([row[1] for row in key], key[0][0],
                       primary_key(pragma, key[0][0]) if key[0][2] is None else [row[2] for row in key],
                       key[0][3], key[0][4])
            for key in out.values()]


def primary_key(pragma, table):
    """The columns of a table's primary key."""
    rows = [(key, name) for _, name, _, _, _, key, _ in pragma("table_xinfo", table.replace('"', '""'))]
    return [name for key, name in sorted(rows) if key]


def bare(sql):
    """DDL without its comments, texts and quoted names."""
    return re.sub(r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^]]*]""", " ", sql,
                  flags=re.S)
