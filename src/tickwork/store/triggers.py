"""What applications do to triggers, as verbs: one text for our own transactions and for lent ones.

Every edit is the row first (it is the mutex), then a copy of it in the trail, a letter to the daemon and a wake-up,
all in the caller's transaction. On PostgreSQL a put is one statement and any other edit two (hold, write). On SQLite
they are several, and the first one writes, so that a transaction that cannot become a writer is refused at once.
Nothing is remembered between verbs: a lock taken after a savepoint is gone when the savepoint is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tickwork.errors import InvalidInput, NotFound, TryAgain
from tickwork.model.standing_order import TriggerDid, TriggerPut
from tickwork.model.states import TRIGGER
from tickwork.store.dialect import Row, Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant

#: Columns that may be null themselves: an edit says beside each whether it is set.
_NULLABLE = ("expires_after", "object", "container")
_KEPT = (
    "state",
    "clock_kind",
    "clock_params",
    "policies",
    "action",
    "handler",
    "payload",
    "payload_version",
    "queue",
    "priority",
    "attempts",
    "tags",
    "missed",
)


class Held(NamedTuple):
    """A trigger whose row this transaction holds: nobody else changes it until the transaction ends."""

    id: int
    key: str
    state: str
    version: int
    generation: int
    policies: str
    clock_kind: str
    clock_params: str
    set_aside: bool

    def unchanged(self, did: TriggerDid = "unchanged") -> TriggerPut:
        return TriggerPut(self.id, self.key, self.version, self.generation, did)

    def into(self, did: TriggerDid) -> str:
        """Return the state into which an edit leads; raises NotFound where it is not possible."""
        state = TRIGGER.after(self.state, did)
        if state is None:
            raise NotFound(f"the trigger {self.key!r} was {self.state}; put it again, or re-arm it, to begin anew")
        return state


class Edit(NamedTuple):
    """What an edit does: its name for the trail, the columns that it sets, and whether a generation begins."""

    did: TriggerDid
    columns: Mapping[str, Any]
    rearm: bool = False


#: Looks at a held trigger and says what to do to it, or answers that nothing is to be done.
Decide = Callable[[Held], Edit | TriggerPut]


def put(scope: Scope, columns: Mapping[str, Any], *, rearm: bool, by: str) -> Verb[TriggerPut]:
    """Create the trigger of that key, or edit it; an identical one is left alone unless it is to be re-armed."""
    for _ in range(3):
        rows = yield from ask(
            "put_trigger", namespace=scope.namespace, rearm=int(rearm), by=by, channel=scope.channel, **columns
        )
        if rows:
            yield from _follow(scope, rows)
            return _put(rows[0])
        rows = yield from ask("trigger_as_it_is", namespace=scope.namespace, key=columns["key"])
        if rows:
            return _put(rows[0])
    raise TryAgain(f"the trigger {columns['key']!r} comes and goes under this transaction: begin it anew")


def edit(scope: Scope, trigger: str | int, decide: Decide, *, by: str) -> Verb[TriggerPut]:
    """Hold one trigger, by key or id, and do what *decide* says; raises NotFound."""
    held = yield from _hold(scope, trigger)
    decision = decide(held)
    if isinstance(decision, TriggerPut):
        return decision
    written = yield from _write(scope, [held.id], decision, by)
    return _put(written[0])


def _hold(scope: Scope, trigger: str | int) -> Verb[Held]:
    """Hold one trigger, by key or id; raises NotFound."""
    if isinstance(trigger, str):
        rows = yield from ask("hold_trigger_by_key", namespace=scope.namespace, key=trigger)
    elif isinstance(trigger, int) and not isinstance(trigger, bool):
        rows = yield from ask("hold_trigger_by_id", namespace=scope.namespace, id=trigger)
    else:
        raise InvalidInput("trigger", trigger, "the key of a trigger (a text) or its id (a whole number)")
    if not rows:
        raise NotFound(f"there is no trigger {trigger!r} in the namespace {scope.namespace!r}")
    return _held(rows[0])


def fire(scope: Scope, trigger: str | int, planned_at: Instant | None) -> Verb[TriggerPut]:
    """Ask the daemon to fire one trigger by hand; one that is not scheduled fires only for a planned time that is said."""
    held = yield from _hold(scope, trigger)
    ((scheduled,),) = yield from ask("is_scheduled", id=held.id)
    if not scheduled and planned_at is None:
        return held.unchanged("not scheduled")
    yield from ask("ask_to_fire", id=held.id, planned_at=planned_at, channel=scope.channel)
    return held.unchanged("asked to fire")


def edit_of_object(scope: Scope, name: str, decide: Decide, *, by: str) -> Verb[list[TriggerPut]]:
    """Hold every trigger of an object, in the order of their ids, and do to each what *decide* says."""
    rows = yield from ask("hold_triggers_of_object", namespace=scope.namespace, object=name)
    return (yield from edit_held(scope, sorted(map(_held, rows)), decide, by))


def edit_held(scope: Scope, holding: Sequence[Held], decide: Decide, by: str) -> Verb[list[TriggerPut]]:
    """Do to each trigger that this transaction holds what *decide* says; what is alike is one statement."""
    answers: dict[int, TriggerPut] = {}
    alike: dict[str, tuple[Edit, list[int]]] = {}
    for held in holding:
        decision = decide(held)
        if isinstance(decision, TriggerPut):
            answers[held.id] = decision
        else:
            alike.setdefault(repr(decision), (decision, []))[1].append(held.id)
    for decision, ids in alike.values():
        for row in (yield from _write(scope, ids, decision, by)):
            answers[row[0]] = _put(row)
    return [answers[trigger_id] for trigger_id in sorted(answers)]


def _write(scope: Scope, ids: Sequence[int], edit: Edit, by: str) -> Verb[list[Row]]:
    values: dict[str, Any] = dict.fromkeys(_KEPT)
    values.update({f"sets_{name}": int(name in edit.columns) for name in _NULLABLE}, **dict.fromkeys(_NULLABLE))
    values.update(edit.columns)
    rows = yield from ask(
        "edit_triggers", ids=list(ids), did=edit.did, rearm=int(edit.rearm), by=by, channel=scope.channel, **values
    )
    yield from _follow(scope, rows)
    return rows


def _follow(scope: Scope, rows: list[Row]) -> Verb[None]:
    """Where one statement cannot write three tables, the trail and the letters follow."""
    if not scope.chains_writes:
        ids = [row[0] for row in rows]
        yield from ask("write_trail", ids=ids)
        yield from ask("write_letters", ids=ids)


def _held(row: Row) -> Held:
    return Held._make((*row[:-1], bool(row[-1])))


def _put(row: Row) -> TriggerPut:
    return TriggerPut(*row[:5])
