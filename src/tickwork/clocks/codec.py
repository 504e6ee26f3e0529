"""Turns clocks into rows and back: a final kind name and plain JSON parameters.

``encode`` and ``decode`` are each other's inverse. Decoding is strict: an unknown kind, a missing, unknown or
ill-typed parameter is refused by its name, so a damaged row is seen where it is read and not when it fires. A package
adds a clock of its own with an entry point in the group ``tickwork.clocks`` (name: the kind, value: the class); its
kind may not be one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidClock

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

ENTRY_POINTS = "tickwork.clocks"
#: The kinds are names in storage, for ever; where the class lives may change.
BUILT_IN: dict[str, str] = {
    "once": "tickwork.clocks.once:Once",
    "every": "tickwork.clocks.every:Every",
    "never": "tickwork.clocks.never:Never",
    "daily": "tickwork.clocks.daily:Daily",
    "weekly": "tickwork.clocks.weekly:Weekly",
    "monthly": "tickwork.clocks.monthly:Monthly",
    "yearly": "tickwork.clocks.yearly:Yearly",
    "cron": "tickwork.clocks.cron:Cron",
    "phorge-daily": "tickwork.clocks.phorge:PhorgeDaily",
    "phorge-monthly": "tickwork.clocks.phorge:PhorgeMonthly",
    "recurrence": "tickwork.clocks.recurrence:Recurrence",
    "union": "tickwork.clocks.combined:Union",
    "intersection": "tickwork.clocks.combined:Intersection",
    "exclusion": "tickwork.clocks.combined:Exclusion",
    "bounded": "tickwork.clocks.bounded:Bounded",
    "jittered": "tickwork.clocks.jittered:Jittered",
    "business-days-before": "tickwork.clocks.business:BusinessDaysBefore",
    "holidays": "tickwork.clocks.holidays:Holidays",
    "shifted": "tickwork.clocks.shifted:Shifted",
}


def encode(clock: Clock) -> tuple[str, dict[str, Any]]:
    """Return the clock's kind and its parameters.

    >>> from tickwork.clocks import Every
    >>> encode(Every(60))
    ('every', {'period': 60000000})
    """
    return clock.kind, dict(clock.params())


def decode(kind: str, params: Mapping[str, Any]) -> Clock:
    """Build the clock of that kind from its parameters; anything that does not fit raises InvalidClock by name.

    >>> decode("every", {"period": "33"})
    Traceback (most recent call last):
    tickwork.errors.InvalidClock: period: '33' is not allowed; expected whole microseconds, 1 or more
    """
    return clock_class(kind).from_params(params)


def encode_json(clock: Clock) -> tuple[str, str]:
    """Return the clock's kind and its parameters as JSON text: equal clocks give equal text."""
    return clock.kind, msgspec.json.encode(clock.params(), order="sorted").decode()


@lru_cache(maxsize=65_536)
def decode_json(kind: str, text: str) -> Clock:
    """Build the clock from stored text; clocks are frozen, so a text that was seen lately costs next to nothing."""
    try:
        params = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise InvalidClock(f"clock {kind}", text, "parameters as a JSON object") from None
    return decode(kind, params)


@cache
def clock_class(kind: str) -> type[Clock]:
    """Return the class behind a kind: one of ours, or one that an installed package has announced."""
    if not isinstance(kind, str):
        raise InvalidClock("kind", kind, "the name of a clock's kind")
    place = BUILT_IN.get(kind)
    if place is not None:
        module, _, name = place.partition(":")
        found: type[Clock] = getattr(import_module(module), name)
        return found
    for entry in announced(kind):
        loaded = entry.load()
        if isinstance(loaded, type) and issubclass(loaded, Clock) and loaded.kind == kind:
            return loaded
        raise InvalidClock("kind", kind, f"a Clock whose kind is {kind!r} at the entry point {entry.value}")
    raise InvalidClock("kind", kind, f"one of {', '.join(sorted(BUILT_IN))}, or a clock of an installed package")


def kinds() -> tuple[str, ...]:
    """Return every kind that can be decoded here, sorted."""
    return tuple(sorted({*BUILT_IN, *(entry.name for entry in announced())}))


def announced(name: str | None = None) -> EntryPoints:
    """Return the entry points with which installed packages announce clocks, or those for one kind."""
    from importlib import metadata  # 15 ms, for those who ask

    if name is None:
        return metadata.entry_points(group=ENTRY_POINTS)
    return metadata.entry_points(group=ENTRY_POINTS, name=name)
