"""``tickwork status``: how much there is of what, and whether somebody does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import say_json, say_seconds, warn
from tickwork.cli.teaching import Command
from tickwork.watch import MINUTE, SECOND, SystemWatch

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

#: A trigger that has been due for so long says that nobody fires it.
OVERDUE = MINUTE


@click.command(cls=Command)
@as_json
@connected
def status(app: Tickwork, as_json: bool) -> None:
    """Say what waits, what runs, how it ended, and who is alive; loudly, when work is due and nobody does it.

    $ tickwork status
    $ tickwork status --json
    """
    counts, alive = app.counts(), app.alive()
    late = app.triggers.list(due_before=SystemWatch().now() - OVERDUE, state="active", limit=1)
    workers = any(each.kind == "worker" for each in alive)
    if as_json:
        say_json({"counts": counts, "alive": alive, "overdue": bool(late)})
        return
    for name, found in (
        ("triggers", {**counts.triggers, "due": counts.due, "set aside": counts.set_aside}),
        ("tasks", counts.tasks),
        ("archive", counts.archive),
    ):
        click.echo(f"{name:<9} " + (", ".join(f"{count:,} {word}" for word, count in found.items()) or "none"))
    for each in alive:
        ago = say_seconds(round((each.now - each.seen_at) / SECOND))
        click.echo(f"{each.kind:<9} {each.count} running, last sign of life {ago} ago")
    if late:
        warn(f"triggers are due and nobody fires them ({late[0].key!r} among them): start `tickwork run`")
    if counts.tasks.get("ready") and not workers:
        warn("tasks are ready and no worker is alive: start `tickwork run` or `tickwork worker`")
    if counts.set_aside:
        warn("triggers were set aside; why: tickwork trigger list --state 'set aside'")
