"""For whom a verb writes: a namespace of one store, and how that store chains writes and rings bells."""

from __future__ import annotations

from dataclasses import dataclass

from tickwork.store.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Scope:
    """What every verb of an application needs to know besides its own arguments."""

    namespace: str
    #: Whether one statement writes the row, its trail, the letter and the wake-up.
    chains_writes: bool
    #: Where a wake-up is sent in the statement itself; None where nobody listens, or it is switched off.
    channel: str | None

    @classmethod
    def of(cls, dialect: Dialect, namespace: str, *, wake: bool) -> Scope:
        """Return the scope of a namespace. Without *wake* nothing is sent, and polling finds what was written."""
        return cls(namespace, dialect.chains_writes, dialect.channel if wake else None)
