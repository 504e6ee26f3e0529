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

#: Files of which the expander is no judge as they stand: what it stumbles over, and the sentence that decides. Each but one
#: is also expanded after a few replacements that take the stumbling block away (MENDED, in expand_independently.py), and
#: what is found here in the file as it stands is, occurrence by occurrence, what the expander finds in the mended one.
DEVIATIONS = {
    "icalendar-parsing_error.ics": """An EXDATE without a value; the expander drops the event. RFC 5545, 3.8.5.1: EXDATE
        'defines the list of DATE-TIME exceptions': an empty list excludes nothing. Mended: without that line.""",
    "icalendar-rfc_7529.ics": """The expander knows no SKIP. RFC 7529, 4.1: FORWARD takes the next date that exists.
        No mending helps; the dates are worked out below.""",
    "libical-2446.ics": """Two slips of RFC 2446 itself. An event that ends before it begins; the expander begins it at its
        end. RFC 5545, 3.8.2.2: DTEND's value 'MUST be later in time than the value of the DTSTART property'; here it has
        no duration. And a RECURRENCE-ID beside an RRULE, without any series; 3.8.4.4: it identifies 'a specific instance
        of a recurring' event, and there is none, so the rule is read. Mended: without those DTEND and that line.""",
    "libical-recur-errors.ics": """TZID=US-Eastern, without a VTIMEZONE; to the expander it is no zone, so the times float.
        RFC 5545, 3.8.3.1: TZID 'specifies the text value that uniquely identifies' a VTIMEZONE; where the file has none,
        the name itself tells. Mended: US/Eastern.""",
    "node-ical-badRRULE.ics": """'RRULE:RRULE:AnythingRandom;...'; the expander reads past it. RFC 5545, 3.3.10: 'each
        rule part is defined by a NAME=VALUE pair'; the event is reported and the others are kept. Mended: without that event.""",
    "node-ical-windows-quoted-tz-rrule.ics": """The TZID is a Windows display name, which the expander does not know. And
        EXDATEs at 12:00 in Los Angeles, which it takes for 12:00 in New York. RFC 5545, 3.8.5.1 excludes 'date/times', and
        15:00 in New York is no occurrence. Mended: America/New_York, without those EXDATEs.""",
    "node-ical-yearly-recurring-unicode.ics": """A date with a zone; to the expander it is midnight there. RFC 5545, 3.2.19:
        'The "TZID" property parameter MUST NOT be applied to DATE properties': a date is a date. Mended: without it.""",
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
    elif name == "icalendar-rfc_7529.ics":
        first = 2012 if origin == "first" else 2025
        assert found == [f"{year}-{'02-29' if year % 4 == 0 else '03-01'}" for year in range(first, 2040)]
    else:
        told = EXPECTED[name][f"mended, {origin}" if name in DEVIATIONS else origin]
        assert found == sorted(at.removesuffix("Z") for at in told)


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
