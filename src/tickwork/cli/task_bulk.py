"""``tickwork task cancel | retry | delay | priority | free | awaken``: one task, some, or all of a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import FINE, NOT_FOUND, SOME_FAILED, each
from tickwork.cli.selecting import LEFT_ALONE, chosen, selecting_tasks, tell_change, tell_treated
from tickwork.cli.showing import say_json
from tickwork.cli.teaching import Command
from tickwork.errors import NotFound

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

STATES = click.Choice(["waiting", "ready", "running", "unhandled"])
OUTCOMES = click.Choice(["done", "gave up", "lost", "expired", "declined", "cancelled"])
NAMES = click.argument("names", metavar="[ID_OR_KEY]...", nargs=-1)

#: Why a verb left a task alone.
WHY = {
    "unchanged": "it is ready, there was nothing to do",
    "running": "it is running",
    "over": "it is over",
    "done": "it went well; say --repeat to run it again",
}
#: The same of an edit: one that is like that already is as it was wanted.
EDITED = {did: why for did, why in WHY.items() if did != "unchanged"}


@click.command(cls=Command)
@NAMES
@click.option("--state", type=STATES, help="Those in this state.")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the archive.")
@click.option("--flow", is_flag=True, help="With names: and all that they wait for.")
@selecting_tasks
@as_json
@connected
def cancel(
    app: Tickwork,
    names: tuple[str, ...],
    filters: dict[str, Any],
    state: str | None,
    reason: str | None,
    flow: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Cancel tasks by id, by key or by what they are. A waiting one is archived at once, a running one is asked to stop.

    $ tickwork task cancel 4711 invoice/7
    $ tickwork task cancel --handler mail.send --min-failures 3 --dry-run
    $ tickwork task cancel --object meeting/7 --reason "the meeting is off"
    $ tickwork task cancel report/7 --flow
    """
    filters = _with(filters, state=state)
    if flow and (not names or filters or dry_run):
        raise click.UsageError("--flow goes with names, and without other options")
    if names and not filters and not dry_run:
        return each(
            names, lambda name: _tell(app.tasks.cancel(named(name), flow=flow, reason=reason, by="cli"), as_json)
        )
    selected = app.tasks.where(**chosen(names, filters, "task"))
    tell = tell_change("cancel", as_json=as_json)
    done = selected.cancel(reason=reason, by="cli", dry_run=dry_run, tell=tell)
    return tell_treated(done, "task", as_json=as_json)


@click.command(cls=Command)
@NAMES
@click.option("--outcome", type=OUTCOMES, help="Those that ended so.")
@click.option("--finished-after", type=MOMENT, metavar="INSTANT", help="With --outcome: that ended then or later.")
@click.option("--finished-before", type=MOMENT, metavar="INSTANT", help="With --outcome: that ended then or before.")
@click.option("--repeat", is_flag=True, help="Also those that went well.")
@selecting_tasks
@as_json
@connected
def retry(
    app: Tickwork,
    names: tuple[str, ...],
    filters: dict[str, Any],
    outcome: str | None,
    finished_after: datetime | None,
    finished_before: datetime | None,
    repeat: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Bring archived tasks back under their ids, runnable at once, with no attempt counted.

    Those that went well come back only with --repeat. A second round puts nothing again that the first one did.

    $ tickwork task retry 4711 4712
    $ tickwork task retry --outcome "gave up" --handler mail.send --finished-after -2h
    """
    filters = _with(filters, outcome=outcome, finished_after=finished_after, finished_before=finished_before)
    if names and not filters and not dry_run:
        codes = [_retried(app, name, as_json, repeat=repeat) for name in names]
        return codes[0] if len(set(codes)) == 1 else SOME_FAILED
    selected = app.tasks.where(**chosen(names, filters, "task"))
    done = selected.retry(repeat=repeat, dry_run=dry_run, tell=tell_change("retry", as_json=as_json))
    return tell_treated(done, "task", as_json=as_json)


@click.command(cls=Command)
@NAMES
@click.option("--until", type=MOMENT, metavar="INSTANT", help="Not before then; now: at once.")
@click.option("--for", "span", type=DURATION, metavar="DURATION", help="Not before so long from now.")
@click.option("--state", type=STATES, help="Those in this state.")
@selecting_tasks
@as_json
@connected
def delay(
    app: Tickwork,
    names: tuple[str, ...],
    until: datetime | None,
    span: timedelta | None,
    filters: dict[str, Any],
    state: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Let tasks wait until an instant, or for so long; those that run are left alone.

    $ tickwork task delay invoice/7 --for 6h
    $ tickwork task delay --handler feeds.poll --until 2026-06-03T09:00:00Z
    $ tickwork task delay 4711 --until now
    """
    if (until is None) == (span is None):
        raise click.UsageError("say until when: --until INSTANT or --for DURATION")
    filters = _with(filters, state=state)
    if names and not filters and not dry_run:
        return _each(names, lambda name: app.tasks.edit(named(name), at=until, delay=span), as_json, EDITED)
    selected = app.tasks.where(**chosen(names, filters, "task"))
    done = selected.delay(at=until, delay=span, dry_run=dry_run, tell=tell_change("delay", as_json=as_json))
    return tell_treated(done, "task", as_json=as_json)


@click.command(cls=Command)
@NAMES
@click.option(
    "--priority", type=click.IntRange(1, 9_999), required=True, metavar="1..9999", help="The new one; smaller first."
)
@click.option("--state", type=STATES, help="Those in this state.")
@selecting_tasks
@as_json
@connected
def priority(
    app: Tickwork,
    names: tuple[str, ...],
    priority: int,
    filters: dict[str, Any],
    state: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Give tasks another priority; those that run are left alone, those that have it are unchanged.

    $ tickwork task priority 4711 --priority 7
    $ tickwork task priority --handler mail.send --min-priority 1500 --max-priority 2500 --priority 7
    """
    filters = _with(filters, state=state)
    if names and not filters and not dry_run:
        return _each(names, lambda name: app.tasks.edit(named(name), priority=priority), as_json, EDITED)
    selected = app.tasks.where(**chosen(names, filters, "task"))
    tell = tell_change("change", as_json=as_json, wanted=f" from {{was.priority}} to {priority}")
    done = selected.reprioritise(priority, dry_run=dry_run, tell=tell)
    return tell_treated(done, "task", as_json=as_json, left=LEFT_ALONE - {"unchanged"})


@click.command(cls=Command)
@NAMES
@selecting_tasks
@as_json
@connected
def free(app: Tickwork, names: tuple[str, ...], filters: dict[str, Any], dry_run: bool, as_json: bool) -> int:
    """Let tasks run at once that wait for a retry, a snooze or their time.

    $ tickwork task free 4711
    $ tickwork task free --handler mail.send --min-failures 1
    """
    if names and not filters and not dry_run:
        return _each(names, lambda name: app.tasks.free(named(name)), as_json)
    selected = app.tasks.where(**chosen(names, filters, "task"))
    return tell_treated(
        selected.free(dry_run=dry_run, tell=tell_change("free", as_json=as_json)), "task", as_json=as_json
    )


@click.command(cls=Command)
@NAMES
@selecting_tasks
@as_json
@connected
def awaken(app: Tickwork, names: tuple[str, ...], filters: dict[str, Any], dry_run: bool, as_json: bool) -> int:
    """Let tasks run at once that put themselves off; what waits after a failure goes on waiting.

    $ tickwork task awaken 4711 build/7
    $ tickwork task awaken --container build/7
    """
    ids = [found if isinstance(found := named(name), int) else app.tasks.get(found).id for name in names]
    selected = app.tasks.where(**chosen(tuple(map(str, ids)), filters, "task"))
    done = selected.awaken(dry_run=dry_run, tell=tell_change("awaken", as_json=as_json))
    return tell_treated(done, "task", as_json=as_json)


def named(text: str) -> int | str:
    """Return an id where the text is a number (or ``task:7``), else a key."""
    text = text.removeprefix("task:")
    return int(text) if text.isascii() and text.isdigit() else text


def _with(filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**filters, **{name: value for name, value in more.items() if value is not None}}


def _tell(done: Any, as_json: bool) -> None:
    """Say what was done to one task; raises where it does not exist or was left alone."""
    if done.did == "unknown":
        raise NotFound(f"there is no task {done.key!r}" if done.key else "there is no task of that id")
    if as_json:
        say_json(done)
    else:
        click.echo(f"{done.did}: task {done.id}" + (f" (key {done.key})" if done.key else ""))


def _each(names: tuple[str, ...], verb: Callable[[str], Any], as_json: bool, why: Mapping[str, str] = WHY) -> int:
    """Do a verb to each; one that is left alone is told *why*, does not stop the others, and is a failure."""
    left: list[str] = []

    def one(name: str) -> None:
        done = verb(name)
        if done.did in why and not as_json:
            left.append(name)
            click.echo(f"tickwork: task {done.id} is left as it is: {why[done.did]}", err=True)
        else:
            _tell(done, as_json)

    return each(names, one) or (SOME_FAILED if left else FINE)


def _retried(app: Tickwork, name: str, as_json: bool, *, repeat: bool) -> int:
    """Bring one back and say what became of it; one that is not over cannot be brought back."""
    wanted = named(name)
    number = wanted if isinstance(wanted, int) else app.tasks.get(wanted).id
    done = app.tasks.retry(number, repeat=repeat)
    if as_json:
        say_json(done)
    elif done.did == "retried":
        click.echo(f"retried: task {number}")
    else:
        click.echo(f"tickwork: task {number} was not retried: {_NOT_RETRIED[done.did]}", err=True)
    return FINE if done.did == "retried" else NOT_FOUND if done.did == "unknown" else SOME_FAILED


_NOT_RETRIED = {
    **WHY,
    "unchanged": "it is not over",
    "over": "another unfinished task has its key",
    "unknown": "there is no such task",
}

COMMANDS: tuple[click.Command, ...] = (cancel, retry, delay, priority, free, awaken)
