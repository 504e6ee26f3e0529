"""A lap: one piece of work in child processes, and what it cost: time, CPU of client and server, WAL, statements.

The work is a generator function that stands at the top of a module::

    def ours(url):
        store = open_store(url)  # prepared outside the lap
        yield  # "ready"; all children start together
        fired = ...  # the lap
        yield Done(items=fired)  # the lap ends here, or at Done.ended
        store.close()  # after it

Each child has its own interpreter, so neither side inherits the other's caches, garbage or connections.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from frame.places import Place

#: Seconds that a child may take for a step before the benchmark gives up.
PATIENCE = 900.0

Work = Callable[..., Iterator[Any]]


@dataclass
class Done:
    """What a child did within the lap."""

    items: int
    statements: int | None = None
    commits: int | None = None
    ended: float | None = None
    """When it was really over (``time.monotonic()``), where a child notices that late."""
    cpu: float | None = None
    """Its CPU seconds, where the work was done in a program of its own."""
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lap:
    """What the children of one lap did together."""

    items: int
    seconds: float
    began: float
    client_cpu: float
    server_cpu: float | None
    wal: int | None
    statements: int | None
    commits: int | None
    notes: list[dict[str, Any]]

    @property
    def rate(self) -> float:
        return self.items / self.seconds

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    def costs(self) -> dict[str, float | None]:
        """The lap's costs per item: microseconds of CPU, bytes of WAL, statements and commits."""
        each = max(1, self.items)
        return {
            "client_us": self.client_cpu / each * 1e6,
            "server_us": None if self.server_cpu is None else self.server_cpu / each * 1e6,
            "wal_bytes": None if self.wal is None else self.wal / each,
            "statements": None if self.statements is None else self.statements / each,
            "commits": None if self.commits is None else self.commits / each,
        }


def lap(
    place: Place, work: Work, *arguments: Any, processes: int = 1, meanwhile: Callable[[], None] | None = None
) -> Lap:
    """Run *work* in so many children at once and return what it cost; *meanwhile* is done here while they work."""
    children = [_Child(work, arguments) for _ in range(processes)]
    try:
        for child in children:
            child.hear("ready")
        before = place.meter()
        for child in children:
            child.pipe.send("go")
        if meanwhile is not None:
            meanwhile()
        answers = [child.hear("done") for child in children]
        after = place.meter()
        for child in children:
            child.pipe.send("leave")
            child.process.join(PATIENCE)
    finally:
        for child in children:
            child.end()
    began = min(answer["began"] for answer in answers)
    done = [answer["done"] for answer in answers]
    return Lap(
        items=sum(each.items for each in done),
        seconds=max(answer["ended"] for answer in answers) - began,
        began=began,
        client_cpu=sum(answer["cpu"] for answer in answers),
        server_cpu=None if before.cpu is None or after.cpu is None else after.cpu - before.cpu,
        wal=None if before.wal is None or after.wal is None else after.wal - before.wal,
        statements=_sum(each.statements for each in done),
        commits=_sum(each.commits for each in done),
        notes=[each.notes for each in done],
    )


class _Child:
    def __init__(self, work: Work, arguments: tuple[Any, ...]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_run, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def hear(self, word: str) -> Any:
        if not self.pipe.poll(PATIENCE):
            raise RuntimeError(f"a child was not {word} within {PATIENCE:g} s")
        try:
            said, answer = self.pipe.recv()
        except EOFError:
            raise RuntimeError(f"a child ended before it was {word}; its error stands above") from None
        assert said == word, (said, word)
        return answer

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def _run(pipe: Connection, work: Work, arguments: tuple[Any, ...]) -> None:
    steps = work(*arguments)
    next(steps)
    pipe.send(("ready", None))
    pipe.recv()
    cpu, began = cpu_seconds(), time.monotonic()
    done = next(steps)
    ended = time.monotonic() if done.ended is None else done.ended
    pipe.send(
        (
            "done",
            {
                "began": began,
                "ended": ended,
                "cpu": cpu_seconds() - cpu if done.cpu is None else done.cpu,
                "done": done,
            },
        )
    )
    pipe.recv()
    next(steps, None)


def cpu_seconds() -> float:
    """User and system time of this process and of the children that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _sum(numbers: Iterator[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
