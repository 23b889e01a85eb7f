"""Rows that are numbered and carry a checksum: what is missing, doubled or torn can be told.

What enters: a file, who writes, a number. What leaves: statements, and what a file holds.
"""

import hashlib
import sqlite3

SCHEMA = """
    CREATE TABLE entry (source TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
        digest TEXT NOT NULL, PRIMARY KEY (source, number));
    CREATE TABLE churn (id INTEGER PRIMARY KEY, body TEXT NOT NULL);"""
INSERT = "INSERT INTO entry (source, number, body, digest) VALUES (?, ?, ?, ?)"
CHURN = 400


def make(path):
    """A file in WAL mode without entries."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = wal")
    db.executescript(SCHEMA)
    db.executemany("INSERT INTO churn VALUES (?, ?)", [(n, "x" * 400) for n in range(CHURN)])
    db.commit()
    db.close()
    return path


def row(source, number, rng):
    """What INSERT takes."""
    body = rng.randbytes(rng.randrange(10, 400)).hex()
    return source, number, body, digest(source, number, body)


def digest(source, number, body):
    """The checksum of a row."""
    return hashlib.sha256(f"{source} {number} {body}".encode()).hexdigest()[:24]


def read(path):
    """The numbers of each source, if every row is whole and the file is sound."""
    db, found = sqlite3.connect(path), {}
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
    for source, number, body, kept in db.execute("SELECT source, number, body, digest FROM entry"):
        assert kept == digest(source, number, body), f"{path}: {source} {number} is torn"
        found.setdefault(source, set()).add(number)
    db.close()
    return found


def content(path):
    """A hash for each table of a file, whatever its pages look like."""
    db, found = sqlite3.connect(path), {}
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' "
                        "AND name NOT LIKE '%litestream%'").fetchall()
    for (table,) in tables:
        out = hashlib.sha256()
        for line in db.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2'):
            out.update(repr(line).encode())
        found[table] = out.hexdigest()
    db.close()
    return found
