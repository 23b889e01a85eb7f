"""The two programs that ship files, on the same store: egret, and the real Litestream.

What enters: files, URLs of `bucket.Bucket`. What leaves: processes that ship, restored files.
"""

import pathlib
import subprocess
import tempfile
import urllib.parse

import bucket
import servers

PROGRAMS = ("egret", "litestream")


class Replicate(servers.Process):
    """`egret replicate`."""

    def __init__(self, *arguments, ready="begins anew", **options):
        super().__init__([servers.EGRET, "replicate", *map(str, arguments)], ready, **options)
        self.pid = self.child.pid


class Litestream(servers.Process):
    """`litestream replicate` with its defaults, but for these lines of its configuration."""

    def __init__(self, file, url, lines=(), **options):
        with tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False) as config:
            config.write(configuration(file, url, lines))
        self.config = pathlib.Path(config.name)
        options.setdefault("env", bucket.environment())
        argv = ["litestream", "replicate", "-config", config.name]
        super().__init__(argv, "replicating to", **options)
        self.pid = self.child.pid

    def stop(self, *arguments, **options):
        """As of any process; its configuration goes too."""
        self.config.unlink(missing_ok=True)
        return super().stop(*arguments, **options)


def configuration(file, url, lines=()):
    """A litestream.yml for one file."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        replica = f"type: file, path: {parts.path}"
    else:
        query = dict(urllib.parse.parse_qsl(parts.query))
        replica = (f"type: s3, bucket: {parts.netloc}, path: {parts.path.strip('/')}, "
                   f"endpoint: {query['endpoint']}, region: {query['region']}, "
                   "force-path-style: true")
    text = "logging: {stderr: true}\n" + "".join(f"{line}\n" for line in lines)
    return f"{text}dbs:\n  - path: {file}\n    replica: {{{replica}}}\n"


def restore_command(program, url, output):
    """The command with which one of the programs restores."""
    return [servers.EGRET if program == "egret" else program, "restore", "-o", str(output), url]


def restore(program, url, output, timeout=600):
    """Restores by one of the programs."""
    done = subprocess.run(restore_command(program, url, output), capture_output=True, text=True,
                          env=bucket.environment(), timeout=timeout)
    if done.returncode or not pathlib.Path(output).exists():
        raise AssertionError(f"{program} restore: {done.stdout[-2000:]}{done.stderr[-2000:]}")
