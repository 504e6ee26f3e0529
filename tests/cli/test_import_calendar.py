"""``tickwork trigger import FILE.ics``: what a person types, and what is said and left standing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tickwork import Tickwork
from tickwork.cli.main import run

CALENDAR = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:standup
SUMMARY:Stand-up
DTSTART;TZID=Europe/Berlin:20260105T093000
RRULE:FREQ=DAILY
BEGIN:VALARM
TRIGGER:-PT10M
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:old
SUMMARY:Founding day
DTSTART:19990101T090000Z
END:VEVENT
END:VCALENDAR
"""

pytestmark = pytest.mark.stores("sqlite")


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Tickwork:
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    return Tickwork(database)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "team.ics"
    file.write_text(CALENDAR)
    return file


def test_a_calendar_is_known_by_its_name_or_by_how_it_begins(
    app: Tickwork, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trigger", "import", str(file), "--log", "begins:"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "line 2: created: ics/team.ics/standup (every day at 09:30, Europe/Berlin)",
        "line 2: created: ics/team.ics/standup/alarm/1 (10 minutes before: every day at 09:30, Europe/Berlin)",
        "line 11: left out: Founding day (over)",
        "2 triggers of team.ics imported (format ics)",
    ]
    other = file.with_name("export.txt")
    other.write_text(CALENDAR)
    assert run(["trigger", "import", str(other), "--log", "begins:", "--dry-run"]) == 0
    assert "ics/export.txt/standup" in capsys.readouterr().out


def test_each_trigger_is_a_json_line(app: Tickwork, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trigger", "import", str(file), "--command", "echo $ICS_SUMMARY", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row.get("key"), row["did"]) for row in rows] == [
        ("ics/team.ics/standup", "created"),
        ("ics/team.ics/standup/alarm/1", "created"),
        (None, "left out"),
    ]


def test_a_broken_event_is_named_and_the_others_are_imported_with_keep_going(
    app: Tickwork, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(CALENDAR.replace("19990101T090000Z", "once"))
    arguments = ["trigger", "import", str(file), "--handler", "calendar.event", "--unchecked"]
    assert run(arguments) == 2
    assert "line 11: event old: DTSTART: 'once' is not allowed" in capsys.readouterr().err
    assert app.triggers.list() == []
    assert run([*arguments, "--keep-going"]) == 1
    assert len(app.triggers.list()) == 2


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("team.ics", ["--ignore-user"]),
        ("team.ics", ["--skip-reboot"]),
        ("crontab", ["--handler", "x"]),
        ("crontab", ["--reminders", "only"]),
    ],
)
def test_options_of_the_other_kind_of_file_are_refused(
    app: Tickwork, file: Path, name: str, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    other = file.with_name(name)
    other.write_text(CALENDAR if name == "team.ics" else "0 9 * * * mail\n")
    assert run(["trigger", "import", str(other), *option]) == 2
    assert f"{option[0]} says nothing about" in capsys.readouterr().err


def test_a_calendar_needs_an_action(app: Tickwork, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trigger", "import", str(file)]) == 2
    assert "exactly one of handler, command, log" in capsys.readouterr().err
