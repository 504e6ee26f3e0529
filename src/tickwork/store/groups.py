"""Groups: tasks that another task waits for, and how it is found out, once, that all of them are over.

Two members may end at the same moment, in two transactions that do not see each other: whoever looked whether others are
left would find the other one, and nobody would go on. A counter that every end touches would make them wait for each
other, and for an application that cancels one of them. So an end is a *letter*, written in the transaction that
archives the member, and nothing else. Workers open letters in transactions of their own: they delete those they see,
and take off what these say from the group's count, whose row they hold. Each letter is counted exactly once, whatever is
killed when; what waits is released by the one that counts to nothing.

A member that puts members of its own group says so in the letter that tells its end, so no count is ever too low.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tickwork.errors import TryAgain
from tickwork.model.flow import WELL, Gathered
from tickwork.store import tasks, workers
from tickwork.store.dialect import Row, Transaction
from tickwork.store.letters import STOP
from tickwork.store.scope import Scope

#: How many letters one transaction opens, and how many members it stops.
AT_ONCE = 1_000


class Counted(NamedTuple):
    """A group, as a worker that counts holds it."""

    id: int
    namespace: str
    on_failure: str
    state: str
    total: int
    unended: int
    ended: str
    then_at: int | None
    then_delay: int

    @property
    def gathered(self) -> Gathered:
        return Gathered(self.id, msgspec.json.decode(self.ended))

    def after(self, letters: Sequence[tuple[str | None, int]]) -> Counted:
        """Return it as it is after these letters: outcomes, and how many joined with each."""
        outcomes = [outcome for outcome, _ in letters if outcome not in (None, STOP)]
        joined = sum(number for _, number in letters)
        ended = Counter(self.gathered.ended)
        ended.update(str(outcome) for outcome in outcomes)
        left = self.unended - len(outcomes) + joined
        failed = any(outcome not in WELL for outcome in outcomes) and self.on_failure.startswith("stop")
        stops = failed or any(outcome == STOP for outcome, _ in letters)
        state = self._state(left, stops=stops, joined=joined > 0)
        text = msgspec.json.encode(ended, order="sorted").decode()
        return self._replace(state=state, total=self.total + joined, unended=left, ended=text)

    def _state(self, left: int, *, stops: bool, joined: bool) -> str:
        if left <= 0:
            return "over"
        if (stops and self.state == "open") or (joined and self.state == "stopped"):
            return "stopping"
        return self.state

    @property
    def goes_on(self) -> bool:
        """Whether what waits for it runs, now that it is over."""
        return self.on_failure in ("run", "stop and run") or not self.gathered.failed


class Tended(NamedTuple):
    """What opening letters came to."""

    letters: int = 0
    released: int = 0
    again: bool = False
    """There are more letters, or new ones."""
    left: bool = False
    """Something is held by somebody else: it is to be tried again in a while."""


def tend(transaction: Transaction) -> Tended:
    """Open letters, count, and do what is to be done about groups that are over or to be stopped."""
    letters = transaction.all("take_group_letters", n=AT_ONCE)
    if letters:
        _count(transaction, letters)
    found = [Counted._make(row) for row in transaction.all("groups_to_tend", n=AT_ONCE)]
    stopped = [_stop(transaction, group) for group in found if group.state == "stopping"]
    over = [group for group in found if group.state == "over"]
    released, cancelled, closed = _close(transaction, over) if over else (0, 0, 0)
    if released:
        workers.wake(transaction)
    again = len(letters) == AT_ONCE or len(found) == AT_ONCE or cancelled > 0 or any(did for did, _ in stopped)
    return Tended(len(letters), released, again, closed < len(over) or not all(whole for _, whole in stopped))


def _count(transaction: Transaction, letters: Sequence[tuple[int, str | None, int]]) -> None:
    told: dict[int, list[tuple[str | None, int]]] = defaultdict(list)
    for group_id, outcome, joined in letters:
        told[group_id].append((outcome, joined))
    held = [Counted._make(row) for row in transaction.all("hold_groups", ids=sorted(told))]
    _save(transaction, [group.after(told[group.id]) for group in held])


def _stop(transaction: Transaction, group: Counted) -> tuple[int, bool]:
    """Cancel members that wait, ask those that run; return how many, and whether these were all that were left."""
    ids = [row[0] for row in transaction.all("unasked_members", group_id=group.id, n=AT_ONCE)]
    held = [row[0] for row in transaction.all("hold_members", ids=ids)] if ids else []
    scope = Scope.of(transaction.dialect, group.namespace, wake=False)
    try:
        with transaction.dialect.translated(), transaction.savepoint():
            transaction.all("wait_briefly")
            transaction.perform(tasks.cancel_many(scope, held, "another one of its group did not go well", "tickwork"))
    except TryAgain:  # an application has asked the same task to stop, and has not committed
        return 0, False
    if len(held) < len(ids) or len(ids) == AT_ONCE:
        return len(held), False
    _save(transaction, [group._replace(state="stopped")])
    return len(held), True


def _close(transaction: Transaction, over: Sequence[Counted]) -> tuple[int, int, int]:
    """Release or cancel what waits for groups that are over; return how many of each, and how many groups closed."""
    group_of = {group.id: group for group in over}
    waiting = transaction.all("hold_awaiting", groups=sorted(group_of))
    run = sum(group_of[awaits].goes_on for _, awaits, _ in waiting)
    told = [_release(task, group_of[awaits]) for task, awaits, _ in waiting]
    transaction.many(
        "release_awaiting", ("id", "gathered", "at", "delay"), told
    )  # a person may retry what is cancelled
    for task, awaits, namespace in waiting:
        if not group_of[awaits].goes_on:
            reason = f"what it waited for did not go well: {group_of[awaits].gathered}"
            scope = Scope.of(transaction.dialect, namespace, wake=False)
            transaction.perform(tasks.cancel_many(scope, [task], reason, "tickwork"))
    closed = transaction.all("close_groups", ids=sorted(group_of))
    return run, len(waiting) - run, len(closed)


def _release(task: int, group: Counted) -> Row:
    return task, msgspec.json.encode(group.gathered).decode(), group.then_at, group.then_delay


def _save(transaction: Transaction, groups: Sequence[Counted]) -> None:
    columns = ("id", "state", "total", "unended", "ended")
    rows = [(each.id, each.state, each.total, each.unended, each.ended) for each in groups]
    transaction.many("save_groups", columns, rows)
