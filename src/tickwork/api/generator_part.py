"""The part of a process that gives workers work from generators: one loop that draws, and hands that run.

It starts and stops with the process. A stop takes no more work, tells what runs (``work.stopping``), and waits for it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tickwork.engine.generators.bulk import NAME as BULK
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.pump import GeneratorPump, Hands
from tickwork.engine.generators.work import Work
from tickwork.engine.loop import Listener, Runner
from tickwork.engine.tasks.worker import Worker
from tickwork.errors import StoreError
from tickwork.store import claims, workers
from tickwork.store.store import Store
from tickwork.watch import SystemWatch

log = logging.getLogger("tickwork.generators")


class GeneratorPart:
    """Draws from generators on a thread of its own, and runs what it draws on *hands*."""

    def __init__(
        self,
        store: Store,
        namespace: str,
        generators: Iterable[Generator],
        hands: Hands | None = None,
        better: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.store, self.hands = store, Hands() if hands is None else hands
        self.pump = GeneratorPump(
            store, namespace, generators, self._submit, self.hands, enlist=self._enlist, better=better
        )
        self._threads = ThreadPoolExecutor(self.hands.size, thread_name_prefix="tickwork-generator")
        self._runner: Runner | None = None

    @property
    def in_hand(self) -> int:
        return len(self.pump.running)

    def start(self, listener: Listener) -> None:
        """Start the threads."""
        runner = self._runner = Runner(self.pump, self.store.watch or SystemWatch(), listener.poll)
        listener.connect("generator", runner.bell)
        listener.tell("bulk", lambda _: self.pump.drawing.ended(BULK))  # it rests no longer
        listener.connect("bulk", runner.bell)
        runner.start()

    def stop(self, grace: float) -> bool:
        """Draw no more, tell what runs, wait for it, sign off; return whether the loop ended in time."""
        self.pump.claiming = False
        for work in list(self.pump.running.values()):
            work.stopping.set()
        joined = True
        if self._runner is not None:
            self._runner.stop()
            joined = self._runner.join(grace)
        self._threads.shutdown(wait=True)
        try:
            self.pump.flush()
            if self.pump.worker_id:
                with self.store.begin("worker") as transaction:
                    workers.remove(transaction, self.pump.worker_id)
        except StoreError as error:
            log.warning("the hands of generators stop without signing off: %s", error)
        return joined

    def _submit(self, work: Work) -> None:
        self._threads.submit(self._run, work)

    def _run(self, work: Work) -> None:
        try:
            self.pump.call(work)
        except StoreError as error:  # the claim runs out, and the work is offered again
            log.warning("the end of %s could not be written down: %s", work.name, error)
        if self._runner is not None:
            self._runner.bell.ring()

    def _enlist(self) -> int:
        with self.store.begin("worker") as transaction:
            return workers.register(transaction, "generator worker", socket.gethostname(), os.getpid())


def people_first(worker: Worker) -> Callable[[], int | None]:
    """Return what says how urgent work must be just now: as urgent as the best ready task, where the worker is full.

    A worker with a free place takes a ready task at once, whatever generators do on hands of their own. One that is full
    leaves tasks waiting: then nothing less urgent than the best of them is begun beside it.
    """

    def best_waiting() -> int | None:
        pump = worker.pump
        least = pump.subscription.priority_at_most
        if pump.queued + len(pump.running.now) < pump.appetite.concurrency:
            return least
        with worker.store.read() as transaction:
            best = claims.best_ready(transaction, pump.subscription)
        return least if best is None else min(best, least)

    return best_waiting
