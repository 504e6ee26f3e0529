"""Beginning from the log: what a fresh controller finds, and what happened while there was none (4.5)."""

from contextlib import contextmanager

import pytest

from tests.engine.jobs.yard import FIVE_MINUTES, HOURLY, MINUTELY, Yard, instant
from tickwork.clocks import Cron
from tickwork.model.job import Descriptor
from tickwork.model.job_run import Ended, completed
from tickwork.store import job_orders, jobs
from tickwork.watch import HOUR, SECOND

NINE = ("scheduled", "running", "completed", "stop requested", "stopping", "stopped", "error", "fatal", "unknown")


def put_into(yard, name, status):
    """Drive a job along the table of statuses until it is there."""
    if status == "completed":
        yard.start(name)
        yard.run()
        return
    if status == "unknown":
        yard.force(name, status="paused by a newer version")
        return
    if status == "stopped":
        yard.stop(name)
        return
    yard.start(name)
    if status == "scheduled":
        yard.force(name, handler="nobody has it")
        return
    (run,) = yard.take()
    if status in ("error", "fatal"):
        yard.work.settle(run, Ended(status, {"code": "x"}))
    if status in ("stop requested", "stopping"):
        yard.stop(name)
    if status == "stopping":
        yard.work.acknowledge(run)


def nine_jobs(yard, clock):
    yard.work.handlers = NINE
    for status in NINE:
        yard.declare(status, clock)
        put_into(yard, status, status)
    assert [yard.row(status).state.status for status in NINE] == list(NINE)


def names(yard, controller):
    return {name for name in NINE if yard.id(name) in controller.timers}


def test_which_statuses_are_recovered(yard):
    """T-068, S3-10, S3-55: of nine jobs, one per status, those in completed, error and fatal."""
    nine_jobs(yard, MINUTELY)
    yard.later(5)
    assert names(yard, yard.boot()) == {"completed", "error", "fatal"}


def test_one_shot_jobs_are_not_recovered(yard):
    """S3-11."""
    nine_jobs(yard, HOURLY)
    for status in NINE:
        yard.declare(status, None)
    assert yard.boot().timers == {}


def test_the_map_of_the_requirements(yard):
    """S3-01: interval completed, cron in error, interval fatal; not one-shot, not running."""
    for name, clock in (("1", HOURLY), ("2", Cron("0 * * * *")), ("3", HOURLY), ("4", None), ("5", HOURLY)):
        yard.declare(name, clock)
    yard.run()  # the one-shot
    put_into(yard, "2", "error")
    put_into(yard, "3", "fatal")
    put_into(yard, "5", "running")
    assert {name for name in "12345" if yard.id(name) in yard.boot().timers} == {"1", "2", "3"}


def test_a_fire_that_was_missed_happens_at_once_and_once(store):
    """T-061, S3-13, S3-14, S3-29, S3-53: 06:00 fires at 11:47, and stands for five more."""
    yard = Yard(store)
    yard.declare(clock=HOURLY)
    yard.completed_at("05:10:00").at("11:47:00")
    controller = yard.boot()
    assert controller.next_wakeup <= yard.watch.now()
    yard.step()
    (cause,) = yard.causes()[-1:]
    assert cause == {"by": "trigger", "nominal_at": instant("06:00:00"), "late_for": 20_820 * SECOND, "coalesced": 5}
    assert yard.nominals() == ["06:00:00"]
    assert controller.counts.coalesced == 5


def test_three_days_down_is_one_fire(store):
    """T-062, S3-52, S3-53."""
    yard = Yard(store)
    yard.declare(clock=HOURLY)
    yard.completed_at("05:10:00").at("2026-01-04T05:30:00")
    yard.boot()
    yard.step()
    assert len(yard.nominals()) == 1
    assert yard.causes()[-1]["coalesced"] == 71
    yard.at("2026-01-04T05:32:00")
    yard.run()
    yard.step()
    assert yard.controller.timers[yard.id()].fire_at == instant("2026-01-04T06:00:00")
    assert len(yard.nominals()) == 1


def test_a_late_fire_does_not_shift_the_grid(store):
    """T-064."""
    yard = Yard(store)
    yard.declare(clock=FIVE_MINUTES)
    yard.completed_at("10:07:12").at("10:11:30")
    yard.boot()
    yard.step()
    assert yard.nominals() == ["10:10:00"]
    yard.at("10:11:45")
    yard.run()
    yard.step()
    assert yard.entry() == "10:15:00"


def test_a_job_that_skips_waits_for_its_next(store):
    """T-065."""
    yard = Yard(store)
    yard.declare(clock=FIVE_MINUTES, misfire="skip")
    yard.completed_at("10:07:12").at("10:11:30")
    yard.boot()
    assert yard.entry() == "10:15:00"
    yard.step()
    assert yard.nominals() == []
    yard.at("10:16:30").step()  # the running controller was late, too
    assert yard.nominals() == []
    assert yard.entry() == "10:20:00"
    assert yard.controller.counts.skips == 1


def test_an_error_with_a_missed_tick(store):
    """T-067."""
    yard = Yard(store)
    yard.declare(clock=HOURLY)
    yard.failed_at("05:10:00").at("11:47:00")
    yard.boot()
    yard.step()
    assert yard.kinds() == "scheduled running error fatal scheduled"


@pytest.mark.parametrize("text", ['{"note":"interval"}', '{"note":"interval","trigger":{"type":"one_shot"}}'])
def test_a_descriptor_that_merely_mentions_an_interval(yard, text):
    """T-070, S3-12."""
    yard.declare(clock=HOURLY)
    yard.force("job", descriptor=text)
    assert yard.boot().timers == {}
    assert yard.controller.memory.readings.invalid == {}


@pytest.mark.parametrize(
    "text", ["not json", '{"trigger":{"type":"hourly"}}', "[]", '{"trigger":{"type":"interval","every_secs":0}}']
)
def test_one_bad_row_does_not_stop_boot(yard, caplog, text):
    """S3-15, S3-63, S3-11, T-046: told once, counted, listed; the others are there."""
    for name in ("a", "b", "c"):
        yard.declare(name)
    yard.force("b", descriptor=text)
    controller = yard.boot()
    assert set(controller.timers) == {yard.id("a"), yard.id("c")}
    assert list(controller.memory.readings.invalid) == [yard.id("b")]
    yard.step()
    assert [record.levelname for record in caplog.records if "invalid trigger" in record.message] == ["ERROR"]


def test_boot_is_one_query(yard):
    """S3-09, S3-46: one statement reads the jobs, one the number of the newest event; never again while it follows."""
    yard.declare()
    counted = yard.count()
    yard.boot()
    statements = {name: times for name, times in counted.items() if name not in ("begin", "commit")}
    assert statements == {"newest_job_event": 1, "jobs_at_rest": 1}
    yard.at("00:05:00").step()
    yard.run()
    yard.step()
    assert counted["jobs_at_rest"] == 1


def test_nothing_falls_between_the_boot_query_and_following(yard, monkeypatch):
    """S3-16: an end that is committed right after the query's snapshot is in the map after the next turn."""
    yard.declare()
    yard.start()
    (run,) = yard.take()
    read = yard.store.dialect.begin
    booted = []

    @contextmanager
    def and_then(*role, **how):
        with read(*role, **how) as transaction:
            yield transaction
        if not booted:
            booted.append(True)
            yard.work.settle(run, completed())

    monkeypatch.setattr(yard.store.dialect, "begin", and_then)
    controller = yard.boot()
    assert booted
    assert controller.timers == {}
    controller.hear("")
    controller.turn(yard.watch.now())
    assert yard.entry() == "00:05:00"


def test_the_boot_query_uses_the_index_of_statuses(store):
    """S3-17: it reads no log, and of the jobs those at rest alone."""
    text = getattr(store.dialect.book["jobs_at_rest"], store.dialect.style)
    assert "job_event" not in text
    if store.dialect.name == "sqlite":
        plan = store.dialect.connect().execute(f"explain query plan {text}", {"now": 0}).fetchall()
        assert any("job_at_rest" in row[3] for row in plan), plan
    else:
        with store.dialect.connect() as connection:
            connection.execute("set enable_seqscan = off")
            plan = connection.execute("explain " + text, {"now": 0}).fetchall()
        assert any("job_at_rest" in row[0] for row in plan), plan


def test_a_crash_after_the_commit_of_a_fire(yard):
    """T-073: scheduled, in no map, and a worker finds it by itself."""
    yard.declare()
    yard.at("00:05:00").boot()
    yard.controller.turn(yard.watch.now())
    controller = yard.boot()
    assert yard.status() == "scheduled"
    assert controller.timers == {}
    assert yard.run() == "completed"


def test_a_run_that_ends_elsewhere_after_boot(yard):
    """T-074: found by the comparison alone, no wake-up was heard."""
    yard.declare()
    yard.start()
    (run,) = yard.take()
    controller = yard.boot()
    controller.turn(yard.watch.now())
    yard.heartbeat(run)
    yard.at("00:02:00")
    yard.work.settle(run, completed())
    controller.turn(yard.watch.now())
    assert yard.entry() == "00:05:00"


def test_the_clock_steps_forward_while_sleeping(yard):
    """T-076: noticed within the longest sleep; one fire per due job."""
    for name in ("a", "b"):
        yard.declare(name)
    yard.step()
    again_at = yard.controller.turn(yard.watch.now())
    assert again_at - yard.watch.now() <= 30 * SECOND
    yard.later(2 * 3600)
    yard.controller.run_due(yard.watch.now())
    assert yard.controller.counts.fires == 2
    assert len(yard.nominals("a")) == len(yard.nominals("b")) == 1


def test_no_column_holds_the_next_fire(yard):
    """S3-04, S3-42, S3-43, S3-44, T-146: neither schema nor verbs know such a thing; the log alone gives the same map."""
    for statement in yard.store.dialect.book.statements():
        if statement.source == "jobs.sql" or "tickwork_job" in statement.text:
            assert "next" not in statement.text.replace("next_wake_at", "").replace("next_at", "")
    assert not [name for module in (jobs, job_orders) for name in dir(module) if "next_fire" in name]
    yard.declare()
    yard.completed_at("10:07:12").step()
    live = dict(yard.controller.timers)
    state = yard.folded()
    assert state == yard.row().state
    yard.controller.forget()
    yard.controller.turn(yard.watch.now())
    assert dict(yard.controller.timers) == live


def test_a_declaration_of_the_foreign_form_fires_the_same(yard):
    """T-040."""
    from tickwork.model.job import read_plain

    descriptor = read_plain("job", {"trigger": {"type": "interval", "every_secs": 300}}, strict=True)
    assert descriptor == Descriptor("job", FIVE_MINUTES)
    yard.declare()
    yard.force("job", descriptor='{"trigger":{"type":"interval","every_secs":300},"handler":"job"}')
    yard.boot()
    assert yard.entry() == "00:05:00"


def test_an_hourly_trigger_fires_all_and_a_job_once(yard):
    """T-139: the job's half: three days missed are one event (the trigger's half: 72, with misfire all)."""
    yard.declare(clock=HOURLY)
    yard.completed_at("05:00:00").at("2026-01-04T05:30:00").step()
    assert len(yard.nominals()) == 1
    assert (yard.causes()[-1]["late_for"] // HOUR) == 71
