"""New zone data move the triggers of zones that changed, and no others."""

from datetime import datetime, timezone

import msgspec
import pytest

from tests.support.scene import Scene
from tickwork import clocks
from tickwork.engine.triggers.rezoning import COMPARE_EVERY, Rezoning, ZoneData
from tickwork.watch import SECOND

#: Both zones lie an hour further east in the newer data, as the events below were planned.
MOVED = ("America/Vancouver", "Africa/Casablanca")


@pytest.fixture
def scene(database):
    scene = Scene(database, at=datetime(2026, 12, 1, tzinfo=timezone.utc))
    yield scene
    scene.close()


def planned_by_older_data(scene):
    """Spoil what an older daemon would have left: its version, its fingerprints, and next times an hour off."""
    own = ZoneData.own()
    older = ZoneData("2025b", {**own.zones, **dict.fromkeys(MOVED, "older")})
    value = msgspec.json.encode(older).decode()
    scene.sql(f"insert into tickwork.setting (name, value) values ('zone data', '{value}')")
    names = ", ".join(f"'{name}'" for name in MOVED)
    scene.sql(
        "update tickwork.event set next_at = next_at + 3600000000, due_at = due_at + 3600000000, tzdata = '2025b'"
        f" where trigger_id in (select id from tickwork.trigger where key in ({names}))"
    )
    scene.sql("update tickwork.event set tzdata = '2025b'")


def everything(rezoning, scene):
    now = scene.watch.now()
    while rezoning.turn(now) == now:
        pass


def test_only_triggers_of_changed_zones_are_planned_again(scene, caplog):
    for zone in (*MOVED, "Europe/Berlin", "UTC"):
        scene.put(zone, clocks.Daily("09:00", zone))
    scene.put("elapsed", clocks.Every(3600))
    scene.work()
    right = {zone: scene.event(zone)["next_at"] for zone in (*MOVED, "Europe/Berlin")}
    planned_by_older_data(scene)
    rezoning = Rezoning(scene.store, batch=2)
    with caplog.at_level("INFO", "tickwork.planning"):
        everything(rezoning, scene)
    assert {zone: scene.event(zone)["next_at"] for zone in right} == right
    assert rezoning.replanned == 2
    assert "America/Vancouver moves from" in caplog.text
    stamps = dict(
        scene.sql("select t.key, e.tzdata from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id")
    )
    assert stamps.pop("Europe/Berlin") == stamps.pop("UTC") == stamps.pop("elapsed") == "2025b"
    assert "2025b" not in stamps.values()


def test_a_second_comparison_finds_nothing_to_do(scene):
    scene.put("v", clocks.Daily("09:00", "America/Vancouver"))
    scene.work()
    planned_by_older_data(scene)
    everything(Rezoning(scene.store), scene)
    ran = []
    scene.store.dialect.on_statement = ran.append
    again = Rezoning(scene.store)
    assert again.turn(scene.watch.now()) == scene.watch.now() + COMPARE_EVERY
    assert [name for name in ran if name not in ("begin", "commit")] == ["zone_data"]


def test_a_host_with_older_data_changes_nothing_and_says_so(scene, caplog):
    newer = msgspec.json.encode(ZoneData("2199z", {})).decode()
    scene.sql(f"insert into tickwork.setting (name, value) values ('zone data', '{newer}')")
    scene.put("v", clocks.Daily("09:00", "America/Vancouver"))
    scene.work()
    before = scene.event("v")
    rezoning = Rezoning(scene.store)
    rezoning.turn(scene.watch.now())
    assert scene.event("v") == before
    assert "upgrade the tzdata package" in caplog.text


@pytest.mark.stores("postgresql")
def test_a_trigger_that_an_application_holds_is_planned_when_it_is_free(scene):
    zone = "America/Vancouver"
    scene.put(zone, clocks.Daily("09:00", zone))
    scene.work()
    right = scene.event(zone)["next_at"]
    planned_by_older_data(scene)
    rezoning, now = Rezoning(scene.store), scene.watch.now()
    holder = scene.store.dialect.connect()
    holder.execute("begin")
    holder.execute("update tickwork.trigger set priority = 1")
    assert rezoning.turn(now) == now + SECOND
    holder.execute("rollback")
    holder.close()
    everything(rezoning, scene)
    assert scene.event(zone)["next_at"] == right
