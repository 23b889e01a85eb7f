"""asyncpg: prepared statements and binary values throughout."""

import asyncio
import datetime
import decimal
import io
import ssl
import uuid

import asyncpg
import pytest

UTC = datetime.timezone.utc


def connect(link, **options):
    """A connection as asyncpg wants it described."""
    secure = ssl.create_default_context(cafile=link.ca) if link.ca else False
    return asyncpg.connect(host=link.host, port=link.port, user=link.user, database=link.database,
                           password=link.password, ssl=secure, timeout=10, **options)


def run(link, body, **options):
    """Runs a coroutine with a connection."""
    async def main():
        conn = await connect(link, **options)
        try:
            await conn.execute("SET timezone = 'UTC'")
            return await body(conn)
        finally:
            await conn.close(timeout=5)

    return asyncio.run(main())


VALUES = [
    ("bool", True), ("int2", -3), ("int4", 2**31 - 1), ("int8", -2**63), ("float4", 1.5),
    ("float8", 0.1), ("numeric", decimal.Decimal("12345.6789")), ("text", "Größe"),
    ("varchar", "x"), ("bytea", b"\x00\xff"), ("date", datetime.date(2024, 2, 29)),
    ("time", datetime.time(1, 2, 3, 4)), ("timestamp", datetime.datetime(2024, 2, 29, 1, 2, 3)),
    ("timestamptz", datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)),
    ("interval", datetime.timedelta(days=2, seconds=5)), ("uuid", uuid.UUID(int=7)),
    ("json", '{"a": 1}'), ("jsonb", '{"a": 1}'), ("int4[]", [1, None, 3]),
    ("text[]", ["a", 'b"c', None]), ("float8[]", [0.5]), ("bool[]", [True, False]),
    ("timestamptz[]", [datetime.datetime(2024, 1, 1, tzinfo=UTC)]), ("uuid[]", [uuid.UUID(int=9)]),
]


@pytest.mark.parametrize("kind,value", VALUES, ids=[kind for kind, _ in VALUES])
def test_types(link, kind, value):
    """A parameter comes back equal, from an expression and from a column; so does NULL."""
    async def body(conn):
        assert await conn.fetchrow(f"SELECT $1::{kind}, $2::{kind}", value, None) == (value, None)
        await conn.execute("DROP TABLE IF EXISTS ap")
        await conn.execute(f"CREATE TABLE ap (id int4 PRIMARY KEY, v {kind})")
        await conn.execute("INSERT INTO ap VALUES ($1, $2), ($3, $4)", 1, value, 2, None)
        assert [r["v"] for r in await conn.fetch("SELECT v FROM ap ORDER BY id")] == [value, None]
        await conn.execute("DROP TABLE ap")

    run(link, body)


def test_introspection(link):
    """Types of parameters and attributes of a prepared statement."""
    async def body(conn):
        query = ('SELECT "Name", "Price", "Stock" FROM "Product" '
                 'WHERE "Price" > $1 AND "Name" LIKE $2 ORDER BY "ProductId" LIMIT $3')
        statement = await conn.prepare(query)
        assert [t.name for t in statement.get_parameters()] == ["numeric", "text", "int8"]
        assert [(a.name, a.type.name) for a in statement.get_attributes()] == [
            ("Name", "text"), ("Price", "numeric"), ("Stock", "int2")]
        rows = await statement.fetch(decimal.Decimal(50), "Product 1%", 3)
        assert len(rows) == 3 and rows[0]["Price"] > 50

    run(link, body)


def test_any(link):
    """`= ANY` with a binary array."""
    async def body(conn):
        rows = await conn.fetch('SELECT "Code" FROM "Country" WHERE "Code" = ANY($1::text[]) '
                                'ORDER BY "Code"', ["JP", "DE"])
        assert [r[0] for r in rows] == ["DE", "JP"]

    run(link, body)


def test_cursor(link):
    """A portal fetched in pieces."""
    async def body(conn):
        async with conn.transaction():
            seen = [r[0] async for r in conn.cursor('SELECT "InvoiceId" FROM "Invoice" ORDER BY 1',
                                                    prefetch=37)]
            assert seen == list(range(1, 413))
            cursor = await conn.cursor('SELECT "InvoiceId" FROM "Invoice" ORDER BY 1')
            assert await cursor.forward(10) == 10
            assert [r[0] for r in await cursor.fetch(2)] == [11, 12]

    run(link, body)


def test_transactions(link):
    """Nested transactions and an error inside."""
    async def body(conn):
        await conn.execute("DROP TABLE IF EXISTS ap")
        await conn.execute("CREATE TABLE ap (id int4 PRIMARY KEY)")
        async with conn.transaction(isolation="serializable"):
            await conn.execute("INSERT INTO ap VALUES (1)")
            with pytest.raises(asyncpg.UniqueViolationError) as caught:
                async with conn.transaction():
                    await conn.execute("INSERT INTO ap VALUES (1)")
            assert caught.value.constraint_name == "ap_pkey"
            await conn.execute("INSERT INTO ap VALUES (2)")
        assert await conn.fetchval("SELECT count(*) FROM ap") == 2
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("DELETE FROM ap")
        await transaction.rollback()
        assert await conn.fetchval("SELECT count(*) FROM ap") == 2
        await conn.execute("DROP TABLE ap")

    run(link, body)


@pytest.mark.parametrize("query,error", [
    ("SELECT * FROM nowhere", asyncpg.UndefinedTableError),
    ("SELECT nothing FROM \"Country\"", asyncpg.UndefinedColumnError),
    ("SELEC", asyncpg.PostgresSyntaxError),
    ("SELECT 1/0", asyncpg.DivisionByZeroError),
    ("SELECT 'x'::int", asyncpg.InvalidTextRepresentationError),
    ("INSERT INTO \"Country\" VALUES ('DE', 'x', 'EUR')", asyncpg.UniqueViolationError),
    ("INSERT INTO \"Country\" VALUES ('XX', NULL, 'EUR')", asyncpg.NotNullViolationError),
    ("UPDATE \"Product\" SET \"Price\" = -1", asyncpg.CheckViolationError),
    ("DELETE FROM \"Country\"; SELECT $1", asyncpg.PostgresSyntaxError),
])
def test_errors(link, query, error):
    """SQLSTATEs become asyncpg's classes, in the extended protocol."""
    async def body(conn):
        with pytest.raises(error):
            await conn.fetch(query) if "$" not in query else await conn.fetch(query, 1)
        assert await conn.fetchval("SELECT 1") == 1

    run(link, body)


def test_executemany_and_copy(link):
    """executemany, binary COPY in, text and csv COPY out."""
    async def body(conn):
        await conn.execute("DROP TABLE IF EXISTS ap")
        await conn.execute("CREATE TABLE ap (id int4 PRIMARY KEY, name text, at timestamp)")
        await conn.executemany("INSERT INTO ap VALUES ($1, $2)", [(n, f"n{n}") for n in range(50)])
        records = [(n, None, datetime.datetime(2024, 1, 1, n % 24)) for n in range(50, 500)]
        assert await conn.copy_records_to_table("ap", records=records) == "COPY 450"
        out = io.BytesIO()
        assert await conn.copy_from_query("SELECT id, name FROM ap WHERE id < $1 ORDER BY id", 2,
                                          output=out, format="csv", header=True) == "COPY 2"
        assert out.getvalue() == b"id,name\n0,n0\n1,n1\n"
        got = await conn.copy_to_table("ap", source=io.BytesIO(b"1000;x;\n"), format="csv",
                                       delimiter=";")
        assert got == "COPY 1"
        assert await conn.fetchval("SELECT count(*) FROM ap") == 501
        await conn.execute("DROP TABLE ap")

    run(link, body)


def test_cancel(link):
    """A task's timeout cancels the statement on the server."""
    async def body(conn):
        with pytest.raises(asyncio.TimeoutError):
            await conn.fetch("SELECT pg_sleep(20)", timeout=0.3)
        assert await conn.fetchval("SELECT 1") == 1

    run(link, body)


def test_listen(link):
    """Listeners hear other sessions."""
    async def body(conn):
        heard = asyncio.Queue()
        await conn.add_listener("ap_news", lambda *args: heard.put_nowait(args[2:]))
        other = await connect(link)
        await other.execute("SELECT pg_notify('ap_news', 'hello')")
        assert await asyncio.wait_for(heard.get(), 5) == ("ap_news", "hello")
        await other.close()

    run(link, body)


def test_reset_and_pool(link):
    """A pool resets its connections with what asyncpg sends for it."""
    async def main():
        secure = ssl.create_default_context(cafile=link.ca) if link.ca else False
        async with asyncpg.create_pool(
                host=link.host, port=link.port, user=link.user, database=link.database,
                password=link.password, ssl=secure, min_size=2, max_size=5) as pool:
            results = await asyncio.gather(*(pool.fetchval("SELECT $1::int + 1", n)
                                             for n in range(50)))
            assert results == list(range(1, 51))

    asyncio.run(main())


def test_schema_change(link):
    """A cached statement survives a change of the table it reads."""
    async def body(conn):
        await conn.execute("DROP TABLE IF EXISTS ap")
        await conn.execute("CREATE TABLE ap (id int4 PRIMARY KEY)")
        await conn.execute("INSERT INTO ap VALUES (1)")
        assert tuple(await conn.fetchrow("SELECT * FROM ap")) == (1,)
        await conn.execute("ALTER TABLE ap ADD COLUMN name text DEFAULT 'x'")
        assert tuple(await conn.fetchrow("SELECT * FROM ap")) == (1, "x")
        await conn.execute("DROP TABLE ap")

    run(link, body)
