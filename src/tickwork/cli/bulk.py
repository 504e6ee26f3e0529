"""``tickwork bulk``: bulk work that goes on by itself, and how far it has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.selecting import selecting_tasks
from tickwork.cli.showing import fields_of, list_rows, say_json, show_fields
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

LISTED = ("id", "state", "kind", "total", "done", "failed", "left", "title", "created_at")


@click.group(cls=Group)
def bulk() -> None:
    """Bulk work: very many tasks under one name, or a verb that workers do to very many tasks."""


@bulk.command()
@click.argument("verb", type=click.Choice(["cancel", "retry", "delay", "reprioritise", "free"]))
@click.option("--state", type=click.Choice(["waiting", "ready", "running", "unhandled"]), help="Those in this state.")
@click.option("--outcome", type=click.Choice(["done", "gave up", "lost", "expired", "declined", "cancelled"]),
              help="With retry: those that ended so.")  # fmt: skip
@click.option("--priority", type=click.IntRange(1, 9_999), metavar="1..9999", help="With reprioritise: the new one.")
@click.option("--until", "at", type=MOMENT, metavar="INSTANT", help="With delay: not before then.")
@click.option("--for", "delay", type=DURATION, metavar="DURATION", help="With delay: not before so long from now.")
@click.option("--repeat", is_flag=True, default=None, help="With retry: also those that went well.")
@click.option("--reason", metavar="TEXT", help="With cancel: why.")
@click.option("--title", default="", metavar="TEXT", help="What it is, for people.")
@selecting_tasks
@as_json
@connected
def order(
    app: Tickwork,
    verb: str,
    state: str | None,
    outcome: str | None,
    title: str,
    filters: dict[str, Any],
    dry_run: bool,
    as_json: bool,
    at: datetime | None,
    delay: timedelta | None,
    **terms: Any,
) -> None:
    """Have workers do VERB to all tasks of a filter, in slices; this command does not wait for it.

    $ tickwork bulk order cancel --handler mail.send --min-failures 3
    $ tickwork bulk order retry --outcome "gave up" --handler mail.send
    $ tickwork bulk order reprioritise --queue slow --priority 3500 --dry-run
    """
    words = {name: value for name, value in {**terms, "at": at, "delay": delay}.items() if value is not None}
    wanted = {
        **filters,
        **({} if state is None else {"state": state}),
        **({} if outcome is None else {"outcome": outcome}),
    }
    if dry_run:
        selected = app.tasks.where(**wanted)
        done = selected.retry(repeat=True, dry_run=True) if verb == "retry" else selected.cancel(dry_run=True)
        click.echo(f"would {verb} {done.selected} tasks")
        return
    _tell(app.bulk.order(verb, wanted, title=title, by="cli", **words), as_json)


@bulk.command("list")
@click.option(
    "--state", type=click.Choice(["running", "done", "failed", "cancelling", "cancelled"]), help="Only these."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many, newest first.")
@as_json
@connected
def list_(app: Tickwork, state: str | None, limit: int, as_json: bool) -> None:
    """List bulk work, newest first, with its counts.

    $ tickwork bulk list --state running
    """
    list_rows(map(_told, app.bulk.list(state=state, limit=limit)), LISTED, as_json=as_json, empty="no such bulk work")


@bulk.command()
@click.argument("number", type=int)
@as_json
@connected
def show(app: Tickwork, number: int, as_json: bool) -> None:
    """Show one piece of bulk work: its counts, and what is left.

    $ tickwork bulk show 7
    """
    show_fields(_told(app.bulk.get(number)), as_json=as_json)


@bulk.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@as_json
@connected
def cancel(app: Tickwork, numbers: tuple[int, ...], as_json: bool) -> int:
    """Do no more of it: a verb leaves alone what it has not reached, tasks of its own are cancelled.

    $ tickwork bulk cancel 7
    """
    return each(tuple(map(str, numbers)), lambda number: _tell(app.bulk.cancel(int(number), by="cli"), as_json))


@bulk.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@as_json
@connected
def resume(app: Tickwork, numbers: tuple[int, ...], as_json: bool) -> int:
    """Go on: a verb where it stopped, tasks of its own that failed or were cancelled once more.

    $ tickwork bulk resume 7
    """
    return each(tuple(map(str, numbers)), lambda number: _tell(app.bulk.resume(int(number)), as_json))


def _told(found: Any) -> dict[str, Any]:
    return {**fields_of(found), "left": found.left}


def _tell(found: Any, as_json: bool) -> None:
    if as_json:
        say_json(_told(found))
    else:
        said = f"{found.done} done, {found.failed} failed, {found.left} left"
        click.echo(f"{found.state}: bulk {found.id} ({found.title}): {said}")
