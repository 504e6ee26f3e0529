"""Handlers for the process executor: they stand in a module, so that a child can import them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tickwork.engine.tasks.registry import Registry
from tickwork.model.action import PutTask
from tickwork.model.work import Task
from tickwork.signals import GiveUp, Snooze

handlers = Registry()


def crunch(task: Task, n: int) -> dict[str, int]:
    task.progress(0.5, f"half of {n}")
    task.put(PutTask.of("next", {"n": n}), delay=3600)
    return {"square": n * n, "pid": os.getpid()}


def spin() -> None:
    """Never lets go, whatever anybody asks."""
    while True:
        pass


def listen(task: Task) -> str:
    """Spins until it is asked to stop."""
    until = time.monotonic() + 30
    while not task.cancelled and time.monotonic() < until:
        pass
    return "asked" if task.cancelled else "never asked"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Peculiar(Exception):
    """Cannot leave its process."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.open = Path(__file__).open()  # noqa: SIM115


def fails(how: str) -> None:
    if how == "peculiar":
        raise Peculiar("very")
    raise {"snooze": Snooze(60), "give up": GiveUp("no use")}.get(how, ValueError(how))


def square(n: int) -> int:
    return n * n
