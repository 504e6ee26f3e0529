"""What a controller remembers, and may forget at any moment: at most one entry per job, in the order of their times.

Everything here is derived from the log. A map is a dictionary with a heap beside it; what was replaced or dropped
stays in the heap as a leftover until it comes to the top, or until leftovers outnumber what lives.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tickwork.clocks.clock import Clock
from tickwork.model.job_time import Cadence
from tickwork.watch import Instant

#: Leftovers below this number are not worth a new heap.
FEW = 64


class Timed(Protocol):
    """Anything with a job and a time."""

    @property
    def job_id(self) -> int: ...

    @property
    def due_at(self) -> Instant: ...


@dataclass(frozen=True, slots=True)
class TimerEntry:
    """The fire to come of one job: the planned time, when it is due (later by the jitter), and the parsed clock."""

    job_id: int
    fire_at: Instant
    due_at: Instant
    cadence: Cadence

    @property
    def trigger(self) -> Clock:
        """The parsed clock, placed."""
        return self.cadence.clock

    @property
    def created_at(self) -> Instant:
        return self.cadence.created_at


@dataclass(frozen=True, slots=True)
class Errand:
    """Something else that is to be done about a job at its time: a retry, or an end for what nobody runs."""

    job_id: int
    due_at: Instant


Entry = TypeVar("Entry", bound=Timed)


class TimerMap(Mapping[int, Entry], Generic[Entry]):
    """Job -> entry, and which is next. An entry may be put off without being changed: its planned time stays.

    >>> timers = TimerMap()
    >>> [timers.put(Errand(job, due_at=at)) for job, at in ((7, 50), (3, 50), (7, 40), (7, 40))]
    [True, True, True, False]
    >>> timers.due(50, 10), timers.next_at
    ([7, 3], 40)
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._looks: dict[int, Instant] = {}
        self._heap: list[tuple[Instant, int]] = []

    def __getitem__(self, job_id: int) -> Entry:
        return self._entries[job_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> bool:
        """Insert or replace; an equal entry is left as it stands. Return whether anything changed."""
        if self._entries.get(entry.job_id) == entry:
            return False
        self._entries[entry.job_id] = entry
        self._look(entry.job_id, entry.due_at)
        return True

    def drop(self, job_id: int) -> bool:
        """Remove a job's entry; return whether it had one."""
        self._looks.pop(job_id, None)
        return self._entries.pop(job_id, None) is not None

    def put_off(self, job_id: int, until: Instant) -> None:
        """Look at an entry again at *until*; what it says stays as it is."""
        if job_id in self._entries:
            self._look(job_id, until)

    def due(self, now: Instant, n: int) -> list[int]:
        """Return up to *n* jobs to look at, in the order of (time, job); they stay in the map."""
        found: list[tuple[Instant, int]] = []
        while self._heap and len(found) < n and self._heap[0][0] <= now:
            item = heapq.heappop(self._heap)
            if self._looks.get(item[1]) == item[0] and item not in found[-1:]:
                found.append(item)
        for item in found:
            heapq.heappush(self._heap, item)
        return [job_id for _, job_id in found]

    @property
    def next_at(self) -> Instant | None:
        """When the next entry is to be looked at."""
        while self._heap and self._looks.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    @property
    def live(self) -> int:
        """How many different entries of the heap live: as many as there are jobs in the map."""
        return len({(at, job_id) for at, job_id in self._heap if self._looks.get(job_id) == at})

    def _look(self, job_id: int, at: Instant) -> None:
        self._looks[job_id] = at
        heapq.heappush(self._heap, (at, job_id))
        if len(self._heap) > FEW + 2 * len(self._looks):
            self._heap = [(at, job_id) for job_id, at in self._looks.items()]
            heapq.heapify(self._heap)
