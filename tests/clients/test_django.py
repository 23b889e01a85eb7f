"""Django: inspectdb, migrations, its ORM and its admin pages, beside PostgreSQL."""

import json
import pathlib
import subprocess
import sys

SITE = pathlib.Path(__file__).parent / "django_site.py"


def site(link, task):
    """What the site saw in a database."""
    done = subprocess.run([sys.executable, SITE, task], env=link.environment, capture_output=True,
                          text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inspectdb(served, restored):
    """The models of every table and view."""
    ours = site(served, "inspect")
    assert ours == site(restored, "inspect")
    # Django itself does not quote the quote in one name.
    assert "class Album(models.Model):" in ours and str(ours).count("Unable") == 1


def test_site(empty, blank):
    """A site's life, from its first migration to its last."""
    theirs, ours = site(blank, "use"), site(empty, "use")
    for step in theirs:
        assert ours[step] == theirs[step], step
    assert theirs["end"] == ["django_migrations"] and theirs["refused"][0][0] == "UniqueViolation"
