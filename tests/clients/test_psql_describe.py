"""psql 15, 16 and 18: backslash commands, beside their output on a PostgreSQL 15 with the same tables."""

import re
import subprocess

import pytest
import servers

# Names of tables, of what comes with PostgreSQL, and both.
COMMANDS = re.findall(r"\\\S+(?: [^\s\\]+)*", r"""
\d            \d+           \d "Artist"   \d+ "Artist"  \d "Album"    \d+ "Album"   \d "odd ""name"
\d+ pairs     \d+ strict_one              \d "AlbumsByArtist"         \d "IFK_AlbumArtist"
\d+ album_kind_lower        \d "Artist_ArtistId_seq"    \d "Al"*      \d pg_class   \d+ pg_am
\d information_schema.tables              \dt           \dt+          \dtvs         \di
\di+          \dv           \dv+          \dm           \ds           \ds+          \dS pg_am
\dt pg_catalog.pg_a*        \dn           \dn+          \dnS          \df           \df+
\dft          \df lower     \df+ abs      \da           \da count     \daS sum      \dT
\dT+          \dTS int4     \dT+ uuid     \do           \doS ||       \do+ @@       \dO
\dOS+ "C"     \dg nobody    \dg+ nobody   \du nobody    \dus nobody
\dp           \dp "Artist"  \z            \ddp          \dD           \dx           \dx+
\dy           \des          \deu          \dew          \det          \dF           \dF+ english
\dFd          \dFd+ simple  \dFp          \dFp+         \dFt          \dFt+         \db
\db+          \dc           \dcS *utf8_to_latin1        \dC           \dCS          \dC+ integer
\dd           \dd abs       \dA           \dA+          \dAc btree integer          \dAf hash
\dAo btree integer_ops      \dAp btree text_ops         \dL           \dLS+         \dl
\dA+ btree    \dAc+ btree integer         \dAf+ btree   \dAo+ btree integer_ops     \dAp+ btree int*
\dP           \dPi          \dPt          \dP+          \dPn          \dfa          \dfn lower
\dfp          \dfw          \dfwS lag     \dfS+ nextval \df * integer \daS * text   \doS - numeric
\drds nobody  \dRp          \dRp+         \dRs          \dRs+         \dX           \dconfig work_mem
\dconfig+ *_mem             \sf album_audit             \sf+ no_empty               \lo_list
\sf lower     \sv audit     \ef           \l nowhere    \l+ nowhere
\encoding     \dE           \dti public.*               \dt *.pairs   \d nowhere    \dt nowhere*
\dtS *        \diS pg_cl*   \dvS+ pg_t*   \dsE          \dtivms public.*            \ds *.*
\d pg_d*      \d+ pg_database             \dii          \d information_schema.*grants     \dy+
\dt "Art"     \dt ?airs     \dt (pairs|audit)           \d public.audit
\dt a.b.c.d   \d ""         \d "busy"     \errverbose   \dFt ispell   \dF *.*
""")


@pytest.fixture(scope="module", params=servers.VERSIONS)
def version(request):
    """A version of psql."""
    return request.param


@pytest.fixture(scope="module")
def ours(version, served):
    """What each command prints of egret's file."""
    return describe(version, served)


@pytest.fixture(scope="module")
def theirs(version, restored):
    """What it prints of the same tables in PostgreSQL."""
    return describe(version, restored)


def describe(version, link):
    """The lines that each command prints."""
    marked = "".join(f"{command}\n\\echo -- {i}\n\\warn -- {i}\n" for i, command in enumerate(COMMANDS))
    out, errors = (re.split(r"^-- \d+\n", text, flags=re.M) for text in psql(version, link, marked))
    assert len(out) == len(errors) == len(COMMANDS) + 1
    return {command: lines(out[i] + errors[i]) for i, command in enumerate(COMMANDS)}


def psql(version, link, script):
    """Runs a script: what it printed, and its errors."""
    done = subprocess.run([servers.program("psql", version), "-X"], input=script, text=True,
                          capture_output=True, timeout=50,
                          env=link.environment | {"PSQL_EDITOR": "true", "PGOPTIONS": ""})
    assert done.returncode == 0
    return done.stdout, done.stderr


def lines(text):
    """Lines, but for sizes and the spelling of conditions."""
    text = re.sub(r" *\b\d+ (bytes|[kMG]B)\b *", " SIZE ", text)
    text = re.sub(r"-{3,}", "---", re.sub(r" +", " ", text))
    text = re.sub(r'(_check" CHECK|stored|FOR EACH ROW WHEN) .*', r"\1", text)
    text = re.sub(r"generated always as .*", "generated", text)
    return [line.rstrip() for line in text.splitlines() if " | postgres " not in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_describe(ours, theirs, command):
    """egret's catalog makes psql print what PostgreSQL's does."""
    assert ours[command] == theirs[command]


@pytest.mark.parametrize("command,found", [
    ("\\d album", 'Table "public.Album"'),
    ("\\dt ART*", "| Artist"),
    ('\\dt "art"*', "| Artist"),
    ('\\dt "ART"*', "Did not find"),
])
def test_names_in_any_case(served, version, command, found):
    """A pattern without capitals finds names as SQLite does: psql folds what is not quoted."""
    assert found in "".join(psql(version, served, command))


EXTENDED = {
    16: r"""
SELECT $1::int + 1 AS n, $2::text \bind 41 'a b' \g
SELECT "Name" FROM "Artist" WHERE "ArtistId" = $1 \bind 1 \gset
\echo :Name
\bind 7
SELECT $1::numeric * 2 \gx
SELECT $1::int \bind x \g
SELECT 1 \watch c=2 i=0.01
SELECT 1 / 0;
SELECT 2 \bind \gdesc
""",
    18: r"""
SELECT $1::int AS n \parse one
\bind_named one 5 \g
\bind_named one 6 \gx
\close_prepared one
\bind_named one 7 \g
\startpipeline
SELECT 1 AS a \bind \sendpipeline
SELECT $1::text AS b \bind two \sendpipeline
\flushrequest
\getresults
SELECT "AlbumId" FROM "Album" ORDER BY 1 \bind \sendpipeline
\syncpipeline
\getresults 1
SELECT 1 / 0 \bind \sendpipeline
SELECT 3 \bind \sendpipeline
\syncpipeline
SELECT 4 AS after \bind \sendpipeline
\endpipeline
\echo :PIPELINE_RESULT_COUNT :SQLSTATE
SELECT 1 \watch m=1 c=2 i=0.01
\conninfo
""",
}


@pytest.mark.parametrize("since", EXTENDED)
def test_extended(served, restored, version, since):
    """Parameters, prepared statements and pipelines of the newer ones."""
    if version < since:
        pytest.skip(f"came with psql {since}")
    script = EXTENDED[since] + "\\d pairs\n"
    ours, theirs = (psql(version, link, script) for link in (served, restored))
    assert alike(ours) == alike(theirs) and "Table" in ours[0]


def alike(texts):
    """Output without the time of a `\\watch`, and what a connection is to."""
    texts = [re.sub(r"^\w{3} .*\d{4}.*\(every 0\.01s\)$", "WHEN", text, flags=re.M) for text in texts]
    # The parameter that an error is about is not named.
    texts = [re.sub(r"^CONTEXT:.*\n", "", text, flags=re.M) for text in texts]
    return [re.sub(r"(Database|Client User|Server Port|Backend PID|Superuser).*", r"\1", text)
            for text in texts]


def test_own_names(served, version):
    """Databases and roles are egret's own."""
    out, errors = psql(version, served, "\\l\n\\l+ browse\n\\du\n\\du+ tester\n\\dconfig server_version\n")
    assert not errors and re.search(r"browse +\| \w+ +\| UTF8", out)
    assert re.search(r"^ tester +\| Superuser", out, re.M) and "server_version | 15" in out
