"""Builds that run for longer than their plan allows, and objects that are looked at now and then."""

import os
import time

import pytest

from tickwork.engine.generators.deadline import Deadline
from tickwork.engine.generators.polling import Polling
from tickwork.watch import SECOND

OVERDUE = """
select b.id as identifier from build b join plan p on p.id = b.plan_id
 where b.status = 'running' and b.started_at + p.seconds * 1000000 <= :now order by b.started_at, b.id
"""
FAIL = "update build set status = 'failed', failures = failures + 1 where id = {} and status = 'running'"


def builds(field, count, seconds):
    field.sql("create table plan (id integer primary key, seconds bigint)")
    field.sql(
        "create table build (id integer primary key, plan_id integer, status text, started_at bigint, failures integer)"
    )
    field.sql(f"insert into plan values (1, {seconds}), (2, null)")
    now = field.watch.now()
    rows = ", ".join(f"({number}, 1, 'running', {now}, 0)" for number in range(1, count + 1))
    field.sql(f"insert into build values {rows}, (0, 2, 'running', {now}, 0)")


def timeouts():
    return Deadline("build-timeout", OVERDUE, lambda identifier, own: own.execute(FAIL.format(int(identifier))))


def failed(field):
    return field.sql("select count(*), coalesce(sum(failures), 0) from build where status = 'failed'")[0]


def test_g16_the_plan_changes_and_every_build_follows(field):
    """G16: time-out 1 h, running; plan changed to 2 h at 59 min: none failed at 1 h; all failed once at 2 h."""
    count = 200
    builds(field, count, 3600)
    pump = field.pump(timeouts(), hands=50)
    field.later(59 * 60)
    pump.run_due(field.watch.now)
    field.sql("update plan set seconds = 7200 where id = 1")
    field.later(60)
    pump.run_due(field.watch.now)
    assert failed(field) == (0, 0)
    field.later(3599)
    pump.run_due(field.watch.now)
    assert failed(field) == (0, 0)
    field.later(1)
    pump.run_due(field.watch.now)
    assert failed(field) == (count, count), "each one once"
    assert field.sql("select status from build where id = 0") == [("running",)], "null is never"
    assert field.one("select count(*) from tickwork.trigger") == 0
    assert field.keys("build-timeout") == []
    field.later(3600)
    pump.run_due(field.watch.now)
    assert failed(field) == (count, count)


def test_a_build_that_ends_before_it_is_failed(field):
    """It is looked at once more, in the transaction in which it would be failed."""
    builds(field, 1, 60)
    field.later(61)
    pump = field.pump(timeouts(), at_once=False)
    pump.turn(field.watch.now())
    field.sql("update plan set seconds = 600 where id = 1")
    (work,) = pump.running.values()
    pump.call(work)
    assert failed(field) == (0, 0)


def test_each_object_has_its_own_rhythm(field):
    field.sql("create table repository (id integer primary key)")
    field.sql("insert into repository values (1), (2), (3)")
    seen = []

    def look(identifier):
        seen.append((identifier, (field.watch.now() - start) // SECOND))
        return {"1": 10, "2": 1}.get(identifier)

    start = field.watch.now()
    pump = field.pump(Polling("pull", "select id as identifier from repository", look, period=60, throttle=5))
    for _ in range(31):
        pump.run_due(field.watch.now)
        field.later(1)
    times = {key: [at for each, at in seen if each == key] for key in "123"}
    assert times == {"1": [0, 10, 20, 30], "2": [0, 5, 10, 15, 20, 25, 30], "3": [0]}


def test_so_many_at_once_over_all_workers(field):
    field.sql("create table repository (id integer primary key)")
    field.sql("insert into repository values (1), (2), (3), (4), (5), (6)")
    polling = [Polling("pull", "select id as identifier from repository", print, limit=4) for _ in range(2)]
    pumps = [field.pump(each, hands=3, at_once=False) for each in polling]
    for pump in pumps:
        pump.turn(field.watch.now())
    assert sum(len(pump.running) for pump in pumps) == 4


def test_one_that_fails_is_looked_at_later_and_later(field):
    field.sql("create table repository (id integer primary key)")
    field.sql("insert into repository values (1)")
    times = []

    def look(identifier):
        times.append((field.watch.now() - start) // SECOND)
        raise OSError

    start = field.watch.now()
    pump = field.pump(Polling("pull", "select id as identifier from repository", look, period=60))
    for _ in range(500):
        pump.run_due(field.watch.now)
        field.later(1)
    assert times == [0, 60, 180, 420]


def hang(identifier):
    os.write(int(os.environ["TICKWORK_TEST_HANGING"]), b"x") if "TICKWORK_TEST_HANGING" in os.environ else None
    time.sleep(3600)


def quick(identifier):
    return 7


@pytest.mark.stores("sqlite")
def test_one_that_takes_too_long_is_killed(field):
    field.sql("create table repository (id integer primary key)")
    field.sql("insert into repository values (1)")
    objects = "select id as identifier from repository"
    began = time.monotonic()
    field.run_due(Polling("slow", objects, hang, kill_after=0.5))
    assert time.monotonic() - began < 60
    key, _, failures, lease = field.keys("slow")[0]
    assert (key, failures, lease) == ("1", 1, None)
    field.run_due(Polling("quick", objects, quick, kill_after=60, throttle=1))
    assert field.sql("select next_wake_at from tickwork.generator where name = 'quick' and key = '1'") == [
        (field.watch.now() + 7 * SECOND,)
    ]
