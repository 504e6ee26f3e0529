"""Back-pressure: a handler says that its kind of work must rest, and all workers leave it alone until then.

What is said here holds here at once, and is written with the next batch that is settled; other workers read it within
a second of their next claim. Tasks of a kind that rests are put off to the end of the rest, uncounted, when they are
claimed: so each of them is touched once per rest, and no later look has to walk over them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tickwork.engine.tasks.registry import Handler, Registry
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
        self._until: dict[tuple[str, str], Instant] = {}
        self._said: list[Pressure] = []
        self._looked_at: Instant | None = None

    def say(self, pressure: Pressure) -> None:
        """A handler said it; it holds here from now on."""
        self._until[pressure.namespace, pressure.kind] = max(
            pressure.until_at, self._until.get((pressure.namespace, pressure.kind), 0)
        )
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
        mine = {(each.namespace, each.kind): each.until_at for each in self._said}
        self._until = {(each.namespace, each.kind): each.until_at for each in rows.standing(transaction)}
        for key, until in mine.items():
            self._until[key] = max(until, self._until.get(key, 0))

    def until(self, claimed: Claimed, handler: Handler | None = None) -> Instant | None:
        """Return the end of the rest in which this task falls; None where it may run."""
        if not self._until:
            return None
        handler = handler or self.registry.get(claimed.handler)
        kind = claimed.handler if handler is None else handler.kind
        until = self._until.get((claimed.namespace, kind), 0)
        return until if until > self.now() else None
