"""What Tickwork itself collects, and how long it keeps each: the archive, the ledger, trails, processes, orphans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tickwork.engine.generators.collection import Collector
from tickwork.engine.generators.work import Work
from tickwork.errors import ConfigurationError
from tickwork.store import collecting
from tickwork.store.dialect import Transaction
from tickwork.watch import DAY, Instant, to_duration

#: How long what is kept, in microseconds; a person may say otherwise, and None keeps it for ever.
KEPT: Mapping[str, int] = {
    "archive": 14 * DAY,
    "failed": 90 * DAY,
    "attempts": 90 * DAY,
    "ledger": 30 * DAY,
    "triggers": 30 * DAY,
    "versions": 30 * DAY,
    "workers": 1 * DAY,
    "requests": 1 * DAY,
    "generators": 1 * DAY,
}

Remove = Callable[[Transaction, Instant, int], int]

_REMOVERS: Mapping[str, tuple[str, Remove]] = {
    "archive": ("worker", lambda tx, before, n: collecting.archived(tx, collecting.ENDED, before, n)),
    "failed": ("worker", lambda tx, before, n: collecting.archived(tx, collecting.FAILED, before, n)),
    "attempts": ("worker", lambda tx, before, n: collecting.old(tx, "collect_attempts", before, n)),
    "ledger": ("daemon", lambda tx, before, n: collecting.old(tx, "collect_ledger", before, n)),
    "triggers": ("operator", collecting.cancelled_triggers),
    "versions": ("operator", lambda tx, before, n: collecting.old(tx, "collect_versions", before, n)),
    "workers": ("worker", lambda tx, before, n: collecting.old(tx, "collect_workers", before, n)),
    "requests": ("worker", lambda tx, before, n: collecting.old(tx, "collect_cancel_requests", before, n)),
    "generators": ("worker", lambda tx, before, n: collecting.old(tx, "collect_generator_keys", before, n)),
}


def collectors(kept: Mapping[str, timedelta | float | None] | None = None) -> list[Collector]:
    """Return the collectors that ship; *kept* says how long to keep what, in seconds or timedeltas (None: for ever).

    Raises ConfigurationError for something that nobody collects, and for a time of nothing or less: what is to be kept
    for no time at all is a mistake, and None, not 0, means for ever.

    >>> [each.name for each in collectors({"archive": timedelta(days=7), "ledger": None})][:3]
    ['archive', 'failed', 'attempts']
    >>> collectors({"archive": 0})
    Traceback (most recent call last):
    tickwork.errors.ConfigurationError: kept archive: 0 is not allowed; expected a duration, or None to keep it for ever
    """
    said: dict[str, Any] = dict(kept or {})
    for name, span in said.items():
        if name not in KEPT:
            raise ConfigurationError("kept", name, f"one of {', '.join(KEPT)}")
        if span is not None and to_duration(span, f"kept {name}") <= 0:
            raise ConfigurationError(f"kept {name}", span, "a duration, or None to keep it for ever")
    spans = {name: to_duration(said[name], name) if said.get(name) is not None else KEPT[name] for name in KEPT}
    found = [
        Collector(name, _collector(*_REMOVERS[name], span))
        for name, span in spans.items()
        if name not in said or said[name] is not None
    ]
    return [*found, Collector("handlers", _orphans)]


def _collector(role: str, remove: Remove, span: int) -> Callable[[Work, Instant, int], int]:
    def collect(work: Work, now: Instant, limit: int) -> int:
        with work.store.begin(role) as transaction:
            return remove(transaction, now - span, limit)

    return collect


def _orphans(work: Work, now: Instant, limit: int) -> int:
    with work.store.begin("worker") as transaction:
        return collecting.orphans(transaction, limit)
