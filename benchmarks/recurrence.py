"""Recurrence rules against python-dateutil: next answers per second, as JSON rows.

Every rule of libical's test data (UNTIL and COUNT removed, so that all of them go on) and a few that people write.
Questions, of which none is answered from a memory of its answer:

- *ten years*: what follows a moment ten years after DTSTART, the same moment each time, the rule read already;
- *ten years, walked*: from there on ten occurrences, one after another;
- *young*: as *ten years, walked*, from a week after DTSTART on;
- *fresh*: a text never seen before, DTSTART and a zone given: read, checked, and asked for its first occurrence;
- *known text*: the same for a text that was seen lately with another DTSTART, as in a calendar with many events.

``ratio`` is ours over theirs in answers per second, ``below_goal`` how many rules miss 100 (ten years) or 1 (the others).

    python benchmarks/recurrence.py [--seconds 0.05]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

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
#: One answer of theirs may take this long before the rule is passed over (and named).
PATIENCE = 30.0


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


def rate(answer: Callable[[], object], seconds: float) -> float:
    """Answers per second, the best of three stretches of about that long together, so that a busy machine disturbs less."""
    once = min(timed(answer), timed(answer))
    if once > seconds:
        return 1 / once
    number = max(1, min(int(seconds / 3 / max(once, 1e-7)), 20_000))
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(number):
            answer()
        best = max(best, number / (time.perf_counter() - began))
    return best


def timed(answer: Callable[[], object]) -> float:
    began = time.perf_counter()
    answer()
    return time.perf_counter() - began


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


def measured(rule: str, seconds: float) -> list[dict[str, object]]:
    clock = Recurrence(rule, start=START, zone=ZONE)
    zone = ZoneInfo(ZONE)
    other = rrulestr(rule, dtstart=START.replace(tzinfo=zone))
    rows: list[dict[str, object]] = []
    at = START.replace(tzinfo=zone) + timedelta(days=3652)
    asked, theirs = to_instant(at), rate(lambda: other.after(at), seconds)
    rows.append(row("recurrence/ten years", rule, rate(lambda: clock.next_at(asked, 0), seconds), theirs))
    for name, gone in (("ten years, walked", timedelta(days=3652)), ("young", timedelta(days=7))):
        at = START.replace(tzinfo=zone) + gone
        ours = rate(walk(lambda moment: clock.next_at(moment, 0), to_instant(at)), seconds)
        theirs = rate(walk(other.after, at), seconds)
        rows.append(row(f"recurrence/{name}", rule, ours, theirs))
    rows.append(row("recurrence/fresh", rule, rate(fresh(rule), seconds), rate(theirs_fresh(rule), seconds)))
    rows.append(row("recurrence/known text", rule, rate(known_text(rule), seconds), rate(theirs_known(rule), seconds)))
    return rows


def row(benchmark: str, rule: str, ours: float, theirs: float) -> dict[str, object]:
    return {
        "benchmark": benchmark,
        "against": "dateutil",
        "rule": rule,
        "rate": round(ours),
        "theirs": round(theirs, 1),
        "ratio": round(ours / theirs, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Recurrence rules against python-dateutil.")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long each question is asked (default 0.05)")
    parser.add_argument("--all", action="store_true", help="print a row for every rule, not only the summaries")
    given = parser.parse_args()
    rows = []
    for rule in rules():
        if Rule.parse(rule).freq == "SECONDLY":
            continue  # dateutil takes minutes for one answer after ten years
        rows += measured(rule, given.seconds)
    for name in dict.fromkeys(str(line["benchmark"]) for line in rows):
        lines = sorted((line for line in rows if line["benchmark"] == name), key=lambda line: float(str(line["ratio"])))
        ratios = [float(str(line["ratio"])) for line in lines]
        summary = {
            "benchmark": name,
            "against": "dateutil",
            "rules": len(lines),
            "rate": round(statistics.median(float(str(line["rate"])) for line in lines)),
            "ratio": round(statistics.median(ratios), 2),
            "below_goal": sum(ratio < (100 if "ten years" in name else 1) for ratio in ratios),
            "worst": ratios[0],
            "worst_rule": lines[0]["rule"],
        }
        print(json.dumps(summary))
    for line in rows if given.all else [line for line in rows if line["rule"] in WRITTEN]:
        print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
