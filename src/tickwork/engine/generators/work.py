"""A piece of work in a worker's hands: what its run may read, remember, and end, in one transaction with its effects.

Whatever a run writes through :meth:`Work.transaction` commits together with what it says about itself there
(:meth:`Work.remember`, :meth:`Work.end`), and only while the claim is still this worker's: the row of the work is held
by its token before the block begins. So a worker that was frozen and taken for dead writes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tickwork.model.generator import Claim, Over, Verdict
from tickwork.model.work import word_of_progress
from tickwork.store import generators
from tickwork.store.own import OwnTransaction
from tickwork.store.scope import Scope
from tickwork.store.store import Store


class Work:
    """One run of (generator, identifier). ``payload`` is what was offered, ``state`` what was remembered."""

    def __init__(self, store: Store, scope: Scope, claim: Claim) -> None:
        self.store, self.scope, self.claim = store, scope, claim
        self.generator, self.identifier, self.payload = claim.generator, claim.identifier, claim.payload
        self.priority, self.attempt = claim.priority, claim.attempt
        self.state: dict[str, Any] = dict(claim.state)
        self.stopping = threading.Event()
        """Somebody wants this run to end: the worker stops, or the claim was lost."""
        self.words: list[tuple[float, str | None]] = []
        """What the run has said of its progress; the last word counts."""
        self.ended = self.lent = False
        self._changed = False
        self._verdict: Verdict | None = None

    @property
    def name(self) -> str:
        """``generator/identifier``, as it stands in logs, lists and the console."""
        return self.claim.name

    def progress(self, share: float, note: str = "") -> None:
        """Say how far this run has come, a share from 0 to 1, with a few words; ``tickwork worker list`` tells it.

        Costs nothing here: the last word is written down about once a second. Raises InvalidInput for a share that is
        none.
        """
        self.words[:] = [word_of_progress(share, note)]

    @contextmanager
    def transaction(self) -> Iterator[OwnTransaction]:
        """Open a transaction for effects that must exist exactly once; lend it with ``app.on(transaction)``.

        Raises LeaseLost before anything is done where somebody else has the work by now. On SQLite it must be short:
        everybody who writes waits for it.
        """
        before, self._changed, self._verdict = dict(self.state), False, None
        try:
            with self.store.begin("worker", handing=True) as transaction:
                transaction.perform(generators.hold(self.scope, self.claim))
                yield OwnTransaction(transaction, self.store.identity)
                if self._verdict is not None:
                    transaction.perform(generators.end(self.scope, self.claim, self._verdict))
                elif self._changed:
                    transaction.perform(generators.remember(self.scope, self.claim, self.state))
        except BaseException:
            self.state = before
            raise
        self.ended, self._changed = self._verdict is not None, False

    def remember(self, state: dict[str, Any]) -> None:
        """Say what is to be remembered instead; it is written at the end of the open transaction, or of the run."""
        self.state, self._changed = dict(state), True

    def end(self, verdict: Verdict | None = None) -> None:
        """Say that with the open transaction the work is over (or what else becomes of it): both commit together."""
        self._verdict = Over() if verdict is None else verdict

    def ended_in(self, state: dict[str, Any] | None) -> None:
        """Note that a transaction of the application's own has ended it, or is about to."""
        self.ended = self.lent = True
        self._changed = False
        if state is not None:
            self.state = dict(state)

    def forget(self) -> None:
        """What was to be remembered is not: the database has refused it."""
        self.state, self._changed = dict(self.claim.state), False

    @property
    def unwritten(self) -> dict[str, Any] | None:
        """What was to be remembered and no transaction has written yet."""
        return self.state if self._changed else None
