"""Transactional handlers under real kills: whatever died, and wherever, each task's effect is there exactly once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.dying import walk
from tests.support.processes import child
from tests.support.shop import NOON, Shop
from tests.walks.test_tasks import recover_with
from tests.walks.test_two_workers import put_until_it_ran_some, until
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.model.action import PutTask
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store

TASKS = 3


def registry(store: Store) -> Registry:
    """One handler that writes its effect, puts a follow-up, and may die between any two of its own statements, too."""

    def pay(task, transaction) -> None:
        store.dialect.tell("the handler begins")
        transaction.execute(f"insert into paid (task) values ({task.id})")
        store.dialect.tell("the handler has written")
        task.put(PutTask.of("receipt"))

    made = Registry()
    made.add("pay", pay)
    made.add("receipt", lambda: None)
    return made


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    def put() -> str:
        url = fresh()
        store = open_store(url)
        with store.begin("operator") as transaction:
            transaction.connection.execute("create table paid (task bigint)")  # type: ignore[attr-defined]
        shop = Shop(store)
        for _ in range(TASKS):
            shop.put("pay")
        store.close()
        return url

    return put


def work(store: Store) -> None:
    shop = Shop(store)
    worker = Worker(store, registry(store), Subscription(), Appetite(concurrency=2, batch=4), at_once=True)
    worker.run_due()
    shop.wind(120)
    worker.run_due()
    worker._last_words()


def check(url: str, n: int) -> None:
    """Every task is archived once, and paid once; every receipt was put once, by its own parent."""
    store = open_store(url)
    shop = Shop(store, NOON)
    recover_with(store, registry(store))
    archive = shop.ask("select id, handler, outcome, parent_id from tickwork.archive order by id")
    paid = sorted(row[0] for row in shop.ask("select task from paid"))
    parents = sorted(parent for _, handler, _, parent in archive if handler == "receipt")
    tasks = [task for task, handler, _, _ in archive if handler == "pay"]
    assert (tasks, paid, parents) == ([1, 2, 3], [1, 2, 3], [1, 2, 3]), f"died before statement {n}"
    assert {outcome for _, _, outcome, _ in archive} == {"done"}
    assert (shop.tasks, shop.leases) == ({}, [])
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_an_effect_is_there_once_wherever_the_worker_dies(
    bench: Any, store_name: str, tell: Callable[[str], None]
) -> None:
    """Promise 4: a handler that does its work in the task's own transaction gets exactly-once effects."""
    died = walk(work, prepare(bench.migrated), check)
    assert died > 20
    tell(f"walk of transactional handlers on {store_name}: died before each of {died} statements, every effect once")


WORKER = """
import sys, threading
from tickwork.engine.loop import Listener
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

store = open_store(sys.argv[1])
registry = Registry()
say = threading.Lock()

def note(task, transaction) -> None:
    transaction.execute(f"insert into paid (task) values ({task.id})")
    with say:
        print("ran", task.id)

registry.add("note", note)
listener = Listener(store.dialect.ear)
listener.start()
worker = Worker(store, registry, Subscription(), Appetite(concurrency=2, batch=20, lease=2_000_000))
worker.start(listener)
print("up")
sys.stdin.readline()
print("stopped", worker.stop())
"""


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_two_workers_of_which_one_dies_pay_everything_once(database: str, tell: Callable[[str], None]) -> None:
    """Two processes, one killed again and again: as many effects as tasks, each one once."""
    store = open_store(database)
    shop = Shop(store, wakes=True)
    store.watch = None
    with store.begin("operator") as transaction:
        transaction.connection.execute("create table paid (task bigint)")  # type: ignore[attr-defined]
    total, kills = 0, 2
    with child("-c", WORKER, database) as steady:
        steady.line("up")
        for _ in range(kills):
            with child("-c", WORKER, database) as doomed:
                doomed.line("up")
                total += put_until_it_ran_some(shop, doomed)
                doomed.send(signal.SIGKILL)
                doomed.wait()
        # leases, too: the dead left some with nothing under them
        until(lambda: len(shop.archive) == total and not shop.leases)
        steady.tell("stop")
        steady.line("stopped True")
    paid = sorted(row[0] for row in shop.ask("select task from paid"))
    assert paid == sorted(shop.archive)
    assert (shop.tasks, shop.leases) == ({}, [])
    tell(f"transactional handlers, two workers, {kills} killed: {total} tasks, {len(paid)} effects")
    store.close()
