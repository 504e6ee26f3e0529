"""When the previous task of a trigger has not finished, and when it failed: overlap and pause on failure."""

from __future__ import annotations

import pytest

from tests.support.scene import Scene
from tickwork import clocks
from tickwork.watch import SECOND


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


def finish(scene, outcome="done"):
    """Archive every task that there is, as a worker would."""
    scene.sql(
        "insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version, outcome,"
        " attempts, attempt, lost, snoozes, asked_at, created_at, finished_at, trigger_id, trigger_key, planned_at)"
        " select id, namespace, queue, priority, handler, action, payload, payload_version,"
        f" '{outcome}', attempts, 1, 0, 0, asked_at, created_at, {scene.watch.now()}, trigger_id, trigger_key, planned_at"
        " from tickwork.task"
    )
    scene.sql("delete from tickwork.task")


def outcomes(scene):
    return [(outcome, slots) for outcome, _, slots in scene.ledger("m")]


def test_allow_is_the_default(scene):
    scene.put("m", clocks.Every(60))
    scene.wind(60)
    scene.wind(60)
    assert len(scene.tasks()) == 2


def test_skip_passes_over_slots_while_the_last_task_is_unfinished(scene):
    scene.put("m", clocks.Every(60), overlap="skip")
    scene.wind(60)
    scene.wind(60)
    scene.wind(60)
    assert outcomes(scene) == [("fired", 1), ("skipped", 1), ("skipped", 1)]
    assert scene.sql("select distinct reason from tickwork.firing where outcome = 'skipped'") == [("overlap",)]
    finish(scene)
    scene.wind(60)
    assert outcomes(scene)[-1] == ("fired", 1)


def test_skip_after_downtime_fires_one_and_skips_the_rest_in_one_row(scene):
    scene.put("m", clocks.Every(10), overlap="skip")
    scene.work()
    scene.wind(50)
    assert outcomes(scene) == [("fired", 1), ("skipped", 4)]


def test_queue_fires_one_at_a_time_and_in_order(scene):
    scene.put("m", clocks.Every(60), overlap="queue")
    scene.wind(60)
    scene.wind(60)
    scene.wind(60)
    assert outcomes(scene) == [("fired", 1)]
    for already in (1, 2):
        finish(scene)
        scene.wind(1)
        assert outcomes(scene) == [("fired", 1)] * (already + 1)
    planned = [row[1] for row in scene.ledger("m")]
    assert planned == sorted(planned)


def test_queue_does_not_keep_the_daemon_busy(scene):
    scene.put("m", clocks.Every(60), overlap="queue")
    scene.wind(60)
    scene.wind(60)
    assert scene.daemon.turn(scene.watch.now()) == scene.watch.now() + SECOND


def test_replace_asks_the_old_task_to_stop_and_puts_the_new_one(scene):
    scene.put("m", clocks.Every(60), overlap="replace")
    scene.wind(60)
    ((first,),) = scene.sql("select id from tickwork.task")
    scene.wind(60)
    assert scene.sql("select task_id from tickwork.cancel_request") == [(first,)]
    assert outcomes(scene) == [("fired", 1), ("fired", 1)]
    scene.wind(60)
    assert len(scene.sql("select task_id from tickwork.cancel_request")) == 2


def test_pause_on_failure_sets_the_trigger_aside_until_it_is_resumed(scene):
    scene.put("m", clocks.Every(60), pause_on_failure=True)
    scene.wind(60)
    finish(scene, "gave up")
    scene.wind(60)
    event = scene.event("m")
    assert event["set_aside_at"] is not None
    assert "gave up" in event["error"]
    assert outcomes(scene) == [("fired", 1)]
    scene.app.triggers.resume("m", missed="all")
    scene.work()
    assert outcomes(scene) == [("fired", 1), ("fired", 1)], "the failure before the resume has been answered for"


def test_pause_on_failure_minds_no_success(scene):
    scene.put("m", clocks.Every(60), pause_on_failure=True)
    for _ in range(3):
        scene.wind(60)
        finish(scene)
    assert outcomes(scene) == [("fired", 1)] * 3
