"""Bulk verbs on the triggers that a filter selects: one transaction, a handful of statements, all or none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.dying import walk
from tests.support.scene import START, WORK, Scene
from tickwork import Tickwork, clocks
from tickwork.api import assembly
from tickwork.api.settings import Settings
from tickwork.api.triggers import Triggers
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput
from tickwork.watch import HOUR, ManualWatch, to_instant

TEN = timedelta(hours=10)


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


@pytest.mark.long
def test_t18_ten_thousand_triggers_an_hour_later(scene, tell, store_name):
    """T18: each next one an hour later, at most 10 statements, all or none."""
    kinds = [clocks.Once(START + TEN), clocks.Every(600), clocks.Daily("20:00"), clocks.Cron("0 20 * * *")]
    scene.app.triggers.put_many(((f"k{n}", kinds[n % 4], WORK) for n in range(10_000)), unchecked=True)
    scene.work()
    before = dict(scene.sql("select trigger_id, next_at from tickwork.event"))
    statements = []
    scene.store.dialect.on_statement = statements.append
    done = scene.app.triggers.where(prefix="k").shift(timedelta(hours=1), by="ann")
    scene.store.dialect.on_statement = None
    assert (done.selected, done.did) == (10_000, {"moved": 10_000})
    assert len(statements) <= 10, statements
    scene.work()
    after = dict(scene.sql("select trigger_id, next_at from tickwork.event"))
    assert {number: at - before[number] for number, at in after.items()} == dict.fromkeys(before, HOUR)
    assert scene.sql("select count(*), min(did), min(changed_by) from tickwork.trigger where version = 2") == [
        (10_000, "moved", "ann")
    ]
    assert scene.sql("select count(*) from tickwork.trigger_version") == [(20_000,)]
    tell(f"T18 on {store_name}: 10,000 triggers an hour later in {len(statements)} statements")


def test_shifted_again_and_back(scene):
    scene.put("k", clocks.Cron("0 20 * * *"))
    scene.work()
    before = scene.event("k")["next_at"]
    for span in (1800, 1800, -3600):
        scene.app.triggers.where(prefix="k").shift(span)  # also before the letter is read
    scene.work()
    assert scene.event("k")["next_at"] == before
    assert scene.app.triggers.get("k").clock_params.count("shifted") == 0, "many shifts are one"


def test_what_has_fired_today_does_not_fire_again_an_hour_later(scene):
    scene.put("k", clocks.Daily("10:30"))
    scene.work()
    scene.wind(timedelta(minutes=40))
    assert scene.fired("k") == [START + timedelta(minutes=30)]
    scene.app.triggers.where(prefix="k").shift(3600)
    scene.wind(timedelta(hours=20))
    assert len(scene.fired("k")) == 1
    scene.wind(timedelta(hours=5))
    assert scene.fired("k")[1:] == [START + timedelta(days=1, hours=1, minutes=30)]


def test_a_new_clock_for_all(scene):
    for n in range(3):
        scene.put(f"k{n}", clocks.Every(60))
    scene.put("other", clocks.Every(60))
    daily = clocks.Daily("12:00")
    assert scene.app.triggers.where(prefix="k").move(daily).did == {"moved": 3}
    assert scene.app.triggers.where(prefix="k").move(daily).did == {"unchanged": 3}
    scene.work()
    assert {scene.event(f"k{n}")["next_at"] for n in range(3)} == {to_instant(START + timedelta(hours=2))}
    assert scene.app.triggers.get("other").version == 1


def test_cancel_pause_resume(scene):
    for n in range(4):
        scene.put(f"k{n}", clocks.Every(60), object="o" if n < 2 else None, tags=["t"], container="c")
    verbs = scene.app.triggers
    assert verbs.where(object="o").pause().did == {"paused": 2}
    assert verbs.where(tag="t").pause().did == {"unchanged": 2, "paused": 2}
    assert verbs.where(state="paused").resume(missed="all").did == {"resumed": 4}
    assert verbs.where(container="c", limit=1).cancel().did == {"cancelled": 1}
    assert verbs.where(container="c").cancel(dry_run=True).did == {"would": 3}
    assert verbs.where(handler="work").cancel(by="ann").did == {"cancelled": 3}
    assert verbs.where(handler="work").cancel().selected == 0
    assert verbs.where(state="cancelled").shift(60).did == {"already cancelled": 4}
    assert verbs.where(state="cancelled").resume().did == {"already cancelled": 4}


def test_due_bounds_are_inclusive(scene):
    for n in range(3):
        scene.put(f"k{n}", clocks.Once(START + timedelta(minutes=n)))
    scene.watch.set(to_instant(START) - 1)
    scene.work()
    first, last = START, START + timedelta(minutes=1)
    found = scene.app.triggers.where(due_after=first, due_before=last).list()
    assert [put.key for put in found] == ["k0", "k1"]


def test_empty_filters_are_refused(scene):
    scene.put("k", clocks.Every(60))
    for words in ({}, {"limit": 3}):
        for verb, arguments in (("cancel", ()), ("pause", ()), ("resume", ()), ("shift", (60,)), ("move", (START,))):
            with pytest.raises(InvalidInput, match="filter"):
                getattr(scene.app.triggers.where(**words), verb)(*arguments)
    with pytest.raises(InvalidInput, match="span"):
        scene.app.triggers.where(prefix="k").shift(0)
    with pytest.raises(InvalidInput, match="one of the filters"):
        scene.app.triggers.where(colour="red")
    assert scene.app.triggers.get("k").version == 1


def shifts(store) -> None:
    """The body: a bulk shift."""
    store.watch = ManualWatch(START)
    desk = assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)
    Triggers(desk).where(prefix="k").shift(3600)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_all_are_shifted_or_none(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        with Tickwork(url, watch=ManualWatch(START)) as app:
            app.triggers.put_many([(f"k{n}", clocks.Once(START + TEN), WORK) for n in range(5)], unchecked=True)
        return url

    def check(url: str, n: int) -> None:
        scene = Scene(url)
        scene.work()
        assert len(set(scene.sql("select next_at from tickwork.event"))) == 1, n
        versions = set(scene.sql("select version from tickwork.trigger"))
        assert scene.sql("select count(*) from tickwork.trigger_version") == [(5 * max(versions)[0],)], n
        scene.close()

    died = walk(shifts, prepare, check)
    assert died >= 4
    tell(f"walk of a bulk shift on {store_name}: died before each of {died} statements")
