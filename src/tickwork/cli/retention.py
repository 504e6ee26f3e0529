"""``tickwork retention``: how long Tickwork keeps its own rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import fields_of, list_rows, say_json
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


@click.group(cls=Group)
def retention() -> None:
    """How long finished tasks, the ledger, trails and the like are kept; workers remove what is older."""


@retention.command()
@as_json
@connected
def show(app: Tickwork, as_json: bool) -> None:
    """Show what is kept for how long; "-" is for ever.

    $ tickwork retention show
    """
    found = app.retention.list()
    list_rows(map(fields_of, found), ("name", "keep_for", "keep_most", "usual"), as_json=as_json, empty="")


@retention.command("set")
@click.argument("name")
@click.option("--keep", "keep_for", type=DURATION, metavar="DURATION", help="For so long: 7d, 12h.")
@click.option("--most", "keep_most", type=click.IntRange(1), metavar="N", help="Of archived tasks at most so many.")
@click.option("--for-ever", is_flag=True, help="Remove nothing.")
@click.option("--usual", is_flag=True, help="As usual again.")
@connected
def set_(
    app: Tickwork, name: str, keep_for: timedelta | None, keep_most: int | None, for_ever: bool, usual: bool
) -> None:
    """Say how long NAME is kept: a name that `retention show` lists, or an outcome such as "gave up".

    $ tickwork retention set archive --keep 7d --most 1000000
    $ tickwork retention set "gave up" --keep 365d
    $ tickwork retention set ledger --for-ever
    $ tickwork retention set archive --usual
    """
    if [keep_for is not None or keep_most is not None, for_ever, usual].count(True) != 1:
        raise click.UsageError("say one of: --keep DURATION (and --most N), --for-ever, --usual")
    if usual:
        app.retention.reset(name)
    else:
        app.retention.set(name, keep_for, keep_most=keep_most, by="cli")
    click.echo(f"{name}: {'as usual' if usual else 'for ever' if for_ever else 'set'}")


@retention.command("run")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@as_json
@connected
def run_(app: Tickwork, names: tuple[str, ...], as_json: bool) -> None:
    """Remove now what is past its time, all kinds or some, and say how many rows that were.

    $ tickwork retention run
    $ tickwork retention run archive failed
    """
    removed = app.retention.run(*names)
    if as_json:
        say_json(removed)
        return
    for name, number in removed.items():
        if number or names:
            click.echo(f"removed {number}: {name}")
    if not any(removed.values()):
        click.echo("nothing is past its time", err=True)
