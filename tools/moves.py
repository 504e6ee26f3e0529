"""Draws ``docs/concepts/gap-and-fold.svg``: the two nights on which the clocks of Berlin are moved in 2026, wall over UTC.

Every point and every line comes from the clocks themselves (``Zone``, ``Daily`` under each policy); this file says only
where things stand on the sheet. The same zone data give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from pathlib import Path

from tickwork.clocks import Daily
from tickwork.clocks.zone import FOLDS, GAPS, Zone
from tickwork.watch import SECOND

FILE = Path(__file__).resolve().parents[1] / "docs" / "concepts" / "gap-and-fold.svg"
ZONE, TIME = "Europe/Berlin", "02:30"
YEAR = 1_767_225_600, 1_798_761_600
HOUR = 3_600
#: Pixels for an hour, the corner of a panel's grid, and how many hours are shown before and after the move.
SCALE, LEFT, TOP, AROUND = 72, 78, 64, 2
PANEL = 2 * AROUND * SCALE
BOTTOM = TOP + PANEL
STYLE = """
svg { background: #ffffff; font: 13px ui-sans-serif, system-ui, sans-serif; fill: #24292f; }
.grid { stroke: #d8dee4; } .axis { stroke: #57606a; } .wall { stroke: #0550ae; stroke-width: 3; }
.jump { stroke: #0550ae; stroke-width: 2; stroke-dasharray: 3 4; } .asked { stroke: #953800; stroke-dasharray: 6 4; }
.band { fill: #fff1e5; } .fires { fill: #953800; } .title { font-weight: 600; font-size: 15px; } .small { fill: #57606a; }
"""


def drawn() -> str:
    """Return the whole picture."""
    zone = Zone.get(ZONE)
    moves = [move for move in zone.transitions(*YEAR) if move[1] != move[2]]
    width, height = 2 * (PANEL + LEFT) + 70, BOTTOM + 120
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>The gap and the fold in {ZONE}, and when {TIME} fires under each policy</title>",
        f"<style>{STYLE}</style>",
    ]
    for number, move in enumerate(moves):
        parts += Panel(zone, *move, LEFT + number * (PANEL + LEFT + 40)).drawn()
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True)
class Panel:
    """One night: *at* is the move in UTC seconds, *before* and *after* are the offsets, *left* is where it stands."""

    zone: Zone
    at: int
    before: int
    after: int
    left: int

    @property
    def gap(self) -> bool:
        return self.after > self.before

    @property
    def moved(self) -> tuple[int, int]:
        """The local times between which the move lies."""
        low, high = sorted((self.at + self.before, self.at + self.after))
        return low, high

    @property
    def span(self) -> tuple[int, int]:
        """The instants at both ends."""
        return self.at - AROUND * HOUR, self.at + AROUND * HOUR

    @property
    def lowest(self) -> int:
        """The local time at the bottom."""
        return self.moved[0] - AROUND * HOUR + HOUR // 2

    def x(self, utc: int) -> float:
        return self.left + (utc - self.span[0]) * SCALE / HOUR

    def y(self, local: int) -> float:
        return BOTTOM - (local - self.lowest) * SCALE / HOUR

    def drawn(self) -> Iterator[str]:
        low, high = self.moved
        day = f"{_day(low)}: {'the gap' if self.gap else 'the fold'}"
        yield f'<text class="title" x="{self.left}" y="{TOP - 34}">{escape(day)}</text>'
        shown = f"{_hour(low)} to {_hour(high)} {'does not exist' if self.gap else 'comes twice'}"
        yield f'<text class="small" x="{self.left}" y="{TOP - 15}">{shown}</text>'
        yield _box("band", self.left, self.y(high), PANEL, self.y(low) - self.y(high))
        yield from self._grid()
        yield from self._wall()
        asked = low + HOUR // 2
        yield _line("asked", self.left, self.y(asked), self.left + PANEL, self.y(asked))
        yield f'<text class="fires" x="{self.left + 6}" y="{self.y(asked) - 6:g}">{TIME}</text>'
        yield from self._policies()

    def _grid(self) -> Iterator[str]:
        begin, end = self.span
        for hour in range(begin, end + 1, HOUR):
            yield _line("grid", self.x(hour), TOP, self.x(hour), BOTTOM)
            yield f'<text class="small" x="{self.x(hour):g}" y="{BOTTOM + 18}" text-anchor="middle">{_hour(hour)}</text>'
        for hour in range(-(-self.lowest // HOUR) * HOUR, self.lowest + 2 * AROUND * HOUR + 1, HOUR):
            yield _line("grid", self.left, self.y(hour), self.left + PANEL, self.y(hour))
            yield f'<text class="small" x="{self.left - 8}" y="{self.y(hour) + 4:g}" text-anchor="end">{_hour(hour)}</text>'
        yield _line("axis", self.left, BOTTOM, self.left + PANEL, BOTTOM)
        yield _line("axis", self.left, TOP, self.left, BOTTOM)
        middle = TOP + PANEL / 2
        yield f'<text class="small" x="{self.left + PANEL / 2:g}" y="{BOTTOM + 38}" text-anchor="middle">UTC</text>'
        yield (
            f'<text class="small" x="{self.left - 54}" y="{middle:g}" text-anchor="middle"'
            f' transform="rotate(-90 {self.left - 54} {middle:g})">the clock on the wall</text>'
        )

    def _wall(self) -> Iterator[str]:
        """Draw what the wall shows, as far as it fits on the sheet."""
        begin, end = self.span
        highest = self.lowest + 2 * AROUND * HOUR
        for opens, closes, offset in ((begin, self.at, self.before), (self.at, end, self.after)):
            first, last = max(opens, self.lowest - offset), min(closes, highest - offset)
            yield _line("wall", self.x(first), self.y(first + offset), self.x(last), self.y(last + offset))
        yield _line(
            "jump", self.x(self.at), self.y(self.at + self.before), self.x(self.at), self.y(self.at + self.after)
        )

    def _policies(self) -> Iterator[str]:
        """Draw what fires, found by asking the clock, and say what does not."""
        begin, end = self.span
        word = "gap" if self.gap else "fold"
        for row, name in enumerate(GAPS if self.gap else FOLDS):
            clock = Daily(TIME, ZONE, gap=name) if self.gap else Daily(TIME, ZONE, fold=name)
            fired = [at // SECOND for at in clock.between(begin * SECOND, end * SECOND)]
            told = " and ".join(f"{_hour(at)}Z" for at in fired) or "not on this day"
            yield f'<text x="{self.left}" y="{BOTTOM + 64 + 19 * row}">{word}={name}: {told}</text>'
            if len(fired) == 1:
                x, y = self.x(fired[0]), self.y(self.zone.to_local(fired[0]))
                aside = (
                    f'x="{x - 10:g}" y="{y - 8:g}" text-anchor="end"'
                    if name == "first"
                    else f'x="{x + 11:g}" y="{y + 17:g}"'
                )
                yield f'<circle class="fires" cx="{x:g}" cy="{y:g}" r="6"/>'
                yield f'<text class="fires" {aside}>{name}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def _hour(second: int) -> str:
    return f"{second // HOUR % 24:02}:{second // 60 % 60:02}"


def _day(local: int) -> str:
    moment = datetime.fromtimestamp(local, timezone.utc)
    return f"{ZONE.partition('/')[2]}, {moment.day} {moment:%B %Y}"


def main() -> None:
    FILE.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
