"""The lines of a calendar file (RFC 5545, 3.1) as a tree of components, each line with its number in the file.

Names, parameters and values are split by the ``icalendar`` package's parser (extra ``ics``); values stay as they were
written, so one that is spoilt spoils its own event only, and an error can name the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tickwork.errors import ConfigurationError, InvalidInput


@dataclass(frozen=True)
class Property:
    """One property: ``DTSTART;TZID=Europe/Berlin:20260101T090000``."""

    name: str
    parameters: Mapping[str, str]
    value: str
    line: int


@dataclass
class Component:
    """What stands between BEGIN and END."""

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    inside: list[Component] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)

    def first(self, name: str) -> Property | None:
        """Return the first property of that name that has a value."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Property]:
        """Yield the properties of that name that have a value; an empty one says nothing."""
        return (found for found in self.properties if found.name == name and found.value.strip())

    def text(self, name: str) -> str:
        """Return a text property, or nothing."""
        found = self.first(name)
        return "" if found is None else found.value.strip()


def read_tree(data: bytes | str) -> Component:
    """Return the file as one component without a name; lines outside a VCALENDAR count, too."""
    split = _splitter()
    root = Component("", 0)
    open_ones = [root]
    for number, line in _unfolded(_decoded(data)):
        try:
            name, parameters, value = split(line)
        except ValueError:
            open_ones[-1].unreadable.append((number, line))
            continue
        if name == "BEGIN":
            begun = Component(value.strip().upper(), number)
            open_ones[-1].inside.append(begun)
            open_ones.append(begun)
        elif name == "END":
            names = [component.name for component in open_ones]
            if value.strip().upper() in names[1:]:  # an END without its BEGIN closes nothing
                del open_ones[len(names) - 1 - names[::-1].index(value.strip().upper()) :]
        else:
            open_ones[-1].properties.append(Property(name, parameters, value, number))
    return root


def _decoded(data: bytes | str) -> str:
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidInput("data", data, "the bytes or the text of a calendar file")
    try:
        return bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError:
        return bytes(data).decode("latin-1")  # old exports; RFC 5545 wants UTF-8


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield logical lines with the number of the physical line on which each began."""
    begun, parts = 0, [""]
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line[:1] in (" ", "\t") and begun:
            parts.append(line[1:])
            continue
        if begun and "".join(parts).strip():
            yield begun, "".join(parts).strip()
        begun, parts = number, [line]
    if begun and "".join(parts).strip():
        yield begun, "".join(parts).strip()


def _splitter() -> Callable[[str], tuple[str, dict[str, str], str]]:
    """Return what splits one line; escapes in values are resolved already."""
    try:
        from icalendar.parser import Contentline
    except ImportError:
        raise ConfigurationError("ics", None, "the package: pip install 'tickwork[ics]'") from None

    def split(line: str) -> tuple[str, dict[str, str], str]:
        name, parameters, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
        flat = {
            str(key).upper(): ",".join(map(str, said)) if isinstance(said, list) else str(said)
            for key, said in parameters.items()
        }
        return str(name).upper(), flat, str(value)

    return split
