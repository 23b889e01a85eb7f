"""The protocol itself, message by message, without a driver."""

import socket
import struct
import time

import pytest
import servers
from protocol import (CANCEL_REQUEST, FLUSH, GSSENC_REQUEST, PROTOCOL_3_2, SSL_REQUEST, SYNC,
                      TERMINATE, Wire, bind, close, columns, describe, errors, execute, fields,
                      kinds, message, parse, query, rows, startup, tags, text)


@pytest.fixture
def wire(link):
    """A started session."""
    with Wire(link) as session:
        assert session.start()[-1] == ("Z", b"I")
        yield session


def test_startup(link):
    """What a session is told at its start."""
    with Wire(link) as session:
        got = session.start(application_name="wire")
    assert got[0] == ("R", struct.pack("!I", 0))
    status = dict(body[:-1].decode().split("\0") for kind, body in got if kind == "S")
    assert status["server_version"].startswith("15") and status["application_name"] == "wire"
    for name in ("client_encoding", "server_encoding", "DateStyle", "TimeZone", "is_superuser",
                 "integer_datetimes", "standard_conforming_strings", "session_authorization",
                 "IntervalStyle", "default_transaction_read_only", "in_hot_standby"):
        assert name in status
    assert len(session.key) == 8


def test_ssl_request_in_clear(link):
    """Without TLS the answer is N and the session may go on in clear."""
    if servers.TARGET == "postgres":
        pytest.skip("the oracle has TLS")
    with Wire(link) as session:
        session.send(struct.pack("!II", 8, SSL_REQUEST))
        assert session.take(1) == b"N"
        assert session.start()[-1] == ("Z", b"I")


def test_gssenc_request(link):
    """GSS encryption is declined, also before SSLRequest."""
    with Wire(link) as session:
        session.send(struct.pack("!II", 8, GSSENC_REQUEST))
        if session.take(1) == b"G" and servers.TARGET == "postgres":
            pytest.skip("the oracle has GSS")
        session.send(struct.pack("!II", 8, SSL_REQUEST))
        assert session.take(1) in (b"N", b"S")


def test_protocol_3_2(link):
    """3.2 is accepted with a longer key, or answered with NegotiateProtocolVersion."""
    with Wire(link) as session:
        got = session.start(PROTOCOL_3_2)
        assert got[-1] == ("Z", b"I")
        if servers.TARGET == "egret":
            assert "v" not in kinds(got) and 8 < len(session.key) <= 260


def test_unknown_options(link):
    """Unknown minor versions and _pq_ options are negotiated away."""
    with Wire(link) as session:
        got = session.start(3 << 16 | 9, **{"_pq_.nothing": "1"})
        assert got[0][0] == "v" and got[-1] == ("Z", b"I")
        newest, count = struct.unpack_from("!II", got[0][1])
        assert count == 1 and got[0][1].endswith(b"_pq_.nothing\0")
        assert newest & 0xffff in (0, 2)


def test_unknown_parameter(link):
    """A start-up parameter that is no setting ends the session with 42704."""
    with Wire(link) as session:
        assert errors(session.start(nothing="1")) == ["42704"]
        assert session.ended()


def test_options_parameter(link):
    """`options` carries settings."""
    with Wire(link) as session:
        session.start(options="-c statement_timeout=7s -c application_name=a\\ b")
        assert rows(session.ask(query("SHOW statement_timeout"))) == [[b"7s"]]
        assert rows(session.ask(query("SHOW application_name"))) == [[b"a b"]]


def test_old_protocol(link):
    """Protocol 2 is refused."""
    with Wire(link) as session:
        session.send(struct.pack("!II", 8, 2 << 16))
        session.until("E")
        assert session.ended()


def test_no_user(link):
    """A StartupMessage without a user is refused with 28000."""
    with Wire(link) as session:
        session.send(startup(database="shop"))
        assert errors(session.until("E")) == ["28000"]


def test_unknown_database(link):
    """3D000, FATAL, and the connection ends."""
    with Wire(link) as session:
        got = session.start(database="nowhere")
        assert errors(got) == ["3D000"]
        assert fields(got[-1][1])["S"] == "FATAL"
        assert session.ended()


def test_simple_query(wire):
    """RowDescription, DataRow, CommandComplete, ReadyForQuery."""
    got = wire.ask(query("SELECT 1 AS one, NULL AS none, 'x'::text"))
    assert kinds(got) == "TDCZ"
    assert rows(got) == [[b"1", None, b"x"]]
    assert tags(got) == ["SELECT 1"]
    assert got[0][1].startswith(struct.pack("!H", 3) + text("one"))


@pytest.mark.parametrize("sql", ["", "  ", ";", "-- nothing", "/* a /* b */ c */"])
def test_empty_query(wire, sql):
    """An empty query has an answer of its own, in both protocols."""
    assert kinds(wire.ask(query(sql))) == "IZ"
    assert kinds(wire.ask(parse(sql), bind(), describe(b"P"), execute(), SYNC)) == "12nIZ"


@pytest.mark.parametrize("sql", ["SELECT 1;", ";SELECT 1", " ; SELECT 1 ;; ", "SELECT 1 ; -- x"])
def test_semicolons(wire, sql):
    """Empty statements around the one are nothing."""
    assert kinds(wire.ask(query(sql))) == "TDCZ"
    assert kinds(wire.ask(parse(sql), bind(), execute(), SYNC)) == "12DCZ"


def test_implicit_transaction(wire):
    """Statements of one message are one transaction; an error undoes them all."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a int PRIMARY KEY)"))
    got = wire.ask(query("INSERT INTO w VALUES (1); SELECT count(*) FROM w; SELECT 1/0; SELECT 3"))
    assert kinds(got) == "CTDCEZ" or kinds(got) == "CTDCTEZ"
    assert got[-1] == ("Z", b"I")
    assert rows(wire.ask(query("SELECT count(*) FROM w"))) == [[b"0"]]
    wire.ask(query("INSERT INTO w VALUES (1); COMMIT; INSERT INTO w VALUES (2); SELECT 1/0"))
    assert rows(wire.ask(query("SELECT a FROM w"))) == [[b"1"]]
    wire.ask(query("DROP TABLE w"))


def test_transaction_status(wire):
    """The status byte through a transaction's life."""
    steps = [("BEGIN", b"T"), ("SELECT 1", b"T"), ("SELECT 1/0", b"E"), ("SELECT 1", b"E"),
             ("COMMIT", b"I"), ("BEGIN; SELECT 1/0", b"E"), ("ROLLBACK", b"I"),
             ("BEGIN; COMMIT; BEGIN", b"T"), ("ROLLBACK AND CHAIN", b"T"), ("END", b"I")]
    assert [wire.ask(query(sql))[-1][1] for sql, _ in steps] == [status for _, status in steps]


def test_failed_block(wire):
    """In a failed block names are not looked at, syntax is."""
    wire.ask(query("BEGIN; SELECT 1/0"))
    assert errors(wire.ask(query("SELECT * FROM nowhere"))) == ["25P02"]
    assert errors(wire.ask(parse("SELECT * FROM nowhere"), SYNC)) == ["25P02"]
    assert errors(wire.ask(query("SELEC 1"))) == ["42601"]
    assert kinds(wire.ask(parse("ROLLBACK"), bind(), execute(), SYNC)) == "12CZ"


def test_vacuum(wire):
    """VACUUM runs alone, however its messages arrive, and not among others."""
    wire.send(parse("VACUUM"), bind(), execute())
    time.sleep(0.1)
    assert tags(wire.ask(SYNC)) == ["VACUUM"]
    assert errors(wire.ask(query("SELECT 1; VACUUM"))) == ["25001"]
    assert errors(wire.ask(parse("SELECT 1"), bind(), execute(), parse("VACUUM"), bind(),
                           execute(), SYNC)) == ["25001"]


def test_savepoint_after_a_write_was_stopped(wire):
    """What was written before the savepoint is kept, or the transaction fails: never lost unseen."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a bigint)"))
    wire.ask(query("BEGIN; INSERT INTO w VALUES (-1); SAVEPOINT a; "
                   "SET LOCAL statement_timeout = '200ms'"))
    got = wire.ask(query("INSERT INTO w WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
                         "SELECT i + 1 FROM n WHERE i < 100000000) SELECT i FROM n"))
    assert errors(got) == ["57014"]
    back = wire.ask(query("ROLLBACK TO a"))
    kept = tags(wire.ask(query("COMMIT"))) == ["COMMIT"]
    assert kept != bool(errors(back))
    assert rows(wire.ask(query("SELECT a FROM w"))) == ([[b"-1"]] if kept else [])
    wire.ask(query("DROP TABLE w"))


def test_warnings(wire):
    """COMMIT without BEGIN warns with 25P01, BEGIN twice with 25001."""
    for sql, state in (("COMMIT", "25P01"), ("ROLLBACK", "25P01"), ("BEGIN; BEGIN", "25001")):
        notices = [fields(b) for k, b in wire.ask(query(sql)) if k == "N"]
        assert [(n["V"], n["C"]) for n in notices] == [("WARNING", state)]
    wire.ask(query("ROLLBACK"))


def test_extended_query(wire):
    """A named statement: described, bound twice, closed."""
    got = wire.ask(parse("SELECT $1::int4 + 1 AS n, $2", "s"), describe(b"S", "s"), SYNC)
    assert kinds(got) == "1tTZ"
    assert got[1][1] == struct.pack("!HII", 2, 23, 25)
    got = wire.ask(bind([b"41", b"a"], name="s"), execute(),
                   bind([struct.pack("!i", 1), None], name="s", formats=[1, 0], results=[1, 1]),
                   describe(b"P"), execute(), close(b"S", "s"), SYNC)
    assert kinds(got) == "2DC2TDC3Z"
    assert rows(got) == [[b"42", b"a"], [struct.pack("!i", 2), None]]
    assert errors(wire.ask(bind(name="s"), SYNC)) == ["26000"]


def test_pipeline(wire):
    """Many requests before one Sync; each is answered in turn."""
    batch = [part for n in range(200)
             for part in (parse("SELECT $1::int4"), bind([str(n).encode()]), execute())]
    got = wire.ask(*batch, SYNC)
    assert rows(got) == [[str(n).encode()] for n in range(200)]
    wire.send(*([*batch[:3], SYNC] * 3))
    assert [kinds(wire.until()) for _ in range(3)] == ["12DCZ"] * 3


def test_error_skips_until_sync(wire):
    """After an error all is skipped until Sync, and the implicit transaction is undone."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a int PRIMARY KEY)"))
    got = wire.ask(parse("INSERT INTO w VALUES (1)"), bind(), execute(),
                   parse("SELECT 1/0"), bind(), execute(),
                   parse("INSERT INTO w VALUES (2)"), bind(), execute(), SYNC)
    assert kinds(got).endswith("EZ") and kinds(got).count("C") == 1
    assert errors(got) == ["22012"]
    assert rows(wire.ask(query("SELECT count(*) FROM w"))) == [[b"0"]]
    assert kinds(wire.ask(parse("SELEC"), query("SELECT 1"), parse("SELECT 2"), SYNC)) == "EZ"
    wire.ask(query("DROP TABLE w"))


def test_flush(wire):
    """Flush sends what there is without ending the transaction."""
    wire.send(parse("SELECT 7", "f"), describe(b"S", "f"), FLUSH)
    assert kinds(wire.until("T")) == "1tT"
    wire.send(bind(name="f"), execute(), FLUSH)
    assert kinds(wire.until("C")) == "2DC"
    assert kinds(wire.ask(SYNC)) == "Z"


def test_error_before_flush(wire):
    """An error is told at once: a client may wait for it before it says Sync."""
    wire.send(parse("SELECT nothing"), describe(b"S"), FLUSH)
    assert kinds(wire.until("E")) == "E"
    assert kinds(wire.ask(SYNC)) == "Z"


def test_portal_suspension(wire):
    """Execute with a row limit suspends and resumes; another portal may run in between."""
    wire.send(query("BEGIN"))
    wire.until()
    got = wire.ask(parse("SELECT generate_series(1, 5)", "g"), bind(portal="a", name="g"),
                   bind(portal="b", name="g"), execute(2, "a"), execute(3, "b"), execute(2, "a"),
                   SYNC)
    assert kinds(got) == "122DDsDDDsDDsZ"
    got = wire.ask(execute(2, "a"), execute(0, "b"), close(b"P", "a"), SYNC)
    assert kinds(got) == "DCDDC3Z"
    assert tags(got) == ["SELECT 1", "SELECT 2"]
    assert tags(wire.ask(execute(0, "b"), SYNC)) == ["SELECT 0"]
    wire.ask(parse("SET application_name = 'x'"), bind(portal="s"), execute(0, "s"), SYNC)
    assert errors(wire.ask(execute(0, "s"), SYNC)) == ["55000"]
    wire.ask(query("ROLLBACK; BEGIN"))
    wire.ask(parse("SELECT 1"), bind(portal="a"), bind(portal="b"), close(b"P", "a"), SYNC)
    assert errors(wire.ask(execute(0, "a"), SYNC)) == ["34000"]
    wire.ask(query("ROLLBACK"))
    assert errors(wire.ask(execute(0, "b"), SYNC)) == ["34000"]


def test_portals_end_with_the_transaction(wire):
    """Outside a transaction block Sync drops portals, and a Query the unnamed statement."""
    wire.ask(parse("SELECT 1"), bind(portal="p"), SYNC)
    assert errors(wire.ask(execute(0, "p"), SYNC)) == ["34000"]


def test_duplicate_names(wire):
    """A named statement must be closed before its name is used again."""
    wire.ask(parse("SELECT 1", "twice"), SYNC)
    assert errors(wire.ask(parse("SELECT 2", "twice"), SYNC)) == ["42P05"]
    assert kinds(wire.ask(close(b"S", "never"), close(b"S", "twice"), SYNC)) == "33Z"
    wire.ask(query("BEGIN"))
    assert errors(wire.ask(parse("SELECT 1"), bind(portal="p"), bind(portal="p"), SYNC)) == [
        "42P03"]
    wire.ask(query("ROLLBACK"))


@pytest.mark.parametrize("messages,state", [
    ([parse("SELECT 1; SELECT 2"), SYNC], "42601"),
    ([parse("SELECT $1::int"), bind(), SYNC], "08P01"),
    ([parse("SELECT $1::int"), bind([b"x"]), SYNC], "22P02"),
    ([parse("SELECT $1::int"), bind([b"abc"], formats=[1]), SYNC], "08P01|22P03"),
    ([parse("SELECT 1"), bind(formats=[0, 1]), SYNC], "08P01"),
    ([parse("SELECT 1"), bind(results=[0, 0]), SYNC], "08P01"),
    ([parse("SELECT 1"), bind(results=[7]), execute(), SYNC], "22023"),
    ([describe(b"S", "none"), SYNC], "26000"),
    ([describe(b"P", "none"), SYNC], "34000"),
    ([describe(b"Z", "none"), SYNC], "08P01"),
    ([parse("SELECT $1"), bind([b"a\0b"]), execute(), SYNC], "22021"),
    ([parse("SELECT $1"), bind([b"\xff"]), execute(), SYNC], "22021"),
    ([query("SELECT '\0")], "08P01"),
])
def test_bad_requests(wire, messages, state):
    """Each wrong request has its SQLSTATE and leaves the session usable."""
    got = wire.ask(*messages)
    assert errors(got) and errors(got)[0] in state.split("|")
    if got[-1][0] == "Z":
        assert rows(wire.ask(query("SELECT 1"))) == [[b"1"]]


def test_invalid_utf8(wire):
    """Text that is not UTF-8 is refused, not stored."""
    assert errors(wire.ask(message(b"Q", b"SELECT '\xff\xfe'\0"))) == ["22021"]


def test_copy_in(wire):
    """CopyData, CopyFail, and a message that does not belong."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a int PRIMARY KEY, b text)"))
    wire.send(query("COPY w FROM STDIN; SELECT count(*) FROM w"))
    assert wire.until("G")[-1] == ("G", struct.pack("!BHHH", 0, 2, 0, 0))
    # A row may be cut anywhere; Flush and Sync are ignored while copying.
    got = wire.ask(message(b"d", b"1\to"), SYNC, message(b"d", b"ne\n2\ttwo"), FLUSH,
                   message(b"c"))
    assert tags(got) == ["COPY 2", "SELECT 1"] and rows(got) == [[b"2"]]
    wire.send(query("COPY w FROM STDIN"))
    wire.until("G")
    got = wire.ask(message(b"d", b"3\tthree\n"), message(b"f", text("no more")))
    assert errors(got) == ["57014"]
    wire.send(query("COPY w FROM STDIN"))
    wire.until("G")
    assert errors(wire.ask(query("SELECT 1")))[0] == "08P01"
    with Wire(wire.link) as other:
        other.start()
        assert rows(other.ask(query("SELECT count(*) FROM w"))) == [[b"2"]]
        other.ask(query("DROP TABLE w"))


def test_copy_in_that_waits(wire):
    """Until its first data is there, and that is not little, COPY keeps no other writer waiting."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a int PRIMARY KEY, b text)"))
    wire.send(query("COPY w FROM STDIN"))
    wire.until("G")
    with Wire(wire.link) as other:
        other.start()
        other.ask(query("SET lock_timeout = '3s'"))
        assert tags(other.ask(query("INSERT INTO w VALUES (1, 'x')"))) == ["INSERT 0 1"]
        wire.send(message(b"d", b"2\ttwo\n3\tth"))
        assert tags(other.ask(query("INSERT INTO w VALUES (4, 'x')"))) == ["INSERT 0 1"]
        got = wire.ask(message(b"d", b"ree\n"), message(b"c"))
        assert tags(got) == ["COPY 2"]
        assert rows(other.ask(query("SELECT count(*) FROM w"))) == [[b"4"]]
        other.ask(query("DROP TABLE w"))


def test_copy_in_fails_within_a_message(wire):
    """What is left of a long CopyData message is skipped, however late it comes."""
    wire.ask(query("DROP TABLE IF EXISTS w; CREATE TABLE w (a int PRIMARY KEY, b text)"))
    wire.send(query("COPY w FROM STDIN"))
    wire.until("G")
    data = b"".join(b"%d\trow\n" % n for n in range(20_000)) + b"oops\tx\n"
    whole = message(b"d", data + b"1\tagain\n" * 50_000)
    for at in range(0, len(whole), 100_000):
        wire.send(whole[at:at + 100_000])
    got = wire.ask(message(b"c"))
    assert errors(got) == ["22P02"]
    assert rows(wire.ask(query("SELECT count(*) FROM w"))) == [[b"0"]]
    wire.ask(query("DROP TABLE w"))


def test_copy_out(wire):
    """CopyOutResponse, one CopyData a row, CopyDone."""
    got = wire.ask(query("COPY (SELECT generate_series(1, 3)) TO STDOUT"))
    assert kinds(got) == "HdddcCZ"
    assert [body for kind, body in got if kind == "d"] == [b"1\n", b"2\n", b"3\n"]
    got = wire.ask(parse("COPY (SELECT 1) TO STDOUT (FORMAT binary)"), bind(), execute(), SYNC)
    data = b"".join(body for kind, body in got if kind == "d")
    assert data.startswith(b"PGCOPY\n\xff\r\n\0") and data.endswith(b"\xff\xff")


def test_cancel_with_a_wrong_key(wire):
    """A wrong key cancels nothing; the right one does; both connections just close."""
    pid, secret = wire.key[:4], wire.key[4:]
    wrong = bytes(b ^ 0xff for b in secret)

    def cancel(key):
        with Wire(wire.link) as session:
            session.send(struct.pack("!II", 12 + len(key), CANCEL_REQUEST) + pid + key)
            assert session.ended()

    wire.send(query("SELECT pg_sleep(1)"))
    time.sleep(0.2)
    cancel(wrong)
    assert errors(wire.until()) == []
    wire.send(query("SELECT pg_sleep(20)"))
    time.sleep(0.2)
    cancel(secret)
    assert errors(wire.until()) == ["57014"]
    cancel(secret)
    assert rows(wire.ask(query("SELECT 1"))) == [[b"1"]]


def test_idle_sessions(link):
    """Time limits of idle sessions, also of those that keep temporary tables."""
    begin = "BEGIN; CREATE TEMP TABLE t (a int)"
    for name, start, state in (("idle_in_transaction_session_timeout", begin, "25P03"),
                               ("idle_session_timeout", "CREATE TEMP TABLE t (a int)", "57P05")):
        with Wire(link) as session:
            session.start()
            session.ask(query(f"SET {name} = '900ms'"))
            started = time.monotonic()
            session.ask(query(start))
            got = session.until("E")
            assert errors(got) == [state] and fields(got[-1][1])["S"] == "FATAL"
            assert 0.8 < time.monotonic() - started < 10
            assert session.ended()


def test_terminate(wire):
    """Terminate closes the connection, also in the middle of a transaction."""
    wire.ask(query("BEGIN"))
    wire.send(TERMINATE)
    assert wire.ended()


def test_function_call(wire):
    """FunctionCall is answered, with a result or an error, and the session goes on."""
    got = wire.ask(message(b"F", struct.pack("!IHHH", 1, 0, 0, 0)))
    assert len(errors(got)) == 1 and got[-1] == ("Z", b"I")


def test_slow_sender(wire):
    """A message that arrives byte by byte is one message."""
    for byte in query("SELECT 'slow'"):
        wire.send(bytes([byte]))
        time.sleep(0.002)
    assert rows(wire.until()) == [[b"slow"]]


def test_half_a_message_then_silence(link, wire):
    """A peer that stops in the middle of a message blocks nobody."""
    with Wire(link) as stuck:
        stuck.start()
        stuck.send(query("SELECT 1")[:7])
        with Wire(link) as mute:
            mute.send(b"\0\0")
            assert rows(wire.ask(query("SELECT 2"))) == [[b"2"]]


def test_reader_that_does_not_read(link, wire):
    """A peer that asks for much and reads nothing blocks nobody."""
    with Wire(link) as deaf:
        deaf.start()
        deaf.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))
        time.sleep(0.3)
        for n in range(20):
            assert rows(wire.ask(query(f"SELECT {n}"))) == [[str(n).encode()]]
        deaf.socket.shutdown(socket.SHUT_RDWR)
    assert rows(wire.ask(query("SELECT 1"))) == [[b"1"]]


def test_many_columns_and_formats(wire):
    """Each column may have its own format."""
    names = [f"{n}::int4" for n in range(300)]
    formats = [n % 2 for n in range(300)]
    got = wire.ask(parse("SELECT " + ", ".join(names)), bind(results=formats), execute(), SYNC)
    row = next(columns(body) for kind, body in got if kind == "D")
    assert row == [struct.pack("!i", n) if n % 2 else str(n).encode() for n in range(300)]


def test_too_many_columns(wire):
    """A select list has a limit."""
    assert errors(wire.ask(query("SELECT " + ", ".join(["1"] * 1665)))) == ["54011"]
    got = wire.ask(query("SELECT " + ", ".join(["1"] * 1664)))
    assert len(rows(got)[0]) == 1664


def test_too_many_connections(link):
    """Beyond the limit 53300 is the answer, and a closed session makes room."""
    opened = []
    try:
        for _ in range(120 if servers.TARGET == "postgres" else 1200):
            session = Wire(link)
            opened.append(session)
            got = session.start()
            if errors(got):
                assert errors(got) == ["53300"]
                break
        else:
            pytest.fail("no limit was met")
    finally:
        for session in opened:
            session.socket.close()
    time.sleep(0.5)
    with Wire(link) as session:
        assert session.start()[-1] == ("Z", b"I")


class TestTls:
    """Starting TLS in both ways."""

    def test_ssl_request(self, secure):
        """SSLRequest, S, handshake, SASL."""
        with Wire(secure) as session:
            session.send(struct.pack("!II", 8, SSL_REQUEST))
            assert session.take(1) == b"S"
            session.encrypt(secure.ca)
            session.send(startup(user=secure.user, database="shop"))
            kind, body = session.read()
            assert kind == "R" and body[:4] == struct.pack("!I", 10)
            assert body[4:] == text("SCRAM-SHA-256-PLUS") + text("SCRAM-SHA-256") + b"\0"

    def test_direct(self, secure):
        """A handshake without SSLRequest, with the ALPN name `postgresql`."""
        if servers.TARGET == "postgres":
            pytest.skip("PostgreSQL 17 and later")
        with Wire(secure) as session:
            session.encrypt(secure.ca, ["postgresql"])
            assert session.socket.selected_alpn_protocol() == "postgresql"
            session.send(startup(user=secure.user, database="shop"))
            assert session.read()[0] == "R"

    def test_clear_is_refused(self, secure):
        """Where users are configured a session in clear is refused, or asked for its password."""
        if servers.TARGET == "postgres":
            pytest.skip("the oracle trusts sessions in clear")
        with Wire(secure) as session:
            session.send(startup(user=secure.user, database="shop"))
            kind, body = session.read()
            assert kind == "E" or body[:4] == struct.pack("!I", 10)

    def test_bytes_before_the_handshake(self, secure):
        """What was sent in clear after SSLRequest is never taken for encrypted input."""
        with Wire(secure) as session:
            session.send(struct.pack("!II", 8, SSL_REQUEST), startup(user="x", database="shop"))
            assert session.take(1) == b"S"
            session.socket.shutdown(socket.SHUT_WR)
            assert "R" not in kinds(session.until("ER"))
            assert session.ended()
