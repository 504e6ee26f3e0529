"""A lease: a worker's dated, fenced claim on tasks, and the rule that says when one has ended.

A lease is one row with a *token*. The token is made by the client before the statement that takes it, so a lost
acknowledgement can be asked about, and it is never used twice, so a zombie of an earlier claim fences nothing off.

A lease ends when somebody has watched it *unchanged for its own length on his own steady clock*. What the wall says
does not matter: a clock that is set forward by an hour ends no lease of a live worker, and one that is set back keeps
no lease of a dead worker.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tickwork.watch import SECOND, Instant

LENGTH = 30 * SECOND
RENEW_EVERY = 10 * SECOND
#: A task whose lease ran out more often than this is archived as lost.
LOST_ALLOWED = 5

#: Milliseconds from 1970 to 2020: with 22 random bits below, tokens last until 2089 in a signed 64-bit integer.
_SINCE_MS = 1_577_836_800_000


class Tokens:
    """Makes the tokens of one worker: milliseconds since 2020 above, 22 random bits below, each above the one before.

    So a worker makes none twice, though it makes thousands within a millisecond or its clock is set back; two workers
    would have to draw the same of four million numbers in the same millisecond. :meth:`next` is for one thread.

    >>> tokens = Tokens(chance=lambda bits: 3)
    >>> at = 1_577_836_800_000_000 + 5_000
    >>> tokens.next(at), tokens.next(at), tokens.next(at - 1_000), tokens.next(at + 1_000)
    (20971523, 20971524, 20971525, 25165827)
    """

    def __init__(self, chance: Callable[[int], int] = secrets.randbits) -> None:
        self._chance, self._last = chance, -1  # below any

    def next(self, now: Instant) -> int:
        """Return a token that was never used; *now* is the database's time."""
        milliseconds = max(0, now // 1000 - _SINCE_MS)
        later = milliseconds > self._last >> 22
        self._last = milliseconds << 22 | self._chance(22) if later else self._last + 1
        return self._last


class Standing(NamedTuple):
    """A lease as a rescuer sees it."""

    token: int
    renewals: int
    length: int


class Sightings:
    """What one rescuer remembers: which leases it has seen, with how many renewals, since when.

    Instants here are of the rescuer's own steady clock.

    >>> seen = Sightings()
    >>> lease = Standing(token=7, renewals=0, length=30)
    >>> seen.ended([lease], now=100), seen.ended([lease], now=129), seen.ended([lease], now=130)
    ([], [], [Standing(token=7, renewals=0, length=30)])
    >>> seen.ended([lease._replace(renewals=1)], now=131)
    []
    """

    def __init__(self, since: Mapping[int, tuple[int, Instant]] | None = None) -> None:
        self._since = dict(since or {})

    @property
    def since(self) -> dict[int, tuple[int, Instant]]:
        """What is remembered, for a process that ends and hands it to the next one on the same steady clock."""
        return dict(self._since)

    def ended(self, standing: Iterable[Standing], now: Instant) -> list[Standing]:
        """Take in all leases that stand *now*; return those that have not changed for their own length."""
        seen, ended = {}, []
        for lease in standing:
            before = self._since.get(lease.token)
            since = before[1] if before is not None and before[0] == lease.renewals else now
            seen[lease.token] = (lease.renewals, since)
            if now - since >= lease.length:
                ended.append(lease)
        self._since = seen
        return ended
