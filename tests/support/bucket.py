"""SeaweedFS as the S3 server of the shipping suites."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
import uuid

import servers
import signed

NAME = "egret"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "egret", "AWS_SECRET_ACCESS_KEY": "egret-secret",
               "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


class Bucket:
    """`weed mini` with one bucket or several, on free ports."""

    def __init__(self, *names):
        self.folder = tempfile.mkdtemp(prefix="egret-weed-")
        self.port, self.names = servers.free_port(), names or (NAME,)
        roles = ("admin.port", "admin.port.grpc", "filer.port", "filer.port.grpc", "master.port",
                 "master.port.grpc", "volume.port", "volume.port.grpc", "s3.port.grpc", "debug.port")
        ports = [f"-{role}={servers.free_port()}" for role in roles]
        self.metrics_port = servers.free_port()
        ports += [f"-metricsPort={self.metrics_port}", f"-s3.port={self.port}", "-webdav=false",
                  "-s3.port.iceberg=0", "-s3.port.lance=0"]
        self.argv = ["weed", "mini", f"-dir={self.folder}", "-ip=127.0.0.1",
                     f"-bucket={','.join(self.names)}", "-master.telemetry=false", *ports]
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.start()

    def start(self):
        """Runs the server over what it holds already."""
        self.child = subprocess.Popen(self.argv, env=environment(), stdout=self.log,
                                      stderr=subprocess.STDOUT)
        if not servers.wait_until(self._answers, 60, 0.2):
            self.log.flush()
            text = open(self.log.name).read()[:3000]
            self.stop()
            raise RuntimeError("weed did not start:\n" + text)

    def _answers(self):
        if self.child.poll() is not None:
            return False
        try:
            client = self.client()
            for name in self.names:
                client.keys(name, "")
            client.close()
            return True
        except (OSError, RuntimeError, http.client.HTTPException):
            return False

    def url(self, prefix=None, name=None):
        """The URL of a prefix, by default a new one."""
        prefix = prefix or uuid.uuid4().hex
        return (f"s3://{name or self.names[0]}/{prefix}?endpoint=http://127.0.0.1:{self.port}"
                "&region=us-east-1&force-path-style=true")

    def client(self):
        """A connection for requests of one's own."""
        return signed.Client(self.port, CREDENTIALS)

    def requests(self, name):
        """How many requests a bucket has had, as the server itself counts."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as reply:
            text = reply.read().decode()
        counts = re.findall(r'^SeaweedFS_s3_request_total\{bucket="(.*?)".*\} (\S+)$', text, re.M)
        return int(sum(float(count) for bucket, count in counts if bucket == name))

    def kill(self):
        """Ends the server as a loss of power would; `start` brings it back."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        """Ends the server and removes what it holds."""
        self.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def environment():
    """This process's environment with the bucket's credentials and nothing else of AWS's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | CREDENTIALS
