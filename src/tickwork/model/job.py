"""A job is a declared, recurring piece of work that never overlaps itself; its descriptor says when and what.

A descriptor is a frozen value. It is stored as JSON text beside the job and in the log, equal descriptors as equal
text, so that *the same again* is recognised without parsing. A job without a clock is one-shot: it runs when it is
declared and when somebody starts it. What stands in the store and cannot be read is an error that is shown, never a
one-shot job by silence.

The foreign form (``{"trigger": {"type": "interval", "every_secs": 300}}``) is read wherever our own is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode, encode
from tickwork.clocks.cron import Cron
from tickwork.clocks.every import Every
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.model import limits
from tickwork.model.job_retry import JobRetry, read_foreign_retry, read_retry
from tickwork.watch import DAY, SECOND, from_duration

Misfire = Literal["fire", "skip"]
MISFIRES = ("fire", "skip")
PRIORITY, GRACE = 2_000, 60 * SECOND
#: A thousand years between two fires is a mistake, and keeps every sum inside the years that can be stored.
LONGEST_SECS = 1_000 * 366 * 86_400

_OWN = {"clock", "handler", "payload", "retry", "misfire", "grace", "jitter", "priority"}
_FOREIGN = {"trigger", "retry_strategy"}


@dataclass(frozen=True)
class Descriptor:
    """When a job fires and what it runs: a *clock* (none: one-shot), a *handler* with its *payload* (JSON text).

    *misfire* says what a fire does that is more than *grace* late: ``fire`` (once, for all that were missed) or
    ``skip`` (wait for the next). *jitter* spreads fires over so many microseconds after the planned time.

    >>> Descriptor("reports.daily", Every(300)).text
    '{"clock":{"kind":"every","params":{"period":300000000}},"handler":"reports.daily"}'
    """

    handler: str
    clock: Clock | None = None
    payload: str = "{}"
    retry: JobRetry = field(default_factory=JobRetry)
    misfire: Misfire = "fire"
    grace: int = GRACE
    jitter: int = 0
    priority: int = PRIORITY

    def __post_init__(self) -> None:
        limits.text(self.handler, "handler", limits.NAME_LENGTH)
        limits.payload(self.payload, self.handler)
        limits.priority(self.priority)
        limits.number(self.grace, "grace", 0, limits.LONGEST_DELAY)
        limits.number(self.jitter, "jitter", 0, DAY)
        if self.misfire not in MISFIRES:
            raise InvalidInput("misfire", self.misfire, "fire or skip")
        if self.clock is not None and not isinstance(self.clock, Clock):
            raise InvalidInput("clock", self.clock, "a clock, or none for a one-shot job")

    @property
    def recurs(self) -> bool:
        """Whether it has a clock, so that a timer may exist for it."""
        return self.clock is not None

    @cached_property
    def text(self) -> str:
        """The JSON that is stored: sorted keys, defaults left out, so equal descriptors are equal text."""
        plain: dict[str, Any] = {"handler": self.handler}
        if self.clock is not None:
            kind, params = encode(self.clock)
            plain["clock"] = {"kind": kind, "params": params}
        if self.payload != "{}":
            plain["payload"] = msgspec.json.decode(self.payload)
        if retry := self.retry.plain():
            plain["retry"] = retry
        for name, usual in (("misfire", "fire"), ("grace", GRACE), ("jitter", 0), ("priority", PRIORITY)):
            if getattr(self, name) != usual:
                plain[name] = getattr(self, name)
        return msgspec.json.encode(plain, order="sorted").decode()

    def describe(self) -> str:
        """Say when it fires, in plain English.

        >>> Descriptor("sweep", Every(90)).describe(), Descriptor("import").describe()
        ('every 90 seconds', 'one-shot')
        """
        return "one-shot" if self.clock is None else self.clock.describe()


#: What a verb did to a job. A running one cannot be taken back: it was *asked* to stop.
JobDid = Literal[
    "created", "changed", "unchanged", "started", "exists", "stopped", "asked", "over", "deleted", "unknown"
]


@dataclass(frozen=True, slots=True)
class JobPut:
    """What a verb did to a job: its id (None where there is no such job), its newest event and its status after it."""

    id: int | None
    name: str
    seq: int
    status: str
    did: JobDid


def read_text(name: str, text: str) -> Descriptor:
    """Read a stored descriptor; raises InvalidInput where it is no JSON object, or says what cannot be.

    >>> read_text("sweep", '{"trigger": {"type": "interval", "every_secs": 300}}').clock
    Every(datetime.timedelta(seconds=300))
    """
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise InvalidInput(f"descriptor of {name}", text, "the text of a JSON object") from None
    return read_plain(name, given)


def read_plain(name: str, given: Mapping[str, Any], *, strict: bool = False) -> Descriptor:
    """Read a descriptor in our own or in the foreign form; *strict* refuses keys that nobody knows.

    The handler is the job's name unless it is said.

    >>> read_plain("sweep", {"note": "interval"}).recurs
    False
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(f"descriptor of {name}", given, "an object")
    if "clock" in given and "trigger" in given:
        raise InvalidInput("trigger", given["trigger"], "either clock or trigger, not both")
    if strict:
        for key in given:
            if key not in _OWN | _FOREIGN:
                raise InvalidInput(key, given[key], f"no such key: a job has {', '.join(sorted(_OWN | _FOREIGN))}")
    clock = read_trigger(given["trigger"]) if "trigger" in given else _stored_clock(given.get("clock"))
    retry = read_retry(given.get("retry", {}))
    if "retry_strategy" in given:
        retry = read_foreign_retry(given["retry_strategy"])
    rest = {key: given[key] for key in ("misfire", "grace", "jitter", "priority") if key in given}
    payload = given.get("payload", {})
    if not isinstance(payload, Mapping):
        raise InvalidInput("payload", payload, "an object")
    text = msgspec.json.encode(payload, order="sorted").decode()
    return Descriptor(given.get("handler", name), clock, text, retry, **rest)


def from_descriptor(given: Mapping[str, Any]) -> Clock | None:
    """Return the clock that the foreign form's ``trigger`` says; None when it is absent or one-shot.

    >>> from_descriptor({"trigger": {"type": "cron", "schedule": "0 * * * *", "time_zone": "+05:30"}}).zone
    '+05:30'
    """
    return read_trigger(given["trigger"]) if "trigger" in given else None


def read_trigger(given: Any) -> Clock | None:
    """Read the foreign form of a clock: ``one_shot``, ``interval`` with ``every_secs``, ``cron`` with ``schedule``."""
    if not isinstance(given, Mapping):
        raise InvalidInput("trigger", given, "an object with a type")
    kind, rest = given.get("type"), {key: given[key] for key in given if key != "type"}
    if kind == "one_shot":
        _no_more(rest, kind)
        return None
    if kind == "interval":
        seconds = rest.pop("every_secs", None)
        _no_more(rest, kind)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_SECS:
            raise InvalidClock("every_secs", seconds, f"whole seconds, from 1 to {LONGEST_SECS}")
        return Every(from_duration(seconds * SECOND))
    if kind == "cron":
        schedule, zone = rest.pop("schedule", None), rest.pop("time_zone", "+00:00")
        _no_more(rest, kind)
        if not isinstance(schedule, str):
            raise InvalidClock("schedule", schedule, "a cron expression")
        if not isinstance(zone, str) or (zone[:1] in "+-" and len(zone) != 6):
            raise InvalidClock("time_zone", zone, "an offset such as +05:30, or an IANA zone")
        return Cron(schedule, zone)
    raise InvalidClock("type", kind, "one_shot, interval or cron")


def foreign_trigger(clock: Clock | None) -> dict[str, Any]:
    """Write a clock in the foreign form; InvalidClock where it has no word for it.

    >>> foreign_trigger(Every(300))
    {'type': 'interval', 'every_secs': 300}
    """
    if clock is None:
        return {"type": "one_shot"}
    if isinstance(clock, Every) and clock.anchor is None and clock.period % SECOND == 0:
        return {"type": "interval", "every_secs": clock.period // SECOND}
    if isinstance(clock, Cron) and clock == Cron(clock.expression, clock.zone):
        return {"type": "cron", "schedule": clock.expression, "time_zone": clock.zone}
    raise InvalidClock("clock", clock, "whole seconds or a cron expression: the foreign form knows no other")


def _stored_clock(given: Any) -> Clock | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != {"kind", "params"}:
        raise InvalidClock("clock", given, "an object with kind and params")
    return decode(given["kind"], given["params"])


def _no_more(rest: Mapping[str, Any], kind: str) -> None:
    for key, value in rest.items():
        raise InvalidClock(key, value, f"no such key: a trigger of type {kind!r} does not have it")
