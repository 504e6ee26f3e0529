"""Ten thousand jobs: what is read at boot, what is asked while idle, and that each fires once."""

from __future__ import annotations

import random

import pytest

from tests.engine.jobs.yard import Yard
from tickwork.clocks import Every
from tickwork.model.job import Descriptor
from tickwork.store import job_orders
from tickwork.watch import MINUTE, SECOND

MANY = 10_000
HEAP_TURNS = 4


def declare_many(yard, number, period, prefix="job"):
    """Declare so many jobs in one transaction, *period(n)* seconds each."""
    with yard.store.begin("application") as transaction:
        for n in range(number):
            name = f"{prefix}-{n:05}"
            transaction.perform(job_orders.declare(yard.scope, name, Descriptor("sweep", Every(period(n)))))


@pytest.mark.long
@pytest.mark.stores("sqlite")
def test_ten_thousand_due_and_as_many_not(store, tell):
    """T-071, S3-09, S3-30, S3-18: one boot query; each job once; no pass above 100; the log followed in between."""
    yard = Yard(store)
    declare_many(yard, MANY, lambda n: 300, "due")
    declare_many(yard, MANY, lambda n: 86_400, "waits")
    yard.later(301)
    counted = yard.count()
    controller = yard.boot()
    assert counted["jobs_at_rest"] == 1
    assert sum(counted.values()) == 4  # begin, the cursor, the query, commit
    assert len(controller.timers) == 2 * MANY
    passes = 0
    while True:
        before, followed = controller.counts.fires, counted["jobs_written_after"]
        controller.hear("")
        again_at = controller.turn(yard.watch.now())
        assert controller.counts.fires - before <= 100
        assert counted["jobs_written_after"] > followed
        passes += 1
        if again_at > yard.watch.now():
            break
    assert (controller.counts.fires, passes) == (MANY, MANY // 100)
    assert len(controller.timers) == controller.timers.live == MANY
    tell(f"10,000 due jobs: {passes} passes, {sum(counted.values()) / MANY:.2f} statements per fire")


@pytest.mark.long
@pytest.mark.stores("sqlite")
def test_a_day_of_ten_thousand_jobs(store, tell):
    """Periods of 1 to 60 minutes: idle turns ask for the comparison alone, and a map made afresh is the same."""
    yard, chance = Yard(store), random.Random(8)
    declare_many(yard, MANY, lambda n: chance.randint(1, 60) * 60)
    counted = yard.count()
    controller = yard.boot()
    counted.clear()
    for second in range(0, 59, 7):
        controller.turn(yard.watch.now() + second * SECOND)
    assert set(counted) <= {"begin", "where_jobs_stand", "commit"}
    assert counted["where_jobs_stand"] <= 2
    for _ in range(HEAP_TURNS):
        yard.later(MINUTE // SECOND)
        controller.hear("")
        controller.run_due(yard.watch.now())
    fresh = yard.another()
    fresh.boot(yard.watch.now())
    assert dict(fresh.timers) == dict(controller.timers)
    due_by_now = controller.counts.fires
    tell(f"10,000 jobs of 1 to 60 minutes: {due_by_now} fires in {HEAP_TURNS} minutes, rebuilt map equal")
    assert due_by_now > 0
