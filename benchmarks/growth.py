"""growth: the cost of a firing, a planning and a claim with 10,000, 1,000,000 (and 10,000,000) others waiting.

``ratio`` is the cost at N over the cost at the smallest N of the same rounds, in CPU of client and server; 1 is flat. On
PostgreSQL ``rows`` counts the rows that were read per item, on SQLite ``steps`` the instructions of its virtual machine. The
databases are filled once and used in turns, round by round; ``--waiting 10000,1000000,10000000`` takes minutes to fill.
"""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import drain
import fire
import plan
from frame import standing
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.plots import lines
from frame.rows import Book, arguments, numbers

from tickwork.store.sqlite.dialect import SqliteDialect

KINDS = ("fire", "plan", "claim")
STEP = 1_000


def counting_steps(work: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    """Do some work with SQLite's instructions counted."""
    steps, connect = 0, SqliteDialect.connect

    def counted(dialect: SqliteDialect) -> sqlite3.Connection:
        connection = connect(dialect)

        def step() -> int:
            nonlocal steps
            steps += STEP
            return 0

        connection.set_progress_handler(step, STEP)
        return connection

    SqliteDialect.connect = counted  # type: ignore[method-assign]
    inside = work(*arguments)
    yield next(inside)
    before = steps
    done: Done = next(inside)
    done.notes["steps"] = steps - before
    yield done
    next(inside, None)


def rows_read(url: str) -> int:
    """How many rows PostgreSQL has read for this database; its backends have reported, since they are gone."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        read = connection.execute(
            "select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) from pg_stat_user_tables"
        )
        return int((read.fetchone() or (0,))[0] or 0)


def measured(place: Place, url: str, kind: str, size: int, round_: int) -> tuple[Lap, float]:
    """Put work into a standing database, do it, and return the lap with rows or steps per item."""
    at = standing.now()
    if kind == "claim":
        standing.tasks(url, size, at - standing.SECOND)
    else:
        patterns = standing.templates("interval", 1, at)
        standing.stand(url, size, f"{kind}/{round_}", patterns, planned=kind == "fire")
    place.settle(url)
    before = rows_read(url) if place.is_postgresql else 0
    work: tuple[Any, ...] = {
        "fire": (fire.daemon, url),
        "plan": (plan.planner, url),
        "claim": (drain.worker, url, 10, False),
    }[kind]
    ran = lap(place, *(work if place.is_postgresql else (counting_steps, *work)))
    effort = rows_read(url) - before if place.is_postgresql else ran.notes[0]["steps"]
    if kind == "fire":
        standing.forget_ready(url)
    return ran, effort / max(1, ran.items)


def main() -> None:
    given = arguments(__doc__, size=10_000, quick=5_000, runs=3, waiting="10000,1000000", kinds=",".join(KINDS))
    book, sizes = Book("growth", given), numbers(given.waiting)
    with opened(given.stores, given.server) as places:
        for place in places:
            urls = {}
            for waiting in sizes:
                urls[waiting] = standing.due(place, 0, waiting=waiting)
                standing.tasks(urls[waiting], waiting, standing.now() + standing.AHEAD)
            for kind in given.kinds.split(","):
                found: dict[int, list[tuple[Lap, float]]] = {waiting: [] for waiting in sizes}
                for round_ in range(given.runs):
                    for waiting in sizes if round_ % 2 == 0 else sizes[::-1]:
                        found[waiting].append(measured(place, urls[waiting], kind, given.size, round_))
                for waiting in sizes:
                    show(book, place, kind, waiting, found[waiting], found[sizes[0]])
            for url in urls.values():
                place.drop(url)
    lines(given.svg, book.rows, "microseconds of CPU per item", "waiting", "cpu_us", ("store", "kind"))


def show(
    book: Book, place: Place, kind: str, waiting: int, mine: list[tuple[Lap, float]], few: list[tuple[Lap, float]]
) -> None:
    each = [(ran.client_cpu + (ran.server_cpu or 0.0)) / ran.items * 1e6 for ran, _ in mine]
    base = [(ran.client_cpu + (ran.server_cpu or 0.0)) / ran.items * 1e6 for ran, _ in few]
    effort, base_effort = (statistics.median(read for _, read in laps) for laps in (mine, few))
    book.row(
        place.label, "itself with the smallest backlog", rate=statistics.median(ran.rate for ran, _ in mine),
        ratio=statistics.median(one / other for one, other in zip(each, base, strict=True)), kind=kind, waiting=waiting,
        cpu_us=statistics.median(each), runs=len(mine), size=mine[0][0].items,
        **{"rows" if place.is_postgresql else "steps": effort}, effort_ratio=effort / (base_effort or 1),
    )  # fmt: skip


if __name__ == "__main__":
    main()
