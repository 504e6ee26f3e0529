"""Every calendar file of the shared material: the occurrences are those of an independent expander.

``expected.json`` was written by ``expand_independently.py`` in an environment of its own; where the two differ, the table
says by which sentence.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from tests.support.shared import shared
from tickwork.model.ics import IcsEvent, read_ics
from tickwork.watch import SECOND, from_instant, parse_instant

EXPECTED: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("expected.json").read_text())
ORIGINS = {"first": parse_instant("1970-01-01T00:00:00Z"), "from 2025": parse_instant("2025-01-01T00:00:00Z")}
HORIZON = parse_instant("2040-01-01T00:00:00Z")
MOST = 50

#: Files where the expander is no judge: (how many occurrences are found here, the first, why).
DEVIATIONS = {
    "icalendar-parsing_error.ics": (
        (40, "2008-03-03"),
        "the expander drops the event with an empty EXDATE; an empty list excludes nothing, so both events are read",
    ),
    "icalendar-rfc_7529.ics": (
        (28, "2012-02-29"),
        "the expander does not know SKIP (RFC 7529, 4.1: FORWARD makes 29 February 1 March in other years)",
    ),
    "libical-2446.ics": (
        (50, "1997-06-01T21:00:00"),
        """two slips of RFC 2446 itself: an event whose DTEND lies before its DTSTART (the expander lets it begin at the
        end; 3.8.2.2: DTEND 'MUST be later', so here it has no duration), and a changed occurrence that has a rule of its
        own but no series (read as that rule here, as one time there). Nothing else differs.""",
    ),
    "libical-recur-errors.ics": (
        (24, "1997-08-05T13:00:00"),
        "the expander takes TZID=US-Eastern for no zone at all; here it is US/Eastern",
    ),
    "node-ical-badRRULE.ics": (
        (50, "2020-09-03T15:40:00"),
        "the expander reads past 'RRULE:RRULE:AnythingRandom;...'; here the broken event is reported, the others kept",
    ),
    "node-ical-windows-quoted-tz-rrule.ics": (
        (10, "2015-07-06T16:00:00"),
        "the expander does not know the Windows display name, and takes 12:00 in Los Angeles (EXDATE) for 12:00 in New York",
    ),
    "node-ical-yearly-recurring-unicode.ics": (
        (28, "2012-07-14"),
        "VALUE=DATE with a TZID: 'the TZID property parameter MUST NOT be applied to DATE properties' (3.2.19)",
    ),
}
#: Files without an event.
EMPTY = {"icaljs-RDATE_test.ics"}


def written(event: IcsEvent, at: int) -> str:
    return from_instant(at).strftime("%Y-%m-%d" if event.all_day else "%Y-%m-%dT%H:%M:%S")


def found_in(data: bytes, since: int) -> list[str]:
    """The first occurrences in a file, each VCALENDAR read by itself as the expander does."""
    marker = b"BEGIN:VCALENDAR"
    messages = [marker + rest for rest in data.split(marker)[1:]] or [data]
    listed = []
    for message in messages:
        if b"METHOD:ADD" in message or b"METHOD:CANCEL" in message:
            continue
        for event in read_ics(message, zone="UTC", keep_going=True).events:
            occurrences = islice(event.clock.between(since, HORIZON, limit=20_000), MOST)
            listed += [written(event, at) for at in occurrences]
    return sorted(listed)[:MOST]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_next_fifty_occurrences_are_those_of_an_independent_expander(name: str, origin: str) -> None:
    found = found_in(shared(f"data/ics/{name}").read_bytes(), ORIGINS[origin])
    if name in EMPTY:
        assert found == []
    elif name in DEVIATIONS:
        (count, first), _ = DEVIATIONS[name]
        if origin == "first":
            assert (len(found), found[0]) == (count, first)
    else:
        assert found == sorted(at.removesuffix("Z") for at in EXPECTED[name][origin])


def test_the_deviations_are_few_and_every_file_is_compared() -> None:
    files = {path.name for path in shared("data/ics").glob("*.ics")}
    assert files == set(EXPECTED), "run expand_independently.py again"
    assert set(DEVIATIONS) <= files
    assert len(DEVIATIONS) <= 7


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_reading_again_gives_the_same_keys_and_no_key_twice(name: str) -> None:
    data = shared(f"data/ics/{name}").read_bytes()
    first, second = (read_ics(data, keep_going=True) for _ in range(2))
    keys = [event.key for event in first.events] + [alarm.key for event in first.events for alarm in event.alarms]
    assert first == second
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_clock_of_a_file_can_be_stored(name: str) -> None:
    from tickwork.clocks import decode_json, encode_json

    for event in read_ics(shared(f"data/ics/{name}").read_bytes(), keep_going=True).events[:20]:
        for clock in (event.clock, *(alarm.clock for alarm in event.alarms)):
            again = decode_json(*encode_json(clock))
            assert again == clock
            since = ORIGINS["first"] - 10 * SECOND
            assert again.preview(3, since=since) == clock.preview(3, since=since)
