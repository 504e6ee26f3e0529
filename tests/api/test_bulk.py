"""Bulk work: put once, counted, cancelled half-way, resumed; done by workers that are killed. On every store."""

from __future__ import annotations

import pytest

from tests.api.test_keys import claimed_by_worker
from tests.api.test_tasks import run_due
from tests.support.dying import walk
from tests.support.processes import child
from tickwork import Tickwork
from tickwork.api import assembly
from tickwork.api.bulk import BulkWork as Room
from tickwork.api.settings import Settings
from tickwork.engine.generators.bulk import BulkWork
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput, NotFound
from tickwork.model.action import PutTask
from tickwork.store import bulks
from tickwork.store.scope import Scope
from tickwork.watch import ManualWatch


def lines(app, count=10):
    return (app.work.task(number=n) for n in range(count))


def counted(bulk):
    """Whatever its state: what was counted and what is left is the total."""
    assert sum(bulk.counts.values()) + bulk.left == bulk.total
    return bulk.state, bulk.done, bulk.failed, bulk.left


def test_a_bulk_from_put_to_done(app, watch):
    bulk = app.bulk.put("ten rows", lines(app), once="rows", by="ann")
    assert counted(bulk) == ("running", 0, 0, 10)
    again = app.bulk.put("ten rows", lines(app), once="rows")
    assert (again.id, len(app.tasks.list())) == (bulk.id, 10), "put once"
    claimed_by_worker(app)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("running", 0, 0, 10)
    run_due(app)
    assert counted(app.bulk.get(bulk.id)) == ("running", 9, 0, 1)
    with app.store.begin("installer") as transaction:
        transaction.connection.execute(
            app.store.dialect.turn("update tickwork.task set state = 'waiting', lease = null")
        )
    run_due(app)
    watch.wind(5)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("done", 10, 0, 0)
    assert [each.id for each in app.bulk.list(state="done")] == [bulk.id]
    app.tasks.where(outcome="done", container=bulk.container).retry(repeat=True)
    assert counted(app.bulk.get(bulk.id)) == ("done", 10, 0, 0), "what it came to stays, whatever retention removes"


def test_b3_cancelled_half_way(app, watch):
    """B3: what remains is cancelled, the status is cancelled, the counts add up."""
    bulk = app.bulk.put("ten rows", lines(app))
    app.tasks.where(container=bulk.container, limit=6).delay(delay=3600)
    run_due(app)
    claimed = app.tasks.list(container=bulk.container)[0].id
    app.tasks.free(claimed)
    claimed_by_worker(app)
    found = app.bulk.cancel(bulk.id, by="ann")
    assert (counted(found), found.counts) == (("cancelling", 4, 0, 1), {"done": 4, "cancelled": 5})
    with app.store.begin("installer") as transaction:
        transaction.connection.execute(
            app.store.dialect.turn("update tickwork.task set state = 'waiting', lease = null")
        )
    app.tasks.cancel(claimed)
    app.generators.run_due()
    found = app.bulk.get(bulk.id)
    assert (counted(found), found.counts) == (("cancelled", 4, 0, 0), {"done": 4, "cancelled": 6})
    assert app.bulk.cancel(bulk.id).state == "cancelled"
    resumed = app.bulk.resume(bulk.id)
    assert counted(resumed) == ("running", 4, 0, 6)
    run_due(app)
    watch.wind(5)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("done", 10, 0, 0)


def test_failures_are_counted_and_resumed(app, watch):
    broken = [True]

    @app.handler("shaky", attempts=1)
    def shaky(number: int) -> None:
        if broken[0] and number % 2:
            raise ValueError(number)

    bulk = app.bulk.put("four", (shaky.task(number=n) for n in range(4)))
    run_due(app)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("done", 2, 2, 0)
    broken.clear(), broken.append(False)
    assert counted(app.bulk.resume(bulk.id)) == ("running", 2, 0, 2)
    run_due(app)
    watch.wind(5)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("done", 4, 0, 0)


def test_a_verb_in_slices(app, monkeypatch):
    monkeypatch.setattr(bulks.treat, "__defaults__", (3,))
    app.tasks.put_many(lines(app))
    bulk = app.bulk.order("reprioritise", {"handler": "work"}, priority=7)
    assert counted(bulk) == ("running", 0, 0, 10)
    late = app.put(app.work.task())
    app.generators.run_due()
    found = app.bulk.get(bulk.id)
    assert (counted(found), found.counts) == (("done", 10, 0, 0), {"edited": 10})
    assert app.tasks.get(late.id).priority == 2000, "what was put later is not meant"
    assert app.tasks.where(min_priority=7, max_priority=7).count() == 10
    again = app.bulk.order("reprioritise", {"handler": "work"}, priority=7)
    app.generators.run_due()
    found = app.bulk.get(again.id)
    assert (counted(found), found.counts) == (("done", 11, 0, 0), {"edited": 1, "unchanged": 10})


def test_every_verb(app):
    ids = app.tasks.put_many(lines(app, 4)).ids
    app.bulk.order("delay", {"handler": "work"}, delay=60)
    app.generators.run_due()
    assert {task.state for task in app.tasks.list()} == {"waiting"}
    app.bulk.order("free", {"handler": "work", "limit": 2})
    app.generators.run_due()
    assert [task.id for task in app.tasks.list(state="ready")] == list(ids[:2])
    app.bulk.order("cancel", {"ids": ids[:3]}, reason="enough")
    app.generators.run_due()
    assert {task.reason for task in app.tasks.list_archived()} == {"enough"}
    claimed_by_worker(app)
    bulk = app.bulk.order("retry", {"outcome": "cancelled"})
    app.generators.run_due()
    assert app.bulk.get(bulk.id).counts == {"retried": 3}
    assert len(app.bulk.list()) == 4


def test_a_verb_is_cancelled_and_resumed_where_it_stopped(app, monkeypatch):
    app.tasks.put_many(lines(app))
    bulk = app.bulk.order("cancel", {"handler": "work"})
    scope = Scope.of(app.store.dialect, app.namespace, wake=False)
    work = BulkWork()
    work.bind(app.store, scope)
    monkeypatch.setattr(bulks.treat, "__defaults__", (4,))
    assert work._step(bulk.id)
    assert counted(app.bulk.cancel(bulk.id)) == ("cancelled", 4, 0, 6)
    app.generators.run_due()
    assert len(app.tasks.list()) == 6
    assert counted(app.bulk.resume(bulk.id)) == ("running", 4, 0, 6)
    app.generators.run_due()
    assert counted(app.bulk.get(bulk.id)) == ("done", 10, 0, 0)


def test_a_verb_that_cannot_go_on_fails_and_says_why(app):
    app.put(app.work.task())
    bulk = app.bulk.order("cancel", {"handler": "work"})
    with app.store.begin("installer") as transaction:
        transaction.connection.execute(app.store.dialect.turn("update tickwork.bulk set kind = 'shred'"))
    app.generators.run_due()
    found = app.bulk.get(bulk.id)
    assert (found.state, "shred" in (found.error or "")) == ("failed", True)


@pytest.mark.parametrize(
    ("verb", "filters", "terms", "named"),
    [
        ("shred", {"handler": "work"}, {}, "kind"),
        ("cancel", {}, {}, "filter"),
        ("cancel", {"handler": "work"}, {"priority": 7}, "priority"),
        ("reprioritise", {"handler": "work"}, {"priority": 0}, "priority"),
        ("reprioritise", {"handler": "work"}, {}, "priority"),
        ("cancel", {"outcome": "done"}, {}, "outcome"),
        ("retry", {"state": "ready"}, {}, "state"),
        ("delay", {"handler": "work"}, {"delay": -1}, "delay"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(app, verb, filters, terms, named):
    with pytest.raises(InvalidInput) as refused:
        app.bulk.order(verb, filters, **terms)
    assert refused.value.field == named


def test_there_is_no_such_bulk(app):
    for verb in ("get", "cancel", "resume"):
        with pytest.raises(NotFound):
            getattr(app.bulk, verb)(7)
    with pytest.raises(InvalidInput, match="container"):
        app.bulk.put("rows", lines(app), container="c")


# -------------------------------------------------------------------------------------------------------------- walks


def orders(store) -> None:
    """The body: a bulk of tasks is put once, a verb is ordered and done by a worker, in slices of two."""
    bulks.treat.__defaults__ = (2,)
    desk = assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)
    room = Room(desk)
    room.put("rows", [PutTask("work")] * 5, once="rows", unchecked=True)
    bulk = room.order("cancel", {"handler": "work"}, once="cancel")
    finish(store, bulk.id)


def finish(store, number: int) -> None:
    work = BulkWork()
    work.bind(store, Scope.of(store.dialect, "default", wake=False))
    while work._step(number):
        pass


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_b2_killed_anywhere_it_is_put_once_and_done_once(bench, store_name, tell):
    """B2: the worker of a bulk is killed before every statement; the next one completes it, and nothing is doubled."""

    def check(url: str, n: int) -> None:
        with Tickwork(url) as app:
            bulk = app.bulk.put("rows", [PutTask("work")] * 5, once="rows", unchecked=True)
            verb = app.bulk.order("cancel", {"handler": "work"}, once="cancel")
            finish(app.store, verb.id)
            finish(app.store, bulk.id)
            found = app.bulk.get(verb.id)
            assert (found.state, found.counts) == ("done", {"cancelled": 5}), n
            assert app.bulk.get(bulk.id).counts == {"cancelled": 5}, n
            assert (len(app.tasks.list_archived()), app.tasks.list()) == (5, []), n

    died = walk(orders, bench.migrated, check)
    assert died > 15
    tell(f"walk of bulk work on {store_name}: died before each of {died} statements")


WORKER = """
import sys
from tests.api.test_bulk import finish
from tickwork.store import bulks
from tickwork.store.open import open_store
bulks.treat.__defaults__ = (10,)
print("up")
sys.stdin.readline()
finish(open_store(sys.argv[1]), 1)
print("finished")
"""


def test_two_workers_share_a_verb_and_treat_each_task_once(database):
    with Tickwork(database, watch=ManualWatch(0)) as app:
        app.tasks.put_many([PutTask("work")] * 500, unchecked=True)
        app.bulk.order("cancel", {"handler": "work"})
        with child("-c", WORKER, database) as one, child("-c", WORKER, database) as other:
            for process in (one, other):
                process.line("up")
            for process in (one, other):
                process.tell("go")
            for process in (one, other):
                process.line("finished")
        found = app.bulk.get(1)
        assert (found.state, found.counts, found.done) == ("done", {"cancelled": 500}, 500)
