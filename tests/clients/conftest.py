"""Pairs of servers: egret, and PostgreSQL 15 that holds the same, to ask both and compare."""

import os

import pytest
import servers


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """egret, serving the file that has something of everything."""
    yield from serving(servers.make_file(tmp_path_factory.mktemp("browse") / "browse.db",
                                         servers.BROWSE))


# PostgreSQL 15.20 puts a number of its own, another one each time, beside a column's default.
UNNUMBERED = "UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text LIKE '{pg_attver=%'"


@pytest.fixture(scope="module")
def restored(served, oracle):
    """A database of the oracle into which a plain dump was restored, without an error."""
    dump = servers.run("pg_dump", served)
    link = oracle.fresh("restored")
    servers.run("psql", link, "-Xq", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", input=dump)
    oracle.psql(link.database, UNNUMBERED)
    return link


@pytest.fixture
def empty(tmp_path):
    """egret, serving an empty file."""
    yield from serving(tmp_path / "fresh.db")


@pytest.fixture
def blank(oracle):
    """An empty database of the oracle."""
    return oracle.fresh("fresh")


def serving(file):
    """Serves a file until the case is over; checks how egret ended."""
    if servers.TARGET == "postgres":
        pytest.skip("PostgreSQL is the other side here")
    file.touch()
    server = servers.Egret(file)
    yield servers.Link(server.port, "tester", database=file.stem, file=file)
    assert server.stop() == 0
    assert "panicked" not in server.text
