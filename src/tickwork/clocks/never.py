"""A clock that never fires: an order that stands ready and is only ever fired by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.stored import Stored
from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class Never(Clock):
    """Never fires.

    >>> Never().preview(3, since=0)
    []
    """

    kind: ClassVar[str] = "never"

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        return None

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        return None

    def params(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        Stored(cls.kind, params).done()
        return cls()

    def describe(self) -> str:
        return "never"
