"""The package's front door: quick to open, honest about what is behind it."""

from __future__ import annotations

import importlib.metadata
import json
import statistics

import pytest

import tickwork
from tests.support.processes import run

#: What an ``import tickwork`` must not drag in.
HEAVY = {"click", "rich", "psycopg", "sqlalchemy", "django", "starlette", "asyncio", "msgspec", "sqlite3"}


def test_import_loads_nothing_heavy() -> None:
    code, said = run("-c", "import sys; before = set(sys.modules); import tickwork, json; "
                           "print(json.dumps(sorted(set(sys.modules) - before)))")  # fmt: skip
    assert code == 0, said
    assert HEAVY & set(json.loads(said)) == set()


def test_import_takes_less_than_80_ms() -> None:
    """Measured inside the child, so that the interpreter's own start does not count; the median of five."""
    measure = "import time; t = time.perf_counter(); import tickwork; print(time.perf_counter() - t)"
    assert statistics.median(float(run("-c", measure)[1]) for _ in range(5)) < 0.080


@pytest.mark.parametrize("public", [name for name in tickwork.__all__ if name != "__version__"])
def test_every_public_name_can_be_had(public: str) -> None:
    assert getattr(tickwork, public) is not None
    assert public in dir(tickwork)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Tickworks'"):
        _ = tickwork.Tickworks


def test_the_version_is_the_package_s() -> None:
    try:
        installed = importlib.metadata.version("tickwork")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is not installed here; run `make install`")
    assert tickwork.__version__ == installed
