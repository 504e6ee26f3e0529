"""The watchman: one look for all the loops of a process, so that an idle process asks its database next to nothing.

A loop is rung by whoever wrote something for it, and a poll stands behind every bell. Were each loop to poll by itself, an
idle process with a daemon, a worker, jobs and generators would ask two or three questions a second. The watchman asks one
statement every ten seconds (every second while nobody hears wake-ups) and rings those loops that have something to do, or
whose next moment has changed since its last look. Where a wake-up does not say what it is about (a commit on SQLite), the
watchman is rung in everybody's place.

It decides nothing: who is rung looks for itself. What it tells is a hint, so it needs no place in any argument about
what is lost or done twice; the loops' own polls, every five minutes, stand behind it.
"""

from __future__ import annotations

from typing import Protocol

from tickwork.engine.loop import Listener
from tickwork.store.claims import Subscription
from tickwork.store.store import Store
from tickwork.store.survey import Survey, survey
from tickwork.watch import LAST_INSTANT, Instant


class Mark(Protocol):
    """Below it nothing is due: the mark of a daemon, :mod:`tickwork.engine.triggers.mark`."""

    def start(self) -> Instant: ...


class Watchman:
    """A loop that looks for the others; *mark* is that of the daemon beside it, if there is one."""

    name = "watchman"

    def __init__(self, store: Store, listener: Listener, subscription: Subscription, mark: Mark | None = None) -> None:
        self.store, self.listener, self.subscription, self.mark = store, listener, subscription, mark
        self.last: Survey | None = None

    def turn(self, now: Instant) -> Instant:
        """Look, and ring whom it concerns."""
        with self.store.begin("worker", reading=True) as transaction:
            seen = survey(transaction, self.subscription, LAST_INSTANT if self.mark is None else self.mark.start())
        before, self.last = self.last, seen
        for hint in seen.news(before):
            self.listener.say(hint)
        return now + self.listener.hearing_poll
