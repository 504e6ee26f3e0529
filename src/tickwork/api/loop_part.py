"""A loop that runs beside the others of a process and needs no bell: it looks seldom, by its own time."""

from __future__ import annotations

from collections.abc import Callable

from tickwork.engine.loop import Listener, Loop, Runner
from tickwork.store.store import Store
from tickwork.watch import HOUR, SystemWatch


class LoopPart:
    """One loop in a thread of its own, started and stopped with its process."""

    def __init__(self, store: Store, loop: Loop, poll: int = HOUR, ended: Callable[[], None] = lambda: None) -> None:
        self._runner = Runner(loop, store.watch or SystemWatch(), lambda: poll)
        self._ended = ended

    def start(self, listener: Listener) -> None:
        self._runner.start()

    def stop(self, grace: float) -> bool:
        self._runner.stop()
        joined = self._runner.join(grace)
        self._ended()
        return joined
