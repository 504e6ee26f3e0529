"""Figures by handler: rolled up in windows, counted once, right to within a step. On every store."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.api.test_tasks import NOON, run_due
from tests.support.dying import walk
from tickwork import Tickwork
from tickwork.model.statistic import percentiles
from tickwork.store import statistics
from tickwork.watch import DAY, HOUR, MINUTE, SECOND, ManualWatch, to_instant

NOW = to_instant(NOON)


def archive(store, rows) -> None:
    """Put rows into the archive: handler, outcome, asked, started and finished, in microseconds from noon."""
    with store.begin("installer") as transaction:
        for handler, outcome, asked, started, finished in rows:
            values = [NOW + asked, NOW + asked, "null" if started is None else NOW + started, NOW + finished]
            transaction.connection.execute(
                store.dialect.turn(
                    "insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload,"
                    " payload_version, outcome, attempts, attempt, lost, snoozes, asked_at, created_at, started_at,"
                    " finished_at) select coalesce(max(id), 0) + 1, 'default', 'default', 2000,"
                    f" '{handler}', 'task', '{{}}', 1, '{outcome}', 20, 1, 0, 0, {', '.join(map(str, values))}"
                    " from tickwork.archive"
                )
            )


def windows(store):
    with store.begin("installer") as transaction:
        text = store.dialect.turn("select width, at, count(*) from tickwork.statistic group by width, at order by at")
        return [tuple(row) for row in transaction.connection.execute(text).fetchall()]


def test_counts_failures_and_percentiles(app):
    seconds = [1, 1, 2, 3, 100]
    archive(app.store, [("work", "done", 0, SECOND, SECOND + each * SECOND) for each in seconds])
    archive(
        app.store, [("work", "gave up", 0, 0, SECOND), ("work", "cancelled", 0, None, 0), ("other", "done", 0, 9, 9)]
    )
    statistics.roll(app.store, NOW + HOUR, 100)
    (other, work) = app.figures(since=NOW - HOUR)
    assert (other.handler, other.ended, other.failure_rate, other.lateness.half_for) == ("other", 1, 0.0, 9)
    assert (work.ended, work.counts) == (7, {"done": 5, "gave up": 1, "cancelled": 1})
    assert work.failure_rate == pytest.approx(1 / 6)
    assert (work.run.half_for, work.run.nearly_all_for) == (SECOND, 100 * SECOND)
    assert work.wait.half_for == SECOND
    assert app.figures("nobody") == []
    assert app.figures(until=NOW - HOUR, since=NOW - DAY) == []


def test_what_really_ran(app, watch):
    app.put(app.work.task(), at=NOON - timedelta(seconds=10))
    watch.wind(2)
    run_due(app)
    watch.wind(60)
    app.generators.run_due()
    (work,) = app.figures()
    assert (work.counts, work.wait.half_for, work.lateness.half_for, work.run.half_for) == (
        {"done": 1}, 1_800_000, 12 * SECOND, 0,
    )  # fmt: skip


def test_steps_are_right_to_within_a_fifth(app):
    chance = random.Random(7)
    sizes = [round(10 ** chance.uniform(0, 9)) for _ in range(500)]
    archive(app.store, [("work", "done", 0, 0, 0)] * 0)
    archive(app.store, [("work", "done", -each, 0, 0) for each in sizes])
    statistics.roll(app.store, NOW + HOUR, 100)
    (work,) = app.figures(since=NOW - HOUR)
    exact = percentiles([(size, 1) for size in sorted(sizes)])
    for told, true in zip(
        (work.lateness.half_for, work.lateness.most_for, work.lateness.nearly_all_for),
        (exact.half_for, exact.most_for, exact.nearly_all_for),
        strict=True,
    ):
        assert told <= true <= told * 1.25


def test_a_window_is_counted_anew_until_it_is_old_and_never_doubled(app):
    archive(app.store, [("work", "done", 0, 0, 0)])
    for _ in range(3):
        statistics.roll(app.store, NOW + MINUTE, 100)
    archive(app.store, [("work", "done", 0, 0, 0)])  # committed late
    statistics.roll(app.store, NOW + 10 * MINUTE, 100)
    archive(app.store, [("work", "done", 0, 0, HOUR)])
    statistics.roll(app.store, NOW + HOUR, 100)
    assert sum(each.ended for each in app.figures(since=NOW - HOUR, until=NOW + DAY)) == 3
    statements = []
    app.store.dialect.on_statement = statements.append
    statistics.roll(app.store, NOW + HOUR + MINUTE, 100)
    app.store.dialect.on_statement = None
    assert statements.count("roll_outcomes") == 1, "what is old is not read again"


def test_old_windows_become_hours_and_say_the_same(app):
    archive(app.store, [("work", "done", 0, 0, minute * MINUTE) for minute in range(0, 180, 7)])
    statistics.roll(app.store, NOW + 3 * HOUR, 1000)
    before = app.figures(since=NOW - HOUR, until=NOW + DAY)
    assert {width for width, *_ in windows(app.store)} == {5 * MINUTE}
    statistics.roll(app.store, NOW + 4 * DAY, 1000)
    assert [(width, at - NOW) for width, at, _ in windows(app.store)] == [(HOUR, 0), (HOUR, HOUR), (HOUR, 2 * HOUR)]
    assert app.figures(since=NOW - HOUR, until=NOW + DAY) == before
    statistics.roll(app.store, NOW + 4 * DAY, 1000)
    assert app.figures(since=NOW - HOUR, until=NOW + DAY) == before


def rolls(store) -> None:
    """The body: windows are rolled up, and put together."""
    statistics.roll(store, NOW + 4 * DAY, 100)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_nothing_is_counted_twice(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        with Tickwork(url) as app:
            archive(app.store, [("work", "done", 0, 0, n * 5 * MINUTE) for n in range(3)])
        return url

    def check(url: str, n: int) -> None:
        with Tickwork(url, watch=ManualWatch(NOW + 4 * DAY)) as app:
            statistics.roll(app.store, NOW + 4 * DAY, 100)
            (work,) = app.figures(since=NOW - HOUR)
            assert work.ended == 3, n

    died = walk(rolls, prepare, check)
    assert died > 15
    tell(f"walk of figures on {store_name}: died before each of {died} statements")
