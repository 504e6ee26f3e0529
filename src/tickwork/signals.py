"""What a handler may raise to say how its run ended. Signals are not errors.

They are raised and not returned, since the function three calls down may be the one that knows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class Signal(Exception):
    """The common base, so that ``except Exception`` in a handler can let them through by name."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (type(self), self.args, dict(self.__dict__))  # it may be raised in another process


def _revived(kind: type[Signal], arguments: tuple[Any, ...], fields: dict[str, Any]) -> Signal:
    signal = kind.__new__(kind)
    signal.args = arguments
    signal.__dict__.update(fields)
    return signal


class _Delayed(Signal):
    def __init__(self, delay: timedelta | float, reason: str = "") -> None:
        self.delay = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
        self.reason = reason
        super().__init__(reason or f"in {self.delay}")


class Snooze(_Delayed):
    """Not now: run me again after *delay* (seconds or timedelta, at least 5 s). Counts as no failure."""


class RetryAfter(_Delayed):
    """This attempt failed; try again after *delay* instead of the usual wait."""


class Backpressure(_Delayed):
    """This kind of work must rest: no worker runs any of it before *delay* is over. Counts as no failure.

    *kind* is what the handlers of that kind were registered with (``kind="smtp"``), else a handler's own name; None is the
    kind of the handler that raises it.
    """

    def __init__(self, kind: str | None, delay: timedelta | float, reason: str = "") -> None:
        self.kind = kind
        super().__init__(delay, reason)


class GiveUp(Signal):
    """Trying again is useless: archive the task as *gave up*, with this reason."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)


class Decline(Signal):
    """The work is no longer relevant: archive the task as *declined*, which is no failure."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)
