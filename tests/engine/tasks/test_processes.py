"""The process executor: CPU work in children, hard time-outs, cancellation; what a child does harms nobody else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine.tasks.test_worker import Floor, until
from tests.support import crunching
from tests.support.shop import Shop
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.errors import ConfigurationError

Start = Callable[..., Worker]


@pytest.fixture
def start(shop: Shop) -> Iterator[Start]:
    """Start a worker without threads whose handlers run in children."""
    workers = []

    def started(**settings: Any) -> Worker:
        registry = Registry()
        for function in (crunching.crunch, crunching.spin, crunching.listen, crunching.die, crunching.fails):
            registry.add(function.__name__, function, executor="process", **settings)
        registry.add("next", lambda n: None)
        workers.append(shop.worker(registry))
        return workers[-1]

    yield started
    for worker in workers:
        worker.runs.processes.close()


@pytest.mark.stores("sqlite", "postgresql-18")
def test_it_runs_elsewhere_and_comes_back_whole(shop: Shop, start: Start) -> None:
    worker = start(keep_result=True)
    tasks = [shop.put(worker.queue.registry["crunch"].task(n=n)) for n in (3, 4)]
    worker.run_due()
    results = [shop.archive[task].result for task in tasks]
    assert [result["square"] for result in results] == [9, 16]
    assert results[0]["pid"] == results[1]["pid"] != os.getpid()  # one child, kept for the next
    assert shop.ask("select parent_id from tickwork.task order by parent_id") == [(task,) for task in tasks]


@pytest.mark.stores("sqlite")
def test_errors_and_signals_travel(shop: Shop, start: Start) -> None:
    worker = start()
    tasks = {
        how: shop.put(worker.queue.registry["fails"].task(how=how))
        for how in ("plain", "snooze", "give up", "peculiar")
    }
    worker.run_due()
    plain = shop.attempts(tasks["plain"])[0][2]
    assert (plain["type"], plain["message"]) == ("ValueError", "plain")
    assert "crunching.py" in plain["traceback"]
    assert shop.tasks[tasks["snooze"]].attempt == 0
    assert shop.archive[tasks["give up"]].reason == "no use"
    assert shop.attempts(tasks["peculiar"])[0][2]["message"] == "Peculiar: very"


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_time_out_is_hard(shop: Shop, start: Start) -> None:
    """A handler that never lets go is ended at its time-out; the next task gets a fresh child."""
    worker = start(timeout=0.3)
    task = shop.put("spin")
    worker.run_due()
    assert "longer than 0.3 s" in shop.attempts(task)[0][2]["message"]
    assert shop.tasks[task].state == "waiting"


@pytest.mark.stores("sqlite")
def test_a_child_that_dies_costs_one_attempt(shop: Shop, start: Start) -> None:
    worker = start()
    task, other = shop.put("die"), shop.put(worker.queue.registry["crunch"].task(n=2))
    worker.run_due()
    assert "signal 9" in shop.attempts(task)[0][2]["message"]
    assert shop.archive[other].outcome == "done"


@pytest.mark.stores("sqlite")
def test_a_cancel_request_is_seen_in_the_child(store: Any) -> None:
    floor = Floor(store)
    floor.listener.start()
    registry = Registry()
    registry.add("listen", crunching.listen, executor="process", keep_result=True)
    worker = floor.worker(registry)
    worker.heartbeat.every = 100_000
    task = floor.shop.put("listen")
    until(lambda: task in worker.runs.now)
    assert floor.shop.cancel(task) == "asked"
    until(lambda: task in floor.shop.archive)
    assert floor.shop.archive[task].outcome == "cancelled"
    floor.close()


@pytest.mark.stores("sqlite")
def test_whoever_lost_the_lease_is_ended(shop: Shop, start: Start) -> None:
    worker = start()
    task = shop.put("spin")
    thread = threading.Thread(target=worker.run_due)
    thread.start()
    until(lambda: task in worker.runs.now)
    worker.runs.signs.lost.add(worker.runs.now[task][0].token)
    until(lambda: task not in worker.runs.now)
    worker.pump.claiming = False
    worker.pump.lose(worker.pump.lead.holdings.tokens[0])
    thread.join(30)
    assert not thread.is_alive()
    assert shop.archive == {}


@pytest.mark.stores("sqlite")
def test_children_end_with_their_worker(shop: Shop, start: Start) -> None:
    worker = start()
    shop.put(worker.queue.registry["crunch"].task(n=2))
    worker.run_due()
    (child,) = worker.runs.processes._all
    assert child.process.is_alive()
    worker.stop()
    child.process.join(30)
    assert child.process.exitcode == -signal.SIGKILL


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("function", "settings", "words"),
    [
        (lambda: None, {"executor": "process"}, "no module has"),
        (coroutine, {"executor": "process"}, "a coroutine function"),
        (lambda transaction: None, {"executor": "process"}, "transactional"),
        (lambda batch: None, {"executor": "process", "batch": 2}, "a batch"),
        (lambda: None, {"executor": "fibre"}, "thread or process"),
        (lambda: None, {"timeout": 5}, "cannot be stopped"),
    ],
)
@pytest.mark.stores("sqlite")
def test_what_cannot_be_is_refused(function: Any, settings: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Registry().add("work", function, **settings)
