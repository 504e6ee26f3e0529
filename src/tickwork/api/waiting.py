"""Producers that wait for room in a bounded queue, where its bound says so and the transaction is the library's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from tickwork.api.desk import Desk
from tickwork.engine.tasks.bound import WAIT_SECONDS
from tickwork.errors import QueueFull

Answer = TypeVar("Answer")


def patiently(desk: Desk, queues: Iterable[str], put: Callable[[], Answer]) -> Answer:
    """Put, or wait for room and put then; raises QueueFull when there is none in time.

    In a lent transaction nobody waits: it would hold what it has locked for as long, and workers might need just that.
    """
    bounds = [desk.handlers.bounds[queue] for queue in queues if queue in desk.handlers.bounds]
    if desk.lent or not any(bound.when_full == "wait" for bound in bounds):
        return put()
    until = time.monotonic() + max(bound.within for bound in bounds)
    pause = threading.Event()
    while True:
        try:
            return put()
        except QueueFull:
            if time.monotonic() >= until:
                raise
        pause.wait(WAIT_SECONDS)
