"""The database's time between two looks at it."""

from __future__ import annotations

from tickwork.watch import SECOND, Instant, Watch

#: A database whose clock is so far behind what it was has been set back.
STEPPED = SECOND // 10
#: The best answer counts for so long: two clocks run at different speeds.
BEST_OF = 10 * SECOND


class DatabaseWatch:
    """Tells the database's time between two looks at it: its best answer, and what a steady clock added since.

    An answer is old when it arrives. So this watch is never ahead of the database: what is said to have ended has
    ended, by the database's time, before anybody else could be given its place.
    """

    def __init__(self, steady: Watch) -> None:
        self.steady, self._ahead, self._told = steady, 0, 0
        self._best_of: Instant | None = None

    def learn(self, at: Instant, now: Instant) -> None:
        """The database has said *at*; *now* is when it was asked, by the steady clock."""
        heard = self.steady.now()
        ahead, stepped = at - heard, self._ahead > at - now + STEPPED
        if stepped:
            self._told = 0
        if self._best_of is None or stepped or ahead >= self._ahead or heard - self._best_of > BEST_OF:
            self._ahead, self._best_of = ahead, heard

    def now(self) -> Instant:
        self._told = max(self._told, self.steady.now() + self._ahead)
        return self._told

    def steadily(self, at: Instant) -> Instant:
        """Return what the steady clock will say when the database says *at*."""
        return at - self._ahead
