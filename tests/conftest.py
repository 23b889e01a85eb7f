"""Fixtures shared by all python suites: the server under test, in clear and over TLS."""

import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

import gaps  # noqa: E402
import servers  # noqa: E402


def pytest_collection_modifyitems(items):
    """Marks the cases of unsupported.txt as expected failures."""
    for item in items:
        why = gaps.reason(servers.TARGET, item.nodeid.rsplit("/", 1)[-1])
        if why:
            item.add_marker(pytest.mark.xfail(reason=why, strict=True))


@pytest.fixture(scope="session")
def oracle():
    """One PostgreSQL for the whole run, started when first asked for."""
    cluster = servers.Postgres()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session", params=["plain", "tls"])
def tls(request):
    """Every case runs in clear, then over TLS with SCRAM."""
    return request.param == "tls"


@pytest.fixture(scope="session")
def shop(request, tls):
    """The server under test."""
    if servers.TARGET == "postgres":
        yield request.getfixturevalue("oracle")
        return
    shop = servers.Shop(tls)
    yield shop
    shop.stop()


@pytest.fixture(scope="session")
def link(shop, tls):
    """A link for the user who may write."""
    return shop.link(tls)


@pytest.fixture
def serve():
    """Starts servers that end with the case."""
    started = []

    def start(*files, arguments=(), **options):
        server = servers.Egret(*files, arguments=arguments, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
        assert "panicked" not in server.text, server.text[-3000:]


@pytest.fixture(autouse=True)
def time_limit(request):
    """No case may hang: after a minute, or three if it is slow, it fails where it stands."""
    seconds = 180 if request.node.get_closest_marker("slow") else 60

    def expire(*_):
        raise TimeoutError(f"the case took longer than {seconds} seconds")

    signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
