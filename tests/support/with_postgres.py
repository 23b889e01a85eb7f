"""Runs a command with PostgreSQL beside it: `with_postgres.py COMMAND...`.

EGRET_TEST_POSTGRES is a connection string to the shop, for a user whose password is `secret`.
"""

import os
import subprocess
import sys

import servers

cluster = servers.Postgres()
try:
    cluster.psql("shop", "CREATE ROLE rust SUPERUSER LOGIN PASSWORD 'secret'")
    link = f"host=127.0.0.1 port={cluster.port} user=rust dbname=shop"
    done = subprocess.run(sys.argv[1:], env=os.environ | {"EGRET_TEST_POSTGRES": link})
    sys.exit(done.returncode)
finally:
    cluster.stop()
