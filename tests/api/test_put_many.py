"""Many tasks in one statement: all or none, in order, with the treatment of one."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.dying import walk
from tickwork import Tickwork, clocks
from tickwork.api import assembly
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.api.triggers import Triggers
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput, InvalidPayload
from tickwork.model.action import PutTask
from tickwork.model.many import ManyTriggers


@pytest.fixture
def app(database):
    with Tickwork(database) as opened:

        @opened.handler("page.purge", attempts=3)
        def purge(page: int) -> None: ...

        yield opened


def test_ids_come_in_the_order_of_the_actions(app):
    purge = app.handlers["page.purge"]
    ids = app.tasks.put_many([purge.task(page=page) for page in range(2_500)], priority=3_000, delay=60).ids
    assert list(ids) == sorted(ids)
    assert len(set(ids)) == 2_500
    first, last = app.tasks.get(ids[0]), app.tasks.get(ids[-1])
    assert (first.payload, last.payload) == ('{"page":0}', '{"page":2499}')
    assert (first.priority, first.attempts, first.state) == (3_000, 3, "waiting")


def test_lines_that_are_alike_are_written_as_any_others(app):
    """They share their columns and travel as one text; what stands in the rows is the same, whatever their payloads say."""
    terms = {
        "priority": 7,
        "queue": "mail",
        "object": "page/7",
        "tags": ["a", "b"],
        "attempts": 2,
        "at": 1_900_000_000_000_000,
    }
    payloads = ['{"page":1}', '{"say":"\\"ä\\\\ \\u0000 {},\'"}', '{"page":null,"more":[1,"2"]}']
    actions = [PutTask("page.purge", payload) for payload in payloads]
    alike = app.tasks.put_many(actions, unchecked=True, **terms)
    others = app.tasks.put_many([(each, {"priority": 7}) for each in actions], unchecked=True, **terms)
    mixed = app.tasks.put_many([*actions, PutTask("other")], unchecked=True, **terms)

    def rows(ids):
        return [app.tasks.get(number)._replace(id=0, created_at=0) for number in ids]

    assert [row.payload for row in rows(alike.ids)] == payloads
    assert rows(alike.ids) == rows(others.ids) == rows(mixed.ids[:3])
    assert rows(mixed.ids)[3].handler == "other"


def test_none_is_put_when_one_is_bad(app):
    purge = app.handlers["page.purge"]
    with pytest.raises(InvalidPayload):
        app.tasks.put_many([purge.task(page=1), PutTask("page.purge", '{"page":"x"}')])
    with pytest.raises(InvalidInput, match="key"):
        app.tasks.put_many([purge.task(page=1)], key="once")
    assert app.tasks.put_many([]).ids == ()
    assert app.tasks.list() == []


def test_lines_say_what_is_special_about_them(app):
    """A line's own time and treatment stand before what is said for all; a taken key keeps its task, earlier wins."""
    purge = app.handlers["page.purge"]
    first = app.put(purge.task(page=1), key="page/1", delay=60)
    put = app.tasks.put_many(
        [
            purge.task(page=0),
            (purge.task(page=1), {"key": "page/1", "delay": 5, "scope": "waiting"}),
            (purge.task(page=2), {"key": "page/2", "priority": 7, "tags": ["a"]}),
            (purge.task(page=2), {"key": "page/2"}),
        ],
        delay=30,
        queue="slow",
    )
    assert (put.put, put.existing, put.hastened) == (2, 2, 1)
    found = {task.payload: task for task in app.tasks.list()}
    assert found['{"page":1}'].id == first.id
    assert found['{"page":1}'].available_at - found['{"page":1}'].created_at < 30_000_000
    assert (found['{"page":2}'].priority, found['{"page":2}'].queue) == (7, "slow")
    assert len(found) == 3


@pytest.mark.parametrize(
    ("special", "named"),
    [
        ({"priority": 0}, "priority"),
        ({"key": "k", "existing": "replace"}, "scope"),
        ({"delay": -1}, "delay"),
        (7, "row 1"),
    ],
    ids=str,
)
def test_one_bad_line_and_nothing_is_put(app, special, named):
    purge = app.handlers["page.purge"]
    with pytest.raises(InvalidInput) as refused:
        app.tasks.put_many([purge.task(page=1), (purge.task(page=2), special)])
    assert refused.value.field == named
    assert app.tasks.list() == []


def test_many_triggers(app):
    purge = app.handlers["page.purge"]
    minute, hour = clocks.Every(60), clocks.Every(3600)
    seen = []
    put = app.triggers.put_many(
        ((f"page/{n}", minute, purge.task(page=n)) for n in range(25_000)),
        object="site", progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert (put, seen) == (ManyTriggers(created=25_000), [(10_000, 25_000), (20_000, 25_000), (25_000, 25_000)])
    app.triggers.cancel("page/3")
    again = app.triggers.put_many(
        [
            ("page/0", minute, purge.task(page=0)),
            ("page/1", minute, purge.task(page=1), {"priority": 7}),
            ("page/2", hour, purge.task(page=2)),
            ("page/3", minute, purge.task(page=3)),
            ("new", minute, purge.task(page=9)),
        ],
        object="site",
    )
    assert again == ManyTriggers(created=1, edited=2, rearmed=1, unchanged=1)
    assert [row.did for row in app.triggers.trail("page/3")] == ["rearmed", "cancelled", "created"]
    with app.store.begin("installer") as transaction:
        text = app.store.dialect.turn("select count(*) from tickwork.trigger_change")
        assert transaction.connection.execute(text).fetchone() == (25_005,)
    with pytest.raises(InvalidInput, match="each key once"):
        app.triggers.put_many([("same", minute, purge.task(page=1))] * 2)


@pytest.mark.long
def test_a_hundred_thousand_tasks_in_one_call(app, tell, store_name):
    purge = app.handlers["page.purge"]
    statements, seen = [], []
    app.counts()  # the tables are looked at once
    app.store.dialect.on_statement = statements.append
    began = time.perf_counter()
    put = app.tasks.put_many([purge.task(page=1)] * 100_000, progress=lambda done, total: seen.append(done))
    taken = time.perf_counter() - began
    app.store.dialect.on_statement = None
    assert put.put == 100_000
    assert seen == [10_000 * n for n in range(1, 11)]
    assert statements == ["begin", *["put_alike"] * 10, "commit"]
    tell(f"put of 100,000 tasks on {store_name}: {taken:.1f} s, {len(statements)} statements")


def test_the_numbers_are_those_of_the_lines_in_their_order(app):
    purge = app.handlers["page.purge"]
    app.tasks.cancel(app.tasks.put(purge.task(page=0)).id)  # a number that was given out and is gone
    first = app.tasks.put_many(purge.task(page=page) for page in range(100, 103))
    second = app.tasks.put_many(purge.task(page=page) for page in range(200, 203))
    pages = [app.tasks.get(number).payload for number in (*first.ids, *second.ids)]
    assert [json.loads(page)["page"] for page in pages] == [100, 101, 102, 200, 201, 202]


def puts_many(store) -> None:
    """The body: tasks and triggers, each put in three statements of one transaction."""
    from tickwork.store import many

    many.SLICE = 10
    desk = assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None)
    Tasks(desk).put_many([PutTask("work")] * 30, unchecked=True)
    Triggers(desk).put_many([(f"k{n}", clocks.Every(60), PutTask("work")) for n in range(30)], unchecked=True)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_all_or_none_whatever_kills_it(bench, store_name, tell):
    def check(url: str, n: int) -> None:
        with Tickwork(url) as app:
            assert len(app.tasks.list()) in (0, 30), n
            assert len(app.triggers.list()) in (0, 30), n
            with app.store.begin("installer") as transaction:
                text = app.store.dialect.turn("select count(*) from tickwork.trigger_change")
                assert transaction.connection.execute(text).fetchone() == (len(app.triggers.list()),), n

    died = walk(puts_many, bench.migrated, check)
    assert died >= 10
    tell(f"walk of putting many on {store_name}: died before each of {died} statements")
