"""The book of statements: SQL by name, read from ``.sql`` files and never built.

Every statement stands under its name in ``statements/*.sql`` and is written in PostgreSQL's words. A dialect's
``page.sql`` replaces statements *of the same name*, with one line saying why. Four small things are turned on
loading, and nothing else:

========================  =======================================  ===================================
in the book               PostgreSQL                               SQLite
========================  =======================================  ===================================
``tickwork.task``         the schema that was configured           the prefix that was configured
``:now``                  the handed-in time, else the clock at    the handed-in time
                          the statement, as ``(select ...)``
``= any(:ids::bigint[])`` as it stands                             ``in (select value from json_each(:ids))``
``for ... skip locked``   as it stands                             nothing: one writer at a time
``:x::bigint``            as it stands                             ``:x``
========================  =======================================  ===================================

The writer's role stands on the statement (``-- writer: application``). A transaction is begun in a role and runs
only what that role may write; ``-- reader: anyone`` marks what changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

from tickwork.errors import WrongWriter

#: How a driver writes a parameter: ``:x``, ``%(x)s``, ``?`` in order, ``$1``.
Style = Literal["named", "pyformat", "qmark", "numeric"]

ROLES = frozenset({"application", "daemon", "worker", "operator", "controller", "installer"})

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_ROLES = re.compile(r"^-- (writer|reader): ([\w, -]+?)\s*$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_INTEGERS = re.compile(r"(?<![:\w]):([a-z_]+)::(?:bigint|int)\[\]")
_TEXTS = re.compile(r"(?<![:\w]):(\w+)::text\[\]")
_TRUTHS = re.compile(r"(?<![:\w]):(\w+)::bool\[\]")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_TRAILING = re.compile(r"\s+-- .*$", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One named statement with the roles that may run it."""

    name: str
    text: str
    roles: frozenset[str]
    writes: bool
    source: str

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the order of their first appearance."""
        return tuple(dict.fromkeys(_PARAMETER.findall(self.text)))

    @cached_property
    def integer_arrays(self) -> frozenset[str]:
        """The parameters that are arrays of integers."""
        return frozenset(_INTEGERS.findall(self.text))

    @cached_property
    def text_arrays(self) -> frozenset[str]:
        """The parameters that are arrays of texts."""
        return frozenset(_TEXTS.findall(self.text))

    @cached_property
    def truth_arrays(self) -> frozenset[str]:
        """The parameters that are arrays of truth values."""
        return frozenset(_TRUTHS.findall(self.text))

    @cached_property
    def named(self) -> str:
        return self.text

    @cached_property
    def pyformat(self) -> str:
        return _PARAMETER.sub(r"%(\1)s", self.text.replace("%", "%%"))

    @cached_property
    def qmark(self) -> str:
        """With one ``?`` per appearance; :attr:`order` names them."""
        return _PARAMETER.sub("?", self.text)

    @cached_property
    def order(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.text))

    @cached_property
    def numeric(self) -> str:
        place = {name: f"${index}" for index, name in enumerate(self.parameters, 1)}
        return _PARAMETER.sub(lambda match: place[match[1]], self.text)

    def written_in(self, style: Style) -> str:
        text: str = getattr(self, style)
        return text

    def allow(self, role: str) -> None:
        """Refuse a role that may not run this statement."""
        if self.writes and role not in self.roles:
            raise WrongWriter(
                f"the statement {self.name!r} belongs to {', '.join(sorted(self.roles))}; a transaction of the "
                f"{role} may not run it"
            )


class Book:
    """All statements of one dialect, for one schema or prefix."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(statements)

    @classmethod
    @cache
    def open(cls, dialect: str, turn: Turn) -> Book:
        """Read the common book, lay the dialect's page over it, and turn the words; once in a process."""
        here = files("tickwork.store")
        common: dict[str, Statement] = {}
        for sheet in sorted(here.joinpath("statements").iterdir(), key=lambda entry: entry.name):
            if sheet.name.endswith(".sql"):
                for statement in read_sheet(sheet.read_text("utf-8"), sheet.name, turn):
                    if statement.name in common:
                        raise ValueError(f"the statement {statement.name!r} stands twice in the book")
                    common[statement.name] = statement
        page = here.joinpath(dialect, "page.sql")
        for statement in read_sheet(page.read_text("utf-8"), f"{dialect}/page.sql", turn):
            if statement.name not in common:
                raise ValueError(f"{dialect}/page.sql replaces {statement.name!r}, which is not in the book")
            common[statement.name] = statement
        return cls(common)

    def __getitem__(self, name: str) -> Statement:
        return self._statements[name]

    def __iter__(self) -> object:
        return iter(self._statements.values())

    def statements(self) -> list[Statement]:
        return list(self._statements.values())


@dataclass(frozen=True)
class Turn:
    """What a dialect turns on loading (see the table in the module's docstring)."""

    tables: str
    """What stands before a table's name: ``tickwork.`` or ``tickwork_``."""
    now: str
    """What ``:now`` becomes."""
    arrays: bool
    """Whether arrays, casts and row locks are words of this dialect."""

    def __call__(self, text: str) -> str:
        text = text.replace("tickwork.", self.tables)
        text = re.sub(r"\btickwork\b(?!\.)", self.tables.rstrip("._"), text)
        if not self.arrays:
            text = re.sub(r"= any\(:(\w+)::\w+\[\]\)", r"in (select value from json_each(:\1))", text)
            text = re.sub(r"::\w+(\[\])?", "", text)
            text = re.sub(r"\bfor (no key )?(update|share|key share)( of [\w, ]+)?( skip locked)?", "", text)
        return re.sub(r"(?<![:\w]):now\b", lambda _: self.now, text)


def read_sheet(text: str, source: str, turn: Turn) -> list[Statement]:
    """Cut one ``.sql`` file into its statements."""
    starts = list(_NAME.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)] * bool(starts)
    sheet = []
    for match, end in zip(starts, ends, strict=True):
        body = text[match.end() : end]
        marked = _ROLES.search(body)
        if marked is None:
            raise ValueError(f"{source}: the statement {match[1]!r} names neither writer nor reader")
        roles = frozenset(part.strip() for part in marked[2].split(","))
        if marked[1] == "writer" and not roles <= ROLES:
            raise ValueError(f"{source}: {match[1]!r} names an unknown writer: {sorted(roles - ROLES)}")
        sql = _TRAILING.sub("", _COMMENT.sub("", body)).strip().rstrip(";")
        sheet.append(Statement(match[1], re.sub(r"\s+", " ", turn(sql)).strip(), roles, marked[1] == "writer", source))
    return sheet
