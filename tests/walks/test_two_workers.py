"""Workers as real processes on one database: one is killed, one is frozen and thawed; nothing is lost, nothing doubled."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.processes import Child, Hung, child
from tests.support.shop import Shop
from tickwork.engine.tasks.rescue import Rescue
from tickwork.store.open import open_store
from tickwork.watch import SteadyWatch

DEADLINE = 60.0
LEASE_SECONDS = 2

#: A worker process: says each run, obeys "stop".
WORKER = f"""
import sys, threading
from tickwork.engine.loop import Listener
from tickwork.engine.tasks.pump import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

store, name = open_store(sys.argv[1]), sys.argv[2]
registry = Registry()
say, gate = threading.Lock(), threading.Event()

def note(task) -> str:
    with say:
        print("ran", task.id, task.attempt)
    return name

def held(task) -> str:
    with say:
        print("holds", task.id)
    gate.wait()
    return name

registry.add("note", note, keep_result=True)
registry.add("held", held, keep_result=True)
listener = Listener(store.dialect.ear)
listener.start()
worker = Worker(store, registry, Subscription(), Appetite(concurrency=2, batch=20, lease={LEASE_SECONDS}_000_000), name=name)
worker.start(listener)
print("up")
while (word := sys.stdin.readline()) != "stop\\n":
    gate.set()
print("stopped", worker.stop())
"""


def until(truth: Callable[[], Any]) -> None:
    ends_at, turn = time.monotonic() + DEADLINE, threading.Event()
    while not truth():
        assert time.monotonic() < ends_at, "it did not come true"
        turn.wait(0.05)


@pytest.fixture
def shop(database: str) -> Any:
    store = open_store(database)
    shop = Shop(store, wakes=True)
    store.watch = None
    yield shop
    store.close()


def freeze_between_transactions(worker: Child, database: str) -> None:
    """Stop a process, on SQLite not while it has the one write lock: then it would stop every writer (guarantees)."""
    worker.send(signal.SIGSTOP)
    while database.startswith("sqlite"):
        connection = sqlite3.connect(urlsplit(database).path, timeout=0.1, isolation_level=None)
        try:
            connection.execute("begin immediate")
            return
        except sqlite3.OperationalError:
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGSTOP)
        finally:
            connection.close()


def put_until_it_ran_some(shop: Shop, worker: Child) -> int:
    """Put tasks until this worker, and not only the other one, has run some of them; return how many were put."""
    for put in range(50, 5000, 50):
        for _ in range(50):
            shop.put("note")
        try:
            worker.line("ran", deadline=0.2)
        except Hung:
            continue
        return put
    raise AssertionError(f"the worker ran nothing: {worker.said}")


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_one_of_two_workers_is_killed_again_and_again(shop: Shop, database: str, tell: Callable[[str], None]) -> None:
    """Issue 5, crash of one of two workers: every task is archived exactly once, attempts count what began."""
    total, kills = 0, 3
    with child("-c", WORKER, database, "steady") as steady:
        steady.line("up")
        for number in range(kills):
            with child("-c", WORKER, database, f"doomed-{number}") as doomed:
                doomed.line("up")
                total += put_until_it_ran_some(shop, doomed)
                doomed.kill()
        until(lambda: len(shop.archive) == total)
        steady.tell("stop")
        steady.line("stopped True")
    archive = shop.archive
    assert {row.outcome for row in archive.values()} == {"done"}
    assert max(row.lost for row in archive.values()) <= kills
    assert (shop.tasks, shop.leases) == ({}, [])
    tell(
        f"two workers, {kills} killed: {total} tasks done once, {sum(row.lost > 0 for row in archive.values())} had a lost lease"
    )


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_frozen_worker_changes_nothing_when_it_thaws(shop: Shop, database: str) -> None:
    """Issue 5, frozen worker: SIGSTOP beyond its lease, redone elsewhere, SIGCONT: its results change nothing (X17)."""
    with child("-c", WORKER, database, "frozen") as frozen:
        frozen.line("up")
        task = shop.put("held")
        frozen.line(f"holds {task}")
        freeze_between_transactions(frozen, database)
        rescue, watch = Rescue(shop.store), SteadyWatch()
        until(lambda: rescue.turn(watch.now()) and shop.tasks[task].state == "waiting")
        with child("-c", WORKER, database, "other") as other:
            other.line(f"holds {task}")
            other.tell("go on")
            until(lambda: task in shop.archive)
            row = shop.archive[task]
            assert (row.outcome, row.result, row.attempt, row.lost) == ("done", "other", 2, 1)
            frozen.send(signal.SIGCONT)
            frozen.tell("go on")
            frozen.tell("stop")
            frozen.line("stopped")
            assert shop.archive[task] == row
            other.tell("stop")
            other.line("stopped True")
    assert (shop.tasks, shop.leases) == ({}, [])
