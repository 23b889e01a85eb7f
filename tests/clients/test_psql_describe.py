"""psql's backslash commands, beside their output on a PostgreSQL 15 with the same tables."""

import re
import shutil
import subprocess

import pytest
import servers

PSQL = shutil.which("psql", path=f"{servers.PG_BIN}") or "psql"
# Names of tables, of what comes with PostgreSQL, and both.
COMMANDS = r"""
\d            \d+           \d "Artist"   \d+ "Artist"  \d "Album"    \d+ "Album"   \d "odd ""name"
\d+ pairs     \d+ strict_one              \d "AlbumsByArtist"         \d "IFK_AlbumArtist"
\d+ album_kind_lower        \d "Artist_ArtistId_seq"    \d "Al"*      \d pg_class   \d+ pg_am
\d information_schema.tables              \dt           \dt+          \dtvs         \di
\di+          \dv           \dv+          \dm           \ds           \ds+          \dS pg_am
\dt pg_catalog.pg_a*        \dn           \dn+          \dnS          \df           \df+
\dft          \df lower     \df+ abs      \da           \da count     \daS sum      \dT
\dT+          \dTS int4     \dT+ uuid     \do           \doS ||       \do+ @@       \dO
\dp           \dp "Artist"  \z            \ddp          \dD           \dx           \dx+
\dy           \des          \deu          \dew          \det          \dF           \dF+ english
\dFd          \dFd+ simple  \dFp          \dFp+         \dFt          \dFt+         \db
\db+          \dc           \dcS *utf8_to_latin1        \dC           \dCS          \dC+ integer
\dd           \dd abs       \dA           \dA+          \dAc btree integer          \dAf hash
\dAo btree integer_ops      \dAp btree text_ops         \dL           \dLS+         \dl
\dP           \dPi          \drds nobody  \dRp          \dRs          \dX           \dconfig work_mem
\dconfig+ *_mem             \sf album_audit             \sf+ no_empty               \lo_list
\encoding     \dE           \dti public.*               \dt *.pairs   \d nowhere    \dt nowhere*
"""


def describe(link, command):
    """The lines a command prints, but for sizes and the spelling of conditions."""
    done = subprocess.run([PSQL, "-X"], input=command + "\n", text=True, capture_output=True,
                          env=link.environment, timeout=50)
    assert done.returncode == 0
    text = re.sub(r" *\b\d+ (bytes|[kMG]B)\b *", " SIZE ", done.stdout + done.stderr)
    text = re.sub(r"-{3,}", "---", re.sub(r" +", " ", text))
    text = re.sub(r'(_check" CHECK|stored|FOR EACH ROW WHEN) .*', r"\1", text)
    text = re.sub(r"generated always as .*", "generated", text)
    return [line.rstrip() for line in text.splitlines() if " | postgres " not in line]


@pytest.mark.parametrize("command", re.findall(r"\\\S+(?: [^\s\\]+)*", COMMANDS))
def test_describe(served, restored, command):  # noqa: F811
    """egret's catalog makes psql print what PostgreSQL's does."""
    assert describe(served, command) == describe(restored, command)


@pytest.mark.parametrize("command,found", [
    ("\\d album", 'Table "public.Album"'),
    ("\\dt ART*", "| Artist"),
    ('\\dt "art"*', "| Artist"),
    ('\\dt "ART"*', "Did not find"),
])
def test_names_in_any_case(served, command, found):  # noqa: F811
    """A pattern without capitals finds names as SQLite does: psql folds what is not quoted."""
    assert found in "\n".join(describe(served, command))
