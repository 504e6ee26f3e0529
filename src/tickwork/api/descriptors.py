r"""Reads what people declare jobs with: arguments, a TOML file of ours, or the foreign JSON form.

In a file each table under ``job`` is one job; its clock is said with one of every, cron, daily, weekly, monthly, yearly,
rrule (with ``time``, ``zone``, ``start``, ``step``, ``gap``, ``fold`` as they apply), or not at all for a one-shot job::

    group = "nightly"

    [job."reports.daily"]
    cron = "0 9 * * 1-5"
    zone = "Europe/Berlin"
    payload = { format = "pdf" }
    retry = { strategy = "bounded", max_attempts = 3, base = "5s", cap = "10m" }

A JSON file holds ``{"jobs": {NAME: DESCRIPTOR}}`` with descriptors such as
``{"trigger": {"type": "interval", "every_secs": 300}}``. What is not known is refused by job and key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from tickwork.api.spoken import spoken_clock
from tickwork.clocks.clock import Clock
from tickwork.clocks.cron import parse_cron
from tickwork.clocks.every import Every
from tickwork.clocks.never import Never
from tickwork.clocks.once import Once
from tickwork.errors import ConfigurationError, InvalidClock, InvalidInput
from tickwork.model import limits
from tickwork.model.job import Descriptor, read_plain
from tickwork.model.job_retry import JobRetry, spoken_retry
from tickwork.watch import SECOND, from_duration, to_duration

CLOCK_WORDS = (
    *("every", "cron", "daily", "weekly", "monthly", "yearly", "rrule"),
    *("time", "zone", "start", "step", "gap", "fold"),
)
#: No job was declared before 2020: a clock that does not fire after it never has.
OLDEST_AT = 1_577_836_800 * SECOND
TERMS = ("handler", "payload", "retry", "misfire", "grace", "jitter", "priority")
_GROUP = re.compile(r"[\w.-]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Declarations:
    """The jobs of one file, and the group to which they belong: a job that leaves the file leaves the group."""

    group: str
    jobs: Mapping[str, Descriptor]

    @property
    def origin(self) -> str:
        """Who declared them, as it stands beside the job."""
        return f"file:{self.group}"


def described(name: str, clock: Clock | None = None, **words: Any) -> Descriptor:
    """Return the descriptor that arguments say: a *clock*, or one of the clock's words, and the terms.

    Durations are timedeltas, seconds, or texts such as ``5m``. The payload is a mapping.

    >>> described("reports.daily", every="5m").describe()
    'every 5 minutes'
    >>> described("reports.daily", evry="5m")
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: evry: '5m' is not allowed; expected no such word: ...
    """
    limits.text(name, "name", limits.NAME_LENGTH)
    for word, value in words.items():
        if word not in CLOCK_WORDS + TERMS:
            raise InvalidInput(word, value, f"no such word: a job has {', '.join(CLOCK_WORDS + TERMS)}")
    said = {word: words[word] for word in CLOCK_WORDS if words.get(word) is not None}
    if said and clock is not None:
        raise InvalidInput("clock", clock, f"either a clock or {', '.join(said)}")
    if "every" in said:
        said["every"] = span(said["every"], "every")
    if clock is None and said:
        clock = spoken_clock(**said)
    descriptor = Descriptor(
        words.get("handler") or name,
        clock,
        _payload(words.get("payload", {})),
        _retry(words.get("retry")),
        words.get("misfire", "fire"),
        **{
            term: _micros(words[term], term) if term != "priority" else words[term]
            for term in ("grace", "jitter", "priority")
            if term in words
        },
    )
    return fitted(name, descriptor)


def fitted(name: str, descriptor: Descriptor) -> Descriptor:
    """Return the descriptor with what depends on the job's name settled (``H``); refuse a clock that never fires.

    One that has ended is no error: what the code declares stands there for years.

    >>> fitted("sweep", Descriptor("sweep", parse_cron("H * * * *"))).describe()
    '25 minutes past every hour, UTC'
    """
    if descriptor.clock is None:
        return descriptor
    clock = descriptor.clock.resolve(name, OLDEST_AT)
    if not isinstance(clock, (Never, Once)) and clock.next_at(None, OLDEST_AT) is None:
        raise InvalidClock("clock", clock, "a clock that fires at least once; this one never fires")
    return replace(descriptor, clock=clock)


def read_file(file: Path) -> Declarations:
    """Read a file of jobs: TOML, or JSON where its name ends so. Raises ConfigurationError or InvalidInput by job."""
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigurationError("file", str(file), f"a file that can be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError("file", str(file), f"text in UTF-8 ({error.reason} at byte {error.start})") from None
    return read_json(text, file.stem) if file.suffix == ".json" else read_toml(text, file.stem)


def read_toml(text: str, group: str = "default") -> Declarations:
    r"""Read our own form.

    >>> read_toml('[job.sweep]\nevery = "90s"').jobs["sweep"].clock
    Every(datetime.timedelta(seconds=90))
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError("file", str(error), "a file in TOML") from None
    _only(given, {"group", "job"})
    return _declarations(given.get("group", group), given.get("job", {}), _described_table)


def read_json(text: str, group: str = "default") -> Declarations:
    """Read the foreign form: ``{"jobs": {NAME: {"trigger": {...}, "retry_strategy": {...}}}}``.

    >>> read_json('{"jobs": {"sweep": {"trigger": {"type": "interval", "every_secs": 90}}}}').jobs["sweep"].describe()
    'every 90 seconds'
    """
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConfigurationError("file", str(error), "a file with a JSON object") from None
    _only(given, {"group", "jobs"})
    return _declarations(given.get("group", group), given.get("jobs", {}), lambda n, t: read_plain(n, t, strict=True))


def span(value: Any, field: str) -> timedelta:
    """Return a duration from a timedelta, seconds, or a text such as ``90s``, ``5m``, ``1h30m``.

    >>> span("1h30m", "every")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(value, str):
        try:
            clock = parse_cron(f"@every {value}")
        except InvalidInput:
            raise InvalidInput(field, value, "a duration such as 90s, 5m, 1h30m") from None
        assert isinstance(clock, Every)
        return from_duration(clock.period)
    duration = to_duration(value, field)
    if abs(duration) > limits.LONGEST_DELAY:
        raise InvalidInput(field, value, "a duration of at most a thousand years")
    return from_duration(duration)


def _payload(given: Any) -> str:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidInput("payload", given, "a mapping of names to values")
    try:
        text = msgspec.json.encode(given, order="sorted").decode()
        if not _finite(given):  # JSON would say null, and nobody would know
            raise ValueError("no number that is none, or without end")
        return text
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput("payload", given, f"values that JSON can say ({error})") from None


def _finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _described_table(name: str, table: Mapping[str, Any]) -> Descriptor:
    if "trigger" in table or "clock" in table:
        return read_plain(name, table, strict=True)
    return described(name, **table)


def _declarations(group: Any, tables: Any, read: Any) -> Declarations:
    if not isinstance(group, str) or not _GROUP.match(group):
        raise ConfigurationError("group", group, "a name of letters, digits and _ . -, at most 100 characters")
    if not isinstance(tables, Mapping):
        raise ConfigurationError("job", tables, "a table per job")
    found = {}
    for name, table in tables.items():
        limits.text(name, "name", limits.NAME_LENGTH)
        if not isinstance(table, Mapping):
            raise ConfigurationError(f"job {name}", table, "a table")
        try:
            found[name] = fitted(name, read(name, table))
        except InvalidInput as error:
            raise ConfigurationError(f"job {name}: {error.field}", error.value, error.allowed) from error
    return Declarations(group, found)


def _retry(given: Any) -> JobRetry:
    if given is None:
        return JobRetry()
    return given if isinstance(given, JobRetry) else spoken_retry(given, _micros)


def _micros(value: Any, field: str) -> int:
    return to_duration(span(value, field), field)


def _only(given: Mapping[str, Any], keys: set[str]) -> None:
    for key in given:
        if key not in keys:
            raise ConfigurationError(key, given[key], f"one of {', '.join(sorted(keys))}")
