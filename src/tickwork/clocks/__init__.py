"""Pure time: rules that answer when something happens next.

A clock never asks what time it is and does no I/O; everything here is a frozen value. The contract stands in
:mod:`tickwork.clocks.clock`; one calendar engine (:mod:`tickwork.clocks.calendar`, :mod:`tickwork.clocks.wall`,
:mod:`tickwork.clocks.zone`) is under all of them.
"""

from __future__ import annotations

from tickwork.clocks.bounded import Bounded
from tickwork.clocks.business import BusinessDaysBefore
from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode, decode_json, encode, encode_json
from tickwork.clocks.combined import Exclusion, Intersection, Union
from tickwork.clocks.cron import Cron, parse_cron
from tickwork.clocks.daily import Daily
from tickwork.clocks.every import Every
from tickwork.clocks.holidays import Holidays, public_holidays
from tickwork.clocks.jittered import Jittered
from tickwork.clocks.monthly import Monthly
from tickwork.clocks.never import Never
from tickwork.clocks.once import Once
from tickwork.clocks.phorge import PhorgeDaily, PhorgeMonthly, from_ancestor
from tickwork.clocks.recurrence import Recurrence
from tickwork.clocks.shifted import Shifted
from tickwork.clocks.weekly import Weekly
from tickwork.clocks.yearly import Yearly
from tickwork.clocks.zone import Zone, tzdata_version

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
