"""Compares SQLite files page by page.

What enters: files without a log. What leaves: the numbers of pages that differ. The lock page is
nobody's: SQLite never writes it.
"""

import sqlite3

LOCK_BYTE = 1 << 30
CHUNK = 1 << 20


def page_size(path):
    """The size of a file's pages in bytes."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
    return 65536 if size == 1 else size


def differing(one, other):
    """The first pages that differ; a file that is shorter differs in the page after its last."""
    size, found, number = page_size(one), [], 0
    with open(one, "rb") as a, open(other, "rb") as b:
        while len(found) < 10:
            left, right = a.read(CHUNK), b.read(CHUNK)
            if not left and not right:
                break
            if left != right:
                found += [number + at // size + 1 for at in range(0, CHUNK, size)
                          if left[at:at + size] != right[at:at + size]]
            number += CHUNK // size
    return [page for page in found if page != LOCK_BYTE // size + 1]


def checkpoint(path):
    """Moves all of the log into the file, whose only user this must be."""
    db = sqlite3.connect(path)
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.close()
    assert not busy, f"{path} is in use"


def integrity(path):
    """What SQLite finds wrong with a file."""
    db = sqlite3.connect(path)
    found = [row[0] for row in db.execute("PRAGMA integrity_check(10)")]
    db.close()
    return [] if found == ["ok"] else found
