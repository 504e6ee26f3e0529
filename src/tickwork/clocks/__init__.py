"""Pure time: rules that answer when something happens next.

A clock never asks what time it is and does no I/O; everything here is a frozen value. The contract stands in
:mod:`tickwork.clocks.clock`; one calendar engine (:mod:`tickwork.clocks.calendar`, :mod:`tickwork.clocks.wall`,
:mod:`tickwork.clocks.zone`) is under all of them.

The names below load when they are first used: a program pays for the clocks that it has.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwork.clocks.bounded import Bounded as Bounded
    from tickwork.clocks.business import BusinessDaysBefore as BusinessDaysBefore
    from tickwork.clocks.clock import Clock as Clock
    from tickwork.clocks.codec import decode as decode
    from tickwork.clocks.codec import decode_json as decode_json
    from tickwork.clocks.codec import encode as encode
    from tickwork.clocks.codec import encode_json as encode_json
    from tickwork.clocks.combined import Exclusion as Exclusion
    from tickwork.clocks.combined import Intersection as Intersection
    from tickwork.clocks.combined import Union as Union
    from tickwork.clocks.cron import Cron as Cron
    from tickwork.clocks.cron import parse_cron as parse_cron
    from tickwork.clocks.daily import Daily as Daily
    from tickwork.clocks.every import Every as Every
    from tickwork.clocks.holidays import Holidays as Holidays
    from tickwork.clocks.holidays import public_holidays as public_holidays
    from tickwork.clocks.jittered import Jittered as Jittered
    from tickwork.clocks.monthly import Monthly as Monthly
    from tickwork.clocks.never import Never as Never
    from tickwork.clocks.once import Once as Once
    from tickwork.clocks.phorge import PhorgeDaily as PhorgeDaily
    from tickwork.clocks.phorge import PhorgeMonthly as PhorgeMonthly
    from tickwork.clocks.phorge import from_ancestor as from_ancestor
    from tickwork.clocks.recurrence import Recurrence as Recurrence
    from tickwork.clocks.shifted import Shifted as Shifted
    from tickwork.clocks.weekly import Weekly as Weekly
    from tickwork.clocks.yearly import Yearly as Yearly
    from tickwork.clocks.zone import Zone as Zone
    from tickwork.clocks.zone import tzdata_version as tzdata_version

#: Public name -> the module that has it.
_HOMES = {
    "Bounded": "tickwork.clocks.bounded",
    "BusinessDaysBefore": "tickwork.clocks.business",
    "Clock": "tickwork.clocks.clock",
    "Cron": "tickwork.clocks.cron",
    "Daily": "tickwork.clocks.daily",
    "Every": "tickwork.clocks.every",
    "Exclusion": "tickwork.clocks.combined",
    "Holidays": "tickwork.clocks.holidays",
    "Intersection": "tickwork.clocks.combined",
    "Jittered": "tickwork.clocks.jittered",
    "Monthly": "tickwork.clocks.monthly",
    "Never": "tickwork.clocks.never",
    "Once": "tickwork.clocks.once",
    "PhorgeDaily": "tickwork.clocks.phorge",
    "PhorgeMonthly": "tickwork.clocks.phorge",
    "Recurrence": "tickwork.clocks.recurrence",
    "Shifted": "tickwork.clocks.shifted",
    "Union": "tickwork.clocks.combined",
    "Weekly": "tickwork.clocks.weekly",
    "Yearly": "tickwork.clocks.yearly",
    "Zone": "tickwork.clocks.zone",
    "decode": "tickwork.clocks.codec",
    "decode_json": "tickwork.clocks.codec",
    "encode": "tickwork.clocks.codec",
    "encode_json": "tickwork.clocks.codec",
    "from_ancestor": "tickwork.clocks.phorge",
    "parse_cron": "tickwork.clocks.cron",
    "public_holidays": "tickwork.clocks.holidays",
    "tzdata_version": "tickwork.clocks.zone",
}

__all__ = [
    "Bounded",
    "BusinessDaysBefore",
    "Clock",
    "Cron",
    "Daily",
    "Every",
    "Exclusion",
    "Holidays",
    "Intersection",
    "Jittered",
    "Monthly",
    "Never",
    "Once",
    "PhorgeDaily",
    "PhorgeMonthly",
    "Recurrence",
    "Shifted",
    "Union",
    "Weekly",
    "Yearly",
    "Zone",
    "decode",
    "decode_json",
    "encode",
    "encode_json",
    "from_ancestor",
    "parse_cron",
    "public_holidays",
    "tzdata_version",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
