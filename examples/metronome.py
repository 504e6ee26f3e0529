"""A metronome: a trigger that beats every 33 seconds and logs a line; the oldest test of a trigger daemon there is.

Nothing sleeps here: the watch is wound by hand, three minutes in no time. The daemon then stays away for an hour, and
on its return every beat that was missed is made up for, a hundred in one pass at most. With a database of your own and
without ``TimeTravel`` the same two lines beat for real: put the trigger, then ``tickwork run -v``.

    $ python examples/metronome.py
    put metronome: every 33 seconds
    tick (trigger metronome, this 2026-01-01T10:00:33.000000Z, last none)
    tick (trigger metronome, this 2026-01-01T10:01:06.000000Z, last 2026-01-01T10:00:33.000000Z)
    tick (trigger metronome, this 2026-01-01T10:01:39.000000Z, last 2026-01-01T10:01:06.000000Z)
    tick (trigger metronome, this 2026-01-01T10:02:12.000000Z, last 2026-01-01T10:01:39.000000Z)
    tick (trigger metronome, this 2026-01-01T10:02:45.000000Z, last 2026-01-01T10:02:12.000000Z)
    away for an hour, and back: 114 beats stand in the ledger, all fired
    cancelled: 114 an hour later
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timedelta, timezone

from tickwork import Log, Tickwork, clocks
from tickwork.testing import TimeTravel


def main() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    logging.getLogger("tickwork.action").setLevel(logging.INFO)
    with Tickwork("sqlite://") as app:
        app.migrate()
        travel = TimeTravel(app, at=datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
        put = app.trigger("metronome", clocks.Every(33), Log("tick"))
        print(f"put {put.key}: every 33 seconds")
        travel.by(timedelta(minutes=3))

        logging.getLogger("tickwork.action").setLevel(logging.WARNING)  # an hour of beats is told by numbers
        travel.watch.wind(timedelta(hours=1))
        travel.run_due()
        ledger = app.triggers.ledger("metronome", limit=1_000)
        print(f"away for an hour, and back: {len(ledger)} beats stand in the ledger, all {ledger[0].outcome}")

        app.triggers.cancel("metronome")
        travel.by(timedelta(hours=1))
        print(f"cancelled: {len(app.triggers.ledger('metronome', limit=1_000))} an hour later")


if __name__ == "__main__":
    main()
