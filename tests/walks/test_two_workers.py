"""Workers as real processes on one database: one is killed, one is frozen and thawed; nothing is lost, nothing doubled."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.processes import Child, Hung, child
from tests.support.shop import Shop
from tickwork.engine.tasks.rescue import Rescue
from tickwork.model.action import PutTask
from tickwork.model.task import NewTask
from tickwork.store import many
from tickwork.store.open import open_store
from tickwork.store.scope import Scope
from tickwork.watch import SteadyWatch

DEADLINE = 120.0
EIGHT, TEN_THOUSAND = 8, 10_000
LEASE_SECONDS = 2

#: A worker process: says each run, obeys "stop".
WORKER = f"""
import sys, threading
from tickwork.engine.loop import Listener
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

store, name = open_store(sys.argv[1]), sys.argv[2]
lease = int(sys.argv[3] if len(sys.argv) > 3 else {LEASE_SECONDS}) * 1_000_000
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
worker = Worker(store, registry, Subscription(), Appetite(concurrency=2, batch=20, lease=lease), name=name)
worker.start(listener)
with say:  # tasks may run already
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


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_t127_eight_processes_do_ten_thousand_tasks_once(
    shop: Shop, database: str, tell: Callable[[str], None]
) -> None:
    """T-127: 8 processes, 10,000 due: 10,000 executions, 0 duplicates; each said by the handler itself, too."""
    columns = [NewTask.of(PutTask.of("note"), None, None, {}).columns() for _ in range(TEN_THOUSAND)]
    scope = Scope.of(shop.store.dialect, "default", wake=False)
    shop.store.perform("application", lambda: many.put_tasks(scope, columns))
    with ExitStack() as stack:
        workers = [stack.enter_context(child("-c", WORKER, database, f"w{number}", "30")) for number in range(EIGHT)]
        for worker in workers:
            worker.line("up")
        until(lambda: shop.ask("select count(*) from tickwork.task") == [(0,)])
        for worker in workers:
            worker.tell("stop")
            worker.line("stopped True")
        ran = [line.split()[1] for worker in workers for line in worker.said.splitlines() if line.startswith("ran ")]
    doubled = [each for each, times in Counter(ran).items() if times > 1]
    assert (doubled, len(ran)) == ([], TEN_THOUSAND)
    counted = "select count(*), count(distinct result), min(attempt), max(attempt), max(lost) from tickwork.archive where outcome = 'done'"
    ((done, who, least, most, lost),) = shop.ask(counted)
    assert (done, least, most, lost) == (TEN_THOUSAND, 1, 1, 0)
    tell(f"{EIGHT} processes did {done} tasks, each once; {who} of them had a part in it")
