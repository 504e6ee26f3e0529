"""What people do to triggers: put, move, edit, cancel, pause, resume, rearm; get and list.

A key and an id both address a trigger. Each verb is one edit in one transaction: it is done when that transaction
commits, and from then on the old order never fires. On a lent asynchronous connection every verb is awaited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, Unpack

import msgspec

from tickwork.api.decisions import Missed, cancelled, paused, rearmed, resumed
from tickwork.api.desk import Desk
from tickwork.api.selected_triggers import SelectedTriggers
from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import encode_json
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import Action
from tickwork.model.many import ManyTriggers, TriggerLine, trigger_lines
from tickwork.model.policies import decode_policies
from tickwork.model.report import LedgerRow, Trigger, Version
from tickwork.model.selection import TriggerFilter
from tickwork.model.standing_order import (
    StandingOrder,
    Terms,
    TriggerPut,
    action_columns,
    checked_action,
    policy_changes,
    settled,
    term_columns,
)
from tickwork.store import many, reports, triggers
from tickwork.store.dialect import Verb
from tickwork.store.many import Progress
from tickwork.store.triggers import Edit, Held
from tickwork.watch import Instant, to_instant


class Triggers:
    """The triggers of one namespace, through one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def put(
        self,
        key: str,
        clock: Clock | datetime,
        action: Action,
        *,
        rearm: bool = False,
        by: str = "",
        unchecked: bool = False,
        **terms: Unpack[Terms],
    ) -> TriggerPut:
        """Write a trigger under *key*; a key that exists is edited, and an identical put changes nothing.

        Args:
            key: 1 to 500 characters, unique in the namespace.
            clock: when; a datetime with a zone is a one-time clock.
            action: what a firing does: ``handler.task(...)``, ``PutTask`` or ``Log``.
            rearm: begin a new generation, so that a one-time trigger that has fired may fire again.
            by: who did it, for the trail.
            unchecked: do not check handler and payload against what is registered.
            **terms: misfire, grace, overlap, jitter, max_firings, pause_on_failure, expires_after, priority, queue,
                attempts, object, container, tags; durations are timedeltas or seconds.

        Raises:
            InvalidInput: a value is out of range; InvalidClock: the clock never fires.
            UnknownHandler, InvalidPayload: nobody could run the task.
            TryAgain: the transaction lost a race and must be begun anew.

        >>> from datetime import timedelta
        >>> from tickwork import Tickwork, clocks
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("feeds.poll")
        ... def poll(feed: int): ...
        >>> app.triggers.put("feed/7", clocks.Every(timedelta(minutes=5)), poll.task(feed=7)).did
        'created'
        >>> app.triggers.put("feed/7", clocks.Every(timedelta(minutes=5)), poll.task(feed=7)).did
        'unchanged'
        >>> app.triggers.cancel("feed/7").did
        'cancelled'
        >>> app.close()
        """
        desk = self._desk
        checked = checked_action(action)
        terms = Terms(**{**desk.attempts(checked, terms), **terms})  # type: ignore[typeddict-item]
        columns = StandingOrder.of(key, clock, checked, desk.now(), terms).columns()

        def verb() -> Verb[TriggerPut]:
            if not unchecked:
                yield from desk.check(checked)
            return (yield from triggers.put(desk.scope, columns, rearm=rearm, by=by))

        return desk.perform(verb)

    def put_many(
        self,
        lines: Iterable[TriggerLine],
        *,
        rearm: bool = False,
        by: str = "",
        unchecked: bool = False,
        progress: Progress | None = None,
        **terms: Unpack[Terms],
    ) -> ManyTriggers:
        """Write many triggers at once: all of them, or none. Each line is (key, clock, action), or that and its terms.

        A key that exists is edited, an identical line changes nothing; a key stands in one line only. *progress* is
        called with how many are written and how many there are. Raises as :meth:`put` does, before anything is written.

        >>> from datetime import timedelta
        >>> from tickwork import Tickwork, clocks
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("feeds.poll")
        ... def poll(feed: int): ...
        >>> app.triggers.put_many(
        ...     (f"feed/{n}", clocks.Every(timedelta(hours=1)), poll.task(feed=n)) for n in range(500)
        ... )
        ManyTriggers(created=500, edited=0, rearmed=0, unchanged=0)
        >>> app.close()
        """
        desk, now = self._desk, self._desk.now()
        actions, rows = [], []
        for key, clock, action, special in trigger_lines(lines):
            checked = checked_action(action)
            given = {**terms, **special}
            mine = Terms(**{**desk.attempts(checked, given), **given})  # type: ignore[typeddict-item]
            rows.append(StandingOrder.of(key, clock, checked, now, mine).columns())
            actions.append(checked)

        def verb() -> Verb[ManyTriggers]:
            if not unchecked:
                yield from desk.check_all(actions)
            return (yield from many.put_triggers(desk.scope, rows, rearm=rearm, by=by, progress=progress))

        return desk.perform(verb)

    def move(self, trigger: str | int, clock: Clock | datetime, *, rearm: bool = False, by: str = "") -> TriggerPut:
        """Give a trigger another clock. Once this has committed, the old time never fires.

        Raises NotFound for a trigger that does not exist or was cancelled, InvalidClock for a clock that never fires.
        """

        def decide(held: Held) -> Edit | TriggerPut:
            held.into("moved")
            kind, params = encode_json(settled(clock, held.key, self._desk.now()))
            if (kind, params) == (held.clock_kind, held.clock_params) and not rearm:
                return held.unchanged()
            return Edit("moved", {"clock_kind": kind, "clock_params": params}, rearm)

        return self._edit(trigger, decide, by)

    def edit(
        self,
        trigger: str | int,
        *,
        clock: Clock | datetime | None = None,
        action: Action | None = None,
        by: str = "",
        unchecked: bool = False,
        **terms: Unpack[Terms],
    ) -> TriggerPut:
        """Change what is named and leave the rest; raises NotFound as :meth:`move` does."""
        desk = self._desk
        columns = term_columns(terms)
        changes = policy_changes(terms)
        if action is not None:
            columns.update(action_columns(checked_action(action)))

        def decide(held: Held) -> Edit | TriggerPut:
            held.into("edited")
            wanted = dict(columns)
            if changes:
                policies = msgspec.structs.replace(decode_policies(held.policies), **changes).encode()
                if policies != held.policies:
                    wanted["policies"] = policies
            if clock is not None:
                kind, params = encode_json(settled(clock, held.key, desk.now()))
                if (kind, params) != (held.clock_kind, held.clock_params):
                    wanted.update(clock_kind=kind, clock_params=params)
            return Edit("edited", wanted) if wanted else held.unchanged()

        def verb() -> Verb[TriggerPut]:
            if action is not None and not unchecked:
                yield from desk.check(action)
            return (yield from triggers.edit(desk.scope, trigger, decide, by=by))

        return desk.perform(verb)

    def cancel(self, trigger: str | int, *, by: str = "") -> TriggerPut:
        """Cancel a trigger; once this has committed, nothing is put for it. The row and its history stay.

        Cancelling again answers ``already cancelled``; raises NotFound where there is no such trigger.
        """
        return self._edit(trigger, cancelled, by)

    def cancel_object(self, object: str, *, by: str = "") -> list[TriggerPut]:
        """Cancel every trigger about an object, in the order of their ids (so that two of these cannot deadlock)."""
        desk, name = self._desk, limits.text(object, "object")
        return desk.perform(lambda: triggers.edit_of_object(desk.scope, name, cancelled, by=by))

    def pause(self, trigger: str | int, *, by: str = "") -> TriggerPut:
        """Stop a trigger; its clock keeps its place, and nothing fires until it is resumed."""
        return self._edit(trigger, paused, by)

    def resume(self, trigger: str | int, *, missed: Missed = "skip", by: str = "") -> TriggerPut:
        """Let a trigger go on that was paused or set aside; *missed* says what becomes of the slots in between.

        ``skip``: none of them fires; ``latest``: one firing that says how many it stands for; ``all``: each one.
        """
        return self._edit(trigger, resumed(missed), by)

    def rearm(self, trigger: str | int, *, by: str = "") -> TriggerPut:
        """Begin a new generation: the clock starts now, and a one-time trigger that has fired may fire again.

        A cancelled trigger becomes active, a paused one stays paused.
        """
        return self._edit(trigger, rearmed, by)

    def fire(self, trigger: str | int, *, planned: datetime | Instant | None = None) -> TriggerPut:
        """Fire a trigger by hand, now; its clock keeps its place, and the ledger says ``by hand``.

        *planned* is the planned time that the task is told (now, unless given); one that stands in the ledger already
        puts no second task. Answers ``asked to fire``, or ``not scheduled`` where the trigger is paused, cancelled or
        finished and no planned time was given. Raises NotFound.
        """
        desk, at = self._desk, None if planned is None else to_instant(planned, "planned")
        return desk.perform(lambda: triggers.fire(desk.scope, trigger, at))

    def where(self, **filters: Any) -> SelectedTriggers:
        """Select triggers by what they are, to cancel, pause, resume, move or shift all of them in one transaction.

        Filters: ids, prefix (of the key), state, object, container, tag, handler, due_after, due_before (both ends
        included), set_aside, limit (those that fire first). Cancelled ones are selected only where the state says so.

        >>> from datetime import datetime, timedelta, timezone
        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("meeting.remind")
        ... def remind(meeting_id: int): ...
        >>> noon = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
        >>> _ = app.triggers.put_many((f"meeting/{n}", noon, remind.task(meeting_id=n)) for n in range(3))
        >>> app.triggers.where(prefix="meeting/").shift(timedelta(hours=1)).did
        {'moved': 3}
        >>> app.triggers.get("meeting/2").clock.describe()
        'once, at 2030-01-01 13:00 UTC'
        >>> app.close()
        """
        known = [each.name for each in fields(TriggerFilter)]
        for name, value in filters.items():
            if name not in known:
                raise InvalidInput(name, value, f"one of the filters: {', '.join(known)}")
        return SelectedTriggers(self._desk, TriggerFilter(**filters))

    def get(self, trigger: str | int) -> Trigger:
        """Return a trigger with the state of its event, by key or id; raises NotFound."""
        desk = self._desk
        return desk.look(lambda: reports.trigger(desk.scope, trigger))

    def list(
        self,
        prefix: str | None = None,
        *,
        state: str | None = None,
        object: str | None = None,
        container: str | None = None,
        tag: str | None = None,
        handler: str | None = None,
        due_before: datetime | Instant | None = None,
        set_aside: bool | None = None,
        limit: int = 100,
    ) -> list[Trigger]:
        """List triggers, those that fire next first; a filter that is not given does not filter.

        *prefix* is how the key begins, *due_before* an instant (included), *state* active, paused or cancelled.
        """
        desk = self._desk
        if state not in (None, "active", "paused", "cancelled"):
            raise InvalidInput("state", state, "active, paused or cancelled")
        due = None if due_before is None else to_instant(due_before, "due_before")
        n = limits.number(limit, "limit", 1, 1_000_000)
        return desk.look(
            lambda: reports.triggers(
                desk.scope,
                due_before=due,
                limit=n,
                prefix=prefix,
                state=state,
                object=object,
                container=container,
                tag=tag,
                handler=handler,
                set_aside=set_aside,
            )
        )

    def preview(self, trigger: str | int, count: int = 5) -> tuple[Instant, ...]:
        """Return the next planned occurrences of a trigger; jitter delays each by what is the same for ever.

        None where it is paused, cancelled or finished; raises NotFound.
        """
        desk, n = self._desk, limits.number(count, "count", 1, 100_000)

        def verb() -> Verb[tuple[Instant, ...]]:
            found = yield from reports.trigger(desk.scope, trigger)
            return found.coming(n)

        return desk.look(verb)

    def ledger(self, trigger: str | int, *, limit: int = 100) -> list_of[LedgerRow]:
        """The outcomes of a trigger's occurrences, newest first; raises NotFound."""
        desk = self._desk

        def verb() -> Verb[list_of[LedgerRow]]:
            found = yield from reports.trigger(desk.scope, trigger)
            return (yield from reports.ledger(found.id, limit))

        return desk.look(verb)

    def trail(self, trigger: str | int, *, limit: int = 100) -> list_of[Version]:
        """Every version that a trigger had, newest first; raises NotFound."""
        desk = self._desk

        def verb() -> Verb[list_of[Version]]:
            found = yield from reports.trigger(desk.scope, trigger)
            return (yield from reports.trail(found.id, limit))

        return desk.look(verb)

    def _edit(self, trigger: str | int, decide: triggers.Decide, by: str) -> TriggerPut:
        desk = self._desk
        return desk.perform(lambda: triggers.edit(desk.scope, trigger, decide, by=by))


#: ``list`` is a verb in the class above, so the type goes by another name there.
list_of = list
