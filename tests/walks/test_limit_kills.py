"""Workers with limits die before a statement, really: places are neither lost nor given twice, and all is run.

Here before every eleventh statement, a different one on each store; ``make verify NAME=limit_kills`` takes them all.

Whatever was killed, the book of places balances: what a lane says is taken, less the letters that lie before it, is
what its tasks have. The limit holds at the moment of death, and afterwards everybody gets in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.support.dying import dies
from tests.support.shop import NOON, Shop
from tests.walks.test_tasks import recover_with
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.model.action import PutTask
from tickwork.model.limit import Limit
from tickwork.store import claims, lanes
from tickwork.store.claims import Subscription, Wish
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import SECOND

CUSTOMERS = (1, 1, 2)
LIMITS = [Limit(rate="2/min"), Limit(concurrency=1, per="customer")]


def registry() -> Registry:
    registry = Registry()

    def send(task, customer: int) -> None:
        if task.id == 1 and task.attempt == 1 and not task.lost:
            raise ValueError("the first time")

    registry.add("mail", send, limits=LIMITS)
    return registry


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    def put() -> str:
        url = fresh()
        store = open_store(url)
        shop = Shop(store)
        for customer in CUSTOMERS:
            shop.put(PutTask("mail", f'{{"customer":{customer}}}', 1))
        store.close()
        return url

    return put


def work(store: Store) -> None:
    shop = Shop(store)
    worker = Worker(store, registry(), Subscription(), Appetite(concurrency=2, batch=4), at_once=True)
    for _ in range(2):
        worker.run_due()
        shop.wind(120)


def lose_and_recover(store: Store) -> None:
    """Let two in, claim them and forget them; then rescue them and recall what nobody has claimed."""
    shop = Shop(store)
    with store.begin("worker") as transaction:
        lanes.declare(transaction, {"mail": LIMITS}, "test")
    for token in range(1, 5):
        with store.begin("worker") as transaction:
            lanes.open_lanes(transaction)
            claims.claim(transaction, Subscription(), Wish(token, 1, 30 * SECOND, 1, 1))
    rescue = Rescue(store)
    rescue.turn(shop.watch.now())
    shop.wind(31)
    rescue.turn(shop.watch.now())


def unbalanced(shop: Shop) -> dict[str, Any]:
    """Return the lanes of which more or less is taken than tasks have places in them."""
    book: Counter[str] = Counter()
    for name, places in shop.ask("select name, places from tickwork.lane"):
        book[name] += places
    for name, places in shop.ask("select lane, places from tickwork.opening"):
        book[name] -= places
    for (places,) in shop.ask("select places from tickwork.task where places is not null"):
        for name, _ in msgspec.json.decode(places):
            book[name] -= 1
    return {name: off for name, off in book.items() if off}


def check(url: str, n: int) -> None:
    store = open_store(url)
    shop = Shop(store, NOON + 3600 * SECOND)
    assert unbalanced(shop) == {}, f"died before statement {n}"
    running = Counter(row[0] for row in shop.ask("select payload from tickwork.task where state = 'running'"))
    assert max(running.values(), default=0) <= 1, f"died before statement {n}: {running}"
    recover_with(store, registry())
    shop = Shop(store, NOON + 24 * 3600 * SECOND)
    worker = shop.worker(registry())
    worker.run_due()
    assert sorted(shop.archive) == [1, 2, 3], (
        f"died before statement {n}: left {shop.ask('select * from tickwork.task')}"
    )
    assert (shop.tasks, shop.leases) == ({}, []), f"died before statement {n}"
    shop.wind(3600)
    worker.run_due()
    assert shop.ask("select * from tickwork.lane") == shop.ask("select * from tickwork.opening") == [], f"at {n}"
    store.close()


BODIES: list[Callable[[Store], None]] = [work, lose_and_recover]


def died_and_held(body: Callable[[Store], None], fresh: Callable[[], str], n: int) -> bool:
    """Kill a body before its n-th statement, and see that all holds; False where it has fewer."""
    url = prepare(fresh)()
    died = dies(url, body, n)
    check(url, n)
    return died


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
@pytest.mark.parametrize("body", BODIES)
def test_a_worker_with_limits_dies_before_a_statement(
    bench: Any, store_name: str, tell: Callable[[str], None], body: Callable[[Store], None]
) -> None:
    died, n = 0, 7 if store_name == "sqlite" else 12
    while died_and_held(body, bench.migrated, n):
        died, n = died + 1, n + 11
    assert died >= 5
    tell(f"walk of limits, {body.__name__}, on {store_name}: died {died} times")
