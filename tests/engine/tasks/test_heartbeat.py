"""When a heartbeat looks, beats and rests."""

from __future__ import annotations

import threading

from tests.engine.tasks.test_rescue import Dead
from tests.support.shop import Shop
from tickwork.engine.loop import Bell
from tickwork.engine.worker.heartbeat import IDLE_EVERY, LOOK_EVERY
from tickwork.model.lease import RENEW_EVERY
from tickwork.watch import SECOND


def renewals(shop: Shop) -> list[int]:
    """How often each lease was renewed."""
    return [number for _, _, number, _ in shop.leases]


def test_it_rests_while_nothing_is_in_hand_and_what_begins_rouses_it(shop: Shop) -> None:
    worker, bell = shop.worker({"note": lambda: None}), Bell()
    worker.pump.hands.executors = (Dead(), Dead())
    worker.heartbeat.rest_until(bell)
    began = shop.watch.now()
    assert worker.heartbeat.turn(began) == began + IDLE_EVERY
    worker.pump.turn(shop.watch.now())
    assert not bell.wait(0), "nothing was there to begin"
    shop.put("note")
    shop.wind(12)
    worker.pump.plan.ask_all()
    worker.pump.turn(shop.watch.now())
    assert bell.wait(0)
    assert renewals(shop) == [0]
    now = shop.watch.now()
    assert worker.heartbeat.turn(now) == now + LOOK_EVERY, "what has begun just now is looked after in a second"
    assert renewals(shop) == [0]
    shop.wind(1)
    now = shop.watch.now()
    assert worker.heartbeat.turn(now) == now + LOOK_EVERY
    assert renewals(shop) == [1], "the last beat lies more than ten seconds back"
    shop.put("note")
    worker.pump.plan.ask_all()
    worker.pump.turn(shop.watch.now())
    assert not bell.wait(0), "it is awake"


def test_it_rests_again_when_all_has_ended(shop: Shop) -> None:
    worker, bell, dead = shop.worker({"note": lambda: None}), Bell(), Dead()
    worker.pump.hands.executors = (dead, dead)
    worker.heartbeat.rest_until(bell)
    shop.put("note")
    worker.pump.turn(shop.watch.now())
    began = shop.watch.now()
    assert worker.heartbeat.turn(began) == began + LOOK_EVERY
    shop.wind(2)
    worker.runs.run(dead.jobs[0])
    worker.run_due()
    assert worker.heartbeat.turn(shop.watch.now()) == began + IDLE_EVERY


def test_without_somebody_who_wakes_it_it_looks_each_second(shop: Shop) -> None:
    worker = shop.worker({})
    began = shop.watch.now()
    assert worker.heartbeat.turn(began) == began + min(LOOK_EVERY, RENEW_EVERY) == began + SECOND


def test_what_is_settled_while_it_beats_is_not_taken_for_lost(shop: Shop, caplog) -> None:
    """Settled, committed, and not yet out of the worker's hands: its lease is gone, and nobody has lost it."""
    worker = shop.worker({"note": lambda: None})
    shop.put("note")
    settled = worker.pump._settled

    def beaten(*given) -> None:
        beat = threading.Thread(target=worker.heartbeat.turn, args=(shop.watch.now(),))
        beat.start()
        beat.join(0.5)  # as long as it takes, or for ever: it waits for us
        beats.append(beat)
        settled(*given)

    beats: list[threading.Thread] = []
    worker.pump._settled = beaten
    worker.pump.turn(shop.watch.now())
    worker.pump.settle_all(shop.watch.now())
    (beat,) = beats
    beat.join(60)
    assert "was lost" not in caplog.text
    assert worker.pump.empty and not shop.leases
