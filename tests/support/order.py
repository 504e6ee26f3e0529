"""Long tests come first, so that no worker process of a run is alone with one at its end."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the tests that are marked as long; a run gives each of its processes a stretch of the list to begin with."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes > 1:
        items[:] = dealt(items, processes)


def dealt(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the tests in as many stretches as there are processes, each of which begins with its share of the long ones."""
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    found: list[pytest.Item] = []
    for number in range(processes):
        stretch = (len(items) - len(found)) // (processes - number)
        share = long[number::processes]
        rest = max(0, stretch - len(share))
        found += share + short[:rest]
        del short[:rest]
    return found + short
