"""Groups under transactions that overlap: nobody waits, nothing is missed, and what waits is released once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.shop import Shop
from tests.support.trees import FATES, STEADY, expected, flow_of, leaf
from tickwork import GiveUp, Group, PutTask, Snooze, Task, Tickwork
from tickwork.api.assembly import worker_of
from tickwork.model import outcome as outcomes
from tickwork.store import archive, claims, groups
from tickwork.store.claims import Subscription, Wish
from tickwork.testing import TimeTravel
from tickwork.watch import SECOND

NOTE = PutTask("note")


@pytest.fixture
def app(database):
    with Tickwork(database) as app:

        @app.handler("note")
        def note() -> None: ...

        yield app


def claimed(app, size: int) -> list[Any]:
    with app.store.begin("worker") as transaction:
        return claims.claim(transaction, Subscription(), Wish(size, 1, 30 * SECOND, size, size))


def done(each: Any) -> outcomes.Outcome:
    return outcomes.done(each, None, None, each.claimed_at, each.claimed_at)


def tend(app) -> groups.Tended:
    with app.store.begin("worker") as transaction:
        return groups.tend(transaction)


@pytest.mark.stores("postgresql")
def test_two_that_end_at_one_moment(app):
    """The classic trap: each sees the other one unfinished. Neither waits for the other, and what waits goes on."""
    last = app.put(Group([NOTE, NOTE]).then(NOTE))
    one, other = claimed(app, 2)
    with app.store.begin("worker") as first:
        archive.settle(first, 1, [done(one)], [])
        with app.store.begin("worker") as second:
            assert archive.settle(second, 1, [done(other)], []) == (1, (), (), True)
        assert tend(app)[:2] == (1, 0)
    assert tend(app)[:2] == (1, 1)
    assert app.tasks.get(last.id).state == "ready"
    assert tend(app) == (0, 0, False, False)


@pytest.mark.stores("postgresql-18")
def test_two_that_count_at_one_moment(app):
    """A worker that counts passes over letters that another one holds; neither counts one twice."""
    last = app.put(Group([NOTE, NOTE]).then(NOTE))
    one, other = claimed(app, 2)
    for each in (one, other):
        with app.store.begin("worker") as transaction:
            archive.settle(transaction, 1, [done(each)], [])
    with app.store.begin("worker") as transaction:
        taken = transaction.all("take_group_letters", n=1)
        assert tend(app)[:2] == (1, 0)
        groups._count(transaction, taken)
    assert tend(app)[:2] == (0, 1)
    assert app.tasks.get(last.id).state == "ready"


@pytest.mark.stores("postgresql-18")
def test_an_application_that_cancels_a_member_holds_up_nobody(app, database):
    """Its letter commits with it; the others end, are counted, and what waits goes on when it has committed."""
    last = app.put(Group([(NOTE, {"delay": 60}), *[NOTE] * 20]).then(NOTE, on_failure="run"))
    (late,) = (row.id for row in app.tasks.list(state="waiting") if row.awaits is None)
    with psycopg.connect(database) as connection:
        assert app.on(connection).tasks.cancel(late).did == "cancelled"
        assert worker_of(app.store, app.settings, app.handlers, at_once=True).run_due() == 20
        assert app.tasks.get(last.id).state == "waiting"
    worker_of(app.store, app.settings, app.handlers, at_once=True).run_due()
    row = app.tasks.get(last.id)
    assert (row.outcome, row.gathered.partition(",")[2]) == ("done", '"ended":{"cancelled":1,"done":20}}')


@pytest.mark.stores("postgresql-18")
def test_what_an_application_holds_is_released_afterwards(app, database):
    """It edits the task that waits while the group ends: the worker passes it over, and comes back for it."""
    last = app.put(Group([NOTE]).then(NOTE))
    with psycopg.connect(database) as connection:
        app.on(connection).tasks.edit(last.id, priority=7)
        assert worker_of(app.store, app.settings, app.handlers, at_once=True).run_due() == 1
        assert tend(app) == (0, 0, False, True)
    assert tend(app)[:2] == (0, 1)
    assert app.tasks.get(last.id)[:3] == (last.id, None, "ready")


@pytest.mark.stores("postgresql-18")
def test_stopping_waits_for_no_application(app, database):
    """It has asked a running member to stop, and has not committed: other groups go on, this one is stopped later."""
    app.put(Group([NOTE, NOTE]).then(NOTE, on_failure="stop"))
    other = app.put(Group([NOTE]).then(NOTE))
    one, two, three = claimed(app, 3)
    with psycopg.connect(database) as connection:
        assert app.on(connection).tasks.cancel(two.id).did == "asked"
        settle(app, failed(one), done(three))
        assert tend(app) == (2, 1, False, True)
        assert app.tasks.get(other.id).state == "ready"
        connection.rollback()
    assert tend(app) == (0, 0, True, False)
    settle(app, done(two))
    assert app.tasks.get(two.id).outcome == "cancelled"


@pytest.mark.stores("postgresql-18")
def test_an_awakening_that_has_not_committed_holds_the_run_until_it_has(app, database):
    """The application opens the gate and awakens in one transaction; the handler looked before, and settles after."""
    task = app.put(NOTE).id
    (run,) = claimed(app, 1)
    snoozed = outcomes.judged(run, Snooze(3600), lambda attempt: 0, run.claimed_at, run.claimed_at)
    with psycopg.connect(database) as connection:
        assert app.on(connection).tasks.awaken(task) == []
        with app.store.begin("worker") as transaction:
            assert archive.settle(transaction, 1, [snoozed], []).held_up == (snoozed,)
    with app.store.begin("worker") as transaction:
        assert archive.settle(transaction, 1, [snoozed], []).settled == 1
    assert app.tasks.get(task).state == "ready"


def failed(each: Any) -> outcomes.Outcome:
    return outcomes.judged(each, GiveUp("no"), lambda attempt: 0, each.claimed_at, each.claimed_at)


def settle(app, *ended: outcomes.Outcome) -> archive.Settlement:
    with app.store.begin("worker") as transaction:
        return archive.settle(transaction, 1, ended, [])


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_failure_stops_what_runs_what_waits_and_what_waits_for_that(app):
    """Of a group that is to be stopped: a running member is asked, a flow in it is cancelled with its own members."""
    later = (NOTE, {"delay": 60})
    inner = Group([later, later]).then(NOTE)
    last = app.put(Group([NOTE, NOTE, inner, later]).then(NOTE, on_failure="stop and run"))
    one, other = claimed(app, 2)
    settle(app, failed(one))
    assert tend(app).again
    assert tend(app) == (4, 0, False, False), "the rest of the tree, each counted in its own group"
    assert [row.state for row in app.tasks.list() if row.id != last.id] == ["running"]
    settle(app, done(other))
    assert tend(app)[:2] == (1, 1)
    assert app.tasks.get(other.id).outcome == "cancelled"
    assert app.tasks.get(last.id).gathered.partition(",")[2] == '"ended":{"cancelled":3,"gave up":1}}'


@pytest.mark.stores("sqlite", "postgresql-18")
def test_what_joins_a_group_that_was_stopped_is_cancelled(app):
    """A member that runs while its group is stopped may succeed before it is asked, and put more: they are found, too."""
    last = app.put(Group([NOTE, NOTE, (NOTE, {"delay": 60})]).then(NOTE, on_failure="stop"))
    one, other = claimed(app, 2)
    task = Task(other)
    task.put(NOTE, join=True, attempts=1)
    task.put(NOTE.then(NOTE, attempts=1), join=True, attempts=1)
    settle(app, failed(one))
    settle(app, done(other)._replace(follow_ups=tuple(task.follow_ups)))
    while tend(app).again:
        pass
    outcome_of = Counter(row.outcome for row in app.tasks.list_archived())
    assert outcome_of == {"gave up": 1, "done": 1, "cancelled": 5}
    assert app.tasks.get(last.id).reason == "what it waited for did not go well: 3 cancelled, 1 done, 1 gave up"
    assert app.tasks.list() == []


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_flow_is_cancelled_while_members_run(app):
    """Those that run are asked, and what they have put comes to nothing."""
    last = app.put(Group([NOTE, (NOTE, {"delay": 60})]).then(NOTE))
    (run,) = claimed(app, 1)
    task = Task(run)
    task.put(NOTE, join=True, attempts=1)
    joined = done(run)._replace(follow_ups=tuple(task.follow_ups))
    assert app.tasks.cancel(last.id, flow=True).did == "cancelled"
    settle(app, joined)
    while tend(app).again:
        pass
    assert (app.tasks.list(), Counter(row.outcome for row in app.tasks.list_archived())) == ([], {"cancelled": 3})


def test_whatever_ends_a_task_leaves_a_letter(app):
    """The places where tasks are deleted are known, and each of them tells whoever counts; a new one is noticed here."""
    text = app.store.dialect.turn("delete from tickwork.task ")
    names = {each.name for each in app.store.dialect.book.statements() if text in f"{each.text} "}
    assert names - {"archive_tasks"} == {"remove_archived", "cancel_tasks"}


def test_tasks_without_groups_cost_what_they_did(app):
    """Nothing is asked about groups in claiming and settling a batch that has none."""
    app.tasks.put_many([NOTE] * 50)
    said: list[str] = []
    app.store.dialect.on_statement = said.append
    worker_of(app.store, app.settings, app.handlers, at_once=True).run_due()
    app.store.dialect.on_statement = None
    assert not [name for name in said if "group" in name or "awaiting" in name]


# ---------------------------------------------------------------------------------------------- against a small model

LEAVES = st.sampled_from(FATES)
TREES = st.recursive(
    LEAVES, lambda inner: st.tuples(st.lists(inner, max_size=3), LEAVES, st.sampled_from(STEADY)), max_leaves=8
)


@pytest.mark.stores("sqlite", "postgresql-18")
def test_flows_against_a_model(database):
    """Trees of flows at random: each task ends as the rules say, nothing is left over, and each ran as often as it may."""
    with Tickwork(database) as app:
        app.handler("leaf")(leaf)
        travel = TimeTravel(app)

        @settings(
            max_examples=8 if app.store.dialect.locks_rows else 16,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(TREES, min_size=1, max_size=3))
        def agree(trees: list[Any]) -> None:
            before = Counter(app.counts().archive)
            wanted: Counter[str] = Counter()
            put = [app.put(flow_of(tree)) for tree in trees if not isinstance(tree, str)]
            ends = [expected(tree, wanted) for tree in trees if not isinstance(tree, str)]
            travel.by(3600)
            shop = Shop(app.store, travel.watch.now())
            app.store.watch = travel.watch
            assert [app.tasks.get(each.id).outcome for each in put] == ends
            assert Counter(app.counts().archive) - before == wanted
            assert (shop.tasks, shop.ask("select count(*) from tickwork.task_group")[0][0]) == ({}, 0)
            assert shop.ask("select count(*) from tickwork.group_letter")[0][0] == 0

        agree()
