"""An opportunity: a bounded slice of work after a request, now and then, for hosts that have nothing else.

It never raises into the caller, never waits for another slice, and when nothing is due it costs one look that writes
nothing. How late things are is up to the visitors: without requests nothing happens.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from tickwork.api.ticking import Tick
from tickwork.errors import InvalidInput
from tickwork.store import claims, events
from tickwork.store.claims import Subscription

if TYPE_CHECKING:
    from tickwork.api.working import Working

log = logging.getLogger("tickwork.opportunity")

#: How long a slice waits for a handler that outlives it before its task is given back, in seconds.
GRACE_SECONDS = 5.0


def take(
    app: Working, probability: float, seconds: float, limit: int, chance: Callable[[], float] = random.random
) -> Tick | None:
    """Take one slice with a probability; None where there was none, or it failed, which is logged."""
    if not isinstance(probability, (int, float)) or not 0 <= probability <= 1:
        raise InvalidInput("probability", probability, "a number from 0 (never) to 1 (each time)")
    if chance() >= probability:
        return None
    try:
        if not anything(app):
            return None
        return app.tick(within=seconds, limit=limit, concurrency=1, grace=GRACE_SECONDS)
    except Exception:
        log.warning("a slice of work after a request failed; the request is not affected", exc_info=True)
        return None


def anything(app: Working) -> bool:
    """Look, without writing, whether a trigger changed or is due or a task is ready; jobs come along with these."""
    with app.store.read() as transaction:
        outlook = events.look(transaction, 0)
        tasks = claims.look(transaction, Subscription((app.namespace,)))
    return bool(outlook.due or outlook.newest_letter or tasks.anything or tasks.letters)
