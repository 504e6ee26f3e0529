"""Every kind of lent connection on every store that it leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.borrowers import KINDS

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", list(KINDS))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the pairs that do not exist: no asyncpg on SQLite."""
    gone = [item for item in items if not _exists(item)]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if _exists(item)]


def _exists(item: pytest.Item) -> bool:
    if not item.path.is_relative_to(HERE):
        return True  # the hook sees the items of every folder
    callspec = getattr(item, "callspec", None)
    if callspec is None or "kind" not in callspec.params or "store_name" not in callspec.params:
        return True
    return (
        not isinstance(callspec.params["store_name"], str)
        or callspec.params["store_name"].partition("-")[0] in KINDS[callspec.params["kind"]].stores
    )
