"""``tickwork tick``: one bounded round, for a line in crontab where no daemon may run."""

from __future__ import annotations

import re
import signal
import threading
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.failing import BUSY, FINE
from tickwork.cli.run import given, working
from tickwork.cli.showing import say_json
from tickwork.cli.speaking import speaking
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([MG])B?")


class Size(click.ParamType[float]):
    """An amount of memory: 300M, 1.5G; its value is in megabytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _SIZE.fullmatch(value)
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no amount of memory; write 300M or 1.5G", param, ctx)
        return float(found[1]) * (1_000 if found[2] == "G" else 1)


@click.command(cls=Command)
@click.option("--for", "within", type=DURATION, default="50s", show_default=True, help="Begin nothing new after this.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Run at most so many tasks and jobs.")
@click.option("--memory", type=Size(), metavar="SIZE", help="End when this process takes so much: 300M, 1.5G.")
@click.option("--grace", type=DURATION, default="30s", show_default=True, help="How long what runs then may go on.")
@click.option("--shared", is_flag=True, help="Run beside other ticks; safe, and costs more.")
@click.option("--upgrade", is_flag=True, help="Bring the tables up to date first.")
@as_json
@working
@speaking
@connected
def tick(
    app: Tickwork,
    within: timedelta,
    limit: int | None,
    memory: float | None,
    grace: timedelta,
    shared: bool,
    upgrade: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Do one bounded round of everything: fire what is due, run tasks and jobs, say why it ended, and leave.

    For hosts where only cron is allowed: nothing stays behind. A second one beside it says so and exits 75 at once; one
    that was killed blocks nobody. Exit 75 also when the database takes no writes.

    $ tickwork tick --app myapp:app --for 50s
    $ tickwork tick --database sqlite:///work.db --allow-commands --limit 100 --json
    * * * * * cd /srv/app && tickwork tick --app myapp:app --for 50s
    """
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if upgrade:
            app.migrate()
        done = app.tick(within, limit=limit, memory=memory, grace=grace, shared=shared, stop=stop, **given(settings))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if as_json:
        say_json(done)
    else:
        click.echo(str(done))
    return BUSY if done.reason in ("busy", "read-only") else FINE
