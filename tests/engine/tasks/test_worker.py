"""A worker on its own threads: it starts, is woken, stops gently, and hurries when it is told to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.shop import Shop
from tickwork.engine.loop import Listener
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.store.claims import Subscription

DEADLINE = 120.0


class Floor:
    """Workers with threads on one store, all of them stopped in the end."""

    def __init__(self, store: Any) -> None:
        self.store, self.shop = store, Shop(store, wakes=True)
        store.watch = None
        self.workers: list[Worker] = []
        self.listener = Listener(store.dialect.ear)
        self.gate = threading.Event()

    def worker(self, registry: Registry, concurrency: int = 4, **settings: Any) -> Worker:
        appetite = Appetite(concurrency=concurrency, **settings)
        worker = Worker(self.store, registry, Subscription(), appetite)
        worker.start(self.listener)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        self.gate.set()
        self.listener.stop()
        for worker in self.workers:
            worker.stop(0.0)


@pytest.fixture
def floor(store: Any) -> Iterator[Floor]:
    made = Floor(store)
    made.listener.start()
    yield made
    made.close()


def until(truth: Callable[[], Any]) -> Any:
    """Wait, without a fixed pause, until something is true; the deadline is for the day on which something hangs."""
    ends_at = time.monotonic() + DEADLINE
    turn = threading.Event()
    while not (value := truth()):
        assert time.monotonic() < ends_at, "it did not come true"
        turn.wait(0.01)
    return value


def test_a_worker_runs_what_is_put_and_is_woken_by_it(floor: Floor) -> None:
    ran: list[int] = []

    def note(n: int) -> None:
        ran.append(n)

    registry = Registry()
    registry.add("note", note)

    async def later(n: int) -> None:
        await asyncio.sleep(0)
        ran.append(n)

    registry.add("later", later)
    floor.worker(registry)
    ids = [floor.shop.put(registry[name].task(n=n)) for n in range(50) for name in ("note", "later")]
    until(lambda: len(floor.shop.archive) == len(ids))
    assert sorted(ran) == sorted(n for n in range(50) for _ in range(2))
    assert {row.outcome for row in floor.shop.archive.values()} == {"done"}
    until(lambda: floor.shop.leases == [])


def test_no_more_than_its_concurrency_runs_at_once(floor: Floor) -> None:
    guard, running, most = threading.Lock(), 0, 0

    def note() -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        time.sleep(0.001)  # long enough to overlap
        with guard:
            running -= 1

    registry = Registry()
    registry.add("note", note)
    for _ in range(100):
        floor.shop.put("note")
    floor.worker(registry, concurrency=3)
    until(lambda: len(floor.shop.archive) == 100)
    assert 1 <= most <= 3


def test_a_stop_waits_for_what_runs_and_gives_back_the_rest(floor: Floor) -> None:
    """Graceful: what runs ends and is archived, what has not begun waits again, uncounted; the worker signs off."""
    begun = threading.Semaphore(0)
    registry = Registry()
    registry.add("note", lambda: begun.release() or floor.gate.wait(DEADLINE))
    for _ in range(20):
        floor.shop.put("note")
    worker = floor.worker(registry, concurrency=2)
    for _ in range(2):
        assert begun.acquire(timeout=DEADLINE)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    until(lambda: not worker.pump.claiming)
    floor.gate.set()
    stopper.join(DEADLINE)
    archive, tasks = floor.shop.archive, floor.shop.tasks
    assert len(archive) >= 2
    assert {row.outcome for row in archive.values()} == {"done"}
    assert {(row.state, row.attempt, row.lost) for row in tasks.values()} <= {("waiting", 0, 0)}
    assert len(archive) + len(tasks) == 20
    assert floor.shop.leases == floor.shop.ask("select * from tickwork.worker") == []


def test_a_second_signal_gives_back_at_once_what_runs(floor: Floor) -> None:
    begun = threading.Event()
    registry = Registry()
    registry.add("note", lambda: begun.set() or floor.gate.wait(DEADLINE))
    task = floor.shop.put("note")
    last = floor.shop.put("note", attempts=1)
    worker = floor.worker(registry)
    assert begun.wait(DEADLINE)
    until(lambda: len(worker.runs.now) == 2)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    worker.hurry()
    stopper.join(DEADLINE)
    row = floor.shop.tasks[task]
    assert (row.state, row.attempt, row.lost) == ("waiting", 1, 0)
    assert floor.shop.attempts(task)[0][1] == "lost"
    assert floor.shop.archive[last].outcome == "lost"
    assert floor.shop.leases == []


def test_a_cancel_request_reaches_a_running_handler(floor: Floor) -> None:
    """A handler that looks at `task.cancelled` ends early; the task is archived as cancelled (X20)."""
    begun = threading.Event()

    def note(task) -> None:
        begun.set()
        until(lambda: task.cancelled)

    registry = Registry()
    registry.add("note", note)
    task = floor.shop.put("note")
    floor.worker(registry)
    assert begun.wait(DEADLINE)
    assert floor.shop.cancel(task) == "asked"
    until(lambda: task in floor.shop.archive)
    assert floor.shop.archive[task].outcome == "cancelled"


def test_slow_tasks_are_not_hoarded(floor: Floor) -> None:
    """A worker whose places are taken gives back what it claimed ahead, and another one runs it."""
    registry = Registry()
    registry.add("note", lambda: floor.gate.wait(DEADLINE))
    busy = floor.worker(registry, concurrency=1)
    busy.pump.hands.ahead.size = 10
    for _ in range(5):
        floor.shop.put("note")
    until(lambda: floor.shop.ask("select count(*) from tickwork.task where state = 'running'")[0][0] >= 1)
    others = [floor.worker(registry, concurrency=1) for _ in range(4)]
    until(lambda: sum(len(worker.runs.now) for worker in (busy, *others)) == 5)


@pytest.mark.long
@pytest.mark.stores("postgresql-18")
def test_a_database_that_hangs_up_is_survived(floor: Floor) -> None:
    """Every backend is ended again and again: the loops wait and reconnect, nothing is lost, nothing is doubled."""
    ran: list[int] = []

    def note(n: int) -> None:
        ran.append(n)

    registry = Registry()
    registry.add("note", note)
    for n in range(300):
        floor.shop.put(registry["note"].task(n=n))
    floor.worker(registry, concurrency=2, batch=10, lease=2_000_000)
    with floor.store.dialect.connect() as connection:
        for _ in range(10):
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "  # and they are gone before anybody goes on
                "where datname = current_database() and pid <> pg_backend_pid() and state is not null"
            )
            seen = len(ran)
            until(lambda seen=seen: len(ran) > seen or len(ran) >= 300)
    until(lambda: not floor.shop.tasks)
    archive = floor.shop.archive
    assert {row.outcome for row in archive.values()} == {"done"}
    assert len(archive) == 300
    assert set(ran) == set(range(300))


@pytest.mark.long
@pytest.mark.stores("postgresql")
def test_t124_a_read_only_database_is_waited_out(floor: Floor, caplog: Any) -> None:
    """T-124: the store is read-only for a while: work stops with that reason, attempts are unchanged, and it resumes."""
    registry = Registry()
    registry.add("note", lambda: floor.gate.wait(DEADLINE))
    running = floor.shop.put("note")
    worker = floor.worker(registry, concurrency=2)
    until(lambda: running in worker.runs.now)
    with floor.store.dialect.connect() as connection:
        (name,) = connection.execute("select current_database()").fetchone()

        def turn(words: str) -> None:
            connection.execute("set default_transaction_read_only = off")
            connection.execute(f'alter database "{name}" {words}')
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "  # and they are gone before anybody goes on
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

        waiting = [floor.shop.put("note") for _ in range(5)]
        turn("set default_transaction_read_only = on")
        worker.ring()
        until(lambda: worker.ring() or any("read-only" in record.getMessage() for record in caplog.records))
        attempts = dict(
            connection.execute(floor.store.dialect.turn("select id, attempt from tickwork.task")).fetchall()
        )
        turn("reset default_transaction_read_only")
    assert {attempts[task] for task in waiting} <= {0, 1}
    floor.gate.set()
    until(lambda: len(floor.shop.archive) == 6)
    assert {(row.outcome, row.attempt, row.lost) for row in floor.shop.archive.values()} == {("done", 1, 0)}
