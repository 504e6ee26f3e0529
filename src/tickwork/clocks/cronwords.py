"""Says a cron expression in plain English: ``every weekday at 09:00``, ``every 15 minutes, every day from 9 to 17``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwork.clocks.describe import MONTHS, WEEKDAYS, say_list, say_nth, say_number, say_times, say_weekdays

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
    second = _unit(cron.seconds, 60, "second", "minute")
    minute = _unit(cron.minutes, 60, "minute", "hour")
    hour = _unit(cron.hours, 24, "hour", "day")
    hours = "" if hour == "every hour" else f", in the hours {_runs(cron.hours)}"
    if cron.seconds != (0,):
        inside = "" if minute == "every minute" else f" of {minute}"
        return f"{second}{inside}{hours}"
    if cron.minutes == (0,):
        return hour if hour.startswith("every") else f"on the hour{hours}"
    if len(cron.minutes) == 1:
        past = f"{cron.minutes[0]} minutes past" if cron.minutes[0] != 1 else "1 minute past"
        return f"{past} {hour}" if hour.startswith("every") else f"{past} the hour{hours}"
    return f"{minute}{hours}"


def _unit(numbers: tuple[int, ...], size: int, name: str, of: str) -> str:
    """Say ``every minute``, ``every 5 minutes``, or the numbers themselves."""
    if len(numbers) == size:
        return f"every {name}"
    if len(numbers) > 1 and numbers[0] == 0:
        step = numbers[1]
        if size % step == 0 and numbers == tuple(range(0, size, step)):
            return f"every {step} {name}s"
    plural = "" if len(numbers) == 1 else "s"
    return f"at {name}{plural} {_runs(numbers)} of every {of}"


def _days(cron: Compiled) -> str:
    months = "" if len(cron.months) == 12 else f" in {say_list([MONTHS[month - 1] for month in cron.months])}"
    years = "" if cron.years is None else f" of {_runs(cron.years)}"
    of_month, of_week = _days_of_month(cron), _days_of_week(cron)
    if of_month is None and of_week is None:
        said = "every day"
    elif of_month is None or of_week is None:
        said = of_month or of_week or ""
    else:
        both = cron.days.starred or cron.weekdays.starred
        said = f"{of_month}, if that is {_bare(of_week)}" if both else f"{of_month} and {of_week}"
    return f"{said}{months}{years}"


def _bare(said: str) -> str:
    return said.removeprefix("on ").replace("every ", "a ", 1)


def _days_of_month(cron: Compiled) -> str | None:
    days = cron.days
    if days.every_day:
        return None
    words = [say_number(number) for number in days.numbers]
    words += ["last day" if back == 0 else f"{say_nth(-back - 1)} day" for back in days.from_end]
    words += [f"weekday nearest to the {say_number(number)}" for number in days.nearest]
    words += [
        "last weekday" if back == 0 else f"weekday nearest to the {say_nth(-back - 1)} day"
        for back in days.nearest_from_end
    ]
    return f"on the {say_list(words)} of the month"


def _days_of_week(cron: Compiled) -> str | None:
    weekdays = cron.weekdays
    if weekdays.every_day:
        return None
    words = []
    if weekdays.numbers:
        words.append(f"every {say_weekdays(weekdays.numbers)}")
    if weekdays.nth:
        named = say_list([f"{say_nth(nth)} {WEEKDAYS[weekday]}" for weekday, nth in weekdays.nth])
        words.append(f"on the {named} of the month")
    return say_list(words)


def _runs(numbers: tuple[int, ...]) -> str:
    """Say numbers with runs drawn together: 1 to 5, 9 and 12."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = []
    for run in runs:
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return say_list(words)
