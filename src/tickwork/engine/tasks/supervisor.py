"""A supervisor keeps worker processes running: as many as the work needs, none of them for ever.

It runs nothing of the user's, so nothing of the user's can hurt it. A process that ends by itself is replaced, after a
wait that doubles while it keeps dying young. One that is too old, takes too much memory, or runs what stands in the files
no more, is replaced: asked to leave, it finishes what runs, however long that takes. Between two bounds there are more processes while all are full
and there is more to do, and fewer when half of them would do. Where the lower bound is 0 the last one goes, too, when
nothing has run for a while: the pool *hibernates*. Then, and only then, the supervisor opens the database itself: a
lookout that stands in (:mod:`tickwork.engine.tasks.lookout`) says when somebody is needed. The first signal is passed
on, and all finish what runs; so is the second one, and they stop at once.
"""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from types import FrameType
from typing import Any

from tickwork.engine.tasks.copy import LEAVE, Copy
from tickwork.engine.tasks.lookout import Lookout
from tickwork.engine.tasks.post import Post
from tickwork.errors import InvalidInput, TickworkError
from tickwork.watch import SECOND, Instant, SteadyWatch

log = logging.getLogger("tickwork.supervisor")

#: Who lives for less than this has died young: the next one waits, a second doubling to half a minute.
YOUNG = 10 * SECOND
LONGEST_WAIT = 30 * SECOND
#: All were full for so long before there is one more; half would have done for so long before there is one fewer.
GROW_AFTER, SHRINK_AFTER = 3 * SECOND, 60 * SECOND
LOOK_SECONDS = 0.25
#: How a command ends that was told something which cannot be; where none has ever come up, it is said to all of them.
USAGE = 2


@dataclass(frozen=True)
class Regime:
    """How many processes there are, how long each may live (microseconds), how large it may grow (bytes)."""

    least: int = 1
    most: int = 1
    age: int | None = None
    memory: int | None = None
    sources: Path | None = None
    """In development: processes are replaced when a Python file below this folder changes."""
    shrink_after: int = SHRINK_AFTER
    """For how long fewer would have done before there is one fewer."""

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most <= 1_000 or self.most < 1:
            raise InvalidInput(
                "processes", f"{self.least}..{self.most}", "N or LEAST..MOST, up to 1000; at most 1 or more"
            )


class Supervisor:
    """Keeps copies of one command running. Its turns are told the time of a steady clock."""

    def __init__(
        self,
        command: Sequence[str],
        regime: Regime,
        start: Callable[[Sequence[str], Instant], Copy] = Copy,
        look_out: Callable[[Post], Lookout] = Lookout,
    ) -> None:
        self.command, self.regime, self._start, self._look_out = list(command), regime, start, look_out
        self.copies: list[Copy] = []
        self.wanted = max(1, regime.least)
        """How many there should be. The first one is started in any case: it says what there is to look out for."""
        self.lookout: Lookout | None = None
        """Who stands in while the pool hibernates, and until the first process that was called is at work."""
        self.stopping, self.code = False, 0
        self._came_up = False
        self._died_young, self._not_before = 0, 0
        self._full_since: Instant | None = None
        self._idle_since: Instant | None = None
        self._sources = _newest(regime.sources)

    @property
    def staying(self) -> list[Copy]:
        """Those that were not asked to leave."""
        return [copy for copy in self.copies if not copy.leaving]

    def turn(self, now: Instant) -> None:
        """See who has ended, who must go, how many are needed; start those that are missing."""
        for copy in [copy for copy in self.copies if not copy.alive]:
            self._ended(copy, now)
        for copy in self.copies:
            copy.hear()
            self._came_up = self._came_up or copy.load is not None
        if self.stopping:
            self._end_lookout()
            return
        self._look_at_sources()
        for copy in self.staying:
            if (why := self._too_much(copy, now)) is not None:
                log.info("process %d leaves: %s", copy.pid, why)
                copy.leave(LEAVE)
        self._weigh(now)
        self._look(now)
        while len(self.staying) < self.wanted and now >= self._not_before:
            self.copies.append(self._start(self.command, now))
            log.info("process %d is started", self.copies[-1].pid)
        for copy in self.staying[self.wanted :]:
            log.info("process %d leaves: fewer are needed", copy.pid)
            copy.leave(LEAVE)

    def stop(self) -> None:
        """Ask all of them to end; asked again, to end at once."""
        self.stopping = True
        for copy in self.copies:
            copy.leave()

    def run(self) -> int:
        """Take turns until a signal has ended it and every process has ended; return the exit code."""
        watch, pause = SteadyWatch(), threading.Event()
        with self._signals():
            while not self.stopping or self.copies:
                self.turn(watch.now())
                pause.wait(LOOK_SECONDS)
        self._end_lookout()
        return self.code

    def _ended(self, copy: Copy, now: Instant) -> None:
        self.copies.remove(copy)
        copy.close()
        if copy.leaving:
            return
        if copy.process.returncode == USAGE and not self._came_up and self.regime.sources is None:
            log.error("process %d could not do with what it was told; nor could the next one", copy.pid)
            self.code = USAGE
            self.stop()
            return
        young = now - copy.started_at < YOUNG
        self._died_young = self._died_young + 1 if young else 0
        wait = min(LONGEST_WAIT, SECOND * 2 ** min(self._died_young - 1, 10)) if young else 0
        self._not_before = now + wait
        log.warning(
            "process %d ended by itself (%d) after %d s; the next one starts in %d s",
            copy.pid, copy.process.returncode, (now - copy.started_at) // SECOND, wait // SECOND,
        )  # fmt: skip

    def _too_much(self, copy: Copy, now: Instant) -> str | None:
        regime = self.regime
        place = self.copies.index(copy)
        if regime.age is not None and now - copy.started_at > regime.age + place * regime.age // 10:  # not all at once
            return f"it is {(now - copy.started_at) // SECOND} s old"
        if regime.memory is not None and copy.memory > regime.memory:
            return f"it takes {copy.memory // 1_000_000} MB"
        return None

    def _weigh(self, now: Instant) -> None:
        """One more while all are full; one fewer when half of them would do."""
        loads = [copy.load for copy in self.staying if copy.load is not None]
        full = len(loads) == self.wanted > 0 and all(load.full for load in loads)
        self._full_since = None if not full else self._full_since or now
        places = sum(load.places for load in loads)
        idle = len(loads) == self.wanted > 1 and sum(load.running for load in loads) * 2 <= places * (
            1 - 1 / self.wanted
        )
        if self.regime.least == 0 and len(loads) == self.wanted == 1:
            idle = loads[0].idle
        self._idle_since = None if not idle else self._idle_since or now
        if self._full_since is not None and now - self._full_since >= GROW_AFTER:
            self.wanted, self._full_since = min(self.regime.most, self.wanted + 1), None
        elif self._idle_since is not None and now - self._idle_since >= self.regime.shrink_after:
            self._idle_since = None
            if self.wanted > 1:
                self.wanted = max(self.regime.least, self.wanted - 1)
            elif self._stands_in(now):
                self.wanted = 0

    def _stands_in(self, now: Instant) -> bool:
        """Have a lookout stand in for the last process; without one it stays."""
        post = self.staying[0].post
        if post is None or not post.may_be_left:
            return False
        if self.lookout is None:
            lookout = self._look_out(post)
            try:
                lookout.begin(now)
            except TickworkError as error:
                lookout.end()
                log.warning("the last process stays, nobody can look out for it: %s", error)
                return False
            self.lookout = lookout
        log.info("nothing has run for a while: the pool hibernates")
        return True

    def _look(self, now: Instant) -> None:
        """While nobody is there: is somebody needed? Once somebody is at work: look out no more."""
        if self.lookout is None:
            return
        if self.wanted == 0 and self.lookout.turn(now):
            self.wanted = 1
            log.info("there is something to do: the pool wakes")
        elif self.wanted and any(copy.load is not None for copy in self.staying):
            self._end_lookout()

    def _end_lookout(self) -> None:
        lookout, self.lookout = self.lookout, None
        if lookout is not None:
            lookout.end()

    def _look_at_sources(self) -> None:
        if self.regime.sources is None:
            return
        newest = _newest(self.regime.sources)
        if newest != self._sources:
            self._sources, self._not_before = newest, 0
            log.info("a source file has changed: the processes are replaced")
            for copy in self.staying:
                copy.leave(LEAVE)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def heard(number: int, frame: FrameType | None) -> None:
            self.stop()

        def dump(number: int, frame: FrameType | None) -> None:
            dump_stacks()
            for copy in self.copies:
                copy.send(signal.SIGQUIT)

        wanted: dict[int, Any] = {signal.SIGINT: heard, signal.SIGTERM: heard, signal.SIGQUIT: dump}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def dump_stacks() -> None:
    """Write what every thread is doing to standard error."""
    with suppress(UnsupportedOperation, AttributeError, ValueError):
        faulthandler.dump_traceback(sys.stderr, all_threads=True)


def _newest(folder: Path | None) -> tuple[float, int]:
    """Return when the newest Python file was written, and how many there are; hidden folders are nobody's sources."""
    if folder is None:
        return 0.0, 0
    times = []
    for file in folder.rglob("*.py"):
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            with suppress(OSError):
                times.append(file.stat().st_mtime)
    return max(times, default=0.0), len(times)
