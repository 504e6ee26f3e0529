"""Two cron libraries of others, asked over a stretch of time, with the places where they are known to differ from us.

| where | cronsim 2.8 | croniter 7.0 | here |
|---|---|---|---|
| a fixed time in the gap | at the gap's end (02:30 at 03:00) | at the gap's end | on by the gap's length (02:30 at 03:30), or left out |
| a fixed time in the fold | once; twice where the minutes are a wildcard | twice | once, at the first; by policy last or both |
| fixed hours with six fields | each real time that matches | as above | policies, as with five |
| ranges that run backwards | refused | understood | understood |
| ``1-1`` | one value | the whole field | one value |
| ``2-2/9`` | from 2 to the field's end, as ``2/9`` | the whole field | one value |
| hours stepped over a move of half an hour | lands on xx:30 and passes the hour's first half over | - | each real time |
| two restricted day fields | either | either | either |
| ``*/2`` and a restricted day field | both must hold | either, unless ``implement_cron_bug`` | both must hold |
"""

from __future__ import annotations

from datetime import datetime, timedelta

from croniter import croniter
from cronsim import CronSim

from tests.clocks.reference import EPOCH, seconds, zone


def cronsim_fires(expression: str, name: str, low: int, high: int, most: int = 5000) -> list[int]:
    """Return cronsim's occurrences from *low* to *high* (UTC seconds), one more than *most* where there are more."""
    start = (EPOCH + timedelta(seconds=low - 1)).astimezone(zone(name))
    found = []
    for at in CronSim(expression, start):
        utc = seconds(at)
        if utc >= high or len(found) > most:
            break
        found.append(utc)
    return found


def croniter_fires(expression: str, low: int, high: int) -> list[int]:
    """Return croniter's occurrences from *low* to *high* in UTC, with Debian's rule for the day fields."""
    start = EPOCH + timedelta(seconds=low - 1)
    found = []
    for at in croniter(expression, start, ret_type=datetime, implement_cron_bug=True):
        utc = seconds(at)
        if utc >= high or len(found) > 5000:
            break
        found.append(utc)
    return found
