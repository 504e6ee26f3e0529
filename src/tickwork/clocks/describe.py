"""Words for times: what the clocks say about themselves in plain English is put together from these phrases."""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.watch import DAY, HOUR, MINUTE, SECOND, Instant, from_instant

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_UNITS = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))


def say_list(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does.

    >>> say_list(["Monday", "Tuesday", "Friday"])
    'Monday, Tuesday and Friday'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def say_number(number: int) -> str:
    """Say which one in a row: 1st, 2nd, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def say_nth(nth: int) -> str:
    """Say which one of a few: first, last, second to last."""
    if nth in _NTH:
        return _NTH[nth]
    return f"{_NTH.get(-nth, say_number(-nth))} to last" if nth < 0 else say_number(nth)


def say_time(second: int) -> str:
    """Say a time of day: 09:00, or 09:00:30."""
    hour, rest = divmod(second, 3600)
    minute, second = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}" if second else f"{hour:02}:{minute:02}"


def say_times(seconds: Sequence[int]) -> str:
    """Say several times of day: 09:00 and 17:30."""
    return say_list([say_time(second) for second in seconds])


def say_weekdays(days: Sequence[int], last: str = "and") -> str:
    """Say days of the week (0 is Sunday), Monday first: weekday, Saturday and Sunday, Monday to Thursday."""
    ordered = sorted(set(days), key=lambda day: (day - 1) % 7)
    if len(ordered) == 7:
        return "day"
    if ordered == [1, 2, 3, 4, 5]:
        return "weekday"
    places = [(day - 1) % 7 for day in ordered]
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{WEEKDAYS[ordered[0]]} to {WEEKDAYS[ordered[-1]]}"
    return say_list([WEEKDAYS[day] for day in ordered], last)


def say_duration(span: int) -> str:
    """Say a length of time in microseconds: ``90 minutes``, ``1 day and 12 hours``, ``250 milliseconds``.

    >>> say_duration(90 * 60_000_000), say_duration(36 * 3_600_000_000), say_duration(1_000_000)
    ('90 minutes', '36 hours', 'second')
    """
    for size, name in _UNITS:
        if span % size == 0 and span >= size:
            return _counted(span // size, name)
    if span % 1000 == 0 and span < SECOND:
        return _counted(span // 1000, "millisecond")
    if span < SECOND:
        return _counted(span, "microsecond")
    return f"{span // SECOND}.{span % SECOND:06}".rstrip("0") + " seconds"


def say_span(span: int) -> str:
    """Say a length of time with its number, where no *every* stands before it.

    >>> say_span(3_600_000_000), say_span(90 * 60_000_000)
    ('1 hour', '90 minutes')
    """
    said = say_duration(span)
    return said if said[0].isdigit() else f"1 {said}"


def say_instant(at: Instant) -> str:
    """Say an instant: ``2026-03-01 09:00 UTC``."""
    moment = from_instant(at)
    shown = moment.strftime("%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02} {shown.removesuffix(':00') if shown.count(':') == 2 else shown} UTC"


def _counted(number: int, name: str) -> str:
    return name if number == 1 else f"{number} {name}s"
