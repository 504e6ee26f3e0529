"""``tickwork generator``: seen and steered from anywhere."""

import json

import pytest
from click.testing import CliRunner

from tickwork import Tickwork
from tickwork.cli.main import tickwork
from tickwork.engine.generators.generator import Generator
from tickwork.model.generator import Offer
from tickwork.signals import GiveUp


class Broken(Generator):
    """Always fails."""

    def offers(self, limit, now):
        return [Offer("7", 2000, 0)]

    def run(self, work):
        raise GiveUp("the plan is gone")


@pytest.fixture
def app(database):
    app = Tickwork(database)
    app.generators.add(Broken("broken", priority=2000))
    app.generators.run_due()
    yield app
    app.close()


@pytest.fixture
def told(database, app):
    def tell(*words, code=0):
        done = CliRunner().invoke(tickwork, ["generator", *words, "--database", database], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        assert (done.return_value or 0) == code, done.output
        return done.output

    return tell


@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_whole_tale(told, app):
    listed = [json.loads(line) for line in told("list", "--json").splitlines()]
    assert {each["name"]: each["state"] for each in listed} == {
        "broken": "active",
        "bulk": "active",
        "retention": "active",
    }
    assert "Always fails." in told("list")
    page = json.loads(told("show", "broken", "--json"))
    assert page["parked"][0]["work"] == "broken/7"
    assert page["parked"][0]["reason"] == "the plan is gone"
    assert "archive" in told("show", "retention")
    assert told("pause", "broken") == "paused: broken\n"
    assert app.generators.show("broken").generator.state == "paused"
    assert told("parked", "release", "broken/7") == "released: broken/7\n"
    assert app.generators.run_due() == 0
    assert told("resume", "broken") == "resumed: broken\n"
    assert app.generators.run_due() == 1
    assert json.loads(told("parked", "list", "--json"))["work"] == "broken/7"
    assert told("parked", "release", "generator:broken") == "released: broken/7\n"
    assert "nothing is parked" in told("parked", "list")
    assert told("wake", "retention/archive") == "woken: retention/archive\n"
    assert app.generators.run_due() == 2, "the archive once more, and what was released"
    assert "there is no generator" in told("pause", "nobody", code=3)
    assert "nothing is parked" in told("parked", "release", "broken/8", code=3)
