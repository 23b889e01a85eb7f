"""Adminer: its pages and forms over HTTP, beside PostgreSQL."""

import html
import http.cookiejar
import os
import re
import subprocess
import urllib.parse
import urllib.request

import psycopg
import pytest
import servers

PROGRAM = "/usr/share/adminer/adminer"
# Relative to a database's page.
PAGES = [
    "", "&ns=public", "&ns=public&table=Artist", "&ns=public&table=Album", '&ns=public&table=odd "name',
    "&ns=public&table=pairs", "&ns=public&table=strict_one", "&ns=public&table=busy",
    "&ns=public&view=AlbumsByArtist", "&ns=public&select=Artist", "&ns=public&select=Album",
    "&ns=public&select=AlbumsByArtist", "&ns=public&select=pairs", '&ns=public&select=odd "name',
    "&ns=public&select=Artist&where[0][col]=Name&where[0][op]==&where[0][val]=Ann",
    "&ns=public&select=Artist&order[0]=Name&desc[0]=1&limit=2&columns[0][fun]=upper&columns[0][col]=Name",
    "&ns=public&edit=Artist&where[ArtistId]=1", "&ns=public&edit=pairs", "&ns=public&create=Artist",
    "&ns=public&create=Album", "&ns=public&create=", "&ns=public&indexes=Album", "&ns=public&foreign=Album",
    "&ns=public&foreign=Album&name=FK_AlbumArtist", "&ns=public&schema=", "&ns=public&dump=",
    "&ns=public&sql=", "&ns=public&sequence=", "&ns=public&procedure=album_audit", "&ns=public&type=",
    "&database=", "&privileges=", "&ns=public&trigger=Album&name=album_audit",
    "&ns=information_schema", "&ns=pg_catalog&table=pg_class", "&ns=pg_catalog&select=pg_namespace",
]


class Adminer:
    """Somebody logged in to one database."""

    def __init__(self, port, link):
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener, self.link = urllib.request.build_opener(cookies), link
        server = f"{link.host}:{link.port}"
        self.base = f"http://127.0.0.1:{port}/?pgsql={server}&username={link.user}&db={link.database}"
        self.open(f"http://127.0.0.1:{port}/", {
            "auth[driver]": "pgsql", "auth[server]": server, "auth[username]": link.user,
            "auth[password]": "none", "auth[db]": link.database})

    def open(self, url, form=None):
        """A page, perhaps by sending a form."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with self.opener.open(urllib.parse.quote(url, safe=":/?&=[]%"), data, timeout=50) as answer:
            return answer.read().decode()

    def page(self, path):
        """A page of the database."""
        return self.open(self.base + path)

    def send(self, path, **form):
        """Sends a form of a page; the page that comes next."""
        token = re.search(r'name="token" value="([^"]+)"', self.page(path))[1]
        return self.open(self.base + path, form | {"token": token})


@pytest.fixture(scope="module")
def adminers(served, restored):
    """Somebody who looks at egret's file, and at the same tables in PostgreSQL."""
    port = servers.free_port()
    server = servers.Process(["php", "-S", f"127.0.0.1:{port}", "-t", PROGRAM],
                             "Development Server .* started", env=os.environ | {"PGSSLMODE": "disable"})
    yield [Adminer(port, link) for link in (served, restored)]
    server.stop()


def text(page, link):
    """What a page shows, without times, sizes and numbers of objects."""
    assert "setupSubmitHighlight(document)" in page[-200:], page[-400:]
    assert not re.search(r"Warning|Fatal error|class=.error", page), re.findall(r"class='error.*", page)
    page = re.sub(r"<script.*?</script>|<title>.*?</title>|<select.*?</select>", "", page, flags=re.S)
    page = html.unescape(re.sub(r"<[^>]*>", " ", page))
    for name, of in (("HOST", f"{link.host}:{link.port}"), ("DB", link.database)):
        page = page.replace(of, name)
    page = re.sub(r"\(?\d+\.\d+ s\)?|\b\d{1,3}(,\d{3})+\b|~ ?[\d,]+|PostgreSQL \d+\.\d+", "", page)
    # Conditions and queries, which PostgreSQL writes in its own way; equal keys come in any order.
    page = re.sub(r"\[ *\(.*\) *\]|Materialized view.*?(?=\n *\n)", "", page, flags=re.S)
    return sorted(line.strip() for line in page.splitlines() if line.strip())


@pytest.mark.parametrize("path", PAGES)
def test_pages(adminers, path):
    """Every page shows what it shows of PostgreSQL."""
    ours, theirs = (text(adminer.page(path), adminer.link) for adminer in adminers)
    assert ours == theirs


def test_statements(adminers):
    """SQL typed in: rows, counts and errors."""
    for sql in ['SELECT * FROM "Artist" ORDER BY 1', "SELECT 1 AS a; SELECT 2 AS b", "SELECT * FROM nowhere",
                "INSERT INTO audit (id) VALUES (80); DELETE FROM audit WHERE id = 80", "SELECT 1/0"]:
        pages = [adminer.send("&ns=public&sql=", query=sql, limit="", error_stops="1") for adminer in adminers]
        ours, theirs = (re.findall(r"<p class='(?:error|message)'.*?(?=\(|\n)", page)
                        + cells(page) for page in pages)
        assert ours == theirs and ours, sql


def cells(page):
    """The cells of a page's tables, without links and without its plans."""
    page = re.sub(r"<div id='explain.*?</div>", "", page, flags=re.S)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td>.*?(?=<t|\n)", page)]


def test_export(adminers):
    """A dump of all tables' rows."""
    form = {"output": "text", "format": "sql", "data_style": "INSERT", "tables[]": "Artist", "data[]": "Artist"}
    ours, theirs = (adminer.send("&ns=public&dump=", **form) for adminer in adminers)
    rows = re.findall(r"^INSERT INTO.*?;$", ours, re.M | re.S)
    assert rows and rows == re.findall(r"^INSERT INTO.*?;$", theirs, re.M | re.S)


def test_forms(adminers):
    """A table made, a row put into it and changed, and all of it dropped."""
    for adminer in adminers:
        with psycopg.connect(**adminer.link.libpq, autocommit=True) as connection:
            def rows(connection=connection):
                return connection.execute("SELECT * FROM made").fetchall()

            fields = {"field": ["id", "name"], "type": ["integer", "character varying"], "length": ["", "20"]}
            columns = {f"fields[{i + 1}][{key}]": values[i] for key, values in fields.items() for i in (0, 1)}
            adminer.send("&ns=public&create=", name="made", auto_increment_col="1", **columns)
            assert rows() == []
            adminer.send("&ns=public&edit=made", **{"fields[id]": "5", "fields[name]": "it's"})
            assert rows() == [(5, "it's")]
            adminer.send("&ns=public&edit=made&where[id]=5", **{"fields[id]": "5", "fields[name]": "that"})
            assert rows() == [(5, "that")]
            adminer.send("&ns=public&edit=made&where[id]=5", delete="1")
            assert rows() == []
            adminer.send("&ns=public", **{"tables[]": "made", "drop": "Drop"})
            with pytest.raises(psycopg.errors.UndefinedTable):
                rows()
