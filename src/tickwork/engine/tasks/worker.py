"""A worker: a pump, a heartbeat and a rescuer over one store, with the threads and the event loop that run handlers.

:meth:`Worker.start` runs it on threads of its own. A stop claims no more, gives back what has not begun, and waits
for what is running; a second stop gives back everything at once. In tests there are no threads: build it with
``at_once=True``, wind the watch, and call :meth:`Worker.run_due`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

from tickwork.engine.loop import Bell, Listener, Runner, stop_all
from tickwork.engine.tasks.copy import Load
from tickwork.engine.tasks.executors import AtOnce, EventLoop, Executor, Threads
from tickwork.engine.tasks.heartbeat import Heartbeat
from tickwork.engine.tasks.pump import Appetite, Pump
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.running import DatabaseWatch, Running
from tickwork.engine.tasks.settling import Settling
from tickwork.errors import StoreError
from tickwork.model.outcome import Outcome
from tickwork.store import claims, lanes, workers
from tickwork.store.claims import Subscription
from tickwork.store.store import Store
from tickwork.watch import SteadyWatch, Watch

log = logging.getLogger("tickwork.worker")

#: How long a stop waits for running handlers before it gives their tasks back, in seconds.
GRACE_SECONDS = 30.0
#: How long a stop tries to write down what it has, in seconds.
LAST_WORDS_SECONDS = 10.0

#: What a worker serves, and how much it takes, where nobody says.
EVERYTHING, USUAL = Subscription(), Appetite()


class Worker:
    """One worker of one process."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        subscription: Subscription = EVERYTHING,
        appetite: Appetite = USUAL,
        *,
        name: str = "",
        steady: Watch | None = None,
        at_once: bool = False,
    ) -> None:
        self.store, self.registry, self.name = store, registry, name
        self.steady = steady or store.watch or SteadyWatch()
        self.settling = Settling()
        self._runners: list[Runner] = []
        watch = DatabaseWatch(self.steady)
        self.running = Running(store, registry, watch, self._finished, self._incarnation)
        plain, coroutines = self._executors(appetite, at_once=at_once)
        self.pump = Pump(
            store,
            registry,
            subscription,
            appetite,
            watch,
            self.settling,
            self.running,
            plain,
            coroutines,
            self._incarnation,
        )
        self.heartbeat = Heartbeat(self.pump, renewed=self._forget)
        self.rescue = Rescue(store, self.ring)
        self._number: int | None = None
        self._registering = threading.Lock()
        self._batch = appetite.batch
        self._hurry = threading.Event()
        self._emptied = threading.Event()

    # ---------------------------------------------------------------------------------------------- without threads

    def incarnation(self) -> int:
        """The number under which this worker is registered; it registers where it has not."""
        return self._incarnation()

    def run_due(self) -> int:
        """Take turns until nothing more is ready, and settle it all; return how many outcomes there were."""
        self._incarnation()
        outcomes, self.pump.rung = 0, True
        while True:
            self.pump.turn(self.steady.now())
            outcomes += len(self.settling)
            if self.pump.idle:
                return outcomes

    # -------------------------------------------------------------------------------------------------- with threads

    def start(self, listener: Listener | None = None) -> None:
        """Run on threads of its own; *listener* rings when somebody puts a task."""
        poll = listener.poll if listener is not None else None
        self.rescue.attended = listener is not None and listener.attended
        loops = (_Watched(self.pump, self._emptied), self.heartbeat, self.rescue)
        for loop in loops:
            runner = Runner(loop, self.steady) if poll is None else Runner(loop, self.steady, poll)
            self._runners.append(runner)
        if listener is not None:
            listener.connect("task", _Doorbell(self.pump, self._runners[0].bell))
            listener.connect("lease", _Alarm(self.rescue, self._runners[2].bell))
        for runner in self._runners:
            runner.start()

    def load(self) -> Load:
        """How busy this worker is."""
        running = len(self.running.now) - self.running.grouped
        return Load(running, self.pump.appetite.concurrency, self.pump.wants_more or self.pump.queued > 0)

    def ring(self) -> None:
        """Say that there may be work."""
        self.pump.rung = True
        self._wake()

    def stop(self, grace: float = GRACE_SECONDS) -> bool:
        """Stop gently: claim no more, give back what has not begun, wait for what is running.

        After *grace* seconds, or at :meth:`hurry`, what still runs is given back as well. Returns whether all of it
        ended by itself.
        """
        self.pump.close()
        self._wake()
        if not self._runners:
            self._emptied.set()
        until = time.monotonic() + grace
        while not self._emptied.wait(0.05) and not self._hurry.is_set() and time.monotonic() < until:
            self._wake()
        gentle = self._emptied.is_set()
        stop_all(self._runners, LAST_WORDS_SECONDS)
        if not gentle:
            self.pump.interrupt()
        self._last_words()
        for executor in self.pump.executors:
            executor.close()
        self.running.processes.close()
        return gentle

    def hurry(self) -> None:
        """Let a stop that is under way wait no longer."""
        self._hurry.set()

    # ----------------------------------------------------------------------------------------------------- its parts

    def _executors(self, appetite: Appetite, *, at_once: bool) -> tuple[Executor, Executor]:
        if at_once:
            return AtOnce(self.running), AtOnce(self.running)
        size = appetite.concurrency
        return Threads(self.running, size, self._idle), EventLoop(self.running, size, self._idle)

    def _finished(self, outcome: Outcome) -> None:
        self.settling.add(outcome)
        if not self.pump.stirred and (
            len(self.settling) in {1, self._batch} or self.pump.wants_more or not self.pump.claiming
        ):
            self._idle()

    def _idle(self) -> None:
        self.pump.stirred = True
        self._wake()

    def _wake(self) -> None:
        if self._runners:
            self._runners[0].bell.ring()

    def _incarnation(self) -> int:
        with self._registering:
            if self._number is None:
                self._number = self._register()
            return self._number

    def _register(self) -> int:
        with self.store.begin("worker") as transaction:
            served = self.pump.subscription.told
            number = workers.register(transaction, "worker", socket.gethostname(), os.getpid(), self.name, served)
            workers.register_handlers(transaction, number, self.registry.schemas, self.registry.notices)
            said = lanes.declare(transaction, self.registry.limits, f"{socket.gethostname()}:{os.getpid()}")
            claims.take_up_unhandled(transaction, list(self.registry))
            self.pump.foreign = workers.foreign_handlers(transaction, self.registry)
        for change in said:
            log.warning("a limit is another one from now on, for all workers: %s", change)
        return number

    def _forget(self) -> None:
        """Somebody took this worker for dead and removed its row: it will register anew."""
        log.warning("worker %s had been taken for dead; it registers anew", self._number)
        self._number = None

    def _last_words(self) -> None:
        """Settle what is left and sign off; without a database the leases will run out."""
        try:
            while self.settling:
                left = len(self.settling)
                self.pump.turn(self.steady.now() + left)
                if len(self.settling) >= left:
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


class _Doorbell(Bell):
    """Tells the pump that the ring came from outside."""

    def __init__(self, pump: Pump, bell: Bell) -> None:
        super().__init__()
        self.pump, self.bell = pump, bell

    def ring(self) -> None:
        self.pump.rung = True
        self.bell.ring()


class _Alarm(Bell):
    """Rings a rescuer that is not at it already."""

    def __init__(self, rescue: Rescue, bell: Bell) -> None:
        super().__init__()
        self.rescue, self.bell = rescue, bell

    def ring(self) -> None:
        if not self.rescue.watching:
            self.bell.ring()
