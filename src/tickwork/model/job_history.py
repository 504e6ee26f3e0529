"""A job's log told as runs: why each was scheduled, when it began, how late it was, how long it took, how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tickwork.model.job_log import Entry
from tickwork.watch import Instant

_ENDS = {"completed", "error", "fatal", "stopped"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run, from *scheduled* to its end; durations are microseconds."""

    seq: int
    """The number of its *scheduled* event in the log."""
    cause: str
    """trigger, retry or start."""
    scheduled_at: Instant
    nominal_at: Instant | None = None
    coalesced: int = 0
    """How many missed occurrences this fire stood for besides its own."""
    started_at: Instant | None = None
    ended_at: Instant | None = None
    status: str = "scheduled"
    error: dict[str, Any] | None = None

    @property
    def late_for(self) -> int | None:
        """How long after the planned time it began."""
        if self.nominal_at is None or self.started_at is None:
            return None
        return max(0, self.started_at - self.nominal_at)

    @property
    def ran_for(self) -> int | None:
        """How long it took."""
        return None if self.started_at is None or self.ended_at is None else self.ended_at - self.started_at


def runs_of(entries: Iterable[Entry]) -> list[Run]:
    """Tell a log, the oldest event first, as runs; what comes before its first *scheduled* is left out.

    >>> log = [
    ...     Entry(2, "scheduled", 10, '{"cause":{"by":"start"}}'),
    ...     Entry(3, "running", 11),
    ...     Entry(4, "completed", 15),
    ... ]
    >>> [(run.cause, run.status, run.ran_for) for run in runs_of(log)]
    [('start', 'completed', 4)]
    """
    runs: list[Run] = []
    for entry in entries:
        if entry.kind == "scheduled":
            cause = entry.told.get("cause", {})
            runs.append(
                Run(entry.seq, cause.get("by", "start"), entry.at, cause.get("nominal_at"), cause.get("coalesced", 0))
            )
        elif runs and runs[-1].ended_at is None:
            runs[-1] = _after(runs[-1], entry)
    return runs


def _after(run: Run, entry: Entry) -> Run:
    if entry.kind == "running":
        return replace(run, status="running", started_at=entry.at)
    if entry.kind in _ENDS:
        error = entry.told if entry.kind in ("error", "fatal") else None
        return replace(run, status=entry.kind, ended_at=entry.at, error=error)
    return replace(run, status=entry.kind) if entry.kind in ("stop requested", "stopping") else run
