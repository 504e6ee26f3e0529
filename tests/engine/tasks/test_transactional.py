"""Transactional handlers: what a run writes, its follow-ups and its completion are one transaction (promise 4)."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.support.shop import Shop
from tickwork import OwnTransaction
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import ConfigurationError, StoreError
from tickwork.model.action import PutTask
from tickwork.model.lease import Standing
from tickwork.signals import Decline, GiveUp, Snooze
from tickwork.store import leases
from tickwork.store.lent.kinds import loan_of
from tickwork.store.lent.lent import taken
from tickwork.store.lent.performing import performed


@pytest.fixture
def ledger(shop: Shop) -> Any:
    """A table of the application's own, and what stands in it."""
    with shop.store.begin("operator") as transaction:
        transaction.connection.execute("create table ledger (task bigint, note text unique)")

    def rows() -> list[Any]:
        return sorted(shop.ask("select task, note from ledger"))

    return rows


def write(transaction: Any, task: int, note: str) -> None:
    mark = "?" if isinstance(transaction.connection, sqlite3.Connection) else "%s"
    transaction.execute(f"insert into ledger (task, note) values ({mark}, {mark})", (task, note))


def registry(function: Any, **settings: Any) -> Registry:
    made = Registry()
    made.add("work", function, **settings)
    made.add("next", lambda: None)
    return made


def test_effects_follow_ups_and_completion_are_one(shop: Shop, ledger: Any) -> None:
    def work(task, transaction, note: str) -> str:
        write(transaction, task.id, note)
        task.put(PutTask.of("next"), delay=60)
        assert shop.tasks[task.id].state == "running"  # nothing is seen before the commit
        return "well"

    made = registry(work, keep_result=True, transactional=True)
    task = shop.put(made["work"].task(note="a"))
    assert shop.worker(made).run_due() == 1
    assert ledger() == [(task, "a")]
    assert (shop.archive[task].outcome, shop.archive[task].result) == ("done", "well")
    (follow_up,) = shop.ask("select handler, parent_id from tickwork.task")
    assert follow_up == ("next", task)
    assert shop.leases == []


def test_it_is_known_by_its_annotation_too(shop: Shop, ledger: Any) -> None:
    def work(note: str, own: OwnTransaction) -> None:
        write(own, 0, note)

    made = registry(work)
    assert made["work"].transactional
    shop.put(made["work"].task(note="a"))
    shop.worker(made).run_due()
    assert ledger() == [(0, "a")]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError("no"), None), (Snooze(60), None), (GiveUp("no"), "gave up"), (Decline("no"), "declined")],
    ids=["fails", "snoozes", "gives up", "declines"],
)
def test_whatever_is_raised_rolls_everything_back(shop: Shop, ledger: Any, error: Exception, outcome: Any) -> None:
    def work(task, transaction) -> None:
        write(transaction, task.id, "a")
        task.put(PutTask.of("next"))
        raise error

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert ledger() == []
    assert list(shop.tasks) == ([task] if outcome is None else [])
    assert (shop.archive[task].outcome if outcome else None) == outcome
    assert shop.leases == []


def test_an_error_of_the_handlers_own_statement_is_kept_as_it_was(shop: Shop, ledger: Any) -> None:
    def work(task, transaction) -> None:
        write(transaction, task.id, "same")
        write(transaction, task.id, "same")

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert ledger() == []
    ((_, outcome, error),) = shop.attempts(task)
    assert outcome == "failed"
    assert error["type"] in ("sqlite3.IntegrityError", "psycopg.errors.UniqueViolation")


def test_a_worker_whose_lease_was_lost_does_nothing(shop: Shop, ledger: Any) -> None:
    """X17: the fence comes before the handler: it is not even called."""
    called = []

    def work(task, transaction) -> None:
        called.append(task.id)

    made = registry(work)
    task = shop.put("work")
    worker = shop.worker(made)
    submit = worker.pump.hands.executors[0].submit

    def robbed_first(jobs: Any) -> None:
        token = jobs[0].claimed.token
        with shop.store.begin("worker") as transaction:
            assert leases.rescue(transaction, Standing(token, 0, 1)) is not None
        submit(jobs)

    worker.pump.hands.executors[0].submit = robbed_first  # type: ignore[method-assign]
    worker.pump.plan.rung = True
    worker.pump.turn(shop.watch.now())
    assert called == []
    assert shop.tasks[task].state == "waiting"
    assert shop.archive == {}


@pytest.mark.stores("postgresql")  # on SQLite nobody can ask while a transactional handler runs
def test_cancelled_while_it_ran_leaves_no_effect(shop: Shop, ledger: Any) -> None:
    """X20: archived cancelled, and what the run wrote is rolled back with it."""

    def work(task, transaction) -> None:
        write(transaction, task.id, "a")
        assert shop.cancel(task.id) == "asked"

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert ledger() == []
    assert shop.archive[task].outcome == "cancelled"
    assert shop.leases == []


def test_the_applications_verbs_join_it(shop: Shop, ledger: Any) -> None:
    """``app.on(transaction)``: a task that is put in it exists with the effects, or not at all."""
    from tickwork.model.task import NewTask
    from tickwork.store import tasks
    from tickwork.store.scope import Scope

    scope = Scope.of(shop.store.dialect, "default", wake=False)
    columns = NewTask.of(PutTask.of("next"), None, 3600, {}).columns()

    def work(task, transaction) -> None:
        write(transaction, task.id, "a")
        loan = loan_of(transaction)
        taken(performed(shop.store, lambda: tasks.put(scope, columns), loan))
        if task.attempt == 1:
            raise ValueError("the first time")

    task = shop.put("work")
    worker = shop.worker(registry(work))
    worker.run_due()
    assert list(shop.tasks) == [task]
    shop.wind(60)
    worker.run_due()
    assert ledger() == [(task, "a")]
    assert [row.state for row in shop.tasks.values()] == ["waiting"]
    assert shop.archive[task].outcome == "done"


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_handler_cannot_end_it(shop: Shop, ledger: Any, end: str) -> None:
    def work(task, transaction) -> None:
        write(transaction, task.id, "a")
        with pytest.raises(StoreError, match="ends with its run"):
            getattr(transaction, end)()

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert ledger() == [(task, "a")]


def test_one_that_ends_it_behind_our_back_has_failed(shop: Shop, ledger: Any) -> None:
    """Nothing is lost: the task is still there and runs again; its effects are no longer exactly-once."""

    def work(task, transaction) -> None:
        write(transaction, task.id, f"attempt {task.attempt}")
        transaction.connection.execute("commit")

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert ledger() == [(task, "attempt 1")]
    assert shop.tasks[task].state == "waiting"
    assert "itself" in shop.attempts(task)[0][2]["message"]


@pytest.mark.stores("sqlite")
def test_the_only_writer_is_not_held_for_long(shop: Shop, ledger: Any) -> None:
    """A third of the busy time-out: longer, and everybody else's writes would fail; it is rolled back and says so."""

    def work(task, transaction) -> None:
        write(transaction, task.id, "a")
        shop.wind(10.5 if task.attempt == 1 else 9.5)

    task = shop.put("work")
    worker = shop.worker(registry(work))
    worker.run_due()
    assert ledger() == []
    assert "held the database's only writer for 10.5 s" in shop.attempts(task)[0][2]["message"]
    shop.wind(60)
    worker.run_due()
    assert ledger() == [(task, "a")]


@pytest.mark.stores("sqlite")
def test_a_second_writer_of_the_same_thread_is_refused_at_once(shop: Shop, ledger: Any) -> None:
    """It would wait for itself until the busy time-out."""

    def work(task, transaction) -> None:
        shop.put("next")

    task = shop.put("work")
    shop.worker(registry(work)).run_due()
    assert "app.on(transaction)" in shop.attempts(task)[0][2]["message"]
    assert shop.tasks[task].state == "waiting"


@pytest.mark.parametrize(
    ("function", "settings", "words"),
    [
        (lambda: None, {"transactional": True}, "no parameter named transaction"),
        (lambda transaction: None, {"transactional": False}, "a parameter 'transaction'"),
    ],
)
@pytest.mark.stores("sqlite")
def test_it_is_said_as_it_is(function: Any, settings: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Registry().add("work", function, **settings)


@pytest.mark.stores("sqlite")
def test_a_coroutine_is_refused() -> None:
    async def work(transaction) -> None: ...

    with pytest.raises(ConfigurationError, match="a plain function"):
        Registry().add("work", work)
