"""Shipping, restoring and following under fire, on a real S3 server and with the real Litestream."""

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import bucket as s3
import psycopg
import pytest
import servers

HERE = pathlib.Path(__file__).parent
KILLS = int(os.environ.get("EGRET_KILLS", "10"))


@pytest.fixture(scope="module")
def store():
    """One S3 server for the module."""
    server = s3.Bucket()
    yield server
    server.stop()


@pytest.fixture
def time_limit():
    """These cases take longer than a minute; tests/run bounds the suite."""


def make_ledger(path):
    """A file in WAL mode with the table both writers append to."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, source TEXT NOT NULL, "
               "amount INTEGER NOT NULL, note TEXT)")
    db.execute("CREATE INDEX ledger_source ON ledger (source, amount)")
    db.commit()
    db.close()
    return path


def content(path):
    """A hash over all that a file holds, whatever its pages look like."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        out = hashlib.sha256()
        for (sql,) in db.execute("SELECT sql FROM sqlite_schema ORDER BY name"):
            out.update(repr(sql).encode())
        for row in db.execute("SELECT * FROM ledger ORDER BY id"):
            out.update(repr(row).encode())
        return db.execute("SELECT count(*) FROM ledger").fetchone()[0], out.hexdigest()


def litestream_restore(url, output):
    """Restores by the real Litestream."""
    done = subprocess.run(["litestream", "restore", "-o", output, url], capture_output=True,
                          text=True, env=s3.environment(), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def egret_restore(url, output):
    """Restores by egret."""
    done = servers.egret("restore", url, "--output", output, env=s3.environment())
    assert done.returncode == 0 and pathlib.Path(output).exists(), done.stdout + done.stderr


RESTORERS = pytest.mark.parametrize("restore", [egret_restore, litestream_restore],
                                    ids=["egret", "litestream"])


class Psql(threading.Thread):
    """psql through egret, one transaction a process, again and again while egret comes and goes."""

    def __init__(self, port, user="psql"):
        super().__init__(daemon=True)
        self.link = servers.Link(port, user, "app")
        self.done, self.committed, self.errors = threading.Event(), [], []

    def run(self):
        """Counts what egret acknowledged."""
        number = 0
        while not self.done.is_set():
            number += 1
            sql = ("INSERT INTO ledger (source, amount, note) VALUES "
                   f"('psql', {number}, 'n{number}'), ('psql', -{number}, NULL), ('psql', 0, '')")
            ran = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", sql],
                                 env=self.link.environment, capture_output=True, text=True)
            if ran.returncode == 0:
                self.committed.append(number)
            elif ran.returncode == 1 and "ERROR" in ran.stderr:
                self.errors.append(ran.stderr)
            else:
                time.sleep(0.05)

    def stop(self):
        """Ends the loop."""
        self.done.set()
        self.join()


class Watcher(threading.Thread):
    """Asks a follower for its count throughout: never an error, never less, never a torn state."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.done = port, threading.Event()
        self.counts, self.problems = [], []

    def run(self):
        """Collects counts and problems."""
        last = 0
        conn = psycopg.connect(host="127.0.0.1", port=self.port, user="w", autocommit=True)
        while not self.done.is_set():
            try:
                count, total = conn.execute(
                    "SELECT count(*), coalesce(sum(amount), 0) FROM ledger").fetchone()
            except psycopg.Error as e:
                self.problems.append(repr(e))
                return
            if total != 0 or count % 3 or count < last:
                self.problems.append(f"count {count} after {last}, sum {total}")
            last = count
            self.counts.append(count)
            time.sleep(0.02)
        conn.close()

    def stop(self):
        """Ends the loop."""
        self.done.set()
        self.join()


def count_at(port):
    """The follower's count now."""
    with psycopg.connect(host="127.0.0.1", port=port, user="w") as conn:
        return conn.execute("SELECT count(*) FROM ledger").fetchone()[0]


def test_killed_ten_times(store, tmp_path):
    """Two writers, ten kills, two restores and a follower end with the same content."""
    rng = random.Random(int(os.environ.get("EGRET_SEED", "7")))
    file, url = make_ledger(tmp_path / "app.db"), store.url()
    env = s3.environment()
    port = servers.free_port()
    serve = {"arguments": ["--backup", url], "port": port, "env": env}
    primary = servers.Egret(file, **serve)
    ready = servers.wait_until(lambda: servers.egret(
        "restore", url, "--output", tmp_path / "probe.db", "--force", env=env).returncode == 0, 20)
    assert ready, "nothing to restore after 20 s:\n" + primary.text[-3000:]
    follower = servers.Egret(tmp_path / "follower.db", arguments=["--follow", url], env=env)
    watcher = Watcher(follower.port)
    watcher.start()
    app = subprocess.Popen([sys.executable, HERE / "writer.py", file, str(3 * KILLS + 2)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    psql = Psql(port)
    psql.start()
    logs = []
    for _ in range(KILLS):
        time.sleep(0.3 + rng.random() * 2)
        primary.stop(9)
        logs.append(primary.text)
        time.sleep(rng.random() * 0.5)
        primary = servers.Egret(file, **serve)
    out, err = app.communicate(timeout=120)
    assert app.returncode == 0, err
    psql.stop()
    assert primary.stop() == 0, primary.text[-3000:]
    logs.append(primary.text)
    expected = content(file)
    check_acknowledged(file, int(out), psql)
    for restore in (egret_restore, litestream_restore):
        copy = tmp_path / f"{restore.__name__}.db"
        restore(url, copy)
        assert content(copy) == expected, restore.__name__
    caught_up = servers.wait_until(lambda: count_at(follower.port) == expected[0], 20)
    watcher.stop()
    assert not watcher.problems, watcher.problems[:5]
    assert caught_up, f"the follower stays at {watcher.counts[-1]} of {expected[0]}"
    assert len(set(watcher.counts)) > KILLS, "the follower stood still"
    with psycopg.connect(host="127.0.0.1", port=follower.port, user="w") as conn:
        assert conn.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("DELETE FROM ledger")
    assert follower.stop() == 0
    assert content(tmp_path / "follower.db") == expected
    assert not any("panicked" in text for text in [*logs, follower.text])


def check_acknowledged(file, committed, psql):
    """What either writer was told is committed is in the file."""
    assert not psql.errors, psql.errors[:3]
    assert psql.committed, "psql never got through"
    with contextlib.closing(sqlite3.connect(file)) as db:
        app = db.execute("SELECT count(*) FROM ledger WHERE source = 'app'").fetchone()[0]
        seen = {n for (n,) in db.execute("SELECT amount FROM ledger WHERE source = 'psql'")}
    assert app == 3 * committed
    assert set(psql.committed) <= seen


@RESTORERS
@pytest.mark.parametrize("where", ["s3", "file"])
def test_backup_and_restore(store, tmp_path, where, restore):
    """Commits of a client and of another process are in the store within a second or so."""
    file = make_ledger(tmp_path / "app.db")
    url = store.url() if where == "s3" else f"file://{tmp_path}/backup"
    server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app") as conn:
        conn.execute("INSERT INTO ledger (source, amount) VALUES ('egret', 1), ('egret', -1)")
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO ledger (source, amount) VALUES ('app', 0)")
        db.commit()
    time.sleep(2)
    server.stop(9)
    restore(url, tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)


def test_restore_refuses_to_overwrite(tmp_path):
    """--force is needed, and a failed restore leaves the old file."""
    file, url = make_ledger(tmp_path / "app.db"), f"file://{tmp_path}/backup"
    server = servers.Egret(file, arguments=["--backup", url])
    assert servers.wait_until(lambda: list((tmp_path / "backup").rglob("*.ltx")), 10)
    server.stop()
    target = tmp_path / "copy.db"
    target.write_bytes(b"precious")
    assert servers.egret("restore", url, "--output", target).returncode != 0
    assert target.read_bytes() == b"precious"
    assert servers.egret("restore", f"file://{tmp_path}/nowhere", "--output", target,
                         "--force").returncode != 0
    assert target.read_bytes() == b"precious"
    assert servers.egret("restore", url, "--output", target, "--force").returncode == 0
    assert content(target) == content(file)


def test_restores_what_litestream_wrote(store, tmp_path):
    """The other way round: the real Litestream ships, egret restores."""
    file, url = make_ledger(tmp_path / "app.db"), store.url()
    ship = subprocess.Popen(["litestream", "replicate", file, url], env=s3.environment(),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([sys.executable, HERE / "writer.py", file, "4"], check=True, capture_output=True)
    time.sleep(3)
    ship.terminate()
    ship.wait(30)
    litestream_restore(url, tmp_path / "theirs.db")
    assert content(tmp_path / "theirs.db") == content(file)
    egret_restore(url, tmp_path / "ours.db")
    assert content(tmp_path / "ours.db") == content(file)


def test_idle_uploads_nothing(tmp_path):
    """Nothing committed, nothing written."""
    file = make_ledger(tmp_path / "app.db")
    server = servers.Egret(file, arguments=["--backup", f"file://{tmp_path}/backup"])
    objects = lambda: sorted((str(p), p.stat().st_mtime_ns)  # noqa: E731
                             for p in (tmp_path / "backup").rglob("*") if p.is_file())
    assert servers.wait_until(objects, 10)
    time.sleep(2)
    before = objects()
    time.sleep(4)
    assert objects() == before
    server.stop()


def test_directory(tmp_path):
    """Each file of a directory is backed up under its own name."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.db", "b.db"):
        make_ledger(folder / name)
    server = servers.Egret(folder, arguments=["--backup", f"file://{tmp_path}/backup"])
    for name in ("a", "b"):
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname=name) as conn:
            conn.execute("INSERT INTO ledger (source, amount) VALUES (%s, 0)", (name,))
    assert server.stop() == 0
    for name in ("a.db", "b.db"):
        egret_restore(f"file://{tmp_path}/backup/{name}", tmp_path / name)
        assert content(tmp_path / name) == content(folder / name)


def test_store_away(tmp_path):
    """A store that fails does not stop clients; when it is back, all is shipped."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    backup.write_text("in the way: a directory cannot be made here")
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        for n in range(10):
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
        failed = servers.wait_until(lambda: conn.execute(
            "SELECT failed_count FROM pg_stat_archiver").fetchone()[0], 10)
        assert failed
        last = "SELECT last_failed_time, last_archived_time FROM pg_stat_archiver"
        failed_at, archived_at = conn.execute(last).fetchone()
        assert is_recent(failed_at) and archived_at is None
        backup.unlink()
        assert servers.wait_until(lambda: backup.is_dir() and list(backup.rglob("*.ltx")), 60)
        assert servers.wait_until(lambda: is_recent(conn.execute(last).fetchone()[1]), 10)
    assert server.stop() == 0
    egret_restore(f"file://{backup}", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)


def test_commit_waits_for_the_store(store, tmp_path):
    """With synchronous_commit on, what was acknowledged survives the loss of the whole machine."""
    file, url = make_ledger(tmp_path / "app.db"), store.url()
    server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        conn.execute("SET synchronous_commit = on")
        for n in range(5):
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
    server.stop(9)
    shutil.rmtree(tmp_path / ".app.db-egret")
    egret_restore(url, tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)


def test_a_wait_for_the_store_ends_when_cancelled(tmp_path):
    """A store that is away makes such a commit wait; who cancels is told that it stands."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    backup.write_text("in the way: a directory cannot be made here")
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        notices = []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        conn.execute("SET synchronous_commit = on")
        conn.execute("SET statement_timeout = '1s'")
        started = time.monotonic()
        conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', 1)")
        assert time.monotonic() - started >= 0.9
        assert any("canceling wait" in notice for notice in notices), notices
        assert conn.execute("SELECT count(*) FROM ledger").fetchone() == (1,)
    backup.unlink()
    assert server.stop() == 0


def test_a_wait_for_a_store_that_another_writes_ends(tmp_path):
    """That what is waited for can never come is told at once, and the transaction stands."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])

    def commit():
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                             autocommit=True) as conn:
            conn.execute("SET synchronous_commit = on")
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', 1)")

    commit()
    newest = max((backup / "ltx" / "0").iterdir())
    following = f"{int(newest.stem.split('-')[1], 16) + 1:016x}"
    shutil.copy(newest, newest.with_name(f"{following}-{following}.ltx"))
    for _ in range(2):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
            commit()
        assert "another writer has a backup" in refused.value.diag.message_primary
        assert "committed locally" in refused.value.diag.message_detail
    assert server.stop() == 1
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM ledger").fetchone() == (3,)


@contextlib.contextmanager
def serve_without_store(tmp_path):
    """A server whose store is away, and a way to connect to it with `synchronous_commit = on`."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    backup.write_text("in the way: a directory cannot be made here")
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])

    def connect():
        conn = psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                               autocommit=True)
        conn.execute("SET synchronous_commit = on")
        return conn

    try:
        yield server, connect, backup
    finally:
        if backup.is_file():
            backup.unlink()
        server.stop()


ADD = "INSERT INTO ledger (source, amount) VALUES ('x', 1)"


def test_lock_timeout_and_cancel_end_a_wait_for_the_store(tmp_path):
    """Both end the wait with a warning that comes before the answer it is about."""
    with serve_without_store(tmp_path) as (_, connect, _), connect() as conn:
        notices = []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        conn.execute("SET lock_timeout = '300ms'")
        conn.execute(ADD)
        assert len(notices) == 1 and "canceling wait" in notices[0]
        conn.execute("SET lock_timeout = 0")
        canceller = threading.Timer(0.5, conn.cancel)
        canceller.start()
        started = time.monotonic()
        with conn.pipeline():
            # The second is run at once, and answered behind the first.
            conn.execute(ADD)
            count = conn.execute("SELECT count(*) FROM ledger")
            assert count.fetchone() == (2,)
        assert time.monotonic() - started >= 0.4
        assert len(notices) == 2, notices


def test_commits_of_others_are_told_of(tmp_path):
    """Nobody can wait for them, so it is said that there are some: once in the log, and in SQL."""
    file = make_ledger(tmp_path / "app.db")
    server = servers.Egret(file, arguments=["--backup", f"file://{tmp_path}/backup"])
    seen = "SELECT last_foreign_commit_time FROM pg_stat_archiver"
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        for _ in range(5):
            conn.execute(ADD)
            time.sleep(0.4)
        time.sleep(1.5)
        assert conn.execute(seen).fetchone() == (None,), server.text
        for count in range(3):
            with contextlib.closing(sqlite3.connect(file)) as db:
                db.execute("INSERT INTO ledger (source, amount) VALUES ('other', 1)")
                db.commit()
            before = conn.execute(seen).fetchone()
            assert servers.wait_until(lambda: conn.execute(seen).fetchone() != before, 10), count
    server.stop()
    assert server.text.count("another process writes this file") == 1, server.text


def test_ones_own_commits_are_nobody_elses(tmp_path):
    """Not even where a look comes between a commit and its session's word of it."""
    file = make_ledger(tmp_path / "app.db")
    server = servers.Egret(file, arguments=["--backup", f"file://{tmp_path}/backup"])
    until = time.monotonic() + 5

    def repeat(sql):
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                             autocommit=True) as conn:
            conn.execute("SET synchronous_commit = off")
            while time.monotonic() < until:
                conn.execute(sql)

    sessions = [threading.Thread(target=repeat, args=[sql])
                for sql in [ADD] * 2 + ["SELECT pg_current_wal_lsn()"] * 24]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert server.stop() == 0
    assert "another process writes this file" not in server.text, server.text


def session_threads(server):
    """How many threads run sessions, or may soon."""
    names = pathlib.Path(f"/proc/{server.pid}/task").glob("*/comm")
    return sum(name.read_text() == "session\n" for name in names)


def test_those_who_wait_for_the_store_keep_no_thread(tmp_path):
    """Many wait at once, others are answered meanwhile, and all when the store is back."""
    with serve_without_store(tmp_path) as (server, connect, backup), connect() as other:
        waiting = [connect() for _ in range(40)]
        threads = [threading.Thread(target=conn.execute, args=(ADD,)) for conn in waiting]
        for thread in threads:
            thread.start()
        count = "SELECT count(*) FROM ledger"
        assert servers.wait_until(lambda: other.execute(count).fetchone() == (40,), 20)
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
        assert servers.wait_until(lambda: other.execute(active).fetchone() == (41,), 5)
        assert servers.wait_until(lambda: session_threads(server) < 8, 20), session_threads(server)
        assert all(thread.is_alive() for thread in threads)
        backup.unlink()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        for conn in waiting:
            conn.close()


def test_stopping_ends_a_wait_for_the_store(tmp_path):
    """Who waits when the server stops is told that the commit stands."""
    with serve_without_store(tmp_path) as (server, connect, _):
        conn, notices = connect(), []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        thread = threading.Thread(target=conn.execute, args=(ADD,))
        thread.start()
        time.sleep(0.5)
        assert thread.is_alive()
        server.child.send_signal(signal.SIGTERM)
        thread.join(20)
        assert not thread.is_alive() and len(notices) == 1, notices


def test_quiet_files_keep_no_thread_and_few_descriptors(tmp_path):
    """Many files, written by others now and then: between that each has its log held, and not much more."""
    folder, backups, count = tmp_path / "data", tmp_path / "backups", 100
    folder.mkdir()
    files = [make_ledger(folder / f"{number:03}.db") for number in range(count)]

    def stored():
        return [len(list(backups.glob(f"{file.name}/ltx/0/*.ltx"))) for file in files]

    def descriptors():
        total = 0
        for link in pathlib.Path(f"/proc/{server.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # Closed since.
                total += folder in link.readlink().parents
        return total

    server = servers.Egret(folder, arguments=["--backup", f"file://{backups}"])
    try:
        for round_ in range(1, 4):
            assert servers.wait_until(lambda: stored() == [round_] * count, 60), stored()
            # SQLite keeps descriptors for the next connection while there is a lock.
            assert servers.wait_until(lambda: descriptors() <= 8 * count, 20), descriptors()
            assert session_threads(server) < 8
            for file in files:
                with contextlib.closing(sqlite3.connect(file)) as db:
                    db.execute("INSERT INTO ledger (source, amount) VALUES ('other', 1)")
                    db.commit()
                assert file.with_name(f"{file.name}-wal").exists()
    finally:
        server.stop(timeout=60)
    assert server.text.count("shipped the whole database") == count, server.text[-4000:]
    for file in files[::10]:
        output = tmp_path / f"restored-{file.name}"
        egret_restore(f"file://{backups}/{file.name}", output)
        assert content(output) == content(file)


def test_latency(store, tmp_path):
    """How old a commit is when its object is there: on a real bucket, for commits that are spaced."""
    file, url = make_ledger(tmp_path / "app.db"), store.url()
    server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    rng, ages = random.Random(3), []
    count = "SELECT archived_count FROM pg_stat_archiver"
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        assert servers.wait_until(lambda: conn.execute(count).fetchone()[0], 20)
        for n in range(20):
            time.sleep(rng.random() * 0.8)
            before = conn.execute(count).fetchone()[0]
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
            committed = time.monotonic()
            assert servers.wait_until(
                lambda: conn.execute(count).fetchone()[0] > before, 10, 0.005)  # noqa: B023
            ages.append(time.monotonic() - committed)
    assert server.stop() == 0
    ages.sort()
    print(f"commit to store: median {ages[10]:.3f} s, worst {ages[-1]:.3f} s")
    assert ages[-1] < 3, ages


def test_egret_and_the_store_killed(tmp_path):
    """Both die and come back while an application writes; in the end all is in the store."""
    file, store = make_ledger(tmp_path / "app.db"), s3.Bucket()
    try:
        serve = {"arguments": ["--backup", store.url()], "env": s3.environment()}
        server = servers.Egret(file, **serve)
        app = subprocess.Popen([sys.executable, HERE / "writer.py", file, "12"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        logs = []
        for pause in (1.5, 2.5):
            time.sleep(pause)
            store.kill()
            time.sleep(0.7)
            server.stop(9)
            logs.append(server.text)
            server = servers.Egret(file, **serve)
            time.sleep(0.7)
            store.start()
            time.sleep(0.5)
            server.stop(9)
            logs.append(server.text)
            server = servers.Egret(file, **serve)
        _, err = app.communicate(timeout=60)
        assert app.returncode == 0, err
        assert server.stop() == 0, server.text[-3000:]
        expected = content(file)
        for restore in (egret_restore, litestream_restore):
            copy = tmp_path / f"{restore.__name__}.db"
            restore(serve["arguments"][1], copy)
            assert content(copy) == expected, restore.__name__
        assert not any("panicked" in text for text in [*logs, server.text])
    finally:
        store.stop()


def check_as_left(path, folder):
    """A copy of a file and its log is whole; the file itself stays untouched."""
    folder.mkdir(exist_ok=True)
    for suffix in ("", "-wal"):
        if (source := path.with_name(path.name + suffix)).exists():
            shutil.copy(source, folder)
    with contextlib.closing(sqlite3.connect(folder / path.name)) as db:
        total = db.execute("SELECT coalesce(sum(amount), 0) FROM ledger").fetchone()[0]
        assert (total, db.execute("PRAGMA integrity_check").fetchall()) == (0, [("ok",)])
    shutil.rmtree(folder)


def test_follower_killed(tmp_path):
    """Twenty kills while it applies: it opens again, is whole, and ends equal."""
    rng, file = random.Random(5), make_ledger(tmp_path / "app.db")
    backup, copy = f"file://{tmp_path}/backup", tmp_path / "follower.db"
    primary = servers.Egret(file, arguments=["--backup", backup])
    app = subprocess.Popen([sys.executable, HERE / "writer.py", file, "14"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert servers.wait_until(lambda: list((tmp_path / "backup").rglob("*.ltx")), 10)
    for _ in range(20):
        follower = servers.Egret(copy, arguments=["--follow", backup])
        time.sleep(rng.random() * 0.5)
        follower.stop(9)
        assert "somebody else" not in follower.text
        check_as_left(copy, tmp_path / "look")
    _, err = app.communicate(timeout=60)
    assert app.returncode == 0, err
    assert primary.stop() == 0
    expected = content(file)
    follower = servers.Egret(copy, arguments=["--follow", backup])
    assert servers.wait_until(lambda: count_at(follower.port) == expected[0], 20)
    assert follower.stop() == 0
    assert content(copy) == expected
    assert "panicked" not in follower.text


def is_recent(moment):
    """Within the last two minutes, by this machine's clock."""
    return moment is not None and abs(moment.timestamp() - time.time()) < 120


def test_archiver(tmp_path):
    """pg_stat_archiver counts what was stored, and says when and up to where."""
    file = make_ledger(tmp_path / "app.db")
    server = servers.Egret(file, arguments=["--backup", f"file://{tmp_path}/backup"])
    asked = ("SELECT archived_count, last_archived_wal, last_archived_time, failed_count, "
             "last_failed_time FROM pg_stat_archiver")
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                         autocommit=True) as conn:
        assert servers.wait_until(lambda: conn.execute(asked).fetchone()[0], 10)
        for n in range(2):
            before, wal, _, _, _ = conn.execute(asked).fetchone()
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
            assert servers.wait_until(lambda: conn.execute(asked).fetchone()[0] > before, 10)  # noqa: B023
            count, now, at, failed, failed_at = conn.execute(asked).fetchone()
            assert now > wal and is_recent(at) and (failed, failed_at) == (0, None)
            assert len(list((tmp_path / "backup" / "ltx" / "0").iterdir())) == count
    assert server.stop() == 0


def test_stopped_right_after_the_start(tmp_path):
    """Whatever was committed is stored when egret ends, however soon that is."""
    file = make_ledger(tmp_path / "app.db")
    server = servers.Egret(file, arguments=["--backup", f"file://{tmp_path}/backup"])
    assert server.stop() == 0, server.text
    egret_restore(f"file://{tmp_path}/backup", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)


def test_follower_comes_and_goes(tmp_path):
    """A killed follower goes on where it was; it serves what it has while the store is away."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    primary = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    follow = {"arguments": ["--follow", f"file://{backup}"]}
    with psycopg.connect(host="127.0.0.1", port=primary.port, user="x", dbname="app",
                         autocommit=True) as conn:
        for n in range(1, 3):
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
            follower = servers.Egret(tmp_path / "follower.db", **follow)
            assert servers.wait_until(lambda: count_at(follower.port) == n, 20)  # noqa: B023
            follower.stop(9)
    assert primary.stop() == 0
    backup.rename(tmp_path / "away")
    follower = servers.Egret(tmp_path / "follower.db", **follow)
    assert count_at(follower.port) == 2
    assert follower.stop() == 0
    assert content(tmp_path / "follower.db") == content(file)


def test_follow_leaves_other_files_alone(tmp_path):
    """A file that following did not make is not overwritten."""
    file, other = make_ledger(tmp_path / "app.db"), make_ledger(tmp_path / "other.db")
    url, before = f"file://{tmp_path}/backup", other.read_bytes()
    assert servers.Egret(file, arguments=["--backup", url]).stop() == 0
    done = servers.egret("serve", other, "--follow", url, "--listen", "127.0.0.1:0", timeout=20)
    assert done.returncode == 1 and "is no replica" in done.stderr
    assert other.read_bytes() == before


def test_replica_that_lags_does_not_take_over(tmp_path):
    """It says what it lacks, and becomes the primary when it has that; then it does not follow again."""
    file, replica = make_ledger(tmp_path / "app.db"), tmp_path / "replica.db"
    url, clients = f"file://{tmp_path}/backup", {"host": "127.0.0.1", "user": "x", "autocommit": True}
    insert = "INSERT INTO ledger (source, amount) VALUES ('x', 1)"
    assert servers.Egret(file, arguments=["--backup", url]).stop() == 0
    assert servers.Egret(replica, arguments=["--follow", url]).stop() == 0
    primary = servers.Egret(file, arguments=["--backup", url])
    with psycopg.connect(port=primary.port, **clients) as conn:
        conn.execute(insert)
    assert primary.stop() == 0

    assert servers.Egret(replica, arguments=["--backup", url]).stop() == 1
    status = servers.egret("status", replica, "--backup", url)
    assert status.returncode == 1 and "the file followed it to transaction" in status.stdout
    egret_restore(url, tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)

    follower = servers.Egret(replica, arguments=["--follow", url])
    assert servers.wait_until(lambda: count_at(follower.port) == 1, 20)
    assert follower.stop() == 0
    promoted = servers.Egret(replica, arguments=["--backup", url])
    with psycopg.connect(port=promoted.port, **clients) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute(insert)
    assert promoted.stop() == 0
    done = servers.egret("serve", replica, "--follow", url, "--listen", "127.0.0.1:0", timeout=20)
    assert done.returncode == 1 and "is no replica" in done.stderr
    egret_restore(url, tmp_path / "promoted.db")
    assert content(tmp_path / "promoted.db") == content(replica)


def test_restart_without_a_gap(tmp_path):
    """A killed process goes on where it was, without a second snapshot."""
    file, backup = make_ledger(tmp_path / "app.db"), tmp_path / "backup"
    serve = {"arguments": ["--backup", f"file://{backup}"]}
    for n in range(3):
        server = servers.Egret(file, **serve)
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app") as conn:
            conn.execute("INSERT INTO ledger (source, amount) VALUES ('x', %s)", (n,))
        time.sleep(1.5)
        server.stop(9)
    names = sorted(p.name for p in backup.rglob("*.ltx"))
    assert len([name for name in names if name.startswith("0" * 15 + "1-")]) <= 2, names
    egret_restore(f"file://{backup}", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)


def test_litestream_is_here():
    """Without the real program half of this file would prove nothing."""
    assert shutil.which("litestream")


def test_sqlite_is_recent(tmp_path):
    """Before 3.51.3 a writer and a checkpoint that met could damage the file."""
    server = servers.Egret(make_ledger(tmp_path / "app.db"))
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app") as conn:
        version = conn.execute("SELECT sqlite_version()").fetchone()[0]
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)
    assert server.stop() == 0


def stored_levels(url):
    """The levels of a backup that hold files, as the real Litestream lists them."""
    done = subprocess.run(["litestream", "ltx", "-level", "all", url], capture_output=True,
                          text=True, env=s3.environment(), timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split()[0] for line in done.stdout.splitlines()[1:] if line.strip()}


@RESTORERS
def test_levels_on_s3(store, tmp_path, restore):
    """Merged on a real bucket while another process writes; a second writer is kept out."""
    file, url = make_ledger(tmp_path / "app.db"), store.url()
    other = make_ledger(tmp_path / "other.db")
    levels = ["--backup-levels", "1s,2s,4s", "--sync-interval", "200ms"]
    server = servers.Egret(file, arguments=["--backup", url, *levels], env=s3.environment())
    app = subprocess.Popen([sys.executable, HERE / "writer.py", file, "6"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # It listens before it has asked the bucket whether it is the only one.
    assert servers.wait_until(lambda: stored_levels(url), 30, 0.5), server.text
    second = servers.Egret(other, arguments=["--backup", url], env=s3.environment())
    _, err = app.communicate(timeout=60)
    assert app.returncode == 0, err
    assert servers.wait_until(lambda: {"0", "1", "2", "3", "9"} <= stored_levels(url), 30, 0.5), \
        stored_levels(url)
    assert "waiting until it stops" in second.text
    second.stop(9)
    assert server.stop() == 0
    restore(url, tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(file)
    # Whoever comes next waits for nothing, and goes on with the next number.
    second = servers.Egret(other, arguments=["--backup", url], env=s3.environment())
    assert second.stop() == 0
    restore(url, tmp_path / "taken.db")
    assert content(tmp_path / "taken.db") == content(other)
