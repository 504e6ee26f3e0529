"""What a database must supply, and a transaction as the rest of the house sees it.

A dialect is the list of what *differs*: how to begin, how a batch of rows is handed over, which errors mean what,
how a wake-up travels. Everything else stands in the book. A :class:`Transaction` is begun in a role and runs
statements by name; the role is checked for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from tickwork.errors import StoreError
from tickwork.store.book import Book, Statement, Style, Turn
from tickwork.store.ear import Ear
from tickwork.watch import Instant

Row = tuple[Any, ...]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """One statement that a verb asks for: whoever performs the verb runs it and sends the rows back."""

    name: str
    values: dict[str, Any]
    whole: bool = False
    """A write that may be a transaction by itself: it changes nothing where it returns nothing, else it was all."""


#: A verb is a generator: it yields calls and gets their rows, so that one text serves sync and async connections.
Verb = Generator[Call, list[Row], Result]


def ask(statement: str, /, **values: Any) -> Generator[Call, list[Row], list[Row]]:
    """Inside a verb: have one statement run, ``rows = yield from ask("trigger_by_key", key=...)``."""
    return (yield Call(statement, values))


def ask_whole(statement: str, /, **values: Any) -> Generator[Call, list[Row], list[Row]]:
    """Have one write run that may be a transaction by itself, as it is where a verb begins and ends with it."""
    return (yield Call(statement, values, whole=True))


@dataclass(frozen=True)
class Identity:
    """Which database this is: two connections with equal identities see the same tables."""

    kind: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}:{'/'.join(self.parts)}"


class Transaction(ABC):
    """An open transaction in a role. Statements are run by name and come back as lists of tuples."""

    dialect: Dialect
    role: str

    def __init__(self, dialect: Dialect, role: str, now: Instant | None) -> None:
        self.dialect, self.role, self._now = dialect, role, now
        self._book = dialect.book

    def all(self, statement: str, /, **values: Any) -> list[Row]:
        """Run one statement and return its rows (none for a statement that returns nothing)."""
        found = self._allowed(statement)
        return self._execute(found, self._filled(found, values))

    def one(self, statement: str, /, **values: Any) -> Row | None:
        """Run one statement and return its first row, or None."""
        rows = self.all(statement, **values)
        return rows[0] if rows else None

    @abstractmethod
    def run(self, statement: str, /, **values: Any) -> int:
        """Run one statement and return how many rows it touched."""

    @abstractmethod
    def many(self, statement: str, columns: Sequence[str], rows: Sequence[Row]) -> int:
        """Run one statement for many rows (arrays on PostgreSQL, executemany on SQLite); return the rows touched."""

    def many_counted(self, statement: str, columns: Sequence[str], rows: Sequence[Row], **values: Any) -> int:
        """Like :meth:`many`, for a statement that counts what it did and returns the number as its one row.

        *values* are the same for all rows.
        """
        raise NotImplementedError(f"{self.dialect.name} does not chain writes")

    def perform(self, verb: Verb[Result], call: Call | None = None) -> Result:
        """Run a verb to its end and return what it returns; one that was begun already has asked for *call*."""
        try:
            call = next(verb) if call is None else call
            while True:
                try:
                    rows = self.all(call.name, **call.values)
                except Exception as error:
                    call = verb.throw(error)
                else:
                    call = verb.send(rows)
        except StopIteration as stop:
            result: Result = stop.value
            return result

    @property
    @abstractmethod
    def stands(self) -> bool:
        """Whether the transaction is open and has not failed, by what the driver says."""

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """Undo, on an error, what was written inside; the transaction lives on."""

    @abstractmethod
    def _execute(self, statement: Statement, values: dict[str, Any]) -> list[Row]: ...

    def _allowed(self, name: str) -> Statement:
        statement = self._book[name]
        statement.allow(self.role)
        self.dialect.tell(name)
        return statement

    def _filled(self, statement: Statement, values: dict[str, Any]) -> dict[str, Any]:
        if "now" in statement.parameters and "now" not in values:
            values["now"] = self.dialect.now(self._now)
        return values


class Dialect(ABC):
    """One kind of database."""

    name: ClassVar[str]
    style: ClassVar[Style]
    #: Whether several writes fit into one statement (data-modifying CTE).
    chains_writes: ClassVar[bool]
    #: Whether rows are locked one by one (and may be skipped), or the whole database has one writer at a time.
    locks_rows: ClassVar[bool]
    #: How long a transaction with a handler of the user's in it may take, in microseconds; None: nobody waits for it.
    longest_own: ClassVar[int | None] = None
    #: Called with a statement's name before it is run: the tests count, or kill the process, here.
    on_statement: Callable[[str], None] | None = None

    book: Book
    #: What is turned on loading a statement or a migration.
    turn: Turn
    #: Where a statement sends its wake-up; None where commits are seen without.
    channel: str | None = None

    @abstractmethod
    def begin(
        self, role: str, now: Instant | None = None, *, reading: bool = False, handing: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction of this library's own; commit at the end of the block, roll back on an error.

        *handing*: a handler of the user's will write in it, so its session is planned as any application's is.
        """

    def at_once(self, role: str, now: Instant | None, call: Call) -> list[Row] | None:
        """Run a whole write as a transaction of its own, without a begin and a commit, and return its rows.

        None where that cannot be, or not safely just now: nothing was run.
        """
        return None

    @abstractmethod
    def now(self, given: Instant | None) -> Instant | None:
        """What ``:now`` is bound to: the time handed in, or the database's own clock."""

    @abstractmethod
    def trouble(self, error: BaseException, *, lent: bool = False) -> StoreError | None:
        """Say what an error of the driver means in our words, or None if it is not the driver's.

        *lent*: it happened in a transaction that the user had opened, so waiting and trying again is theirs.
        """

    @abstractmethod
    def array(self, values: Iterable[Any]) -> Any:
        """Return *values* as this dialect hands over an array."""

    @abstractmethod
    def identity(self) -> Identity:
        """Ask the database which one it is."""

    @abstractmethod
    def ear(self) -> Ear:
        """Return something that hears wake-ups."""

    @abstractmethod
    def alone(self, name: str) -> AbstractContextManager[bool] | None:
        """Return a lock that dies with this process (True: it is ours), or None where this kind of access has none."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection of this dialect's own."""

    @abstractmethod
    def script(self, transaction: Transaction, text: str) -> None:
        """Run the statements of a migration."""

    def tell(self, statement: str) -> None:
        """Say to whoever counts (or kills) that a statement, a ``begin`` or a ``commit`` is about to be run."""
        if self.on_statement is not None:
            self.on_statement(statement)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise the driver's errors as ours, with the cause chained."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            trouble = self.trouble(error)
            if trouble is None:
                raise
            raise trouble from error
