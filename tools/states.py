"""Draws ``docs/states/*.svg`` from the tables of states that the code itself uses (``tickwork.model.states``).

What is drawn comes from the tables alone; this file says only where each state stands on the sheet and how far an arrow
bends. A state without a place is an error, so that a new one cannot be forgotten. The same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from math import hypot
from pathlib import Path

from tickwork.model.states import ARCHIVED, EVENT, TASK, TRIGGER, Machine

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "states"
NOTHING = ""
WIDTH, HEIGHT, LINE = 96, 36, 14

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Centre, then half of the width and of the height."""


@dataclass(frozen=True)
class Sheet:
    """Where the states of one machine stand."""

    machine: Machine
    size: tuple[int, int]
    places: dict[str, Point]
    frames: dict[str, tuple[tuple[str, ...], Box]] = field(default_factory=dict)
    """States that are drawn in a frame; what leads away from all of them is one arrow from the frame."""
    bends: dict[tuple[str, str], float] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    """On which side a state has the arrow that leads back to itself (else above)."""
    shifts: dict[tuple[str, str], Point] = field(default_factory=dict)
    """Labels that would lie on something else."""

    def box(self, state: str) -> Box:
        """The room that a state takes; raises KeyError for one that has no place."""
        if state in self.frames:
            return self.frames[state][1]
        x, y = self.places[state]
        return (x, y, 6, 6) if state == NOTHING else (x, y, WIDTH / 2, HEIGHT / 2)

    def arrows(self) -> dict[tuple[str, str], list[str]]:
        """From and to, and what happens on the way; what leads away from a whole frame begins at the frame."""
        sources: dict[tuple[str, str], list[str]] = {}
        for source, happens, target in self.machine.transitions:
            sources.setdefault((happens, target or NOTHING), []).append(source or NOTHING)
        arrows: dict[tuple[str, str], list[str]] = {}
        for (happens, target), found in sources.items():
            frame = next((name for name, (inside, _) in self.frames.items() if set(inside) == set(found)), None)
            for source in [frame] if frame else found:
                arrows.setdefault((source, target), []).append(happens)
        return arrows


SHEETS = (
    Sheet(
        TRIGGER,
        (560, 300),
        {NOTHING: (40, 110), "active": (200, 110), "paused": (440, 110), "cancelled": (320, 250)},
        bends={("active", "paused"): -28, ("paused", "active"): -28, ("cancelled", "active"): -34},
        shifts={("cancelled", "active"): (-18, 6), ("paused", "cancelled"): (24, 0)},
    ),
    Sheet(
        EVENT,
        (730, 420),
        {NOTHING: (40, 200), "planned": (420, 100), "at rest": (260, 310), "set aside": (590, 310)},
        {"an event": (("planned", "at rest", "set aside"), (430, 210, 280, 190))},
        bends={
            ("planned", "at rest"): -24,
            ("at rest", "planned"): -24,
            ("planned", "set aside"): -24,
            ("set aside", "planned"): -24,
            ("at rest", "set aside"): -14,
            ("set aside", "at rest"): -14,
            (NOTHING, "planned"): -30,
            (NOTHING, "at rest"): 30,
            (NOTHING, "set aside"): 8,
            ("an event", NOTHING): 10,
        },
        loops={"planned": "above", "at rest": "below", "set aside": "below"},
    ),
    Sheet(
        TASK,
        (960, 470),
        {
            NOTHING: (40, 190),
            "waiting": (220, 90),
            "ready": (220, 300),
            "running": (500, 190),
            "unhandled": (500, 350),
            "done": (850, 100),
            "gave up": (850, 160),
            "declined": (850, 220),
            "expired": (850, 280),
            "lost": (850, 340),
            "cancelled": (850, 400),
        },
        {
            "unfinished": (("waiting", "ready", "running", "unhandled"), (365, 225, 225, 195)),
            "archive": (ARCHIVED, (850, 250, 80, 190)),
        },
        bends={
            ("waiting", "ready"): 0,
            ("ready", "waiting"): 62,
            ("ready", "running"): 34,
            ("running", "ready"): 12,
            ("running", "waiting"): 20,
            ("archive", "ready"): -150,
            ("running", "unhandled"): 0,
            ("unhandled", "ready"): 0,
        },
        loops={"waiting": "above", "ready": "left", "unhandled": "below"},
        shifts={("archive", "ready"): (0, 0), ("ready", "waiting"): (8, 0), ("waiting", "ready"): (-2, 0)},
    ),
)


def draw(sheet: Sheet) -> str:
    """Return the drawing of one machine as SVG."""
    return "\n".join([*_head(sheet), *_frames(sheet), *_arrows(sheet), *_states(sheet), "</svg>", ""])


def main() -> None:
    """Draw every machine."""
    FOLDER.mkdir(exist_ok=True)
    for sheet in SHEETS:
        (FOLDER / f"{sheet.machine.name}.svg").write_text(draw(sheet))


def _head(sheet: Sheet) -> Iterator[str]:
    wide, high = sheet.size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">'
    )
    yield f"<title>States of a {sheet.machine.name}; written by: {escape(sheet.machine.writers)}</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#555"/></marker></defs>'
    )
    yield f'<rect width="{wide}" height="{high}" fill="#fff"/>'


def _frames(sheet: Sheet) -> Iterator[str]:
    for name, (_, (x, y, half_wide, half_high)) in sheet.frames.items():
        left, top = x - half_wide, y - half_high
        yield (
            f'<rect x="{left:g}" y="{top:g}" width="{2 * half_wide:g}" height="{2 * half_high:g}" rx="10" '
            'fill="#f6f6f2" stroke="#bbb" stroke-dasharray="5 4"/>'
        )
        yield f'<text x="{left + 10:g}" y="{y + half_high - 8:g}" text-anchor="start" fill="#777">{escape(name)}</text>'


def _states(sheet: Sheet) -> Iterator[str]:
    for state, (x, y) in sheet.places.items():
        if state == NOTHING:
            yield f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="#333"/>'
            continue
        yield (
            f'<rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" '
            'fill="#e8f0fe" stroke="#456"/>'
        )
        yield f'<text x="{x:g}" y="{y + 4.5:g}" font-weight="bold" fill="#123">{escape(state)}</text>'


def _arrows(sheet: Sheet) -> Iterator[str]:
    for (source, target), happens in sheet.arrows().items():
        path, label = _loop(sheet, source) if source == target else _curve(sheet, source, target)
        moved = sheet.shifts.get((source, target), (0, 0))
        yield f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.3" marker-end="url(#tip)"/>'
        yield from _label((label[0] + moved[0], label[1] + moved[1]), happens)


def _label(at: Point, happens: list[str]) -> Iterator[str]:
    for number, word in enumerate(happens):
        y = at[1] + 4 + (number - (len(happens) - 1) / 2) * LINE
        yield (
            f'<text x="{at[0]:.0f}" y="{y:.0f}" fill="#333" stroke="#fff" stroke-width="4" paint-order="stroke">'
            f"{escape(word)}</text>"
        )


def _curve(sheet: Sheet, source: str, target: str) -> tuple[str, Point]:
    """A bow from one box to another, and where its label stands: at its middle."""
    begin, end = sheet.box(source), sheet.box(target)
    if source in sheet.frames:  # from its edge, as if a small box stood there
        begin = (*_edge(begin, end[:2]), 1, 1)
    (x1, y1), (x2, y2) = begin[:2], end[:2]
    bend, length = sheet.bends.get((source, target), 0), hypot(x2 - x1, y2 - y1)
    across = ((y1 - y2) / length, (x2 - x1) / length)
    control = ((x1 + x2) / 2 + across[0] * bend * 2, (y1 + y2) / 2 + across[1] * bend * 2)
    (x1, y1), (x2, y2) = _edge(begin, control), _edge(end, control)
    middle = (x1 / 4 + control[0] / 2 + x2 / 4, y1 / 4 + control[1] / 2 + y2 / 4)
    return f"M{x1:.1f},{y1:.1f} Q{control[0]:.1f},{control[1]:.1f} {x2:.1f},{y2:.1f}", middle


def _edge(box: Box, towards: Point) -> Point:
    """Where the line from the middle of a box towards a point leaves the box."""
    x, y, half_wide, half_high = box
    dx, dy = towards[0] - x, towards[1] - y
    scale = min(half_wide / abs(dx) if dx else 1e9, half_high / abs(dy) if dy else 1e9)
    return x + dx * scale, y + dy * scale


def _loop(sheet: Sheet, state: str) -> tuple[str, Point]:
    """A bow from a box back to itself, on the side that the sheet says."""
    x, y, half_wide, half_high = sheet.box(state)
    side = sheet.loops.get(state, "above")
    if side in {"above", "below"}:
        sign = -1 if side == "above" else 1
        edge, far = y + sign * half_high, y + sign * (half_high + 34)
        path = f"M{x - 22:.1f},{edge:.1f} C{x - 34:.1f},{far:.1f} {x + 34:.1f},{far:.1f} {x + 22:.1f},{edge:.1f}"
        lines = len(sheet.arrows()[state, state])
        return path, (x, edge + sign * (32 + (lines - 1) * LINE / 2))
    sign = -1 if side == "left" else 1
    edge, far = x + sign * half_wide, x + sign * (half_wide + 34)
    path = f"M{edge:.1f},{y - 9:.1f} C{far:.1f},{y - 24:.1f} {far:.1f},{y + 24:.1f} {edge:.1f},{y + 9:.1f}"
    return path, (edge + sign * 50, y)


if __name__ == "__main__":
    main()
