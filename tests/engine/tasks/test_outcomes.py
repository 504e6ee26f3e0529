"""How a run ends, and what becomes of the task (cases X and T)."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import pytest

from tests.support.shop import NOON, Shop, registered
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.running import DatabaseWatch
from tickwork.engine.tasks.worker import Worker
from tickwork.errors import ReadOnlyStore
from tickwork.model.action import PutTask
from tickwork.model.retry import Backoff
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.store.open import open_store
from tickwork.watch import SECOND

EXACT = Backoff(jitter=0.0)


def with_settings(function, **settings) -> Registry:
    registry = Registry()
    registry.add("work", function, **settings)
    return registry


def raising(error):
    def work() -> None:
        raise error

    return work


def test_a_result_is_kept_if_asked(shop: Shop) -> None:
    kept = shop.put("work")
    shop.worker(with_settings(lambda: {"answer": 42}, keep_result=True)).run_due()
    assert shop.archive[kept].result == {"answer": 42}
    other = shop.put("work")
    shop.worker(with_settings(lambda: {"answer": 42})).run_due()
    assert shop.archive[other].result is None


def test_a_result_that_cannot_be_kept_is_no_failure(shop: Shop) -> None:
    task = shop.put("work")
    shop.worker(with_settings(object, keep_result=True)).run_due()
    row = shop.archive[task]
    assert (row.outcome, row.result) == ("done", None)
    assert "could not be kept" in row.reason


def test_x2_permanent_failure(shop: Shop) -> None:
    """X2: archived as a failure, with its reason and its error."""
    task = shop.put("work")
    shop.worker(with_settings(raising(GiveUp("no such person")))).run_due()
    row = shop.archive[task]
    assert (row.outcome, row.reason, row.attempt) == ("gave up", "no such person", 1)
    assert row.error["type"].endswith("GiveUp")


def test_x3_the_wait_begins_at_the_failure(shop: Shop) -> None:
    """X3: an ordinary failure with a fixed wait of 300 s: runnable again 300 s after the *failure*."""

    def work() -> None:
        shop.wind(40)
        raise ValueError("not yet")

    task = shop.put("work")
    shop.worker(with_settings(work, backoff=lambda attempt, error: 300)).run_due()
    row = shop.tasks[task]
    assert (row.state, row.attempt, row.available_at) == ("waiting", 1, NOON + 340 * SECOND)
    ((attempt, outcome, error),) = shop.attempts(task)
    assert (attempt, outcome, error["type"], error["message"]) == (1, "failed", "ValueError", "not yet")
    assert "in work" in error["traceback"]


def test_waits_double_to_an_hour(shop: Shop) -> None:
    task, waits = shop.put("work"), []
    worker = shop.worker(with_settings(raising(ValueError()), backoff=EXACT))
    for _ in range(10):
        worker.run_due()
        waits.append((shop.tasks[task].available_at - shop.watch.now()) // SECOND)
        shop.wind(waits[-1])
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.parametrize(("delay", "waits"), [(0, 5), (3, 5), (5, 5), (60, 60), (-10, 5)])
@pytest.mark.stores("sqlite", "postgresql-18")
def test_x5_snooze(shop: Shop, delay: float, waits: float) -> None:
    """X5: yields of 0, 3, 5, 60 and -10 wait 5, 5, 5, 60, 5, from the yield, and count no failure."""

    def work() -> None:
        shop.wind(7)
        raise Snooze(delay, "not now")

    task = shop.put("work")
    shop.worker(with_settings(work)).run_due()
    row = shop.tasks[task]
    assert (row.attempt, row.available_at) == (0, NOON + (7 + waits) * SECOND)
    assert shop.ask("select snoozes from tickwork.task") == [(1,)]


def test_x6_gave_up_at_the_last_failure(shop: Shop) -> None:
    """X6: attempts 4, always fails: the body runs 4 times and the task gave up at the 4th failure."""
    runs = []
    task = shop.put("work", attempts=4)
    worker = shop.worker(with_settings(lambda: runs.append(1) or 1 / 0, backoff=EXACT))
    for _ in range(6):
        worker.run_due()
        shop.wind(3600)
    row = shop.archive[task]
    assert (len(runs), row.outcome, row.attempt) == (4, "gave up", 4)
    assert [outcome for _, outcome, _ in shop.attempts(task)] == ["failed"] * 4
    assert row.error["type"] == "ZeroDivisionError"


@pytest.mark.parametrize(("wait", "at"), [(-60, 0), (1_000_000, 1_000_000)])
@pytest.mark.stores("sqlite", "postgresql-18")
def test_x8_x9_waits_of_a_hook(shop: Shop, wait: float, at: float) -> None:
    """X8: a wait of -60 means at once. X9: one of 1,000,000 s is waited."""
    runs = []
    task = shop.put("work", attempts=2)
    worker = shop.worker(with_settings(lambda: runs.append(1) or 1 / 0, backoff=lambda attempt, error: wait))
    worker.run_due()
    assert len(runs) == (2 if at == 0 else 1)
    shop.wind(at)
    worker.run_due()
    assert (len(runs), shop.archive[task].outcome) == (2, "gave up")


def test_x11_a_handler_that_nobody_knows(shop: Shop) -> None:
    """X11: state unhandled, untouched, uncounted; it runs as soon as a worker knows it."""
    task, ran = shop.put("later"), []
    shop.worker({"other": lambda: None}).run_due()
    row = shop.tasks[task]
    assert (row.state, row.attempt, row.lease) == ("unhandled", 0, None)
    assert shop.leases == []
    shop.worker({"later": lambda task: ran.append(task.attempt)}).run_due()
    assert ran == [1]
    assert shop.archive[task].outcome == "done"


def test_a_handler_that_another_worker_knows_is_left_to_it(shop: Shop) -> None:
    ran = []
    theirs = shop.worker({"theirs": lambda: ran.append("theirs")})
    task = shop.put("theirs")
    theirs.number()
    shop.worker({"mine": lambda: None}).run_due()
    assert shop.tasks[task].state == "waiting"
    theirs.run_due()
    assert ran == ["theirs"]


def test_a_worker_that_comes_later_takes_what_an_earlier_one_could_not(shop: Shop) -> None:
    """The other worker registers between our look at the handlers and our claim: the claim is given back uncounted."""
    mine = shop.worker({"mine": lambda: None})
    mine.run_due()
    theirs, ran = shop.worker({"theirs": lambda task: ran.append(task.attempt)}), []
    theirs.number()
    task = shop.put("theirs")
    mine.run_due()
    assert (shop.tasks[task].state, shop.tasks[task].attempt) == ("waiting", 0)
    assert "theirs" in mine.queue.foreign.handlers
    theirs.run_due()
    assert ran == [1]


def test_x12_a_back_off_that_raises(shop: Shop) -> None:
    """X12: the failure is recorded with the default wait, and the hook's error is noted."""

    def hook(attempt, error):
        raise RuntimeError("the hook is broken")

    task = shop.put("work")
    shop.worker(with_settings(raising(ValueError("the handler is broken")), backoff=hook)).run_due()
    waits = (shop.tasks[task].available_at - NOON) / SECOND
    assert 12 <= waits <= 18
    ((_, _, error),) = shop.attempts(task)
    assert error["message"] == "the handler is broken"
    assert "the hook is broken" in error["note"]


def test_retry_after_counts_and_waits_as_told(shop: Shop) -> None:
    task = shop.put("work", attempts=2)
    worker = shop.worker(with_settings(raising(RetryAfter(77))))
    worker.run_due()
    assert (shop.tasks[task].attempt, shop.tasks[task].available_at) == (1, NOON + 77 * SECOND)
    shop.wind(77)
    worker.run_due()
    assert shop.archive[task].outcome == "gave up"


def test_declined(shop: Shop) -> None:
    task = shop.put("work")
    shop.worker(with_settings(raising(Decline("the meeting is over")))).run_due()
    row = shop.archive[task]
    assert (row.outcome, row.reason, row.error) == ("declined", "the meeting is over", None)


@pytest.mark.parametrize("ends", ["succeeds", "fails", "yields", "gives up"])
def test_x20_cancel_while_running(shop: Shop, ends: str) -> None:
    """X20: `cancel` answers "asked"; however the run ends the task is archived as cancelled, never resurrected."""
    answers, seen = [], []
    raised = {"fails": ValueError("no"), "yields": Snooze(500), "gives up": GiveUp("no")}

    def work(task) -> None:
        answers.append(shop.cancel(task.id))
        worker.heartbeat.turn(shop.watch.now())
        seen.append(task.cancelled)
        if ends in raised:
            raise raised[ends]

    task = shop.put("work")
    worker = shop.worker(with_settings(work, keep_result=True))
    worker.run_due()
    assert (answers, seen) == (["asked"], [True])
    assert shop.archive[task].outcome == "cancelled"
    assert (shop.tasks, shop.leases) == ({}, [])
    assert shop.ask("select * from tickwork.cancel_request") == []
    assert worker.runs.signs.cancelled == set()


def test_t107_expired_before_the_first_claim(shop: Shop) -> None:
    """T-107: expires_at 12:05, first claim at 12:06: expired, the handler is not called."""
    ran = []
    task = shop.put("work", expires_at=NOON + 300 * SECOND)
    shop.wind(360)
    shop.worker(with_settings(lambda: ran.append(1))).run_due()
    row = shop.archive[task]
    assert (ran, row.outcome, row.attempt) == ([], "expired", 0)


def test_an_error_is_cut_and_cleaned(shop: Shop) -> None:
    """A message of a megabyte, with a NUL and half a surrogate pair, is kept as far as it can be."""
    task = shop.put("work")
    shop.worker(with_settings(raising(ValueError("a\x00b\ud800" + "x" * 1_000_000)))).run_due()
    ((_, _, error),) = shop.attempts(task)
    assert error["message"].startswith("a\ufffdb?xxx")
    assert len(error["message"]) <= 2000
    assert len(error["traceback"]) <= 16_000


def test_sys_exit_in_a_handler_ends_its_run_and_not_the_worker(shop: Shop) -> None:
    task, other, ran = shop.put("exits"), shop.put("other"), []

    def exits() -> None:
        raise SystemExit(1)

    shop.worker(registered(exits=exits, other=lambda: ran.append(1))).run_due()
    assert shop.attempts(task)[0][2]["type"] == "SystemExit"
    assert (shop.archive[other].outcome, ran) == ("done", [1])


def test_a_payload_that_no_longer_fits_is_a_failure(shop: Shop, caplog) -> None:
    caplog.set_level(logging.CRITICAL)
    task = shop.put("work")
    shop.worker(with_settings(lambda meeting_id: None)).run_due()
    ((_, _, error),) = shop.attempts(task)
    assert "meeting_id" in error["message"]


def test_payloads_of_an_older_version_are_upgraded(shop: Shop) -> None:
    seen: list = []
    task = shop.put("work")

    def upgrade(payload, version):
        return {**payload, "channel": f"from {version}"}

    def work(channel: str) -> None:
        seen.append(channel)

    shop.worker(with_settings(work, version=2, upgrade=upgrade)).run_due()
    assert (seen, shop.archive[task].outcome) == (["from 1"], "done")


def test_a_coroutine_function(shop: Shop) -> None:
    async def work(task, name: str = "x") -> str:
        return f"{name} {task.id}"

    task = shop.put("work")
    shop.worker(with_settings(work, keep_result=True)).run_due()
    assert shop.archive[task].result == f"x {task}"


def test_a_coroutine_that_takes_too_long_is_cancelled_and_fails(shop: Shop) -> None:
    async def work() -> None:
        import asyncio

        await asyncio.Event().wait()

    task = shop.put("work")
    shop.worker(with_settings(work, timeout=0.01)).run_due()
    assert shop.attempts(task)[0][2]["type"] == "TimeoutError"


def test_the_task_that_a_handler_sees(shop: Shop) -> None:
    """F1, F3: metadata stands on the task, the payload stays as it was put, whatever its fields are called."""
    seen = []
    shop.put("work", object="meeting/7", container="room/1", tags=["a", "b"], key="k", delay=10)
    shop.wind(25)

    def work(task) -> None:
        seen.append(task)

    shop.worker(with_settings(work)).run_due()
    (task,) = seen
    assert (task.object, task.container, task.tags, task.key) == ("meeting/7", "room/1", ("a", "b"), "k")
    assert (task.attempt, task.attempts, task.last_attempt, task.slots) == (1, 20, False, 1)
    assert (task.late_for.total_seconds(), task.planned_at, task.trigger_key) == (15, None, None)
    assert not task.cancelled


def test_follow_ups_are_put_with_the_outcome(shop: Shop) -> None:
    def work(task) -> None:
        task.put(PutTask("next"), priority=7, object="meeting/7")
        task.put(PutTask("next"), delay=60)

    parent = shop.put("work", namespace="other")
    shop.worker(with_settings(work)).run_due()
    rows = shop.ask("select namespace, parent_id, priority, available_at from tickwork.task order by id")
    assert [tuple(row) for row in rows] == [("other", parent, 7, NOON), ("other", parent, 2000, NOON + 60 * SECOND)]
    assert shop.archive[parent].outcome == "done"


@pytest.mark.parametrize("ends", [ValueError("no"), Snooze(5), GiveUp("no"), Decline("no")])
@pytest.mark.stores("sqlite", "postgresql-18")
def test_x14_no_follow_up_of_a_parent_that_fails(shop: Shop, ends: BaseException) -> None:
    """X14: a parent that put follow-ups and then failed leaves none."""

    def work(task) -> None:
        task.put(PutTask("next"))
        raise ends

    parent = shop.put("work")
    shop.worker(with_settings(work)).run_due()
    assert [task for task in shop.tasks if task != parent] == []


def test_x15_one_of_three_follow_ups_is_invalid(shop: Shop) -> None:
    """X15: the parent fails as an ordinary failure, with zero follow-ups, and is not archived as done."""

    def work(task) -> None:
        for priority in (1, 0, 2):
            task.put(PutTask("next"), priority=priority)

    parent = shop.put("work")
    shop.worker(with_settings(work)).run_due()
    assert list(shop.tasks) == [parent]
    assert shop.attempts(parent)[0][2]["message"].startswith("priority: 0 is not allowed")


def test_a_cancelled_parent_leaves_no_follow_up(shop: Shop) -> None:
    def work(task) -> None:
        task.put(PutTask("next"))
        shop.cancel(task.id)

    parent = shop.put("work")
    shop.worker(with_settings(work)).run_due()
    assert (shop.tasks, shop.archive[parent].outcome) == ({}, "cancelled")


def test_a_slow_answer_makes_no_clock_fast(shop: Shop) -> None:
    """What took seconds to be answered is not taken for seconds that the database is ahead: nothing expires early."""
    watch = DatabaseWatch(shop.watch)
    asked_at = shop.watch.now()
    shop.wind(2)
    watch.learn(asked_at + 2 * SECOND, asked_at)
    assert watch.now() == shop.watch.now()
    assert watch.steadily(shop.watch.now() + SECOND) == shop.watch.now() + SECOND


@pytest.mark.stores("sqlite")
def test_t124_a_read_only_file_is_waited_out(shop: Shop, monkeypatch: Any) -> None:
    """T-124, S4-45 on SQLite: work stops with that reason, attempts are unchanged, and it goes on by itself."""
    ran: list[int] = []
    task = shop.put("work")
    path = shop.store.dialect.path  # type: ignore[attr-defined]
    own = open_store(f"sqlite:///{path}")
    own.watch = shop.watch
    worker = Worker(own, registered(work=lambda task: ran.append(task.id)), at_once=True)
    worker.number()

    def read_only() -> sqlite3.Connection:
        where = f"file:{path}?mode=ro"
        return sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False)

    own.close()
    monkeypatch.setattr(own.dialect, "connect", read_only)
    for _ in range(3):
        with pytest.raises(ReadOnlyStore):
            worker.run_due()
        assert (ran, shop.tasks[task].state, shop.tasks[task].attempt) == ([], "waiting", 0)
        shop.wind(1_200)
    own.close()
    monkeypatch.undo()
    worker.run_due()
    assert (ran, shop.archive[task].attempt) == ([task], 1)
    own.close()
