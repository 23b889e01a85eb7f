"""A short run of endure.py, which is a program for longer ones."""

import endure
import pytest


@pytest.fixture
def time_limit():
    """These cases take longer than a minute on a busy machine; tests/run bounds the suite."""


def test_everything_at_once():
    """Half a minute of kills, a store that dies and a full disk."""
    assert endure.endure(endure.Run, 0.5, 7) == []


def test_the_machine_lost():
    """What clients were told is stored is in the bucket."""
    assert endure.endure(endure.Losses, 3, 7) == []
