"""The acceptance cases of the clocks, by number: C1 to C30, T-001 to T-038, T-148."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest

from tickwork.clocks import Cron, Daily, Every, Monthly, Never, Once, PhorgeDaily, PhorgeMonthly, from_ancestor
from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import SECOND, parse_instant

UTC = timezone.utc


def at(text: str) -> int:
    """Read ``2026-01-01T00:00:00``, in UTC."""
    return parse_instant(f"{text}Z")


def epoch(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def steps(clock: Clock, last: int | None, n: int, since: int = 0) -> list[int]:
    """Ask n times, in whole seconds."""
    found = []
    for _ in range(n):
        answer = clock.next_at(None if last is None else last * SECOND, since * SECOND)
        assert answer is not None
        assert answer % SECOND == 0
        last = answer // SECOND
        found.append(last)
    return found


def start(*parts: int) -> int:
    return epoch(*parts) * SECOND


# --------------------------------------------------------------------------------------- 5.1 the ancestor's clocks (C1-C30)


def test_c1_never() -> None:
    """C1: never, whatever was last."""
    assert Never().next_at(None, 0) is None
    assert Never().next_at(0, 0) is None


def test_c3_a_one_time_clock_that_fired_is_over() -> None:
    """C3: one-time epoch 1000, last 1: nothing."""
    assert Once(1000 * SECOND).next_at(1 * SECOND, 0) is None
    assert Once(1000 * SECOND).next_at(None, 5000 * SECOND) == 1000 * SECOND


def test_c4_an_epoch_of_zero_is_a_time_like_any_other() -> None:
    """C4: one-time epoch 1000, last 0: nothing (the ancestor took 0 for none)."""
    assert Once(1000 * SECOND).next_at(0, 0) is None
    assert Once(0).next_at(None, 0) == 0
    assert Once(0).next_at(0, 0) is None


def test_c6_metronome() -> None:
    """C6: period 33 from 100."""
    assert steps(Every(33), 100, 3, since=100) == [133, 166, 199]


def test_c7_metronome_without_a_last() -> None:
    """C7: the first one comes a period after the trigger was created."""
    assert steps(Every(33), None, 3, since=1_000_000_000) == [1_000_000_033, 1_000_000_066, 1_000_000_099]


def test_c9_a_legacy_row_with_period_zero() -> None:
    """C9: 101, and never at or before 100; a clock of ours refuses the period."""
    assert steps(from_ancestor("metronomic", {"period": 0}), 100, 1) == [101]
    assert steps(from_ancestor("metronomic", {"period": -7}), 100, 1) == [101]
    with pytest.raises(InvalidClock, match="period"):
        Every.from_params({"period": 0})


DAILY = [
    ("C10", epoch(2015, 3, 5, 16, 17, 18), None, [1425658638, 1425745038, 1425831438, 1425917838, 1426004238]),
    ("C12", epoch(2015, 1, 15, 6, 7, 8), None, [1421388428, 1421474828, 1421561228]),
    ("C13", epoch(2015, 1, 8, 1, 23, 45), 1421561228, [1421630625, 1421717025, 1421803425]),
    ("C15", epoch(2015, 3, 5), epoch(2015, 12, 31, 23, 59, 59), [1451606400]),
    ("C16", epoch(2015, 1, 8, 1), epoch(2015, 1, 18, 23), [1421629200]),
    ("C18", epoch(2015, 3, 5, 16, 17, 18), epoch(2015, 1, 1), [1420215438]),
]  # fmt: skip


@pytest.mark.parametrize(("begin", "last", "expected"), [case[1:] for case in DAILY], ids=[case[0] for case in DAILY])
def test_phorge_daily(begin: int, last: int | None, expected: list[int]) -> None:
    assert steps(PhorgeDaily(begin * SECOND), last, len(expected)) == expected
    assert steps(from_ancestor("daily", {"start": begin}), last, len(expected)) == expected


C19 = [
    1393554896, 1396233296, 1398825296, 1401503696, 1404095696, 1406774096, 1409452496, 1412044496, 1414722896,
    1417314896, 1419993296, 1422671696, 1425090896, 1427769296, 1430361296, 1433039696, 1435631696, 1438310096,
    1440988496, 1443580496, 1446258896, 1448850896, 1451529296, 1454207696, 1456713296, 1459391696,
]  # fmt: skip
MONTHLY = [
    ("C19", 1391135696, None, C19),
    ("C21", epoch(2014, 12, 31, 23, 59, 59), epoch(2014, 11, 30, 23, 59, 59), [1420070399]),
    ("C22", epoch(2016, 2, 29), None, [1459209600]),
    ("C24-2015", epoch(2014, 1, 30), epoch(2015, 1, 30), [1425081600]),
    ("C24-2016", epoch(2014, 1, 30), epoch(2016, 1, 30), [1456704000]),
    ("C25", epoch(2014, 1, 5), epoch(2014, 6, 30, 2, 34, 56), [1404518400]),
    ("C27", epoch(2014, 1, 12, 9), None, [1392195600]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "last", "expected"), [case[1:] for case in MONTHLY], ids=[case[0] for case in MONTHLY]
)
def test_phorge_monthly(begin: int, last: int | None, expected: list[int]) -> None:
    assert steps(PhorgeMonthly(begin * SECOND), last, len(expected)) == expected
    assert steps(from_ancestor("monthly", {"start": begin}), last, len(expected)) == expected


C28 = [
    ("metronomic", {}, "period"),
    ("metronomic", {"period": "33"}, "period"),
    ("metronomic", {"period": 33, "x": 1}, "x"),
    ("one-time", {"epoch": 1.5}, "epoch"),
    ("one-time", {"epoch": None}, "epoch"),
    ("never", {"x": 1}, "x"),
]


@pytest.mark.parametrize(("clock", "properties", "key"), C28, ids=[f"C28-{n}" for n in range(6)])
def test_c28_properties_are_read_strictly(clock: str, properties: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidClock) as refused:
        from_ancestor(clock, properties)
    assert refused.value.field == key


OURS = [
    (Every, {}, "period"),
    (Every, {"period": "33"}, "period"),
    (Every, {"period": 33, "x": 1}, "x"),
    (Once, {"at": 1.5}, "at"),
    (Once, {"at": None}, "at"),
    (Once, {"at": True}, "at"),
    (Never, {"x": 1}, "x"),
    (PhorgeDaily, {"start": "0"}, "start"),
    (Daily, {"time": "09:00"}, "zone"),
    (Daily, {"time": 9, "zone": "UTC"}, "time"),
    (Monthly, {"day": 32, "time": "09:00", "zone": "UTC"}, "day"),
    (Cron, {"zone": "UTC"}, "expression"),
    (Cron, {"expression": 5, "zone": "UTC"}, "expression"),
]


@pytest.mark.parametrize(("clock", "params", "key"), OURS)
def test_c28_our_own_parameters_too(clock: type[Clock], params: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidClock) as refused:
        clock.from_params(params)
    assert refused.value.field == key


def test_c30_a_rescheduled_clock_never_goes_back() -> None:
    """C30: a thousand random clocks and last occurrences: nothing, or later."""
    draw = random.Random(30)
    for _ in range(1000):
        last, begin = draw.randrange(0, 2**32), draw.randrange(0, 2**32)
        clock = draw.choice(
            (
                Never(),
                Once(begin * SECOND),
                Once(0),
                Every(draw.randint(1, 10**7)),
                PhorgeDaily(begin * SECOND),
                PhorgeMonthly(begin * SECOND),
                Daily("02:30", draw.choice(("UTC", "Europe/Berlin", "Pacific/Apia")), every=draw.randint(1, 9)),
                Monthly(draw.choice((31, -1, "last friday")), "00:00", every=draw.randint(1, 9)),
            )
        )
        answer = clock.next_at(last * SECOND, begin * SECOND)
        assert answer is None or answer > last * SECOND, (clock, last)


# ------------------------------------------------------------------------------------------------ 4.1 intervals (T-001-T-017)

INTERVALS = [
    ("T-001", 60, "2026-01-01T00:00:00", "2026-01-01T00:02:30", "2026-01-01T00:03:00"),
    ("T-002", 60, "2026-01-01T00:00:00", "2026-01-01T00:02:00", "2026-01-01T00:03:00"),
    ("T-004", 60, "2026-01-01T00:00:00", "2025-12-31T23:59:00", "2026-01-01T00:00:00"),
    ("T-005", 60, "2026-01-01T00:00:00", "2025-12-31T23:59:59.6", "2026-01-01T00:00:00"),
    ("T-007", 60, "2026-01-01T00:00:00.25", "2026-01-01T00:01:00.25", "2026-01-01T00:02:00.25"),
    ("T-008", 7, "2026-01-01T00:00:00", "2026-06-01T00:00:00", "2026-06-01T00:00:04"),
    ("T-010", 90, "2026-01-01T00:00:00", "2026-01-01T00:10:00", "2026-01-01T00:10:30"),
    ("T-011", 86400, "2026-03-07T14:00:00", "2026-03-08T13:00:00", "2026-03-08T14:00:00"),
    ("T-013", 60, "2016-12-31T23:59:00", "2016-12-31T23:59:59", "2017-01-01T00:00:00"),
    ("T-014", 86400, "2024-02-28T12:00:00", "2024-02-28T12:00:00", "2024-02-29T12:00:00"),
]


@pytest.mark.parametrize(
    ("every", "created", "after", "expected"), [c[1:] for c in INTERVALS], ids=[c[0] for c in INTERVALS]
)
def test_intervals(every: int, created: str, after: str, expected: str) -> None:
    assert Every(every).next_at(at(after), at(created)) == at(expected)
    assert Every(every, anchor=at(created)).next_at(at(after), 0) == at(expected)


def test_t_016_a_naive_datetime_is_a_value_error() -> None:
    """T-016: nobody knows which zone was meant."""
    naive = datetime(2026, 1, 1)
    for ask in (
        lambda: Every(60, anchor=naive),
        lambda: Once(naive),
        lambda: Every(60).next(naive),
        lambda: Every(60).next(since=naive),
        lambda: Every(60).prev(naive),
        lambda: Every(60).between(naive, naive),
        lambda: Every(60).matches(naive),
        lambda: Every(60).preview(1, naive),
    ):
        with pytest.raises(ValueError, match="time zone"):
            ask()


def test_t_017_intervals_as_a_property() -> None:
    """T-017: 10,000 random intervals: after, on the grid, and no further than one period."""
    draw = random.Random(17)
    for _ in range(10_000):
        period, anchor, after = draw.randint(1, 10**9), draw.randint(-(10**12), 10**12), draw.randint(-(10**12), 10**12)
        clock = Every.from_params({"period": period, "anchor": anchor})
        found = clock.next_at(after, 0)
        assert found is not None
        assert found > after
        assert (found - anchor) % period == 0
        assert after < anchor or found - after <= period


# ------------------------------------------------------------------------------------------------------ 4.2 cron (T-019-T-038)

CRON = [
    ("T-019", "* * * * *", "+00:00", "2026-01-01T00:00:30", ["2026-01-01T00:01:00"]),
    ("T-020", "0 * * * *", "+05:30", "2026-01-01T00:00:00", ["2026-01-01T00:30:00"]),
    ("T-022-0", "0 9 * * 0", "UTC", "2026-01-01T00:00:00", ["2026-01-04T09:00:00"]),
    ("T-022-7", "0 9 * * 7", "UTC", "2026-01-01T00:00:00", ["2026-01-04T09:00:00"]),
    ("T-022-SUN", "0 9 * * SUN", "UTC", "2026-01-01T00:00:00", ["2026-01-04T09:00:00"]),
    ("T-023", "0 0 13 * 5", "+00:00", "2026-01-01T00:00:00", ["2026-01-02T00:00:00"]),
    ("T-025", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00", ["2104-02-29T00:00:00"]),
    ("T-028-before", "0 0 * * *", "-03:00", "2026-01-01T02:59:59", ["2026-01-01T03:00:00"]),
    ("T-028-at", "0 0 * * *", "-03:00", "2026-01-01T03:00:00", ["2026-01-02T03:00:00"]),
    ("T-029", "*/15 9-17 * * 1-5", "UTC", "2026-01-02T17:45:00", ["2026-01-05T09:00:00"]),
    ("T-031", "30 2 * * *", "America/New_York", "2026-03-07T00:00:00",
     ["2026-03-07T07:30:00", "2026-03-08T07:30:00", "2026-03-09T06:30:00"]),
    ("T-032", "30 1 * * *", "America/New_York", "2026-10-31T00:00:00",
     ["2026-10-31T05:30:00", "2026-11-01T05:30:00", "2026-11-02T06:30:00"]),
    ("T-034", "0 * * * *", "America/New_York", "2026-03-08T05:30:00",
     ["2026-03-08T06:00:00", "2026-03-08T07:00:00", "2026-03-08T08:00:00"]),
    ("T-035", "30 2,3 * * *", "America/New_York", "2026-03-08T05:00:00",
     ["2026-03-08T07:30:00", "2026-03-09T06:30:00", "2026-03-09T07:30:00"]),
    ("T-037", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00",
     ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]),
    ("T-038", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00",
     ["2026-10-03T15:45:00", "2026-10-04T15:15:00"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"), [case[1:] for case in CRON], ids=[c[0] for c in CRON]
)
def test_cron(expression: str, zone: str, after: str, expected: list[str]) -> None:
    assert Cron(expression, zone).preview(len(expected), at(after)) == [at(text) for text in expected]


def test_t_026_an_impossible_date_is_refused_where_it_is_written() -> None:
    """T-026: 30 February never fires; the direct question ends after a bounded number of steps (test_bounded.py)."""
    with pytest.raises(InvalidClock, match="never fires"):
        Cron("0 0 30 2 *")


def test_t_148_a_leap_second_is_refused() -> None:
    """T-148: 23:59:60 is no instant."""
    with pytest.raises(InvalidInput):
        parse_instant("2016-12-31T23:59:60Z")
    with pytest.raises(InvalidClock):
        Daily("23:59:60")
    with pytest.raises(InvalidClock, match="second"):
        Cron("60 59 23 31 12 *")
