"""Huge statements: the right answer or an error that names the limit, soon, and never the end."""

import psycopg
import pytest
import servers

pytestmark = pytest.mark.skipif(servers.TARGET != "egret", reason="PostgreSQL's limits are others")

TOO_COMPLEX = psycopg.errors.StatementTooComplex


def nested(opened, closed="", inner="1"):
    """A statement with something in something else, that often."""
    return lambda count: f"SELECT {opened * count}{inner}{closed * count}"


def listed(head, piece, separator=",", tail=""):
    """A statement with a list that long; `piece` may use the number."""
    return lambda count: head + separator.join(piece.format(i=i) for i in range(count)) + tail


# What, a statement with so many of it, how many are answered, the answer, and how many are too many.
CASES = [
    ("parentheses", nested("(", ")"), 100, 1, 100_000),
    ("sub-selects", nested("(SELECT ", ")"), 20, 1, 1000),
    ("functions", nested("abs(", ")"), 100, 1, 10_000),
    ("cases", nested("CASE WHEN true THEN ", " END"), 100, 1, 10_000),
    ("signs", nested("- "), 100, 1, 100_000),
    ("negations", nested("NOT ", inner="true"), 100, True, 100_000),
    ("arrays", nested("ARRAY[", "]"), 6, [[[[[[1]]]]]], 1000),
    ("casts", listed("SELECT 1", "::int", ""), 100, 1, 10_000),
    ("conditions", listed("SELECT 1 WHERE ", "{i} = {i}", " AND "), 1000, 1, 10_000),
    ("alternatives", listed("SELECT 1 WHERE ", "{i} = 0", " OR "), 1000, 1, 10_000),
    ("terms", listed("SELECT ", "1", " + "), 200, 200, 50_000),
    ("set operations", listed("", "SELECT 1", " UNION "), 200, 1, 20_000),
    ("WITH queries", listed("WITH ", "c{i} AS (SELECT {i})", ", ", " SELECT * FROM c9"), 1000, 9, None),
    ("joins", listed("SELECT count(*) FROM audit_log a ", "JOIN audit_log a{i} ON a{i}.id = a.id", " "),
     60, 2, 100),
    ("output columns", listed("SELECT ", "{i}"), 1664, 0, 1665),
    ("arguments", listed("SELECT length(concat(", "1", ",", "))"), 100, 100, 10_000),
    ("rows", listed("SELECT count(*) FROM (VALUES ", "({i})", ", ", ") v"), 20_000, 20_000, None),
    ("list items", listed("SELECT 0 IN (", "{i}", ", ", ")"), 20_000, True, None),
    ("statements", listed("", "SELECT 1", ";"), 5000, 1, None),
    ("bytes in a literal", lambda n: f"SELECT length('{'x' * n}')", 1 << 20, 1 << 20, None),
    ("bytes in a comment", lambda n: f"/*{'x' * n}*/ SELECT 1", 1 << 20, 1, None),
    ("comments", lambda n: "/*" * n + "*/" * n + " SELECT 1", 10_000, 1, None),
    ("characters in a name", lambda n: f"SELECT 1 AS \"{'x' * n}\"", 100_000, 1, None),
]


@pytest.fixture(scope="module")
def link():
    """Limits are the same over TLS."""
    shop = servers.Shop(tls=False)
    yield shop.link(tls=False)
    shop.stop()


@pytest.fixture
def conn(link):
    """A session that is still there at the end."""
    with psycopg.connect(**link.libpq, autocommit=True) as conn:
        yield conn
        assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("make, enough, answer", [(case[1], *case[2:4]) for case in CASES],
                         ids=[case[0] for case in CASES])
def test_many(conn, make, enough, answer):
    """So many are answered."""
    assert conn.execute(make(enough)).fetchone()[0] == answer


@pytest.mark.parametrize("make, too_many", [(case[1], case[4]) for case in CASES if case[4]],
                         ids=[case[0] for case in CASES if case[4]])
def test_too_many(conn, make, too_many):
    """More are refused as PostgreSQL refuses what is beyond its own limits: class 54."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(make(too_many))
    assert caught.value.sqlstate.startswith("54"), caught.value


@pytest.mark.parametrize("count", [1000, 30_000])
def test_parameters(conn, count):
    """Many parameters of one statement."""
    query = f"SELECT count(*) FROM audit_log WHERE id IN ({', '.join(['%s'] * count)})"
    assert conn.execute(query, range(count)).fetchone() == (2,)


def test_too_many_parameters(conn):
    """SQLite's limit, by name."""
    query = f"SELECT 1 IN ({', '.join(['%s'] * 60_000)})"
    with pytest.raises(TOO_COMPLEX, match="number of parameters exceeds the limit"):
        conn.execute(query, range(60_000))


def test_large_parameter(conn):
    """Sixteen megabytes as a value, in both formats and back."""
    for value in ("é" * (8 << 20), b"\xff" * (16 << 20)):
        assert conn.execute("SELECT %b", (value,), binary=True).fetchone() == (value,)
