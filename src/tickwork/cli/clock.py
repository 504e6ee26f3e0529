"""The options that say a clock: one of ``--at``, ``--every``, ``--cron``, ``--daily`` and their like, and what goes with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from tickwork.cli.arguments import DURATION, JSON, MOMENT
from tickwork.watch import SystemWatch, from_instant

Command = Callable[..., Any]

_RULES = (
    click.option("--at", type=MOMENT, metavar="INSTANT", help="Once: 2026-06-03T09:00:00Z, or +15m from now."),
    click.option("--every", type=DURATION, metavar="DURATION", help="Every 90s, 15m, 2h, 7d."),
    click.option("--cron", metavar="FIELDS", help='A cron expression: "0 9 * * 1-5".'),
    click.option("--daily", metavar="TIMES", help="Every day at 09:00, or at 09:00,17:30."),
    click.option("--weekly", metavar="DAYS", help="Every week on MON-FRI or TUE,THU, at --time."),
    click.option(
        "--monthly", metavar="DAYS", help='Every month on the 31 (or last day), -1, 1,15, "last friday", at --time.'
    ),
    click.option("--yearly", metavar="DATE", help='Every year on 12-24, "february 29", "nov 4", at --time.'),
    click.option(
        "--rrule", metavar="RULE", help='A calendar\'s rule (RFC 5545): "FREQ=WEEKLY;BYDAY=MO", from --start.'
    ),
    click.option("--clock", type=JSON, metavar="JSON", help="Any clock: {kind, params}, as `show --json` says it."),
    click.option("--never", is_flag=True, help="Not by itself: fired by hand only."),
)
_WITH = (
    click.option("--time", metavar="TIMES", help="The time of day for --weekly, --monthly, --yearly (default: 00:00)."),
    click.option("--zone", metavar="ZONE", help="An IANA zone such as Europe/Berlin (default: UTC)."),
    click.option("--start", metavar="DATE", help="Count steps from this local date; of --rrule its first moment."),
    click.option("--step", type=int, metavar="N", help="Every N days, weeks, months or years."),
    click.option(
        "--gap", type=click.Choice(["shift", "skip"]), help="A local time that does not exist (default: shift)."
    ),
    click.option(
        "--fold", type=click.Choice(["first", "last", "both"]), help="A local time that comes twice (default: first)."
    ),
    click.option("--except-holidays", metavar="WHERE", help="Not on holidays: DE, US-CA, closed.ics; for ten years."),
    click.option("--business-days-before", type=int, metavar="N", help="So many business days before."),
    click.option("--starting", type=MOMENT, metavar="INSTANT", help="Nothing before then."),
    click.option("--until", type=MOMENT, metavar="INSTANT", help="Nothing after then."),
)
_OPTIONS = (*_RULES, *_WITH)
NAMES = (
    *("at", "every", "cron", "daily", "weekly", "monthly", "yearly", "rrule", "clock", "never"),
    *("time", "zone", "start", "step", "gap", "fold", "except_holidays", "business_days_before", "starting", "until"),
)


def clocked(command: Command) -> Command:
    """Give a command the options that say a clock, and what they say as its argument *words*."""

    @functools.wraps(command)
    def gathering(*positional: Any, **arguments: Any) -> Any:
        words = {name: arguments.pop(name) for name in NAMES}
        if words["except_holidays"] is not None:
            words["today"] = from_instant(SystemWatch().now()).date()
        return command(*positional, words=words, **arguments)

    wrapped: Command = gathering
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def is_said(words: dict[str, Any]) -> bool:
    """Say whether any of the options was given."""
    return any(value not in (None, False) for value in words.values())
