r"""A crontab as cron reads it: jobs with a clock, a command, its input and its environment; and the lines that are wrong.

Three layouts differ in their columns only: ``user`` has five time fields and a command, ``system`` (``/etc/crontab``,
``cron.d``) a user between them, ``seconds`` six time fields. Environment lines hold for the jobs below them and are
taken literally: cron expands no ``$``. ``%`` is crontab(5)'s: the first unescaped one ends the command and begins its
standard input, further ones are line ends, and ``\%`` is a percent sign. ``CRON_TZ=Zone`` sets the zone of the jobs
below it. Nothing is guessed: a line that is wrong becomes a fault that names line and field, and a job below a
``CRON_TZ`` that names no zone is refused too, since it would run at the wrong hour.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from tickwork.clocks.clock import Clock
from tickwork.clocks.cron import parse_cron
from tickwork.clocks.zone import Zone
from tickwork.errors import InvalidInput

Layout = Literal["user", "system", "seconds"]
LAYOUTS: tuple[Layout, ...] = ("user", "system", "seconds")

_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_BLANKS = " \t"
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*[$]?")
_TIME_FIELD = re.compile(r"[0-9*?,/-]+")
_ENVIRONMENT = re.compile(
    r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s="'][^\s=]*))[ \t]*=[ \t]*(?P<value>.*)""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class CrontabJob:
    """One job of a crontab."""

    line: int
    text: str
    name: str
    """A hash of the line's text, with ``.2``, ``.3`` behind it for identical lines further down."""
    clock: Clock
    command: str
    input: str | None
    environment: Mapping[str, str]
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be used, and why."""

    line: int
    field: str
    problem: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Crontab:
    """What stands in a crontab."""

    jobs: tuple[CrontabJob, ...]
    faults: tuple[Fault, ...]
    left_out: tuple[Fault, ...] = field(default=())
    """Lines left out because the caller asked for it (``@reboot``)."""


def layout_of(path: str) -> Layout:
    """Tell a crontab's format by its path, as cron does: ``/etc/crontab`` and ``cron.d`` have a user column.

    >>> layout_of("/etc/cron.d/backup"), layout_of("/etc/crontab"), layout_of("deploy/crontab")
    ('system', 'system', 'user')
    """
    pure = PurePath(path)
    if "cron.d" in pure.parent.parts or pure.name.endswith(".cron.d") or pure.parts[-2:] == ("etc", "crontab"):
        return "system"
    return "user"


def read_crontab(
    data: bytes, layout: Layout = "user", *, zone: str = "UTC", user: str | None = None, skip_reboot: bool = False
) -> Crontab:
    r"""Read a crontab.

    *zone* holds where no ``CRON_TZ`` line does. In the ``system`` format a job of another user than *user* is a fault
    (None: any user will do). *skip_reboot* leaves ``@reboot`` out instead of finding fault with it.

    >>> crontab = read_crontab(b"MAILTO=ops\n*/5 * * * * mail ops%Dear ops,%all is \\%well\n0 25 * * * oops\n")
    >>> job = crontab.jobs[0]
    >>> job.clock.describe(), job.command, job.input, dict(job.environment)
    ('every 5 minutes, UTC', 'mail ops', 'Dear ops,\nall is %well\n', {'MAILTO': 'ops'})
    >>> print(crontab.faults[0])
    line 3: hour: '25' is not allowed; expected a number from 0 to 23
    """
    if layout not in LAYOUTS:
        raise InvalidInput("format", layout, "user, system or seconds")
    Zone.get(zone)
    reader = _Reader(layout, zone, user, skip_reboot)
    for number, line in _lines(data):
        reader.read(number, line)
    return Crontab(tuple(reader.jobs), tuple(reader.faults), tuple(reader.left_out))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        yield number, line.removesuffix(b"\r")


class _Reader:
    """Reads line by line; what was set above holds below."""

    def __init__(self, layout: Layout, zone: str, user: str | None, skip_reboot: bool) -> None:
        self.layout, self.user, self.skip_reboot = layout, user, skip_reboot
        self.zone: str | None = zone
        self.zone_line = 0
        self.environment: dict[str, str] = {}
        self.jobs: list[CrontabJob] = []
        self.faults: list[Fault] = []
        self.left_out: list[Fault] = []
        self.seen: Counter[str] = Counter()

    def read(self, number: int, raw: bytes) -> None:
        if not raw.strip() or raw.lstrip(b" \t").startswith(b"#"):
            return
        text = raw.decode("utf-8", "replace").strip()
        try:
            self._read(number, raw.decode("utf-8"))
        except UnicodeDecodeError:
            self.faults.append(Fault(number, "line", "line: not UTF-8; save the file as UTF-8 and try again", text))
        except InvalidInput as error:
            self.faults.append(Fault(number, error.field, str(error), text))

    def _read(self, number: int, line: str) -> None:
        if "\0" in line:
            raise InvalidInput("line", line, "text without NUL characters")
        setting = _ENVIRONMENT.fullmatch(line)
        if setting is not None:
            self._set(number, setting)
        else:
            self._job(number, line.lstrip(_BLANKS))

    def _set(self, number: int, setting: re.Match[str]) -> None:
        name = next(part for part in (setting["double"], setting["single"], setting["bare"]) if part is not None)
        value = unquoted(setting["value"])
        if name != "CRON_TZ":
            if not name:
                raise InvalidInput("name", name, "the name of an environment variable before the '='")
            self.environment[name] = value
            return
        self.zone, self.zone_line = None, number
        try:
            Zone.get(value)
        except InvalidInput as error:
            raise InvalidInput("CRON_TZ", value, error.allowed) from None
        self.zone = value

    def _job(self, number: int, line: str) -> None:
        schedule, rest = self._schedule(line)
        if schedule.lower() == "@reboot":
            fault = Fault(number, "@reboot", _REBOOT, line.strip())
            (self.left_out if self.skip_reboot else self.faults).append(fault)
            return
        if self.zone is None:
            raise InvalidInput(
                "zone", f"CRON_TZ of line {self.zone_line}", "a zone that exists, to know this job's hour"
            )
        clock = parse_cron(schedule, self.zone)
        user = None
        if self.layout == "system":
            user, rest = _word(rest)
            self._check_user(user)
        self._check_command(rest)
        command, given = split_at_percent(rest)
        text = line.strip()
        self.jobs.append(
            CrontabJob(number, text, self._name(text), clock, command, given, dict(self.environment), user)
        )

    def _schedule(self, line: str) -> tuple[str, str]:
        """Cut off the time columns."""
        if line.startswith("@"):
            macro, rest = _word(line)
            if macro.lower() == "@every":
                span, rest = _word(rest)
                return f"{macro} {span}", rest
            return macro, rest
        names = ("second", *_FIELDS) if self.layout == "seconds" else _FIELDS
        fields: list[str] = []
        rest = line
        for name in names:
            word, rest = _word(rest)
            if not word:
                # The first field that is no field tells more than the last one that is not there: it may be prose.
                parse_cron(" ".join([*fields, *("*" for _ in names[len(fields) :])]))
                raise InvalidInput(name, word, f"{len(names)} time fields ({', '.join(names)}) before the command")
            fields.append(word)
        return " ".join(fields), rest

    def _check_user(self, user: str) -> None:
        if not _USER.fullmatch(user):
            raise InvalidInput("user", user, "a user between the time fields and the command, or --format user")
        if self.user is not None and user != self.user:
            raise InvalidInput(
                "user", user, f"{self.user}, who runs this; --ignore-user imports the jobs of everybody, as {self.user}"
            )

    def _check_command(self, rest: str) -> None:
        """Refuse what no shell should be given: nothing, or a time field that was taken for a command."""
        word, _ = _word(rest)
        if not word:
            columns = "the time fields and the user" if self.layout == "system" else "the time fields"
            raise InvalidInput("command", rest, f"a command after {columns}")
        if _TIME_FIELD.fullmatch(word):
            raise InvalidInput("command", word, "a command, and this is one more time field: --format seconds?")

    def _name(self, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.seen[digest] += 1
        return digest if self.seen[digest] == 1 else f"{digest}.{self.seen[digest]}"


_REBOOT = "@reboot: a start of the machine is no time that a clock can tell; --skip-reboot leaves such lines out"


def unquoted(value: str) -> str:
    """Return the value of an environment line: without trailing blanks, and without one pair of matching quotes.

    >>> unquoted("root HOME=/ "), unquoted('" kept "'), unquoted('""')
    ('root HOME=/', ' kept ', '')
    """
    value = value.rstrip()
    if len(value) >= 2 and value[0] in "\"'" and value[0] == value[-1]:
        return value[1:-1]
    return value


def split_at_percent(text: str) -> tuple[str, str | None]:
    r"""Return the command and its standard input (None: it gets none), as crontab(5) reads ``%``.

    >>> split_at_percent(r"date +\%H")
    ('date +%H', None)
    >>> split_at_percent("cat%one%two")
    ('cat', 'one\ntwo\n')
    """
    command: list[str] = []
    escaped = False
    for place, letter in enumerate(text):
        if escaped:
            if letter == "%":
                command[-1] = letter
            else:
                command.append(letter)
            escaped = False
        elif letter == "%":
            return "".join(command), _input(text[place + 1 :])
        else:
            command.append(letter)
            escaped = letter == "\\"
    return "".join(command), None


def _input(text: str) -> str:
    """Return the standard input; it ends with a line end."""
    given = re.sub(r"\\%|%", lambda found: "%" if found[0] == "\\%" else "\n", text)
    return given if not given or given.endswith("\n") else given + "\n"


def _word(text: str) -> tuple[str, str]:
    """Cut off the first word; what follows keeps its own blanks but those between."""
    text = text.lstrip(_BLANKS)
    end = next((place for place, letter in enumerate(text) if letter in _BLANKS), len(text))
    return text[:end], text[end:].lstrip(_BLANKS)
