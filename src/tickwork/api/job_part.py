"""The part of a process that looks after the timers of jobs; their runs are drawn by the worker, as all work is."""

from __future__ import annotations

from tickwork.engine.jobs.controller import JobController
from tickwork.engine.loop import Listener, Runner
from tickwork.store.store import Store
from tickwork.watch import Instant, SystemWatch


class JobPart:
    """Runs a controller of jobs on a thread of its own."""

    def __init__(self, store: Store) -> None:
        self.store, self.controller = store, JobController(store)
        self._runner: Runner | None = None

    def start(self, listener: Listener) -> None:
        """Start the thread; *listener* hands over what wake-ups name."""
        runner = Runner(_Following(self.controller, listener), self.store.watch or SystemWatch(), listener.poll)
        listener.tell("job", self.controller.hear)
        listener.connect("job", runner.bell)
        runner.start()
        self._runner = runner

    def stop(self, grace: float) -> bool:
        """End the thread; return whether it ended in time."""
        if self._runner is None:
            return True
        self._runner.stop()
        return self._runner.join(grace)


class _Following:
    """The controller's loop; while nobody hears wake-ups for it (behind a pooler), it asks the log itself."""

    name = JobController.name

    def __init__(self, controller: JobController, listener: Listener) -> None:
        self.controller, self.listener = controller, listener

    def turn(self, now: Instant) -> Instant | None:
        if not self.listener.hearing:
            self.controller.hear("")
        return self.controller.turn(now)
