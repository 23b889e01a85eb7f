"""COPY, case by case: what copy.txt says PostgreSQL answers, egret answers as well.

A case is a name, statements of which the last one is COPY, the data if it copies in, and the answer:

    == name
    CREATE TABLE t (a int, b text)
    COPY t FROM STDIN
    -- in
    1␉x
    -- out
    COPY 1
    1␉x

Bytes that are not seen are written as signs: ␉ tab, ␍ carriage return, ␀ zero, ‹c3 28› any bytes;
␄ ends data that has no newline. ∅ is NULL in a table. With `EGRET_TARGET=postgres UPDATE=1` the
answers are written anew.
"""

import os
import pathlib
import re

import psycopg
import pytest
from psycopg import pq

import servers

FILE = pathlib.Path(__file__).with_name("copy.txt")
SIGNS = {"␉": b"\t", "␍": b"\r", "␀": b"\0"}
FIELDS = [
    ("DETAIL", pq.DiagnosticField.MESSAGE_DETAIL), ("HINT", pq.DiagnosticField.MESSAGE_HINT),
    ("CONTEXT", pq.DiagnosticField.CONTEXT), ("COLUMN", pq.DiagnosticField.COLUMN_NAME),
    ("CONSTRAINT", pq.DiagnosticField.CONSTRAINT_NAME),
    ("POSITION", pq.DiagnosticField.STATEMENT_POSITION),
]


def read():
    """All cases as (name, statements, data or None, answer)."""
    cases = []
    for block in re.split(r"^== ", FILE.read_text(), flags=re.M)[1:]:
        head, _, answer = block.partition("-- out\n")
        head, given, data = head.partition("-- in\n")
        name, *statements = head.strip().split("\n")
        cases.append((name, statements, data if given else None, answer.rstrip("\n")))
    return cases


def unseen(text):
    """Signs to bytes."""
    out = b""
    for part in re.split(r"(‹[^›]*›|␄\n|[␉␍␀])", text):
        if part.startswith("‹"):
            out += bytes.fromhex(part[1:-1])
        elif part != "␄\n":
            out += SIGNS.get(part, part.encode())
    return out


def seen(data):
    """Bytes to signs."""
    text = data.decode("utf-8", "surrogateescape")
    text = re.sub("[\udc80-\udcff]+",
                  lambda bad: f"‹{bad[0].encode('utf-8', 'surrogateescape').hex(' ')}›", text)
    text = re.sub("[\x01-\x08\x0b\x0c\x0e-\x1f]", lambda c: f"‹{ord(c[0]):02x}›", text)
    for sign, byte in SIGNS.items():
        text = text.replace(byte.decode(), sign)
    return text


def tell(pgconn, result):
    """A result as the answers have it."""
    if result.status != pq.ExecStatus.FATAL_ERROR:
        return result.command_status.decode()
    state = result.error_field(pq.DiagnosticField.SQLSTATE).decode()
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY).decode()
    lines = [f"ERROR {state} {message}"]
    for name, field in FIELDS:
        if (value := result.error_field(field)) is not None:
            lines.append(f"{name} {seen(value)}")
    return "\n".join(lines)


def copy_in(pgconn, data, size):
    """Sends the data in pieces; answers what the server says at the end."""
    for at in range(0, len(data), size):
        pgconn.put_copy_data(data[at:at + size])
    pgconn.put_copy_end()
    return tell(pgconn, pgconn.get_result())


def copy_out(pgconn, statement):
    """All that is copied out, and the end."""
    out = b""
    while (got := pgconn.get_copy_data(0))[0] > 0:
        out += bytes(got[1])
    binary = re.search("binary", statement, re.I)
    lines = f"‹{out.hex(' ')}›\n" if binary else seen(out)
    if lines and not lines.endswith("\n"):
        lines += "␄\n"
    return lines + tell(pgconn, pgconn.get_result())


def table(pgconn):
    """The rows of the table that was copied into, sorted."""
    result = pgconn.exec_(b"SELECT * FROM t")

    def value(row, column):
        found = result.get_value(row, column)
        return "∅" if found is None else seen(found).replace("\n", "␊")

    rows = ["␉".join(value(row, column) for column in range(result.nfields))
            for row in range(result.ntuples)]
    return "".join(f"\n{row}" for row in sorted(rows))


def answer(link, statements, data, size):
    """What the server makes of a case whose data comes in pieces of this size."""
    with psycopg.connect(**link.libpq, autocommit=True) as connection:
        pgconn = connection.pgconn
        *before, copy = statements
        try:
            pgconn.exec_(b"DROP TABLE IF EXISTS t")
            for statement in before:
                result = pgconn.exec_(statement.encode())
                assert result.status != pq.ExecStatus.FATAL_ERROR, tell(pgconn, result)
            result = pgconn.exec_(copy.encode())
            if result.status == pq.ExecStatus.COPY_IN:
                told = copy_in(pgconn, unseen(data or ""), size)
                return told + table(pgconn)
            if result.status == pq.ExecStatus.COPY_OUT:
                return copy_out(pgconn, copy)
            return tell(pgconn, result)
        finally:
            while pgconn.get_result():
                pass
            pgconn.exec_(b"DROP TABLE IF EXISTS t")


@pytest.mark.parametrize("case", read(), ids=lambda case: case[0].replace(" ", "-"))
def test_case(link, case):
    """The data in one piece, then byte by byte."""
    _, statements, data, expected = case
    told = answer(link, statements, data, 1 << 20)
    if data is not None:
        assert answer(link, statements, data, 1) == told
    if os.environ.get("UPDATE") and servers.TARGET == "postgres":
        write(case[0], told)
        return
    assert told == expected


def write(name, told):
    """Puts an answer into the file."""
    blocks = re.split(r"^(?=== )", FILE.read_text(), flags=re.M)
    for i, block in enumerate(blocks):
        if block.startswith(f"== {name}\n"):
            given = block.partition("-- out\n")[0]
            blocks[i] = f"{given}-- out\n{told}\n\n"
    FILE.write_text("".join(blocks).rstrip("\n") + "\n")
