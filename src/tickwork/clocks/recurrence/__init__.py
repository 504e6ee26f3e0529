"""Recurrence rules of calendars (RFC 5545, RFC 7529): parsing, searching, describing.

``rule`` reads a rule, ``block`` the lines around it, ``stamp`` dates and times; ``days`` knows which days a rule picks,
``dated`` searches rules by the day and slower, ``elapsed`` rules by the hour and faster, ``occurrences`` joins rules,
RDATE and EXDATE, ``clock`` is what people use.
"""

from tickwork.clocks.recurrence.clock import Recurrence
from tickwork.clocks.recurrence.rule import Rule

__all__ = ["Recurrence", "Rule"]
