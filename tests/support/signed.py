"""Requests to an S3 server, signed as it asks (AWS Signature Version 4).

What enters: a port of this machine, credentials. What leaves: keys of objects, buckets, deletions.
"""

import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse


class Client:
    """One connection, for one thread."""

    def __init__(self, port, credentials):
        self.host = f"127.0.0.1:{port}"
        self.id, self.secret = (credentials[f"AWS_{name}"]
                                for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        self.region = credentials["AWS_REGION"]
        self.connection = http.client.HTTPConnection(self.host, timeout=30)

    def request(self, method, path, query=None):
        """Asks without a body; the answer's text. Raises what is not a success."""
        wanted = sorted((query or {}).items())
        encoded = urllib.parse.urlencode(wanted, quote_via=urllib.parse.quote, safe="")
        path = urllib.parse.quote(path)
        try:
            self.connection.request(method, f"{path}?{encoded}",
                                    headers=self._headers(method, path, encoded))
            reply = self.connection.getresponse()
            text = reply.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path}: {reply.status} {text[:300]}")
        return text

    def _headers(self, method, path, query):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        empty = hashlib.sha256(b"").hexdigest()
        signed = {"host": self.host, "x-amz-content-sha256": empty, "x-amz-date": now}
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        asked = "\n".join((method, path, query, lines, names, empty))
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", now, scope, hashlib.sha256(asked.encode()).hexdigest()))
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return signed | {"Authorization": f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, "
                                          f"SignedHeaders={names}, Signature={signature}"}

    def keys(self, bucket, prefix, after=""):
        """The keys that begin so and come after one, in order."""
        found = []
        while True:
            text = self.request("GET", f"/{bucket}", {"list-type": "2", "prefix": prefix,
                                                      "start-after": after})
            page = re.findall("<Key>([^<]*)</Key>", text)
            found += page
            if not page or "<IsTruncated>true" not in text:
                return found
            after = page[-1]

    def delete(self, bucket, keys):
        """Deletes objects."""
        for key in keys:
            self.request("DELETE", f"/{bucket}/{key}")

    def close(self):
        """Ends the connection."""
        self.connection.close()
