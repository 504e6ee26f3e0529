"""Clocks and actions from words, as people write them on a command line or in a form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tickwork.clocks import Clock, Daily, Every, Monthly, Never, Once, Weekly, parse_cron
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.model.action import COMMAND, Log, PutTask
from tickwork.watch import Instant, to_instant

RULES = ("at", "every", "cron", "daily", "weekly", "monthly", "never")


def spoken_clock(
    *,
    at: datetime | None = None,
    every: timedelta | None = None,
    cron: str | None = None,
    daily: str | None = None,
    weekly: str | None = None,
    monthly: str | None = None,
    never: bool = False,
    time: str | None = None,
    zone: str | None = None,
) -> Clock:
    """Return the clock that was said.

    *at*: one instant. *every*: a period. *cron*: an expression. *daily*: one or several times of day (``09:00,17:30``).
    *weekly*: days (``MON-FRI``). *monthly*: days (``31``, ``-1``, ``1,15``, ``last friday``); both with *time* (midnight
    unless given). *zone* is UTC unless given, and holds for cron, daily, weekly and monthly.

    Raises InvalidClock where none or several were said, or where a word does not go with the rule.

    >>> spoken_clock(monthly="31", time="08:00", zone="Europe/Berlin").describe()
    'on the 31st of every month at 08:00, Europe/Berlin'
    >>> spoken_clock(daily="09:00", cron="0 9 * * *")
    Traceback (most recent call last):
    tickwork.errors.InvalidClock: clock: 'cron, daily' is not allowed; expected exactly one of at, every, cron, daily, \
weekly, monthly, never
    """
    words = {
        "at": at,
        "every": every,
        "cron": cron,
        "daily": daily,
        "weekly": weekly,
        "monthly": monthly,
        "never": never or None,
    }
    said = [rule for rule in RULES if words[rule] is not None]
    if len(said) != 1:
        raise InvalidClock("clock", ", ".join(said) or None, f"exactly one of {', '.join(RULES)}")
    rule = said[0]
    if zone is not None and rule in ("at", "every", "never"):
        raise InvalidClock("zone", zone, f"no zone: it says nothing about {rule!r}")
    if time is not None and rule not in ("weekly", "monthly"):
        raise InvalidClock("time", time, "no time: it goes with weekly and monthly")
    if at is not None:
        return Once(at)
    if every is not None:
        return Every(every)
    if cron is not None:
        return parse_cron(cron, zone)
    if daily is not None:
        return Daily(_listed(daily), zone or "UTC")
    if weekly is not None:
        return Weekly(weekly, _listed(time or "00:00"), zone or "UTC")
    if monthly is not None:
        return Monthly([_day(day) for day in _listed(monthly)], _listed(time or "00:00"), zone or "UTC")
    return Never()


def spoken_task(
    handler: str | None = None, payload: Mapping[str, Any] | None = None, command: str | None = None
) -> PutTask:
    """Return the action of a task that is put by itself: a *handler* with its *payload*, or a shell *command*."""
    if (handler is None) == (command is None):
        raise InvalidInput("task", handler, "either a handler or a command")
    action = spoken_action(handler, payload, command)
    assert isinstance(action, PutTask)
    return action


def previewed(clock: Clock, count: int, after: datetime) -> tuple[str, list[Instant]]:
    """Return what the clock means in plain words, and its next *count* occurrences after that moment.

    >>> previewed(Daily("09:00"), 1, datetime.fromisoformat("2026-01-01T12:00:00Z"))
    ('every day at 09:00, UTC', [1767344400000000])
    """
    return clock.describe(), clock.preview(count, since=to_instant(after, "after"))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _day(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def spoken_action(
    handler: str | None = None,
    payload: Mapping[str, Any] | None = None,
    command: str | None = None,
    log: str | None = None,
) -> PutTask | Log:
    """Return the action that was said: a *handler* with its *payload*, a shell *command*, or a line to *log*.

    Raises InvalidInput where none or several were said.

    >>> spoken_action(command="date +%H").payload
    '{"argv":["/bin/sh","-c","date +%H"]}'
    """
    said = [name for name, value in (("handler", handler), ("command", command), ("log", log)) if value is not None]
    if len(said) != 1:
        raise InvalidInput("action", ", ".join(said) or None, "exactly one of handler, command, log")
    if payload is not None and handler is None:
        raise InvalidInput("payload", payload, f"no payload: it goes with a handler, not with a {said[0]}")
    if command is not None:
        return PutTask.of(COMMAND, {"argv": ["/bin/sh", "-c", command]})
    if log is not None:
        return Log(log)
    assert handler is not None
    return PutTask.of(handler, payload)
