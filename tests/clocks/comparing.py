"""Compares a cron expression with the slow reference on a stretch of time, forwards and backwards."""

from __future__ import annotations

import random

import pytest
from croniter import CroniterBadDateError
from cronsim import CronSimError

from tests.clocks.expressions import EQUAL_ENDS, random_expression
from tests.clocks.oracles import croniter_fires, cronsim_fires
from tests.clocks.reference import cron_fires
from tickwork.clocks import Cron, Zone
from tickwork.clocks.zone import zone_names
from tickwork.errors import InvalidClock

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca",
    "Pacific/Apia", "Asia/Kathmandu", "America/Havana", "Asia/Gaza", "Europe/Dublin", "America/Sao_Paulo",
)  # fmt: skip
SECOND = 1_000_000
FIRST, LAST = 631_152_000, 2_145_916_800  # 1990 to 2038
EARLIEST, LATEST = -2_208_988_800, 16_725_225_600  # 1900 to 2500


def agrees(draw: random.Random) -> str:
    """Compare one random expression in a random zone on a stretch around a random move of the clocks."""
    expression = random_expression(draw)
    anywhere = draw.random() < 0.3
    name = draw.choice(zone_names() if anywhere else ZONES)
    gap, fold = draw.choice(("shift", "skip")), draw.choice(("first", "last", "both"))
    first, last = (EARLIEST, LATEST) if anywhere else (FIRST, LAST)
    moves = Zone.get(name).transitions(first, last)
    middle = draw.choice(moves)[0] if moves and draw.random() < 0.8 else draw.randrange(first, last)
    parts = expression.split()
    beats = parts[-4].startswith("*") or len(parts[-5]) + len(parts[-4]) > 8  # so often that a day says enough
    many = (86_400,) if beats or draw.random() < 0.7 else (3 * 86_400, 40 * 86_400)
    span = 3 * 3600 if len(parts) > 5 else draw.choice(many)
    low = middle - draw.randrange(span)
    compare(expression, name, low, low + span, gap, fold)
    return expression


def agrees_with_others(expression: str, draw: random.Random) -> bool:
    """Tell whether cronsim and croniter were asked about a plain expression in UTC, after they were found to agree."""
    if EQUAL_ENDS.search(expression):
        return False
    low = draw.randrange(FIRST, LAST)
    high = low + draw.choice((86_400, 40 * 86_400))
    try:
        expected = cronsim_fires(expression, "UTC", low, high, most=2_000)
    except CronSimError:
        with pytest.raises(InvalidClock):
            Cron(expression)
        return False
    if len(expected) > 2_000:
        return False
    assert [at // SECOND for at in Cron(expression).between(low * SECOND, high * SECOND)] == expected, expression
    try:
        assert croniter_fires(expression, low, high) == expected, expression
    except CroniterBadDateError:
        assert not expected, expression
    return True


def compare(expression: str, name: str, low: int, high: int, gap: str = "shift", fold: str = "first") -> int:
    """Assert that engine and reference give the same occurrences from *low* to *high* (seconds); return how many."""
    expected = cron_fires(expression, name, low, high, gap, fold)
    said = (expression, name, low, high, gap, fold)
    try:
        clock = Cron(expression, name, gap, fold)
    except InvalidClock as refused:
        assert "never fires" in str(refused), (said, refused)
        assert not expected, said
        return 0
    got = [at // SECOND for at in clock.between(low * SECOND, high * SECOND)]
    assert got == expected, (said, sorted(set(got) ^ set(expected))[:5])
    backwards, before = [], high * SECOND
    while True:
        found = clock.prev_at(before, 0)
        if found is None or found < low * SECOND:
            break
        backwards.append(found // SECOND)
        before = found
    assert backwards[::-1] == expected, (said, "backwards")
    return len(expected)
