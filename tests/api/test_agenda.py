"""An agenda: what comes, in the order of time, whether a daemon has planned it or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.scene import Scene
from tickwork import clocks
from tickwork.errors import InvalidInput
from tickwork.model.action import COMMAND, PutTask
from tickwork.watch import from_instant

HOUR = timedelta(hours=1)


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


def lines(scene, span, **more):
    return [(line.name, from_instant(line.at) - scene.now, line.times) for line in scene.app.agenda(span, **more)]


def test_what_comes_in_the_order_of_time(scene):
    """T-136: triggers (planned or not), jobs, delayed tasks of every queue; what is out of force is left out."""
    app = scene.app
    scene.put("planned", clocks.Every(3600))
    scene.put("paused", clocks.Every(60))
    scene.put(
        "task:odd", clocks.Once(scene.now + 2 * HOUR), PutTask.of(COMMAND, {"argv": ["/bin/sh", "-c", "./backup.sh"]})
    )
    app.triggers.pause("paused")
    scene.put("far", clocks.Once(scene.now + 100 * HOUR))
    scene.work()
    scene.put("unread", clocks.Once(scene.now + HOUR / 2))
    app.jobs.declare("sweep", every="2h")
    app.jobs.declare("stopped", every="1h")
    app.jobs.stop("stopped")
    for number, queue in enumerate(("a", "b", "b")):
        app.put(PutTask("mail", "{}"), delay=60 * number, queue=queue, priority=5 + number, unchecked=True)
    assert lines(scene, 5 * HOUR) == [
        ("task:2", HOUR / 60, 1),
        ("task:3", HOUR / 30, 1),
        ("unread", HOUR / 2, 1),
        ("planned", HOUR, 5),
        ("job:sweep", 2 * HOUR, 2),
        ("trigger:task:odd", 2 * HOUR, 1),
    ]
    assert [line.does for line in app.agenda(5 * HOUR)][-1] == "./backup.sh"
    assert len(lines(scene, 5 * HOUR, limit=2)) == 2


def test_what_is_overdue_comes_first(scene):
    scene.put("bell", clocks.Every(60))
    scene.app.jobs.declare("sweep", every="1h")
    scene.work()
    scene.watch.wind(3 * 3600 + 5)
    (bell, sweep) = scene.app.agenda(HOUR)
    assert (bell.name, bell.late_for) == ("bell", 10_745_000_000)
    assert (sweep.name, sweep.late_for, sweep.times) == ("job:sweep", 7_205_000_000, 2)  # what was missed fires once


def test_a_clock_that_cannot_be_read_is_left_out(scene):
    scene.put("bell", clocks.Every(60))
    scene.app.jobs.declare("sweep", every="1h")
    scene.sql("update tickwork.trigger set clock_kind = 'sundial'")
    scene.sql("""update tickwork.job set descriptor = '{"trigger":{"type":"hourly"}}'""")
    assert scene.app.agenda() == []


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("span", [0, -1, "7d", None, float("nan"), True, timedelta(0), 1e20])
def test_a_span_that_is_refused(scene, span):
    with pytest.raises(InvalidInput):
        scene.app.agenda(span)
