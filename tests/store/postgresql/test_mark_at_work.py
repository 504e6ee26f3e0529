"""The low-water mark on a real server: what it may overlook, for how long, and what it is for."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.plans import blocks, plan_of
from tickwork import Tickwork, clocks
from tickwork.engine.triggers import mark as marks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.model.action import PutTask
from tickwork.watch import FIRST_INSTANT

pytestmark = pytest.mark.stores("postgresql")

WORK = PutTask("work")
DEADLINE_SECONDS = 120


@pytest.fixture
def app(database):
    app = Tickwork(database)
    yield app
    app.close()


def until(reached, daemon):
    """Take turns until something holds."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        daemon.turn(0)
        assert time.monotonic() < ends, "not within the deadline"


def soon(seconds=0.0):
    return clocks.Once(datetime.now(timezone.utc) + timedelta(seconds=seconds))


def steady(app, daemon, monkeypatch):
    """Fire a metronome until the mark has risen."""
    monkeypatch.setattr(marks, "BOUND_EVERY", 0)
    app.trigger("metronome", clocks.Every(0.02), WORK, unchecked=True)
    until(lambda: daemon.firings.mark.low > FIRST_INSTANT, daemon)


def test_what_an_application_held_and_let_go_is_found_by_a_scan_from_the_bottom(app, monkeypatch):
    monkeypatch.setattr(marks, "MARGIN", 0)
    daemon = TriggerDaemon(app.store)
    app.trigger("held", soon(), WORK, unchecked=True)
    daemon.planning.turn(2**60, 0)
    holder = app.store.dialect.connect()
    holder.execute("begin")
    holder.execute("update tickwork.trigger set priority = 1 where key = 'held'")
    (due_at,) = holder.execute("select due_at from tickwork.event order by trigger_id limit 1").fetchone()
    steady(app, daemon, monkeypatch)
    until(lambda: daemon.firings.mark.low > due_at, daemon)
    holder.execute("rollback")
    holder.close()
    assert app.triggers.ledger("held") == [], "passed by the mark"
    monkeypatch.setattr(marks, "BOTTOM_EVERY", 200_000)
    until(lambda: app.triggers.ledger("held"), daemon)


def test_an_idle_daemon_finds_it_in_the_first_turn_after_one_period(app, monkeypatch):
    """A daemon with nothing to do sleeps no longer than the period, and does not go by the time of its last turn."""
    monkeypatch.setattr(marks, "MARGIN", 0)
    daemon = TriggerDaemon(app.store)
    app.trigger("held", soon(), WORK, unchecked=True)
    daemon.planning.turn(2**60, 0)
    holder = app.store.dialect.connect()
    holder.execute("begin")
    holder.execute("update tickwork.trigger set priority = 1 where key = 'held'")
    (due_at,) = holder.execute("select due_at from tickwork.event order by trigger_id limit 1").fetchone()
    steady(app, daemon, monkeypatch)
    until(lambda: daemon.firings.mark.low > due_at, daemon)
    app.triggers.cancel("metronome")
    period = 300_000
    monkeypatch.setattr(marks, "BOTTOM_EVERY", period)
    monkeypatch.setattr(marks, "BOTTOM_SHARE", 10**6)  # however slow this machine is just now
    daemon.run_due(0)
    assert 0 < daemon.turn(0) <= period
    assert app.triggers.ledger("held") == [], "passed by the mark"
    holder.execute("rollback")
    clock = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
    (begun,) = holder.execute(clock).fetchone()
    while holder.execute(clock).fetchone()[0] <= begun + period:
        pass
    holder.close()
    daemon.turn(0)
    assert [row.outcome for row in app.triggers.ledger("held")] == ["fired"]


def test_a_put_in_a_transaction_that_stays_open_is_fired_after_its_commit(app, monkeypatch):
    """Its planned time lies below the mark by then; planning writes the clock at its own statement."""
    daemon = TriggerDaemon(app.store)
    writer = app.store.dialect.connect()
    writer.execute("begin")
    app.on(writer).trigger("slow", soon(), WORK, unchecked=True)
    steady(app, daemon, monkeypatch)
    monkeypatch.setattr(marks, "BOTTOM_EVERY", 10**15)  # not found by a scan from the bottom
    writer.execute("commit")
    writer.close()
    until(lambda: app.triggers.ledger("slow"), daemon)


def test_a_daemon_whose_commit_is_late_holds_the_bound_back(app):
    """Written is not committed: the bound is the start of the oldest daemon transaction that has written."""
    with app.store.begin("daemon") as late:
        late.run("discard_letters", ids=[1])
        late.all("look", mark=0)
        late.connection.execute("select pg_current_xact_id()")
        with app.store.read() as other:
            (bound,) = other.one("oldest_daemon_transaction")
        (began,) = late.connection.execute(
            "select (extract(epoch from transaction_timestamp()) * 1000000)::bigint"
        ).fetchone()
        assert bound == began


def test_a_daemon_that_fires_what_it_expects_takes_a_bound_too(app):
    """It looks afterwards, when nothing is due any more: the mark would never rise."""
    daemon, said = TriggerDaemon(app.store), []
    app.trigger("k", clocks.Once(datetime.now(timezone.utc) + timedelta(seconds=1)), WORK, unchecked=True)
    daemon.planning.turn(2**60, 0)
    daemon.turn(0)
    app.store.dialect.on_statement = said.append
    now = 0
    while not app.triggers.ledger("k"):
        now += 10**12  # whatever was expected is due, by the loop's clock
        daemon.turn(now)
    assert said.index("due_events") < said.index("look")
    assert "oldest_daemon_transaction" in said


def buffers(app, start):
    """Pages touched by the due query from a position on."""
    with app.store.begin("daemon") as transaction:
        values = {"now": None, "due": start - 1, "id": 2**63 - 1, "n": 1_000}
        return blocks(plan_of(transaction, "due_events", values))


def test_a_pinned_snapshot_does_not_make_turns_dearer(app, monkeypatch, tell):
    monkeypatch.setattr(marks, "BOUND_EVERY", 0)
    monkeypatch.setattr(marks, "MARGIN", 0)
    daemon = TriggerDaemon(app.store)
    with app.store.begin("application") as transaction:
        transaction.connection.execute(
            "insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at,"
            " changed_at, policies) select 'default', 'k' || i, 'every', '{\"period\":20000}',"
            ' (extract(epoch from clock_timestamp()) * 1000000)::bigint, \'work\', 0, 0, \'{"misfire":"latest","grace":0}\''
            " from generate_series(1, 500) i"
        )
        transaction.connection.execute(
            "insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger"
        )
    pinned = app.store.dialect.connect()
    pinned.execute("begin isolation level repeatable read")
    pinned.execute("select count(*) from tickwork.trigger")
    until(lambda: daemon.firings.fired >= 2_000, daemon)
    early = buffers(app, daemon.firings.mark.low)
    until(lambda: daemon.firings.fired >= 20_000, daemon)
    late, bottom = buffers(app, daemon.firings.mark.low), buffers(app, FIRST_INSTANT)
    tell(
        f"pinned snapshot, pages per due query: {early} after 2,000 firings, {late} after 20,000; from the bottom {bottom}"
    )
    assert bottom > early + 1_000, "what a scan from the bottom walks has grown"
    assert late - early < (bottom - early) / 4, "from the mark on, what is dead is not walked"
    pinned.execute("rollback")
    pinned.close()
