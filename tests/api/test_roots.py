"""Newer roots make the leaves of older ones no-ops; what says the same is put once. As MediaWiki does, on every store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.test_keys import claimed_by_worker
from tests.api.test_tasks import NOON, run_due
from tickwork.errors import InvalidInput, InvalidPayload
from tickwork.model.action import PutTask
from tickwork.model.unique import Root
from tickwork.watch import to_instant

OLD, NEW = Root("links of page/7", NOON - timedelta(hours=2)), Root("links of page/7", NOON - timedelta(hours=1))


@pytest.fixture
def ran(app):
    ran = []

    @app.handler("leaf")
    def leaf(number: int) -> None:
        ran.append(number)

    app.leaf = leaf
    return ran


def test_t103_leaves_of_an_older_root_are_no_ops(app, ran):
    """T-103, S4-33: leaves of 10:00 wait, a root of 11:00 is registered: the old ones are declined, the new ones run."""
    app.tasks.put_many([app.leaf.task(number=n) for n in (1, 2)], root=OLD)
    assert app.tasks.register_root(OLD)
    app.put(app.leaf.task(number=3), root=NEW)
    app.put(app.leaf.task(number=4), root=Root("another page", NOON - timedelta(days=1)))
    app.put(app.leaf.task(number=5))
    assert app.tasks.register_root(NEW)
    run_due(app)
    assert ran == [3, 4, 5]
    declined = app.tasks.list_archived(outcome="declined")
    assert [(task.payload, task.reason, task.attempt) for task in declined] == [
        ('{"number":2}', "superseded by a newer root task", 0),
        ('{"number":1}', "superseded by a newer root task", 0),
    ]
    assert app.counts().archive == {"done": 3, "declined": 2}
    assert not app.tasks.register_root(OLD), "an older one changes nothing"


def test_t103_without_the_push_nothing_is_superseded(app, ran):
    """T-103: where the new leaves cannot be put their root is not registered, and the old leaves still run."""
    app.put(app.leaf.task(number=1), root=OLD)
    with pytest.raises(InvalidPayload):
        app.tasks.put_many([PutTask.of("leaf", {"number": "seven"})], root=NEW)
        app.tasks.register_root(NEW)
    run_due(app)
    assert ran == [1]


def test_a_superseded_leaf_runs_when_a_person_says_so(app, ran):
    put = app.put(app.leaf.task(number=1), root=OLD)
    app.tasks.register_root(NEW)
    run_due(app)
    assert app.tasks.retry(put.id).did == "retried"
    run_due(app)
    assert ran == [1]


def test_s4_31_what_says_the_same_is_put_once_while_it_waits(app):
    """S4-31: same handler and payload, unclaimed: one task; times, roots and named fields do not count."""
    app.handler("note")(lambda page, by="", at="": None)
    first = app.put(PutTask.of("note", {"page": 7, "by": "ann"}), dedupe=["by"], root=OLD)
    again = app.put(PutTask.of("note", {"by": "bob", "page": 7}), dedupe=["by"], delay=60, root=NEW)
    assert (again.id, again.did) == (first.id, "exists")
    assert app.put(PutTask.of("note", {"page": 8}), dedupe=True).did == "put"
    assert app.put(PutTask.of("note", {"page": 7}), dedupe=["at"]).did == "exists", "what is left says the same"
    claimed_by_worker(app)
    assert app.put(PutTask.of("note", {"page": 7}), dedupe=True).did == "put", "a claimed one keeps nothing away"


def test_s4_32_a_duplicate_with_an_earlier_time_wins(app):
    """S4-32, T-100: first at 13:00, then at 12:30: one task, at 12:30."""
    first = app.put(app.work.task(), dedupe=True, at=NOON + timedelta(hours=1))
    second = app.put(app.work.task(), dedupe=True, at=NOON + timedelta(minutes=30))
    assert (second.id, second.did) == (first.id, "edited")
    assert [task.available_at for task in app.tasks.list()] == [to_instant(NOON + timedelta(minutes=30))]


def test_many_that_say_the_same(app):
    put = app.tasks.put_many([app.work.task(number=n % 3) for n in range(9)], dedupe=True)
    assert (put.put, put.existing) == (3, 6)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"dedupe": True, "key": "k"}, "dedupe"),
        ({"dedupe": "by"}, "dedupe"),
        ({"dedupe": 7}, "dedupe"),
        ({"root": 7}, "root"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(app, bad, named):
    with pytest.raises(InvalidInput) as refused:
        app.put(app.work.task(), **bad)
    assert refused.value.field == named
