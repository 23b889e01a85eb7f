"""pgcli: its start, its completion and its special commands, beside PostgreSQL."""

import itertools
import os
import re

import pexpect
import pytest
from spelling import bare

CONFIG = """
[main]
keyring = False
less_chatty = True
enable_pager = False
multi_line = False
destructive_warning = False
table_format = psql
prompt = 'ready> '
"""
COMMANDS = re.findall(r"\\\S+(?: [^\s\\]+)*", r"""
\d  \d+  \d "Artist"  \d+ "Artist"  \d "Album"  \d+ "Album"  \d "odd ""name"  \d pairs  \d strict_one
\d "AlbumsByArtist"  \d "IFK_AlbumArtist"  \d "Artist_ArtistId_seq"  \d nowhere
\dt  \dt+  \dt Al*  \dv  \dv+  \di  \di+  \ds  \ds+  \dm  \dn  \dn+  \df  \df+  \df lower
\dT  \dT+  \dD  \dD+  \dE  \dx  \dx+  \ddp  \dF  \dF+  \db  \sf album_audit  \l nowhere  \du nobody
\n  \conninfo
""")
STATEMENTS = ['SELECT * FROM "Artist" ORDER BY 1;', "SELECT 1/0;", "INSERT INTO audit (id) VALUES (90);",
              "DELETE FROM audit WHERE id = 90;", "SELECT * FROM nowhere;", 'SELECT * FROM "AlbumsByArtist";',
              "SELECT d, c, b FROM pairs ORDER BY a, b;", "\\x", "SELECT * FROM strict_one;"]


def start(link, folder, terminal):
    """pgcli on a terminal, when it is ready."""
    config = folder / "pgclirc"
    config.write_text(CONFIG)
    child = pexpect.spawn(
        "pgcli", ["--pgclirc", str(config), "-w"], timeout=30, encoding="utf-8", dimensions=(60, 600),
        env=link.environment | {"TERM": terminal, "HOME": str(folder), "PROMPT_TOOLKIT_NO_CPR": "1"})
    child.expect_exact("ready>")
    return child


@pytest.fixture
def said(served, restored, tmp_path):
    """What pgcli prints after each of some inputs, of egret and of PostgreSQL."""
    def both(inputs):
        return [said_of(link, tmp_path, inputs) for link in (served, restored)]
    return both


def said_of(link, folder, inputs):
    child, out = start(link, folder, "dumb"), {}
    for line in inputs:
        child.sendline(line)
        child.expect_exact("ready> ")
        out[line] = lines(child.before, line, link.database)
    child.sendline("\\q")
    child.expect(pexpect.EOF)
    return out


def lines(text, echo, database):
    """The lines of an answer, without colours, times and what was typed."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n").replace(database, "DB")
    text = re.sub(r"\d+ (bytes|[kMG]B)", "SIZE", text)
    # Conditions and queries, which PostgreSQL writes in its own way.
    text = re.sub(r'(_check" CHECK|WHEN|View definition:)[^\n]*', r"\1", text)
    text = re.sub(r"(generated always as|default \()[^|\n]*", "", text)
    text = re.sub(r"port \"?\d+|Time: .*", "", re.sub(r"[-+]{3,}", "---", re.sub(" +", " ", text)))
    return [bare(line.strip()).replace(" |", "|") for line in text.split("\n") if line.strip() and line.strip() != echo]


@pytest.mark.parametrize("inputs", [COMMANDS[:18], COMMANDS[18:], STATEMENTS],
                         ids=["tables", "others", "statements"])
def test_answers(said, inputs):
    """Each command and statement prints what it prints of PostgreSQL."""
    ours, theirs = said(inputs)
    for line, expected in theirs.items():
        differing = [pair for pair in itertools.zip_longest(ours[line], expected) if pair[0] != pair[1]]
        assert not differing, line


def test_completion(served, tmp_path):
    """The names of tables and columns are offered."""
    child = start(served, tmp_path, "xterm")
    for typed, offered in [("SELECT * FROM Alb", "AlbumsByArtist"),
                           ('SELECT * FROM "Album" a WHERE a.Tit', "Title")]:
        def found():
            child.send(typed)
            try:
                child.expect(offered, timeout=3)
                return True
            except pexpect.TIMEOUT:
                return False  # The names may not be there yet.
            finally:
                child.send("\x15")
        assert any(found() for _ in range(6)), offered
    child.close(force=True)


def test_program():
    """The pgcli that is tested is there."""
    assert pexpect.which("pgcli", env=dict(os.environ))
