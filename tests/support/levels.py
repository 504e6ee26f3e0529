"""What a test says about how much is logged holds for that test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Set the levels of our loggers back: a command that was run with ``-v`` in this process would go on talking."""
    manager = logging.Logger.manager
    before = {name: each.level for name, each in _ours(manager)}
    yield
    for name, each in _ours(manager):
        each.setLevel(before.get(name, logging.NOTSET))


def _ours(manager: logging.Manager) -> list[tuple[str, logging.Logger]]:
    return [
        (name, each)
        for name, each in manager.loggerDict.items()
        if name.startswith("tickwork") and isinstance(each, logging.Logger)
    ]
