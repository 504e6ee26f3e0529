"""Calendar files: keys that last, changed and cancelled occurrences, reminders, zones, and what is broken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shared import shared_or_none
from tickwork.clocks.zone import zone_names
from tickwork.errors import InvalidInput, TickworkError
from tickwork.model.ics import IcsReading, read_ics
from tickwork.model.ics.windows_zones import _DISPLAYED, IANA_OF_WINDOWS, iana_of
from tickwork.model.ics.zones import known_zone

SINCE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def calendar(*events: str, head: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{body}END:VCALENDAR\n"


def shown(reading: IcsReading, key: str, n: int = 5) -> list[str]:
    (event,) = (event for event in reading.events if event.key == key)
    return [f"{at:%d %b %H:%M}" for at in event.clock.preview(n, since=SINCE)]


SERIES = "UID:a\nDTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T100000\nRRULE:FREQ=DAILY;COUNT=6"


def test_a_changed_occurrence_leaves_its_series_and_stands_alone() -> None:
    moved = "UID:a\nRECURRENCE-ID:20260107T080000Z\nDTSTART;TZID=Europe/Berlin:20260107T150000\nSUMMARY:later"
    reading = read_ics(calendar(SERIES, moved))
    assert [event.key for event in reading.events] == ["a", "a/2026-01-07T08:00:00Z"]
    assert shown(reading, "a", 9) == ["05 Jan 08:00", "06 Jan 08:00", "08 Jan 08:00", "09 Jan 08:00", "10 Jan 08:00"]
    assert shown(reading, "a/2026-01-07T08:00:00Z") == ["07 Jan 14:00"]


def test_a_cancelled_occurrence_is_taken_out_and_named() -> None:
    gone = "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20260107T090000\nDTSTART:20260107T080000Z\nSTATUS:CANCELLED"
    reading = read_ics(calendar(SERIES, gone))
    assert len(reading.events) == 1
    assert reading.cancelled == ("a/2026-01-07T09:00:00",)
    assert "07 Jan 08:00" not in shown(reading, "a", 9)


def test_this_and_future_moves_the_rest_of_the_series() -> None:
    cut = "UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260107T080000Z\nDTSTART;TZID=Europe/Berlin:20260107T110000\nSUMMARY:new"
    single = "UID:a\nRECURRENCE-ID:20260109T080000Z\nDTSTART:20260109T200000Z"
    reading = read_ics(calendar(SERIES, cut, single))
    assert shown(reading, "a", 9) == ["05 Jan 08:00", "06 Jan 08:00"]
    assert shown(reading, "a/2026-01-07T08:00:00Z/future", 9) == ["07 Jan 10:00", "08 Jan 10:00", "10 Jan 10:00"]
    assert shown(reading, "a/2026-01-09T08:00:00Z") == ["09 Jan 20:00"]


def test_a_cancelled_event_is_named_with_all_that_it_had() -> None:
    reading = read_ics(calendar(f"{SERIES}\nSTATUS:CANCELLED"))
    assert (reading.events, reading.cancelled) == ((), ("a",))
    reading = read_ics(calendar("UID:b\nSEQUENCE:3", head="METHOD:CANCEL\n"))
    assert reading.cancelled == ("b",)


def test_the_newest_edition_counts() -> None:
    older, newer = (f"UID:x\nSEQUENCE:{n}\nDTSTART:2026010{n}T090000Z" for n in (1, 2))
    assert shown(read_ics(calendar(newer, older)), "x") == ["02 Jan 09:00"]


def test_what_guests_answer_changes_nothing() -> None:
    reading = read_ics(calendar("UID:x\nDTSTART:20260101T090000Z", head="METHOD:REPLY\n"))
    assert reading == IcsReading()


def test_every_occurrence_changed_leaves_no_series() -> None:
    moved = "UID:b\nRECURRENCE-ID:20260105T080000Z\nDTSTART:20260106T080000Z"
    reading = read_ics(calendar("UID:b\nDTSTART:20260105T080000Z\nRRULE:FREQ=DAILY;COUNT=1", moved))
    assert [event.key for event in reading.events] == ["b/2026-01-05T08:00:00Z"]


# --- reminders


@pytest.mark.parametrize(
    ("alarm", "first"),
    [
        ("TRIGGER:-PT15M", "05 Jan 07:45"),
        ("TRIGGER;RELATED=END:-PT15M", "05 Jan 08:45"),
        ("TRIGGER:PT0S", "05 Jan 08:00"),
        ("TRIGGER:-P1DT2H", "04 Jan 06:00"),
        ("TRIGGER;VALUE=DATE-TIME:20260103T120000Z", "03 Jan 12:00"),
    ],
)
def test_reminders_follow_their_event(alarm: str, first: str) -> None:
    reading = read_ics(calendar(f"{SERIES}\nBEGIN:VALARM\n{alarm}\nACTION:EMAIL\nEND:VALARM"))
    (reminder,) = reading.events[0].alarms
    assert (reminder.key, reminder.action) == ("a/alarm/1", "EMAIL")
    assert f"{reminder.clock.preview(1, since=SINCE)[0]:%d %b %H:%M}" == first


def test_a_reminder_may_repeat() -> None:
    alarm = "BEGIN:VALARM\nTRIGGER:-PT30M\nREPEAT:2\nDURATION:PT10M\nEND:VALARM"
    (reminder,) = read_ics(calendar(f"UID:a\nDTSTART:20260105T090000Z\n{alarm}")).events[0].alarms
    assert [f"{at:%H:%M}" for at in reminder.clock.preview(5, since=SINCE)] == ["08:30", "08:40", "08:50"]


@pytest.mark.parametrize(
    ("lines", "duration"),
    [
        ("DTSTART:20260105T090000Z\nDTEND:20260105T103000Z", timedelta(hours=1, minutes=30)),
        ("DTSTART:20260105T090000Z\nDURATION:P1W", timedelta(weeks=1)),
        ("DTSTART:20260105T090000Z", timedelta(0)),
        ("DTSTART;VALUE=DATE:20260105", timedelta(days=1)),
        ("DTSTART;VALUE=DATE:20260328\nDTEND;VALUE=DATE:20260330", timedelta(days=2)),
        ("DTSTART;TZID=Asia/Tokyo:20260105T180000\nDTEND;TZID=Europe/Berlin:20260105T110000", timedelta(hours=1)),
    ],
)
def test_how_long_an_event_lasts(lines: str, duration: timedelta) -> None:
    assert read_ics(calendar(f"UID:a\n{lines}"), zone="Europe/Berlin").events[0].duration == duration


# --- zones


@pytest.mark.parametrize(
    ("tzid", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("(UTC-05:00) Eastern Time (US and Canada)", "America/New_York"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Europe/Vienna", "Europe/Vienna"),
        ("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("US-Eastern", "US/Eastern"),
        ("Nowhere Standard Time", None),
        ("Berlin", None),
    ],
)
def test_names_of_zones_are_understood(tzid: str, zone: str | None) -> None:
    assert known_zone(tzid) == zone


def test_every_windows_zone_is_one_of_ianas() -> None:
    assert set(IANA_OF_WINDOWS.values()) <= set(zone_names())
    assert all(iana_of(f"(UTC+01:00) {said}") for said in _DISPLAYED)
    assert len(IANA_OF_WINDOWS) >= 135


LAB = """BEGIN:VTIMEZONE
TZID:Lab
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0130
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0130
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def test_a_zone_that_only_the_file_knows_is_built_from_its_rules() -> None:
    reading = read_ics(calendar("UID:a\nDTSTART;TZID=Lab:20260328T120000\nRRULE:FREQ=DAILY;COUNT=2", head=LAB))
    assert shown(reading, "a") == ["28 Mar 10:30", "29 Mar 10:00"]
    assert reading.events[0].zone.startswith("custom:Lab:")


def test_floating_times_are_in_the_zone_that_is_given_or_the_calendars_own() -> None:
    event = "UID:a\nDTSTART:20260105T090000"
    assert shown(read_ics(calendar(event)), "a") == ["05 Jan 09:00"]
    assert shown(read_ics(calendar(event, head="X-WR-TIMEZONE:Europe/Berlin\n")), "a") == ["05 Jan 08:00"]
    assert shown(read_ics(calendar(event, head="X-WR-TIMEZONE:Europe/Berlin\n"), zone="Asia/Tokyo"), "a") == [
        "05 Jan 00:00"
    ]


# --- what is broken


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("UID:bad\nRRULE:FREQ=DAILY", "DTSTART"),
        ("UID:bad\nDTSTART:2026-13-01", "DTSTART"),
        ("UID:bad\nDTSTART:20260101T090000Z\nRRULE:FREQ=SOMETIMES", "FREQ"),
        ("UID:bad\nDTSTART:20260101T090000Z\nRRULE:FREQ=DAILY\nEXDATE:yesterday", "EXDATE"),
        ("UID:bad\nDTSTART;TZID=Nowhere:20260101T090000", "TZID"),
        ("UID:bad\nDTSTART:20260101T090000Z\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY", "EXRULE"),
        ("UID:bad\nDTSTART:20260101T090000Z\nDURATION:soon", "DURATION"),
        ("UID:bad\nDTSTART:20260101T090000Z\nBEGIN:VALARM\nEND:VALARM", "TRIGGER"),
    ],
)
def test_a_broken_event_is_reported_and_the_others_are_kept(broken: str, reason: str) -> None:
    data = calendar(broken, SERIES)
    with pytest.raises(InvalidInput, match=f"event 'bad', line 3: {reason}"):
        read_ics(data)
    reading = read_ics(data, keep_going=True)
    assert [event.key for event in reading.events] == ["a"]
    (problem,) = reading.problems
    assert (problem.uid, problem.line) == ("bad", 3)
    assert reason in problem.reason


def test_an_event_without_a_uid_has_the_same_name_each_time() -> None:
    data = calendar("DTSTART:20260101T090000Z\nSUMMARY:x", "DTSTART:20260102T090000Z\nSUMMARY:x")
    first, second = (tuple(event.key for event in read_ics(data).events) for _ in range(2))
    assert first == second
    assert len(set(first)) == 2


def test_stray_lines_are_reported_and_passed_over() -> None:
    reading = read_ics(calendar(f"{SERIES}\nthis is no property"), keep_going=True)
    assert len(reading.events) == 1
    assert [problem.line for problem in reading.problems] == [8]


@pytest.mark.parametrize("data", [5, None, [b"BEGIN:VCALENDAR"]])
def test_what_is_no_file_is_refused(data: object) -> None:
    with pytest.raises(InvalidInput, match="data"):
        read_ics(data)  # type: ignore[arg-type]


# --- fuzzing: only documented errors, never a hang


@settings(max_examples=150, deadline=5_000)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_ics(data, keep_going=True)


FOLDER = shared_or_none("data/ics")
FILES = sorted(FOLDER.glob("*.ics")) if FOLDER else []


@settings(max_examples=150, deadline=10_000)
@given(st.data())
def test_spoilt_files_are_read_or_refused(data: st.DataObject) -> None:
    if not FILES:
        pytest.skip("shared material 'data/ics' is not on this machine")
    lines = data.draw(st.sampled_from(FILES)).read_bytes()[:6_000].split(b"\n")
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["drop", "twice", "cut", "digits"]))
        line = lines[number]
        spoilt = {"drop": b"", "twice": line + b"\n" + line, "cut": line[: len(line) // 2]}
        lines[number] = spoilt.get(change, line.replace(b"0", b"9").replace(b"1", b"8"))
    try:
        reading = read_ics(b"\n".join(lines), keep_going=True)
    except TickworkError as refused:
        pytest.fail(f"with keep_going nothing is raised: {refused}")
    for event in reading.events[:5]:
        event.clock.preview(2, since=SINCE)
