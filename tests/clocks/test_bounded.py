"""Every answer takes a bounded number of steps: counted, not timed."""

from __future__ import annotations

import pytest

from tests.clocks.reference import seconds
from tests.clocks.steps import calls
from tickwork.clocks import Cron, Daily, Every, Monthly, Never, Once, PhorgeMonthly, Yearly, Zone
from tickwork.clocks.calendar import Calendar
from tickwork.clocks.clock import Clock
from tickwork.clocks.days import MonthDays
from tickwork.clocks.times import times_of
from tickwork.clocks.wall import next_utc, prev_utc
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, SECOND

NOW = 1_767_225_600
CLOCKS = [
    Once(5),
    Never(),
    Every(60),
    Every(1e-6),
    Daily("02:30", "Europe/Berlin"),
    Monthly(31, "02:30", "America/New_York", clamp="skip"),
    Yearly(2, 29, "02:30", "America/New_York", clamp="skip"),
    Cron("* * * * * *"),
    Cron("59 59 23 31 12 * 2199"),
    Cron("0 0 0 1 1 ? 1970"),
    Cron("0 0 29 2 MON#5"),
    Cron("0 0 * 2 MON#5", "America/New_York"),
    Cron("0 0 */29 2 */7", "Pacific/Apia"),
    Cron("* * * * *", "Asia/Tokyo"),
    Daily("12:00", "America/Los_Angeles"),
    Daily("12:00", "+14:00"),
    PhorgeMonthly(0),
]


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
@pytest.mark.parametrize("after", [FIRST_INSTANT, 0, NOW * SECOND, LAST_INSTANT - 1, LAST_INSTANT])
def test_an_answer_takes_a_bounded_number_of_calls(clock: Clock, after: int) -> None:
    clock.next_at(NOW * SECOND, 0)
    assert calls(lambda: clock.next_at(after, 0)) < 20_000
    assert calls(lambda: clock.prev_at(after, 0)) < 20_000
    if abs(after - NOW * SECOND) < 60 * 366 * 86_400 * SECOND:
        assert calls(lambda: clock.next_at(after, 0)) < 2_000


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
def test_the_edges_of_time_are_answered(clock: Clock) -> None:
    hours = [FIRST_INSTANT + n * 3600 * SECOND for n in range(30)] + [
        LAST_INSTANT - n * 3600 * SECOND for n in range(30)
    ]
    for at in (*hours, FIRST_INSTANT + 1, LAST_INSTANT - SECOND):
        found, before = clock.following(at, at), clock.prev_at(at, at)
        assert found is None or at < found <= LAST_INSTANT
        assert before is None or FIRST_INSTANT <= before < at


def test_t_026_days_that_never_are_end_in_none() -> None:
    """T-026: 30 February, asked directly, below what refuses it."""
    days = MonthDays(lambda first, length: 1 << 29 if length >= 30 else 0, months=0b10)
    rule = Calendar(days, times_of((0,), (0,)))
    for name in ("UTC", "Europe/Berlin"):
        zone = Zone.get(name)
        assert calls(lambda: rule.next_local(NOW)) < 20_000
        assert next_utc(rule, zone, "shift", "first", NOW) is None
        assert prev_utc(rule, zone, "shift", "first", NOW) is None


def test_a_rule_that_only_ever_falls_into_gaps_ends() -> None:
    """02:30 on the second Sunday of March does not exist in New York: with ``skip`` it never fires again."""
    clock = Cron("30 2 * 3 SUN#2", "America/New_York", gap="skip")
    assert clock.next_at(NOW * SECOND, 0) is None
    assert calls(lambda: clock.next_at(NOW * SECOND, 0)) < 40_000
    shifted = Cron("30 2 * 3 SUN#2", "America/New_York")
    assert shifted.next_at(NOW * SECOND, 0) == 1_772_955_000 * SECOND


def test_leap_days_over_the_centuries() -> None:
    """T-025 and on: no leap day in 2100, one in 2400, and a Monday among them may be 40 years away."""
    from datetime import datetime, timezone

    def year(*parts: int) -> int:
        return seconds(datetime(*parts, tzinfo=timezone.utc)) * SECOND  # type: ignore[arg-type, misc]

    leap = Cron("0 0 29 2 *")
    assert leap.next_at(year(2096, 3, 1), 0) == year(2104, 2, 29)
    assert leap.next_at(year(2396, 3, 1), 0) == year(2400, 2, 29)
    assert leap.prev_at(year(2104, 1, 1), 0) == year(2096, 2, 29)
    assert Cron("0 0 * 2 MON#5").next_at(year(2072, 3, 1), 0) == year(2112, 2, 29)
