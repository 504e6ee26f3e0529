"""Which work goes first, without asking everybody: the same as "ask everyone and sort", at the price of asking few.

Work is ordered by priority, then by how long it waits, then its generator's turn (the one that was served least
recently goes first), then by name. Generators are asked in the order of the best that they could give. As soon as there
is enough work that is better than anything the rest could give, the rest is not asked.

Pure: who is asked, and what a generator in trouble answers, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tickwork.model.generator import Offer
from tickwork.watch import Instant


class Candidate(NamedTuple):
    """A generator that may be asked: the best priority that it could give now, and whose turn it is."""

    name: str
    best: int
    turn: int
    """When it was last served, as a growing number; 0: never."""


class Choice(NamedTuple):
    """A piece of work with the generator that offers it, in the order in which work is done."""

    priority: int
    due_at: Instant
    turn: int
    generator: str
    identifier: str
    offer: Offer


def choose(
    candidates: Iterable[Candidate], ask: Callable[[str, int], Sequence[Offer]], count: int, now: Instant
) -> list[Choice]:
    """Return the *count* pieces of work that go first; *ask(name, limit)* is called for as few generators as will do.

    >>> shelf = {"a": [Offer("1", 1500)], "b": [Offer("2", 2000)], "c": [Offer("3", 4000)]}
    >>> asked = []
    >>> def ask(name, limit):
    ...     asked.append(name)
    ...     return shelf[name][:limit]
    >>> ranges = [Candidate("a", 1000, 0), Candidate("b", 2000, 0), Candidate("c", 4000, 0)]
    >>> [each.identifier for each in choose(ranges, ask, 1, now=0)], asked
    (['1'], ['a'])
    """
    found: list[Choice] = []
    for candidate in sorted(candidates, key=lambda each: (each.best, each.turn, each.name)):
        if len(found) >= count and found[count - 1].priority < candidate.best:
            break
        for offer in ask(candidate.name, count):
            due_at = now if offer.due_at is None else offer.due_at
            found.append(Choice(offer.priority, due_at, candidate.turn, candidate.name, offer.identifier, offer))
        found.sort(key=lambda choice: choice[:5])
        del found[count:]
    return found


def taken(
    choices: Iterable[Choice], free: int, usual: int, urgent: int, lead: str = "", ahead: int = 0
) -> list[Choice]:
    """Take what there are *free* hands for, in order; only *usual* of them take work that is less urgent than *urgent*.

    Of the *lead* so many more are taken *ahead* of the hands, for what is run in a moment.

    >>> work = [Choice(p, 0, 0, "g", str(p), Offer(str(p), p)) for p in (900, 2000, 2001)]
    >>> [each.priority for each in taken(work, free=3, usual=1, urgent=1000)]
    [900, 2000]
    >>> [each.priority for each in taken(work, free=1, usual=1, urgent=1000, lead="g", ahead=1)]
    [900, 2000]
    """
    chosen: list[Choice] = []
    for choice in choices:
        more = ahead if choice.generator == lead else 0
        if len(chosen) >= free + more:
            break  # what is behind it waits, too: nothing worse is taken before it
        if choice.priority > urgent:
            if usual + more <= 0:
                break
            usual -= 1
        chosen.append(choice)
    return chosen
