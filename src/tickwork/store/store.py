"""The store: transactions begun in a role, on one database, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property

from tickwork.store import migrate
from tickwork.store.dialect import Dialect, Identity, Result, Transaction, Verb
from tickwork.watch import Instant, Watch


class Store:
    """One database.

    With a *watch* every statement is told the time by it (tests wind it); without, the database's clock decides.
    """

    def __init__(self, dialect: Dialect, watch: Watch | None = None) -> None:
        self.dialect, self.watch = dialect, watch

    def begin(
        self, role: str, now: Instant | None = None, *, reading: bool = False, handing: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction of our own in a role; it commits at the end of the block. *handing*: to a handler."""
        return self.dialect.begin(role, self._time(now), reading=reading, handing=handing)

    def read(self, now: Instant | None = None) -> AbstractContextManager[Transaction]:
        """Open a transaction that changes nothing."""
        return self.begin("operator", now, reading=True)

    def perform(self, role: str, make: Callable[[], Verb[Result]]) -> Result:
        """Run one verb in a transaction of its own, which is a single statement where that is all there is to it."""
        verb = make()
        try:
            call = next(verb)
            if call.whole and (rows := self.dialect.at_once(role, self._time(), call)) is not None:
                call = verb.send(rows)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        with self.begin(role) as transaction:
            return transaction.perform(verb, call)

    def _time(self, now: Instant | None = None) -> Instant | None:
        """The time that statements are told, None where the database's clock decides."""
        return self.watch.now() if now is None and self.watch is not None else now

    @cached_property
    def identity(self) -> Identity:
        """Which database this is (asked once)."""
        return self.dialect.identity()

    def migrate(self, to: int | None = None) -> list[str]:
        """Bring the tables up to date; return the names of the steps that were taken."""
        return migrate.upgrade(self.dialect, to)

    def check_schema(self) -> None:
        """Raise SchemaMismatch unless the tables are exactly those of this program."""
        migrate.check(self.dialect)

    def supports(self, ability: str) -> bool:
        """Say whether this store has an ability: ``skip-locked``, ``listen``, ``delay`` ..."""
        return ability in migrate.abilities(self.dialect)

    def close(self) -> None:
        """Close every connection of the store's own."""
        self.dialect.close()
