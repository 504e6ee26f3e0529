"""Order, delays and outcomes under real kills and between processes: nobody runs early, out of turn, or what is not his."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.dying import walk
from tests.support.processes import child
from tests.support.shop import NOON, Shop, registered
from tests.walks.test_two_workers import until
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import SECOND

YEAR = 365 * 86_400


def registry(ran: list[int]) -> Any:
    def note(task) -> None:
        ran.append(task.id)

    def fails(task) -> None:
        ran.append(task.id)
        if task.attempt == 1 and not task.lost:
            raise ValueError("the first time")

    return registered(note=note, fails=fails)


def prepare(fresh: Callable[[], str]) -> Callable[[], str]:
    """In the order of their ids: usual, urgent, in a minute, past its time when it comes, fails once, in a year."""

    def put() -> str:
        url = fresh()
        store = open_store(url)
        shop = Shop(store)
        shop.put("note")
        shop.put("note", priority=500)
        shop.put("note", priority=1_000, delay=60)
        shop.put("note", delay=20, expires_at=NOON + 10 * SECOND)
        shop.put("fails", priority=900)
        shop.put("note", priority=1, delay=YEAR)
        store.close()
        return url

    return put


def work(store: Store) -> None:
    shop = Shop(store)
    worker = Worker(store, registry([]), Subscription(), Appetite(concurrency=1, batch=2), at_once=True)
    for _ in range(3):
        worker.run_due()
        shop.wind(30)
    worker._last_words()


def due(shop: Shop) -> list[int]:
    """What is to run now, in its order, worked out from the rows."""
    now = shop.watch.now()
    rows = shop.ask("select priority, available_at, id, coalesce(expires_at, 9223372036854775807) from tickwork.task")
    return [task for _, at, task, expires_at in sorted(rows) if at <= now < expires_at]


def check(url: str, n: int) -> None:
    """What is left is run in its order at each moment; nothing ran before its time; each ended once and rightly."""
    store = open_store(url)
    shop = Shop(store, NOON + 200 * SECOND)
    rescue = Rescue(store)
    for _ in range(2):
        rescue.turn(shop.watch.now())
        shop.wind(31)
    ran: list[int] = []
    worker = shop.worker(registry(ran))
    for seconds in (0, 60, YEAR - 400, 400):
        shop.wind(seconds)
        expected = due(shop)
        worker.run_due()
        assert ran == expected, f"died before statement {n}"
        assert (6 in ran) is (seconds == 400), f"died before statement {n}"
        ran.clear()
    archive = shop.archive
    outcomes = {task: row.outcome for task, row in archive.items()}
    assert outcomes == {1: "done", 2: "done", 3: "done", 4: "expired", 5: "done", 6: "done"}, (
        f"died before statement {n}"
    )
    early = shop.ask("select id from tickwork.archive where outcome = 'done' and started_at < asked_at")
    assert early == [], f"died before statement {n}"
    assert (archive[4].attempt, shop.tasks, shop.leases) == (0, {}, []), f"died before statement {n}"
    store.close()


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_order_and_time_hold_wherever_a_worker_dies(bench: Any, store_name: str, tell: Callable[[str], None]) -> None:
    """Issue 5, order and delay: priority, time, id; never early; what has expired is not run; T-097 beside it."""
    died = walk(work, prepare(bench.migrated), check)
    assert died > 20
    tell(f"walk of order and delay on {store_name}: died before each of {died} statements")


WORKER = """
import sys
from tickwork.engine.loop import Listener
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.store.claims import Subscription
from tickwork.store.open import open_store

store = open_store(sys.argv[1])
reach = {"mail": {"queues": ("mail",)}, "urgent": {"priority_at_most": 1000}}[sys.argv[2]]
registry = Registry()

def note(task):
    print("ran", task.id)

def fails(task):
    print("ran", task.id)
    raise ValueError("no paper")

registry.add("note", note)
registry.add("fails", fails, notice="note_owner", backoff=lambda attempt, error: 0)
registry.add("note_owner", lambda **what: print("told", what["task_id"]))
listener = Listener(store.dialect.ear)
listener.start()
worker = Worker(store, registry, Subscription(**reach), Appetite(concurrency=2, batch=20, lease=2_000_000), name=sys.argv[2])
worker.start(listener)
print("up")
sys.stdin.readline()
print("stopped", worker.stop())
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
def test_two_processes_serve_what_is_theirs_and_no_more(shop: Shop, database: str) -> None:
    """Issue 5, order, delay, outcomes: queues, `priority_at_most`, never early, every error kept, one killed between."""
    with child("-c", WORKER, database, "mail") as mail, child("-c", WORKER, database, "urgent") as urgent:
        mail.line("up"), urgent.line("up")
        for_mail = {shop.put("note", queue="mail"), shop.put("note", queue="mail", delay=1.2, priority=1_500)}
        for_urgent = {shop.put("note", priority=1_000), shop.put("note", priority=10, delay=0.7)}
        nobodys = shop.put("note", priority=1_001)
        failing = shop.put("fails", queue="mail", attempts=2, object="page/7")
        until(lambda: shop.archive.keys() >= for_mail | for_urgent | {failing})
        urgent.kill()
        with child("-c", WORKER, database, "urgent") as successor:
            successor.line("up")
            more = shop.put("note", priority=999)
            successor.line(f"ran {more}")
            until(lambda: more in shop.archive)
            for worker in (mail, successor):
                worker.tell("stop")
                worker.line("stopped True")
    assert {row.state for task, row in shop.tasks.items() if task == nobodys} == {"waiting"}
    ran = {name: {int(line.split()[1]) for line in said.splitlines() if line.startswith("ran")} for name, said in
           (("mail", mail.said), ("urgent", urgent.said))}  # fmt: skip
    assert ran == {"mail": for_mail | {failing}, "urgent": for_urgent}
    assert shop.ask("select id from tickwork.archive where started_at < asked_at") == []
    assert [(attempt, error["type"], error["message"]) for attempt, _, error in shop.attempts(failing)] == [
        (1, "ValueError", "no paper"),
        (2, "ValueError", "no paper"),
    ]
    assert shop.archive[failing].outcome == "gave up"
    assert shop.ask("select parent_id, object from tickwork.task where handler = 'note_owner'") == [(failing, "page/7")]


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_two_commands_do_the_same_at_once(shop: Shop, database: str) -> None:
    """Issue 5, command line: of two that cancel, and two that retry, each task is treated by one of them, once."""
    for _ in range(30):
        shop.put("note")

    def both(*words: str) -> list[list[str]]:
        line = ("-m", "tickwork", "task", *words, "--handler", "note", "--database", database)
        with child(*line) as one, child(*line) as other:
            codes = {each.wait() for each in (one, other)}
            assert codes <= {0, 1}, (
                one.said + other.said
            )  # 1: the other one was quicker with what this one had selected
            return [each.said.splitlines() for each in (one, other)]

    for verb, told in (("cancel", "cancelled"), ("retry", "retried")):
        words = ("retry", "--outcome", "cancelled") if verb == "retry" else ("cancel",)
        done = [line for said in both(*words) for line in said if line.startswith(f"{told}: task ")]
        assert len(done) == len(set(done)) == 30
        assert len(shop.archive) == (30 if verb == "cancel" else 0)
    assert {row.state for row in shop.tasks.values()} == {"waiting"}
