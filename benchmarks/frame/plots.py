"""Plots as SVG, written by hand: horizontal bars for rates, lines for growth. No library, no script inside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, BAR, GAP, LEFT = 1080, 16, 8, 380
#: Room for what is said behind the longest bar.
SAID = 300
OURS, THEIRS, INK, GRID = "#2b6cb0", "#a0aec0", "#1a202c", "#e2e8f0"


def bars(
    file: str | None, rows: Sequence[dict[str, Any]], unit: str, names: Sequence[str], value: str = "rate"
) -> None:
    """Draw one bar for each row, and a grey one beneath it for its reference where there is one."""
    shown = [row for row in rows if isinstance(row.get(value), (int, float))]
    if file is None or not shown:
        return
    longest = max(max(row[value], row.get(f"floor_{value}") or 0) for row in shown)
    scale = (WIDTH - LEFT - SAID) / (longest or 1)
    parts, y = [], 34
    for row in shown:
        label = ", ".join(_named(name, row[name]) for name in names if row.get(name) is not None)
        parts.append(_text(LEFT - 8, y + 12, label, "end"))
        for number, colour, of in ((row[value], OURS, ""), (row.get(f"floor_{value}"), THEIRS, row.get("against"))):
            if number is None:
                continue
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{number * scale:.1f}" height="{BAR}" fill="{colour}"/>')
            parts.append(_text(LEFT + number * scale + 6, y + 12, f"{_said(number)}{f'  {of}' if of else ''}", "start"))
            y += BAR + 2
        y += GAP
    _write(file, unit, parts, y)


def lines(file: str | None, rows: Sequence[dict[str, Any]], unit: str, x: str, y: str, names: Sequence[str]) -> None:
    """Draw one line for each kind of row over *x*, which grows by powers of ten."""
    shown = [row for row in rows if row.get(x) and row.get(y) is not None]
    if file is None or not shown:
        return
    low, high = (extreme(math.log10(row[x]) for row in shown) for extreme in (min, max))
    top, height, wide = max(row[y] for row in shown) * 1.2, 260, WIDTH - 600
    parts, kinds = [], list(dict.fromkeys(tuple(row.get(name) for name in names) for row in shown))
    for decade in range(math.ceil(low), math.floor(high) + 1):
        at = 60 + (decade - low) / ((high - low) or 1) * wide
        parts.append(f'<line x1="{at:.0f}" y1="40" x2="{at:.0f}" y2="{40 + height}" stroke="{GRID}"/>')
        parts.append(_text(at, 58 + height, f"{10**decade:,}", "middle"))
    for number, kind in enumerate(kinds):
        mine = sorted((row for row in shown if tuple(row.get(name) for name in names) == kind), key=lambda row: row[x])
        points = [
            (60 + (math.log10(row[x]) - low) / ((high - low) or 1) * wide, 40 + height * (1 - row[y] / top))
            for row in mine
        ]
        colour = f"hsl({number * 360 // len(kinds)}, 60%, 42%)"
        drawn = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        said = ", ".join(_named(name, value) for name, value in zip(names, kind, strict=True) if value is not None)
        parts.append(_text(points[-1][0] + 8, points[-1][1] + 4, f"{said}: {mine[-1][y]:.3g}", "start"))
    _write(file, f"{unit}, over {x}", parts, height + 70)


def _said(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _named(name: str, value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{name} {value:,}"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _write(file: str, title: str, parts: Sequence[str], height: float) -> None:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' font-family="sans-serif" font-size="12" fill="{INK}"><rect width="100%" height="100%" fill="white"/>'
    )
    Path(file).write_text("\n".join((head, _text(12, 20, title, "start"), *parts, "</svg>\n")))
