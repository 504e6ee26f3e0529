"""Verbs on all the tasks that a filter selects: cancel, retry, delay, reprioritise, free, awaken.

``app.tasks.where(...)`` selects, and a filter that says nothing is refused by every verb that changes something. What
is selected is read once and then treated a thousand at a time, each slice in a transaction of its own, so that no lock
is held for long; in a lent transaction everything happens in that one. ``dry_run`` tells what would be treated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tickwork.api.desk import Desk
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.selection import Selected, TaskFilter
from tickwork.model.task import when
from tickwork.store import selections
from tickwork.store.dialect import Verb
from tickwork.store.scope import Scope
from tickwork.store.selections import Act, Done
from tickwork.store.tasks import become_writer
from tickwork.watch import Instant

SLICE = 1_000


class Change(NamedTuple):
    """What was done to one task, and how it stood before."""

    was: Selected
    did: str


#: Is told each task as it was treated.
Tell = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Treated:
    """What a bulk verb did: how many tasks were selected, and what was done to how many."""

    selected: int
    did: dict[str, int] = field(default_factory=dict)


class SelectedTasks:
    """The tasks of one namespace that a filter selects."""

    def __init__(self, desk: Desk, wanted: TaskFilter) -> None:
        self._desk, self._wanted = desk, wanted

    def list(self) -> list[Selected]:
        """Return them, those that would run first in front."""
        desk, wanted = self._desk, self._wanted
        return desk.look(lambda: selections.select(desk.scope, wanted))

    def count(self) -> int:
        """Return how many they are."""
        desk, wanted = self._desk, self._wanted

        def verb() -> Verb[int]:
            return len((yield from selections.select(desk.scope, wanted)))

        return desk.look(verb)

    def cancel(
        self, *, reason: str | None = None, by: str = "", dry_run: bool = False, tell: Tell | None = None
    ) -> Treated:
        """Cancel those that wait; those that run are asked to stop."""
        return self._treat(selections.cancelling(reason, by), dry_run=dry_run, tell=tell)

    def retry(self, *, repeat: bool = False, dry_run: bool = False, tell: Tell | None = None) -> Treated:
        """Bring archived ones back under their ids: with ``outcome`` in the filter, or ids.

        Those that went well come back with *repeat* only; one whose key another task has by now stays where it is.
        """
        if self._wanted.state is not None:
            raise InvalidInput("state", self._wanted.state, "an outcome instead: only a task that is over is retried")
        return self._treat(
            selections.retrying(repeat=repeat), dry_run=dry_run, tell=tell, select=selections.select_over
        )

    def delay(
        self,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        dry_run: bool = False,
        tell: Tell | None = None,
    ) -> Treated:
        """Let those that do not run wait until an instant, or for so long from now; a past instant means now.

        What waits until then already is unchanged, and so is what waits for others to end.
        """
        if at is None and delay is None:
            raise InvalidInput("at", None, "an instant, or a delay: until when they are to wait")
        instant, wait = when(at, delay)
        act = selections.editing("delay_tasks", at=instant, delay=wait)
        return self._treat(act, dry_run=dry_run, tell=tell)

    def reprioritise(self, priority: int, *, dry_run: bool = False, tell: Tell | None = None) -> Treated:
        """Give those that do not run another priority: 1 to 9999, the smaller the sooner; those that have it are unchanged."""
        act = selections.editing("reprioritise_tasks", priority=limits.priority(priority))
        return self._treat(act, dry_run=dry_run, tell=tell)

    def free(self, *, dry_run: bool = False, tell: Tell | None = None) -> Treated:
        """Let those that wait for a retry, a snooze or their time run at once."""
        return self._treat(selections.changing("free_tasks", "freed"), dry_run=dry_run, tell=tell)

    def awaken(self, *, dry_run: bool = False, tell: Tell | None = None) -> Treated:
        """Let those run at once that put themselves off (Snooze); what waits after a failure goes on waiting."""
        return self._treat(selections.awakening, dry_run=dry_run, tell=tell)

    def _treat(
        self,
        act: Act,
        *,
        dry_run: bool,
        tell: Tell | None,
        select: Callable[[Scope, TaskFilter], Verb[Sequence[Selected]]] = selections.select,
    ) -> Treated:
        desk, wanted = self._desk, self._wanted
        wanted.refuse_empty()
        counts: Counter[str] = Counter()

        def told(part: Sequence[Selected], done: Done) -> None:
            for was in part:
                did = "would" if dry_run else done.get(was.id) or _left_alone(was)
                counts[did] += 1
                if tell is not None:
                    tell(Change(was, did))

        def whole() -> Verb[Treated]:
            if not dry_run:
                yield from become_writer(desk.scope)
            found = yield from select(desk.scope, wanted)
            for part in _slices(found):
                done: Done = {} if dry_run else (yield from act(desk.scope, [each.id for each in part]))
                told(part, done)
            return Treated(len(found), dict(counts))

        if desk.lent or dry_run:
            return (desk.look if dry_run else desk.perform)(whole)
        found = desk.look(lambda: select(desk.scope, wanted))
        for part in _slices(found):
            ids = [each.id for each in part]
            told(part, desk.perform(lambda ids=ids: act(desk.scope, ids)))  # type: ignore[misc]
        return Treated(len(found), dict(counts))


def _slices(found: Sequence[Selected]) -> Iterator[Sequence[Selected]]:
    for start in range(0, len(found), SLICE):
        yield found[start : start + SLICE]


def _left_alone(was: Selected) -> str:
    """Say why a verb did nothing to a task: by what it was when it was selected."""
    return was.state if was.state in ("running", "done") else "unchanged"


def task_filter(filters: Mapping[str, Any]) -> TaskFilter:
    """Return the filter that the words say; raises InvalidInput for a word that is none."""
    known = [each.name for each in fields(TaskFilter)]
    for name, value in filters.items():
        if name not in known:
            raise InvalidInput(name, value, f"one of the filters: {', '.join(known)}")
    return TaskFilter(**filters)
