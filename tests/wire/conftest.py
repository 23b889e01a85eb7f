"""Servers of the raw suites: one in clear, one with TLS."""

import pytest
import servers


@pytest.fixture(scope="session")
def link(request):
    """Raw sessions are in clear."""
    yield from served(request, False)


@pytest.fixture(scope="session")
def secure(request):
    """A link to a server with TLS."""
    yield from served(request, True)


def served(request, tls):
    """A link to the server under test, which ends with the run."""
    if servers.TARGET == "postgres":
        yield request.getfixturevalue("oracle").link(tls)
        return
    shop = servers.Shop(tls)
    yield shop.link(tls)
    shop.stop()
