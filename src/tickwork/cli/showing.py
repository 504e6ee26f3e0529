"""Values on the screen: JSON lines for programs, a table for people, and colour only where a terminal shows it.

In JSON an instant is RFC 3339 with Z and microseconds, a duration is in seconds. A field's name says which it is, as it
does everywhere in the house: instants end in ``_at``, durations in ``_for`` or ``_after`` or are called grace, jitter,
period or length.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any

import click

from tickwork.watch import SECOND, show_instant, to_instant

_DURATIONS = frozenset({"grace", "jitter", "period", "length", "lateness"})

Row = Mapping[str, Any]


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a frozen value, whatever kind of value it is, in their order."""
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return {name: getattr(value, name) for name in value.__struct_fields__}


def plain(value: Any, name: str = "") -> Any:
    """Return what JSON can say.

    >>> plain({"due_at": 0, "grace": 60_000_000, "priority": 7})
    {'due_at': '1970-01-01T00:00:00.000000Z', 'grace': 60.0, 'priority': 7}
    """
    if isinstance(value, datetime):
        return show_instant(to_instant(value))
    if isinstance(value, timedelta):
        return value / timedelta(seconds=1)
    if isinstance(value, int) and not isinstance(value, bool):
        if name == "at" or name.endswith("_at"):
            return show_instant(value)
        if name.endswith(("_for", "_after")) or name in _DURATIONS:
            return value / SECOND
        return value
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each, str(key)) for key, each in value.items()}
    if hasattr(value, "_asdict") or is_dataclass(value) or hasattr(value, "__struct_fields__"):
        return plain(fields_of(value))
    if isinstance(value, (Sequence, frozenset, set)):
        return [plain(each) for each in value]
    return str(value)


def say_json(value: Any) -> None:
    """Write one JSON line."""
    click.echo(json.dumps(plain(fields_of(value)), ensure_ascii=False))


def say(value: Any, name: str = "") -> str:
    """Return what a person reads in a cell."""
    if value is None:
        return "-"
    said = plain(value, name)
    if isinstance(said, str) and (name == "at" or name.endswith("_at") or isinstance(value, datetime)):
        return said[:19].replace("T", " ") + "Z"
    if isinstance(said, float):
        return say_seconds(said)
    if isinstance(said, list):
        return ", ".join(map(str, said)) or "-"
    if isinstance(said, dict):
        return json.dumps(said, ensure_ascii=False)
    return str(said)


def say_seconds(seconds: float) -> str:
    """Return a duration as people say it.

    >>> say_seconds(5400), say_seconds(0.25), say_seconds(0)
    ('1h30m', '250ms', '0s')
    """
    if 0 < abs(seconds) < 1:
        return f"{seconds * 1000:.3g}ms"
    left, said = abs(seconds), ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, left = divmod(left, length)
        said += f"{count:.0f}{unit}" if count else ""
    if left or not said:
        said += f"{left:.3f}".rstrip("0").rstrip(".") + "s"
    return f"-{said}" if seconds < 0 else said


def list_rows(rows: Iterable[Any], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Write a list: a JSON line each, or a table with these columns; *empty* is said where there is nothing."""
    if as_json:
        for row in rows:
            say_json(row)
        return
    found = [fields_of(row) for row in rows]
    if not found:
        click.echo(empty, err=True)
        return
    heads = [column.removesuffix("_at").replace("_", " ") for column in columns]
    table(heads, [[say(row.get(column), column) for column in columns] for row in found])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Write a table: drawn on a terminal, plain columns elsewhere."""
    if on_terminal():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(*heads, box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
        for row in rows:
            drawn.add_row(*(Text(cell) for cell in row))
        Console().print(drawn)
        return
    if title:
        click.echo(title)
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_fields(value: Any, *, as_json: bool, leave_out: Iterable[str] = ()) -> None:
    """Write one value: a JSON line, or a field a line."""
    if as_json:
        say_json(value)
        return
    shown = {name: each for name, each in fields_of(value).items() if name not in leave_out}
    width = max(map(len, shown))
    for name, each in shown.items():
        click.echo(f"{click.style(name.ljust(width), dim=True)}  {say(each, name)}")


def on_terminal() -> bool:
    """Say whether a person sees what is written."""
    return sys.stdout.isatty()


def warn(text: str) -> None:
    """Say something on standard error that is no error."""
    click.secho(f"tickwork: {text}", err=True, fg="yellow")
