"""A worker wakes by itself when the next delayed task is due, with nobody to ring."""

from __future__ import annotations

from tickwork.watch import SECOND


def test_a_delayed_task_behind_another_of_its_range_is_not_left_to_the_poll(shop):
    """The look before the first is due sees the first only: after it has run the worker must look again."""
    done = []
    first, second = shop.put("note", delay=10), shop.put("note", delay=20)
    worker = shop.worker({"note": lambda: done.append(1)})
    worker.run_due()
    shop.wind(10)
    now = again_at = shop.watch.now()
    while again_at is not None and again_at <= now:  # as the runner does: at once, or else it sleeps
        again_at = worker.pump.turn(now)
    assert len(done) == 1
    assert again_at == now + 10 * SECOND
    shop.wind(10)
    worker.run_due()
    assert shop.archive.keys() == {first, second}
