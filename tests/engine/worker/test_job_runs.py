"""Runs of jobs go through the same hands as tasks: threads, child processes with hard time-outs, the one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.engine.tasks.test_worker import until
from tickwork import Tickwork
from tickwork.errors import ConfigurationError
from tickwork.signals import GiveUp

DEADLINE = 30.0


def double(number: int) -> dict[str, int]:
    """A job's handler that runs in a child process."""
    return {"twice": number * 2}


def look(task: Any, number: int) -> str:
    """One that asks who it is, and says how far it has come."""
    task.progress(0.5, "half")
    return f"{task.identifier} {number}"


def for_ever() -> None:
    """One that is ended by its time-out, whatever it does."""
    while True:
        time.sleep(60)


def until_stopped(task: Any) -> str:
    """One that looks whether somebody asked it to stop."""
    while not task.cancelled:
        time.sleep(0.01)
    return "stopped"


@pytest.fixture
def app(database):
    with Tickwork(database) as made:
        made.migrate()
        yield made


def ended(app: Tickwork, name: str) -> Any:
    """Wait until a job's run has ended; return the newest event of its log."""
    until(lambda: app.jobs.get(name).status not in ("scheduled", "running", "stop requested", "stopping"))
    return app.jobs.log(name)[0]


@pytest.mark.stores("sqlite", "postgresql-18")
def test_a_job_runs_in_a_child_process(app):
    app.job("double", executor="process", payload={"number": 21})(double)
    app.job("look", executor="process", payload={"number": 7})(look)
    app.job("slow", executor="process", timeout=0.3, retry={"strategy": "none"})(for_ever)
    with app.process():
        assert ended(app, "double").entry.told["result"] == {"twice": 42}
        assert ended(app, "look").entry.told["result"] == "jobs/look 7"
        told = ended(app, "slow").entry
    assert (told.kind, told.told["code"]) == ("fatal", "TimedOut")


@pytest.mark.stores("sqlite")
def test_a_stop_reaches_a_job_in_a_child_process(app):
    app.job("long", executor="process")(until_stopped)
    with app.process():
        until(lambda: app.jobs.get("long").status == "running")
        app.jobs.stop("long")
        entry = ended(app, "long").entry
    assert (entry.kind, entry.told["run"]) == ("stopped", "completed")


@pytest.mark.stores("sqlite", "postgresql-18")
def test_coroutines_of_jobs_share_the_one_loop(app):
    """An async handler runs on the event loop of the worker, beside those of tasks; its time-out, or a stop, cancels it."""
    loops = set()

    @app.job("quick")
    async def quick():
        loops.add(threading.get_ident())

    @app.job("late", timeout=0.05, retry={"strategy": "none"})
    async def late():
        await asyncio.sleep(DEADLINE)

    @app.job("held", retry={"strategy": "none"})
    async def held():
        await asyncio.sleep(DEADLINE)

    @app.handler("task")
    async def task():
        loops.add(threading.get_ident())

    app.put(task.task())
    with app.process():
        assert ended(app, "quick").kind == "completed"
        assert ended(app, "late").entry.told["code"] == "TimeoutError"
        until(lambda: app.jobs.get("held").status == "running")
        app.jobs.stop("held")
        assert ended(app, "held").kind == "stopped"
        until(lambda: not app.tasks.list())
    assert len(loops) == 1


@pytest.mark.stores("sqlite")
def test_who_cannot_be_a_jobs_handler_is_refused_where_it_is_declared(app):
    """A batch has nothing to gather in one run, and a run has no task's transaction."""

    @app.handler("batch", batch=10)
    def batch(items): ...

    with pytest.raises(ConfigurationError, match="this one takes several tasks in one call: let the job put a task"):
        app.jobs.declare("sweep", every="5m", handler="batch")
    with pytest.raises(ConfigurationError, match="wants its task's transaction"):

        @app.job("own", every="5m")
        def own(transaction): ...

    assert app.jobs.list() == []


@pytest.mark.stores("sqlite")
def test_one_that_was_declared_elsewhere_gives_up_with_that(app):
    """Where the handler is not known when the job is declared, its run says it."""
    app.jobs.declare("sweep", handler="batch")

    @app.handler("batch", batch=10)
    def batch(items): ...

    with app.process():
        entry = ended(app, "sweep").entry
    assert (entry.kind, entry.told["code"]) == ("fatal", "gave up")
    assert "several tasks in one call" in entry.told["message"]


@pytest.mark.stores("sqlite")
def test_signals_of_a_job(app):
    @app.job("no")
    def no():
        raise GiveUp("no use")

    with app.process():
        assert ended(app, "no").entry.told["message"] == "no use"
