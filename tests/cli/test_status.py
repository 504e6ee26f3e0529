"""``tickwork status``: numbers by handler and source, and a loud word, with exit 1, when work is due and nobody does it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from tickwork import PutTask, Tickwork, clocks
from tickwork.cli.main import run
from tickwork.engine.presence import Presence
from tickwork.store import workers
from tickwork.watch import ManualWatch

AT = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


@pytest.fixture
def app(database):
    with Tickwork(database, watch=ManualWatch(AT)) as app:

        @app.handler("bill")
        def bill() -> None:
            raise RuntimeError("no money")

        app.bill = bill
        yield app


def fire(app):
    from tickwork.engine.triggers.daemon import TriggerDaemon

    TriggerDaemon(app.store).run_due(app.store.watch.now())


def test_numbers_by_handler_and_source(app):
    """T-136, S4-61: per kind and per source: waiting, ready, running, failed, oldest age, next wake-up, lateness."""
    app.put(app.bill.task())
    app.put(app.bill.task(), delay=600)
    app.put(PutTask("mail", "{}"), delay=300, unchecked=True)
    app.trigger("monthly", clocks.Once(AT), app.bill.task())
    app.trigger("later", clocks.Once(AT + timedelta(hours=1)), app.bill.task())
    assert app.status().triggers.letters == 2
    fire(app)
    app.store.watch.wind(30)
    now = app.status()
    found = {(each.handler, each.source): each for each in now.backlog}
    mine = found["bill", "application"]
    assert (mine.waiting, mine.ready, mine.running) == (1, 1, 0)
    assert (mine.ready_since_at, mine.next_at - now.at) == (now.at - 30_000_000, 570_000_000)
    assert found["bill", "trigger"].ready == 1
    assert found["mail", "application"].waiting == 1
    assert (now.triggers.letters, now.triggers.due, now.triggers.next_at - now.at) == (0, 0, 3_570_000_000)
    assert (now.late_after, now.next_at - now.at) == (30_000_000, 270_000_000)
    app.tick(within=5, limit=2)
    now = app.status()
    assert sum(each.failing for each in now.backlog) == 2
    assert now.attention == ()  # nothing is ready for a minute yet


def test_nobody_fires(app):
    """Issue 3: status says loudly when triggers are due and nobody runs; a daemon that is alive is another matter."""
    app.trigger("bell", clocks.Once(AT + timedelta(seconds=10)), app.bill.task())
    (said,) = app.status().attention
    assert said == "1 changes of triggers wait for a daemon, and none is alive: start `tickwork run`"
    fire(app)
    assert app.status().attention == ()
    app.store.watch.wind(3600)
    (said,) = app.status().attention
    assert said.startswith("TRIGGERS ARE DUE AND NOBODY FIRES THEM: 1, since 2026-05-04T12:00:10.000000Z")
    Presence(app.store, "daemon").turn(app.store.watch.now())
    (said,) = app.status().attention
    assert said.startswith("triggers are late: 1")


def test_processes_that_gave_no_sign_of_life_for_a_minute_are_not_counted(app):
    Presence(app.store, "daemon").turn(app.store.watch.now())
    Presence(app.store, "daemon").turn(app.store.watch.now())
    app.store.watch.wind(50)
    Presence(app.store, "daemon").turn(app.store.watch.now())
    assert [each.count for each in app.status().alive] == [3]
    app.store.watch.wind(20)
    assert [each.count for each in app.status().alive] == [1]
    app.store.watch.wind(600)
    assert [each.count for each in app.status().alive] == [0]


def test_nobody_works(app):
    """S4-53: what depends on workers can ask whether there are any; what is put is kept all the same."""
    assert not app.available()
    app.put(app.bill.task())
    app.store.watch.wind(61)
    (said,) = app.status().attention
    assert said.startswith("TASKS ARE READY AND NO WORKER RUNS: 1, since 2026-05-04T12:00:00.000000Z")
    with app.store.begin("worker") as transaction:
        workers.register(transaction, "worker", "here", 1)
    assert app.available()
    assert app.status().attention == ()
    app.store.watch.wind(61)  # it gave no sign of life since: it counts as gone
    assert not app.available()
    assert len(app.status().attention) == 1


def test_nobody_runs_jobs(app):
    """Issue 8: a job that is scheduled waits for a worker as a task does."""
    app.jobs.declare("import")
    app.jobs.declare("sweep", every="1h")
    app.store.watch.wind(59)
    assert app.status().attention == ()
    app.store.watch.wind(2)
    (said,) = app.status().attention
    assert said.startswith("JOBS ARE SCHEDULED AND NO WORKER RUNS: 1, since 2026-05-04T12:00:00.000000Z")
    assert app.status().jobs == {"completed": 1, "scheduled": 1}
    with app.store.begin("worker") as transaction:
        workers.register(transaction, "worker", "here", 1)
    assert app.status().attention == ()


@pytest.mark.stores("sqlite")
def test_a_database_that_is_not_there_is_not_available():
    """S4-53: the application's own work goes on where the scheduler is absent."""
    assert Tickwork("sqlite:///nowhere.db").available() is False


@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_command_and_its_exit_code(database, capsys):
    """T-136: `status --json`; exit 0 when all is well, 1 when something needs a person."""
    with Tickwork(database) as app:
        assert run(["status", "--database", database]) == 0
        assert "late      nothing; next due -" in capsys.readouterr().out
        past = datetime.now(timezone.utc) - timedelta(hours=1)
        app.trigger("bell", clocks.Once(past), PutTask("x", "{}"), unchecked=True)
        with app.store.begin("application", reading=True) as transaction:
            transaction.all("look", mark=0)
        assert run(["status", "--json", "--database", database]) == 1
        said = capsys.readouterr()
        status = json.loads(said.out)
        assert status["triggers"]["letters"] == 1
        assert status["attention"]
        assert "none is alive" in said.err
        app.tick(within=5)
        assert run(["status", "--database", database]) == 1
        said = capsys.readouterr()
        assert "tasks have a handler that no worker knows: x (from: trigger)" in said.err
        assert "unfinished tasks" in said.out
