"""How long Tickwork keeps its own rows: look, say otherwise, and sweep now.

What is said here stands in the database and holds for all processes from the next sweep on, before what an application
says in code (``app.generators.keep``). Workers sweep by themselves, at the lowest priority, a slice at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from tickwork.api.desk import Desk
from tickwork.engine.generators import retention as shipped
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.retention import Rule
from tickwork.store import retention
from tickwork.store.dialect import Verb
from tickwork.store.store import Store
from tickwork.watch import to_duration

SLICE = 1_000
#: What can have a rule: each kind of row, and for archived tasks each outcome.
NAMES = (*shipped.KEPT, *(outcome for outcomes in shipped.OUTCOMES.values() for outcome in outcomes))


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long rows of one kind are kept, in microseconds, and at most how many; neither: for ever."""

    name: str
    keep_for: int | None
    keep_most: int | None
    usual: bool
    """Nobody has said otherwise."""


class RetentionRules:
    """The rules of one database."""

    def __init__(self, desk: Desk, store: Store) -> None:
        self._desk, self._store = desk, store

    def list(self) -> list[Keeping]:
        """Return what is kept for how long; an outcome of its own only where it has a rule."""

        def verb() -> Verb[list_of[Keeping]]:
            rules = yield from retention.listed()
            usual = [Keeping(name, span, None, usual=True) for name, span in shipped.KEPT.items()]
            said = [Keeping(name, *rule, usual=False) for name, rule in rules.items() if name not in shipped.KEPT]
            here = [
                each if each.name not in rules else replace(each, usual=False, **rules[each.name]._asdict())
                for each in usual
            ]
            return [*here, *said]

        return self._desk.look(verb)

    def set(
        self, name: str, keep_for: timedelta | float | None = None, *, keep_most: int | None = None, by: str = ""
    ) -> None:
        """Keep rows of one kind for so long (a timedelta or seconds); of archived tasks at most so many.

        Neither: for ever. Names are those of :meth:`list`, and outcomes of archived tasks. Raises InvalidInput.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.retention.set("archive", timedelta(days=7), keep_most=100_000)
        >>> app.retention.list()[0]
        Keeping(name='archive', keep_for=604800000000, keep_most=100000, usual=False)
        >>> app.retention.reset("archive")
        >>> app.retention.list()[0].usual
        True
        >>> app.close()
        """
        self._known(name)
        span = None if keep_for is None else to_duration(keep_for, "keep_for")
        if span is not None and span <= 0:
            raise InvalidInput("keep_for", keep_for, "a duration, or None to keep it for ever")
        if keep_most is not None:
            limits.number(keep_most, "keep_most", 1, 2**62)
            if name in shipped.KEPT and name not in shipped.OUTCOMES:
                raise InvalidInput("keep_most", keep_most, "nothing: numbers are for archived tasks")
        self._desk.perform(lambda: retention.write(name, Rule(span, keep_most), by))

    def reset(self, name: str) -> None:
        """Keep rows of one kind as usual again."""
        self._known(name)
        self._desk.perform(lambda: retention.write(name, None, ""))

    def run(self, *names: str) -> dict[str, int]:
        """Sweep now, some kinds or all, until nothing is past its time; return how many rows were removed of each."""
        for name in names:
            if name not in shipped.KEPT:
                raise InvalidInput("name", name, f"one of {', '.join(shipped.KEPT)}")
        self._desk.look(retention.listed)  # the tables are there, and fit
        removed = dict.fromkeys(names or shipped.KEPT, 0)
        for name in removed:
            now = self._desk.now()
            while (slice_ := shipped.sweep(self._store, name, shipped.KEPT[name], now, SLICE)) > 0:
                removed[name] += slice_
                if slice_ < SLICE:
                    break
        return removed

    def _known(self, name: str) -> None:
        if name not in NAMES:
            raise InvalidInput("name", name, f"one of {', '.join(NAMES)}")


#: ``list`` is a verb in the class above, so the type goes by another name there.
list_of = list
