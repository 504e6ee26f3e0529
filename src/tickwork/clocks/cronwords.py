"""Says a cron expression in plain English: ``every weekday at 09:00``, ``every 15 minutes, every day from 9 to 17``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwork.clocks.describe import (
    MONTHS,
    WEEKDAYS,
    say_list,
    say_nth,
    say_number,
    say_time,
    say_times,
    say_weekdays,
)

if TYPE_CHECKING:
    from tickwork.clocks.cron import Compiled

_MOST_TIMES = 6


def say_cron(cron: Compiled) -> str:
    """Return the sentence without its zone."""
    times = _times(cron)
    days = _days(cron)
    if times is not None:
        return f"{days} at {times}"
    beat = _beat(cron)
    return beat if days == "every day" else f"{beat}, {days}"


def _times(cron: Compiled) -> str | None:
    """Return the times of day where they are few."""
    if len(cron.seconds) > 1 or len(cron.hours) * len(cron.minutes) > _MOST_TIMES:
        return None
    return say_times([h * 3600 + m * 60 + cron.seconds[0] for h in cron.hours for m in cron.minutes])


def _beat(cron: Compiled) -> str:
    """Say how often within the hours, and which hours these are."""
    all_minutes, all_hours = len(cron.minutes) == 60, len(cron.hours) == 24
    if cron.seconds != (0,):
        said = _unit(cron.seconds, "second", "minute")
        if not all_minutes:
            said = f"{said}, {_unit(cron.minutes, 'minute', 'hour')}"
        return said if all_hours else f"{said}{_hours(cron)}"
    if len(cron.minutes) > 1:
        said = _unit(cron.minutes, "minute", "hour")
        return said if all_hours else f"{said}{_hours(cron)}"
    minute = cron.minutes[0]
    past = "" if minute == 0 else f"{minute} minute{'' if minute == 1 else 's'} past "
    step = _step(cron.hours, 24)
    if all_hours or step:
        return f"{past}every {'hour' if all_hours else f'{step} hours'}"
    return f"{past or 'on '}the hour{_hours(cron)}"


def _hours(cron: Compiled) -> str:
    """Say a run of hours by its first and last time, others by number."""
    low, high = cron.hours[0], cron.hours[-1]
    if cron.hours == tuple(range(low, high + 1)):
        first, last = low * 3600 + cron.minutes[0] * 60, high * 3600 + cron.minutes[-1] * 60
        return f" from {say_time(first)} to {say_time(last)}"
    step = _step(cron.hours, 24)
    return f" in every {step}{_ending(step)} hour" if step else f", in the hours {_runs(cron.hours)}"


def _ending(number: int) -> str:
    return say_number(number).removeprefix(str(number))


def _step(numbers: tuple[int, ...], size: int) -> int:
    """Return the step of numbers that go evenly round their field, or 0."""
    if len(numbers) < 2 or numbers[0] != 0:
        return 0
    step = numbers[1]
    return step if size % step == 0 and numbers == tuple(range(0, size, step)) else 0


def _unit(numbers: tuple[int, ...], name: str, of: str) -> str:
    """Say ``every minute``, ``every 5 minutes``, or the numbers themselves."""
    step = _step(numbers, 60)
    if step:
        return f"every {name}" if step == 1 else f"every {step} {name}s"
    return f"at {name}{'' if len(numbers) == 1 else 's'} {_runs(numbers)} of the {of}"


def _days(cron: Compiled) -> str:
    months = say_list([MONTHS[month - 1] for month in cron.months])
    years = "" if cron.years is None else f" {_runs(cron.years)}"
    of_month, of_week = _days_of_month(cron), _days_of_week(cron)
    if of_month is None and of_week is None:
        if len(cron.months) == 12:
            return f"every day of{years}" if years else "every day"
        return f"every day in {months}{years}"
    month = "the month" if len(cron.months) == 12 else months
    if of_week is None:
        said = f"on the {of_month} of {month}"
    elif of_month is None:
        plain = not cron.weekdays.nth
        said = f"{of_week}" if plain else f"{of_week} of {month}"
        if plain and len(cron.months) < 12:
            said = f"{said} in {month}"
    elif cron.days.starred or cron.weekdays.starred:
        weekdays = say_weekdays(cron.weekdays.numbers, "or")
        narrowed = (
            f"if that is a {weekdays}" if cron.weekdays.numbers and not cron.weekdays.nth else f"if also {of_week}"
        )
        said = f"on the {of_month} of {month}, {narrowed}"
    else:
        said = f"on the {of_month} of {month}, and {of_week}"
        if len(cron.months) < 12:
            said = f"{said} of {month}"
    return f"{said}, in{years}" if years else said


def _days_of_month(cron: Compiled) -> str | None:
    days = cron.days
    if days.every_day:
        return None
    words = [_day_run(run) for run in _grouped(days.numbers)]
    words += ["last day" if back == 0 else f"{say_nth(-back - 1)} day" for back in days.from_end]
    words += [f"weekday nearest to the {say_number(number)}" for number in days.nearest]
    words += [
        "last weekday" if back == 0 else f"weekday nearest to the {say_nth(-back - 1)} day"
        for back in days.nearest_from_end
    ]
    return say_list(words)


def _day_run(run: list[int]) -> str:
    return say_number(run[0]) if len(run) == 1 else f"{say_number(run[0])} to {say_number(run[-1])}"


def _days_of_week(cron: Compiled) -> str | None:
    weekdays = cron.weekdays
    if weekdays.every_day:
        return None
    words = []
    if weekdays.numbers:
        words.append(f"every {say_weekdays(weekdays.numbers)}")
    if weekdays.nth:
        words.append(f"on the {say_list([f'{say_nth(nth)} {WEEKDAYS[weekday]}' for weekday, nth in weekdays.nth])}")
    return say_list(words)


def _runs(numbers: tuple[int, ...]) -> str:
    """Say numbers with runs drawn together: 1 to 5, 9 and 12."""
    return say_list([str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in _grouped(numbers)])


def _grouped(numbers: tuple[int, ...]) -> list[list[int]]:
    """Return the runs of three or more, and the others alone."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [part for run in runs for part in ([run] if len(run) > 2 else [[number] for number in run])]
