"""A clock whose occurrences are put off a little, each by its own amount, always the same one.

A thousand triggers with ``0 9 * * *`` all fire at 09:00:00; with jitter they spread over the minutes after it. The
amount comes from a hash of the seed and the occurrence, so a preview shows what will happen, and every process agrees.
An occurrence is never put off beyond the one that follows it, so order and number stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.combined import read_clock, stored_clock
from tickwork.clocks.describe import say_span
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import LAST_INSTANT, Instant, from_duration, to_duration


@dataclass(frozen=True, init=False)
class Jittered(Clock):
    """Fires up to *up_to* (a timedelta or seconds) after each occurrence of *clock*.

    *seed* makes one trigger's delays differ from another's; where it is left out it becomes the trigger's key when the
    trigger is put. An occurrence before the trigger was made is past, also where it would be put off until after. Raises
    InvalidClock for an *up_to* that is not above zero.
    """

    clock: Clock
    up_to: int
    seed: str | None
    kind: ClassVar[str] = "jittered"

    def __init__(self, clock: Clock, up_to: timedelta | float, seed: str | None = None) -> None:
        if not isinstance(clock, Clock):
            raise InvalidClock("clock", clock, "a clock")
        span = to_duration(up_to, "up_to")
        if span < 1:
            raise InvalidClock("up_to", up_to, "a timedelta or seconds, above zero")
        if seed is not None and not isinstance(seed, str):
            raise InvalidClock("seed", seed, "text")
        object.__setattr__(self, "clock", clock)
        object.__setattr__(self, "up_to", span)
        object.__setattr__(self, "seed", seed)

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        if after is not None:
            return self.following(after, since)
        first = self.clock.next_at(None, since)
        return None if first is None else self._put_off(first, since)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        before = self.clock.prev_at(at + 1, since)
        if before is not None:
            late = self._put_off(before, since)
            if late > at:
                return late
        found = self.clock.following(at, since)
        return None if found is None else self._put_off(found, since)

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        found = self.clock.prev_at(before, since)
        if found is None:
            return None
        late = self._put_off(found, since)
        if late < before:
            return late
        earlier = self.clock.prev_at(found, since)  # it is put off by less than to its successor
        return None if earlier is None else self._put_off(earlier, since)

    def _put_off(self, at: Instant, since: Instant) -> Instant:
        following = self.clock.following(at, since)
        room = min(self.up_to, (LAST_INSTANT + 1 if following is None else following) - at)
        number = int.from_bytes(blake2b(f"{self.seed or ''}\0{at}".encode(), digest_size=8).digest(), "big")
        return at + number % room

    def resolve(self, key: str, at: Instant) -> Clock:
        seed = key if self.seed is None else self.seed
        return Jittered(self.clock.resolve(key, at), from_duration(self.up_to), seed)

    def params(self) -> Mapping[str, Any]:
        return {"clock": stored_clock(self.clock), "up_to": self.up_to, "seed": self.seed}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = read_clock("clock", stored.value("clock", "a clock"))
        up_to = stored.whole("up_to", "whole microseconds, 1 or more")
        seed = stored.value("seed", default=None)
        stored.done()
        if not 1 <= up_to <= 10**17:
            raise InvalidClock("up_to", up_to, "whole microseconds, 1 or more")
        return cls(clock, from_duration(up_to), seed)

    def describe(self) -> str:
        return f"{self.clock.describe()}, put off by up to {say_span(self.up_to)}"
