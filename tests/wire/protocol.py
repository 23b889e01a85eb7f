"""A raw PostgreSQL connection: messages out, messages in. No driver stands between.

<https://www.postgresql.org/docs/15/protocol-message-formats.html>
"""

import socket
import ssl
import struct

SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = 3 << 16 | 2


def message(kind, body=b""):
    """A typed message."""
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value):
    """A C string."""
    return value.encode() + b"\0"


def startup(version=PROTOCOL_3_0, **parameters):
    """A StartupMessage."""
    body = struct.pack("!I", version)
    body += b"".join(text(k) + text(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def query(sql):
    """Query"""
    return message(b"Q", text(sql))


def parse(sql, name="", types=()):
    """Parse"""
    return message(b"P", text(name) + text(sql) + struct.pack("!H", len(types))
                   + b"".join(struct.pack("!I", oid) for oid in types))


def bind(values=(), portal="", name="", formats=(), results=()):
    """Bind"""
    body = text(portal) + text(name)
    body += struct.pack("!H", len(formats)) + b"".join(struct.pack("!H", f) for f in formats)
    body += struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"B", body + struct.pack("!H", len(results))
                   + b"".join(struct.pack("!H", f) for f in results))


def describe(kind, name=""):
    """Describe of a statement (S) or portal (P)"""
    return message(b"D", kind + text(name))


def close(kind, name=""):
    """Close of a statement (S) or portal (P)"""
    return message(b"C", kind + text(name))


def execute(rows=0, portal=""):
    """Execute"""
    return message(b"E", text(portal) + struct.pack("!I", rows))


SYNC = message(b"S")
FLUSH = message(b"H")
TERMINATE = message(b"X")


def fields(body):
    """The fields of an ErrorResponse or NoticeResponse."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def columns(body):
    """The values of a DataRow."""
    count, at, out = struct.unpack_from("!H", body)[0], 2, []
    for _ in range(count):
        size = struct.unpack_from("!i", body, at)[0]
        at += 4
        out.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return out


class Wire:
    """A socket that reads whole messages."""

    def __init__(self, link, timeout=10):
        self.socket = socket.create_connection((link.host, link.port), timeout)
        self.buffer = b""
        self.link = link

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *messages):
        """Sends all messages at once."""
        self.socket.sendall(b"".join(messages))

    def take(self, size):
        """Exactly so many bytes; fewer at the end of the stream."""
        while len(self.buffer) < size:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                break
            self.buffer += piece
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def read(self):
        """The next message as (type, body); None at the end of the stream."""
        head = self.take(5)
        if len(head) < 5:
            return None
        kind, size = struct.unpack("!cI", head)
        return kind.decode(), self.take(size - 4)

    def until(self, kinds="Z"):
        """All messages up to one of the kinds, or to the end of the stream."""
        out = []
        while (got := self.read()) is not None:
            out.append(got)
            if got[0] in kinds:
                break
        return out

    def start(self, version=PROTOCOL_3_0, **more):
        """Starts a session in clear; answers what came up to ReadyForQuery."""
        parameters = {"user": self.link.user, "database": self.link.database} | more
        self.send(startup(version, **parameters))
        got = self.until()
        self.key = next((body for kind, body in got if kind == "K"), b"")
        return got

    def ask(self, *messages):
        """Sends, and reads up to ReadyForQuery."""
        self.send(*messages)
        return self.until()

    def encrypt(self, ca, alpn=None):
        """Goes over to TLS."""
        context = ssl.create_default_context(cafile=ca)
        if alpn:
            context.set_alpn_protocols(alpn)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def ended(self):
        """Whether the server closed the connection."""
        try:
            return self.take(1) == b""
        except TimeoutError:
            return False


def kinds(messages):
    """The types of messages, NOTICE and ParameterStatus left out."""
    return "".join(kind for kind, _ in messages if kind not in "NS")


def rows(messages):
    """The values of all DataRows."""
    return [columns(body) for kind, body in messages if kind == "D"]


def errors(messages):
    """The SQLSTATEs of all ErrorResponses."""
    return [fields(body)["C"] for kind, body in messages if kind == "E"]


def tags(messages):
    """All command tags."""
    return [body[:-1].decode() for kind, body in messages if kind == "C"]
