"""A sign of life: a running process that is no worker writes down that it is there, and that it still is.

Nothing depends on it but what people are told: whether somebody is there to fire what falls due. Workers write down
their own; whoever gave no sign for long is forgotten by any worker, and registers anew if it was only slow.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Literal

from tickwork.errors import StoreError
from tickwork.store import workers
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.presence")

EVERY = 20 * SECOND


class Presence:
    """A loop that gives a sign of life every 20 seconds."""

    name = "presence"

    def __init__(self, store: Store, kind: Literal["daemon", "controller"]) -> None:
        self.store, self.kind = store, kind
        self._number: int | None = None

    def turn(self, now: Instant) -> Instant:
        """Register, or say that one is still there."""
        with self.store.begin("controller") as transaction:
            if self._number is None or not workers.see(transaction, self._number):
                self._number = workers.register(transaction, self.kind, socket.gethostname(), os.getpid())
        return now + EVERY

    def leave(self) -> None:
        """Sign off; without a database the row is forgotten in time."""
        number, self._number = self._number, None
        if number is None:
            return
        try:
            with self.store.begin("controller") as transaction:
                workers.remove(transaction, number)
        except StoreError as error:
            log.warning("the %s stops without signing off: %s", self.kind, error)
