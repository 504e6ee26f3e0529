"""A daemon that sleeps is woken by what another process writes, on every store; where nobody can ring it, it polls."""

from __future__ import annotations

import threading
from urllib.parse import urlencode

import pytest

from tests.support.processes import child
from tickwork import Tickwork, clocks
from tickwork.engine.loop import POLL_DEAF, Listener, Runner
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.model.action import PutTask
from tickwork.store.open import open_store
from tickwork.watch import SECOND, SystemWatch

PUT = """
import sys, datetime as d
from tickwork import Tickwork, clocks
from tickwork.model.action import PutTask
app = Tickwork(sys.argv[1], wake=sys.argv[2])
at = d.datetime.now(d.timezone.utc) + d.timedelta(seconds=1)
app.trigger("soon", clocks.Once(at), PutTask("work"), unchecked=True)
print("written", flush=True)
"""


class Seen:
    """A daemon whose turns are counted, and that says when its ledger has a row."""

    name = "seen"

    def __init__(self, store):
        self.daemon, self.fired, self.turns = TriggerDaemon(store), threading.Event(), 0

    def turn(self, now):
        self.turns += 1
        again = self.daemon.turn(now)
        if self.daemon.firings.fired:
            self.fired.set()
        return again


def fires(database, wake, poll=None):
    """Let another process write a trigger for a second from now; return how late it fired, and the daemon's turns."""
    app = Tickwork(database)
    app.trigger("later", clocks.Every(3600), PutTask("work"), unchecked=True)
    store = open_store(database)
    listener, seen = Listener(store.dialect.ear), Seen(store)
    runner = Runner(seen, SystemWatch(), (lambda: 3600 * SECOND) if poll is None else poll)
    listener.connect("trigger", runner.bell)
    listener.start()
    runner.start()
    try:
        with child("-c", PUT, database, wake) as writer:
            writer.line("written")
        assert seen.fired.wait(60), "nobody woke the daemon"
    finally:
        runner.stop()
        listener.stop()
        runner.join(10)
    (row,) = app.triggers.ledger("soon")
    app.close()
    store.close()
    return row.fired_at - row.planned_at, seen.turns


def test_a_put_by_another_process_wakes_a_daemon_that_sleeps_for_an_hour(database):
    late, turns = fires(database, "notify")
    assert 0 <= late < 30 * SECOND, "never early; the deadline is generous, the figure is in the benchmarks"
    assert turns < 40


@pytest.mark.stores("postgresql")
def test_without_a_wake_up_polling_finds_it(database):
    late, _ = fires(database, "none", poll=lambda: POLL_DEAF)
    assert 0 <= late < 30 * SECOND


@pytest.mark.stores("postgresql")
def test_behind_a_transaction_pooler_polling_finds_it(database):
    pooled = f"{database}{'&' if '?' in database else '?'}{urlencode({'pooler': 'transaction'})}"
    late, _ = fires(pooled, "notify", poll=lambda: POLL_DEAF)
    assert 0 <= late < 30 * SECOND
