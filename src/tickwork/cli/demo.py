"""``tickwork demo``: the promises, seen with one's own eyes in half a minute."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.failing import FINE, SOME_FAILED
from tickwork.cli.showing import on_terminal, say, say_json, say_seconds, table
from tickwork.cli.teaching import Command
from tickwork.watch import SECOND

if TYPE_CHECKING:
    from tickwork.api.demonstration.show import Ending, Scene

#: On anything but a terminal progress is a line each so many seconds, and at every change of scene.
LINE_EVERY = 2.0


@click.command(cls=Command)
@click.option("--seed", type=int, metavar="N", help="Draw the same orders, edits and kills again (default: by chance).")
@click.option("--json", "as_json", is_flag=True, help="The account as one JSON line, without the agenda.")
def demo(seed: int | None, as_json: bool) -> int:
    """Show what Tickwork promises, on a temporary SQLite file, in less than half a minute.

    A trigger daemon and two workers run as real processes. An application writes thousands of triggers that fall due
    within ten seconds, and moves and cancels hundreds of them while they fire; the processes are killed with kill -9
    meanwhile. At the end SQL reads from the ledger and the archive what became of each: exit 1 if anything is wrong.

    $ tickwork demo
    $ tickwork demo --seed 7
    """
    return play(secrets.randbelow(1_000_000) if seed is None else seed, as_json=as_json)


def play(seed: int, *, as_json: bool = False, **how: Any) -> int:
    """Run the demonstration, tell its account, and return the exit code; *how* is another script, as tests want it."""
    from tickwork.api.demonstration.show import demonstrate

    with tempfile.TemporaryDirectory(prefix="tickwork-demo-") as folder, telling(as_json) as tell:
        ending = demonstrate(Path(folder), seed, tell, **how)
    if as_json:
        say_json({"seed": seed, **say_account(ending), "wrong": ending.account.wrong})
    else:
        tell_ending(ending, seed)
    return SOME_FAILED if ending.account.wrong else FINE


def tell_ending(ending: Ending, seed: int) -> None:
    """Show account, agenda and verdict."""
    account = ending.account
    click.echo("")
    table(
        ("account, read by SQL", ""),
        [
            ("triggers written", f"{account.written:,}"),
            ("moved while firing", f"{account.moved:,}"),
            ("cancelled while firing", f"{account.cancelled:,}"),
            ("planned (not cancelled in time)", f"{account.planned:,}"),
            ("fired", f"{account.fired:,}"),
            ("tasks done", f"{account.done:,}"),
            ("kill -9 of daemon or worker", f"{account.kills:,}"),
            ("runs begun again after a kill", f"{account.reruns:,}"),
            ("lost", f"{account.lost:,}"),
            ("doubled", f"{account.doubled:,}"),
            ("fired after a committed cancel", f"{account.fired_after_cancel:,}"),
            ("fired at the old time after a committed move", f"{account.fired_after_move:,}"),
            ("lateness, median", say_seconds(account.lateness_p50 / SECOND)),
            ("lateness, 99 of 100 at most", say_seconds(account.lateness_p99 / SECOND)),
        ],
    )
    click.echo("")
    table(
        ("first", "times", "clock", "command"),
        [(say(entry.first_at, "first_at"), f"{entry.times}", entry.clock, entry.command) for entry in ending.agenda],
        title="the next day of the crontab that was imported",
    )
    click.echo("")
    if account.wrong:
        click.secho(f"WRONG: a promise was broken; again with --seed {seed}", fg="red", bold=True)
        if ending.said:
            click.echo(f"the processes said:\n{ending.said}", err=True)
    else:
        click.secho(
            f"All as promised: nothing lost, nothing doubled, nothing fired after it was called off (seed {seed}).",
            fg="green",
        )


def say_account(ending: Ending) -> dict[str, object]:
    """Return the account with its durations in seconds."""
    account = ending.account
    fields = {name: getattr(account, name) for name in account.__slots__}
    for name in ("lateness_p50", "lateness_p99"):
        fields[name] = fields[name] / SECOND
    return fields


@contextmanager
def telling(quiet: bool) -> Iterator[Callable[[Scene], None]]:
    """Show how the demonstration goes: bars on a terminal, now and then a line elsewhere, nothing when *quiet*."""
    if quiet:
        yield lambda scene: None
    elif on_terminal():
        with _bars() as tell:
            yield tell
    else:
        yield _Lines().tell


class _Lines:
    """A line at every change, and every other second."""

    def __init__(self) -> None:
        self.saying, self.told_at = "", 0.0

    def tell(self, scene: Scene) -> None:
        if scene.saying == self.saying and scene.seconds - self.told_at < LINE_EVERY:
            return
        self.saying, self.told_at = scene.saying, scene.seconds
        click.echo(f"{scene.seconds:5.1f} s  {say_counts(scene)}  {scene.saying}")


def say_counts(scene: Scene) -> str:
    """Return the figures of a scene on one line."""
    return (
        f"written {scene.written:>5,}  fired {scene.fired:>5,}  done {scene.done:>5,}  "
        f"moved {scene.moved:>3}  cancelled {scene.cancelled:>3}  killed {scene.kills}"
    )


@contextmanager
def _bars() -> Iterator[Callable[[Scene], None]]:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(40), TextColumn("{task.fields[said]}"))
    with Progress(*columns) as progress:
        bars = {name: progress.add_task(name, total=None, said="") for name in ("written", "fired", "done", "edits")}

        def tell(scene: Scene) -> None:
            planned = max(1, scene.written - scene.cancelled)
            progress.update(
                bars["written"], total=max(1, scene.written), completed=scene.written, said=f"{scene.written:,}"
            )
            progress.update(bars["fired"], total=planned, completed=scene.fired, said=f"{scene.fired:,}")
            progress.update(bars["done"], total=planned, completed=scene.done, said=f"{scene.done:,}")
            said = f"{scene.moved} moved, {scene.cancelled} cancelled, {scene.kills} killed: {scene.saying}"
            progress.update(bars["edits"], total=1, completed=int(scene.kills > 0), said=said)

        yield tell
