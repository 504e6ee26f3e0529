"""Triggers as applications treat them, through the application, on every store."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.api.conftest import AT
from tickwork.clocks import Cron, Daily, Every, Never, Once
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import InvalidClock, InvalidInput, InvalidPayload, NotFound, TryAgain, UnknownHandler
from tickwork.model.action import Log, PutTask
from tickwork.store import triggers
from tickwork.watch import SECOND, to_instant


def run(app, watch, by=0):
    watch.wind(by)
    TriggerDaemon(app.store).run_due(watch.now())


def outcomes(app, key):
    return [(row.outcome, row.planned_at - to_instant(AT), row.slots) for row in reversed(app.triggers.ledger(key))]


def test_a_datetime_is_a_one_time_clock(app, watch):
    put = app.trigger("k", AT + timedelta(minutes=1), app.work.task(number=7))
    assert app.triggers.get(put.id).clock == Once(AT + timedelta(minutes=1))
    run(app, watch, 60)
    assert outcomes(app, "k") == [("fired", 60 * SECOND, 1)]
    assert [task.payload for task in app.tasks.list()] == ['{"number":7}']


def test_a_put_of_an_existing_key_is_an_edit_and_an_identical_one_is_none(app):
    put = [app.trigger("k", Every(60), app.work.task()) for _ in range(2)]
    put.append(app.trigger("k", Every(61), app.work.task(), by="ann"))
    put.append(app.triggers.put("k", Every(61), app.work.task(), rearm=True))
    assert [(each.id, each.did, each.version, each.generation) for each in put] == [
        (put[0].id, "created", 1, 1),
        (put[0].id, "unchanged", 1, 1),
        (put[0].id, "edited", 2, 1),
        (put[0].id, "rearmed", 3, 2),
    ]
    assert [(each.version, each.did, each.changed_by) for each in app.triggers.trail("k")] == [
        (3, "rearmed", ""),
        (2, "edited", "ann"),
        (1, "created", ""),
    ]


def test_a_put_of_the_same_settled_clock_is_identical(app):
    """What depends on the key is settled when the trigger is put, and settles the same every time."""
    assert app.trigger("k", Cron("H H * * *"), app.work.task()).did == "created"
    assert app.trigger("k", Cron("H H * * *"), app.work.task()).did == "unchanged"
    assert "H" not in app.triggers.get("k").clock.expression


def test_move(app, watch):
    app.trigger("k", AT + timedelta(minutes=5), app.work.task())
    run(app, watch)
    moved = app.triggers.move("k", AT + timedelta(minutes=1))
    assert (moved.did, moved.version) == ("moved", 2)
    assert app.triggers.move(moved.id, AT + timedelta(minutes=1)).did == "unchanged"
    run(app, watch, 600)
    assert outcomes(app, "k") == [("fired", 60 * SECOND, 1)]


def test_a_finished_one_time_trigger_fires_again_only_when_it_is_rearmed(app, watch):
    app.trigger("k", AT, app.work.task())
    run(app, watch)
    app.triggers.move("k", AT + timedelta(seconds=5))
    run(app, watch, 10)
    assert outcomes(app, "k") == [("fired", 0, 1)]
    assert app.triggers.move("k", AT + timedelta(seconds=20), rearm=True).generation == 2
    run(app, watch, 10)
    assert app.triggers.rearm("k").generation == 3
    run(app, watch)
    assert outcomes(app, "k") == [("fired", 0, 1), ("fired", 20 * SECOND, 1), ("fired", 20 * SECOND, 1)]


def test_edit_changes_what_is_named_and_leaves_the_rest(app):
    app.trigger("k", Every(60), app.work.task(), misfire="latest", grace=5, object="o", tags=["x"], priority=3)
    edited = app.triggers.edit("k", max_firings=7, action=app.work.task(number=2), object=None)
    found = app.triggers.get("k")
    assert (edited.did, edited.version) == ("edited", 2)
    assert (found.policies.misfire, found.policies.grace, found.policies.max_firings) == ("latest", 5 * SECOND, 7)
    assert (found.action, found.object, found.tags, found.priority) == (app.work.task(number=2), None, ("x",), 3)
    assert found.clock == Every(60)
    assert app.triggers.edit("k", clock=Every(60), grace=5).did == "unchanged"
    assert app.triggers.edit("k", clock=Every(30)).version == 3
    with pytest.raises(InvalidInput, match="misfire"):
        app.triggers.edit("k", misfire="sometimes")
    with pytest.raises(UnknownHandler):
        app.triggers.edit("k", action=PutTask("nobody"))
    assert app.triggers.get("k").version == 3


def test_cancel_is_idempotent_and_a_later_put_begins_anew(app, watch):
    app.trigger("k", Every(60), app.work.task())
    run(app, watch, 60)
    assert app.triggers.cancel("k", by="ann").did == "cancelled"
    assert app.triggers.cancel("k").did == "already cancelled"
    run(app, watch, 600)
    assert outcomes(app, "k") == [("fired", 60 * SECOND, 1)]
    for verb in (
        lambda: app.triggers.move("k", Every(5)),
        lambda: app.triggers.edit("k", priority=1),
        lambda: app.triggers.pause("k"),
        lambda: app.triggers.resume("k"),
    ):
        with pytest.raises(NotFound, match="was cancelled"):
            verb()
    again = app.trigger("k", Every(60), app.work.task())
    assert (again.did, again.generation) == ("rearmed", 2)
    run(app, watch, 60)
    assert outcomes(app, "k")[1:] == [("fired", 720 * SECOND, 1)]


def test_x23_the_triggers_of_an_object_are_cancelled_together(app):
    """X23: whoever destroys an object cancels its triggers."""
    keys = [app.trigger(f"k{i}", Every(60), app.work.task(), object="meeting/7").key for i in range(3)]
    app.trigger("other", Every(60), app.work.task(), object="meeting/8")
    app.triggers.cancel("k1")
    assert [(done.key, done.did) for done in app.triggers.cancel_object("meeting/7")] == [
        (keys[0], "cancelled"),
        (keys[1], "already cancelled"),
        (keys[2], "cancelled"),
    ]
    assert [each.key for each in app.triggers.list(state="active")] == ["other"]
    assert app.triggers.cancel_object("nothing") == []


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("skip", [("skipped", 60, 3), ("fired", 240, 1)]),
        ("latest", [("coalesced", 60, 2), ("fired", 180, 3), ("fired", 240, 1)]),
        ("all", [("fired", 60, 1), ("fired", 120, 1), ("fired", 180, 1), ("fired", 240, 1)]),
    ],
)
def test_f15_pause_and_resume(app, watch, missed, expected):
    """F15: nothing fires while it is paused; the resume says what becomes of the slots."""
    app.trigger("k", Every(60), app.work.task())
    run(app, watch)
    assert app.triggers.pause("k").did == "paused"
    assert app.triggers.pause("k").did == "unchanged"
    run(app, watch, 200)
    assert outcomes(app, "k") == []
    assert app.triggers.resume("k", missed=missed).did == "resumed"
    assert app.triggers.resume("k", missed=missed).did == "unchanged"
    run(app, watch, 40)
    assert outcomes(app, "k") == [(outcome, at * SECOND, slots) for outcome, at, slots in expected]
    with pytest.raises(InvalidInput, match="missed"):
        app.triggers.resume("k", missed="some")


def test_lists_filter(app, watch):
    app.trigger("a/1", Every(60), app.work.task(), tags=["blue", 'q"uote'], object="o")
    app.trigger("a/2", Every(30), Log("tick"), container="c")
    app.trigger("b%_", Never(), app.work.task())
    app.triggers.pause("a/1")
    run(app, watch)

    def keys(*args, **filters):
        return [each.key for each in app.triggers.list(*args, **filters)]

    assert keys() == ["a/2", "a/1", "b%_"]
    assert keys("a/") == ["a/2", "a/1"]
    assert keys("b%") == ["b%_"]
    assert keys("%") == []
    assert keys(state="paused") == ["a/1"]
    assert keys(tag="blue") == keys(tag='q"uote') == keys(object="o") == ["a/1"]
    assert keys(tag="blu") == keys(tag="uote") == []
    assert keys(container="c") == ["a/2"]
    assert keys(handler="work") == ["a/1", "b%_"]
    assert keys(due_before=AT + timedelta(seconds=30)) == ["a/2"]  # inclusive
    assert keys(due_before=AT + timedelta(seconds=29)) == []
    assert keys(set_aside=True) == []
    assert keys(set_aside=False, limit=2) == ["a/2", "a/1"]
    assert app.triggers.get("a/2").action == Log("tick")
    for bad in ({"state": "tired"}, {"limit": 0}, {"due_before": "soon"}):
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            app.triggers.list(**bad)


def test_key_and_id_both_address_a_trigger(app):
    put = app.trigger("7", Every(60), app.work.task())
    assert app.triggers.get("7").id == app.triggers.get(put.id).id == put.id
    for bad in (None, 1.5, True, b"7"):
        with pytest.raises(InvalidInput, match="trigger"):
            app.triggers.get(bad)
        with pytest.raises(InvalidInput, match="trigger"):
            app.triggers.cancel(bad)
    with pytest.raises(NotFound, match="nobody"):
        app.triggers.get("nobody")


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("work", InvalidInput),
        (PutTask("nobody"), UnknownHandler),
        (PutTask.of("work", {"number": "seven"}), InvalidPayload),
    ],
    ids=["text", "unknown", "ill-typed"],
)
def test_an_action_that_nobody_could_run_is_refused(app, action, error):
    with pytest.raises(error):
        app.trigger("k", Every(60), action)
    assert app.triggers.list() == []


def test_t026_a_clock_that_never_fires_is_refused_whichever_verb_brings_it(app):
    """T-026: the thirtieth of February."""
    app.trigger("k", Daily("09:00"), app.work.task())
    for verb in (
        lambda clock: app.trigger("new", clock, app.work.task()),
        lambda clock: app.triggers.move("k", clock),
        lambda clock: app.triggers.edit("k", clock=clock),
    ):
        with pytest.raises(InvalidClock):
            verb(Cron("0 0 30 2 *"))
        with pytest.raises(InvalidInput):
            verb("every now and then")
    assert [(each.key, each.version) for each in app.triggers.list()] == [("k", 1)]


def test_an_unknown_term_is_a_type_error(app):
    with pytest.raises(TypeError, match="colour"):
        app.trigger("k", Every(60), app.work.task(), colour="red")
    with pytest.raises(TypeError, match="colour"):
        app.put(app.work.task(), colour="red")


def test_saving_takes_so_many_statements(app, store_name):
    """PostgreSQL: a put one, any other edit two; SQLite: its row, its trail, its letter. One commit each."""
    said = []
    app.triggers.list()
    app.store.dialect.on_statement = said.append
    counts = {}
    for name, verb in {
        "put": lambda: app.trigger("k", Every(60), app.work.task()),
        "put again": lambda: app.trigger("k", Every(61), app.work.task()),
        "put unchanged": lambda: app.trigger("k", Every(61), app.work.task()),
        "move": lambda: app.triggers.move("k", Every(62)),
        "cancel": lambda: app.triggers.cancel("k"),
        "put task": lambda: app.put(app.work.task()),
        "put task with key": lambda: app.put(app.work.task(), key="k"),
        "cancel task": lambda: app.tasks.cancel("k"),
    }.items():
        said.clear()
        verb()
        counts[name] = len([statement for statement in said if statement not in ("begin", "commit")])
    app.store.dialect.on_statement = None
    assert counts == (
        {
            "put": 3,
            "put again": 3,
            "put unchanged": 2,
            "move": 4,
            "cancel": 4,
            "put task": 1,
            "put task with key": 1,
            "cancel task": 5,
        }
        if store_name == "sqlite"
        else {
            "put": 1,
            "put again": 1,
            "put unchanged": 2,
            "move": 2,
            "cancel": 2,
            "put task": 1,
            "put task with key": 1,
            "cancel task": 2,
        }
    )


def test_puts_of_one_key_from_many_threads_make_one_trigger(app):
    """One of them creates it; the others find it, whoever was first."""
    answers, ready = [], threading.Barrier(6)

    def put():
        ready.wait()
        answers.append(app.trigger("k", Every(60), app.work.task()))

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.did for answer in answers) == ["created", *["unchanged"] * 5]
    assert {answer.version for answer in answers} == {1}


@pytest.mark.stores("postgresql")
def test_f16_two_applications_in_opposite_orders_one_is_told_to_try_again(app, database):
    """F16: they deadlock as with any rows; the database ends one of them, and the error says what to do."""
    import psycopg

    for key in ("a", "b"):
        app.trigger(key, Every(60), app.work.task())
    told, met = [], threading.Barrier(2)

    def edit(first, second):
        with psycopg.connect(database) as connection:
            on = app.on(connection)
            on.triggers.move(first, Every(5))
            met.wait()
            try:
                on.triggers.move(second, Every(5))
            except TryAgain as error:
                connection.rollback()
                told.append(str(error))

    threads = [threading.Thread(target=edit, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 1
    assert "begin it anew" in told[0]
    assert {each.version for each in app.triggers.list()} == {2}


def test_f14_a_version_is_raised_in_the_database(app):
    """F14: two edits that began from the same version are two versions."""
    app.trigger("k", Every(60), app.work.task())
    scope = app.triggers._desk.scope
    for clock in (Every(61), Every(62)):
        columns = {"clock_kind": clock.kind, "clock_params": '{"period":1}'}
        app.store.perform(
            "application",
            lambda columns=columns: triggers.edit(scope, "k", lambda held: triggers.Edit("edited", columns), by=""),
        )
    assert app.triggers.get("k").version == 3


def test_a_preview_shows_what_will_fire(app, watch):
    app.trigger("k", Every(60), app.work.task())
    expected = tuple(to_instant(AT) + minutes * 60 * SECOND for minutes in (1, 2, 3))
    assert app.triggers.preview("k", 3) == expected  # before any daemon has read the letter
    run(app, watch)
    assert app.triggers.preview("k", 3) == expected
    run(app, watch, 60)
    assert app.triggers.preview("k", 2) == expected[1:]
    app.triggers.pause("k")
    assert app.triggers.preview("k") == ()
    app.trigger("once", AT, app.work.task())
    run(app, watch)
    assert app.triggers.preview("once") == ()
