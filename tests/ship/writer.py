"""An application that knows nothing of egret: writes a file with its own sqlite3 until told to stop.

    writer.py FILE SECONDS

Each transaction adds three rows that sum to zero, so every committed state can be told from a
torn one. Prints the number of transactions it committed.
"""

import random
import sqlite3
import sys
import time


def main(file, seconds):
    """Writes for so long."""
    db = sqlite3.connect(file, timeout=30, isolation_level=None)
    rng, committed, until = random.Random(1), 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        n = rng.randrange(1, 1 << 30)
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO ledger (source, amount, note) VALUES ('app', ?, ?)",
                       [(value, rng.randbytes(rng.randrange(300)).hex()) for value in (n, -n, 0)])
        if rng.randrange(20) == 0:
            # Rewrites rows all over the file; the sum and the count stay.
            db.execute("UPDATE ledger SET note = 'rewritten' WHERE id % 17 = ?", (n % 17,))
        db.execute("COMMIT")
        committed += 1
        time.sleep(rng.random() * 0.02)
    db.close()
    print(committed)


if __name__ == "__main__":
    main(*sys.argv[1:])
