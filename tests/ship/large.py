#!/usr/bin/env python3
"""Files that are larger than memory should be, and files that cross SQLite's lock page.

    tests/ship/large.py [lock] [memory] [--page-sizes 512,4096,65536] [--gigabytes N] [--keep-within MB]

lock: a file of a little less than 1 GiB is shipped and grows over it, where a page that is nobody's
lies; by egret, then by Litestream. Both restore both backups: every page is the file's, and SQLite finds
nothing wrong. memory: a file of several gigabytes is shipped, merged, copied and restored by egret,
which never takes more memory than is said. Each part needs about five times the size of its file on
the disk, and removes it. Needs what `tests/run` sets up.
"""

import argparse
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/bench")]

import bucket  # noqa: E402
import measure  # noqa: E402
import pages  # noqa: E402
import servers  # noqa: E402
import shippers  # noqa: E402

MIB = 1 << 20
ROW = 60_000
# A little less than the lock page's place, and how much is added, in transactions of so much.
BELOW, ADDED, STEP = 1000 * MIB, 64 * MIB, 8 * MIB
PATIENCE = 900
QUICK_LEVELS = ("--backup-levels", "5s,15s,45s", "--verify-interval", "0")


class Ground:
    """A directory and a store, which go when all is done."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="egret-large-"))
        self.store = bucket.Bucket()
        self.client, self.shipping = self.store.client(), []
        return self

    def __exit__(self, *_):
        for process in self.shipping:
            process.stop(9)
        self.client.close()
        self.store.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, name, size, page_size=4096):
        """A file in WAL mode of about that size, which does not compress."""
        path = self.folder / name
        db = sqlite3.connect(path)
        db.executescript(f"""
            PRAGMA page_size = {page_size}; PRAGMA journal_mode = off; PRAGMA synchronous = off;
            CREATE TABLE large (id INTEGER PRIMARY KEY, body BLOB);""")
        add(db, size)
        db.execute("PRAGMA journal_mode = wal")
        db.close()
        return path

    def keys(self, url, level):
        """What is stored of a level."""
        prefix = url.split("?")[0].split("/", 3)[3]
        return self.client.keys(self.store.names[0], f"{prefix}/{level:04x}/")

    def ship(self, program, file, url, *arguments):
        """Starts a shipper, and waits until the whole file is stored."""
        if program == "egret":
            process = shippers.Replicate(file, "--backup", url, *arguments, timeout=PATIENCE,
                                         env=bucket.environment())
        else:
            process = shippers.Litestream(file, url)
        self.shipping.append(process)
        if not servers.wait_until(lambda: self.keys(url, 0) and self.keys(url, 9), PATIENCE, 1):
            raise AssertionError(f"{program} stores nothing:\n{process.text[-2000:]}")
        return process

    def wait_until_stored(self, url):
        """Waits until nothing has come for a while."""
        before = None
        while before != (before := len(self.keys(url, 0))):
            time.sleep(4)

    def compare(self, program, url, file):
        """Restores, and compares every page with the file; what that cost."""
        copy = self.folder / f"{program}-restored.db"
        cost = measure.watched(shippers.restore_command(program, url, copy), bucket.environment())
        differing, wrong = pages.differing(file, copy), pages.integrity(copy)
        for path in self.folder.glob(f"{copy.name}*"):
            path.unlink()
        if differing or wrong:
            raise AssertionError(f"{program} restored other pages {differing}, {wrong}")
        return cost


def add(db, size):
    """Adds so many bytes of rows in one transaction."""
    db.execute(f"""INSERT INTO large (body) WITH RECURSIVE n(i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {max(1, size // ROW)})
        SELECT randomblob({ROW}) FROM n""")
    db.commit()


def lock(options, say):
    """Over the lock page, with every page size, by both programs."""
    for page_size in map(int, options.page_sizes.split(",")):
        with Ground() as ground:
            file = ground.make("large.db", BELOW, page_size)
            for program in shippers.PROGRAMS:
                grow_over(ground, program, file, page_size, say)


def grow_over(ground, program, file, page_size, say):
    """One program ships a file that grows over the lock page; both restore it."""
    # Litestream writes tables of its own into what it ships.
    copy = ground.folder / f"{program}.db"
    shutil.copy(file, copy)
    url = ground.store.url()
    process = ground.ship(program, copy, url)
    db = sqlite3.connect(copy, timeout=60)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    for _ in range(ADDED // STEP):
        add(db, STEP)
        time.sleep(0.5)
    db.execute("UPDATE large SET body = randomblob(100) WHERE id IN (1, (SELECT max(id) FROM large))")
    db.commit()
    ground.wait_until_stored(url)
    db.close()
    code = process.stop(timeout=120)
    assert program != "egret" or code == 0, process.text[-3000:]
    pages.checkpoint(copy)
    assert copy.stat().st_size > (1 << 30) + page_size, "it did not grow over the lock page"
    for reader in shippers.PROGRAMS:
        seconds, _, memory = ground.compare(reader, url, copy)
        say(f"pages of {page_size}: {program} shipped {copy.stat().st_size / MIB:.0f} MiB, {reader} "
            f"restored every page in {seconds:.1f} s, {memory:.0f} MB of memory")
    for path in ground.folder.glob(f"*{copy.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def memory(options, say):
    """A large file within bounds: first copy, merging, restore."""
    with Ground() as ground:
        file = ground.make("large.db", int(options.gigabytes * 1e9))
        url, peaks = ground.store.url(), {}
        began = time.monotonic()
        process = ground.ship("egret", file, url, *QUICK_LEVELS)
        say(f"{file.stat().st_size / 1e9:.1f} GB stored and copied in "
            f"{time.monotonic() - began:.0f} s")
        peaks["the first copies"] = measure.high_water_kb(process.pid) / 1024
        change(file)
        if not servers.wait_until(lambda: ground.keys(url, 3), 300, 1):
            raise AssertionError(f"nothing is merged:\n{process.text[-2000:]}")
        peaks["and merging"] = measure.high_water_kb(process.pid) / 1024
        code = process.stop(timeout=120)
        assert code == 0, process.text[-3000:]
        pages.checkpoint(file)
        shutil.rmtree(file.parent / f".{file.name}-egret")
        seconds, cpu, peaks["restoring"] = ground.compare("egret", url, file)
        say(f"restored every page in {seconds:.0f} s, {cpu:.0f} s of CPU")
        for what, peak in peaks.items():
            say(f"peak memory, {what}: {peak:.0f} MB")
        assert max(peaks.values()) <= options.keep_within, f"more than {options.keep_within} MB"


def change(file):
    """Rewrites rows all over the file, some at a time, while it is shipped."""
    db = sqlite3.connect(file, timeout=60)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    for turn in range(12):
        db.execute(f"UPDATE large SET body = randomblob({ROW}) WHERE id % 120 = ?", (turn,))
        db.commit()
        time.sleep(4)
    db.close()


def main():
    """The parts that are named, or both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="lock, memory; both if none is named")
    parser.add_argument("--page-sizes", default="512,4096,65536")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--keep-within", type=int, default=300, help="MB of memory")
    options = parser.parse_args()
    parts = {"lock": lock, "memory": memory}
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    began, failed = time.monotonic(), 0

    def say(text):
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    for name in options.parts or parts:
        try:
            parts[name](options, say)
        except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            failed += 1
            say(f"FAILED {name}: {error}")
    say("ok" if not failed else f"{failed} parts failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
