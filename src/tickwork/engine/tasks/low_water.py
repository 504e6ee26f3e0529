"""The low water of a worker: below it, as far as is known, no task waits, so that a search need not walk what lies there.

A long transaction of anybody keeps the index entries of all that has been claimed since, and a search from the bottom of a
range passes them again and again. Where that costs something, a worker searches each range from its *low* on: the head that
a search has seen, and never less than :data:`MARGIN` behind the database's clock, for *written is not committed*.

The lows are a hint of one worker, in memory. A range that is used for the first time is known by its new tasks' ids, within
a second. What comes to lie below the lows all the same (it was put a while before its transaction committed, it was given
back by somebody else, a lane or an operator moved it) is found by the next search from the bottom. Such a search is made when twenty times its own cost has passed, at least once in ten seconds; a look that found
nothing above the lows is followed by one. So the walk takes a twentieth of the time at most, and nothing is late by more
than twenty walks. Where the bottom costs next to nothing there are no lows, and nothing is late at all.
"""

from __future__ import annotations

from time import monotonic

from tickwork.errors import StoreUnavailable
from tickwork.store import ranges
from tickwork.store.ranges import NO_LOWS, Lows
from tickwork.store.store import Store
from tickwork.watch import FIRST_INSTANT, SECOND, Instant

MARGIN = 1 * SECOND
#: How often a worker that claims searches for the heads.
SEARCH_EVERY = 1 * SECOND
#: The walk's share of the time, and the most and the least between two searches from the bottom.
BOTTOM_SHARE = 0.05
SHORTEST, LONGEST = 1 * SECOND, 10 * SECOND
#: A walk that costs no more than this, in microseconds, is not worth a hint that may be wrong.
CHEAP = 5_000
#: So many ranges have lows at most: more cost more to hand over than they save.
MOST = 64
#: No task has so great an id.
NO_ID = 2**63 - 1


class LowWater:
    """The lows of one worker; *now* is of its steady clock, in microseconds."""

    def __init__(self) -> None:
        self.lows: Lows = NO_LOWS
        self._claimed = False
        """Something was claimed since the last search."""
        self._searched_at: Instant | None = None
        self._clock: Instant = 0
        self._seen = (0, 0)
        """The newest id at the last two searches: an id may be older than its transaction's commit."""
        self._bottom_at: Instant = 0
        self._period = SHORTEST

    def claimed(self) -> None:
        """Something was claimed, and has left a dead entry behind."""
        self._claimed = True

    def sink(self, to: Instant) -> None:
        """A task waits again that has been ready since then."""
        if any(low > to for low in self.lows.values()):
            self.lows = {each: min(low, to) for each, low in self.lows.items()}

    def doubt(self) -> None:
        """Something may wait below: the next search begins at the bottom."""
        self._bottom_at -= self._period

    def again_in(self, now: Instant) -> int | None:
        """How long, after a look above the lows at *now*, until there is more to be seen; None where all was seen."""
        if not self.lows or self._bottom_at == now:
            return None
        bottom, searched_at = self._bottom_at + self._period, self._searched_at or 0
        return max(0, (bottom if searched_at == now else min(bottom, searched_at + SEARCH_EVERY)) - now)

    def keep(self, store: Store, now: Instant, *, looking: bool = False) -> None:
        """Search for the heads where that is due: once a second while work is claimed, and from the bottom in its time.

        *looking*: somebody looks for tasks now, and is to see what the lows hide if it is time for that.
        """
        if store.watch is not None or not store.dialect.locks_rows:
            return  # the margin is the server's own time; and where nobody else writes nothing dead stays in an index
        rested = self._searched_at is None or not 0 <= now - self._searched_at < SEARCH_EVERY
        at_the_bottom = not self.lows or not 0 <= now - self._bottom_at < self._period
        # who looks from the bottom sees all, and waits for no hint
        wanted = bool(self.lows) if looking else self._claimed
        if not (wanted and (rested or (looking and at_the_bottom))):
            return
        self._claimed, self._searched_at = False, now
        try:
            if at_the_bottom:
                self._search_all(store, now)
            else:
                self._search(store, self.lows)
        except StoreUnavailable:  # a hint is not worth a turn that fails: whoever claims next is told
            self.lows = NO_LOWS

    def _search_all(self, store: Store, now: Instant) -> None:
        """Search from the bottom, and keep lows only where that was dear."""
        cost, above = self._search(store, NO_LOWS), 0
        self._bottom_at, self._period = now, max(SHORTEST, min(LONGEST, int(cost / BOTTOM_SHARE)))
        if cost >= CHEAP and self.lows:
            above = self._search(store, self.lows)  # a machine that is busy with other things is slow above, too
        if cost - above < CHEAP:
            self.lows = NO_LOWS

    def _search(self, store: Store, lows: Lows) -> int:
        """Search each range from *lows* on, and take the new ones; return the cost in microseconds.

        The ids come first, so that what is put meanwhile is newer than what was seen. A search from the bottom sees every
        range, whatever its tasks' ids: it only asks where they stand, and a backlog of millions is not looked through.
        """
        with store.begin("worker", reading=True) as transaction:
            newest, used = ranges.used_since(transaction, self._seen[0] if lows else NO_ID)
            began = monotonic()
            at, heads = ranges.heads(transaction, lows)
            cost = round((monotonic() - began) * SECOND)
        if at < self._clock:  # the database's clock was set back, and what is put now lies below all that was seen
            self.doubt()
        self._clock, self._seen = at, (self._seen[1] if lows else newest, newest)
        latest = at - MARGIN
        found = {
            **dict.fromkeys(used, FIRST_INSTANT),
            **{each: min(ready_at, latest) for each, ready_at in heads.items()},
        }
        silent = [each for each in self.lows if each not in found][: max(0, MOST - len(found))]
        self.lows = {**found, **dict.fromkeys(silent, latest)} if len(found) <= MOST else NO_LOWS
        return cost
