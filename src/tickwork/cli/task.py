"""``tickwork task``: pieces of work at the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, JSON, MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, NOT_FOUND, SOME_FAILED, each
from tickwork.cli.showing import fields_of, list_rows, say_json, show_fields
from tickwork.cli.teaching import Group
from tickwork.errors import NotFound

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

LISTED = ("id", "state", "handler", "available_at", "priority", "attempt", "key", "trigger_key")
LISTED_ARCHIVED = ("id", "outcome", "handler", "finished_at", "attempt", "key", "trigger_key", "reason")


@click.group(cls=Group)
def task() -> None:
    """Tasks: pieces of work for handlers; put by triggers and by applications."""


@task.command()
@click.argument("handler", required=False)
@click.option("--payload", type=JSON, metavar="JSON", help="Its payload: '{\"meeting_id\": 7}'.")
@click.option("--command", "shell", metavar="SHELL", help="Run a shell command (by workers with --allow-commands).")
@click.option("--at", type=MOMENT, metavar="INSTANT", help="Not before then: 2026-06-03T09:00:00Z, +15m.")
@click.option(
    "--delay", type=DURATION, metavar="DURATION", help="Not before so long from now, by the database's clock."
)
@click.option("--priority", type=int, metavar="1..9999", help="Smaller first (default: 2000).")
@click.option("--queue", metavar="NAME", help="Its queue (default: default).")
@click.option("--attempts", type=int, metavar="N", help="Runs allowed (default: 20; commands 4).")
@click.option("--key", metavar="KEY", help="While a task of this key is unfinished, this is that task.")
@click.option("--expires-at", type=MOMENT, metavar="INSTANT", help="Not run after then.")
@click.option("--object", metavar="NAME", help="What it is about.")
@click.option("--unchecked", is_flag=True, help="Do not check handler and payload against what is registered.")
@as_json
@connected
def put(
    app: Tickwork,
    handler: str | None,
    payload: dict[str, Any] | None,
    shell: str | None,
    unchecked: bool,
    as_json: bool,
    **treatment: Any,
) -> None:
    """Put a task for HANDLER, now or later.

    $ tickwork task put meeting.remind --payload '{"meeting_id": 7}' --delay 15m
    $ tickwork task put --command "vacuumdb app" --at 2026-06-03T03:00:00Z
    """
    from tickwork.api.spoken import spoken_task

    given = {name: value for name, value in treatment.items() if value is not None}
    _tell(app.tasks.put(spoken_task(handler, payload, shell), unchecked=unchecked, **given), as_json)


@task.command("list")
@click.option("--state", type=click.Choice(["waiting", "ready", "running", "unhandled"]), help="Only these.")
@click.option("--archived", is_flag=True, help="Those that are over, newest first.")
@click.option("--outcome", type=click.Choice(["done", "gave up", "lost", "expired", "declined", "cancelled"]),
              help="With --archived: only these.")  # fmt: skip
@click.option("--handler", metavar="NAME", help="Only those for this handler.")
@click.option("--queue", metavar="NAME", help="Only those of this queue.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, those that run first."
)
@as_json
@connected
def list_(app: Tickwork, archived: bool, outcome: str | None, as_json: bool, **filters: Any) -> None:
    """List tasks in the order in which they will run; or those that are over.

    $ tickwork task list --state unhandled
    $ tickwork task list --archived --outcome "gave up" --json
    """
    if outcome is not None and not archived:
        raise click.UsageError("--outcome goes with --archived: only a task that is over has an outcome")
    if filters["state"] is not None and archived:
        raise click.UsageError("--state goes without --archived: a task that is over has an outcome instead")
    wanted = {name: value for name, value in filters.items() if value is not None}
    if archived:
        found = app.tasks.list_archived(outcome=outcome, **wanted)
        list_rows(map(told, found), LISTED_ARCHIVED, as_json=as_json, empty="no such tasks in the archive")
    else:
        list_rows(map(told, app.tasks.list(**wanted)), LISTED, as_json=as_json, empty="no such tasks")


@task.command()
@click.argument("id_or_key")
@as_json
@connected
def show(app: Tickwork, id_or_key: str, as_json: bool) -> None:
    """Show one task whole, unfinished or archived, with its failed attempts.

    $ tickwork task show 4711
    $ tickwork task show invoice/7
    """
    found = app.tasks.get(named(id_or_key))
    failed = app.tasks.failures(found.id)
    if as_json:
        say_json({**told(found), "failed": failed})
        return
    show_fields(told(found), as_json=False)
    if failed:
        list_rows(failed, ("attempt", "outcome", "ended_at", "error"), as_json=False, empty="")


@task.command()
@click.argument("ids_or_keys", nargs=-1, required=True)
@as_json
@connected
def cancel(app: Tickwork, ids_or_keys: tuple[str, ...], as_json: bool) -> int:
    """Cancel tasks by id or key. A waiting one is archived at once; a running one is asked to stop.

    $ tickwork task cancel 4711 invoice/7
    """
    return each(ids_or_keys, lambda name: _tell(app.tasks.cancel(named(name)), as_json))


@task.command()
@click.argument("ids", nargs=-1, required=True, type=int)
@as_json
@connected
def retry(app: Tickwork, ids: tuple[int, ...], as_json: bool) -> int:
    """Bring archived tasks back under their ids, runnable at once, with no attempt counted.

    $ tickwork task retry 4711 4712
    """
    codes = [_retried(app.tasks.retry(number), number, as_json) for number in ids]
    if set(codes) == {NOT_FOUND}:
        return NOT_FOUND
    return SOME_FAILED if any(codes) else FINE


def _retried(done: Any, number: int, as_json: bool) -> int:
    """Say what became of one; a task that is not over cannot be brought back."""
    if as_json:
        say_json(done)
    elif done.did == "retried":
        click.echo(f"retried: task {number}")
    else:
        click.echo(f"tickwork: task {number} was not retried: {_WHY[done.did]}", err=True)
    return FINE if done.did == "retried" else NOT_FOUND if done.did == "unknown" else SOME_FAILED


_WHY = {
    "unchanged": "it is not over",
    "running": "it is running",
    "over": "another unfinished task has its key",
    "unknown": "there is no such task",
}


def told(found: Any) -> dict[str, Any]:
    """Return a task as it is shown: JSON as values, not as text."""
    fields = fields_of(found)
    for name in ("payload", "tags", "result"):
        if fields[name] is not None:
            fields[name] = json.loads(fields[name])
    return fields


def named(text: str) -> int | str:
    """Return an id where the text is a number (or ``task:7``), else a key."""
    text = text.removeprefix("task:")
    return int(text) if text.isascii() and text.isdigit() else text


def _tell(done: Any, as_json: bool) -> None:
    if done.did == "unknown":
        raise NotFound(f"there is no task {done.key!r}" if done.key else "there is no task of that id")
    if as_json:
        show_fields(done, as_json=True)
    else:
        click.echo(f"{done.did}: task {done.id}" + (f" (key {done.key})" if done.key else ""))
