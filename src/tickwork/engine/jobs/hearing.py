"""What was signalled to a controller since its last turn: jobs by name, or that something has changed."""

from __future__ import annotations

import threading


class Heard:
    """Written by the thread that listens, taken by the loop.

    >>> heard = Heard()
    >>> for hint in ("job:7:3", "job:7:2"):
    ...     heard.hear(hint)
    >>> heard.take()
    ({7: 3}, False)
    >>> heard.hear("")
    >>> heard.take()
    ({}, True)
    """

    def __init__(self) -> None:
        self._jobs: dict[int, int] = {}
        self._anything = False
        self._guard = threading.Lock()

    def hear(self, hint: str) -> None:
        """Take in a wake-up: ``job:ID:SEQ`` names a job and its newest event, anything else names nothing."""
        parts = hint.split(":")
        named = len(parts) == 3 and parts[0] == "job" and parts[1].isdigit() and parts[2].isdigit()
        with self._guard:
            if named:
                job_id, seq = int(parts[1]), int(parts[2])
                self._jobs[job_id] = max(seq, self._jobs.get(job_id, 0))
            else:
                self._anything = True

    def take(self) -> tuple[dict[int, int], bool]:
        """Return what was heard (job -> its newest event, and whether anything unnamed was), and forget it."""
        with self._guard:
            jobs, anything = self._jobs, self._anything
            self._jobs, self._anything = {}, False
        return jobs, anything
