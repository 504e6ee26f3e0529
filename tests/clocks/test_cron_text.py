"""What cron understands, what it refuses and in which words, what H becomes, and what real files hold."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.shared import shared
from tickwork.clocks import Cron, Every, parse_cron
from tickwork.clocks.cron import compiled_cron
from tickwork.errors import InvalidClock
from tickwork.watch import SECOND

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def hits(expression: str, n: int = 4) -> list[str]:
    return [at.strftime("%a %d %b %H:%M:%S") for at in Cron(expression).preview(n, START)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 * * FRI-MON", ["Fri 02 Jan 00:00:00", "Sat 03 Jan 00:00:00", "Sun 04 Jan 00:00:00", "Mon 05 Jan 00:00:00"]),
        ("0 0 * * SAT-SUN", ["Sat 03 Jan 00:00:00", "Sun 04 Jan 00:00:00", "Sat 10 Jan 00:00:00", "Sun 11 Jan 00:00:00"]),
        ("0 0 * * 7-1", ["Sun 04 Jan 00:00:00", "Mon 05 Jan 00:00:00", "Sun 11 Jan 00:00:00", "Mon 12 Jan 00:00:00"]),
        ("0 0 * * 7-7", ["Sun 04 Jan 00:00:00", "Sun 11 Jan 00:00:00", "Sun 18 Jan 00:00:00", "Sun 25 Jan 00:00:00"]),
        ("0 22-2/2 1 1 *", ["Thu 01 Jan 02:00:00", "Thu 01 Jan 22:00:00", "Fri 01 Jan 00:00:00", "Fri 01 Jan 02:00:00"]),
        ("0 0 1-1 * *", ["Sun 01 Feb 00:00:00", "Sun 01 Mar 00:00:00", "Wed 01 Apr 00:00:00", "Fri 01 May 00:00:00"]),
        ("0 0 L * *", ["Sat 31 Jan 00:00:00", "Sat 28 Feb 00:00:00", "Tue 31 Mar 00:00:00", "Thu 30 Apr 00:00:00"]),
        ("0 0 L-3 * *", ["Wed 28 Jan 00:00:00", "Wed 25 Feb 00:00:00", "Sat 28 Mar 00:00:00", "Mon 27 Apr 00:00:00"]),
        ("0 0 LW * *", ["Fri 30 Jan 00:00:00", "Fri 27 Feb 00:00:00", "Tue 31 Mar 00:00:00", "Thu 30 Apr 00:00:00"]),
        ("0 0 15W * *", ["Thu 15 Jan 00:00:00", "Mon 16 Feb 00:00:00", "Mon 16 Mar 00:00:00", "Wed 15 Apr 00:00:00"]),
        ("0 0 1W * *", ["Mon 02 Feb 00:00:00", "Mon 02 Mar 00:00:00", "Wed 01 Apr 00:00:00", "Fri 01 May 00:00:00"]),
        ("0 0 31W 5 *", ["Fri 29 May 00:00:00", "Mon 31 May 00:00:00", "Wed 31 May 00:00:00", "Thu 31 May 00:00:00"]),
        ("0 0 * * 5L", ["Fri 30 Jan 00:00:00", "Fri 27 Feb 00:00:00", "Fri 27 Mar 00:00:00", "Fri 24 Apr 00:00:00"]),
        ("0 0 ? * MON#2", ["Mon 12 Jan 00:00:00", "Mon 09 Feb 00:00:00", "Mon 09 Mar 00:00:00", "Mon 13 Apr 00:00:00"]),
        ("0 0 * * MON#-1", ["Mon 26 Jan 00:00:00", "Mon 23 Feb 00:00:00", "Mon 30 Mar 00:00:00", "Mon 27 Apr 00:00:00"]),
        ("0 0 13 * FRI", ["Fri 02 Jan 00:00:00", "Fri 09 Jan 00:00:00", "Tue 13 Jan 00:00:00", "Fri 16 Jan 00:00:00"]),
        ("0 0 */13 * FRI", ["Fri 27 Feb 00:00:00", "Fri 27 Mar 00:00:00", "Fri 01 May 00:00:00", "Fri 14 Aug 00:00:00"]),
        ("30 0 12 1 1 ? 2027/2", ["Fri 01 Jan 12:00:30", "Mon 01 Jan 12:00:30", "Wed 01 Jan 12:00:30", "Sat 01 Jan 12:00:30"]),
        ("5/20 0 1 1 *", ["Thu 01 Jan 00:05:00", "Thu 01 Jan 00:25:00", "Thu 01 Jan 00:45:00", "Fri 01 Jan 00:05:00"]),
        ("@weekly", ["Sun 04 Jan 00:00:00", "Sun 11 Jan 00:00:00", "Sun 18 Jan 00:00:00", "Sun 25 Jan 00:00:00"]),
        ("@Yearly", ["Fri 01 Jan 00:00:00", "Sat 01 Jan 00:00:00", "Mon 01 Jan 00:00:00", "Tue 01 Jan 00:00:00"]),
        ("@midnight", ["Fri 02 Jan 00:00:00", "Sat 03 Jan 00:00:00", "Sun 04 Jan 00:00:00", "Mon 05 Jan 00:00:00"]),
    ],
)  # fmt: skip
def test_what_is_understood(expression: str, expected: list[str]) -> None:
    assert hits(expression) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@monthly", "0 0 1 * *"), ("@annually", "0 0 1 1 *")],
)
def test_macros(one: str, other: str) -> None:
    assert Cron(one) == Cron(other)


@pytest.mark.parametrize(
    ("expression", "field", "value", "allowed"),
    [
        ("60 * * * *", "minute", "60", "0 to 59"),
        ("* 24 * * *", "hour", "24", "0 to 23"),
        ("* * 0 * *", "day of month", "0", "1 to 31"),
        ("* * 32 * *", "day of month", "32", "1 to 31"),
        ("* * * 13 *", "month", "13", "JAN to DEC"),
        ("* * * * 8", "day of week", "8", "SUN to SAT"),
        ("* * * * MOO", "day of week", "MOO", "SUN to SAT"),
        ("61 * * * * *", "second", "61", "0 to 59"),
        ("0 0 0 1 1 ? 1969", "year", "1969", "1970 to 2199"),
        ("0 0 0 1 1 ? 2030-2020", "year", "2030-2020", "forward"),
        ("*/0 * * * *", "minute", "*/0", "from 1 to 60"),
        ("*/61 * * * *", "minute", "*/61", "@every"),
        ("5/ * * * *", "minute", "5/", "slash"),
        ("/5 * * * *", "minute", "", "0 to 59"),
        ("1,,2 * * * *", "minute", "", "0 to 59"),
        ("1-2-3 * * * *", "minute", "2-3", "0 to 59"),
        ("-1 * * * *", "minute", "", "0 to 59"),
        ("? * * * *", "minute", "?", "0 to 59"),
        ("* * * ? *", "month", "?", "1 to 12"),
        ("* * 1,? * *", "day of month", "?", "1 to 31"),
        ("* * L-31 * *", "day of month", "L-31", "L-1 to L-30"),
        ("* * 32W * *", "day of month", "32", "1 to 31"),
        ("* * * * L", "day of week", "L", "5L"),
        ("* * * * MON#6", "day of week", "MON#6", "1 to 5"),
        ("* * * * MON#0", "day of week", "MON#0", "1 to 5"),
        ("٣ * * * *", "minute", "٣", "0 to 59"),
        ("* * * *", "cron expression", "* * * *", "5 fields"),
        ("* * * * * * * *", "cron expression", "* * * * * * * *", "5 fields"),
        ("", "cron expression", "", "5 fields"),
        ("@reboot", "cron expression", "@reboot", "start of the machine"),
        ("@every 5m", "cron expression", "@every 5m", "parse_cron"),
        ("@fortnightly", "cron expression", "@fortnightly", "@weekly"),
        ("0 0 30 2 *", "day of month", "0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "day of month", "0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 0 29 2 ? 2100", "day of month", "0 0 0 29 2 ? 2100", "never fires"),
        ("H(5-99) * * * *", "minute", "H(5-99)", "0 to 59"),
        ("H/0 * * * *", "minute", "H/0", "from 1 to 60"),
        ("HH * * * *", "minute", "HH", "H/step"),
        ("0 0 0 1 1 ? H", "year", "H", "no H"),
        ("CRON_TZ=Europe/Berln 0 9 * * *", "zone", "Europe/Berln", "did you mean"),
    ],
)
def test_what_is_refused_says_field_value_and_what_is_allowed(
    expression: str, field: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidClock) as refused:
        Cron(expression)
    assert (refused.value.field, refused.value.value) == (field, value)
    assert allowed in str(refused.value)


def test_intervals_and_zones_in_the_text() -> None:
    assert parse_cron("@every 90s") == Every(90)
    assert parse_cron("@every 1h30m10s") == Every(5410)
    assert parse_cron("@every 1.5h") == Every(5400)
    assert parse_cron("@every 250ms") == Every(0.25)
    assert parse_cron("CRON_TZ=Asia/Tokyo 0 9 * * *") == Cron("0 9 * * *", "Asia/Tokyo")
    assert parse_cron("TZ=Asia/Tokyo @daily") == Cron("@daily", "Asia/Tokyo")
    assert Cron("CRON_TZ=UTC 0 9 * * *", "UTC").zone == "UTC"
    with pytest.raises(InvalidClock, match="the same zone as CRON_TZ"):
        Cron("CRON_TZ=Asia/Tokyo 0 9 * * *", "UTC")
    for wrong in ("@every", "@every 5", "@every 5x", "@every -5m", "@every 0s", "@every 5 m"):
        with pytest.raises(InvalidClock):
            parse_cron(wrong)


def test_h_is_settled_by_the_key_once_and_for_all() -> None:
    clock = Cron("H H(0-5) * * *", "Europe/Berlin", gap="skip")
    settled = clock.resolve("tenant/42/backup", 0)
    assert settled == Cron("36 5 * * *", "Europe/Berlin", gap="skip")  # stored rows rely on the hash staying what it is
    assert settled == clock.resolve("tenant/42/backup", 99)
    assert settled.resolve("another", 0) is settled
    assert len({clock.resolve(f"tenant/{n}", 0) for n in range(200)}) > 100
    with pytest.raises(InvalidClock, match="resolve"):
        clock.next_at(0, 0)


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [("H * * * *", 60), ("H(10-19) * * * *", 10), ("H/15 * * * *", 15), ("H(0-29)/10 * * * *", 10)],
)
def test_h_spreads_over_its_whole_range(expression: str, minutes: int) -> None:
    clocks = {Cron(expression).resolve(f"key {n}", 0) for n in range(1000)}
    assert len(clocks) == minutes
    firsts = {min(compiled_cron(clock.expression).minutes) for clock in clocks if isinstance(clock, Cron)}
    assert len(firsts) == minutes


def test_every_month_has_a_hashed_day() -> None:
    days = {compiled_cron(Cron("0 0 H * *").resolve(f"key {n}", 0).expression).days.numbers[0] for n in range(500)}  # type: ignore[attr-defined]
    assert days == set(range(1, 29))


# ---------------------------------------------------------------------------------------------------- expressions of the field

REFUSED = {
    "@reboot": "start of the machine",
    # Amazon's order is minute first and year last: six fields that cannot be told from seconds first but by a stray ?
    "0 0 ? * MON-FRI *": "hour: '?'",
    "0 0 LW * ? *": "hour: 'LW'",
    "0 12 * * ? *": "month: '?'",
    "0 12 15W * ? *": "hour: '15W'",
    "0 9 ? * 2#1 *": "hour: '?'",
    "0/5 * * * ? *": "month: '?'",
}


@pytest.mark.parametrize("file", ["expressions.txt", "expressions-seconds-quartz.txt"])
def test_every_real_expression_is_understood_or_refused_for_a_stated_reason(file: str) -> None:
    lines = shared(f"data/crontabs/{file}").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 180
    for line in lines:
        if line in REFUSED:
            with pytest.raises(InvalidClock) as refused:
                parse_cron(line)
            assert REFUSED[line] in str(refused.value)
        else:
            clock = parse_cron(line)
            assert clock.describe()
            over = line.split()[-1].startswith("20") and len(line.split()) == 7
            assert over or clock.next(START), line


def test_every_suspect_expression_is_judged() -> None:
    """The kinds were given by a simple check, not by a cron: what is out of range or never fires is refused here."""
    for line in shared("data/crontabs/expressions-suspect.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        expression, kind = line.split("\t")[:2]
        if kind == "dialect":
            assert parse_cron(expression).next(START)
        else:
            with pytest.raises(InvalidClock):
                parse_cron(expression)


# --------------------------------------------------------------------------------------------------------------------- fuzzing

ALPHABET = st.text("0123456789*/,-?LWH#()@ \tMONFRIJAdecTZ=:٣\x00", max_size=60)
FIELD = st.text("0123456789*/,-?LWH#()MON", min_size=1, max_size=8)


@given(st.one_of(st.text(max_size=80), ALPHABET, st.lists(FIELD, min_size=5, max_size=7).map(" ".join)))
@example("9" * 5000 + " * * * *")
@example("*," * 499 + "* * * * *")
@example("H(1-2)/999999 * * * *")
@example("@every 999999999w")
@example("0 0 31W 2 *")
def test_any_text_gives_a_clock_or_an_invalid_clock(text: str) -> None:
    try:
        clock = parse_cron(text)
    except InvalidClock:
        return
    settled = clock.resolve("key", 0)
    following = settled.next_at(None, 1_767_225_600 * SECOND)
    assert following is None or following > 1_767_225_600 * SECOND
    assert settled.describe()
    assert parse_cron(clock.expression, clock.zone) == clock if isinstance(clock, Cron) else True
