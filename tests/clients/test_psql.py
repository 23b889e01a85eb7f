"""psql 15, as a person types at it."""

import os
import shutil
import subprocess
import time

import pexpect
import psycopg
import pytest
import servers

PSQL = shutil.which("psql", path=f"{servers.PG_BIN}:{os.environ['PATH']}")


@pytest.fixture
def psql(link):
    """Runs one script: (stdout, stderr, exit code)."""
    def run(script, *flags):
        done = subprocess.run([PSQL, "-X", "-v", "VERBOSITY=verbose", *flags], input=script,
                              text=True, capture_output=True, env=link.environment, timeout=50)
        return done.stdout, done.stderr, done.returncode

    return run


@pytest.fixture
def terminal(link):
    """psql on a terminal."""
    environment = link.environment | {"PAGER": "cat", "TERM": "dumb", "PSQL_HISTORY": "/dev/null"}
    child = pexpect.spawn(PSQL, ["-X", "-v", "PROMPT1=[%/%x]> "], env=environment, timeout=20,
                          encoding="utf-8")
    child.expect_exact("[shop]> ")
    yield child
    child.sendline("\\q")
    child.close()


@pytest.mark.parametrize("command,expected", [
    ("\\l", ["shop", "UTF8", "Owner"]),
    ("\\dt", ['"?Invoice', "InvoiceLine", "audit_log", "table"]),
    ("\\d", ["Revenue", "view", "Customer"]),
    ("\\di", ["IX_Customer_Name", "PK_Invoice", "index"]),
    ("\\dv", ["Revenue", "view"]),
    ("\\dn", ["public"]),
    ("\\du", ["Role name", "Attributes"]),
    ("\\dt nowhere*", ["0 rows|Did not find"]),
    ('\\dt "Inv"*', ["Invoice", "InvoiceLine", "2 rows"]),
    ('\\d "Invoice"', [
        '"?public.Invoice', "Column", "InvoiceId", "not null", "InvoiceDate", "numeric",
        "Indexes:", '"PK_Invoice" PRIMARY KEY, btree \\("InvoiceId"\\)',
        '"IX_Invoice_Customer" btree \\("CustomerId"\\)', "Foreign-key constraints:",
        '"FK_Invoice_Customer" FOREIGN KEY \\("CustomerId"\\) '
        'REFERENCES "Customer"\\("CustomerId"\\)', "Referenced by:", '"InvoiceLine"']),
    ('\\d "Customer"', ["character varying\\(40\\)", '"UQ_Customer_Email" UNIQUE CONSTRAINT, btree',
                        "Check constraints:", '"Customer_FirstName_check" CHECK',
                        "ON UPDATE CASCADE ON DELETE SET NULL"]),
    ('\\d "Product"', ['"CK_Product_Price" CHECK', "smallint", "double precision", "bytea|blob",
                       '"IX_Product_Cheap" btree \\("Price" DESC\\) WHERE',
                       '"IX_Product_Name" UNIQUE, btree']),
    ('\\d "Category"', ["DEFERRABLE INITIALLY DEFERRED",
                        '"Category_ParentId_Name_key" UNIQUE CONSTRAINT, btree']),
    ('\\d "Revenue"', ["View", "country", "invoices", "bigint"]),
    ('\\d "IX_Product_Category"', ["Index", "CategoryId", "btree, for table"]),
    ("\\d nowhere", []),
])
def test_describe(psql, command, expected):
    """Each backslash command answers, and says what PostgreSQL would."""
    import re

    out, err, code = psql(command + "\n")
    if command == "\\d nowhere":
        assert "Did not find any relation" in err
        return
    assert "ERROR" not in err and code == 0, err
    for pattern in expected:
        assert re.search(pattern, out + err), f"{pattern} is not in\n{out}{err}"


def test_query(psql):
    """A join with ORDER BY and LIMIT, aligned as psql does it."""
    out, err, _ = psql(
        'SELECT c."LastName", sum(i."Total") AS total FROM "Invoice" i '
        'JOIN "Customer" c ON c."CustomerId" = i."CustomerId" '
        'GROUP BY 1 ORDER BY total DESC, 1 LIMIT 2;\n'
        "SELECT true AS yes, NULL AS nothing, 1.25 AS n, '{1,2}'::int[] AS a;\n", "-P", "null=~")
    assert not err
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0].split() == ["LastName", "|", "total"]
    assert lines[4] == "(2 rows)"
    assert lines[6:9] == [" yes | nothing |  n   |   a", "-----+---------+------+-------",
                          " t   | ~       | 1.25 | {1,2}"]


def test_numeric_scale(psql):
    """A numeric keeps the digits it was written with."""
    out, err, _ = psql("SELECT 1.50 AS n;\n", "-At")
    assert (out, err) == ("1.50\n", "")


def test_failed_transaction(psql):
    """An error inside BEGIN, what follows it, and ROLLBACK."""
    out, err, _ = psql("BEGIN;\nSELECT * FROM nowhere;\nSELECT 1;\nROLLBACK;\nSELECT 2 AS two;\n",
                       "-At")
    assert out.split() == ["BEGIN", "ROLLBACK", "2"]
    assert "ERROR:  42P01: relation \"nowhere\" does not exist" in err
    assert "LINE 1: SELECT * FROM nowhere;" in err
    assert "ERROR:  25P02: current transaction is aborted" in err


def test_constraint_messages(psql):
    """PostgreSQL's wording and fields."""
    _, err, _ = psql("INSERT INTO \"Country\" VALUES ('DE', 'x', 'EUR');\n")
    assert 'ERROR:  23505: duplicate key value violates unique constraint "Country_pkey"' in err
    assert "TABLE NAME:  Country" in err and "CONSTRAINT NAME:  Country_pkey" in err


def test_copy_out_and_in(psql, tmp_path):
    """\\copy to a file and from it."""
    file = tmp_path / "country.csv"
    out, err, _ = psql(
        f"\\copy \"Country\" TO '{file}' WITH (FORMAT csv, HEADER)\n"
        'CREATE TABLE psql_copy (code text PRIMARY KEY, name text, currency text);\n'
        f"\\copy psql_copy FROM '{file}' WITH (FORMAT csv, HEADER)\n"
        "SELECT count(*), max(name) FROM psql_copy;\nDROP TABLE psql_copy;\n", "-At")
    assert not err
    assert out.split("\n")[:4] == ["COPY 5", "CREATE TABLE", "COPY 5", "5|Åland Islands"]
    assert file.read_text().startswith("Code,Name,Currency\n")


def test_ctrl_c(terminal, link):
    """Ctrl-C ends a ten-billion-row query; another session goes on meanwhile."""
    terminal.sendline("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                      "WHERE i < 10000000000) SELECT count(*) FROM n;")
    time.sleep(1)
    with psycopg.connect(**link.libpq) as other:
        assert other.execute('SELECT count(*) FROM "Invoice"').fetchone() == (412,)
        pressed = time.monotonic()
        terminal.sendintr()
        terminal.expect_exact("ERROR:  canceling statement due to user request")
        assert time.monotonic() - pressed < 10
        assert other.execute("SELECT 1").fetchone() == (1,)
    terminal.expect_exact("[shop]> ")
    terminal.sendline("\\echo :LAST_ERROR_SQLSTATE")
    terminal.expect_exact("57014")


def test_prompt_shows_the_status(terminal):
    """psql's prompt follows the transaction status."""
    for line, prompt in (("BEGIN;", "[shop*]> "), ("SELECT 1/0;", "[shop!]> "),
                         ("ROLLBACK;", "[shop]> ")):
        terminal.sendline(line)
        terminal.expect_exact(prompt)


def test_variables_gexec_and_watch(psql):
    """psql's own conveniences over the server."""
    out, err, _ = psql("SELECT 41 + 1 AS n \\gset\nSELECT :n AS got;\n"
                       "SELECT 'SELECT ' || i FROM generate_series(1, 3) AS i \\gexec\n"
                       "SELECT 1 AS a, 'x' AS b \\gdesc\n", "-At")
    assert not err
    assert out.split() == ["42", "1", "2", "3", "a|integer", "b|text"]


def test_single_transaction_file(psql, tmp_path):
    """-1 -f: a script that fails leaves nothing behind."""
    script = tmp_path / "script.sql"
    script.write_text("CREATE TABLE psql_once (a int);\nINSERT INTO psql_once VALUES (1);\n"
                      "SELECT 1/0;\n")
    _, err, code = psql("", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(script))
    assert "22012" in err and code == 3
    _, err, _ = psql("SELECT * FROM psql_once;\n")
    assert "42P01" in err


def test_conninfo(psql):
    """\\conninfo and the SSL banner."""
    out, _, _ = psql("\\conninfo\n")
    assert 'You are connected to database "shop"' in out
