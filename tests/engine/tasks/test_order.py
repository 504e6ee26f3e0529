"""Which task is next: by priority, then time, then id; delayed ones never early (cases Q and T)."""

from __future__ import annotations

import pytest

from tests.support.shop import NOON, Shop
from tickwork.engine.worker.appetite import Appetite
from tickwork.errors import InvalidInput
from tickwork.store import claims
from tickwork.store.claims import Subscription, Wish
from tickwork.watch import SECOND


@pytest.fixture
def ran(shop: Shop) -> list[int]:
    return []


@pytest.fixture
def worker(shop: Shop, ran: list[int]):
    return shop.worker({"note": lambda task: ran.append(task.id)})


def test_q1_one_task_one_lease(shop: Shop) -> None:
    """Q1: put one, claim with lease 7200 s set by the test."""
    seen = []
    task = shop.put("look")
    worker = shop.worker({"look": lambda: seen.extend(shop.leases)}, Appetite(lease=7200 * SECOND))
    assert worker.run_due() == 1
    ((_, length, _, expires_at),) = seen
    assert (length, expires_at) == (7200 * SECOND, NOON + 7200 * SECOND)
    assert shop.archive[task].outcome == "done"
    assert shop.leases == []


def test_q3_older_id_first(shop: Shop, worker, ran) -> None:
    """Q3: of two equal tasks the older id is first."""
    ids = [shop.put("note"), shop.put("note")]
    worker.run_due()
    assert ran == ids


def test_q4_smaller_priority_first(shop: Shop, worker, ran) -> None:
    """Q4: priorities 2, 2, 1 run in the order 3, 1, 2."""
    first, second, third = (shop.put("note", priority=priority) for priority in (2, 2, 1))
    worker.run_due()
    assert ran == [third, first, second]


def test_q9_a_delayed_task_runs_at_its_time_and_not_before(shop: Shop, worker, ran) -> None:
    """Q9: delayed by 6 h it is not leased; then it is."""
    task = shop.put("note", delay=6 * 3600)
    shop.wind(6 * 3600 - 0.000001)
    worker.run_due()
    assert (ran, shop.tasks[task].state) == ([], "waiting")
    shop.wind(0.000001)
    worker.run_due()
    assert ran == [task]


def test_q12_retries_and_fresh_ones_in_one_order(shop: Shop, ran) -> None:
    """Q12: limit 3 with ids 1 and 2 due again and 3 fresh: 3 tasks in due order."""
    fail = {"now": True}

    def note(task) -> None:
        if fail["now"]:
            raise ValueError
        ran.append(task.id)

    worker = shop.worker({"note": note}, Appetite(concurrency=3, batch=3))
    again = [shop.put("note"), shop.put("note")]
    worker.run_due()
    fail["now"] = False
    shop.wind(3600)
    fresh = [shop.put("note") for _ in range(3)]
    due = sorted(again, key=lambda task: (shop.tasks[task].available_at, task))
    worker.pump.plan.rung = True
    worker.pump.turn(shop.watch.now())
    assert ran == [*due, fresh[0]]


def test_q13_priorities(shop: Shop) -> None:
    """Q13: default 2000, explicit is what was said."""
    tasks = [shop.put("note"), shop.put("note", priority=7)]
    assert [row[0] for row in shop.ask("select priority from tickwork.task order by id")] == [2000, 7]
    assert len(tasks) == 2


def test_t091_to_the_microsecond(shop: Shop, worker, ran) -> None:
    """T-091: at 12:00:00.5 is not claimed at .4, and is at .5."""
    task = shop.put("note", at=NOON + SECOND // 2)
    shop.wind(0.4)
    worker.run_due()
    assert ran == []
    shop.wind(0.1)
    worker.run_due()
    assert ran == [task]


def test_t092_delay(shop: Shop) -> None:
    """T-092: delay=90 is 90 s from now; a negative one, and one beside `at`, is refused."""
    task = shop.put("note", delay=90)
    assert shop.tasks[task].available_at == NOON + 90 * SECOND
    with pytest.raises(InvalidInput, match="delay"):
        shop.put("note", delay=-1)
    with pytest.raises(InvalidInput, match="delay"):
        shop.put("note", delay=1, at=NOON)


def test_t094_the_earlier_time_first(shop: Shop, worker, ran) -> None:
    """T-094: A at +48 h, then B at +1 h: B first."""
    a, b = shop.put("note", delay=48 * 3600), shop.put("note", delay=3600)
    shop.wind(48 * 3600)
    worker.run_due()
    assert ran == [b, a]


def test_t097_a_year_and_twenty_restarts(shop: Shop, ran) -> None:
    """T-097: at +365 d, with 20 restarts, runs once, on the day."""
    task = shop.put("note", delay=365 * 86_400)
    for _ in range(20):
        shop.wind(365 * 86_400 / 20)
        shop.worker({"note": lambda task: ran.append((task.id, shop.watch.now()))}).run_due()
    assert ran == [(task, NOON + 365 * 86_400 * SECOND)]


def test_queues_and_priorities_that_a_worker_does_not_serve_are_left_alone(shop: Shop, ran) -> None:
    mine, other, lazy = shop.put("note", queue="mine"), shop.put("note", queue="other"), shop.put("note", priority=4000)
    worker = shop.worker({"note": lambda task: ran.append(task.id)}, queues=("mine", "default"), priority_at_most=3000)
    worker.run_due()
    assert ran == [mine]
    assert sorted(shop.tasks) == [other, lazy]


def test_namespaces_that_wait_share_a_batch(shop: Shop, ran) -> None:
    """A claim takes at most its share of a batch from each namespace while others wait."""
    for namespace, count in (("big", 20), ("small", 3)):
        for _ in range(count):
            shop.put("note", namespace=namespace)
    worker = shop.worker({"note": lambda task: ran.append(task.namespace)}, Appetite(concurrency=6, batch=6))
    worker.pump.plan.rung = True
    worker.pump.turn(shop.watch.now())
    assert (ran.count("big"), ran.count("small")) == (3, 3)
    worker.run_due()
    assert (ran.count("big"), ran.count("small")) == (20, 3)


def test_idle_is_one_look_that_writes_nothing(shop: Shop, worker) -> None:
    """F13 for workers: one cheap query per poll, and no write."""
    worker.run_due()
    told: list[str] = []
    shop.store.dialect.on_statement = told.append
    worker.pump.turn(shop.watch.now())
    assert [name for name in told if name not in ("begin", "commit")] == ["look_for_tasks"]


def test_q10_two_claims_at_the_same_instant(shop: Shop) -> None:
    """Q10: two workers at the same instant: one gets the first task, the other one the second, without waiting."""
    first, second = shop.put("note"), shop.put("note")
    if not shop.store.supports("skip-locked"):
        with shop.store.begin("worker") as one:
            taken = [each.id for each in claims.claim(one, Subscription(), Wish(1, 1, SECOND, 1, 1))]
            taken += [each.id for each in claims.claim(one, Subscription(), Wish(2, 2, SECOND, 1, 1))]
    else:
        with shop.store.begin("worker") as one, shop.store.begin("worker") as other:
            taken = [each.id for each in claims.claim(one, Subscription(), Wish(1, 1, SECOND, 1, 1))]
            taken += [each.id for each in claims.claim(other, Subscription(), Wish(2, 2, SECOND, 1, 1))]
    assert taken == [first, second]


def test_q16_t101_the_same_key_twice(shop: Shop) -> None:
    """Q16: while it waits the second call returns the first task. T-101: while it runs, too: keys are of unfinished tasks."""
    seen: list[int] = []
    first = shop.put("note", key="k")
    assert shop.put("note", key="k") == first
    shop.worker({"note": lambda: seen.append(shop.put("note", key="k"))}).run_due()
    assert (seen, shop.tasks) == ([first], {})
    assert shop.put("note", key="k") != first


def test_t098_cancel(shop: Shop) -> None:
    """T-098: before a claim, after it, unknown, twice: cancelled, asked, unknown, over."""
    waiting, running, answers = shop.put("other"), shop.put("note"), []
    answers.append(shop.cancel(waiting))
    shop.worker({"note": lambda: answers.append(shop.cancel(running))}).run_due()
    answers += [shop.cancel(999_999), shop.cancel(waiting), shop.cancel(running)]
    assert answers == ["cancelled", "asked", "unknown", "over", "over"]
    assert {row.outcome for row in shop.archive.values()} == {"cancelled"}


def test_a_full_worker_does_not_spin_when_a_delayed_task_comes_due(shop: Shop) -> None:
    """Every place is taken and something comes due: the loop sleeps until a place is free."""
    again: list[int | None] = []

    def note() -> None:
        shop.wind(20)
        worker.runs.now.update({-n: worker.runs.now[first] for n in (1, 2)})
        again.append(worker.pump.turn(shop.watch.now()))
        worker.runs.now.clear()

    shop.put("other", delay=10)
    first = shop.put("note")
    worker = shop.worker({"note": note, "other": lambda: None}, Appetite(concurrency=2))
    worker.run_due()
    assert again[0] is None or again[0] > shop.watch.now()


@pytest.mark.stores("postgresql")
def test_a_row_that_somebody_holds_delays_only_itself(shop: Shop) -> None:
    """An application holds the row of one running task: the others of the batch are settled, that one when it is free."""
    held, other = shop.put("note"), shop.put("note")
    worker = shop.worker({"note": lambda: None})
    worker.pump.turn(shop.watch.now())
    with shop.store.begin("application") as theirs:
        sql = f"select 1 from tickwork.task where id = {held} for update"
        theirs.connection.execute(shop.store.dialect.turn(sql))  # type: ignore[attr-defined]
        worker.pump.turn(shop.watch.now())
        assert list(shop.archive) == [other]
        assert worker.pump.turn(shop.watch.now()) == shop.watch.now() + 100_000
    shop.wind(0.1)
    worker.run_due()
    assert sorted(shop.archive) == [held, other]
    assert shop.leases == []


def test_a_worker_for_urgent_work_only(shop: Shop, ran) -> None:
    """``--priority-at-most 1000``: the rest waits for others, and is not even looked at as ready."""
    urgent, other = shop.put("note", priority=1000), shop.put("note", priority=1001)
    worker = shop.worker({"note": lambda task: ran.append(task.id)}, priority_at_most=1000)
    worker.run_due()
    assert ran == [urgent]
    assert shop.tasks[other].state == "waiting"


def test_ageing_lets_what_has_waited_long_come_first(shop: Shop, ran) -> None:
    """A second of waiting is worth a point: after 1001 s the aggregate of 3000 comes before fresh work of 2000."""
    old = shop.put("note", priority=3000)
    shop.wind(999)
    fresh = shop.put("note", priority=2000)
    worker = shop.worker({"note": lambda task: ran.append(task.id)}, ageing=SECOND)
    worker.pump.hands.appetite = Appetite(concurrency=1, batch=1)
    worker.run_due()
    assert ran == [fresh, old]
    old = shop.put("note", priority=3000)
    shop.wind(1001)
    fresh = shop.put("note", priority=2000)
    worker.run_due()
    assert ran[2:] == [old, fresh]


def test_without_ageing_it_never_does(shop: Shop, worker, ran) -> None:
    old = shop.put("note", priority=3000)
    shop.wind(30 * 86_400)
    fresh = shop.put("note", priority=2999)
    worker.run_due()
    assert ran == [fresh, old]


def test_delayed_work_has_workers_of_its_own(shop: Shop, ran) -> None:
    """A queue for what was delayed: its crowd at midnight keeps no place of those who serve people."""
    late = [shop.put("note", queue="later", delay=60) for _ in range(5)]
    shop.wind(60)
    now = shop.put("note")
    shop.worker({"note": lambda task: ran.append(task.id)}, queues=("default",)).run_due()
    assert ran == [now]
    shop.worker({"note": lambda task: ran.append(task.id)}, queues=("later",)).run_due()
    assert ran == [now, *late]


def test_a_claim_takes_a_fair_share_from_each_namespace(shop: Shop, ran) -> None:
    """One namespace has 100 ready, two have 3: nobody waits behind the hundred, who have the next claim to themselves."""
    crowd = [shop.put("note", namespace="crowd") for _ in range(100)]
    few = [shop.put("note", namespace=name) for name in ("a", "b") for _ in range(3)]
    with shop.store.begin("worker") as transaction:
        claimed = claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 30, 0))
    taken = {each.id for each in claimed}
    assert set(few) <= taken
    assert len(taken & set(crowd)) == 10
    with shop.store.begin("worker") as transaction:
        claimed = claims.claim(transaction, Subscription(), Wish(8, 1, 30 * SECOND, 30, 0))
    assert {each.id for each in claimed} == set(crowd[10:40])
