"""A handler's figures: how its tasks ended, how long they waited, how late they were, how long they ran.

Percentiles come from counts in steps of about a fifth, so they are right to within a fifth, whatever the number of
tasks; counts are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MEASURES = ("wait", "lateness", "run")
_FAILED = ("gave up", "lost")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations in microseconds that half, 95 % and 99 % of the tasks did not exceed (by more than a step)."""

    half_for: int | None = None
    most_for: int | None = None
    nearly_all_for: int | None = None


@dataclass(frozen=True, slots=True)
class HandlerFigures:
    """One handler in a stretch of time."""

    handler: str
    ended: int
    counts: dict[str, int] = field(default_factory=dict)
    failure_rate: float | None = None
    """The share of tasks that gave up or were lost, of all that ran; None where none has."""
    wait: Percentiles = Percentiles()
    """From when a task could run to the start of its last run."""
    lateness: Percentiles = Percentiles()
    """From its planned time (or when it was asked for) to the start of its last run."""
    run: Percentiles = Percentiles()
    """Its last run."""


def figures_of(handler: str, rows: Iterable[tuple[str, int, int]]) -> HandlerFigures:
    """Put the figures of one handler together from rows of measure, size and count.

    >>> figures_of("work", [("done", 0, 3), ("lost", 0, 1), ("run", 100, 2), ("run", 1000, 2)]).run.half_for
    100
    """
    counts: dict[str, int] = {}
    sizes: dict[str, list[tuple[int, int]]] = {measure: [] for measure in MEASURES}
    for measure, size, count in rows:
        if measure in sizes:
            sizes[measure].append((size, count))
        else:
            counts[measure] = counts.get(measure, 0) + count
    ran = sum(count for outcome, count in counts.items() if outcome not in {"cancelled", "expired"})
    failed = sum(counts.get(outcome, 0) for outcome in _FAILED)
    rate = failed / ran if ran else None
    return HandlerFigures(
        handler, sum(counts.values()), counts, rate, *(percentiles(sorted(sizes[each])) for each in MEASURES)
    )


def percentiles(sizes: Sequence[tuple[int, int]]) -> Percentiles:
    """Return the percentiles of sorted (size, count).

    >>> percentiles([(10, 98), (1000, 1), (5000, 1)])
    Percentiles(half_for=10, most_for=10, nearly_all_for=1000)
    """
    total = sum(count for _, count in sizes)
    found = []
    for share in (50, 95, 99):
        seen = 0
        for size, count in sizes:
            seen += count
            if seen * 100 >= share * total:
                found.append(size)
                break
    return Percentiles(*found)
