"""Random cron expressions: what people write, and what nobody would."""

from __future__ import annotations

import random
import re

from tests.clocks.reference import DAY_NAMES, MONTH_NAMES

#: 1-1 is one value here, the whole field to croniter; 2-2/9 is one value here, 2/9 to cronsim.
EQUAL_ENDS = re.compile(r"\b(\d+)-\1\b")


def random_expression(draw: random.Random, *, plain: bool = False) -> str:
    """Return a random expression; *plain* keeps to five fields of numbers, lists, ranges and steps."""
    parts = [
        _field(draw, 0, 59, star=0.25, wraps=not plain),
        _field(draw, 0, 23, star=0.3, wraps=not plain),
        _field(draw, 1, 31, star=0.55, wraps=not plain),
        _field(draw, 1, 12, star=0.65, names=() if plain else MONTH_NAMES, wraps=not plain),
        _field(draw, 0, 7, star=0.55, names=() if plain else DAY_NAMES, wraps=not plain),
    ]
    if plain:
        return " ".join(parts)
    if draw.random() < 0.25:
        parts[2] = _many(draw, lambda: _day_special(draw))
    if draw.random() < 0.2:
        parts[4] = _many(draw, lambda: _week_special(draw))
    if draw.random() < 0.1:
        parts[draw.choice((2, 4))] = "?"
    if draw.random() < 0.2:
        parts.insert(0, _field(draw, 0, 59, star=0.05))
        if draw.random() < 0.3:
            parts.append(draw.choice(("*", "2026", "2020-2040", "2024/4", "1999,2026-2028")))
    return " ".join(parts)


def _field(
    draw: random.Random,
    low: int,
    high: int,
    *,
    star: float,
    names: tuple[str, ...] = (),
    wraps: bool = True,
) -> str:
    if draw.random() < star:
        return "*" if draw.random() < 0.6 else f"*/{draw.randint(1, min(high, 40))}"
    return _many(draw, lambda: _term(draw, low, high, names, wraps))


def _term(draw: random.Random, low: int, high: int, names: tuple[str, ...], wraps: bool) -> str:
    def number(value: int) -> str:
        place = value - low
        return names[place] if names and place < len(names) and draw.random() < 0.4 else str(value)

    first, last = draw.randint(low, high), draw.randint(low, high)
    shape = draw.random()
    if shape < 0.5:
        return number(first)
    if first > last and (not wraps or draw.random() < 0.6):
        first, last = last, first
    step = f"/{draw.randint(1, min(high, 12))}" if draw.random() < 0.3 else ""
    if shape < 0.6 and step and wraps:
        return f"{number(first)}{step}"
    return f"{number(first)}-{number(last)}{step}"


def _day_special(draw: random.Random) -> str:
    return draw.choice(
        (
            "L",
            "LW",
            f"L-{draw.randint(1, 30)}",
            f"L-{draw.randint(1, 9)}W",
            f"{draw.randint(1, 31)}W",
            str(draw.randint(1, 31)),
        )
    )


def _week_special(draw: random.Random) -> str:
    day = draw.choice((*DAY_NAMES, *"01234567"))
    return draw.choice((f"{day}L", f"{day}#{draw.randint(1, 5)}", f"{day}#-{draw.randint(1, 5)}", day))


def _many(draw: random.Random, one) -> str:  # type: ignore[no-untyped-def]
    return ",".join(one() for _ in range(draw.choice((1, 1, 1, 2, 3))))
