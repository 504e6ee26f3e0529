"""``tickwork generator``: sources of work at the command line, and work that failed for good."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.showing import list_rows, say_json, show_fields
from tickwork.cli.teaching import Group

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

LISTED = ("name", "state", "best", "worst", "limit", "done", "failed", "served_at", "next_wake_at", "about")
KEYS = ("key", "state", "failures", "next_wake_at", "paused", "in_hand", "served_at", "error")
PARKED = ("work", "attempts", "parked_at", "reason")


@click.group(cls=Group)
def generator() -> None:
    """Generators: sources of work that is worked out when a worker asks, each with a range of priorities.

    One piece of work is called NAME/ID. What a generator remembers, who has what in hand, and what failed for good
    stand in the database; the generators themselves are registered in code, where workers run.
    """


@generator.command("list")
@as_json
@connected
def list_(app: Tickwork, as_json: bool) -> None:
    """List the generators that workers have drawn from.

    $ tickwork generator list
    """
    found = [{**_fields(each), "error": _message(each.error)} for each in app.generators.list()]
    list_rows(
        found, LISTED, as_json=as_json, empty="no generator has given work yet: they are registered where workers run"
    )


@generator.command()
@click.argument("name")
@as_json
@connected
def show(app: Tickwork, name: str, as_json: bool) -> None:
    """Show one generator: itself, what it remembers of each of its keys, and its parked work.

    $ tickwork generator show webhooks
    """
    page = app.generators.show(name)
    keys = [
        {
            "key": kept.key,
            "state": kept.state,
            "failures": kept.failures,
            "next_wake_at": kept.next_wake_at,
            "paused": kept.paused_at is not None,
            "in_hand": kept.lease is not None,
            "served_at": kept.served_at,
            "error": _message(kept.error),
        }
        for kept in page.keys
    ]
    parked = [_parked(each) for each in page.parked]
    itself = {**_fields(page.generator), "error": _message(page.generator.error)}
    if as_json:
        from tickwork.cli.showing import plain

        say_json({**itself, "keys": [plain(key) for key in keys], "parked": [plain(each) for each in parked]})
        return
    show_fields(itself, as_json=False)
    if keys:
        list_rows(keys, KEYS, as_json=False, empty="")
    if parked:
        click.echo("parked:")
        list_rows(parked, PARKED, as_json=False, empty="")


@generator.command()
@click.argument("names", nargs=-1, required=True)
@connected
def pause(app: Tickwork, names: tuple[str, ...]) -> int:
    """Hand out nothing more of generators (NAME) or of single keys of them (NAME/KEY); what runs goes on.

    $ tickwork generator pause webhooks
    $ tickwork generator pause webhooks/7
    """
    return each(names, lambda name: _did("paused", name, app.generators.pause(*_split(name))))


@generator.command()
@click.argument("names", nargs=-1, required=True)
@connected
def resume(app: Tickwork, names: tuple[str, ...]) -> int:
    """Undo a pause.

    $ tickwork generator resume webhooks
    """
    return each(names, lambda name: _did("resumed", name, app.generators.resume(*_split(name))))


@generator.command()
@click.argument("names", nargs=-1, required=True)
@connected
def wake(app: Tickwork, names: tuple[str, ...]) -> int:
    """Have generators (NAME), and single keys of them (NAME/KEY), looked at now instead of later.

    $ tickwork generator wake retention/archive
    """
    return each(names, lambda name: _did("woken", name, app.generators.wake(*_split(name))))


@generator.group(cls=Group)
def parked() -> None:
    """Work that failed for good: it is not made again until it is released, or until its source changes."""


@parked.command("list")
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@as_json
@connected
def list_parked(app: Tickwork, name: str | None, limit: int, as_json: bool) -> None:
    """List parked work, what has been parked longest first; NAME narrows it to one generator.

    $ tickwork generator parked list webhooks
    """
    list_rows(
        [_parked(each) for each in app.generators.parked(name, limit)],
        PARKED,
        as_json=as_json,
        empty="nothing is parked",
    )


@parked.command()
@click.argument("names", nargs=-1, required=True)
@connected
def release(app: Tickwork, names: tuple[str, ...]) -> int:
    """Let parked work (NAME/ID, or all of NAME) be offered again, at once and counted anew.

    $ tickwork generator parked release build-timeout/4711
    """

    def one(name: str) -> None:
        from tickwork.errors import NotFound

        generator_, key = _split(name)
        released = app.generators.release(generator_, key or None)
        if not released:
            raise NotFound(f"nothing is parked as {name!r}: tickwork generator parked list")
        for identifier in released:
            click.echo(f"released: {generator_}/{identifier}")

    return each(names, one)


def _split(name: str) -> tuple[str, str]:
    """Take NAME or NAME/KEY apart; the word ``generator:`` before it is as in every list."""
    generator_, _, key = name.removeprefix("generator:").partition("/")
    return generator_, key


def _did(what: str, name: str, _: Any) -> None:
    click.echo(f"{what}: {name}")


def _fields(seen: Any) -> dict[str, Any]:
    from tickwork.cli.showing import fields_of

    return fields_of(seen)


def _parked(each: Any) -> dict[str, Any]:
    return {
        "work": f"{each.generator}/{each.identifier}",
        "attempts": each.attempts,
        "parked_at": each.parked_at,
        "reason": each.reason,
        "source": each.source,
        "error": _message(each.error),
    }


def _message(error: str | None) -> str | None:
    """Return what an error says, without its traceback."""
    if error is None or not error.startswith("{"):
        return error
    said = json.loads(error)
    return f"{said.get('type')}: {said.get('message', '')}"
