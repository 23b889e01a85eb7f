"""Runs a command with an S3 server beside it: `with_bucket.py COMMAND...`; EGRET_TEST_S3 is its URL."""

import subprocess
import sys

import bucket

server = bucket.Bucket()
try:
    environment = bucket.environment() | {"EGRET_TEST_S3": server.url("test")}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
finally:
    server.stop()
