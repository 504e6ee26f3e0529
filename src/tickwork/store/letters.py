"""Letters to whoever counts a group: what ends a member of it writes one, in the same transaction.

They are rows that are only added and taken, so nobody who writes one waits for anybody (see :mod:`tickwork.store.groups`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope

#: In the place of an outcome: the rest of the group is to be cancelled.
STOP = "stop"


class Letter(NamedTuple):
    """A member of a group has ended, and put so many others in its place; without an outcome: look at this group."""

    group_id: int
    task_id: int | None
    outcome: str | None
    joined: int = 0


def post(scope: Scope, letters: Iterable[Letter]) -> Verb[None]:
    """Leave letters; whoever reads them sees them when this transaction has committed."""
    rows = list(letters)
    if not rows:
        return
    if not scope.chains_writes:
        yield from ask("post_group_letters", rows=msgspec.json.encode(rows).decode())
        return
    group_id, task_id, outcome, joined = (list(column) for column in zip(*rows, strict=True))
    yield from ask(
        "post_group_letters",
        group_id=group_id, task_id=task_id, outcome=outcome, joined=joined, channel=scope.channel,
    )  # fmt: skip
