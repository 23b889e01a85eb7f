"""All of pgjdbc's DatabaseMetaData, which DBeaver, Metabase and DataGrip are built on."""

import re
import subprocess

from spelling import bare
from test_foreign import HERE, JDBC


def said(link, classes):
    """What the driver says of a database."""
    done = subprocess.run(["java", "-Duser.timezone=UTC", "-cp", f"{JDBC}:{classes}", "Metadata"],
                          env=link.environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    text = re.sub(r"(?i)(?<=specific_name=)(\w+?)_\d+", r"\1", done.stdout)
    return bare(text.replace(link.database, "DATABASE")).splitlines()


def test_metadata(served, restored, tmp_path):
    """Every method says the same of both."""
    subprocess.run(["javac", "-cp", JDBC, "-d", tmp_path, HERE / "Metadata.java"], check=True)
    ours, theirs = said(served, tmp_path), said(restored, tmp_path)
    assert len(theirs) > 300 and ours == theirs
