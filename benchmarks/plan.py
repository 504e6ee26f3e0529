"""plan: letters of changed triggers become events, by one daemon; beside the raw claim-and-complete loop.

Interval clocks and a mix of crons, recurrence rules and zones. The mix is planned from scratch: the first answer of each
clock is worked out, with caches as cold as a daemon's that has just started.
"""

from __future__ import annotations

from collections.abc import Iterator

from frame import floor, standing
from frame.counting import Counted
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.plots import bars
from frame.rows import Book, alternate, arguments, numbers

from tickwork.engine.triggers.planning import Planning
from tickwork.store import events
from tickwork.store.open import open_store
from tickwork.watch import FIRST_INSTANT


def planner(url: str) -> Iterator[Done | None]:
    """Serve letters until there are none."""
    store = open_store(url)
    counted, planning = Counted(store), Planning(store)
    with store.read() as transaction:
        outlook = events.look(transaction, FIRST_INSTANT)
    counted.statements = counted.commits = 0
    yield None
    while planning.turn(outlook.newest_letter, outlook.now):
        pass
    yield Done(planning.planned, counted.statements, counted.commits)
    store.close()


def ours(place: Place, size: int, clocks: str, waiting: int, seed: int) -> Lap:
    url = standing.changed(place, size, clocks=clocks, waiting=waiting, seed=seed)
    try:
        planned = lap(place, planner, url)
    finally:
        place.drop(url)
    if planned.items != size:
        raise RuntimeError(f"{planned.items} of {size} letters were served")
    return planned


def main() -> None:
    given = arguments(__doc__, size=50_000, quick=20_000, waiting="0", clocks="interval,mix")
    book = Book("plan", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            for waiting in numbers(given.waiting):
                for clocks in given.clocks.split(","):
                    pairs = alternate(
                        given.runs,
                        lambda: ours(place, given.size, clocks, waiting, given.seed),  # noqa: B023
                        lambda: floor.lap_of(place, given.size),  # noqa: B023
                    )
                    book.pairs(place.label, floor.NAME, pairs, clocks=clocks, daemons=1, waiting=waiting)
    bars(given.svg, book.rows, "changed triggers planned per second", ("store", "clocks"))


if __name__ == "__main__":
    main()
