"""Nights on which clocks are moved: a sample of zones and moves here, every zone and every move in ``make verify``."""

from __future__ import annotations

import random

import pytest

from tests.clocks.moves import check_move
from tests.support.shared import shared_or_none
from tickwork.clocks import Cron, Daily, Every, Zone
from tickwork.clocks.zone import zone_names
from tickwork.watch import SECOND, parse_instant, show_instant

FIRST, LAST = 0, 2_145_916_800  # 1970 to 2037
_listed = shared_or_none("data/timezones/zones.txt")
AWKWARD = [line.split("\t")[0] for line in _listed.read_text(encoding="utf-8").splitlines()] if _listed else [
    "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Africa/Casablanca",
]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_the_awkward_zones(name: str) -> None:
    draw = random.Random(name)
    moves = Zone.get(name).transitions(FIRST, LAST)
    for at, before, after in draw.sample(moves, min(3, len(moves))):
        assert check_move(name, at, before, after)


def test_a_sample_of_all_zones() -> None:
    draw = random.Random(4)
    moves = [(name, *move) for name in zone_names() for move in Zone.get(name).transitions(FIRST, LAST)]
    assert len(moves) > 30_000
    for move in draw.sample(moves, 25):
        check_move(*move)


def ask(clock: Cron | Daily | Every, after: str, n: int) -> list[str]:
    return [show_instant(at)[:16] for at in clock.preview(n, parse_instant(after))]


GAP = "2026-03-28T12:00:00Z"  # Berlin puts its clocks forward in the night that follows
FOLD = "2026-10-24T12:00:00Z"  # and back in this one


@pytest.mark.parametrize(
    ("gap", "fold", "after", "expected"),
    [
        ("shift", "first", GAP, ["2026-03-29T01:30", "2026-03-30T00:30"]),
        ("skip", "first", GAP, ["2026-03-30T00:30", "2026-03-31T00:30"]),
        ("shift", "first", FOLD, ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("shift", "last", FOLD, ["2026-10-25T01:30", "2026-10-26T01:30"]),
        ("shift", "both", FOLD, ["2026-10-25T00:30", "2026-10-25T01:30"]),
    ],
)
def test_the_policies_of_a_fixed_time(gap: str, fold: str, after: str, expected: list[str]) -> None:
    assert ask(Daily("02:30", "Europe/Berlin", gap=gap, fold=fold), after, 2) == expected
    assert ask(Cron("30 2 * * *", "Europe/Berlin", gap=gap, fold=fold), after, 2) == expected


def test_a_wildcard_hour_is_a_beat() -> None:
    """It runs at each real time that matches, whatever the policies: 3 in the night of 23 hours, 5 in that of 25."""
    for gap, fold in (("shift", "first"), ("skip", "both")):
        beat = Cron("0 * * * *", "Europe/Berlin", gap=gap, fold=fold)
        night = [parse_instant("2026-03-28T23:00:00Z"), parse_instant("2026-03-29T02:00:00Z")]
        assert len(beat.between(*night)) == 3
        night = [parse_instant("2026-10-24T22:00:00Z"), parse_instant("2026-10-25T03:00:00Z")]
        assert len(beat.between(*night)) == 5
    half = Cron("30 */2 * * *", "Europe/Berlin")
    assert ask(half, "2026-03-29T00:00:00Z", 1) == ["2026-03-29T02:30"]  # 02:30 is not there, and is not made up
    assert ask(half, "2026-10-25T00:00:00Z", 2) == ["2026-10-25T00:30", "2026-10-25T01:30"]


def test_a_day_that_does_not_exist() -> None:
    """Samoa had no 30 December 2011: its midnight moves on by a day, on to the 31st's own, and counts once."""
    assert ask(Daily("00:00", "Pacific/Apia"), "2011-12-29T09:00:00Z", 3) == [
        "2011-12-29T10:00",
        "2011-12-30T10:00",
        "2011-12-31T10:00",
    ]
    assert ask(Daily("12:00", "Pacific/Apia", gap="skip"), "2011-12-29T09:00:00Z", 2) == [
        "2011-12-29T22:00",
        "2011-12-30T22:00",
    ]


def test_elapsed_time_is_not_wall_time() -> None:
    since = parse_instant("2026-03-28T08:00:00Z")
    assert Every(86_400).next_at(None, since) == since + 86_400 * SECOND
    assert ask(Daily("09:00", "Europe/Berlin"), "2026-03-28T08:00:00Z", 1) == ["2026-03-29T07:00"]
