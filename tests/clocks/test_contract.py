"""Every kind of clock keeps the contract, in many zones and at awkward moments."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from tickwork.clocks import Cron, Daily, Every, Monthly, Never, Once, PhorgeDaily, PhorgeMonthly, Weekly, Yearly
from tickwork.clocks.clock import Clock
from tickwork.clocks.contract import check_clock, check_forward, check_value
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import SECOND

UTC = timezone.utc
SINCE = [0, -(10**15), 1_767_225_600 * SECOND + 123_456, 1_774_745_999 * SECOND, 1_792_890_001 * SECOND]
CLOCKS: list[Clock] = [
    Once(datetime(2026, 3, 1, tzinfo=UTC)),
    Never(),
    Every(90),
    Every(timedelta(microseconds=1)),
    Every(3600, anchor=datetime(2026, 1, 1, tzinfo=UTC)),
    Daily("02:30", "Europe/Berlin"),
    Daily(["02:30", "03:30"], "America/New_York", every=3, fold="both"),
    Daily("00:15", "Pacific/Apia", gap="skip", fold="last"),
    Daily("09:00", every=10, start="2026-02-28"),
    Weekly("MON-FRI", "09:00", "Europe/Berlin"),
    Weekly("SUN", "02:30", "America/New_York", every=2, gap="skip"),
    Weekly("sat,sun", "01:30", every=4, start="2026-01-03"),
    Monthly(31, "08:00", "Asia/Kathmandu"),
    Monthly([1, -1, "last friday", "second tuesday"], ["00:00", "12:00"], clamp="skip"),
    Monthly(30, "01:30", "Europe/London", every=5, start="2025-11-30"),
    Yearly(2, 29, "02:30", "Europe/Berlin"),
    Yearly("NOV", "fourth thursday", "12:00", "America/New_York", every=3),
    Cron("*/7 * * * *", "Australia/Lord_Howe"),
    Cron("30 1,2,3 * * *", "America/New_York", fold="both"),
    Cron("0 0 2 LW * ?", "Europe/Berlin", gap="skip", fold="last"),
    Cron("H H(0-7) * * H").resolve("key", 0),
    PhorgeDaily(1_425_572_238 * SECOND),
    PhorgeMonthly(1_391_135_696 * SECOND),
]


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
def test_the_contract(clock: Clock) -> None:
    for since in SINCE:
        check_clock(clock, since)


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
def test_a_repr_builds_the_clock_again(clock: Clock) -> None:
    import tickwork.clocks as names

    scope = {name: getattr(names, name) for name in names.__all__} | {"datetime": __import__("datetime")}
    assert eval(repr(clock), scope) == clock


@pytest.mark.parametrize("clock", CLOCKS, ids=repr)
def test_a_clock_can_be_sent_to_another_process(clock: Clock) -> None:
    assert pickle.loads(pickle.dumps(clock)) == clock
    assert copy.deepcopy(clock) == clock


def test_answers_come_in_the_kind_of_the_question() -> None:
    clock = Cron("0 9 * * *", "Europe/Berlin")
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    instant = int(noon.timestamp()) * SECOND
    following = clock.next(noon)
    assert following == datetime(2026, 7, 2, 7, tzinfo=UTC)
    assert following is not None
    assert following.tzinfo is UTC
    assert clock.next(instant) == int(following.timestamp()) * SECOND
    assert clock.prev(noon) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert clock.matches(datetime(2026, 7, 1, 7, tzinfo=UTC))
    assert not clock.matches(datetime(2026, 7, 1, 7, microsecond=1, tzinfo=UTC))
    assert clock.between(noon, noon + timedelta(days=2)) == clock.preview(2, noon)


def test_since_is_after_where_it_is_missing() -> None:
    assert Every(60).next(30 * SECOND) == 90 * SECOND
    assert Every(60).next(30 * SECOND, since=0) == 60 * SECOND
    with pytest.raises(InvalidInput, match="since"):
        Every(60).next()


def test_a_flood_is_refused_instead_of_listed() -> None:
    with pytest.raises(InvalidInput, match="at most 100 occurrences"):
        Every(1).between(0, 86_400 * SECOND, limit=100)
    with pytest.raises(InvalidInput, match="n"):
        Every(1).preview(-1, 0)


@dataclasses.dataclass(frozen=True)
class Stuck(Clock):
    """A clock that stands still, as a third party might write it."""

    kind: ClassVar[str] = "stuck"

    def next_at(self, after: int | None, since: int) -> int | None:
        return since

    def params(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Stuck:
        return cls()

    def describe(self) -> str:
        return "stuck"


def test_the_kit_finds_a_clock_that_stands_still() -> None:
    with pytest.raises(AssertionError, match="not strictly after"):
        check_forward(Stuck(), 0, 5)
    with pytest.raises(InvalidClock, match="stands still"):
        Stuck().preview(5, since=0)
    with pytest.raises(InvalidClock, match="stands still"):
        Stuck().between(0, 10)


def test_the_kit_finds_a_kind_that_is_not_registered() -> None:
    with pytest.raises(InvalidClock, match="stuck"):
        check_value(Stuck())
