"""``tickwork worker``: run workers, one or several supervised processes of them; ``worker list`` shows who runs what."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tickwork.cli.arguments import DURATION
from tickwork.cli.collector import collect_rarely
from tickwork.cli.connecting import as_json, connectable, connected
from tickwork.cli.failing import each
from tickwork.cli.run import given, reserving, working
from tickwork.cli.showing import list_rows, say_json, say_seconds
from tickwork.cli.speaking import announce, speaking
from tickwork.cli.teaching import Group
from tickwork.errors import NotFound
from tickwork.watch import SECOND

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

#: What the supervisor keeps to itself, and how many words each option takes.
OWN = {"--processes": 1, "--recycle-after": 1, "--memory-limit": 1, "--reload": 0, "--shrink-after": 1}
ARGUMENTS = "tickwork.worker.arguments"


class Worker(Group):
    """The group, which remembers how it was called: a supervised process is called the same way."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


class Processes(click.ParamType[tuple[int, int]]):
    """How many processes: N, or LEAST..MOST."""

    name = "processes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,4})(?:\.\.(\d{1,4}))?", value)
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 0 <= least <= most <= 1_000 or most < 1:
            self.fail(f"{value!r} is not a number of processes; write 4, or 2..8, or 0..8", param, ctx)
        return least, most


@click.group(cls=Worker, invoke_without_command=True)
@working
@reserving
@click.option("--priority-at-most", type=click.IntRange(1, 9999), metavar="N", help="Only what is at least so urgent.")
@click.option(
    "--ageing", type=DURATION, metavar="DURATION", help="What has waited so long counts as one point more urgent."
)
@click.option(
    "--replica-lag", type=DURATION, metavar="DURATION", help="Take no more while a replica is further behind than that."
)
@click.option(
    "--processes", type=Processes(), metavar="N|A..B", help="So many supervised processes; or between two bounds."
)
@click.option("--recycle-after", type=DURATION, metavar="DURATION", help="Replace a process of that age.")
@click.option("--memory-limit", type=click.IntRange(16), metavar="MB", help="Replace a process that takes more.")
@click.option(
    "--shrink-after", type=DURATION, metavar="DURATION", help="One fewer when fewer would have done for so long (1m)."
)
@click.option("--reload", "reloads", is_flag=True, help="Replace the processes when a source file here changes.")
@speaking
@connectable
def worker(
    opened: Callable[[], Tickwork],
    processes: tuple[int, int] | None,
    recycle_after: timedelta | None,
    memory_limit: int | None,
    reloads: bool,
    shrink_after: timedelta | None,
    **settings: Any,
) -> int | None:
    """Run a worker: it draws tasks, runs of jobs and generators' work by priority, and runs them.

    The first signal stops claiming and lets running tasks finish; a second one stops at once. SIGQUIT writes what every
    thread is doing to standard error. Several processes are supervised: one that ends is replaced. With 0..N the pool
    hibernates when nothing has run for a while: the supervisor looks out alone, and starts a process when there is work.

    $ tickwork worker --app myapp:app --concurrency 16
    $ tickwork worker --app myapp:app --processes 2..8 --recycle-after 6h --memory-limit 512
    $ tickwork worker --app myapp:app --processes 0..4 --shrink-after 5m
    $ tickwork worker --app myapp:app --queue mail --priority-at-most 1000
    $ tickwork worker list
    """
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        return None
    if processes is None and recycle_after is None and memory_limit is None and not reloads:
        announce("worker is starting")
        collect_rarely()
        opened().worker(**given(settings))
        return 0
    from tickwork.api.supervising import supervise

    least, most = processes or (1, 1)
    announce(f"{least if least == most else f'{least} to {most}'} worker processes are starting")
    return supervise(
        [sys.executable, "-m", "tickwork", "worker", *without_own(ctx.meta[ARGUMENTS])],
        (least, most),
        recycle_after=recycle_after,
        memory_limit=memory_limit,
        reload=Path.cwd() if reloads else None,
        shrink_after=shrink_after,
    )


@worker.command("list")
@as_json
@connected
def list_(app: Tickwork, as_json: bool) -> None:
    """Show who works: every process, what it has in hand, and for how long.

    $ tickwork worker list
    $ tickwork worker list --json
    """
    members, resting = app.workers.list(), app.workers.resting()
    if as_json:
        for member in members:
            say_json(member)
        return
    rows = []
    for member in members:
        seen = f"{say_seconds((member.now - member.seen_at) // SECOND)} ago"
        who = {"id": member.id, "kind": member.kind, "host": member.host, "pid": member.pid, "seen": seen}
        idle = {**who, "runs": "nothing: hibernates" if member.name == "lookout" else "nothing"}
        rows += [{**who, **_running(work, member.now)} for work in member.works] or [idle]
    columns = ("id", "kind", "host", "pid", "seen", "runs", "since", "progress")
    list_rows(rows, columns, as_json=False, empty="nobody works: start one with tickwork worker")
    for rest in resting:
        left = say_seconds((rest.until_at - members[0].now) // SECOND) if members else "a while"
        click.echo(f"{rest.kind} rests for {left}" + (f": {rest.reason}" if rest.reason else ""))


@worker.command()
@click.argument("kinds", nargs=-1, required=True)
@connected
def resume(app: Tickwork, kinds: tuple[str, ...]) -> int:
    """Let kinds of work run again that rest because a handler said so.

    $ tickwork worker resume smtp
    $ tickwork task free --handler mail.send
    """

    def one(kind: str) -> None:
        if not app.workers.resume(kind):
            raise NotFound(f"{kind} does not rest")
        click.echo(f"resumed: {kind}; what was put off waits for its time, unless it is freed: tickwork task free")

    return each(kinds, one)


def without_own(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without those that are the supervisor's.

    >>> without_own(["--processes", "4", "--app", "shop:app", "--reload", "--memory-limit=512", "-v"])
    ['--app', 'shop:app', '-v']
    """
    kept, skip = [], 0
    for word in arguments:
        name, equals, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in OWN:
            skip = 0 if equals else OWN[name]
        else:
            kept.append(word)
    return kept


def _running(work: Any, now: int) -> dict[str, Any]:
    """What a person reads of one piece of work in hand."""
    since = "-" if work.started_at is None else say_seconds(max(0, now - work.started_at) // SECOND)
    share = "" if work.progress is None else f"{work.progress:.0%} {work.progress_note or ''}".strip()
    return {"runs": work.work + (f" {work.handler}" if work.handler else ""), "since": since, "progress": share or None}
