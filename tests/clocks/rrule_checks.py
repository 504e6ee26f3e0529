"""The two comparisons of random recurrence rules that the tests run for moments and `make verify` for minutes."""

from __future__ import annotations

import warnings
from datetime import timedelta, timezone
from itertools import islice

from dateutil.rrule import rrulestr

from tests.clocks.rrule_random import Case
from tests.clocks.rrule_reference import package_zone, reference
from tickwork.clocks.recurrence import Recurrence, Rule
from tickwork.errors import InvalidClock
from tickwork.watch import HOUR, to_instant

MOST = 40
#: How far the slow reference looks, in hours.
HORIZON = {
    "YEARLY": 24 * 365 * 4,
    "MONTHLY": 24 * 365 * 2,
    "WEEKLY": 24 * 300,
    "DAILY": 24 * 200,
    "HOURLY": 24 * 14,
    "MINUTELY": 30,
    "SECONDLY": 5,
}
LONG_AGO = -(10**17)


def agrees_with_the_reference(case: Case) -> bool:
    """Tell whether the rule ever fires, after the engine and the reference were found to agree on it."""
    horizon = case.start + timedelta(hours=HORIZON[Rule.parse(case.rule).freq])
    slow = reference(case.rule, case.start, case.zone, horizon=horizon, gap=case.gap, fold=case.fold)
    expected = [to_instant(at) for at in islice(slow, MOST)]
    try:
        clock = Recurrence(case.rule, start=case.start, zone=case.zone, gap=case.gap, fold=case.fold)
    except InvalidClock as refused:
        assert "fires at least once" in str(refused), (case, refused)
        assert not expected, (case, refused)
        return False
    # The horizon itself may lie in a gap or a fold: what is nearer to it than its length is left out.
    near = to_instant(horizon.replace(tzinfo=package_zone(case.zone))) - (
        30 * HOUR if horizon - case.start > timedelta(hours=60) else 0
    )
    ours = [at for at in islice(clock.occurrences(None, LONG_AGO), MOST) if at < near]
    assert ours == [at for at in expected if at < near], case
    return True


def where_dateutil_is_wrong(rule: Rule) -> str:
    """Return why dateutil is no judge of the rule, or nothing.

    - YEARLY;BYMONTHDAY without BYMONTH: dateutil takes every month. RFC 5545, 3.3.10: what the rule does not say is
      "derived from the Start Time (DTSTART)", so the month is DTSTART's (libical reads it so, too).
    - BYWEEKNO without a day: dateutil takes every day of the week, by the same sentence it is DTSTART's weekday.
    - BYWEEKNO with INTERVAL or BYSETPOS: dateutil cuts the week at New Year; a week belongs to one year (ISO 8601).
    - BYWEEKNO of a first or last week: of one that is counted from the other end (-53 in a year of 53 weeks is week 1)
      dateutil forgets the days across New Year.
    - BYDAY that has weekdays with and without a number: dateutil wants both at once, not either.
    - WEEKLY;BYSETPOS: dateutil counts the first week from DTSTART's day; "a set of recurrence instances starts at the
      beginning of the interval defined by the FREQ rule part".
    """
    if rule.freq == "YEARLY" and rule.by_month_day and not (rule.by_month or rule.by_year_day or rule.by_week_no):
        return "the month of BYMONTHDAY"
    if rule.by_week_no and not (rule.by_day or rule.by_month_day or rule.by_year_day):
        return "the weekday of BYWEEKNO"
    if rule.by_week_no and (rule.interval > 1 or rule.by_set_pos):
        return "the year of a week"
    if any(not 2 <= abs(week) <= 51 for week in rule.by_week_no):
        return "a week across New Year"
    if len({nth == 0 for nth, _ in rule.by_day}) == 2:
        return "either of two kinds of weekday"
    if rule.freq == "WEEKLY" and rule.by_set_pos:
        return "the first week"
    return ""


def agrees_with_dateutil(case: Case) -> bool:
    """Tell whether the two were compared at all, after they were found to agree; in UTC, for dateutil knows no gap."""
    text = case.rule.replace("Z", "")
    rule = Rule.parse(text)
    if where_dateutil_is_wrong(rule):
        return False
    horizon = case.start + timedelta(hours=HORIZON[rule.freq])
    try:
        clock = Recurrence(text, start=case.start, zone="UTC")
    except InvalidClock:
        return False  # dateutil searches up to the year 9999 for what never comes
    found = islice(clock.occurrences(None, LONG_AGO), MOST)
    ours = [at for at in found if at < to_instant(horizon.replace(tzinfo=timezone.utc))]
    dense = rule.freq in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
    if not dense and len(ours) < 2:
        return False  # the same
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # COUNT and UNTIL together; here UNTIL only says where to stop looking
        theirs = rrulestr(text, dtstart=case.start)
        last = horizon - timedelta(seconds=1)
        theirs = theirs.replace(until=min(last, theirs._until) if theirs._until else last)
        asked = MOST if dense else len(ours)
        expected = [to_instant(at.replace(tzinfo=timezone.utc)) for at in islice(theirs, asked)]
    assert ours == expected, case
    return True
