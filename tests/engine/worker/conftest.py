import pytest

from tests.engine.worker.works import Works


@pytest.fixture
def works(store):
    return Works(store)
