"""How one run of a task ended, as one value, and what becomes of the task then.

====================  =====================================================  ==================  =========
the run               the task                                               counts as a run     archived
====================  =====================================================  ==================  =========
returned              done                                                   yes                 yes
raised                waits and runs again; *gave up* at the last attempt    yes                 at the last
``RetryAfter``        the same, with the handler's wait                      yes                 at the last
``Snooze``            runs again later (5 s at least)                        no                  no
``Backpressure``      put off, as all of its kind, to the end of the rest    no                  no
``GiveUp``            gave up                                                yes                 yes
``Decline``           declined                                               yes                 yes
(had expired)         expired, the handler is not called                     no                  yes
(never began)         released: waits as before                              no                  no
====================  =====================================================  ==================  =========

A task that somebody asked to cancel while it ran is archived as *cancelled* whatever its run did; the database
decides that when the outcome is settled.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tickwork.model.retry import SHORTEST_SNOOZE, Backoff
from tickwork.model.states import ARCHIVED
from tickwork.model.work import Claimed
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.watch import LAST_INSTANT, Instant, to_duration

MESSAGE_LIMIT, TRACEBACK_LIMIT = 2_000, 16_000


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it is kept: its type, message and traceback, cut to a sane size."""

    type: str
    message: str = ""
    traceback: str = ""
    note: str = ""

    @classmethod
    def of(cls, error: BaseException, note: str = "") -> Failure:
        r"""Describe an error; the end of a long traceback says more than its beginning.

        >>> Failure.of(ValueError("no"), note="wait hook: boom")
        Failure(type='ValueError', message='no', traceback='ValueError: no\n', note='wait hook: boom')
        """
        try:
            message = str(error)
        except Exception:  # an error whose __str__ fails is still an error
            message = "(the error has no readable message)"
        trace = "".join(traceback.format_exception(error))
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return cls(
            name, storable(message, MESSAGE_LIMIT), storable(trace, -TRACEBACK_LIMIT), storable(note, MESSAGE_LIMIT)
        )

    def encode(self) -> str:
        """Return the JSON that is stored."""
        return msgspec.json.encode(self).decode()


def storable(text: str, limit: int) -> str:
    r"""Cut *text* to its first (negative: its last) characters, and take out what no database stores.

    >>> storable("a\x00b", 10), storable("abcdef", 3), storable("abcdef", -3)
    ('a\ufffdb', 'ab…', '…ef')
    """
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if len(text) <= abs(limit):
        return text
    return text[: limit - 1] + "…" if limit > 0 else "…" + text[limit + 1 :]


class Outcome(NamedTuple):
    """What one claimed task is to become, ready to be settled."""

    id: int
    token: int
    outcome: str
    reason: str | None
    result: str | None
    error: str | None
    attempt: int
    """Runs begun, with this one only if it counts."""
    available_at: Instant | None
    started_at: Instant | None
    ended_at: Instant
    snoozed: int = 0
    follow_ups: tuple[dict[str, Any], ...] = ()
    """The columns of tasks that are put if this outcome is settled as done."""
    settled: bool = False
    """Its own transaction has settled it already: only its place in its batch is to be freed."""
    letters: bool = False
    """Settled so, and it was a member of a group, whose letter is to be opened."""
    limited: bool = False
    """It takes up places of limits."""

    @property
    def archived(self) -> bool:
        """Whether it is the task's last word (unless a cancel request says otherwise)."""
        return self.outcome in ARCHIVED


def done(claimed: Claimed, result: str | None, reason: str | None, started_at: Instant, ended_at: Instant) -> Outcome:
    """The handler returned."""
    words = (claimed[0], claimed[1], "done", reason, result, None, claimed[9], None, started_at, ended_at)
    return tuple.__new__(
        Outcome, (*words, 0, (), False, False, claimed.places is not None)
    )  # its class called by name costs twice as much


def expired(claimed: Claimed, now: Instant) -> Outcome:
    """It is past its time; the handler was not called."""
    return _ended(claimed, "expired", "it was past its time before it could run", claimed.attempt - 1, None, now)


def cancelled(claimed: Claimed, now: Instant) -> Outcome:
    """Somebody asked to cancel it before it began."""
    return _ended(claimed, "cancelled", None, claimed.attempt - 1, None, now)


def superseded(claimed: Claimed, now: Instant) -> Outcome:
    """A newer root task has been registered since it was put; the handler was not called."""
    return _ended(claimed, "declined", "superseded by a newer root task", claimed.attempt - 1, None, now)


def released(claimed: Claimed, now: Instant) -> Outcome:
    """It never began; it is given back as it was, uncounted."""
    return _again(claimed, "released", claimed.attempt - 1, claimed.available_at, None, now, None)


def put_off(claimed: Claimed, until: Instant, now: Instant, started_at: Instant | None = None) -> Outcome:
    """Its kind of work rests until then; it has not run, or what it did does not count."""
    return _again(claimed, "put off", claimed.attempt - 1, until, started_at, now, None)


def interrupted(claimed: Claimed, started_at: Instant | None, now: Instant) -> Outcome:
    """Its worker was told to stop at once: it runs again elsewhere, now; the run that was cut off counts."""
    failure = Failure("Interrupted", "the worker was told to stop at once").encode()
    if claimed.attempt >= claimed.attempts:
        return _ended(claimed, "lost", "its worker was told to stop at once", claimed.attempt, started_at, now, failure)
    return _again(claimed, "interrupted", claimed.attempt, now, started_at, now, failure)


def judged(
    claimed: Claimed, error: BaseException, wait: Callable[[int], int], started_at: Instant, now: Instant
) -> Outcome:
    """The handler raised; *wait* gives the pause after run number n (see :func:`wait_after`)."""
    if isinstance(error, Snooze):
        delay = max(SHORTEST_SNOOZE, to_duration(error.delay, "delay"))
        return _again(claimed, "snoozed", claimed.attempt - 1, now + delay, started_at, now, None)._replace(
            snoozed=1, reason=_reason(error.reason)
        )
    if isinstance(error, Decline):
        return _ended(claimed, "declined", _reason(error.reason), claimed.attempt, started_at, now)
    if isinstance(error, GiveUp):
        failure = Failure.of(error.__cause__ or error).encode()
        return _ended(claimed, "gave up", _reason(error.reason), claimed.attempt, started_at, now, failure)
    return _failed(claimed, error, wait, started_at, now)


def _failed(
    claimed: Claimed, error: BaseException, wait: Callable[[int], int], started_at: Instant, now: Instant
) -> Outcome:
    note, delay = "", 0
    if isinstance(error, RetryAfter):
        delay = max(0, to_duration(error.delay, "delay"))
    else:
        try:
            delay = wait(claimed.attempt)
        except _HookFailed as hook:
            note, delay = f"its back-off raised {hook}; the default wait was taken", hook.wait
    failure = Failure.of(error, note).encode()
    if claimed.attempt >= claimed.attempts:
        reason = f"its last attempt of {claimed.attempts} failed"
        return _ended(claimed, "gave up", reason, claimed.attempt, started_at, now, failure)
    return _again(claimed, "failed", claimed.attempt, now + delay, started_at, now, failure)


class _HookFailed(Exception):
    """A handler's own back-off raised; the wait that is taken instead."""

    def __init__(self, error: Exception, wait: int) -> None:
        self.wait = wait
        super().__init__(f"{type(error).__name__}: {error}")


def wait_after(
    error: BaseException,
    backoff: Backoff,
    hook: Callable[[int, BaseException], int] | None,
    chance: Callable[[], float],
) -> Callable[[int], int]:
    """Return the function that says how long to wait after run number n failed with *error*.

    A handler's own *hook* is asked first. One that raises never hangs a task: the default wait is taken, and the
    hook's error is noted beside the handler's.
    """

    def wait(attempt: int) -> int:
        if hook is None:
            return backoff.wait(attempt, chance())
        try:
            return hook(attempt, error)
        except Exception as broken:
            raise _HookFailed(broken, Backoff().wait(attempt, chance())) from broken

    return wait


def _ended(
    claimed: Claimed,
    outcome: str,
    reason: str | None,
    attempt: int,
    started_at: Instant | None,
    now: Instant,
    error: str | None = None,
) -> Outcome:
    return Outcome(
        claimed.id, claimed.token, outcome, reason, None, error, attempt, None, started_at, now,
        limited=claimed.places is not None,
    )  # fmt: skip


def _again(
    claimed: Claimed,
    outcome: str,
    attempt: int,
    available_at: Instant,
    started_at: Instant | None,
    now: Instant,
    error: str | None,
) -> Outcome:
    available_at = min(available_at, LAST_INSTANT)
    return Outcome(
        claimed.id, claimed.token, outcome, None, None, error, attempt, available_at, started_at, now,
        limited=claimed.places is not None,
    )  # fmt: skip


def _reason(text: object) -> str | None:
    return storable(str(text), MESSAGE_LIMIT) if text else None
