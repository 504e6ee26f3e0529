"""Lanes: how tasks under a limit wait for their places, and how they are let in.

A task is claimed only with all its places. One that has none is given, by the claim that comes upon it, to its first
lane (:func:`hold`), where no claim walks over it again. Whoever opens the lane (:func:`open_lanes`) holds the lane's
row, adds up the letters that lie before it, and lets in the first ones that there is room for: to their next lane,
or back to what is ready. A task gives its places back by leaving, whoever makes it leave: a trigger of the database
writes the letters.

What is taken of a lane is changed by the one who holds it and by nobody else, letter by letter; nobody waits for a
lane. Units of a rate are taken when a task is let in, and come back one period after it started (:func:`spend`,
:func:`tell_starts`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tickwork.model.limit import (
    START_WITHIN,
    LaneName,
    Limit,
    LimitBook,
    StandingLimit,
    room,
    units_taken,
    with_place,
)
from tickwork.model.outcome import Outcome
from tickwork.model.work import Claimed
from tickwork.store.dialect import Row, Transaction, Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import LAST_INSTANT, SECOND, Instant

#: How many letters are read at once, and how many tasks let in to one lane.
AT_ONCE = 1_000
#: When to look again at a lane with room whose first ones somebody else held.
LOOK_AGAIN = 1 * SECOND
#: A task that was let in and that nobody has claimed by then gives its places back.
UNCLAIMED = 30 * SECOND

_LETTER = ("lane", "due_at", "units", "period", "task_id", "token")


class Opened(NamedTuple):
    """What came of opening lanes."""

    moved: int = 0
    """How many tasks were let in, or on to their next lane."""
    busy: frozenset[str] = frozenset()
    """The lanes that somebody else had open."""
    cut: bool = False
    """There may be more letters behind those that were read."""


def standing(transaction: Transaction) -> LimitBook:
    """Return the limits as they stand."""
    return LimitBook([StandingLimit._make(row) for row in transaction.all("standing_limits")])


def hold(transaction: Transaction, ids: Sequence[int]) -> int:
    """Give tasks that this transaction holds to their first lanes; return how many there were.

    More of the same ranges are taken along: a thousand tasks of a full lane are one step, not a hundred.
    """
    rows = transaction.all("tasks_to_hold", ids=list(ids))
    found = {row[0] for row in rows}
    for namespace, queue, priority in sorted({row[1:4] for row in rows}):
        more = transaction.all("limited_ahead", namespace=namespace, queue=queue, priority=priority, most=AT_ONCE)
        found.update(task for (task,) in more)
    if len(found) > len(rows):
        rows = transaction.all("tasks_to_hold", ids=sorted(found))
    book = standing(transaction)
    paths = {row[0]: book.lanes(row[1], *row[4:]) for row in rows}
    held = [(task, path[0], _ahead(path[1:]), LAST_INSTANT) for task, path in paths.items() if path]
    transaction.many("hold_in_lane", ("id", "lane", "ahead", "never_at"), held)
    _write(transaction, sorted({(lane, 0) for _, lane, _, _ in held}))
    return len(held)


def open_lanes(transaction: Transaction, busy: Iterable[str] = ()) -> Opened:
    """Read the letters that are due, and let in what their lanes have room for; lanes in *busy* are left for later."""
    letters = transaction.all("due_openings", busy=sorted(busy), most=AT_ONCE)
    if not letters:
        return Opened()
    now: Instant = letters[0][4]
    mine = _lock(transaction, sorted({row[1] for row in letters}))
    read = [row for row in letters if row[1] in mine]
    for _, lane, places, units, _ in read:
        taken = mine[lane]
        mine[lane] = (taken[0] - places, taken[1] - units)
    moved = _let_in(transaction, mine, now) if mine else 0
    transaction.run("take_openings", ids=[row[0] for row in read])
    return Opened(moved, frozenset(row[1] for row in letters) - mine.keys(), len(letters) == AT_ONCE)


def _lock(transaction: Transaction, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Lock the lanes that nobody has open, and make those that are not there; return what is taken of each."""
    mine = {name: (places, units) for name, places, units in transaction.all("lock_lanes", names=list(names))}
    missing = [name for name in names if name not in mine]
    if missing:
        mine.update({name: (0, 0) for (name,) in transaction.all("make_lanes", names=missing)})
    return mine


def _let_in(transaction: Transaction, lanes: dict[str, tuple[int, int]], now: Instant) -> int:
    """Let in what there is room for, write down what is taken now, and leave letters where there is more to do."""
    book = standing(transaction)
    rooms = {name: room(book.find(LaneName.decode(name)), *taken, AT_ONCE) for name, taken in lanes.items()}
    picked = _pick(transaction, rooms)
    moves: list[Row] = []
    letters: set[tuple[str, Instant]] = set()
    for task, lane, ahead, places, need in picked:
        path = msgspec.json.decode(ahead, type=list[str]) if ahead else []
        after = path[0] if path else None
        moves.append((task, after, _ahead(path[1:]), with_place(places, lane, need), None if after else now))
        if after:
            letters.add((after, 0))
        lanes[lane] = (lanes[lane][0] + 1, lanes[lane][1] + need)
    transaction.many("move_on", ("id", "lane", "ahead", "places", "at"), moves)
    _close(transaction, lanes, rooms, letters, picked, now)
    return len(picked)


def _pick(transaction: Transaction, rooms: Mapping[str, tuple[int, int, int]]) -> list[Row]:
    open_ones = {
        name: (places, units, cap) for name, (places, units, cap) in rooms.items() if places and (units or not cap)
    }
    if not open_ones:
        return []
    if transaction.dialect.chains_writes:
        places, units, caps = (list(column) for column in zip(*open_ones.values(), strict=True))
        return transaction.all("pick_held", names=list(open_ones), places=places, units=units, caps=caps)
    picked: list[Row] = []
    for name, (free, units_free, cap) in open_ones.items():
        picked += transaction.all("pick_held", name=name, most=free, units=units_free, cap=cap)
    return picked


def _close(
    transaction: Transaction,
    lanes: Mapping[str, tuple[int, int]],
    rooms: Mapping[str, tuple[int, int, int]],
    letters: set[tuple[str, Instant]],
    picked: Sequence[Row],
    now: Instant,
) -> None:
    """Write down what is taken. A lane that still has room for its first one is looked at again."""
    waiting: dict[str, int] = dict(transaction.all("still_held", names=list(lanes)))
    let, spent = defaultdict[str, int](int), defaultdict[str, int](int)
    for _, lane, _, _, need in picked:
        let[lane] += 1
        spent[lane] += need
    for lane, worth in waiting.items():
        free, units, cap = rooms[lane]
        if free > let[lane] and (not cap or units - spent[lane] >= min(worth, cap)):
            letters.add((lane, now + LOOK_AGAIN))  # somebody else holds the first ones
        elif let[lane] == AT_ONCE:
            letters.add((lane, 0))
    empty = [name for name, taken in lanes.items() if taken == (0, 0) and name not in waiting]
    transaction.many(
        "save_lanes", ("name", "places", "units"), [(name, *lanes[name]) for name in lanes if name not in empty]
    )
    if empty:
        transaction.run("remove_lanes", names=empty)
    _write(transaction, sorted(letters))


def _write(transaction: Transaction, letters: Iterable[tuple[str, Instant]]) -> None:
    transaction.many("write_openings", _LETTER, [(lane, due_at, 0, None, None, None) for lane, due_at in letters])


def _ahead(path: Sequence[str]) -> str | None:
    return msgspec.json.encode(list(path)).decode() if path else None


def spend(transaction: Transaction, claimed: Iterable[Claimed]) -> None:
    """Tasks are claimed, and start within :data:`START_WITHIN`: their units come back one period after that."""
    taken = [(lane, units, each) for each in claimed if each.places for lane, units in units_taken(each.places).items()]
    if not taken:
        return
    book = standing(transaction)
    letters = []
    for lane, units, each in taken:
        limit = book.find(LaneName.decode(lane))
        period = 0 if limit is None or limit.period is None else limit.period
        due_at = each.claimed_at + START_WITHIN + period
        letters.append((lane, due_at, units, period, each.id, each.token))
    transaction.many("write_openings", _LETTER, letters)


def tell_starts(transaction: Transaction, batch: Iterable[Outcome]) -> None:
    """Outcomes are settled: their rates learn when the tasks really began."""
    transaction.many(
        "tell_starts",
        ("task_id", "token", "started_at"),
        sorted((each.id, each.token, each.started_at) for each in batch if each.limited),
    )


def unclaimed(transaction: Transaction) -> bool:
    """Say whether tasks were let in that nobody has claimed for too long."""
    return transaction.one("any_let_in_for_long", longest=UNCLAIMED) is not None


def recall(transaction: Transaction) -> int:
    """Take their places from tasks that were let in and that nobody serves; return how many there were."""
    return len(transaction.all("recall_let_in", longest=UNCLAIMED))


def declare(transaction: Transaction, said: Mapping[str, Sequence[Limit]], by: str) -> list[str]:
    """Write down what a worker's code says about its handlers; return in words what that has changed.

    The row is what counts, for all processes: the newest code stands, unless an operator has said otherwise.
    """
    wanted = {
        (handler, each.per): (each.concurrency, *each.units_and_period) for handler in said for each in said[handler]
    }
    there = {
        (row[1], row[2]): StandingLimit._make(row)
        for row in transaction.all("standing_limits")
        if row[0] == "" and row[1] in said
    }
    changes = []
    for (handler, per), (concurrency, units, period) in wanted.items():
        old = there.get((handler, per))
        if old is not None and (old.operator or old[3:6] == (concurrency, units, period)):
            continue
        values = {"handler": handler, "per": per, "concurrency": concurrency, "units": units, "period": period}
        transaction.run("declare_limit", said_by=by, **values)
        if old is not None:
            changes.append(f"{handler}{per and f' per {per}'}: {old.said_by} had said {old[3:6]}")
    for gone in there.keys() - wanted.keys():
        if not there[gone].operator:
            transaction.run("withdraw_limit", handler=gone[0], per=gone[1])
            changes.append(f"{gone[0]}{gone[1] and f' per {gone[1]}'}: no longer limited")
    if changes:
        transaction.run("look_at_lanes")
    return changes


class Lane(NamedTuple):
    """What is taken of one limit just now: places, units of the rate, and how many wait (at most 1,000 are counted)."""

    namespace: str
    handler: str
    per: str
    key: str
    places: int
    units: int
    waiting: int


def limits() -> Verb[list[StandingLimit]]:
    """Every limit that stands."""
    rows = yield from ask("standing_limits")
    return [StandingLimit._make(row)._replace(operator=bool(row[6])) for row in rows]


def set_limit(namespace: str, handler: str, limit: Limit, by: str) -> Verb[None]:
    """An operator's word: it stands whatever the code says, from the next task on."""
    units, period = limit.units_and_period
    values = {"concurrency": limit.concurrency, "units": units, "period": period, "said_by": by}
    yield from ask("set_limit", namespace=namespace, handler=handler, per=limit.per, **values)
    yield from ask("look_at_lanes")


def remove_limit(namespace: str, handler: str, per: str) -> Verb[bool]:
    """Lift a limit until code or an operator says one again; False where there is none."""
    rows = yield from ask("remove_limit", namespace=namespace, handler=handler, per=per)
    if rows:
        yield from ask("look_at_lanes")
    return bool(rows)


def lanes(n: int) -> Verb[list[Lane]]:
    """What is taken of every limit, by name."""
    rows = yield from ask("list_lanes", n=n)
    return [Lane(*LaneName.decode(name), places, units, waiting) for name, places, units, waiting in rows]


class Wait(NamedTuple):
    """A task that waits for a place: in which lane, how many wait before it, and the limit (None: just lifted)."""

    lane: Lane
    limit: StandingLimit | None


def wait(scope: Scope, task: int) -> Verb[Wait | None]:
    """Where a task waits for a place; None: it does not wait for one. ``waiting`` are those before it."""
    rows = yield from ask("lane_of_task", namespace=scope.namespace, id=task)
    if not rows:
        return None
    name = LaneName.decode(rows[0][0])
    book = LimitBook((yield from limits()))
    return Wait(Lane(*name, *rows[0][1:]), book.find(name))
