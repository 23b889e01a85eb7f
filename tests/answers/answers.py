"""Writes PostgreSQL's answers into answers.txt: python3 answers.py 'host=... dbname=...'

Every block of the file is a statement, a line of dashes and its answer. The statements run one
after the other in a fresh schema, so that later ones see what earlier ones did.
"""

import pathlib
import sys

import psycopg

FILE = pathlib.Path(__file__).parent / "answers.txt"


def answer(connection, names, sql):
    result = connection.pgconn.exec_(sql.encode())
    if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
        field = psycopg.pq.DiagnosticField
        state = result.error_field(field.SQLSTATE).decode()
        return f"{state} {result.error_field(field.MESSAGE_PRIMARY).decode()}"
    lines = []
    if result.nfields:
        columns = range(result.nfields)
        lines.append(" | ".join(f"{result.fname(i).decode()}:{names[result.ftype(i)]}" for i in columns))
        for row in range(result.ntuples):
            values = [result.get_value(row, i) for i in columns]
            lines.append(" | ".join("NULL" if v is None else v.decode() for v in values))
    return "\n".join(lines) or "done"


def main():
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("SET client_min_messages = error")
        names = dict(connection.execute("SELECT oid, typname FROM pg_type").fetchall())
        out = []
        for block in FILE.read_text().strip().split("\n\n"):
            sql = block.split("\n----")[0]
            out.append(f"{sql}\n----\n{answer(connection, names, sql)}")
        FILE.write_text("\n\n".join(out) + "\n")


main()
