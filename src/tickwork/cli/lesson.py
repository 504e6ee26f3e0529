"""``tickwork clock``: what an expression means, when it fires, what happens in the nights when clocks are moved.

It needs no database. One expression is said as an argument (cron, or a calendar's rule), any other clock by options.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import MOMENT
from tickwork.cli.clock import clocked, is_said
from tickwork.cli.connecting import as_json
from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import list_rows, plain, say, say_json
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.clock_lesson import Lesson


@click.group(cls=Group)
def clock() -> None:
    """Clocks, without a database: say in words what an expression means, and when it fires.

    An expression is what stands in a crontab ("0 9 * * 1-5", @daily, "@every 90s"), or a calendar's rule (RFC 5545).
    """


@clock.command()
@click.argument("expression", required=False)
@clocked
@click.option("-n", "--count", type=click.IntRange(0, 1_000), default=5, show_default=True, help="How many to list.")
@click.option("--after", type=MOMENT, default="now", metavar="INSTANT", help="From then on (default: now).")
@as_json
def describe(expression: str | None, words: dict[str, Any], count: int, after: datetime, as_json: bool) -> None:
    """Say what a clock means, when it fires next, and which policy decides in the nights when clocks are moved.

    $ tickwork clock describe "30 2 * * *" --zone Europe/Berlin
    $ tickwork clock describe --monthly 31 --time 08:00
    $ tickwork clock describe "0 9 * * MON#2" --zone America/New_York -n 3
    """
    told = taught(expression, words, after, count)
    if as_json:
        say_json(fields(told))
        return
    click.echo(told.says)
    for coming in told.coming:
        click.echo(f"  {coming.local}   {say(coming.at, 'planned_at')}")
    if not told.coming:
        click.echo("  it does not fire again")
    for night in told.nights:
        click.echo(night)


@clock.command()
@click.argument("expression", required=False)
@clocked
@click.option("-n", "--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many.")
@click.option("--after", type=MOMENT, default="now", metavar="INSTANT", help="From then on (default: now).")
@as_json
def preview(expression: str | None, words: dict[str, Any], count: int, after: datetime, as_json: bool) -> None:
    """List the next occurrences, one on a line.

    $ tickwork clock preview "*/15 9-17 * * 1-5" -n 3
    $ tickwork clock preview --rrule "FREQ=MONTHLY;BYDAY=-1FR" --start 2026-01-30T17:00:00 --zone Europe/Berlin
    """
    told = taught(expression, words, after, count)
    list_rows([{"planned_at": each.at} for each in told.coming], ("planned_at",), as_json=as_json, empty="never")


@clock.command()
@click.argument("expression", required=False)
@clocked
@click.option(
    "--fires-at", type=MOMENT, metavar="INSTANT", help="Does it fire at this very instant? Exit 1: it does not."
)
def check(expression: str | None, words: dict[str, Any], fires_at: datetime | None) -> int:
    """Say whether an expression is allowed (exit 2 and the reason where it is not), and whether it fires at an instant.

    $ tickwork clock check "0 25 * * *"
    $ tickwork clock check "0 9 * * 1-5" --fires-at 2026-11-23T09:00:00Z
    """
    found = spoken(expression, words)
    if fires_at is None:
        click.echo(f"fine: {found.describe()}")
        return FINE
    fires = found.matches(fires_at)
    click.echo(f"{'fires' if fires else 'does not fire'} then: {found.describe()}")
    return FINE if fires else SOME_FAILED


def spoken(expression: str | None, words: dict[str, Any]) -> Any:
    """Return the clock that the argument or the options say."""
    from tickwork.api.clock_lesson import read_clock
    from tickwork.api.clock_words import spoken_clock

    if expression is None:
        return spoken_clock(**words)
    place = {name: words.pop(name) for name in ("zone", "gap", "fold")}
    if is_said(words):
        raise click.UsageError("say which: an expression, or a clock such as --daily 09:00 (and not both)")
    return read_clock(expression, **place)


def taught(expression: str | None, words: dict[str, Any], after: datetime, count: int) -> Lesson:
    """Return the lesson about the clock that was said."""
    from tickwork.api.clock_lesson import lesson

    return lesson(spoken(expression, words), after, count)


def fields(told: Lesson) -> dict[str, Any]:
    """Return a lesson as one JSON row."""
    return {
        "clock": told.says,
        "kind": told.kind,
        "zones": list(told.zones),
        "coming": [{"planned_at": plain(each.at, "planned_at"), "local": each.local} for each in told.coming],
        "nights": list(told.nights),
    }
