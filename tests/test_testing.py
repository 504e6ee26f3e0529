"""What users test with: a watch wound by hand, on every store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tickwork import PutTask, Tickwork, clocks
from tickwork.errors import InvalidInput
from tickwork.testing import START, TimeTravel


@pytest.fixture
def travel(database):
    with Tickwork(database) as app:
        yield TimeTravel(app)


def test_a_journey_stops_at_every_firing_and_every_task(travel):
    app, seen = travel.app, []

    @app.handler("note")
    def note(task, what: str) -> None:
        seen.append((what, travel.now - START))

    app.trigger("hourly", clocks.Every(timedelta(hours=1)), note.task(what="hour"))
    app.put(note.task(what="late"), delay=timedelta(minutes=90))
    travel.by(timedelta(hours=2))
    assert seen == [
        ("hour", timedelta(hours=1)),
        ("late", timedelta(minutes=90)),
        ("hour", timedelta(hours=2)),
    ]
    assert travel.now == START + timedelta(hours=2)


def test_a_failure_is_retried_on_the_way(travel):
    runs = []

    @travel.app.handler("flaky")
    def flaky() -> None:
        runs.append(travel.now)
        if len(runs) < 3:
            raise OSError("not yet")

    travel.app.put(flaky.task())
    travel.run_due()
    assert len(runs) == 1
    travel.by(timedelta(hours=1))
    assert len(runs) == 3
    assert [task.outcome for task in travel.app.tasks.list_archived()] == ["done"]


def test_a_task_may_put_triggers_that_fire_at_once(travel):
    app = travel.app

    @app.handler("end")
    def end() -> None: ...

    @app.handler("begin")
    def begin() -> None:
        app.trigger("then", clocks.Once(travel.now), end.task())

    app.put(begin.task())
    travel.run_due()
    assert {task.handler for task in app.tasks.list_archived()} == {"begin", "end"}


def test_a_journey_never_goes_back(travel):
    with pytest.raises(InvalidInput, match="not before the watch"):
        travel.to(START - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="time zone"):
        travel.to(datetime(2031, 1, 1))
    travel.to(datetime(2031, 1, 1, tzinfo=timezone.utc))


def test_expect_put(travel):
    put = travel.app.put
    with travel.expect_put("h", a=1) as found:
        put(PutTask.of("h", {"a": 1, "b": 2}), unchecked=True)
    assert [task.payload for task in found] == ['{"a":1,"b":2}']
    with pytest.raises(AssertionError, match=r'put for it: \{"a":2\}'), travel.expect_put("h", a=1):
        put(PutTask.of("h", {"a": 2}), unchecked=True)
    with pytest.raises(AssertionError, match="none"), travel.expect_put("h"):
        pass
