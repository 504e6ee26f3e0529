"""Payloads outlive code: what a program cannot read waits as unhandled, uncounted, for one that can (S4-60)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import crunching
from tests.support.shop import NOON, Shop
from tickwork.engine.tasks.foreground import run_these
from tickwork.engine.tasks.lookout import Lookout
from tickwork.engine.tasks.post import Post
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.model.action import PutTask
from tickwork.model.lease import LENGTH
from tickwork.store import claims
from tickwork.store.claims import Subscription

KINDS = ("plain", "coroutine", "batch", "transactional", "process")
Program = Callable[..., Worker]


@pytest.fixture
def program(shop: Shop) -> Iterator[Program]:
    """A program that knows ``work``, of some kind, and what it is registered with; what it was called with is kept."""
    workers: list[Worker] = []

    def made(kind: str = "plain", **settings: Any) -> Worker:
        ran: list[int] = []

        def plain(n: int) -> None:
            ran.append(n)

        async def coroutine(n: int) -> None:
            ran.append(n)

        def batch(batch) -> None:
            ran.extend(item.payload["n"] for item in batch)

        def transactional(n: int, transaction) -> None:
            ran.append(n)

        registry = Registry()
        functions = {"plain": plain, "coroutine": coroutine, "batch": batch, "transactional": transactional}
        functions["process"] = crunching.square
        settings |= {"batch": {"batch": 10}, "process": {"executor": "process"}}.get(kind, {})
        registry.add("work", functions[kind], keep_result=kind == "process", **settings)
        registry.add("other", lambda: None)
        workers.append(shop.worker(registry))
        workers[-1].ran = ran  # type: ignore[attr-defined]
        return workers[-1]

    yield made
    for worker in workers:
        worker.runs.processes.close()


def of_version(version: int, n: int = 7) -> PutTask:
    return PutTask("work", f'{{"n":{n}}}', version)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("version", "reads"), [(1, 2), (3, 2)])
def test_s4_60_what_nobody_can_read_waits_as_unhandled(
    shop: Shop, program: Program, caplog: Any, kind: str, version: int, reads: int
) -> None:
    """S4-60, older and newer alike: not failed, not lost, not counted; what can be read beside it runs."""
    strange = [shop.put(of_version(version, n), attempts=1) for n in (1, 2)]
    readable, other = shop.put(of_version(reads, 3)), shop.put("other")
    worker = program(kind, version=reads)
    worker.run_due()
    for task in strange:
        row = shop.tasks[task]
        assert (row.state, row.attempt, row.lease, row.available_at) == ("unhandled", 0, None, NOON)
        assert shop.attempts(task) == []
    assert (shop.archive[readable].outcome, shop.archive[other].outcome) == ("done", "done")
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    why = f"task {strange[0]} (work) has a payload of version {version}, and its handler here reads version {reads}"
    assert said == [f"{why}: kept as unhandled, and 1 more like it, until a program that can run it comes"]
    worker.run_due()
    assert (shop.leases, set(shop.tasks)) == ([], set(strange))
    able = program(kind, version=version)
    able.run_due()
    assert [(shop.archive[task].outcome, shop.archive[task].attempt) for task in strange] == [("done", 1)] * 2
    if kind == "process":
        assert [shop.archive[task].result for task in strange] == [1, 4]
    else:
        assert able.ran == [1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.stores("sqlite", "postgresql-18")
def test_s4_60_an_upgrade_reads_all_that_is_older(shop: Shop, program: Program, kind: str) -> None:
    """S4-60: what was laid aside for want of an upgrade runs as soon as a program has one."""
    tasks = [shop.put(of_version(version, version)) for version in (1, 2)]
    program(kind, version=3).run_due()
    assert [shop.tasks[task].state for task in tasks] == ["unhandled"] * 2
    program(kind, version=3, upgrade=lambda payload, version: payload).run_due()
    assert [shop.archive[task].outcome for task in tasks] == ["done"] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.stores("sqlite", "postgresql-18")
def test_s4_60_an_upgrade_that_raises_is_a_failed_attempt(shop: Shop, program: Program, kind: str) -> None:
    def upgrade(payload: dict[str, Any], version: int) -> dict[str, Any]:
        raise KeyError(f"nothing known of version {version}")

    task = shop.put(of_version(1))
    program(kind, version=2, upgrade=upgrade).run_due()
    assert (shop.tasks[task].state, shop.tasks[task].attempt) == ("waiting", 1)
    ((attempt, outcome, error),) = shop.attempts(task)
    assert (attempt, outcome, error["type"]) == (1, "failed", "KeyError")


@pytest.mark.parametrize("version", [1, 3])
def test_s4_60_what_another_worker_can_read_is_left_to_it(shop: Shop, program: Program, version: int) -> None:
    """A rolling deploy: two programs at once. Who cannot read it gives it back at once, and passes over it from then on."""
    able, unable = program(version=version), program(version=2)
    able.number()
    tasks = [shop.put(of_version(version)) for _ in range(2)]
    unable.run_due()
    for _ in range(2):
        rows = [shop.tasks[task] for task in tasks]
        assert [(row.state, row.attempt, row.available_at) for row in rows] == [("waiting", 0, NOON)] * 2
        readable = shop.put(of_version(2))
        unable.run_due()
        assert shop.archive[readable].outcome == "done"
        assert unable.queue.foreign.payloads == (f"work {version}",)
        assert [each.identifier for each in unable.queue.offers(10, shop.watch.now())] == []
        with shop.store.begin("worker") as transaction:
            asked = claims.Wish(99, unable.number(), LENGTH, 10, 10, unable.queue.foreign)
            assert claims.claim(transaction, Subscription(), asked) == []
    able.run_due()
    assert [(shop.archive[task].outcome, shop.archive[task].attempt) for task in tasks] == [("done", 1)] * 2


def test_s4_60_when_the_other_one_has_gone_it_is_laid_aside(shop: Shop, program: Program) -> None:
    able, unable = program(version=1), program(version=2)
    able.number()
    task = shop.put(of_version(1))
    unable.run_due()
    assert shop.tasks[task].state == "waiting"
    able.stop(0)
    unable.run_due()
    assert shop.tasks[task].state == "waiting"  # it is passed over until it is asked again who knows what
    unable.heartbeat.turn(shop.watch.now())
    unable.run_due()
    assert (shop.tasks[task].state, shop.tasks[task].attempt) == ("unhandled", 0)


def test_s4_60_a_program_that_did_not_say_what_it_reads_is_left_a_chance(shop: Shop, program: Program) -> None:
    """A worker of a release before versions were registered: nobody knows what it reads, so nothing is laid aside."""
    old, unable = program(version=1), program(version=2)
    forgotten = f"update tickwork.handler set oldest = null, newest = null where worker_id = {old.number()}"
    with shop.store.begin("installer") as transaction:
        transaction.connection.execute(shop.store.dialect.turn(forgotten))  # type: ignore[attr-defined]
    task = shop.put(of_version(1))
    unable.run_due()
    assert shop.tasks[task].state == "waiting"


def test_s4_60_who_works_already_takes_up_what_it_can_read_meanwhile(shop: Shop, program: Program) -> None:
    """It is edited while it lies there: nobody registers anew for that."""
    worker = program(version=2)
    task = shop.put(of_version(1), key="k")
    worker.run_due()
    assert shop.tasks[task].state == "unhandled"
    assert shop.put(of_version(2), key="k", existing="replace") == task
    assert shop.tasks[task].state == "unhandled"
    worker.heartbeat.turn(shop.watch.now())
    worker.run_due()
    assert shop.archive[task].outcome == "done"


def test_s4_60_it_can_be_cancelled(shop: Shop, program: Program) -> None:
    task = shop.put(of_version(1))
    program(version=2).run_due()
    assert shop.cancel(task) == "cancelled"
    assert (shop.archive[task].outcome, shop.archive[task].attempt) == ("cancelled", 0)


def test_s4_60_run_by_hand_it_is_laid_aside_as_well(shop: Shop, program: Program) -> None:
    task = shop.put(of_version(1), delay=3_600)
    assert run_these(program(version=2), [task]) == set()
    assert (shop.tasks[task].state, shop.tasks[task].attempt, shop.leases) == ("unhandled", 0, [])


def test_s4_60_what_it_cannot_read_wakes_no_pool(shop: Shop, program: Program, database_url: str) -> None:
    """A pool hibernates beside it: the process that was called could only lay it aside again."""
    worker = program(version=2)
    task = shop.put(of_version(1))
    worker.run_due()
    worker.stop(0)
    lookout = Lookout(Post(database_url, "tickwork", ("default",), handlers=worker.queue.registry.known), shop.store)
    lookout.begin(shop.watch.now())
    lookout._listener.stop()  # here it is told when to look
    assert not lookout.turn(shop.watch.now())
    with shop.store.begin("installer") as transaction:
        text = f"update tickwork.task set payload_version = 2 where id = {task}"
        transaction.connection.execute(shop.store.dialect.turn(text))  # type: ignore[attr-defined]
    lookout._bell.ring()
    assert lookout.turn(shop.watch.now())
    lookout.end()
