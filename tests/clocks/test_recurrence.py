"""Recurrence rules: what is refused and why, what is stored, gaps and folds, COUNT, and bounded answers."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from functools import partial
from itertools import islice, pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clocks.rrule_reference import package_zone
from tests.clocks.steps import calls
from tickwork.clocks import decode_json, encode, encode_json
from tickwork.clocks.contract import check_clock
from tickwork.clocks.recurrence import Recurrence, Rule, dated
from tickwork.clocks.recurrence.vtimezone import write_zone, zone_of
from tickwork.errors import InvalidClock, TickworkError
from tickwork.watch import from_instant, to_instant

UTC = timezone.utc
START = datetime(2026, 1, 1, 9)


def shown(clock: Recurrence, n: int, since: datetime = datetime(2000, 1, 1, tzinfo=UTC)) -> list[str]:
    return [f"{at:%Y-%m-%d %H:%M}" for at in clock.preview(n, since=since)]


@pytest.mark.parametrize(
    ("rule", "field", "reason"),
    [
        ("INTERVAL=2", "FREQ", "required"),
        ("FREQ=FORTNIGHTLY", "FREQ", "one of"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL", "whole number from 1"),
        ("FREQ=DAILY;INTERVAL=-5", "INTERVAL", "whole number from 1"),
        ("FREQ=DAILY;COUNT=0", "COUNT", "whole number from 1"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "COUNT", "not both"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS", "beside another"),
        ("FREQ=DAILY;BYHOUR=1;BYSETPOS=0", "BYSETPOS", "1 to 366"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY", "no BYMONTHDAY with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=2MO", "BYDAY", "without a number"),
        ("FREQ=DAILY;BYDAY=-1FR", "BYDAY", "without a number"),
        ("FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO", "BYDAY", "beside BYWEEKNO"),
        ("FREQ=MONTHLY;BYWEEKNO=3", "BYWEEKNO", "no BYWEEKNO with FREQ=MONTHLY"),
        ("FREQ=MONTHLY;BYYEARDAY=3", "BYYEARDAY", "no BYYEARDAY with FREQ=MONTHLY"),
        ("FREQ=DAILY;BYYEARDAY=3", "BYYEARDAY", "no BYYEARDAY with FREQ=DAILY"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR", "from 0 to 23"),
        ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE", "from 0 to 59"),
        ("FREQ=DAILY;BYSECOND=61", "BYSECOND", "from 0 to 60"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH", "from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY", "1 to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY", "1 to 31"),
        ("FREQ=YEARLY;BYDAY=54MO", "BYDAY", "up to 53"),
        ("FREQ=DAILY;WKST=XX", "WKST", "one of"),
        ("FREQ=DAILY;SKIP=FORWARD", "SKIP", "RSCALE"),
        ("RSCALE=HEBREW;FREQ=YEARLY", "RSCALE", "GREGORIAN"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ", "once only"),
        ("FREQ=DAILY;UNTL=20270101", "UNTL", "one of the parts"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL", "a date that exists"),
        ("FREQ=DAILY;BYHOUR", "rule", "NAME=VALUE"),
        ("EXRULE:FREQ=DAILY", "EXRULE", "withdrew"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "rule", "fires at least once"),
        ("FREQ=DAILY;UNTIL=20200101", "rule", "fires at least once"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=FR", "rule", "fires at least once"),
        ("FREQ=HOURLY;INTERVAL=168;BYDAY=FR", "rule", "fires at least once"),
    ],
)
def test_what_the_rfc_forbids_is_refused_with_the_part_and_the_reason(rule: str, field: str, reason: str) -> None:
    with pytest.raises(InvalidClock, match=reason) as refused:
        Recurrence(rule, start=START, zone="UTC")
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("given_start", "zone", "stored"),
    [
        (datetime(2026, 1, 1, 9), "Europe/Berlin", ("2026-01-01T09:00:00", "Europe/Berlin")),
        (datetime(2026, 1, 1, 9), None, ("2026-01-01T09:00:00", "UTC")),
        (datetime(2026, 1, 1, 9, tzinfo=UTC), None, ("2026-01-01T09:00:00", "UTC")),
        (datetime(2026, 1, 1, 9, tzinfo=UTC), "Europe/Berlin", ("2026-01-01T10:00:00", "Europe/Berlin")),
        (datetime(2026, 1, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo")), None, ("2026-01-01T09:00:00", "Asia/Tokyo")),
        (datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=-3))), None, ("2026-01-01T09:00:00", "-03:00")),
        (date(2026, 1, 1), "Europe/Berlin", ("2026-01-01", "Europe/Berlin")),
        ("20260101T090000Z", None, ("2026-01-01T09:00:00", "UTC")),
        ("2026-01-01T09:00:00", "Asia/Tokyo", ("2026-01-01T09:00:00", "Asia/Tokyo")),
    ],
)
def test_dtstart_comes_in_many_shapes_and_is_stored_in_one(
    given_start: date | str, zone: str | None, stored: tuple[str, str]
) -> None:
    clock = Recurrence("FREQ=DAILY", start=given_start, zone=zone)
    assert (clock.start, clock.zone) == stored


@pytest.mark.parametrize("start", [None, 5, "tomorrow", datetime(2026, 1, 1, 0, 0, 0, 1)])
def test_a_start_that_is_none_is_refused(start: object) -> None:
    with pytest.raises(InvalidClock) as refused:
        Recurrence("FREQ=DAILY", start=start)  # type: ignore[arg-type]
    assert refused.value.field == "start"


def test_a_whole_block_of_lines_is_read() -> None:
    clock = Recurrence(
        """DTSTART;TZID=America/New_York:20260105T090000
RRULE:FREQ=WEEKLY;BYDAY=MO,
 WE
RRULE:FREQ=MONTHLY;BYMONTHDAY=1
RDATE;TZID=Europe/Berlin:20260106T120000
RDATE;VALUE=PERIOD:20260110T120000Z/PT1H
EXDATE;TZID=America/New_York:20260107T090000
"""
    )
    assert clock.rules == ("FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY;BYMONTHDAY=1")
    assert shown(clock, 5) == [
        "2026-01-05 14:00", "2026-01-06 11:00", "2026-01-10 12:00", "2026-01-12 14:00", "2026-01-14 14:00",
    ]  # fmt: skip


def test_without_a_rule_dtstart_and_the_dates_are_the_occurrences() -> None:
    clock = Recurrence(start=START, dates=[datetime(2026, 3, 1, 9)], except_dates=[date(2026, 3, 2)])
    assert shown(clock, 5) == ["2026-01-01 09:00", "2026-03-01 09:00"]


def test_an_exdate_that_is_a_date_takes_out_the_whole_local_day() -> None:
    clock = Recurrence(
        "FREQ=HOURLY", start=datetime(2026, 1, 1, 20), zone="Europe/Berlin", except_dates=[date(2026, 1, 2)]
    )
    assert shown(clock, 6)[3:] == ["2026-01-01 22:00", "2026-01-02 23:00", "2026-01-03 00:00"]


def test_equal_rules_are_equal_clocks_however_they_were_written() -> None:
    one = Recurrence("rrule:freq=weekly;byday=we,mo,we;interval=1;", start=START)
    other = Recurrence(["FREQ=WEEKLY;BYDAY=MO,WE"], start="2026-01-01T09:00:00")
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == other


@pytest.mark.parametrize(
    "clock",
    [
        Recurrence("FREQ=DAILY;COUNT=30", start=START, zone="Europe/Berlin"),
        Recurrence("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", start=START, zone="America/New_York"),
        Recurrence("FREQ=HOURLY;INTERVAL=5;BYHOUR=1,2,3", start=START, zone="Australia/Lord_Howe"),
        Recurrence("FREQ=SECONDLY;BYSECOND=5,25;INTERVAL=61", start=START),
        Recurrence("RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD", start=datetime(2026, 1, 31, 9)),
        Recurrence("FREQ=DAILY", start=date(2026, 1, 1), zone="America/Havana", except_dates=["2026-01-03"]),
        Recurrence(
            "FREQ=DAILY;BYHOUR=1,2,3", start=datetime(2026, 3, 20, 9), zone="Europe/Berlin", gap="skip", fold="both"
        ),
    ],
    ids=lambda clock: clock.rules[0],
)
def test_the_contract_holds(clock: Recurrence) -> None:
    check_clock(clock, to_instant(datetime(2026, 1, 1, tzinfo=UTC)), steps=40)
    assert decode_json(*encode_json(clock)) == clock


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start": None}, "start"),
        ({"zone": 3}, "zone"),
        ({"rules": "FREQ=DAILY"}, "rules"),
        ({"dates": [5]}, "dates"),
        ({"gap": "jump"}, "gap"),
        ({"fold": "middle"}, "fold"),
        ({"until": 5}, "until"),
        ({"zone": "Europe/Berlinn"}, "zone"),
    ],
)
def test_stored_parameters_are_read_strictly(changes: dict[str, object], field: str) -> None:
    _, params = encode(Recurrence("FREQ=DAILY", start=START))
    with pytest.raises(InvalidClock) as refused:
        Recurrence.from_params({**params, **changes})
    assert refused.value.field == field


# --- gaps and folds: Berlin, 29 March 2026 02:00 to 03:00 is missing; 25 October 2026 02:00 to 03:00 comes twice


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        ("shift", ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"]),
        ("skip", ["2026-03-28 01:30", "2026-03-30 00:30", "2026-03-31 00:30"]),
    ],
)
def test_a_daily_rule_in_the_gap(gap: str, expected: list[str]) -> None:
    clock = Recurrence("FREQ=DAILY", start=datetime(2026, 3, 28, 2, 30), zone="Europe/Berlin", gap=gap)  # type: ignore[arg-type]
    assert shown(clock, 3) == expected


@pytest.mark.parametrize(
    ("fold", "expected"),
    [
        ("first", ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"]),
        ("last", ["2026-10-24 00:30", "2026-10-25 01:30", "2026-10-26 01:30"]),
        ("both", ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-25 01:30"]),
    ],
)
def test_a_daily_rule_in_the_fold(fold: str, expected: list[str]) -> None:
    clock = Recurrence("FREQ=DAILY", start=datetime(2026, 10, 24, 2, 30), zone="Europe/Berlin", fold=fold)  # type: ignore[arg-type]
    assert shown(clock, 3) == expected


def test_a_time_in_the_gap_that_lands_on_another_is_one_occurrence() -> None:
    clock = Recurrence("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=30", start=datetime(2026, 3, 29, 2, 30), zone="Europe/Berlin")
    assert shown(clock, 2) == ["2026-03-29 01:30", "2026-03-30 00:30"]


def test_hours_are_elapsed_time_also_where_clocks_are_moved() -> None:
    for start in (datetime(2026, 3, 28, 22), datetime(2026, 10, 24, 22)):
        clock = Recurrence("FREQ=HOURLY", start=start, zone="Europe/Berlin")
        found = clock.preview(10, since=datetime(2026, 1, 1, tzinfo=UTC))
        assert {later - at for at, later in pairwise(found)} == {timedelta(hours=1)}


def test_byhour_looks_at_the_local_clock_at_each_step() -> None:
    clock = Recurrence("FREQ=HOURLY;BYHOUR=2", start=datetime(2026, 10, 24, 0), zone="Europe/Berlin")
    assert shown(clock, 3) == ["2026-10-24 00:00", "2026-10-25 00:00", "2026-10-25 01:00"]  # 02:xx comes twice


def test_half_an_hour_of_lord_howe_keeps_the_minutes_that_are_written() -> None:
    clock = Recurrence("FREQ=HOURLY;BYMINUTE=15", start=datetime(2026, 4, 4, 22, 15), zone="Australia/Lord_Howe")
    zone = package_zone("Australia/Lord_Howe")
    local = [at.astimezone(zone) for at in clock.preview(12, since=datetime(2026, 1, 1, tzinfo=UTC))]
    assert {at.minute for at in local} == {15}


# --- COUNT keeps its place; the cost of an answer does not grow with the distance


@pytest.mark.parametrize("gap", ["shift", "skip"])
def test_count_counts_from_dtstart_wherever_the_question_begins(gap: str) -> None:
    clock = Recurrence(
        "FREQ=DAILY;BYDAY=MO,WE,FR;COUNT=1000",
        start=datetime(2020, 1, 1, 2, 30),
        zone="Europe/Berlin",
        gap=gap,  # type: ignore[arg-type]
    )
    since = to_instant(datetime(2000, 1, 1, tzinfo=UTC))
    every = list(clock.occurrences(None, since))
    assert len(every) == 1000
    fresh = Recurrence.from_params({**clock.params(), "dates": ["1999-01-01T00:00:00"]})  # not yet counted
    assert fresh.next_at(every[997], since) == every[998]
    assert fresh.next_at(every[999], since) is None
    assert clock.prev_at(10**17, since) == every[-1]


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=MINUTELY;COUNT=100000000", START + timedelta(minutes=99_999_999)),
        ("FREQ=DAILY;COUNT=1000000", START + timedelta(days=999_999)),
        # A Thursday, then 49,999 pairs of Monday and Thursday, then a Monday.
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=100000", datetime(2025, 12, 29, 9) + timedelta(weeks=50_000)),
    ],
)
def test_large_counts_are_arithmetic_and_no_walk(rule: str, last: datetime) -> None:
    def asked() -> None:
        assert Recurrence(rule, start=START).prev(datetime(9999, 1, 1, tzinfo=UTC)) == last.replace(tzinfo=UTC)

    assert calls(asked) < 5_000


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=8",
        "FREQ=SECONDLY;INTERVAL=86400;BYSECOND=1",
        "FREQ=MINUTELY;BYSETPOS=2;BYHOUR=1",
        "FREQ=HOURLY;INTERVAL=8760;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;BYHOUR=3",
        "FREQ=WEEKLY;INTERVAL=52;BYMONTH=7;BYDAY=SU;BYSETPOS=300",
        "FREQ=DAILY;INTERVAL=7;BYDAY=FR",
    ],
)
def test_a_rule_that_never_fires_is_refused_in_a_bounded_number_of_steps(rule: str) -> None:
    def refused() -> None:
        with pytest.raises(InvalidClock, match="at least once"):
            Recurrence(rule, start=START)

    assert calls(refused) < 40 * dated.MOST_PERIODS


def test_an_answer_takes_as_many_steps_after_a_century_as_after_a_week() -> None:
    for rule in ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10", "FREQ=MONTHLY;BYDAY=-1FR;COUNT=5000", "FREQ=DAILY;INTERVAL=3"):
        clock = Recurrence(rule, start=datetime(1926, 1, 1, 9), zone="Europe/Berlin")
        near, far = (to_instant(datetime(year, 1, 8, 12, tzinfo=UTC)) for year in (1926, 2026))
        for at in (near, far):
            clock.next_at(at, 0)  # COUNT is counted once
        assert calls(partial(clock.next_at, far, 0)) <= calls(partial(clock.next_at, near, 0)) + 25, rule


@pytest.mark.parametrize(
    ("rule", "most"),
    [
        ("FREQ=SECONDLY;BYHOUR=9,22", 300_000),  # some ten million occurrences by then
        ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9", 60_000),
        ("FREQ=HOURLY;BYDAY=MO", 30_000),
        ("FREQ=DAILY;BYMONTH=1,2", 60_000),
    ],
)
def test_ten_years_are_not_counted_one_by_one(rule: str, most: int) -> None:
    clock = Recurrence(f"{rule};COUNT=999999999", start=datetime(2016, 1, 31, 9), zone="Asia/Tokyo")
    assert calls(partial(clock.next_at, to_instant(datetime(2026, 2, 1, tzinfo=UTC)), 0)) < most


def test_what_is_counted_by_days_is_what_is_counted_one_by_one() -> None:
    draw = Random(4)
    for _ in range(60):
        freq, unit = draw.choice([("SECONDLY", 1), ("MINUTELY", 60), ("MINUTELY", 60), ("HOURLY", 3600)])
        interval = draw.choice([1, 2, 5, 7, 13, 25, 90, 1500]) * (600 if unit == 1 else 1)
        rule = f"FREQ={freq};INTERVAL={interval}"
        if draw.random() < 0.6:
            rule += f";BYHOUR={','.join(map(str, draw.sample(range(24), 9)))}"
        if draw.random() < 0.4:
            rule += ";BYDAY=" + ",".join(draw.sample(["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 3))
        start = datetime(2026, draw.randint(1, 12), draw.randint(1, 28), draw.randrange(24), draw.randrange(60))
        zone = draw.choice(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Africa/Casablanca"])
        try:
            listed = list(islice(Recurrence(rule, start=start, zone=zone).occurrences(None, -(10**17)), 900))
        except InvalidClock:
            continue
        count = draw.randint(1, len(listed))
        counted = Recurrence(f"{rule};COUNT={count}", start=start, zone=zone)
        last = listed[count - 1]
        assert counted.next_at(last + 10**13, 0) is None, (rule, start, zone, count)
        assert (counted.next_at(last - 1, 0), counted.next_at(last, 0)) == (last, None), (rule, start, zone, count)
        assert list(counted.occurrences(None, -(10**17))) == listed[:count], (rule, start, zone)


# --- zones that are written out


def test_a_zone_of_ones_own_is_stored_with_the_clock() -> None:
    zone = write_zone("Lab/East wing", 3600, [(1_774_746_000, 7200), (1_792_890_000, 3600)])
    clock = Recurrence("FREQ=DAILY", start=datetime(2026, 3, 28, 2, 30), zone=zone)
    assert shown(clock, 3) == ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"]
    assert decode_json(*encode_json(clock)) == clock
    assert clock.describe() == "every day at 02:30, Lab%2FEast%20wing"


@pytest.mark.parametrize("name", ["custom:", "custom:x", "custom:x:+1", "custom:x:+01:00,2026-01-01T00:00:00Z"])
def test_a_zone_that_is_written_wrongly_is_refused(name: str) -> None:
    with pytest.raises(InvalidClock):
        zone_of(name)


# --- words


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=DAILY", "every day at 09:00, UTC"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday at 09:00, UTC"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "every 2 weeks on Monday and Friday at 09:00, UTC"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "every month on the last Friday at 09:00 3 times, UTC"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=17", "every month on the last at 17:00, UTC"),
        ("FREQ=YEARLY", "every year on the 1st in January at 09:00, UTC"),
        ("FREQ=HOURLY;INTERVAL=6", "every 6 hours, UTC"),
        ("FREQ=DAILY;UNTIL=20270101", "every day at 09:00 until 2027-01-01, UTC"),
    ],
)
def test_a_rule_in_plain_english(rule: str, said: str) -> None:
    assert Recurrence(rule, start=START).describe() == said


# --- fuzzing: only documented errors, never a hang

PIECES = st.sampled_from(
    [
        *"FREQ=;,:-+0123456789TZ",
        *("DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY", "MINUTELY", "SECONDLY", "BYDAY=", "BYMONTH=", "BYHOUR="),
        *("BYSETPOS=", "BYWEEKNO=", "INTERVAL=", "COUNT=", "UNTIL=", "MO", "1FR", "-1SU", "RRULE:", "RDATE:", "EXDATE:"),
        *("DTSTART;TZID=", "Europe/Berlin", "20260101", "T090000", "\n", " ", "RSCALE=GREGORIAN", "SKIP=FORWARD", "٣", "\0"),
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        clock = Recurrence(text, start=START)
    except TickworkError as refused:
        assert isinstance(refused, InvalidClock)
    else:
        clock.next_at(None, to_instant(datetime(2030, 1, 1, tzinfo=UTC)))
        clock.describe()


RULES = st.builds(
    lambda freq, parts: ";".join(
        [f"FREQ={freq}", *(f"{name}={','.join(map(str, values))}" for name, values in parts.items())]
    ),
    st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]),
    st.fixed_dictionaries(
        {},
        optional={
            "INTERVAL": st.integers(1, 10**9).map(lambda n: [n]),
            "COUNT": st.integers(1, 10**9).map(lambda n: [n]),
            "BYMONTH": st.lists(st.integers(1, 12), min_size=1, max_size=3),
            "BYMONTHDAY": st.lists(st.integers(-31, 31), min_size=1, max_size=3),
            "BYYEARDAY": st.lists(st.integers(-366, 366), min_size=1, max_size=3),
            "BYWEEKNO": st.lists(st.integers(-53, 53), min_size=1, max_size=3),
            "BYHOUR": st.lists(st.integers(0, 23), min_size=1, max_size=3),
            "BYMINUTE": st.lists(st.integers(0, 59), min_size=1, max_size=3),
            "BYSECOND": st.lists(st.integers(0, 60), min_size=1, max_size=3),
            "BYSETPOS": st.lists(st.integers(-366, 366), min_size=1, max_size=3),
        },
    ),
)


@settings(max_examples=120)
@given(RULES, st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(microsecond=0)))
def test_any_rule_at_any_start_answers_or_is_refused(rule: str, start: datetime) -> None:
    try:
        clock = Recurrence(rule, start=start, zone="America/New_York")
    except InvalidClock:
        return
    at = clock.next_at(None, -(10**17))
    for _ in range(3):
        if at is None:
            break
        following = clock.next_at(at, 0)
        assert following is None or following > at
        assert Rule.parse(Rule.parse(rule).text()) == Rule.parse(rule)
        at = following


def test_the_end_of_time_is_an_end() -> None:
    clock = Recurrence("FREQ=YEARLY", start=datetime(9998, 6, 1))
    assert shown(clock, 5) == ["9998-06-01 00:00", "9999-06-01 00:00"]
    assert from_instant(clock.prev_at(10**18, 0) or 0).year == 9999


# --- SKIP (RFC 7529) against a plain reference


@settings(max_examples=60)
@given(
    st.sets(st.integers(1, 31) | st.integers(-31, -1), min_size=1, max_size=4),
    st.sampled_from(["BACKWARD", "FORWARD"]),
    st.integers(1, 3),
)
def test_days_that_do_not_exist_move_to_a_neighbour(days: set[int], skip: str, interval: int) -> None:
    start = datetime(2023, 1, 1, 9)
    rule = f"RSCALE=GREGORIAN;FREQ=MONTHLY;INTERVAL={interval};SKIP={skip};BYMONTHDAY={','.join(map(str, days))}"
    expected = set()
    for month in range(0, 48, interval):
        first = datetime(2023 + month // 12, month % 12 + 1, 1, 9)
        following = datetime(2023 + (month + 1) // 12, (month + 1) % 12 + 1, 1, 9)
        for day in days:
            at = first + timedelta(days=day - 1) if day > 0 else following + timedelta(days=day)
            if at >= following:
                at = following if skip == "FORWARD" else following - timedelta(days=1)
            elif at < first:
                at = first if skip == "FORWARD" else first - timedelta(days=1)
            expected.add(at.replace(tzinfo=UTC))
    horizon = datetime(2026, 6, 1, tzinfo=UTC)
    found = Recurrence(rule, start=start).between(datetime(2022, 1, 1, tzinfo=UTC), horizon)
    assert found == sorted(at for at in expected if start.replace(tzinfo=UTC) <= at < horizon)


@pytest.mark.parametrize(
    "skip", ["BACKWARD;BYYEARDAY=-366", "FORWARD;BYYEARDAY=366", "FORWARD;BYMONTHDAY=31;BYMONTH=2"]
)
@pytest.mark.parametrize("zone", ["UTC", "+14:00", "-12:00"])
def test_no_day_is_moved_out_of_the_calendar(skip: str, zone: str) -> None:
    clock = Recurrence(f"RSCALE=GREGORIAN;FREQ=YEARLY;SKIP={skip}", start=datetime(9990, 6, 1, 12), zone=zone)
    end = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    before = clock.prev(end)
    assert before is not None
    assert clock.matches(before)
    assert clock.next(before) is None
