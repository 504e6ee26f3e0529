"""Every n-th day, week, month and year against counting on the calendar; and stored parameters that anyone may have written."""

from __future__ import annotations

import calendar
import random
from datetime import date, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clocks.reference import days, seconds
from tickwork.clocks import Daily, Monthly, Weekly, Yearly, codec, decode
from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidClock

SECOND = 1_000_000
NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}


def random_steps(draw: random.Random, begin: date) -> tuple[Clock, object]:
    """Return a clock that counts from *begin*, and a test of single days that does so in another way."""
    every = draw.randint(1, 6)
    kind = draw.randrange(5)
    if kind == 0:
        return Daily("12:00", every=every, start=begin), lambda day: (day - begin).days % every == 0
    if kind == 1:
        chosen = draw.sample(range(7), draw.randint(1, 4))
        monday = begin - timedelta(days=begin.weekday())
        return (
            Weekly([NAMES[day] for day in chosen], "12:00", every=every, start=begin),
            lambda day: day.weekday() in chosen and (day - monday).days // 7 % every == 0,
        )
    months = lambda day: (day.year - begin.year) * 12 + day.month - begin.month
    if kind == 2:
        number, clamp = draw.choice((*range(1, 32), -1, -2, -29, -31)), draw.choice(("last", "skip"))
        return (
            Monthly(number, "12:00", every=every, start=begin, clamp=clamp),
            lambda day: months(day) % every == 0 and is_number(day, number, clamp),
        )
    if kind == 3:
        nth, weekday = draw.choice(list(ORDINALS)), draw.randrange(7)
        return (
            Monthly(f"{ORDINALS[nth]} {NAMES[weekday]}", "12:00", every=every, start=begin),
            lambda day: months(day) % every == 0 and is_nth(day, [weekday], nth),
        )
    month, nth = draw.randint(1, 12), draw.choice((1, 3, -1))
    return (
        Yearly(month, f"{ORDINALS[nth]} weekday", "12:00", every=every, start=begin),
        lambda day: day.month == month and (day.year - begin.year) % every == 0 and is_nth(day, [0, 1, 2, 3, 4], nth),
    )


def is_number(day: date, number: int, clamp: str) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    wanted = number if number > 0 else length + 1 + number
    if clamp == "last":
        wanted = max(1, min(wanted, length))
    return day.day == wanted


def is_nth(day: date, weekdays: list[int], nth: int) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    alike = [n for n in range(1, length + 1) if day.replace(day=n).weekday() in weekdays]
    place = nth - 1 if nth > 0 else nth
    return -len(alike) <= place < len(alike) and alike[place] == day.day


def test_steps_are_counted_from_the_start() -> None:
    draw = random.Random(6)
    for _ in range(250):
        begin = date(2020, 1, 1) + timedelta(days=draw.randrange(3000))
        clock, allows = random_steps(draw, begin)
        end = begin + timedelta(days=1200)
        expected = [
            seconds(datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)) * SECOND
            for day in days(begin, end)
            if allows(day)  # type: ignore[operator]
        ]
        low = seconds(datetime(begin.year, begin.month, begin.day, tzinfo=timezone.utc)) * SECOND
        high = low + 1201 * 86_400 * SECOND
        assert clock.between(low - 400 * 86_400 * SECOND, high) == expected, (clock, begin)
        before, backwards = high, []
        while (found := clock.prev_at(before, 0)) is not None:
            backwards.append(found)
            before = found
        assert backwards[::-1] == expected, (clock, begin)


def test_without_a_start_steps_are_counted_from_since() -> None:
    since = datetime(2026, 1, 15, 13, tzinfo=timezone.utc)
    for clock, expected in (
        (Daily("12:00", every=3), ["2026-01-18", "2026-01-21"]),
        (Weekly("MON", "12:00", every=2), ["2026-01-26", "2026-02-09"]),
        (Monthly(1, "12:00", every=3), ["2026-04-01", "2026-07-01"]),
        (Yearly(3, 1, "12:00", every=4), ["2026-03-01", "2030-03-01"]),
    ):
        assert [str(at.date()) for at in clock.preview(2, since=since)] == expected
    kiritimati = Daily("12:00", "Pacific/Kiritimati", every=2)  # there it is the 16th already
    assert kiritimati.preview(1, since=since)[0] == datetime(2026, 1, 15, 22, tzinfo=timezone.utc)


KEYS = [
    "at",
    "period",
    "anchor",
    "start",
    "time",
    "zone",
    "every",
    "gap",
    "fold",
    "weekdays",
    "day",
    "month",
    "clamp",
    "expression",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.integers(-40, 40)
    | st.floats()
    | st.sampled_from(
        ["09:00", "UTC", "Europe/Berlin", "MON", "last friday", "MON#2", "skip", "both", "2026-01-01", "0 9 * * *"]
    )
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
OURS = ["once", "every", "never", "daily", "weekly", "monthly", "yearly", "cron", "phorge-daily", "phorge-monthly"]


@settings(max_examples=400)
@given(st.sampled_from(OURS), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_stored_parameters_give_a_clock_or_an_invalid_clock(kind: str, params: dict[str, object]) -> None:
    try:
        clock = decode(kind, params)
    except InvalidClock as refused:
        assert refused.field
        return
    assert decode(*codec.encode(clock)) == clock
    following = clock.next_at(None, 0)
    assert following is None or kind == "once" or following > 0 or kind.startswith("phorge")
    assert clock.describe()
