"""Clocks as rows: what is stored, what is refused, and clocks of other packages."""

from __future__ import annotations

from importlib import metadata

import pytest

from tests.clocks.test_contract import Stuck
from tickwork.clocks import (
    Cron,
    Daily,
    Every,
    Monthly,
    Once,
    Weekly,
    Yearly,
    codec,
    decode,
    decode_json,
    encode,
    encode_json,
)
from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidClock

STORED: list[tuple[Clock, str, str]] = [
    (Once(1000), "once", '{"at":1000}'),
    (Every(60), "every", '{"period":60000000}'),
    (Every(60, anchor=5), "every", '{"anchor":5,"period":60000000}'),
    (Daily("9:00"), "daily", '{"time":"09:00","zone":"UTC"}'),
    (
        Daily(["17:30", "09:00"], "Europe/Berlin", every=2, start="2026-01-05", gap="skip", fold="both"),
        "daily",
        '{"every":2,"fold":"both","gap":"skip","start":"2026-01-05","time":["09:00","17:30"],"zone":"Europe/Berlin"}',
    ),
    (Weekly([5, "mon"], "09:00"), "weekly", '{"time":"09:00","weekdays":["MON","FRI"],"zone":"UTC"}'),
    (Monthly("last weekday", "09:00"), "monthly", '{"day":"WEEKDAY#-1","time":"09:00","zone":"UTC"}'),
    (
        Yearly("feb", 29, "09:00", clamp="skip"),
        "yearly",
        '{"clamp":"skip","day":29,"month":2,"time":"09:00","zone":"UTC"}',
    ),
    (Cron("@daily"), "cron", '{"expression":"0 0 * * *","zone":"UTC"}'),
    (Cron("CRON_TZ=Europe/Berlin 0  9 * * mon"), "cron", '{"expression":"0 9 * * MON","zone":"Europe/Berlin"}'),
]


@pytest.mark.parametrize(("clock", "kind", "text"), STORED, ids=[case[2] for case in STORED])
def test_what_is_stored_stays_what_it_is(clock: Clock, kind: str, text: str) -> None:
    """These texts stand in users' databases: a change here is a migration there."""
    assert encode_json(clock) == (kind, text)
    assert decode_json(kind, text) == clock
    assert decode(*encode(clock)) == clock


def test_a_text_that_was_seen_is_not_read_again() -> None:
    assert decode_json("every", '{"period":77000000}') is decode_json("every", '{"period":77000000}')


@pytest.mark.parametrize(
    ("kind", "text", "field"),
    [
        ("nope", "{}", "kind"),
        ("every", "{", "clock every"),
        ("every", "[]", "clock every"),
        ("every", "{}", "period"),
        ("every", '{"period": 1e300}', "period"),
        ("every", '{"period": 99999999999999999999999999}', "period"),
        ("every", '{"period": 5, "anchor": "x"}', "anchor"),
        ("once", '{"at": 999999999999999999999}', "at"),
        ("daily", '{"time": "24:00", "zone": "UTC"}', "time"),
        ("daily", '{"time": [], "zone": "UTC"}', "time"),
        ("daily", '{"time": "09:00", "zone": "Mars/Olympus"}', "zone"),
        ("daily", '{"time": "09:00", "zone": "UTC", "every": 0}', "every"),
        ("daily", '{"time": "09:00", "zone": "UTC", "start": "2026-02-30"}', "start"),
        ("daily", '{"time": "09:00", "zone": "UTC", "gap": "fall"}', "gap"),
        ("daily", '{"time": "09:00", "zone": "UTC", "fold": "none"}', "fold"),
        ("weekly", '{"weekdays": ["MOO"], "time": "09:00", "zone": "UTC"}', "weekdays"),
        ("weekly", '{"weekdays": [], "time": "09:00", "zone": "UTC"}', "weekdays"),
        ("monthly", '{"day": 0, "time": "09:00", "zone": "UTC"}', "day"),
        ("monthly", '{"day": "sixth monday", "time": "09:00", "zone": "UTC"}', "day"),
        ("monthly", '{"day": 31, "time": "09:00", "zone": "UTC", "clamp": "first"}', "clamp"),
        ("yearly", '{"month": 2, "day": 30, "time": "09:00", "zone": "UTC", "clamp": "skip"}', "day"),
        ("yearly", '{"month": 13, "day": 30, "time": "09:00", "zone": "UTC"}', "month"),
        ("cron", '{"expression": "0 9 * *", "zone": "UTC"}', "cron expression"),
    ],
)
def test_a_damaged_row_is_refused_by_the_name_of_the_field(kind: str, text: str, field: str) -> None:
    with pytest.raises(ValueError, match="not allowed") as refused:
        decode_json(kind, text)
    assert refused.value.field == field  # type: ignore[attr-defined]


def test_another_packages_clock_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def announced(*, group: str, name: str | None = None) -> metadata.EntryPoints:
        here = [
            metadata.EntryPoint("stuck", "tests.clocks.test_contract:Stuck", codec.ENTRY_POINTS),
            metadata.EntryPoint("wrong", "tests.clocks.test_contract:UTC", codec.ENTRY_POINTS),
        ]
        return metadata.EntryPoints(here).select(group=group, **({} if name is None else {"name": name}))

    monkeypatch.setattr(metadata, "entry_points", announced)
    codec.clock_class.cache_clear()
    try:
        assert type(decode("stuck", {})).__name__ == Stuck.__name__
        with pytest.raises(InvalidClock, match="entry point"):
            decode("wrong", {})
        assert {"stuck", "cron", "every"} <= set(codec.kinds())
    finally:
        codec.clock_class.cache_clear()
