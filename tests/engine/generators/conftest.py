import pytest

from tests.engine.generators.field import Field


@pytest.fixture
def field(store):
    return Field(store)
