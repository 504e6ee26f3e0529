"""The process executor: CPU work in child processes, with time limits that hold whatever the handler does.

A thread of the worker waits for each child. When the time is up, or the lease was lost, the child is killed and the run
has failed (or is somebody else's); a cancel request is passed on, so that ``task.cancelled`` tells it there, too. A child
that dies (out of memory, a crash in C) costs one attempt of one task and nothing else.
"""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import threading
import time
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from tickwork.engine.tasks.child import Asked, Call, Ended, Progressed, RemoteTraceback, Shown, serve
from tickwork.errors import LeaseLost, TickworkError
from tickwork.model.job_run import JobRun
from tickwork.model.work import Claimed, Signs
from tickwork.watch import SECOND

if TYPE_CHECKING:
    from tickwork.engine.tasks.handler import Handler

log = logging.getLogger("tickwork.worker")

#: How often a waiting thread looks whether its child must stop, in seconds.
LOOK_SECONDS = 0.25


class TimedOut(TickworkError, TimeoutError):
    """The handler ran for longer than its time-out, and its process was ended."""


class ChildDied(TickworkError):
    """The process in which the handler ran ended under it."""


class CallSigns(Protocol):
    """What became known about one call meanwhile, and where its words go."""

    @property
    def lost(self) -> bool: ...

    @property
    def asked(self) -> bool: ...

    def note(self, share: float, note: str | None) -> None: ...


class TaskSigns:
    """The signs of a task's run."""

    def __init__(self, signs: Signs, claimed: Claimed) -> None:
        self.signs, self.claimed = signs, claimed

    @property
    def lost(self) -> bool:
        return self.signs.is_lost(self.claimed)

    @property
    def asked(self) -> bool:
        return self.claimed.id in self.signs.cancelled

    def note(self, share: float, note: str | None) -> None:
        self.signs.note(self.claimed, share, note)


class JobSigns:
    """The signs of a job's run."""

    def __init__(self, run: JobRun) -> None:
        self.run = run

    @property
    def lost(self) -> bool:
        return self.run.lost.is_set()

    @property
    def asked(self) -> bool:
        return self.run.cancelled

    def note(self, share: float, note: str | None) -> None:
        self.run.words[:] = [(share, note)]


class Child:
    """One child process, and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads and connections breaks
        here, there = context.Pipe()
        self.process = context.Process(target=serve, args=(there,), name="tickwork-child", daemon=True)
        self.process.start()
        there.close()
        self.pipe: Connection = here

    def run(self, call: Call, signs: CallSigns, seconds: float | None) -> Ended:
        """Let it run one piece of work; raises TimedOut, ChildDied or LeaseLost, and it must be killed then."""
        until = None if seconds is None else time.monotonic() + seconds
        asked = False
        self._send(call)
        while True:
            left = LOOK_SECONDS if until is None else min(LOOK_SECONDS, until - time.monotonic())
            if wait([self.pipe], max(0.0, left)):
                word = self._receive()
                if isinstance(word, Ended):
                    return word
                assert isinstance(word, Progressed)
                signs.note(word.share, word.note)
            elif until is not None and time.monotonic() >= until:
                raise TimedOut(f"it ran for longer than {seconds:g} s and its process was ended")
            if signs.lost:
                raise LeaseLost("its lease was lost: its process was ended")
            if not asked and signs.asked:
                asked = True
                self._send(Asked())

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _send(self, word: Any) -> None:
        try:
            self.pipe.send(word)
        except OSError:
            raise self._died() from None

    def _receive(self) -> Any:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None

    def _died(self) -> ChildDied:
        self.process.join(LOOK_SECONDS)
        code = self.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return ChildDied(f"its process ended under it, with {how}")


class Processes:
    """The children of one worker: as many as handlers run in them at once, kept for the next ones."""

    def __init__(self, signs: Signs) -> None:
        self.signs = signs
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._guard = threading.Lock()
        self._closed = False

    def call(self, handler: Handler, claimed: Claimed) -> Ended:
        """Run one task in a child; return how it ended, or raise what it raised."""
        payload = handler.today(claimed.payload, claimed.payload_version)
        shown = Shown("task", tuple(claimed))
        return self._call(handler, shown, payload, TaskSigns(self.signs, claimed), keep_result=handler.keep_result)

    def call_job(self, handler: Handler, run: JobRun) -> str | None:
        """Run one run of a job in a child; return its result as JSON, or raise what it raised."""
        return self._call(handler, Shown("job", run.told), run.payload, JobSigns(run), keep_result=True).result

    def _call(self, handler: Handler, shown: Shown, payload: str, signs: CallSigns, *, keep_result: bool) -> Ended:
        function = handler.function
        call = Call(function.__module__, function.__qualname__, handler.name, shown, payload, keep_result)
        seconds = None if handler.timeout is None else handler.timeout / SECOND
        child = self._take()
        try:
            ended = child.run(call, signs, seconds)
        except BaseException:
            self._end(child)
            raise
        self._give_back(child)
        if ended.error is not None:
            error: BaseException = pickle.loads(ended.error)  # noqa: S301 - from our own child, over its pipe
            raise error from RemoteTraceback(ended.trace)
        return ended

    def close(self) -> None:
        """End all of them; what still runs in one is cut off."""
        with self._guard:
            self._closed = True
            children = list(self._all)
            self._all.clear()
            self._idle.clear()
        for child in children:
            child.process.kill()

    def _take(self) -> Child:
        with self._guard:
            if self._closed:
                raise ChildDied("the worker is stopping")
            while self._idle:
                child = self._idle.pop()
                if child.process.is_alive():
                    return child
                self._all.discard(child)
            child = Child()
            self._all.add(child)
            return child

    def _give_back(self, child: Child) -> None:
        with self._guard:
            if self._closed:
                child.process.kill()
            else:
                self._idle.append(child)

    def _end(self, child: Child) -> None:
        with self._guard:
            self._all.discard(child)
        child.kill()
