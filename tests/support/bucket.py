"""SeaweedFS as the S3 server of the shipping suites."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid

import servers

NAME = "egret"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "egret", "AWS_SECRET_ACCESS_KEY": "egret-secret",
               "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


class Bucket:
    """`weed mini` with one bucket, on free ports."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="egret-weed-")
        self.port = servers.free_port()
        roles = ("admin.port", "admin.port.grpc", "filer.port", "filer.port.grpc", "master.port",
                 "master.port.grpc", "volume.port", "volume.port.grpc", "s3.port.grpc", "debug.port")
        ports = [f"-{role}={servers.free_port()}" for role in roles]
        ports += ["-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        self.argv = ["weed", "mini", f"-dir={self.folder}", "-ip=127.0.0.1", f"-bucket={NAME}",
                f"-s3.port={self.port}", "-master.telemetry=false", *ports]
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
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(f"GET /{NAME} HTTP/1.0\r\n\r\n".encode())
                # Refused for want of a signature is an answer; 404 or 5xx is one too early.
                return probe.recv(64).split()[1:2] in ([b"200"], [b"403"])
        except (OSError, IndexError):
            return False

    def url(self, prefix=None):
        """The URL of a prefix, by default a new one."""
        prefix = prefix or uuid.uuid4().hex
        return (f"s3://{NAME}/{prefix}?endpoint=http://127.0.0.1:{self.port}"
                "&region=us-east-1&force-path-style=true")

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
