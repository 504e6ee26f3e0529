"""``tickwork object``: everything about an object, triggers and tasks, at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import list_rows, say_json
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

NAME = click.argument("name")
CONTAINER = click.option("--container", "is_container", is_flag=True, help="NAME is a container, not an object.")


@click.group("object", cls=Group)
def object_() -> None:
    """What triggers and tasks are about: count it, list it, cancel all of it."""


@object_.command()
@NAME
@CONTAINER
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many of each kind.")
@as_json
@connected
def show(app: Tickwork, name: str, is_container: bool, limit: int, as_json: bool) -> None:
    """Show what is about NAME: how much by state, the triggers, the tasks.

    $ tickwork object show meeting/7
    $ tickwork object show calendar/3 --container --json
    """
    where = {"container" if is_container else "object": name}
    counts = app.objects.count(**where)
    if as_json:
        say_json(counts)
        return
    for what, states in (("triggers", counts.triggers), ("tasks", counts.tasks), ("archived", counts.archive)):
        said = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        click.echo(f"{what}: {said or 'none'}")
    found = app.objects.list(**where, limit=limit)
    if found.triggers:
        list_rows(found.triggers, ("id", "key", "state", "next_at", "handler"), as_json=False, empty="")
    if found.tasks:
        list_rows(found.tasks, ("id", "state", "handler", "available_at", "attempt", "key"), as_json=False, empty="")
    if found.archive:
        list_rows(found.archive, ("id", "outcome", "handler", "finished_at", "reason"), as_json=False, empty="")


@object_.command()
@NAME
@CONTAINER
@click.option("--reason", metavar="TEXT", help="Why; it stands in the archive.")
@as_json
@connected
def cancel(app: Tickwork, name: str, is_container: bool, reason: str | None, as_json: bool) -> None:
    """Cancel the triggers and the tasks about NAME, in one transaction; tasks that run are asked to stop.

    $ tickwork object cancel meeting/7 --reason "the meeting is off"
    $ tickwork object cancel calendar/3 --container
    """
    where = {"container" if is_container else "object": name}
    done = app.objects.cancel(**where, reason=reason, by="cli")
    for put in done.triggers:
        _say(as_json, kind="trigger", id=put.id, key=put.key, did=put.did)
    for answer in done.tasks:
        _say(as_json, kind="task", id=answer.id, key=answer.key, did=answer.did)
    if not as_json:
        click.echo(f"{len(done.triggers)} triggers, {len(done.tasks)} tasks", err=True)


def _say(as_json: bool, **words: str | int | None) -> None:
    if as_json:
        say_json(words)
    else:
        key = f" (key {words['key']})" if words["key"] else ""
        click.echo(f"{words['did']}: {words['kind']} {words['id']}{key}")
