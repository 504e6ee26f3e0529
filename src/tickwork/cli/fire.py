"""``tickwork trigger fire``: fire by hand, for a test or to make up for something; the clock keeps its place."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from tickwork.cli.arguments import MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.showing import show_fields
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


@click.command(cls=Command)
@click.argument("keys", nargs=-1, required=True)
@click.option(
    "--planned", type=MOMENT, metavar="INSTANT", help="The planned time that the task is told (default: now)."
)
@as_json
@connected
def fire(app: Tickwork, keys: tuple[str, ...], planned: datetime | None, as_json: bool) -> int:
    """Fire triggers by hand: a daemon puts the task, the ledger says "by hand", and the clock keeps its place.

    A trigger that is paused, cancelled or finished is not scheduled: it is said so, and nothing is put, unless a
    planned time is given. A planned time that has had its outcome puts no second task.

    $ tickwork trigger fire report/weekly
    $ tickwork trigger fire bill/7 bill/8 --planned 2026-03-31T00:00:00Z
    """

    def one(key: str) -> None:
        done = app.triggers.fire(key, planned=planned)
        if as_json:
            show_fields(done, as_json=True)
        else:
            click.echo(f"{done.did}: {done.key} (id {done.id})")

    return each(keys, one)
