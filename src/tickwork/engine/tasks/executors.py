"""Where jobs run: plain functions on threads, coroutine functions on one event loop, or (in tests) at once.

An executor takes jobs in order, runs at most *size* of them together, and can give back those that have not begun.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tickwork.engine.tasks.running import Running
from tickwork.engine.tasks.units import Group, Job, Unit, jobs_of, units_of


class Executor(Protocol):
    """What runs jobs."""

    def submit(self, jobs: Sequence[Job]) -> None: ...

    def take_back(self) -> list[Job]: ...

    def cancel(self, token: int) -> None: ...

    def stop(self, task: int) -> None: ...

    def close(self) -> None: ...

    @property
    def queued(self) -> int: ...


def waiting(queue: deque[Unit]) -> int:
    """Count the tasks that wait in a queue of units, while others take from it."""
    try:
        return sum(len(unit.members) if isinstance(unit, Group) else 1 for unit in queue)
    except RuntimeError:  # it changed while it was counted
        return len(queue)


class Threads:
    """Runs plain functions on threads that are started when they are first needed."""

    def __init__(self, running: Running, size: int, idle: Callable[[], None] = lambda: None) -> None:
        self.running, self.size, self.idle = running, size, idle
        self._queue: deque[Unit] = deque()
        self._grouped = False
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._closed = False

    @property
    def queued(self) -> int:
        return waiting(self._queue) if self._grouped else len(self._queue)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; busy threads find them by themselves, only as many sleepers as needed are woken."""
        units = units_of(jobs)
        self._grouped = self._grouped or units is not jobs
        self._queue.extend(units)
        with self._ready:
            self._ready.notify(min(len(units), self._waiting))
            for _ in range(min(len(units) - self._waiting, self.size - len(self._threads))):
                thread = threading.Thread(target=self._work, name=f"tickwork-handler-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def take_back(self) -> list[Job]:
        """Return the jobs that have not begun; they will not begin here."""
        units = []
        while True:
            try:
                units.append(self._queue.popleft())
            except IndexError:
                return jobs_of(units)

    def cancel(self, token: int) -> None:
        """A thread cannot be stopped: its handler can look at ``task.cancelled``, its result is discarded."""

    def stop(self, task: int) -> None:
        """The same for one task that somebody asked to cancel."""

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _work(self) -> None:
        while True:
            try:
                job = self._queue.popleft()
            except IndexError:
                if not self._wait():
                    return
            else:
                self.running.run(job)
                if not self._queue:
                    self.idle()

    def _wait(self) -> bool:
        with self._ready:
            self._waiting += 1
            while not self._queue and not self._closed:
                self._ready.wait()
            self._waiting -= 1
            return bool(self._queue)


class EventLoop:
    """Runs coroutine functions on one event loop, in a thread of its own that is started when it is first needed."""

    def __init__(self, running: Running, size: int, idle: Callable[[], None] = lambda: None) -> None:
        self.running, self.size, self.idle = running, size, idle
        self._queue: deque[Unit] = deque()
        self._grouped = False
        self._begun: dict[asyncio.Task[None], Unit] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard = threading.Lock()

    @property
    def queued(self) -> int:
        return waiting(self._queue) if self._grouped else len(self._queue)

    def submit(self, jobs: Sequence[Job]) -> None:
        units = units_of(jobs)
        self._grouped = self._grouped or units is not jobs
        self._queue.extend(units)
        self._started().call_soon_threadsafe(self._fill)

    def take_back(self) -> list[Job]:
        """Return the jobs that have not begun; they will not begin here."""
        units = []
        while True:
            try:
                units.append(self._queue.popleft())
            except IndexError:
                return jobs_of(units)

    def cancel(self, token: int) -> None:
        """Cancel what runs under a token."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, token)

    def stop(self, task: int) -> None:
        """Cancel one task: its coroutine sees CancelledError where it waits."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop, task)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=(self._loop,), name="tickwork-loop", daemon=True).start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    def _fill(self) -> None:
        while len(self._begun) < self.size:
            try:
                job = self._queue.popleft()
            except IndexError:
                return
            assert self._loop is not None
            task = self._loop.create_task(self.running.run_async(job))
            self._begun[task] = job
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._begun[task]
        self._fill()
        if not self._queue:
            self.idle()

    def _cancel(self, token: int) -> None:
        for task, job in self._begun.items():
            if job.claimed.token == token:
                task.cancel()

    def _stop(self, number: int) -> None:
        for task, unit in self._begun.items():
            if isinstance(unit, Job) and unit.claimed.id == number:
                task.cancel()


class AtOnce:
    """Runs every job in the caller's thread as it comes: for tests, and for bounded work from one process."""

    queued = 0

    def __init__(self, running: Running) -> None:
        self.running = running

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in units_of(jobs):
            if job.handler.is_async:
                asyncio.run(self.running.run_async(job))
            else:
                self.running.run(job)

    def take_back(self) -> list[Job]:
        """Nothing ever waits here."""
        return []

    def cancel(self, token: int) -> None:
        """Nothing runs while somebody asks."""

    def stop(self, task: int) -> None:
        """Nothing runs while somebody asks."""

    def close(self) -> None:
        """Nothing is open."""
