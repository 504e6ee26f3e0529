"""Running and retrying: claims, outcomes, the retry cycle, workers that die (4.6)."""

import pytest

from tests.engine.jobs.yard import FIVE_MINUTES, HOURLY, Yard
from tickwork.engine.generators.jobs import Jobs
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.worker import Worker
from tickwork.errors import LeaseLost, StoreUnavailable
from tickwork.model.job_log import attempts_in_cycle, attempts_since_last_completed
from tickwork.model.job_retry import JobRetry
from tickwork.model.job_run import completed, failed
from tickwork.signals import Decline, GiveUp, RetryAfter
from tickwork.store.job_runs import JobRuns
from tickwork.watch import SECOND


def test_an_error_is_retried_within_its_cycle(yard):
    """S3-65, S3-68, T-079: after 1, 2, 4 s; a retry removes the timer until the next end."""
    yard.declare(clock=HOURLY)
    yard.start()
    for wait in (1, 2, 4, 8):
        yard.fail()
        yard.step()
        assert len(yard.timers()) == 1
        yard.later(wait - 0.001).step()
        assert yard.status() == "error"
        yard.later(0.001).step()
        assert yard.status() == "scheduled"
        assert yard.timers() == {}
    assert [cause.get("attempt") for cause in yard.causes()] == [None, 1, 2, 3, 4]
    yard.run()
    row = yard.row()
    assert (row.since_completed, row.in_cycle, row.error) == (0, 0, None)


def test_retry_and_timer_at_the_same_instant(store):
    """T-085, S3-67: the clock wins; one scheduled event only."""
    yard = Yard(store)
    yard.declare(clock=HOURLY, retry=JobRetry(backoff="fixed", base=2 * SECOND))
    yard.at("10:59:58").start()
    yard.fail()
    yard.step()
    yard.at("11:00:00").step()
    assert yard.kinds() == "scheduled running error fatal scheduled"
    assert [cause["by"] for cause in yard.causes()] == ["start", "trigger"]


def test_a_bounded_cycle_ends_fatal(yard):
    """T-082: attempts 0, 1, 2 are retried; the fourth failure is fatal, and the clock goes on."""
    yard.declare(clock=HOURLY, retry=JobRetry("bounded", 3))
    yard.start()
    ends = []
    for _ in range(4):
        ends.append(yard.fail())
        yard.step()
        yard.later(10).step()
    assert ends == ["error", "error", "error", "fatal"]
    assert yard.status() == "fatal"
    assert len(yard.timers()) == 1


def test_no_retry_at_all(yard):
    """T-082: strategy none: the first failure is final."""
    yard.declare(clock=HOURLY, retry=JobRetry("none"))
    yard.start()
    assert yard.fail() == "fatal"
    assert dict(yard.boot().retries) == {}


def test_the_two_counters(yard):
    """T-086, S3-47: S R C S R E S R E: two since the last completed, two in this cycle."""
    yard.declare(clock=HOURLY)
    yard.start()
    yard.run()
    for _ in range(2):
        yard.start()
        yard.fail()
    kinds = yard.kinds().split()
    assert kinds == "scheduled running completed scheduled running error scheduled running error".split()
    assert (attempts_since_last_completed(kinds), attempts_in_cycle(kinds)) == (2, 2)
    assert (yard.row().since_completed, yard.row().in_cycle) == (2, 2)


def test_each_fire_begins_a_fresh_cycle(store):
    """T-088, S3-66: a job that fails at every run for 30 fires waits 1 s after each fire, not 2**30."""
    yard = Yard(store)
    yard.declare(clock=FIVE_MINUTES)
    yard.step()
    waits = []
    for _ in range(30):
        yard.watch.set(yard.controller.timers[yard.id()].due_at)
        yard.step()
        (run,) = yard.take()
        assert run.attempt == 0
        yard.later(1)
        yard.work.settle(run, failed(ValueError("no"), run))
        yard.step()
        (errand,) = yard.controller.retries.values()
        waits.append((errand.due_at - yard.watch.now()) // SECOND)
    assert waits == [1] * 30
    assert yard.row().since_completed == 30


def test_no_retry_of_a_cycle_that_was_abandoned(yard):
    """S3-66: after the fire nothing of the old cycle is left, live or at boot."""
    yard.declare(retry=JobRetry(backoff="fixed", base=600 * SECOND))
    yard.failed_at("00:04:00").step()
    assert len(yard.controller.retries) == 1
    yard.at("00:05:00").step()
    assert len(yard.controller.retries) == 0 == len(yard.boot().retries)
    yard.at("00:14:00").step()
    assert yard.kinds().count("scheduled") == 2


def test_errors_are_kept_structured(yard):
    """S3-76: code, message, chain of causes, attempt."""
    yard.declare()
    yard.start()
    (run,) = yard.take()
    try:
        try:
            raise KeyError("x")
        except KeyError as cause:
            raise RuntimeError("no row") from cause
    except RuntimeError as error:
        yard.work.settle(run, failed(error, run))
    told = yard.log()[-1].entry.told
    assert told == {"code": "RuntimeError", "message": "no row", "causes": ["KeyError: 'x'"], "attempt": 0, "worker": 1}


@pytest.mark.parametrize(
    ("signal", "status", "wait"),
    [(GiveUp("no use"), "fatal", None), (Decline("not needed"), "completed", None), (RetryAfter(90), "error", 90)],
)
def test_signals_of_a_handler(yard, signal, status, wait):
    yard.declare(clock=HOURLY)
    yard.start()
    assert yard.fail(signal) == status
    yard.step()
    assert [(errand.due_at - yard.watch.now()) // SECOND for errand in yard.controller.retries.values()] == (
        [] if wait is None else [wait]
    )


def test_a_worker_that_dies_leaves_an_error(yard):
    """S3-70: the lease stands still for its length on the controller's steady clock: error, and the timer is there."""
    yard.declare()
    yard.start()
    yard.step()
    (run,) = yard.take()
    for _ in range(4):
        yard.later(30)
        yard.heartbeat(run)
        yard.step()
        assert yard.status() == "running"
    yard.later(29.9).step()
    assert yard.status() == "running"
    yard.later(30.1).step()
    assert yard.status() == "error"
    assert yard.log()[-1].entry.told["code"] == "lost"
    assert len(yard.timers()) == 1
    with pytest.raises(LeaseLost):
        yard.work.settle(run, completed())
    assert yard.status() == "error"


def test_a_worker_that_dies_while_it_is_to_stop(yard):
    """S3-70, S3-74."""
    yard.declare()
    yard.start()
    yard.step()
    yard.take()
    yard.stop()
    for _ in range(3):
        yard.later(30).step()
    assert yard.kinds() == "scheduled running stop requested stopping stopped"


def test_a_job_never_overlaps_itself(yard):
    """Two workers ask for the same offer: one gets it."""
    yard.declare()
    yard.start()
    other = JobRuns(yard.store, worker_id=2)
    ids = [each.id for each in yard.work.scheduled(5)]
    assert ids == [each.id for each in other.scheduled(5)] == [yard.id()]
    assert len(yard.take_these(yard.work, ids)) == 1
    assert yard.take_these(other, ids) == []
    assert yard.start().did == "exists"


def test_a_worker_takes_what_it_knows(yard):
    yard.declare("a")
    yard.declare("b", priority=5)
    yard.start("a")
    yard.start("b")

    def offered(work: JobRuns) -> list[str]:
        return [each.name for each in work.scheduled(5)]

    assert offered(JobRuns(yard.store, 2, handlers=("a",))) == ["a"]
    assert offered(JobRuns(yard.store, 2, namespaces=("other",))) == []
    assert offered(yard.work) == ["b", "a"]


class Calls:
    """Calls a function of the test's for every run, at once, or when the test says so."""

    known = ("job", "a", "b")

    def __init__(self, function, coroutine=False):
        self.function, self.coroutine = function, coroutine

    def is_async(self, handler):
        return self.coroutine

    def lease(self, handler):
        return 30 * SECOND

    def call(self, run):
        try:
            return self.function(run)
        except Exception as error:
            return failed(error, run)

    async def call_async(self, run):
        return self.call(run)

    def close(self): ...


def worker_of(yard, function, concurrency=1):
    """A worker that draws from jobs alone; what it is given runs at once."""
    return Worker(yard.store, [Jobs(yard.work, Calls(function))], Appetite(concurrency), at_once=True)


def test_from_fire_to_fire_without_a_queue(yard):
    """The worker draws each run; a failure is retried; the cadence goes on."""
    yard.declare()
    ran = []

    def execute(run):
        ran.append((run.name, run.attempt))
        if len(ran) == 1:
            raise ValueError("no")
        return completed({"rows": 3})

    worker = worker_of(yard, execute, 2)
    for _ in range(14):
        yard.step()
        worker.run_due()
        yard.later(60)
    assert ran == [("job", 0), ("job", 1), ("job", 0)]
    assert yard.nominals() == ["00:05:00", "00:10:00"]
    assert yard.status() == "completed"


def test_runs_that_take_their_time(yard):
    """A run that goes on: heartbeats meanwhile, and a stop reaches it within a second; one hand takes one run."""
    yard.declare("a")
    yard.declare("b")
    yard.start("a")
    yard.start("b")
    ran = []

    def long(run):
        ran.append(run.name)
        if len(ran) > 1:
            return completed()
        worker.heartbeat.turn(yard.watch.now())
        yard.stop(run.name)
        for _ in range(5):
            yard.later(20)
            worker.heartbeat.turn(yard.watch.now())
            yard.step()
        assert run.stopping.is_set()
        assert yard.status(run.name) == "stopping"
        assert ran == ["a"]
        return completed()

    worker = worker_of(yard, long)
    assert worker.run_due() == 2
    assert ran == ["a", "b"]
    assert (yard.status("a"), yard.status("b")) == ("stopped", "completed")


def test_an_end_that_cannot_be_written_down_is_kept(yard):
    """The database is away when a run ends: its lease is renewed meanwhile, and the end is written when it is back."""
    yard.declare()
    yard.start()
    worker = worker_of(yard, lambda run: completed({"rows": 3}))

    def away(statement):
        if statement == "lock_job_by_name":
            raise StoreUnavailable("down")

    worker.number()
    yard.store.dialect.on_statement = away
    worker.pump.turn(yard.watch.now())
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            worker.pump.turn(yard.watch.now())
        yard.later(15)
        worker.heartbeat.turn(yard.watch.now())
        yard.step()
        assert yard.status() == "running"
    yard.store.dialect.on_statement = None
    worker.pump.turn(yard.watch.now())
    assert yard.status() == "completed"
    assert yard.log()[-1].entry.told["result"] == {"rows": 3}
    assert worker.pump.empty


def test_a_run_that_is_cut_off_is_an_error_and_retried(yard):
    """A worker that is told to stop at once writes down that its runs were cut off; what they do then is discarded."""
    yard.declare()
    yard.start()

    def cut(run):
        worker.pump.close()
        for source in worker.sources:
            source.interrupt()
        return completed()

    worker = worker_of(yard, cut)
    worker.run_due()
    assert yard.status() == "error"
    assert yard.log()[-1].entry.told["code"] == "InterruptedError"
    assert yard.row().lease is None


def test_one_that_never_began_is_given_back(yard):
    """A run that was claimed and finds no hand any more, since the worker stops, is an error that is retried."""
    yard.declare()
    yard.start()
    ran = []
    worker = worker_of(yard, ran.append)
    wishes = worker.pump.plan.wishes(1, yard.watch.now(), [])
    worker.pump.close()
    worker.pump._exchange_all([], wishes, yard.watch.now())
    worker.pump.settle_all(yard.watch.now())
    assert (ran, yard.status()) == ([], "error")


def test_how_far_a_run_has_come_stands_with_its_lease(yard):
    yard.declare()
    yard.start()
    seen = []

    def long(run):
        run.progress(0.25, "a quarter")
        worker.heartbeat.turn(yard.watch.now())
        with yard.store.read() as transaction:
            seen.extend(transaction.all("in_hand"))
        return completed()

    worker = worker_of(yard, long)
    worker.run_due()
    ((_, generator, identifier, *_, progress, note, _),) = seen
    assert (generator, identifier, progress, note) == ("jobs", "job", 0.25, "a quarter")


def test_a_handler_that_looks_sees_that_it_should_stop(yard):
    yard.declare()
    yard.step()
    yard.at("00:05:00").step()
    (run,) = yard.take()
    assert (run.cancelled, run.planned_at.isoformat(), run.identifier) == (
        False,
        "2026-01-01T00:05:00+00:00",
        "jobs/job",
    )
    yard.stop()
    yard.work.acknowledge(run)
    assert run.cancelled
