"""Many tasks as an application puts them at once: alike but for their actions, checked once for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask, attempts_of
from tickwork.model.task import NewTask, Treatment
from tickwork.watch import Instant

#: What is said of one task, and of no two.
_OF_ONE = ("key", "scope", "existing", "root")


@dataclass(frozen=True, slots=True)
class ManyTasks:
    """Tasks that differ in their actions only, as an application writes them at once."""

    actions: Sequence[PutTask]
    alike: NewTask | None

    @classmethod
    def of(
        cls,
        actions: Sequence[Any],
        at: datetime | Instant | None,
        delay: timedelta | float | None,
        treatment: Treatment,
    ) -> ManyTasks:
        """Check everything that can be checked without the database; the time and the treatment once for all."""
        for name in _OF_ONE:
            if treatment.get(name) is not None:
                raise InvalidInput(name, treatment.get(name), "nothing: it is for one task, put such tasks one by one")
        for action in actions:
            if not isinstance(action, PutTask):
                raise InvalidInput("actions", action, "handler.task(...) of a registered handler, or PutTask")
        return cls(actions, NewTask.of(actions[0], at, delay, treatment) if actions else None)

    def columns(self) -> dict[str, Any]:
        """Return the values that all of them share."""
        return {} if self.alike is None else self.alike.columns()

    def rows(self, allowed: Sequence[int | None]) -> list[tuple[Any, ...]]:
        """Return handler, action, payload, its version and the attempts of each; *allowed* where a handler says so."""
        given = None if self.alike is None else self.alike.treatment.get("attempts")
        return [
            (each.handler, each.kind, each.payload, each.payload_version, given or own or attempts_of(each))
            for each, own in zip(self.actions, allowed, strict=True)
        ]
