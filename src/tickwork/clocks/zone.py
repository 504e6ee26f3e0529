"""A zone knows how far its clocks stand from UTC at any moment, and which local times do not exist or come twice.

Zones come from the ``tzdata`` package's compiled files and from nowhere else: not from the host's zone database, and
without touching the application's ``zoneinfo``. So the same question has the same answer on every machine with the
same version of the package (:func:`tzdata_version`). A zone is a table of the instants at which its clocks are moved;
what lies after the table's end is worked out, year by year and once only, from the rule in the file's last line.

All numbers here are whole seconds: *utc* counts from 1970-01-01T00:00:00Z, *local* counts the same way along the
zone's own wall clocks (``local = utc + offset``).
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from hashlib import sha256
from typing import Literal, NamedTuple

from tickwork.clocks.edition import INSTALLED, Edition
from tickwork.clocks.tzif import FooterRule, read_tzif
from tickwork.errors import InvalidClock

#: What becomes of a local time that does not exist: it moves on by the length of the gap, or it is left out.
GapPolicy = Literal["shift", "skip"]
#: Which of the two instants of a local time that comes twice counts.
FoldPolicy = Literal["first", "last", "both"]
GAPS: tuple[GapPolicy, ...] = ("shift", "skip")
FOLDS: tuple[FoldPolicy, ...] = ("first", "last", "both")

#: Before and after all time, so that the first and the last segment need no special case.
BEGINNING, END = -(1 << 60), 1 << 60
#: No clock on earth has stood further than this from UTC (Metlakatla before 1867: 15:13:42).
FURTHEST = 16 * 3600
_FIRST_RULED = -5_364_662_400  # 1800-01-01: a zone that is nothing but a rule has it from here on
_RULED_CENTURY = 4_102_444_800  # 2100-01-01: no zone has moves beyond it that are not by its rule
_CYCLE = 146_097 * 86_400  # 400 years
_LENGTHENING = threading.Lock()
_FIXED = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


class Segment(NamedTuple):
    """A stretch of time in which the zone's clocks were not moved, with what stands on its two edges.

    From ``start`` (included) to ``end`` (not included), in UTC seconds, clocks stand at ``offset``. ``before`` and
    ``after`` are the offsets of its neighbours. Between ``calm_from`` and ``calm_until`` no policy has a say: each
    local time exists exactly once and nothing is shifted there.
    """

    start: int
    end: int
    offset: int
    before: int
    after: int
    calm_from: int
    calm_until: int


class Zone:
    """One time zone: an IANA name such as ``Europe/Berlin``, or a fixed offset such as ``+05:30``.

    >>> berlin = Zone.get("Europe/Berlin")
    >>> berlin.offset_at(1_767_225_600)  # 2026-01-01T00:00:00Z
    3600
    >>> berlin.to_utc(1_774_751_400)  # 2026-03-29 02:30 does not exist: 03:30 is meant
    (1774747800,)
    """

    __slots__ = ("_footer", "_known_until", "_made", "_ruled_until", "_table", "fixed", "hit", "name")

    def __init__(
        self, name: str, transitions: Sequence[int], offsets: Sequence[int], footer: FooterRule | None = None
    ) -> None:
        """Build a zone from UTC *transitions* (seconds, rising) and one more *offsets* than there are transitions."""
        self.name = name
        self._footer = footer
        self._table: tuple[list[int], list[int]] = _joined(transitions, offsets)
        # The rule holds after the file's last transition, also where that one moved nothing and was dropped.
        self._ruled_until = transitions[-1] if transitions else BEGINNING
        self._known_until = self._last_known() if footer is not None else END
        self.fixed = footer is None and not self._table[0]
        self._made: dict[int, Segment] = {}
        self.hit = self._segment(0)  # the segment of the last question: mostly that of the next one, too

    @staticmethod
    def get(name: str, field: str = "zone", edition: Edition = INSTALLED) -> Zone:
        """Return the zone of that name; *field* is what an error calls it, *edition* the zone data (the installed)."""
        if isinstance(name, Zone):
            return name
        if edition is INSTALLED and isinstance(name, str):
            known = KNOWN.get(name)
            if known is not None:
                return known
        if not isinstance(name, str):
            raise InvalidClock(field, name, "the name of a time zone, for instance 'Europe/Berlin'")
        try:
            found = _load(name, edition)
            if edition is INSTALLED:
                KNOWN[name] = found
            return found
        except LookupError:
            near = get_close_matches(name, edition.names(), n=1, cutoff=0.6)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InvalidClock(field, name, f"an IANA time zone, 'UTC', or an offset such as '+05:30'{hint}") from None

    def segment(self, utc: int) -> Segment:
        """Return the segment that holds the instant."""
        hit = self.hit
        if hit[0] <= utc < hit[1]:
            return hit
        hit = self.hit = self._segment(utc)
        return hit

    def peek(self, utc: int) -> Segment:
        """Return the segment that holds the instant, where the next question is not about it."""
        return self._segment(utc)

    def offset_at(self, utc: int) -> int:
        """Return how many seconds the local clocks stand ahead of UTC at that instant."""
        return self.segment(utc).offset

    def to_local(self, utc: int) -> int:
        """Return what the local clocks show at that instant, as local seconds."""
        return utc + self.segment(utc).offset

    def to_utc(self, local: int, gap: GapPolicy = "shift", fold: FoldPolicy = "first") -> tuple[int, ...]:
        """Return the instants (none, one or two, rising) that a local time stands for under the two policies."""
        found: list[int] = []
        missing: int | None = None
        part = self.segment(local - 2 * FURTHEST)
        while True:
            if part.start <= local - part.offset < part.end:
                found.append(local - part.offset)
            elif part.start + part.before <= local < part.start + part.offset:
                missing = local - part.before
            if part.end > local + 2 * FURTHEST:
                break
            part = self.segment(part.end)
        if not found:
            return (missing,) if gap == "shift" and missing is not None else ()
        if len(found) == 1 or fold == "both":
            return tuple(found)
        return (found[0],) if fold == "first" else (found[-1],)

    def transitions(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """List the changes of offset with ``start <= utc < end`` as (utc, offset before, offset after)."""
        listed = []
        part = self.segment(start)
        if part.start < start:
            part = self.segment(part.end) if part.end < END else part
        while start <= part.start < end:
            listed.append((part.start, part.before, part.offset))
            if part.end >= END:
                break
            part = self.segment(part.end)
        return listed

    def fingerprint(self, start: int, end: int) -> str:
        """Return a short hash of what the clocks do from *start* to *end* (UTC seconds).

        Two versions of the zone data that agree on the stretch give the same hash, so a daemon with newer data can
        tell the zones whose future changed from those where only the history was mended.
        """
        facts = (self.offset_at(start), self.transitions(start, end))
        return sha256(repr(facts).encode()).hexdigest()[:16]

    def _segment(self, utc: int) -> Segment:
        if utc >= self._known_until:
            if utc >= _RULED_CENTURY + _CYCLE:  # rule and calendar repeat: the year 9999 needs no table of its own
                ahead = (utc - _RULED_CENTURY) // _CYCLE * _CYCLE
                part = self._segment(utc - ahead)
                start, end, offset, before, after, calm_from, calm_until = part
                end, calm_until = end + ahead, calm_until + ahead
                return Segment(start + ahead, end, offset, before, after, calm_from + ahead, calm_until)
            self._extend(utc)
        at, offsets = self._table
        i = bisect_right(at, utc)
        made = self._made.get(i)
        if made is not None and made[0] <= utc < made[1]:
            return made
        start = at[i - 1] if i else BEGINNING
        end = at[i] if i < len(at) else END
        offset = offsets[i]
        before = offsets[i - 1] if i else offset
        after = offsets[i + 1] if i < len(at) else offset
        calm_from, calm_until = start + abs(offset - before), end - max(0, offset - after)
        made = self._made[i] = Segment(start, end, offset, before, after, calm_from, calm_until)
        return made

    def _extend(self, utc: int) -> None:
        """Lengthen the table by the footer's rule until it reaches past *utc*; the last known year is a fresh start."""
        assert self._footer is not None
        with _LENGTHENING:
            self._lengthen(self._footer, utc)

    def _lengthen(self, footer: FooterRule, utc: int) -> None:
        at, offsets = list(self._table[0]), list(self._table[1])
        known = _year_of(max(self._ruled_until, _FIRST_RULED))
        until = max(_year_of(utc), known) + 8  # a few years more, so that the table grows seldom
        for year in range(known, until + 1):
            for instant, offset in footer.transitions(year):
                if instant > self._ruled_until:
                    at.append(instant)
                    offsets.append(offset)
        ruled_until = at[-1]
        self._table = _joined(at, offsets)
        self._made = {}  # what was the last segment has an end now
        self._known_until = self._last_known()
        self._ruled_until = ruled_until

    def _last_known(self) -> int:
        """Return the last move in the table: where the segment that begins there ends, only the rule knows."""
        return self._table[0][-1] if self._table[0] else BEGINNING

    def __repr__(self) -> str:
        return f"Zone.get({self.name!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Zone.get, (self.name,)


def tzdata_version() -> str:
    """Return the version of the zone data in use, for instance ``2026f``."""
    return INSTALLED.version()


@cache
def zone_names() -> tuple[str, ...]:
    """Return every IANA name that :meth:`Zone.get` knows, sorted."""
    return tuple(sorted(INSTALLED.names()))


def check_gap(gap: str) -> GapPolicy:
    """Return the gap policy, or refuse it."""
    if gap not in GAPS:
        raise InvalidClock("gap", gap, "'shift' (on by the length of the gap) or 'skip'")
    return gap


def check_fold(fold: str) -> FoldPolicy:
    """Return the fold policy, or refuse it."""
    if fold not in FOLDS:
        raise InvalidClock("fold", fold, "'first', 'last' or 'both'")
    return fold


#: The zones of the installed edition that were asked for: there are only so many names.
KNOWN: dict[str, Zone] = {}


@lru_cache(maxsize=2048)
def _load(name: str, edition: Edition) -> Zone:
    if name in ("UTC", "Z"):
        return Zone("UTC", (), (0,))
    fixed = _FIXED.fullmatch(name)
    if fixed:
        hours, minutes = int(fixed[2]), int(fixed[3])
        if hours > 15 or minutes > 59:
            raise LookupError(name)
        offset = hours * 3600 + minutes * 60
        return Zone(f"{fixed[1]}{fixed[2]}:{fixed[3]}", (), (-offset if fixed[1] == "-" else offset,))
    return Zone(name, *read_tzif(edition.read(name)))


def _joined(transitions: Sequence[int], offsets: Sequence[int]) -> tuple[list[int], list[int]]:
    """Drop what changes nothing: a new name at the same offset, and a segment of no length."""
    at: list[int] = []
    kept = [offsets[0]]
    for instant, offset in zip(transitions, offsets[1:], strict=True):
        if at and at[-1] == instant:
            at.pop()
            kept.pop()
        if offset != kept[-1]:
            at.append(instant)
            kept.append(offset)
    return at, kept


def _year_of(utc: int) -> int:
    """Return the year, or the one before near its turn: a lower bound is what is wanted."""
    return 1970 + utc // 31_556_952 - (1 if utc % 31_556_952 < 2 * 86_400 else 0)
