"""Firing, on every store: cases F1 to F15 of the acceptance papers."""

import logging
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from tests.support.scene import START, Scene
from tickwork import clocks
from tickwork.model.action import Log, PutTask
from tickwork.watch import HOUR, SECOND, to_instant


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


def seconds(*numbers):
    return [START + timedelta(seconds=number) for number in numbers]


def test_f1_a_due_event_puts_one_task_that_knows_its_times(scene):
    """F1"""
    scene.put("m", clocks.Once(START + timedelta(seconds=10)), PutTask("work", '{"a":1}'))
    scene.wind(110)
    assert scene.tasks("m") == [("m", to_instant(START + timedelta(seconds=10)), None, '{"a":1}')]
    scene.work()
    assert len(scene.tasks("m")) == 1


def test_f3_the_payload_is_left_alone(scene):
    """F3: a key of the payload named like metadata"""
    payload = '{"planned_at":"mine","trigger_key":5}'
    scene.put("m", clocks.Every(60), PutTask("work", payload))
    scene.wind(60)
    assert scene.tasks("m") == [("m", to_instant(START + timedelta(seconds=60)), None, payload)]


def test_f4_three_missed_slots_fire_in_one_turn(scene):
    """F4"""
    scene.put("m", clocks.Every(33))
    scene.work()
    scene.wind(100)
    assert scene.fired("m") == seconds(33, 66, 99)
    assert [row[2] for row in scene.tasks("m")] == [
        None,
        to_instant(START + timedelta(seconds=33)),
        to_instant(START + timedelta(seconds=66)),
    ]
    assert scene.event("m")["next_at"] == to_instant(START + timedelta(seconds=132))


def test_f6_f7_a_bad_action_waits_and_is_set_aside_while_good_ones_fire(scene):
    """F6, F7: waits 30, 60, 120 s ... one hour at most; set aside at the tenth failure"""
    scene.put("bad", clocks.Once(START + timedelta(seconds=1)))
    scene.put("good", clocks.Once(START + timedelta(seconds=2)))
    scene.work()
    scene.sql("update tickwork.trigger set action = 'shout' where key = 'bad'")
    scene.wind(10)
    assert len(scene.fired("good")) == 1
    waits = []
    for attempt in range(1, 10):
        event = scene.event("bad")
        assert event["failures"] == attempt and "shout" in event["error"]
        waits.append((event["due_at"] - scene.watch.now()) // SECOND)
        scene.wind(waits[-1] - 1)
        assert scene.event("bad")["failures"] == attempt, "not before its time"
        scene.wind(1)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    event = scene.event("bad")
    assert event["set_aside_at"] is not None and event["due_at"] is None
    assert event["next_at"] == to_instant(START + timedelta(seconds=1)), "its occurrence is not lost"


def test_f10_a_clock_that_stands_still_sets_its_trigger_aside_before_anything_is_written(scene, monkeypatch):
    """F10"""
    scene.put("stuck", clocks.Every(60))
    scene.put("good", clocks.Every(61))
    scene.work()
    real = clocks.Every.next_at
    stuck = 60 * SECOND
    monkeypatch.setattr(
        clocks.Every, "next_at", lambda self, after, since: after if self.period == stuck else real(self, after, since)
    )
    scene.wind(61)
    assert scene.fired("stuck") == [] and len(scene.fired("good")) == 1
    error = msgspec.json.decode(scene.event("stuck")["error"])
    assert error["message"].count("2026-03-02T10:01:00") == 2, "the error names both instants"
    assert scene.event("stuck")["set_aside_at"] is not None


def test_f12_a_broken_overdue_trigger_does_not_lengthen_the_sleep(scene):
    """F12"""
    scene.put("broken", clocks.Once(START))
    scene.put("soon", clocks.Once(START + timedelta(seconds=20)))
    scene.sql("update tickwork.trigger set clock_kind = 'sundial' where key = 'broken'")
    scene.work()
    assert scene.daemon.turn(scene.watch.now()) == to_instant(START + timedelta(seconds=20))


def test_f13_with_nothing_to_do_a_turn_is_one_look_and_no_write(scene):
    """F13"""
    ran = []
    scene.store.dialect.on_statement = ran.append
    assert scene.daemon.turn(scene.watch.now()) is None
    assert [name for name in ran if name not in ("begin", "commit")] == ["look"]


def test_f15_nothing_fires_while_paused_and_the_resume_decides(scene):
    """F15"""
    scene.put("m", clocks.Every(600))
    scene.work()
    scene.app.triggers.pause("m")
    scene.wind(timedelta(hours=1))
    assert scene.fired("m") == []
    scene.app.triggers.resume("m", missed="latest")
    scene.work()
    ledger = scene.ledger("m")
    assert ledger[0][0] == "coalesced" and ledger[0][2] + 1 == ledger[1][2]
    assert sum(1 for row in ledger if row[0] == "fired" and row[2] > 1) == 1
    assert sum(slots for outcome, _, slots in ledger if outcome == "fired") == 6


def test_a_resume_skips_by_default_with_one_range_row(scene):
    scene.put("m", clocks.Every(600))
    scene.work()
    scene.app.triggers.pause("m")
    scene.watch.wind(3_900)
    scene.app.triggers.resume("m")
    scene.work()
    assert scene.ledger("m") == [("skipped", START + timedelta(seconds=600), 6)]
    scene.wind(300)
    assert scene.fired("m") == seconds(4_200)


def test_a_past_one_time_trigger_fires_now_and_the_ledger_shows_how_late(scene):
    scene.put("m", clocks.Once(START - timedelta(hours=2)))
    scene.work()
    ((planned_at, fired_at),) = scene.sql("select planned_at, fired_at from tickwork.firing")
    assert fired_at - planned_at == 2 * HOUR


def test_at_the_epoch_itself(database):
    """An epoch of 0 is an instant like any other."""
    scene = Scene(database, at=datetime(1970, 1, 1, tzinfo=timezone.utc))
    scene.put("zero", clocks.Once(0))
    scene.work()
    scene.work()
    assert len(scene.tasks("zero")) == 1 and scene.event("zero")["next_at"] is None
    scene.close()


def test_expires_after_travels_with_the_task(scene):
    scene.put("m", clocks.Every(60), expires_after=timedelta(minutes=15))
    scene.wind(60)
    assert scene.sql("select expires_at - planned_at from tickwork.task") == [(15 * 60 * SECOND,)]


def test_jitter_delays_the_firing_and_not_the_planned_time(scene):
    scene.put("m", clocks.Every(3600), jitter=600)
    scene.work()
    event = scene.event("m")
    assert event["next_at"] <= event["due_at"] <= event["next_at"] + 600 * SECOND
    scene.wind(timedelta(microseconds=event["due_at"] - scene.watch.now() - 1))
    assert scene.fired("m") == []
    scene.wind(timedelta(microseconds=1))
    assert scene.fired("m") == [START + timedelta(hours=1)]


def test_a_log_action_puts_no_task_and_logs_after_the_commit(scene, caplog):
    scene.put("m", clocks.Every(33), Log("still here"))
    with caplog.at_level(logging.INFO, "tickwork.action"):
        scene.wind(33)
    assert scene.tasks() == [] and scene.fired("m") == seconds(33)
    assert "still here" in caplog.text and "2026-03-02T10:00:33" in caplog.text


def test_a_row_that_the_database_refuses_is_set_aside_and_no_other(scene):
    for number in range(40):
        scene.put(f"k{number}", clocks.Every(60), PutTask("work", f'{{"n":{number}}}'))
    scene.work()
    refuse(scene, '{"n":17}')
    scene.wind(60)
    assert len(scene.tasks()) == 39
    event = scene.event("k17")
    assert event["set_aside_at"] is not None and scene.fired("k17") == []
    assert "refused by the test" in event["error"] or "constraint" in event["error"].lower()
    assert scene.daemon.firings.aside == 1


def refuse(scene, payload):
    """Have the database itself refuse a task with this payload."""
    if scene.store.dialect.name == "sqlite":
        scene.sql(
            "create trigger refuse before insert on tickwork.task when new.payload = "
            f"'{payload}' begin select raise(abort, 'refused by the test'); end"
        )
    else:
        scene.sql(f"alter table tickwork.task add constraint refused check (payload <> '{payload}')")


def test_a_slot_that_stands_in_the_ledger_moves_on_without_a_task(scene):
    scene.put("m", clocks.Every(60))
    scene.put("other", clocks.Every(60))
    scene.work()
    ((trigger_id,),) = scene.sql("select id from tickwork.trigger where key = 'm'")
    planned_at = to_instant(START + timedelta(seconds=60))
    scene.sql(
        "insert into tickwork.firing (trigger_id, generation, planned_at, outcome, version, fired_at)"
        f" values ({trigger_id}, 1, {planned_at}, 'by hand', 1, 0)"
    )
    scene.wind(60)
    assert scene.tasks("m") == [] and len(scene.tasks("other")) == 1
    assert scene.daemon.firings.doubled == 1
    scene.wind(60)
    assert len(scene.tasks("m")) == 1


@pytest.mark.stores("postgresql")
def test_a_thousand_held_due_triggers_delay_nobody_by_more_than_a_turn(scene):
    for number in range(1_000):
        scene.put(f"held{number}", clocks.Once(START + timedelta(seconds=1)))
    for number in range(100):
        scene.put(f"free{number}", clocks.Once(START + timedelta(seconds=2)))
    scene.work()
    holder = scene.store.dialect.connect()
    holder.execute("begin")
    holder.execute("update tickwork.trigger set priority = 1 where key like 'held%'")
    scene.watch.wind(10)
    scene.daemon.turn(scene.watch.now())
    assert len(scene.tasks()) == 100
    holder.execute("rollback")
    scene.wind(11)
    assert len(scene.tasks()) == 1_100
    holder.close()


@pytest.mark.stores("postgresql")
def test_an_edit_that_commits_between_planning_and_firing_is_planned_on_the_spot(scene):
    """T13: the action runs for the new order only"""
    scene.put("m", clocks.Once(START + timedelta(seconds=1)))
    scene.work()
    scene.app.triggers.move("m", clocks.Once(START + timedelta(hours=1)))
    scene.sql("delete from tickwork.trigger_change")
    scene.wind(10)
    assert scene.fired("m") == []
    assert scene.event("m")["next_at"] == to_instant(START + timedelta(hours=1))


def test_the_daemon_says_when_it_wants_to_be_called_again(scene):
    scene.put("m", clocks.Every(3600))
    scene.work()
    assert scene.daemon.turn(scene.watch.now()) == to_instant(START + timedelta(hours=1))


def test_cancel_keeps_the_row_and_a_later_put_is_a_new_generation(scene):
    first = scene.put("m", clocks.Once(START + timedelta(seconds=5)))
    scene.wind(5)
    scene.app.triggers.cancel("m")
    again = scene.put("m", clocks.Once(START + timedelta(seconds=5)))
    scene.work()
    assert (again.id, again.generation) == (first.id, first.generation + 1)
    assert len(scene.fired("m")) == 2


def test_a_plain_edit_of_a_finished_one_time_trigger_does_not_fire_again(scene):
    scene.put("m", clocks.Once(START + timedelta(seconds=5)))
    scene.wind(5)
    scene.put("m", clocks.Once(START + timedelta(seconds=50)))
    scene.wind(60)
    assert len(scene.fired("m")) == 1
    scene.put("m", clocks.Once(START + timedelta(seconds=90)), rearm=True)
    scene.wind(60)
    assert len(scene.fired("m")) == 2


def test_firing_by_hand_leaves_the_clock_alone(scene):
    scene.put("m", clocks.Every(3600), PutTask("work", '{"a":1}'))
    scene.work()
    before = scene.event("m")
    assert scene.app.triggers.fire("m").did == "asked to fire"
    scene.wind(5)
    assert scene.tasks("m") == [("m", to_instant(START), None, '{"a":1}')]
    assert [row[0] for row in scene.ledger("m")] == ["by hand"]
    assert scene.event("m") == before
    scene.wind(timedelta(hours=1))
    assert len(scene.tasks("m")) == 2


def test_f16_firing_what_is_not_scheduled_says_so(scene):
    """F16"""
    scene.put("m", clocks.Once(START))
    scene.work()
    assert scene.app.triggers.fire("m").did == "not scheduled"
    scene.work()
    assert len(scene.tasks("m")) == 1
    assert scene.app.triggers.fire("m", planned=START + timedelta(hours=5)).did == "asked to fire"
    scene.work()
    assert [row[1] for row in scene.tasks("m")] == [to_instant(START), to_instant(START + timedelta(hours=5))]


def test_f18_two_fired_by_hand_use_each_their_own_times(scene):
    """F18"""
    scene.put("a", clocks.Every(60))
    scene.put("b", clocks.Every(90))
    scene.wind(100)
    for key in ("a", "b"):
        scene.app.triggers.fire(key)
    scene.work()
    previous = {row[0]: row[2] for row in scene.tasks() if row[1] == scene.watch.now()}
    assert previous == {
        "a": to_instant(START + timedelta(seconds=60)),
        "b": to_instant(START + timedelta(seconds=90)),
    }


def test_a_planned_time_that_has_had_its_outcome_is_not_fired_twice(scene):
    scene.put("m", clocks.Every(60))
    scene.wind(60)
    scene.app.triggers.fire("m", planned=START + timedelta(seconds=60))
    scene.work()
    assert len(scene.tasks("m")) == 1
    scene.app.triggers.fire("m", planned=START + timedelta(seconds=120))
    scene.work()
    scene.wind(60)
    assert [row[0] for row in scene.ledger("m")] == ["fired", "by hand"], "the clock reached what a hand had fired"
    assert len(scene.tasks("m")) == 2


def test_three_bad_ones_among_a_thousand_delay_nobody(scene):
    """A bad clock, a bad action and an unknown kind: the others fire in the same turn."""
    scene.put("model", clocks.Every(60))
    scene.sql(
        "insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at, changed_at)"
        " with recursive n (i) as (select 1 union all select i + 1 from n where i < 999)"
        " select t.namespace, 'k' || n.i, t.clock_kind, t.clock_params, t.since_at, t.handler, 0, 0 from n, tickwork.trigger t"
    )
    scene.sql("insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger")
    scene.sql("update tickwork.trigger set clock_params = '{}' where key = 'k100'")
    scene.sql("update tickwork.trigger set clock_kind = 'sundial' where key = 'k200'")
    scene.work()
    scene.sql("update tickwork.trigger set action = 'shout' where key = 'k300'")
    scene.watch.wind(60)
    scene.daemon.turn(scene.watch.now())
    assert len(scene.tasks()) == 997
    assert scene.event("k100")["set_aside_at"] and scene.event("k200")["set_aside_at"]
    assert scene.event("k300")["failures"] == 1
