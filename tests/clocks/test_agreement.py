"""next, prev, between, matches and preview tell one story, for every kind of clock, also for clocks made of clocks.

Random clocks of each kind, in zones that move, from moments near the moves: the story is what ``following`` tells, walked
second by second where it matters, and the answers rise strictly in UTC under every policy.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tickwork.clocks import (
    BusinessDaysBefore,
    Clock,
    Cron,
    Daily,
    Every,
    Holidays,
    Jittered,
    Monthly,
    Never,
    Once,
    PhorgeDaily,
    PhorgeMonthly,
    Recurrence,
    Shifted,
    Weekly,
    Yearly,
    Zone,
    decode_json,
    encode_json,
)
from tickwork.clocks.codec import BUILT_IN
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import DAY, SECOND, Instant, to_instant

UTC = timezone.utc
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Antarctica/Troll", "UTC"]
zones = st.sampled_from(ZONES)
gaps, folds = st.sampled_from(["shift", "skip"]), st.sampled_from(["first", "last", "both"])
#: Times of day in and around the hours that are missing or come twice.
times = st.sampled_from(["00:00", "00:30", "01:15", "01:30", "01:59:59", "02:00", "02:30", "03:00", "03:30", "09:00"])
some_times = st.lists(times, min_size=1, max_size=3)
local = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1)).map(lambda at: at.replace(microsecond=0))
instants = st.integers(to_instant(datetime(2025, 6, 1, tzinfo=UTC)), to_instant(datetime(2027, 6, 1, tzinfo=UTC)))
placed = {"zone": zones, "gap": gaps, "fold": folds}
RULES = ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=SU,WE", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=HOURLY;INTERVAL=5",
         "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=30"]  # fmt: skip
CRONS = ["30 2 * * *", "*/20 1-3 * * *", "0 * * * *", "15 * * * *", "59 1 L * *", "0 9 * * MON#2", "0,30 0-4 * * SUN",
         "30 */5 2 30 3,10 ? *", "5 0 29 2 *"]  # fmt: skip

SIMPLE: dict[str, st.SearchStrategy[Clock]] = {
    "once": st.builds(Once, instants),
    "never": st.just(Never()),
    "every": st.builds(Every, st.integers(600, 200_000), instants),
    "daily": st.builds(Daily, some_times, every=st.integers(1, 3), **placed),
    "weekly": st.builds(
        Weekly, st.sampled_from(["SUN", "MON-FRI", "SAT,SUN"]), some_times, every=st.integers(1, 2), **placed
    ),
    "monthly": st.builds(Monthly, st.sampled_from([31, -1, "last sunday", [1, 15]]), some_times, **placed),
    "yearly": st.builds(
        Yearly, st.sampled_from([3, 10, "APR"]), st.sampled_from([29, "last sunday"]), some_times, **placed
    ),
    "cron": st.builds(Cron, st.sampled_from(CRONS), **placed),
    "recurrence": st.builds(Recurrence, st.sampled_from(RULES), start=local, **placed),
    "holidays": st.builds(
        Holidays, st.lists(st.dates(datetime(2025, 6, 1).date(), datetime(2027, 6, 1).date()), min_size=1), zone=zones
    ),
    "phorge-daily": st.builds(PhorgeDaily, instants),
    "phorge-monthly": st.builds(PhorgeMonthly, instants),
}
simple = st.one_of(*SIMPLE.values())
spans = st.integers(-200_000, 200_000).filter(bool).map(lambda seconds: timedelta(seconds=seconds))
MADE: dict[str, st.SearchStrategy[Clock]] = {
    "union": st.builds(lambda a, b: a | b, simple, simple),
    "intersection": st.builds(lambda a, b: a & b, SIMPLE["cron"], st.one_of(SIMPLE["holidays"], SIMPLE["cron"])),
    "exclusion": st.builds(lambda a, b: a.except_(b), simple, simple),
    "bounded": st.builds(
        lambda a, low, high: a.starting(min(low, high)).until(max(low, high)), simple, instants, instants
    ),
    "jittered": st.builds(lambda a, s: Jittered(a, s).resolve("key", 0), simple, st.integers(1, 7200)),
    "shifted": st.builds(Shifted, simple, spans, zone=st.one_of(st.none(), zones)),
    "business-days-before": st.builds(
        BusinessDaysBefore,
        SIMPLE["monthly"],
        st.integers(0, 5),
        zone=zones,
        holidays=st.one_of(st.none(), SIMPLE["holidays"]),
    ),
}
KINDS = SIMPLE | MADE
#: Everything but the explanation of a failure, which costs more than it says here.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
#: How much of each story is looked at.
STEPS = 25


def story(clock: Clock, at: Instant, since: Instant, steps: int) -> list[Instant]:
    """The occurrences after a moment, as ``following`` tells them, checked to rise strictly."""
    told: list[Instant] = []
    while len(told) < steps:
        found = clock.following(at, since)
        if found is None:
            break
        assert found > at, f"following({at}) gave {found}"
        told.append(found)
        at = found
    return told


def test_every_kind_is_looked_at() -> None:
    assert set(KINDS) == set(BUILT_IN)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, phases=PHASES)
@given(data=st.data())
def test_all_questions_have_one_story(kind: str, data: st.DataObject) -> None:
    try:
        clock = data.draw(KINDS[kind])
    except InvalidClock:
        return
    since, at = sorted(data.draw(st.tuples(instants, instants)))
    try:
        told = story(clock, at, since, STEPS)
    except InvalidClock:  # minutes that never meet: refused when they are put (test_never_fires.py)
        assert kind in ("intersection", "exclusion", "union", "shifted", "jittered", "bounded")
        return
    end = told[-1] + 1 if len(told) == STEPS else at + 300 * DAY
    told = [each for each in told if each < end]
    assert clock.between(at + 1, end, since) == told
    assert decode_json(*encode_json(clock)).between(at + 1, end, since) == told
    before, backwards = end, []
    while (found := clock.prev_at(before, since)) is not None and found > at:
        backwards.append(found)
        before = found
    assert backwards[::-1] == told
    for each in told[:10]:
        assert clock.matches(each, since)
        assert clock.matches(each - 1, since) == (each - 1 in told)
        assert clock.following(each - 1, since) == each
    for each, later in pairwise(told):
        middle = data.draw(st.integers(each, later - 1))
        assert clock.following(middle, since) == later
        assert clock.following_within(middle, since, later) == later
    assert clock.describe().strip()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, phases=PHASES)
@given(data=st.data())
def test_what_fires_one_after_another_is_the_same_story(kind: str, data: st.DataObject) -> None:
    """``next_at`` with the last occurrence, as the daemon asks, and a trigger that was created at a move of the clocks."""
    try:
        clock = data.draw(KINDS[kind])
    except InvalidClock:
        return
    zone = Zone.get(data.draw(zones))
    moves = zone.transitions(1_750_000_000, 1_810_000_000) or [(1_760_000_000, 0, 0)]
    since = data.draw(st.sampled_from(moves))[0] * SECOND + data.draw(st.integers(-4 * 3600, 4 * 3600)) * SECOND
    try:
        fired = clock.preview(STEPS, since=since)
    except InvalidInput:
        return
    assert all(later > each for each, later in pairwise(fired))
    for each, later in pairwise(fired):
        assert clock.next_at(each, since) == later
    later_ones = [each for each in fired if each > since]  # a one-time clock of the past fires late
    if later_ones:
        # An occurrence before the trigger was made is past, also where jitter would put it off until after.
        begin = later_ones[0] if kind == "jittered" else since + 1
        assert clock.between(begin, later_ones[-1] + 1, since) == later_ones
