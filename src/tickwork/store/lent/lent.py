"""What a lent connection must be able to do: say how its transaction stands, and run a statement.

Everything here belongs to the user: nothing is closed, no setting is changed, and a transaction that the user opened is
neither committed nor rolled back. The methods return values, or awaitables where the connection is asynchronous; one
text (:func:`tickwork.store.lent.performing.performed`) drives both.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from tickwork.store.book import Statement, Style
from tickwork.store.dialect import Identity

Result = TypeVar("Result")
#: A step returns its value, or an awaitable of it.
Step = Callable[[], Any]
Steps = Generator[Step, Any, Result]


class Standing(enum.Enum):
    """How the transaction of a lent connection stands before a verb."""

    #: The user's transaction is open, or the driver opens it with the first statement: the verb joins it.
    OPEN = enum.auto()
    #: None is open, and the next write would open one that the user ends: the verb opens it, as a writer.
    OPENS = enum.auto()
    #: None is open, and each statement commits by itself: the verb is a transaction of its own.
    ALONE = enum.auto()
    #: An earlier statement failed; nothing works before the user rolls back.
    FAILED = enum.auto()


class Loan(ABC):
    """What a user hands over: a connection, or something that has one."""

    @abstractmethod
    def opened(self) -> Lent:
        """Return the connection that a verb runs on; asked anew for every verb."""

    def perform(self, steps: Callable[[Loan], Steps[Result]], ready: Callable[[], None]) -> Any:
        """Take the steps of a verb; *ready* checks first, on a connection of our own, what is checked once."""
        ready()
        return taken(steps(self))


class Lent(Loan):
    """A connection that the user holds."""

    #: Which kind of store it can lead to.
    store: str
    style: Style
    _identities: ClassVar[WeakKeyDictionary[Any, Identity]] = WeakKeyDictionary()

    @abstractmethod
    def standing(self) -> Standing:
        """Say how the transaction stands; asks the driver, never the database."""

    @abstractmethod
    def execute(self, text: str, values: Any) -> Any:
        """Run one statement, written in this connection's style; return its rows as tuples."""

    @property
    @abstractmethod
    def anchor(self) -> object:
        """The object that stands for the connection itself: what it leads to is asked once for it."""

    def opened(self) -> Lent:
        return self

    def run(self, text: str) -> Any:
        """Run a plain statement: begin, commit, rollback."""
        return self.execute(text, None)

    def begin(self) -> Any:
        # SQLite's word is the same for every driver: a writer from the start, so that it waits instead of failing
        return self.run("begin immediate" if self.store == "sqlite" else "begin")

    def commit(self) -> Any:
        return self.run("commit")

    def rollback(self) -> Any:
        return self.run("rollback")

    def arguments(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Return the parameters as this style wants them."""
        if self.style in ("named", "pyformat"):
            return {name: values[name] for name in statement.parameters}
        names = statement.order if self.style == "qmark" else statement.parameters
        return tuple(values[name] for name in names)

    def remembered(self) -> Identity | None:
        """What was found out about this connection before."""
        try:
            return self._identities.get(self.anchor)
        except TypeError:  # an object that cannot be referred to weakly is asked each time
            return None

    def remember(self, identity: Identity) -> None:
        try:
            self._identities[self.anchor] = identity
        except TypeError:
            return


def taken(steps: Steps[Result]) -> Result:
    """Take steps that return values."""
    try:
        step = next(steps)
        while True:
            try:
                value = step()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(value)
    except StopIteration as stop:
        result: Result = stop.value
        return result


async def awaited(steps: Steps[Result]) -> Result:
    """Take steps that return awaitables."""
    try:
        step = next(steps)
        while True:
            try:
                value = await step()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(value)
    except StopIteration as stop:
        result: Result = stop.value
        return result
