"""How long what is kept, where a person has said so: rules in rows, for all processes, from the next sweep on."""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.model.retention import Rule
from tickwork.store.dialect import Transaction, Verb, ask
from tickwork.watch import Instant


def rules(transaction: Transaction) -> dict[str, Rule]:
    """Return the rules that stand."""
    return {name: Rule(keep_for, keep_most) for name, keep_for, keep_most in transaction.all("retention_rules")}


def listed() -> Verb[dict[str, Rule]]:
    """Return the rules that stand, as a verb."""
    rows = yield from ask("retention_rules")
    return {name: Rule(keep_for, keep_most) for name, keep_for, keep_most in rows}


def write(name: str, rule: Rule | None, by: str) -> Verb[None]:
    """Write a rule; None: as usual."""
    if rule is None:
        yield from ask("forget_retention", name=name)
    else:
        yield from ask("set_retention", name=name, keep_for=rule.keep_for, keep_most=rule.keep_most, by=by)


def bound(transaction: Transaction, outcomes: Sequence[str], rule: Rule, now: Instant) -> tuple[Instant, int] | None:
    """Return before which end and id archived tasks that ended so may go; None: none of them.

    Thousands may have ended at one instant (a slice of a bulk cancel): the id tells which of them are the last.
    """
    before = None if rule.keep_for is None else (now - rule.keep_for, 0)
    if rule.keep_most is not None:
        row = transaction.one("finished_of_the_last", outcomes=list(outcomes), most=max(0, rule.keep_most - 1))
        if row is not None:
            last = (row[0], row[1])
            before = last if before is None else max(before, last)
    return before
