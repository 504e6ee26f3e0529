"""Tasks as applications treat them, through the application, on every store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tickwork import Tickwork
from tickwork.api.assembly import worker_of
from tickwork.errors import InvalidInput, InvalidPayload, NotFound, TickworkError, UnknownHandler
from tickwork.model.action import Log, PutTask
from tickwork.watch import SECOND, to_instant

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


def claimed(app):
    """Run the oldest ready task up to the point where a handler would be called, and leave it there."""
    with app.store.begin("worker") as transaction:
        transaction.connection.execute(
            app.store.dialect.turn(
                "update tickwork.task set state = 'running', attempt = attempt + 1 where id = "
                "(select min(id) from tickwork.task where state = 'waiting')"
            )
        )


def run_due(app):
    return worker_of(app.store, app.settings, app.handlers, at_once=True).run_due()


def ready(app):
    return [task.id for task in app.tasks.list(state="ready")]


def test_t091_at_is_kept_to_the_microsecond(app, watch):
    """T-091: stored 12:00:00.500000; not ready at 12:00:00.4, ready at 12:00:00.5."""
    put = app.put(app.work.task(), at=NOON + timedelta(milliseconds=500))
    assert app.tasks.get(put.id).available_at == to_instant(NOON) + SECOND // 2
    watch.wind(0.4)
    assert (ready(app), run_due(app)) == ([], 0)
    watch.wind(0.1)
    assert ready(app) == [put.id]
    assert run_due(app) == 1


def test_t092_a_delay_counts_from_the_clock_at_the_statement(app, watch):
    """T-092: at 12:00:00 a delay of 90 s is 12:01:30; negative, or with ``at``, it is refused."""
    put = app.put(app.work.task(), delay=90)
    assert app.tasks.get(put.id).available_at == to_instant(NOON) + 90 * SECOND
    with pytest.raises(ValueError, match="delay"):
        app.put(app.work.task(), delay=-1)
    with pytest.raises(ValueError, match="not both"):
        app.put(app.work.task(), delay=1, at=NOON)


def test_a_past_instant_means_now_and_lateness_is_kept(app):
    put = app.put(app.work.task(), at=NOON - timedelta(days=3))
    found = app.tasks.get(put.id)
    assert (found.available_at, found.asked_at) == (to_instant(NOON), to_instant(NOON - timedelta(days=3)))
    assert found.state == "ready"


def test_t094_the_earlier_one_first(app, watch):
    """T-094: A in 48 h, B in 1 h: B first."""
    later = app.put(app.work.task(), at=NOON + timedelta(hours=48))
    sooner = app.put(app.work.task(), at=NOON + timedelta(hours=1))
    assert [task.id for task in app.tasks.list()] == [sooner.id, later.id]


@pytest.mark.parametrize("by_key", [True, False], ids=["by key", "by id"])
def test_t098_cancel(app, by_key):
    """T-098: before / after claim / unknown / twice: cancelled / asked / unknown / cancelled then over."""

    def name(put):
        return put.key if by_key else put.id

    waiting, running = (app.put(app.work.task(), key="w", at=NOON + timedelta(1)), app.put(app.work.task(), key="r"))
    assert app.tasks.cancel(name(waiting), reason="not needed", by="ann").did == "cancelled"
    assert app.tasks.cancel(name(waiting)).did == "over"
    found = app.tasks.get(name(waiting))
    assert (found.id, found.state, found.outcome, found.reason) == (waiting.id, "over", "cancelled", "not needed")
    claimed(app)
    assert app.tasks.cancel(name(running)).did == "asked"
    assert app.tasks.cancel(name(running)).did == "asked"
    assert app.tasks.get(name(running)).state == "running"
    assert app.tasks.cancel("nobody" if by_key else 4711).did == "unknown"


def test_t100_the_same_key_is_one_task_and_the_earlier_time_wins(app):
    """T-100: put for 13:00, then for 12:30: one row, 12:30. Q16: the second call returns the first one."""
    first = app.put(app.work.task(), key="k", at=NOON + timedelta(hours=1))
    second = app.put(app.work.task(), key="k", at=NOON + timedelta(minutes=30))
    third = app.put(app.work.task(), key="k", at=NOON + timedelta(hours=2))
    assert [(put.id, put.did) for put in (first, second, third)] == [
        (first.id, "put"),
        (first.id, "edited"),
        (first.id, "exists"),
    ]
    assert [task.available_at for task in app.tasks.list()] == [to_instant(NOON + timedelta(minutes=30))]


def test_a_key_is_free_again_when_its_task_is_over(app):
    first = app.put(app.work.task(), key="k")
    run_due(app)
    second = app.put(app.work.task(), key="k")
    assert second.did == "put"
    assert second.id != first.id
    assert app.tasks.get("k").id == second.id


def test_keys_of_namespaces_are_apart(app, database, watch):
    with Tickwork(database, namespace="other", watch=watch) as other:
        app.put(app.work.task(), key="k")
        assert other.put(PutTask("work"), unchecked=True, key="k").did == "put"
        assert other.tasks.cancel("k").did == "cancelled"
        assert app.tasks.get("k").state == "ready"
        assert len(app.tasks.list()) == 1


def test_k9_an_edit_that_changes_nothing_is_none(app):
    """K9: what is like that already is unchanged, and says so."""
    put = app.put(app.work.task(), key="k", priority=2000, delay=60)
    same = (
        {"priority": 2000},
        {"queue": "default"},
        {"attempts": 20},
        {"expires_at": None},
        {"at": NOON + timedelta(minutes=1)},
    )
    for words in (*same, {}, {"priority": 2000, "delay": 60}):
        done = app.tasks.edit("k", **words)
        assert (done.id, done.did) == (put.id, "unchanged"), words
    tomorrow = NOON + timedelta(1)
    others = (
        {"priority": 7},
        {"queue": "mail"},
        {"attempts": 3},
        {"expires_at": tomorrow},
        {"at": NOON},
        {"delay": 0.5},
    )
    for words in (*others, {"expires_at": None}):
        assert [app.tasks.edit("k", **words).did for _ in range(2)] == ["edited", "unchanged"], words


def test_k9_edits_change_what_is_named(app):
    """K9, K10 in the library: a new priority, and none out of range."""
    put = app.put(app.work.task(), key="k", priority=2000, delay=60)
    assert app.tasks.edit("k", priority=7).did == "edited"
    found = app.tasks.get(put.id)
    assert (found.priority, found.available_at) == (7, to_instant(NOON) + 60 * SECOND)
    assert app.tasks.edit(put.id, delay=0, expires_at=NOON + timedelta(1)).did == "edited"
    found = app.tasks.get(put.id)
    assert (found.state, found.expires_at, found.priority) == ("ready", to_instant(NOON + timedelta(1)), 7)
    with pytest.raises(InvalidInput, match="priority"):
        app.tasks.edit("k", priority=0)
    with pytest.raises(InvalidInput, match="stays as it was put"):
        app.tasks.edit("k", object="other")
    claimed(app)
    assert app.tasks.edit("k", priority=9).did == "running"
    assert app.tasks.edit("nobody", priority=9).did == "unknown"


def test_k12_retry(app):
    """K12: an unfinished one is left alone; an archived one comes back with the same id and data, no attempt counted."""
    put = app.put(app.work.task(number=3), key="k", object="o")
    assert app.tasks.retry(put.id).did == "unchanged"
    run_due(app)
    assert app.tasks.get("k").outcome == "done"
    assert app.tasks.retry(put.id).did == "done"
    assert app.tasks.retry(put.id, repeat=True).did == "retried"
    found = app.tasks.get(put.id)
    assert (found.state, found.payload, found.attempt, found.object) == ("ready", '{"number":3}', 0, "o")
    assert app.tasks.list_archived() == []
    app.tasks.cancel(put.id)
    assert app.tasks.retry(put.id).did == "retried"
    assert app.tasks.retry(4711).did == "unknown"


def test_an_old_request_to_stop_does_not_follow_a_task(app):
    """It was asked to stop while it ran, came back and was cancelled: what is retried runs."""
    put = app.put(app.work.task())
    claimed(app)
    app.tasks.cancel(put.id)
    with app.store.begin("installer") as transaction:
        transaction.connection.execute(app.store.dialect.turn("update tickwork.task set state = 'waiting'"))
    assert app.tasks.cancel(put.id).did == "cancelled"
    app.tasks.retry(put.id)
    run_due(app)
    assert app.tasks.get(put.id).outcome == "done"


def test_a_retry_does_not_take_a_key_from_another(app):
    first = app.put(app.work.task(), key="k")
    app.tasks.cancel("k")
    second = app.put(app.work.task(), key="k")
    assert app.tasks.retry(first.id).did == "over"
    assert app.tasks.get("k").id == second.id


def test_all_tasks_of_an_object(app):
    ids = [app.put(app.work.task(), object="meeting/7", delay=i).id for i in range(3)]
    app.put(app.work.task(), object="meeting/8")
    claimed(app)
    assert [(done.id, done.did) for done in app.tasks.cancel_object("meeting/7")] == [
        (ids[0], "asked"),
        (ids[1], "cancelled"),
        (ids[2], "cancelled"),
    ]
    assert len(app.tasks.list()) == 2


def test_lists_filter(app):
    app.handler("other")(lambda: None)
    app.put(app.work.task(), queue="slow", object="o")
    app.put(PutTask("other"), delay=5)
    assert [task.handler for task in app.tasks.list()] == ["work", "other"]
    assert [task.handler for task in app.tasks.list(state="waiting")] == ["other"]
    assert [task.handler for task in app.tasks.list(queue="slow")] == ["work"]
    assert [task.handler for task in app.tasks.list(handler="other")] == ["other"]
    assert [task.handler for task in app.tasks.list(object="o")] == ["work"]
    assert len(app.tasks.list(limit=1)) == 1
    run_due(app)
    assert [task.outcome for task in app.tasks.list_archived(outcome="done")] == ["done"]
    assert app.tasks.list_archived(outcome="gave up") == []
    for bad in ({"state": "tired"}, {"limit": 0}):
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            app.tasks.list(**bad)
    with pytest.raises(NotFound):
        app.tasks.get("nobody")


def test_the_attempts_of_a_handler_are_those_of_its_tasks(app):
    seldom = app.handler("seldom", attempts=3)(lambda: None)
    assert app.tasks.get(app.put(seldom.task()).id).attempts == 3
    assert app.tasks.get(app.put(seldom.task(), attempts=1).id).attempts == 1
    assert app.tasks.get(app.put(app.work.task()).id).attempts == 20
    command = app.put(PutTask.of("tickwork.command", {"line": "true"}))
    assert app.tasks.get(command.id).attempts == 4


def test_q13_priority(app):
    """Q13: default / explicit."""
    assert app.tasks.get(app.put(app.work.task()).id).priority == 2000
    assert app.tasks.get(app.put(app.work.task(), priority=7).id).priority == 7


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"priority": 0}, "priority"),
        ({"priority": 10_000}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"attempts": 0}, "attempts"),
        ({"queue": ""}, "queue"),
        ({"queue": "a\0b"}, "queue"),
        ({"key": ""}, "key"),
        ({"key": "x" * 501}, "key"),
        ({"key": "nul\0"}, "key"),
        ({"key": 7}, "key"),
        ({"at": datetime(2026, 1, 1)}, "at"),
        ({"at": 2**62}, "at"),
        ({"at": "tomorrow"}, "at"),
        ({"delay": float("nan")}, "delay"),
        ({"delay": timedelta(days=400_000)}, "delay"),
        ({"expires_at": datetime(2026, 1, 1)}, "expires_at"),
        ({"tags": "text"}, "tags"),
        ({"object": "\ud800"}, "object"),
    ],
    ids=lambda value: value if isinstance(value, str) else ascii(value),
)
def test_bad_input_names_field_and_value_and_writes_nothing(app, bad, named):
    with pytest.raises(InvalidInput) as refused:
        app.put(app.work.task(), **bad)
    assert refused.value.field == named
    assert str(refused.value).startswith(named)
    assert app.tasks.list() == []


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (Log("line"), InvalidInput, "action"),
        ("work", InvalidInput, "action"),
        (PutTask("nobody"), UnknownHandler, "registered here: work"),
        (PutTask.of("work", {"number": "seven"}), InvalidPayload, "number"),
        (PutTask.of("work", {"figure": 7}), InvalidPayload, "figure"),
    ],
    ids=["log", "text", "unknown", "ill-typed", "unknown field"],
)
def test_a_task_that_nobody_could_run_is_refused(app, action, error, words):
    with pytest.raises(error, match=words) as refused:
        app.put(action)
    assert isinstance(refused.value, TickworkError)
    assert app.tasks.list() == []


def test_unchecked_skips_the_look_at_handlers(app):
    assert app.put(PutTask("nobody"), unchecked=True).did == "put"


@pytest.mark.parametrize("payload", ["", "[]", "7", "{", '{"a":NaN}', '{"a":"\udc00"}', '{"a":"' + "x" * 10**6 + '"}'])
def test_a_payload_is_a_json_object_of_at_most_1_mb(payload):
    with pytest.raises(InvalidPayload):
        PutTask("work", payload)


def test_handlers_of_other_processes_count(app, database, watch):
    """A producer that has no handlers is checked against what the workers have registered."""
    with Tickwork(database, watch=watch) as producer:
        with pytest.raises(UnknownHandler):
            producer.put(PutTask("work"))
        run_due(app)  # its worker registers
        assert producer.put(PutTask.of("work", {"number": 7})).did == "put"
        with pytest.raises(InvalidPayload, match="number"):
            producer.put(PutTask.of("work", {"figure": 7}))
        assert producer.put(PutTask("tickwork.command", '{"line":"true"}')).did == "put"
