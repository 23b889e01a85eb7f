"""A read-only user cannot change the file by any statement, and egret does nothing on its behalf."""

import hashlib
import os
import sqlite3
import tempfile

import psycopg
import pytest
import servers

WRITES = [
    "INSERT INTO audit_log (message) VALUES ('x')",
    "INSERT INTO audit_log DEFAULT VALUES",
    "INSERT INTO audit_log (message) SELECT 'x' RETURNING id",
    "INSERT INTO \"Country\" VALUES ('DE', 'x', 'x') ON CONFLICT DO NOTHING",
    "INSERT INTO \"Country\" VALUES ('DE', 'x', 'x') ON CONFLICT (\"Code\") DO UPDATE "
    "SET \"Name\" = 'x'",
    "INSERT OR REPLACE INTO \"Country\" VALUES ('DE', 'x', 'x')",
    "REPLACE INTO \"Country\" VALUES ('DE', 'x', 'x')",
    "UPDATE \"Product\" SET \"Price\" = 0",
    "UPDATE \"Product\" SET \"Price\" = 0 WHERE false",
    "UPDATE \"Product\" SET \"Price\" = p.\"Price\" FROM \"Product\" p RETURNING 1",
    "DELETE FROM \"InvoiceLine\"",
    "DELETE FROM \"InvoiceLine\" USING \"Invoice\" WHERE true RETURNING 1",
    "TRUNCATE audit_log",
    "TRUNCATE TABLE audit_log RESTART IDENTITY CASCADE",
    "WITH gone AS (DELETE FROM audit_log RETURNING *) SELECT * FROM gone",
    "WITH made AS (INSERT INTO audit_log (message) VALUES ('x') RETURNING id) SELECT id FROM made",
    "WITH v AS (SELECT 1) INSERT INTO audit_log (message) SELECT 'x' FROM v",
    "WITH v AS (SELECT 1) UPDATE audit_log SET message = 'x'",
    "WITH v AS (SELECT 1) DELETE FROM audit_log",
    "MERGE INTO audit_log a USING \"Country\" c ON false WHEN NOT MATCHED THEN INSERT (message) "
    "VALUES ('x')",
    "SELECT 1 AS a INTO stolen",
    "SELECT * FROM audit_log FOR UPDATE",
    "CREATE TABLE stolen (a int)",
    "CREATE TABLE IF NOT EXISTS stolen (a int)",
    "CREATE TABLE stolen AS SELECT * FROM audit_log",
    "CREATE VIEW stolen AS SELECT 1 AS a",
    "CREATE OR REPLACE VIEW \"Revenue\" AS SELECT 1 AS a",
    "CREATE INDEX stolen ON audit_log (message)",
    "CREATE UNIQUE INDEX CONCURRENTLY stolen ON audit_log (message)",
    "CREATE TRIGGER stolen AFTER INSERT ON audit_log BEGIN DELETE FROM audit_log; END",
    "CREATE VIRTUAL TABLE stolen USING fts5(a)",
    "CREATE FUNCTION stolen() RETURNS int AS $$ DELETE FROM audit_log; SELECT 1 $$ LANGUAGE sql",
    "DO $$ BEGIN DELETE FROM audit_log; END $$",
    "ALTER TABLE audit_log ADD COLUMN stolen int",
    "ALTER TABLE audit_log DROP COLUMN message",
    "ALTER TABLE audit_log RENAME TO stolen",
    "ALTER TABLE audit_log RENAME COLUMN message TO stolen",
    "DROP TABLE audit_log",
    "DROP TABLE audit_log CASCADE",
    "DROP INDEX \"IX_Product_Category\"",
    "DROP VIEW \"Revenue\"",
    "DROP TRIGGER invoice_audit",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA auto_vacuum = 1",
    "PRAGMA incremental_vacuum",
    "PRAGMA temp_store_directory = '/tmp'",
    "VACUUM",
    "VACUUM INTO '{outside}'",
    "REINDEX",
    "ANALYZE",
    "ATTACH DATABASE '{outside}' AS other",
    "ATTACH '{file}' AS again",
    "DETACH DATABASE main",
    "SELECT load_extension('/tmp/none')",
    "SELECT writefile('{outside}', 'x')",
    "SELECT fts3_tokenizer('x', x'0000000000000000')",
    "UPDATE sqlite_schema SET sql = ''",
    "DELETE FROM sqlite_sequence",
    "INSERT INTO sqlite_dbpage (pgno, data) VALUES (1, zeroblob(4096))",
    "UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 1",
    "SELECT nextval('audit_log_id_seq')",
    "SELECT setval('audit_log_id_seq', 100)",
    "COPY audit_log (message) FROM STDIN",
    "COPY audit_log TO '{outside}'",
    "COPY audit_log TO PROGRAM 'touch {outside}'",
    "COPY audit_log FROM '/etc/passwd'",
    "PREPARE w AS DELETE FROM audit_log; EXECUTE w",
    "DECLARE c CURSOR FOR DELETE FROM audit_log RETURNING 1",
    "EXPLAIN ANALYZE DELETE FROM audit_log",
    "BEGIN; DELETE FROM audit_log; COMMIT",
    "BEGIN READ WRITE; DELETE FROM audit_log; COMMIT",
    "SET TRANSACTION READ WRITE; DELETE FROM audit_log",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM audit_log",
    "SET default_transaction_read_only = off; DELETE FROM audit_log",
    "SELECT set_config('default_transaction_read_only', 'off', false); DELETE FROM audit_log",
    "SELECT set_config('transaction_read_only', 'off', false); DELETE FROM audit_log",
    "SET ROLE tester; DELETE FROM audit_log",
    "SET SESSION AUTHORIZATION tester; DELETE FROM audit_log",
    "RESET ALL; DELETE FROM audit_log",
    "DISCARD ALL; DELETE FROM audit_log",
    "GRANT ALL ON audit_log TO reader; DELETE FROM audit_log",
    "ALTER ROLE reader SUPERUSER; DELETE FROM audit_log",
]
SQLITE = [
    "DELETE FROM audit_log", "PRAGMA query_only = 0", "PRAGMA user_version = 9",
    "INSERT OR IGNORE INTO audit_log (message) VALUES ('x')", "CREATE TABLE stolen (a)",
    "VACUUM INTO '{outside}'", "ATTACH '{outside}' AS o", "DROP TABLE audit_log",
    "WITH v AS (SELECT 1) DELETE FROM audit_log", "PRAGMA writable_schema = 1",
    "EXPLAIN DELETE FROM audit_log; DELETE FROM audit_log",
    "CREATE TEMP TRIGGER t AFTER INSERT ON audit_log BEGIN SELECT 1; END",
]


def content(link):
    """What must not change: the bytes of an egret file, or the answers of the oracle."""
    if link.file:
        wal = link.file.with_name(link.file.name + "-wal")
        files = [file for file in (link.file, wal) if file.exists()]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    with psycopg.connect(**link.libpq) as conn:
        return conn.execute("SELECT count(*), max(message) FROM audit_log").fetchall()


@pytest.fixture
def reader(shop, tls):
    """A read-only user; needs users, hence TLS."""
    if not tls:
        pytest.skip("users exist only over TLS")
    return shop.link(True, "reader")


def attempt(reader, link, statement, dialect=None):
    """Runs the statement as the reader; it must be refused and leave no trace."""
    outside = tempfile.mktemp(prefix="egret-outside-")
    text = statement.replace("{outside}", outside).replace("{file}", str(link.file))
    before = content(link)
    with psycopg.connect(**reader.libpq, autocommit=True) as conn:
        if dialect:
            conn.execute(f"SET egret.dialect = '{dialect}'")
        refused = None
        try:
            if text.startswith("COPY") and "STDIN" in text:
                with conn.cursor().copy(text) as copy:
                    copy.write("x\n")
            else:
                conn.execute(text)
        except psycopg.Error as e:
            refused = e
        assert refused is not None, "was not refused"
        assert refused.sqlstate, f"the session died: {refused}"
        if conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            conn.execute("ROLLBACK")
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert not os.path.exists(outside), "wrote a file"
    assert content(link) == before, "the file changed"


@pytest.mark.parametrize("statement", WRITES, ids=[w[:60] for w in WRITES])
def test_refused(reader, link, statement):
    """Refused with an error, and the file is byte for byte what it was."""
    attempt(reader, link, statement)


@pytest.mark.parametrize("statement", SQLITE, ids=[w[:60] for w in SQLITE])
def test_refused_in_sqlite_dialect(reader, link, statement):
    """The same where text goes to SQLite untouched."""
    if servers.TARGET == "postgres":
        pytest.skip("egret only")
    attempt(reader, link, statement, "sqlite")


def test_reads_are_answered(reader):
    """The reader may read."""
    with psycopg.connect(**reader.libpq) as conn:
        assert conn.execute('SELECT count(*) FROM "Invoice"').fetchone() == (412,)
        with conn.cursor().copy('COPY "Country" TO STDOUT') as copy:
            assert len(b"".join(copy).splitlines()) == 5


def test_read_only_server(tmp_path):
    """`--read-only` refuses everybody and leaves the file as it was."""
    if servers.TARGET == "postgres":
        pytest.skip("egret only")
    file = servers.make_shop(tmp_path / "shop.db")
    before = file.read_bytes()
    server = servers.Egret(file, arguments=["--read-only"])
    try:
        link = servers.Link(server.port, "anyone", file=file)
        with psycopg.connect(**link.libpq, autocommit=True) as conn:
            for statement in ("DELETE FROM audit_log", "CREATE TABLE x (a int)", "VACUUM"):
                with pytest.raises(psycopg.Error) as caught:
                    conn.execute(statement)
                assert caught.value.sqlstate in ("25006", "42501")
            assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (2,)
    finally:
        server.stop()
    assert file.read_bytes() == before


def test_serving_changes_nothing(tmp_path):
    """A file that is only read keeps every byte, whatever its journal mode."""
    if servers.TARGET == "postgres":
        pytest.skip("egret only")
    for mode in ("delete", "wal"):
        file = servers.make_shop(tmp_path / f"{mode}.db")
        db = sqlite3.connect(file)
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.close()
        before = file.read_bytes()
        server = servers.Egret(file)
        with psycopg.connect(host="127.0.0.1", port=server.port, user="x", dbname=mode) as conn:
            assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (2,)
        assert server.stop() == 0
        assert file.read_bytes() == before
