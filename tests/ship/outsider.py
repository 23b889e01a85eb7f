"""An application that knows nothing of egret: writes entries with its own sqlite3 until it is told to
stop (SIGTERM).

    outsider.py FILE SOURCE SEED

Prints the number of each row that it was told is committed. A commit that fails, because the disk
is full or another process is at work, is tried again later with the next number.
"""

import contextlib
import pathlib
import random
import signal
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import entries  # noqa: E402

stopped = []


def main(file, source, seed):
    """Writes."""
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    db = sqlite3.connect(file, timeout=30, isolation_level=None)
    rng, number = random.Random(int(seed)), 0
    while not stopped:
        numbers = range(number, number + rng.choice([1] * 50 + [200]))
        number = numbers.stop
        try:
            commit(db, source, numbers, rng)
        except sqlite3.OperationalError as error:
            print(f"failed: {error}", file=sys.stderr, flush=True)
            if db.in_transaction:
                db.execute("ROLLBACK")
            time.sleep(0.2)
            continue
        print("\n".join(map(str, numbers)), flush=True)
        if rng.randrange(500) == 0:
            # On a full disk it fails; what is committed stays in the log.
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute("PRAGMA wal_checkpoint(" + rng.choice(["PASSIVE", "TRUNCATE"]) + ")")
        time.sleep(rng.random() * 0.03)
    db.close()


def commit(db, source, numbers, rng):
    """One transaction: entries, and a change somewhere else."""
    db.execute("BEGIN IMMEDIATE")
    db.executemany(entries.INSERT, [entries.row(source, number, rng) for number in numbers])
    db.execute("UPDATE churn SET body = ? WHERE id = ?",
               (rng.randbytes(rng.randrange(400)).hex(), rng.randrange(entries.CHURN)))
    db.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
