"""Values of every type with both wire forms, as a real PostgreSQL gives them at UTC.

samples.jsonl holds one line per value: type, literal, text form, binary form in hex. Run this file
to write it again.
"""

import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_suffix(".jsonl")

VALUES = {
    "bool": ["t", "f"],
    "int2": ["0", "-32768", "32767"],
    "int4": ["1", "-2147483648", "2147483647"],
    "int8": ["1", "-9223372036854775808", "9223372036854775807"],
    "float4": ["1.5", "-0.1", "NaN", "Infinity"],
    "float8": ["0.1", "-1e+300", "NaN", "-Infinity", "12345.678901"],
    "numeric": ["0", "1.50", "-12345.6789", "12345678901234567890.123456789", "NaN"],
    "numeric(10,2)": ["2.50", "-99999999.99"],
    "text": ["", "plain", "Größe ✓ 🐘", "tab\tand\\backslash", "a'b\"c"],
    "varchar(20)": ["short", "Ünï"],
    "char(5)": ["ab   "],
    "bytea": ["\\x", "\\x00ff10", "\\xdeadbeef"],
    "date": ["2024-02-29", "1969-12-31", "0001-01-01", "9999-12-31"],
    "time": ["00:00:00", "23:59:59.999999", "12:34:56.5"],
    "timestamp": ["2024-02-29 12:34:56", "1999-12-31 23:59:59.999999", "2000-01-01 00:00:00"],
    "timestamptz": ["2024-02-29 12:34:56+00", "1999-12-31 23:59:59.5+00"],
    "interval": ["1 mon 2 days 03:04:05", "-1 days", "00:00:00.5", "1 year 2 mons"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"a": [1, 2, null], "b": "x"}', "[]"],
    "jsonb": ['{"a": [1, 2, null], "b": "x"}', "true"],
    "bool[]": ["{t,f,NULL}"],
    "int2[]": ["{1,-2}"],
    "int4[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}"],
    "int8[]": ["{9223372036854775807}"],
    "float4[]": ["{1.5,NaN}"],
    "float8[]": ["{0.1,-2}"],
    "numeric[]": ["{1.50,2}"],
    "text[]": ['{a,"b c",NULL,"","NULL","x\\"y","back\\\\slash","{}"}'],
    "varchar[]": ["{x,y}"],
    "bytea[]": ['{"\\\\x00ff"}'],
    "date[]": ["{2024-02-29,NULL}"],
    "time[]": ["{12:00:00}"],
    "timestamp[]": ['{"2024-02-29 12:34:56"}'],
    "timestamptz[]": ['{"2024-02-29 12:34:56+00"}'],
    "interval[]": ['{"1 day","02:00:00"}'],
    "uuid[]": ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"],
    "json[]": ['{"{\\"a\\": 1}"}'],
    "jsonb[]": ['{"{\\"a\\": 1}",NULL}'],
}


def read():
    """The stored lines: (type, literal, text, binary)."""
    rows = map(json.loads, FILE.read_text().splitlines())
    return [(kind, literal, text.encode(), bytes.fromhex(binary))
            for kind, literal, text, binary in rows]


def export():
    """Asks PostgreSQL for every form."""
    import psycopg

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
    import servers

    cluster = servers.Postgres()
    try:
        with psycopg.connect(**cluster.link(False).libpq) as conn, FILE.open("w") as out:
            for kind, literals in VALUES.items():
                for literal in literals:
                    forms = [conn.pgconn.exec_params(f"SELECT $1::{kind}".encode(),
                                                     [literal.encode()], result_format=f)
                             .get_value(0, 0) for f in (0, 1)]
                    row = [kind, literal, forms[0].decode(), forms[1].hex()]
                    print(json.dumps(row, ensure_ascii=False), file=out)
    finally:
        cluster.stop()


if __name__ == "__main__":
    export()
