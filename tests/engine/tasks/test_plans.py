"""The claim's cost follows what is ready, never what waits (T-095), whatever the statistics say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.plans import Plan, blocks, nodes, plan_of
from tests.support.shop import NOON, Shop
from tickwork.model.limit import Limit
from tickwork.store import claims, lanes
from tickwork.store.claims import NOTHING_FOREIGN, Subscription, Wish
from tickwork.watch import DAY, LAST_INSTANT, SECOND

WAITING = 100_000
FILL = {
    "sqlite": "with recursive n (i) as (select 1 union all select i + 1 from n where i < {count}) ",
    "postgresql": "with n (i) as (select * from generate_series(1, {count})) ",
}


def fill(shop: Shop, count: int = WAITING) -> None:
    """Put tasks that are due in a year, half of them in a better priority than 2000."""
    dialect = shop.store.dialect
    sql = (
        "insert into tickwork.task (namespace, priority, available_at, handler, asked_at, created_at) "
        + FILL[dialect.name].format(count=count)
        + f"select 'default', 1000 + 1500 * (i % 2), {NOON + 365 * DAY} + i, 'note', {NOON}, {NOON} from n"
    )
    with shop.store.begin("operator") as transaction:
        transaction.connection.execute(dialect.turn(sql))  # type: ignore[attr-defined]


def claim(shop: Shop, token: int = 1) -> list[Any]:
    with shop.store.begin("worker") as transaction:
        return claims.claim(transaction, Subscription(), Wish(token, 1, 30_000_000, 10, 10))


@pytest.mark.stores("postgresql")
@pytest.mark.parametrize("statistics", ["never", "stale", "fresh", "emptied"])
def test_t095_rows_read_by_a_claim_on_postgresql(shop: Shop, statistics: str) -> None:
    """T-095: the plan's own counts: at most ten rows of the task table are read by each node, of a claim, its settling and `why`.

    *emptied*: statistics were taken of a table that had been worked off, as any queue's are in a quiet hour.
    """
    dialect = shop.store.dialect
    with dialect.connect() as connection:
        connection.execute(dialect.turn("alter table tickwork.task set (autovacuum_enabled = off)"))
        if statistics == "stale":  # of the empty table
            connection.execute(dialect.turn("analyze tickwork.task"))
        if statistics == "emptied":
            fill(shop, 20_000)
            connection.execute(dialect.turn("delete from tickwork.task"))
            connection.execute(dialect.turn("vacuum analyze tickwork.task"))
        fill(shop)
        if statistics == "fresh":
            connection.execute(dialect.turn("analyze tickwork.task"))
    task = shop.put("note")
    claiming = {
        **Subscription().values,
        "token": 5,
        "worker_id": 1,
        "length": 1,
        "size": 10,
        "starts": 1,
        **NOTHING_FOREIGN.values,
    }
    settling = {
        "id": [task],
        "token": [5],
        "outcome": ["done"],
        "reason": [None],
        "result": [None],
        "error": [None],
        "attempt": [1],
        "started_at": [NOON],
        "ended_at": [NOON],
        "worker_id": 1,
        "finished": [5],
    }
    asked = (("ahead_of_task", asked_about(task)), ("claim_tasks", claiming), ("archive_tasks", settling))
    for name, given in asked:
        with shop.store.begin("worker") as transaction:
            touched = list(reading(plan_of(transaction, name, given)))
        assert touched
        assert max(rows for _, rows in touched) <= 10, touched
        assert not [kind for kind, _ in touched if kind == "Seq Scan"], touched
    assert task not in shop.tasks


@pytest.mark.stores("postgresql")
def test_a_claim_passes_dead_entries_once(shop: Shop) -> None:
    """Somebody keeps a snapshot open, and the index keeps what was claimed: only the search for the head walks over it."""
    dialect = shop.store.dialect
    with dialect.connect() as pinning, dialect.connect() as connection:
        pinning.execute("begin isolation level repeatable read")
        pinning.execute(dialect.turn("select count(*) from tickwork.task"))
        fill(shop, 20_000)
        connection.execute(dialect.turn("delete from tickwork.task"))
        shop.wind(366 * DAY / SECOND)  # the dead were due before the one that lives
        task = shop.put("note", priority=2500)
        given = {
            **Subscription().values,
            "token": 5,
            "worker_id": 1,
            "length": 1,
            "size": 10,
            "starts": 1,
            **NOTHING_FOREIGN.values,
        }
        with shop.store.begin("worker") as transaction:
            plan = plan_of(transaction, "claim_tasks", given)
    walks = [blocks(node) for node in nodes(plan) if node.get("Index Name") == "task_ready"]
    assert len([count for count in walks if count > 100]) == 1, walks
    assert shop.tasks[task].state == "running"


def asked_about(task: int) -> dict[str, Any]:
    """What `why` asks about a task: how many go before it."""
    which = {"namespace": "default", "queue": "default", "priority": 2000}
    return {**which, "available_at": NOON, "id": task, "most": 1_000}


def reading(plan: Plan) -> Iterator[tuple[str, float]]:
    """Every node that reads the task table, with the rows that it read: those it returned and those it threw away."""
    for node in nodes(plan):
        if node.get("Relation Name") == "task" and "Scan" in node["Node Type"]:
            thrown = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            yield node["Node Type"], (node["Actual Rows"] + thrown) * node["Actual Loops"]


@pytest.mark.stores("sqlite")
def test_t095_steps_of_a_claim_on_sqlite(shop: Shop) -> None:
    """T-095: SQLite counts its steps: a claim and `why` take the same number with a hundred rows waiting and a hundred thousand."""
    steps = []
    for count in (100, WAITING):
        fill(shop, count)
        task = shop.put("note")
        steps.append(0)

        def step() -> int:
            steps[-1] += 1
            return 0

        with shop.store.begin("worker") as transaction:
            transaction.connection.set_progress_handler(step, 1)  # type: ignore[attr-defined]
            ahead = transaction.all("ahead_of_task", **asked_about(task))
            taken = claims.claim(transaction, Subscription(), Wish(count, 1, 30_000_000, 10, 10))
            transaction.connection.set_progress_handler(None, 0)  # type: ignore[attr-defined]
        assert [each.id for each in taken] == [task]
        assert sum(found for _, found in ahead) == 0
    assert steps[1] <= steps[0] + 50, steps


@pytest.mark.stores("postgresql-18")
def test_a_drain_takes_few_statements(shop: Shop) -> None:
    """At most 0.06 statements per task in batches of a hundred, begin and commit counted."""
    from tickwork.engine.worker.appetite import Appetite

    for _ in range(1000):
        shop.put("note")
    told: list[str] = []
    worker = shop.worker({"note": lambda: None}, Appetite(concurrency=100, batch=100))
    worker.run_due()
    shop.store.dialect.on_statement = told.append
    for _ in range(1000):
        shop.put("note")
    told.clear()
    worker.run_due()
    assert len(shop.archive) == 2000
    assert len(told) / 1000 <= 0.06, told


@pytest.mark.stores("sqlite")
def test_a_long_backlog_of_another_queue_is_one_probe(shop: Shop) -> None:
    fill(shop, 1000)
    theirs = [shop.put("note", queue="theirs") for _ in range(5)]
    mine = shop.put("note", queue="mine")
    with shop.store.begin("worker") as transaction:
        taken = claims.claim(transaction, Subscription(queues=("mine",)), Wish(9, 1, 1, 10, 10))
    assert [each.id for each in taken] == [mine]
    assert all(shop.tasks[task].state == "waiting" for task in theirs)


def hold(shop: Shop, count: int) -> None:
    """Hold many tasks of fifty full keys in their lanes, as claims have left them, with one place taken of each."""
    dialect = shop.store.dialect
    lane = '\'["default","held","customer","\' || {} || \'"]\''
    held = (
        "insert into tickwork.task (namespace, available_at, held_at, lane, handler, asked_at, created_at) "
        + FILL[dialect.name].format(count=count)
        + f"select 'default', {LAST_INSTANT}, {NOON} - i, {lane.format('i % 50')}, 'held', {NOON}, {NOON} from n"
    )
    taken = (
        "insert into tickwork.lane (name, places) "
        + FILL[dialect.name].format(count=50)
        + f"select {lane.format('(i - 1)')}, 1 from n where true on conflict do nothing"
    )
    with shop.store.begin("worker") as transaction:
        lanes.declare(transaction, {"held": [Limit(concurrency=1, per="customer")]}, "test")
        for sql in (held, taken):
            transaction.connection.execute(dialect.turn(sql))  # type: ignore[attr-defined]


FULL = '["default","held","customer","7"]'


@pytest.mark.stores("postgresql")
@pytest.mark.parametrize("statistics", ["never", "stale", "fresh"])
def test_claims_and_openings_do_not_walk_over_those_who_are_held_on_postgresql(shop: Shop, statistics: str) -> None:
    dialect = shop.store.dialect
    with dialect.connect() as connection:
        connection.execute(dialect.turn("alter table tickwork.task set (autovacuum_enabled = off)"))
        if statistics == "stale":
            connection.execute(dialect.turn("analyze tickwork.task"))
        hold(shop, WAITING)
        if statistics == "fresh":
            connection.execute(dialect.turn("analyze tickwork.task"))
    task = shop.put("note")
    asked: dict[str, dict[str, Any]] = {
        "claim_tasks": {
            **Subscription().values, "token": 5, "worker_id": 1, "length": 1, "size": 10, "starts": 1,
            **NOTHING_FOREIGN.values,
        },
        "pick_held": {"names": [FULL], "places": [2], "units": [0], "caps": [0]},
        "still_held": {"names": [FULL]},
    }  # fmt: skip
    for name, values in asked.items():
        with shop.store.begin("worker") as transaction:
            touched = list(reading(plan_of(transaction, name, values)))
        assert touched, name
        assert max(rows for _, rows in touched) <= 10, (name, touched)
    assert shop.tasks[task].state == "running"


@pytest.mark.stores("sqlite")
def test_claims_and_openings_do_not_walk_over_those_who_are_held_on_sqlite(shop: Shop) -> None:
    steps: dict[int, list[int]] = {}
    for count in (1_000, WAITING):
        hold(shop, count)
        task = shop.put("note")
        steps[count] = []
        for work in (
            lambda transaction, token=count: claims.claim(transaction, Subscription(), Wish(token, 1, 1, 10, 10)),
            lambda transaction: transaction.all("pick_held", name=FULL, most=2, units=0, cap=0),
            lambda transaction: transaction.all("still_held", names=[FULL]),
        ):
            steps[count].append(0)

            def step(count: int = count) -> int:
                steps[count][-1] += 1
                return 0

            with shop.store.begin("worker") as transaction:
                transaction.connection.set_progress_handler(step, 1)  # type: ignore[attr-defined]
                work(transaction)
                transaction.connection.set_progress_handler(None, 0)  # type: ignore[attr-defined]
        assert shop.tasks[task].state == "running"
    few, many = steps.values()
    assert all(more <= less + 50 for less, more in zip(few, many, strict=True)), steps
