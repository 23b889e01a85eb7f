"""An application that commits to a file with its own sqlite3, and says what that cost.

    committer.py FILE --seconds S          as fast as it can
    committer.py FILE --commits N --rate R a second, the same data every time

Each commit changes one account and appends to the history. Prints JSON: commits, seconds, and the
seconds of CPU this process spent on them.
"""

import argparse
import json
import random
import sqlite3
import time

ROWS = 100_000
SCHEMA = f"""
    PRAGMA journal_mode = wal;
    CREATE TABLE accounts (aid INTEGER PRIMARY KEY, balance INTEGER, filler TEXT);
    CREATE TABLE history (aid INTEGER, delta INTEGER, note TEXT);
    INSERT INTO accounts
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
        SELECT i, 0, printf('%.80c', 'x') FROM n;
    PRAGMA wal_checkpoint(TRUNCATE);"""


def make(path):
    """The file before the first commit."""
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    db.close()
    return path


def main():
    """Commits, and prints the result."""
    options = parse()
    db = sqlite3.connect(options.file, timeout=30, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL")
    if options.leave_checkpoints:
        db.execute("PRAGMA wal_autocheckpoint = 0")
    rng, done = random.Random(options.seed), 0
    began, cpu = time.monotonic(), time.process_time()
    until = began + options.seconds
    while done < options.commits and time.monotonic() < until:
        if options.rate:
            time.sleep(max(0, began + done / options.rate - time.monotonic()))
        commit(db, rng)
        done += 1
    spent, took = time.process_time() - cpu, time.monotonic() - began
    print(json.dumps({"commits": done, "seconds": took, "cpu": spent}), flush=True)
    # Whoever closes a file last checkpoints it, which is no part of committing.
    db.close()


def commit(db, rng):
    """One transaction."""
    aid, delta = rng.randrange(1, ROWS + 1), rng.randrange(-5000, 5000)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE accounts SET balance = balance + ? WHERE aid = ?", (delta, aid))
    db.execute("INSERT INTO history VALUES (?, ?, ?)", (aid, delta, rng.randbytes(100).hex()))
    db.execute("COMMIT")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--commits", type=int, default=1 << 60)
    parser.add_argument("--rate", type=float, help="commits a second; as many as it can otherwise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leave-checkpoints", action="store_true",
                        help="leave checkpoints to others, as both shippers advise")
    return parser.parse_args()


if __name__ == "__main__":
    main()
