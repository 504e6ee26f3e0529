"""Times to live: ends of days, digest windows, notices before an end, spans that are clamped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from tests.clocks.rrule_reference import package_zone
from tickwork.clocks.ttl import clamped, digest_window, end_of_day, notice_before
from tickwork.errors import InvalidInput
from tickwork.watch import to_instant

UTC = timezone.utc


def june(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "ends"),
    [
        ("Asia/Kolkata", datetime(2026, 5, 10, 18, 30, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 5, 11, 7, tzinfo=UTC)),
    ],
)
def test_the_end_of_the_users_day(zone: str, ends: datetime) -> None:
    """S4-06."""
    noon = datetime(2026, 5, 10, 12, tzinfo=package_zone(zone))
    assert end_of_day(zone, noon) == ends
    assert end_of_day(zone, to_instant(noon)) == to_instant(ends)
    assert end_of_day(zone, ends) == ends + timedelta(days=1)


def test_the_end_of_a_day_whose_midnight_does_not_exist() -> None:
    eve = datetime(2018, 11, 3, 20, tzinfo=UTC)
    assert end_of_day("America/Sao_Paulo", eve) == datetime(2018, 11, 4, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll", "America/Sao_Paulo"]
)
@pytest.mark.parametrize("parts", [4, 24])
def test_digest_windows_leave_no_gap_and_do_not_overlap(zone: str, parts: int) -> None:
    moments = [datetime(2018, 1, 1, tzinfo=UTC) + timedelta(minutes=20 * n) for n in range(3 * 24 * 366)]
    windows = sorted({digest_window(zone, at, parts) for at in moments})
    assert all(begins < ends for begins, ends in windows)
    assert all(before[1] == after[0] for before, after in pairwise(windows))


@pytest.mark.parametrize("parts", [0, 5, 25, True, 2.0, "4"])
def test_a_day_is_cut_into_whole_hours(parts: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        digest_window("UTC", june(1), parts)  # type: ignore[arg-type]
    assert refused.value.field == "parts"


@pytest.mark.parametrize(
    ("granted", "expires", "notice"),
    [
        (june(1), june(30), june(23)),
        (june(1), june(11), june(10)),
        (june(1), june(1, 12), None),
        (june(1), june(15), june(8)),
    ],
)
def test_a_notice_a_week_before_or_a_day_before_a_short_term(
    granted: datetime, expires: datetime, notice: datetime | None
) -> None:
    """T-118, S4-21."""
    assert notice_before(granted, expires) == notice
    assert notice_before(to_instant(granted), to_instant(expires)) == (None if notice is None else to_instant(notice))
    if notice is not None:
        assert notice_before(granted, expires, now=notice) is None, "it is past"


def test_what_has_ended_before_it_began_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        notice_before(june(2), june(1))
    assert refused.value.field == "expires_at"


@pytest.mark.parametrize(
    ("wanted", "at_most", "lives"),
    [
        (timedelta(days=400), timedelta(days=365), timedelta(days=365)),
        (3600, timedelta(days=1), timedelta(hours=1)),
        (None, None, None),
        ("infinite", None, None),
        ("infinite", timedelta(days=365), timedelta(days=365)),
        (None, 60, timedelta(minutes=1)),
    ],
)
def test_spans_are_clamped_and_for_ever_is_none(wanted: object, at_most: object, lives: timedelta | None) -> None:
    """S4-15."""
    assert clamped(wanted, at_most) == lives  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("wanted", "at_most", "field"),
    [(0, None, "wanted"), (-1, 5, "wanted"), ("soon", None, "wanted"), (5, 0, "at_most")],
)
def test_a_span_that_is_none_is_refused(wanted: object, at_most: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clamped(wanted, at_most)  # type: ignore[call-overload]
    assert refused.value.field == field
