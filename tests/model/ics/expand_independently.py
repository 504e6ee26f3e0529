"""Writes expected.json: what recurring-ical-events makes of each calendar file of the shared material.

It needs an environment of its own, since that package wants python-dateutil below 3::

    python3 -m venv /tmp/expander && /tmp/expander/bin/pip install recurring-ical-events==3.8.2 tzdata==2026.6
    PYTHONTZPATH= /tmp/expander/bin/python tests/model/ics/expand_independently.py ../shared/data/ics

Where it is no judge of a file as it stands, the file is mended by a few replacements (:data:`MENDED`) so that it can be,
and expanded again: what is found in the file as it is must be what it finds in the mended one.

For each file: the first 50 occurrences of all events together (each VCALENDAR by itself, for a file may hold several messages), and the first 50 from 2025 on; each as the time of its
beginning (UTC; a floating time without Z, a whole day as a date).
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

ORIGINS = {"first": date(1970, 1, 1), "from 2025": date(2025, 1, 1)}
HORIZON = date(2040, 1, 1)
MOST = 50
#: File -> pattern and replacement, applied in order; what each stands for is told in test_ics_expanded.py.
MENDED: dict[str, list[tuple[str, str]]] = {
    "icalendar-parsing_error.ics": [(r"(?m)^EXDATE;VALUE=DATE:\n", "")],
    "libical-2446.ics": [
        (r"(?m)^DTEND;TZID=America-Chicago:19970701T180000\n(DTSTART;TZID=America-Chicago:19970702T160000\n)", r"\1"),
        (r"(?m)^(DTSTART:19980311T160000Z\n)DTEND:19980304T180000Z\n", r"\1"),
        (r"(?m)^(DTSTART:19970801T210000Z\nDTEND:19970801T220000Z\n)RECURRENCE-ID:19970809T210000Z\n", r"\1"),
    ],
    "libical-recur-errors.ics": [("US-Eastern", "US/Eastern")],
    "node-ical-badRRULE.ics": [
        (r"BEGIN:VEVENT\n(?:(?!END:VEVENT)[^\n]*\n)*RRULE:RRULE:[^\n]*\n(?:(?!END:VEVENT)[^\n]*\n)*END:VEVENT\n", "")
    ],
    "node-ical-windows-quoted-tz-rrule.ics": [
        (r'TZID="\(UTC-05:00\) Eastern Time \(US and Canada\)"', "TZID=America/New_York"),
        (r"(?m)^EXDATE;[^\n]*\n", ""),
    ],
    "node-ical-yearly-recurring-unicode.ics": [("DTSTART;TZID=Europe/Berlin;VALUE=DATE", "DTSTART;VALUE=DATE")],
}


def mended(name: str, data: bytes) -> bytes:
    text = data.decode().replace("\r\n", "\n")
    for pattern, replacement in MENDED[name]:
        text, done = re.subn(pattern, replacement, text)
        if not done:
            raise SystemExit(f"{name}: {pattern!r} is not in it")
    return text.encode()


def main(folder: Path) -> None:
    expected: dict[str, Any] = {}
    for file in sorted(folder.glob("*.ics")):
        data = file.read_bytes()
        try:
            expected[file.name] = {name: expanded(data, origin) for name, origin in ORIGINS.items()}
        except Exception as refused:
            expected[file.name] = {"refused": f"{type(refused).__name__}"}
        if file.name in MENDED:
            better = mended(file.name, data)
            expected[file.name] |= {f"mended, {name}": expanded(better, origin) for name, origin in ORIGINS.items()}
    target = Path(__file__).with_name("expected.json")
    target.write_text(json.dumps(expected, indent=0, ensure_ascii=False) + "\n")
    print(f"{len(expected)} files, {sum('refused' in said for said in expected.values())} refused by the expander")


def expanded(data: bytes, origin: date) -> list[str]:
    import icalendar
    import recurring_ical_events

    if b"BEGIN:VCALENDAR" not in data:
        data = b"BEGIN:VCALENDAR\r\n" + data + b"\r\nEND:VCALENDAR\r\n"
    found = []
    for calendar in icalendar.Component.from_ical(data, multiple=True):
        if calendar.name == "VCALENDAR" and calendar.get("METHOD", "PUBLISH") in ("PUBLISH", "REQUEST"):
            for event in recurring_ical_events.of(usable(calendar), skip_bad_series=True).between(origin, HORIZON):
                start = event["DTSTART"].dt
                if on_or_after(start, origin) and event.get("STATUS") != "CANCELLED":
                    found.append(written(start))
    return sorted(found)[:MOST]


def usable(calendar: Any) -> Any:
    """Mend what makes the expander refuse a whole file: an event without DTSTART, or with two."""
    calendar.subcomponents = [part for part in calendar.subcomponents if part.name != "VEVENT" or "DTSTART" in part]
    for part in calendar.subcomponents:
        if isinstance(part.get("DTSTART"), list):
            part["DTSTART"] = part["DTSTART"][0]
    return calendar


def on_or_after(start: date, origin: date) -> bool:
    return written(start)[:10] >= origin.isoformat()


def written(start: date) -> str:
    if not isinstance(start, datetime):
        return start.isoformat()
    if start.tzinfo is None:
        return start.isoformat()
    return start.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
