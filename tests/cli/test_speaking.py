"""``-v`` says each decision in words; ``--log-format json`` says the same to a program."""

from __future__ import annotations

import io
import json
import logging
import signal
from datetime import timedelta

import pytest

from tests.support.processes import child
from tickwork import Log, Tickwork, clocks
from tickwork.telemetry import FIELDS, speaking
from tickwork.testing import START, TimeTravel


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_each_decision_is_said(database):
    """Issue 3: -v prints each decision: planned, fired, slept until, woken by."""
    with (
        child("-m", "tickwork", "run", "-v", env={"TICKWORK_DATABASE": database}) as process,
        Tickwork(database) as app,
    ):
        process.line("trigger-daemon sleeps until")
        app.trigger("bell", clocks.Every(1), Log("ding"))
        process.line("trigger-daemon is woken by the bell")
        process.line("planned bell version 1: next")
        process.line("fired bell, planned for")
        process.line("ding (trigger bell, this")
        process.line("trigger-daemon is woken by the time")
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    assert "heartbeat" not in process.said  # that is for -vv


@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_same_as_json(database):
    with Tickwork(database) as app:

        @app.handler("greet")
        def greet(name: str): ...

        travel = TimeTravel(app)
        with speaking(out := io.StringIO(), verbose=1, style="json"):
            app.trigger("hello", clocks.Once(START + timedelta(hours=1)), greet.task(name="Ada"))
            app.trigger("gone", clocks.Once(START + timedelta(hours=1)), greet.task(name="Bob"), misfire="skip")
            travel.by(60)
            travel.watch.wind(timedelta(days=2))
            travel.run_due()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {"at", "level", "logger", "message"} <= set(lines[0])
    assert all(set(line) <= {"at", "level", "logger", "message", "error", *FIELDS} for line in lines)

    def said(**wanted):
        return [line["message"] for line in lines if wanted.items() <= line.items()]

    assert said(trigger="hello", next_at="2030-01-01T01:00:00.000000Z") == [
        "planned hello version 1: next 2030-01-01T01:00:00.000000Z"
    ]
    assert said(trigger="hello", outcome="fired") == ["fired hello, planned for 2030-01-01T01:00:00.000000Z"]
    assert said(trigger="gone", outcome="skipped", reason="misfire")
    assert said(outcome="done")
    assert said(handler="greet", trigger="hello")


@pytest.mark.stores("sqlite")
def test_old_work_is_recognised(database, caplog):
    """S4-65: a warning when a task starts more than one day after its ready time."""
    with Tickwork(database) as app:

        @app.handler("greet")
        def greet(name: str): ...

        travel = TimeTravel(app)
        put = app.put(greet.task(name="Ada"))
        app.put(greet.task(name="Bob"), delay=timedelta(days=2))
        travel.watch.wind(timedelta(days=2))
        travel.run_due()
    (old,) = [record for record in caplog.records if "more than a day" in record.message]
    assert old.levelno == logging.WARNING
    assert old.message.startswith(
        f"1 tasks begin more than a day after they were ready; the oldest is task {put.id} (greet)"
    )


def test_quiet_by_default(capsys):
    with speaking(out := io.StringIO()):
        logging.getLogger("tickwork.firing").debug("fired")
        logging.getLogger("tickwork.tick").info("why")
        logging.getLogger("tickwork.action").info("a line that a person ordered")
        logging.getLogger("tickwork.worker").warning("look here")
    assert [line.split(": ", 1)[1] for line in out.getvalue().splitlines()] == [
        "a line that a person ordered",
        "look here",
    ]
