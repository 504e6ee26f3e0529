"""Random recurrence rules against a slow reference that shares no code, and against dateutil where it is right."""

from __future__ import annotations

from random import Random

import pytest

from tests.clocks.rrule_checks import agrees_with_dateutil, agrees_with_the_reference
from tests.clocks.rrule_random import random_case

CHUNKS = 5


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_rules_agree_with_the_slow_reference(chunk: int) -> None:
    fired = sum(agrees_with_the_reference(random_case(Random(seed))) for seed in range(chunk * 100, chunk * 100 + 100))
    assert fired > 60, "most random rules do fire, or nothing was compared"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_rules_agree_with_dateutil_where_it_is_right(chunk: int) -> None:
    first = 100_000 + chunk * 100
    compared = sum(agrees_with_dateutil(random_case(Random(seed))) for seed in range(first, first + 100))
    assert compared > 30
