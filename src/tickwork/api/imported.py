"""Bringing a file's triggers in, in one transaction: all that it wants, or nothing; and what became of each.

What a file wants is worked out by its reader's face (:mod:`tickwork.api.importing` for crontabs,
:mod:`tickwork.api.calendar_file` for calendars). The triggers of a file share a container: pruning cancels those which
the file had before and has no longer. It is withheld while anything in the file is wrong, since a line that was spoilt
would otherwise take its trigger along. Keys are written in their order, so that two imports of one file at once wait
for each other and do not deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tickwork.api import assembly
from tickwork.api.triggers import Triggers
from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import encode_json
from tickwork.errors import ConfigurationError, NotFound
from tickwork.model import limits
from tickwork.model.action import Action
from tickwork.model.crontab import Fault
from tickwork.model.report import Trigger
from tickwork.model.standing_order import Terms, TriggerPut
from tickwork.store.dialect import Result, Row, Transaction, Verb
from tickwork.watch import Instant, SystemWatch

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

#: Called with (lines written, lines in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One trigger that a file wants."""

    line: int
    text: str
    key: str
    clock: Clock
    action: Action
    terms: Terms
    dated: bool = False
    """Its times are dates in a calendar, whenever it is put: what is over stays over, what was moved may fire again."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a file, as triggers."""

    name: str
    layout: str
    container: str
    by: str
    wanted: tuple[Wanted, ...]
    faults: tuple[Fault, ...] = ()
    left_out: tuple[Fault, ...] = ()
    told: frozenset[str] = frozenset()
    """Objects of which the file tells everything: their triggers that it does not want are cancelled, also unpruned."""


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line."""

    line: int
    text: str
    clock: str
    put: TriggerPut


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    name: str
    layout: str
    written: bool
    """Whether anything stands in the database now: not after a dry run, nor where wrong lines stopped it."""
    lines: tuple[Line, ...] = ()
    faults: tuple[Fault, ...] = ()
    left_out: tuple[Fault, ...] = ()
    pruned: tuple[TriggerPut, ...] = ()
    prune_withheld: bool = False


class _DryRun(Exception):
    """Undoes the transaction of a dry run."""


def bring(
    app: Tickwork,
    contents: Contents,
    *,
    keep_going: bool,
    prune: bool,
    dry_run: bool,
    progress: Progress,
    unchecked: bool = False,
) -> Imported:
    """Write what a file wants, in one transaction, and answer what became of it; a dry run undoes it."""
    if contents.faults and not keep_going:
        return Imported(
            contents.name, contents.layout, written=False, faults=contents.faults, left_out=contents.left_out
        )
    work = _Import(contents, (app.store.watch or SystemWatch()).now(), unchecked)
    app.store.check_schema()
    try:
        with app.store.begin("application") as transaction:
            room = _room(app, transaction)
            for done, wanted in enumerate(sorted(contents.wanted, key=lambda each: each.key), 1):
                work.put(room, wanted)
                progress(done, len(contents.wanted))
            standing = transaction.all(
                "triggers_of_container", namespace=app.settings.namespace, container=contents.container
            )
            work.prune(room, standing, whole=prune and not contents.faults)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return Imported(
        contents.name,
        contents.layout,
        not dry_run,
        tuple(sorted(work.lines, key=lambda line: line.line)),
        contents.faults,
        tuple(sorted([*contents.left_out, *work.left_out], key=lambda fault: fault.line)),
        tuple(work.pruned),
        prune and bool(contents.faults),
    )


@dataclass(frozen=True, slots=True)
class _Import:
    """One import while it is under way."""

    contents: Contents
    now: Instant
    unchecked: bool
    lines: list[Line] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)
    pruned: list[TriggerPut] = field(default_factory=list)

    def put(self, room: Triggers, wanted: Wanted) -> None:
        put = self._dated(room, wanted) if wanted.dated else self._put(room, wanted)
        if put is None:
            self.left_out.append(Fault(wanted.line, "event", "event: it is over", wanted.text))
        else:
            self.lines.append(Line(wanted.line, wanted.text, wanted.clock.describe(), put))

    def prune(self, room: Triggers, standing: Iterable[Row], *, whole: bool) -> None:
        kept = {line.put.key for line in self.lines}
        for key, about in standing:
            if key not in kept and (whole or about in self.contents.told):
                self.pruned.append(room.cancel(key, by=self.contents.by))

    def _put(self, room: Triggers, wanted: Wanted, *, rearm: bool = False) -> TriggerPut:
        by, clock, action = self.contents.by, wanted.clock, wanted.action
        return room.put(wanted.key, clock, action, rearm=rearm, by=by, unchecked=self.unchecked, **wanted.terms)

    def _dated(self, room: Triggers, wanted: Wanted) -> TriggerPut | None:
        """Put what has a future; of what has none, leave alone what is known, and cancel what was to come later."""
        held = _held(room, wanted.key)
        same = held is not None and (held.clock_kind, held.clock_params) == encode_json(
            wanted.clock.resolve(wanted.key, self.now)
        )
        first = wanted.clock.next_at(None, self.now)
        if first is not None and first > self.now:
            return self._put(room, wanted, rearm=held is not None and not same)
        if held is None:
            return None
        if same:
            return TriggerPut(held.id, held.key, held.version, held.generation, "unchanged")
        return room.cancel(wanted.key, by=self.contents.by)


def _held(room: Triggers, key: str) -> Trigger | None:
    try:
        held = room.get(key)
    except NotFound:
        return None
    return None if held.state == "cancelled" else held


def checked_name(name: str) -> str:
    """Refuse a name that would make keys that are too long."""
    limits.text(name, "name", limits.NAME_LENGTH)
    if name in (".", ".."):
        raise ConfigurationError("name", name, "the name of a file")
    return name


def _room(app: Tickwork, transaction: Transaction) -> Triggers:
    """Return the application's triggers as the verbs of this one transaction."""

    def perform(make: Callable[[], Verb[Result]], /) -> Result:
        return transaction.perform(make())

    return Triggers(assembly.desk(app.store, app.settings, app.handlers, perform, perform))
