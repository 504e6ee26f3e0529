"""New zone data: which zones changed, and which clocks that concerns."""

from __future__ import annotations

import csv
from datetime import datetime

import pytest

from tests.clocks.reference import seconds
from tests.support.shared import shared
from tickwork.clocks import Cron, Daily, Every, Once, Zone
from tickwork.clocks.clock import Clock
from tickwork.clocks.zone import zone_names
from tickwork.clocks.zonechange import changed_zones, fingerprints

SECOND = 1_000_000
YEARS = 1_735_689_600, 1_893_456_000  # 2025 to 2029
STRETCH = YEARS[0] * SECOND, YEARS[1] * SECOND


def as_of_2025b(name: str, rows: list[dict[str, str]]) -> Zone:
    """Build the zone as the older data had it: without the moves that only the newer has, with those only it had."""

    def instant(row: dict[str, str]) -> int:
        return seconds(datetime.fromisoformat(row["utc_instant"]))

    def offset(text: str) -> int:
        sign = -1 if text.startswith("-") else 1
        hours, minutes = text[1:].split(":")
        return sign * (int(hours) * 3600 + int(minutes) * 60)

    newer = {instant(row) for row in rows if row["only_in"] != "2025b"}
    moves = [(at, before, after) for at, before, after in Zone.get(name).transitions(*YEARS) if at not in newer]
    moves += [
        (instant(row), offset(row["offset_before"]), offset(row["offset_after"]))
        for row in rows
        if row["only_in"] == "2025b"
    ]
    moves.sort()
    return Zone(
        name, [at for at, _, _ in moves], [Zone.get(name).offset_at(YEARS[0]), *(after for _, _, after in moves)]
    )


def test_the_zones_that_changed_between_two_releases_are_found_and_no_others() -> None:
    text = shared("data/timezones/tzdata-2025b-vs-2026f.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    changed = {row["zone"] for row in rows}
    assert {"America/Vancouver", "Africa/Casablanca", "America/Havana"} <= changed
    kept = fingerprints(*STRETCH)
    for name in changed:
        old = as_of_2025b(name, [row for row in rows if row["zone"] == name])
        kept[name] = old.fingerprint(*YEARS)
    assert changed_zones(kept, *STRETCH) == changed


def test_a_zone_that_is_gone_counts_as_changed() -> None:
    assert changed_zones({"Mars/Olympus": "0" * 16}, *STRETCH) == {"Mars/Olympus"}
    assert changed_zones(fingerprints(*STRETCH, ["UTC", "+05:30"]), *STRETCH) == frozenset()
    assert len(fingerprints(*STRETCH)) == len(zone_names())


@pytest.mark.parametrize(
    ("clock", "zones"),
    [
        (Every(60), []),
        (Once(0), []),
        (Daily("09:00", "Europe/Berlin"), ["Europe/Berlin"]),
        (Cron("0 9 * * *"), ["UTC"]),
        (Cron("0 9 * * *", "America/Havana") | Daily("09:00", "Europe/Berlin"), ["America/Havana", "Europe/Berlin"]),
        (Daily("09:00", "Asia/Tokyo").starting(0), ["Asia/Tokyo"]),
    ],
    ids=repr,
)
def test_a_clock_names_the_zones_that_move_it(clock: Clock, zones: list[str]) -> None:
    assert sorted(clock.zones()) == zones
