"""What an executor runs at a time: one piece of work, or several that are run in one call. Whose it is, it says itself."""

from __future__ import annotations

from typing import Protocol

from tickwork.watch import Instant


class Unit(Protocol):
    """Work that was claimed and has not begun: named by (generator, identifier), under a token, ready to be run."""

    @property
    def name(self) -> str:
        """``generator/identifier``, as it stands in logs, lists and the console."""
        ...

    @property
    def identifier(self) -> str: ...

    @property
    def token(self) -> int: ...

    @property
    def priority(self) -> int: ...

    @property
    def claimed_at(self) -> Instant: ...

    @property
    def size(self) -> int:
        """How many pieces it is."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop instead of a thread."""
        ...

    def run(self) -> None:
        """Run to the end, and hand the outcome to whoever settles it; it raises nothing."""

    async def run_async(self) -> None:
        """The same on the event loop."""

    def give_back(self) -> None:
        """It has not begun and will not begin here."""
