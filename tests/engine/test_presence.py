"""A daemon's sign of life: registered once, renewed, registered anew when it was forgotten, removed at the end."""

from __future__ import annotations

from tickwork.engine.presence import EVERY, Presence
from tickwork.store import workers
from tickwork.watch import ManualWatch


def test_a_sign_of_life(store):
    store.watch = watch = ManualWatch(0)
    presence = Presence(store, "daemon")

    def seen():
        with store.read() as transaction:
            return [(row[0], row[1], row[7]) for row in transaction.all("list_workers")]

    assert presence.turn(watch.now()) == EVERY
    ((number, kind, at),) = seen()
    assert (kind, at) == ("daemon", 0)
    watch.wind(20)
    presence.turn(watch.now())
    assert seen() == [(number, "daemon", EVERY)]
    with store.begin("worker") as transaction:
        workers.remove(transaction, number)
    presence.turn(watch.now())
    ((again, _, _),) = seen()
    assert again > number  # an incarnation is never issued twice
    presence.leave()
    presence.leave()
    assert seen() == []
