"""Work that is worked out when a worker asks: what a generator offers, and what becomes of it.

Work is an ephemeral value, named everywhere by the pair (generator, identifier). No row stands behind it until a
worker claims it: then the pair has a row with its lease, and keeps one only as long as there is something to remember.
So what is not offered any more leaves nothing behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.outcome import MESSAGE_LIMIT, storable
from tickwork.model.retry import Backoff
from tickwork.watch import HOUR, SECOND, Instant

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,99}\Z")

#: The ranges that ship (smaller is sooner): people first, then facts, then rubbish.
REALTIME, USUAL, AGGREGATE, RETENTION = 1_000, 2_000, 1_900, 4_000
#: The least urgent of all.
LEAST_URGENT = 9_999
#: How often work is tried before it is parked, where its generator does not say.
ATTEMPTS = 5


class Range(NamedTuple):
    """The priorities that a generator may offer, both ends included; the smaller the sooner.

    >>> Range.of(1900), Range.of((1, 9999))
    (Range(best=1900, worst=1900), Range(best=1, worst=9999))
    """

    best: int
    worst: int

    @classmethod
    def of(cls, given: int | tuple[int, int]) -> Range:
        """Read a priority, or a pair; raises InvalidInput."""
        best, worst = (given, given) if isinstance(given, int) else given
        limits.number(best, "priority", 1, 9_999)
        return cls(best, limits.number(worst, "priority", best, 9_999))

    def __contains__(self, priority: object) -> bool:
        return isinstance(priority, int) and self.best <= priority <= self.worst


class Offer(NamedTuple):
    """One piece of work that a generator could hand out now; it is a value, nothing is claimed by making it."""

    identifier: str
    priority: int
    due_at: Instant | None = None
    """Since when it waits (None: since now). Of two with the same priority the one that waits longer goes first."""
    payload: Any = None
    source: str | None = None
    """What it was made from, if that can change (a version, a time): parked work is made anew when it has changed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of a generator's key (or, under the key '', of itself)."""

    key: str
    state: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    next_wake_at: Instant | None = None
    paused_at: Instant | None = None
    woken_at: Instant | None = None
    lease: int | None = None
    """Under which claim a worker has it now; a claim that has ended does not count."""
    priority: int | None = None
    served_at: Instant | None = None
    done: int = 0
    failed: int = 0
    failures: int = 0
    error: str | None = None
    about: str = "{}"
    changed_at: Instant = 0

    def may_be_had(self, now: Instant) -> bool:
        """Whether a worker may have it now: nobody has it, nobody paused it, it waits for nothing.

        >>> Kept("7", next_wake_at=100).may_be_had(99), Kept("7", next_wake_at=100).may_be_had(100)
        (False, True)
        """
        waits = self.next_wake_at is not None and self.next_wake_at > now
        return self.lease is None and self.paused_at is None and not waits


@dataclass(frozen=True, slots=True)
class Parked:
    """Work that failed for good: it is not made again until it is released, or its source has changed."""

    generator: str
    identifier: str
    source: str | None
    attempts: int
    reason: str | None
    error: str | None
    parked_at: Instant


@dataclass(frozen=True, slots=True)
class Claim:
    """A piece of work in a worker's hands: what was offered, what was remembered, and the token that fences it."""

    generator: str
    identifier: str
    priority: int
    token: int
    claimed_at: Instant
    payload: Any = None
    source: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    failures: int = 0

    @property
    def name(self) -> str:
        """How it is called in logs, lists and the console.

        >>> Claim("webhooks", "7", 2000, token=1, claimed_at=0).name
        'webhooks/7'
        """
        return f"{self.generator}/{self.identifier}"

    @property
    def attempt(self) -> int:
        """Which run in a row this is: 1 until one has failed."""
        return self.failures + 1


@dataclass(frozen=True, slots=True)
class Rest:
    """How a run may end that went well but is not the end of it: come back after so many microseconds."""

    after: int = 0
    state: dict[str, Any] | None = None
    """What to remember instead (None: what was)."""


@dataclass(frozen=True, slots=True)
class Over:
    """It went well and need not be remembered, or it no longer matters."""

    state: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """It failed; it is offered again after so many microseconds."""

    after: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """It failed for good."""

    reason: str
    error: str | None = None


Verdict = Rest | Over | Again | Park


def judged(
    claim: Claim, reason: str, error: str | None, backoff: Backoff, attempts: int | None, chance: float
) -> Verdict:
    """Say what becomes of work whose run failed, where its generator does not: tried again, and in the end parked.

    >>> claim = Claim("webhooks", "7", 2000, token=1, claimed_at=0, failures=4)
    >>> judged(claim, "no answer", None, Backoff(jitter=0), 5, 0.5)
    Park(reason='its run failed 5 times: no answer', error=None)
    >>> judged(claim, "no answer", None, Backoff(jitter=0), None, 0.5)
    Again(after=240000000, error=None)
    """
    if attempts is not None and claim.attempt >= attempts:
        return Park(storable(f"its run failed {claim.attempt} times: {reason}", MESSAGE_LIMIT), error)
    return Again(backoff.wait(claim.attempt, chance), error)


#: How long a generator rests that raised when it was asked: a second doubling to an hour.
ASKED_IN_VAIN = Backoff(first=1 * SECOND, cap=HOUR, jitter=0.0)


def name_of(name: str) -> str:
    """Check the name of a generator; raises InvalidInput.

    >>> name_of("webhooks")
    'webhooks'
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidInput("generator", name, "a name of small letters, digits and _ . -, at most 100 characters")
    return name


def checked(offer: Offer, generator: str, within: Range) -> Offer:
    """Return an offer that keeps to the contract; raises InvalidInput for one that lies outside the declared range.

    A generator that offers better than it declared would never be asked first, so it is told instead.
    """
    limits.text(offer.identifier, f"identifier of {generator}")
    if offer.priority not in within:
        raise InvalidInput(
            f"priority of {generator}/{offer.identifier}", offer.priority, f"{within.best} to {within.worst}"
        )
    return offer


def encoded(state: dict[str, Any]) -> str:
    """Return a state as it is stored; raises InvalidInput for what JSON cannot say.

    >>> encoded({"position": 7})
    '{"position":7}'
    """
    try:
        text = msgspec.json.encode(state).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("state", state, f"a JSON object ({error})") from None
    if not isinstance(state, dict) or len(text) > limits.PAYLOAD_BYTES:
        raise InvalidInput("state", state, f"a JSON object of at most {limits.PAYLOAD_BYTES:,} characters")
    return text


def decoded(text: str) -> dict[str, Any]:
    """Read a stored state."""
    state: dict[str, Any] = msgspec.json.decode(text)
    return state
