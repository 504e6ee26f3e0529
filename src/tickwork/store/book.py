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

What several statements say alike stands once, as a part (``-- part: heads``), and they name it in braces:
``with recursive {heads}``. A dialect's page replaces a part as it does a statement.

The writer's role stands on the statement (``-- writer: application``). A transaction is begun in a role and runs
only what that role may write; ``-- reader: anyone`` marks what changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from tickwork.errors import WrongWriter

#: How a driver writes a parameter: ``:x``, ``%(x)s``, ``?`` in order, ``$1``.
Style = Literal["named", "pyformat", "qmark", "numeric"]

ROLES = frozenset({"application", "daemon", "worker", "operator", "controller", "installer"})

_NAME = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_PART = re.compile(r"\{(\w+)\}")
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
        sheets = {
            sheet.name: sheet.read_text("utf-8")
            for sheet in sorted(here.joinpath("statements").iterdir(), key=lambda entry: entry.name)
            if sheet.name.endswith(".sql")
        }
        page_name, page = f"{dialect}/page.sql", here.joinpath(dialect, "page.sql").read_text("utf-8")
        parts: dict[str, str] = {}
        for text in [*sheets.values(), page]:
            parts |= parts_of(text)
        common: dict[str, Statement] = {}
        for name, text in sheets.items():
            for statement in read_sheet(text, name, turn, parts):
                if statement.name in common:
                    raise ValueError(f"the statement {statement.name!r} stands twice in the book")
                common[statement.name] = statement
        for statement in read_sheet(page, page_name, turn, parts):
            if statement.name not in common:
                raise ValueError(f"{page_name} replaces {statement.name!r}, which is not in the book")
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


def parts_of(text: str) -> dict[str, str]:
    """Return the parts that stand in one ``.sql`` file."""
    return {name: _sql(body) for kind, name, body in _blocks(text) if kind == "part"}


def read_sheet(text: str, source: str, turn: Turn, parts: Mapping[str, str] = MappingProxyType({})) -> list[Statement]:
    """Cut one ``.sql`` file into its statements, with the *parts* that they name."""
    sheet = []
    for kind, name, body in _blocks(text):
        if kind == "part":
            continue
        marked = _ROLES.search(body)
        if marked is None:
            raise ValueError(f"{source}: the statement {name!r} names neither writer nor reader")
        roles = frozenset(part.strip() for part in marked[2].split(","))
        if marked[1] == "writer" and not roles <= ROLES:
            raise ValueError(f"{source}: {name!r} names an unknown writer: {sorted(roles - ROLES)}")
        sql = turn(_whole(_sql(body), parts))
        sheet.append(Statement(name, re.sub(r"\s+", " ", sql).strip(), roles, marked[1] == "writer", source))
    return sheet


def _whole(text: str, parts: Mapping[str, str]) -> str:
    """Put the parts in their places."""
    while (spoken := _PART.sub(lambda match: parts[match[1]], text)) != text:
        text = spoken
    return text


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Cut a file at its headings: whether a statement or a part begins there, its name, and what stands below."""
    starts = list(_NAME.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)] * bool(starts)
    for match, end in zip(starts, ends, strict=True):
        yield match[1], match[2], text[match.end() : end]


def _sql(body: str) -> str:
    """Drop comments and the last semicolon."""
    return _TRAILING.sub("", _COMMENT.sub("", body)).strip().rstrip(";")
