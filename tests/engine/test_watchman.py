"""One look for all the loops of a process: whom it rings, and that an idle process asks nothing else."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.support.plans import nodes, plan_of
from tickwork import Tickwork, clocks
from tickwork.engine import loop
from tickwork.engine.loop import POLL_ATTENDED, Bell, Listener
from tickwork.engine.tasks.rescue import EVERY, Rescue
from tickwork.engine.watchman import Watchman
from tickwork.model.action import PutTask
from tickwork.model.lease import LENGTH
from tickwork.store import claims, workers
from tickwork.store.claims import Subscription, Wish
from tickwork.store.survey import Survey
from tickwork.watch import FIRST_INSTANT, SECOND

REST = Survey(100, False, False, None, 0, None, False, False, 7, False, None, None, False, None)
HINTS = ("trigger", "task", "lease", "job", "bulk", "generator")


class Bottom:
    """A mark that hides nothing."""

    def start(self):
        return FIRST_INSTANT


@pytest.fixture
def house(database):
    """An application whose writes nobody is told of, a watchman on the same store, and what it says at each turn."""
    app = Tickwork(database, wake="none" if database.startswith("postgresql") else "notify")
    listener, said = Listener(app.store.dialect.ear), []
    for hint in HINTS:
        listener.tell(hint, said.append)
    watchman = Watchman(app.store, listener, Subscription(), Bottom())

    def look():
        said.clear()
        watchman.turn(0)
        return sorted(said)

    look()
    yield app, look
    app.close()


@pytest.mark.parametrize(
    ("now", "hint"),
    [
        (REST._replace(letters=True), "trigger"),
        (REST._replace(due=True), "trigger"),
        (REST._replace(next_due_at=300), "trigger"),
        (REST._replace(ready=1), "task"),
        (REST._replace(next_ready_at=0), "task"),
        (REST._replace(tending=True), "task"),
        (REST._replace(next_opening_at=0), "task"),
        (REST._replace(leases=True), "lease"),
        (REST._replace(silent=True), "lease"),
        (REST._replace(newest_job_event=8), "job"),
        (REST._replace(scheduled=True), "job"),
        (REST._replace(newest_bulk=1), "bulk"),
        (REST._replace(woken_at=0), "generator"),
    ],
)
def test_each_change_is_news_for_one(now, hint):
    assert now.news(REST) == [hint]
    assert set(now.news(None)) == {hint, "job"}, "at first everything that stands is news, and jobs are asked"
    assert REST.news(REST) == REST.news(now._replace(newest_job_event=7)) == []


def test_who_has_something_to_do_is_rung_without_a_wake_up(house):
    """A lost wake-up costs one period: whatever was written is seen by the next look, and by whom it concerns alone."""
    app, look = house
    assert look() == []
    app.trigger("soon", clocks.Every(3600), PutTask("work"), unchecked=True)
    assert look() == ["trigger"], "mail"
    app.put(PutTask("work"), unchecked=True, delay=timedelta(hours=1))
    assert look() == ["task", "trigger"], "another next moment"
    assert look() == ["trigger"], "which is told once; the mail lies there still"
    app.put(PutTask("work"), unchecked=True)
    assert look() == ["task", "trigger"]
    assert look() == ["task", "trigger"], "what is ready is told until somebody takes it"


def test_a_lease_is_told_until_a_rescuer_watches_it(house):
    app, look = house
    app.put(PutTask("work"), unchecked=True)
    with app.store.begin("worker") as transaction:
        number = workers.register(transaction, "worker", "host", 1)
    with app.store.begin("worker") as transaction:
        assert claims.claim(transaction, Subscription(), Wish(7, number, LENGTH, 1, 1))
    assert look() == ["lease"]
    rescue = Rescue(app.store)
    rescue.attended = True
    assert rescue.turn(0) == EVERY
    assert rescue.watching
    rescue.turn(LENGTH)
    assert rescue.rescued == 1
    assert rescue.turn(LENGTH + EVERY) == LENGTH + EVERY + POLL_ATTENDED
    assert not rescue.watching


def test_who_does_not_say_what_it_is_about_rings_the_watchman_alone():
    listener, everybody, watchman = Listener(lambda: None), Bell(), Bell()
    listener.connect("task", everybody)
    listener.attend(watchman)
    listener.heard("")
    assert (watchman.wait(0), everybody.wait(0)) == (True, False)
    listener.heard("task")
    assert (watchman.wait(0), everybody.wait(0)) == (False, True)
    assert listener.poll() > 10 * SECOND


def test_an_idle_process_asks_nothing_but_one_look_for_all(database, monkeypatch):
    """Daemon, worker, jobs and generators at rest leave the asking to the watchman, and write heartbeats only."""
    monkeypatch.setattr(loop, "POLL_HEARING", SECOND // 20)
    app = Tickwork(database)
    app.handler("work")(lambda: None)
    app.trigger("later", clocks.Every(3600), PutTask("work"))
    app.put(PutTask("work"), unchecked=True, delay=timedelta(hours=1))
    told, rested = [], threading.Event()

    def count(name):
        if name not in ("begin", "commit"):
            told.append(name)
            if set(told[-40:]) <= {"survey", "see_worker"} and len(told) > 40:
                rested.set()

    app.store.dialect.on_statement = count
    with app.process():
        assert rested.wait(60), f"somebody else keeps asking: {told[-40:]}"
    app.close()


def test_the_look_walks_no_table(database):
    """Whatever waits, it reads a few rows of each index; of letters it reads one, and processes are few."""
    app = Tickwork(database)
    app.migrate()
    statement = app.store.dialect.book["survey"]
    values = {**Subscription().values, "mark": 0, "silent": 0, "now": None}
    with app.store.begin("worker", reading=True) as transaction:
        if database.startswith("sqlite"):
            asked = {name: str(value) if isinstance(value, list) else value for name, value in values.items()}
            plan = transaction.connection.execute(f"explain query plan {statement.named}", asked).fetchall()
            walked = {row[3] for row in plan if row[3].startswith("SCAN tickwork_") and "USING" not in row[3]}
            assert walked <= {f"SCAN tickwork_{name}" for name in ("trigger_change", "group_letter", "worker")}
        else:
            plan = plan_of(transaction, "survey", values, how="")
            walked = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
            assert walked <= {"worker"}
        assert "generator_head" in str(plan), "one row of each generator, however many keys it has"
    app.close()
