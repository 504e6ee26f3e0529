"""What a worker draws from: ranked sources of work, of which the queue is one.

A worker knows a source by its name, its range of priorities, and what it offers; it claims work from it and settles how
runs have ended, each time inside one transaction that the worker opens. What stands behind, a table of tasks, a log of
jobs, rows of nobody, is the source's own affair: no worker reads a source's tables.

Two kinds of claim. Most sources are asked for *offers* first; the worker ranks them with everybody else's and claims those
that it has chosen (``wish.choices``). A source that hands out its best by itself (``by_bound``) may be told only how many,
and the least urgent that will do (``wish.worst``): while its best is better than anything that others could give, nobody
has to be ranked, and settling one batch and claiming the next is one transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.settling import Ended
from tickwork.engine.worker.units import Unit
from tickwork.model.generator import Offer, Range
from tickwork.model.lease import LENGTH
from tickwork.model.ranking import Choice
from tickwork.store.dialect import Transaction
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant


@dataclass(frozen=True)
class Wish:
    """What a worker wants of one source: so many at most, none less urgent, so many of them to begin at once."""

    size: int
    starts: int
    worst: int
    worker_id: int
    tokens: tuple[int, ...]
    """Made before the statement and used once: one, or one for each of the choices."""
    choices: tuple[Choice, ...] = ()

    @property
    def token(self) -> int:
        """What stands for the whole claim: after a lost answer it tells whether it happened."""
        return self.tokens[0]


class Outlook(NamedTuple):
    """What a source that claims by bound sees: the database's time, the best that is ready, when the next will be."""

    at: Instant
    best: int | None
    next_at: Instant | None


class Settled(NamedTuple):
    """What came of a batch: those that somebody holds just now and must be settled later, and how many runs failed."""

    later: Sequence[Ended] = ()
    failed: int = 0


class Upkeep(NamedTuple):
    """What came of what a source does beside: whether there is more to draw now, and when to come again."""

    more: bool = False
    again_at: Instant | None = None


class Employer(Protocol):
    """What a worker is to its sources."""

    store: Store
    watch: DatabaseWatch

    def number(self) -> int:
        """Its incarnation; it registers where it has not."""
        ...

    def finished(self, source: str, outcome: Ended) -> None:
        """A run has ended; called from any thread."""

    def stop_one(self, name: str) -> None:
        """Cancel the coroutine of one piece of work; a thread cannot be stopped."""

    def ring(self) -> None:
        """There may be work."""

    def poll(self) -> int:
        """How often somebody must look who hears of nothing, in microseconds."""
        ...


class Source(ABC):
    """One ranked source of work, as one worker sees it."""

    name: str
    range: Range
    namespace: str = ""
    """Where its own row stands."""
    lease: int = LENGTH
    every: int = 10 * SECOND
    """How long it rests after it offered nothing, in microseconds."""
    settles: int = 1
    """How many outcomes one transaction settles."""
    widest: int = 1
    """How many pieces one call takes at most."""
    about: str = ""
    limit: int | None = None
    spoiled: int = 0
    """How much of the last claim came to nothing for good, so that there may be more behind it."""
    by_bound: ClassVar[bool] = False
    hints: ClassVar[tuple[str, ...]] = ()
    """The wake-ups that say that there may be work of it."""

    def join(self, worker: Employer) -> None:
        """Learn for whom it works; called once."""
        self.worker = worker

    @property
    def serves(self) -> str:
        """What of it is served, as JSON, for whoever wants to know where nobody does."""
        return "{}"

    def register(self, transaction: Transaction, number: int) -> None:
        """The worker is registered under this number; a source that has more to write down about that does it here."""

    # ------------------------------------------------------------------------------------------------------- asking

    def best(self, now: Instant) -> int | None:
        """The best that it could offer now, where that is cheap to say; None: its range says it."""
        return None

    def look(self, now: Instant) -> Outlook:
        """Look, in one cheap question, for what is ready; *now* is of the steady clock. Only of one that claims by bound."""
        raise NotImplementedError

    @property
    def bounded(self) -> bool:
        """Whether a claim may be told the least urgent that will do."""
        return True

    @abstractmethod
    def offers(self, limit: int, now: Instant) -> Sequence[Offer]:
        """Return up to *limit* pieces that may be had now, the best first; nothing is claimed by answering."""

    def rest_until(self, now: Instant) -> Instant:
        """Until when to leave it alone after it offered nothing."""
        return now + self.every

    # --------------------------------------------------------------------------------------------- taking and ending

    @abstractmethod
    def claim(self, transaction: Transaction, wish: Wish) -> Sequence[Unit]:
        """Take what is wished, in the order in which it is to run; less where somebody was quicker."""

    @abstractmethod
    def settle(self, transaction: Transaction, batch: Sequence[Any], finished: Sequence[int]) -> Settled:
        """Write down how runs have ended; *finished* are the tokens of which nothing is left in hand then."""

    def expect(self, batch: Sequence[Any], now: Instant) -> bool:
        """These are about to be settled: say whether more is ready with that, so that it is claimed in the same turn."""
        return False

    def settle_apart(self, batch: Sequence[Any], finished: Sequence[int]) -> Settled:
        """The database has refused something of this batch: settle it so that nothing else suffers."""
        raise NotImplementedError

    def recall(self, transaction: Transaction, wish: Wish) -> Sequence[Unit]:
        """The answer to a claim was lost: return what it took (nothing: its lease runs out by itself)."""
        return ()

    def taken(self, units: Sequence[Unit]) -> None:
        """A claim was committed."""

    def settled(self, batch: Sequence[Any]) -> Instant | None:
        """A batch was committed; return when the first of it may run again, by the database's clock."""
        return None

    def upkeep(self, now: Instant) -> Upkeep:
        """Do what is to be done beside, after a turn that has settled and claimed."""
        return Upkeep()

    # ------------------------------------------------------------------------------------------------- while it runs

    @property
    @abstractmethod
    def running(self) -> int:
        """How many places its runs take at this moment."""

    def tend(self, now: Instant, *, beat: bool) -> None:
        """Look after what runs: learn what others ask of it; *beat*: its leases were renewed just now."""

    def speak(self) -> None:
        """Write down what is only known here, if anything is."""

    @abstractmethod
    def lose(self, token: int) -> None:
        """A lease was lost: what runs under it is told, its results will be discarded."""

    def closing(self) -> None:
        """The worker stops: who runs may be told."""

    @abstractmethod
    def interrupt(self) -> None:
        """Give back at once what still runs; what its handlers do from now on comes to nothing."""

    def close(self) -> None:
        """Let go of whatever runs were given; nothing runs any more."""
