"""Malformed input: the stored corpus, and random rounds from a printed seed.

No input may end the server, close another session, or leave its own session half alive.
"""

import os
import pathlib
import random
import socket

import make_corpus
import pytest
import servers
from protocol import Wire, errors, query, rows

CORPUS = sorted((pathlib.Path(__file__).parent / "corpus").glob("*.txt"))
ROUNDS = int(os.environ.get("EGRET_FUZZ_ROUNDS", "400"))


@pytest.fixture
def bystander(link):
    """Another session, open throughout."""
    with Wire(link) as session:
        session.start()
        yield session
        assert rows(session.ask(query("SELECT 'still here'"))) == [[b"still here"]]


def provoke(link, phase, data):
    """Sends the bytes and says no more; answers what came, up to the end of the stream."""
    with Wire(link, timeout=5) as session:
        if phase == "session":
            session.start()
        try:
            session.send(data)
            session.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return session.until("")


@pytest.mark.parametrize("file", CORPUS, ids=[file.stem for file in CORPUS])
def test_corpus(link, bystander, file):
    """Every stored input is answered or refused, and the connection ends."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        phase, expected, data = line.split()
        try:
            got = provoke(link, phase, bytes.fromhex(data))
        except TimeoutError:
            pytest.fail(f"{file.name}:{number}: no end after {data}")
        if expected == "closed" and phase == "session":
            assert errors(got)[-1:] == ["08P01"], f"{file.name}:{number}: {data} got {got[-2:]}"
        if number % 20 == 0:
            assert rows(bystander.ask(query("SELECT 1"))) == [[b"1"]], f"{file.name}:{number}"


def test_oversized(link, bystander):
    """A message beyond the limit is refused before it is read."""
    if servers.TARGET == "postgres":
        pytest.skip("the oracle's limit is a gigabyte")
    with Wire(link) as session:
        session.start()
        session.send(b"Q" + (1 << 30).to_bytes(4, "big") + b"SELECT 1")
        assert errors(session.until("E")) == ["08P01"]
        assert session.ended()


def test_random(link, bystander):
    """Random rounds; a failing seed belongs into the corpus."""
    seed = int(os.environ.get("EGRET_FUZZ_SEED", random.randrange(1 << 32)))
    print("EGRET_FUZZ_SEED =", seed)
    rng = random.Random(seed)
    for n in range(ROUNDS):
        data = make_corpus.mutated(rng)
        phase = rng.choice(("session", "session", "session", "start"))
        try:
            provoke(link, phase, data)
        except TimeoutError:
            pytest.fail(f"no end: {phase} any {data.hex()}")
        if n % 50 == 0:
            assert rows(bystander.ask(query("SELECT 1"))) == [[b"1"]], data.hex()
