"""What a worker says of tasks: each start and end for whoever asked to see every decision, and old work for everybody."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from tickwork.engine.tasks.handler import Handler
from tickwork.model.outcome import Outcome
from tickwork.model.work import Claimed
from tickwork.watch import DAY, SECOND, show_instant

log = logging.getLogger("tickwork.worker")

#: A task that was ready for so long before somebody ran it is worth a line: nobody worked, or far too few.
OLD_AFTER = 1 * DAY


def tell_claimed(claimed: Sequence[Claimed]) -> None:
    """Say what was claimed; and, as a warning, that some of it has waited for more than a day."""
    old = [each for each in claimed if each.claimed_at - each.available_at > OLD_AFTER]
    if old:
        oldest = min(old, key=lambda each: each.available_at)
        log.warning(
            "%d tasks begin more than a day after they were ready; the oldest is task %d (%s), ready at %s",
            len(old), oldest.id, oldest.handler, show_instant(oldest.available_at),
            extra={"task": oldest.id, "handler": oldest.handler},
        )  # fmt: skip
    if log.isEnabledFor(logging.DEBUG):
        for each in claimed:
            late = (each.claimed_at - each.available_at) / SECOND
            log.debug(
                "task %d (%s) is claimed, attempt %d, %.3f s after it was ready", each.id, each.handler, each.attempt, late,
                extra={"task": each.id, "handler": each.handler, "trigger": each.trigger_key, "seconds": round(late, 6)},
            )  # fmt: skip


def _unread(claimed: Claimed, handler: Handler) -> str:
    """Say of a task that its payload is of a version that a handler cannot read."""
    reads = f"version {handler.version}" if handler.oldest == handler.version else f"up to version {handler.version}"
    return (
        f"task {claimed.id} ({claimed.handler}) has a payload of version {claimed.payload_version}, "
        f"and its handler here reads {reads}"
    )


def tell_laid_aside(aside: Sequence[Claimed], registry: Mapping[str, Handler]) -> None:
    """Say what is kept as unhandled, one line for each handler and version: there may be very many of them."""
    kind = attrgetter("handler", "payload_version")
    for (name, _), several in groupby(sorted(aside, key=kind), key=kind):
        first, *others = several
        handler = registry.get(name)
        why = (
            f"task {first.id} ({name}) has a handler that no worker knows"
            if handler is None
            else _unread(first, handler)
        )
        more = f", and {len(others)} more like it" if others else ""
        log.warning(
            "%s: kept as unhandled%s, until a program that can run it comes", why, more,
            extra={"task": first.id, "handler": name},
        )  # fmt: skip


def tell_settled(batch: Sequence[Outcome]) -> None:
    """Say how runs ended, once that stands in the database."""
    if log.isEnabledFor(logging.DEBUG):
        for outcome in batch:
            again = "" if outcome.available_at is None else f"; again at {show_instant(outcome.available_at)}"
            why = f" ({outcome.reason})" if outcome.reason else ""
            log.debug(
                "task %d is %s%s%s", outcome.id, outcome.outcome, why, again,
                extra={"task": outcome.id, "outcome": outcome.outcome, "reason": outcome.reason,
                       "next_at": outcome.available_at},
            )  # fmt: skip
