"""The line before an executor: units that wait for a hand, in order; those that are urgent find hands that wait for them.

Some hands may be *reserved* for what is urgent: then the others never take more than the rest, and what is urgent goes
before them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from tickwork.engine.worker.units import Unit
from tickwork.model.generator import REALTIME


class Line:
    """The units that wait for a hand of one executor."""

    def __init__(self, size: int, reserved: int = 0, urgent: int = REALTIME) -> None:
        self.most, self.reserved, self.urgent = size - reserved, reserved, urgent
        self._queue: deque[Unit] = deque()
        self._first: deque[Unit] = deque()
        self._running = 0
        self._several = False
        self._guard = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there is one that a free hand may take."""
        return bool(self._first) or (bool(self._queue) and self._running < self.most)

    @property
    def queued(self) -> int:
        """How many pieces wait, while others take from the line."""
        if not self._several:
            return len(self._queue) + len(self._first)
        return _pieces(self._queue) + _pieces(self._first)

    @property
    def usual(self) -> int:
        """How many pieces that are not urgent wait or run."""
        return self._running + _pieces(self._queue)

    def add(self, units: Sequence[Unit]) -> None:
        self._several = self._several or any(unit.size > 1 for unit in units)
        if self.reserved:
            self._first.extend(unit for unit in units if unit.priority <= self.urgent)
            self._queue.extend(unit for unit in units if unit.priority > self.urgent)
        else:
            self._queue.extend(units)

    def take(self) -> Unit | None:
        """Take the next one; None where there is none, or none for this hand."""
        try:
            if not self.reserved:
                return self._queue.popleft()
            with self._guard:
                if self._first:
                    return self._first.popleft()
                if self._running >= self.most:
                    return None
                unit = self._queue.popleft()
                self._running += 1
                return unit
        except IndexError:
            return None

    def ended(self, unit: Unit) -> None:
        """A hand is free again."""
        if self.reserved and unit.priority > self.urgent:
            with self._guard:
                self._running -= 1

    def clear(self) -> list[Unit]:
        """Return those that have not begun; they will not begin here."""
        units: list[Unit] = []
        for queue in (self._first, self._queue):
            while True:
                try:
                    units.append(queue.popleft())
                except IndexError:
                    break
        return units


def _pieces(queue: deque[Unit]) -> int:
    try:
        return sum(unit.size for unit in queue)
    except RuntimeError:  # it changed while it was counted
        return len(queue)
