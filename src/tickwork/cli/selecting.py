"""Options that select: which tasks, or which triggers, a bulk command is about; and how what was done is told.

Bounds are inclusive, also 0. Names and filters together are both obeyed. A command to which neither is said changes
nothing and is a usage error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import MOMENT
from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import say_json

if TYPE_CHECKING:
    from tickwork.api.selected_tasks import Change, Treated
    from tickwork.api.selected_triggers import TreatedTriggers

Command = Callable[..., Any]

#: What was selected and is not as it was wanted.
LEFT_ALONE = frozenset({"running", "unchanged", "done", "already cancelled"})

_TASK_OPTIONS = (
    click.option("--handler", metavar="NAME", help="Those for this handler."),
    click.option("--queue", metavar="NAME", help="Those of this queue."),
    click.option("--object", metavar="NAME", help="Those about this object."),
    click.option("--container", metavar="NAME", help="Those in this container."),
    click.option("--trigger", metavar="KEY", help="Those put by this trigger."),
    click.option("--tag", metavar="TEXT", help="Those with this tag."),
    click.option("--min-priority", type=int, metavar="N", help="Those of this priority or a larger number."),
    click.option("--max-priority", type=int, metavar="N", help="Those of this priority or a smaller number."),
    click.option("--min-failures", type=int, metavar="N", help="Those that failed so often or more."),
    click.option("--max-failures", type=int, metavar="N", help="Those that failed so often or less; 0: never."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many, those that would run first."),
    click.option("--dry-run", is_flag=True, help="Only say what would be done."),
)
_TRIGGER_OPTIONS = (
    click.option("--prefix", metavar="TEXT", help="Those whose key begins so."),
    click.option("--object", metavar="NAME", help="Those about this object."),
    click.option("--container", metavar="NAME", help="Those in this container."),
    click.option("--tag", metavar="TEXT", help="Those with this tag."),
    click.option("--handler", metavar="NAME", help="Those for this handler."),
    click.option(
        "--state",
        type=click.Choice(["active", "paused", "cancelled"]),
        help="Those in this state (default: not cancelled).",
    ),
    click.option("--due-after", type=MOMENT, metavar="INSTANT", help="Those due then or later."),
    click.option(
        "--due-before", type=MOMENT, metavar="INSTANT", help="Those due then or before: 1h, 2026-06-03T09:00:00Z."
    ),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many, those that fire first."),
    click.option("--dry-run", is_flag=True, help="Only say what would be done."),
)
_NAMES = {
    "task": ("handler", "queue", "object", "container", "trigger", "tag", "min_priority", "max_priority", "min_failures",
             "max_failures", "limit"),
    "trigger": ("prefix", "object", "container", "tag", "handler", "state", "due_after", "due_before", "limit"),
}  # fmt: skip


def selecting_tasks(command: Command) -> Command:
    """Give a command the options that select tasks, as ``filters``, and ``dry_run``."""
    return _selecting(command, "task", _TASK_OPTIONS)


def selecting_triggers(command: Command) -> Command:
    """Give a command the options that select triggers, as ``filters``, and ``dry_run``."""
    return _selecting(command, "trigger", _TRIGGER_OPTIONS)


def _selecting(command: Command, what: str, options: tuple[Callable[[Command], Command], ...]) -> Command:
    @functools.wraps(command)
    def selected(*arguments: Any, **given: Any) -> Any:
        found = {name: given.pop(name) for name in _NAMES[what]}
        return command(*arguments, filters={name: value for name, value in found.items() if value is not None}, **given)

    made: Command = selected
    for option in reversed(options):
        made = option(made)
    return made


def chosen(names: tuple[str, ...], filters: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the filter of names and options together; a usage error where neither says anything."""
    if not names and not set(filters) - {"limit"}:
        raise click.UsageError(f"say which {what}s: names, or options such as --handler NAME; see --help")
    if not names:
        return filters
    numbers = [name.removeprefix("task:") for name in names]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise click.UsageError("with filters the names must be ids: keys go without other options")
    return {**filters, "ids": [int(number) for number in numbers]}


def tell_change(verb: str, *, as_json: bool, wanted: str = "") -> Callable[[Change], None]:
    """Return what tells one task after the other; *wanted* says what it has become."""

    def tell(change: Change) -> None:
        was, did = change
        if as_json:
            say_json({**was._asdict(), "did": did})
            return
        said = f"would {verb}" if did == "would" else did
        click.echo(
            f"{said}: task {was.id} ({was.handler}{f', key {was.key}' if was.key else ''})"
            + ("" if did in LEFT_ALONE else wanted.format(was=was))
        )

    return tell


def tell_treated(
    done: Treated | TreatedTriggers, what: str, *, as_json: bool, left: frozenset[str] = LEFT_ALONE
) -> int:
    """Sum up; return the exit code: 1 where something was selected and left alone, by the words in *left*."""
    if not as_json:
        counts = ", ".join(f"{number} {did}" for did, number in sorted(done.did.items()))
        noun = what if done.selected == 1 else f"{what}s"
        click.echo(f"{done.selected} {noun}: {counts}" if done.selected else f"no such {what}s", err=True)
    return SOME_FAILED if left & done.did.keys() else FINE
