"""Back-pressure: a handler says that its kind of work must rest, and all workers leave it alone until then.

What is said here holds here at once, and is written with the next batch that is settled; other workers read it within
a second of their next claim. Tasks of a kind that rests are put off to the end of the rest, uncounted, when they are
claimed: so each of them is touched once per rest, and no later look has to walk over them. Each is put off to a moment
behind the one before it, so that they come back in the order in which they went.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.registry import Registry
from tickwork.model.work import Claimed
from tickwork.store import pressure as rows
from tickwork.store.dialect import Transaction
from tickwork.store.pressure import Pressure
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How often a worker that claims looks for what others have said.
LOOK_EVERY = 1 * SECOND


class Rest:
    """What rests just now, as one worker knows it. Executors add, the pump writes and reads."""

    def __init__(self, registry: Registry, now: Callable[[], Instant]) -> None:
        self.registry, self.now = registry, now
        self._standing: dict[tuple[str, str], Pressure] = {}
        self._places: dict[tuple[str, str, Instant], int] = {}
        self._said: list[Pressure] = []
        self._looked_at: Instant | None = None
        self._guard = threading.Lock()

    def say(self, pressure: Pressure) -> None:
        """A handler said it; it holds here from now on."""
        self._take_in(pressure)
        self._said.append(pressure)
        log.warning("%s rests for a while: %s", pressure.kind, pressure.reason or "its handler said so")

    @property
    def unwritten(self) -> bool:
        """Whether something was said that others do not know yet."""
        return bool(self._said)

    def write(self, transaction: Transaction, worker_id: int) -> list[Pressure]:
        """Write down what was said; it is forgotten here only with :meth:`written`, after the commit."""
        said = list(self._said)
        rows.press(transaction, [each._replace(worker_id=worker_id) for each in said])
        return said

    def written(self, said: list[Pressure]) -> None:
        del self._said[: len(said)]

    def look(self, transaction: Transaction, steadily: Instant) -> None:
        """Read what others have said, once in a while; *steadily* is the time of a steady clock."""
        if self._looked_at is not None and steadily - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = steadily
        mine = list(self._said)
        self._standing = {(each.namespace, each.kind): each for each in rows.standing(transaction)}
        for each in mine:
            self._take_in(each)
        with self._guard:
            self._places = {place: last for place, last in self._places.items() if place[2] > self.now()}

    def until(self, claimed: Claimed, handler: Handler | None = None) -> Instant | None:
        """Return when a task that falls in a rest comes back; None where it may run."""
        if not self._standing:
            return None
        handler = handler or self.registry.get(claimed.handler)
        kind = claimed.handler if handler is None else handler.kind
        pressure = self._standing.get((claimed.namespace, kind))
        return None if pressure is None or pressure.until_at <= self.now() else self.place(pressure)

    def place(self, pressure: Pressure) -> Instant:
        """Return when the next one that is put off comes back: behind the one before it.

        A microsecond for each millisecond since the rest began, and at least one more than for the last one: so what two
        workers put off comes back in its order, too.
        """
        now, key = self.now(), (pressure.namespace, pressure.kind, pressure.until_at)
        since = now if pressure.since_at is None else pressure.since_at
        with self._guard:
            last = self._places[key] = max(self._places.get(key, -1) + 1, (now - since) // 1_000)
        return pressure.until_at + last

    def _take_in(self, pressure: Pressure) -> None:
        key = (pressure.namespace, pressure.kind)
        before = self._standing.get(key)
        if before is None or before.until_at < pressure.until_at:
            self._standing[key] = pressure
