"""``tickwork task flood | figures``: what the workers can do, and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION, JSON, MOMENT
from tickwork.cli.connecting import as_json, connected
from tickwork.cli.showing import list_rows, on_terminal, say_json, say_seconds
from tickwork.cli.teaching import Command

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


@click.command(cls=Command)
@click.argument("handler")
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, metavar="N", help="How many.")
@click.option("--payload", type=JSON, default="{}", metavar="JSON", help="The payload of each.")
@click.option("--delay", type=DURATION, metavar="DURATION", help="Not before so long from now.")
@click.option("--priority", type=click.IntRange(1, 9_999), metavar="1..9999", help="Smaller first (default: 2000).")
@click.option("--queue", metavar="NAME", help="Their queue (default: default).")
@click.option("--container", metavar="NAME", help="Their container, by which they can be counted and cancelled.")
@click.option("--unchecked", is_flag=True, help="Do not check handler and payload against what is registered.")
@as_json
@connected
def flood(
    app: Tickwork,
    handler: str,
    count: int,
    payload: dict[str, Any],
    unchecked: bool,
    as_json: bool,
    **treatment: Any,
) -> None:
    """Put very many tasks for HANDLER at once, to see what the workers can do. All of them are put, or none.

    $ tickwork task flood noop --count 100000 --container flood
    $ tickwork task cancel --container flood
    """
    from tickwork.api.spoken import spoken_task

    action = spoken_task(handler, payload, None, app.tasks.version_of)
    given = {name: value for name, value in treatment.items() if value is not None}
    with click.progressbar(length=count, label=f"tasks for {handler}", hidden=as_json or not on_terminal()) as bar:

        def progress(done: int, _: int) -> None:
            bar.update(done - bar.pos)

        done = app.tasks.put_many([action] * count, unchecked=unchecked, progress=progress, **given)
    if as_json:
        say_json({"put": done.put, "handler": handler})
    else:
        click.echo(f"put: {done.put} tasks for {handler}")


@click.command(cls=Command)
@click.argument("handler", required=False)
@click.option("--since", type=MOMENT, metavar="INSTANT", help="From then on: -2h, 2026-06-03T00:00:00Z (default: -1d).")
@click.option("--until", type=MOMENT, metavar="INSTANT", help="Up to then.")
@as_json
@connected
def figures(app: Tickwork, handler: str | None, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Say of each handler how its tasks ended, how often they failed, how long they waited and ran (half, 95 %, 99 %).

    $ tickwork task figures
    $ tickwork task figures mail.send --since -2h --json
    """
    found = app.figures(handler, since=since, until=until)
    if as_json:
        list_rows(found, (), as_json=True, empty="")
        return
    rows = [
        {
            "handler": each.handler,
            "ended": each.ended,
            "failed": "-" if each.failure_rate is None else f"{each.failure_rate:.1%}",
            "wait": _three(each.wait),
            "lateness": _three(each.lateness),
            "run": _three(each.run),
        }
        for each in found
    ]
    list_rows(rows, ("handler", "ended", "failed", "wait", "lateness", "run"), as_json=False, empty="no task has ended")


def _three(percentiles: Any) -> list[str]:
    spans = (percentiles.half_for, percentiles.most_for, percentiles.nearly_all_for)
    return [] if spans[0] is None else [say_seconds(span / 1_000_000) for span in spans]


COMMANDS: tuple[click.Command, ...] = (flood, figures)
