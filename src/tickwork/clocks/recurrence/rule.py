"""A rule is the text after ``RRULE:`` (RFC 5545, 3.3.10), read once into a frozen value and never half understood.

What the RFC forbids is refused here with the part, its value and the reason. Four things that calendars in the field
write, and whose meaning is plain, are accepted although the RFC frowns on them: a semicolon at the end, an UNTIL whose
kind differs from that of DTSTART, names in small letters, and the same value twice in a list. RSCALE and SKIP come from
RFC 7529; only the Gregorian calendar is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.errors import InvalidClock

Frequency = Literal["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
Skip = Literal["OMIT", "BACKWARD", "FORWARD"]

FREQUENCIES: tuple[str, ...] = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
WEEKDAYS: tuple[str, ...] = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Beyond this a number in a rule cannot come from a person; the engine's sums stay small, too.
LARGEST = 10**9

_DAY = re.compile(r"([+-]?\d{1,3})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_PLAIN_DAYS = {name: (0, number) for number, name in enumerate(WEEKDAYS)}
#: In the text of a rule BYDAY stands before so many of the lists of numbers: after BYHOUR.
_PLACE_OF_DAYS = 3


class Rule(NamedTuple):
    """One recurrence rule. Weekdays count from Monday, 0; an ordinal of 0 in ``by_day`` means every such weekday.

    >>> Rule.parse("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9").text()
    'FREQ=MONTHLY;BYHOUR=9;BYDAY=-1FR'
    """

    freq: Frequency
    interval: int = 1
    count: int | None = None  # type: ignore[assignment]  # a tuple has a method of that name, of no use here
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


def day_text(day: tuple[int, int]) -> str:
    """Write one value of BYDAY: ``MO``, ``-1FR``."""
    nth, weekday = day
    return f"{nth or ''}{WEEKDAYS[weekday]}"


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Rule:
    """Read a text once: a calendar says "every Monday" a thousand times."""
    values = _parts(text)
    if values.pop("rscale", None) is None and "skip" in values:
        raise InvalidClock("SKIP", values["skip"], "SKIP only together with RSCALE (RFC 7529, 4.1)")
    if "freq" not in values:
        raise InvalidClock("FREQ", None, f"one of {', '.join(FREQUENCIES)}: it is required (RFC 5545, 3.3.10)")
    rule = Rule(**values)
    _refuse_what_the_rfc_forbids(rule)
    return rule


@lru_cache(maxsize=4096)
def _written(rule: Rule) -> str:
    written = [f"FREQ={rule.freq}"]
    if rule.skip != "OMIT":
        written.append(f"RSCALE=GREGORIAN;SKIP={rule.skip}")
    if rule.until is not None:
        written.append(f"UNTIL={rule.until.basic()}")
    if rule.count is not None:
        written.append(f"COUNT={rule.count}")
    if rule.interval != 1:
        written.append(f"INTERVAL={rule.interval}")
    for place, (name, values) in enumerate(rule.numbers()):
        if place == _PLACE_OF_DAYS and rule.by_day:
            written.append(f"BYDAY={','.join(map(day_text, rule.by_day))}")
        if values:
            written.append(f"{name}={','.join(map(str, values))}")
    if rule.week_start:
        written.append(f"WKST={WEEKDAYS[rule.week_start]}")
    return ";".join(written)


def _parts(text: str) -> dict[str, Any]:
    """Read the parts one by one, by the names of the fields that they become."""
    body = text.strip()
    if body[:6].upper() == "RRULE:":
        body = body[6:]
    found: dict[str, Any] = {}
    for piece in body.rstrip(";").split(";"):
        name, _, value = piece.partition("=")
        value = value.strip().upper()
        if name not in _READERS:
            name = name.strip().upper()
        if not value:
            raise InvalidClock("rule", piece, "parts such as NAME=VALUE with semicolons between them")
        if name not in _READERS:
            raise InvalidClock(name or "rule", value, f"one of the parts {', '.join(_READERS)} (RFC 5545, 3.3.10)")
        field, read = _READERS[name]
        if field in found:
            raise InvalidClock(name, value, f"{name} once only (RFC 5545, 3.3.10)")
        found[field] = read(value, name)
    return found


def _frequency(text: str, name: str) -> Frequency:
    if text not in FREQUENCIES:
        raise InvalidClock(name, text, f"one of {', '.join(FREQUENCIES)}")
    return cast(Frequency, text)


def _positive(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= LARGEST):
        raise InvalidClock(name, text, f"a whole number from 1 to {LARGEST} (RFC 5545, 3.3.10)")
    return int(text)


def _numbers(low: int, high: int) -> Callable[[str, str], tuple[int, ...]]:
    return _listed(frozenset(range(low, high + 1)), f"whole numbers from {low} to {high}")


def _signed(high: int) -> Callable[[str, str], tuple[int, ...]]:
    numbers = frozenset(range(-high, high + 1)) - {0}
    return _listed(numbers, f"1 to {high}, or -{high} to -1 from the end")


def _listed(numbers: frozenset[int], allowed: str) -> Callable[[str, str], tuple[int, ...]]:
    """Return a reader of a list of numbers that gives each once, rising."""
    plain = {str(number): number for number in numbers}

    def read(text: str, name: str) -> tuple[int, ...]:
        if text in plain:
            return (plain[text],)
        found: set[int] = set()
        for word in text.split(","):
            number = plain.get(word)
            if number is None and _NUMBER.fullmatch(word.strip()):
                number = int(word)
            if number not in numbers:
                raise InvalidClock(name, word, f"{allowed} (RFC 5545, 3.3.10)")
            found.add(number)
        return tuple(sorted(found))

    return read


def _days(text: str, name: str) -> tuple[tuple[int, int], ...]:
    found = set()
    for word in text.split(","):
        plain = _PLAIN_DAYS.get(word)
        if plain is not None:
            found.add(plain)
            continue
        match = _DAY.fullmatch(word.strip())
        if match is None or (match[1] and not 1 <= abs(int(match[1])) <= 53):
            raise InvalidClock(name, word, "weekdays such as MO, 2TU or -1FR, ordinals up to 53 (RFC 5545, 3.3.10)")
        found.add((int(match[1] or 0), WEEKDAYS.index(match[2])))
    return tuple(sorted(found, key=_by_weekday)) if len(found) > 1 else tuple(found)


def _by_weekday(day: tuple[int, int]) -> tuple[int, int]:
    return day[1], day[0]


def _week_start(text: str, name: str) -> int:
    if text not in WEEKDAYS:
        raise InvalidClock(name, text, f"one of {', '.join(WEEKDAYS)} (RFC 5545, 3.3.10)")
    return WEEKDAYS.index(text)


def _rscale(text: str, name: str) -> str:
    if text != "GREGORIAN":
        raise InvalidClock(name, text, "GREGORIAN: other calendars are not known here (RFC 7529)")
    return text


def _skip(text: str, name: str) -> Skip:
    if text not in ("OMIT", "BACKWARD", "FORWARD"):
        raise InvalidClock(name, text, "OMIT, BACKWARD or FORWARD (RFC 7529, 4.1)")
    return cast(Skip, text)


#: Each part, the field that it becomes, and who reads it.
_READERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("freq", _frequency),
    "RSCALE": ("rscale", _rscale),
    "SKIP": ("skip", _skip),
    "UNTIL": ("until", read_stamp),
    "COUNT": ("count", _positive),
    "INTERVAL": ("interval", _positive),
    "BYSECOND": ("by_second", _numbers(0, 60)),
    "BYMINUTE": ("by_minute", _numbers(0, 59)),
    "BYHOUR": ("by_hour", _numbers(0, 23)),
    "BYDAY": ("by_day", _days),
    "BYMONTHDAY": ("by_month_day", _signed(31)),
    "BYYEARDAY": ("by_year_day", _signed(366)),
    "BYWEEKNO": ("by_week_no", _signed(53)),
    "BYMONTH": ("by_month", _numbers(1, 12)),
    "BYSETPOS": ("by_set_pos", _signed(366)),
    "WKST": ("week_start", _week_start),
}


def _refuse_what_the_rfc_forbids(rule: Rule) -> None:
    source, freq = "(RFC 5545, 3.3.10)", rule.freq
    if rule.count is not None and rule.until is not None:
        raise InvalidClock("COUNT", rule.count, f"either COUNT or UNTIL, not both {source}")
    for name, values, wrong in (
        ("BYWEEKNO", rule.by_week_no, freq != "YEARLY"),
        ("BYYEARDAY", rule.by_year_day, freq in ("MONTHLY", "WEEKLY", "DAILY")),
        ("BYMONTHDAY", rule.by_month_day, freq == "WEEKLY"),
    ):
        if values and wrong:
            raise InvalidClock(name, values, f"no {name} with FREQ={freq} {source}")
    if rule.by_day and any(nth for nth, _ in rule.by_day):
        written = ",".join(map(day_text, rule.by_day))
        if freq not in ("MONTHLY", "YEARLY"):
            raise InvalidClock("BYDAY", written, f"weekdays without a number unless FREQ is MONTHLY or YEARLY {source}")
        if rule.by_week_no:
            raise InvalidClock("BYDAY", written, f"weekdays without a number beside BYWEEKNO {source}")
    if rule.by_set_pos and not rule.by_day and not any(values for _, values in rule.numbers()[:-1]):
        raise InvalidClock("BYSETPOS", rule.by_set_pos, f"BYSETPOS only beside another BYxxx part {source}")
