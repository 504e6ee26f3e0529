"""The comment's rules once more, as plainly as possible, to compare with: no map, no heap, no database, no wake-ups.

Nothing of tickwork is imported. A clock is a function ``next(after) -> instant`` that is handed in. Instants are whole
seconds. Time goes by in steps; at each step the reference looks at every job and asks what the rules say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[int, int], int]  # (after, created_at) -> next
TERMINAL = {"completed", "error", "fatal", "stopped"}
FIRES = {"completed", "error", "fatal"}


@dataclass
class Job:
    """One job: its clock (none: one-shot), the log so far, and what the rules need to remember of it."""

    created: int
    clock: Clock | None
    skip: bool
    log: list[tuple] = field(default_factory=list)
    status: str = "completed"
    ended: int = 0
    nominal: int = 0
    carried: int = 0
    cycle: int = 0
    failed_at: int = 0
    gone: bool = False

    def say(self, kind: str, now: int, *more: object) -> None:
        self.log.append((kind, now, *more))
        if kind != "configured":
            self.status = kind
        if kind in TERMINAL:
            self.ended = now
        if kind in ("configured", "scheduled"):
            self.carried = now  # both carry the descriptor
        if kind in ("completed", "fatal", "stopped"):
            self.cycle = 0
        if kind == "scheduled":
            self.cycle += 1
        if kind == "error":
            self.failed_at = now

    # ------------------------------------------------------------------------------------------------ what people do

    def configure(self, now: int, clock: Clock | None) -> None:
        self.clock = clock
        self.say("configured", now)

    def start(self, now: int) -> None:
        if self.status in TERMINAL:
            self.say("scheduled", now, "start")

    def stop(self, now: int) -> None:
        if self.status in ("scheduled", "running"):
            self.say("stop requested", now)
        elif self.status in FIRES and (self.clock is not None or self.status == "error"):
            self.say("stopped", now)

    def delete(self) -> bool:
        if self.status in TERMINAL:
            self.gone = True
        return self.gone

    # -------------------------------------------------------------------------------------------------- what runs do

    def begin(self, now: int) -> None:
        self.say("running", now)

    def end(self, now: int, how: str) -> None:
        if self.status == "stop requested":
            self.say("stopping", now)
            self.say("stopped", now)
        elif self.status == "running":
            self.say(how, now)

    # ------------------------------------------------------------------------------------------ what the rules do alone

    def look(self, now: int) -> None:
        """Apply the rules at one moment at which a controller looks."""
        if self.gone:
            return
        if self.status == "stop requested" and self.log[-1][0] != "running" and not self._was_begun():
            self.say("stopping", now)
            self.say("stopped", now)
            return
        if self.status not in FIRES:
            return
        if self.clock is not None:
            due = self.clock(max(self.ended, self.nominal, self.carried), self.created)
            if self.skip and now - due > 60:
                due = self.clock(now - 61, self.created)
            if due <= now:
                if self.status == "error":
                    self.say("fatal", now, "abandoned")
                self.nominal = due
                self.say("scheduled", now, "trigger", due)
                return
        if self.status == "error" and self.failed_at + 2 ** min(self.cycle - 1, 30) <= now:
            self.say("scheduled", now, "retry")

    def _was_begun(self) -> bool:
        for kind, *_ in reversed(self.log):
            if kind == "running":
                return True
            if kind == "scheduled":
                return False
        return False
