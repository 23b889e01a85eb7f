"""psycopg 3: the widest of the python drivers, and raw wire forms through its libpq."""

import datetime
import decimal
import threading
import time
import uuid

import psycopg
import pytest
import samples
from psycopg import errors, sql
from psycopg.rows import dict_row

SAMPLES = samples.read()
NAMES = [f"{kind}-{index}" for index, (kind, *_) in enumerate(SAMPLES)]


@pytest.fixture
def conn(link):
    """A connection in autocommit mode."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


@pytest.fixture
def table(conn):
    """An empty table with one of most things."""
    conn.execute("DROP TABLE IF EXISTS p3")
    conn.execute("CREATE TABLE p3 (id int4 PRIMARY KEY, name text NOT NULL, "
                 "amount numeric(10,2) CONSTRAINT p3_amount_check CHECK (amount >= 0), "
                 "code varchar(20) CONSTRAINT p3_code_key UNIQUE)")
    yield "p3"
    conn.execute("DROP TABLE p3")


@pytest.mark.parametrize("kind,literal,text,binary", SAMPLES, ids=NAMES)
def test_value_in_both_formats(conn, kind, literal, text, binary):
    """A parameter sent in either format comes back in either format."""
    query = f"SELECT $1::{kind}".encode()
    for value, given in ((literal.encode(), 0), (text, 0), (binary, 1)):
        for expected, wanted in ((text, 0), (binary, 1)):
            result = conn.pgconn.exec_params(query, [value], param_formats=[given],
                                             result_format=wanted)
            assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message
            assert result.get_value(0, 0) == expected, (given, wanted)


@pytest.mark.parametrize("kind", dict.fromkeys(kind for kind, *_ in SAMPLES))
def test_column_in_both_formats(conn, kind):
    """Stored values of a column come back in either format, and NULL as NULL."""
    rows = [row[1:] for row in SAMPLES if row[0] == kind]
    conn.execute("DROP TABLE IF EXISTS p3_column")
    conn.execute(f"CREATE TABLE p3_column (n int4 PRIMARY KEY, v {kind})")
    for n, (_, text, binary) in enumerate(rows):
        value, form = (text, 0) if n % 2 else (binary, 1)
        done = conn.pgconn.exec_params(b"INSERT INTO p3_column VALUES ($1, $2)",
                                       [str(n).encode(), value], param_formats=[0, form])
        assert done.status == psycopg.pq.ExecStatus.COMMAND_OK, done.error_message
    conn.execute("INSERT INTO p3_column VALUES (1000, NULL)")
    for form in (0, 1):
        got = conn.pgconn.exec_params(b"SELECT v FROM p3_column ORDER BY n", [],
                                      result_format=form)
        assert got.status == psycopg.pq.ExecStatus.TUPLES_OK, got.error_message
        values = [got.get_value(row, 0) for row in range(got.ntuples)]
        assert values == [row[1 + form] for row in rows] + [None]
    oid = conn.pgconn.exec_params(f"SELECT NULL::{kind}".encode(), []).ftype(0)
    assert got.ftype(0) == oid
    conn.execute("DROP TABLE p3_column")


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_python_values(conn, binary):
    """Values of Python types, adapted by the driver, survive the round trip."""
    zone = datetime.timezone.utc
    values = [True, 7, 70000, 2**40, 1.25, decimal.Decimal("10.50"), "text", b"\x00\xff",
              datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4),
              datetime.datetime(2024, 2, 29, 1, 2, 3), uuid.UUID(int=5),
              datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=zone),
              datetime.timedelta(days=3, seconds=4), [1, 2, 3], ["a", None], None]
    kinds = ["bool", "int2", "int4", "int8", "float8", "numeric", "text", "bytea", "date", "time",
             "timestamp", "uuid", "timestamptz", "interval", "int4[]", "text[]", "text"]
    query = "SELECT " + ", ".join(f"%s::{kind}" for kind in kinds)
    row = conn.cursor(binary=binary).execute(query, values).fetchone()
    assert list(row) == values


def test_insert_update_delete(conn, table):
    """Command tags and RETURNING."""
    done = conn.execute("INSERT INTO p3 VALUES (1, 'a', 1.5, 'x'), (2, 'b', NULL, NULL)")
    assert (done.statusmessage, done.rowcount) == ("INSERT 0 2", 2)
    row = conn.execute("INSERT INTO p3 (id, name) VALUES (%s, %s) RETURNING id, name, amount",
                       (3, "c")).fetchone()
    assert row == (3, "c", None)
    row = conn.execute("UPDATE p3 SET amount = amount + 1 WHERE id = 1 RETURNING amount").fetchone()
    assert row == (decimal.Decimal("2.50"),)
    done = conn.execute("DELETE FROM p3 WHERE id > 1")
    assert done.statusmessage == "DELETE 2"


def test_on_conflict(conn, table):
    """The three forms of ON CONFLICT."""
    conn.execute("INSERT INTO p3 VALUES (1, 'a', 1, 'x')")
    done = conn.execute("INSERT INTO p3 VALUES (1, 'b', 1, 'x') ON CONFLICT DO NOTHING")
    assert done.statusmessage == "INSERT 0 0"
    conn.execute("INSERT INTO p3 AS t VALUES (1, 'c', 5, 'z') ON CONFLICT (id) DO UPDATE "
                 "SET name = excluded.name, amount = t.amount + excluded.amount")
    conn.execute("INSERT INTO p3 VALUES (2, 'd', 1, 'x') ON CONFLICT ON CONSTRAINT p3_code_key "
                 "DO UPDATE SET name = p3.name || excluded.name")
    assert conn.execute("SELECT name, amount FROM p3").fetchall() == [("cd", 6)]


def test_any(conn):
    """`= ANY` with an array parameter."""
    query = 'SELECT "Code" FROM "Country" WHERE "Code" = ANY(%s) ORDER BY 1'
    assert conn.execute(query, (["DE", "JP", "XX"],)).fetchall() == [("DE",), ("JP",)]
    query = 'SELECT count(*) FROM "Customer" WHERE "CustomerId" = ANY(%s)'
    assert conn.execute(query, ([1, 2, 3, 1000],)).fetchone() == (3,)
    assert conn.execute(query, ([],)).fetchone() == (0,)


def test_names_and_rows(conn):
    """Column names as PostgreSQL gives them."""
    conn.row_factory = dict_row
    row = conn.execute('SELECT count(*), 1, max("Total"), lower(\'A\'), "Total" * 2 AS twice '
                       'FROM "Invoice" GROUP BY "Total" LIMIT 1').fetchone()
    assert list(row) == ["count", "?column?", "max", "lower", "twice"]


def test_prepared(conn):
    """One statement run often goes through a named prepared statement, and survives DDL."""
    for n in range(20):
        got = conn.execute('SELECT "Name" FROM "Category" WHERE "CategoryId" = %s', (n % 5 + 1,),
                           prepare=True).fetchone()
        if n == 10:
            conn.execute("CREATE TABLE p3_other (x int)")
            conn.execute("DROP TABLE p3_other")
    assert got == ("Jazz",)
    conn.execute("DEALLOCATE ALL")


def test_sql_prepare(conn):
    """PREPARE, EXECUTE, DEALLOCATE."""
    conn.execute("PREPARE q (int, text) AS SELECT $1 + 1, $2 || '!'")
    assert conn.execute("EXECUTE q (41, 'a')").fetchone() == (42, "a!")
    conn.execute("DEALLOCATE q")
    with pytest.raises(errors.InvalidSqlStatementName):
        conn.execute("EXECUTE q (1, 'a')")


def test_executemany_and_pipeline(conn, table):
    """executemany pipelines; an error aborts the rest up to the next sync."""
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO p3 (id, name) VALUES (%s, %s)",
                           [(n, f"n{n}") for n in range(500)])
        assert cursor.rowcount == 500
    with conn.pipeline() as pipe:
        first = conn.execute("SELECT 1")
        second = conn.execute("SELECT count(*) FROM p3")
        pipe.sync()
        assert (first.fetchone(), second.fetchone()) == ((1,), (500,))
    with pytest.raises(errors.UniqueViolation), conn.pipeline() as pipe:
        conn.execute("INSERT INTO p3 (id, name) VALUES (1000, 'kept?')")
        conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'twice')")
        conn.execute("INSERT INTO p3 (id, name) VALUES (1001, 'never')")
    assert conn.execute("SELECT count(*) FROM p3 WHERE id >= 1000").fetchone() == (0,)


def test_server_cursor(conn):
    """Named cursors: fetches, scrolling, and the position."""
    with conn.transaction():
        with conn.cursor("c", scrollable=True) as cursor:
            cursor.execute('SELECT "InvoiceId" FROM "Invoice" ORDER BY 1')
            cursor.itersize = 50
            assert [row[0] for row in cursor] == list(range(1, 413))
            cursor.scroll(10, mode="absolute")
            assert cursor.fetchone() == (11,)
            cursor.scroll(-5)
            assert cursor.fetchmany(2) == [(7,), (8,)]
    conn.execute("BEGIN")
    conn.execute('DECLARE held CURSOR WITH HOLD FOR SELECT "Code" FROM "Country" ORDER BY 1')
    conn.execute("COMMIT")
    assert conn.execute("FETCH 2 FROM held").fetchall() == [("AX",), ("DE",)]
    assert conn.execute("MOVE 1 FROM held").statusmessage == "MOVE 1"
    assert conn.execute("FETCH ALL FROM held").fetchall() == [("GB",), ("JP",)]
    conn.execute("CLOSE held")
    with pytest.raises(errors.InvalidCursorName):
        conn.execute("FETCH 1 FROM held")


def test_transactions(link, conn, table):
    """Commit, rollback, the failed state and the status byte."""
    status = psycopg.pq.TransactionStatus
    conn.execute("BEGIN")
    assert conn.info.transaction_status == status.INTRANS
    conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a')")
    with psycopg.connect(**link.libpq) as other:
        assert other.execute("SELECT count(*) FROM p3").fetchone() == (0,)
    with pytest.raises(errors.UndefinedTable):
        conn.execute("SELECT * FROM nowhere")
    assert conn.info.transaction_status == status.INERROR
    with pytest.raises(errors.InFailedSqlTransaction):
        conn.execute("SELECT 1")
    assert conn.execute("COMMIT").statusmessage == "ROLLBACK"
    assert conn.info.transaction_status == status.IDLE
    assert conn.execute("SELECT count(*) FROM p3").fetchone() == (0,)
    conn.execute("BEGIN; INSERT INTO p3 (id, name) VALUES (2, 'b'); COMMIT")
    assert conn.execute("SELECT id FROM p3").fetchall() == [(2,)]


def test_savepoints(conn, table):
    """Nested transactions are savepoints."""
    with conn.transaction():
        conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a')")
        with pytest.raises(errors.UniqueViolation), conn.transaction():
            conn.execute("INSERT INTO p3 (id, name) VALUES (2, 'b')")
            conn.execute("INSERT INTO p3 (id, name) VALUES (2, 'b')")
        with conn.transaction(force_rollback=True):
            conn.execute("INSERT INTO p3 (id, name) VALUES (3, 'c')")
        conn.execute("SAVEPOINT a; INSERT INTO p3 (id, name) VALUES (4, 'd'); RELEASE a")
    assert conn.execute("SELECT id FROM p3 ORDER BY 1").fetchall() == [(1,), (4,)]
    with pytest.raises(errors.InvalidSavepointSpecification):
        conn.execute("BEGIN; ROLLBACK TO nothing")
    conn.execute("ROLLBACK")


def test_read_only_transaction(conn, table):
    """BEGIN READ ONLY refuses writes with 25006."""
    conn.execute("BEGIN READ ONLY")
    with pytest.raises(errors.ReadOnlySqlTransaction):
        conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a')")
    conn.execute("ROLLBACK")


STATES = [
    ("INSERT INTO p3 VALUES (1, 'a', 1, 'y')", "23505", "p3", None, "p3_pkey"),
    ("INSERT INTO p3 VALUES (2, 'a', 1, 'x')", "23505", "p3", None, "p3_code_key"),
    ("INSERT INTO p3 VALUES (2, NULL)", "23502", "p3", "name", None),
    ("UPDATE p3 SET name = NULL", "23502", "p3", "name", None),
    ("INSERT INTO p3 VALUES (2, 'a', -1)", "23514", "p3", None, "p3_amount_check"),
    ('INSERT INTO "Invoice" VALUES (9999, 9999, \'2024-01-01\', 1, false)', "23503", "Invoice",
     None, "FK_Invoice_Customer"),
    ('DELETE FROM "Customer" WHERE "CustomerId" = 1', "23503", "Invoice", None,
     "FK_Invoice_Customer"),
    ("SELECT * FROM nowhere", "42P01", None, None, None),
    ("SELECT nothing FROM p3", "42703", None, None, None),
    ("SELECT p3.nothing FROM p3", "42703", None, None, None),
    ("SELEC 1", "42601", None, None, None),
    ("SELECT 1 +", "42601", None, None, None),
    ("SELECT 'abc", "42601", None, None, None),
    ("SELECT 'x'::int", "22P02", None, None, None),
    ("SELECT 'maybe'::bool", "22P02", None, None, None),
    ("SELECT 'x'::uuid", "22P02", None, None, None),
    ("SELECT '{'::json", "22P02", None, None, None),
    ("SELECT '2024-02-30'::date", "22008", None, None, None),
    ("SELECT 'someday'::timestamp", "22007", None, None, None),
    ("SELECT 1/0", "22012", None, None, None),
    ("SELECT 1 % (id - id) FROM p3", "22012", None, None, None),
    ("SELECT 99999::int2", "22003", None, None, None),
    ("SELECT '99999999999'::int4", "22003", None, None, None),
    ("SELECT 9223372036854775807 + id FROM p3", "22003", None, None, None),
    ("INSERT INTO p3 VALUES ('x', 'a')", "22P02", None, None, None),
    ("INSERT INTO p3 VALUES (5, 'a', 1, repeat('x', 21))", "22001", None, None, None),
    ("INSERT INTO p3 (id, nothing) VALUES (5, 1)", "42703", None, None, None),
    ("INSERT INTO p3 VALUES (1, 2, 3, 4, 5)", "42601", None, None, None),
    ("SELECT nothing(1)", "42883", None, None, None),
    ("SELECT id FROM p3, p3 AS q", "42702", None, None, None),
    ("SELECT * FROM nowhere.p3", "42P01", None, None, None),
    ("CREATE TABLE p3 (x int)", "42P07", None, None, None),
    ("ALTER TABLE p3 ADD COLUMN name text", "42701", None, None, None),
    ("DROP TABLE nowhere", "42P01", None, None, None),
    ("SET nothing = 1", "42704", None, None, None),
    ("SHOW nothing", "42704", None, None, None),
    ("SET statement_timeout = 'x'", "22023", None, None, None),
    ("DEALLOCATE nothing", "26000", None, None, None),
    ("CLOSE nothing", "34000", None, None, None),
    ("DECLARE c CURSOR FOR SELECT 1", "25P01", None, None, None),
    ("SAVEPOINT a", "25P01", None, None, None),
    ("SELECT (SELECT id FROM p3 UNION ALL SELECT 2)", "21000", None, None, None),
    ("SELECT sum(id) FROM p3 WHERE count(*) > 1", "42803", None, None, None),
    ("INSERT INTO p3 (id, id) VALUES (1, 2)", "42701", None, None, None),
]


@pytest.mark.parametrize("query,state,name,column,constraint", STATES,
                         ids=[f"{state}-{n}" for n, (_, state, *_) in enumerate(STATES)])
def test_sqlstate(conn, table, query, state, name, column, constraint):
    """Each failure has PostgreSQL's SQLSTATE, and names what was violated."""
    conn.execute("INSERT INTO p3 VALUES (1, 'a', 1, 'x')")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(query)
    diag = caught.value.diag
    assert diag.sqlstate == state, diag.message_primary
    assert diag.severity == "ERROR"
    assert (diag.table_name, diag.column_name, diag.constraint_name) == (name, column, constraint)
    assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("query,position", [
    ("SELECT * FROM nowhere", "15"), ("SELECT nothing FROM \"Country\"", "8"), ("SELEC 1", "1"),
    ("SELECT 'ü' FRM x y", "16"),
])
def test_position(conn, query, position):
    """Errors point into the text, counted in characters."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(query)
    assert caught.value.diag.statement_position == position


def test_unknown_database(link):
    """3D000."""
    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        psycopg.connect(**link.libpq | {"dbname": "nowhere"})


def test_wrong_password(link, tls):
    """28P01, for a wrong password and an unknown user alike."""
    if not tls:
        pytest.skip("no passwords in clear")
    for change in ({"password": "wrong"}, {"user": "nobody"}):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(**link.libpq | change)


def test_cancel(link, conn):
    """A cancelled statement ends with 57014 while another session goes on."""
    timer = threading.Timer(0.5, conn.cancel_safe)
    timer.start()
    started = time.monotonic()
    with psycopg.connect(**link.libpq) as other:
        peer = threading.Thread(target=lambda: [other.execute("SELECT 1") for _ in range(50)])
        peer.start()
        with pytest.raises(errors.QueryCanceled):
            conn.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                         "WHERE i < 10000000000) SELECT count(*) FROM n")
        peer.join()
    assert time.monotonic() - started < 10
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_cancel_while_rows_are_sent(conn):
    """A cancel also stops rows on their way."""
    timer = threading.Timer(0.3, conn.cancel_safe)
    timer.start()
    with pytest.raises(errors.QueryCanceled):
        for _ in conn.cursor().stream("SELECT generate_series(1, 1000000000)"):
            pass
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_statement_timeout(conn):
    """statement_timeout acts, and RESET takes it back."""
    conn.execute("SET statement_timeout = '200ms'")
    assert conn.execute("SHOW statement_timeout").fetchone() == ("200ms",)
    started = time.monotonic()
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        conn.execute("SELECT pg_sleep(10)")
    assert time.monotonic() - started < 8
    conn.execute("RESET statement_timeout")
    assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_lock_timeout(link, conn, table):
    """lock_timeout bounds the wait for a writer."""
    conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a')")
    with psycopg.connect(**link.libpq) as other:
        other.execute("UPDATE p3 SET name = 'b' WHERE id = 1")
        conn.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.LockNotAvailable):
            conn.execute("UPDATE p3 SET name = 'c' WHERE id = 1")
        other.rollback()
    conn.execute("RESET lock_timeout")
    conn.execute("UPDATE p3 SET name = 'c' WHERE id = 1")


def test_waiting_writer(link, conn, table):
    """A writer waits for the one before it, and then goes on."""
    conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a')")
    other = psycopg.connect(**link.libpq)
    other.execute("UPDATE p3 SET name = name || 'b' WHERE id = 1")
    timer = threading.Timer(0.5, other.commit)
    timer.start()
    conn.execute("UPDATE p3 SET name = name || 'c' WHERE id = 1")
    timer.join()
    other.close()
    assert conn.execute("SELECT name FROM p3").fetchone() == ("abc",)


def test_idle_in_transaction_timeout(link):
    """An idle transaction is ended together with its session."""
    with psycopg.connect(**link.libpq, autocommit=True) as idle:
        idle.execute("SET idle_in_transaction_session_timeout = '200ms'")
        idle.execute("BEGIN")
        time.sleep(1)
        with pytest.raises((errors.IdleInTransactionSessionTimeout, psycopg.OperationalError)):
            idle.execute("SELECT 1")
        assert idle.broken


def test_settings(conn):
    """SET, SET LOCAL, SHOW, RESET, set_config and current_setting."""
    def show():
        return conn.execute("SHOW application_name").fetchone()[0]

    conn.execute("SET application_name = 'one'")
    assert show() == "one"
    assert conn.info.parameter_status("application_name") == "one"
    conn.execute("BEGIN; SET LOCAL application_name = 'two'")
    assert show() == "two"
    conn.execute("COMMIT")
    assert show() == "one"
    conn.execute("BEGIN; SET application_name = 'three'; ROLLBACK")
    assert show() == "one"
    assert conn.execute("SELECT set_config('application_name', 'four', false), "
                        "current_setting('application_name')").fetchone()[0] == "four"
    assert show() == "four"
    conn.execute("RESET application_name")
    assert show() == ""
    conn.execute("SET my.own = 'x'")
    assert conn.execute("SELECT current_setting('my.own'), current_setting('my.none', true)"
                        ).fetchone() == ("x", None)
    assert conn.info.parameter_status("server_version").startswith("15")
    assert conn.info.parameter_status("integer_datetimes") == "on"
    assert conn.info.parameter_status("client_encoding") == "UTF8"
    assert conn.info.parameter_status("standard_conforming_strings") == "on"


def test_time_zone(conn):
    """timestamptz is shown in the session's zone."""
    conn.execute("SET timezone = 'America/New_York'")
    assert conn.info.parameter_status("TimeZone") == "America/New_York"
    row = conn.execute("SELECT '2024-07-01 12:00:00+00'::timestamptz::text").fetchone()
    assert row == ("2024-07-01 08:00:00-04",)


def test_copy_text(conn, table):
    """COPY in and out, text."""
    with conn.cursor().copy("COPY p3 (id, name, amount) FROM STDIN") as copy:
        copy.write_row((1, "tab\there", "1.5"))
        copy.write_row((2, "back\\slash\nline", None))
    with conn.cursor().copy("COPY (SELECT * FROM p3 ORDER BY id) TO STDOUT") as copy:
        data = b"".join(copy)
    assert data == b"1\ttab\\there\t1.50\t\\N\n2\tback\\\\slash\\nline\t\\N\t\\N\n"


def test_copy_csv(conn, table):
    """COPY in and out, csv with header, quotes and a NULL string."""
    with conn.cursor().copy("COPY p3 FROM STDIN (FORMAT csv, HEADER, NULL 'nil')") as copy:
        copy.write('id,name,amount,code\n1,"a ""quoted"", b",nil,x\n2,nil x,2.5,nil\n')
    with conn.cursor().copy("COPY p3 TO STDOUT WITH (FORMAT csv, HEADER true)") as copy:
        data = b"".join(copy)
    assert data == b'id,name,amount,code\n1,"a ""quoted"", b",,x\n2,nil x,2.50,\n'
    with conn.cursor().copy("COPY p3 (name, id) TO STDOUT (FORMAT csv, DELIMITER ';', "
                            "FORCE_QUOTE (name))") as copy:
        assert b"".join(copy) == b'"a ""quoted"", b";1\n"nil x";2\n'


def test_copy_binary(conn, table):
    """COPY in and out, binary."""
    with conn.cursor().copy("COPY p3 (id, name) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        for n in range(1000):
            copy.write_row((n, f"n{n}"))
    with conn.cursor().copy("COPY p3 (id, name) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        assert list(copy.rows()) == [(n, f"n{n}") for n in range(1000)]


def test_copy_errors(conn, table):
    """A bad line undoes the whole COPY and leaves the session usable."""
    for text, state in (("1\ta\nx\tb\n", "22P02"), ("1\ta\n1\tb\n", "23505"), ("1\n", "22P04"),
                        ("1\ta\tb\n", "22P04"), ("1\t\\N\n", "23502")):
        with pytest.raises(psycopg.Error) as caught:
            with conn.cursor().copy("COPY p3 (id, name) FROM STDIN") as copy:
                copy.write(text)
        assert caught.value.sqlstate == state, text
        assert conn.execute("SELECT count(*) FROM p3").fetchone() == (0,)
    with pytest.raises(RuntimeError), conn.cursor().copy("COPY p3 FROM STDIN") as copy:
        copy.write("1\ta\t1\tx\n")
        raise RuntimeError
    assert conn.execute("SELECT count(*) FROM p3").fetchone() == (0,)


def test_listen_notify(link, conn):
    """Notifications arrive at commit, with the sender's pid and payload."""
    with psycopg.connect(**link.libpq, autocommit=True) as sender:
        conn.execute("LISTEN news")
        sender.execute("NOTIFY news, 'one'")
        with sender.transaction():
            sender.execute("SELECT pg_notify('news', 'two')")
        sender.execute("BEGIN; NOTIFY news, 'never'; ROLLBACK")
        sender.execute("NOTIFY other, 'unheard'")
        got = list(conn.notifies(timeout=5, stop_after=2))
        assert [(n.channel, n.payload) for n in got] == [("news", "one"), ("news", "two")]
        assert got[0].pid == sender.info.backend_pid
        conn.execute("UNLISTEN *")
        sender.execute("NOTIFY news, 'late'")
        assert list(conn.notifies(timeout=0.3)) == []


def test_many_statements(conn, table):
    """Several statements in one message are one transaction, with one result each."""
    cursor = conn.execute("INSERT INTO p3 (id, name) VALUES (1, 'a'); SELECT 2 AS two; SELECT 'x;'")
    assert cursor.statusmessage == "INSERT 0 1"
    cursor.nextset()
    assert cursor.fetchone() == (2,)
    cursor.nextset()
    assert cursor.fetchone() == ("x;",)
    with pytest.raises(errors.DivisionByZero):
        conn.execute("INSERT INTO p3 (id, name) VALUES (2, 'b'); SELECT 1/0")
    assert conn.execute("SELECT count(*) FROM p3").fetchone() == (1,)


def test_describe(conn):
    """Inferred parameter types, result types, table and column numbers."""
    pg = conn.pgconn
    query = ('SELECT "Total", "InvoiceId" + 1 FROM "Invoice" '
             'WHERE "InvoiceDate" > $1 AND "Paid" = $2 LIMIT $3')
    assert pg.prepare(b"d", query.encode()).status == psycopg.pq.ExecStatus.COMMAND_OK
    described = pg.describe_prepared(b"d")
    assert [described.param_type(n) for n in (1, 2)] == [16, 20]
    assert [described.fname(n) for n in (0, 1)] == [b"Total", b"?column?"]
    assert (described.ftype(0), described.fmod(0)) == (1700, (10 << 16 | 2) + 4)
    assert described.ftable(0) != 0 and described.ftablecol(0) == 4
    assert (described.ftable(1), described.ftablecol(1)) == (0, 0)


def test_large_values(conn, table):
    """Megabytes in a parameter, a column and a row."""
    big = "ä" * 3_000_000
    conn.execute("INSERT INTO p3 (id, name) VALUES (1, %s)", (big,))
    assert conn.execute("SELECT name, length(name) FROM p3").fetchone() == (big, len(big))


def test_joins_and_windows(conn):
    """A query of the usual size."""
    rows = conn.execute(
        'SELECT c."LastName", count(*) AS n, sum(i."Total") AS total, '
        'rank() OVER (ORDER BY sum(i."Total") DESC) AS place '
        'FROM "Invoice" i JOIN "Customer" c USING ("CustomerId") '
        'LEFT JOIN "Country" k ON k."Code" = c."CountryCode" '
        'WHERE i."Total" BETWEEN %s AND %s GROUP BY c."LastName" HAVING count(*) > 2 '
        'ORDER BY total DESC NULLS LAST, 1 LIMIT 3 OFFSET 1', (1, 150)).fetchall()
    assert len(rows) == 3 and rows[0][3] == 2 and isinstance(rows[0][2], decimal.Decimal)


def test_null_order_and_text(conn):
    """NULLs sort last, LIKE minds case, ILIKE does not."""
    rows = conn.execute('SELECT "CountryCode" FROM "Customer" GROUP BY 1 ORDER BY 1').fetchall()
    assert rows[-1] == (None,)
    assert conn.execute("SELECT 'Abc' LIKE 'a%', 'Abc' ILIKE 'a%', NULL = NULL, "
                        "'b' IN ('a', NULL)").fetchone() == (False, True, None, None)


def test_identifiers(conn):
    """Quoting through the driver's own composition."""
    query = sql.SQL("SELECT {} FROM {}.{} WHERE {} = %s").format(
        sql.Identifier("Name"), sql.Identifier("public"), sql.Identifier("Country"),
        sql.Identifier("Code"))
    assert conn.execute(query, ("AX",)).fetchone() == ("Åland Islands",)


def test_numbers_of_sequences(link, conn):
    """currval and lastval tell what this session was given, and no other."""
    conn.execute("DROP TABLE IF EXISTS p3_a, p3_b")
    conn.execute("CREATE TABLE p3_a (id bigserial PRIMARY KEY, t text UNIQUE)")
    conn.execute("CREATE TABLE p3_b (id bigserial PRIMARY KEY)")
    one = "SELECT currval('p3_a_id_seq'), currval(pg_get_serial_sequence('p3_b', 'id')), lastval()"
    for query in ("SELECT lastval()", "SELECT currval('p3_a_id_seq')"):
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            conn.execute(query)
    conn.execute("INSERT INTO p3_a (t) VALUES ('x'), ('y')")
    conn.execute("INSERT INTO p3_b DEFAULT VALUES")
    assert conn.execute(one).fetchone() == (2, 1, 1)
    with psycopg.connect(**link.libpq, autocommit=True) as other:
        other.execute("INSERT INTO p3_a (t) SELECT 'z'")
        assert other.execute("SELECT lastval()").fetchone() == (3,)
    assert conn.execute(one).fetchone() == (2, 1, 1)
    # A key that the statement gives is no number of the sequence.
    conn.execute("INSERT INTO p3_a VALUES (50, 'w')")
    assert conn.execute(one).fetchone() == (2, 1, 1)
    conn.execute("SELECT setval('p3_a_id_seq', 60)")
    assert conn.execute(one).fetchone() == (60, 1, 1)
    conn.execute("INSERT INTO p3_a VALUES (DEFAULT, 'v') RETURNING id")
    assert conn.execute(one).fetchone() == (61, 1, 61)
    assert conn.execute("SELECT nextval('p3_b_id_seq')").fetchone() == (2,)
    assert conn.execute(one).fetchone() == (61, 2, 2)
    conn.execute("DISCARD SEQUENCES")
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        conn.execute("SELECT lastval()")
    conn.execute("DROP TABLE p3_a, p3_b")


def test_discard(conn):
    """DISCARD ALL forgets settings, statements and temporary tables."""
    conn.execute("SET application_name = 'x'")
    conn.execute("PREPARE q AS SELECT 1")
    conn.execute("CREATE TEMP TABLE scratch (a int)")
    conn.execute("INSERT INTO scratch VALUES (1)")
    conn.execute("DISCARD ALL")
    assert conn.execute("SHOW application_name").fetchone() == ("",)
    with pytest.raises(errors.UndefinedTable):
        conn.execute("SELECT * FROM scratch")


@pytest.mark.parametrize("zone,shown,noon", [
    ("INTERVAL '+00:00' HOUR TO MINUTE", "<+00>-00", "12:00:00+00"),
    ("INTERVAL '-08:30' HOUR TO MINUTE", "<-08:30>+08:30", "03:30:00-08:30"),
    ("INTERVAL '2 hours'", "<+02>-02", "14:00:00+02"),
])
def test_time_zone_by_interval(link, zone, shown, noon):
    """A zone may be given by its distance."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        connection.execute(f"SET TIME ZONE {zone}")
        assert connection.execute("SHOW timezone").fetchone() == (shown,)
        sql = "SELECT (timestamptz '2024-06-01 12:00:00+00')::text"
        assert connection.execute(sql).fetchone() == ("2024-06-01 " + noon,)
