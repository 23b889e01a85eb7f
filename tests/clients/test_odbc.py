"""psqlODBC through pyodbc: the catalog functions that Excel, Power BI and Access call."""

import pyodbc
import pytest
from spelling import bare

OPTIONS = ["", "UseDeclareFetch=1;Fetch=2", "UseServerSidePrepare=0", "Protocol=7.4-2"]


def connect(link, options=""):
    """A connection through the driver."""
    return pyodbc.connect(
        f"Driver=PostgreSQL Unicode;Server={link.host};Port={link.port};Database={link.database};"
        f"Uid={link.user};SSLmode=disable;{options}", autocommit=True)


def said(link):
    """What every catalog function answers, its rows in an order of our own."""
    cursor, out = connect(link).cursor(), {}

    def keep(name, rows, width=None):
        columns = [column[0] for column in rows.description]
        texts = [bare(str(list(row[:width]))) for row in rows.fetchall()]
        out[name] = [columns, *sorted(text.replace(link.database, "DATABASE") for text in texts)]

    keep("tables", cursor.tables(schema="public"))
    keep("all", cursor.tables())
    keep("types", cursor.getTypeInfo())
    keep("procedures", cursor.procedures(schema="public"))
    tables = [row.table_name for row in cursor.tables(schema="public").fetchall()]
    for table in tables:
        # The columns of the standard; the driver's own say the table's OID.
        keep(f"columns of {table}", cursor.columns(table, schema="public"), 18)
        keep(f"key of {table}", cursor.primaryKeys(table, schema="public"))
        keep(f"from {table}", cursor.foreignKeys(foreignTable=table, foreignSchema="public"))
        keep(f"to {table}", cursor.foreignKeys(table, schema="public"))
        # Without how many rows and pages there are, which is known to different degrees.
        keep(f"indexes of {table}", cursor.statistics(table, schema="public"), 10)
        keep(f"row of {table}", cursor.rowIdColumns(table, schema="public"))
        keep(f"version of {table}", cursor.rowVerColumns(table, schema="public"))
    assert len(tables) == 8
    return out


def test_catalog(served, restored):
    """Every catalog function says the same of both."""
    ours, theirs = said(served), said(restored)
    for name, expected in theirs.items():
        assert ours[name] == expected, name


@pytest.mark.parametrize("options", OPTIONS)
def test_rows(served, restored, options):
    """Tables and views are read the same in each of the driver's ways."""
    for sql in ['SELECT * FROM "Artist" ORDER BY 1', 'SELECT * FROM pairs ORDER BY 1, 2',
                'SELECT * FROM "AlbumsByArtist" ORDER BY 1', 'SELECT * FROM strict_one']:
        ours, theirs = (connect(link, options).execute(sql) for link in (served, restored))
        assert ours.description == theirs.description
        assert ours.fetchall() == theirs.fetchall()


@pytest.mark.parametrize("options", OPTIONS)
def test_writes(served, options):
    """Parameters in, a transaction back, and a constraint's error as the standard's class."""
    connection = connect(served, options)
    connection.autocommit = False
    cursor = connection.cursor()
    cursor.execute('INSERT INTO "Artist" ("ArtistId", "Name", "isActive", "Rating", "Photo") '
                   "VALUES (?, ?, ?, ?, ?)", 60, "Zoë", True, 1.5, b"\0\1")
    cursor.executemany("INSERT INTO strict_one (id, t) VALUES (?, ?)", [(8, "a"), (9, None)])
    cursor.execute("UPDATE strict_one SET n = ? WHERE id > ?", 7, 7)
    assert cursor.rowcount == 2
    cursor.execute('SELECT "Name", "Photo" FROM "Artist" WHERE "ArtistId" = ?', 60)
    assert list(cursor.fetchone()) == ["Zoë", b"\0\1"]
    with pytest.raises(pyodbc.IntegrityError) as error:
        cursor.execute("INSERT INTO strict_one (id) VALUES (?)", 8)
    assert error.value.args[0] == "23505"
    connection.rollback()
    cursor.execute("SELECT count(*) FROM strict_one")
    assert cursor.fetchone()[0] == 1
    connection.close()
