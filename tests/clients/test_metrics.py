"""What monitors read of `egret serve --metrics`, parsed by Prometheus's own client."""

import socket
import time
import urllib.error
import urllib.request

import psycopg
import pytest
import servers
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.skipif(servers.TARGET != "egret", reason="egret only")


def free_port():
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path):
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def read(port):
    """All samples: name and labels to value."""
    status, text = ask(port, "/metrics")
    assert status == 200
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def value(samples, name, **labels):
    return samples[(name, *sorted(labels.items()))]


def stored(port):
    """The samples once the destination has everything, which is soon."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        samples = read(port)
        newest = value(samples, "egret_database_txid", database="shop")
        if newest and newest == value(samples, "egret_destination_stored_txid", database="shop",
                                      destination="near"):
            return samples
        time.sleep(0.05)
    raise AssertionError(samples)


def test_numbers(serve, tmp_path):
    """Sessions, statements and the backup; idle costs no request."""
    port = free_port()
    file = servers.make_shop(tmp_path / "shop.db")
    server = serve(file, arguments=["--metrics", f"127.0.0.1:{port}",
                                    "--backup", f"file://{tmp_path}/backup?name=near"])
    before = stored(port)
    assert value(before, "egret_databases") == 1
    assert value(before, "egret_sessions", state="idle") == 0
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", autocommit=True) as conn:
        conn.execute("CREATE TABLE counted (a int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT * FROM nothing")
        conn.execute("SET statement_timeout = 50")
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(5)")
        during = read(port)
        assert value(during, "egret_sessions", state="idle") == 1
    grown = {name: value(during, name) - value(before, name)
             for name in ("egret_sessions_total", "egret_statements_total",
                          "egret_statements_failed_total", "egret_statements_canceled_total")}
    assert grown.pop("egret_statements_total") >= 3
    assert grown == {"egret_sessions_total": 1, "egret_statements_failed_total": 2,
                     "egret_statements_canceled_total": 1}

    until = time.monotonic() + 30
    while value(after := stored(port), "egret_database_txid", database="shop") == \
            value(before, "egret_database_txid", database="shop"):
        assert time.monotonic() < until
    where = {"database": "shop", "destination": "near"}
    assert value(after, "egret_destination_lag_seconds", **where) == 0
    assert value(after, "egret_destination_lag_transactions", **where) == 0
    age = time.time() - value(after, "egret_destination_last_success_timestamp_seconds", **where)
    assert 0 <= age < 40
    assert value(after, "egret_store_bytes_total", destination="near", direction="up") > 0

    # SQL tells the same.
    with psycopg.connect(host="127.0.0.1", port=server.port, user="x", autocommit=True) as conn:
        row = conn.execute("""
            SELECT application_name, state, flush_lsn = pg_current_wal_lsn(), flush_lag, sync_state,
                   reply_time - to_timestamp(%s) < '40 s'
            FROM pg_stat_replication""", (time.time(),)).fetchone()
    assert row == ("near", "streaming", True, None, "sync", True)
    assert value(after, "egret_destination_epoch", **where) == 1
    assert value(after, "egret_destination_fenced", **where) == 0
    kept = sum(f.stat().st_size for f in (tmp_path / ".shop.db-egret/ltx/0").glob("*.ltx"))
    assert value(after, "egret_database_log_bytes", database="shop") == kept > 0
    assert value(after, "egret_destination_maintenance_failures_total", **where) == 0

    # What follows a commit, as a merge, comes to its end, and then nothing is asked any more.
    assert servers.wait_until(lambda: requests(port) == (time.sleep(2), requests(port))[1], 30)
    assert requests(port)


def requests(port):
    """What was asked of stores so far."""
    return {key: n for key, n in read(port).items() if key[0].startswith("egret_store_")}


def test_follower(serve, tmp_path):
    """A replica says how far it is, also after a restart, and while the store cannot be read."""
    backup, port = tmp_path / "backup", free_port()
    primary = serve(servers.make_shop(tmp_path / "shop.db"), arguments=["--backup", f"file://{backup}"])
    at = {"host": "127.0.0.1", "user": "x", "autocommit": True}
    with psycopg.connect(port=primary.port, **at) as conn:
        assert one_row(conn, REPLAYED) == (False, None, None, None)
        conn.execute("SET synchronous_commit = on; CREATE TABLE followed (a int)")
        newest, = one_row(conn, "SELECT pg_current_wal_lsn()::text")
        # What was committed counts at once, and what is not does not.
        conn.execute("SET synchronous_commit = local")
        for _ in range(3):
            conn.execute("INSERT INTO followed VALUES (1)")
            before, (newest,) = newest, one_row(conn, "SELECT pg_current_wal_lsn()::text")
            assert int(newest[2:], 16) == int(before[2:], 16) + 1
        with conn.transaction():
            conn.execute("INSERT INTO followed VALUES (2)")
            assert one_row(conn, "SELECT pg_current_wal_lsn()::text") == (newest,)
            conn.execute("DELETE FROM followed WHERE a = 2")
        newest, = one_row(conn, "SELECT pg_current_wal_lsn()::text")
    arguments = ["--follow", f"file://{backup}", "--metrics", f"127.0.0.1:{port}"]
    replica = serve(tmp_path / "replica.db", arguments=arguments)
    for starts in range(2):
        with psycopg.connect(port=replica.port, **at) as conn:
            assert one_row(conn, REPLAYED)[:3] == (True, newest, newest)
            assert 0 <= one_row(conn, REPLAYED)[3].total_seconds() < 60
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                conn.execute("SELECT pg_current_wal_lsn()")
            if starts == 0:
                assert one_row(conn, RECEIVED) == ("streaming", newest, True, True)
        samples = read(port)
        assert value(samples, "egret_follower_txid", database="replica") == int(newest[2:], 16)
        committed = value(samples, "egret_follower_commit_timestamp_seconds", database="replica")
        assert 0 <= time.time() - committed < 60
        assert replica.stop() == 0
        if starts == 0:
            assert primary.stop() == 0
            backup.rename(tmp_path / "away")
            backup.write_text("no directory")
            replica = serve(tmp_path / "replica.db", arguments=arguments)
            with psycopg.connect(port=replica.port, **at) as conn:
                waits = ("waiting", newest, None, None)
                assert servers.wait_until(lambda c=conn: one_row(c, RECEIVED) == waits, 20)
            assert value(read(port), "egret_follower_failing", database="replica") == 1


REPLAYED = """
    SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text, pg_last_wal_receive_lsn()::text,
           now() - pg_last_xact_replay_timestamp()"""
RECEIVED = """
    SELECT status, flushed_lsn::text, now() - latest_end_time < '60 s',
           now() - last_msg_receipt_time < '60 s'
    FROM pg_stat_wal_receiver"""


def one_row(conn, sql):
    """The only row of a query."""
    return conn.execute(sql).fetchone()


def test_health(serve, tmp_path):
    """Whether it serves; what else is asked is told what there is."""
    port = free_port()
    serve(servers.make_shop(tmp_path / "shop.db"), arguments=["--metrics", f"127.0.0.1:{port}"])
    assert ask(port, "/healthz") == (200, "ok\n")
    assert ask(port, "/")[0] == 404
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"\0\0\0 nonsense\r\n\r\n")
        assert rude.recv(100).startswith(b"HTTP/1.1 400")
    assert not any(name.startswith("egret_store") for name, *_ in read(port))


def test_beyond_this_machine(tmp_path):
    """Monitors prove nothing of themselves, so strangers are kept out unless they are asked in."""
    done = servers.egret("serve", servers.make_shop(tmp_path / "shop.db"), "--listen",
                         "127.0.0.1:0", "--metrics", "0.0.0.0:0", timeout=15)
    assert done.returncode == 1 and "--insecure" in done.stderr, done.stderr
