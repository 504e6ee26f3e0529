"""How far a table may be read by a cursor without missing a row: written is not committed.

A number taken from a sequence commits out of order: a reader that remembers "seen up to 41" misses 40 when it commits
late. So nothing is read above a *bound*, and the bound rises past a number only when no transaction that could have
drawn a smaller one is open any more. On PostgreSQL such a transaction is known: whoever inserts holds a lock on the
table, and whoever draws a number holds one on its sequence, each from before the number is drawn to the end. So: read
the largest number that is visible; then see who holds such locks. When all of these have ended, every number up to the
one that was read is visible, or will never be. Readers, however long they read, hold nothing up.

The bound is worked out by each worker for itself and is stored nowhere; only positions below it are. On SQLite one
writer at a time commits, so what is visible is whole.

It relies on numbers being drawn by the transaction that inserts them, from the column's own sequence; numbers that a
program keeps in store for later (a sequence's CACHE, hi/lo) are beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tickwork.engine.generators import table
from tickwork.store.own import OwnTransaction
from tickwork.store.store import Store
from tickwork.watch import Instant

NOTHING = -(2**63)


@dataclass
class Bound:
    """The bound of one table's numbers, for one reader."""

    store: Store
    table: str
    position: str
    at: int = NOTHING
    """Everything up to here may be read."""
    waits: bool = False
    """Whether there is more, which somebody's open transaction keeps from being read."""
    _ahead: int = NOTHING
    _writers: frozenset[str] = field(default_factory=frozenset)

    def look(self, now: Instant) -> int:
        """Look how far may be read now; what was drawn before is visible to statements after this one."""
        with self.store.begin("worker", reading=True, handing=True) as transaction:
            own = OwnTransaction(transaction, self.store.identity)
            text = f"select max({self.position}) as top from {self.table}"
            top = table.told(self.store.dialect, own, text, now)[0]["top"]
            found = transaction.all("writers_of_table", table=self.table, position=self.position.strip('"'))
        self.learn(NOTHING if top is None else int(top), frozenset(row[0] for row in found))
        return self.at

    def learn(self, top: int, writers: frozenset[str]) -> None:
        """Take in the largest visible number, and then who may have drawn a smaller one.

        >>> bound = Bound(None, "request", "id", at=40)
        >>> looks = [(42, {"3/7"}), (50, {"4/1"}), (50, {})]
        >>> [(bound.learn(top, frozenset(writers)), bound.at)[1] for top, writers in looks]
        [40, 42, 50]
        """
        if self._ahead > self.at and not self._writers & writers:
            self.at = self._ahead
        if not writers:
            self.at = max(self.at, top)
        elif self._ahead <= self.at:
            self._ahead, self._writers = top, writers
        self.waits = top > self.at
