"""Reads a compiled time zone file (TZif, RFC 8536): the table of transitions, and the rule for the years after it.

Only offsets matter here; names of zones and daylight flags are passed over. A file that is damaged raises
:class:`ValueError`: it comes from a package, so that is a broken installation and not a user's mistake.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from tickwork.clocks.calendar import day_of, weekday_of

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"([+-]?\d{1,3}(?::\d{2}(?::\d{2})?)?)"
_FOOTER = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}{_OFFSET}?,([^,]+),([^,]+))?")
_WEEK_RULE = re.compile(r"M(\d{1,2})\.(\d)\.(\d)")


@dataclass(frozen=True, slots=True)
class YearlyMove:
    """One of the two moves of the clocks in a year: a POSIX date, and a local time in seconds (it may be negative)."""

    text: str
    seconds: int

    def day(self, year: int) -> int:
        """Return the day number (days since 1970-01-01) in that year."""
        week = _WEEK_RULE.fullmatch(self.text)
        if week:
            month, nth, weekday = (int(part) for part in week.groups())
            first = day_of(year, month, 1)
            day = first + (weekday - weekday_of(first)) % 7 + 7 * (nth - 1)
            following = day_of(year + month // 12, month % 12 + 1, 1)
            return day if day < following else day - 7
        if self.text.startswith("J"):  # 1 to 365; 29 February is never counted
            number = int(self.text[1:])
            leap = day_of(year, 3, 1) - day_of(year, 2, 1) == 29
            return day_of(year, 1, 1) + number - 1 + (1 if leap and number >= 60 else 0)
        return day_of(year, 1, 1) + int(self.text)


@dataclass(frozen=True, slots=True)
class FooterRule:
    """The last line of the file: standard time all the year, or two moves in every year."""

    standard: int
    daylight: int
    begin: YearlyMove
    finish: YearlyMove

    def transitions(self, year: int) -> list[tuple[int, int]]:
        """Return (UTC instant, offset from then on) for the year, rising."""
        into = self.begin.day(year) * 86_400 + self.begin.seconds - self.standard
        out = self.finish.day(year) * 86_400 + self.finish.seconds - self.daylight
        return sorted([(into, self.daylight), (out, self.standard)])


def read_tzif(data: bytes) -> tuple[list[int], list[int], FooterRule | None]:
    """Return the transitions (UTC seconds), the offsets (one more, seconds) and the rule that follows them."""
    if data[:4] != b"TZif":
        raise ValueError("not a TZif file")
    version = data[4:5]
    counts = struct.unpack_from(">6I", data, 20)
    start = 44
    width = 4
    if version >= b"2":  # the first block is for old readers; the one that follows it has 64-bit instants
        start += _block_length(counts, 4)
        counts = struct.unpack_from(">6I", data, start + 20)
        start += 44
        width = 8
    _, _, _, times, types, _ = counts
    instants = list(struct.unpack_from(f">{times}{'q' if width == 8 else 'l'}", data, start))
    indices = data[start + times * width : start + times * (width + 1)]
    table = start + times * (width + 1)
    offsets = [struct.unpack_from(">l", data, table + 6 * n)[0] for n in range(types)]
    rule = None
    following = [offsets[0], *(offsets[i] for i in indices)]  # type 0 holds before the first transition (section 3.2)
    if width == 8:
        footer = data[start + _block_length(counts, 8) :].strip(b"\n").decode("ascii")
        rule = read_footer(footer)
    return instants, following, rule


def read_footer(text: str) -> FooterRule | None:
    """Read a POSIX TZ string; ``None`` where the clocks are never moved again.

    >>> rule = read_footer("CET-1CEST,M3.5.0,M10.5.0/3")
    >>> rule.transitions(2026)
    [(1774746000, 7200), (1792890000, 3600)]
    """
    found = _FOOTER.fullmatch(text)
    if not found:
        if text:
            raise ValueError(f"unreadable zone rule: {text!r}")
        return None
    standard = -_seconds(found[1])  # POSIX counts westward
    if found[3] is None:
        return None
    daylight = -_seconds(found[2]) if found[2] else standard + 3600
    return FooterRule(standard, daylight, _move(found[3]), _move(found[4]))


def _move(text: str) -> YearlyMove:
    date, _, time = text.partition("/")
    return YearlyMove(date, _seconds(time) if time else 2 * 3600)


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def _block_length(counts: tuple[int, ...], width: int) -> int:
    utc_flags, standard_flags, leaps, times, types, letters = counts
    return times * (width + 1) + types * 6 + letters + leaps * (width + 4) + standard_flags + utc_flags
