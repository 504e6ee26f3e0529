"""Clocks made of clocks: union, intersection, exclusion, bounds, jitter, shifts, holidays, business days before."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwork.clocks import (
    Bounded,
    BusinessDaysBefore,
    Clock,
    Cron,
    Daily,
    Every,
    Exclusion,
    Holidays,
    Intersection,
    Jittered,
    Once,
    Recurrence,
    Shifted,
    Union,
    decode_json,
    encode,
    encode_json,
    public_holidays,
)
from tickwork.clocks.contract import check_clock
from tickwork.clocks.dayset import day_begins
from tickwork.clocks.zone import Zone
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, FIRST_INSTANT, HOUR, LAST_INSTANT, MINUTE, SECOND, from_instant, to_instant

UTC = timezone.utc
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
AT = to_instant(SINCE)

NINE = Cron("0 9 * * *", zone="Europe/Berlin")
WORKDAYS = Cron("0 9 * * 1-5", zone="Europe/Berlin")
CHRISTMAS = Holidays(
    [date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)], zone="Europe/Berlin", name="Christmas"
)

CLOCKS: list[Clock] = [
    NINE | Cron("30 17 * * 5"),
    NINE | Every(timedelta(hours=7)) | Once(AT + 3 * HOUR),
    NINE & Cron("0 8 1-7 * *"),
    NINE & CHRISTMAS,
    NINE.except_(CHRISTMAS),
    WORKDAYS.except_(Cron("0 9 13 * *", zone="Europe/Berlin")),
    NINE.except_(CHRISTMAS | Holidays(["2026-06-01"], zone="Europe/Berlin")),
    NINE.starting(datetime(2026, 5, 1, tzinfo=UTC)).until(datetime(2026, 5, 20, tzinfo=UTC)),
    NINE.jittered(timedelta(minutes=30)).resolve("reports/7", AT),
    Every(10).jittered(timedelta(hours=1)),
    Shifted(NINE, timedelta(minutes=-15)),
    Shifted(NINE, timedelta(days=1, hours=2), zone="Europe/Berlin"),
    Shifted(Cron("30 1 * * *", zone="Europe/Berlin"), timedelta(hours=1), zone="Europe/Berlin"),
    BusinessDaysBefore(Cron("0 9 L * *", zone="Europe/Berlin"), 3, zone="Europe/Berlin", holidays=CHRISTMAS),
    BusinessDaysBefore(Daily("09:00"), 0),
    CHRISTMAS,
    Holidays(["2018-11-04", "2018-11-05"], zone="America/Sao_Paulo"),
]

NAMES = [f"{clock.kind}-{number}" for number, clock in enumerate(CLOCKS)]


@pytest.mark.parametrize("clock", CLOCKS, ids=NAMES)
def test_the_contract_holds(clock: Clock) -> None:
    check_clock(clock, AT if "Sao" not in clock.describe() else 0, steps=30)
    assert decode_json(*encode_json(clock)) == clock


def shown(clock: Clock, n: int) -> list[str]:
    return [f"{at:%a %d %b %H:%M}" for at in clock.preview(n, since=SINCE)]


def test_a_union_fires_once_where_both_do() -> None:
    both = Cron("0 9 * * *") | Cron("0 9,12 * * 1")
    assert shown(both, 7)[-3:] == ["Mon 05 Jan 09:00", "Mon 05 Jan 12:00", "Tue 06 Jan 09:00"]


def test_a_union_with_a_past_one_time_clock_fires_it_and_nothing_else_of_the_past() -> None:
    clock = Once(AT - DAY) | Every(timedelta(hours=1))
    assert clock.next_at(None, AT) == AT - DAY
    assert clock.next_at(AT - DAY, AT) == AT + HOUR


def test_unions_of_unions_are_flat_and_equal() -> None:
    assert Union(NINE, CHRISTMAS) == (NINE | CHRISTMAS) | NINE


def test_an_intersection_leaps_from_clock_to_clock() -> None:
    friday_13th = Cron("0 0 13 * *") & Cron("0 0 * * 5") & Every(timedelta(seconds=1), anchor=0)
    assert shown(friday_13th, 3) == ["Fri 13 Feb 00:00", "Fri 13 Mar 00:00", "Fri 13 Nov 00:00"]


def test_an_intersection_that_is_empty_ends() -> None:
    never = Daily("09:00") & Daily("10:00")
    assert never.next_at(None, AT) is None
    assert never.preview(3, since=AT) == []


def test_a_search_that_is_too_short_to_know_is_an_error_and_never_an_end() -> None:
    """Seconds that do not meet: whether they ever will, 100,000 tries (two days) cannot tell."""
    never = Every(2, anchor=0) & Every(2, anchor=1 * SECOND)
    with pytest.raises(InvalidClock, match="at least once in 100,000 tries"):
        never.next_at(None, AT)
    assert never.between(AT, AT + 60 * SECOND) == []  # but what is asked for a minute is looked for in a minute
    assert not never.matches(AT)


def test_what_is_left_out_for_long_is_not_the_end() -> None:
    """40,320 minutes of February in a row, 86,400 seconds of a day: the clock goes on after them."""
    february = Cron("* * * * *").except_(Cron("* * * 2 *"))
    last = to_instant(datetime(2026, 1, 31, 23, 59, tzinfo=timezone.utc))
    assert february.next(datetime(2026, 1, 31, 23, 59, tzinfo=timezone.utc)) == datetime(
        2026, 3, 1, tzinfo=timezone.utc
    )
    assert february.prev(datetime(2026, 3, 1, tzinfo=timezone.utc)) == from_instant(last)
    sunday = Cron("* * * * * *").except_(Cron("* * * * * SUN"))
    assert sunday.next(datetime(2026, 1, 3, 23, 59, 59, tzinfo=timezone.utc)) == datetime(
        2026, 1, 5, tzinfo=timezone.utc
    )


def test_an_exclusion_of_everything_ends() -> None:
    assert NINE.except_(NINE).next_at(None, AT) is None


def test_holidays_take_out_whole_days_and_a_dense_clock_leaps_over_them() -> None:
    clock = Every(1, anchor=0).except_(CHRISTMAS)
    eve = to_instant(datetime(2026, 12, 23, 22, 59, 59, tzinfo=UTC))
    assert clock.next_at(eve, AT) == to_instant(datetime(2026, 12, 26, 23, tzinfo=UTC))


def test_only_on_holidays() -> None:
    assert shown(NINE & CHRISTMAS, 5) == ["Thu 24 Dec 08:00", "Fri 25 Dec 08:00", "Sat 26 Dec 08:00"]


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # 00:00 does not exist
        ("America/Havana", "2025-11-02", datetime(2025, 11, 2, 4, tzinfo=UTC)),  # 00:00 comes twice
        ("Pacific/Apia", "2011-12-31", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # the day before does not exist
        ("Asia/Kolkata", "2026-05-11", datetime(2026, 5, 10, 18, 30, tzinfo=UTC)),
    ],
)
def test_days_begin_where_the_local_clock_first_shows_them(zone: str, day: str, begins: datetime) -> None:
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    assert day_begins(Zone.get(zone), number) == begins.timestamp()


def test_bounds_are_included() -> None:
    first, last = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert shown(Bounded(NINE, first, last), 9) == ["Sun 01 Mar 08:00", "Mon 02 Mar 08:00", "Tue 03 Mar 08:00"]
    with pytest.raises(InvalidClock):
        Bounded(NINE, last, first)


def test_jitter_is_the_same_for_all_and_differs_between_triggers() -> None:
    clock = NINE.jittered(timedelta(minutes=30))
    one, again, other = (clock.resolve(key, AT).preview(5, since=SINCE) for key in ("a", "a", "b"))
    assert one == again != other
    plain = NINE.preview(5, since=SINCE)
    assert all(timedelta(0) <= late - at < timedelta(minutes=30) for at, late in zip(plain, one, strict=True))


def test_jitter_never_overtakes() -> None:
    every = Jittered(Every(60, anchor=0), timedelta(hours=5), "seed")
    found = every.preview(200, since=SINCE)
    assert all(n * 60 <= (at - SINCE).total_seconds() < (n + 1) * 60 for n, at in enumerate(found, 1))


def test_a_shift_along_the_wall_keeps_the_local_time() -> None:
    moved = Shifted(NINE, timedelta(days=1, hours=2), zone="Europe/Berlin")
    march = moved.preview(4, since=datetime(2026, 3, 28, tzinfo=UTC))
    assert [f"{at:%d %H:%M}" for at in march] == ["28 10:00", "29 09:00", "30 09:00", "31 09:00"]


def test_a_reminder_that_is_late_for_a_single_event_still_fires_and_one_of_a_series_does_not() -> None:
    before = timedelta(hours=-2)
    assert Shifted(Once(AT + HOUR), before).next_at(None, AT) == AT - HOUR
    series = Shifted(Every(timedelta(hours=3), anchor=AT + HOUR), before)
    assert series.next_at(None, AT) == AT + 2 * HOUR


def test_a_shift_to_later_counts_from_what_has_begun_before() -> None:
    later = Shifted(Every(timedelta(days=1), anchor=AT - HOUR), timedelta(hours=2))
    assert later.next_at(None, AT) == AT + HOUR


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, ["Fri 30 Jan 09:00", "Fri 27 Feb 09:00", "Tue 31 Mar 09:00", "Thu 30 Apr 09:00"]),
        (1, ["Fri 30 Jan 09:00", "Fri 27 Feb 09:00", "Mon 30 Mar 09:00", "Wed 29 Apr 09:00"]),
        (3, ["Wed 28 Jan 09:00", "Wed 25 Feb 09:00", "Thu 26 Mar 09:00", "Mon 27 Apr 09:00"]),
    ],
)
def test_business_days_before_the_last_of_the_month(days: int, expected: list[str]) -> None:
    clock = BusinessDaysBefore(Cron("0 9 L * *"), days)
    assert shown(clock, 4) == expected  # the last of January and of February 2026 are Saturdays


def test_days_off_are_no_business_days() -> None:
    clock = BusinessDaysBefore(Once(datetime(2026, 12, 28, 8, tzinfo=UTC)), 1, zone="Europe/Berlin", holidays=CHRISTMAS)
    assert shown(clock, 1) == ["Wed 23 Dec 08:00"]


def test_a_year_without_a_business_day_has_none() -> None:
    closed = Holidays([date(2020, 1, 1) + timedelta(days=n) for n in range(4000)])
    assert BusinessDaysBefore(Once(SINCE), 1, holidays=closed).next_at(None, AT) is None


def test_public_holidays_come_from_the_package() -> None:
    pytest.importorskip("holidays")
    bavaria = public_holidays("DE", subdivision="BY", first_year=2026, last_year=2027, zone="Europe/Berlin")
    assert {"2026-01-06", "2026-10-03", "2027-12-26"} <= set(bavaria.days)
    assert bavaria.name == "DE-BY"
    clock = WORKDAYS.except_(bavaria)
    assert shown(clock, 4) == ["Fri 02 Jan 08:00", "Mon 05 Jan 08:00", "Wed 07 Jan 08:00", "Thu 08 Jan 08:00"]


@pytest.mark.parametrize(
    ("country", "subdivision", "years", "field"),
    [
        ("XX", None, (2026, 2027), "country"),
        ("DE", "ZZ", (2026, 2027), "subdivision"),
        ("DE", None, (2027, 2026), "last_year"),
        ("DE", None, (1, 9999), "last_year"),
    ],
)
def test_holidays_that_nobody_knows_are_refused(
    country: str, subdivision: str | None, years: tuple[int, int], field: str
) -> None:
    pytest.importorskip("holidays")
    with pytest.raises(InvalidClock) as refused:
        public_holidays(country, subdivision=subdivision, first_year=years[0], last_year=years[1])
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (Union, "clocks"),
        (lambda: Union("0 9 * * *"), "clocks"),
        (Intersection, "clocks"),
        (lambda: Exclusion(NINE, "1 January"), "without"),
        (lambda: Jittered(NINE, 0), "up_to"),
        (lambda: Jittered(NINE, 5, 7), "seed"),
        (lambda: Shifted("x", 5), "clock"),
        (lambda: Holidays([]), "days"),
        (lambda: Holidays("2026-01-01"), "days"),
        (lambda: Holidays(["2026-02-30"]), "days"),
        (lambda: Holidays([datetime(2026, 1, 1)]), "days"),
        (lambda: BusinessDaysBefore(NINE, -1), "days"),
        (lambda: BusinessDaysBefore(NINE, 1, holidays=NINE), "holidays"),
        (lambda: BusinessDaysBefore(NINE, 1, weekend=("MO", "TU", "WE", "TH", "FR", "SA", "SU")), "weekend"),
        (lambda: BusinessDaysBefore(NINE, 1, zone="Mars"), "zone"),
    ],
    ids=[f"refusal-{number}" for number in range(15)],
)
def test_what_cannot_be_combined_is_refused_by_name(make: object, field: str) -> None:
    with pytest.raises(InvalidClock) as refused:
        make()  # type: ignore[operator]
    assert refused.value.field == field


@pytest.mark.parametrize("clock", CLOCKS[:15], ids=NAMES[:15])
def test_stored_combinations_are_read_strictly(clock: Clock) -> None:
    kind, params = encode(clock)
    with pytest.raises(InvalidClock):
        type(clock).from_params({**params, "more": 1})
    for name in params:
        with pytest.raises(InvalidClock):
            type(clock).from_params({**params, name: {"neither": "this"}})
    assert kind == clock.kind


def test_what_depends_on_the_key_is_settled_inside_a_combination() -> None:
    clock = (Cron("H 3 * * *") | NINE).except_(CHRISTMAS).until(datetime(2027, 1, 1, tzinfo=UTC)).jittered(60)
    settled = clock.resolve("a", AT)
    assert settled == clock.resolve("a", AT)
    assert settled != clock
    assert settled.preview(3, since=SINCE)


SIMPLE = st.one_of(
    st.builds(lambda n, a: Every(n, anchor=a * MINUTE), st.integers(600, 90_000), st.integers(0, 90)),
    st.builds(lambda m, h: Cron(f"{m} {h} * * *", zone="Europe/Berlin"), st.integers(0, 59), st.integers(0, 23)),
    st.builds(
        lambda d: Recurrence(f"FREQ=WEEKLY;BYDAY={d}", start=datetime(2025, 1, 1, 9)), st.sampled_from(["MO", "FR"])
    ),
)


@settings(max_examples=30)
@given(SIMPLE, SIMPLE)
def test_combinations_are_what_sets_say(one: Clock, other: Clock) -> None:
    end = SINCE + timedelta(days=10)
    left, right = (set(clock.between(SINCE, end)) for clock in (one, other))
    for clock, expected in (
        (one | other, left | right),
        (one & other, left & right),
        (one.except_(other), left - right),
    ):
        assert clock.between(SINCE, end) == sorted(expected)


@pytest.mark.parametrize(
    "clock",
    [
        Shifted(Once(LAST_INSTANT), 5),
        Shifted(Once(FIRST_INSTANT), -5),
        Shifted(Once(LAST_INSTANT), 5, zone="Europe/Berlin"),
        Once(LAST_INSTANT).jittered(3600),
        Shifted(Every(86_400, anchor=FIRST_INSTANT), -3600),
    ],
)
def test_nothing_is_moved_out_of_the_years_that_there_are(clock: Clock) -> None:
    for since in (FIRST_INSTANT, 0, LAST_INSTANT - 10**12):
        found = (clock.next_at(None, since), clock.following(since, since), clock.prev_at(LAST_INSTANT, since))
        assert all(at is None or FIRST_INSTANT <= at <= LAST_INSTANT for at in found), found
