"""A lookout stands in for worker processes that have all gone because there was nothing to do.

It is registered as a worker with the handlers that they know, so nobody takes their tasks for work that no one can do,
and it gives signs of life. It hears wake-ups, and looks when it heard one, when the next task becomes ready, and every
few seconds where it hears none; a look writes nothing. It claims nothing and runs nothing of the user's; leases that
stand still are ended by it as by any worker. When its generators must be asked again somebody is needed, too.
"""

from __future__ import annotations

import logging
import os
import socket

from tickwork.engine.loop import Bell, Listener
from tickwork.engine.tasks.post import Post
from tickwork.engine.tasks.rescue import Rescue
from tickwork.errors import TickworkError
from tickwork.store import lookout, workers
from tickwork.store.open import open_store
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.supervisor")

#: Under this name it stands among the workers.
NAME = "lookout"
SIGN_EVERY = 20 * SECOND
#: How long it lets a database be that could not be asked.
TROUBLE_PAUSE = 5 * SECOND


class Lookout:
    """Looks out for the work of a pool that sleeps. Its turns are told the time of a steady clock."""

    def __init__(self, post: Post, store: Store | None = None) -> None:
        self.post = post
        self.store = open_store(post.address, schema=post.schema, pool_size=2) if store is None else store
        self.looks = 0
        self._rescue = Rescue(self.store)
        self._listener = Listener(self.store.dialect.ear)
        self._bell = _Heard()
        self._number: int | None = None
        self._since: Instant = 0
        self._began_at: Instant = 0
        self._due: dict[str, Instant] = {}

    def begin(self, now: Instant) -> None:
        """Stand in: register, and hear; from the next turn on nothing is missed. Raises StoreError."""
        self.store.check_schema()
        with self.store.begin("worker", reading=True) as transaction:
            self._since = lookout.look(transaction, self.post.subscription, (), 0, 0).at
        self._register()
        self._began_at, self._due = now, {"look": now, "sign": now + SIGN_EVERY, "rescue": now, "mend": now}
        self._listener.connect("", self._bell)
        self._listener.start()

    def turn(self, now: Instant) -> bool:
        """Do what is due; return whether somebody is needed. A database in trouble is left alone for a while."""
        if now - self._began_at >= self.post.absence:
            return True
        if now < self._due["mend"]:
            return False
        try:
            return self._turn(now)
        except TickworkError as error:
            log.warning("the lookout cannot look: %s", error)
            self._due["mend"] = now + TROUBLE_PAUSE
            return False

    def end(self) -> None:
        """Others are there again, or the pool ends: sign off; without a database the row is forgotten in time."""
        self._listener.stop()
        try:
            if self._number is not None:
                with self.store.begin("worker") as transaction:
                    workers.remove(transaction, self._number)
        except TickworkError as error:
            log.warning("the lookout ends without signing off: %s", error)
        self.store.close()

    def _turn(self, now: Instant) -> bool:
        if now >= self._due["sign"]:
            self._sign(now)
        if now >= self._due["rescue"]:
            self._due["rescue"] = self._rescue.turn(now)
        if not self._bell.rung and now < self._due["look"]:
            return False
        self._bell.rung = False
        self.looks += 1
        with self.store.begin("worker", reading=True) as transaction:
            known, number = tuple(self.post.handlers), self._number or 0
            found = lookout.look(transaction, self.post.subscription, known, self._since, number)
        again_at = now + self._listener.poll()
        self._due["look"] = again_at if found.next_at is None else min(again_at, now + found.next_at - found.at)
        return found.needed

    def _sign(self, now: Instant) -> None:
        with self.store.begin("worker") as transaction:
            alive = self._number is not None and workers.see(transaction, self._number)
        if not alive:
            self._register()
        self._due["sign"] = now + SIGN_EVERY

    def _register(self) -> None:
        with self.store.begin("worker") as transaction:
            served = self.post.subscription.told
            self._number = workers.register(transaction, "worker", socket.gethostname(), os.getpid(), NAME, served)
            workers.register_handlers(transaction, self._number, self.post.handlers)


class _Heard(Bell):
    """Remembers that it rang; nobody sleeps by it."""

    def __init__(self) -> None:
        super().__init__()
        self.rung = True

    def ring(self) -> None:
        self.rung = True
