"""An upgrade of the zone data with the real packages: planned by a process with 2025b, looked at by one with the newest.

Nothing is spoilt by hand: a child process that imports ``tzdata==2025.2`` plans a trigger in each of the awkward zones of
``data/timezones/zones.txt`` and dies; then this process, with the installed package, compares and re-plans.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone

import pytest

from tests.support.processes import run
from tests.support.scene import Scene
from tests.support.shared import REPOSITORY, shared
from tests.support.zonedata import older_zone_data
from tickwork.clocks import Daily
from tickwork.clocks.edition import INSTALLED, Edition
from tickwork.clocks.zonechange import changed_zones, fingerprints
from tickwork.engine.triggers.rezoning import FROM_AT, UNTIL_AT, Rezoning

AT = datetime(2026, 12, 1, tzinfo=timezone.utc)
#: Which of the 26 awkward zones move between 2025b and 2026f: three governments changed their minds.
MOVED = {"America/Vancouver", "Africa/Casablanca", "America/Havana"}
#: All names that move. Beside those: Western Sahara keeps Morocco's time, Alberta and Manitoba follow British Columbia,
#: Moldova's moves are an hour off in the older data (as they were in 2022), and each zone's second names move with it.
ALL_MOVED = MOVED | {
    "Africa/El_Aaiun",
    "America/Edmonton",
    "America/Inuvik",
    "America/Rainy_River",
    "America/Winnipeg",
    "America/Yellowknife",
    "Canada/Central",
    "Canada/Mountain",
    "Canada/Pacific",
    "Cuba",
    "Europe/Chisinau",
    "Europe/Tiraspol",
}

OLDER_HOST = """
import sys
from datetime import datetime
from tests.support.scene import Scene
from tickwork.clocks import Daily, tzdata_version
from tickwork.engine.triggers.rezoning import Rezoning

scene = Scene(sys.argv[1], at=datetime.fromisoformat(sys.argv[2]))
for zone in sys.argv[3:]:
    scene.put(zone, Daily("09:00", zone))
Rezoning(scene.store).turn(scene.watch.now())
scene.work()
print(tzdata_version())
scene.close()
"""


@pytest.fixture
def awkward() -> list[str]:
    text = shared("data/timezones/zones.txt").read_text(encoding="utf-8")
    return [line.split("\t")[0] for line in text.splitlines() if line.strip()]


def test_the_zones_that_two_releases_disagree_about() -> None:
    older = Edition.at(older_zone_data())
    assert older.version() == "2025b" < INSTALLED.version()
    kept = fingerprints(FROM_AT, UNTIL_AT, edition=older)
    moved = changed_zones(kept, FROM_AT, UNTIL_AT)
    if INSTALLED.version() == "2026f":
        assert moved == ALL_MOVED
    assert moved >= MOVED
    assert changed_zones(kept, FROM_AT, UNTIL_AT, edition=older) == frozenset()


def test_after_the_upgrade_triggers_of_zones_that_changed_move_and_no_others(
    database: str, awkward: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    code, said = planned_by_an_older_host(database, awkward)
    assert (code, said.strip()) == (0, "2025b"), said
    scene = Scene(database, at=AT)
    try:
        before = {zone: scene.event(zone)["next_at"] for zone in awkward}
        rezoning, now = Rezoning(scene.store, batch=7), scene.watch.now()
        with caplog.at_level("INFO", "tickwork.planning"):
            while rezoning.turn(now) == now:
                pass
        after = {zone: scene.event(zone)["next_at"] for zone in awkward}
        moved = {zone for zone in awkward if after[zone] != before[zone]}
        assert moved == MOVED
        assert rezoning.replanned == len(MOVED)
        assert {zone for zone in awkward if f"zone data changed: {zone} moves" in caplog.text} == MOVED
        assert after == {zone: Daily("09:00", zone).next_at(None, now) for zone in awkward}
        stamps = dict(
            scene.sql("select t.key, e.tzdata from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id")
        )
        assert {zone for zone, version in stamps.items() if version == INSTALLED.version()} == MOVED
        assert {version for zone, version in stamps.items() if zone not in MOVED} == {"2025b"}
        kept = json.loads(scene.sql("select value from tickwork.setting where name = 'zone data'")[0][0])
        assert kept["version"] == INSTALLED.version()
    finally:
        scene.close()


def planned_by_an_older_host(url: str, zones: list[str]) -> tuple[int, str]:
    path = os.pathsep.join(map(str, (older_zone_data(), REPOSITORY / "src", REPOSITORY)))
    return run("-c", OLDER_HOST, url, AT.isoformat(), *zones, env={"PYTHONPATH": path})
