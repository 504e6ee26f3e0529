"""fire: due triggers become committed tasks, ledger rows and next times; beside the database's own floor.

One daemon and two (processes of their own), interval clocks, a mix of crons, recurrence rules and zones, and interval
clocks whose triggers are *scattered* (neighbours in time are strangers on disk, so each firing touches pages of its own), with
``--waiting N`` further triggers that are not due. *Theirs* is the raw claim-and-complete loop in batches of 100 with two
commits, which knows neither clocks nor a ledger. ``--peer apscheduler`` runs APScheduler 3 on the same store.
"""

from __future__ import annotations

from collections.abc import Iterator

from frame import floor, peers, standing
from frame.counting import Counted
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.plots import bars
from frame.rows import Book, alternate, arguments, numbers

from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.store.open import open_store

#: Peers are slow, and their figures are rates: they are given fewer items than we.
PEERS_SIZE = 1_000


def daemon(url: str) -> Iterator[Done | None]:
    """Take turns until nothing is due any more."""
    store = open_store(url)
    counted, trigger_daemon = Counted(store), TriggerDaemon(store)
    with store.read() as transaction:  # connected, and the book has been read
        transaction.one("look", mark=0)
    counted.statements = counted.commits = 0
    yield None
    while trigger_daemon.turn(0) == 0:
        pass
    yield Done(trigger_daemon.firings.fired, counted.statements, counted.commits)
    store.close()


def ours(place: Place, size: int, daemons: int, clocks: str, waiting: int, seed: int) -> Lap:
    scattered = clocks == "scattered"
    clocks = "interval" if scattered else clocks
    url = standing.due(place, size, clocks=clocks, waiting=waiting, seed=seed, scattered=scattered)
    try:
        fired = lap(place, daemon, url, processes=daemons)
    finally:
        place.drop(url)
    if fired.items < size:
        raise RuntimeError(f"{fired.items} of {size} due triggers fired")
    return fired


def main() -> None:
    given = arguments(
        __doc__, size=50_000, quick=20_000, waiting="0", daemons="1,2", clocks="interval,mix,scattered", peer=""
    )
    book = Book("fire", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            for waiting in numbers(given.waiting):
                one: float | None = None
                for clocks in given.clocks.split(","):
                    for daemons in numbers(given.daemons) if clocks == "interval" else [1]:
                        if daemons > 1 and not place.is_postgresql:
                            continue  # one writer at a time: a second daemon is there for safety
                        pairs = alternate(
                            given.runs,
                            lambda: ours(place, given.size, daemons, clocks, waiting, given.seed),  # noqa: B023
                            lambda: floor.lap_of(place, given.size),  # noqa: B023
                        )
                        row = book.pairs(
                            place.label, floor.NAME, pairs, clocks=clocks, daemons=daemons, waiting=waiting,
                            to_one_daemon=pairs.rate / one if one and daemons > 1 else None,
                        )  # fmt: skip
                        one = row["rate"] if daemons == 1 and clocks == "interval" else one
            for name in filter(None, given.peer.split(",")):
                peers.beside(
                    book, place, name, ("fire", str(min(given.size, PEERS_SIZE))),
                    lambda: ours(place, given.size, 1, "interval", 0, given.seed), clocks="interval", daemons=1, waiting=0,  # noqa: B023
                )  # fmt: skip
    bars(given.svg, book.rows, "firings per second", ("store", "clocks", "daemons"))


if __name__ == "__main__":
    main()
