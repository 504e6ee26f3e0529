"""A recurrence in plain English, for people who read a list of triggers and not RFC 5545."""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.clocks.describe import MONTHS, say_list, say_number
from tickwork.clocks.recurrence.dated import times_of_day
from tickwork.clocks.recurrence.days import completed
from tickwork.clocks.recurrence.rule import Rule
from tickwork.clocks.recurrence.stamp import Stamp
from tickwork.clocks.recurrence.vtimezone import PREFIX

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
    "SECONDLY": "second",
}
#: More times of day than this are counted and not listed.
_MOST_TIMES = 4


def described(rules: Sequence[Rule], start: Stamp, zone: str, dates: int, excluded: int) -> str:
    """Say a recurrence set in one line."""
    said = ["; and ".join(_rule(rule, start) for rule in rules)] if rules else [f"at {start.iso().replace('T', ' ')}"]
    if dates:
        said.append(f"and on {dates} further {'date' if dates == 1 else 'dates'}")
    if excluded:
        said.append(f"except on {excluded} {'date' if excluded == 1 else 'dates'}")
    name = zone.split(":")[1] if zone.startswith(PREFIX) else zone
    return f"{' '.join(said)}, {name}"


def _rule(rule: Rule, start: Stamp) -> str:
    second = start.seconds % 86_400
    if rule.freq in ("HOURLY", "MINUTELY", "SECONDLY"):
        said = [_every(rule), *_dates(rule), *_limits(rule)]
    else:
        full = completed(rule, start.day)
        picks = rule.by_month_day or rule.by_year_day or rule.by_week_no or rule.by_day
        regular = _regular_days(full) if rule.interval == 1 and not rule.by_set_pos else None
        if regular:
            said = [regular]
        elif rule.by_set_pos and picks:
            said = [f"on the {say_list([_nth(n) for n in rule.by_set_pos])} of {_set(full)} of {_every(rule)}"]
        else:
            said = [_every(rule), *_dates(full)]
        if start.kind != "date":
            said.append(_times(times_of_day(rule, second)))
    if rule.skip != "OMIT":
        said.append(f"(a day that does not exist moves {rule.skip.lower()})")
    if rule.count is not None:
        said.append("once" if rule.count == 1 else f"{rule.count} times")
    if rule.until is not None:
        said.append(f"until {rule.until.iso().replace('T', ' ')}")
    return " ".join(said)


def _every(rule: Rule) -> str:
    unit = _UNITS[rule.freq]
    return f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"


def _regular_days(rule: Rule) -> str | None:
    """Say the commonest rules as people do: every weekday, every Monday and Friday."""
    if rule.freq == "DAILY" and not (rule.by_month or rule.by_month_day) and rule.by_day:
        return f"every {_weekdays(rule)}"
    if rule.freq == "WEEKLY" and not rule.by_month:
        return f"every {_weekdays(rule)}"
    return None


def _weekdays(rule: Rule) -> str:
    days = tuple(day for _, day in rule.by_day)
    if all(nth == 0 for nth, _ in rule.by_day):
        if days == (0, 1, 2, 3, 4):
            return "weekday"
        if days == (0, 1, 2, 3, 4, 5, 6):
            return "day"
    return say_list([f"{_nth(nth)} {_WEEKDAYS[day]}" if nth else _WEEKDAYS[day] for nth, day in rule.by_day])


def _set(rule: Rule) -> str:
    if rule.by_day == tuple((0, day) for day in range(5)) and not rule.by_month_day:
        return "Monday to Friday"
    return " ".join(_dates(rule)).removeprefix("on ")


def _dates(rule: Rule) -> list[str]:
    said = []
    if rule.by_day:
        said.append(f"on {'the ' if rule.by_day[0][0] else ''}{_weekdays(rule)}")
    if rule.by_month_day:
        said.append(f"on the {say_list([_nth(n) for n in rule.by_month_day])}")
    if rule.by_year_day:
        said.append(f"on the {say_list([_nth(n) for n in rule.by_year_day])} day of the year")
    if rule.by_week_no:
        said.append(f"in the {say_list([_nth(n) for n in rule.by_week_no])} week of the year")
    if rule.by_month:
        said.append(f"in {say_list([MONTHS[month - 1] for month in rule.by_month])}")
    return said


def _limits(rule: Rule) -> list[str]:
    said = []
    for name, values in (("hour", rule.by_hour), ("minute", rule.by_minute), ("second", rule.by_second)):
        if values:
            said.append(f"at {name} {say_list([str(value) for value in values])}")
    if rule.by_set_pos:
        said.append(f"(the {say_list([_nth(n) for n in rule.by_set_pos])} of each)")
    return said


def _times(times: tuple[int, ...]) -> str:
    if len(times) > _MOST_TIMES:
        return f"at {len(times)} times from {_time(times[0])} to {_time(times[-1])}"
    return f"at {say_list([_time(time) for time in times])}"


def _time(second: int) -> str:
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text


def _nth(n: int) -> str:
    if n == -1:
        return "last"
    return say_number(n) if n > 0 else f"{say_number(-n)} to last"
