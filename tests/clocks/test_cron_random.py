"""Random and real cron expressions against the slow reference, cronsim and croniter (see the tables of deviations)."""

from __future__ import annotations

import random

import pytest
from cronsim import CronSimError

from tests.clocks.comparing import SECOND, ZONES, agrees, agrees_with_others, compare
from tests.clocks.expressions import EQUAL_ENDS, random_expression
from tests.clocks.oracles import croniter_fires, cronsim_fires
from tests.support.shared import shared
from tickwork.clocks import Cron, Zone

FIRST, LAST = 631_152_000, 2_145_916_800
DAY = 86_400


@pytest.mark.parametrize("tenth", range(10))
def test_a_thousand_random_expressions_agree_with_the_reference(tenth: int) -> None:
    draw = random.Random(tenth)
    for _ in range(100):
        agrees(draw)


def test_the_comparison_compares_something() -> None:
    """The reference is not empty where it should not be: an expression that fires often is compared often."""
    assert compare("*/10 1-3 * * *", "Europe/Berlin", 1_774_656_000, 1_774_828_800) == 36
    assert compare("0 * * * *", "Europe/Berlin", 1_792_800_000, 1_792_972_800) == 48


def ours(expression: str, name: str, low: int, high: int) -> list[int]:
    return [at // SECOND for at in Cron(expression, name).between(low * SECOND, high * SECOND)]


@pytest.mark.parametrize("quarter", range(4))
def test_random_expressions_agree_with_cronsim_and_croniter_in_utc(quarter: int) -> None:
    draw = random.Random(100 + quarter)
    assert sum(agrees_with_others(random_expression(draw, plain=True), draw) for _ in range(60)) > 30


def deviates(expression: str, name: str, low: int, high: int) -> bool:
    """Tell whether the table of deviations from cronsim has a say: fixed hours where clocks are moved."""
    parts = expression.split()
    moved = Zone.get(name).transitions(low - DAY, high + DAY)
    if any((after - before) % 3600 for _, before, after in moved):
        return True
    if not moved or parts[-4].startswith("*"):
        return False
    gaps = any(after > before for _, before, after in moved)
    return gaps or parts[-5].startswith("*") or len(parts) != 5


@pytest.mark.parametrize("quarter", range(4))
def test_random_expressions_agree_with_cronsim_in_zones(quarter: int) -> None:
    draw = random.Random(200 + quarter)
    compared = 0
    for _ in range(250):
        expression, name = random_expression(draw, plain=True), draw.choice(ZONES)
        moves = Zone.get(name).transitions(FIRST, LAST)
        middle = draw.choice(moves)[0] if moves and draw.random() < 0.7 else draw.randrange(FIRST, LAST)
        low, high = middle - DAY, middle + DAY
        if EQUAL_ENDS.search(expression) or deviates(expression, name, low, high):
            continue
        try:
            expected = cronsim_fires(expression, name, low, high)
        except CronSimError:
            continue
        assert ours(expression, name, low, high) == expected, (expression, name, low)
        compared += 1
    assert compared > 80


def test_real_expressions_agree_with_cronsim() -> None:
    lines = shared("data/crontabs/expressions.txt").read_text(encoding="utf-8").splitlines()
    low = 1_767_225_600
    compared = 0
    for line in lines:
        if line.startswith("@"):
            continue
        for high in (low + DAY // 2, low + 40 * DAY):
            expected = cronsim_fires(line, "UTC", low, high, most=500)
            if len(expected) <= 500:
                assert ours(line, "UTC", low, high) == expected, line
                compared += 1
    assert compared > 700


# Each known deviation from cronsim, one example: what it says, what we say. A release that changes its mind is noticed.
GAP = 1_774_746_000 - 3600, 1_774_746_000 + 4 * 3600  # Berlin, 2026-03-29, 01:00Z and around
FOLD = 1_792_890_000 - 2 * 3600, 1_792_890_000 + 3600  # Berlin, 2026-10-25, 01:00Z and around


@pytest.mark.parametrize(
    ("expression", "stretch", "theirs", "expected"),
    [
        ("30 2 * * *", GAP, [GAP[0] + 3600], [GAP[0] + 3600 + 1800]),
        ("*/30 2 * * *", GAP, [], [GAP[0] + 3600, GAP[0] + 3600 + 1800]),
        ("*/30 2 * * *", FOLD, [FOLD[0] + n * 1800 for n in range(2, 6)], [FOLD[0] + 3600, FOLD[0] + 5400]),
        ("0 30 2 * * *", FOLD, [FOLD[0] + 5400, FOLD[0] + 9000], [FOLD[0] + 5400]),
    ],
)
def test_the_known_deviations_from_cronsim(
    expression: str, stretch: tuple[int, int], theirs: list[int], expected: list[int]
) -> None:
    assert cronsim_fires(expression, "Europe/Berlin", *stretch) == theirs
    assert ours(expression, "Europe/Berlin", *stretch) == expected


def test_the_known_deviations_in_ranges_with_equal_ends() -> None:
    day = 1_767_225_600 + 5 * DAY
    assert len(croniter_fires("0 0 1-1 * *", day, day + 3 * DAY)) == 3
    assert ours("0 0 1-1 * *", "UTC", day, day + 3 * DAY) == []
    assert cronsim_fires("0 0 2-2/5 * *", "UTC", day, day + 3 * DAY) == [day + DAY]
    assert ours("0 0 2-2/5 * *", "UTC", day, day + 3 * DAY) == []
