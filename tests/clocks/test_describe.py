"""What the clocks say about themselves: sentences that stand in the console, in lists and in `why`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tickwork.clocks import Cron, Daily, Every, Monthly, Never, Once, PhorgeDaily, PhorgeMonthly, Weekly, Yearly
from tickwork.clocks.clock import Clock
from tickwork.watch import SECOND

SAID: list[tuple[Clock, str]] = [
    (Once(datetime(2026, 3, 1, 9, tzinfo=timezone.utc)), "once, at 2026-03-01 09:00 UTC"),
    (Once(1), "once, at 1970-01-01 00:00:00.000001 UTC"),
    (Never(), "never"),
    (Every(1), "every second"),
    (Every(90), "every 90 seconds"),
    (Every(timedelta(days=14)), "every 2 weeks"),
    (Every(0.25), "every 250 milliseconds"),
    (Every(1.5), "every 1.5 seconds"),
    (Every(timedelta(microseconds=7)), "every 7 microseconds"),
    (Every(3600, anchor=0), "every hour, counted from 1970-01-01 00:00 UTC"),
    (Daily("09:00", "Europe/Berlin"), "every day at 09:00, Europe/Berlin"),
    (
        Daily(["17:30", "09:00"], every=2, start="2026-01-05"),
        "every other day at 09:00 and 17:30, from 2026-01-05, UTC",
    ),
    (Weekly("MON-FRI", "09:00", "Europe/Berlin"), "every weekday at 09:00, Europe/Berlin"),
    (Weekly("weekend", "09:00"), "every Saturday and Sunday at 09:00, UTC"),
    (Weekly("MON-THU", "09:00:30"), "every Monday to Thursday at 09:00:30, UTC"),
    (Weekly("FRI", "09:00", every=3), "every 3 weeks on Friday at 09:00, UTC"),
    (Monthly(31, "08:00"), "on the 31st of every month at 08:00, UTC"),
    (
        Monthly([1, -1, "last friday"], "08:00", every=3),
        "on the 1st, last day and last Friday of every 3 months at 08:00, UTC",
    ),
    (Monthly(-2, "08:00"), "on the second to last day of every month at 08:00, UTC"),
    (Yearly(2, 29, "00:00"), "every year on the 29th of February at 00:00, UTC"),
    (PhorgeDaily(3600 * SECOND), "every day at 01:00, UTC"),
    (PhorgeMonthly(30 * 86_400 * SECOND), "on the 31st of every month at 00:00, UTC"),
    (Cron("* * * * *"), "every minute, UTC"),
    (Cron("*/5 * * * *"), "every 5 minutes, UTC"),
    (Cron("*/10 * * * * *"), "every 10 seconds, UTC"),
    (Cron("0 * * * *"), "every hour, UTC"),
    (Cron("7 */6 * * *"), "every day at 00:07, 06:07, 12:07 and 18:07, UTC"),
    (Cron("28 * * * *"), "28 minutes past every hour, UTC"),
    (Cron("*/15 9-17 * * 1-5"), "every 15 minutes from 09:00 to 17:45, every weekday, UTC"),
    (Cron("0 9 * * MON-FRI", "Europe/Berlin"), "every weekday at 09:00, Europe/Berlin"),
    (Cron("0 9,17 1,15 * *"), "on the 1st and 15th of the month at 09:00 and 17:00, UTC"),
    (Cron("0 0 13 * FRI"), "on the 13th of the month, and every Friday at 00:00, UTC"),
    (Cron("0 0 13 * */5"), "on the 13th of the month, if that is a Friday or Sunday at 00:00, UTC"),
    (Cron("0 0 L * *"), "on the last day of the month at 00:00, UTC"),
    (Cron("0 0 15W 1 *"), "on the weekday nearest to the 15th of January at 00:00, UTC"),
    (Cron("0 0 * JUN-AUG FRI#-1"), "on the last Friday of June, July and August at 00:00, UTC"),
    (Cron("0 0 0 1 1 ? 2027-2029"), "on the 1st of January, in 2027 to 2029 at 00:00, UTC"),
    (Cron("H H * * *"), "cron H H * * *, where H is settled by the trigger's key, UTC"),
]


@pytest.mark.parametrize(("clock", "said"), SAID, ids=[repr(clock) for clock, _ in SAID])
def test_in_plain_english(clock: Clock, said: str) -> None:
    assert clock.describe() == said
