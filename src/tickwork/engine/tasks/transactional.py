"""Transactional handlers: the effects of a run, its follow-ups and its completion are one transaction.

The task is held by its token first, so a worker whose lease was lost does nothing at all; then the handler writes;
then the task is deleted and archived. A crash at any moment leaves all of it or nothing, which makes the effects
exactly-once. An error, a signal, a cancel request that came meanwhile: everything is rolled back, and the run ends as
any other does. The commit of a run that took too long for the others (SQLite has one writer) is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tickwork.errors import StoreError, TickworkError
from tickwork.model.outcome import Outcome
from tickwork.model.work import Claimed
from tickwork.store import archive, claims
from tickwork.store.own import OwnTransaction
from tickwork.watch import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tickwork.store.store import Store
    from tickwork.watch import Watch

log = logging.getLogger("tickwork.worker")

#: After a run that kept everybody else from writing for so long ...
LONG_SECONDS = 0.05
#: ... others get so much time: SQLite's waiters look ten times a second, and whoever asks first gets the lock.
BREATH_SECONDS = 0.15


class Raised(Exception):
    """What the handler raised, on its way out of the transaction; as it was, not as the database would say it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(repr(error))


class NotOurs(TickworkError):
    """The lease was lost before the handler was called."""


class NotBegun(TickworkError):
    """The transaction could not be begun: the task has not run."""


class TookTooLong(TickworkError):
    """The handler kept the database's only writer for longer than others wait for it; nothing of it was committed."""


class AskedToStop(TickworkError):
    """Somebody asked to cancel the task while it ran: what it wrote is rolled back."""


class Transactional:
    """Runs handlers in their task's own transaction; where there is one writer only, one of them at a time."""

    def __init__(self, store: Store, steady: Watch, number: Callable[[], int]) -> None:
        self.store, self.steady, self.number = store, steady, number
        self._turns = None if store.dialect.locks_rows else threading.Lock()

    def run(self, claimed: Claimed, call: Callable[[OwnTransaction], Outcome]) -> Outcome:
        """Run *call* in a transaction that holds the task; return its outcome, settled.

        Raises Raised with what the handler raised, NotOurs, NotBegun, TookTooLong, AskedToStop, or StoreError where
        the commit failed: nothing was committed then, but for an answer that was lost.
        """
        number = self.number()  # it may have a transaction of its own
        with self._turn():
            began = self.steady.now()
            held = False
            try:
                with self.store.begin("worker", handing=True) as transaction:
                    if not claims.hold(transaction, claimed):
                        raise NotOurs(f"task {claimed.id}: the lease was lost before it began")
                    held = True
                    own = OwnTransaction(transaction, self.store.identity)
                    outcome = self._called(call, own)
                    if not own.open:
                        raise StoreError(f"{claimed.handler} ended its task's transaction itself, or left it failed")
                    self._check_length(claimed, self.steady.now() - began)
                    letters = archive.settle(transaction, number, [outcome], []).letters
                    if transaction.one("own_last_word", id=claimed.id) != (outcome.outcome,):
                        raise AskedToStop(f"task {claimed.id} was cancelled while it ran")
            except StoreError as error:
                if not held:
                    raise NotBegun(str(error)) from error
                raise
        return outcome._replace(settled=True, letters=letters)

    def _called(self, call: Callable[[OwnTransaction], Outcome], own: OwnTransaction) -> Outcome:
        try:
            return call(own)
        except BaseException as error:
            raise Raised(error) from error

    def _check_length(self, claimed: Claimed, took: int) -> None:
        longest = self.store.dialect.longest_own
        if longest is not None and took > longest:
            raise TookTooLong(
                f"{claimed.handler} held the database's only writer for {took / SECOND:.1f} s; {longest / SECOND:g} s are "
                "allowed, since everybody else waits. Do the slow part before, in a handler of its own"
            )

    @contextmanager
    def _turn(self) -> Iterator[Any]:
        """Where there is one writer only: one run at a time, and a breath for the other writers after a long one."""
        if self._turns is None:
            yield
            return
        with self._turns:
            began = self.steady.now()
            try:
                yield
            finally:
                if self.steady.now() - began > LONG_SECONDS * SECOND:
                    threading.Event().wait(BREATH_SECONDS)
