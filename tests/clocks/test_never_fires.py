"""A clock that never fires is refused where it is written, after a bounded search: not stored, and not silently finished."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from tests.support.scene import Scene
from tickwork.clocks import (
    BusinessDaysBefore,
    Clock,
    Cron,
    Daily,
    Every,
    Holidays,
    Recurrence,
    Shifted,
    Yearly,
    decode,
    encode,
)
from tickwork.errors import InvalidClock
from tickwork.model.standing_order import settled
from tickwork.watch import SECOND, to_instant

UTC = timezone.utc
AT = to_instant(datetime(2026, 6, 1, tzinfo=UTC))
BERLIN = "Europe/Berlin"

NEVER: dict[str, Callable[[], Clock]] = {
    "only in gaps, yearly": lambda: Yearly(3, "last sunday", "02:30", BERLIN, gap="skip"),
    "only in gaps, cron": lambda: Cron("30 2 * 3 7L", BERLIN, gap="skip"),
    "only in gaps, recurrence": lambda: Recurrence(
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", start=datetime(2026, 3, 29, 2, 30), zone=BERLIN, gap="skip"
    ),
    "times that do not meet": lambda: Daily("09:00") & Daily("10:00"),
    "seconds that do not meet": lambda: Every(2, anchor=0) & Every(2, anchor=SECOND),
    "a union of what never fires": lambda: (Daily("09:00") & Daily("10:00")) | (Daily("11:00") & Daily("12:00")),
    "everything left out": lambda: Daily("09:00").except_(Daily("09:00")),
    "before what never comes": lambda: BusinessDaysBefore(Daily("09:00") & Daily("10:00"), 2),
}
OVER: dict[str, Callable[[], Clock]] = {
    "over": lambda: Daily("09:00").until(datetime(2026, 1, 1, tzinfo=UTC)),
    "over, and moved": lambda: Shifted(Daily("09:00").until(datetime(2026, 1, 1, tzinfo=UTC)), -60),
    "a rule that has ended": lambda: Recurrence("FREQ=DAILY;COUNT=3", start=datetime(2026, 1, 1, 9)),
    "holidays that are past": lambda: Holidays(["2025-12-25"], BERLIN),
    "a year that is past": lambda: Cron("0 0 9 * * * 2025"),
}


ALL = NEVER | OVER


@pytest.mark.parametrize("name", ALL)
def test_a_clock_that_never_fires_is_refused_when_it_is_written(name: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidClock):
        settled(ALL[name](), "key", AT)
    assert time.process_time() - began < 2


def test_and_nothing_of_it_is_stored() -> None:
    scene = Scene("sqlite://", at=datetime(2026, 6, 1, tzinfo=UTC))
    try:
        scene.app.migrate()
        scene.put("edited", Daily("09:00"))
        for name, make in ALL.items():
            with pytest.raises(InvalidClock):
                scene.put(name, make())
            with pytest.raises(InvalidClock):
                scene.app.triggers.move("edited", make())
        assert [each.key for each in scene.app.triggers.list()] == ["edited"]
        for make in NEVER.values():
            with pytest.raises(InvalidClock):
                scene.app.jobs.declare("tidy", make())
        assert scene.app.jobs.list() == []
        for number, make in enumerate(OVER.values()):  # what the code declares may have ended
            with contextlib.suppress(InvalidClock):  # a rule that cannot be built at all
                scene.app.jobs.declare(f"over/{number}", make())
    finally:
        scene.close()


def test_one_that_stops_firing_is_no_error_and_has_an_end() -> None:
    """What was right when it was written may end: it answers None, also when it is read from a row."""
    clock = decode(*encode(Cron("30 2 29 3 *", BERLIN, gap="skip").until(datetime(2026, 12, 31, tzinfo=UTC))))
    assert clock.next_at(None, AT) is None
    assert clock.preview(3, since=AT) == []
