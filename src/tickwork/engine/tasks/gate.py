"""A worker's part in limits: when to open the lanes in which tasks wait for their places.

Whoever settles tasks under limits, or comes upon new ones, opens their lanes with its next claim; a look that finds
letters from others does the same. A worker that has nothing to do with limits takes not one statement more. Where
somebody else has a lane open this one passes it over and comes back in a moment, later each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.model.outcome import Outcome
from tickwork.store import lanes
from tickwork.store.claims import Haul, Outlook
from tickwork.store.dialect import Transaction
from tickwork.watch import SECOND, Instant

#: How long a lane that somebody else has open is left alone, at first and at most.
SHORTEST_REST, LONGEST_REST = SECOND // 100, 1 * SECOND


class Gate:
    """One worker's: a hint, and nothing that must be right. Letters that are overlooked are seen by the next look."""

    def __init__(self) -> None:
        self.ajar = False
        """There is something to be opened."""
        self.rests_until: Instant = 0
        self._rest = SHORTEST_REST
        self._busy: frozenset[str] = frozenset()

    def sees(self, outlook: Outlook, now: Instant) -> bool:
        """A look has told whether there are letters; say whether to open lanes now."""
        self.ajar = outlook.openings
        return self.opens(now)

    def hear(self, batch: Sequence[Outcome]) -> None:
        """These are being settled: the places that they give back may be for others."""
        self.ajar = self.ajar or any(each.limited for each in batch)

    def opens(self, now: Instant) -> bool:
        """Say whether to open lanes now."""
        return self.ajar and now >= self.rests_until

    def open(self, transaction: Transaction, now: Instant) -> bool:
        """Open lanes where there is something to be opened, in the transaction that claims next; say whether that let anybody in."""
        if not self.opens(now):
            return False
        opened = lanes.open_lanes(transaction, self._busy)
        self.ajar, self._busy = bool(opened.moved) or opened.cut, opened.busy if opened.cut else frozenset()
        if opened.busy:
            self.ajar, self.rests_until = True, now + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)
        else:
            self._rest = SHORTEST_REST
        return bool(opened.moved)

    def through(self, haul: Haul) -> Haul:
        """A claim came through: remember what it saw."""
        self.ajar = self.ajar or haul.ajar
        return haul
