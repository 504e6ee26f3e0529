"""The yard, on every store."""

import pytest

from tests.engine.jobs.yard import Yard


@pytest.fixture
def yard(store):
    return Yard(store)
