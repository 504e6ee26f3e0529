"""A process that works: the trigger daemon, a worker, or both, until it is stopped.

The first signal (Ctrl-C, SIGTERM) lets what runs finish; a second one stops at once. Any number of these may run, on
any number of hosts; none of them leads.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Protocol, Self

from tickwork.engine.loop import Listener, Runner
from tickwork.engine.tasks.copy import LEAVE, supervised
from tickwork.engine.tasks.post import Post
from tickwork.engine.tasks.supervisor import dump_stacks
from tickwork.engine.tasks.worker import GRACE_SECONDS, Worker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.engine.watchman import Watchman
from tickwork.store.claims import Subscription
from tickwork.store.store import Store
from tickwork.watch import SteadyWatch, SystemWatch

log = logging.getLogger("tickwork.process")

#: How long runs may take in a process that is only replaced: for ever, as people count.
PATIENCE_SECONDS = 366 * 86_400.0
#: A signal may reach another thread than the main one, which alone runs its handler: so the main one looks up so often.
LOOK_UP_SECONDS = 0.25
#: What is looked for where no worker is: no task is as urgent as that.
NOTHING = Subscription(priority_at_most=-1)


class Part(Protocol):
    """Something else that runs in the process: it starts and stops with it."""

    def start(self, listener: Listener) -> None: ...

    def stop(self, grace: float) -> bool: ...


class Process:
    """What runs beside each other in one process, on one store."""

    def __init__(
        self,
        store: Store,
        daemon: TriggerDaemon | None,
        worker: Worker | None,
        parts: Sequence[Part] = (),
        post: Post | None = None,
    ) -> None:
        self.post = post
        self.store, self.trigger_daemon, self.task_worker, self.parts = store, daemon, worker, tuple(parts)
        self._listener = Listener(store.dialect.ear)
        self._runner: Runner | None = None
        self._watchman = Runner(self._look_for_all(), SteadyWatch(), lambda: self._listener.hearing_poll)
        self._stopping = threading.Event()
        self._patient = False
        # Waited for by the main thread instead of the event: a signal's handler runs in between, and only this queue
        # may be put into while its own thread is about to wait for it.
        self._asked: SimpleQueue[None] = SimpleQueue()

    def start(self) -> None:
        """Start the threads and return."""
        self._listener.attend(self._watchman.bell)
        if self.trigger_daemon is not None:
            watch = self.store.watch or SystemWatch()
            self._runner = Runner(self.trigger_daemon, watch, self._listener.poll)
            self._listener.connect("trigger", self._runner.bell)
        if self.task_worker is not None:
            if self.trigger_daemon is not None:
                self.trigger_daemon.firings.ring = self.task_worker.ring
            self.task_worker.start(self._listener)
        for part in self.parts:
            part.start(self._listener)
        if self._runner is not None:
            self._runner.start()
        self._watchman.start()
        self._listener.start()

    def ask_to_stop(self, grace: float = GRACE_SECONDS, *, patient: bool = False) -> None:
        """Let :meth:`run` end; asked again, it does not wait for what runs.

        *patient*: nobody is waiting for it, so what runs, whatever its source, may take as long as it does. Who asks after
        that gives it *grace* seconds.
        """
        if self._stopping.is_set() and self.task_worker is not None and not patient:
            hurried = threading.Timer(grace, self.task_worker.hurry)
            hurried.daemon = True
            (hurried.start if self._patient else self.task_worker.hurry)()
        self._patient = patient and (self._patient or not self._stopping.is_set())
        self._stopping.set()
        self._asked.put(None)

    def stop(self, grace: float = GRACE_SECONDS, patience: float | None = None) -> bool:
        """Stop the threads; return whether everything that ran could finish within *grace* seconds (its work: *patience*)."""
        self._stopping.set()
        gentle = True
        self._watchman.stop()
        if self._runner is not None:
            self._runner.stop()
        if self.task_worker is not None:
            gentle = self.task_worker.stop(grace if patience is None else patience)
        for part in self.parts:
            gentle = part.stop(grace) and gentle
        if self._runner is not None:
            gentle = self._runner.join(grace) and gentle
        gentle = self._watchman.join(grace) and gentle
        self._listener.stop()
        return gentle

    def run(self, grace: float = GRACE_SECONDS) -> bool:
        """Start, wait for a signal or :meth:`ask_to_stop`, stop."""
        with self._signals(grace):
            if self.task_worker is not None:
                supervised(self.task_worker.load, lambda: self.ask_to_stop(grace, patient=True), self.post)
            self.start()
            try:
                while not self._stopping.is_set():
                    with suppress(Empty):
                        self._asked.get(timeout=LOOK_UP_SECONDS)
                log.info("stopping; a second signal stops at once")
            finally:
                gentle = self.stop(grace, PATIENCE_SECONDS if self._patient else None)
        return gentle

    def _look_for_all(self) -> Watchman:
        """Return what looks for whatever runs here."""
        daemon, worker = self.trigger_daemon, self.task_worker
        subscription = NOTHING if worker is None else worker.queue.subscription
        return Watchman(self.store, self._listener, subscription, None if daemon is None else daemon.firings.mark)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def _signals(self, grace: float) -> Iterator[None]:
        """Listen to signals where that is allowed: in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heard(number: int, frame: FrameType | None) -> None:
            self.ask_to_stop(grace, patient=number == LEAVE)

        def dump(number: int, frame: FrameType | None) -> None:
            dump_stacks()

        wanted: dict[int, Any] = {signal.SIGINT: heard, signal.SIGTERM: heard, LEAVE: heard, signal.SIGQUIT: dump}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
