"""What applications do to triggers, on every store: rows, trail and letters."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tickwork.clocks import Cron, Every, Never, Once
from tickwork.errors import InvalidClock, InvalidInput, NotFound
from tickwork.model.action import Log, PutTask
from tickwork.model.standing_order import StandingOrder
from tickwork.store import triggers
from tickwork.store.scope import Scope
from tickwork.watch import SECOND, ManualWatch

AT = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


@pytest.fixture
def watch(store):
    store.watch = ManualWatch(AT)
    return store.watch


@pytest.fixture
def put(store, watch):
    def put(key="k", clock=None, action=None, *, rearm=False, by="", **terms):
        order = StandingOrder.of(key, clock or Every(60), action or PutTask("h"), watch.now(), terms)
        scope = Scope.of(store.dialect, "default", wake=True)
        return store.perform("application", lambda: triggers.put(scope, order.columns(), rearm=rearm, by=by))

    return put


def rows(store, sql):
    with store.begin("application") as transaction:
        text = store.dialect.turn(sql)
        return [tuple(row) for row in transaction.connection.execute(text).fetchall()]


def letters(store):
    return len(rows(store, "select id from tickwork.trigger_change"))


def test_a_put_writes_row_trail_and_letter(store, put):
    answer = put("k", Every(33), PutTask.of("h", {"a": 1}), by="ann", tags=["b", "a"])
    assert (answer.key, answer.version, answer.generation, answer.did) == ("k", 1, 1, "created")
    assert rows(store, "select key, version, state, clock_kind, tags, changed_by, did from tickwork.trigger") == [
        ("k", 1, "active", "every", '["a","b"]', "ann", "created")
    ]
    assert rows(store, "select trigger_id, version, generation, did from tickwork.trigger_version") == [
        (answer.id, 1, 1, "created")
    ]
    assert rows(store, "select trigger_id from tickwork.trigger_change") == [(answer.id,)]


def test_an_identical_put_changes_nothing(store, put):
    first = put(object="meeting/7")
    again = put(object="meeting/7")
    assert (again.id, again.version, again.did) == (first.id, 1, "unchanged")
    assert letters(store) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"action": PutTask.of("h", {"a": 2})},
        {"action": PutTask("other")},
        {"action": Log("tick")},
        {"misfire": "latest"},
        {"grace": 5},
        {"expires_after": 60},
        {"priority": 1},
        {"queue": "slow"},
        {"attempts": 3},
        {"object": "o"},
        {"container": "c"},
        {"tags": ["x"]},
        {"max_firings": 2},
        {"jitter": 3},
        {"overlap": "skip"},
        {"pause_on_failure": True},
    ],
    ids=str,
)
def test_t12_an_edit_of_anything_but_the_clock_leaves_since_at(store, put, watch, change):
    """T12: the next occurrence stays where it was."""
    put()
    before = rows(store, "select since_at from tickwork.trigger")
    watch.wind(2)
    answer = put(**change)
    assert (answer.version, answer.generation, answer.did) == (2, 1, "edited")
    assert rows(store, "select since_at from tickwork.trigger") == before
    assert put(**change).did == "unchanged"
    assert letters(store) == 2


def test_an_edit_of_the_clock_starts_it_anew(store, put, watch):
    put(clock=Every(60))
    watch.wind(5)
    assert put(clock=Every(61)).did == "edited"
    assert rows(store, "select since_at from tickwork.trigger") == [(watch.now(),)]
    assert [row[0] for row in rows(store, "select version from tickwork.trigger_version order by 1")] == [1, 2]


def test_rearming_begins_a_generation_even_where_nothing_changed(store, put, watch):
    put()
    watch.wind(5)
    answer = put(rearm=True)
    assert (answer.version, answer.generation, answer.did) == (2, 2, "rearmed")
    assert rows(store, "select since_at from tickwork.trigger") == [(watch.now(),)]


def edit(store, key, edit, **more):
    scope = Scope.of(store.dialect, "default", wake=True)
    return store.perform("application", lambda: triggers.edit(scope, key, lambda held: edit, by="ann", **more))


def test_a_cancelled_one_put_again_is_a_new_generation_and_active(store, put):
    put()
    edit(store, "k", triggers.Edit("cancelled", {"state": "cancelled"}))
    assert rows(store, "select state, did, changed_by from tickwork.trigger") == [("cancelled", "cancelled", "ann")]
    answer = put()
    assert (answer.version, answer.generation, answer.did) == (3, 2, "rearmed")
    assert rows(store, "select state from tickwork.trigger") == [("active",)]


def test_a_paused_one_put_again_stays_paused(store, put):
    put()
    edit(store, "k", triggers.Edit("paused", {"state": "paused"}))
    assert put(priority=7).did == "edited"
    assert rows(store, "select state, priority from tickwork.trigger") == [("paused", 7)]


def test_an_edit_sets_and_clears_what_may_be_null(store, put):
    answer = put(object="o", expires_after=60)
    edit(store, answer.id, triggers.Edit("edited", {"object": None, "expires_after": 5 * SECOND}))
    assert rows(store, "select object, container, expires_after from tickwork.trigger") == [(None, None, 5 * SECOND)]


def test_a_resume_is_remembered_by_its_own_version_only(store, put, watch):
    put()
    edit(store, "k", triggers.Edit("paused", {"state": "paused"}))
    edit(store, "k", triggers.Edit("resumed", {"state": "active", "missed": "latest"}))
    put(priority=3)
    assert rows(store, "select version, missed from tickwork.trigger_version order by 1") == [
        (1, None),
        (2, None),
        (3, "latest"),
        (4, None),
    ]
    assert rows(store, "select missed, resumed_at from tickwork.trigger") == [(None, watch.now())]


def test_all_of_an_object_are_edited_in_the_order_of_their_ids(store, put):
    ids = [put(f"k{i}", object="meeting/7").id for i in range(5)]
    put("other", object="meeting/8")
    scope = Scope.of(store.dialect, "default", wake=True)
    decide = triggers.Edit("cancelled", {"state": "cancelled"})
    answers = store.perform(
        "application", lambda: triggers.edit_of_object(scope, "meeting/7", lambda held: decide, by="")
    )
    assert [answer.id for answer in answers] == ids
    assert rows(store, "select state, count(*) from tickwork.trigger group by state order by 1") == [
        ("active", 1),
        ("cancelled", 5),
    ]
    assert letters(store) == 11


def test_an_unknown_trigger_is_not_found(store, put):
    for name in ("nobody", 4711):
        with pytest.raises(NotFound, match=str(name)):
            edit(store, name, triggers.Edit("edited", {}))


def test_namespaces_do_not_see_each_other(store, put):
    put()
    scope = Scope.of(store.dialect, "other", wake=True)
    with pytest.raises(NotFound):
        store.perform("application", lambda: triggers.edit(scope, "k", lambda held: held.unchanged(), by=""))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"key": ""}, "key"),
        ({"key": "x" * 501}, "key"),
        ({"key": "a\0b"}, "key"),
        ({"key": "a\ud800b"}, "key"),
        ({"clock": "soon"}, "clock"),
        ({"clock": datetime(2026, 1, 1)}, "at"),
        ({"action": "h"}, "action"),
        ({"priority": 0}, "priority"),
        ({"priority": 10_000}, "priority"),
        ({"priority": True}, "priority"),
        ({"attempts": 0}, "attempts"),
        ({"misfire": "some"}, "misfire"),
        ({"overlap": "some"}, "overlap"),
        ({"grace": -1}, "grace"),
        ({"grace": float("nan")}, "grace"),
        ({"jitter": -1}, "jitter"),
        ({"max_firings": 0}, "max_firings"),
        ({"max_firings": 1.5}, "max_firings"),
        ({"pause_on_failure": 1}, "pause_on_failure"),
        ({"expires_after": timedelta(days=-1)}, "expires_after"),
        ({"queue": ""}, "queue"),
        ({"tags": "text"}, "tags"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_name_and_nothing_is_written(store, put, bad, field):
    with pytest.raises(InvalidInput) as refused:
        put(**bad)
    assert refused.value.field == field
    assert rows(store, "select count(*) from tickwork.trigger") == [(0,)]


def test_a_clock_that_never_fires_is_refused_but_never_itself_and_the_past_are_not(put):
    """T-026: the thirtieth of February is rejected on entry."""
    with pytest.raises(InvalidClock):
        put(clock=Cron("0 0 30 2 *"))
    assert put("never", Never()).did == "created"
    assert put("past", Once(AT - timedelta(days=900))).did == "created"
