"""Bulk verbs on the tasks that a filter selects: what is said is what is selected, on every store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.test_keys import claimed_by_worker
from tests.api.test_tasks import NOON, run_due
from tests.support.dying import walk
from tickwork import Tickwork
from tickwork.api import assembly, selected_tasks
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask
from tickwork.model.retry import Backoff
from tickwork.signals import Snooze
from tickwork.watch import SECOND, to_instant


def failing(app, watch, times: int, **treatment) -> int:
    """Put a task and let it fail so often."""
    handler = app.handlers.get("fails") or app.handler("fails", backoff=Backoff(first=SECOND, growth=1.0, jitter=0.0))(
        _no
    )
    put = app.put(handler.task(), **treatment)
    for _ in range(times):
        run_due(app)
        watch.wind(1)
    return put.id


def _no() -> None:
    raise ValueError("no")


def ids(found):
    return [each.id for each in found]


def test_k1_k6_empty_and_contradictory_filters_are_refused(app):
    """K1: no selector, nothing changed. K6: min 5, max 2 is a mistake. A limit alone says nothing."""
    app.put(app.work.task())
    for words, named in (
        ({}, "filter"),
        ({"limit": 3}, "filter"),
        ({"min_failures": 5, "max_failures": 2}, "max_failures"),
    ):
        for verb in ("cancel", "retry", "free", "awaken"):
            with pytest.raises(InvalidInput) as refused:
                getattr(app.tasks.where(**words), verb)()
            assert refused.value.field == named
    assert len(app.tasks.list()) == 1


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"state": "tired"}, "state"),
        ({"outcome": "fine"}, "outcome"),
        ({"state": "ready", "outcome": "done"}, "outcome"),
        ({"min_priority": -1}, "min_priority"),
        ({"max_failures": "many"}, "max_failures"),
        ({"ids": [0]}, "ids"),
        ({"limit": 0}, "limit"),
        ({"finished_before": NOON}, "finished_before"),
        ({"colour": "red"}, "colour"),
        ({"handler": ""}, "handler"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(app, bad, named):
    with pytest.raises(InvalidInput) as refused:
        app.tasks.where(**bad)
    assert refused.value.field == named


def test_k3_k4_bounds_are_inclusive_and_zero_is_a_bound(app, watch):
    """K3: at most one failure selects no task that failed more often. K4: 0 to 0 is those that never failed."""
    often = failing(app, watch, 3)
    assert app.tasks.where(handler="fails", max_failures=1).cancel().selected == 0
    fresh, once = app.put(app.handlers["fails"].task(), delay=3600).id, failing(app, watch, 1, delay=0)
    assert ids(app.tasks.where(min_failures=0, max_failures=0).list()) == [fresh]
    assert ids(app.tasks.where(min_failures=1, max_failures=1).list()) == [once]
    assert set(ids(app.tasks.where(min_failures=1).list())) == {often, once}
    assert app.tasks.where(min_failures=0, max_failures=0).cancel().did == {"cancelled": 1}
    assert {task.id for task in app.tasks.list()} == {often, once}


def test_what_runs_and_what_was_lost_is_no_failure(app, watch):
    put = app.put(app.work.task())
    claimed_by_worker(app)
    assert ids(app.tasks.where(max_failures=0).list()) == [put.id]


def test_k7_a_limit_takes_those_that_would_run_first(app):
    """K7: five of equal priority, limit 2: the first two. A better priority stands before."""
    put = [app.put(app.work.task()).id for _ in range(5)]
    assert ids(app.tasks.where(handler="work", limit=2).list()) == put[:2]
    first = app.put(app.work.task(), priority=1).id
    app.put(app.work.task(), priority=1, delay=60)
    assert app.tasks.where(handler="work", limit=2).cancel().selected == 2
    assert ids(app.tasks.list_archived()) == [put[0], first] or ids(app.tasks.list_archived()) == [first, put[0]]


def test_k9_priorities_in_a_range(app):
    """K9: of 1000, 2000 and 3000 only the second changes, and it is told what it was. K10: 0 is refused."""
    low, middle, high = (app.put(app.work.task(), priority=priority).id for priority in (1000, 2000, 3000))
    told = []
    done = app.tasks.where(handler="work", min_priority=1500, max_priority=2500).reprioritise(7, tell=told.append)
    assert (done.selected, done.did) == (1, {"edited": 1})
    assert [(change.was.id, change.was.priority, change.did) for change in told] == [(middle, 2000, "edited")]
    assert [app.tasks.get(each).priority for each in (low, middle, high)] == [1000, 7, 3000]
    assert app.tasks.where(min_priority=1000, max_priority=1000).count() == 1
    with pytest.raises(InvalidInput, match="priority"):
        app.tasks.where(handler="work").reprioritise(0)


def test_k9_what_is_so_already_is_unchanged(app):
    one, two = (app.put(app.work.task(), priority=priority).id for priority in (7, 2000))
    told = []
    assert app.tasks.where(handler="work").reprioritise(7, tell=told.append).did == {"edited": 1, "unchanged": 1}
    assert {change.was.id: change.did for change in told} == {one: "unchanged", two: "edited"}
    later = NOON + timedelta(hours=1)
    assert app.tasks.where(ids=[one]).delay(at=later).did == {"edited": 1}
    assert app.tasks.where(handler="work").delay(at=later).did == {"edited": 1, "unchanged": 1}
    assert [app.tasks.get(each).available_at for each in (one, two)] == [to_instant(later)] * 2


def test_q9_delay_and_back(app):
    """Q9: delayed by 6 h; then until now: it is ready."""
    put = app.put(app.work.task())
    assert app.tasks.where(ids=[put.id]).delay(delay=timedelta(hours=6)).did == {"edited": 1}
    assert app.tasks.get(put.id).available_at == to_instant(NOON + timedelta(hours=6))
    assert run_due(app) == 0
    assert app.tasks.where(ids=[put.id]).delay(at=NOON).did == {"edited": 1}
    assert run_due(app) == 1
    with pytest.raises(InvalidInput, match="at"):
        app.tasks.where(ids=[put.id]).delay()


def test_what_runs_is_told_and_left_alone(app):
    running, waiting = app.put(app.work.task()).id, app.put(app.work.task()).id
    claimed_by_worker(app)
    for verb, words in (("reprioritise", {"priority": 7}), ("delay", {"delay": 5})):
        assert getattr(app.tasks.where(handler="work"), verb)(**words).did == {"running": 1, "edited": 1}
    assert app.tasks.where(handler="work").cancel().did == {"asked": 1, "cancelled": 1}
    assert (app.tasks.get(running).state, app.tasks.get(waiting).outcome) == ("running", "cancelled")


def test_k12_retry_by_outcome(app, watch):
    """K12: failed and cancelled ones come back with the same ids and data; done ones only where that is said."""
    gave_up = failing(app, watch, 1, attempts=1)
    done, cancelled = app.put(app.work.task(number=3)).id, app.put(app.work.task(), delay=60).id
    run_due(app)
    app.tasks.cancel(cancelled)
    assert app.tasks.where(ids=[gave_up, done, cancelled]).retry(dry_run=True).did == {"would": 3}
    assert app.tasks.where(ids=[gave_up, done, cancelled]).retry().did == {"retried": 2, "done": 1}
    assert app.tasks.where(outcome="done", handler="work").retry(repeat=True).did == {"retried": 1}
    found = app.tasks.get(done)
    assert (found.state, found.payload, found.attempt) == ("ready", '{"number":3}', 0)
    assert app.tasks.where(outcome="done").retry(repeat=True).selected == 0
    with pytest.raises(InvalidInput, match="outcome"):
        app.tasks.where(state="ready").retry()


def test_t112_a_second_round_retries_nothing(app, watch):
    """T-112: what gave up is put again once; the second round puts none again and skips those that are back."""
    gone = [failing(app, watch, 1, attempts=1) for _ in range(3)]
    assert app.tasks.where(ids=gone).retry().did == {"retried": 3}
    told = app.tasks.where(ids=gone).retry()
    assert (told.selected, told.did) == (0, {})
    assert [app.tasks.retry(each).did for each in gone] == ["unchanged"] * 3


def test_k13_free(app, watch):
    """K13: one that put itself off and one that waits for its retry are freed; one that is ready is left as it is."""

    @app.handler("snoozes")
    def snoozes():
        raise Snooze(500)

    put_off, failed = app.put(snoozes.task()).id, failing(app, watch, 0)
    run_due(app)
    ready = app.put(app.work.task()).id
    assert [app.tasks.free(each).did for each in (put_off, failed, ready, 4711)] == [
        "freed", "freed", "unchanged", "unknown",
    ]  # fmt: skip
    assert {task.state for task in app.tasks.list()} == {"ready"}


def test_x21_awaken(app, watch):
    """X21: of one that put itself off for 500 s, one that waits after a failure and one that runs, only the first."""

    @app.handler("snoozes")
    def snoozes():
        raise Snooze(500)

    put_off, failed = app.put(snoozes.task()).id, failing(app, watch, 0)
    run_due(app)
    running = app.put(app.work.task()).id
    claimed_by_worker(app)
    assert app.tasks.awaken([put_off, failed, running]) == [put_off]
    assert [app.tasks.get(each).state for each in (put_off, failed, running)] == ["ready", "waiting", "running"]
    assert app.tasks.where(ids=[put_off, failed, running]).awaken().did == {"unchanged": 2, "running": 1}


def test_every_filter(app):
    app.put(app.work.task(), key="k", queue="slow", object="o", container="c", tags=["a", "b"], priority=7)
    app.put(PutTask("other"), unchecked=True)
    for words in (
        {"key": "k"}, {"queue": "slow"}, {"object": "o"}, {"container": "c"}, {"tag": "a"}, {"tag": "b"},
        {"max_priority": 7}, {"handler": "work"}, {"state": "ready", "handler": "work"}, {"ids": [1]},
    ):  # fmt: skip
        assert [each.key for each in app.tasks.where(**words).list()] == ["k"], words
    assert app.tasks.where(trigger="t").count() == 0
    app.tasks.cancel("k")
    assert [each.key for each in app.tasks.where(outcome="cancelled", tag="a", finished_after=NOON).list()] == ["k"]
    done = app.tasks.where(outcome="cancelled", tag="a", finished_after=NOON, finished_before=NOON).retry(dry_run=True)
    assert done.selected == 1


def test_namespaces_are_apart(app, database, watch):
    app.put(app.work.task(), object="o")
    with Tickwork(database, namespace="other", watch=watch) as other:
        assert other.tasks.where(object="o").cancel().selected == 0


def test_slices_are_transactions_of_their_own(app, monkeypatch):
    monkeypatch.setattr(selected_tasks, "SLICE", 2)
    app.tasks.put_many([app.work.task()] * 5)
    statements = []
    app.store.dialect.on_statement = statements.append
    assert app.tasks.where(handler="work").cancel().did == {"cancelled": 5}
    app.store.dialect.on_statement = None
    assert statements.count("cancel_tasks") == 3, "slices of two"
    assert statements.count("commit") == 3 + (app.store.dialect.name == "sqlite"), (
        "and a look, which has none on a server"
    )


def retries(store) -> None:
    """The body: what was cancelled comes back, in slices of two."""
    selected_tasks.SLICE = 2
    tasks = Tasks(assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None))
    tasks.where(handler="work", outcome="cancelled").retry()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_each_task_is_over_or_back(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        with Tickwork(url) as app:
            app.tasks.put_many([PutTask("work")] * 3, unchecked=True)
            app.tasks.where(handler="work").cancel()
        return url

    def check(url: str, n: int) -> None:
        with Tickwork(url) as app:
            assert sorted(ids(app.tasks.list()) + ids(app.tasks.list_archived())) == [1, 2, 3], n
            app.tasks.where(handler="work", outcome="cancelled").retry()
            assert ids(app.tasks.list()) == [1, 2, 3], n

    died = walk(retries, prepare, check)
    assert died > 5
    tell(f"walk of a bulk retry on {store_name}: died before each of {died} statements")


def cancels(store) -> None:
    """The body: a bulk cancel in slices of two."""
    selected_tasks.SLICE = 2
    Tasks(assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)).where(handler="work").cancel()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_killed_anywhere_each_task_is_waiting_or_cancelled(bench, store_name, tell):
    def prepare() -> str:
        url = bench.migrated()
        with Tickwork(url) as app:
            app.tasks.put_many([PutTask("work")] * 5, unchecked=True)
        return url

    def check(url: str, n: int) -> None:
        with Tickwork(url) as app:
            assert sorted(ids(app.tasks.list()) + ids(app.tasks.list_archived())) == [1, 2, 3, 4, 5], n
            app.tasks.where(handler="work").cancel()
            assert len(app.tasks.list_archived(outcome="cancelled")) == 5, n

    died = walk(cancels, prepare, check)
    assert died >= 10
    tell(f"walk of a bulk cancel on {store_name}: died before each of {died} statements")
