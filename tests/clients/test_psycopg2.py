"""psycopg2: the simple protocol, literals merged into the text by the driver."""

import datetime
import decimal
import threading
import io
import select

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest


@pytest.fixture
def conn(link):
    """A connection with the driver's own transactions."""
    connection = psycopg2.connect(**link.libpq)
    yield connection
    connection.close()


@pytest.fixture
def cursor(conn):
    """A cursor over an empty table."""
    with conn.cursor() as cur:
        cur.execute("DROP TABLE IF EXISTS p2")
        cur.execute("CREATE TABLE p2 (id serial PRIMARY KEY, name text NOT NULL, price "
                    "numeric(10,2), seen timestamp, ok boolean, raw bytea, tags text[])")
        conn.commit()
        yield cur
        conn.rollback()
        cur.execute("DROP TABLE p2")
        conn.commit()


def test_round_trip(conn, cursor):
    """Values of every Python type psycopg2 adapts."""
    seen = datetime.datetime(2024, 2, 29, 12, 0, 1, 250000)
    cursor.execute("INSERT INTO p2 (name, price, seen, ok, raw, tags) VALUES "
                   "(%s, %s, %s, %s, %s, %s) RETURNING id",
                   ("it's \\ ü", decimal.Decimal("1.50"), seen, True,
                    psycopg2.Binary(b"\x00\xff'\\"), ["a", None, 'b"c']))
    assert cursor.fetchone() == (1,)
    conn.commit()
    cursor.execute("SELECT name, price, seen, ok, raw, tags FROM p2")
    row = cursor.fetchone()
    assert row[:4] == ("it's \\ ü", decimal.Decimal("1.50"), seen, True)
    assert bytes(row[4]) == b"\x00\xff'\\" and row[5] == ["a", None, 'b"c']


@pytest.mark.parametrize("kind,literal,value", [
    ("bool", "t", True), ("int2", "3", 3), ("int4", "3", 3), ("int8", "3", 3),
    ("float4", "1.5", 1.5), ("float8", "0.1", 0.1), ("numeric", "1.10", decimal.Decimal("1.10")),
    ("text", "x", "x"), ("varchar", "x", "x"), ("char(3)", "x", "x  "),
    ("date", "2024-02-29", datetime.date(2024, 2, 29)), ("time", "01:02:03", datetime.time(1, 2, 3)),
    ("timestamp", "2024-02-29 01:02:03", datetime.datetime(2024, 2, 29, 1, 2, 3)),
    ("timestamptz", "2024-02-29 01:02:03+00",
     datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)),
    ("interval", "1 day 02:00:00", datetime.timedelta(days=1, hours=2)),
    ("json", '{"a": 1}', {"a": 1}), ("jsonb", '{"a": 1}', {"a": 1}), ("int4[]", "{1,2}", [1, 2]),
    ("text[]", "{a,NULL}", ["a", None]), ("date[]", "{2024-02-29}", [datetime.date(2024, 2, 29)]),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
])
def test_types(conn, kind, literal, value):
    """The driver recognises each type by its OID."""
    with conn.cursor() as cur:
        cur.execute(f"SELECT %s::{kind}, NULL::{kind}", (literal,))
        assert cur.fetchone() == (value, None)


def test_named_cursor(conn):
    """Server-side cursors."""
    with conn.cursor(name="named", scrollable=True) as cur:
        cur.itersize = 100
        cur.execute('SELECT "InvoiceId" FROM "Invoice" ORDER BY 1')
        assert sum(1 for _ in cur) == 412
        cur.scroll(0, mode="absolute")
        assert cur.fetchmany(2) == [(1,), (2,)]


def test_execute_values(conn, cursor):
    """Many rows in one statement."""
    psycopg2.extras.execute_values(cursor, "INSERT INTO p2 (name, price) VALUES %s",
                                   [(f"n{n}", n) for n in range(1000)], page_size=250)
    cursor.execute("SELECT count(*), sum(price) FROM p2")
    assert cursor.fetchone() == (1000, decimal.Decimal("499500.00"))


def test_errors_and_savepoints(conn, cursor):
    """A failed statement, the failed transaction, and a savepoint before it."""
    cursor.execute("INSERT INTO p2 (id, name) VALUES (7, 'a')")
    cursor.execute("SAVEPOINT s")
    with pytest.raises(psycopg2.errors.UniqueViolation) as caught:
        cursor.execute("INSERT INTO p2 (id, name) VALUES (7, 'b')")
    assert caught.value.diag.constraint_name == "p2_pkey"
    assert conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INERROR
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute("SELECT 1")
    cursor.execute("ROLLBACK TO s")
    cursor.execute("SELECT name FROM p2")
    assert cursor.fetchall() == [("a",)]
    with pytest.raises(psycopg2.errors.NotNullViolation) as caught:
        cursor.execute("INSERT INTO p2 (name) VALUES (NULL)")
    assert caught.value.diag.column_name == "name"


def test_isolation_and_read_only(conn, cursor):
    """set_session reaches the server."""
    conn.rollback()
    conn.set_session(isolation_level="SERIALIZABLE", readonly=True)
    cursor.execute("SHOW transaction_isolation")
    assert cursor.fetchone() == ("serializable",)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        cursor.execute("INSERT INTO p2 (name) VALUES ('a')")
    conn.rollback()
    conn.set_session(isolation_level="DEFAULT", readonly=False)


def test_copy(conn, cursor):
    """copy_from, copy_to and copy_expert."""
    cursor.copy_from(io.StringIO("1\tone\n2\ttwo\n"), "p2", columns=("id", "name"))
    out = io.StringIO()
    cursor.copy_to(out, "p2", columns=("name", "price"), sep=",", null="-")
    assert out.getvalue() == "one,-\ntwo,-\n"
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT id, name FROM p2 ORDER BY id DESC) TO STDOUT CSV HEADER", out)
    assert out.getvalue() == "id,name\n2,two\n1,one\n"


def test_cancel(conn):
    """cancel() from another thread."""
    timer = threading.Timer(0.3, conn.cancel)
    timer.start()
    with conn.cursor() as cur, pytest.raises(psycopg2.errors.QueryCanceled):
        cur.execute("SELECT pg_sleep(20)")
    conn.rollback()


def test_notify(conn, link):
    """LISTEN, NOTIFY and poll."""
    conn.autocommit = True
    conn.cursor().execute("LISTEN p2_news")
    other = psycopg2.connect(**link.libpq)
    other.cursor().execute("NOTIFY p2_news, 'hello'")
    other.commit()
    other.close()
    assert select.select([conn], [], [], 5)[0]
    conn.poll()
    assert [(n.channel, n.payload) for n in conn.notifies] == [("p2_news", "hello")]


def test_description(conn):
    """cursor.description carries names, OIDs and sizes."""
    with conn.cursor(cursor_factory=psycopg2.extras.DictCursor) as cur:
        cur.execute('SELECT "Name" AS label, "Price" FROM "Product" ORDER BY "ProductId" LIMIT 1')
        assert [(c.name, c.type_code) for c in cur.description] == [("label", 25), ("Price", 1700)]
        assert (cur.description[1].precision, cur.description[1].scale) == (10, 2)
        assert cur.fetchone()["label"] == "Product 1"
