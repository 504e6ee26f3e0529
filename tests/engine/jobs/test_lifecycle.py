"""The life of a job and its timer, case by case (4.4), on every store."""

import pytest

from tests.engine.jobs.yard import FIVE_MINUTES, HOURLY, MINUTELY, Yard, instant
from tickwork.clocks import Cron, Every
from tickwork.errors import NotFound, StateConflict
from tickwork.model.job_run import completed
from tickwork.watch import SECOND


def test_a_completed_job_fires_at_its_next_tick(yard):
    """T-047, S3-31, S3-03, S3-21."""
    yard.declare()
    yard.completed_at("10:07:12").step()
    assert yard.entry() == "10:10:00"
    yard.watch.set(instant("10:10:00") - 1)
    yard.step()
    assert yard.timers() == {yard.id(): "10:10:00"}
    yard.at("10:10:00").step()
    assert yard.nominals() == ["10:10:00"]
    assert yard.timers() == {}
    assert yard.status() == "scheduled"


def test_a_timer_follows_its_own_cadence(yard):
    """S3-02, S3-08, S3-23: nominals are an arithmetic progression, though every fire is 3 s late; one row, one id."""
    made = yard.declare()
    yard.step()
    for _ in range(3):
        yard.watch.set(yard.controller.next_wakeup)
        yard.later(3).step()
        yard.run()
        yard.later(10).step()
    assert yard.nominals() == ["00:05:00", "00:10:00", "00:15:00"]
    assert yard.id() == made.id
    assert [cause["late_for"] for cause in yard.causes()] == [3 * SECOND] * 3


def test_the_anchor_is_the_creation(store):
    """S3-07, S3-60: created 00:00:17, every 60 s: every nominal ends in :17, whatever the run time or a restart."""
    yard = Yard(store, "00:00:17")
    yard.declare(clock=MINUTELY)
    for lasting in (1, 59, 61, 3):
        yard.boot()
        yard.watch.set(yard.controller.next_wakeup)
        yard.step()
        (run,) = yard.take()
        yard.later(lasting)
        yard.work.settle(run, completed())
    assert [nominal[-2:] for nominal in yard.nominals()] == ["17"] * 4
    yard.declare(clock=FIVE_MINUTES)
    assert yard.row().created_at == instant("00:00:17")


def test_a_changed_cadence_replaces_the_timer(store):
    """T-049, S3-33, S3-35: 5 min becomes 10 min while idle; nothing fires at 03:07."""
    yard = Yard(store, "00:02:00")
    yard.declare()
    yard.completed_at("03:02:30").at("03:03:00").step()
    assert yard.entry() == "03:07:00"
    assert yard.declare(clock=Every(600)).did == "changed"
    yard.step()
    assert yard.entry() == "03:12:00"
    yard.at("03:07:00").step()
    assert yard.nominals() == []
    yard.at("03:12:00").step()
    assert yard.nominals() == ["03:12:00"]


def test_a_new_deployment_removes_the_timer_until_its_run_has_ended(store):
    """T-050, S3-34."""
    yard = Yard(store, "00:02:00")
    yard.declare()
    yard.completed_at("03:02:00").at("03:03:00").step()
    yard.schedule(clock=Every(600))
    yard.step()
    assert yard.kinds().endswith("completed scheduled")
    assert yard.timers() == {}
    yard.at("03:04:00")
    yard.run()
    yard.step()
    assert yard.entry() == "03:12:00"


def test_a_tick_exactly_at_completion_is_not_fired(yard):
    """T-052."""
    yard.declare(clock=MINUTELY)
    yard.completed_at("00:07:00").step()
    assert yard.entry() == "00:08:00"


def test_a_fire_on_an_error_gives_the_cycle_up_first(yard):
    """T-053, S3-20, S3-66, S3-76: FATAL, then SCHEDULED, one after the other in one transaction."""
    yard.declare(retry=_slow())
    yard.failed_at("10:07:12").step()
    assert yard.entry() == "10:10:00"
    yard.at("10:10:00").step()
    assert yard.kinds() == "scheduled running error fatal scheduled"
    fatal, scheduled = yard.log()[-2:]
    assert (scheduled.seq, scheduled.at) == (fatal.seq + 1, fatal.at)
    assert fatal.entry.told["cause"] == "abandoned_by_trigger"
    assert fatal.entry.told["code"] == "ValueError"
    assert yard.status() == "scheduled"
    assert yard.row().in_cycle == 1


def test_a_job_that_runs_when_its_timer_is_due_is_left_alone(yard):
    """T-055, S3-19, S3-22: the status is read afresh; single flight."""
    yard.declare()
    yard.completed_at("10:07:12").at("10:09:45").step()
    yard.at("10:09:50")
    yard.start()
    (run,) = yard.take()
    yard.at("10:10:00").controller.run_due(yard.watch.now())  # it has heard nothing of the start
    assert yard.nominals() == []
    assert yard.timers() == {}
    assert yard.controller.counts.skips == 1
    yard.at("10:11:00")
    yard.work.settle(run, completed())
    yard.step()
    assert yard.entry() == "10:15:00"


def test_stopping_an_idle_job(yard):
    """T-056, S3-37, S3-38, S3-10: a stopped event, no fire, and not recovered at boot."""
    yard.declare()
    yard.completed_at("10:07:12").step()
    assert yard.at("10:08:00").stop().did == "stopped"
    yard.step()
    assert yard.timers() == {}
    yard.at("10:10:00").step()
    assert yard.kinds().endswith("stopped")
    assert yard.boot().timers == {}
    assert yard.stop().did == "stopped"


def test_deleting_a_job(yard):
    """T-058, S3-36, S3-73: row, events and entry are gone; one tombstone says so; again is no error."""
    yard.declare()
    yard.completed_at("10:07:12").step()
    job_id = yard.id()
    assert yard.at("10:08:00").delete().did == "deleted"
    yard.step()
    assert yard.status() == "gone"
    assert yard.timers() == {}
    yard.at("10:10:00").step()
    assert yard.log() == []
    assert yard.delete().did == "unknown"
    from tickwork.store import job_reading

    with yard.store.read() as transaction:
        (left,) = job_reading.log_of(transaction, job_id)
        (tomb,) = job_reading.tombstones(transaction)
    assert left == tomb
    assert (tomb.kind, tomb.entry.told["name"]) == ("deleted", "job")


def test_deleting_an_active_job_is_a_conflict(yard):
    """S3-73."""
    yard.declare()
    yard.start()
    for status in ("scheduled", "running", "stop requested", "stopping"):
        if status == "running":
            (run,) = yard.take()
        if status == "stop requested":
            yard.stop()
        if status == "stopping":
            yard.work.acknowledge(run)
        with pytest.raises(StateConflict) as refused:
            yard.delete()
        assert refused.value.actual == status
    assert yard.work.settle(run, completed()) == "stopped"
    assert yard.delete().did == "deleted"


def test_two_notices_of_the_same_end_are_one_entry(yard):
    """T-059, S3-32, S3-50."""
    yard.declare()
    yard.completed_at("10:07:12").step()
    timers = yard.controller.timers
    before = timers[yard.id()]
    for _ in range(3):
        yard.controller.hear(f"job:{yard.id()}:99")
        yard.controller.turn(yard.watch.now())
    assert timers[yard.id()] is before
    assert timers.live == len(timers) == 1


def test_one_shot_jobs_never_enter_the_map(yard):
    """S3-39, S3-62."""
    made = yard.declare(clock=None)
    assert made.status == "scheduled"
    for happens in (yard.fail, yard.start, yard.run, yard.start, yard.fail):
        happens()
        yard.step()
        assert yard.timers() == {}


def test_from_periodic_to_one_shot_and_back(yard):
    """S3-40, S3-12: the newest descriptor alone decides, live and at boot."""
    yard.declare(clock=HOURLY)
    yard.step()
    assert len(yard.timers()) == 1
    yard.schedule(clock=None)
    yard.run()
    yard.step()
    assert yard.timers() == {} == yard.timers(yard.boot())
    yard.schedule(clock=HOURLY)
    yard.run()
    yard.step()
    assert len(yard.timers()) == 1
    assert yard.timers() == yard.timers(yard.boot())


def test_a_stopped_job_that_is_deployed_again_is_active_again(yard):
    """S3-41."""
    yard.declare()
    yard.stop()
    yard.schedule()
    yard.run()
    yard.step()
    assert yard.entry() == "00:05:00"


def test_a_changed_descriptor_while_the_job_runs(yard):
    """S3-54: the run is not disturbed; at its end the new descriptor decides."""
    yard.declare()
    yard.start()
    (run,) = yard.take()
    assert yard.declare(clock=Cron("30 * * * *")).did == "changed"
    assert yard.status() == "running"
    yard.step()
    assert yard.timers() == {}
    yard.at("00:01:00")
    yard.work.settle(run, completed())
    yard.step()
    assert yard.entry() == "00:30:00"


def test_the_same_again_while_active(yard):
    """S3-75: the same descriptor schedules nothing; another one is a conflict unless it is for the next run."""
    first = yard.schedule()
    again = yard.schedule()
    assert (again.did, again.id, again.seq) == ("exists", first.id, first.seq)
    with pytest.raises(StateConflict):
        yard.schedule(clock=HOURLY)
    assert yard.row().seq == first.seq
    assert yard.schedule(clock=HOURLY, at_next_run=True).did == "changed"
    assert [entry.kind for entry in yard.log()] == ["configured", "scheduled", "configured"]
    assert yard.start().did == "exists"


def test_the_same_declaration_changes_nothing(yard):
    """S3-60."""
    first = yard.declare()
    assert yard.later(60).declare().did == "unchanged"
    assert yard.row().seq == first.seq == 1


def test_stop_is_idempotent(yard):
    """S3-74: stop of a scheduled or running job is a request; again changes nothing."""
    with pytest.raises(NotFound):
        yard.stop()
    yard.declare()
    yard.start()
    (run,) = yard.take()
    assert yard.stop().did == "asked"
    seq = yard.row().seq
    assert yard.stop().did == "asked"
    assert yard.row().seq == seq
    assert yard.work.stops_asked([run.token]) == {yard.id()}
    yard.work.acknowledge(run)
    assert run.stopping.is_set()
    assert yard.stop().did == "asked"
    assert yard.work.settle(run, completed()) == "stopped"
    assert yard.kinds() == "scheduled running stop requested stopping stopped"


def test_stop_of_a_scheduled_job_ends_without_a_worker(yard):
    """S3-74: nobody runs it, so a controller ends it."""
    yard.declare()
    yard.start()
    assert yard.stop().did == "asked"
    yard.step()
    assert yard.kinds() == "scheduled stop requested stopping stopped"
    assert yard.take() == []


def test_stop_of_a_one_shot_job_that_is_over_changes_nothing(yard):
    """S3-74."""
    yard.declare(clock=None)
    yard.run()
    seq = yard.row().seq
    assert yard.stop().did == "over"
    assert yard.row().seq == seq


def test_a_fire_needs_no_live_worker(yard):
    """T-149, S3-69: scheduled, and picked up by a worker that comes later; the controller does not spin."""
    yard.declare()
    yard.step()
    yard.at("00:05:00").step()
    assert yard.status() == "scheduled"
    assert yard.controller.turn(yard.watch.now()) > yard.watch.now()
    assert yard.later(600).run() == "completed"


def _slow():
    from tickwork.model.job_retry import JobRetry

    return JobRetry(backoff="fixed", base=3600 * SECOND)
