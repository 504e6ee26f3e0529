"""Outcomes come in from other threads while the pump looks at them."""

from __future__ import annotations

import sys
import threading

import pytest

from tickwork.engine.worker.settling import Settling


class Ended:
    token = 1


@pytest.fixture
def restless():
    """Threads change places as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_looking_while_others_add_and_each_is_seen_once(restless):
    settling, taken, size = Settling(), [], 50_000
    ended = [Ended() for _ in range(size)]
    adding = threading.Thread(target=lambda: [settling.add(each) for each in ended])
    adding.start()
    while len(taken) < size:
        seen = settling.peek(100)
        batch = settling.take(100)
        assert batch[: len(seen)] == seen
        taken += batch
    adding.join()
    assert taken == ended
