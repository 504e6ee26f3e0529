"""`tickwork why` and `tickwork agenda`: one command, one page; JSON; exit codes."""

from __future__ import annotations

import pytest

from tests.cli.test_trigger import INSTANT, Screen
from tickwork import PutTask, Tickwork, clocks

pytestmark = pytest.mark.stores("sqlite", "postgresql-18")


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Tickwork:
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    with Tickwork(database) as app:

        @app.job("sweep", every="1h")
        def sweep() -> None: ...

        app.jobs.declare_all()
        app.trigger("bell", clocks.Every(60), PutTask("ring", "{}"), unchecked=True)
        app.put(PutTask("mail", "{}"), delay=120, unchecked=True)
        yield app


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(capsys)


def test_one_command_one_page(app: Tickwork, say: Screen) -> None:
    """Promise 8: the answer first, then its grounds, then what to do."""
    assert say("why", "bell") == 0
    first, *grounds, last = say.out.splitlines()
    assert first.startswith("bell: its version 1 was written at ")
    assert first.endswith("no daemon has read that, and none is alive")
    assert any(line.split() == ["clock", "every", "minute"] for line in grounds)
    assert last == "  -> start one: tickwork run, or tickwork daemon, or put tickwork tick into cron"


def test_json_has_it_all(app: Tickwork, say: Screen) -> None:
    app.tick(within=5)
    told = say.json("why", "bell", "task:1", "job:sweep", "generator:retention")
    assert [(each["name"], each["kind"]) for each in told] == [
        ("bell", "trigger"), ("task:1", "task"), ("job:sweep", "job"), ("generator:retention", "generator"),
    ]  # fmt: skip
    for each in told:
        assert INSTANT.fullmatch(each["at"])
        assert each["verdict"]
        assert {"state", "next_at", "late_for", "facts", "more", "do", "lately"} <= set(each)
        assert all(
            value is None or INSTANT.fullmatch(value) for name, value in each["facts"].items() if name.endswith("_at")
        )


def test_a_page_of_each_kind(app: Tickwork, say: Screen) -> None:
    """What happened lately is a table, an error is one line, and nothing is said twice."""

    @app.handler("fail")
    def fail() -> None:
        raise ValueError("no money")

    task = app.put(fail.task(), attempts=1)
    app.jobs.start("sweep")
    app.tick(within=5)
    assert say("why", f"task:{task.id}", "job:sweep", "generator:retention/archive") == 0
    lines = say.out.splitlines()
    assert lines[0].startswith(f"task:{task.id}: it ended as 'gave up' at ")
    assert lines[0].endswith("after 1 of 1 attempts: ValueError: no money")
    assert "Traceback" not in say.out
    heads = [line.split()[:3] for line in lines]
    assert ["attempt", "outcome", "started"] in heads
    assert ["status", "cause", "nominal"] in heads
    assert any(line.startswith("completed  start") for line in lines)
    assert f"  -> to run it again: tickwork task retry {task.id}" in lines
    assert any(line.startswith("job:sweep: its clock fires next at ") for line in lines)
    assert any(line.startswith("generator:retention/archive: ") for line in lines)


def test_exit_codes(app: Tickwork, say: Screen) -> None:
    """3 where there is nothing of that name, 2 for what is no name; one that is missing does not stop the others."""
    assert say("why", "nobody") == 3
    assert "there is no trigger 'nobody'" in say.err
    assert say("why", "sweep") == 3
    assert "ask for job:sweep" in say.err
    assert say("why", "task:77", "job:nobody", "generator:nobody/7") == 3
    assert say("why", "nobody", "bell") == 1
    assert say.out.startswith("bell: ")
    assert say("why", "job:") == 2
    assert say("why") == 2
    assert say("why", "generator:Nobody") == 2
    assert say("why", "'; drop table trigger --") == 3


def test_an_agenda(app: Tickwork, say: Screen) -> None:
    """Triggers, jobs and delayed tasks in the order of their time, planned by a daemon or not."""
    lines = say.json("agenda", "--for", "90m")
    assert [(line["kind"], line["name"], line["times"]) for line in lines] == [
        ("trigger", "bell", 90), ("task", "task:1", 1), ("job", "job:sweep", 1),
    ]  # fmt: skip
    assert all(INSTANT.fullmatch(line["at"]) for line in lines)
    app.tick(within=5)
    assert [line["name"] for line in say.json("agenda", "--for", "90m")] == ["bell", "task:1", "job:sweep"]
    assert [line["name"] for line in say.json("agenda", "--days", "0.001")] == ["bell"]
    (bell, *_) = say.json("agenda", "--days", "7")
    assert (bell["times"], bell["last_at"]) == (1_000, None)  # at least: it is counted no further
    assert say("agenda", "--limit", "1") == 0
    assert "bell" in say.out
    assert "no more than 1 lines are shown" in say.err
    app.triggers.cancel("bell")
    app.jobs.stop("sweep")
    app.tasks.cancel(1)
    assert say("agenda") == 0
    assert say.err == "nothing comes\n"


@pytest.mark.parametrize(
    "words", [("--days", "0"), ("--days", "x"), ("--days", "1", "--for", "1h"), ("--for", "-5m"), ("--days", "nan")]
)
def test_an_agenda_of_nothing(app: Tickwork, say: Screen, words: tuple[str, ...]) -> None:
    assert say("agenda", *words) == 2
