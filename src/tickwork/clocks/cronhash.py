"""``H`` in a cron expression: a number that is settled by the trigger's key, so that many triggers spread out.

``H`` takes one value of its field, ``H(0-29)`` one of a range, ``H/15`` and ``H(0-29)/10`` a step that begins at a
hashed value. The same key always gives the same numbers; what is stored is the settled expression. Days of the month
are drawn from 1 to 28, so that every month has them.
"""

from __future__ import annotations

import re
from hashlib import sha256

from tickwork.clocks.cronfields import DAY, WEEKDAY, YEAR, FieldKind
from tickwork.errors import InvalidClock

_HASHED = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?", re.ASCII)


def is_hashed(text: str) -> bool:
    """Tell whether a field (in capitals) asks for a hash; names such as THU and MARCH do not."""
    return any(term.startswith("H") for term in text.split(","))


def settle(kind: FieldKind, text: str, key: str) -> str:
    """Return the field with each H replaced by what it means for that key.

    >>> from tickwork.clocks.cronfields import MINUTE
    >>> settle(MINUTE, "H/15", "reports/daily")
    '10-59/15'
    """
    return ",".join(_settled(kind, term, key) if term.startswith("H") else term for term in text.split(","))


def _settled(kind: FieldKind, term: str, key: str) -> str:
    found = _HASHED.fullmatch(term)
    if not found or kind is YEAR:
        allowed = "no H here" if kind is YEAR else "H, H(low-high), H/step or H(low-high)/step"
        raise InvalidClock(kind.name, term, allowed)
    top = 6 if kind is WEEKDAY else kind.high
    low, high = (int(found[1]), int(found[2])) if found[1] else (kind.low, 28 if kind is DAY and not found[3] else top)
    if not kind.low <= low <= high <= top:
        raise InvalidClock(kind.name, term, f"a range that runs forward within {kind.low} to {top}")
    if found[3] is None:
        return str(low + _drawn(kind, key, high - low + 1))
    step = int(found[3])
    if not 1 <= step <= high - low + 1:
        raise InvalidClock(kind.name, term, f"a step from 1 to {high - low + 1} after the slash")
    return f"{low + _drawn(kind, key, step)}-{high}/{step}"


def _drawn(kind: FieldKind, key: str, below: int) -> int:
    digest = sha256(f"{kind.name}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % below
