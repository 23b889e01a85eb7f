"""What a client may rely on: OIDs that stay, DDL that is seen at once, temporary tables, privileges."""

import sqlite3

import psycopg
import pytest
import servers
from servers import Egret, Link, wait_until

OIDS = """
    SELECT relname::text, c.oid::int8, reltype::int8 FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT conname, oid::int8, conrelid::int8 FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname, oid::int8, tgfoid::int8 FROM pg_trigger
    UNION ALL SELECT adrelid::regclass::text || adnum, oid::int8, adrelid::int8 FROM pg_attrdef
    ORDER BY 1, 2
"""


def ask(link, sql, *parameters):
    """The rows of a statement on a connection of its own."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        return connection.execute(sql, parameters).fetchall()


@pytest.fixture
def file(tmp_path):
    """A file that has something of everything."""
    if servers.TARGET == "postgres":
        pytest.skip("it is about SQLite files")
    return servers.make_file(tmp_path / "browse.db", servers.BROWSE)


@pytest.fixture
def serve(file):
    """Serves a file; ends all servers after the case."""
    running = []

    def start(path=file, *arguments):
        server = Egret(path, arguments=arguments)
        running.append(server)
        return Link(server.port, "tester", database=path.stem, file=path), server

    yield start
    for server in running:
        assert server.stop() == 0
        assert "panicked" not in server.text


def test_oids_stay_after_a_restart_and_unrelated_ddl(serve):
    """They are made of names, not of what was there before."""
    link, server = serve()
    before = ask(link, OIDS)
    assert len(before) > 30
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute('CREATE TABLE "Aaa" (x int PRIMARY KEY, y text UNIQUE DEFAULT 1)')
        connection.execute('CREATE INDEX zzz ON "Album" ("Kind")')
        during = connection.execute(OIDS).fetchall()
        connection.execute("DROP INDEX zzz")
        connection.execute('DROP TABLE "Aaa"')
        connection.execute("VACUUM")
        assert set(before) < set(during)
        assert connection.execute(OIDS).fetchall() == before
    assert server.stop() == 0
    link, _ = serve()
    assert ask(link, OIDS) == before


def test_oids_are_those_of_the_primary_on_a_replica(serve, tmp_path):
    """A follower shows what the primary shows."""
    store = f"file://{tmp_path / 'store'}"
    link, _ = serve(link_file(tmp_path), "--backup", store)
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")
        connection.execute("CREATE TABLE late (id int PRIMARY KEY, n text DEFAULT 'x')")
    replica, _ = serve(tmp_path / "replica.db", "--follow", store)
    expected = ask(link, OIDS)
    assert wait_until(lambda: ask(replica, OIDS) == expected)


def link_file(folder):
    """Another file of the same tables, to be shipped."""
    return servers.make_file(folder / "primary.db", servers.BROWSE)


def test_oids_stay_with_what_is_renamed(serve):
    """A table keeps its OIDs, and one that takes its old name gets others."""
    link, _ = serve()
    oids = "SELECT c.oid::int8, c.reltype::int8, i.indexrelid::int8 FROM pg_class c " \
        "JOIN pg_index i ON i.indrelid = c.oid WHERE c.relname = %s ORDER BY 3"
    before = ask(link, oids, "audit")
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute("ALTER TABLE audit RENAME TO journal")
        assert connection.execute(oids, ["journal"]).fetchall() == before
        connection.execute("CREATE TABLE audit (id int PRIMARY KEY)")
        new = connection.execute(oids, ["audit"]).fetchall()
        assert len(new) == 1 and not set(new[0]) & set(before[0])
        assert connection.execute(oids, ["journal"]).fetchall() == before
    assert ask(link, oids, "journal") == before


def test_ddl_of_another_process_is_seen_by_the_next_statement(serve, file):
    """In sessions that have read the catalog before."""
    link, _ = serve()
    columns = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass('seen') " \
        "AND attnum > 0 ORDER BY attnum"
    with psycopg.connect(**link.libpq, autocommit=True) as connection, \
            sqlite3.connect(file) as other:
        assert connection.execute(columns).fetchall() == []
        for ddl, names in [("CREATE TABLE seen (a)", ["a"]),
                           ("ALTER TABLE seen ADD COLUMN b", ["a", "b"]),
                           ("ALTER TABLE seen DROP COLUMN a", ["b"]),
                           ("DROP TABLE seen", [])]:
            other.execute(ddl)
            other.commit()
            assert [name for name, in connection.execute(columns)] == names, ddl


def test_xmin_changes_with_the_schema(serve):
    """What a tool asks that wants only what has changed since it looked last."""
    link, _ = serve()
    changed = "SELECT count(*) FROM pg_class WHERE oid >= 16384 AND age(xmin) <= age(%s::xid)"
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute("SELECT pg_sleep(0.01)")
        seen, = connection.execute("SELECT txid_current()::text").fetchone()
        connection.execute("SELECT pg_sleep(0.01)")
        assert connection.execute(changed, [seen]).fetchone() == (0,)
        connection.execute("CREATE TABLE fresh (a int)")
        assert connection.execute(changed, [seen]).fetchone() > (0,)
        connection.execute("INSERT INTO audit (id, what) VALUES (77, 'a')")
        first = connection.execute("SELECT xmin FROM audit WHERE id = 77").fetchone()
        connection.execute("UPDATE audit SET what = 'b' WHERE id = 77")
        assert connection.execute("SELECT xmin FROM audit WHERE id = 77").fetchone() != first


def test_temporary_tables_are_in_their_session_s_catalog(serve):
    """With their own schema, before tables of the same name, and in no other session's."""
    link, _ = serve()
    listed = "SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text " \
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace " \
        "WHERE c.relpersistence = 't' ORDER BY 2"
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        assert connection.execute("SELECT pg_my_temp_schema()::int8").fetchone() == (0,)
        connection.execute("CREATE TEMP TABLE pairs (id int PRIMARY KEY, n int CHECK (n > 0))")
        assert connection.execute(listed).fetchall() == [
            ("pg_temp_1", "pairs", "r", "t"), ("pg_temp_1", "pairs_id_seq", "S", "t"),
            ("pg_temp_1", "pairs_pkey", "i", "t")]
        schema, = connection.execute("SELECT pg_my_temp_schema()::regnamespace::text").fetchone()
        assert schema == "pg_temp_1"
        columns = "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass " \
            "AND attnum > 0 ORDER BY attnum"
        for name in ("pairs", "pg_temp.pairs", "pg_temp_1.pairs"):
            assert connection.execute(columns, [name]).fetchall() == [("id",), ("n",)], name
        assert connection.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE "
                                  "conrelid = 'pairs'::regclass ORDER BY contype").fetchall() == \
            [("CHECK ((n > 0))",), ("PRIMARY KEY (id)",)]
        kinds = connection.execute("SELECT table_schema::text, table_type::text FROM "
                                   "information_schema.tables WHERE table_name = 'pairs' "
                                   "ORDER BY 1").fetchall()
        assert kinds == [("pg_temp_1", "LOCAL TEMPORARY"), ("public", "BASE TABLE")]
        assert connection.execute("SELECT current_schemas(true)::text").fetchone() == \
            ("{pg_temp_1,pg_catalog,public}",)
        assert connection.execute("SELECT pg_table_is_visible('pairs'::regclass)").fetchone() == \
            (True,)
        oids = connection.execute("SELECT oid::int8 FROM pg_class WHERE oid >= 16384").fetchall()
        assert len(oids) == len(set(oids))
        assert ask(link, listed) == []
        connection.execute("DROP TABLE pg_temp.pairs")
        assert connection.execute(listed).fetchall() == []


ASKED = [
    "has_table_privilege('\"Artist\"', %s)", "has_table_privilege(current_user, '\"Artist\"', %s)",
    "has_table_privilege('\"Artist\"'::regclass::oid, %s)",
    "has_column_privilege('\"Artist\"', 'Name', %s)", "has_any_column_privilege('\"Artist\"', %s)",
]


@pytest.mark.parametrize("user, writes", [("writer", True), ("reader", False)])
def test_privileges_are_those_of_the_user(serve, file, tmp_path, user, writes):
    """A read-only user has SELECT and no more; who may write has all."""
    users = tmp_path / "users.toml"
    servers.add_user(users, "writer")
    servers.add_user(users, "reader", "--read-only")
    link, _ = serve(file, "--users", users, "--insecure")
    link = link.replace(user=user, password=servers.PASSWORD)
    with psycopg.connect(**link.libpq | {"sslmode": "disable"}, autocommit=True) as connection:
        def has(call, *parameters):
            return connection.execute(f"SELECT {call}", parameters).fetchone()[0]

        for call in ASKED:
            assert has(call, "SELECT"), call
            for privilege in ("INSERT", "UPDATE"):
                assert has(call, privilege) is writes, (call, privilege)
        assert has("has_table_privilege('\"Artist\"', 'DELETE, SELECT')")
        assert has("has_table_privilege('\"Artist\"', 'TRUNCATE')") is writes
        assert has("has_schema_privilege('public', 'USAGE')")
        assert has("has_schema_privilege('public', 'CREATE')") is writes
        assert has("has_database_privilege(current_database(), 'CONNECT')")
        assert has("has_database_privilege(current_database(), 'CREATE')") is writes
        assert has("has_sequence_privilege('\"Artist_ArtistId_seq\"', 'USAGE')") is writes
        assert has("pg_has_role('pg_write_all_data', 'USAGE')") is writes
        assert has("pg_has_role(current_user, 'USAGE')")
        assert has("(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)") is writes
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            has("has_table_privilege('\"Artist\"', 'FLY')")
        with pytest.raises(psycopg.errors.UndefinedTable):
            has("has_table_privilege('nothing', 'SELECT')")
