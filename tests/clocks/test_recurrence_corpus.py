"""Every rule of libical's and ical.js's own test data gives the occurrences that their maintainers expect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.support.shared import shared_or_none
from tickwork.clocks.recurrence import Recurrence, Rule
from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.errors import InvalidClock

FILES = ("libical-icalrecur_test.txt", "libical-icalrecur_test_rscale.txt", "libical-icalrecur_test.out")

#: Rules whose maintainers expect something else, what they get here, and why.
DEVIATIONS = {
    ("FREQ=YEARLY;BYWEEKNO=53;INTERVAL=6;BYDAY=TH;COUNT=1", "20270103T000000Z"): (
        "20321230T000000Z",
        """DTSTART (a Sunday) is none of the rule's Thursdays: 'the recurrence set generated with a "DTSTART" property
        value not synchronized with the recurrence rule is undefined' (3.8.5.3). Here INTERVAL counts from the year to
        which DTSTART's week belongs (2026), as libical itself does for a DTSTART that matches.""",
    ),
    ("FREQ=YEARLY;BYWEEKNO=53;INTERVAL=5;BYDAY=TH;COUNT=1", "20270103T000000Z"): (
        "20711231T000000Z",
        "the same: counted from 2026, the first fifth year with a week 53 is 2071",
    ),
    ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=30;BYWEEKNO=1;UNTIL=20320101", "20241230"): (
        "20241230,20251230,20301230,20311230",
        "libical has not implemented it; the RFC's table of 3.3.10 allows the three parts together",
    ),
}
REFUSED = {("RSCALE=RUSSIAN;FREQ=YEARLY", "20131025"): "RSCALE"}


def blocks(name: str) -> list[dict[str, str]]:
    path = shared_or_none(f"data/rrule/{name}")
    found = []
    for block in path.read_text().split("\n\n") if path else ():
        lines = (line.partition(":") for line in block.splitlines() if not line.startswith("#"))
        fields = {key: value for key, colon, value in lines if colon}
        if "RRULE" in fields:
            found.append(fields)
    return found


def cases() -> Iterator[Any]:
    for name in FILES:
        found = blocks(name)
        if not found:
            reason = f"shared material 'data/rrule/{name}' is not on this machine"
            yield pytest.param({}, id=name, marks=pytest.mark.skip(reason=reason))
        for number, fields in enumerate(found):
            yield pytest.param(fields, id=f"{name.removeprefix('libical-icalrecur_')}-{number}")


@pytest.mark.parametrize("fields", list(cases()))
def test_a_rule_gives_the_maintainers_occurrences(fields: dict[str, str]) -> None:
    rule, start, expected = fields["RRULE"], fields["DTSTART"], fields["INSTANCES"].strip()
    if (rule, start) in REFUSED:
        with pytest.raises(InvalidClock) as refused:
            Recurrence(rule, start=start)
        assert refused.value.field == REFUSED[rule, start]
        return
    expected = DEVIATIONS.get((rule, start), (expected,))[0]
    clock = Recurrence(rule, start=start)
    origin = read_stamp(fields["START-AT"], "START-AT") if "PREV-INSTANCES" in fields and "START-AT" in fields else None
    since = origin.seconds * 1_000_000 - 1 if origin else -(10**17)
    stamp = read_stamp(start, "start")
    asked = expected.count(",") + 2
    found = list(islice(clock.occurrences(since, since), asked))
    assert ",".join(Stamp(stamp.kind, at // 1_000_000).basic() for at in found) == expected
    if "PREV-INSTANCES" not in fields or expected.count(",") > 60:
        return
    before, back = origin.seconds * 1_000_000 + 1 if origin else 10**17, []
    while (found_before := clock.prev_at(before, -(10**17))) is not None:
        before = found_before
        back.append(Stamp(stamp.kind, before // 1_000_000).basic())
    # libical goes back from where it stands: on the last occurrence of a COUNT, which it does not name again.
    assert fields["PREV-INSTANCES"].strip() in (",".join(back), ",".join(back[1:]))


def test_the_deviations_are_still_in_the_data() -> None:
    known = {(fields["RRULE"], fields["DTSTART"]) for name in FILES for fields in blocks(name)}
    if not known:
        pytest.skip("shared material 'data/rrule' is not on this machine")
    assert {*DEVIATIONS, *REFUSED} <= known


def test_rules_are_read_as_ical_js_reads_them() -> None:
    text, jcal = (
        shared_or_none("data/rrule/icaljs-parser-recur.ics"),
        shared_or_none("data/rrule/icaljs-parser-recur.json"),
    )
    if text is None or jcal is None:
        pytest.skip("shared material 'data/rrule/icaljs-parser-recur.*' is not on this machine")
    lines = [line for line in text.read_text().splitlines() if line.startswith("RRULE:")]
    expected = [entry[3] for entry in json.loads(jcal.read_text())[1]]
    assert len(lines) == len(expected) > 3
    for line, parts in zip(lines, expected, strict=True):
        rule = Rule.parse(line)
        months = parts.get("bymonth", [])
        assert rule.freq == parts["freq"]
        assert list(rule.by_month) == (months if isinstance(months, list) else [months])
        assert (rule.until.iso() if rule.until else None) == parts.get("until")
