"""What Tickwork itself collects, and how long it keeps each: the archive, the ledger, trails, processes, orphans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tickwork.engine.generators.collection import Collector
from tickwork.engine.generators.work import Work
from tickwork.errors import ConfigurationError
from tickwork.model.retention import Rule
from tickwork.store import collecting, retention, statistics
from tickwork.store.dialect import Transaction
from tickwork.store.store import Store
from tickwork.watch import DAY, MINUTE, Instant, to_duration

#: How long what is kept, in microseconds; a person may say otherwise, and None keeps it for ever. Finished triggers are
#: kept unless somebody says so: a put of a key that is gone is a new trigger, and fires a time that has fired already.
KEPT: Mapping[str, int | None] = {
    "archive": 14 * DAY,
    "failed": 90 * DAY,
    "attempts": 90 * DAY,
    "ledger": 30 * DAY,
    "triggers": 30 * DAY,
    "finished": None,
    "versions": 30 * DAY,
    "workers": 1 * DAY,
    "requests": 1 * DAY,
    "generators": 1 * DAY,
    "reservations": 1 * DAY,
    "roots": 28 * DAY,
    "bulks": 30 * DAY,
    "statistics": 90 * DAY,
}

Remove = Callable[[Transaction, Instant, int], int]

_REMOVERS: Mapping[str, tuple[str, Remove]] = {
    "archive": ("worker", lambda tx, before, n: collecting.archived(tx, collecting.ENDED, before, n)),
    "failed": ("worker", lambda tx, before, n: collecting.archived(tx, collecting.FAILED, before, n)),
    "attempts": ("worker", lambda tx, before, n: collecting.old(tx, "collect_attempts", before, n)),
    "ledger": ("daemon", lambda tx, before, n: collecting.old(tx, "collect_ledger", before, n)),
    "triggers": ("operator", collecting.cancelled_triggers),
    "finished": ("operator", collecting.finished_triggers),
    "versions": ("operator", lambda tx, before, n: collecting.old(tx, "collect_versions", before, n)),
    "workers": ("worker", lambda tx, before, n: collecting.old(tx, "collect_workers", before, n)),
    "requests": ("worker", lambda tx, before, n: collecting.old(tx, "collect_cancel_requests", before, n)),
    "generators": ("worker", lambda tx, before, n: collecting.old(tx, "collect_generator_keys", before, n)),
    "reservations": ("worker", lambda tx, before, n: collecting.old(tx, "collect_reservations", before, n)),
    "roots": ("worker", lambda tx, before, n: collecting.old(tx, "collect_roots", before, n)),
    "bulks": ("worker", lambda tx, before, n: collecting.old(tx, "collect_bulks", before, n)),
    "statistics": ("worker", lambda tx, before, n: tx.run("collect_statistics", width=statistics.WIDE, before=before)),
}
#: The archive's outcomes by the name under which they are kept; a rule may name one of them, too.
OUTCOMES: Mapping[str, tuple[str, ...]] = {"archive": collecting.ENDED, "failed": collecting.FAILED}


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
        Collector(name, _collector(name, span))
        for name, span in spans.items()
        if name not in said or said[name] is not None
    ]
    rolling = Collector("figures", _figures, interval=MINUTE, longest=10 * MINUTE, wanted=statistics.anything_since)
    return [*found, Collector("handlers", _orphans), rolling]


def sweep(store: Store, name: str, span: int | None, now: Instant, limit: int) -> int:
    """Remove up to *limit* of what is past its time: what a person has said (rules in rows) goes before *span*."""
    role, remove = _REMOVERS[name]
    with store.begin(role) as transaction:
        rules = retention.rules(transaction)
        usual = rules.get(name, Rule(span))
        if name in OUTCOMES:
            return _archived(transaction, OUTCOMES[name], usual, rules, now, limit)
        return 0 if usual.keep_for is None else remove(transaction, now - usual.keep_for, limit)


def _archived(
    transaction: Transaction, outcomes: Sequence[str], usual: Rule, rules: Mapping[str, Rule], now: Instant, limit: int
) -> int:
    """Remove archived tasks: those whose outcome has a rule of its own by that, the others together."""
    groups: list[tuple[tuple[str, ...], Rule]] = [((each,), rules[each]) for each in outcomes if each in rules]
    groups.append((tuple(outcome for outcome in outcomes if outcome not in rules), usual))
    removed = 0
    for group, rule in groups:
        before = retention.bound(transaction, group, rule, now) if group else None
        if before is not None and removed < limit:
            removed += collecting.archived(transaction, group, before[0], limit - removed, before[1])
    return removed


def _collector(name: str, span: int | None) -> Callable[[Work, Instant, int], int]:
    def collect(work: Work, now: Instant, limit: int) -> int:
        return sweep(work.store, name, span, now, limit)

    return collect


def _figures(work: Work, now: Instant, limit: int) -> int:
    return min(statistics.roll(work.store, now, 100), limit - 1)


def _orphans(work: Work, now: Instant, limit: int) -> int:
    with work.store.begin("worker") as transaction:
        return collecting.orphans(transaction, limit)
