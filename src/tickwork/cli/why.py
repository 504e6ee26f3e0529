"""``tickwork why``: why a trigger, a task, a job or a generator's work does what it does, or does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.showing import fields_of, list_rows, plain, say, say_json, say_seconds
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork
    from tickwork.api.explaining.page import Why

#: What is told of the past, by kind.
LATELY = {
    "trigger": ("planned_at", "outcome", "slots", "late_for", "reason", "task", "became"),
    "task": ("attempt", "outcome", "started_at", "ran_for", "worker_id", "error"),
    "job": ("status", "cause", "nominal_at", "started_at", "late_for", "ran_for", "coalesced", "failed"),
}
#: Facts that nobody misses where they say nothing.
NOTHING: tuple[object, ...] = (None, "", 0, "{}")


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@as_json
@connected
def why(app: Tickwork, names: tuple[str, ...], as_json: bool) -> int:
    """Say why something fires, runs, waits or does nothing: the answer first, then its grounds, then what to do.

    NAME is the key of a trigger, or task:ID, job:NAME, generator:NAME, generator:NAME/ID. Nothing is changed by asking.
    Exit 3 where there is nothing of that name.

    $ tickwork why meeting/7/remind
    $ tickwork why task:42 --json
    $ tickwork why job:reports.daily generator:webhooks/7
    """
    return each(names, lambda name: _tell(app.why(name), as_json))


def _tell(why: Why, as_json: bool) -> None:
    lately = [_row(each) for each in why.lately]
    if as_json:
        say_json({**fields_of(why), "facts": dict(why.facts), "lately": lately})
        return
    click.echo(f"{click.style(why.name, bold=True)}: {why.verdict}")
    for sentence in why.more:
        click.echo(f"  {sentence}")
    facts = {name: value for name, value in {"late_for": why.late_for, **why.facts}.items() if value not in NOTHING}
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"    {click.style(name.replace('_', ' ').ljust(width), dim=True)}  {_cell(value, name)}")
    if lately:
        list_rows(lately, LATELY[why.kind], as_json=False, empty="")
    for step in why.do:
        click.echo(f"  -> {step}")


def _row(each: Any) -> dict[str, Any]:
    row = fields_of(each)
    for name in ("late_for", "ran_for"):
        row[name] = getattr(each, name, None)
    error = row.get("error")
    if isinstance(error, dict):
        row["failed"] = f"{error.get('code')}: {error.get('message')}"
    return row


def _cell(value: Any, name: str) -> str:
    said = plain(value, name)
    text = say_seconds(said) if isinstance(said, float) and name != "progress" else say(value, name)
    return text.rstrip().rpartition("\n")[2]
