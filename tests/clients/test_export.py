"""The exported facts of catalog/ are those of a real PostgreSQL 15."""

import pathlib
import re
import shutil
import subprocess

import pytest
import servers

CATALOG = servers.ROOT / "catalog"
# Settings differ with the machine a server was initialised on.
MACHINE = {"rows/pg_settings.txt"}
# Minor versions differ in a function or two: the export is of the one that egret claims to be.
CLAIMED = re.search(r'SERVER_VERSION: &str = "(.*)"',
                    (servers.ROOT / "src/session/settings.rs").read_text())[1]


@pytest.fixture(scope="module")
def exported(oracle, tmp_path_factory):
    """A directory with a fresh export."""
    version = subprocess.check_output([servers.PG_BIN / "postgres", "--version"], text=True)
    if CLAIMED not in version:
        pytest.skip(f"the export is of PostgreSQL {CLAIMED}, here is {version.split()[2]}")
    directory = tmp_path_factory.mktemp("catalog")
    shutil.copy(CATALOG / "export.sh", directory)
    database = oracle.link(False).libpq | {"dbname": "postgres"}
    connection = " ".join(f"{key}={value}" for key, value in database.items())
    subprocess.run([directory / "export.sh", connection], check=True, timeout=50)
    return directory


def test_export_is_current(exported):
    """Every file that the export writes is the one that is kept."""
    names = {str(path.relative_to(exported)) for path in exported.rglob("*.txt")}
    assert "relations.txt" in names
    for name in sorted(names - MACHINE):
        kept, fresh = (pathlib.Path(root, name).read_text() for root in (CATALOG, exported))
        assert kept == fresh, name
