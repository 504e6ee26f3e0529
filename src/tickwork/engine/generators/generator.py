"""The contract of a generator: whoever can say what there is to do, and do it, can give work to workers.

A worker asks :meth:`Generator.offers` when it has a free hand and nobody better is left to ask. What it answers is a
value, best first; nothing is claimed by answering, and the same work may be offered again and again until it is done.
The worker leaves out what somebody has in hand, what waits, and what is parked, and claims the rest: one claim per
(generator, identifier), whatever the number of workers. Then :meth:`run` does the work, outside any transaction of
ours; what must exist exactly once is written in ``work.transaction()``.

What follows from an offer that has vanished: nothing. Work that is not offered any more has no row anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from tickwork.engine.generators.work import Work
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.generator import ATTEMPTS, Claim, Offer, Range, Verdict, name_of
from tickwork.model.lease import LENGTH
from tickwork.model.retry import Backoff
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant, to_duration


class Generator(ABC):
    """Offers work that is worked out at run time; its state is in the database.

    Args:
        name: how its work is named everywhere, with the identifier: ``webhooks/7``.
        priority: one, or a pair (best, worst); it never offers better or worse.
        limit: how many pieces may be in hand at once, over all workers (None: as many as there are hands).
        every: how long a worker leaves it alone that was offered nothing, in seconds or a timedelta.
        attempts: failures in a row after which work is parked (None: never, it is tried for ever).
        backoff: how long work waits after a failure.
        lease: how long a claim lasts that its worker does not renew.

    Raises:
        InvalidInput: a value that is not allowed.
    """

    #: Whether it looks after the whole database, not after one namespace.
    everywhere: ClassVar[bool] = False
    #: The wake-ups that say that it may have work, beside those that name it (``tickwork generator wake``).
    hints: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        name: str,
        *,
        priority: int | tuple[int, int],
        limit: int | None = None,
        every: Any = 10.0,
        attempts: int | None = ATTEMPTS,
        backoff: Backoff | None = None,
        lease: Any = LENGTH / SECOND,
    ) -> None:
        self.name, self.range = name_of(name), Range.of(priority)
        self.limit = None if limit is None else limits.number(limit, "limit", 1, 100_000)
        self.every, self.lease = to_duration(every, "every"), to_duration(lease, "lease")
        if self.every < 0:
            raise InvalidInput("every", every, "a duration of 0 or more")
        if self.lease < SECOND:
            raise InvalidInput("lease", lease, "a duration of at least a second")
        self.attempts = None if attempts is None else limits.attempts(attempts)
        self.backoff = Backoff() if backoff is None else backoff
        self.store: Store
        self.scope: Scope

    def bind(self, store: Store, scope: Scope) -> None:
        """Learn on which database, and for which namespace, it works; called once by whoever runs it."""
        self.store, self.scope = store, scope

    @property
    def about(self) -> str:
        """What it is, in a few words, for lists."""
        return (type(self).__doc__ or "").strip().partition("\n")[0]

    def best(self, now: Instant) -> int | None:
        """The best priority that it could offer now, if that is cheap to say; None: the range says it."""
        return None

    @abstractmethod
    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        """Return up to *limit* pieces of work that could be done *now* (the database's time), the best first.

        It may return an iterator, which is read as far as needed. It may raise: then it is left alone for a while, and
        nobody else suffers.
        """

    @abstractmethod
    def run(self, work: Work) -> Verdict | None:
        """Do a piece of work. None: it is over. Raise GiveUp to park it, Snooze, RetryAfter or Decline as handlers do."""

    def on_outcome(self, claim: Claim, verdict: Verdict) -> Verdict:
        """Say what becomes of work whose run has ended so; by default what the verdict says."""
        return verdict

    def next_wake_at(self, now: Instant) -> Instant | None:
        """When to ask again after nothing was offered (None: after ``every``, or when the first of its keys wakes)."""
        return None
