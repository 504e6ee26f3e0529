"""Ready tasks, and how a worker takes them: a batch under one lease, in the order of priority, time and id.

A task under a limit that has no place yet is not taken but given to its lane (see :mod:`tickwork.store.lanes`).

The token is the caller's own and never used before. A claim whose acknowledgement was lost is asked about with
:func:`held_under`; nothing else is needed to know whether it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from tickwork.model.work import Claimed
from tickwork.store import lanes, leases
from tickwork.store.dialect import Transaction
from tickwork.store.ranges import NO_LOWS, Lows, above, named
from tickwork.watch import Instant

LEAST_URGENT = 9_999
#: As ``Claimed._make``, which is a call of Python's own for each row.
_claimed = tuple.__new__


@dataclass(frozen=True)
class Subscription:
    """What a worker serves: namespaces and queues (none named: all), and how urgent a task must be at least."""

    namespaces: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    priority_at_most: int = LEAST_URGENT
    ageing: int = 0
    """How long a range's oldest task waits, in microseconds, to be served as if one point more urgent; 0: it never is."""

    def down_to(self, worst: int) -> Subscription:
        """The same, but nothing that is less urgent."""
        return self if worst == self.priority_at_most else replace(self, priority_at_most=worst)

    @property
    def values(self) -> dict[str, object]:
        """The parameters of the statements that look for tasks."""
        return {
            "every_namespace": not self.namespaces,
            "namespaces": list(self.namespaces),
            "every_queue": not self.queues,
            "queues": list(self.queues),
            "priority_at_most": self.priority_at_most,
            "ageing": self.ageing,
        }

    @property
    def told(self) -> str:
        """What others are told about it, as JSON: ``tickwork why`` says where nobody serves a queue.

        >>> Subscription(queues=("mail",)).told
        '{"namespaces":[],"queues":["mail"],"priority_at_most":9999}'
        """
        said = {"namespaces": self.namespaces, "queues": self.queues, "priority_at_most": self.priority_at_most}
        return msgspec.json.encode(said).decode()


class Foreign(NamedTuple):
    """What other workers can run and this one cannot: claims pass over it."""

    handlers: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()
    """``handler version``: it knows the handler, but cannot read that version of its payload."""

    @property
    def values(self) -> dict[str, object]:
        """The parameters of the statements that pass over it."""
        return {"foreign": list(self.handlers), "mixed": bool(self.payloads), "unread": list(self.payloads)}


#: Of a worker that is alone, or knows all that others do.
NOTHING_FOREIGN = Foreign()


@dataclass(frozen=True)
class Wish:
    """What a worker wants to claim: how many, how many of them begin at once, under which lease."""

    token: int
    worker_id: int
    length: int
    size: int
    starts: int
    foreign: Foreign = NOTHING_FOREIGN


class Outlook(NamedTuple):
    """What there is to do: the database's time, ranges with something ready, when the next of the others will, the best."""

    at: Instant
    ready: int
    next_at: Instant | None
    letters: bool = False
    """Whether members of groups have ended that nobody has counted, or a group wants something done."""
    openings: bool = False
    """Whether there are lanes to be opened, which may make something ready."""
    best: int | None = None
    """How urgent the best is that is ready."""

    @property
    def anything(self) -> bool:
        """Whether a claim may find something."""
        return self.ready > 0 or self.openings


class Haul(list[Claimed]):
    """What a claim took, in order; and whether there are lanes to be opened before the next one."""

    def __init__(self, claimed: Iterable[Claimed] = (), *, ajar: bool = False) -> None:
        super().__init__(claimed)
        self.ajar = ajar


class Ready(NamedTuple):
    """A task that could be claimed: how urgent it is, for what has waited long, too, and since when it could."""

    id: int
    priority: int
    available_at: Instant


def look(transaction: Transaction, subscription: Subscription, lows: Lows = NO_LOWS) -> Outlook:
    """Look, in one cheap query that writes nothing, whether anything is ready."""
    row = transaction.one(above("look_for_tasks", lows), **subscription.values, **named(lows))
    assert row is not None
    at, ready, next_at, letters, openings, opens_at, best = row
    moments = [each for each in (next_at, opens_at) if each is not None]
    return Outlook(at, ready, min(moments, default=None), bool(letters), bool(openings), best)


def ready(
    transaction: Transaction, subscription: Subscription, n: int, foreign: Foreign, lows: Lows = NO_LOWS
) -> list[Ready]:
    """Return up to *n* tasks that could be claimed, the best first; nothing is claimed by looking."""
    found: list[Ready] = []
    ranges = transaction.all(above("ready_ranges", lows), **subscription.values, **named(lows))
    for namespace, queue, priority, since, _, aged in ranges:
        if len(found) >= n and aged > found[n - 1].priority:
            break
        part = {"namespace": namespace, "queue": queue, "priority": priority, "since": since}
        rows = transaction.all("ready_tasks", **part, size=n, **foreign.values)
        found += [Ready(task, aged, available_at) for task, available_at in rows]
        found.sort(key=lambda each: (each.priority, each.available_at, each.id))
    return found[:n]


def claim(transaction: Transaction, subscription: Subscription, wish: Wish, lows: Lows = NO_LOWS) -> Haul:
    """Take ready tasks under a new lease; in the order in which they are to run."""
    claimed, aside = _reach(transaction, subscription, wish, lows)
    if aside:
        lanes.hold(transaction, aside)
    if any(each.places for each in claimed):
        lanes.spend(transaction, claimed)
    return Haul(claimed, ajar=bool(aside) or (bool(claimed) and bool(claimed[-1].openings)))


def _reach(
    transaction: Transaction, subscription: Subscription, wish: Wish, lows: Lows
) -> tuple[list[Claimed], list[int]]:
    """Take what may run; return it, and the ids of those that have no place yet, held."""
    values = {"token": wish.token, "worker_id": wish.worker_id, "length": wish.length}
    if transaction.dialect.chains_writes:
        rows = transaction.all(
            above("claim_tasks", lows),
            **subscription.values,
            **named(lows),
            **values,
            size=wish.size,
            starts=wish.starts,
            **wish.foreign.values,
        )
        return (
            [_claimed(Claimed, row) for row in rows if row[1] is not None],
            [row[0] for row in rows if row[1] is None],
        )
    ids, aside = _pick(transaction, subscription, wish)
    if not ids:
        return [], aside
    transaction.run("grant_lease", **values)
    transaction.run("take_tasks", token=wish.token, ids=ids, starting=ids[: wish.starts])
    place = {task: number for number, task in enumerate(ids)}
    return sorted(held_under(transaction, wish.token), key=lambda claimed: place[claimed.id]), aside


def _pick(transaction: Transaction, subscription: Subscription, wish: Wish) -> tuple[list[int], list[int]]:
    """Choose the ids in order, and those that have no place yet.

    Ranges of one priority share the batch, a suspect is taken alone at its turn.
    """
    picked: list[tuple[int, int, int]] = []
    for namespace, queue, priority, _, sharers, _ in transaction.all("ready_ranges", **subscription.values):
        size = min(wish.size - len(picked), -(-wish.size // sharers))
        if size <= 0:
            break
        picked += transaction.all(
            "pick_tasks", namespace=namespace, queue=queue, priority=priority, size=size, **wish.foreign.values
        )
    chosen = picked[:1] if picked and picked[0][1] else [each for each in picked if not each[1]]
    return (
        [task for task, _, limited in chosen if not limited],
        [task for task, _, limited in chosen if limited],
    )


def take(transaction: Transaction, wish: Wish, ids: Sequence[int]) -> list[Claimed]:
    """Take given tasks under a new lease, whatever their time; those that do not wait are left alone."""
    transaction.run("grant_lease", token=wish.token, worker_id=wish.worker_id, length=wish.length)
    transaction.run("take_tasks", token=wish.token, ids=list(ids), starting=list(ids))
    claimed = held_under(transaction, wish.token)
    if not claimed:
        leases.drop(transaction, [wish.token])
    lanes.spend(transaction, claimed)
    return claimed


def held_under(transaction: Transaction, token: int) -> list[Claimed]:
    """Return the tasks that a token holds."""
    return [_claimed(Claimed, row) for row in transaction.all("tasks_of_lease", token=token)]


def mark_started(transaction: Transaction, claimed: Sequence[Claimed]) -> set[int]:
    """Write down that these tasks begin; return the ids of those that are still ours."""
    rows = transaction.all("mark_started", ids=[each.id for each in claimed], tokens=[each.token for each in claimed])
    return {task for (task,) in rows}


def hold(transaction: Transaction, claimed: Claimed) -> bool:
    """Hold a task for the transaction in which it will be settled; False: its lease was lost."""
    return transaction.one("hold_own_task", id=claimed.id, token=claimed.token) is not None


def mark_running(transaction: Transaction, claimed: Sequence[Claimed]) -> None:
    """Write down, as far as the rows are free, that these tasks are running."""
    ids, tokens = [each.id for each in claimed], sorted({each.token for each in claimed})
    transaction.run("mark_running", ids=ids, tokens=tokens)


def lay_aside_unhandled(transaction: Transaction, token: int, ids: Sequence[int]) -> set[int]:
    """Set tasks aside that no worker can run; return their ids (the others are for somebody elsewhere)."""
    return {task for (task,) in transaction.all("lay_aside_unhandled", token=token, ids=list(ids))}


def unhandled(transaction: Transaction, worker_id: int) -> bool:
    """Say whether tasks were laid aside that this worker can run, by what it has registered."""
    return bool(transaction.all("any_unhandled", worker_id=worker_id))


def take_up_unhandled(transaction: Transaction, worker_id: int) -> int:
    """Let tasks wait again that this worker can run, by what it has registered; return how many there were."""
    return len(transaction.all("take_up_unhandled", worker_id=worker_id))


def anything_unhandled(transaction: Transaction, subscription: Subscription) -> bool:
    """Say whether a task was set aside because no worker can run it."""
    values = {"every_namespace": not subscription.namespaces, "namespaces": list(subscription.namespaces)}
    return transaction.one("anything_unhandled", **values) is not None


def cancels_asked(transaction: Transaction, ids: Sequence[int]) -> set[int]:
    """Return those of these tasks that somebody asked to cancel."""
    return {task for (task,) in transaction.all("cancels_asked", ids=list(ids))}
