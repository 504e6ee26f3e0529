"""How things are named where several kinds could be meant: bare a trigger's key, else with a prefix."""

from __future__ import annotations

from typing import Any, NamedTuple

from tickwork.api.explaining.page import Kind
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.generator import name_of

PREFIXES = ("trigger", "task", "job", "generator")
ALLOWED = "the key of a trigger, task:ID, job:NAME, generator:NAME or generator:NAME/ID"


class Name(NamedTuple):
    """What a name addresses: a kind, its name or id, and of a generator the identifier of its work."""

    kind: Kind
    name: str | int
    identifier: str = ""


def read(given: Any) -> Name:
    """Read a name; a number is a trigger's id. Raises InvalidInput.

    >>> read("meeting/7/remind"), read("task:7")
    (Name(kind='trigger', name='meeting/7/remind', identifier=''), Name(kind='task', name=7, identifier=''))
    >>> read("generator:webhooks/42").identifier, read("trigger:task:7").name
    ('42', 'task:7')
    """
    if isinstance(given, int) and not isinstance(given, bool):
        return Name("trigger", limits.number(given, "name", 1, 2**63 - 1))
    if not isinstance(given, str):
        raise InvalidInput("name", given, ALLOWED)
    prefix, colon, rest = given.partition(":")
    if not colon or prefix not in PREFIXES:
        return Name("trigger", limits.text(given, "name"))
    limits.text(rest, f"name after {prefix}:")
    if prefix == "task":
        return Name("task", _number(rest) if rest.isascii() and rest.isdigit() else rest)
    if prefix == "generator":
        name, _, identifier = rest.partition("/")
        return Name("work" if identifier else "generator", name_of(name), identifier)
    return Name("job" if prefix == "job" else "trigger", rest)


def _number(digits: str) -> int:
    return limits.number(int(digits) if len(digits) < 30 else 2**64, "task", 1, 2**63 - 1)
