"""Reads the descriptors of jobs, each once per change, and keeps apart those that cannot be read.

A descriptor that is no JSON, or names a clock that cannot be, is counted, logged once and shown; it never stops
another job, and is never taken for one-shot.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from tickwork.errors import TickworkError
from tickwork.model.job import Descriptor, read_text
from tickwork.model.job_time import Cadence
from tickwork.store.jobs import JobRow
from tickwork.watch import Instant

log = logging.getLogger("tickwork.jobs")


@dataclass(frozen=True)
class Parsed:
    """A descriptor with its clock placed; cadence is None for a one-shot job."""

    text: str
    created_at: Instant
    descriptor: Descriptor
    cadence: Cadence | None


@dataclass
class Readings:
    """Job -> its parsed descriptor, for as long as the text stays the same."""

    parsed: int = 0
    """How many texts were parsed so far."""
    invalid: dict[int, str] = field(default_factory=dict)
    """Jobs whose descriptor cannot be read, and why."""
    _known: dict[int, Parsed] = field(default_factory=dict)
    _refused: dict[int, str] = field(default_factory=dict)

    def read(self, row: JobRow) -> Parsed | None:
        """Return the parsed descriptor of a job, None where it cannot be read."""
        known = self._known.get(row.id)
        if known is not None and known.text == row.descriptor and known.created_at == row.created_at:
            return known
        if self._refused.get(row.id) == row.descriptor:
            return None
        self.forget(row.id)
        self.parsed += 1
        try:
            descriptor = read_text(row.name, row.descriptor)
            clock = descriptor.clock
            cadence = None if clock is None else Cadence.of(row.name, clock, row.created_at)
        except TickworkError as error:
            self._refused[row.id], self.invalid[row.id] = row.descriptor, str(error)
            log.error("the job %s has an invalid trigger and cannot fire: %s", row.name, error)  # noqa: TRY400 - no traceback: it is data
            return None
        found = self._known[row.id] = Parsed(row.descriptor, row.created_at, descriptor, cadence)
        return found

    def forget(self, job_id: int) -> None:
        """Forget a job."""
        for kept in (self._known, self._refused, self.invalid):
            kept.pop(job_id, None)
