"""Every test here has a shop: a store at noon, with a watch that is wound by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop import Shop


@pytest.fixture
def shop(store: Any) -> Shop:
    return Shop(store)
