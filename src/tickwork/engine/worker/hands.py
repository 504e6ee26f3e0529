"""The hands of one worker: who runs what was drawn, how many of them are free, and how much is claimed ahead of them.

What was claimed ahead and has not begun within a second is given back, for another worker may be free.
"""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.executors import Executor
from tickwork.engine.worker.pace import AHEAD, UNSTARTED, Pace, Prefetch
from tickwork.engine.worker.source import Source
from tickwork.engine.worker.units import Unit
from tickwork.watch import Instant


class Hands:
    """The executors of one worker: of plain functions, and of coroutine functions. *sources* say how busy they are."""

    def __init__(self, executors: Sequence[Executor], appetite: Appetite, sources: Sequence[Source]) -> None:
        self.executors, self.appetite, self.sources = tuple(executors), appetite, tuple(sources)
        widest = max((source.widest for source in sources), default=1)
        self.ahead, self.pace = Prefetch(2 * appetite.batch, least=widest - 1), Pace()
        self._full_since: Instant | None = None

    # ------------------------------------------------------------------------------------------------ how they stand

    @property
    def busy(self) -> int:
        """How many hands are busy."""
        return sum(source.running for source in self.sources)

    @property
    def queued(self) -> int:
        """How many claimed pieces have not begun."""
        return sum(executor.queued for executor in self.executors)

    @property
    def free(self) -> int:
        """How many pieces would begin at once."""
        return max(0, self.appetite.concurrency - self.busy - self.queued)

    def run_low(self, queued: int) -> bool:
        """Whether what was claimed ahead runs low."""
        return queued <= self.ahead.size // 2

    def room(self, queued: int) -> int:
        """How many to draw: up to the free hands and what will be run at once after them."""
        if not self.run_low(queued):
            return 0
        return max(0, min(self.appetite.batch, self.appetite.concurrency + self.ahead.size - queued - self.busy))

    def limits(self, room: int) -> tuple[int, int]:
        """Return how many of these, and how urgent at least: reserved hands are left to what is urgent."""
        appetite = self.appetite
        if not appetite.reserve:
            return room, appetite.worst
        taken = sum(executor.usual for executor in self.executors)
        usual = appetite.concurrency - appetite.reserve + self.ahead.size - taken
        return (min(room, usual), appetite.worst) if usual > 0 else (room, min(appetite.worst, appetite.urgent))

    def learn_pace(self, now: Instant) -> None:
        """Learn from what was finished since the last time how much to claim ahead.

        Two claims may follow each other with nothing settled between: that says nothing of the pace, unless it takes long.
        """
        if self.pace.finished or now - self.pace.since >= AHEAD:
            self.ahead.after(*self.pace.read(now))

    # ---------------------------------------------------------------------------------------- what they are given

    def take(self, units: Sequence[Unit]) -> None:
        """Hand what was claimed to the executors."""
        plain, coroutines = self.executors
        if plain is coroutines:
            plain.submit(units)
            return
        for executor, of_coroutines in ((plain, False), (coroutines, True)):
            if mine := [unit for unit in units if unit.is_async is of_coroutines]:
                executor.submit(mine)

    def cancel(self, token: int) -> None:
        """Cancel what runs under a token, where it can be."""
        for executor in self.executors:
            executor.cancel(token)

    def give_back(self) -> None:
        """Give back what has not begun."""
        for executor in self.executors:
            for unit in executor.take_back():
                unit.give_back()

    def give_back_unstarted(self, now: Instant) -> None:
        """Give back what has lain here for a second without beginning: another worker may be free."""
        if not self.queued or self.busy < self.appetite.concurrency - self.appetite.reserve:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since >= UNSTARTED:
            self._full_since, self.ahead.size = None, 0
            self.give_back()

    @property
    def unstarted_at(self) -> Instant | None:
        """When what waits now will be given back."""
        return None if self._full_since is None else self._full_since + UNSTARTED
