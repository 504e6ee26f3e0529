"""Walks with real kills: a daemon dies before its n-th statement, for every n; nothing is lost, nothing doubled.

``begin`` and ``commit`` count, so it dies on either side of every commit. The run prints n for each walk.
"""

from datetime import timedelta

import pytest

from tests.support.dying import walk
from tests.support.scene import START, Scene
from tickwork import clocks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.watch import ManualWatch

TRIGGERS = 12


def daemon_at(store, seconds):
    """The body: a daemon that does all there is to do at a moment."""
    store.watch = ManualWatch(START + timedelta(seconds=seconds))
    TriggerDaemon(store, batch=5).run_due(store.watch.now())


def put_all(scene):
    for number in range(TRIGGERS):
        scene.put(f"k{number}", clocks.Every(60), misfire="latest" if number % 3 == 0 else "all")


def account(url, at, expected):
    """Let a living daemon finish, and hold ledger and tasks against what must have happened."""
    scene = Scene(url)
    scene.wind(at)
    for number in range(TRIGGERS):
        assert [(row - START).total_seconds() for row in scene.fired(f"k{number}")] == expected, number
        planned = [planned_at for _, planned_at, *_ in scene.tasks(f"k{number}")]
        assert len(planned) == len(set(planned)) == len(expected), "one task for each firing"
    assert scene.sql("select count(*) from tickwork.trigger_change") == [(0,)]
    assert scene.sql("select count(*) from tickwork.event") == [(TRIGGERS,)]
    assert scene.sql(
        "select count(*) from tickwork.firing f left join tickwork.task k on k.id = f.task_id where k.id is null"
    ) == [(0,)]
    scene.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_planning(bench, tell):
    def prepare():
        url = bench.migrated()
        scene = Scene(url)
        put_all(scene)
        scene.close()
        return url

    def check(url, n):
        account(url, 60, [60.0])

    n = walk(daemon_at, prepare, check, 0)
    tell(f"walk: planning on {bench.name} died before each of {n} statements")
    assert n > 12


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_firing(bench, tell):
    def prepare():
        url = bench.migrated()
        scene = Scene(url)
        put_all(scene)
        scene.work()
        scene.close()
        return url

    def check(url, n):
        account(url, 120, [60.0, 120.0])

    n = walk(daemon_at, prepare, check, 60)
    tell(f"walk: firing on {bench.name} died before each of {n} statements")
    assert n > 12
