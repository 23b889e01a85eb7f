"""Schemas of real applications, as clients see them, beside what SQLite says of the same files.

What is right is read with Python's sqlite3 from pragmas (`support/truth.py`); nothing here knows how
egret makes its catalog.
"""

import collections
import re
import sqlite3
import subprocess
import warnings
from decimal import Decimal

import psycopg
import pytest
import servers
import sqlalchemy
import truth

FIXTURES = servers.ROOT / "tests/fixtures/schemas"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.sql"))

# Declared type, lower case, and how PostgreSQL calls it.
SHOWN = dict(line.rsplit("|", 1) for line in """
|text
integer|bigint
int|bigint
bigint|bigint
unsigned big int|bigint
integer(8)|bigint
int(11)|bigint
int8|bigint
mediumint|integer
tinyint(1)|smallint
smallint|smallint
smallint unsigned|bigint
integer unsigned|bigint
bigint unsigned|bigint
any|text
text|text
longtext|text
string|text
year|text
bit|text
quoted type|text
varchar|character varying
varchar(5)|character varying(5)
varchar(10)|character varying(10)
varchar(40)|character varying(40)
varchar(45)|character varying(45)
varchar(50)|character varying(50)
varchar(80)|character varying(80)
varchar(100)|character varying(100)
varchar(128)|character varying(128)
varchar(150)|character varying(150)
varchar(200)|character varying(200)
varchar(254)|character varying(254)
varchar(255)|character varying(255)
nvarchar(10)|character varying(10)
nvarchar(20)|character varying(20)
nvarchar(24)|character varying(24)
nvarchar(30)|character varying(30)
nvarchar(40)|character varying(40)
nvarchar(60)|character varying(60)
nvarchar(70)|character varying(70)
nvarchar(80)|character varying(80)
nvarchar(120)|character varying(120)
nvarchar(160)|character varying(160)
nvarchar(200)|character varying(200)
nvarchar(220)|character varying(220)
varying character(20)|character varying(20)
native character(70)|character varying(70)
char(32)|character(32)
char(39)|character(39)
character(20)|character(20)
real|double precision
float|double precision
double|double precision
double precision|double precision
floating point|double precision
decimal|numeric
numeric|numeric
decimal(10,2)|numeric(10,2)
numeric(10,2)|numeric(10,2)
decimal(10,5)|numeric(10,5)
bool|boolean
boolean|boolean
blob|bytea
date|date
time|time without time zone
datetime|timestamp without time zone
datetime(6)|timestamp(6) without time zone
timestamp with time zone|timestamp with time zone
json|json
jsonb|jsonb
uuid|uuid
""".strip("\n").splitlines())

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One egret for all of them, each a database."""
    if servers.TARGET == "postgres":
        pytest.skip("SQLite is the other side here")
    folder = tmp_path_factory.mktemp("schemas")
    for name in NAMES:
        servers.make_file(folder / f"{name}.db", FIXTURES / f"{name}.sql")
    server = servers.Egret(folder)
    yield {name: servers.Link(server.port, "tester", database=name, file=folder / f"{name}.db")
           for name in NAMES}
    assert server.stop() == 0
    assert "panicked" not in server.text and "ERROR" not in server.text, server.text[-2000:]


@pytest.fixture(scope="module", params=NAMES)
def link(request, served):
    """A link to one of the schemas."""
    return served[request.param]


@pytest.fixture(scope="module")
def relations(link):
    """What is in the file."""
    return truth.read(link.file)


@pytest.fixture(scope="module")
def ask(link):
    """Asks egret: rows of texts."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        def ask(sql):
            result = connection.pgconn.exec_(sql.encode())
            assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message.decode()
            value = result.get_value
            return [[None if value(row, i) is None else value(row, i).decode()
                     for i in range(result.nfields)] for row in range(result.ntuples)]
        yield ask


def grouped(rows):
    """Rows as lists by their first column."""
    out = collections.defaultdict(list)
    for first, *rest in rows:
        out[first].append(rest)
    return out


def names(relations, *kinds):
    """Names of relations of those kinds, sorted."""
    return sorted(name for name, relation in relations.items() if relation.kind in kinds)


def literal(text):
    """A name as SQL quotes it."""
    return '"' + text.replace('"', '""') + '"'


def test_relations(relations, ask):
    """Tables, views and virtual tables, and nothing else: neither what holds their data nor SQLite's."""
    tables, views = names(relations, "table", "virtual"), names(relations, "view")
    mine = "relnamespace = 'public'::regnamespace"
    for sql, expected in {
        f"SELECT relname FROM pg_class WHERE relkind = 'r' AND {mine}": tables,
        f"SELECT relname FROM pg_class WHERE relkind = 'v' AND {mine}": views,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'": tables,
        "SELECT viewname FROM pg_views WHERE schemaname = 'public'": views,
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema = 'public'": tables,
        "SELECT table_name FROM information_schema.views WHERE table_schema = 'public'": views,
        f"SELECT relname FROM pg_class c JOIN pg_description ON objoid = c.oid WHERE relkind = 'r' "
        f"AND {mine} AND description ~ '^virtual table USING \\w+'": names(relations, "virtual"),
    }.items():
        assert sorted(name for name, in ask(sql)) == expected, sql


def test_columns(relations, ask, link):
    """Names, types, defaults, NOT NULL and generated columns."""
    catalog = grouped(ask(
        "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, "
        "attidentity, pg_get_expr(adbin, adrelid) FROM pg_class c JOIN pg_attribute a "
        "ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum "
        "WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v') "
        "AND relnamespace = 'public'::regnamespace ORDER BY attnum"))
    standard = grouped(ask(
        "SELECT table_name, column_name, is_nullable, is_generated, is_identity, column_default, "
        "data_type FROM information_schema.columns WHERE table_schema = 'public' "
        "ORDER BY ordinal_position"))
    db = sqlite3.connect(link.file)
    for name, relation in relations.items():
        assert [row[0] for row in catalog[name]] == [row[0] for row in standard[name]]
        if relation.columns or name != "broken":
            assert [row[0] for row in catalog[name]] == [c.name for c in relation.columns], name
        for column, shown, other in zip(relation.columns, catalog[name], standard[name]):
            where = f"{name}.{column.name}"
            nullable = relation.nullable(column)
            assert shown[2] == ("f" if nullable else "t") and other[1] == ("YES" if nullable else "NO"), where
            assert bool(shown[3]) == column.generated == (other[2] == "ALWAYS"), where
            assert bool(shown[4]) == (column.name == relation.alias) == (other[3] == "YES"), where
            if relation.kind == "table":
                assert shown[1] == SHOWN[column.declared.lower()], where
                assert re.sub(r"\(.*?\)", "", shown[1]) == other[5], where
            if column.default in (None, "NULL"):
                assert (shown[5] is None or column.generated) and other[4] is None, where
            else:
                assert shown[5] == other[4] and default(db, column.default) == same(ask, shown[5]), where


def default(db, text):
    """The value of a default, or its text if it depends on when it is asked."""
    if re.search(r"CURRENT_|'NOW'", text, re.I):
        return text.strip("()").upper()
    value = db.execute(f"SELECT {text}").fetchone()[0]
    return value.hex() if isinstance(value, bytes) else str(value)


def same(ask, text):
    """The same of what is shown."""
    if re.search(r"CURRENT_|'NOW'", text, re.I):
        return text.strip("()").upper()
    value = ask(f"SELECT {text}")[0][0]
    value = {"t": "1", "f": "0"}.get(value, value)
    return value[2:] if value.startswith("\\x") else value


def test_keys(relations, ask):
    """Primary keys, UNIQUE, foreign keys and CHECK, in `pg_constraint` and in the standard's views."""
    rows = ask(
        "SELECT c.relname, contype, ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, i) "
        "JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i)::text, "
        "f.relname, ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k(n, i) "
        "JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i)::text, confupdtype, "
        "confdeltype, conname, pg_get_constraintdef(o.oid) FROM pg_constraint o "
        "JOIN pg_class c ON c.oid = conrelid "
        "LEFT JOIN pg_class f ON f.oid = confrelid WHERE connamespace = 'public'::regnamespace")
    shown, listed, standard = grouped(rows), grouped(ask(
        "SELECT table_name, constraint_type, constraint_name FROM information_schema.table_constraints "
        "WHERE constraint_schema = 'public' AND constraint_name !~ '_not_null$'")), grouped(ask(
            "SELECT k.table_name, k.constraint_name, k.column_name FROM "
            "information_schema.key_column_usage k WHERE k.constraint_schema = 'public' "
            "ORDER BY k.ordinal_position"))
    rules = {(table, name): rule for table, name, *rule in ask(
        "SELECT t.table_name, r.constraint_name, r.update_rule, r.delete_rule "
        "FROM information_schema.referential_constraints r JOIN information_schema.table_constraints t "
        "ON t.constraint_name = r.constraint_name WHERE r.constraint_schema = 'public'")}
    for name, relation in relations.items():
        of = collections.defaultdict(list)
        for kind, *row in shown[name]:
            of[kind].append(row)
        assert [array(row[0]) for row in of["p"]] == ([relation.key] if relation.key else []), name
        assert sorted(array(row[0]) for row in of["u"]) == relation.uniques, name
        assert len(of["c"]) == relation.checks, name
        there = [key for key in relation.foreign_keys if key.table in relations]
        assert len(of["f"]) == len(relation.foreign_keys), name
        assert sorted([array(row[0]), row[1], array(row[2]), ACTIONS[row[3]], ACTIONS[row[4]]]
                      for row in of["f"] if row[1]) == sorted(map(list, there)), name
        kinds = {"p": "PRIMARY KEY", "u": "UNIQUE", "f": "FOREIGN KEY", "c": "CHECK"}
        assert sorted(map(tuple, listed[name])) == sorted(
            (kinds[kind], row[5]) for kind, rows in of.items() for row in rows), name
        columns = grouped(standard[name])
        assert {key: [c for c, in value] for key, value in columns.items()} == {
            row[5]: array(row[0]) for kind in "puf" for row in of[kind]}, name
        for row in of["f"]:
            assert row[1] is None or rules[name, row[5]] == [ACTIONS[row[3]], ACTIONS[row[4]]], row[5]


def array(text):
    """An array's text as a list: quoted elements with their quotes undone."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},]+)', text)
    return [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in parts]


def test_indexes(relations, ask):
    """Columns, order, UNIQUE, WHERE and expressions of every index, and how it compares texts."""
    rows = grouped(ask(
        "SELECT t.relname, i.relname, indisunique, indisprimary, indpred IS NOT NULL, indoption::text, "
        "ARRAY(SELECT coalesce(attname::text, '') FROM unnest(indkey) WITH ORDINALITY k(n, i) "
        "LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = n ORDER BY i)::text, "
        "obj_description(indexrelid, 'pg_class'), pg_get_indexdef(indexrelid) FROM pg_index "
        "JOIN pg_class i ON i.oid = indexrelid JOIN pg_class t ON t.oid = indrelid "
        "WHERE t.relnamespace = 'public'::regnamespace"))
    listed = grouped(ask("SELECT tablename, indexname, indexdef FROM pg_indexes "
                         "WHERE schemaname = 'public'"))
    for name, relation in relations.items():
        made = relation.indexes + ([truth.Index(None, True, "pk", [(relation.alias, False, "BINARY")],
                                                False)] if relation.alias else [])
        shown = sorted([row[1] == "t", row[2] == "t", row[3] == "t", array(row[5]),
                        [n == "3" for n in row[4].split()]] for row in rows[name])
        assert shown == sorted([i.unique, i.origin == "pk", i.partial, [k[0] or "" for k in i.keys],
                                [k[1] for k in i.keys]] for i in made), name
        assert {row[0] for row in rows[name]} >= set(relation.created), name
        assert sorted((row[0], row[7]) for row in rows[name]) == sorted(map(tuple, listed[name])), name
        for row in rows[name]:
            if index := relation.created.get(row[0]):
                words = [k[2] for k in index.keys if k[2] != "BINARY"]
                assert re.findall(r"COLLATE (\w+)", row[6] or "") == words, row[0]
                assert (" WHERE " in row[7]) == index.partial and row[7].count(" DESC") == sum(
                    k[1] for k in index.keys), row[7]


def test_triggers(relations, ask):
    """Every trigger, on its table."""
    shown = grouped(ask("SELECT relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
                        "WHERE NOT tgisinternal"))
    standard = grouped(ask("SELECT event_object_table, trigger_name FROM information_schema.triggers"))
    for name, relation in relations.items():
        assert sorted(t for t, in shown[name]) == sorted(t for t, in standard[name]) == \
            sorted(relation.triggers), name


def test_rows(relations, ask, link):
    """Every relation is read in full, and its values are those in the file."""
    db = sqlite3.connect(link.file)
    for name in relations:
        if name == "broken":
            continue
        ours = ask(f"SELECT * FROM {literal(name)}")
        theirs = db.execute(f"SELECT * FROM {literal(name)}").fetchall()
        assert sorted([[plain(v) for v in row] for row in ours], key=str) == \
            sorted([[plain(v) for v in row] for row in theirs], key=str), name


def plain(value):
    """A value in one form, whichever side it comes from."""
    if isinstance(value, bytes):
        return value.hex()
    text = {"t": "1", "f": "0"}.get(value, str(value)).rstrip()
    if re.fullmatch(r"\\x[0-9a-f]*", text):
        return text[2:]
    if re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]\d+)?", text):
        return str(Decimal(text).normalize() + 0)
    return re.sub(r"(:\d\d\.\d*?)0+$", r"\1", text).rstrip(".")


def test_broken_view(served):
    """A view of a table that is gone says so when it is read, and nothing else does."""
    with psycopg.connect(**served["strict"].libpq) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable, match="not_there"):
            connection.execute("SELECT * FROM broken")


def psql(version, link, *commands):
    """What psql prints, fields apart."""
    script = "".join(f"{command}\n\\echo ======\n" for command in commands)
    done = subprocess.run([servers.program("psql", version), "-XA", "-F", "\x1f"], input=script,
                          text=True, capture_output=True, env=link.environment, timeout=50)
    errors = re.sub(r"Did not find any \w+\.\n", "", done.stderr)
    assert done.returncode == 0 and not errors, errors
    return done.stdout.split("======\n")[:-1]


@pytest.mark.parametrize("version", servers.VERSIONS)
def test_psql(relations, link, version):
    """`\\d` of everything: columns, and the lists below them."""
    lists = psql(version, link, "\\dt", "\\dv", "\\d", "\\di+", "\\dt+", "\\dv+", "\\ds+", "\\dp", "\\dfS trig*")
    for text, kinds in zip(lists, [("table", "virtual"), ("view",)]):
        listed = [line.split("\x1f")[1] for line in text.splitlines() if line.startswith("public")]
        assert sorted(listed) == names(relations, *kinds)
    for plus in ("", "+"):
        texts = psql(version, link, *(f"\\d{plus} {literal(name)}" for name in relations))
        for relation, text in zip(relations.values(), texts, strict=True):
            described(relation, text.splitlines())


def described(relation, lines):
    """Compares what `\\d` says of one relation."""
    kind = "View" if relation.kind == "view" else "Table"
    assert lines[0] == f'{kind} "public.{relation.name}"'
    rows = [line.split("\x1f") for line in lines[2:] if "\x1f" in line]
    if relation.name != "broken":
        assert [(row[0], row[3] != "not null") for row in rows] == \
            [(c.name, relation.nullable(c)) for c in relation.columns], relation.name
    sections, section = collections.defaultdict(list), ""
    for line in lines[2 + len(rows):]:
        if line.startswith("    "):
            sections[section].append(line.strip())
        section = section if line.startswith(" ") else line
    indexes = len(relation.indexes) + bool(relation.alias)
    assert len(sections["Indexes:"]) == indexes, relation.name
    assert all(f'"{name}"' in str(sections["Indexes:"]) for name in relation.created)
    assert len(sections["Foreign-key constraints:"]) == len(relation.foreign_keys), relation.name
    assert len(sections["Check constraints:"]) == relation.checks, relation.name
    assert len(sections["Triggers:"]) == len(relation.triggers), relation.name


def test_sqlalchemy(relations, link):
    """SQLAlchemy's inspector, and its reflection of all tables at once."""
    engine = sqlalchemy.create_engine(
        f"postgresql+psycopg://{link.user}@{link.host}:{link.port}/{link.database}")
    inspector = sqlalchemy.inspect(engine)
    assert sorted(inspector.get_table_names()) == names(relations, "table", "virtual")
    assert sorted(inspector.get_view_names()) == names(relations, "view")
    for name, relation in relations.items():
        if name == "broken":
            continue
        assert [(c["name"], c["nullable"], bool(c.get("computed"))) for c in inspector.get_columns(name)] == \
            [(c.name, relation.nullable(c), c.generated) for c in relation.columns], name
        assert inspector.get_pk_constraint(name)["constrained_columns"] == relation.key, name
        keys = inspector.get_foreign_keys(name)
        assert sorted([k["constrained_columns"], k["referred_table"], k["referred_columns"],
                       k["options"].get("onupdate", "NO ACTION"), k["options"].get("ondelete", "NO ACTION")]
                      for k in keys) == sorted(map(list, relation.foreign_keys)), name
        assert sorted(u["column_names"] for u in inspector.get_unique_constraints(name)) == \
            relation.uniques, name
        assert len(inspector.get_check_constraints(name)) == relation.checks, name
        indexes = {i["name"]: i for i in inspector.get_indexes(name) if not i.get("duplicates_constraint")}
        assert set(indexes) == set(relation.created), name
        for index in relation.created.values():
            shown = indexes[index.name]
            assert shown["unique"] == index.unique, index.name
            assert shown["column_names"] == [key[0] for key in index.keys], index.name
            assert bool(shown["dialect_options"].get("postgresql_where")) == index.partial, index.name
            # Keys that are sorted downwards are named by their column or expression.
            assert len(shown.get("column_sorting", {})) == sum(key[1] for key in index.keys), index.name
    gone = {key.table for r in relations.values() for key in r.foreign_keys} - set(relations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metadata = sqlalchemy.MetaData()
        metadata.reflect(engine, views=True, resolve_fks=not gone)
    assert set(metadata.tables) == set(relations)
    engine.dispose()
