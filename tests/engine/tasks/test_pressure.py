"""Back-pressure: a kind of work rests for all workers; its tasks are put off uncounted; other work goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.shop import Shop
from tickwork.engine.tasks.registry import Registry
from tickwork.signals import Backpressure
from tickwork.store import pressure
from tickwork.store.pressure import Pressure
from tickwork.watch import SECOND


def mail(ran: list[int], down: dict[str, Any]) -> Registry:
    registry = Registry()

    def send(task) -> None:
        ran.append(task.id)
        if down["until"] is not None:
            raise Backpressure("smtp", down["until"], "451 try later")

    registry.add("mail.send", send, kind="smtp")
    registry.add("mail.digest", send, kind="smtp")
    registry.add("other", lambda task: ran.append(task.id))
    return registry


def test_the_whole_kind_rests_for_all_workers_and_comes_back(shop: Shop) -> None:
    ran: list[int] = []
    down: dict[str, Any] = {"until": 60}
    first, second = (shop.worker(mail(ran, down)) for _ in range(2))
    tasks = [shop.put(name) for name in ("mail.send", "mail.digest", "mail.send", "other")]
    first.run_due()
    assert ran == [tasks[0], tasks[3]]  # one tried, the others of its kind did not; other work went on
    first.heartbeat.turn(shop.watch.now())
    down["until"] = None
    shop.wind(2)
    late = shop.put("mail.digest")
    second.run_due()
    assert len(ran) == 2
    assert {task: (row.attempt, row.state) for task, row in shop.tasks.items()} == dict.fromkeys(
        [*tasks[:3], late], (0, "waiting")
    )
    shop.wind(57)
    second.run_due()
    assert len(ran) == 2
    shop.wind(1.01)
    second.run_due()
    assert sorted(shop.archive) == sorted([*tasks, late])
    assert {row.attempt for row in shop.archive.values()} == {1}
    assert [task for task in tasks for _ in shop.attempts(task)] == []  # no failure of anybody


def test_s4_41_a_failing_downstream_slows_intake_and_loses_nothing(shop: Shop) -> None:
    """S4-41: back-pressure for 60 s: attempts unchanged, the kind rests for all workers, others go on, the order is kept."""
    ran: list[int] = []
    down: dict[str, Any] = {"until": 60}
    first, second = (shop.worker(mail(ran, down)) for _ in range(2))
    later, sooner = shop.put("mail.send", delay=2), shop.put("mail.digest", delay=1)
    shop.wind(3)
    then = [shop.put("mail.send") for _ in range(3)]
    urgent, other = shop.put("mail.send", priority=1000), shop.put("other")
    first.run_due()
    assert ran == [urgent, other]
    first.heartbeat.turn(shop.watch.now())
    shop.wind(2)
    last = shop.put("mail.digest")
    second.run_due()
    shop.wind(57.9)
    second.run_due()
    assert ran == [urgent, other]
    assert {row.attempt for row in shop.tasks.values()} == {0}
    down["until"] = None
    shop.wind(0.2)
    second.run_due()
    assert ran == [urgent, other, urgent, sooner, later, *then, last]
    assert (shop.tasks, {row.outcome for row in shop.archive.values()}) == ({}, {"done"})


def test_what_rests_is_touched_once_and_not_walked_over(shop: Shop) -> None:
    """field.md 66: paused kinds make every poll scan. Here what rests is no longer ready, and the poll sees nothing."""
    worker = shop.worker(mail([], {"until": 60}))
    for _ in range(20):
        shop.put("mail.send")
    worker.run_due()
    said: list[str] = []
    shop.store.dialect.on_statement = said.append
    for _ in range(5):
        shop.wind(5)
        worker.run_due()
    assert {name for name in said if name not in ("begin", "commit")} == {"generators_at_rest", "look_for_tasks"}
    assert worker.pump.plan.next_at == shop.watch.now() + 35 * SECOND


def test_t130_two_that_say_it_both_stand(shop: Shop) -> None:
    """T-130: shared back-off state written by two runners: both entries are present; of one kind the later end stands."""
    now = shop.watch.now()
    for said in (("smtp", 60), ("ldap", 30), ("smtp", 10)):
        with shop.store.begin("worker") as transaction:
            pressure.press(transaction, [Pressure("default", said[0], now + said[1] * SECOND)])
    with shop.store.read() as transaction:
        found = {each.kind: (each.until_at - now) // SECOND for each in pressure.standing(transaction)}
    assert found == {"smtp": 60, "ldap": 30}
    shop.wind(31)
    with shop.store.begin("worker") as transaction:
        assert pressure.forget(transaction) == 1


def test_a_handler_without_a_kind_rests_alone(shop: Shop) -> None:
    ran: list[int] = []
    registry = Registry()

    def full(task) -> None:
        ran.append(task.id)
        raise Backpressure(None, 30)

    registry.add("full", full)
    registry.add("note", lambda task: ran.append(task.id))
    first, second, third = shop.put("full"), shop.put("full"), shop.put("note")
    shop.worker(registry).run_due()
    assert ran == [first, third]
    assert shop.tasks[second].available_at == shop.watch.now() + 30 * SECOND + 1


@pytest.mark.parametrize("kind", ["", "a\0b", "\ud800", "x" * 201, 7])
def test_a_kind_that_cannot_be_is_a_failure_of_its_run_and_of_nothing_else(shop: Shop, kind: Any) -> None:
    """It is written by the heartbeat: what the database refused there would be refused for ever, and leases be lost."""

    def full() -> None:
        raise Backpressure(kind, 30)

    task = shop.put("full")
    worker = shop.worker({"full": full})
    worker.run_due()
    worker.heartbeat.turn(shop.watch.now())
    ((_, outcome, error),) = shop.attempts(task)
    assert outcome == "failed" and error["message"].startswith("kind")


def test_words_that_no_database_holds_stop_no_heartbeat(shop: Shop) -> None:
    ran: list[int] = []

    def full(task) -> None:
        ran.append(task.id)
        task.progress(0.5, "a\0b\ud800")
        worker.heartbeat.turn(shop.watch.now())
        raise Backpressure("smtp", timedelta.max, 7)  # type: ignore[arg-type]

    worker = shop.worker({"full": full})
    task = shop.put("full")
    worker.run_due()
    worker.heartbeat.turn(shop.watch.now())
    assert ran == [task]
    assert shop.ask("select reason from tickwork.pressure") == [("7",)]
    assert shop.tasks[task].attempt == 0


def test_another_namespace_does_not_rest(shop: Shop) -> None:
    ran: list[int] = []
    down: dict[str, Any] = {"until": 60}
    worker = shop.worker(mail(ran, down))
    shop.put("mail.send")
    worker.run_due()
    down["until"] = None
    there = shop.put("mail.send", namespace="other")
    worker.run_due()
    assert ran[-1] == there
    assert shop.archive[there].outcome == "done"


@pytest.mark.stores("sqlite")
def test_it_is_shown_how_far_a_run_has_come(shop: Shop) -> None:
    from tickwork.store.scope import Scope

    scope = Scope.of(shop.store.dialect, "default", wake=False)
    seen = []

    def work(task) -> None:
        for share in (0.1, 0.2, 0.4):
            task.progress(share, f"at {share}")
        worker.heartbeat.turn(shop.watch.now())
        worker.heartbeat.turn(shop.watch.now())
        with shop.store.read() as transaction:
            seen.append(transaction.perform(pressure.progress(scope, task.id)))
        with pytest.raises(ValueError, match="share"):
            task.progress(1.1)

    worker = shop.worker({"work": work})
    shop.put("work")
    said: list[str] = []
    shop.store.dialect.on_statement = said.append
    worker.run_due()
    assert [(each.share, each.note, each.at) for each in seen] == [(0.4, "at 0.4", shop.watch.now())]
    assert said.count("note_progress") == 1  # the last word only, in one update of one row


def test_an_owner_is_told_when_a_task_gave_up(shop: Shop) -> None:
    told = []

    def fails() -> None:
        raise ValueError("no paper")

    def tell(task, task_id: int, handler: str, reason: str, error: str, key: str | None, object: str | None) -> None:  # noqa: A002
        told.append((task_id, handler, reason, error, key, object, task.object, task.parent_id))

    registry = Registry()
    registry.add("print", fails, notice="owner.tell")
    registry.add("owner.tell", tell)
    task = shop.put("print", attempts=1, key="k", object="page/7")
    shop.worker(registry).run_due()
    reason = "its last attempt of 1 failed"
    assert told == [(task, "print", reason, "ValueError: no paper", "k", "page/7", "page/7", task)]
    assert shop.archive[task].outcome == "gave up"
