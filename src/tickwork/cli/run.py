"""``tickwork run`` and ``daemon``: processes that do the work, until a signal stops them (``worker`` has a room of its own)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.collector import collect_rarely
from tickwork.cli.connecting import connected
from tickwork.cli.speaking import announce, speaking
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


def working(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a worker."""
    for option in (
        click.option("--allow-commands", is_flag=True, help="Run shell commands (imported crontabs need it)."),
        click.option("--queue", "queues", multiple=True, metavar="NAME", help="Only these queues; may be repeated."),
        click.option(
            "--lease", type=DURATION, metavar="DURATION", help="How long a claim lasts unrenewed (default: 30s)."
        ),
        click.option("--concurrency", type=click.IntRange(1), metavar="N", help="So many hands: runs at a time."),
    ):
        command = option(command)
    return command


def reserving(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that keeps hands for what is urgent."""
    said = "So many of the hands take only what is urgent (priority 1000 and better)."
    return click.option("--reserve", type=click.IntRange(0), metavar="N", help=said)(command)


@click.command(cls=Command)
@click.option("--upgrade", is_flag=True, help="Bring the tables up to date first.")
@working
@reserving
@speaking
@connected
def run(app: Tickwork, upgrade: bool, **settings: Any) -> None:
    """Run the trigger daemon and a worker in this process, until Ctrl-C or SIGTERM.

    The first signal lets running tasks finish; a second one stops at once. Any number of these may run.

    $ tickwork run --app myapp:app
    $ tickwork run --database sqlite:///work.db --upgrade --allow-commands -v
    """
    if upgrade:
        app.migrate()
    announce("trigger daemon and worker are starting")
    collect_rarely()
    app.run(**given(settings))


@click.command(cls=Command)
@speaking
@connected
def daemon(app: Tickwork) -> None:
    """Run the trigger daemon: it turns due triggers into tasks, and runs nothing of yours.

    Any number of them may run on any number of hosts; there is no leader.

    $ tickwork daemon --database postgresql://app@db/app -v
    """
    announce("trigger daemon is starting")
    collect_rarely()
    app.daemon()


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were said; the others keep the application's defaults."""
    return {name: value for name, value in settings.items() if value not in (None, ())}
