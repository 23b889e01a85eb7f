"""Two servers that hold the same, asked the same: answers that can be compared.

What enters: a link to a server, statements. What leaves: columns with their types, and rows in which
OIDs of users' objects, which differ from server to server, are replaced by what they stand for.
"""

import re

import psycopg

LABELS = """
    SELECT oid::int8, 'relation ' || relname FROM pg_class WHERE oid >= 16384
    UNION ALL SELECT oid::int8, 'type ' || typname FROM pg_type WHERE oid >= 16384
    UNION ALL SELECT oid::int8, 'constraint ' || conname FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT oid::int8, 'function ' || proname FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT oid::int8, 'trigger ' || tgname FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT d.oid::int8, 'default ' || adrelid::regclass || adnum FROM pg_attrdef d
    UNION ALL SELECT d.oid::int8, 'rule ' || ev_class::regclass FROM pg_rewrite d
        WHERE d.oid >= 16384
    UNION ALL SELECT oid::int8, 'database' FROM pg_database WHERE datname = current_database()
"""


class Side:
    """One of the two servers."""

    def __init__(self, link):
        self.connection = psycopg.connect(**link.libpq, autocommit=True)
        self.database = link.database
        self.labels = dict(self.connection.execute(LABELS).fetchall())

    def answer(self, sql, parameters=()):
        """Columns and sorted rows, or the error. Parameters are pairs: a type, SQL for the value."""
        if not parameters:
            return self.result(self.connection.pgconn.exec_(sql.encode()))
        ask = [f"'{kind}'::regtype::oid::int8, ({value})::text" for kind, value in parameters]
        given = self.connection.execute(f"SELECT {', '.join(ask)}").fetchone()
        values = [None if value is None else value.encode() for value in given[1::2]]
        return self.result(self.connection.pgconn.exec_params(
            sql.encode(), values, param_types=list(given[::2])))

    def result(self, result):
        """What the server answered."""
        if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            return result.error_message.decode()
        columns = [(result.fname(i).decode(), self.label_of(result.ftype(i)))
                   for i in range(result.nfields)]
        rows = [[self.shown(result.get_value(row, i)) for i in range(result.nfields)]
                for row in range(result.ntuples)]
        return [columns, *sorted(rows, key=str)]

    def shown(self, value):
        """A value with the names of what its OIDs stand for."""
        if value is None:
            return None
        named = re.sub(r"(?<![\w.])\d{5,10}(?![\w.])", lambda n: self.label_of(n[0]), value.decode())
        return named.replace(self.database, "DATABASE")

    def label_of(self, number):
        """The label of an OID, or the number."""
        return str(self.labels.get(int(number), number))
