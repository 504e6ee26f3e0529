"""Fixtures and hooks that every test may use; what they do stands in tests/support."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.levels import levels
from tests.support.order import pytest_collection_modifyitems
from tests.support.stores import (
    bench,
    database,
    database_url,
    pytest_addoption,
    pytest_configure,
    pytest_generate_tests,
    pytest_terminal_summary,
    pytest_unconfigure,
    store,
    tell,
)

__all__ = [
    "bench",
    "database",
    "database_url",
    "levels",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_terminal_summary",
    "pytest_unconfigure",
    "store",
    "tell",
]

# A shared machine is slow at times: no deadline per example. A run in CI is the same run every time.
settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile(
    "ci", settings.get_profile("here"), derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")
