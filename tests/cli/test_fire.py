"""``tickwork trigger fire``."""

from __future__ import annotations

import pytest

from tickwork import Tickwork, clocks
from tickwork.cli.main import run
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.model.action import PutTask


@pytest.fixture
def app(database, monkeypatch):
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    app = Tickwork(database)
    yield app
    app.close()


def payloads(app):
    TriggerDaemon(app.store).run_due(0)
    return [task.trigger_key for task in app.tasks.list()]


def test_f16_what_is_not_scheduled_is_said_and_exit_is_0(app, capsys):
    """F16"""
    app.trigger("m", clocks.Every(3600), PutTask("work"), unchecked=True)
    app.triggers.pause("m")
    assert run(["trigger", "fire", "m"]) == 0
    assert "not scheduled: m" in capsys.readouterr().out
    assert payloads(app) == []


def test_two_at_once_and_one_that_is_not_there(app, capsys):
    for key in ("a", "b"):
        app.trigger(key, clocks.Every(3600), PutTask("work"), unchecked=True)
    assert run(["trigger", "fire", "a", "nobody", "b"]) == 1
    said = capsys.readouterr()
    assert "asked to fire: a" in said.out
    assert "asked to fire: b" in said.out
    assert "nobody" in said.err
    assert sorted(payloads(app)) == ["a", "b"]


def test_a_planned_time_that_is_no_instant_is_a_usage_error(app, capsys):
    app.trigger("a", clocks.Every(3600), PutTask("work"), unchecked=True)
    assert run(["trigger", "fire", "a", "--planned", "noon"]) == 2
    assert "noon" in capsys.readouterr().err
    assert payloads(app) == []
