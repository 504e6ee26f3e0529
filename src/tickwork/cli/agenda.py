"""``tickwork agenda``: what comes, in the order of time: triggers, jobs and delayed tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import fields_of, list_rows, warn
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

COLUMNS = ("at", "name", "when", "times", "last_at", "does", "late_for")


@click.command(cls=Command)
@click.option("--days", type=click.FloatRange(0, 366_000, min_open=True), help="How many days ahead (default: 7).")
@click.option("--for", "span", type=DURATION, metavar="DURATION", help="Or how long ahead: 90m, 36h.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many lines.")
@as_json
@connected
def agenda(app: Tickwork, days: float | None, span: timedelta | None, limit: int, as_json: bool) -> None:
    """Say what comes: triggers, jobs and delayed tasks in the order of time; what is overdue comes first.

    A clock that fires often is one line that says how often. `tickwork why NAME` explains a line.

    $ tickwork agenda
    $ tickwork agenda --days 1 --json
    $ tickwork agenda --for 90m --limit 20
    """
    if days is not None and span is not None:
        raise click.UsageError("say how far: --days or --for (and not both)")
    ahead = (7 if days is None else days) * 86_400 if span is None else span
    lines = app.agenda(ahead, limit=limit)
    rows = [{**fields_of(line), "late_for": line.late_for or None} for line in lines]
    list_rows(rows, COLUMNS, as_json=as_json, empty="nothing comes")
    if len(lines) == limit:
        warn(f"no more than {limit} lines are shown: --limit")
