"""Zones: every IANA zone against ``zoneinfo``, the awkward ones by name, and what is refused."""

from __future__ import annotations

import csv
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from tests.clocks.reference import EPOCH, UTC, seconds, zone
from tests.support.shared import shared
from tickwork.clocks.tzif import read_footer
from tickwork.clocks.zone import FURTHEST, Zone, tzdata_version, zone_names
from tickwork.errors import InvalidClock

FIRST, LAST = -2_208_988_800, 4_102_444_800  # 1900 to 2100


def oracle(name: str, utc: int) -> int:
    offset = (EPOCH + timedelta(seconds=utc)).astimezone(zone(name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


@pytest.mark.parametrize("letter", sorted({name[0] for name in zone_names()}))
def test_every_zone_agrees_with_zoneinfo_at_and_around_every_transition(letter: str) -> None:
    draw = random.Random(letter)
    for name in zone_names():
        if not name.startswith(letter):
            continue
        ours = Zone.get(name)
        for utc, before, after in ours.transitions(FIRST, LAST):
            assert (oracle(name, utc - 1), oracle(name, utc)) == (before, after), (name, utc)
        for _ in range(60):  # a transition that is missing from the table is found by asking anywhere
            utc = draw.randrange(FIRST, LAST + 10**10)
            assert ours.offset_at(utc) == oracle(name, utc), (name, utc)


def test_segments_are_longer_than_the_moves_on_their_edges() -> None:
    """What the search relies on: no gap and no fold reaches into the next one, and nobody is further off than that."""
    for name in zone_names():
        moves = Zone.get(name).transitions(FIRST, LAST)
        for (at, before, after), (following, _, then) in pairwise(moves):
            assert following - at > abs(after - before) + abs(then - after), (name, at)
        assert all(abs(offset) < FURTHEST for move in moves for offset in move[1:]), name


def test_the_named_transitions_of_the_shared_table() -> None:
    text = shared("data/timezones/transitions.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    assert len(rows) == 69
    for row in rows:
        ours = Zone.get(row["zone"])
        utc = seconds(datetime.fromisoformat(row["utc_instant"]))
        before, after = _offset(row["offset_before"]), _offset(row["offset_after"])
        assert (ours.offset_at(utc - 1), ours.offset_at(utc)) == (before, after), row
        if row["kind"] == "name-or-dst-only":
            assert ours.transitions(utc, utc + 1) == [], row
            continue
        low, high = (_local(text) for text in row["local_interval"].split("/"))
        middle = (low + high) // 2
        if row["kind"] == "gap":
            assert ours.to_utc(middle, gap="skip") == (), row
            assert ours.to_utc(middle) == (middle - before,), row
            assert ours.to_local(ours.to_utc(middle)[0]) - middle == after - before, row
        else:
            assert ours.to_utc(middle, fold="both") == (middle - before, middle - after), row
            assert ours.to_utc(middle) == (middle - before,)
            assert ours.to_utc(middle, fold="last") == (middle - after,)


def test_every_awkward_zone_of_the_shared_list_is_known() -> None:
    for line in shared("data/timezones/zones.txt").read_text().splitlines():
        assert Zone.get(line.split("\t")[0]).name in line


def _offset(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text[1:].split(":")] + [0]
    return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def _local(text: str) -> int:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "offset", "shown"),
    [
        ("UTC", 0, "UTC"),
        ("Z", 0, "UTC"),
        ("+05:30", 19_800, "+05:30"),
        ("-0300", -10_800, "-03:00"),
        ("+00:00", 0, "+00:00"),
    ],
)
def test_fixed_offsets(name: str, offset: int, shown: str) -> None:
    fixed = Zone.get(name)
    assert fixed.fixed
    assert fixed.name == shown
    assert fixed.offset_at(0) == fixed.offset_at(10**12) == offset
    assert fixed.to_utc(1000) == (1000 - offset,)


@pytest.mark.parametrize(
    "name", ["Europe/Berln", "+25:00", "+05:75", "", "europe/berlin", "../../etc/passwd", "Europe", 5, None]
)
def test_an_unknown_zone_is_refused_by_field(name: object) -> None:
    with pytest.raises(InvalidClock) as refused:
        Zone.get(name, "home")  # type: ignore[arg-type]
    assert refused.value.field == "home"


def test_an_unknown_zone_comes_with_a_suggestion() -> None:
    with pytest.raises(InvalidClock, match="did you mean 'Europe/Berlin'"):
        Zone.get("Europe/Berln")


def test_the_host_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the host's database nor the application's zoneinfo is asked, and neither is changed."""
    import zoneinfo

    before = zoneinfo.TZPATH
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONTZPATH", "/nowhere")
    Zone.get("America/Vancouver").transitions(0, LAST)
    assert before == zoneinfo.TZPATH
    assert tzdata_version() == __import__("tzdata").IANA_VERSION


def test_a_fingerprint_tells_whether_a_stretch_of_time_changed() -> None:
    table = [-(10**9), 0, 10**9], [0, 3600, 0, 3600]
    history = Zone("Old", [-(10**9), -500, 10**9], [0, 3600, 0, 3600])
    future = Zone("New", [-(10**9), 0, 10**9 + 7200], [0, 3600, 0, 3600])
    now = Zone("Now", *table)
    assert history.fingerprint(1, 2 * 10**9) == now.fingerprint(1, 2 * 10**9)
    assert future.fingerprint(1, 2 * 10**9) != now.fingerprint(1, 2 * 10**9)


@pytest.mark.parametrize(
    ("footer", "year", "expected"),
    [
        ("EST5EDT,M3.2.0,M11.1.0", 2026, ["2026-03-08T07:00", "2026-11-01T06:00"]),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", 2026, ["2026-03-29T01:00", "2026-10-25T01:00"]),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2026, ["2026-03-29T01:00", "2026-10-25T01:00"]),
        ("EET-2EEST,M3.4.4/50,M10.4.4/50", 2026, ["2026-03-28T00:00", "2026-10-23T23:00"]),
        ("AAA3BBB,J60/2,J300/2", 2024, ["2024-03-01T05:00", "2024-10-27T04:00"]),
        ("AAA3BBB,59/2,299/2", 2024, ["2024-02-29T05:00", "2024-10-26T04:00"]),
    ],
)
def test_footers(footer: str, year: int, expected: list[str]) -> None:
    rule = read_footer(footer)
    assert rule is not None
    got = [(EPOCH + timedelta(seconds=utc)).strftime("%Y-%m-%dT%H:%M") for utc, _ in rule.transitions(year)]
    assert got == expected


def test_a_zone_without_moves_needs_no_rule() -> None:
    assert read_footer("JST-9") is None
    assert read_footer("") is None
    with pytest.raises(ValueError, match="unreadable"):
        read_footer("nonsense!")


def test_a_zone_that_is_nothing_but_a_rule() -> None:
    made = Zone("Made", [], [3600], read_footer("CET-1CEST,M3.5.0,M10.5.0/3"))
    berlin = Zone.get("Europe/Berlin")
    low, high = (seconds(datetime(year, 1, 1, tzinfo=timezone.utc)) for year in (2010, 2200))
    assert made.transitions(low, high) == berlin.transitions(low, high)


def test_the_year_9999_is_near() -> None:
    assert Zone.get("Europe/Berlin").offset_at(253_402_300_799) == 3600
    assert Zone.get("Europe/Berlin").offset_at(253_388_000_000) == oracle("Europe/Berlin", 253_388_000_000)


def test_many_threads_lengthen_a_table_together() -> None:
    """Whoever asks first works the years out; nobody sees half a table."""
    made = [Zone("Made", [], [3600], read_footer("CET-1CEST,M3.5.0,M10.5.0/3")) for _ in range(20)]
    asked = [
        seconds(datetime(year, month, 15, tzinfo=timezone.utc)) for year in range(2000, 2400, 7) for month in (1, 7)
    ]

    def ask(shift: int) -> list[list[int]]:
        order = asked[shift:] + asked[:shift]
        return [[zone.offset_at(utc) for utc in order] for zone in made]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(0, 16, 2)):
            assert all(sorted(each) == [3600] * (len(asked) // 2) + [7200] * (len(asked) // 2) for each in answers)
