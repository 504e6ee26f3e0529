"""Which states there are, and what leads from one to another: the tables that the code, the tests and the drawings share.

A verb looks up here what it may do (:meth:`Machine.after`), ``docs/states/*.svg`` are drawn from here, and a test
watches every change that the database makes to a row and holds it against these tables, in both directions.

A task is *ready* when it waits and its time has come: no write, so the rows of both say ``waiting``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Transition(NamedTuple):
    """From one state (None: there was nothing) by something that happens into another (None: nothing is left)."""

    source: str | None
    happens: str
    target: str | None


@dataclass(frozen=True)
class Machine:
    """The states of one kind of row."""

    name: str
    writers: str
    transitions: tuple[Transition, ...]

    def after(self, state: str, happens: str) -> str | None:
        """Return the state into which *happens* leads from *state*; None where it is not possible.

        >>> TRIGGER.after("paused", "resumed"), TRIGGER.after("cancelled", "resumed")
        ('active', None)
        """
        return next((target for source, what, target in self.transitions if (source, what) == (state, happens)), None)

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in the order in which the table names them.

        >>> TRIGGER.states
        ('active', 'paused', 'cancelled')
        """
        named = (state for source, _, target in self.transitions for state in (source, target))
        return tuple(dict.fromkeys(state for state in named if state is not None))


#: A task's last word: these, and no others, stand in the archive.
ARCHIVED = ("done", "gave up", "lost", "expired", "declined", "cancelled")


def _table(lines: str) -> Iterator[Transition]:
    """Read lines of ``from, from | what happens, what else happens | to``; ``-`` is nothing."""
    for line in lines.strip().splitlines():
        sources, happenings, targets = ([word.strip() for word in column.split(",")] for column in line.split("|"))
        for target in targets:
            for source in sources:
                for happens in happenings:
                    yield Transition(None if source == "-" else source, happens, None if target == "-" else target)


TRIGGER = Machine(
    "trigger",
    "applications",
    tuple(
        _table("""
        -              | created                          | active
        active         | edited, moved, rearmed, resumed  | active
        active         | paused                           | paused
        paused         | edited, moved, rearmed           | paused
        paused         | resumed                          | active
        active, paused | cancelled                        | cancelled
        cancelled      | rearmed                          | active
        """)
    ),
)
"""A trigger as its applications order it; the words are those of its trail. A put of a cancelled key re-arms it."""

EVENT = Machine(
    "event",
    "the trigger daemon",
    tuple(
        _table("""
        -                           | planning | planned, at rest, set aside
        planned                     | planning | planned, at rest, set aside
        planned                     | firing   | planned, at rest
        planned                     | failure  | planned, set aside
        at rest                     | planning | planned, at rest, set aside
        set aside                   | planning | planned, at rest, set aside
        planned, at rest, set aside | removal  | -
        """)
    ),
)
"""Where the daemon keeps a trigger: *planned* has a due time; *at rest* has none (paused, cancelled or finished)."""

TASK = Machine(
    "task",
    "applications and the daemon put, workers run",
    tuple(
        _table(f"""
        -                          | put                                 | waiting, ready
        waiting                    | its time comes                      | ready
        waiting, ready             | edited                              | waiting, ready
        ready                      | claimed                             | running
        running                    | failed, snoozed, put off            | waiting
        running                    | released, interrupted, rescued      | ready
        running                    | laid aside                          | unhandled
        unhandled                  | taken up                            | ready
        unhandled                  | edited                              | unhandled
        running                    | done                                | done
        running                    | gave up                             | gave up
        running                    | declined                            | declined
        running                    | expired                             | expired
        running                    | lost                                | lost
        waiting, ready, running, unhandled | cancelled                   | cancelled
        {", ".join(ARCHIVED)}      | retried                             | ready
        """)
    ),
)
"""One piece of work; the last six states are rows of the archive. A snooze of nothing still waits five seconds."""
