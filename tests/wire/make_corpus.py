"""Writes corpus/*.txt: malformed input of every frontend message type, by rule and by dice.

Each line is `phase expectation hex`: the phase is `start` (the first bytes of a connection) or
`session` (after ReadyForQuery); the expectation is `closed` (an error, then the end) or `any`.
"""

import pathlib
import random
import struct

import protocol as p

HERE = pathlib.Path(__file__).parent / "corpus"
TYPES = b"QPBDECSHFdcfpX"

VALID = {
    b"Q": p.query("SELECT 1"), b"P": p.parse("SELECT $1", "s", [25]),
    b"B": p.bind([b"x", None], "", "s", [0], [1]), b"D": p.describe(b"S", "s"),
    b"E": p.execute(5, "portal"), b"C": p.close(b"S", "s"), b"S": p.SYNC, b"H": p.FLUSH,
    b"F": p.message(b"F", struct.pack("!IHHH", 1, 0, 0, 0)), b"d": p.message(b"d", b"1\t2\n"),
    b"c": p.message(b"c"), b"f": p.message(b"f", b"no\0"), b"p": p.message(b"p", b"secret\0"),
    b"X": p.TERMINATE,
}


def lengths():
    """Lengths that cannot be."""
    for kind in TYPES:
        for size in (0, 1, 3, 0x7fffffff, 0x80000000, 0xffffffff):
            yield "session", "closed", bytes([kind]) + struct.pack("!I", size) + b"x" * 16
    for size in (0, 3, 4, 7, 10001, 0x7fffffff, 0xffffffff):
        yield "start", "closed", struct.pack("!I", size) + b"x" * 16


def truncated():
    """A whole message whose body ends too early, at every place; then Sync."""
    for kind, whole in VALID.items():
        body = whole[5:]
        for cut in range(len(body)):
            yield "session", "any", p.message(kind, body[:cut]) + p.SYNC


def trailing():
    """A body that goes on after its end."""
    for kind, whole in VALID.items():
        yield "session", "any", p.message(kind, whole[5:] + b"more") + p.SYNC


def counts():
    """Counts and sizes that promise more than there is."""
    head = b"\0\0"
    for body in (head + b"\xff\xff", head + b"\0\0\xff\xff", head + b"\0\0\0\1\x7f\xff\xff\xff",
                 head + b"\0\0\0\1\xff\xff\xff\xfe", head + b"\0\1\0\7\0\0\0\0",
                 head + b"\0\0\0\0\xff\xff", b"s", b"\0", b""):
        yield "session", "any", p.message(b"B", body) + p.SYNC
    for body in (b"\0SELECT 1\0\xff\xff", b"\0SELECT 1\0\0\1", b"\0SELECT 1", b"\0" * 3):
        yield "session", "any", p.message(b"P", body) + p.SYNC
    for rows in (0x7fffffff, 0xffffffff, 0x80000000):
        yield "session", "any", p.parse("SELECT 1") + p.bind() + p.execute(rows) + p.SYNC


def unknown():
    """Types that no frontend sends."""
    for kind in range(256):
        if kind not in TYPES:
            yield "session", "closed", p.message(bytes([kind]), b"abc")


def starts():
    """Start-up packets gone wrong."""
    good = p.startup(user="tester", database="shop")
    for cut in range(8, len(good) - 1):
        yield "start", "any", struct.pack("!I", cut) + good[4:cut]
    for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 64,
                 b"SSH-2.0-OpenSSH_9.2\r\n"):
        yield "start", "any", text
    for code in (p.CANCEL_REQUEST, p.SSL_REQUEST, p.GSSENC_REQUEST):
        yield "start", "any", struct.pack("!II", 12, code) + b"abcd"
    yield "start", "any", struct.pack("!II", 9, p.PROTOCOL_3_0) + b"\0"
    yield "start", "any", p.startup(user="x" * 5000, database="shop")
    yield "start", "any", struct.pack("!II", 20, p.PROTOCOL_3_0) + b"user\0\xff\xfe\xfd\0\0\0\0"


def dice(seed=1):
    """A hundred random bytes: bare, and as the body of every type."""
    rng = random.Random(seed)
    for _ in range(20):
        yield "start", "any", rng.randbytes(100)
        yield "session", "any", rng.randbytes(100)
    for kind in TYPES:
        for _ in range(6):
            yield "session", "any", p.message(bytes([kind]), rng.randbytes(100)) + p.SYNC


def mutated(rng):
    """A valid conversation with some bytes changed, doubled or lost; used by the random rounds."""
    data = bytearray(b"".join(rng.choice(list(VALID.values())) for _ in range(rng.randint(1, 6))))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
            case 1:
                del data[at]
                data = data or bytearray(b"\0")
            case _:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
    return bytes(data)


def main():
    """Writes one file for each rule."""
    HERE.mkdir(exist_ok=True)
    for rule in (lengths, truncated, trailing, counts, unknown, starts, dice):
        lines = [f"{phase} {expected} {data.hex()}\n" for phase, expected, data in rule()]
        (HERE / f"{rule.__name__}.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
