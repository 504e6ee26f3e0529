"""latency: from due time to handler start, one process working, another one writing.

Four ways of writing: ``stream`` (a one-time trigger a second ahead every 50 ms), ``quiet`` (all of them first, then
silence: the timer alone), ``task`` (a delayed task each 50 ms) and ``now`` (a task to be run at once: how long until another
process has noticed). ``load`` has 1,000 triggers due per second. *Theirs* is a raw loop: claim what is due, ask for the
smallest due time, wait until then or until a NOTIFY (SQLite: look every 25 ms). ``ratio`` is their median over ours.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from frame import floor
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.rows import Book, arguments

from tickwork import Tickwork
from tickwork.clocks import Once

AHEAD, EVERY = 1.0, 0.05
WAYS = ("stream", "quiet", "task", "now", "load")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def working(url: str, expected: int) -> Iterator[Done | None]:
    """Run daemon and worker until so many handlers have started; note how late each was."""
    app, late, over = Tickwork(url), [], threading.Event()

    @app.handler("bench.late")
    def handler(due: float) -> None:
        late.append(time.time() - due)
        if len(late) >= expected:
            over.set()

    with app.process():
        app.counts()
        yield None
        over.wait(600)
        yield Done(len(late), notes={"late": late})
    app.close()


def raw(url: str, expected: int) -> Iterator[Done | None]:
    """The same by hand: one connection, one table, a timer."""
    late: list[float] = []
    take = _raw_server if url.startswith("postgresql") else _raw_file
    loop = take(url)
    next(loop)
    yield None
    for dues in loop:
        at = time.time()
        late.extend(at - due for due in dues)
        if len(late) >= expected:
            break
    yield Done(len(late), notes={"late": late})


def _raw_server(url: str) -> Iterator[list[float]]:
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    connection.execute("listen q")
    yield []
    while True:
        taken = connection.execute(
            "delete from q where id = any(array(select id from q where run_at <= clock_timestamp() order by run_at, id "
            "limit 100 for update skip locked)) returning extract(epoch from run_at)::float8"
        ).fetchall()
        yield [due for (due,) in taken]
        (wait,) = connection.execute(
            "select extract(epoch from min(run_at) - clock_timestamp())::float8 from q"
        ).fetchone() or (None,)
        for _ in connection.notifies(timeout=10.0 if wait is None else max(0.0, wait), stop_after=1):
            pass


def _raw_file(url: str) -> Iterator[list[float]]:
    connection, pause = floor.file(url), threading.Event()
    yield []
    while True:
        connection.execute("begin immediate")
        taken = connection.execute(
            "delete from q where id in (select id from q where run_at <= ? order by run_at, id limit 100) returning run_at",
            (time.time(),),
        ).fetchall()
        connection.execute("commit")
        yield [due for (due,) in taken]
        due = connection.execute("select min(run_at) from q").fetchone()[0]
        pause.wait(0.025 if due is None else min(0.025, max(0.0, due - time.time())))


def dues(way: str, size: int) -> Iterator[float]:
    """Yield due times at the pace at which they are to be written."""
    pause = threading.Event()
    if way in ("quiet", "load"):
        gap = EVERY if way == "quiet" else 0.001
        start = time.time() + AHEAD + size * 0.01
        for number in range(size):
            yield start + number * gap
        return
    for _ in range(size):
        yield time.time() + (0.0 if way == "now" else AHEAD)
        pause.wait(EVERY)


def write_ours(url: str, way: str, size: int) -> Callable[[], None]:
    """Return what writes triggers or tasks from this process."""
    app = Tickwork(url)
    app.counts()

    def write() -> None:
        for number, due in enumerate(dues(way, size)):
            action: Any = late.task(due=due)
            if way in ("task", "now"):
                app.put(action, at=None if way == "now" else EPOCH + timedelta(seconds=due))
            else:
                app.trigger(f"late/{number}", Once(EPOCH + timedelta(seconds=due)), action)
        app.close()

    @app.handler("bench.late")
    def late(due: float) -> None: ...

    return write


def write_raw(url: str, way: str, size: int) -> Callable[[], None]:
    """Return what writes plain rows from this process."""

    def write() -> None:
        if url.startswith("sqlite"):
            connection: Any = floor.file(url)
            for due in dues(way, size):
                connection.execute("insert into q (run_at, name) values (?, 'late')", (due,))
        else:
            import psycopg

            connection = psycopg.connect(url, autocommit=True)
            for due in dues(way, size):
                connection.execute(
                    "with put as (insert into q (run_at) values (to_timestamp(%s)) returning id) select pg_notify('q', '') from put",
                    (due,),
                )
        connection.close()

    return write


def measured(place: Place, way: str, size: int, *, mine: bool) -> list[float]:
    """Return how late each handler started, in milliseconds, in order of size."""
    url = place.migrated() if mine else floor.filled(place, 0)
    try:
        write = (write_ours if mine else write_raw)(url, way, size)
        ran: Lap = lap(place, working if mine else raw, url, size, meanwhile=write)
    finally:
        place.drop(url)
    return sorted(each * 1_000 for each in ran.notes[0]["late"])


def main() -> None:
    given = arguments(__doc__, size=200, quick=60, runs=1, ways=",".join(WAYS))
    book = Book("latency", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            for way in given.ways.split(","):
                size = given.size * (20 if way == "load" else 1)
                late = measured(place, way, size, mine=True)
                floor_late = measured(place, way, size, mine=False) if way != "load" else None
                book.row(
                    place.label, "a raw loop with a timer" if floor_late else None, way=way, size=len(late),
                    ratio=statistics.median(floor_late) / statistics.median(late) if floor_late else None,
                    early=sum(each < 0 for each in late), **spread("", late), **spread("floor_", floor_late or []),
                )  # fmt: skip


def spread(prefix: str, late: list[float]) -> dict[str, float]:
    """The median, the 99th hundredth and the worst."""
    if not late:
        return {}
    return {
        f"{prefix}p50_ms": statistics.median(late),
        f"{prefix}p99_ms": late[min(len(late) - 1, round(len(late) * 0.99))],
        f"{prefix}worst_ms": late[-1],
    }


if __name__ == "__main__":
    main()
