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
    assert worker.run_due() == 1
    due_at = shop.watch.now() + 10 * SECOND
    turns = [worker.pump.turn(shop.watch.now()) for _ in range(2)]
    assert due_at in turns, turns
    shop.wind(10)
    worker.run_due()
    assert shop.archive.keys() == {first, second}
