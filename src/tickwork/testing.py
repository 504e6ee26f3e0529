"""For users' tests: a watch wound by hand, and time travel without sleeping.

What fires and runs in production fires and runs here, from the same rows, in the thread of the test: no daemon, no
worker, no waiting. ``Tickwork("sqlite://")`` is the database to test with: it lives in memory and is gone afterwards.

Whoever writes a clock of their own (entry point group ``tickwork.clocks``) runs :func:`check_clock` on it: the contract
that the library's own clocks keep. Whoever writes a generator runs :func:`check_generator` on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from tickwork.api.app import Tickwork
from tickwork.api.assembly import hand_of
from tickwork.api.by_hand import Hand
from tickwork.clocks.contract import check_clock
from tickwork.engine.generators.contract import check_offers
from tickwork.engine.generators.generator import Generator
from tickwork.errors import InvalidInput
from tickwork.model.generator import Offer
from tickwork.model.report import TaskRow
from tickwork.watch import Instant, ManualWatch, SystemWatch, from_instant, to_instant

__all__ = ["START", "TimeTravel", "check_clock", "check_generator"]

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
#: More steps than this in one journey are a trigger that fires for ever, or a mistake.
STEPS = 100_000


class TimeTravel:
    """An application whose watch is wound by hand.

    >>> from tickwork import Tickwork, clocks
    >>> app = Tickwork("sqlite://")
    >>> _ = app.migrate()
    >>> rung = []
    >>> @app.handler("ring")
    ... def ring(task):
    ...     rung.append(task.planned_at.strftime("%H:%M"))
    >>> travel = TimeTravel(app)
    >>> _ = app.trigger("bell", clocks.Daily("09:00"), ring.task())
    >>> travel.to(travel.now + timedelta(days=2))
    >>> rung
    ['09:00', '09:00']
    >>> app.close()
    """

    def __init__(self, app: Tickwork, at: datetime | Instant = START) -> None:
        self.app = app
        self.watch = ManualWatch(at)
        app.store.watch = self.watch
        self._hands: Hand | None = None
        self._known: tuple[int, ...] = ()

    @property
    def now(self) -> datetime:
        """The time on the watch, in UTC."""
        return from_instant(self.watch.now())

    @property
    def _hand(self) -> Hand:
        """Daemon, jobs' controller and worker of the application as it is now: what was registered meanwhile is known."""
        app = self.app
        known = (len(app.handlers), len(app.generators.registered), len(app.jobs.declared))
        if self._hands is None or known != self._known:
            if self._hands is not None:
                self._hands.worker.stop(0)
            self._hands = hand_of(app.store, app.settings, app.handlers, app.generators.by_hand())
            self._known = known
            app.jobs.declare_all()
        return self._hands

    def run_due(self) -> None:
        """Fire what is due and run what is ready, until nothing is left at this moment. Failures wait for their retry.

        Triggers, jobs, tasks and the application's generators are served; retention is not, so what was done can be
        looked at however far the journey goes. A journey stops for triggers, jobs and tasks; generators are asked at
        each stop.
        """
        self._hand.run_due()

    def to(self, at: datetime | Instant) -> None:
        """Travel to an instant and stop at everything on the way: each firing and each task at its own time.

        Raises InvalidInput for an instant in the past, and where the journey has more than 100,000 stops.
        """
        end = to_instant(at, "at")
        if end < self.watch.now():
            raise InvalidInput("at", at, f"an instant that is not before the watch, {self.now.isoformat()}")
        for _ in range(STEPS):
            self.run_due()
            stop = self._hand.next_at()
            if stop is None or stop > end:
                break
            self.watch.set(max(stop, self.watch.now()))
        else:
            raise InvalidInput("at", at, f"a journey of at most {STEPS:,} stops")
        self.watch.set(end)
        self.run_due()

    def by(self, span: timedelta | float) -> None:
        """Travel by a timedelta, or by seconds."""
        self.to(self.now + (span if isinstance(span, timedelta) else timedelta(seconds=span)))

    @contextmanager
    def expect_put(self, handler: str, **payload: Any) -> Iterator[list[TaskRow]]:
        """Fail unless the block puts a task for *handler* with (at least) this payload; the list holds what it put.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("invoice.send")
        ... def send(invoice: int): ...
        >>> with TimeTravel(app).expect_put("invoice.send", invoice=7) as put:
        ...     _ = app.put(send.task(invoice=7), delay=60)
        >>> len(put)
        1
        >>> app.close()
        """
        before = {task.id for task in self._tasks(handler)}
        found: list[TaskRow] = []
        yield found
        new = [task for task in self._tasks(handler) if task.id not in before]
        found += [task for task in new if payload.items() <= msgspec.json.decode(task.payload).items()]
        if not found:
            saw = ", ".join(task.payload for task in new) or "none"
            raise AssertionError(f"no task was put for {handler!r} with {payload!r}; put for it: {saw}")

    def _tasks(self, handler: str) -> list[TaskRow]:
        tasks = self.app.tasks
        return [*tasks.list(handler=handler, limit=STEPS), *tasks.list_archived(handler=handler, limit=STEPS)]


def check_generator(app: Tickwork, generator: Generator, limit: int = 100) -> list[Offer]:
    """Ask a generator what it offers, check the answer against the contract, and return it; nothing is claimed or run.

    It must keep to its range, offer the best first and nothing twice, and offer the same when it is asked again.

    Raises:
        AssertionError: it does not; the message says how.
        InvalidInput: an offer lies outside the declared range, or has no proper name.

    >>> class Pages(Generator):
    ...     def offers(self, limit, now):
    ...         return [Offer("a", 2000), Offer("b", 2500)][:limit]
    ...
    ...     def run(self, work): ...
    >>> with Tickwork("sqlite://") as app:
    ...     _ = app.migrate()
    ...     [offer.identifier for offer in check_generator(app, Pages("pages", priority=(2000, 2500)))]
    ['a', 'b']
    """
    now = (app.store.watch or SystemWatch()).now()
    return check_offers(app.store, app.namespace, generator, now, limit)
