"""jobs: what a controller of N periodic jobs reads at boot, asks while nothing is due, and does per fire.

Jobs have periods of 1 to 60 minutes. ``boot``: one query and N next fires worked out. ``idle``: turns over 50 seconds of
a watch that is wound by hand, with nothing due; none but the comparison is asked. ``fire``: N jobs that are due
at once after downtime, beside the raw claim-and-complete loop. ``rebuilt`` says that a map made afresh is the same.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator

from frame import floor
from frame.counting import Counted
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.rows import Book, alternate, arguments

from tickwork.clocks import Every
from tickwork.engine.jobs.controller import JobController
from tickwork.model.job import Descriptor
from tickwork.store import job_orders
from tickwork.store.open import open_store
from tickwork.store.scope import Scope
from tickwork.watch import MINUTE, SECOND, ManualWatch

#: Jobs declared in one transaction.
PAGE = 1_000


def now() -> int:
    return time.time_ns() // 1_000


def declared(place: Place, size: int, seed: int, ago: int) -> str:
    """Return a database with so many jobs that were declared *ago* microseconds before now, and never ran."""
    url, chance = place.migrated(), random.Random(seed)
    store = open_store(url)
    scope, at = Scope.of(store.dialect, "default", wake=False), now() - ago
    for start in range(0, size, PAGE):
        with store.begin("application", at) as transaction:
            for number in range(start, min(size, start + PAGE)):
                descriptor = Descriptor("sweep", Every(chance.randint(1, 60) * 60))
                transaction.perform(job_orders.declare(scope, f"job-{number:06}", descriptor))
    store.close()
    place.settle(url)
    return url


def booting(url: str) -> Iterator[Done | None]:
    """Build the map from the log."""
    store = open_store(url)
    told: Counter[str] = Counter()
    with store.read():
        pass
    store.dialect.on_statement = lambda name: told.update([name])
    controller = JobController(store)
    yield None
    controller.boot(now())
    yield Done(
        len(controller.timers),
        told["jobs_at_rest"] + told["newest_job_event"],
        notes={"parsed": controller.memory.readings.parsed},
    )
    store.close()


def idling(url: str) -> Iterator[Done | None]:
    """Take turns over 50 seconds in which nothing is due, then build the map afresh and compare."""
    store = open_store(url)
    began = now() - 50 * SECOND  # every job was declared then: the first fire is a minute later
    store.watch = watch = ManualWatch(began)
    controller = JobController(store, steady=watch.now)
    controller.boot(began)
    counted = Counted(store)
    yield None
    turns = 0
    while watch.now() < began + MINUTE - 10 * SECOND:
        watch.set(max(watch.now() + 1, controller.turn(watch.now()) or 0))
        turns += 1
    statements = counted.statements
    live = dict(controller.timers)
    fresh = JobController(store, steady=watch.now)
    fresh.boot(watch.now())
    yield Done(turns, statements, counted.commits, notes={"rebuilt": dict(fresh.timers) == live})
    store.close()


def firing(url: str) -> Iterator[Done | None]:
    """Fire all that is due."""
    store = open_store(url)
    controller = JobController(store)
    controller.boot(now())
    counted = Counted(store)
    yield None
    controller.run_due(now())
    yield Done(controller.counts.fires, counted.statements, counted.commits)
    store.close()


def fired(place: Place, size: int, seed: int) -> Lap:
    url = declared(place, size, seed, 2 * 60 * MINUTE)
    try:
        done = lap(place, firing, url)
    finally:
        place.drop(url)
    if done.items != size:
        raise RuntimeError(f"{done.items} of {size} jobs fired")
    return done


def main() -> None:
    given = arguments(__doc__, size=10_000, quick=2_000, runs=3)
    book = Book("jobs", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            url = declared(place, given.size, given.seed, 50 * SECOND)
            boot, idle = lap(place, booting, url), lap(place, idling, url)
            place.drop(url)
            book.row(
                place.label, None, what="boot", jobs=given.size, rate=boot.rate, seconds=boot.seconds,
                rows=boot.items, statements=boot.statements, parsed=boot.notes[0]["parsed"],
            )  # fmt: skip
            book.row(
                place.label, None, what="idle for 50 s", jobs=given.size, turns=idle.items, statements=idle.statements,
                client_cpu_ms=idle.client_cpu * 1_000, rebuilt=idle.notes[0]["rebuilt"],
            )  # fmt: skip
            pairs = alternate(
                given.runs,
                lambda: fired(place, given.size, given.seed),  # noqa: B023
                lambda: floor.lap_of(place, given.size),  # noqa: B023
            )
            book.pairs(place.label, floor.NAME, pairs, what="fire", jobs=given.size)


if __name__ == "__main__":
    main()
