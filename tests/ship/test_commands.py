"""What an operator types, on real backups."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import bucket as s3
import psycopg
import pytest
import servers
import shippers


@pytest.fixture(scope="module")
def store():
    """One S3 server for the module."""
    server = s3.Bucket()
    yield server
    server.stop()


def make_database(path, rows=3):
    """A file in WAL mode with a few rows."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = wal")
        db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO item (name) VALUES (?)", [(f"n{n}",) for n in range(rows)])
        db.commit()
    return path


def items(path):
    """The rows of a file that is sound."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute("SELECT id, name FROM item ORDER BY id").fetchall()


def connect(server):
    """A session on database `app`."""
    return psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname="app",
                           autocommit=True)


def run(*arguments, env=None, **options):
    """A command that succeeds; its output."""
    done = servers.egret(*arguments, env=env or s3.environment(), **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_json(*arguments, **options):
    """A command that succeeds with --json; its answer."""
    return json.loads(run(*arguments, "--json", **options))


def fail(*arguments, env=None, code=1, **options):
    """A command that fails without panicking; what it says."""
    done = servers.egret(*arguments, env=env or s3.environment(), **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "panicked" not in done.stderr
    return done.stderr


def stored(path, backup, *more):
    """Serves a file until its backup holds it, and answers the backup's URL."""
    url = f"file://{backup}"
    server = servers.Egret(path, arguments=["--backup", url, *more])
    assert servers.wait_until(lambda: list(backup.rglob("*.ltx")), 20)
    assert server.stop() == 0
    return url


def test_restore_points(store, tmp_path):
    """A point is made in every destination and restored by name; a name is given once."""
    file = make_database(tmp_path / "app.db")
    urls = [store.url(), f"file://{tmp_path}/backup"]
    server = servers.Egret(file, arguments=["--backup", urls[0], "--backup", urls[1]],
                           env=s3.environment())
    with connect(server) as conn:
        conn.execute("INSERT INTO item VALUES (10, 'before')")
        lsn = conn.execute("SELECT pg_create_restore_point('before-migration')").fetchone()[0]
        assert re.fullmatch("[0-9A-F]+/[0-9A-F]+", lsn)
        assert conn.execute("SELECT pg_current_wal_lsn() >= %s::pg_lsn", (lsn,)).fetchone()[0]
        before = items(file)
        conn.execute("DELETE FROM item")
        conn.execute("INSERT INTO item VALUES (11, 'after')")
        for name, state in [("before-migration", "42710"), ("a b", "22023"), ("../x", "22023"),
                            ("x" * 64, "22023"), ("", "22023")]:
            with pytest.raises(psycopg.Error) as refused:
                conn.execute("SELECT pg_create_restore_point(%s)", (name,))
            assert refused.value.sqlstate == state, name
        conn.execute("SELECT pg_create_restore_point('later')")
    assert server.stop() == 0
    for number, url in enumerate(urls):
        points = {p["name"]: p for p in run_json("list", url)["points"]}
        assert set(points) == {"before-migration", "later"}
        assert all(p["restorable"] for p in points.values())
        assert f"0/{int(points['before-migration']['txid'], 16):X}" == lsn
        copy = tmp_path / f"copy{number}.db"
        assert "transaction" in run("restore", url, "--point", "before-migration", "-o", copy)
        assert items(copy) == before
        run("restore", url, "--point", "later", "-o", copy, "--force")
        assert items(copy) == [(11, "after")]
        said = fail("restore", url, "--point", "never", "-o", tmp_path / "x.db")
        assert 'there is no restore point "never"' in said and "egret list" in said
    theirs = tmp_path / "litestream.db"
    subprocess.run(["litestream", "restore", "-o", theirs, urls[0]], check=True,
                   capture_output=True, env=s3.environment())
    assert items(theirs) == [(11, "after")]


def test_a_point_needs_a_backup_that_answers(tmp_path):
    """Without one it is refused; one that is away is waited for, until the statement is cancelled."""
    file = make_database(tmp_path / "app.db")
    server = servers.Egret(file)
    with connect(server) as conn, pytest.raises(psycopg.Error) as refused:
        conn.execute("SELECT pg_create_restore_point('a')")
    assert refused.value.sqlstate == "55000"
    server.stop()
    backup = tmp_path / "backup"
    backup.write_text("in the way")
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    with connect(server) as conn:
        conn.execute("SET statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_create_restore_point('a')")
        backup.unlink()
        conn.execute("SET statement_timeout = '60s'")
        conn.execute("SELECT pg_create_restore_point('a')")
    server.stop()
    assert [p["name"] for p in run_json("list", f"file://{backup}")["points"]] == ["a"]


def test_a_moment_is_what_it_says(tmp_path):
    """A time asked for is answered with the moment it really is; the plan is told beforehand."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    url = f"file://{backup}"
    server = servers.Egret(file, arguments=["--backup", url])
    with connect(server) as conn:
        conn.execute("SELECT pg_create_restore_point('one')")
        time.sleep(1.2)
        asked = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        time.sleep(1.2)
        conn.execute("INSERT INTO item VALUES (99, 'late')")
    assert server.stop() == 0
    copy = tmp_path / "copy.db"
    plan = run_json("restore", url, "--timestamp", asked, "--dry-run")
    text = run("restore", url, "-o", copy, "--timestamp", asked, "--dry-run")
    assert "would restore" in text and f"before {asked[:-1]}.000Z" in text and not copy.exists()
    done = run_json("restore", url, "-o", copy, "--timestamp", asked)
    same = ("txid", "time", "bytes", "files", "bytes_read", "url")
    assert [plan[key] for key in same] == [done[key] for key in same]
    assert plan["time"] < asked[:-1] + ".000Z" and len(plan["reads"]) == done["files"]
    assert len(items(copy)) == 3 and copy.stat().st_size == done["bytes"]
    found = run_json("list", url, "--moments")
    assert found["newest"]["txid"] == found["moments"][-1]["txid"] > done["txid"]
    assert found["moment_count"] == len(found["moments"]) and found["fault"] is None
    assert sum(level["bytes"] for level in found["levels"]) == found["bytes"]
    text = run("list", url)
    assert "newest" in text and "restore points:\n" in text and "level" in text
    last = {moment["time"]: moment["txid"] for moment in found["moments"]}
    for moment in found["moments"]:
        run("restore", url, "-o", copy, "-f", "--txid", moment["txid"])
        then = run_json("restore", url, "-o", copy, "-f", "--timestamp", moment["time"])
        assert (then["txid"], then["time"]) == (last[moment["time"]], moment["time"])
    exact = run("restore", url, "-o", copy, "-f", "--timestamp", found["newest"]["time"])
    assert "that is" not in exact
    assert found["newest"]["time"] == max(grain["to"] for grain in found["granularity"])
    early = fail("restore", url, "-o", copy, "-f", "--timestamp", "2001-01-01T00:00:00Z")
    assert "begins after that time" in early and "egret list" in early
    late = fail("restore", url, "-o", copy, "-f", "--txid", "00000000000fffff")
    assert "the nearest before it is" in late


def test_the_best_of_several(store, tmp_path):
    """The backup with the latest moment is taken; one that fails is told of."""
    file, old, new = make_database(tmp_path / "app.db"), tmp_path / "old", store.url()
    stored(file, old)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO item VALUES (50, 'newer')")
        db.commit()
    server = servers.Egret(file, arguments=["--backup", new], env=s3.environment())
    with connect(server) as conn:
        conn.execute("SELECT pg_create_restore_point('p')")
    server.stop()
    copy = tmp_path / "copy.db"
    done = servers.egret("restore", f"file://{old}", f"file://{tmp_path}/none", new, "-o", copy,
                         env=s3.environment())
    assert done.returncode == 0, done.stderr
    assert f"left out: file://{tmp_path}/none: there is no backup here" in done.stderr
    assert items(copy)[-1] == (50, "newer") and "from s3://" in done.stdout
    both = fail("restore", f"file://{tmp_path}/none", f"file://{tmp_path}/nor", "-o", copy, "-f")
    assert "none of the backups" in both and both.count("there is no backup here") == 2


class Throttle:
    """Passes connections on to a port, so many bytes a second back."""

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                for a, b, rate in ((near, far, 0), (far, near, self.rate)):
                    threading.Thread(target=self._pass, args=(a, b, rate), daemon=True).start()

    @staticmethod
    def _pass(source, target, rate):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                time.sleep(len(data) / rate if rate else 0)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        """No more connections."""
        self.listener.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_restore_goes_on(store, tmp_path, how):
    """What was downloaded before is not downloaded again; nothing is left over."""
    file, url = tmp_path / "app.db", store.url()
    with contextlib.closing(sqlite3.connect(make_database(file))) as db:
        db.execute("CREATE TABLE noise AS WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL "
                   "SELECT n + 1 FROM s WHERE n < 1000) SELECT randomblob(48000) AS b FROM s")
    server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    with connect(server) as conn:
        conn.execute("SELECT pg_create_restore_point('p')")
    assert server.stop() == 0
    slow = Throttle(store.port, 4 << 20)
    copy, scratch = tmp_path / "copy.db", tmp_path / "copy.db.restore"
    argv = [servers.EGRET, "restore", url.replace(str(store.port), str(slow.port)), "-o", copy]
    child = subprocess.Popen(argv, env=s3.environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    pieces = lambda: len([p for p in scratch.rglob("pieces/*/*") if p.stat().st_size])  # noqa: E731
    assert servers.wait_until(lambda: pieces() >= 2, 30)
    child.send_signal(how)
    _, said = child.communicate(timeout=30)
    slow.close()
    if how == signal.SIGINT:
        assert child.returncode == 1 and "the same command goes on" in said, said
    assert not copy.exists() and pieces() >= 2
    done = servers.egret("restore", url, "-o", copy, env=s3.environment())
    assert done.returncode == 0, done.stderr
    assert "are here already" in done.stderr, done.stderr
    assert items(copy) == items(file) and not scratch.exists()


def test_wrong_input(store, tmp_path):
    """Each mistake is named, with what to do."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    url, copy = stored(file, backup), tmp_path / "copy.db"
    nobody = {k: v for k, v in s3.environment().items() if not k.startswith("AWS_")}
    nobody |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    for command in (["restore", "-o", copy], ["list"]):
        assert "there is no backup here" in fail(*command, f"file://{tmp_path}/nowhere")
        assert "three slashes" in fail(*command, "file://relative", code=2)
        assert "s3://bucket/prefix" in fail(*command, "ftp://x/y", code=2)
        assert "no credentials were found: set AWS_ACCESS_KEY_ID" in fail(
            *command, store.url(), env=nobody)
        wrong = s3.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong"}
        assert "AWS_ACCESS_KEY_ID" in fail(*command, store.url(), env=wrong)
        lost = store.url().replace(f":{store.port}", f":{servers.free_port()}")
        assert "endpoint" in fail(*command, lost)
        assert "bucket" in fail(*command, store.url().replace(f"s3://{s3.NAME}/", "s3://missing/"))
    shipping = shippers.Replicate(file, "--backup", store.url(), env=nobody)
    assert servers.wait_until(lambda: "no credentials were found: set AWS_" in shipping.text)
    shipping.stop(signal.SIGKILL)
    assert "cannot be used with" in fail("restore", url, "-o", copy, "--point", "p", "--txid",
                                         "0000000000000001", code=2)
    copy.mkdir()
    assert "is a directory" in fail("restore", url, "-o", copy)
    assert "is a directory" in fail("restore", url, "-o", copy, "--force")
    assert not list(tmp_path.glob("*.restore"))


def test_mistakes(tmp_path, request):
    """What each command says to wrong input, as it stands in mistakes.txt; UPDATE=1 writes that anew."""
    make_database(tmp_path / "app.db")
    stored(tmp_path / "app.db", tmp_path / "backup")
    with contextlib.closing(sqlite3.connect(tmp_path / "plain.db")) as db:
        db.execute("CREATE TABLE t (a)")
    for folder in ("dir", "empty"):
        (tmp_path / folder).mkdir()
    for name, text in (("junk.db", "not a database " * 100), ("zero.db", ""), ("busy.db-wal", ""),
                       ("dir/notes.txt", ""), ("wrong.toml", "path = ['a.db']\n"),
                       ("wrong.yml", "dbs: 5\n")):
        (tmp_path / name).write_text(text)
    golden = request.path.with_name("mistakes.txt")
    expected = golden.read_text()
    found = "\n".join(said(line, tmp_path) for line in expected.splitlines() if line[:2] == "$ ")
    if os.environ.get("UPDATE"):
        golden.write_text(found)
    else:
        assert found == expected
    assert not list(tmp_path.glob("*.restore")) and not (tmp_path / "x.db").exists()


def said(line, folder):
    """A command line in a folder, and what is answered to it but for the log."""
    words = line.removeprefix("$ egret").replace("FOLDER", str(folder)).split()
    done = servers.egret(*words, cwd=folder, stdin=subprocess.DEVNULL, timeout=20)
    answer = (done.stdout + done.stderr).replace(str(folder), "FOLDER")
    answer = re.sub(r"PGSQL\.\d+", "PGSQL.PORT", answer)
    lines = [text for text in answer.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", text)]
    return "\n".join([line, *lines, f"-> {done.returncode}"]) + "\n"


def test_damaged_objects(tmp_path):
    """Damage is found wherever it is; the output stays as it was, and nothing is left over."""
    file, backup = make_database(tmp_path / "app.db", 300), tmp_path / "backup"
    url, copy = stored(file, backup), tmp_path / "copy.db"
    object_ = min(backup.rglob("*.ltx"), key=lambda p: p.name)
    whole, rng = object_.read_bytes(), random.Random(1)
    for at in [0, 7, 50, 99, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(10))]:
        object_.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
        done = servers.egret("restore", url, "-o", copy)
        assert done.returncode == 1 and "panicked" not in done.stderr, (at, done.stderr)
        assert not copy.exists() and not list(tmp_path.glob("*.restore")), at
    for length in (0, 50, 99, 100, len(whole) // 2, len(whole) - 1):
        object_.write_bytes(whole[:length])
        done = servers.egret("restore", url, "-o", copy)
        assert done.returncode == 1 and "panicked" not in done.stderr, (length, done.stderr)
        assert not copy.exists() and not list(tmp_path.glob("*.restore")), length
    object_.write_bytes(whole)
    run("restore", url, "-o", copy)
    assert items(copy) == items(file)


def test_a_damaged_backup_is_made_up_for(tmp_path):
    """By another one; what is damaged is named."""
    file, backup, copy = make_database(tmp_path / "app.db", 300), tmp_path / "a", tmp_path / "copy.db"
    url = stored(file, backup)
    shutil.copytree(backup, tmp_path / "b")
    (object_,) = backup.glob("ltx/9/*.ltx")
    whole, name = object_.read_bytes(), str(object_.relative_to(backup))
    object_.write_bytes(whole[:150] + bytes([whole[150] ^ 1]) + whole[151:])
    assert f"verify {url}: {name}: ltx" in fail("verify", url)
    assert f"restore {url}: {name}: ltx" in fail("restore", url, "-o", copy)
    done = servers.egret("restore", url, f"file://{tmp_path}/b", "-o", copy)
    assert done.returncode == 0 and f"left out: {url}: {name}: ltx" in done.stderr, done.stderr
    assert f"from file://{tmp_path}/b" in done.stdout and items(copy) == items(file)
    assert not list(tmp_path.glob("*.restore"))
    object_.write_bytes(whole)
    shutil.copy(object_, object_.with_name("0000000000000001-00000000000000ff.ltx"))
    said = fail("restore", url, "-o", copy, "-f")
    assert "00ff.ltx: ltx file is 0000000000000001-" in said, said


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted by root only")
def test_not_enough_disk(tmp_path):
    """It is said before anything is downloaded, with what is needed and what there is."""
    file, backup, small = make_database(tmp_path / "app.db", 50000), tmp_path / "backup", tmp_path / "s"
    url = stored(file, backup)
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
    try:
        said = fail("restore", url, "-o", small / "copy.db")
        assert re.search(r"needs \d+ bytes, there are \d+ free", said) and "Free space" in said
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", small], check=True)


def writing(file, seconds):
    """A process that writes a file for a while."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(seconds)])


WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    db.execute("INSERT INTO item (name) VALUES (hex(randomblob(200)))")
    db.execute("DELETE FROM item WHERE id % 7 = 3")
    db.commit()
"""


@pytest.mark.parametrize("shipper", ["egret", "litestream"])
def test_verify_while_a_writer_runs(store, tmp_path, shipper):
    """A backup is proven equal to the live file, whoever ships it and while it is written."""
    file, url = make_database(tmp_path / "app.db"), store.url()
    if shipper == "egret":
        server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    else:
        server = subprocess.Popen(["litestream", "replicate", file, url], env=s3.environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        app = writing(file, 12)
        assert servers.wait_until(lambda: servers.egret(
            "list", url, env=s3.environment()).returncode == 0, 20)
        time.sleep(1)
        found = run_json("verify", url, "--file", file)
        assert found["verdict"] == "proven" and found["differing_count"] == 0, found
        assert app.wait() == 0
        found = run_json("verify", url, "--file", file)
        assert found["verdict"] == "proven", found
        assert found["pages"] * found["page_size"] > 4096
    finally:
        server.terminate() if shipper == "litestream" else server.stop()
    text = run("verify", url, "--file", file)
    assert text.startswith("proven: s3://") and "integrity check ok" in text
    assert run("verify", url).startswith("sound: ")
    assert not list(tmp_path.glob("*.restore"))


def test_verify_finds_what_differs(tmp_path):
    """Commits that are not shipped, another file, a damaged backup."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    url = stored(file, backup)
    assert run_json("verify", url, "--file", file)["verdict"] == "proven"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO item VALUES (77, 'not shipped')")
        db.commit()
    done = servers.egret("verify", url, "--file", file, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (1, "unproven") and found["differing_pages"]
    assert "not backed up" in servers.egret("verify", url, "--file", file).stdout
    other = make_database(tmp_path / "other.db", 9)
    assert servers.egret("verify", url, "--file", other).returncode == 1
    plain = tmp_path / "plain.db"
    with contextlib.closing(sqlite3.connect(plain)) as db:
        db.execute("CREATE TABLE t(a)")
        db.commit()
    assert "WAL mode" in fail("verify", url, "--file", plain)
    assert plain.read_bytes()[18] == 1
    assert "No such file" in fail("verify", url, "--file", tmp_path / "none.db")
    assert "scratch" in fail("verify", url, "--scratch", tmp_path / "none")
    object_ = max(backup.rglob("*.ltx"), key=lambda p: p.stat().st_size)
    bytes_ = bytearray(object_.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    object_.write_bytes(bytes_)
    assert "verify file://" in fail("verify", url, "--file", file)


def test_proofs_on_a_schedule(store, tmp_path):
    """The server proves each backup, tells when it did, and that it could not."""
    file, urls = make_database(tmp_path / "app.db"), [store.url(), f"file://{tmp_path}/backup"]
    arguments = ["--backup", urls[0], "--backup", urls[1], "--verify-interval", "4s"]
    server = servers.Egret(file, arguments=arguments, env=s3.environment())
    sql = ("SELECT last_proven_wal, last_proven_time, extract(epoch FROM proven_age), "
           "proof_failed_count, last_proof_failed_time FROM pg_stat_archiver")
    app = writing(file, 15)
    with connect(server) as conn:
        assert conn.execute(sql).fetchone() == (None, None, None, 0, None)
        row = lambda: conn.execute(sql).fetchone()  # noqa: E731
        assert servers.wait_until(lambda: row()[2] is not None, 40), server.text
        wal, proven_at, age, failed, failed_at = row()
        assert int(wal, 16) > 0 and 0 <= age < 60 and (failed, failed_at) == (0, None)
        first = proven_at
        assert servers.wait_until(lambda: row()[1] > first, 40)
        assert app.wait() == 0
        for object_ in (tmp_path / "backup").rglob("*.ltx"):
            object_.write_bytes(object_.read_bytes()[:-1])
        assert servers.wait_until(lambda: row()[3] > 0, 40)
        assert row()[4] is not None
    assert "not proven" in server.text and "proven: the backup restores" in server.text
    assert "panicked" not in server.text
    assert server.stop() == 0
    assert not (tmp_path / ".app.db-egret/verify").exists()
    status = run_json("status", file, "--backup", urls[0])
    assert status[0]["backups"][0]["proven"]["age_s"] < 120
    server = servers.Egret(file, arguments=["--backup", urls[0], "--verify-interval", "0"],
                           env=s3.environment())
    with connect(server) as conn:
        assert conn.execute(sql).fetchone()[1] is not None, "a restart forgets"
    server.stop()


def test_diff(store, tmp_path):
    """Rows and objects that differ, at any moment; the file is not changed, whoever uses it."""
    file, url = make_database(tmp_path / "app.db"), store.url()
    server = servers.Egret(file, arguments=["--backup", url], env=s3.environment())
    with connect(server) as conn:
        conn.execute("SELECT pg_create_restore_point('before')")
        run("diff", url, file)
        conn.execute("INSERT INTO item VALUES (10, 'new')")
        conn.execute("UPDATE item SET name = 'changed' WHERE id = 2")
        conn.execute("DELETE FROM item WHERE id = 3")
        conn.execute("CREATE TABLE more (a int)")
        conn.execute("SELECT pg_create_restore_point('after')")
        run("diff", url, file, "--point", "after")
        done = servers.egret("diff", url, file, "--point", "before", "--json", env=s3.environment())
        found = json.loads(done.stdout)
        assert done.returncode == 1 and not found["equal"]
        assert found["schema"] == [
            {"type": "table", "name": "more", "difference": "only in the file"}]
        assert found["tables"] == [{
            "name": "item", "key": ["id"], "only_in_backup": {"count": 1, "keys": ["3"]},
            "only_in_file": {"count": 1, "keys": ["10"]},
            "different": {"count": 1, "keys": ["2"]}}]
        text = servers.egret("diff", url, file, "--point", "before", env=s3.environment()).stdout
        for line in ("table more: only in the file", "table item, by id:",
                     "  1 row only in the backup: 3", "  1 row only in the file: 10",
                     "  1 row different: 2", "0 tables with the same rows"):
            assert line in text, text
    assert server.stop() == 0
    assert "No such file" in fail("diff", url, tmp_path / "none.db", code=2)
    assert "not a database" in fail("diff", url, __file__, code=2)
    assert "there is no backup" in fail("diff", f"file://{tmp_path}/none", file, code=2)
    assert "no restore point" in fail("diff", url, file, "--point", "never", code=2)


def test_status(store, tmp_path):
    """Every file of a directory, with each of its backups; 1 if one cannot be read."""
    folder = tmp_path / "data"
    (folder / "x").mkdir(parents=True)
    files = [make_database(folder / "a.db"), make_database(folder / "x/b.db")]
    urls = [store.url(), f"file://{tmp_path}/backup"]
    backups = ["--backup", urls[0], "--backup", urls[1]]
    server = servers.Egret(folder, arguments=backups, env=s3.environment())
    for name in ("a", "x/b"):
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname=name,
                             autocommit=True) as conn:
            conn.execute("SELECT pg_create_restore_point('p')")
    kept = [folder / ".a.db-egret/usage.json", folder / "x/.b.db-egret/usage.json"]
    assert servers.wait_until(lambda: all(
        file.exists() and len(json.loads(file.read_text())) == 2 for file in kept), 20)
    found = run_json("status", folder, *backups)
    assert [f["file"] for f in found] == [str(f) for f in files]
    for number, status in enumerate(found):
        assert int(status["txid"], 16) > 0 and status["bytes"] > 0
        assert [b["behind"] for b in status["backups"]] == [0, 0]
        for backup in status["backups"]:
            assert backup["points"] == 1 and backup["bytes"] > 0 and backup["error"] is None
            assert backup["url"].endswith(("/a.db", "/x/b.db")[number])
            assert backup["usage"]["puts"] >= 1
    assert server.stop() == 0
    for backup in (b for f in run_json("status", folder, *backups) for b in f["backups"]):
        assert backup["usage"]["puts"] >= 4 and backup["usage"]["bytes_up"] > 1000
        assert backup["month"] is None
    # As if it had been counted for ten hours, at a service whose prices are known.
    usage = json.loads(kept[0].read_text())
    for used in usage.values():
        used["since_ms"] = used["until_ms"] - 36_000_000
    kept[0].write_text(json.dumps(usage))
    text = run("status", folder, *backups)
    assert "never proven" in text and "1 restore point" in text
    assert re.search(r"\d+ puts, .*\n    a month: about \d+ requests\n", text)
    config = tmp_path / "egret.toml"
    config.write_text(f"paths = ['{folder}']\nbackup = ['{urls[1]}']\nlisten = ['0.0.0.0:5']\n")
    assert len(run_json("status", "--config", config)) == 2
    shutil.rmtree(tmp_path / "backup/a.db")
    done = servers.egret("status", "--config", config)
    assert done.returncode == 1 and "there is no backup here" in done.stdout
    assert "no SQLite file" in fail("status")
    assert "neither a backup" in fail("status", folder)
    lost = store.url().replace(f":{store.port}", f":{servers.free_port()}")
    done = servers.egret("status", files[0], "--backup", lost, env=s3.environment())
    assert done.returncode == 1 and "cannot be read" in done.stdout


def status_of(code, *arguments, **options):
    """The only backup of the only file: what is said of both, and as text."""
    done = servers.egret("status", *arguments, "--json", **options)
    assert done.returncode == code, done.stdout + done.stderr
    (file,) = json.loads(done.stdout)
    return file, file["backups"][0], servers.egret("status", *arguments, **options).stdout


def test_what_makes_no_database_is_told(tmp_path):
    """Files that are damaged, and those that nothing leads to."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    url = stored(file, backup)
    moments = run_json("list", url)["moment_count"]
    junk = [backup / "ltx/9/0000000000000001-00000000000000ff.ltx",
            backup / "ltx/0/0000000000000003-0000000000000003.ltx"]
    for path, content in zip(junk, (b"", b"no ltx file" * 20), strict=True):
        path.write_bytes(content)
    found = run_json("list", url, "--moments")
    assert (found["moment_count"], found["fault"], len(found["damaged"])) == (moments, None, 2)
    assert len(found["moments"]) == moments
    text = run("list", url)
    for path, why in zip(junk, ("ltx file is truncated", "not an ltx file"), strict=True):
        assert f"damaged, and left out: {path.relative_to(backup)}: {why}" in text, text
    its, text = status_of(1, file, "--backup", url)[1:]
    assert len(its["damaged"]) == 2 and its["error"] is None and its["writer"]["here"]
    assert text.count("damaged, and left out: ltx/") == 2, text
    shutil.rmtree(backup / "ltx/9")
    junk[1].unlink()
    gap = "nothing can be restored: the backup has a gap: transactions after 0000000000000000 and"
    listed = servers.egret("list", url)
    assert gap in listed.stdout and listed.returncode == 1
    assert "--moments" in fail("restore", url, "-o", tmp_path / "x.db")
    damaged = json.loads(servers.egret("verify", url, "--json").stdout)
    assert damaged["verdict"] == "damaged" and "gap" in damaged["error"]
    its, text = status_of(1, file, "--backup", url)[1:]
    assert gap in text and "no backup here" not in text and "gap" in its["fault"]


def test_status_tells_who_ships(tmp_path):
    """Who writes to the backup, what nobody ships, and since when; another writer's is no success."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    arguments = [file, "--backup", f"file://{backup}"]
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute("INSERT INTO item (name) VALUES ('shipped')")
        found, its, text = status_of(0, *arguments)
        assert (found["shipping"], found["unshipped"], its["lag_s"], its["fenced"]) == (
            True, 0, 0, False)
        assert its["writer"]["here"] and its["writer"]["held"] and its["writer"]["epoch"] == 1
        assert its["last_failure"] is None and ", here, heard of" in text
    assert server.stop() == 0
    found, its, text = status_of(0, *arguments)
    assert (found["shipping"], found["unshipped"], its["lag_s"]) == (False, 0, 0)
    assert not its["writer"]["held"] and "no egret ships it now" in text

    app = sqlite3.connect(file, isolation_level=None)
    for _ in range(3):
        app.execute("INSERT INTO item (name) VALUES ('nobody ships it')")
    time.sleep(1.1)
    found, its, text = status_of(1, *arguments)
    assert (found["shipping"], found["unshipped"], its["behind"]) == (False, 3, 0)
    assert its["lag_s"] >= 1 and "3 commits in SQLite's log and not shipped" in text
    server = servers.Egret(file, arguments=["--backup", f"file://{backup}"])
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute("INSERT INTO item (name) VALUES ('again')")
    assert status_of(0, *arguments)[0]["unshipped"] == 0
    app.close()

    (lease,) = backup.rglob("egret.lease")
    text = re.sub(r"(?m)^id .*$", "id 0000000000000001", lease.read_text())
    text = re.sub(r"(?m)^holder .*$", "holder elsewhere, process 9", text)
    lease.with_suffix(".new").write_text(text.replace("epoch 2", "epoch 3"))
    lease.with_suffix(".new").rename(lease)
    found, its, text = status_of(1, *arguments)
    assert (its["fenced"], its["behind"], its["lag_s"]) == (True, None, None)
    assert its["writer"]["name"] == "elsewhere, process 9" and not its["writer"]["here"]
    assert "another writer has had it since: elsewhere, process 9" in text
    with connect(server) as conn:
        def fenced():
            conn.execute("INSERT INTO item (name) VALUES ('stays here')")
            sql = "SELECT fenced_count, maintenance_failed_count FROM pg_stat_archiver"
            return conn.execute(sql).fetchone() == (1, 0)
        assert servers.wait_until(fenced, 45), server.text
    failure = status_of(1, *arguments)[1]["last_failure"]
    assert "elsewhere, process 9" in failure["error"]
    server.stop()


def test_status_knows_what_it_does_not_know(tmp_path):
    """What was written while nobody shipped, and whose log is gone; what never was; what is not there."""
    file, backup = make_database(tmp_path / "app.db"), tmp_path / "backup"
    arguments = [file, "--backup", f"file://{backup}"]
    server = servers.Egret(file, arguments=arguments[1:])
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute("INSERT INTO item (name) VALUES ('shipped')")
    assert server.stop() == 0
    assert status_of(0, *arguments)[0]["unshipped"] == 0
    with contextlib.closing(sqlite3.connect(file)) as app:
        app.execute("INSERT INTO item (name) VALUES ('nobody ships it')")
        app.commit()
    found, its, text = status_of(1, *arguments)
    assert (found["wal_bytes"], found["unshipped"], its["lag_s"]) == (0, None, None)
    assert "written since it was shipped" in text
    never = make_database(tmp_path / "never.db")
    assert "nothing was shipped from here" in status_of(1, never, *arguments[1:])[2]
    assert "not there" in status_of(1, tmp_path / "none.db", *arguments[1:])[2]


def test_replicate_tells_monitors(tmp_path):
    """The same of files as a server does, proofs among what is asked of stores; files of one name."""
    port = servers.free_port()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_database(tmp_path / f"{name}/app.db")
        with sqlite3.connect(tmp_path / f"{name}/app.db") as conn:
            conn.execute("INSERT INTO item (name) VALUES (?)", (os.urandom(100_000).hex(),))
    config = tmp_path / "litestream.yml"
    config.write_text("dbs:\n" + "".join(
        f"  - path: {tmp_path}/{name}/app.db\n    replica: {{url: 'file://{tmp_path}/to-{name}'}}\n"
        for name in ("a", "b")))
    shipping = shippers.Replicate("--config", config, "--metrics", f"127.0.0.1:{port}",
                                  "--verify-interval", "3s")
    ask = lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()  # noqa: E731
    proven = "egret_destination_last_proof_timestamp_seconds{"
    assert servers.wait_until(lambda: ask().count(proven) == 2, 60), shipping.text
    text = ask()
    assert "egret_sessions" not in text and "\negret_databases 2\n" in text
    assert text.count("egret_destination_stored_txid{") == 2
    assert f'database="{tmp_path}/a/app.db"' in text
    down = re.findall(r'egret_store_bytes_total{.*direction="down"} (\d+)', text)
    assert len(down) == 2 and all(int(n) > 100_000 for n in down), down
    assert shipping.stop() == 0
    assert "serving" not in shipping.text and "shipping" in shipping.text
    done = servers.egret("replicate", "--config", config, "--metrics", "0.0.0.0:0")
    assert done.returncode == 1 and "--insecure" in done.stderr


def test_replicate_logs_json(tmp_path):
    """Every line is an object, for programs that read logs."""
    file = make_database(tmp_path / "app.db")
    shipping = shippers.Replicate(file, "--backup", f"file://{tmp_path}/backup", "--json",
                                  "--metrics", f"127.0.0.1:{servers.free_port()}")
    assert shipping.stop() == 0
    lines = [json.loads(line) for line in shipping.text.splitlines()]
    messages = [line["message"] for line in lines]
    assert "stopping" in messages, messages
    assert any(message.startswith("metrics on http://") for message in messages), messages
    whole = lines[messages.index("shipped the whole database")]
    assert whole["level"] == "INFO" and whole["file"] == str(file), whole
    assert whole["txid"] == "0000000000000002" and whole["timestamp"], whole


def test_replicate(store, tmp_path):
    """Ships what an application writes, without a listener, and all of it at the end."""
    file, url = make_database(tmp_path / "app.db"), store.url()
    shipping = shippers.Replicate(file, "--backup", url, env=s3.environment())
    app = writing(file, 4)
    assert app.wait() == 0
    assert shipping.stop() == 0, shipping.text
    assert "listening" not in shipping.text
    run("restore", url, "-o", tmp_path / "copy.db")
    assert items(tmp_path / "copy.db") == items(file)
    assert "nowhere to ship" in fail("replicate", file)
    assert "no SQLite file" in fail("replicate", "--backup", url)
    assert "open " in fail("replicate", tmp_path / "none.db", "--backup", url)


def test_takes_over_from_litestream(store, tmp_path):
    """By the same litestream.yml, and hands back: every moment can be restored, by both."""
    file, url = make_database(tmp_path / "app.db"), store.url()
    config = tmp_path / "litestream.yml"
    config.write_text(f"""
dbs:
  - path: $DATABASE
    monitor-interval: 1s
    replica:
      type: s3
      bucket: {s3.NAME}
      path: {url.split("?")[0].rsplit("/", 1)[1]}
      endpoint: http://127.0.0.1:{store.port}
      region: us-east-1
      force-path-style: true
      sync-interval: 1s
      access-key-id: $LITESTREAM_ACCESS_KEY_ID
      secret-access-key: $LITESTREAM_SECRET_ACCESS_KEY
""")
    env = {key.replace("AWS_", "LITESTREAM_", 1): value for key, value in s3.environment().items()}
    env |= {"DATABASE": str(file)}
    for turn in ("litestream", "egret", "litestream"):
        if turn == "egret":
            shipping = shippers.Replicate("--config", config, env=env)
            assert "dbs[0].monitor-interval" in shipping.text and "sync-interval" not in shipping.text
        else:
            shipping = subprocess.Popen(["litestream", "replicate", "-config", config], env=env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert writing(file, 3).wait() == 0
        if turn == "egret":
            assert shipping.stop() == 0, shipping.text
        else:
            time.sleep(3)
            shipping.terminate()
            shipping.wait(30)
        for program in ("egret", "litestream"):
            copy = tmp_path / f"{turn}-{program}.db"
            subprocess.run([servers.EGRET if program == "egret" else program, "restore", "-o", copy,
                            url], check=True, capture_output=True, env=s3.environment())
            assert items(copy) == items(file), (turn, program)
            copy.unlink()
    for keys, said in [("age: {recipients: []}", "age.recipients: give those to encrypt for"),
                       ("sse-kms-key-id: x", "sse-kms-key-id: egret does not do that")]:
        config.write_text(f"dbs:\n  - path: a.db\n    replica: {{url: 's3://b/p', {keys}}}\n")
        assert said in fail("replicate", "--config", config)
    config.write_text("dbs: [")
    assert "litestream.yml" in fail("replicate", "--config", config)


def test_snapshots(store, tmp_path):
    """Copies of a file, numbered, so many kept; restored by both programs, whatever its mode."""
    plain = tmp_path / "plain.db"
    with contextlib.closing(sqlite3.connect(plain)) as db:
        db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
        db.commit()
    for file, url in ((make_database(tmp_path / "app.db"), store.url()),
                      (plain, f"file://{tmp_path}/copies")):
        mode = file.read_bytes()[18]
        for n in range(4):
            with contextlib.closing(sqlite3.connect(file)) as db:
                db.execute("INSERT INTO item VALUES (?, 'x')", (1000 + n,))
                db.commit()
                done = run_json("snapshot", file, url, "--keep", 3)
        assert (done["txid"], done["copies"], done["deleted"]) == ("0000000000000004", 3, 1)
        assert file.read_bytes()[18] == mode
        found = run_json("list", url, "--moments")
        assert [m["txid"][-1] for m in found["moments"]] == ["2", "3", "4"]
        copy = tmp_path / "copy.db"
        run("restore", url, "-o", copy, "-f", "--txid", "0000000000000003")
        assert items(copy)[-1] == (1002, "x")
        copy.unlink()
        subprocess.run(["litestream", "restore", "-o", copy, url], check=True,
                       capture_output=True, env=s3.environment())
        assert items(copy) == items(file)
        copy.unlink()
    # The oldest of another file's copies would be deleted.
    said = fail("snapshot", tmp_path / "app.db", f"file://{tmp_path}/copies", "--keep", 1)
    assert f"are of {plain}" in said and "delete the object egret.copies" in said
    assert len(list((tmp_path / "copies").rglob("*.ltx"))) == 3
    backup = tmp_path / "backup"
    shipped = stored(tmp_path / "app.db", backup)
    assert "one of their own" in fail("snapshot", file, shipped)
    assert "no such file" in fail("snapshot", tmp_path / "none.db", shipped)
    assert "not a database" in fail("snapshot", __file__, f"file://{tmp_path}/n")
    assert not (tmp_path / "n").exists() or not list((tmp_path / "n").rglob("*.ltx"))
    assert "invalid value" in fail("snapshot", file, shipped, "--keep", 0, code=2)


def test_copies_on_a_schedule(tmp_path):
    """egret.toml asks for copies; they are made when the minute comes, of each file."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a", "b"):
        make_database(folder / f"{name}.db")
    config = tmp_path / "egret.toml"
    config.write_text(f"paths = ['{folder}']\n[[copies]]\nurl = 'file://{tmp_path}/copies'\n"
                      "schedule = '* * * * *'\nkeep = 2\n")
    shipping = shippers.Replicate("--config", config, ready="shipping")
    made = lambda: len(list((tmp_path / "copies").rglob("*.ltx")))  # noqa: E731
    assert servers.wait_until(lambda: made() == 2, 75), shipping.text
    assert shipping.stop() == 0
    for name in ("a", "b"):
        run("restore", f"file://{tmp_path}/copies/{name}.db", "-o", tmp_path / f"{name}.db")
        assert len(items(tmp_path / f"{name}.db")) == 3
    config.write_text("paths = ['a.db']\n[[copies]]\nurl = 'file:///x'\nschedule = 'hourly'\n")
    assert "no cron expression" in fail("replicate", "--config", config)


def age_key(path):
    """A new identity file, as people make it; its recipient."""
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return re.search("public key: (age1[a-z0-9]+)", path.read_text()).group(1)


def holds(folder, text):
    """Any file below a folder has a text in it."""
    return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_encrypted(store, tmp_path):
    """A server with public keys only: killed, started again; read by who has the identity."""
    file, key, other = make_database(tmp_path / "app.db"), tmp_path / "key.txt", tmp_path / "other"
    ann, bob = age_key(key), age_key(other)
    base, marker = store.url(), "row-8c1d2a-of-the-database"
    written, opened = f"{base}&age={ann}", f"{base}&age-identity={key}"
    arguments = ["--backup", written, "--sync-interval", "100ms"]
    server = servers.Egret(file, arguments=arguments, env=s3.environment())
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        for n in range(20):
            conn.execute("INSERT INTO item (name) VALUES (%s)", (f"{marker}-{n}",))
        conn.execute("SELECT pg_create_restore_point('before')")
        before = items(file)
    server.stop(signal.SIGKILL)
    server = servers.Egret(file, arguments=arguments, env=s3.environment())
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute("INSERT INTO item (name) VALUES ('later')")
        stats = conn.execute("SELECT failed_count, proven_age FROM pg_stat_archiver").fetchone()
        assert stats == (0, None)
    assert server.text.count("not proven from here") == 1, server.text
    assert "whole database" not in server.text, "it knows what it stored"
    assert server.stop() == 0

    copy = tmp_path / "copy.db"
    run("restore", opened, "-o", copy)
    assert items(copy) == items(file)
    run("restore", opened, "-o", copy, "--force", "--point", "before")
    assert items(copy) == before
    secret = next(line for line in key.read_text().splitlines() if line.startswith("AGE-SECRET"))
    with_key = s3.environment() | {"EGRET_AGE_IDENTITY": secret}
    run("restore", base, "-o", copy, "--force", env=with_key)
    assert items(copy) == items(file)
    assert run_json("list", opened)["points"][0]["name"] == "before"
    assert run_json("verify", opened, "--file", file)["verdict"] == "proven"
    run("diff", opened, file)
    # Whoever looked into the file has put its log into it: who did is not seen from outside.
    _, seen, text = status_of(1, file, "--backup", written, env=s3.environment())
    assert (seen["readable"], seen["behind"], seen["error"]) == (False, 0, None)
    assert seen["points"] is None
    assert "not proven from here" in text and "restore points unknown" in text
    assert "encrypted for others" in run("list", written)
    seen = status_of(1, file, "--backup", base, env=s3.environment())[1]
    assert "is encrypted" in seen["error"] and seen["writer"]["here"], seen

    for url, said in [(base, "is encrypted: give age-identity=FILE"), (written, "age-identity=FILE"),
                      (f"{base}&age-identity={other}", "does not open it")]:
        for command in (["restore", url, "-o", tmp_path / "x.db"], ["verify", url]):
            text = fail(*command)
            assert said in text and "hint: " in text and "damaged" not in text, text
            assert "SECRET" not in text
    text = fail("restore", f"{base}&age-identity={tmp_path}/none", "-o", tmp_path / "x.db")
    assert "none: No such file" in text
    (tmp_path / "bad").write_text(secret[:-1])
    text = fail("restore", f"{base}&age-identity={tmp_path}/bad", "-o", tmp_path / "x.db")
    assert "line 1" in text and "age-keygen" in text and secret[:20] not in text
    assert "no recipient" in fail("serve", file, "--backup", f"{base}&age=age1x")

    # Nothing of it is in the bucket; what is not encrypted would be.
    assert not holds(pathlib.Path(store.folder), marker.encode())
    plain = stored(file, tmp_path / "plain")
    assert holds(tmp_path / "plain", marker.encode())
    # A backup that was not encrypted goes on encrypted, for two, and is read as a whole.
    server = servers.Egret(file, arguments=["--backup", f"{plain}?age={bob},{ann}"])
    with connect(server) as conn:
        conn.execute("SET synchronous_commit = on")
        conn.execute("INSERT INTO item (name) VALUES ('secret')")
    assert server.stop() == 0
    for identity in (key, other):
        run("restore", f"{plain}?age-identity={identity}", "-o", copy, "--force")
        assert items(copy) == items(file)
    assert "is encrypted" in fail("restore", plain, "-o", tmp_path / "x.db")


def test_encrypted_and_proven(tmp_path):
    """A server that has the identity proves and follows its backup as any other."""
    file, key = make_database(tmp_path / "app.db"), tmp_path / "key.txt"
    url = f"file://{tmp_path}/backup?age={age_key(key)}&age-identity={key}"
    (tmp_path / "egret.toml").write_text(f"backup = ['{url}']\nverify_interval = '3s'\n")
    server = servers.Egret(file, arguments=["--config", tmp_path / "egret.toml"])
    with connect(server) as conn:
        conn.execute("INSERT INTO item (name) VALUES ('one')")
        proven = lambda: conn.execute(  # noqa: E731
            "SELECT last_proven_time FROM pg_stat_archiver").fetchone()[0]
        assert servers.wait_until(lambda: proven() is not None, 40), server.text
        read_only = f"file://{tmp_path}/backup?age-identity={key}"
        replica = servers.Egret(tmp_path / "replica.db", arguments=["--follow", read_only])
        conn.execute("INSERT INTO item (name) VALUES ('two')")
        followed = lambda: items(tmp_path / "replica.db") == items(file)  # noqa: E731
        assert servers.wait_until(followed, 30)
        assert replica.stop() == 0
    assert server.stop() == 0
