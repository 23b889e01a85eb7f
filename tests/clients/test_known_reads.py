"""What clients that cannot run here read, as far as their source or public reports tell.

`known_reads/*.sql` has statements parted by empty lines. A comment `-- with type=value; ...` before
one gives its parameters, `-- rows differ: why` leaves the rows uncompared. Names and types of all
columns are those of a PostgreSQL 15 that holds the same tables.
"""

import dataclasses
import re

import pytest
import servers
from beside import Side


@dataclasses.dataclass(frozen=True)
class Read:
    """A statement with what its comments say."""

    name: str
    sql: str
    parameters: tuple
    rows_differ: bool


def reads():
    """All of them."""
    for path in sorted((servers.ROOT / "tests/clients/known_reads").glob("*.sql")):
        for number, block in enumerate(path.read_text().strip().split("\n\n"), 1):
            lines = block.split("\n")
            comments = [line for line in lines if line.startswith("--")]
            given = [line.removeprefix("-- with ") for line in comments
                     if line.startswith("-- with ")]
            parameters = tuple(tuple(pair.split("=", 1)) for line in given
                               for pair in re.split(r"; ", line))
            yield Read(f"{path.stem}-{number}", "\n".join(lines[len(comments):]), parameters,
                       any(line.startswith("-- rows differ") for line in comments))


@pytest.fixture(scope="module")
def sides(served, restored):
    """egret and PostgreSQL."""
    both = Side(served), Side(restored)
    yield both
    for side in both:
        side.connection.close()


@pytest.mark.parametrize("read", list(reads()), ids=lambda read: read.name)
def test_read(sides, read):
    """Names and types of columns, and rows."""
    ours, theirs = (side.answer(read.sql, read.parameters) for side in sides)
    assert isinstance(theirs, list), theirs
    assert isinstance(ours, list), ours
    assert ours[0] == theirs[0]
    if not read.rows_differ:
        assert ours[1:] == theirs[1:]
