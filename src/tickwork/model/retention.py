"""How long, and how many: a rule of retention."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """Keep for so many microseconds, and of archived tasks at most so many; neither: for ever."""

    keep_for: int | None = None
    keep_most: int | None = None
