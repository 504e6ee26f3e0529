"""``tickwork trigger``: standing orders at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, JSON, MOMENT
from tickwork.cli.clock import clocked, is_said
from tickwork.cli.connecting import as_json, connectable, connected
from tickwork.cli.fire import fire
from tickwork.cli.importing import import_
from tickwork.cli.showing import list_rows, plain, say, say_json, show_fields, table
from tickwork.cli.teaching import Group
from tickwork.cli.trigger_bulk import COMMANDS

if TYPE_CHECKING:
    from tickwork.api.agenda import Trigger
    from tickwork.api.app import Tickwork

LISTED = ("id", "key", "state", "next_at", "last_at", "clock", "handler")


#: How many coming and past occurrences are shown with one trigger.
COMING, LATELY = 5, 10


@click.group(cls=Group)
def trigger() -> None:
    """Triggers: a clock and an action under a key.

    A key addresses a trigger everywhere; put of a key that exists edits it.
    """


@trigger.command()
@click.argument("key")
@clocked
@click.option("--handler", metavar="NAME", help="The handler that the task is for.")
@click.option("--payload", type=JSON, metavar="JSON", help="Its payload: '{\"meeting_id\": 7}'.")
@click.option("--command", "shell", metavar="SHELL", help="Run a shell command (by workers with --allow-commands).")
@click.option("--log", "line", metavar="TEXT", help="Log a line when it fires; no task.")
@click.option(
    "--misfire", type=click.Choice(["all", "latest", "skip"]), help="Slots fired late: all of them (default) ..."
)
@click.option("--grace", type=DURATION, metavar="DURATION", help="How late is late (default: 60s).")
@click.option(
    "--overlap", type=click.Choice(["allow", "skip", "queue", "replace"]), help="While its last task still runs."
)
@click.option("--expires-after", type=DURATION, metavar="DURATION", help="A task older than this is not run.")
@click.option(
    "--jitter", type=DURATION, metavar="DURATION", help="Fire up to so much later, the same for ever per slot."
)
@click.option("--max-firings", type=int, metavar="N", help="Fire so often, then stop.")
@click.option("--priority", type=int, metavar="1..9999", help="Smaller first (default: 2000).")
@click.option("--queue", metavar="NAME", help="The queue of its tasks (default: default).")
@click.option("--attempts", type=int, metavar="N", help="Runs allowed per task (default: 20; commands 4).")
@click.option("--object", metavar="NAME", help="What it is about, for cancel and list by object.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A tag; may be repeated.")
@click.option("--rearm", is_flag=True, help="Begin anew, also where a one-time trigger has fired.")
@click.option("--unchecked", is_flag=True, help="Do not check handler and payload against what is registered.")
@as_json
@connected
def put(
    app: Tickwork,
    key: str,
    words: dict[str, Any],
    handler: str | None,
    payload: dict[str, Any] | None,
    shell: str | None,
    line: str | None,
    rearm: bool,
    unchecked: bool,
    as_json: bool,
    tags: tuple[str, ...],
    **terms: Any,
) -> None:
    """Write a trigger under KEY: one clock, one action.

    $ tickwork trigger put nightly --daily 03:00 --zone Europe/Berlin --command ./backup.sh
    $ tickwork trigger put poll --every 90s --handler feeds.poll --payload '{"feed": 7}'
    $ tickwork trigger put bill/7 --monthly 31 --time 08:00 --handler billing.charge --unchecked
    $ tickwork trigger put meeting/7/remind --at +15m --log "meeting 7 begins" --rearm
    """
    from tickwork.api.spoken import spoken_action, spoken_clock

    clock, action = spoken_clock(**words), spoken_action(handler, payload, shell, line, app.tasks.version_of)
    given = {name: value for name, value in terms.items() if value is not None}
    if tags:
        given["tags"] = tags
    _tell(app.triggers.put(key, clock, action, rearm=rearm, unchecked=unchecked, by="cli", **given), as_json)


@trigger.command("list")
@click.argument("prefix", required=False)
@click.option("--state", type=click.Choice(["active", "paused", "cancelled", "set aside"]), help="Only these.")
@click.option("--object", metavar="NAME", help="Only those about this object.")
@click.option("--tag", metavar="TEXT", help="Only those with this tag.")
@click.option(
    "--due-before", type=MOMENT, metavar="INSTANT", help="Only those due before then: 1h, 2026-06-03T09:00:00Z."
)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@as_json
@connected
def list_(
    app: Tickwork,
    prefix: str | None,
    state: str | None,
    object: str | None,
    tag: str | None,
    due_before: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List triggers, those that fire next first; PREFIX narrows it to keys that begin so.

    $ tickwork trigger list --due-before 1h
    $ tickwork trigger list meeting/ --state paused --json
    $ tickwork trigger list --state "set aside"
    """
    found = app.triggers.list(
        prefix,
        state=None if state == "set aside" else state,
        set_aside=True if state == "set aside" else None,
        object=object,
        tag=tag,
        due_before=due_before,
        limit=limit,
    )
    list_rows(map(told, found), LISTED, as_json=as_json, empty="no such triggers")


@trigger.command()
@click.argument("key")
@as_json
@connected
def show(app: Tickwork, key: str, as_json: bool) -> None:
    """Show one trigger whole: clock, policies, what fires next, what it did lately.

    $ tickwork trigger show meeting/7/remind
    """
    from tickwork.api.agenda import upcoming

    found = app.triggers.get(key)
    coming, ledger = upcoming(found, COMING), app.triggers.ledger(key, limit=LATELY)
    whole = told(found)
    if as_json:
        say_json({**whole, "coming": [plain(at, "planned_at") for at in coming], "ledger": ledger})
        return
    show_fields(whole, as_json=False)
    if coming:
        table(("coming",), [[say(at, "planned_at")] for at in coming])
    if ledger:
        columns = ("planned_at", "outcome", "slots", "fired_at", "reason", "task_id")
        list_rows(ledger, columns, as_json=False, empty="")


@trigger.command()
@click.argument("key")
@clocked
@as_json
@connected
def move(app: Tickwork, key: str, words: dict[str, Any], as_json: bool) -> None:
    """Give a trigger another clock. Once this has committed, the old time never fires.

    $ tickwork trigger move meeting/7/remind --at 2026-06-03T08:45:00Z
    $ tickwork trigger move poll --every 5m
    """
    from tickwork.api.spoken import spoken_clock

    _tell(app.triggers.move(key, spoken_clock(**words), by="cli"), as_json)


@trigger.command()
@click.argument("key")
@as_json
@connected
def rearm(app: Tickwork, key: str, as_json: bool) -> None:
    """Begin a trigger anew: a one-time trigger that has fired may fire again.

    $ tickwork trigger rearm meeting/7/remind
    """
    _tell(app.triggers.rearm(key, by="cli"), as_json)


@trigger.command()
@click.argument("key", required=False)
@clocked
@click.option("-n", "--count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@click.option("--after", type=MOMENT, default="now", metavar="INSTANT", help="From then on (default: now).")
@as_json
@connectable
def preview(
    opened: Callable[[], Tickwork], key: str | None, words: dict[str, Any], count: int, after: datetime, as_json: bool
) -> None:
    """Say in plain words what a clock means and when it fires next: a trigger's clock, or one said by options.

    $ tickwork trigger preview bill/7 -n 3
    $ tickwork trigger preview --cron "30 2 * * *" --zone Europe/Berlin --after 2026-03-28T00:00:00Z
    $ tickwork trigger preview --monthly "last friday" --time 17:00
    """
    from tickwork.api.spoken import previewed, spoken_clock

    if (key is None) != is_said(words):
        raise click.UsageError("say which: KEY, or a clock such as --daily 09:00 (and not both)")
    clock = spoken_clock(**words) if key is None else opened().triggers.get(key).clock
    described, instants = previewed(clock, count, after)
    if as_json:
        list_rows([{"planned_at": at} for at in instants], ("planned_at",), as_json=True, empty="")
        return
    click.echo(described)
    for at in instants:
        click.echo(say(at, "planned_at"))


def told(trigger: Trigger) -> dict[str, Any]:
    """Return a trigger as it is shown; what comes next is worked out where no daemon has planned it yet."""
    from tickwork.api.agenda import upcoming

    return {
        "id": trigger.id,
        "key": trigger.key,
        "state": "set aside" if trigger.set_aside and trigger.state == "active" else trigger.state,
        "clock": trigger.says,
        "clock_kind": trigger.clock_kind,
        "clock_params": json.loads(trigger.clock_params),
        "action": trigger.action_kind,
        "handler": trigger.handler,
        "payload": json.loads(trigger.payload),
        "policies": json.loads(trigger.policies_text),
        "queue": trigger.queue,
        "priority": trigger.priority,
        "attempts": trigger.attempts,
        "expires_after": trigger.expires_after,
        "object": trigger.object,
        "container": trigger.container,
        "tags": trigger.tags,
        "version": trigger.version,
        "generation": trigger.generation,
        "since_at": trigger.since_at,
        "changed_at": trigger.changed_at,
        "changed_by": trigger.changed_by,
        "last_at": trigger.last_at,
        "next_at": trigger.next_at if trigger.planned else next(iter(upcoming(trigger, 1)), None),
        "due_at": trigger.due_at,
        "firings": trigger.firings,
        "failures": trigger.failures,
        "error": trigger.error,
        "set_aside_at": trigger.set_aside_at,
    }


def _tell(done: Any, as_json: bool) -> None:
    if as_json:
        show_fields(done, as_json=True)
    else:
        click.echo(f"{done.did}: {done.key} (id {done.id}, version {done.version})")


for command in COMMANDS:
    trigger.add_command(command)
trigger.add_command(fire)
trigger.add_command(import_)
