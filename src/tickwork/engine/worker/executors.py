"""Where work runs: plain functions on threads, coroutine functions on one event loop, or (in tests) at once.

An executor takes units in order, runs at most *size* of them together, and can give back those that have not begun.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from tickwork.engine.worker.line import Line
from tickwork.engine.worker.units import Unit


class Executor(Protocol):
    """What runs units."""

    def submit(self, units: Sequence[Unit]) -> None: ...

    def take_back(self) -> list[Unit]: ...

    def cancel(self, token: int) -> None: ...

    def stop(self, name: str) -> None: ...

    def close(self) -> None: ...

    @property
    def queued(self) -> int:
        """How many pieces have not begun."""
        ...

    @property
    def usual(self) -> int:
        """How many pieces that are not urgent wait or run here; counted only where hands are reserved."""
        ...


class Threads:
    """Runs plain functions on threads that are started when they are first needed."""

    def __init__(self, size: int, idle: Callable[[], None] = lambda: None, reserved: int = 0) -> None:
        self.size, self.idle = size, idle
        self._line = Line(size, reserved)
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._closed = False

    @property
    def queued(self) -> int:
        return self._line.queued

    @property
    def usual(self) -> int:
        return self._line.usual

    def submit(self, units: Sequence[Unit]) -> None:
        """Take units; busy threads find them by themselves, only as many sleepers as needed are woken."""
        self._line.add(units)
        with self._ready:
            self._ready.notify(min(len(units), self._waiting))
            for _ in range(min(len(units) - self._waiting, self.size - len(self._threads))):
                thread = threading.Thread(target=self._work, name=f"tickwork-handler-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def take_back(self) -> list[Unit]:
        """Return the units that have not begun; they will not begin here."""
        return self._line.clear()

    def cancel(self, token: int) -> None:
        """A thread cannot be stopped: its handler can look at ``task.cancelled``, its result is discarded."""

    def stop(self, name: str) -> None:
        """The same for one piece of work that somebody asked to stop."""

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _work(self) -> None:
        line = self._line
        while True:
            unit = line.take()
            if unit is None:
                if not self._wait():
                    return
                continue
            unit.run()
            line.ended(unit)
            if not line:
                self.idle()
            elif line.reserved:
                self._pass_on()

    def _pass_on(self) -> None:
        """A place for what is usual has become free, and this hand may take something urgent instead."""
        with self._ready:
            self._ready.notify()

    def _wait(self) -> bool:
        with self._ready:
            self._waiting += 1
            while not self._line and not self._closed:
                self._ready.wait()
            self._waiting -= 1
            return bool(self._line)


class EventLoop:
    """Runs coroutine functions on one event loop, in a thread of its own that is started when it is first needed."""

    def __init__(self, size: int, idle: Callable[[], None] = lambda: None, reserved: int = 0) -> None:
        self.size, self.idle = size, idle
        self._line = Line(size, reserved)
        self._begun: dict[asyncio.Task[None], Unit] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard = threading.Lock()

    @property
    def queued(self) -> int:
        return self._line.queued

    @property
    def usual(self) -> int:
        return self._line.usual

    def submit(self, units: Sequence[Unit]) -> None:
        self._line.add(units)
        self._started().call_soon_threadsafe(self._fill)

    def take_back(self) -> list[Unit]:
        """Return the units that have not begun; they will not begin here."""
        return self._line.clear()

    def cancel(self, token: int) -> None:
        """Cancel what runs under a token."""
        self._cancel_those(lambda unit: unit.token == token)

    def stop(self, name: str) -> None:
        """Cancel one piece of work: its coroutine sees CancelledError where it waits."""
        self._cancel_those(lambda unit: unit.size == 1 and unit.name == name)

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
            unit = self._line.take()
            if unit is None:
                return
            assert self._loop is not None
            task = self._loop.create_task(unit.run_async())
            self._begun[task] = unit
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._line.ended(self._begun.pop(task))
        self._fill()
        if not self._line:
            self.idle()

    def _cancel_those(self, which: Callable[[Unit], bool]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, which)

    def _cancel(self, which: Callable[[Unit], bool]) -> None:
        for task, unit in self._begun.items():
            if which(unit):
                task.cancel()


class AtOnce:
    """Runs every unit in the caller's thread as it comes: for tests, and for bounded work from one process."""

    queued = usual = 0

    def submit(self, units: Sequence[Unit]) -> None:
        for unit in units:
            if unit.is_async:
                asyncio.run(unit.run_async())
            else:
                unit.run()

    def take_back(self) -> list[Unit]:
        """Nothing ever waits here."""
        return []

    def cancel(self, token: int) -> None:
        """Nothing runs while somebody asks."""

    def stop(self, name: str) -> None:
        """Nothing runs while somebody asks."""

    def close(self) -> None:
        """Nothing is open."""
