"""Batches, back-pressure and processes under real kills: whoever dies, each task ends once, and nobody is charged wrongly."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.dying import walk
from tests.support.processes import child
from tests.support.shop import NOON, Shop
from tests.walks.test_tasks import recover_with
from tests.walks.test_two_workers import until
from tickwork.engine.tasks.batching import Batch
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.signals import Backpressure
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store

BATCHED, MAILS = 5, 3


def registry(store: Store) -> Registry:
    """A batch handler of which one item fails once, and a kind of work that must rest once; a notice at the end."""

    def index(batch: Batch) -> None:
        store.dialect.tell("the handler is at it")
        for item in batch:
            if item.task.id == 2 and item.task.attempt == 1 and not item.task.lost:
                item.fail("the first time")
            if item.task.id == 3:
                item.fail(ValueError("always"))

    def mail(task) -> None:
        if task.late_for.total_seconds() < 60:
            raise Backpressure("smtp", 60)

    made = Registry()
    made.add("index", index, batch=4, notice="owner")
    made.add("mail", mail, kind="smtp")
    made.add("owner", lambda **what: None)
    return made


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    def put() -> str:
        url = fresh()
        store = open_store(url)
        shop = Shop(store)
        for number in range(BATCHED):
            shop.put("index", attempts=1 if number == 2 else 20)
        for _ in range(MAILS):
            shop.put("mail")
        store.close()
        return url

    return put


def work(store: Store) -> None:
    shop = Shop(store)
    worker = Worker(store, registry(store), Subscription(), Appetite(concurrency=2, batch=8), at_once=True)
    for _ in range(3):
        worker.heartbeat.turn(shop.watch.now())
        worker.run_due()
        shop.wind(60)
    worker._last_words()


def check(url: str, n: int) -> None:
    """Every task is archived once; the one with a single attempt ran at most once, and its owner was told once."""
    store = open_store(url)
    shop = Shop(store, NOON)
    recover_with(store, registry(store))
    archive = shop.archive
    outcomes = {task: row.outcome for task, row in archive.items() if task <= BATCHED + MAILS}
    assert [outcomes[task] for task in (1, 2, 4, 5, 6, 7, 8)] == ["done"] * 7, f"died before statement {n}: {outcomes}"
    assert outcomes[3] in ("gave up", "lost"), f"died before statement {n}"
    assert archive[3].attempt == 1
    told = shop.ask("select parent_id from tickwork.archive where handler = 'owner'")
    assert told == [(3,)], f"died before statement {n}: {outcomes[3]}"
    assert (shop.tasks, shop.leases) == ({}, []), f"died before statement {n}"
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_worker_of_batches_and_pressure_dies_before_every_statement(
    bench: Any, store_name: str, tell: Callable[[str], None]
) -> None:
    died = walk(work, prepare(bench.migrated), check)
    assert died > 20
    tell(f"walk of batches, back-pressure and notices on {store_name}: died before each of {died} statements")


WORKER = """
import sys
from tests.support.crunching import spin, crunch
from tickwork.engine.loop import Listener
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.signals import Backpressure
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

def mail(task):
    print("mails", task.id)
    if sys.argv[2] == "down":
        raise Backpressure("smtp", 3600)

if __name__ == "__main__":
    store = open_store(sys.argv[1])
    registry = Registry()
    registry.add("spin", spin, executor="process")
    registry.add("crunch", crunch, executor="process", keep_result=True)
    registry.add("mail", mail, kind="smtp")
    registry.add("next", lambda n: None)
    listener = Listener(store.dialect.ear)
    listener.start()
    worker = Worker(store, registry, Subscription(), Appetite(concurrency=2, batch=20, lease=2_000_000))
    worker.start(listener)
    print("up")
    sys.stdin.readline()
    print("stopped", worker.stop(0.5))
"""


@pytest.fixture
def shop(database: str) -> Any:
    store = open_store(database)
    shop = Shop(store, wakes=True)
    store.watch = None
    yield shop
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_kind_rests_in_two_processes(shop: Shop, database: str) -> None:
    """One worker says it, the other one obeys within a second."""
    with child("-c", WORKER, database, "down") as one:
        one.line("up")
        shop.put("mail")
        one.line("mails")
        until(lambda: shop.ask("select kind from tickwork.pressure") == [("smtp",)])
        with child("-c", WORKER, database, "fine") as other:
            other.line("up")
            rested = [shop.put("mail") for _ in range(20)]
            ((until_at,),) = shop.ask("select until_at from tickwork.pressure")
            until(
                lambda: all(0 <= row.available_at - until_at < 1_000_000 for row in shop.tasks.values())
            )  # in their order
            until(lambda: {shop.tasks[task].attempt for task in rested} == {0})
            assert "mails" not in other.said
            other.tell("stop")
            other.line("stopped True")
        one.tell("stop")
        one.line("stopped True")
    assert shop.archive == {}


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_children_end_with_a_killed_worker_and_the_task_is_run_elsewhere(shop: Shop, database: str) -> None:
    with child("-c", WORKER, database, "fine") as one:
        one.line("up")
        task = shop.put("spin")
        until(lambda: task in shop.tasks and shop.tasks[task].state == "running")
        until(lambda: children(one.pid))
        (grandchild, *_) = children(one.pid)
        one.send(signal.SIGKILL)
        one.wait()
        until(lambda: not alive(grandchild))
    with child("-c", WORKER, database, "fine") as other:
        other.line("up")
        until(lambda: shop.tasks[task].lost == 1 and shop.tasks[task].state == "running")
        assert shop.cancel(task) == "asked"
        other.tell("stop")
        other.line("stopped False")  # it never lets go: its child is ended, its task given back
    until(lambda: task in shop.archive)
    assert shop.archive[task].outcome == "cancelled"


def children(pid: int) -> list[int]:
    """The processes that a process has started, but for the one that only watches over shared memory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == pid and "spawn_main" in line:
                found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
