"""pg_dump 15, 16 and 18 of a SQLite file, restored into a real PostgreSQL 15."""

import os
import re
import sqlite3
import subprocess

import psycopg
import pytest
import servers
from servers import run
from spelling import bare


def answers(link, sql):
    """The rows of a query as text."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        result = connection.pgconn.exec_(sql.encode())
        assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message.decode()
        width = range(result.nfields)
        return [[result.get_value(row, i) for i in width] for row in range(result.ntuples)]


TABLES = "SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace " \
    "AND relkind IN ('r', 'v') ORDER BY 1"
KEYS = "SELECT conrelid::regclass, conname, contype, conkey, confrelid::regclass, confkey, " \
    "confupdtype, confdeltype, condeferrable, condeferred FROM pg_constraint " \
    "WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text, conname"
INDEXES = "SELECT indexrelid::regclass, indrelid::regclass, indisunique, indisprimary, indkey, " \
    "indoption, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid " \
    "WHERE relnamespace = 'public'::regnamespace ORDER BY indexrelid::regclass::text"
COLUMNS = "SELECT attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), " \
    "attidentity, attgenerated, atthasdef FROM pg_attribute JOIN pg_class c ON c.oid = attrelid " \
    "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 " \
    "ORDER BY attrelid::regclass::text, attnum"
TRIGGERS = "SELECT tgrelid::regclass, tgname, tgtype, tgattr, tgfoid::regproc FROM pg_trigger " \
    "WHERE NOT tgisinternal ORDER BY tgname"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


def test_rows(served, restored):
    """Every table and view has the rows it had."""
    names = [row[0].decode() for row in answers(served, TABLES)]
    assert len(names) == 8 and answers(restored, TABLES) == answers(served, TABLES)
    for name in names:
        sql = f"SELECT * FROM {name} ORDER BY 1, 2" if name != "busy" else f"SELECT * FROM {name}"
        assert answers(restored, sql) == answers(served, sql), name


@pytest.mark.parametrize("sql", [COLUMNS, KEYS, INDEXES, TRIGGERS],
                         ids=["columns", "keys", "indexes", "triggers"])
def test_schema(served, restored, sql):
    """What is restored is what egret said there was."""
    expected = answers(restored, sql)
    assert expected and answers(served, sql) == expected


def test_sequences(served, restored):
    """New rows get the numbers that come next."""
    assert answers(restored, SEQUENCES)[:2] == answers(served, SEQUENCES)[:2]
    with psycopg.connect(**restored.libpq) as connection:
        new = connection.execute(
            'INSERT INTO "Artist" ("Name") VALUES (\'Eve\') RETURNING "ArtistId"').fetchone()
        assert new == (5,)
        connection.rollback()


def test_triggers(restored):
    """A trigger does in PostgreSQL what it does in SQLite."""
    with psycopg.connect(**restored.libpq) as connection:
        connection.execute('UPDATE "Album" SET "Title" = \'Uno\' WHERE "AlbumId" = 1')
        assert connection.execute("SELECT what FROM audit").fetchall() == [("Uno",)]
        with pytest.raises(psycopg.errors.RaiseException, match="an album has a title"):
            connection.execute('INSERT INTO "Album" VALUES (9, \'\', 1)')
        connection.rollback()


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_archive(served, oracle, tmp_path, form):
    """pg_restore reads what pg_dump wrote in its own formats."""
    target = tmp_path / "dump"
    run("pg_dump", served, "--format", form, "--file", target)
    link = oracle.fresh(f"restored_{form}")
    run("pg_restore", link, "--dbname", link.database, "--exit-on-error", target)
    assert answers(link, TABLES) == answers(served, TABLES)
    assert answers(link, 'SELECT * FROM "Artist" ORDER BY 1') == \
        answers(served, 'SELECT * FROM "Artist" ORDER BY 1')


@pytest.mark.parametrize("version", servers.VERSIONS[1:])
def test_newer(served, restored, oracle, version):
    """What the newer ones write is the same schema and the same rows."""
    done = subprocess.run([servers.program("pg_dump", version)], env=served.environment,
                          capture_output=True, timeout=50)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    link = oracle.fresh(f"restored_by_{version}")
    # A setting that came with PostgreSQL 17.
    load(done.stdout.replace(b"SET transaction_timeout = 0;\n", b""), link)
    for sql in (TABLES, COLUMNS, KEYS, INDEXES, TRIGGERS, 'SELECT * FROM "Artist" ORDER BY 1'):
        assert answers(link, sql) == answers(restored, sql), sql


def test_schema_only(served):
    """-s has no rows; what is public in a new database is not created again."""
    text = run("pg_dump", served, "--schema-only").decode()
    assert "COPY" not in text and 'CREATE TABLE public."Artist"' in text
    assert "CREATE SCHEMA" not in text and "GRANT" not in text and "REVOKE" not in text


@pytest.fixture(scope="module")
def plain(oracle):
    """A plain schema in PostgreSQL."""
    link = oracle.fresh("plain")
    oracle.psql(link.database, (servers.ROOT / "tests/fixtures/plain.sql").read_text())
    return link


def test_from_postgres_and_back(plain, empty, oracle):
    """What pg_dump wrote of PostgreSQL's tables is loaded, and what it writes of that as well."""
    load(run("pg_dump", plain), empty)
    back = oracle.fresh("back")
    load(run("pg_dump", empty), back)
    expected = {sql: answers(plain, sql) for sql in (TABLES, COLUMNS, KEYS, INDEXES, SEQUENCES)}
    names = [name.decode() for name, in answers(plain, TABLES)]
    assert names == ["author", "book", "reading", "shelf", "tree"]
    for name in names:
        sql = f"SELECT * FROM {name} ORDER BY 1, 2"
        assert answers(empty, sql) == answers(back, sql) == answers(plain, sql), name
    for sql in (TABLES, KEYS):
        assert answers(empty, sql) == answers(back, sql) == expected[sql], sql
    # PostgreSQL writes expressions with parentheses and casts of its own.
    assert bare(str(answers(back, INDEXES))) == bare(str(answers(empty, INDEXES))) == \
        bare(str(expected[INDEXES]))


def test_there_and_back(serve, empty, oracle, tmp_path):
    """A file dumped into PostgreSQL, and that into an empty file: all rows, keys and indexes."""
    file = servers.make_file(tmp_path / "chinook.db",
                             servers.ROOT / "tests/fixtures/schemas/chinook.sql")
    near = servers.Link(serve(file).port, "tester", database="chinook", file=file)
    far = oracle.fresh("chinook")
    load(run("pg_dump", near), far)
    load(run("pg_dump", far), empty)
    names = [name.decode() for name, in answers(near, TABLES)]
    assert len(names) == 11
    for sql in [TABLES, KEYS, INDEXES, *(f"SELECT * FROM {name} ORDER BY 1, 2" for name in names)]:
        assert answers(near, sql) == answers(far, sql), sql
        assert sorted(map(unnamed, answers(near, sql))) == sorted(map(unnamed, answers(empty, sql))), sql
    for name in names:
        # Also to SQLite itself, with the storage classes of all values.
        rows = [sqlite3.connect(link.file).execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
                for link in (near, empty)]
        assert rows[0] == rows[1], name


def unnamed(row):
    """A row without the name of a primary key, which the column that is the rowid does not keep."""
    return re.sub(r"PK_(\w+)|(\w+)_pkey", r"\1\2", str(row).replace('"', ""))


def load(text, link):
    """Runs a script with psql, without an error."""
    done = subprocess.run([servers.PG_BIN / "psql", "-Xq", "-o", os.devnull, "-v",
                           "ON_ERROR_STOP=1"], input=text, env=link.environment,
                          capture_output=True, timeout=50)
    assert done.returncode == 0 and b"ERROR" not in done.stderr, done.stderr.decode()


def test_defaults_count_on(plain, empty):
    """After loading, rows get the numbers and defaults they would have got."""
    load(run("pg_dump", plain), empty)
    for link in (plain, empty):
        with psycopg.connect(**link.libpq) as connection:
            row = connection.execute("INSERT INTO book (title, author_id) VALUES ('new', 2) "
                                     "RETURNING id, pages, kind, read_at = now()").fetchone()
            assert row[:3] == (4, 1, "abc")
            connection.rollback()
