"""The package's front door: quick to open, honest about what is behind it."""

from __future__ import annotations

import importlib.metadata
import json

import pytest

import tickwork
from tests.support.processes import run

#: What an ``import tickwork`` must not drag in.
HEAVY = {"click", "rich", "psycopg", "sqlalchemy", "django", "starlette", "asyncio", "msgspec", "sqlite3"}


def test_import_loads_nothing_heavy() -> None:
    """Modules are counted, not milliseconds: `make bench NAME=start` measures those."""
    code, said = run("-c", "import sys; before = set(sys.modules); import tickwork, json; "
                           "print(json.dumps(sorted(set(sys.modules) - before)))")  # fmt: skip
    assert code == 0, said
    loaded = set(json.loads(said))
    assert HEAVY & loaded == set()
    assert {name for name in loaded if name.startswith("tickwork")} == {"tickwork"}


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
