"""Flows: work that goes on when other work is over. ``a.then(b)`` is a chain, ``Group([...]).then(b)`` waits for many.

A flow is a value that every put takes, in an application and in a handler. What waits is a task from the beginning, so
it is listed, cancelled and found by its key; it is ready when the last of those it waits for is over. Flows nest: a
member of a group may be a flow itself, and what waits for the group waits for its last step.

A member has gone well when it is done or declined (no longer relevant). What becomes of the rest, and of what waits,
when one has not, is the word ``on_failure``:

================  ===========================  ==================================
on_failure        the other members            what waits
================  ===========================  ==================================
``give up``       run to their end             is cancelled when all are over
``run``           run to their end             runs, and is told how many
``stop``          are cancelled at once        is cancelled when all are over
``stop and run``  are cancelled at once        runs, and is told how many
================  ===========================  ==================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Unpack

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask
from tickwork.model.task import Treatment
from tickwork.watch import Instant

#: What becomes of a flow when one of those that something waits for has not gone well.
OnFailure = Literal["give up", "run", "stop", "stop and run"]
ON_FAILURE = ("give up", "run", "stop", "stop and run")
#: These ends are no failures.
WELL = ("done", "declined")
#: How deep flows may nest; a chain of so many steps is as deep.
DEPTH = 100

#: Checks a task and returns its columns: an action, its time and its treatment.
Columns = Callable[[Any, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Then:
    """A task that waits for others: made by ``.then`` of an action, of a :class:`Group` or of another one of these."""

    first: PutTask | Group | Then
    action: PutTask
    on_failure: OnFailure
    given: Mapping[str, Any]

    def then(
        self,
        action: PutTask,
        *,
        on_failure: OnFailure = "give up",
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        **treatment: Unpack[Treatment],
    ) -> Then:
        """Let *action* run when this is over; see :func:`then`."""
        return then(self, action, on_failure, at, delay, treatment)


class Group:
    """Tasks that something waits for: ``Group(lines).then(action)``.

    Args:
        members: actions, or pairs of an action and a mapping of its own time and treatment, or flows.

    >>> Group([PutTask("page.fetch"), PutTask("page.fetch")]).then(PutTask("report.build")).on_failure
    'give up'
    """

    __slots__ = ("members",)

    def __init__(self, members: Iterable[Any]) -> None:
        self.members = tuple(members)

    def __repr__(self) -> str:
        return f"Group of {len(self.members):,}"

    def then(
        self,
        action: PutTask,
        *,
        on_failure: OnFailure = "give up",
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        **treatment: Unpack[Treatment],
    ) -> Then:
        """Let *action* run when all members are over; see :func:`then`."""
        return then(self, action, on_failure, at, delay, treatment)


def then(
    first: PutTask | Group | Then,
    action: PutTask,
    on_failure: OnFailure,
    at: datetime | Instant | None,
    delay: timedelta | float | None,
    treatment: Treatment,
) -> Then:
    """Let *action* run when *first* is over.

    Args:
        first: what it waits for.
        action: what runs then.
        on_failure: what happens when one of *first* has not gone well (see the module).
        at: an instant before which it does not run, whenever the others end.
        delay: how long it waits after their end, a timedelta or seconds.
        treatment: its own priority, queue, key and so on.
    """
    if not isinstance(action, PutTask):
        raise InvalidInput("then", action, "handler.task(...) of a registered handler, or PutTask")
    if on_failure not in ON_FAILURE:
        raise InvalidInput("on_failure", on_failure, ", ".join(ON_FAILURE))
    given: dict[str, Any] = dict(treatment)
    given.update({} if at is None else {"at": at}, **({} if delay is None else {"delay": delay}))
    return Then(first, action, on_failure, given)


#: Words that are said of the task that a put returns, and of no other task of its flow.
_OF_THE_LAST = ("key", "scope", "existing", "dedupe")


def flow_columns(what: Any, given: Mapping[str, Any], columns: Columns, depth: int = 0) -> dict[str, Any]:
    """Check a flow, or a single task, and return it as plain data: columns, and what the task waits for in ``members``.

    *given* is said for all tasks of the flow that do not say it themselves; a key is the last one's, and a time that of
    those which wait for nothing.
    """
    if depth > DEPTH:
        raise InvalidInput("flow", "one that is deeper", f"at most {DEPTH} tasks, one waiting for the other")
    if isinstance(what, Group):
        raise InvalidInput("action", what, "Group(...).then(...); tasks that nothing waits for are put with put_many")
    if not isinstance(what, Then):
        return columns(what, given)
    shared = {name: value for name, value in given.items() if name not in _OF_THE_LAST}
    mine = {name: value for name, value in given.items() if name not in ("at", "delay")}
    row = columns(what.action, {**mine, **what.given})
    if row["existing"] != "keep":
        raise InvalidInput("existing", row["existing"], "keep: what waits for others cannot be changed by a second put")
    members = what.first.members if isinstance(what.first, Group) else (what.first,)
    row["on_failure"] = what.on_failure
    row["members"] = [_member(each, shared, columns, depth + 1) for each in members]
    return row


def _member(line: Any, shared: Mapping[str, Any], columns: Columns, depth: int) -> dict[str, Any]:
    what, special = line if isinstance(line, tuple) and len(line) == 2 else (line, {})
    if not isinstance(special, Mapping):
        raise InvalidInput("member", line, "an action, (action, {its time and treatment}), or a flow")
    timed = {} if not ("at" in special or "delay" in special) else {"at": None, "delay": None}
    return flow_columns(what, {**shared, **timed, **special}, columns, depth)


def rows_of(flow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the columns of every task of a flow."""
    yield flow  # type: ignore[misc]
    for member in flow.get("members", ()):
        yield from rows_of(member)


def with_attempts(flow: Mapping[str, Any], attempts: Callable[[str], int]) -> dict[str, Any]:
    """Return a flow whose tasks have the attempts of their handlers where nothing else was said."""
    filled = dict(flow) if flow["attempts"] is not None else {**flow, "attempts": attempts(flow["handler"])}
    if "members" in filled:
        filled["members"] = [with_attempts(member, attempts) for member in filled["members"]]
    return filled


class Gathered(msgspec.Struct, frozen=True):
    """How those ended that a task has waited for.

    >>> gathered = Gathered(7, {"done": 998, "gave up": 2})
    >>> gathered.total, gathered.failed, gathered.done
    (1000, 2, 998)
    """

    group: int
    """The group's number: ``app.tasks.results(group)`` reads what its members left."""
    ended: dict[str, int] = {}
    """How many ended how, by outcome."""

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.ended.values())

    @property
    def done(self) -> int:
        """How many are done."""
        return self.ended.get("done", 0)

    @property
    def failed(self) -> int:
        """How many have not gone well: all but those that are done or declined."""
        return sum(count for outcome, count in self.ended.items() if outcome not in WELL)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(self.ended.items())) or "none"
