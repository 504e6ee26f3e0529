"""Recurrence rules against python-dateutil: next answers per second, as JSON rows.

Every rule of libical's test data (UNTIL and COUNT removed, so that all of them go on) and a few that people write.
Questions, of which none is answered from a memory of its answer:

- *ten years*: what follows a moment ten years after DTSTART, the same moment each time, the rule read already;
- *ten years, walked*: from there on ten occurrences, one after another;
- *young*: as *ten years, walked*, from a week after DTSTART on;
- *fresh*: a text never seen before, DTSTART and a zone given: read, checked, and asked for its first occurrence;
- *known text*: the same for a text that was seen lately with another DTSTART, as in a calendar with many events.

Times are those of the processor, the least of many short laps, for the machine may be shared. ``rate`` is the median of
our answers per second, ``ratio`` the median of ours over theirs, ``worst`` the lowest, ``below_goal`` how many rules miss
100 (ten years) or 1 (the others). ``--all`` prints a line for every rule as well.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from frame.rows import Book, arguments

from tickwork.clocks.recurrence import Recurrence, Rule, days
from tickwork.clocks.recurrence import rule as rules_read
from tickwork.clocks.recurrence.occurrences import occurrences_of
from tickwork.errors import InvalidClock
from tickwork.watch import to_instant

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TICKWORK_SHARED", ROOT.parent / "shared"))
ZONE = "America/New_York"
START = datetime(2016, 1, 4, 9)  # noqa: DTZ001 - the wall clock of ZONE
WRITTEN = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
    "FREQ=HOURLY",
    "FREQ=HOURLY;INTERVAL=6",
    "FREQ=MINUTELY;INTERVAL=15",
    "FREQ=MINUTELY",
)
#: An answer that takes longer than this, in seconds, is asked for once only.
SLOW = 0.05


def rules() -> list[str]:
    """The rules, each once, without an end of its own and without what dateutil cannot read."""
    found = dict.fromkeys(WRITTEN)
    file = SHARED / "data" / "rrule" / "libical-icalrecur_test.txt"
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("RRULE:") and "RSCALE" not in line:
            parts = (part for part in line[6:].rstrip(";").split(";") if not part.startswith(("COUNT", "UNTIL")))
            found[";".join(parts)] = None
    return [rule for rule in found if fires(rule)]


def fires(rule: str) -> bool:
    try:
        Recurrence(rule, start=START, zone=ZONE)
    except InvalidClock:
        return False
    return True


def rate(answer: Callable[[], object], laps: int) -> float:
    """Answers per second of the processor's time, the best of so many laps of about a millisecond."""
    once = timed(answer, 1)
    if once > SLOW:
        return 1 / once
    number = max(1, min(int(0.001 / max(once, 1e-7)), 500))
    return number / min(timed(answer, number) for _ in range(laps))


def timed(answer: Callable[[], object], number: int) -> float:
    began = time.process_time()
    for _ in range(number):
        answer()
    return time.process_time() - began


def walk(following: Callable[[Any], Any], since: Any) -> Callable[[], object]:
    """One question after another: each asks for what follows the last answer, back to the beginning after ten."""
    state = {"at": since, "asked": 0}

    def answer() -> object:
        if state["asked"] == 10:
            state.update(at=since, asked=0)
        state["at"] = following(state["at"])
        state["asked"] += 1
        return state["at"]

    return answer


def fresh(rule: str) -> Callable[[], object]:
    def answer() -> object:
        for remembered in (occurrences_of, rules_read._parsed, rules_read._written, days.days_of):
            remembered.cache_clear()
        return Recurrence(rule, start=START, zone=ZONE).next_at(None, BEFORE)

    return answer


def known_text(rule: str) -> Callable[[], object]:
    starts = cycle(START + timedelta(weeks=week, seconds=week) for week in range(10_000))

    def answer() -> object:
        return Recurrence(rule, start=next(starts), zone=ZONE).next_at(None, BEFORE)

    return answer


def theirs_fresh(rule: str) -> Callable[[], object]:
    zone = ZoneInfo(ZONE)
    start, before = START.replace(tzinfo=zone), (START - timedelta(days=1)).replace(tzinfo=zone)
    return lambda: rrulestr(rule, dtstart=start).after(before)


def theirs_known(rule: str) -> Callable[[], object]:
    zone = ZoneInfo(ZONE)
    starts = cycle((START + timedelta(weeks=week, seconds=week)).replace(tzinfo=zone) for week in range(10_000))
    before = (START - timedelta(days=1)).replace(tzinfo=zone)
    return lambda: rrulestr(rule, dtstart=next(starts)).after(before)


BEFORE = to_instant((START - timedelta(days=1)).replace(tzinfo=timezone.utc))


def measured(rule: str, laps: int) -> Iterator[tuple[str, float, float]]:
    """Yield what was asked, and the answers per second of ours and of theirs."""
    clock = Recurrence(rule, start=START, zone=ZONE)
    zone = ZoneInfo(ZONE)
    other = rrulestr(rule, dtstart=START.replace(tzinfo=zone))
    week, decade = (START.replace(tzinfo=zone) + timedelta(days=days) for days in (7, 3652))
    asked = to_instant(decade)
    ours, theirs = rate(lambda: clock.next_at(asked, 0), laps), rate(lambda: other.after(decade), laps)
    yield "ten years", ours, theirs
    for question, at in (("ten years, walked", decade), ("young", week)):
        ours = rate(walk(lambda moment: clock.next_at(moment, 0), to_instant(at)), laps)
        if question == "young" or theirs > 2:
            theirs = rate(walk(other.after, at), laps)
        yield question, ours, theirs  # of one answer in seconds another one like it is not waited for
    yield "fresh", rate(fresh(rule), laps), rate(theirs_fresh(rule), laps)
    yield "known text", rate(known_text(rule), laps), rate(theirs_known(rule), laps)


def main() -> int:
    given = arguments(__doc__, size=30, quick=5, runs=1, stores=["none"], all=False)
    book = Book("recurrence", given)
    asked = rules()
    if given.quick:
        asked = [rule for rule in asked if rule in WRITTEN]
    rows: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for rule in asked:
        if Rule.parse(rule).freq == "SECONDLY" or (given.quick and "MINUTELY" in rule):
            continue  # dateutil takes minutes for one answer after ten years
        for question, ours, theirs in measured(rule, given.size):
            rows[question].append((ours / theirs, ours, rule))
            if given.all:
                print(
                    json.dumps({"asked": question, "rule": rule, "ratio": round(ours / theirs, 2), "rate": round(ours)})
                )
    for question, found in rows.items():
        goal = 100 if "ten years" in question else 1
        worst = min(found)
        book.row(
            "none", f"dateutil {version('python-dateutil')}", asked=question, rules=len(found),
            rate=statistics.median(rate for _, rate, _ in found), ratio=statistics.median(ratio for ratio, _, _ in found),
            worst=worst[0], worst_rule=worst[2], below_goal=sum(ratio < goal for ratio, _, _ in found),
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
