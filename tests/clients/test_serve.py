"""`egret serve` itself: names of databases, sockets, refusals, and an application beside it."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading

import psycopg
import pytest
import servers

sys.path.insert(0, str(servers.ROOT / "tests/wire"))
from protocol import Wire, message, query, tags  # noqa: E402

pytestmark = pytest.mark.skipif(servers.TARGET != "egret", reason="egret only")


def connect(server, **more):
    """A session in autocommit mode."""
    options = {"host": "127.0.0.1", "port": server.port, "user": "someone"} | more
    return psycopg.connect(autocommit=True, **options)


def refused(*arguments):
    """Runs `egret serve` that must not start; answers what it said."""
    done = servers.egret("serve", *arguments, timeout=15)
    assert done.returncode not in (0, 101), done.stderr
    assert "panicked" not in done.stderr
    return done.stderr


def test_one_database(serve, tmp_path):
    """The only database is the default; it answers to its name with and without `.db`."""
    server = serve(servers.make_shop(tmp_path / "shop.db"))
    for options in ({}, {"dbname": "shop"}, {"dbname": "shop.db"}):
        with connect(server, **options) as conn:
            assert conn.execute("SELECT current_database()").fetchone() == ("shop",)
    with pytest.raises(psycopg.OperationalError, match='database "else" does not exist'):
        connect(server, dbname="else")


def test_directory(serve, tmp_path):
    """A directory serves each SQLite file in it, and nothing else."""
    for name in ("one", "two"):
        with sqlite3.connect(tmp_path / f"{name}.db") as db:
            db.execute(f"CREATE TABLE {name} (a)")
    (tmp_path / "notes.txt").write_text("not a database")
    server = serve(tmp_path)
    with connect(server, dbname="one") as conn:
        assert conn.execute("SELECT count(*) FROM one").fetchone() == (0,)
        names = {name for (name,) in conn.execute("SELECT datname FROM pg_database")}
        assert {"one", "two"} <= names and "notes" not in names
    with pytest.raises(psycopg.OperationalError, match='database "notes" does not exist'):
        connect(server, dbname="notes")


def test_files_come_and_go(serve, tmp_path):
    """A file that is removed from a directory is served and shipped no longer, until there is one again."""
    def make(name, rows):
        with contextlib.closing(sqlite3.connect(folder / name)) as db:
            db.execute("PRAGMA journal_mode = wal")
            db.execute("CREATE TABLE t (a)")
            db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
            db.commit()

    def names():
        with connect(server, dbname="stays") as conn:
            return [name for (name,) in conn.execute("SELECT datname FROM pg_database ORDER BY 1")]

    def rows():
        with connect(server, dbname="goes") as conn:
            return conn.execute("SELECT count(*) FROM t").fetchone()[0]

    (folder := tmp_path / "data").mkdir()
    make("stays.db", 1)
    make("goes.db", 2)
    server = serve(folder, arguments=["--backup", f"file://{tmp_path}/backup"])
    assert rows() == 2
    for file in folder.glob("goes.db*"):
        file.unlink()
    assert servers.wait_until(lambda: names() == ["stays"], 20, 0.5)
    with pytest.raises(psycopg.OperationalError, match='database "goes" does not exist'):
        rows()
    before = set(tmp_path.glob("backup/goes.db/ltx/0/*"))
    make("goes.db", 3)
    assert servers.wait_until(lambda: set(tmp_path.glob("backup/goes.db/ltx/0/*")) > before, 20, 0.5)
    assert rows() == 3


def test_socket(serve, tmp_path):
    """--socket-dir adds a socket with PostgreSQL's name."""
    server = serve(servers.make_shop(tmp_path / "shop.db"), arguments=["--socket-dir", tmp_path])
    assert servers.wait_until(lambda: list(tmp_path.glob(".s.PGSQL.*")), 5)
    with connect(server, host=str(tmp_path)) as conn:
        assert conn.execute('SELECT count(*) FROM "Invoice"').fetchone() == (412,)


def test_config_file(tmp_path):
    """egret.toml says what flags say; unknown keys are refused."""
    config = tmp_path / "egret.toml"
    config.write_text("nothing = 1\n")
    assert "nothing" in refused("--config", config, servers.make_shop(tmp_path / "shop.db"))


def test_refuses_what_is_no_database(tmp_path):
    """A file that is not SQLite's, and one that is not there."""
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"this is not a database at all" * 100)
    assert "junk.db" in refused(junk, "--listen", "127.0.0.1:0")
    assert "gone.db" in refused(tmp_path / "gone.db", "--listen", "127.0.0.1:0")
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize("arguments, said", [
    (["serve"], "Name one, as app.db"),
    (["serve", "FILE", "--listen", "nonsense"], "127.0.0.1:5432"),
    (["serve", "FILE", "--listen", "127.0.0.1:TAKEN"], "--listen 127.0.0.1:5433"),
    (["serve", "FILE", "--listen", "192.0.2.1:1", "--insecure"], "address this machine has"),
    (["serve", "FILE", "--tls-cert", "FILE"], "--tls-key"),
    (["serve", "FILE", "--tls-cert", "FILE", "--tls-key", "FILE"], "BEGIN CERTIFICATE"),
    (["serve", "FILE", "--users", "FILE", "--listen", "127.0.0.1:0"], "egret user add"),
    (["serve", "FILE", "--socket-dir", "/nowhere", "--listen", "127.0.0.1:0"], "--socket-dir"),
    (["serve", "FILE", "--config", "/nowhere.toml"], "/nowhere.toml"),
    (["serve", "FILE", "--backup", "http://x"], "s3://bucket/prefix"),
    (["serve", "FILE", "--follow", "file:///nowhere", "--listen", "127.0.0.1:0"], "move this one"),
    (["restore", "file:///nowhere", "-o", "/tmp/never"], "Check the URL"),
    (["restore", "file:///nowhere", "-o", "FILE"], "--force"),
    (["restore", "s3://b/p?endpoint=http://127.0.0.1:9", "-o", "/tmp/never"], "AWS_ACCESS_KEY_ID"),
    (["user", "list", "--users", "/nowhere"], "egret user add"),
    (["user", "add", "ann", "--users", "/nowhere/users"], "--password-stdin"),
])
def test_mistakes(tmp_path, arguments, said):
    """Each wrong command fails with a message that says what to do."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment |= {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"FILE": str(servers.make_shop(tmp_path / "shop.db"))}
        port = str(taken.getsockname()[1])
        arguments = [names.get(word, word.replace("TAKEN", port)) for word in arguments]
        done = servers.egret(*arguments, timeout=20, env=environment, stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 2) and said in done.stderr, done.stderr
    assert "panicked" not in done.stderr


def test_open_users_file(serve, tmp_path):
    """A users file that others may read is used, with a warning."""
    users = tmp_path / "users.toml"
    servers.add_user(users, "ann")
    users.chmod(0o644)
    server = serve(servers.make_shop(tmp_path / "shop.db"), arguments=["--users", users])
    assert "chmod 600" in server.text


def test_refuses_to_be_reached_from_outside(tmp_path):
    """Beyond loopback there must be TLS and users, or --insecure."""
    shop = servers.make_shop(tmp_path / "shop.db")
    said = refused(shop, "--listen", "0.0.0.0:0")
    assert "tls" in said.lower() or "insecure" in said.lower()


def test_unsupported_is_named(serve, tmp_path):
    """SQL that egret cannot run is refused with 0A000, naming the construct."""
    server = serve(servers.make_shop(tmp_path / "shop.db"))
    with connect(server) as conn:
        for query in ("CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql",
                      "PREPARE TRANSACTION 'x'", "CREATE PUBLICATION p"):
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                conn.execute(query)


def test_application_beside(serve, tmp_path):
    """Another process writes and changes the schema of the same file; clients see it at once."""
    file = servers.make_shop(tmp_path / "shop.db")
    server = serve(file)
    app = sqlite3.connect(file, timeout=10, isolation_level=None)
    with connect(server) as conn:
        conn.execute("INSERT INTO audit_log (message) VALUES ('from egret')")
        app.execute("INSERT INTO audit_log (message) VALUES ('from the application')")
        assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (4,)
        app.execute("CREATE TABLE fresh (a INTEGER)")
        app.execute("INSERT INTO fresh VALUES (1)")
        assert conn.execute("SELECT a FROM fresh").fetchall() == [(1,)]
        app.execute("ALTER TABLE fresh ADD COLUMN b TEXT DEFAULT 'x'")
        assert conn.execute("SELECT * FROM fresh").fetchall() == [(1, "x")]
    app.close()


def test_both_write(serve, tmp_path):
    """Many writers on both sides: none is turned away, none is lost."""
    file = servers.make_shop(tmp_path / "shop.db")
    server = serve(file)
    problems = []

    def client(number):
        try:
            with connect(server) as conn:
                for n in range(50):
                    conn.execute("INSERT INTO audit_log (message) VALUES (%s)", (f"{number}-{n}",))
        except psycopg.Error as e:
            problems.append(repr(e))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    app = sqlite3.connect(file, timeout=30, isolation_level=None)
    for n in range(50):
        app.execute("INSERT INTO audit_log (message) VALUES (?)", (f"app-{n}",))
    for thread in threads:
        thread.join()
    assert not problems, problems[:3]
    assert app.execute("SELECT count(*) FROM audit_log").fetchone() == (2 + 9 * 50,)
    app.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_drain(serve, tmp_path, how):
    """A signal ends idle sessions with 57P01 and the process with 0, and leaves no WAL behind."""
    server = serve(servers.make_shop(tmp_path / "shop.db"))
    conn = connect(server)
    conn.execute("SELECT 1")
    assert server.stop(how) == 0
    with pytest.raises(psycopg.OperationalError):
        conn.execute("SELECT 1")


def test_killed_in_a_transaction(serve, tmp_path):
    """kill -9 loses only what was not committed."""
    file = servers.make_shop(tmp_path / "shop.db")
    server = servers.Egret(file)
    conn = connect(server)
    conn.execute("INSERT INTO audit_log (message) VALUES ('kept')")
    conn.execute("BEGIN; INSERT INTO audit_log (message) VALUES ('lost')")
    server.stop(signal.SIGKILL)
    with connect(serve(file)) as again:
        assert again.execute("SELECT count(*), max(message) FROM audit_log WHERE id > 2"
                             ).fetchone() == (1, "kept")


def test_demo():
    """The first thing a newcomer runs."""
    done = servers.egret("demo", "--once", timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "psql" in done.stdout and 6 <= len(done.stdout.splitlines()) <= 30


def test_copy_data_of_any_length(serve, tmp_path):
    """One CopyData message of 100 MB is taken as it comes: its length costs no memory."""
    server = serve(servers.make_shop(tmp_path / "shop.db"))

    def peak_kb():
        status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1])

    with Wire(servers.Link(server.port, "someone")) as wire:
        wire.start()
        wire.ask(query("CREATE TABLE w (a text)"))
        before = peak_kb()
        wire.send(query("COPY w FROM STDIN"))
        wire.until("G")
        line = b"x" * 9_999 + b"\n"
        wire.send(b"d" + (100_000_000 + 4).to_bytes(4, "big"))
        for _ in range(100):
            wire.send(line * 100)
        assert tags(wire.ask(message(b"c"))) == ["COPY 10000"]
        assert peak_kb() - before < 16_000


def test_copy_while_the_schema_changes(serve, tmp_path):
    """Nothing holds the table before the first data: COPY goes on if it still means the same."""
    server = serve(servers.make_shop(tmp_path / "shop.db"))
    with connect(server) as conn, connect(server) as other:
        conn.execute("CREATE TABLE w (a int, b text)")
        copy = conn.cursor().copy("COPY w FROM STDIN")
        with copy as sink:
            other.execute("CREATE TABLE elsewhere (a int)")
            sink.write("1\tx\n")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            with conn.cursor().copy("COPY w FROM STDIN") as sink:
                other.execute("ALTER TABLE w ADD COLUMN c int")
                sink.write("1\tx\n")
        assert other.execute("SELECT * FROM w").fetchall() == [(1, "x", None)]
