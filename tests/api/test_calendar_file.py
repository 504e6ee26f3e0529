"""Importing calendar files: what an edition of a file makes of what the editions before it made."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.support.scene import Scene
from tests.support.shared import shared
from tickwork.api.calendar_file import import_calendar
from tickwork.errors import ConfigurationError, UnknownHandler
from tickwork.model.action import Log, PutTask
from tickwork.watch import from_instant

AT = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)
EVENT = PutTask("calendar.event", "{}")

WEEKLY = """
UID:weekly
SUMMARY:Review
DTSTART;TZID=Europe/Berlin:20260105T140000
DURATION:PT1H
RRULE:FREQ=WEEKLY;COUNT=20
BEGIN:VALARM
TRIGGER:-PT15M
DESCRIPTION:soon
END:VALARM
"""
DENTIST = """
UID:dentist
SUMMARY:Dentist
LOCATION:Main Street
DTSTART:20260310T090000Z
DTEND:20260310T093000Z
"""


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene(database, at=AT)
    yield scene
    scene.close()


def calendar(*events: str) -> bytes:
    inside = "".join(f"BEGIN:VEVENT{event}END:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\n{inside}END:VCALENDAR\n".encode()


def bring(scene: Scene, *events: str, **options: Any) -> dict[str, str]:
    """Import; return what was done, by the key behind the file's name."""
    imported = import_calendar(scene.app, calendar(*events), "team", EVENT, unchecked=True, **options)
    done = {line.put.key: line.put.did for line in imported.lines} | {put.key: put.did for put in imported.pruned}
    return {key.removeprefix("ics/team/"): did for key, did in done.items()}


def coming(scene: Scene) -> dict[str, str]:
    """When each active trigger fires next, by the key behind the file's name."""
    scene.work()
    return {
        each.key.removeprefix("ics/team/"): from_instant(each.next_at).strftime("%d %b %H:%M")
        for each in scene.app.triggers.list(state="active")
        if each.next_at is not None
    }


def test_events_and_their_reminders_become_triggers(scene: Scene) -> None:
    assert bring(scene, WEEKLY, DENTIST) == {"weekly": "created", "weekly/alarm/1": "created", "dentist": "created"}
    assert coming(scene) == {"weekly": "02 Mar 13:00", "weekly/alarm/1": "02 Mar 12:45", "dentist": "10 Mar 09:00"}
    dentist, alarm = (scene.app.triggers.get(f"ics/team/{key}") for key in ("dentist", "weekly/alarm/1"))
    assert json.loads(dentist.payload) == {
        "uid": "dentist",
        "summary": "Dentist",
        "location": "Main Street",
        "description": "",
        "start": "2026-03-10T09:00:00.000000Z",
        "duration": 1800,
        "all_day": False,
        "zone": "UTC",
    }
    assert json.loads(alarm.payload)["alarm"] == {"action": "DISPLAY", "offset": -900, "description": "soon"}
    assert (alarm.object, alarm.container, alarm.tags) == ("ics/team/weekly", "ics:team", ("alarm", "ics"))


def test_importing_again_doubles_nothing(scene: Scene) -> None:
    bring(scene, WEEKLY, DENTIST)
    before = coming(scene)
    assert set(bring(scene, DENTIST, WEEKLY).values()) == {"unchanged"}
    assert coming(scene) == before
    assert [each.version for each in scene.app.triggers.list()] == [1, 1, 1]


def test_a_moved_event_moves_its_trigger_and_its_reminder(scene: Scene) -> None:
    bring(scene, WEEKLY)
    bring(scene, WEEKLY.replace("T140000", "T160000").replace("-PT15M", "-PT1H"))
    assert coming(scene) == {"weekly": "02 Mar 15:00", "weekly/alarm/1": "02 Mar 14:00"}


def test_a_changed_occurrence_leaves_its_series_and_returns_to_it(scene: Scene) -> None:
    override = "\nUID:weekly\nRECURRENCE-ID:20260302T130000Z\nDTSTART:20260303T080000Z\n"
    bring(scene, WEEKLY, override)
    assert coming(scene) == {
        "weekly": "09 Mar 13:00",
        "weekly/alarm/1": "09 Mar 12:45",
        "weekly/2026-03-02T13:00:00Z": "03 Mar 08:00",
    }
    assert bring(scene, WEEKLY)["weekly/2026-03-02T13:00:00Z"] == "cancelled"
    assert coming(scene) == {"weekly": "02 Mar 13:00", "weekly/alarm/1": "02 Mar 12:45"}


def test_a_cancelled_occurrence_is_taken_out_and_a_cancelled_event_goes_with_its_reminders(scene: Scene) -> None:
    bring(scene, WEEKLY, DENTIST)
    bring(scene, WEEKLY, "\nUID:weekly\nRECURRENCE-ID:20260302T130000Z\nSTATUS:CANCELLED\n", DENTIST)
    assert coming(scene)["weekly"] == "09 Mar 13:00"
    assert bring(scene, f"{WEEKLY}STATUS:CANCELLED\n", DENTIST) == {
        "dentist": "unchanged",
        "weekly": "cancelled",
        "weekly/alarm/1": "cancelled",
    }
    assert coming(scene) == {"dentist": "10 Mar 09:00"}
    assert bring(scene, WEEKLY)["weekly"] == "rearmed"
    assert coming(scene)["weekly"] == "02 Mar 13:00"


def test_a_reminder_that_was_removed_goes(scene: Scene) -> None:
    bring(scene, WEEKLY)
    silent = WEEKLY[: WEEKLY.index("BEGIN:VALARM")]
    assert bring(scene, silent) == {"weekly": "unchanged", "weekly/alarm/1": "cancelled"}


def test_what_vanished_goes_with_prune_only_and_not_while_anything_is_wrong(scene: Scene) -> None:
    bring(scene, WEEKLY, DENTIST)
    assert "dentist" not in bring(scene, WEEKLY)
    broken = "\nUID:broken\nDTSTART:yesterday\n"
    assert "dentist" not in bring(scene, WEEKLY, broken, keep_going=True, prune=True)
    assert bring(scene, WEEKLY, prune=True)["dentist"] == "cancelled"


def test_a_broken_event_stops_the_import_or_is_reported_and_keeps_what_it_had(scene: Scene) -> None:
    bring(scene, WEEKLY, DENTIST)
    broken = DENTIST.replace("20260310T090000Z", "sometime")
    refused = import_calendar(scene.app, calendar(WEEKLY, broken), "team", EVENT, unchecked=True)
    assert (refused.written, refused.lines) == (False, ())
    (fault,) = refused.faults
    assert (fault.line, str(fault).split(":")[1]) == (13, " event dentist")
    done = bring(scene, WEEKLY.replace("T140000", "T160000"), broken, keep_going=True)
    assert done == {"weekly": "rearmed", "weekly/alarm/1": "rearmed"}
    assert coming(scene)["dentist"] == "10 Mar 09:00"


def test_a_dry_run_says_all_and_does_nothing(scene: Scene) -> None:
    assert bring(scene, WEEKLY, dry_run=True) == {"weekly": "created", "weekly/alarm/1": "created"}
    assert scene.app.triggers.list() == []


def test_what_is_over_is_left_out_and_what_was_moved_into_the_future_fires_again(scene: Scene) -> None:
    bring(scene, DENTIST)
    scene.wind(9 * 86_400)
    assert len(scene.tasks("ics/team/dentist")) == 1
    assert bring(scene, DENTIST) == {"dentist": "unchanged"}
    imported = import_calendar(
        scene.app, calendar("\nUID:past\nDTSTART:20260101T090000Z\n"), "team", EVENT, unchecked=True
    )
    assert (imported.lines, [str(each) for each in imported.left_out]) == ((), ["line 2: event: it is over"])
    bring(scene, DENTIST.replace("20260310", "20260315"))
    scene.wind(9 * 86_400)
    assert len(scene.tasks("ics/team/dentist")) == 2


def test_an_event_that_is_moved_into_the_past_does_not_fire(scene: Scene) -> None:
    bring(scene, DENTIST)
    assert bring(scene, DENTIST.replace("20260310", "20260101")) == {"dentist": "cancelled"}
    scene.wind(30 * 86_400)
    assert scene.tasks() == []


@pytest.mark.stores("sqlite")
def test_reminders_alone_or_none(scene: Scene) -> None:
    assert bring(scene, WEEKLY, reminders="only") == {"weekly/alarm/1": "created"}
    assert bring(scene, WEEKLY, reminders="none") == {"weekly": "created", "weekly/alarm/1": "cancelled"}


@pytest.mark.stores("sqlite")
def test_a_command_finds_the_event_in_its_environment_and_a_line_ends_with_its_summary(scene: Scene) -> None:
    command = PutTask.of("tickwork.command", {"argv": ["/bin/sh", "-c", "echo $ICS_SUMMARY"]})
    import_calendar(scene.app, calendar(WEEKLY), "team", command)
    environment = json.loads(scene.app.triggers.get("ics/team/weekly/alarm/1").payload)["environment"]
    assert (environment["ICS_SUMMARY"], environment["ICS_ALARM_OFFSET"]) == ("Review", "-900")
    import_calendar(scene.app, calendar(WEEKLY), "log", Log("begins:"))
    assert json.loads(scene.app.triggers.get("ics/log/weekly").payload) == {"message": "begins: Review"}


@pytest.mark.stores("sqlite")
def test_a_handler_that_nobody_knows_is_refused_and_nothing_is_written(scene: Scene) -> None:
    with pytest.raises(UnknownHandler, match=r"calendar\.event"):
        import_calendar(scene.app, calendar(WEEKLY), "team", EVENT)
    assert scene.app.triggers.list() == []

    @scene.app.handler("calendar.event")
    def event(task: Any, uid: str, summary: str, start: str, **more: Any) -> None: ...

    assert import_calendar(scene.app, calendar(WEEKLY), "team", EVENT).written


@pytest.mark.stores("sqlite")
def test_a_uid_that_is_too_long_for_a_key_is_told_by_its_hash(scene: Scene) -> None:
    long = DENTIST.replace("UID:dentist", f"UID:{'x' * 600}")
    (key,) = bring(scene, long)
    assert len(key) == 64
    assert bring(scene, long) == {key: "unchanged"}


@pytest.mark.stores("sqlite")
def test_without_the_extra_the_error_says_how_to_install_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("icalendar"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(ConfigurationError, match=r"pip install 'tickwork\[ics\]'"):
        bring(scene, WEEKLY)


@pytest.mark.stores("sqlite")
def test_every_real_calendar_is_imported_twice_and_doubles_nothing(scene: Scene) -> None:
    for file in sorted(shared("data/ics").glob("*.ics")):
        first, second = (
            import_calendar(scene.app, file.read_bytes(), file.name, EVENT, unchecked=True, keep_going=True)
            for _ in range(2)
        )
        assert {line.put.did for line in second.lines} <= {"unchanged"}, file.name
        assert [line.put.key for line in second.lines] == [line.put.key for line in first.lines]
        assert second.pruned == ()
