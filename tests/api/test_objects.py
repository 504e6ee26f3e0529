"""Everything about an object in one go, in every state, on every store; also while daemons and workers are at it."""

from __future__ import annotations

import pytest

from tests.api.test_keys import claimed_by_worker
from tests.api.test_tasks import run_due
from tests.support.dying import walk
from tests.support.scene import WORK, Scene
from tickwork import Tickwork, clocks
from tickwork.api import assembly
from tickwork.api.objects import Objects
from tickwork.api.settings import Settings
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import InvalidInput
from tickwork.model.objects import ObjectCounts


def test_x23_an_object_that_goes_takes_its_triggers_with_it(app):
    """X23: its triggers are cancelled, its tasks too in every state; one that runs is asked to stop."""
    app.trigger("t", clocks.Every(60), app.work.task(), object="meeting/7", container="calendar/3")
    app.trigger("other", clocks.Every(60), app.work.task(), object="meeting/8", container="calendar/3")
    running = app.put(app.work.task(), object="meeting/7", container="calendar/3").id
    claimed_by_worker(app)
    waiting = app.put(app.work.task(), object="meeting/7", delay=60).id
    ready = app.put(app.work.task(), object="meeting/7").id
    done = app.objects.cancel("meeting/7", reason="deleted", by="ann")
    assert [(put.key, put.did) for put in done.triggers] == [("t", "cancelled")]
    assert [(put.id, put.did) for put in done.tasks] == [
        (running, "asked"),
        (waiting, "cancelled"),
        (ready, "cancelled"),
    ]
    assert app.objects.count("meeting/7") == ObjectCounts({"cancelled": 1}, {"running": 1}, {"cancelled": 2})
    assert app.objects.count(container="calendar/3") == ObjectCounts({"cancelled": 1, "active": 1}, {"running": 1}, {})
    assert app.objects.cancel("meeting/7").tasks[0].did == "asked", "again is no mistake"


def test_a_container(app):
    app.trigger("t", clocks.Every(60), app.work.task(), object="o1", container="c")
    app.put(app.work.task(), object="o2", container="c")
    app.put(app.work.task(), container="d")
    run_due(app)
    app.put(app.work.task(), container="c", delay=1)
    done = app.objects.cancel(container="c")
    assert ([put.did for put in done.triggers], [put.did for put in done.tasks]) == (["cancelled"], ["cancelled"])
    found = app.objects.list(container="c")
    assert [trigger.key for trigger in found.triggers] == ["t"]
    assert found.tasks == ()
    assert [task.outcome for task in found.archive] == ["cancelled", "done"]
    assert [task.container for task in app.objects.list(container="d").archive] == ["d"]


def test_one_name_is_said(app):
    for words in ({}, {"object": "o", "container": "c"}, {"object": ""}):
        for verb in ("cancel", "count", "list"):
            with pytest.raises(InvalidInput):
                getattr(app.objects, verb)(**words)


def cancels(store) -> None:
    """The body: an object goes."""
    Objects(assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)).cancel("o")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_it_is_there_or_gone_with_all_its_work(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        scene = Scene(url)
        scene.put("t", clocks.Every(60), object="o")
        scene.wind(60)
        scene.app.put(WORK, unchecked=True, object="o", delay=3600)
        scene.close()
        return url

    def check(url: str, n: int) -> None:
        scene = Scene(url)
        scene.watch.wind(60)
        found = scene.app.objects.count("o")
        assert found in (
            ObjectCounts({"active": 1}, {"waiting": 1, "ready": 1}, {}),
            ObjectCounts({"cancelled": 1}, {}, {"cancelled": 2}),
        ), n
        scene.wind(600)
        if found.triggers == {"cancelled": 1}:
            assert scene.app.objects.count("o") == found, "nothing more is put for it"
        scene.close()

    died = walk(cancels, prepare, check)
    assert died >= 5
    tell(f"walk of an object's end on {store_name}: died before each of {died} statements")


def test_a_daemon_that_fires_meanwhile_leaves_nothing_behind(database):
    """Whatever was fired before the cancel took the trigger is cancelled as well."""
    scene = Scene(database)
    for n in range(20):
        scene.put(f"t{n}", clocks.Every(60), object="o")
    scene.work()
    scene.watch.wind(60)
    with Tickwork(database, watch=scene.watch) as other:
        daemon = TriggerDaemon(other.store, batch=3)
        daemon.firings.turn()
        scene.app.objects.cancel("o")
        daemon.run_due(scene.watch.now())
    counts = scene.app.objects.count("o")
    assert (counts.triggers, counts.tasks) == ({"cancelled": 20}, {})
    scene.close()
