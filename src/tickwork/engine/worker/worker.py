"""A worker: a pump, a heartbeat and a rescuer over one store, with the threads and the event loop that run what it draws.

:meth:`Worker.start` runs it on threads of its own. A stop draws no more, gives back what has not begun, and waits
for what is running; a second stop gives back everything at once. In tests there are no threads: build it with
``at_once=True``, wind the watch, and call :meth:`Worker.run_due`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from tickwork.engine.loop import POLL_DEAF, Bell, Listener, Loop, Runner, stop_all
from tickwork.engine.worker import drawing
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.executors import AtOnce, EventLoop, Executor, Threads
from tickwork.engine.worker.heartbeat import Heartbeat
from tickwork.engine.worker.pump import Pump
from tickwork.engine.worker.settling import Ended
from tickwork.engine.worker.source import Source
from tickwork.errors import StoreError
from tickwork.store import workers
from tickwork.store.store import Store
from tickwork.watch import SteadyWatch, Watch

log = logging.getLogger("tickwork.worker")

#: How long a stop waits for what runs before it is given back, in seconds.
GRACE_SECONDS = 30.0
#: How long a stop tries to write down what it has, in seconds.
LAST_WORDS_SECONDS = 10.0
#: How much a worker takes where nobody says.
USUAL = Appetite()


class Rescuer(Loop, Protocol):
    """Ends the leases of whoever has gone, of whatever source."""

    attended: bool
    """Whether somebody rings when there is something to watch."""
    watching: bool
    """Whether there was anything to watch at the last look."""


class Worker:
    """One worker of one process; it draws from *sources*, and looks after the namespace in which their own rows stand."""

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        appetite: Appetite = USUAL,
        *,
        namespace: str = "",
        name: str = "",
        steady: Watch | None = None,
        at_once: bool = False,
        rescue: Rescuer | None = None,
    ) -> None:
        self.store, self.name = store, name
        self.steady = steady or store.watch or SteadyWatch()
        self.watch = DatabaseWatch(self.steady)
        self.ended = 0
        """How many runs have ended."""
        self.cutting_off = False
        """What still runs is being given back."""
        self._runners: list[Runner] = []
        self._poll: Callable[[], int] = lambda: POLL_DEAF
        self.sources = tuple(sources)
        for source in self.sources:
            source.join(self)
        executors = self._executors(appetite, at_once=at_once)
        self.pump = Pump(store, namespace, self.sources, appetite, self.watch, executors, self.number)
        self.heartbeat = Heartbeat(self.pump, renewed=self._forget)
        self.rescuer = rescue
        self._number: int | None = None
        self._registering = threading.Lock()
        self._batch = appetite.batch
        self._hurry = threading.Event()
        self._emptied = threading.Event()

    # ---------------------------------------------------------------------------------------------- for its sources

    def number(self) -> int:
        """The number under which this worker is registered; it registers where it has not."""
        with self._registering:
            if self._number is None:
                self._number = self._register()
            return self._number

    def finished(self, source: str, outcome: Ended) -> None:
        """Take in how a run ended; called from any thread."""
        settling = self.pump.seats[source].settling
        settling.add(outcome)
        self.ended += 1
        if not self.pump.stirred and (
            len(settling) in {1, self._batch} or self.pump.wants_more or not self.pump.claiming
        ):
            self._idle()

    def stop_one(self, name: str) -> None:
        """Cancel the coroutine of one piece of work; a thread cannot be stopped."""
        for executor in self.pump.hands.executors:
            executor.stop(name)

    def poll(self) -> int:
        """How often somebody must look who hears of nothing, in microseconds."""
        return self._poll()

    def ring(self) -> None:
        """Say that there may be work."""
        self.pump.plan.rung = True
        self._wake()

    # ---------------------------------------------------------------------------------------------- without threads

    def run_due(self, limit: int | None = None) -> int:
        """Take turns until nothing more is ready, or *limit* runs have ended, and settle it all; return how many there were.

        What cannot be settled yet stays in hand for the next time: nobody waits here, and time may stand still.
        """
        self.number()
        before = self.ended
        until = None if limit is None else before + limit
        while True:
            ended = self.ended
            self.pump.plan.ask_all()
            self._turn_until_idle(until)
            if self.ended in (ended, until) or not self.pump.plan.has_others:
                self.pump.settle_all(self.steady.now())
                self.heartbeat.speak()
                return self.ended - before

    def _turn_until_idle(self, until: int | None) -> None:
        while until is None or self.ended < until:
            now = self.steady.now()
            self.pump.turn(now)
            if self.pump.stands_still(now):
                return

    # -------------------------------------------------------------------------------------------------- with threads

    def start(self, listener: Listener | None = None) -> None:
        """Run on threads of its own; *listener* rings when somebody writes something that concerns one of its sources."""
        with suppress(StoreError):  # a database that is away is waited for; the heartbeat registers then
            self.number()
        poll = listener.poll if listener is not None else None
        self._poll = poll or self._poll
        loops: list[Loop] = [_Watched(self.pump, self._emptied), self.heartbeat]
        if self.rescuer is not None:
            self.rescuer.attended = listener is not None and listener.attended
            loops.append(self.rescuer)
        for loop in loops:
            runner = Runner(loop, self.steady) if poll is None else Runner(loop, self.steady, poll)
            self._runners.append(runner)
        if listener is not None:
            listener.tell("generator", self._rows_changed)
            for source in self.sources:
                for hint in source.hints:
                    listener.tell(hint, _Woken(self.pump, source.name))
                    listener.connect(hint, _Doorbell(self.pump, self._runners[0].bell))
            listener.connect("generator", _Doorbell(self.pump, self._runners[0].bell))
            if self.rescuer is not None:
                listener.connect("lease", _Alarm(self.rescuer, self._runners[2].bell))
        self.heartbeat.rest_until(self._runners[1].bell)
        for runner in self._runners:
            runner.start()

    @property
    def running(self) -> int:
        """How many hands are busy."""
        return self.pump.hands.busy

    def stop(self, grace: float = GRACE_SECONDS) -> bool:
        """Stop gently: draw no more, give back what has not begun, wait for what is running.

        After *grace* seconds, or at :meth:`hurry`, what still runs is given back as well. Returns whether all of it
        ended by itself.
        """
        self.pump.close()
        for source in self.sources:
            source.closing()
        self._wake()
        if not self._runners:
            self._emptied.set()
        until = time.monotonic() + grace
        while not self._emptied.wait(0.05) and not self._hurry.is_set() and time.monotonic() < until:
            self._wake()
        gentle = self._emptied.is_set()
        stop_all(self._runners, LAST_WORDS_SECONDS)
        if not gentle:
            self.cutting_off = True
            for source in self.sources:
                source.interrupt()
        self._last_words()
        for executor in self.pump.hands.executors:
            executor.close()
        for source in self.sources:
            source.close()
        return gentle

    def hurry(self) -> None:
        """Let a stop that is under way wait no longer."""
        self._hurry.set()

    # ----------------------------------------------------------------------------------------------------- its parts

    def _executors(self, appetite: Appetite, *, at_once: bool) -> tuple[Executor, Executor]:
        if at_once:
            here = AtOnce()
            return here, here
        size, reserved = appetite.concurrency, appetite.reserve
        return Threads(size, self._idle, reserved), EventLoop(size, self._idle, reserved)

    def _idle(self) -> None:
        self.pump.stirred = True
        self._wake()

    def _wake(self) -> None:
        if self._runners:
            self._runners[0].bell.ring()

    def _rows_changed(self, hint: str) -> None:
        self.pump.drawing.stale = True

    def _register(self) -> int:
        with self.store.begin("worker") as transaction:
            served = "{}" if self.pump.lead is None else self.pump.lead.source.serves
            number = workers.register(transaction, "worker", socket.gethostname(), os.getpid(), self.name, served)
            for source in self.sources:
                drawing.make(transaction, source)
                source.register(transaction, number)
        return number

    def _forget(self) -> None:
        """Somebody took this worker for dead and removed its row: it will register anew."""
        log.warning("worker %s had been taken for dead; it registers anew", self._number)
        self._number = None

    def _last_words(self) -> None:
        """Settle what is left and sign off; without a database the leases will run out."""
        try:
            now = self.steady.now()
            while left := self.pump.unsettled:
                now += left
                self.pump.settle_all(now)
                if self.pump.unsettled >= left:
                    break
            if self._number is not None:
                self.heartbeat.speak()
                with self.store.begin("worker") as transaction:
                    workers.remove(transaction, self._number)
        except StoreError as error:
            log.warning("the worker stops without signing off: %s", error)


class _Watched:
    """The pump as a loop that tells when a stopping worker has nothing left."""

    def __init__(self, pump: Pump, emptied: threading.Event) -> None:
        self.pump, self.emptied, self.name = pump, emptied, pump.name

    def turn(self, now: int) -> int | None:
        closing = not self.pump.claiming
        try:
            return self.pump.turn(now)
        finally:  # without a database, too: a turn that claims nothing and has nothing in its hands is the last
            if closing and self.pump.idle:
                self.emptied.set()


class _Woken:
    """Tells the pump which source somebody has written to."""

    def __init__(self, pump: Pump, source: str) -> None:
        self.pump, self.source = pump, source

    def __call__(self, hint: str) -> None:
        self.pump.drawing.wake(self.source)


class _Doorbell(Bell):
    """Tells the pump that the ring came from outside."""

    def __init__(self, pump: Pump, bell: Bell) -> None:
        super().__init__()
        self.pump, self.bell = pump, bell

    def ring(self) -> None:
        self.pump.plan.rung = True
        self.bell.ring()


class _Alarm(Bell):
    """Rings a rescuer that is not at it already."""

    def __init__(self, rescue: Rescuer, bell: Bell) -> None:
        super().__init__()
        self.rescue, self.bell = rescue, bell

    def ring(self) -> None:
        if not self.rescue.watching:
            self.bell.ring()
