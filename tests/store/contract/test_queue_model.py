"""The whole queue against a small model: whatever workers do, in whatever order, both say the same (issue 5).

Rules put, claim, mark, settle (done, failed, snoozed, put off, given up, declined, expired, released, interrupted), renew,
rescue, cancel, retry and prune, for claims that may be long dead: a zombie settles late, and is fenced off, even where
the task was brought back meanwhile. After every step the tables equal the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.shop import Shop
from tickwork.model import outcome as outcomes
from tickwork.model.lease import LOST_ALLOWED, Standing
from tickwork.model.work import Claimed
from tickwork.signals import Decline, GiveUp, Snooze
from tickwork.store import archive, claims, collecting, leases, tasks
from tickwork.store.claims import Subscription, Wish
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND

LENGTH = 30 * SECOND
WAIT = 15 * SECOND
FATES = {"fails": ValueError("no"), "snoozes": Snooze(60), "gives up": GiveUp("no"), "declines": Decline("no")}
OUTCOMES = (collecting.ENDED, collecting.FAILED)
#: What happens to a claim before its start would have to be written down.
UNBEGUN = ("released", "expired", "put off")


@dataclass
class Known:
    """A task as the model knows it."""

    id: int
    priority: int
    available_at: int
    attempts: int
    attempt: int = 0
    lost: int = 0
    snoozes: int = 0
    token: int | None = None
    marked: bool = False
    asked: bool = False


class Queue(RuleBasedStateMachine):
    """The queue, on a store that a subclass names."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(self.store)
        self.tasks: dict[int, Known] = {}
        self.over: dict[int, tuple[str, int, int]] = {}
        self.past: dict[int, tuple[Known, int]] = {}
        """What is over, and when it ended."""
        self.leases: dict[int, int] = {}
        self.claims: list[Claimed] = []
        self.token = 0

    @initialize()
    def empty(self) -> None:
        with self.store.begin("operator") as transaction:
            for table in ("task", "archive", "attempt", "lease", "cancel_request"):
                transaction.connection.execute(self.store.dialect.turn(f"delete from tickwork.{table}"))  # type: ignore[attr-defined]

    @rule(priority=st.integers(1, 3), delay=st.sampled_from([0, 0, 5, 40]), attempts=st.integers(1, 3))
    def put(self, priority: int, delay: int, attempts: int) -> None:
        task = self.shop.put("note", priority=priority, delay=delay, attempts=attempts)
        self.tasks[task] = Known(task, priority, self.shop.watch.now() + delay * SECOND, attempts)

    @rule(seconds=st.sampled_from([1, 15, 60]))
    def wind(self, seconds: int) -> None:
        self.shop.wind(seconds)

    @rule(size=st.integers(1, 4), starts=st.integers(0, 4))
    def claim(self, size: int, starts: int) -> None:
        self.token += 1
        with self.store.begin("worker") as transaction:
            taken = claims.claim(transaction, Subscription(), Wish(self.token, 1, LENGTH, size, starts))
        expected = self._next(size)
        assert [each.id for each in taken] == [known.id for known in expected]
        for place, known in enumerate(expected):
            known.token, known.attempt, known.marked = self.token, known.attempt + 1, place < starts
        assert [(each.attempt, each.lost, each.marked, each.cancel_asked) for each in taken] == [
            (known.attempt, known.lost, known.marked, known.asked) for known in expected
        ]
        if taken:
            self.leases[self.token] = 0
            self.claims += taken

    def _next(self, size: int) -> list[Known]:
        now = self.shop.watch.now()
        ready = [known for known in self.tasks.values() if known.token is None and known.available_at <= now]
        first = sorted(ready, key=lambda known: (known.priority, known.available_at, known.id))
        ranges = {}
        for known in first:
            ranges.setdefault(known.priority, []).append(known)
        picked = [known for some in ranges.values() for known in some][:size]
        if picked and picked[0].lost:
            return picked[:1]
        return [known for known in picked if not known.lost]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), fate=st.sampled_from(["done", "released", "interrupted", "expired", "put off", *FATES]))
    def settle(self, data: st.DataObject, fate: str) -> None:
        """Any claim may be settled, at any time, once: by its worker, or by a zombie."""
        claimed = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        known = self.tasks.get(claimed.id)
        if claimed.must_be_marked and fate not in UNBEGUN and not self._mark(claimed, known):
            return
        outcome = self._outcome(claimed, fate)
        ours = known is not None and known.token == claimed.token
        finished = [] if any(each.token == claimed.token for each in self.claims) else [claimed.token]
        with self.store.begin("worker") as transaction:
            settlement = archive.settle(transaction, 1, [outcome], finished)
        assert settlement[:3] == ((1, (), ()) if ours else (0, (outcome,), ()))
        if ours:
            self._becomes(known, outcome)
        if finished and not any(each.token == claimed.token for each in self.tasks.values()):
            self.leases.pop(claimed.token, None)

    def _mark(self, claimed: Claimed, known: Known | None) -> bool:
        with self.store.begin("worker") as transaction:
            marked = claims.mark_started(transaction, [claimed]) == {claimed.id}
        assert marked == (known is not None and known.token == claimed.token)
        if marked:
            known.marked = True
        return marked

    def _outcome(self, claimed: Claimed, fate: str) -> outcomes.Outcome:
        now = self.shop.watch.now()
        if fate == "done":
            return outcomes.done(claimed, None, None, now, now)
        if fate == "released":
            return outcomes.released(claimed, now)
        if fate == "expired":
            return outcomes.expired(claimed, now)
        if fate == "put off":
            return outcomes.put_off(claimed, now + WAIT, now)
        if fate == "interrupted":
            return outcomes.interrupted(claimed, now, now)
        return outcomes.judged(claimed, FATES[fate], lambda attempt: WAIT, now, now)

    def _becomes(self, known: Known, outcome: outcomes.Outcome) -> None:
        if known.asked or outcome.archived:
            self._ends(known, "cancelled" if known.asked else outcome.outcome, outcome.attempt)
            return
        known.token, known.marked = None, False
        known.attempt, known.available_at = outcome.attempt, outcome.available_at
        known.snoozes += outcome.snoozed

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.leases)))
        with self.store.begin("worker") as transaction:
            assert leases.renew(transaction, [token, 10**9]) == {token}
        self.leases[token] += 1

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), stale=st.booleans())
    def rescue(self, data: st.DataObject, stale: bool) -> None:
        """A rescuer acts on what it saw; a lease that was renewed since is left alone."""
        token = data.draw(st.sampled_from(sorted(self.leases)))
        with self.store.begin("worker") as transaction:
            rescued = leases.rescue(transaction, Standing(token, self.leases[token] - int(stale), LENGTH))
        assert (rescued is None) == stale
        if stale:
            return
        del self.leases[token]
        for known in [known for known in self.tasks.values() if known.token == token]:
            self._rescued(known)

    def _rescued(self, known: Known) -> None:
        certain = known.marked
        charged = certain or (not known.lost and known.attempt < known.attempts)
        known.lost += charged
        used_up = certain and (known.attempt >= known.attempts or known.lost > LOST_ALLOWED)
        if not certain:
            known.attempt -= 1
        if known.asked or used_up:
            self._ends(known, "cancelled" if known.asked else "lost", known.attempt)
            return
        known.token, known.marked = None, False

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        known = self.tasks[data.draw(st.sampled_from(sorted(self.tasks)))]
        answer = self.shop.cancel(known.id)
        assert answer == ("asked" if known.token is not None else "cancelled")
        if known.token is not None:
            known.asked = True
        else:
            self._ends(known, "cancelled", known.attempt)

    def _ends(self, known: Known, outcome: str, attempt: int) -> None:
        self.over[known.id] = (outcome, attempt, known.lost)
        self.past[known.id] = (self.tasks.pop(known.id), self.shop.watch.now())

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """An archived task comes back under its id, as new; whoever still holds an old claim on it stays fenced off."""
        task = data.draw(st.sampled_from(sorted(self.over)))
        scope = Scope.of(self.store.dialect, "default", wake=False)
        done = self.store.perform("operator", lambda: tasks.retry(scope, task, repeat=True))
        assert done.did == "retried"
        known, _ = self.past.pop(task)
        del self.over[task]
        self.tasks[task] = Known(task, known.priority, self.shop.watch.now(), known.attempts)

    @precondition(lambda self: self.over)
    @rule(age=st.sampled_from([1, 30, 120]))
    def prune(self, age: int) -> None:
        before = self.shop.watch.now() - age * SECOND
        with self.store.begin("worker") as transaction:
            removed = sum(collecting.archived(transaction, words, before, 1_000) for words in OUTCOMES)
        gone = [task for task, (_, ended_at) in self.past.items() if ended_at < before]
        assert removed == len(gone)
        for task in gone:
            del self.over[task], self.past[task]

    @invariant()
    def tables_equal_the_model(self) -> None:
        rows = self.shop.ask(
            "select id, lease, state, available_at, attempt, lost, snoozes, started_at is not null from tickwork.task"
        )
        assert {row[0]: (*row[1:7], bool(row[7])) for row in rows} == {
            known.id: (
                known.token, "waiting" if known.token is None else "running", known.available_at, known.attempt,
                known.lost, known.snoozes, known.marked,
            )
            for known in self.tasks.values()
        }  # fmt: skip
        archived = {row.id: (row.outcome, row.attempt, row.lost) for row in self.shop.archive.values()}
        assert archived == self.over
        assert {row[0] for row in self.shop.leases} == set(self.leases)


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_the_queue_against_a_model(store: Any) -> None:
    """Issue 5: a Hypothesis state machine of the whole queue on both stores."""
    machine = type("OnThisStore", (Queue,), {"store": store})
    examples = 60 if store.dialect.name == "sqlite" else 25
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, suppress_health_check=list(HealthCheck), deadline=None
        ),
    )
