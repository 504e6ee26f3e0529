"""What a worker says of tasks: each start and end for whoever asked to see every decision, and old work for everybody."""

from __future__ import annotations

import logging
from collections.abc import Sequence

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
