"""Walks a table in the order of its numbers, one reader per receiver, each at its own place.

For histories that somebody else must be told of (webhooks), and for facts drawn from a log. Nothing is put into a
queue: a receiver with a million rows before it is one piece of work, ``webhooks/7``, and its place is remembered. So one
that is dead costs one probe per back-off period, whatever its backlog; the order of its rows is kept, one at a time;
one that is disabled is not offered any more, and leaves nothing behind but its place.

A row is told at least once where the telling happens elsewhere: its place is written after it. What a *transactional*
cursor does in the database happens exactly once, for place and effects are one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tickwork.engine.generators import table
from tickwork.engine.generators.bound import NOTHING, Bound
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.model import limits
from tickwork.model.generator import USUAL, Offer, Over, Rest, Verdict
from tickwork.model.retry import Backoff
from tickwork.store.own import OwnTransaction
from tickwork.watch import MINUTE, SECOND, Instant

Row = dict[str, Any]
#: The name of the only reader, where there are no receivers.
ALL = "all"
#: How soon to look again while an open transaction keeps rows from being read.
SOON = SECOND // 10
PROBE = Backoff(first=5 * MINUTE, growth=1.0, cap=5 * MINUTE, jitter=0.0)

_PENDING = """
select receiver, served_at from (
    select r.receiver, g.served_at, (
        select t.{position} from {table} t
         where t.{position} > coalesce(cast(g.state::json ->> 'position' as bigint), :start)
           and t.{position} <= :bound and {mine} and ({where})
         order by t.{position} limit 1) as first
      from ({receivers}) r
      left join tickwork.generator g
        on g.namespace = :namespace and g.name = :name and g.key = cast(r.receiver as text)
     where g.key is null or (g.paused_at is null and (g.next_wake_at is null or g.next_wake_at <= :now)
           and not exists (select 1 from tickwork.lease l where l.token = g.lease))) p
 where first is not null order by coalesce(served_at, 0), receiver limit :n
"""
_ROWS = """
select t.* from {table} t
 where t.{position} > :after and t.{position} <= :bound and {mine} and ({where}) order by t.{position} limit :n
"""
_ENABLED = "select 1 as one from ({receivers}) r where cast(r.receiver as text) = :receiver"


class Cursor(Generator):
    """Walks a table by its numbers, one reader per receiver.

    Args:
        name: its name; work is called ``name/receiver``.
        table: the application's table.
        handle: called with each row (a dict); with ``transactional`` also with the transaction of row and place.
        position: the column of growing whole numbers.
        key: the column that says which receiver a row is for (none: one reader for the whole table).
        receivers: SQL that returns, as ``receiver``, those that are to be told just now.
        where: a condition on rows (``t.`` is the table) that still want to be told.
        too_old: SQL that gives up, in bulk, rows that are too old to be told: sees :receiver, :now, :moment.
        start: the number after which a receiver begins that has no place yet.
        batch: how many rows a run handles before others have their turn.
        save_every: after how many rows the place is written, where the cursor is not transactional.
        transactional: whether effects and place are one commit.
        **settings: priority, limit, every, attempts, backoff, lease: see :class:`Generator`.
    """

    def __init__(
        self,
        name: str,
        table: str,
        handle: Callable[..., Any],
        *,
        position: str = "id",
        key: str | None = None,
        receivers: str | None = None,
        where: str = "1 = 1",
        too_old: str | None = None,
        start: int = NOTHING,
        batch: int = 50,
        save_every: int = 1,
        transactional: bool = False,
        **settings: Any,
    ) -> None:
        given = {"priority": USUAL, "attempts": None, "backoff": PROBE, "every": 1.0, **settings}
        super().__init__(name, **given)
        from tickwork.engine.generators.table import identifier

        self.table, self.position = identifier(table, "table"), identifier(position, "position")
        self.key = None if key is None else identifier(key, "key")
        self.handle, self.too_old, self.start, self.transactional = handle, too_old, start, transactional
        self.batch = limits.number(batch, "batch", 1, 100_000)
        self.save_every = limits.number(save_every, "save_every", 1, 100_000)
        if receivers is None:
            receivers = f"select '{ALL}' as receiver"
            if self.key is not None:
                receivers = f"select distinct {self.key} as receiver from {self.table}"
        mine = "1 = 1" if self.key is None else f"t.{self.key} = r.receiver"
        words = {"table": self.table, "position": self.position, "where": where, "receivers": receivers}
        self._pending = _PENDING.format(**words, mine=mine)
        self._rows = _ROWS.format(**words, mine="1 = 1" if self.key is None else f"t.{self.key} = :receiver")
        self._enabled = _ENABLED.format(**words)
        self._bound: Bound | None = None

    @property
    def bound(self) -> Bound:
        """How far its table may be read."""
        if self._bound is None:
            self._bound = Bound(self.store, self.table, self.position)
        return self._bound

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        self.bound.look(now)
        found = table.read(
            self.store,
            self._pending,
            now,
            bound=self.bound.at,
            start=self.start,
            namespace=self.scope.namespace,
            name=self.name,
            n=limit,
        )
        return [Offer(str(row["receiver"]), self.range.best, row["served_at"] or 0) for row in found]

    def next_wake_at(self, now: Instant) -> Instant | None:
        return now + SOON if self._bound is not None and self._bound.waits else None

    def run(self, work: Work) -> Verdict | None:
        now = self._now()
        if self.too_old is not None:
            with work.transaction() as own:
                table.changed(self.store.dialect, own, self.too_old, now, receiver=work.identifier)
        return self._walk_within(work, now) if self.transactional else self._walk(work, now)

    def place(self, work: Work) -> int:
        """After which number a piece of work goes on."""
        return int(work.state.get("position", self.start))

    def _walk(self, work: Work, now: Instant) -> Verdict:
        rows = table.read(self.store, self._rows, now, **self._slice_after(work))
        unsaved = 0
        try:
            for row in rows:
                if work.stopping.is_set() or not self._is_enabled(work, now):
                    return Rest()
                self.handle(row)
                work.remember({**work.state, "position": row[self._column]})
                unsaved += 1
                if unsaved >= self.save_every:
                    self._save(work)
                    unsaved = 0
        except BaseException:
            if unsaved:
                self._save(work)
            raise
        if unsaved:
            self._save(work)
        return Rest() if len(rows) == self.batch else Over()

    def _walk_within(self, work: Work, now: Instant) -> Verdict | None:
        """Handle a slice, and move on, in one transaction."""
        with work.transaction() as own:
            rows = table.told(self.store.dialect, own, self._rows, now, **self._slice_after(work))
            if not rows or not self._is_enabled(work, now, own):
                return None
            self.handle_rows(rows, own, work)
            work.remember({**work.state, "position": rows[-1][self._column], "rows": self.count(work) + len(rows)})
            work.end(Rest(0, work.state) if len(rows) == self.batch else Over(work.state))
        return None

    def handle_rows(self, rows: Sequence[Row], own: OwnTransaction, work: Work) -> None:
        """Handle a slice in the transaction in which the place moves on."""
        for row in rows:
            self.handle(row, own)

    def count(self, work: Work) -> int:
        """How many rows have been handled for this receiver."""
        return int(work.state.get("rows", 0))

    @property
    def _column(self) -> str:
        return self.position.strip('"')

    def _slice_after(self, work: Work) -> dict[str, Any]:
        values = {"after": self.place(work), "bound": self.bound.at, "n": self.batch}
        return {**values, "receiver": work.identifier}

    def _save(self, work: Work) -> None:
        with work.transaction():
            work.remember(work.state)

    def _is_enabled(self, work: Work, now: Instant, own: OwnTransaction | None = None) -> bool:
        if own is not None:
            return bool(table.told(self.store.dialect, own, self._enabled, now, receiver=work.identifier))
        return bool(table.read(self.store, self._enabled, now, receiver=work.identifier))

    def _now(self) -> Instant:
        with self.store.read() as transaction:
            return int(transaction.all("generators_at_rest", namespaces=[])[0][0])


class Aggregate(Cursor):
    """Works through a table in chunks, each exactly once: sums, facts, coverage.

    ``handle(rows, transaction)`` adds a chunk to what the application keeps; chunk, place and progress are one commit.
    Its usual priority is 1900: a little before ordinary work, since people wait for its sums.
    """

    def __init__(
        self, name: str, table: str, handle: Callable[..., Any], *, chunk: int = 1_000, **settings: Any
    ) -> None:
        from tickwork.model.generator import AGGREGATE

        given = {"priority": AGGREGATE, "backoff": Backoff(), **settings}
        super().__init__(name, table, handle, batch=chunk, transactional=True, **given)

    def handle_rows(self, rows: Sequence[Row], own: OwnTransaction, work: Work) -> None:
        self.handle(rows, own)
