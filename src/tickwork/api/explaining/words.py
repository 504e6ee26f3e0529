"""Instants and durations as they stand in a sentence."""

from __future__ import annotations

from typing import Any

import msgspec

from tickwork.watch import DAY, HOUR, MINUTE, SECOND, Instant, show_instant

_UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", SECOND // 1000))


def at(instant: Instant) -> str:
    """Write an instant, without a fraction that is nothing.

    >>> at(0), at(250_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:00.250000Z')
    """
    return show_instant(instant).replace(".000000Z", "Z")


def span(duration: int) -> str:
    """Write a duration in its two largest units.

    >>> span(93_784 * SECOND), span(90 * SECOND), span(40_000), span(3)
    ('1 d 2 h', '1 min 30 s', '40 ms', '0 s')
    """
    left = abs(duration)
    said: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count and not (unit == "ms" and said):
            said.append(f"{count} {unit}")
        if len(said) == 2 or (said and not count):
            break
    return " ".join(said) or "0 s"


def coming(instant: Instant, now: Instant) -> str:
    """Write an instant that lies ahead, and how far; one that has passed, and for how long.

    >>> coming(60 * SECOND, 0), coming(0, 60 * SECOND)
    ('1970-01-01T00:01:00Z, in 1 min', '1970-01-01T00:00:00Z, 1 min ago')
    """
    away = instant - now
    return f"{at(instant)}, in {span(away)}" if away > 0 else f"{at(instant)}, {span(away)} ago"


def one_line(text: str | None, longest: int = 300) -> str:
    r"""Write what somebody else said in one line, cut where it is long; of an error its kind and its message.

    >>> one_line('{"type": "ValueError", "message": "no money", "traceback": "..."}')
    'ValueError: no money'
    >>> one_line("Traceback:\n  here\nKeyError: 7\n"), one_line("no such\naddress")
    ('KeyError: 7', 'no such address')
    """
    lines = (_told(text) or "").strip().splitlines() or [""]
    said = lines[-1] if lines[0].startswith("Traceback") else " ".join(lines)
    return said if len(said) <= longest else said[: longest - 1] + "…"


def _told(text: str | None) -> str | None:
    """Return kind and message of an error that was stored as an object."""
    if not text or not text.startswith("{"):
        return text
    try:
        error = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return text
    told = [str(error[name]) for name in ("type", "message") if error.get(name)]
    return ": ".join(told) or text
