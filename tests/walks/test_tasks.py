"""Walks of claiming, settling and rescue: a worker process dies before its n-th statement, for every n, really.

Whatever n was, afterwards every task that was put is archived exactly once, no lease is left, and the attempts are
right: what had not begun was given back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.dying import walk
from tests.support.shop import NOON, Shop
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import SECOND

TASKS = 9


def registry() -> Any:
    """Handlers of every kind of end: done, failing once, snoozing once, retried after, given up, declined, a last attempt."""
    from tests.support.shop import registered

    def fails(task) -> None:
        if task.attempt == 1 and not task.lost:
            raise ValueError("the first time")

    def snoozes(task) -> None:
        if task.late_for.total_seconds() < 60:
            raise Snooze(60)

    def gives_up() -> None:
        raise GiveUp("it is no use")

    def later(task) -> None:
        if task.attempt == 1 and not task.lost:
            raise RetryAfter(30)

    def declines() -> None:
        raise Decline("nothing to do")

    return registered(
        done=lambda: "done",
        fails=fails,
        snoozes=snoozes,
        gives_up=gives_up,
        once=lambda: None,
        later=later,
        declines=declines,
    )


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    def put() -> str:
        url = fresh()
        store = open_store(url)
        shop = Shop(store)
        for name in ("done", "fails", "snoozes", "gives_up", "done"):
            shop.put(name)
        shop.put("once", attempts=1)
        shop.put("later")
        shop.put("declines")
        shop.put("done", delay=60, expires_at=NOON + 30 * SECOND)
        store.close()
        return url

    return put


def work(store: Store) -> None:
    """A worker's whole life, without threads: claim, run, settle, until nothing is left to do today."""
    shop = Shop(store)
    worker = Worker(store, registry(), Subscription(), Appetite(concurrency=2, batch=4), at_once=True)
    for _ in range(2):
        worker.heartbeat.turn(shop.watch.now())
        worker.run_due()
        shop.wind(120)
    worker._last_words()


def recover(store: Store) -> None:
    recover_with(store, registry())


def recover_with(store: Store, handlers: Any) -> None:
    """A rescuer that has watched for a lease's length, and a worker after it."""
    shop = Shop(store, NOON + 3600 * SECOND)
    rescue = Rescue(store)
    rescue.turn(shop.watch.now())
    shop.wind(31)
    rescue.turn(shop.watch.now())
    worker = shop.worker(handlers)
    for _ in range(3):
        worker.run_due()
        shop.wind(3600)


def check(url: str, n: int) -> None:
    """Everything that was put is archived exactly once; nothing is left over."""
    store = open_store(url)
    recover(store)
    shop = Shop(store)
    archive = shop.archive
    assert len(archive) == TASKS, f"died before statement {n}: {sorted(archive)}, left {shop.tasks}"
    assert (shop.tasks, shop.leases) == ({}, []), f"died before statement {n}"
    outcomes = {row.id: row.outcome for row in archive.values()}
    assert [outcomes[task] for task in (1, 2, 3, 4, 5)] == ["done", "done", "done", "gave up", "done"], f"at {n}"
    assert outcomes[6] in ("done", "lost")
    assert [outcomes[task] for task in (7, 8, 9)] == ["done", "declined", "expired"], f"died before statement {n}"
    assert archive[6].attempt == 1, f"died before statement {n}: a task of one attempt ran twice"
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_worker_dies_before_every_statement(bench: Any, store_name: str, tell: Callable[[str], None]) -> None:
    died = walk(work, prepare(bench.migrated), check)
    assert died > 20
    tell(f"walk of claiming, marking and settling on {store_name}: died before each of {died} statements")


def lose_and_recover(store: Store) -> None:
    """Claim all and forget it, then rescue: it is the rescuer that dies."""
    from tickwork.store import claims
    from tickwork.store.claims import Wish

    shop = Shop(store)
    with store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 10, 2))
    rescue = Rescue(store)
    rescue.turn(shop.watch.now())
    shop.wind(31)
    rescue.turn(shop.watch.now())


def prepare_owned(fresh: Callable[[], str]) -> Callable[[], str]:
    """A worker that has died with three tasks: one is lost, one is asked to be cancelled, one runs again."""
    from tickwork.store import claims, workers
    from tickwork.store.claims import Wish

    def put() -> str:
        url = fresh()
        store = open_store(url)
        shop = Shop(store)
        for attempts in (1, 1, 20):
            shop.put("owned", attempts=attempts)
        with store.begin("worker") as transaction:
            number = workers.register(transaction, "worker", "here", 1)
            workers.register_handlers(transaction, number, {"owned": workers.Known(notice="owner")})
            claims.claim(transaction, Subscription(), Wish(7, number, 30 * SECOND, 3, 3))
        shop.cancel(2)
        store.close()
        return url

    return put


def rescue_only(store: Store) -> None:
    """A rescuer that knows no handler at all."""
    shop = Shop(store)
    rescue = Rescue(store)
    for seconds in (31, 91):
        rescue.turn(shop.watch.now())
        shop.wind(seconds)
    rescue.turn(shop.watch.now())


def check_owned(url: str, n: int) -> None:
    """The owner is told once of the one that is lost, of nothing else, and its worker is forgotten."""
    from tests.support.shop import registered

    store = open_store(url)
    rescue_only(store)
    shop = Shop(store, NOON + 3600 * SECOND)
    shop.worker(registered(owned=lambda: None, owner=lambda **what: None)).run_due()
    outcomes = {task: row.outcome for task, row in shop.archive.items() if task <= 3}
    assert outcomes == {1: "lost", 2: "cancelled", 3: "done"}, f"died before statement {n}"
    told = shop.ask("select parent_id, outcome from tickwork.archive where handler = 'owner'")
    assert told == [(1, "done")], f"died before statement {n}"
    assert (shop.tasks, shop.leases) == ({}, []), f"died before statement {n}"
    assert shop.ask("select count(*) from tickwork.worker where host = 'here'") == [(0,)], f"died before statement {n}"
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_rescuer_that_tells_an_owner_dies_before_every_statement(
    bench: Any, store_name: str, tell: Callable[[str], None]
) -> None:
    """S4-30: whatever is killed when, the owner of a lost task is told exactly once."""
    died = walk(rescue_only, prepare_owned(bench.migrated), check_owned)
    assert died > 12
    tell(f"walk of a rescue with notices on {store_name}: died before each of {died} statements")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_rescuer_dies_before_every_statement(bench: Any, store_name: str, tell: Callable[[str], None]) -> None:
    died = walk(lose_and_recover, prepare(bench.migrated), check)
    assert died >= 10
    tell(f"walk of rescue on {store_name}: died before each of {died} statements")
