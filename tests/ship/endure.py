#!/usr/bin/env python3
"""egret under everything at once, and the whole machine lost again and again.

    tests/ship/endure.py [--minutes N] [--seed S] [--losses N] [--only run|losses]

The run: processes with sqlite3 of their own and clients of egret write numbered rows to one file, which
is shipped to SeaweedFS and merged within seconds. egret is killed every few seconds and started again,
SeaweedFS twice; the disk is full once (which needs root: a small file system is mounted). Now and then,
while egret is dead, both programs restore what is in the bucket. In the end egret and Litestream restore
what equals the file, and no row is missing that anybody was told is committed.

The losses: clients commit with `synchronous_commit = on`; egret is killed at some moment, and the file,
its log and egret's directory are deleted. What is restored from the bucket has every commit that was
acknowledged, and the next loss begins with it. Needs what `tests/run` sets up.
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support")]

import psycopg  # noqa: E402

import bucket  # noqa: E402
import entries  # noqa: E402
import pages  # noqa: E402
import servers  # noqa: E402
import shippers  # noqa: E402

INSERT = entries.INSERT.replace("?", "%s")
LEVELS = ("--backup-levels", "3s,10s,30s", "--snapshot-interval", "1min", "--backup-retention",
          "2min")
# Errors of clients that belong to what is done here: a full disk, a server that comes and goes.
EXPECTED = ("53100", "58030", "57P01", "57P02", "57P03", "08")
DISK_MB = 8192
# Of the whole run: when the store dies, and the disk is full.
STORE_DIES, DISK_FULL = (0.3, 0.7), 0.5
STORE_AWAY, FULL_TIME = 6, 6


class Client(threading.Thread):
    """Commits through egret, which comes and goes; knows what was acknowledged."""

    def __init__(self, port, source, seed, stored=False):
        super().__init__(daemon=True)
        self.port, self.source, self.rng, self.stored = port, source, random.Random(seed), stored
        self.done, self.number = threading.Event(), 0
        self.acknowledged, self.problems = set(), []

    def run(self):
        """Connects again and again."""
        while not self.done.is_set():
            try:
                with connect(self.port, self.stored) as session:
                    while not self.done.is_set():
                        self.commit(session)
            except psycopg.Error as error:
                state = error.sqlstate or ""
                if state and not state.startswith(EXPECTED):
                    self.problems.append(f"{self.source}: {state} {error}")
                self.done.wait(0.05)

    def commit(self, session):
        """One transaction; its number is used once, whatever becomes of it."""
        self.number += 1
        row = entries.row(self.source, self.number, self.rng)
        session.execute(INSERT, row)
        self.acknowledged.add(self.number)
        if not self.stored:
            self.done.wait(self.rng.random() * 0.02)

    def stop(self):
        """Ends the loop; answers what was acknowledged."""
        self.done.set()
        self.join(60)
        assert not self.is_alive(), f"{self.source} hangs"
        return self.acknowledged


class Outsider:
    """A process that writes the file itself."""

    def __init__(self, file, source, seed):
        self.source, self.problems = source, []
        self.told = tempfile.TemporaryFile("w+")
        self.errors = tempfile.TemporaryFile("w+")
        argv = [sys.executable, ROOT / "tests/ship/outsider.py", file, source, str(seed)]
        self.child = subprocess.Popen(argv, stdout=self.told, stderr=self.errors)

    def start(self):
        """It has begun already."""

    def stop(self):
        """Ends it; answers what it was told is committed."""
        self.child.terminate()
        code = self.child.wait(60)
        self.errors.seek(0)
        said = self.errors.read()
        if code:
            self.problems.append(f"{self.source} ended with {code}: {said[-500:]}")
        unexpected = [line for line in said.splitlines() if line.startswith("failed")
                      and "full" not in line and "disk I/O" not in line and "locked" not in line]
        self.problems += unexpected[:3]
        self.told.seek(0)
        return set(map(int, self.told.read().split()))


class Site:
    """A file, its store, and egret between them; whatever is wrong is a line in `problems`."""

    def __init__(self, folder, seed, *arguments):
        self.folder, self.rng = folder, random.Random(seed)
        self.file = folder / "live" / "app.db"
        self.file.parent.mkdir(exist_ok=True)
        self.store, self.port = bucket.Bucket(), servers.free_port()
        self.url = self.store.url()
        self.arguments = ["--backup", self.url, *arguments]
        self.egret, self.problems, self.copies = None, [], 0

    def start(self, timeout=60):
        """Starts egret on its port."""
        self.egret = servers.Egret(self.file, arguments=self.arguments, port=self.port,
                                   env=bucket.environment(), timeout=timeout)

    def end(self, how, timeout=60):
        """Ends egret, and looks at what it said; its exit code."""
        code = self.egret.stop(how, timeout)
        self.copies += self.egret.text.count("shipped the whole database")
        for word in ("panicked", "another writer", "corrupt"):
            if word in self.egret.text:
                self.problems.append(f"{word}:\n{self.egret.text[-3000:]}")
        return code

    def restored(self, program):
        """What a program restores, as a file."""
        copy = self.folder / f"{program}.db"
        copy.unlink(missing_ok=True)
        shippers.restore(program, self.url, copy)
        return copy

    def close(self):
        """Ends all."""
        if self.egret:
            self.egret.stop(9)
        self.store.stop()


class Run:
    """Everything at once."""

    def __init__(self, folder, minutes, seed, say):
        self.site = Site(folder, seed, *LEVELS)
        self.rng, self.seconds, self.say = self.site.rng, minutes * 60, say
        self.mounted = mount(self.site.file.parent)
        if not self.mounted:
            say("the disk is never full: a small file system can only be mounted by root")
        self.kills, self.looks = 0, 0

    def go(self):
        """All of it; what is wrong."""
        site = self.site
        try:
            entries.make(site.file)
            site.start()
            self.writers = [Outsider(site.file, f"app{n}", n) for n in range(2)]
            self.writers += [Client(site.port, f"client{n}", n) for n in range(2)]
            self.writers += [Client(site.port, "stored", 9, stored=True)]
            for writer in self.writers:
                writer.start()
            self.disturb()
            self.heal()
            return site.problems
        finally:
            for writer in getattr(self, "writers", []):
                with contextlib.suppress(Exception):
                    writer.stop()
            site.close()
            if self.mounted:
                subprocess.run(["umount", "-l", site.file.parent], check=True)

    def disturb(self):
        """Kills and starts until the time is over."""
        began = time.monotonic()
        events = [(share * self.seconds, self.store_dies) for share in STORE_DIES]
        events += [(DISK_FULL * self.seconds, self.fill)] if self.mounted else []
        events.sort(key=lambda event: event[0])
        while (now := time.monotonic() - began) < self.seconds:
            if events and now >= events[0][0]:
                events.pop(0)[1]()
                continue
            time.sleep(self.rng.choice((0.05, 0.5, 2, 4, 6)) * (0.5 + self.rng.random()))
            self.kill()

    def kill(self):
        """Kills egret and starts it again; now and then both restore while it is dead."""
        self.site.end(9)
        self.kills += 1
        if self.kills % 8 == 0:
            self.look()
        self.site.start()

    def look(self):
        """Whatever moment it was, the bucket can be restored, by both."""
        for program in shippers.PROGRAMS:
            try:
                entries.read(self.site.restored(program))
                self.looks += 1
            except AssertionError as error:
                self.site.problems.append(f"while egret is dead: {error}")

    def store_dies(self):
        """SeaweedFS is killed, egret too meanwhile, and both come back."""
        self.say("the store dies")
        self.site.store.kill()
        time.sleep(STORE_AWAY / 2)
        self.site.end(9)
        self.site.start()
        time.sleep(STORE_AWAY / 2)
        self.site.store.start()

    def fill(self):
        """Not a page is left for a while, in which egret is killed too."""
        folder = self.site.file.parent
        used = shutil.disk_usage(folder).used
        self.say(f"the disk is full with {used >> 20} MB")
        resize(folder, used)
        time.sleep(FULL_TIME / 2)
        self.site.end(9)
        try:
            self.site.start(10)
        except RuntimeError as error:
            self.say(f"egret does not start on a full disk: {str(error)[-200:].strip()}")
        time.sleep(FULL_TIME / 2)
        resize(folder, DISK_MB << 20)
        if self.site.egret.child.poll() is not None:
            self.site.start()

    def heal(self):
        """Everything is well again: what was acknowledged is there, in the file and in both copies."""
        site = self.site
        acknowledged = {writer.source: writer.stop() for writer in self.writers}
        site.problems += [problem for writer in self.writers for problem in writer.problems[:3]]
        code = site.end(15, 120)
        if code:
            site.problems.append(f"egret ended with {code}:\n{site.egret.text[-3000:]}")
        pages.checkpoint(site.file)
        site.problems += missing(acknowledged, entries.read(site.file), "the file")
        expected = entries.content(site.file)
        for program in shippers.PROGRAMS:
            copy = site.restored(program)
            site.problems += missing(acknowledged, entries.read(copy), program)
            if entries.content(copy) != expected:
                site.problems.append(f"{program}'s copy differs from the file")
            differing = pages.differing(site.file, copy)
            self.say(f"{program} restored {'every page' if not differing else 'other pages'} "
                     f"{differing or ''}")
        rows = {source: len(numbers) for source, numbers in acknowledged.items()}
        self.say(f"{self.kills} kills, {self.looks} restores meanwhile, {site.copies} whole copies, "
                 f"acknowledged: {rows}")


class Losses:
    """The machine is lost again and again."""

    def __init__(self, folder, times, seed, say):
        self.site = Site(folder, seed)
        self.rng, self.times, self.say, self.seed = self.site.rng, times, say, seed
        self.acknowledged = {}

    def go(self):
        """All of it; what is wrong."""
        site = self.site
        try:
            entries.make(site.file)
            for number in range(self.times):
                self.lose(number)
                if site.problems:
                    break
            count = sum(map(len, self.acknowledged.values()))
            self.say(f"{number + 1} machines lost, {count} commits acknowledged")
            return site.problems
        finally:
            site.close()

    def lose(self, number):
        """Clients commit, everything here is lost, and the bucket has it."""
        site = self.site
        site.start()
        clients = [Client(site.port, f"{number}-{n}", number * 100 + n, stored=True)
                   for n in range(3)]
        for client in clients:
            client.start()
        # A client has been told at least once; then at any moment.
        servers.wait_until(lambda: any(client.acknowledged for client in clients), 60)
        time.sleep(self.rng.random() * 1.5)
        site.end(9)
        for client in clients:
            self.acknowledged[client.source] = client.stop()
            site.problems += client.problems[:3]
        for path in site.file.parent.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        # The next one begins with what was restored by the one or the other.
        copy = site.restored(shippers.PROGRAMS[number % 2])
        site.problems += missing(self.acknowledged, entries.read(copy), f"loss {number}")
        copy.rename(site.file)


def missing(acknowledged, found, where):
    """Rows that were acknowledged and are not found."""
    lost = {source: sorted(numbers - found.get(source, set()))
            for source, numbers in acknowledged.items()}
    return [f"{where}: {len(numbers)} commits of {source} are missing: {numbers[:10]}"
            for source, numbers in lost.items() if numbers]


def connect(port, stored):
    """A session whose commits wait for the store, or for this machine's disk only."""
    session = psycopg.connect(host="127.0.0.1", port=port, user="x", dbname="app", autocommit=True,
                              connect_timeout=10)
    session.execute(f"SET synchronous_commit = {'on' if stored else 'local'}")
    return session


def mount(folder):
    """Mounts a small file system, if that is allowed."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder],
                          capture_output=True)
    return done.returncode == 0


def resize(folder, size):
    """Gives a mounted file system another size in bytes; what it has it keeps."""
    for more in range(0, 1 << 24, 1 << 16):
        done = subprocess.run(["mount", "-o", f"remount,size={size + more}", folder],
                              capture_output=True)
        if done.returncode == 0:
            return
    raise RuntimeError(done.stderr)


def endure(kind, *arguments, say=print):
    """One of the two in a directory of its own; what is wrong."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="egret-endure-"))
    try:
        return kind(folder, *arguments, say).go()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    """Both, or one; the number of problems is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--losses", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["run", "losses"])
    options = parser.parse_args()
    began, problems = time.monotonic(), []

    def say(text):
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    if options.only != "losses":
        problems += endure(Run, options.minutes, options.seed, say=say)
    if options.only != "run":
        problems += endure(Losses, options.losses, options.seed, say=say)
    for problem in problems:
        say(f"PROBLEM: {problem}")
    say(f"seed {options.seed}: {len(problems)} problems")
    return min(len(problems), 100)


if __name__ == "__main__":
    sys.exit(main())
