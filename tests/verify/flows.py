"""Random trees of flows, worked on by two processes that are killed again and again: each task ends once, as the rules say."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any

from tests.support import postgresql
from tests.support.dying import dies
from tests.support.shop import NOON, Shop, registered
from tests.support.stores import migrate
from tests.support.trees import expected, flow_of, leaf, random_tree
from tests.support.verification import Run
from tickwork import Tickwork
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import HOUR, ManualWatch

TREES, KILLS = 20, 3


def work(store: Store, hour: int) -> None:
    """A worker's life, an hour after the one before: it takes whoever it finds for dead."""
    logging.getLogger("tickwork").setLevel(logging.ERROR)  # some are meant to fail
    shop = Shop(store, NOON + hour * HOUR)
    rescue = Rescue(store)
    rescue.turn(shop.watch.now())
    shop.wind(31)
    rescue.turn(shop.watch.now())
    worker = Worker(store, registered(leaf=leaf), Subscription(), Appetite(concurrency=4, batch=8), at_once=True)
    for _ in range(4):
        worker.run_due()
        shop.wind(60)


def verify(run: Run) -> None:
    with postgresql.bench_of_servers() as bench:
        server = postgresql.start("postgresql-18", bench)
        while run.goes_on():
            url = server.create()
            migrate(url)
            tale(url, run)
            server.drop(url)


def tale(url: str, run: Run) -> None:
    trees = [random_tree(run.random, 3) for _ in range(TREES)]
    wanted: Counter[str] = Counter()
    with Tickwork(url, watch=ManualWatch(NOON)) as app:
        put = [app.put(flow_of(tree), unchecked=True).id for tree in trees]
    ends = [expected(tree, wanted) for tree in trees]
    hours = iter(range(1, 1_000))
    lots = [[run.random.randint(10, 120) for _ in range(KILLS)] for _ in range(2)]
    died: list[bool] = []

    def work_until_killed(lot: list[int]) -> None:
        died.extend(dies(url, work, n, next(hours)) for n in lot)

    threads = [threading.Thread(target=work_until_killed, args=(lot,)) for lot in lots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish(url, hours, put, ends, wanted)
    run.count("flows", TREES)
    run.count("tasks", wanted.total())
    run.count("kills", sum(died))


def finish(url: str, hours: Any, put: list[int], ends: list[str], wanted: Counter[str]) -> None:
    """Let one more worker finish, and hold what is there against the model."""
    store = open_store(url)
    for _ in range(3):
        work(store, next(hours))
    shop = Shop(store, NOON + 1_000 * HOUR)
    archive = shop.archive
    assert Counter(row.outcome for row in archive.values()) == wanted
    assert [archive[number].outcome for number in put] == ends
    assert (shop.tasks, shop.leases) == ({}, [])
    for table in ("task_group", "group_letter"):
        assert shop.ask(f"select count(*) from tickwork.{table}")[0][0] == 0, table
    store.close()
