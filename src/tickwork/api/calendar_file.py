"""A calendar file (.ics) becomes triggers, in one transaction: its events, and their reminders beside them.

The key of an event's trigger is ``ics/FILE/UID``, of a changed occurrence ``ics/FILE/UID/TIME``, of a reminder the
event's with ``/alarm/N`` behind it; so importing a newer edition moves what was moved and doubles nothing. The triggers
of one UID are about one object, ``ics/FILE/UID``: those that the file no longer says (a cancelled event, an occurrence
that is back in its series, a reminder that was removed) are cancelled, always; events that vanished as a whole are
cancelled with *prune* only. A UID with something wrong in it keeps all that it had.

An event that is over when it is read is left out: nothing fires for yesterday's meeting. One that was moved into the
future after it had fired begins a new generation, and fires again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tickwork.api.imported import Contents, Imported, Progress, Wanted, bring, checked_name
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import COMMAND, Action, Log, PutTask
from tickwork.model.crontab import Fault
from tickwork.model.ics.event import IcsAlarm, IcsEvent, IcsProblem
from tickwork.model.ics.reading import read_ics
from tickwork.model.policies import Misfire
from tickwork.model.standing_order import Terms
from tickwork.watch import SECOND, show_instant, to_duration

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

__all__ = ["Imported", "Reminders", "import_calendar"]

#: Which triggers a calendar becomes: those of its events, those of their reminders, or both.
Reminders = Literal["also", "only", "none"]
LAYOUT = "ics"


def import_calendar(
    app: Tickwork,
    data: bytes | str,
    name: str,
    action: Action,
    *,
    zone: str | None = None,
    reminders: Reminders = "also",
    keep_going: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    misfire: Misfire = "latest",
    attempts: int | None = None,
    unchecked: bool = False,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Import a calendar under the *name* of its file.

    Where an event is broken nothing is imported, and the answer's ``faults`` say why; with *keep_going* the others are.

    Args:
        app: where the triggers are put.
        data: the file.
        name: what the keys begin with: ``ics/NAME/``.
        action: what a firing does. A task's payload is given ``uid``, ``summary``, ``location``, ``description``,
            ``start`` (RFC 3339; of a series its first occurrence: each task knows its own planned time), ``duration``
            (seconds), ``all_day`` and ``zone``; a reminder's also ``alarm`` with ``action``, ``offset`` (seconds after
            the start, negative: before; null at a fixed moment) and ``description``. A command finds the same in its
            environment (``ICS_UID``, ``ICS_SUMMARY``, ...), a logged line ends with the summary.
        zone: the zone of floating times and whole days (None: the file's own, else UTC).
        reminders: also, only, or none of them.
        keep_going: import the good events although others are broken.
        prune: cancel what the file had before and has no longer.
        dry_run: answer what would be done, and undo it.
        misfire: what becomes of occurrences that fell due while nobody ran.
        attempts: runs allowed (None: what the handler says).
        unchecked: put tasks although no worker knows the handler.
        progress: called with how many triggers are written, and how many there are.

    Raises:
        ConfigurationError: the ``icalendar`` package (extra ``ics``) is not installed.
        UnknownHandler, InvalidPayload: nobody could run the task.
    """
    checked_name(name)
    if reminders not in ("also", "only", "none"):
        raise InvalidInput("reminders", reminders, "also, only or none")
    reading = read_ics(data, zone=zone, keep_going=True)
    container = f"ics:{name}"
    terms: Terms = {"misfire": misfire, "container": container}
    if attempts is not None:
        terms["attempts"] = attempts
    face = _Face(name, action, terms, reminders)
    wanted: list[Wanted] = []
    faults = [_fault(problem) for problem in reading.problems]
    for event in reading.events:
        try:
            wanted += face.wanted(event)
        except InvalidInput as wrong:
            faults.append(Fault(event.line, wrong.field, f"event {event.uid}: {wrong}", event.uid))
    broken = {fault.text for fault in faults}
    told = frozenset() if "" in broken else reading.uids - broken  # a spoilt line may belong to anybody
    contents = Contents(
        name,
        LAYOUT,
        container,
        LAYOUT,
        tuple(wanted),
        tuple(sorted(faults, key=lambda fault: fault.line)),
        told=frozenset(map(face.key, told)),
    )
    return bring(
        app, contents, keep_going=keep_going, prune=prune, dry_run=dry_run, progress=progress, unchecked=unchecked
    )


@dataclass(frozen=True, slots=True)
class _Face:
    """How the events of one file look as triggers."""

    name: str
    action: Action
    terms: Terms
    reminders: Reminders

    def wanted(self, event: IcsEvent) -> Iterator[Wanted]:
        said = said_of(event)
        about = self.key(event.uid)
        if self.reminders != "only":
            terms: Terms = {**self.terms, "object": about, "tags": ["ics"]}
            yield self._wanted(event, event.key, event, said, terms)
        if self.reminders != "none":
            for alarm in event.alarms:
                terms = {**self.terms, "object": about, "tags": ["ics", "alarm"]}
                yield self._wanted(event, alarm.key, alarm, {**said, "alarm": said_of_alarm(alarm)}, terms)

    def _wanted(
        self, event: IcsEvent, key: str, ringing: IcsEvent | IcsAlarm, said: dict[str, Any], terms: Terms
    ) -> Wanted:
        text = event.summary or event.uid
        return Wanted(event.line, text, self.key(key), ringing.clock, filled(self.action, said), terms, dated=True)

    def key(self, name: str) -> str:
        """Return the key of a trigger; a UID that is too long for one is told by its hash."""
        whole = f"ics/{self.name}/{name}"
        return whole if len(whole) <= limits.KEY_LENGTH else f"ics/{self.name}/{sha256(name.encode()).hexdigest()}"


def said_of(event: IcsEvent) -> dict[str, Any]:
    """Return what a task is told about its event."""
    return {
        "uid": event.uid,
        "summary": event.summary,
        "location": event.location,
        "description": event.description,
        "start": show_instant(event.start_at),
        "duration": to_duration(event.duration, "duration") // SECOND,
        "all_day": event.all_day,
        "zone": event.zone,
    }


def said_of_alarm(alarm: IcsAlarm) -> dict[str, Any]:
    """Return what a task is told about the reminder that it is for."""
    offset = None if alarm.offset is None else to_duration(alarm.offset, "offset") // SECOND
    return {"action": alarm.action, "offset": offset, "description": alarm.description}


def filled(action: Action, said: Mapping[str, Any]) -> Action:
    """Return the action with what is said about an event filled in.

    >>> filled(Log("now:"), {"summary": "Stand-up"})
    Log(message='now: Stand-up')
    >>> filled(PutTask.of("remind", {"by": "mail"}), {"uid": "7"}).payload
    '{"by":"mail","uid":"7"}'
    """
    if isinstance(action, Log):
        return Log(f"{action.message} {said['summary']}".strip())
    payload: dict[str, Any] = msgspec.json.decode(action.payload)
    if action.handler == COMMAND:
        return PutTask.of(COMMAND, {**payload, "environment": {**payload.get("environment", {}), **environment(said)}})
    return msgspec.structs.replace(action, payload=msgspec.json.encode({**payload, **said}).decode())


def environment(said: Mapping[str, Any]) -> dict[str, str]:
    """Return what is said about an event as environment variables.

    >>> environment({"uid": "7", "all_day": False, "alarm": {"offset": -900}})
    {'ICS_UID': '7', 'ICS_ALL_DAY': 'false', 'ICS_ALARM_OFFSET': '-900'}
    """
    flat: dict[str, str] = {}
    for name, value in said.items():
        if isinstance(value, Mapping):
            flat.update(environment({f"{name}_{inner}": each for inner, each in value.items()}))
        else:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            flat[f"ICS_{name.upper()}"] = text.replace("\0", "")
    return flat


def _fault(problem: IcsProblem) -> Fault:
    reason = f"event {problem.uid}: {problem.reason}" if problem.uid else problem.reason
    return Fault(problem.line, "event", reason, problem.uid)
