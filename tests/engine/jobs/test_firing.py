"""Firing: order, failures that stay alone, bounds, silence while nothing is due, and any number of controllers."""

import threading
from itertools import pairwise

import pytest

from tests.engine.jobs.yard import FIVE_MINUTES, HOURLY, MINUTELY, Yard, instant
from tickwork.clocks import Cron, Every
from tickwork.clocks.cron import Cron as CronClass
from tickwork.engine.loop import Runner
from tickwork.errors import StatementRefused, StoreUnavailable
from tickwork.model.job_log import FIRE_SET
from tickwork.store import job_reading, jobs
from tickwork.watch import MINUTE, SECOND


def test_one_parse_per_descriptor(yard):
    """S3-05: a hundred fires of an unchanged job, one parse; the entry shows time, clock and creation."""
    yard.declare(clock=MINUTELY)
    for _ in range(100):
        yard.later(60).step()
        yard.run()
        yard.step()
    assert yard.controller.memory.readings.parsed == 1
    entry = yard.controller.timers[yard.id()]
    assert (entry.trigger, entry.created_at) == (Every(60, instant("00:00:00")), instant("00:00:00"))
    assert yard.controller.counts.fires == 100
    with yard.store.read() as transaction:
        assert len(job_reading.listed(transaction, "default")) == 1


def test_occurrences_are_worked_out_lazily(yard, monkeypatch):
    """S3-06: inserting a minutely cron job asks for one occurrence."""
    asked = []
    plain = CronClass.next_at
    monkeypatch.setattr(CronClass, "next_at", lambda self, *rest: asked.append(rest) or plain(self, *rest))
    yard.declare(clock=Cron("* * * * *"))
    asked.clear()
    yard.step()
    assert len(asked) == 1
    assert yard.entry() == "00:01:00"


def test_one_thread_drives_all_timers(yard):
    """S3-18: fifty timers, the same threads as with one."""
    yard.declare("job-000")
    yard.step()
    before = threading.active_count()
    for number in range(50):
        yard.declare(f"job-{number:03}")
    yard.step()
    assert len(yard.timers()) == 50
    assert threading.active_count() == before
    assert isinstance(Runner(yard.controller, yard.watch)._thread, threading.Thread)


def test_two_jobs_due_at_the_same_instant_fire_in_the_order_of_their_ids(yard):
    """S3-25."""
    for name in ("z", "b", "k"):
        yard.declare(name)
    yard.step()
    yard.later(300).step()
    with yard.store.read() as transaction:
        fired = [job for _, job, seq in jobs.written_after(transaction, 0) if seq == 2]
    assert fired == [yard.id("z"), yard.id("b"), yard.id("k")]


def test_a_fire_that_raises_stops_no_other(yard, monkeypatch):
    """S3-26: an error in the first job of a batch: the second fires in the same turn."""
    for name in ("bad", "good"):
        yard.declare(name)
    yard.step()
    bad, plain = yard.id("bad"), jobs.append

    def append(scope, row, *rest, **more):
        if row.id == bad:
            raise StatementRefused("out of range")
        return plain(scope, row, *rest, **more)

    monkeypatch.setattr(jobs, "append", append)
    yard.later(300).step()
    assert (yard.status("bad"), yard.status("good")) == ("completed", "scheduled")
    assert yard.timers() == {bad: "00:05:00"}
    assert yard.controller.counts.errors >= 1
    monkeypatch.undo()
    yard.later(60).step()
    assert yard.nominals("bad") == ["00:05:00"]


def test_a_failing_database_never_loses_a_timer(yard):
    """S3-27: again after 1, 2, 4 ... 60 s; then exactly one event, with the planned time that it had."""
    yard.declare()
    yard.step()
    yard.controller.compare_every = 10**12

    def refuse(statement):
        if statement == "lock_jobs":
            raise StoreUnavailable("down")

    yard.store.dialect.on_statement = refuse
    tries = []
    yard.at("00:05:00")
    while len(tries) < 9:
        again_at = yard.controller.turn(yard.watch.now())
        tries.append(yard.watch.now())
        yard.watch.set(again_at)
    assert [(b - a) // SECOND for a, b in pairwise(tries)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert yard.timers() == {yard.id(): "00:05:00"}
    yard.store.dialect.on_statement = None
    yard.controller.run_due(yard.watch.now())
    assert yard.nominals() == ["00:05:00"]


def test_nothing_is_asked_while_nothing_is_due(yard):
    """S3-24, S3-45, T-145: 55 minutes with timers due in an hour: the comparison every 30 s and nothing else."""
    for number in range(20):
        yard.declare(f"job-{number:02}", HOURLY)
    yard.step()
    counted, turns = yard.count(), 0
    until = yard.watch.now() + 55 * MINUTE
    while yard.watch.now() < until:
        again_at = yard.controller.turn(yard.watch.now())
        assert again_at > yard.watch.now()
        yard.watch.set(again_at)
        turns += 1
    assert set(counted) <= {"begin", "where_jobs_stand", "commit"}
    assert counted["where_jobs_stand"] == turns - 1 == 109
    yard.controller.compare_every = 10**15
    counted.clear()
    yard.controller.turn(yard.watch.now() + 60)
    assert counted == {}


def test_a_batch_is_bounded_and_the_log_is_followed_between(yard):
    """S3-30, T-071: never more than a batch before following the log again; each job once."""
    for number in range(25):
        yard.declare(f"job-{number:02}")
    yard.controller = yard.another(batch=10)
    yard.later(310)
    yard.controller.boot(yard.watch.now())
    fired = []
    while True:
        yard.controller.hear("")
        counted = yard.count()
        again_at = yard.controller.turn(yard.watch.now())
        fired.append(yard.controller.counts.fires)
        assert counted["jobs_written_after"] >= 1
        if again_at > yard.watch.now():
            break
    assert fired == [10, 20, 25]


def test_jitter_moves_the_deadline_and_not_the_planned_time(yard):
    """S3-64: in [nominal, nominal + jitter), the same for ever; no part of the pure function."""
    for number in range(30):
        yard.declare(f"job-{number:02}", jitter=60 * SECOND)
    yard.step()
    entries = list(yard.controller.timers.values())
    assert {entry.fire_at for entry in entries} == {instant("00:05:00")}
    assert all(0 <= entry.due_at - entry.fire_at < 60 * SECOND for entry in entries)
    assert len({entry.due_at for entry in entries}) > 20
    live = dict(yard.controller.timers)
    assert dict(yard.boot().timers) == live
    first = min(entries, key=lambda entry: entry.due_at)
    yard.watch.set(first.due_at)
    yard.step()
    assert yard.controller.counts.fires == 1


def test_two_controllers_fire_each_job_once(yard):
    """T-077, S3-71: the log decides; one is killed, the other goes on; a new one boots from the log."""
    for number in range(6):
        yard.declare(f"job-{number}")
    a, b = yard.controller, yard.another(compare_every=10**12)
    for controller in (a, b):
        yard.step(controller)
    assert dict(a.timers) == dict(b.timers)
    yard.later(300)
    a.turn(yard.watch.now())  # a is killed here, b has heard nothing
    b.turn(yard.watch.now())
    assert (a.counts.fires, b.counts.fires, b.counts.skips) == (6, 0, 6)
    for _ in range(6):
        yard.run()
    yard.step(b)
    yard.later(300).step(b)
    assert b.counts.fires == 6
    assert [yard.nominals(f"job-{number}") for number in range(6)] == [["00:05:00", "00:10:00"]] * 6
    assert dict(yard.boot().timers) == dict(b.timers) == {}


@pytest.mark.stores("postgresql")
def test_a_job_that_an_application_holds_is_passed_over(yard):
    """No controller waits for an application: the other jobs fire, this one when it is free again."""
    for name in ("held", "free"):
        yard.declare(name)
    yard.step()
    yard.at("00:05:00")
    with yard.store.begin("application") as transaction:
        transaction.perform(jobs.held(yard.scope, "held"))
        yard.step()
        assert (yard.status("held"), yard.status("free")) == ("completed", "scheduled")
        assert yard.controller.turn(yard.watch.now()) == yard.watch.now() + SECOND // 2
    yard.later(0.5).step()
    assert yard.nominals("held") == ["00:05:00"]


def test_the_map_can_be_made_again_at_any_moment(yard):
    """S3-48, S3-49, S3-50: whatever happened so far, a fresh map equals the live one, entry for entry."""
    clocks = {"a": FIVE_MINUTES, "b": HOURLY, "c": Cron("*/7 * * * *"), "d": None}
    for name, clock in clocks.items():
        yard.declare(name, clock)
    steps = [
        lambda: yard.start("a"), yard.fail, lambda: yard.declare("b", MINUTELY), lambda: yard.later(70),
        lambda: yard.stop("c"), lambda: yard.start("b"), yard.run, lambda: yard.schedule("c", MINUTELY),
        lambda: yard.later(400), lambda: yard.take(4), lambda: yard.delete("d"), lambda: yard.later(40),
    ]  # fmt: skip
    for step in steps:
        step()
        yard.step()
        fresh = yard.another()
        fresh.boot(yard.watch.now())
        assert dict(fresh.timers) == dict(yard.controller.timers)
        assert dict(fresh.retries) == dict(yard.controller.retries)
        with yard.store.read() as transaction:
            rows = job_reading.listed(transaction, "default")
        assert {row.id for row in rows if row.status in FIRE_SET and row.recurs} == set(yard.controller.timers)
        assert yard.controller.timers.live == len(yard.controller.timers)
        for row in rows:
            assert yard.folded(row.name) == row.state, "S3-58"


def test_what_there_is_to_see_of_a_fire(yard):
    """S3-72: counters of fires, skips, drops, errors and coalesced occurrences."""
    yard.declare("a")
    yard.declare("b")
    yard.step()
    yard.controller.compare_every = 10**12
    yard.stop("b")
    yard.later(610).controller.run_due(yard.watch.now())
    counts = yard.controller.counts
    assert (counts.fires, counts.coalesced, counts.skips, counts.drops, counts.errors) == (1, 1, 1, 1, 0)


def test_wake_ups_name_the_job_and_its_event(store):
    """A wake-up about what is known already costs no statement; one about something new reads that job alone."""
    yard = Yard(store)
    yard.declare("a")
    yard.declare("b")
    yard.step()
    counted = yard.count()
    yard.controller.hear(f"job:{yard.id('a')}:1")
    counted.clear()
    yard.controller.turn(yard.watch.now())
    assert counted == {}
    put = yard.declare("a", HOURLY)
    counted.clear()
    yard.controller.hear(f"job:{put.id}:{put.seq}")
    yard.controller.turn(yard.watch.now())
    assert {name: times for name, times in counted.items() if name not in ("begin", "commit")} == {"jobs_by_id": 1}
    assert yard.timers()[put.id] == "01:00:00"
