"""What becomes of a job's run that failed: how often it is tried again before the clock takes over, and after which wait.

The index counts from 0 within one cycle: a cycle ends when the job completes, is given up (*fatal*) or is stopped, so a
job that fails at every fire begins each time with the first wait. Pure: the chance is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

from tickwork.errors import InvalidInput
from tickwork.watch import SECOND, to_duration

Strategy = Literal["none", "bounded", "unless_stopped"]
Backoff = Literal["fixed", "exponential", "exponential_with_jitter"]
STRATEGIES = ("none", "bounded", "unless_stopped")
BACKOFFS = ("fixed", "exponential", "exponential_with_jitter")
#: Beyond so many doublings every wait has reached its cap, or is longer than anybody waits.
STEEPEST = 63
#: A wait without a cap ends here: ten thousand years do not fit behind an instant of the year 2026.
LONGEST = 100 * 366 * 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class JobRetry:
    """How a job retries: *none* (the first failure is final), *bounded* (``max_attempts`` retries), *unless_stopped*.

    *base* and *cap* are microseconds; the wait is *base* (fixed), or grows by *multiplier* up to *cap*.

    >>> [JobRetry().wait(attempt) // SECOND for attempt in range(6)]
    [1, 2, 4, 8, 16, 32]
    >>> JobRetry("bounded")
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: max_attempts: None is not allowed; expected a whole number, 1 or more, with 'bounded'
    """

    strategy: Strategy = "unless_stopped"
    max_attempts: int | None = None
    backoff: Backoff = "exponential"
    base: int = SECOND
    multiplier: float = 2.0
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InvalidInput("strategy", self.strategy, ", ".join(STRATEGIES))
        if self.backoff not in BACKOFFS:
            raise InvalidInput("backoff", self.backoff, ", ".join(BACKOFFS))
        if self.strategy == "bounded":
            if not _whole(self.max_attempts) or cast(int, self.max_attempts) < 1:
                raise InvalidInput("max_attempts", self.max_attempts, "a whole number, 1 or more, with 'bounded'")
        elif self.max_attempts is not None:
            raise InvalidInput(
                "max_attempts", self.max_attempts, f"nothing: it goes with 'bounded', not {self.strategy!r}"
            )
        if not _whole(self.base) or not 1 <= self.base <= LONGEST:
            raise InvalidInput("base", self.base, "a duration of a microsecond to a hundred years")
        number = self.multiplier
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number) or number <= 0:
            raise InvalidInput("multiplier", number, "a finite number above 0")
        if self.cap is not None and (not _whole(self.cap) or self.cap < self.base):
            raise InvalidInput("cap", self.cap, "a duration, at least the base")

    def wait(self, attempt: int, chance: float = 0.0) -> int:
        """Return the wait before the retry after failure number *attempt*, from 0; *chance* lies in [0, 1).

        With ``exponential_with_jitter`` a uniform share of the wait is added to it.

        >>> JobRetry(cap=3600 * SECOND).wait(10_000) // SECOND
        3600
        >>> JobRetry(backoff="exponential_with_jitter", base=8 * SECOND).wait(0, chance=0.5) // SECOND
        12
        """
        plain = self.pure_wait(attempt)
        return plain + int(plain * chance) if self.backoff == "exponential_with_jitter" else plain

    def pure_wait(self, attempt: int) -> int:
        """Return the wait without its jitter."""
        if self.backoff == "fixed":
            return self.base
        try:
            grown = self.base * float(self.multiplier) ** min(attempt, STEEPEST)
        except OverflowError:
            grown = math.inf
        return round(max(1.0, min(grown, float(LONGEST if self.cap is None else self.cap))))

    def exhausted(self, attempt: int) -> bool:
        """Say whether failure number *attempt*, from 0, is final.

        >>> JobRetry("bounded", max_attempts=3).exhausted(2), JobRetry("bounded", max_attempts=3).exhausted(3)
        (False, True)
        """
        if self.strategy == "none":
            return True
        return self.strategy == "bounded" and attempt >= cast(int, self.max_attempts)

    def plain(self) -> dict[str, Any]:
        """Return what differs from the default, as JSON."""
        default = JobRetry()
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != getattr(default, each.name)
        }


def read_retry(given: Mapping[str, Any]) -> JobRetry:
    """Read our own form: strategy, max_attempts, backoff, base and cap (durations in microseconds), multiplier."""
    _known(given, "retry", {each.name for each in fields(JobRetry)})
    return JobRetry(**given)


def read_foreign_retry(given: Mapping[str, Any]) -> JobRetry:
    """Read the foreign form: ``{"strategy": ..., "max_attempts": ..., "backoff": {"kind": ..., "base_delay_secs": ...}}``.

    >>> read_foreign_retry(
    ...     {"strategy": "bounded", "max_attempts": 3, "backoff": {"kind": "fixed", "base_delay_secs": 5}}
    ... )
    JobRetry(strategy='bounded', max_attempts=3, backoff='fixed', base=5000000, multiplier=2.0, cap=None)
    """
    _known(given, "retry_strategy", {"strategy", "max_attempts", "backoff"})
    backoff = given.get("backoff", {})
    _known(backoff, "backoff", {"kind", "base_delay_secs", "multiplier", "max_delay_secs"})
    base, most = backoff.get("base_delay_secs", 1), backoff.get("max_delay_secs")
    if not _whole(base) or base < 1:
        raise InvalidInput("base_delay_secs", base, "whole seconds, 1 or more")
    if most is not None and (not _whole(most) or most < base):
        raise InvalidInput("max_delay_secs", most, f"whole seconds, at least base_delay_secs ({base})")
    return JobRetry(
        given.get("strategy", "unless_stopped"),
        given.get("max_attempts"),
        backoff.get("kind", "exponential"),
        base * SECOND,
        backoff.get("multiplier", 2.0),
        None if most is None else most * SECOND,
    )


def spoken_retry(given: Mapping[str, Any], duration: Any = to_duration) -> JobRetry:
    """Read what people write: *base* and *cap* as durations that *duration* reads (timedelta or seconds by default)."""
    _known(given, "retry", {each.name for each in fields(JobRetry)})
    read = {name: duration(given[name], name) for name in ("base", "cap") if given.get(name) is not None}
    return JobRetry(**{**given, **read})


def _known(given: Any, field: str, keys: set[str]) -> None:
    if not isinstance(given, Mapping):
        raise InvalidInput(field, given, "an object")
    for key in given:
        if key not in keys:
            raise InvalidInput(f"{field}.{key}", given[key], f"no such key: {field} has {', '.join(sorted(keys))}")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
