"""sqlx: queries, what `query!()` asks, transactions and COPY, beside PostgreSQL."""

import subprocess

import pytest
from test_foreign import CACHE

PROGRAM = CACHE / "sqlx/debug/sqlx-suite"


@pytest.fixture(scope="module")
def said(served, restored):
    """What the program in `tests/sqlx` prints of egret and of PostgreSQL: its lines."""
    return [run(link) for link in (served, restored)]


def run(link):
    url = f"postgres://{link.user}@{link.host}:{link.port}/{link.database}?sslmode=disable"
    done = subprocess.run([PROGRAM], env={"DATABASE_URL": url}, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def about(lines, outer_join):
    """The lines about outer joins, or the others."""
    return [line for line in lines if line.startswith("outer join") == outer_join]


def test_sqlx(said):
    """Every line is the same."""
    ours, theirs = (about(lines, False) for lines in said)
    assert len(theirs) > 20
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine == expected


def test_outer_join(said):
    """Which columns of an outer join may be NULL."""
    ours, theirs = (about(lines, True) for lines in said)
    assert theirs and ours == theirs
