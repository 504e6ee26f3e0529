"""A limit: how many tasks run at once, and how much of their work starts within a period, wherever they run.

Definitions. *At once*: a task counts from the moment it is given a place, which is before it is claimed, until its
outcome is settled or its lease was ended; so what really runs is never more. *Rate*: a task is worth its units (one,
where nobody says); in any stretch of time as long as the period, both its ends where you like, no more than so many
units start. A task that is worth more than the whole rate counts as the whole rate.

A limit holds for all tasks of a handler together, or ``per`` a field of their payload: for each value by itself. It
is counted in each namespace by itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.watch import DAY, HOUR, MINUTE, SECOND, Instant

#: The handler of a limit that counts all tasks of a namespace, whatever their handler.
EVERY_HANDLER = "*"
#: A worker begins what was claimed under a rate within this time, or gives it back: so a rate counts starts.
START_WITHIN = SECOND // 2

MOST = 1_000_000_000
LONGEST_PERIOD = 366 * DAY
_SPANS = {"s": SECOND, "min": MINUTE, "h": HOUR, "day": DAY}
_RATE = re.compile(r"(\d{1,10})\s*/\s*(\d{0,6})\s*(s|min|h|day)\Z")
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of one kind of work may go on. At least one of *concurrency* and *rate* is said.

    >>> Limit(concurrency=3, rate="100/s", per="customer_id")
    Limit(concurrency=3, rate='100/s', per='customer_id')
    >>> Limit(rate="often")
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: rate: 'often' is not allowed; expected units per period, such as 100/s, 30/min, 5000/h, 1/day or 10/15s
    """

    concurrency: int | None = None
    """How many tasks run at once."""
    rate: str | None = None
    """Units per period: ``100/s``, ``30/min``, ``5000/h``, ``1/day``, ``10/15s``."""
    per: str = ""
    """A field of the payload, each value of which is counted by itself; none: all tasks of the handler together."""

    def __post_init__(self) -> None:
        if self.concurrency is not None:
            limits.number(self.concurrency, "concurrency", 1, MOST)
        if self.rate is not None:
            parse_rate(self.rate)
        if self.concurrency is None and self.rate is None:
            raise InvalidInput("limit", "nothing", "concurrency, rate, or both")
        if self.per:
            limits.text(self.per, "per", limits.NAME_LENGTH)

    @property
    def units_and_period(self) -> tuple[int, int] | tuple[None, None]:
        """The rate as a number of units and a period in microseconds."""
        return (None, None) if self.rate is None else parse_rate(self.rate)


def parse_rate(text: Any) -> tuple[int, int]:
    """Read a rate; returns units, and the period in microseconds.

    >>> parse_rate("100/s"), parse_rate("10 / 15 s")
    ((100, 1000000), (10, 15000000))
    """
    match = _RATE.match(text) if isinstance(text, str) else None
    units = int(match[1]) if match else 0
    period = int(match[2] or 1) * _SPANS[match[3]] if match else 0
    if not 1 <= units <= MOST or not 0 < period <= LONGEST_PERIOD:
        raise InvalidInput("rate", text, "units per period, such as 100/s, 30/min, 5000/h, 1/day or 10/15s")
    return units, period


def rate_text(units: int, period: int) -> str:
    """Write a rate as people do.

    >>> rate_text(100, 1_000_000), rate_text(10, 15_000_000), rate_text(30, 60_000_000)
    ('100/s', '10/15s', '30/min')
    """
    name, span = next((name, span) for name, span in reversed(_SPANS.items()) if period % span == 0)
    return f"{units}/{'' if period == span else period // span}{name}"


class StandingLimit(NamedTuple):
    """A limit as it stands in the database: the same for every process."""

    namespace: str
    handler: str
    per: str
    concurrency: int | None
    units: int | None
    period: int | None
    operator: bool
    said_by: str
    said_at: Instant

    @property
    def rate(self) -> str | None:
        return None if self.units is None or self.period is None else rate_text(self.units, self.period)


class LaneName(NamedTuple):
    """Whose places they are: one value of one limit in one namespace."""

    namespace: str
    handler: str
    per: str
    key: str

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> LaneName:
        return cls(*msgspec.json.decode(text, type=tuple[str, str, str, str]))


class LimitBook:
    """All standing limits, and which of them a task falls under. What is said for one namespace outranks the rest."""

    def __init__(self, standing: list[StandingLimit]) -> None:
        self._of: dict[str, dict[tuple[str, str], StandingLimit]] = {}
        for each in standing:
            self._of.setdefault(each.handler, {})[each.namespace, each.per] = each

    def find(self, lane: LaneName) -> StandingLimit | None:
        """Return the limit of a lane; None where it has been lifted."""
        of = self._of.get(lane.handler, {})
        return of.get((lane.namespace, lane.per)) or of.get(("", lane.per))

    def lanes(self, namespace: str, handler: str, payload: str, limit_key: str | None) -> list[str]:
        """Return the names of the lanes that a task has to pass: each key's, its handler's, its namespace's."""
        names = []
        for about in (handler, EVERY_HANDLER):
            fields = {per for space, per in self._of.get(about, ()) if space in ("", namespace)}
            names += [
                LaneName(namespace, about, per, per and key_of(payload, per, limit_key)).encode()
                for per in sorted(fields, reverse=True)
            ]
        return names


def key_of(payload: str, per: str, limit_key: str | None) -> str:
    """Return the value by which a task is counted; what is too long is cut, and told apart by its digest.

    >>> key_of('{"customer": 7}', "customer", None), key_of('{"customer": 7}', "customer", "acme")
    ('7', 'acme')
    """
    if limit_key is None:
        try:
            value: Any = msgspec.json.decode(payload, type=dict[str, msgspec.Raw]).get(per)
        except msgspec.DecodeError:
            value = None
        limit_key = "" if value is None else _plain(bytes(value))
    if len(limit_key) <= _LONGEST_KEY:
        return limit_key
    digest = hashlib.sha256(limit_key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{limit_key[:100]}#{digest[:32]}"


def _plain(raw: bytes) -> str:
    """Return a JSON value as text: a string without its quotes, anything else as it is written."""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        value = None
    text = value if isinstance(value, str) else raw.decode("utf-8", "replace")
    return text.replace("\x00", "\ufffd")


def units_taken(places: str) -> dict[str, int]:
    """Return the units that a task has taken of each lane with a rate."""
    taken = msgspec.json.decode(places, type=list[tuple[str, int]])
    return {lane: units for lane, units in taken if units}


def with_place(places: str | None, lane: str, units: int) -> str:
    """Return a task's places with one more."""
    had = [] if places is None else msgspec.json.decode(places, type=list[tuple[str, int]])
    return msgspec.json.encode([*had, (lane, units)]).decode()


def room(limit: StandingLimit | None, places: int, units: int, most: int) -> tuple[int, int, int]:
    """Return how many more a lane lets in, how many more units, and the units of the whole rate (0: it has none)."""
    if limit is None:
        return most, 0, 0
    free = most if limit.concurrency is None else max(0, min(most, limit.concurrency - places))
    return (free, 0, 0) if limit.units is None else (free, max(0, limit.units - units), limit.units)
