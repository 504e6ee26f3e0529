"""``app.on(x)``: the same rooms, with the user's own transaction behind the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from tickwork.api import assembly
from tickwork.api.generators import Generators
from tickwork.api.objects import Objects
from tickwork.api.tasks import Tasks
from tickwork.api.topics import Topics
from tickwork.api.triggers import Triggers
from tickwork.clocks.clock import Clock
from tickwork.model.action import Action, PutTask
from tickwork.model.flow import Then
from tickwork.model.standing_order import Terms, TriggerPut
from tickwork.model.task import TaskPut, Treatment
from tickwork.store.dialect import Result, Verb
from tickwork.store.lent.kinds import loan_of
from tickwork.store.lent.performing import performed
from tickwork.watch import Instant

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


class Lent:
    """Verbs in a transaction that is the user's: what they write lives and dies with it.

    On something asynchronous every verb returns an awaitable of what it returns here.
    """

    def __init__(
        self, triggers: Triggers, tasks: Tasks, generators: Generators, objects: Objects, topics: Topics
    ) -> None:
        self.triggers, self.tasks, self.generators, self.objects = triggers, tasks, generators, objects
        self.topics = topics

    def trigger(
        self,
        key: str,
        clock: Clock | datetime,
        action: Action,
        *,
        rearm: bool = False,
        by: str = "",
        unchecked: bool = False,
        **terms: Unpack[Terms],
    ) -> TriggerPut:
        """Write a trigger: short for ``.triggers.put``."""
        return self.triggers.put(key, clock, action, rearm=rearm, by=by, unchecked=unchecked, **terms)

    def put(
        self,
        action: PutTask | Then,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        **treatment: Unpack[Treatment],
    ) -> TaskPut:
        """Put a task: short for ``.tasks.put``."""
        return self.tasks.put(action, at=at, delay=delay, unchecked=unchecked, **treatment)


class Awaited(Protocol):
    """The awaited twin of a room, for type checkers: every verb of it returns an awaitable."""

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]: ...


class LentAsync(Protocol):
    """What :class:`Lent` is on something asynchronous, for type checkers."""

    triggers: Awaited
    tasks: Awaited
    objects: Awaited
    topics: Awaited
    generators: Awaited
    trigger: Callable[..., Awaitable[TriggerPut]]
    put: Callable[..., Awaitable[TaskPut]]


class Asynchronous(Protocol):
    """Something asynchronous to lend, for type checkers: its statements are awaited."""

    @property
    def execute(self) -> Callable[..., Awaitable[Any]]: ...


def lend(lent: Any, app: Tickwork) -> Lent:
    """Return the verbs of *app* in the transaction of what is lent; raises InvalidInput for what nobody knows."""
    loan = loan_of(lent)

    def perform(make: Callable[[], Verb[Result]], /) -> Result:
        answer: Result = loan.perform(partial(performed, app.store, make), app.ready_for_loans)
        return answer

    desk = assembly.desk(app.store, app.settings, app.handlers, perform, perform, lent=True)
    generators = Generators(desk, app.store, app.settings.namespace)
    return Lent(Triggers(desk), Tasks(desk), generators, Objects(desk), Topics(desk, app.subscriptions))
