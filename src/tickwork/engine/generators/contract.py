"""The contract of a generator as a check: what ours keep, and what whoever writes one of their own runs on it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from tickwork.engine.generators.generator import Generator
from tickwork.model.generator import Offer, Range, checked
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import Instant


class Asked(Protocol):
    """Whoever can be asked for work: what the ranking relies on."""

    @property
    def name(self) -> str: ...

    @property
    def range(self) -> Range: ...

    def best(self, now: Instant) -> int | None: ...

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]: ...


def check_offers(store: Store, namespace: str, generator: Generator, now: Instant, limit: int) -> list[Offer]:
    """Ask a generator, check what it answers against the contract, and return it; raises AssertionError or InvalidInput."""
    generator.bind(store, Scope.of(store.dialect, "" if generator.everywhere else namespace, wake=False))
    return check_asked(generator, now, limit)


def check_asked(generator: Asked, now: Instant, limit: int) -> list[Offer]:
    """Check the answers of whoever offers work, a generator or a source with rows of its own; raises as above."""
    offers = [checked(each, generator.name, generator.range) for each in islice(generator.offers(limit, now), limit)]
    names = [offer.identifier for offer in offers]
    assert len(set(names)) == len(names), f"{generator.name} offers the same work twice: {names}"
    order = [(offer.priority, now if offer.due_at is None else offer.due_at) for offer in offers]
    assert order == sorted(order), f"{generator.name} does not offer the best first: {order}"
    again = [each.identifier for each in islice(generator.offers(limit, now), limit)]
    assert again == names, f"{generator.name} gives work away by offering it: {names}, then {again}"
    first = [each.identifier for each in islice(generator.offers(1, now), 1)]
    assert first == names[:1], (
        f"{generator.name} offers something else when it is asked for one: {first}, not {names[:1]}"
    )
    best = generator.best(now)
    if best is not None and offers:
        assert best <= offers[0].priority, f"{generator.name} offers {offers[0].priority}, and says its best is {best}"
    return offers
