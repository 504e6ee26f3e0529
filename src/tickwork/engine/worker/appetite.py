"""How much a worker takes: so many hands, so many at once, nothing less urgent, some hands kept for what is urgent."""

from __future__ import annotations

from dataclasses import dataclass

from tickwork.model.generator import LEAST_URGENT, REALTIME
from tickwork.model.lease import LENGTH


@dataclass(frozen=True)
class Appetite:
    """How much a worker takes: hands to run in, the largest batch, the usual lease in microseconds."""

    concurrency: int = 10
    batch: int = 1_000
    lease: int = LENGTH
    replica_lag: int | None = None
    """How far a replica may be behind, in microseconds, before no more is taken; None: nobody looks."""
    reserve: int = 0
    """How many of the hands wait for what is urgent."""
    urgent: int = REALTIME
    """What is at least so urgent may take a reserved hand."""
    worst: int = LEAST_URGENT
    """Nothing less urgent is taken, from whatever source."""
