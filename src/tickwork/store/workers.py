"""The processes that run, as the database knows them: an incarnation each, when last seen, and the handlers they know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tickwork.store.dialect import Transaction
from tickwork.watch import Instant


class Known(NamedTuple):
    """A handler that a process knows: the JSON schema of its payload, who is told of lost ones, the versions it reads."""

    schema: str | None = None
    notice: str | None = None
    oldest: int = 1
    newest: int = 1


def register(transaction: Transaction, kind: str, host: str, pid: int, name: str = "", settings: str = "{}") -> int:
    """Write down a process that has started; return its incarnation, a number that is never issued twice."""
    row = transaction.one("register_worker", kind=kind, host=host, pid=pid, name=name, settings=settings)
    assert row is not None
    number: int = row[0]
    return number


def register_handlers(transaction: Transaction, worker_id: int, known: Mapping[str, Known]) -> None:
    """Write down which handlers a worker knows, by name."""
    columns = ("worker_id", "name", *Known._fields)
    transaction.many("register_handlers", columns, [(worker_id, name, *known[name]) for name in sorted(known)])


def see(transaction: Transaction, worker_id: int) -> bool:
    """Say that a worker is alive; False when it has been removed meanwhile."""
    return bool(transaction.all("see_worker", id=worker_id))


def foreign_handlers(transaction: Transaction, mine: Iterable[str]) -> tuple[str, ...]:
    """Return the handlers that other workers know and we do not."""
    return tuple(sorted(name for (name,) in transaction.all("foreign_handlers", mine=list(mine))))


def seen(transaction: Transaction) -> Sequence[tuple[int, Instant]]:
    """Return every registered process with the time at which it was last seen."""
    return [(number, at) for number, at in transaction.all("seen_workers")]


def remove(transaction: Transaction, worker_id: int) -> bool:
    """Forget a process that has ended; False while a lease of it stands, or where it was forgotten already."""
    transaction.run("remove_handlers", id=worker_id)
    return bool(transaction.run("remove_worker", id=worker_id))


def wake(transaction: Transaction) -> None:
    """Tell the workers, at the commit, that tasks became ready (a hint; where commits are seen anyway, nothing)."""
    if transaction.dialect.channel is not None:
        transaction.all("wake_workers", channel=transaction.dialect.channel)
