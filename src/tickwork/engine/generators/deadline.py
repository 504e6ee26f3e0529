"""Rows that have run for longer than a limit which is stored elsewhere: each one is failed exactly once.

"Fail a build after the seconds that its plan allows." What is overdue is a question, asked again and again, never a
date that was written down: so when the plan's limit changes nothing else is written, and every running build follows.
A row is looked at once more inside the transaction in which it is failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tickwork.engine.generators import table
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.model.generator import USUAL, Offer, Over, Verdict
from tickwork.watch import Instant

_STILL = "select 1 as one from ({overdue}) o where o.identifier = :identifier"
_FIRST = "select * from ({overdue}) o limit :n"


class Deadline(Generator):
    """Fails what has run for longer than a limit that is stored elsewhere.

    Args:
        name: its name; work is called ``name/identifier``.
        overdue: SQL that returns, as ``identifier``, what is overdue at ``:now`` (or ``:moment``), in the order in which
            it is to be failed; a limit that is null never is. Say the columns as they are, so that one row is found by
            its key.
        handle: called with the identifier (as text) and the transaction in which the row is failed.
        **settings: priority, limit, every, attempts, backoff, lease: see :class:`Generator`.
    """

    def __init__(
        self, name: str, overdue: str, handle: Callable[[str, Any], Any], *, every: Any = 10.0, **settings: Any
    ) -> None:
        super().__init__(name, every=every, **{"priority": USUAL, **settings})
        self.handle = handle
        self._first, self._still = _FIRST.format(overdue=overdue), _STILL.format(overdue=overdue)

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        rows = table.read(self.store, self._first, now, n=limit)
        return [Offer(str(row["identifier"]), self.range.best, row.get("due_at")) for row in rows]

    def run(self, work: Work) -> Verdict | None:
        now = work.claim.claimed_at
        with work.transaction() as own:
            if table.told(self.store.dialect, own, self._still, now, identifier=work.identifier):
                self.handle(work.identifier, own)
            work.end(Over())
        return None
