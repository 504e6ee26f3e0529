"""pinned: firing and draining at a steady pace while somebody holds a snapshot open, and how it recovers.

``--rate N`` triggers fire every second (each has a clock of one second), a daemon and a worker run in processes of their
own. Three stretches of ``--seconds``: free, pinned (an application holds a repeatable-read snapshot and a transaction with
an id; on SQLite a reader holds the write-ahead log), free again. ``ratio`` is the rate of archived tasks in the last fifth of
the pinned stretch over that of the free one, ``cpu_ratio`` the server's and both processes' CPU per task likewise.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized
from typing import Any, NamedTuple

from frame import standing
from frame.lap import cpu_seconds
from frame.places import Place, opened, path_of
from frame.rows import Book, arguments

from tickwork import Tickwork
from tickwork.clocks import Every, encode_json


class Seen(NamedTuple):
    """The counters at a moment."""

    at: float
    fired: int
    drained: int
    cpu: float
    server: float


def daemon(url: str, fired: Synchronized[int], cpu: Synchronized[float], stop: Any) -> None:
    """Fire, and count on the side."""
    app = Tickwork(url)
    process = app.process(worker=False)
    assert process.trigger_daemon is not None
    with process:
        while not stop.wait(0.05):
            fired.value, cpu.value = process.trigger_daemon.firings.fired, cpu_seconds()
    app.close()


def worker(url: str, drained: Synchronized[int], cpu: Synchronized[float], stop: Any) -> None:
    """Drain, and count on the side."""
    app, handled = Tickwork(url), 0

    @app.handler("bench.noop")
    def noop(meeting_id: int = 0) -> None:
        nonlocal handled
        handled += 1

    with app.process(daemon=False):
        while not stop.wait(0.05):
            drained.value, cpu.value = handled, cpu_seconds()
    app.close()


def pin(url: str) -> Callable[[], None]:
    """Open a snapshot as a forgotten session does; return what lets go of it."""
    if url.startswith("sqlite"):
        import sqlite3

        reader = sqlite3.connect(path_of(url), isolation_level=None)
        reader.execute("begin")
        reader.execute("select count(*) from tickwork_setting").fetchone()
        return reader.close
    import psycopg

    connection = psycopg.connect(url)
    connection.execute("set transaction isolation level repeatable read")
    connection.execute("select pg_current_xact_id(), count(*) from tickwork.setting").fetchone()
    return connection.close


def stretches(place: Place, url: str, seconds: float) -> dict[str, list[Seen]]:
    """Run daemon and worker through the three stretches, looking at the counters ten times in each."""
    spawn = multiprocessing.get_context("spawn")
    counters = [spawn.Value("q", 0), spawn.Value("d", 0.0), spawn.Value("q", 0), spawn.Value("d", 0.0)]
    stop, pause = spawn.Event(), threading.Event()
    children = [
        spawn.Process(target=daemon, args=(url, counters[0], counters[1], stop), daemon=True),
        spawn.Process(target=worker, args=(url, counters[2], counters[3], stop), daemon=True),
    ]
    for child in children:
        child.start()

    def look() -> Seen:
        fired, first, drained, second = (counter.value for counter in counters)
        return Seen(time.monotonic(), fired, drained, first + second, place.meter().cpu or 0.0)

    found: dict[str, list[Seen]] = {}
    try:
        pause.wait(3.0)  # connected, the first second's triggers are through
        for name in ("free", "pinned", "after"):
            let_go = pin(url) if name == "pinned" else lambda: None
            found[name] = [look()]
            for _ in range(10):
                pause.wait(seconds / 10)
                found[name].append(look())
            let_go()
    finally:
        stop.set()
        for child in children:
            child.join(10)
            with suppress(Exception):
                child.kill()
    return found


class Pace(NamedTuple):
    """Rates of a stretch, and microseconds of CPU for each task."""

    fired: float
    drained: float
    cpu: float
    server: float


def pace(seen: list[Seen]) -> Pace:
    first, last = seen[0], seen[-1]
    seconds, tasks = last.at - first.at, max(1, last.drained - first.drained)
    return Pace(
        (last.fired - first.fired) / seconds, tasks / seconds, (last.cpu - first.cpu) / tasks * 1e6, (last.server - first.server) / tasks * 1e6
    )  # fmt: skip


def main() -> None:
    given = arguments(__doc__, size=1, quick=1, runs=1, rate=2_000, seconds=0.0, waiting=0)
    book, seconds = Book("pinned", given), given.seconds or (20.0 if given.quick else 300.0)
    with opened(given.stores, given.server) as places:
        for place in places:
            url = standing.due(place, 0, waiting=given.waiting)
            at, (kind, params) = standing.now() + 2 * standing.SECOND, encode_json(Every(1))
            spread = [(kind, params, at + ms * 1_000 - standing.SECOND, at + ms * 1_000) for ms in range(1_000)]
            standing.stand(url, given.rate, "pinned", spread)
            place.settle(url)
            found = stretches(place, url, seconds)
            free, pinned, after = pace(found["free"]), pace(found["pinned"][-3:]), pace(found["after"][-3:])
            book.row(
                place.label, "itself with nothing pinned", rate=pinned.drained, ratio=pinned.drained / free.drained,
                fired_ratio=pinned.fired / free.fired, cpu_ratio=(pinned.cpu + pinned.server) / (free.cpu + free.server),
                server_cpu_ratio=pinned.server / free.server if free.server else None, seconds=seconds, offered=given.rate,
                free_rate=free.drained, after_rate=after.drained, client_us=free.cpu, server_us=free.server or None,
                pinned_client_us=pinned.cpu, pinned_server_us=pinned.server or None,
                after_server_us=after.server or None, waiting=given.waiting,
            )  # fmt: skip
            place.drop(url)


if __name__ == "__main__":
    main()
