"""Being alone with a piece of work: one process of many holds it, and it is free the moment that process dies.

Nothing here makes anything correct; correctness comes from rows and transactions. It spares a small host two rounds
of work at once. The dialect knows the lock that the operating system or the server ends with its holder. Where there
is none (behind a transaction pooler a session is nobody's own) a lease stands in its place: it is renewed while it is
held, and somebody who was killed keeps it for its length.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tickwork.errors import StoreError
from tickwork.model.lease import LENGTH, RENEW_EVERY
from tickwork.store import leases, workers
from tickwork.store.store import Store
from tickwork.watch import SECOND


@contextmanager
def alone(store: Store, name: str) -> Iterator[bool]:
    """Hold *name* for the block; True if it is ours, False if somebody else holds it just now. Never waits."""
    lock = store.dialect.alone(name)
    with _by_lease(store, name) if lock is None else lock as ours:
        yield ours


def number_of(name: str) -> int:
    """Return the number of a name, the same on every host: below zero, where no token of a claim ever is.

    >>> number_of("tick default")
    -1859395355590978497
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return -(int.from_bytes(digest, "big") >> 1) - 1


@contextmanager
def _by_lease(store: Store, name: str) -> Iterator[bool]:
    token, over = number_of(name), threading.Event()
    with store.begin("worker") as transaction:
        leases.end_if_over(transaction, token)
        number = workers.register(transaction, "tick", socket.gethostname(), os.getpid())
        ours = leases.grant_unless_held(transaction, token, number, LENGTH)
    renewing = threading.Thread(target=_renew, args=(store, token, over), name="tickwork-alone", daemon=True)
    if ours:
        renewing.start()
    try:
        yield ours
    finally:
        over.set()
        with suppress(StoreError), store.begin("worker") as transaction:
            if ours:
                leases.drop(transaction, [token])
            workers.remove(transaction, number)


def _renew(store: Store, token: int, over: threading.Event) -> None:
    while not over.wait(RENEW_EVERY / SECOND):
        with suppress(StoreError), store.begin("worker") as transaction:
            leases.renew(transaction, [token])
