"""postgres_fdw: a real PostgreSQL 15 that has egret's tables among its own."""

import psycopg
import pytest
from psycopg import errors


@pytest.fixture(scope="module")
def near(served, oracle):
    """A database of PostgreSQL's with a schema imported from egret."""
    link = oracle.fresh("near")
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION postgres_fdw")
        connection.execute(
            "CREATE SERVER egret FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
            f"(host '{served.host}', port '{served.port}', dbname '{served.database}', "
            "sslmode 'disable')")
        connection.execute("CREATE USER MAPPING FOR tester SERVER egret "
                           f"OPTIONS (user '{served.user}', password_required 'false')")
        connection.execute("CREATE SCHEMA far")
        connection.execute("IMPORT FOREIGN SCHEMA public FROM SERVER egret INTO far "
                           "OPTIONS (import_default 'true')")
        connection.execute('CREATE TABLE song (title text, "AlbumId" int)')
        connection.execute("INSERT INTO song VALUES ('a', 1), ('b', 1), ('c', 5), ('d', 99)")
        yield connection


def test_import(near, restored):
    """The columns are those of the tables restored from egret's dump."""
    columns = "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_class c " \
        "JOIN pg_attribute ON attrelid = c.oid JOIN pg_namespace n ON n.oid = relnamespace " \
        "WHERE nspname = %s AND relkind IN ('r', 'v', 'f') AND attnum > 0 ORDER BY 1, attnum"
    with psycopg.connect(**restored.libpq) as other:
        expected = other.execute(columns, ["public"]).fetchall()
    assert len(expected) > 30 and near.execute(columns, ["far"]).fetchall() == expected


def test_rows(near, restored):
    """Every imported table and view has the rows that the restored one has."""
    with psycopg.connect(**restored.libpq) as other:
        names = [name for name, in near.execute(
            "SELECT quote_ident(foreign_table_name) FROM information_schema.foreign_tables")]
        assert len(names) == 8
        for name in names:
            ours = near.execute(f"SELECT * FROM far.{name}").fetchall()
            theirs = other.execute(f"SELECT * FROM {name}").fetchall()
            assert sorted(map(str, ours)) == sorted(map(str, theirs)), name


def test_joins(near):
    """Joins of both sides, and of two far tables; conditions, sorting and counting go to egret."""
    assert near.execute(
        'SELECT s.title, a."Title" FROM song s JOIN far."Album" a USING ("AlbumId") '
        'ORDER BY s.title').fetchall() == [("a", "One"), ("b", "One"), ("c", "tab\tx")]
    far = 'SELECT r."Name", count(*), max(a."Title") FROM far."Album" a JOIN far."Artist" r ' \
        'ON r."ArtistId" = a."ArtistId" WHERE a."AlbumId" < 5 AND r."Born" > \'1980-01-01\' ' \
        'GROUP BY r."Name" ORDER BY 1 LIMIT 3'
    assert near.execute(far).fetchall() == [("Ann", 2, "Two")]
    plan = "\n".join(line for line, in near.execute("EXPLAIN (VERBOSE, COSTS off) " + far))
    assert "Remote SQL" in plan and "INNER JOIN" in plan, plan


def test_writes(near, served):
    """INSERT, UPDATE, DELETE and TRUNCATE arrive, and nothing does of what is rolled back."""
    near.execute("BEGIN")
    near.execute('INSERT INTO far."Artist" ("ArtistId", "Name", "isActive", "Photo", "Rating") '
                 "VALUES (50, 'Zoë', false, '\\x0102', 1.5), (51, 'Yan', true, NULL, 2)")
    assert near.execute('UPDATE far."Artist" SET "Name" = upper("Name"), "Rating" = "Rating" * 2 '
                        'WHERE "ArtistId" >= 50 RETURNING "Name", "Rating"').fetchall()[1][0] == "YAN"
    near.execute('DELETE FROM far."Artist" a USING song s WHERE a."ArtistId" = 50 + s."AlbumId"')
    near.execute("COMMIT")
    with psycopg.connect(**served.libpq) as egret:
        rows = 'SELECT "Name", "isActive", "Photo", "Rating"::text FROM "Artist" WHERE "ArtistId" >= 50'
        assert egret.execute(rows).fetchall() == [("ZOË", False, b"\1\2", "3.00")]
    near.execute("BEGIN")
    near.execute('DELETE FROM far."Artist" WHERE "ArtistId" = 50')
    near.execute("ROLLBACK")
    assert near.execute('SELECT count(*) FROM far."Artist" WHERE "ArtistId" = 50').fetchone() == (1,)
    near.execute('DELETE FROM far."Artist" WHERE "ArtistId" = 50')


def test_refused(near):
    """A constraint of the far table is an error with its SQLSTATE."""
    with pytest.raises(errors.UniqueViolation):
        near.execute('INSERT INTO far."Artist" ("ArtistId", "Name", "isActive") VALUES (1, \'x\', true)')
    with pytest.raises(errors.CheckViolation):
        near.execute('UPDATE far."Artist" SET "Rating" = 11 WHERE "ArtistId" = 1')
