"""Planning, on every store: cases T1 to T16 of the acceptance papers (the ancestor's cursor is our mailbox)."""

from datetime import datetime, timedelta, timezone

import pytest

from tests.support.dying import dies
from tests.support.scene import START, WORK, Scene
from tickwork import clocks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import ReadOnlyStore
from tickwork.store import events
from tickwork.watch import ManualWatch, to_instant


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def count(scene, table):
    return scene.sql(f"select count(*) from tickwork.{table}")[0][0]


def test_t1_a_saved_metronome_has_one_event(scene):
    """T1"""
    scene.put("m", clocks.Every(33))
    scene.work()
    event = scene.event("m")
    assert (event["last_at"], event["next_at"]) == (None, to_instant(START + timedelta(seconds=33)))
    assert count(scene, "trigger_change") == 0 and count(scene, "event") == 1


def test_t3_five_saves_are_one_event_of_the_latest_definition(scene):
    """T3"""
    for seconds in (10, 20, 30, 40, 50):
        scene.put("m", clocks.Every(seconds))
    scene.work()
    assert scene.event("m")["next_at"] == to_instant(START + timedelta(seconds=50))
    assert scene.daemon.planning.planned == 5, "every letter was served"
    assert count(scene, "event") == 1


@pytest.mark.stores("postgresql")
def test_t4_a_trigger_that_commits_after_a_later_one_is_planned(scene):
    """T4: A takes its number first and commits last; nobody waits, nobody is skipped"""
    slow = scene.store.dialect.connect()
    slow.execute("begin")
    scene.app.on(slow).trigger("a", clocks.Every(60), WORK, unchecked=True)
    scene.put("b", clocks.Every(60))
    scene.work()
    assert scene.event("b") and not scene.event("a")
    slow.execute("commit")
    scene.work()
    assert scene.event("a")
    slow.close()


def test_t6_many_changes_are_planned_in_small_batches(database):
    """T6"""
    scene = Scene(database, batch=100)
    for number in range(250):
        scene.put(f"k{number}", clocks.Every(60))
    scene.work()
    assert count(scene, "event") == 250
    scene.close()


def plan_once(store):
    store.watch = ManualWatch(START)
    TriggerDaemon(store).run_due(store.watch.now())


def test_t7_a_kill_before_the_commit_leaves_everything_to_be_done_again(database):
    """T7: the whole walk, statement by statement, is in tests/walks"""
    scene = Scene(database)
    scene.put("m", clocks.Every(3600))
    commit = None
    for n in range(1, 40):
        if not dies(database, plan_once, n):
            break
        events, letters = count(scene, "event"), count(scene, "trigger_change")
        assert (events, letters) in ((0, 1), (1, 0)), "the event and the letter change together"
        commit = commit or ((events, letters) == (1, 0) and n)
    assert commit, "some run died after its commit"
    scene.close()


def test_t9_an_edit_of_the_time_of_day_keeps_the_last_occurrence(scene):
    """T9"""
    scene.put("d", clocks.Daily("11:00"))
    scene.wind(timedelta(hours=1))
    assert scene.fired("d") == [at("2026-03-02 11:00")]
    scene.wind(timedelta(hours=1))
    scene.put("d", clocks.Daily("14:00"))
    scene.work()
    event = scene.event("d")
    assert event["last_at"] == to_instant(at("2026-03-02 11:00"))
    assert event["next_at"] == to_instant(at("2026-03-02 14:00"))


def test_t10_an_edit_into_the_past_fires_in_the_next_turn(scene):
    """T10"""
    scene.put("m", clocks.Once(START + timedelta(weeks=1)))
    scene.work()
    scene.app.triggers.move("m", clocks.Once(START - timedelta(minutes=12)))
    scene.work()
    assert scene.fired("m") == [START - timedelta(minutes=12)]


def test_t12_an_edit_that_leaves_the_clock_changes_no_event(scene):
    """T12"""
    scene.put("m", clocks.Every(1000))
    scene.work()
    before = scene.event("m")["next_at"]
    scene.watch.wind(2)
    scene.put("m", clocks.Every(1000), priority=7, tags=["new"])
    scene.work()
    assert scene.event("m")["next_at"] == before


def test_t15_a_hundred_broken_triggers_do_not_stop_the_good_one(scene):
    """T15"""
    for number in range(100):
        scene.put(f"bad{number}", clocks.Every(60))
    scene.put("good", clocks.Every(60))
    scene.sql("update tickwork.trigger set clock_params = '{\"period\": -1}' where key like 'bad%'")
    scene.work()
    scene.wind(60)
    assert len(scene.fired("good")) == 1
    rows = scene.sql("select count(*) from tickwork.event where set_aside_at is not null and error like '%period%'")
    assert rows[0][0] == 100


def test_t16_an_unknown_kind_of_clock_sets_one_trigger_aside(scene):
    """T16"""
    for key in ("a", "b", "c"):
        scene.put(key, clocks.Every(60))
    scene.sql("update tickwork.trigger set clock_kind = 'sundial' where key = 'b'")
    scene.wind(60)
    assert len(scene.fired("a")) == len(scene.fired("c")) == 1
    assert scene.fired("b") == [] and "sundial" in scene.event("b")["error"]


@pytest.mark.stores("postgresql")
def test_a_thousand_held_letters_delay_nobody_by_more_than_a_turn(scene):
    for number in range(1_000):
        scene.put(f"held{number}", clocks.Every(60))
    scene.work()
    holder = scene.store.dialect.connect()
    holder.execute("begin")
    with scene.store.begin("application") as transaction:
        transaction.connection.execute(
            "insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger"
        )
    holder.execute("update tickwork.trigger set priority = 1 where key like 'held%'")
    for number in range(50):
        scene.put(f"free{number}", clocks.Every(60))
    scene.daemon.turn(scene.watch.now())
    scene.daemon.turn(scene.watch.now())
    assert (
        scene.sql(
            "select count(*) from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id"
            " where t.key like 'free%'"
        )[0][0]
        == 50
    )
    assert count(scene, "trigger_change") == 1_000, "the held ones keep their letters"
    holder.execute("commit")
    scene.work()
    assert count(scene, "trigger_change") == 0
    holder.close()


def test_a_second_letter_resets_nothing(scene):
    scene.put("m", clocks.Every(60))
    scene.work()
    scene.sql("update tickwork.event set failures = 3, error = 'x'")
    scene.sql("insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger")
    scene.work()
    assert scene.event("m")["failures"] == 3


def test_the_event_of_a_vanished_trigger_is_removed(scene):
    scene.put("m", clocks.Every(60))
    scene.work()
    scene.sql("insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger")
    scene.sql("delete from tickwork.trigger")
    scene.work()
    assert count(scene, "event") == 0 and count(scene, "trigger_change") == 0


def test_a_database_that_takes_no_writes_is_waited_out_and_nobody_set_aside(scene, monkeypatch):
    scene.put("m", clocks.Every(60))

    def refuse(*_):
        raise ReadOnlyStore("the database takes no writes just now")

    with monkeypatch.context() as patch:
        patch.setattr(events, "save", refuse)
        with pytest.raises(ReadOnlyStore):
            scene.work()
    assert count(scene, "trigger_change") == 1
    scene.work()
    assert scene.event("m")["set_aside_at"] is None
    assert scene.event("m")["due_at"] is not None
