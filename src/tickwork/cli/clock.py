"""The options that say a clock: ``--at``, ``--every``, ``--cron``, ``--daily``, ``--weekly``, ``--monthly``, ``--never``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from tickwork.cli.arguments import DURATION, MOMENT

Command = Callable[..., Any]

_OPTIONS = (
    click.option("--at", type=MOMENT, metavar="INSTANT", help="Once: 2026-06-03T09:00:00Z, or +15m from now."),
    click.option("--every", type=DURATION, metavar="DURATION", help="Every 90s, 15m, 2h, 7d."),
    click.option("--cron", metavar="FIELDS", help='A cron expression: "0 9 * * 1-5".'),
    click.option("--daily", metavar="TIMES", help="Every day at 09:00, or at 09:00,17:30."),
    click.option("--weekly", metavar="DAYS", help="Every week on MON-FRI or TUE,THU, at --time."),
    click.option(
        "--monthly", metavar="DAYS", help='Every month on the 31 (or last day), -1, 1,15, "last friday", at --time.'
    ),
    click.option("--never", is_flag=True, help="Not by itself: fired by hand only."),
    click.option("--time", metavar="TIMES", help="The time of day for --weekly and --monthly (default: 00:00)."),
    click.option("--zone", metavar="ZONE", help="An IANA zone such as Europe/Berlin (default: UTC)."),
)
NAMES = ("at", "every", "cron", "daily", "weekly", "monthly", "never", "time", "zone")


def clocked(command: Command) -> Command:
    """Give a command the options that say a clock, and what they say as its argument *words*."""

    @functools.wraps(command)
    def gathering(*positional: Any, **arguments: Any) -> Any:
        words = {name: arguments.pop(name) for name in NAMES}
        return command(*positional, words=words, **arguments)

    wrapped: Command = gathering
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def is_said(words: dict[str, Any]) -> bool:
    """Say whether any of the options was given."""
    return any(value not in (None, False) for value in words.values())
