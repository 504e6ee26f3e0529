"""``tickwork trigger cancel | pause | resume | retime``: one trigger, some, or all of a filter in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.clock import clocked, is_said
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import each
from tickwork.cli.selecting import selecting_triggers, tell_treated
from tickwork.cli.showing import say_json
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork
    from tickwork.api.decisions import Missed
    from tickwork.api.selected_triggers import TreatedTriggers

KEYS = click.argument("keys", metavar="[KEY]...", nargs=-1)


@click.command(cls=Command)
@KEYS
@selecting_triggers
@as_json
@connected
def cancel(app: Tickwork, keys: tuple[str, ...], filters: dict[str, Any], dry_run: bool, as_json: bool) -> int:
    """Cancel triggers by key or by what they are. The rows and their history stay; a later put begins anew.

    $ tickwork trigger cancel meeting/7/remind meeting/8/remind
    $ tickwork trigger cancel --object meeting/7
    $ tickwork trigger cancel --handler feeds.poll --dry-run
    """
    _say_which(keys, filters)
    if keys:
        return each(keys, lambda key: _tell(app.triggers.cancel(key, by="cli"), as_json))
    return _sum_up(app.triggers.where(**filters).cancel(by="cli", dry_run=dry_run), as_json)


@click.command(cls=Command)
@KEYS
@selecting_triggers
@as_json
@connected
def pause(app: Tickwork, keys: tuple[str, ...], filters: dict[str, Any], dry_run: bool, as_json: bool) -> int:
    """Pause triggers: nothing fires, the clock's place is kept.

    $ tickwork trigger pause billing/7
    $ tickwork trigger pause --container customer/7
    """
    _say_which(keys, filters)
    if keys:
        return each(keys, lambda key: _tell(app.triggers.pause(key, by="cli"), as_json))
    return _sum_up(app.triggers.where(**filters).pause(by="cli", dry_run=dry_run), as_json)


@click.command(cls=Command)
@KEYS
@click.option("--missed", type=click.Choice(["skip", "latest", "all"]), default="skip", show_default=True,
              help="What becomes of the slots that fell into the pause.")  # fmt: skip
@selecting_triggers
@as_json
@connected
def resume(
    app: Tickwork, keys: tuple[str, ...], missed: Missed, filters: dict[str, Any], dry_run: bool, as_json: bool
) -> int:
    """Resume triggers that were paused or set aside.

    $ tickwork trigger resume billing/7 --missed latest
    $ tickwork trigger resume --container customer/7 --state paused
    """
    _say_which(keys, filters)
    if keys:
        return each(keys, lambda key: _tell(app.triggers.resume(key, missed=missed, by="cli"), as_json))
    return _sum_up(app.triggers.where(**filters).resume(missed=missed, by="cli", dry_run=dry_run), as_json)


@click.command(cls=Command)
@click.option("--later", type=DURATION, metavar="DURATION", help="The next occurrence of each by so much later.")
@click.option("--earlier", type=DURATION, metavar="DURATION", help="By so much earlier.")
@clocked
@selecting_triggers
@as_json
@connected
def retime(
    app: Tickwork,
    later: timedelta | None,
    earlier: timedelta | None,
    words: dict[str, Any],
    filters: dict[str, Any],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Put many triggers later or earlier, or give them another clock: all of them in one transaction, or none.

    $ tickwork trigger retime --prefix meeting/ --later 1h
    $ tickwork trigger retime --tag night --daily 03:30 --zone Europe/Berlin --dry-run
    """
    from tickwork.api.spoken import spoken_clock

    if not set(filters) - {"limit"}:
        raise click.UsageError("say which triggers: options such as --prefix TEXT; see --help")
    if [later is not None, earlier is not None, is_said(words)].count(True) != 1:
        raise click.UsageError("say one of: --later DURATION, --earlier DURATION, or a clock such as --daily 09:00")
    selected = app.triggers.where(**filters)
    if later is None and earlier is None:
        return _sum_up(selected.move(spoken_clock(**words), by="cli", dry_run=dry_run), as_json)
    span = later if later is not None else -(earlier or timedelta())
    return _sum_up(selected.shift(span, by="cli", dry_run=dry_run), as_json)


def _say_which(keys: tuple[str, ...], filters: dict[str, Any]) -> None:
    if bool(keys) == bool(set(filters) - {"limit"}):
        raise click.UsageError("say which: keys, or options such as --object NAME (and not both)")


def _sum_up(done: TreatedTriggers, as_json: bool) -> int:
    for put in done.each:
        if "would" in done.did:
            _say({"id": put.id, "key": put.key, "did": "would"}, f"would change: {put.key} (id {put.id})", as_json)
        else:
            _tell(put, as_json)
    return tell_treated(done, "trigger", as_json=as_json)


def _tell(done: Any, as_json: bool) -> None:
    _say(done, f"{done.did}: {done.key} (id {done.id}, version {done.version})", as_json)


def _say(value: Any, text: str, as_json: bool) -> None:
    if as_json:
        say_json(value)
    else:
        click.echo(text)


COMMANDS: tuple[click.Command, ...] = (cancel, pause, resume, retime)
