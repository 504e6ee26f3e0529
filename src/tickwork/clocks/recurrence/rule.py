"""A rule is the text after ``RRULE:`` (RFC 5545, 3.3.10), read once into a frozen value and never half understood.

What the RFC forbids is refused here with the part, its value and the reason. Four things that calendars in the field
write, and whose meaning is plain, are accepted although the RFC frowns on them: a semicolon at the end, an UNTIL whose
kind differs from that of DTSTART, names in small letters, and the same value twice in a list. RSCALE and SKIP come from
RFC 7529; only the Gregorian calendar is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.errors import InvalidClock

Frequency = Literal["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
Skip = Literal["OMIT", "BACKWARD", "FORWARD"]

FREQUENCIES: tuple[str, ...] = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
WEEKDAYS: tuple[str, ...] = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Beyond this a number in a rule cannot come from a person; the engine's sums stay small, too.
LARGEST = 10**9

_PARTS = (
    "FREQ",
    "RSCALE",
    "SKIP",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
)
_DAY = re.compile(r"([+-]?\d{1,3})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """One recurrence rule. Weekdays count from Monday, 0; an ordinal of 0 in ``by_day`` means every such weekday.

    >>> Rule.parse("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9").text()
    'FREQ=MONTHLY;BYHOUR=9;BYDAY=-1FR'
    """

    freq: Frequency
    interval: int = 1
    count: int | None = None
    until: Stamp | None = None
    by_second: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    skip: Skip = "OMIT"

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule, with or without ``RRULE:`` before it.

        Raises InvalidClock, whose field is the part that is wrong.

        >>> Rule.parse("FREQ=WEEKLY;BYMONTHDAY=1")
        Traceback (most recent call last):
        tickwork.errors.InvalidClock: BYMONTHDAY: (1,) is not allowed; expected no BYMONTHDAY with FREQ=WEEKLY (RFC 5545, 3.3.10)
        """
        if not isinstance(text, str):
            raise InvalidClock("rule", text, "the text of a rule, for instance 'FREQ=DAILY;BYHOUR=9'")
        return _parsed(text)

    def text(self) -> str:
        """Return the rule as RFC 5545 writes it, parts in a fixed order: equal rules have equal texts."""
        return _written(self)

    def _text(self) -> str:
        written = [f"FREQ={self.freq}"]
        if self.skip != "OMIT":
            written.append(f"RSCALE=GREGORIAN;SKIP={self.skip}")
        if self.until is not None:
            written.append(f"UNTIL={self.until.basic()}")
        if self.count is not None:
            written.append(f"COUNT={self.count}")
        if self.interval != 1:
            written.append(f"INTERVAL={self.interval}")
        for name, values in self.numbers():
            if values:
                written.append(f"{name}={','.join(map(str, values))}")
        if self.by_day:
            written.insert(len(written) - self._parts_after_day(), f"BYDAY={','.join(map(day_text, self.by_day))}")
        if self.week_start:
            written.append(f"WKST={WEEKDAYS[self.week_start]}")
        return ";".join(written)

    def numbers(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """List the parts that hold plain numbers, by the RFC's name, in the RFC's order."""
        return (
            ("BYSECOND", self.by_second),
            ("BYMINUTE", self.by_minute),
            ("BYHOUR", self.by_hour),
            ("BYMONTHDAY", self.by_month_day),
            ("BYYEARDAY", self.by_year_day),
            ("BYWEEKNO", self.by_week_no),
            ("BYMONTH", self.by_month),
            ("BYSETPOS", self.by_set_pos),
        )

    def _parts_after_day(self) -> int:
        return sum(1 for _, values in self.numbers()[3:] if values)


def day_text(day: tuple[int, int]) -> str:
    """Write one value of BYDAY: ``MO``, ``-1FR``."""
    nth, weekday = day
    return f"{nth or ''}{WEEKDAYS[weekday]}"


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Rule:
    """Read a text once: a calendar says "every Monday" a thousand times."""
    parts = _parts(text)
    rule = Rule(
        freq=_frequency(parts),
        interval=_positive(parts, "INTERVAL") or 1,
        count=_positive(parts, "COUNT"),
        until=_until(parts),
        by_second=_numbers(parts, "BYSECOND", 0, 60),
        by_minute=_numbers(parts, "BYMINUTE", 0, 59),
        by_hour=_numbers(parts, "BYHOUR", 0, 23),
        by_day=_days(parts),
        by_month_day=_signed(parts, "BYMONTHDAY", 31),
        by_year_day=_signed(parts, "BYYEARDAY", 366),
        by_week_no=_signed(parts, "BYWEEKNO", 53),
        by_month=_numbers(parts, "BYMONTH", 1, 12),
        by_set_pos=_signed(parts, "BYSETPOS", 366),
        week_start=_week_start(parts),
        skip=_skip(parts),
    )
    _refuse_what_the_rfc_forbids(rule)
    return rule


@lru_cache(maxsize=4096)
def _written(rule: Rule) -> str:
    return rule._text()  # noqa: SLF001 - its own module


def _parts(text: str) -> dict[str, str]:
    body = text.strip()
    if body[:6].upper() == "RRULE:":
        body = body[6:]
    found: dict[str, str] = {}
    for piece in body.rstrip(";").split(";"):
        name, sign, value = piece.partition("=")
        name = name.strip().upper()
        if not sign or not value.strip():
            raise InvalidClock("rule", piece, "parts such as NAME=VALUE with semicolons between them")
        if name not in _PARTS:
            raise InvalidClock(name or "rule", value, f"one of the parts {', '.join(_PARTS)} (RFC 5545, 3.3.10)")
        if name in found:
            raise InvalidClock(name, value, f"{name} once only (RFC 5545, 3.3.10)")
        found[name] = value.strip().upper()
    return found


def _frequency(parts: Mapping[str, str]) -> Frequency:
    if "FREQ" not in parts:
        raise InvalidClock("FREQ", None, f"one of {', '.join(FREQUENCIES)}: it is required (RFC 5545, 3.3.10)")
    if parts["FREQ"] not in FREQUENCIES:
        raise InvalidClock("FREQ", parts["FREQ"], f"one of {', '.join(FREQUENCIES)}")
    return cast(Frequency, parts["FREQ"])


def _positive(parts: Mapping[str, str], name: str) -> int | None:
    if name not in parts:
        return None
    text = parts[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= LARGEST):
        raise InvalidClock(name, text, f"a whole number from 1 to {LARGEST} (RFC 5545, 3.3.10)")
    return int(text)


def _until(parts: Mapping[str, str]) -> Stamp | None:
    return read_stamp(parts["UNTIL"], "UNTIL") if "UNTIL" in parts else None


def _numbers(parts: Mapping[str, str], name: str, low: int, high: int) -> tuple[int, ...]:
    return _listed(parts, name, lambda n: low <= n <= high, f"whole numbers from {low} to {high}")


def _signed(parts: Mapping[str, str], name: str, high: int) -> tuple[int, ...]:
    return _listed(parts, name, lambda n: 1 <= abs(n) <= high, f"1 to {high}, or -{high} to -1 from the end")


def _listed(parts: Mapping[str, str], name: str, fits: Callable[[int], bool], allowed: str) -> tuple[int, ...]:
    if name not in parts:
        return ()
    found = set()
    for text in parts[name].split(","):
        if not _NUMBER.fullmatch(text.strip()) or not fits(int(text)):
            raise InvalidClock(name, text, f"{allowed} (RFC 5545, 3.3.10)")
        found.add(int(text))
    return tuple(sorted(found))


def _days(parts: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    if "BYDAY" not in parts:
        return ()
    found = set()
    for text in parts["BYDAY"].split(","):
        match = _DAY.fullmatch(text.strip())
        if match is None or (match[1] and not 1 <= abs(int(match[1])) <= 53):
            raise InvalidClock("BYDAY", text, "weekdays such as MO, 2TU or -1FR, ordinals up to 53 (RFC 5545, 3.3.10)")
        found.add((int(match[1] or 0), WEEKDAYS.index(match[2])))
    return tuple(sorted(found, key=lambda day: (day[1], day[0])))


def _week_start(parts: Mapping[str, str]) -> int:
    text = parts.get("WKST", "MO")
    if text not in WEEKDAYS:
        raise InvalidClock("WKST", text, f"one of {', '.join(WEEKDAYS)} (RFC 5545, 3.3.10)")
    return WEEKDAYS.index(text)


def _skip(parts: Mapping[str, str]) -> Skip:
    if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
        raise InvalidClock("RSCALE", parts["RSCALE"], "GREGORIAN: other calendars are not known here (RFC 7529)")
    if "SKIP" in parts and "RSCALE" not in parts:
        raise InvalidClock("SKIP", parts["SKIP"], "SKIP only together with RSCALE (RFC 7529, 4.1)")
    if parts.get("SKIP", "OMIT") not in ("OMIT", "BACKWARD", "FORWARD"):
        raise InvalidClock("SKIP", parts["SKIP"], "OMIT, BACKWARD or FORWARD (RFC 7529, 4.1)")
    return cast(Skip, parts.get("SKIP", "OMIT"))


def _refuse_what_the_rfc_forbids(rule: Rule) -> None:
    source = "(RFC 5545, 3.3.10)"
    if rule.count is not None and rule.until is not None:
        raise InvalidClock("COUNT", rule.count, f"either COUNT or UNTIL, not both {source}")
    forbidden = [("BYWEEKNO", rule.by_week_no, rule.freq != "YEARLY")]
    forbidden.append(("BYYEARDAY", rule.by_year_day, rule.freq in ("MONTHLY", "WEEKLY", "DAILY")))
    forbidden.append(("BYMONTHDAY", rule.by_month_day, rule.freq == "WEEKLY"))
    for name, values, wrong in forbidden:
        if values and wrong:
            raise InvalidClock(name, values, f"no {name} with FREQ={rule.freq} {source}")
    if any(nth for nth, _ in rule.by_day):
        written = ",".join(map(day_text, rule.by_day))
        if rule.freq not in ("MONTHLY", "YEARLY"):
            raise InvalidClock("BYDAY", written, f"weekdays without a number unless FREQ is MONTHLY or YEARLY {source}")
        if rule.by_week_no:
            raise InvalidClock("BYDAY", written, f"weekdays without a number beside BYWEEKNO {source}")
    if rule.by_set_pos and not rule.by_day and not any(values for _, values in rule.numbers()[:-1]):
        raise InvalidClock("BYSETPOS", rule.by_set_pos, f"BYSETPOS only beside another BYxxx part {source}")
