"""Fan-in under real kills: whatever is killed at whatever statement, what waits goes on exactly once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.dying import dies, walk
from tests.support.shop import NOON, Shop, registered
from tickwork import Group, PutTask, Tickwork
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.signals import GiveUp
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import SECOND


def registry() -> Any:
    """A parent that fans out, with a member that gives up; and what goes on after them."""

    def parent(task) -> None:
        task.put(Group([PutTask("child"), PutTask("fails")]).then(PutTask("goes_on"), on_failure="run"))

    def fails() -> None:
        raise GiveUp("no")

    def goes_on(task) -> str:
        return str(task.gathered)

    handlers = registered(parent=parent, child=lambda: None, fails=fails)
    handlers.add("goes_on", goes_on, keep_result=True)
    return handlers


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    def put() -> str:
        url = fresh()
        store = open_store(url)
        Shop(store).put("parent")
        store.close()
        return url

    return put


def work(store: Store) -> None:
    """A worker's life: the parent's completion with its flow, the members, the counting, what goes on."""
    Shop(store)
    Worker(store, registry(), Subscription(), Appetite(), at_once=True).run_due()


def rescue_and_work(store: Store, hour: int, appetite: Appetite | None = None) -> Worker:
    """Take the leases of those before for dead, and go on."""
    shop = Shop(store, NOON + hour * 3600 * SECOND)
    rescue = Rescue(store)
    rescue.turn(shop.watch.now())
    shop.wind(31)
    rescue.turn(shop.watch.now())
    return Worker(store, registry(), Subscription(), appetite or Appetite(), at_once=True)


def check(url: str, n: int) -> None:
    store = open_store(url)
    rescue_and_work(store, 1).run_due()
    shop = Shop(store)
    outcomes = sorted((row.outcome, row.result) for row in shop.archive.values() if row.outcome != "done" or row.result)
    assert outcomes == [("done", "1 done, 1 gave up"), ("gave up", None)], f"died before statement {n}"
    assert (len(shop.archive), shop.tasks, shop.leases) == (4, {}, []), f"died before statement {n}"
    left = [shop.ask(f"select count(*) from tickwork.{table}")[0][0] for table in ("task_group", "group_letter")]
    assert left == [0, 0], f"died before statement {n}"
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_worker_dies_before_every_statement_of_a_flow(
    bench: Any, store_name: str, tell: Callable[[str], None]
) -> None:
    died = walk(work, prepare(bench.migrated), check)
    assert died > 30
    tell(f"walk of a flow on {store_name}: died before each of {died} statements")


CHILDREN = 1_000
KILLS = 8


def work_among_others(store: Store, hour: int) -> None:
    """One of several at once, each of which takes the others for dead: late finishers are fenced off."""
    rescue_and_work(store, hour, Appetite(concurrency=100, batch=100)).run_due()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_fan_in_of_a_thousand_with_kills(database: str, store_name: str, tell: Callable[[str], None]) -> None:
    """Two processes at a time work on 1,000 children and are killed again and again: the parent continues exactly once."""
    chance = random.Random(6)
    with Tickwork(database) as app:
        flow = Group([PutTask("child")] * CHILDREN).then(PutTask("goes_on"))
        last = app.put(flow, unchecked=True, at=NOON)
        killed, hours = [0], iter(range(1, 1_000))

        def work_until_killed() -> None:
            for _ in range(KILLS // 2):
                killed[0] += dies(database, work_among_others, chance.randint(12, 50), next(hours))

        threads = [threading.Thread(target=work_until_killed) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store = open_store(database)
        rescue_and_work(store, next(hours)).run_due()
        shop = Shop(store)
        row = app.tasks.get(last.id)
        assert (row.outcome, row.result) == ("done", f'"{CHILDREN:,} done"')
        assert len(shop.archive) == CHILDREN + 1
        assert (shop.tasks, shop.leases) == ({}, [])
        assert shop.ask("select count(*) from tickwork.task_group")[0][0] == 0
        store.close()
    assert killed[0]
    tell(f"fan-in of {CHILDREN:,} on {store_name}: {killed[0]} processes killed, continued once")
