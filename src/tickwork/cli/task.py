"""``tickwork task``: pieces of work at the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, JSON, MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import fields_of, list_rows, say_json, show_fields
from tickwork.cli.task_bulk import COMMANDS, named
from tickwork.cli.task_figures import COMMANDS as FIGURES
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
@click.option(
    "--scope", type=click.Choice(["unfinished", "waiting"]), help="While what the key keeps a second one away."
)
@click.option("--period", type=DURATION, metavar="DURATION", help="The key keeps a second one away for so long.")
@click.option("--dedupe", is_flag=True, help="While a task that says the same waits, this is that task.")
@click.option(
    "--existing",
    type=click.Choice(["keep", "replace", "debounce"]),
    help="What this does to the task that has the key.",
)
@click.option("--object", metavar="NAME", help="What it is about.")
@click.option("--container", metavar="NAME", help="What its object belongs to.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A tag; may be repeated.")
@click.option("--units", type=int, metavar="N", help="How much work it is, for rates (default: 1).")
@click.option("--limit-key", metavar="TEXT", help="What it is counted by, where its handler is limited per key.")
@click.option("--unchecked", is_flag=True, help="Do not check handler and payload against what is registered.")
@as_json
@connected
def put(
    app: Tickwork,
    handler: str | None,
    payload: dict[str, Any] | None,
    shell: str | None,
    period: timedelta | None,
    tags: tuple[str, ...],
    dedupe: bool,
    unchecked: bool,
    as_json: bool,
    **treatment: Any,
) -> None:
    """Put a task for HANDLER, now or later.

    $ tickwork task put meeting.remind --payload '{"meeting_id": 7}' --delay 15m
    $ tickwork task put digest.send --key digest/7 --delay 10m --existing debounce --unchecked
    $ tickwork task put --command "vacuumdb app" --at 2026-06-03T03:00:00Z
    """
    from tickwork.api.spoken import spoken_task

    given = {name: value for name, value in treatment.items() if value is not None}
    if period is not None:
        if "scope" in given:
            raise click.UsageError("either --scope or --period: while what the key is taken")
        given["scope"] = period
    if tags:
        given["tags"] = tags
    if dedupe:
        given["dedupe"] = True
    _tell(
        app.tasks.put(spoken_task(handler, payload, shell, app.tasks.version_of), unchecked=unchecked, **given), as_json
    )


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
    progress = app.tasks.progress(found.id)
    fields = {**told(found), "progress": progress}
    if found.awaits is not None:
        fields["waits_for"] = app.tasks.group(found.awaits)
    if as_json:
        say_json({**fields, "failed": failed})
        return
    fields["progress"] = None if progress is None else f"{progress.share:.0%} {progress.note or ''}".strip()
    show_fields(fields, as_json=False)
    if failed:
        list_rows(failed, ("attempt", "outcome", "ended_at", "error"), as_json=False, empty="")


@task.command()
@click.argument("ids_or_keys", nargs=-1, required=True)
@click.option("--allow-commands", is_flag=True, help="Run shell commands, too.")
@as_json
@connected
def run(app: Tickwork, ids_or_keys: tuple[str, ...], allow_commands: bool, as_json: bool) -> int:
    """Run tasks here and now, one after the other, whatever their time, and say what became of each.

    Exit 1 when one of them did not end well.

    $ tickwork task run 4711 --app myapp:app
    """
    rows = app.run_tasks(*map(named, ids_or_keys), allow_commands=allow_commands)
    for row in rows:
        if as_json:
            say_json(told(row))
        else:
            error = json.loads(row.error)["message"] if row.error else ""
            said = row.outcome or f"{row.state} again, attempt {row.attempt} of {row.attempts}"
            click.echo(
                f"task {row.id} ({row.handler}): {said}" + (f": {row.reason or error}" if row.reason or error else "")
            )
    return FINE if all(row.outcome in ("done", "declined") for row in rows) else SOME_FAILED


def told(found: Any) -> dict[str, Any]:
    """Return a task as it is shown: JSON as values, not as text."""
    fields = fields_of(found)
    for name in ("payload", "tags", "result", "gathered"):
        if fields[name] is not None:
            fields[name] = json.loads(fields[name])
    return fields


def _tell(done: Any, as_json: bool) -> None:
    if done.did == "unknown":
        raise NotFound(f"there is no task {done.key!r}" if done.key else "there is no task of that id")
    if as_json:
        show_fields(done, as_json=True)
    else:
        click.echo(f"{done.did}: task {done.id}" + (f" (key {done.key})" if done.key else ""))


for command in (*COMMANDS, *FIGURES):
    task.add_command(command)
