"""``tickwork trigger`` and ``task``: verbs, exit codes, and what is written where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tickwork import Tickwork
from tickwork.cli.main import run

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Tickwork:
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    return Tickwork(database)


class Screen:
    """Runs commands and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capsys.readouterr()
        code = run(arguments)
        self.out, self.err = self._capsys.readouterr()
        assert "Traceback" not in self.err
        return code

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        assert self(*arguments, "--json") == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(capsys)


@pytest.mark.parametrize(
    ("words", "described"),
    [
        (["--at", "2030-06-03T09:00:00+02:00"], "once, at 2030-06-03 07:00 UTC"),
        (["--every", "90s"], "every 90 seconds"),
        (["--cron", "0 9 * * 1-5", "--zone", "Europe/Berlin"], "every weekday at 09:00, Europe/Berlin"),
        (["--daily", "09:00,17:30"], "every day at 09:00 and 17:30, UTC"),
        (["--weekly", "MON-FRI", "--time", "18:00"], "every weekday at 18:00, UTC"),
        (["--monthly", "31", "--time", "08:00"], "on the 31st of every month at 08:00, UTC"),
        (["--monthly", "-1"], "on the last day of every month at 00:00, UTC"),
        (["--never"], "never"),
    ],
)
@pytest.mark.stores("sqlite")
def test_clocks_are_said_by_options(app: Tickwork, say: Screen, words: list[str], described: str) -> None:
    assert say("trigger", "put", "k", *words, "--log", "hello") == 0
    assert app.triggers.get("k").says == described


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trigger", "put", "k", "--log", "x"], "exactly one of at, every"),
        (["trigger", "put", "k", "--daily", "09:00", "--every", "1h", "--log", "x"], "exactly one of at, every"),
        (["trigger", "put", "k", "--daily", "25:00", "--log", "x"], "time: '25:00'"),
        (["trigger", "put", "k", "--daily", "09:00", "--zone", "Mars/Olympus", "--log", "x"], "zone: 'Mars/Olympus'"),
        (["trigger", "put", "k", "--every", "1h", "--zone", "UTC", "--log", "x"], "not with every"),
        (["trigger", "put", "k", "--daily", "09:00", "--time", "10:00", "--log", "x"], "weekly, monthly and yearly"),
        (["trigger", "put", "k", "--cron", "0 0 30 2 *", "--log", "x"], "never fires"),
        (["trigger", "put", "k", "--every", "90", "--log", "x"], "not a duration"),
        (["trigger", "put", "k", "--at", "2030-06-03T09:00:00", "--log", "x"], "not an instant"),
        (["trigger", "put", "k", "--at", "2016-12-31T23:59:60Z", "--log", "x"], "not an instant"),
        (["trigger", "put", "k", "--at", "9999-12-31T23:59:59-01:00", "--log", "x"], "not an instant"),
        (["trigger", "put", "k", "--every", "1h"], "exactly one of handler, command, log"),
        (["trigger", "put", "k", "--every", "1h", "--log", "x", "--payload", "{}"], "goes with a handler"),
        (["trigger", "put", "k", "--every", "1h", "--handler", "x", "--payload", "[1]"], "not a JSON object"),
        (["trigger", "put", "k", "--every", "1h", "--handler", "x", "--payload", "{"], "not JSON"),
        (["trigger", "put", "k", "--every", "1h", "--log", "x", "--priority", "0"], "priority: 0"),
        (["trigger", "put", "", "--every", "1h", "--log", "x"], "key: ''"),
        (["trigger", "put", "k" * 501, "--every", "1h", "--log", "x"], "1 to 500 characters"),
        (["trigger", "cancel"], "say which"),
        (["trigger", "cancel", "k", "--object", "o"], "say which"),
        (["trigger", "resume", "k", "--missed", "some"], "some"),
        (["trigger", "preview"], "say which"),
        (["trigger", "list", "--limit", "0"], "limit"),
        (["task", "put"], "either a handler or a command"),
        (["task", "put", "h", "--command", "x"], "either a handler or a command"),
        (["task", "put", "h", "--unchecked", "--at", "+1h", "--delay", "1h"], "either at or delay"),
        (["task", "put", "h", "--unchecked", "--priority", "0"], "priority: 0"),
        (["task", "list", "--outcome", "done"], "--archived"),
        (["task", "list", "--archived", "--state", "ready"], "without --archived"),
        (["trigger", "list", "--app", "no_such_module:app"], "no 'no_such_module'"),
        (["trigger", "list", "--app", "json:dumps"], "Tickwork object"),
        (["trigger", "list", "--app", "json"], "module:attribute"),
        (["trigger", "list", "--app", "a:b", "--database", "sqlite://"], "--app"),
        (["trigger", "list", "--database", "mysql://x"], "sqlite:/// or postgresql://"),
        (["trigger", "list", "--schema", "No Such"], "schema"),
    ],
)
@pytest.mark.stores("sqlite", "postgresql-18")
def test_bad_input_is_a_usage_error_that_names_it_and_changes_nothing(
    app: Tickwork, say: Screen, arguments: list[str], says: str
) -> None:
    """K1 and K10 among them: a bulk verb without a selector, a priority of 0."""
    assert say(*arguments) == 2
    assert says in say.err
    assert app.triggers.list() == []
    assert app.tasks.list() == []


def test_a_trigger_from_put_to_cancel(app: Tickwork, say: Screen) -> None:
    put = ["trigger", "put", "feed/7", "--every", "90s", "--handler", "feeds.poll", "--payload", '{"feed": 7}']
    assert say(*put) == 3
    assert "--unchecked" in say.err
    assert [done["did"] for done in say.json(*put, "--unchecked")] == ["created"]
    assert [done["did"] for done in say.json(*put, "--unchecked")] == ["unchanged"]
    assert [done["did"] for done in say.json("trigger", "move", "feed/7", "--every", "5m")] == ["moved"]
    assert [done["did"] for done in say.json("trigger", "pause", "feed/7")] == ["paused"]
    assert [done["did"] for done in say.json("trigger", "resume", "feed/7", "--missed", "latest")] == ["resumed"]
    assert [done["did"] for done in say.json("trigger", "rearm", "feed/7")] == ["rearmed"]
    assert say("trigger", "cancel", "feed/7") == 0
    assert say.out.startswith("cancelled: feed/7 ")
    assert say("trigger", "cancel", "feed/7") == 0
    assert say.out.startswith("already cancelled: feed/7 ")
    (shown,) = say.json("trigger", "show", "feed/7")
    assert (shown["state"], shown["clock"], shown["payload"], shown["coming"]) == (
        "cancelled", "every 5 minutes", {"feed": 7}, [],
    )  # fmt: skip


@pytest.mark.parametrize("verb", ["show", "move", "cancel", "pause", "resume", "rearm", "preview"])
def test_what_is_not_there_is_exit_3_with_one_line(app: Tickwork, say: Screen, verb: str) -> None:
    clock = ["--every", "5m"] if verb == "move" else []
    assert say("trigger", verb, "nobody", *clock) == 3
    assert re.fullmatch(r"tickwork: .*'nobody'.*\n", say.err)


def test_one_of_several_that_fails_does_not_stop_the_others(app: Tickwork, say: Screen) -> None:
    for key in ("a", "b"):
        say("trigger", "put", key, "--daily", "09:00", "--log", "x")
    assert say("trigger", "cancel", "a", "nobody", "b") == 1
    assert [each.state for each in app.triggers.list()] == ["cancelled", "cancelled"]
    assert "nobody" in say.err


def test_cancel_by_object(app: Tickwork, say: Screen) -> None:
    for key, about in (("a", "meeting/7"), ("b", "meeting/7"), ("c", "meeting/8")):
        say("trigger", "put", key, "--daily", "09:00", "--log", "x", "--object", about)
    assert say("trigger", "cancel", "--object", "meeting/7") == 0
    assert {each.key: each.state for each in app.triggers.list()} == {"a": "cancelled", "b": "cancelled", "c": "active"}


def test_lists_are_json_lines_with_instants_and_durations(app: Tickwork, say: Screen) -> None:
    for key, clock in (("soon", "+30m"), ("late", "+3h")):
        say("trigger", "put", key, "--at", clock, "--log", "x", "--expires-after", "90s", "--tag", "t")
    rows = say.json("trigger", "list")
    assert {row["key"] for row in rows} == {"soon", "late"}
    for row in rows:
        assert all(
            INSTANT.fullmatch(value) for name, value in row.items() if name.endswith("_at") and value is not None
        )
        assert (row["expires_after"], row["tags"]) == (90.0, ["t"])
        assert row["next_at"] is not None  # told before any daemon has planned it
    assert [row["key"] for row in say.json("trigger", "list", "so")] == ["soon"]
    assert say("trigger", "list", "nothing-begins-so") == 0
    assert say.out == ""


def test_a_table_where_nobody_asked_for_json(app: Tickwork, say: Screen) -> None:
    say("trigger", "put", "nightly", "--daily", "03:00", "--log", "x")
    assert say("trigger", "list") == 0
    head, row = say.out.splitlines()
    assert head.split()[:3] == ["id", "key", "state"]
    assert "every day at 03:00, UTC" in row
    assert say("trigger", "show", "nightly") == 0
    assert "coming" in say.out


def test_preview_of_a_trigger_and_of_a_clock(app: Tickwork, say: Screen) -> None:
    say("trigger", "put", "bill", "--monthly", "31", "--log", "x")
    after = ["--after", "2026-01-31T12:00:00Z", "-n", "2"]
    assert say("trigger", "preview", "bill", *after) == 0
    assert say.out.splitlines()[1:] == ["2026-02-28 00:00:00Z", "2026-03-31 00:00:00Z"]
    rows = say.json("trigger", "preview", "--cron", "30 2 * * *", "--zone", "Europe/Berlin",
                    "--after", "2026-03-29T00:00:00Z", "-n", "1")  # fmt: skip
    assert rows == [{"planned_at": "2026-03-29T01:30:00.000000Z"}]


def test_a_task_from_put_to_retry(app: Tickwork, say: Screen) -> None:
    """K12: retry of one that is active warns; of one that was cancelled brings it back under its id."""
    (put,) = say.json(
        "task", "put", "invoice.send", "--payload", '{"n": 7}', "--unchecked", "--delay", "1h", "--key", "i/7"
    )
    assert put["did"] == "put"
    (listed,) = say.json("task", "list", "--state", "waiting")
    assert (listed["key"], listed["payload"], listed["priority"]) == ("i/7", {"n": 7}, 2000)
    assert say("task", "retry", str(put["id"])) == 1
    assert "not over" in say.err
    assert [done["did"] for done in say.json("task", "cancel", "i/7")] == ["cancelled"]
    (over,) = say.json("task", "list", "--archived", "--outcome", "cancelled")
    assert (over["id"], over["outcome"]) == (put["id"], "cancelled")
    assert say("task", "retry", str(put["id"])) == 0
    (shown,) = say.json("task", "show", str(put["id"]))
    assert (shown["state"], shown["attempt"], shown["failed"]) == ("ready", 0, [])
    assert say("task", "show", "i/8") == 3
    assert say("task", "cancel", "i/8", "4711") == 3
    assert say("task", "retry", "4711") == 3


def test_status_says_loudly_when_work_is_due_and_nobody_does_it(app: Tickwork, say: Screen) -> None:
    assert say("status") == 0
    assert say.err == ""
    say("task", "put", "--command", "true")
    assert say("status") == 0  # a minute is nothing where cron does the work
    assert "worker    none running" in say.out
    (told,) = say.json("status")
    assert [(each["handler"], each["ready"]) for each in told["tasks"]] == [("tickwork.command", 1)]


def test_an_application_is_found_by_its_name(
    database: str, say: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"shop_{abs(hash(tmp_path))}"  # modules stay loaded: one for each store
    (tmp_path / f"{module}.py").write_text(
        f"from tickwork import Tickwork\napp = Tickwork({database!r})\n"
        "@app.handler('meeting.remind')\ndef remind(meeting_id: int): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    put = ["trigger", "put", "m/7", "--daily", "09:00", "--handler", "meeting.remind", "--app", f"{module}:app"]
    assert say(*put, "--payload", '{"meeting_id": 7}') == 0
    assert say(*put, "--payload", '{"meeting": 7}') == 2
    assert "meeting" in say.err


def test_a_database_without_tables_and_none_at_all(
    database_url: str, say: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TICKWORK_DATABASE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert say("trigger", "list") == 2
    assert "TICKWORK_DATABASE" in say.err
    assert say("trigger", "list", "--database", database_url) == 1
    assert "tickwork db upgrade" in say.err
    assert say("db", "check", "--database", database_url) == 1
    assert say("db", "upgrade", "--database", database_url) == 0
    assert "taken: 0001_heart" in say.out
    assert say("db", "upgrade", "--database", database_url) == 0
    assert "up to date" in say.out
    assert say("db", "check", "--database", database_url) == 0
    assert say("db", "sql", "--database", database_url) == 0
    assert "create table" in say.out
    assert say("db", "sql", "--database", database_url, "--after", "1") == 0
    assert "0001" not in say.out
