"""What goes wrong below egret: full disks, broken, locked, removed and replaced files."""

import contextlib
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import psycopg
import pytest
import servers

pytestmark = pytest.mark.skipif(servers.TARGET != "egret", reason="egret only")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, or changes the user")

BLOB = 20_000
INSERT = "INSERT INTO t (b) VALUES (%b)"


def connect(server, **more):
    """A session in autocommit mode."""
    return psycopg.connect(host="127.0.0.1", port=server.port, user="someone", autocommit=True, **more)


def make(path, mode="delete", script="CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)"):
    """A database file in a journal mode."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.executescript(script)
    return path


def rows(path, query):
    """What SQLite itself finds in a file, which must be sound."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute(query).fetchall()


@pytest.fixture
def disk(tmp_path):
    """Mounts small file systems."""
    mounted = []

    def mount(size):
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place],
                              capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(conn):
    """Inserts until the disk is full; how many rows were acknowledged."""
    for count in range(10_000):
        try:
            conn.execute(INSERT, (random.randbytes(BLOB),))
        except psycopg.errors.DiskFull as full:
            assert full.diag.message_hint
            return count
    raise AssertionError("the disk was never full")


@needs_root
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_full_disk(serve, disk, mode):
    """53100; the session lives on, reads go on, and with space so do writes."""
    place = disk("2m")
    file = make(place / "app.db", mode)
    ballast = place / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    server = serve(file)
    with connect(server) as conn:
        count = fill(conn)
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (count,)
        conn.execute("BEGIN")
        with pytest.raises(psycopg.errors.DiskFull):
            conn.execute(INSERT, (b"x" * 5_000_000,))
            conn.execute("COMMIT")
        conn.execute("ROLLBACK")
        for query in ("CREATE TABLE u AS SELECT * FROM t", "VACUUM"):
            with pytest.raises(psycopg.errors.DiskFull):
                conn.execute(query)
        ballast.unlink()
        conn.execute(INSERT, (b"y" * BLOB,))
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (count + 1,)
    assert server.stop() == 0
    assert rows(file, "SELECT count(*) FROM t") == [(count + 1,)]


@needs_root
def test_full_disk_at_a_checkpoint(serve, disk):
    """A checkpoint that finds no room takes nothing back."""
    place = disk("6m")
    file = make(place / "app.db", "wal")
    server = serve(file)
    with connect(server) as conn:
        count = fill(conn)
        assert file.stat().st_size + (place / "app.db-wal").stat().st_size > 5 << 20
        assert conn.execute("SELECT count(*), sum(octet_length(b)) FROM t"
                            ).fetchone() == (count, count * BLOB)
        conn.execute("SELECT 1")
    assert server.stop() == 0
    assert rows(file, "SELECT count(*) FROM t") == [(count,)]


@needs_root
def test_full_disk_while_shipping(serve, disk, tmp_path):
    """The log of what is to be shipped is on the full disk too; all is shipped when there is room."""
    place, backup = disk("3m"), f"file://{tmp_path}/backup"
    file = make(place / "app.db", "wal")
    ballast = place / "ballast"
    ballast.write_bytes(b"x" * 1_800_000)
    server = serve(file, arguments=["--backup", backup])
    with connect(server) as conn:
        count = fill(conn)
        assert servers.wait_until(lambda: "No space left" in server.text, 10)
        ballast.unlink()
        conn.execute(INSERT, (b"y" * BLOB,))
    assert server.stop() == 0
    restored = tmp_path / "restored.db"
    done = servers.egret("restore", backup, "--output", restored)
    assert done.returncode == 0, done.stderr
    assert rows(restored, "SELECT count(*) FROM t") == [(count + 1,)]


@needs_root
def test_full_disk_at_the_start(disk):
    """After a crash SQLite makes a file before it reads: that there is no room for it is said."""
    place = disk("1m")
    file = make(place / "app.db", "wal")
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO t (b) VALUES (x'00')")
        db.commit()
        log = (place / "app.db-wal").read_bytes()
    (place / "app.db-wal").write_bytes(log)
    with contextlib.suppress(OSError), open(place / "ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 4096)
    done = servers.egret("serve", file, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert f"open {file}: the disk of {place} is full: free some space" in done.stderr, done.stderr
    (place / "ballast").unlink()
    server = servers.Egret(file)
    with connect(server) as conn:
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert server.stop() == 0


@needs_root
def test_full_disk_while_restoring(serve, disk, tmp_path):
    """A restore without room says so and leaves nothing behind."""
    backup = f"file://{tmp_path}/backup"
    server = serve(make(tmp_path / "app.db", "wal"), arguments=["--backup", backup])
    with connect(server) as conn:
        for _ in range(100):
            conn.execute(INSERT, (random.randbytes(BLOB),))
    assert server.stop() == 0
    place = disk("1m")
    done = servers.egret("restore", backup, "--output", place / "app.db")
    assert done.returncode == 1 and "Free space" in done.stderr, done.stderr
    assert list(place.iterdir()) == []


STATEMENTS = [
    'SELECT * FROM "Invoice"', 'SELECT * FROM "Revenue"', "SELECT * FROM audit_log",
    'SELECT count(*) FROM "Invoice" a JOIN "Invoice" b USING ("InvoiceId")',
    "SELECT * FROM information_schema.columns", "SELECT * FROM pg_class",
    "INSERT INTO audit_log (message) VALUES ('x')", "UPDATE audit_log SET message = 'y'",
    'DELETE FROM "Invoice"', "CREATE TABLE fresh (a INT)", "VACUUM",
]


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes(tmp_path, seed):
    """Bytes changed anywhere: refused at the start, or XX001 where they are met. Never a panic."""
    rng = random.Random(seed)
    file = servers.make_shop(tmp_path / "shop.db")
    data = bytearray(file.read_bytes())
    for _ in range(rng.choice((1, 5, 50, 1000))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(data)
    try:
        server = servers.Egret(file)
    except RuntimeError as refused:
        assert "egret: open" in str(refused) and "panicked" not in str(refused)
        return
    with connect(server) as conn:
        conn.execute("SET statement_timeout = '5s'")
        for query in STATEMENTS:
            try:
                conn.execute(query)
            except psycopg.Error as error:
                # The schema, a text or a key is another one now; all other damage is XX001.
                assert error.sqlstate in {"XX001", "42P01", "42703", "22021", "23503"}, (query, error)
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert server.stop() == 0 and "panicked" not in server.text, server.text


def test_corrupt_page(serve, tmp_path):
    """A page that is no page: XX001 with a hint; other tables can be read."""
    file = servers.make_shop(tmp_path / "shop.db")
    with contextlib.closing(sqlite3.connect(file)) as db:
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'Invoice'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    with open(file, "r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xff" * size)
    with connect(serve(file)) as conn:
        with pytest.raises(psycopg.errors.DataCorrupted) as caught:
            conn.execute('SELECT * FROM "Invoice"')
        assert "egret restore" in caught.value.diag.message_hint
        assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (2,)


def test_a_log_of_another_file(serve, tmp_path):
    """SQLite takes any log with the right name: whatever comes of it, egret lives."""
    file, other = make(tmp_path / "app.db", "wal"), make(tmp_path / "other.db", "wal")
    db = sqlite3.connect(other)
    db.executescript("CREATE TABLE u (a); INSERT INTO u WITH RECURSIVE n(i) AS "
                     "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT hex(i) FROM n;")
    shutil.copy(f"{other}-wal", f"{file}-wal")
    db.close()
    with connect(serve(file)) as conn:
        for query in ("SELECT * FROM t", "INSERT INTO t (b) VALUES ('x')", "SELECT * FROM pg_class"):
            with contextlib.suppress(psycopg.errors.DataCorrupted):
                conn.execute(query)
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_empty_file(serve, tmp_path):
    """A file of no bytes is an empty database, as for SQLite."""
    file = tmp_path / "new.db"
    file.touch()
    with connect(serve(file)) as conn:
        assert conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                            ).fetchone() == (0,)
        conn.execute("CREATE TABLE t (a INT)")
        conn.execute("INSERT INTO t VALUES (1)")
    assert rows(file, "SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize("name", ["with space", "it's", 'say "hi"', "naïve-猫", "a;b$1%s", "..."])
def test_names(serve, tmp_path, name):
    """Any name of a file is a name of a database."""
    with connect(serve(make(tmp_path / f"{name}.db")), dbname=name) as conn:
        assert conn.execute("SELECT current_database(), datname FROM pg_database"
                            ).fetchone() == (name, name)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_removed(serve, tmp_path, mode):
    """A file that was removed is neither read for long nor written: nothing is lost in silence."""
    file = make(tmp_path / "app.db", mode)
    with connect(serve(file)) as conn:
        conn.execute("INSERT INTO t (b) VALUES ('x')")
        file.unlink()
        with pytest.raises(psycopg.errors.UndefinedFile) as caught:
            conn.execute("INSERT INTO t (b) VALUES ('lost')")
        assert caught.value.diag.message_hint
        with pytest.raises(psycopg.errors.UndefinedFile):
            conn.execute("SELECT * FROM t")


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_replaced(serve, tmp_path, mode):
    """The file that has the name now is served, by open sessions too, and the old one's log is not
    taken for its own."""
    file = make(tmp_path / "app.db", mode)
    new = make(tmp_path / "new.db", mode, "CREATE TABLE t (b TEXT, id INT, more TEXT);"
                                          "INSERT INTO t VALUES ('new', 1, 'x');")
    server = serve(file)
    with connect(server) as conn, connect(server) as reader:
        for _ in range(20):
            conn.execute(INSERT, (random.randbytes(BLOB),))
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (20,)
        os.rename(file, tmp_path / "old.db")
        os.rename(new, file)
        conn.execute("INSERT INTO t (id, b) VALUES (2, 'by egret')")
        time.sleep(1.1)
        assert reader.execute("SELECT * FROM t").fetchall() == [("new", 1, "x"),
                                                                   ("by egret", 2, None)]
    assert server.stop() == 0
    assert rows(file, "SELECT count(*) FROM t") == [(2,)]
    assert rows(tmp_path / "old.db", "SELECT count(*) FROM t") == [(20,)]


@pytest.mark.parametrize("shipped", [False, True])
def test_replaced_and_opened_by_others_first(serve, tmp_path, shipped):
    """Whoever has opened the new file before egret noticed writes to the log that lies beside it: none
    of that is taken for the old file's. Closing that takes none of the locks off the new one's either."""
    file, new = make(tmp_path / "app.db", "wal"), make(tmp_path / "new.db", "wal")
    backup = ["--backup", f"file://{tmp_path}/backup"] if shipped else []
    server = serve(file, arguments=backup)
    with connect(server) as conn:
        conn.execute(INSERT, (b"old",))
    app = sqlite3.connect(file, isolation_level=None)
    assert app.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    app.close()
    os.rename(new, file)
    app = sqlite3.connect(file, isolation_level=None, timeout=20)
    for number in range(200):
        app.execute("INSERT INTO t (b) VALUES (?)", (number,))
        if number % 50 == 25:
            time.sleep(0.5)
    with connect(server) as conn:
        for _ in range(10):
            conn.execute(INSERT, (b"by egret",))
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (210,)
    # Short-lived processes come and go, and SQLite would begin anew with an index that nobody has locked.
    other = f"import sqlite3; sqlite3.connect({str(file)!r}).execute('SELECT * FROM t').fetchall()"
    for _ in range(3):
        subprocess.run([sys.executable, "-c", other], check=True)
    app.execute("INSERT INTO t (b) VALUES ('last')")
    app.close()
    with connect(server) as conn:
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (211,)
    assert server.stop() == 0
    assert rows(file, "SELECT count(*) FROM t") == [(211,)]
    if shipped:
        restored = tmp_path / "restored.db"
        servers.egret("restore", f"file://{tmp_path}/backup", "-o", restored)
        assert rows(restored, "SELECT count(*) FROM t") == [(211,)]


def test_renamed(serve, tmp_path):
    """SQLite has one log for each name. A file gets its new one when nothing has it open by the old one
    any more; until then it is not served."""
    folder = tmp_path / "data"
    folder.mkdir()
    file = make(folder / "old.db", "wal", "CREATE TABLE t (b TEXT)")
    os.link(file, folder / "second.db")
    server = serve(folder, arguments=["--backup", f"file://{tmp_path}/backup"])
    assert server.text.count("it is still open as") == 1, server.text
    (folder / "second.db").unlink()
    app = sqlite3.connect(file, isolation_level=None)
    app.execute("INSERT INTO t (b) VALUES ('before')")
    app.close()
    for suffix in ("", "-wal", "-shm"):
        os.rename(f"{file}{suffix}", folder / f"new.db{suffix}")
    assert servers.wait_until(lambda: 'serving database="new"' in server.text, 40), server.text
    app = sqlite3.connect(folder / "new.db", isolation_level=None)
    with connect(server, dbname="new") as conn:
        conn.execute("INSERT INTO t (b) VALUES ('by egret')")
        app.execute("INSERT INTO t (b) VALUES ('app')")
        seen = [("before",), ("by egret",), ("app",)]
        assert conn.execute("SELECT b FROM t").fetchall() == seen
        assert app.execute("SELECT b FROM t").fetchall() == seen
    app.close()
    assert server.stop() == 0
    assert rows(folder / "new.db", "SELECT b FROM t") == seen


def test_replaced_under_a_cursor(serve, tmp_path):
    """What a session left in the old file is gone with it: 57P04."""
    file, new = make(tmp_path / "app.db"), make(tmp_path / "new.db")
    conn = connect(serve(file))
    conn.execute("CREATE TEMP TABLE kept AS SELECT 1 AS a")
    os.rename(new, file)
    with pytest.raises(psycopg.errors.DatabaseDropped):
        conn.execute("INSERT INTO t (b) VALUES ('x')")
    assert conn.closed


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_locked_by_another_process(serve, tmp_path, mode):
    """egret starts, sessions open, and statements wait as long as lock_timeout says."""
    file = make(tmp_path / "app.db", mode)
    app = sqlite3.connect(file, isolation_level=None)
    app.execute("PRAGMA locking_mode = EXCLUSIVE")
    app.execute("BEGIN EXCLUSIVE")
    app.execute("INSERT INTO t (b) VALUES ('app')")
    server = serve(file)
    assert "locked" in server.text
    with connect(server, options="-c lock_timeout=300ms") as conn:
        before = time.monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute("SELECT * FROM t")
        assert 0.2 < time.monotonic() - before < 10
        for prepare in (False, True):
            conn.execute("SET lock_timeout = 0; SET statement_timeout = '300ms'", prepare=False)
            with pytest.raises(psycopg.errors.QueryCanceled):
                conn.execute("SELECT id FROM t WHERE b = %s", ("x",), prepare=prepare)
        app.execute("COMMIT")
        app.close()
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (1,)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_lock_and_a_cursor(serve, tmp_path, mode):
    """With a cursor open, a write waits for the application's lock too, not just without one."""
    file = make(tmp_path / "app.db", mode, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3);")
    app = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    with connect(serve(file)) as conn:
        conn.execute("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t")
        assert conn.execute("FETCH 1 FROM c").fetchone() == ("1",)
        app.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.5, lambda: app.execute("ROLLBACK"))
        timer.start()
        conn.execute("INSERT INTO t VALUES (4)")
        conn.execute("COMMIT")
        timer.join()
        app.execute("BEGIN IMMEDIATE")
        conn.execute("BEGIN; SET LOCAL lock_timeout = '200ms'; DECLARE c CURSOR FOR SELECT * FROM t")
        conn.execute("FETCH 1 FROM c")
        before = time.monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute("INSERT INTO t VALUES (5)")
        assert 0.15 < time.monotonic() - before < 10
        conn.execute("ROLLBACK")
    app.close()


def test_deadlock(serve, tmp_path):
    """Without WAL a commit waits for readers. A reader that waits for the writer gets 40P01."""
    file = make(tmp_path / "app.db", "delete", "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    server = serve(file)
    with connect(server) as reader, connect(server) as writer:
        reader.execute("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t")
        reader.execute("FETCH 1 FROM c")
        thread = threading.Thread(target=lambda: writer.execute("INSERT INTO t VALUES (3)"))
        thread.start()
        time.sleep(0.3)
        with pytest.raises(psycopg.errors.DeadlockDetected):
            reader.execute("INSERT INTO t VALUES (4)")
        thread.join(10)
        assert not thread.is_alive()
        reader.execute("ROLLBACK")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (3,)


def as_nobody(path):
    """Lets an unprivileged server reach a test's folder."""
    for folder in [path, *path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o755)


@needs_root
def test_read_only_file(serve, tmp_path):
    """A file that egret may not write is served for reading: 25006."""
    as_nobody(tmp_path)
    file = make(tmp_path / "app.db")
    file.chmod(0o444)
    with connect(serve(file, user="nobody")) as conn:
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("INSERT INTO t (b) VALUES ('x')")


@needs_root
def test_permissions_are_named(tmp_path):
    """What may not be read or written is refused at the start, saying what to change."""
    as_nobody(tmp_path)
    secret, logged = make(tmp_path / "secret.db"), make(tmp_path / "logged.db", "wal")
    secret.chmod(0)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for path, said in ((secret, "may not"), (logged, "WAL"), (closed, "Permission denied"),
                       (closed / "app.db", "Permission denied")):
        done = servers.egret("serve", path, "--listen", "127.0.0.1:0", user="nobody", timeout=10)
        assert done.returncode == 1 and said in done.stderr and path.name in done.stderr, done.stderr


def test_too_many_files(tmp_path):
    """How many the process may have open is said, and how to raise that."""
    for number in range(30):
        make(tmp_path / f"{number}.db", "wal")
    command = ["bash", "-c", 'ulimit -n 20; exec "$@"', "--", servers.EGRET]
    done = subprocess.run([*command, "serve", tmp_path, "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=20)
    advice = "this process may have no more than 20 files open: raise that (ulimit -n"
    assert done.returncode == 1 and "not served" in done.stderr
    assert all(advice in line and "LimitNOFILE=" in line for line in done.stderr.splitlines()
               if "not served" in line or line.startswith("egret:")), done.stderr


def test_too_many_files_for_a_session(serve, tmp_path):
    """A client is told, too; the server lives on, and serves when it may have more again."""
    server = serve(make(tmp_path / "app.db", "wal"))
    used = set(map(int, os.listdir(f"/proc/{server.pid}/fd")))
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    # Room for the client's socket, and no more.
    limit = min(set(range(len(used) + 1)) - used) + 1
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    with connect(server) as conn:
        with pytest.raises(psycopg.errors.InsufficientResources) as refused:
            conn.execute("SELECT count(*) FROM t")
        assert f"no more than {limit} files" in refused.value.diag.message_hint
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_what_cannot_be_opened(tmp_path):
    """Each message names the file and says what to do."""
    junk = tmp_path / "junk.db"
    junk.write_text("not a database " * 100)
    broken = servers.make_shop(tmp_path / "broken.db")
    with open(broken, "r+b") as raw:
        raw.seek(100)
        raw.write(b"\xff" * 200)
    for path, said in ((junk, "not a SQLite database"), (broken, "egret restore"),
                       (tmp_path / "gone.db", "create"), (pathlib.Path("/dev/null"), "no file")):
        done = servers.egret("serve", path, "--listen", "127.0.0.1:0", timeout=10)
        assert done.returncode == 1 and said in done.stderr and path.name in done.stderr, done.stderr


def test_a_commit_that_cannot_be_made_durable(tmp_path):
    """Nobody is told of a commit whose log could not be synced, and no later one is promised."""
    server = servers.Egret(make(tmp_path / "app.db", "wal"))
    tracer = None
    try:
        with connect(server) as writer, connect(server) as other:
            writer.execute(INSERT, (b"1",))
            calls = "fsync,fdatasync"
            tracer = subprocess.Popen(
                ["strace", "-f", "-p", str(server.pid), "-e", f"trace={calls}",
                 "-e", f"inject={calls}:error=EIO", "-o", tmp_path / "trace"],
                stderr=subprocess.PIPE, text=True)
            if "attached" not in (said := tracer.stderr.readline()):
                pytest.skip(f"cannot trace: {said.strip()}")
            with pytest.raises(psycopg.errors.IoError, match="cannot be synced") as raised:
                writer.execute("INSERT INTO t (b) VALUES ('2') RETURNING id")
            assert raised.value.diag.severity_nonlocalized == "FATAL"
            assert writer.broken
            tracer.terminate()
            tracer.wait()
            with pytest.raises(psycopg.errors.IoError, match="cannot be synced"):
                other.execute(INSERT, (b"3",))
            assert other.execute("SELECT count(*) FROM t WHERE b IN ('1', '3')").fetchone() == (1,)
        assert "no commit is durable" in "".join(server.text)
    finally:
        if tracer:
            tracer.kill()
        server.stop()
