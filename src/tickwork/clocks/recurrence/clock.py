"""Recurrence: the rules of calendars (RFC 5545, with SKIP of RFC 7529) as a clock.

DTSTART is where the rule begins, not where the trigger does: a trigger created later starts in the middle. Days and
slower are wall-clock time in the zone, with a policy for the gap and the fold; hours and faster are elapsed time. The
RFC leaves one thing open: a DTSTART that its rule does not give is no occurrence here. Without a rule DTSTART and the
RDATEs are the occurrences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone, tzinfo
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import DAY_SECONDS, EPOCH_ORDINAL
from tickwork.clocks.clock import Clock
from tickwork.clocks.recurrence.block import Block, read_block
from tickwork.clocks.recurrence.occurrences import Occurrences, Said, occurrences_of
from tickwork.clocks.recurrence.rule import Rule
from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.recurrence.words import described
from tickwork.clocks.stored import Stored
from tickwork.clocks.zone import FoldPolicy, GapPolicy, Zone, check_fold, check_gap
from tickwork.errors import InvalidClock
from tickwork.watch import LAST_INSTANT, SECOND, Instant, to_instant

LAST_SECOND = LAST_INSTANT // SECOND
#: A date (all day), a datetime (with a zone, or as the wall clock shows it), or either as text.
When = date | datetime | str


@dataclass(frozen=True, init=False, repr=False)
class Recurrence(Clock):
    """Fires as a calendar's recurrence rule says.

    *rule* is the text of a rule, several of them, or a whole block of lines DTSTART, RRULE, RDATE and EXDATE. *start*
    is DTSTART: a datetime with a zone, a naive one (the wall clock of *zone*), a date (all day: fires at midnight), or
    text. *zone* is an IANA name; it is taken from *start* where it has one, and is UTC otherwise, never the host's.
    *dates* are further occurrences (RDATE), *except_dates* cancelled ones (EXDATE; a date cancels its whole day).
    *gap* and *fold* say what happens in the night when clocks are moved; ``gap="skip"`` is what RFC 5545 says of
    rules, the default shifts by the length of the gap, as all clocks here do.

    Raises InvalidClock for what RFC 5545 (3.3.10, 3.8.5) forbids, naming the part, and for a rule that never fires.

    >>> from datetime import datetime, timezone
    >>> payday = Recurrence(
    ...     "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", start=datetime(2026, 1, 30, 9), zone="Europe/Berlin"
    ... )
    >>> [f"{at:%d %b %H:%M}" for at in payday.preview(3, since=datetime(2026, 2, 1, tzinfo=timezone.utc))]
    ['27 Feb 08:00', '31 Mar 07:00', '30 Apr 07:00']
    >>> payday.describe()
    'on the last of Monday to Friday of every month at 09:00, Europe/Berlin'
    """

    kind: ClassVar[str] = "recurrence"

    _said: Said
    _occurrences: Occurrences = field(compare=False)

    def __init__(
        self,
        rule: str | Iterable[str] = (),
        *,
        start: When | None = None,
        zone: str | None = None,
        dates: Iterable[When] = (),
        except_dates: Iterable[When] = (),
        gap: GapPolicy = "shift",
        fold: FoldPolicy = "first",
    ) -> None:
        block = read_block((rule,) if isinstance(rule, str) else rule)
        stamp, name = _beginning(block, start, zone)
        texts = block.rules
        rules = (
            (Rule.parse(texts[0]),) if len(texts) == 1 else tuple(dict.fromkeys([Rule.parse(text) for text in texts]))
        )
        listed = _listed(block.dates, dates, "dates")
        excluded = _listed(block.excluded, except_dates, "except_dates")
        said = Said(rules, stamp, name, listed, excluded, check_gap(gap), check_fold(fold))
        built = occurrences_of(said)
        object.__setattr__(self, "_said", said)
        object.__setattr__(self, "_occurrences", built)
        if built.first is None:
            written = "; ".join(self.rules)
            raise InvalidClock("rule", written, f"a rule that fires at least once from {self.start} on")

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules as RFC 5545 writes them."""
        return tuple([rule.text() for rule in self._said.rules])

    @property
    def start(self) -> str:
        """DTSTART on the wall clock of the zone, as ISO 8601 writes it."""
        return self._said.start.iso()

    @property
    def zone(self) -> str:
        """The zone's name."""
        return self._said.zone

    @property
    def dates(self) -> tuple[str, ...]:
        """The further occurrences (RDATE), rising."""
        return tuple([stamp.iso() for stamp in self._said.dates])

    @property
    def except_dates(self) -> tuple[str, ...]:
        """The cancelled occurrences (EXDATE), rising."""
        return tuple([stamp.iso() for stamp in self._said.excluded])

    @property
    def gap(self) -> GapPolicy:
        """What becomes of a local time that does not exist."""
        return self._said.gap

    @property
    def fold(self) -> FoldPolicy:
        """Which of the two instants of a local time that comes twice counts."""
        return self._said.fold

    def zones(self) -> frozenset[str]:
        return frozenset((self._said.zone,))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        found = self._occurrences.next_utc((since if after is None else after) // 1_000_000 + 1)
        return None if found is None or found > LAST_SECOND else found * 1_000_000

    def params(self) -> Mapping[str, Any]:
        return {
            "rules": list(self.rules),
            "start": self.start,
            "zone": self.zone,
            "dates": list(self.dates),
            "except_dates": list(self.except_dates),
            "gap": self.gap,
            "fold": self.fold,
        }

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = cls(
            _texts("rules", stored.value("rules", default=())),
            start=stored.text("start"),
            zone=stored.text("zone"),
            dates=_texts("dates", stored.value("dates", default=())),
            except_dates=_texts("except_dates", stored.value("except_dates", default=())),
            gap=stored.text("gap", default="shift"),
            fold=stored.text("fold", default="first"),
        )
        stored.done()
        return clock

    def __reduce__(self) -> tuple[object, ...]:
        return Recurrence.from_params, (dict(self.params()),)  # what was worked out is not carried along

    def describe(self) -> str:
        said = self._said
        return described(said.rules, said.start, said.zone, len(said.dates), len(said.excluded))

    def __repr__(self) -> str:
        return f"Recurrence({', '.join(f'{name}={value!r}' for name, value in self.params().items())})"


def _texts(name: str, listed: object) -> tuple[str, ...]:
    if not isinstance(listed, (list, tuple)) or not all(isinstance(text, str) for text in listed):
        raise InvalidClock(name, listed, "a list of texts")
    return tuple(listed)


def _beginning(block: Block, start: When | None, zone: str | None) -> tuple[Stamp, str]:
    """Return DTSTART on the wall clock of the zone that is settled on, and the zone's name."""
    if start is not None and block.start is not None:
        raise InvalidClock("start", start, "start or a line DTSTART, not both")
    stamp, theirs = (block.start, block.zone) if start is None else _stamp_of(start, "start")
    if stamp is None:
        raise InvalidClock("start", None, "the DTSTART that the rule begins with: a date, a datetime or a line DTSTART")
    settled = zone_of(zone if zone is not None else theirs or "UTC")
    if stamp.kind == "utc":
        return _on_the_wall(stamp.seconds, settled), settled.name
    if theirs is not None and stamp.kind == "local" and zone_of(theirs).name != settled.name:
        return _on_the_wall(stamp.instants(zone_of(theirs))[0], settled), settled.name
    return stamp, settled.name


def _on_the_wall(utc: int, zone: Zone) -> Stamp:
    return Stamp("local", zone.to_local(utc))


def _listed(read: list[Stamp], given: Iterable[When], field: str) -> tuple[Stamp, ...]:
    if not (read or given):
        return ()
    stamps = [*read, *(_instant_or_local(*_stamp_of(when, field)) for when in given)]
    return tuple(sorted(set(stamps), key=lambda stamp: (stamp.seconds, stamp.kind))) if stamps else ()


def _instant_or_local(stamp: Stamp, zone: str | None) -> Stamp:
    return stamp if zone is None or stamp.kind != "local" else Stamp("utc", stamp.instants(zone_of(zone))[0])


def _stamp_of(when: When, field: str) -> tuple[Stamp, str | None]:
    """Return a date or datetime as a stamp, and the name of its zone where it has one."""
    if isinstance(when, str):
        stamp = read_stamp(when, field)
        return stamp, "UTC" if stamp.kind == "utc" else None
    if isinstance(when, datetime):
        if when.microsecond:
            raise InvalidClock(field, when, "whole seconds (RFC 5545, 3.3.12)")
        if when.tzinfo is not None:
            return Stamp("utc", to_instant(when, field) // SECOND), _zone_name(when, when.tzinfo, field)
        seconds = when.hour * 3600 + when.minute * 60 + when.second
        return Stamp("local", (when.toordinal() - EPOCH_ORDINAL) * DAY_SECONDS + seconds), None
    if isinstance(when, date):
        return Stamp("date", (when.toordinal() - EPOCH_ORDINAL) * DAY_SECONDS), None
    raise InvalidClock(field, when, "a date, a datetime, or text such as 2026-01-31T09:00:00")


def _zone_name(when: datetime, zone: tzinfo, field: str) -> str:
    name = getattr(zone, "key", None)
    if isinstance(name, str):
        return name
    if not isinstance(zone, timezone):
        raise InvalidClock(field, when, "a datetime in UTC, at a fixed offset or with a ZoneInfo; or name the zone")
    offset = when.utcoffset()
    assert offset is not None
    minutes, rest = divmod(int(offset.total_seconds()), 60)
    if rest:
        raise InvalidClock(field, when, "an offset in whole minutes")
    if minutes == 0:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
