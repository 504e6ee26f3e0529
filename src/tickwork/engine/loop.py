"""A loop is a turn; threads, sleeping, bells, stopping and the containment of errors stand here, once.

A loop has a ``name`` and ``turn(now)``: it does one bounded piece of work and says when it wants to be called again,
on the same watch (``None``: at the next bell, or at the next poll). It never sleeps and never asks the time, so tests
wind a watch and call the turn. A bell is a hint that saves waiting; a poll always stands behind it, and one that
rings during a turn makes the next wait return at once.

An error in a turn is logged and waited out, one second doubling to thirty; the loop lives on. A database that is
down is such an error: everything waits and reconnects.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from tickwork.errors import ReadOnlyStore, StoreUnavailable, TickworkError
from tickwork.store.ear import Ear, Halt
from tickwork.watch import SECOND, Instant, Watch, show_instant

log = logging.getLogger("tickwork.loop")

#: Two times that a loop sleeps until are the same to a reader of its log when they lie so near, in microseconds.
SAME = SECOND // 10
#: How often a loop looks when nobody can ring its bell, and when a listener hears for it.
POLL_DEAF, POLL_HEARING = 1 * SECOND, 10 * SECOND
#: And how often where a watchman looks for it: see :mod:`tickwork.engine.watchman`.
POLL_ATTENDED = 300 * SECOND
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0


class Loop(Protocol):
    """What a runner runs."""

    name: str

    def turn(self, now: Instant) -> Instant | None: ...


class Bell:
    """Rings a sleeping loop; one that rings while nobody sleeps is remembered."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, at most *seconds*; return whether it rang, and forget it."""
        rang = self._rung.wait(max(0.0, seconds))
        self._rung.clear()
        return rang


class Diary:
    """Says until when a loop sleeps and what woke it.

    A sleep until the same time as the one before is a nap: somebody rang and there was nothing new, or it was time to
    look. Naps are told to ``tickwork.nap``, which only somebody who asks for everything reads.
    """

    def __init__(self, name: str, watch: Watch) -> None:
        self.name, self.watch = name, watch
        self._log, self._naps = log.getChild(name), logging.getLogger(f"tickwork.nap.{name}")
        self._voice = self._naps
        self._until: Instant | None = -SAME
        self._asleep = False

    def sleeps(self, until: Instant | None, poll: int) -> None:
        """The loop sleeps *until* then, on its own watch (None: until it is rung), and looks every *poll*."""
        if not self._log.isEnabledFor(logging.DEBUG):
            return
        same = until == self._until or (
            until is not None and self._until is not None and abs(until - self._until) < SAME
        )
        self._voice, self._until, self._asleep = self._naps if same else self._log, until, True
        if until is None:
            self._voice.debug("%s sleeps until it is rung, and looks every %g s", self.name, poll / SECOND)
        else:
            at = time.time_ns() // 1000 + max(0, until - self.watch.now())
            self._voice.debug("%s sleeps until %s", self.name, show_instant(at), extra={"until_at": at})

    def woken(self, *, rang: bool) -> None:
        """It is awake: somebody *rang*, or its time has come (or that of a look, which is a nap's end)."""
        if not self._asleep:
            return
        on_time = not rang and self._until is not None and self._until <= self.watch.now()
        voice = self._log if on_time else self._voice
        voice.debug("%s is woken by %s", self.name, "the bell" if rang else "the time")
        self._asleep = False


class Runner:
    """Runs one loop in a thread of its own until it is stopped."""

    def __init__(self, loop: Loop, watch: Watch, poll: Callable[[], int] = lambda: POLL_DEAF) -> None:
        self.loop, self.watch, self.poll = loop, watch, poll
        self.bell = Bell()
        self._log, self._diary = log.getChild(loop.name), Diary(loop.name, watch)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=f"tickwork-{loop.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the loop to end after its turn."""
        self._stopping.set()
        self.bell.ring()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the loop has ended; return whether it has."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def run(self) -> None:
        """Take turns until stopped."""
        trouble = 0
        while not self._stopping.is_set():
            try:
                again_at = self.loop.turn(self.watch.now())
            except Exception as error:
                trouble += 1
                seconds = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (trouble - 1))
                self._tell(error, seconds)
                self._stopping.wait(seconds)
                continue
            trouble = 0
            if not self._stopping.is_set():
                self._sleep(again_at)

    def _sleep(self, again_at: Instant | None) -> None:
        poll = self.poll()
        pause = poll if again_at is None else min(poll, again_at - self.watch.now())
        if pause > 0:
            self._diary.sleeps(again_at, poll)
        rang = self.bell.wait(pause / SECOND)
        if not self._stopping.is_set():
            self._diary.woken(rang=rang)

    def _tell(self, error: Exception, seconds: float) -> None:
        if isinstance(error, StoreUnavailable | ReadOnlyStore):
            why = "unavailable" if isinstance(error, StoreUnavailable) else "read-only"
            self._log.warning("%s: %s: %s; trying again in %g s", self.loop.name, why, error, seconds)
        elif isinstance(error, TickworkError):
            self._log.error("%s: %s; trying again in %g s", self.loop.name, error, seconds)
        else:
            self._log.error("%s: an error in a turn; trying again in %g s", self.loop.name, seconds, exc_info=error)


class Listener:
    """Hears the wake-ups of other processes and rings every bell that asked for them."""

    def __init__(self, ear: Callable[[], Ear]) -> None:
        self._ear = ear
        self._hearing = False
        self._watchman: Bell | None = None
        self._bells: list[tuple[str, Bell]] = []
        self._told: list[tuple[str, Callable[[str], None]]] = []
        self._halt = Halt()
        self._thread = threading.Thread(target=self.run, name="tickwork-listener", daemon=True)

    def connect(self, hint: str, bell: Bell) -> None:
        """Ring *bell* at every *hint* (``trigger`` or ``task``), and at hints that do not say."""
        self._bells.append((hint, bell))

    def tell(self, hint: str, heard: Callable[[str], None]) -> None:
        """Hand every *hint* with what it names (``job:7:3``) to *heard*, before the bells ring; so those that do not say."""
        self._told.append((hint, heard))

    def attend(self, bell: Bell) -> None:
        """Let a watchman look for everybody: it is rung at hints that do not say, and the others poll seldom."""
        self._watchman = bell

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._halt.ask()

    def poll(self) -> int:
        """How often a loop should look by itself: seldom while wake-ups are heard, next to never beside a watchman."""
        return self.hearing_poll if self._watchman is None else POLL_ATTENDED

    @property
    def attended(self) -> bool:
        """Whether a watchman looks for everybody."""
        return self._watchman is not None

    @property
    def hearing(self) -> bool:
        """Whether wake-ups of other processes are heard just now."""
        return self._hearing

    @property
    def hearing_poll(self) -> int:
        """How often somebody must look who looks for all."""
        return POLL_HEARING if self._hearing else POLL_DEAF

    def heard(self, hint: str) -> None:
        """Take in a wake-up."""
        self._hearing = True
        if hint or self._watchman is None:
            self.say(hint)
        else:
            self._watchman.ring()

    def say(self, hint: str) -> None:
        """Ring everybody whom a hint concerns."""
        for wanted, told in self._told:
            if not hint or hint.startswith(wanted):
                told(hint)
        for wanted, bell in self._bells:
            if not hint or hint.startswith(wanted):
                bell.ring()

    def run(self) -> None:
        with self._halt as halt:
            while not halt.asked:
                began = time.monotonic()
                try:
                    self._ear().listen(self.heard, halt)
                except Exception as error:
                    log.warning("wake-ups are not heard just now (%s); polling goes on", error)
                self._hearing = False
                if time.monotonic() - began < FIRST_WAIT_SECONDS:
                    halt.pause(FIRST_WAIT_SECONDS)


def stop_all(runners: Sequence[Runner], seconds: float) -> bool:
    """Stop several loops together; return whether all of them ended within *seconds*."""
    for runner in runners:
        runner.stop()
    deadline = time.monotonic() + seconds
    ended = [runner.join(max(0.0, deadline - time.monotonic())) for runner in runners]
    return all(ended)
