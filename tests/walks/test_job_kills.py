"""Controllers and workers of jobs that are killed, for real, before every statement of a fire and of a run.

After each death the log is whole (its fold is what stands beside the descriptor), a fire left everything or nothing,
and whoever comes next brings the job to where an undisturbed one would be.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.jobs.yard import HOURLY, Yard
from tests.support.dying import dies, walk
from tickwork.engine.jobs.controller import JobController
from tickwork.model.job_log import fold_all
from tickwork.model.job_run import completed
from tickwork.store import job_reading
from tickwork.store.open import open_store
from tickwork.store.store import Store

DUE = "06:00:00"


def in_error(url: str) -> None:
    """Make a job that is due at 06:00 and in error since 05:10."""
    store = open_store(url)
    Yard(store).declare(clock=HOURLY)
    Yard(store, "05:09:00").failed_at("05:10:00")
    store.close()


def fire(store: Store) -> None:
    yard = Yard(store, DUE)
    yard.controller.run_due(yard.watch.now())


def scheduled(url: str) -> None:
    """Make a job that is scheduled at 05:59."""
    store = open_store(url)
    yard = Yard(store)
    yard.declare(clock=HOURLY)
    yard.at("05:59:00").start()
    store.close()


def run(store: Store) -> None:
    """Take the job, and end its run well."""
    yard = Yard(store, "05:59:30")
    for taken in yard.take():
        yard.later(10)
        yard.work.settle(taken, completed())


def whole(yard: Yard) -> list[str]:
    """Check that the log and what stands beside the descriptor agree; return the kinds of event."""
    row = yard.row()
    assert row is not None
    with yard.store.read() as transaction:
        events = job_reading.log_of(transaction, row.id)[::-1]
    assert fold_all(event.entry for event in events) == row.state
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.id for event in events] == sorted({event.id for event in events}), "S3-57"
    return [event.kind for event in events]


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_fire_is_all_or_nothing(bench: Any, tell: Any) -> None:
    """S3-28, S3-51, S3-03: never fatal without the scheduled that follows, and one fire in the end."""

    def prepare() -> str:
        url: str = bench.migrated()
        in_error(url)
        return url

    def check(url: str, n: int) -> None:
        store = open_store(url)
        yard = Yard(store, DUE)
        before = ["configured", "scheduled", "running", "error"]
        after = [*before, "fatal", "scheduled"]
        assert whole(yard) in (before, after), n
        yard.step()
        assert whole(yard) == after, n
        assert yard.nominals() == [DUE]
        assert yard.controller.timers == {}
        yard.run()
        yard.step()
        assert yard.entry() == "07:00:00"
        store.close()

    tell(f"walk of a job's fire on {bench.name}: {walk(fire, prepare, check)} statements, each died before")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_run_is_ended_by_somebody(bench: Any, tell: Any) -> None:
    """S3-70: a worker that dies leaves the job scheduled, completed, or running until its lease has stood still."""

    def prepare() -> str:
        url: str = bench.migrated()
        scheduled(url)
        return url

    def check(url: str, n: int) -> None:
        store = open_store(url)
        yard = Yard(store, "05:59:41")
        left = whole(yard)
        ends = {"scheduled": "scheduled", "running": "error", "completed": "completed"}
        assert left[-1] in ends, n
        yard.step()
        for _ in range(2):
            yard.later(30).controller.turn(yard.watch.now())
        kinds = whole(yard)
        assert kinds[len(left) :][: left[-1] == "running"] == (["error"] if left[-1] == "running" else []), n
        yard.at("06:00:45").step()
        if yard.status() != "scheduled":
            yard.at("07:00:00").step()
        assert yard.status() == "scheduled", n
        yard.run()
        assert whole(yard)[-1] == "completed"
        assert yard.row().lease is None
        store.close()

    tell(f"walk of a job's run on {bench.name}: {walk(run, prepare, check)} statements, each died before")


def test_two_controllers_one_of_which_dies(bench: Any) -> None:
    """T-077: the second one has the same map, and every fire happens once."""
    for n in (3, 5, 7):
        url = bench.migrated()
        in_error(url)
        store = open_store(url)
        yard = Yard(store, "05:10:00")
        yard.controller.run_due(yard.watch.now())
        dies(url, fire, n)
        yard.at(DUE)
        other: JobController = yard.another()
        other.run_due(yard.watch.now())
        yard.step()
        assert yard.nominals() == [DUE]
        assert yard.controller.counts.fires + other.counts.fires <= 1
        store.close()
