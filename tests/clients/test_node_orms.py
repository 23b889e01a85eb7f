"""knex, Sequelize, TypeORM, Kysely and drizzle-kit, beside PostgreSQL."""

import json
import os
import subprocess

import pytest
from spelling import bare
from test_foreign import CACHE, HERE

MODULES = CACHE / "npm/node_modules"


def saw(name, link):
    """What a library saw in a database."""
    environment = link.environment | {"NODE_PATH": str(MODULES), "TZ": "UTC"}
    done = subprocess.run(["node", HERE / "orms.js", name], env=environment, capture_output=True,
                          text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["knex", "sequelize", "typeorm"])
def test_round_trip(empty, blank, name):
    """Tables are made, filled, read, altered and dropped; errors are of the library's classes."""
    theirs, ours = saw(name, blank), saw(name, empty)
    assert len(theirs) > 10
    for step, (mine, expected) in enumerate(zip(ours, theirs, strict=True)):
        assert mine == expected, step


def test_kysely(served, restored):
    """Introspection of every table and view."""
    assert saw("kysely", served) == saw("kysely", restored)


def pulled(link, folder):
    """The schema that drizzle-kit writes of a database."""
    config = folder / "drizzle.config.json"
    folder.mkdir()
    (folder / "node_modules").symlink_to(MODULES)
    # drizzle-kit itself does not quote a quote.
    url = f"postgresql://{link.user}@{link.host}:{link.port}/{link.database}?sslmode=disable"
    config.write_text(json.dumps({"dialect": "postgresql", "dbCredentials": {"url": url},
                                  "tablesFilter": ["!odd*"]}))
    done = subprocess.run([MODULES / ".bin/drizzle-kit", "pull", "--config", config.name], cwd=folder,
                          env=os.environ | {"CI": "1"}, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stdout + done.stderr
    # Names to be imported come in any order; PostgreSQL writes checks and views in its own way.
    lines = bare((folder / "drizzle/schema.ts").read_text()).splitlines()
    own = ("\tcheck", "}.assql`")
    return sorted(sorted(line.split(", ")) for line in lines if not line.startswith(own))


def test_drizzle(served, restored, tmp_path):
    """`drizzle-kit pull` writes the same schema."""
    ours, theirs = (pulled(link, tmp_path / link.database) for link in (served, restored))
    assert len(theirs) > 60 and ours == theirs
