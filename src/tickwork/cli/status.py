"""``tickwork status``: what waits, what is late, who is alive, and loudly what nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import fields_of, plain, say, say_json, say_seconds, table, warn
from tickwork.cli.teaching import Command
from tickwork.watch import SECOND

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

BACKLOG = ("handler", "source", "waiting", "ready", "running", "unhandled", "failing", "ready_since_at", "next_at")
#: Kinds of process whose absence is worth a line.
DAEMON, WORKER = "daemon", "worker"
RECENT = ("handler", "ended", "done", "failed", "latest_after")


@click.command(cls=Command)
@as_json
@connected
def status(app: Tickwork, as_json: bool) -> int:
    """Say what waits, what runs, what is late and who is alive; loudly, when work is due and nobody does it.

    Exit 0 when all is well, 1 when something needs a person: triggers that nobody fires, tasks or jobs that no worker runs,
    triggers set aside, tasks whose handler nobody knows. A monitor needs no more than the exit code.

    $ tickwork status
    $ tickwork status --json
    """
    now = app.status()
    if as_json:
        say_json(
            {
                "at": now.at,
                "attention": now.attention,
                "late_after": now.late_after,
                "next_at": now.next_at,
                "triggers": {name: value for name, value in fields_of(now.triggers).items() if name != "at"},
                "tasks": now.backlog,
                "last_hour": now.recent,
                "jobs": now.jobs,
                "processes": now.alive,
            }
        )
    else:
        _show(app)
    for each in now.attention:
        warn(each)
    return SOME_FAILED if now.attention else FINE


def _show(app: Tickwork) -> None:
    now, counts = app.status(), app.counts()
    letters = {"letters waiting": now.triggers.letters} if now.triggers.letters else {}
    for name, found in (
        ("triggers", {**counts.triggers, "due": now.triggers.due, "set aside": now.triggers.set_aside, **letters}),
        ("tasks", counts.tasks),
        ("jobs", now.jobs),
        ("archive", counts.archive),
    ):
        click.echo(f"{name:<9} " + (", ".join(f"{count:,} {word}" for word, count in found.items()) or "none"))
    late = say_seconds(now.late_after / SECOND) if now.late_after else "nothing"
    click.echo(f"late      {late}; next due {say(now.next_at, 'next_at')}")
    for each in now.alive:
        ago = say_seconds(max(0, round((each.now - each.seen_at) / SECOND)))
        click.echo(f"{each.kind:<9} {each.count or 'none'} running, last sign of life {ago} ago")
    for kind in (DAEMON, WORKER):
        if not any(each.kind == kind for each in now.alive):
            click.echo(f"{kind:<9} none running")
    for title, columns, rows in (
        ("unfinished tasks", BACKLOG, now.backlog),
        ("tasks of the last hour", RECENT, now.recent),
    ):
        if rows:
            heads = [column.removesuffix("_at").removesuffix("_after").replace("_", " ") for column in columns]
            click.echo()
            cells = [[_cell(fields_of(row)[column], column) for column in columns] for row in rows]
            table(heads, cells, title=title)


def _cell(value: object, column: str) -> str:
    said = plain(value, column)
    return say_seconds(said) if isinstance(said, float) else say(value, column)
