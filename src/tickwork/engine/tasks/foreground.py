"""Runs given tasks here and now, whatever their time and place in the queue: for a person who wants to see it happen.

They are claimed under a lease as by any worker, which is renewed meanwhile, and settled as by any worker: whoever else
looks sees nothing unusual. A task that runs already, or is over, is left alone.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tickwork.engine.loop import Runner
from tickwork.engine.tasks.worker import Worker
from tickwork.model.lease import Tokens
from tickwork.store import claims
from tickwork.store.claims import Wish
from tickwork.watch import SECOND


def run_these(worker: Worker, ids: Sequence[int]) -> set[int]:
    """Claim these tasks, run them one after the other in this thread, settle them; return the ids that were claimed.

    *worker* is one without threads (``at_once``); it signs off afterwards.
    """
    number, watch, queue = worker.number(), worker.steady, worker.queue
    worker.watch.learn(queue.look(watch.now()).at, watch.now())
    token = Tokens().next(worker.watch.now())
    wish = Wish(token, number, queue.lease, len(ids), len(ids))
    with worker.store.begin("worker") as transaction:
        claimed = queue.fit(transaction, token, claims.take(transaction, wish, ids))
    beating = Runner(worker.heartbeat, watch)
    beating.start()
    pause = threading.Event()
    try:
        worker.pump.adopt(worker.pump.seats[queue.name], queue.units(claimed), watch.now())
        worker.pump.claiming = False
        while not worker.pump.idle:
            again_at = worker.pump.turn(watch.now())
            if again_at is not None and not worker.pump.idle:  # somebody holds one of them just now
                pause.wait((again_at - watch.now()) / SECOND)
    finally:
        beating.stop()
        beating.join()
        worker.stop(0)
    return {each.id for each in claimed}
