"""What users test with: a watch wound by hand, on every store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tickwork import Generator, Offer, PutTask, Tickwork, clocks
from tickwork.errors import InvalidInput
from tickwork.testing import START, TimeTravel
from tickwork.watch import to_instant


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


def test_t143_all_that_is_due_at_noon_is_handled_in_one_pass(travel):
    """T-143: trigger row, job timer, delayed task, generator, all due 12:00: one pass, priority order, each by itself.

    What each writes is a transaction of its own: the one that fails takes nothing of the others with it.
    """
    app = travel.app
    noon = START + timedelta(hours=12)
    with app.store.begin("installer", handing=True) as own:
        own.connection.execute("create table done (what text)")
    order = []

    def write(own, what: str) -> None:
        order.append((what, travel.now))
        own.execute(f"insert into done values ('{what}')")

    @app.handler("by.trigger")
    def by_trigger(transaction) -> None:
        write(transaction, "trigger")

    @app.handler("by.delay")
    def by_delay(transaction) -> None:
        write(transaction, "delay")
        raise ValueError("no")

    @app.job("by.job", cron="0 12 * * *", priority=20)
    def by_job() -> None:
        order.append(("job", travel.now))

    class Noon(Generator):
        def offers(self, limit, now):
            return [Offer("noon", 40, to_instant(noon))] if now >= to_instant(noon) and not self.made else []

        made = False

        def run(self, work) -> None:
            with work.transaction() as own:
                write(own, work.name)
            self.made = True

    app.generators.add(Noon("generator", priority=40))
    app.trigger("noon", clocks.Once(noon), by_trigger.task(), priority=10)
    app.put(by_delay.task(), at=noon, priority=30)
    travel.to(noon)
    assert order == [(what, noon) for what in ("trigger", "job", "delay", "generator/noon")]
    assert app.jobs.get("by.job").status == "completed"
    with app.store.begin("installer", handing=True) as own:
        found = own.connection.execute("select what from done order by 1").fetchall()
    assert [what for (what,) in found] == ["generator/noon", "trigger"], (
        "what the failed one wrote is rolled back, alone"
    )


def test_a_journey_stops_for_jobs(travel):
    """A job fires at each of its times on the way, and what is registered meanwhile is known at the next stop."""
    fired = []

    @travel.app.job("hourly", every=3600)
    def hourly(task) -> None:
        fired.append(task.planned_at)

    travel.by(timedelta(hours=3))
    assert len(fired) == 3
    assert travel.app.jobs.get("hourly").status == "completed"
