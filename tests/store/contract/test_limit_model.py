"""Limits against a small model: any order of puts, claims, ends, deaths, moves and changed limits keeps every limit.

After each step no lane has more in it than its limit allowed when it let them in, and the book of places balances. At
the end everybody is let in: nobody is forgotten in a lane.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.shop import Shop
from tests.support.stores import migrate
from tests.walks.test_limit_kills import unbalanced
from tickwork.model import outcome as outcomes
from tickwork.model.action import PutTask
from tickwork.model.limit import Limit
from tickwork.model.work import Claimed
from tickwork.store import archive, claims, lanes, leases, tasks
from tickwork.store.claims import Subscription, Wish
from tickwork.store.open import open_store
from tickwork.store.scope import Scope
from tickwork.watch import SECOND

CUSTOMERS = st.integers(1, 3)
RATE, PERIOD = 4, 60 * SECOND


class LimitModel(RuleBasedStateMachine):
    """A handler with at most so many at once for each customer, and a rate for all of them together."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        url = f"sqlite:///{self.folder}/limits.db"
        migrate(url)
        self.store = open_store(url)
        self.shop = Shop(self.store)
        self.token, self.most = 0, 2
        self.running: dict[int, Claimed] = {}
        self.started: dict[tuple[int, int], tuple[int, int]] = {}
        """Of each task and token that began: when, and what it is worth."""
        self.say(2)

    def say(self, most: int) -> None:
        self.most = max(self.most, most)
        limits = [Limit(rate=f"{RATE}/min"), Limit(concurrency=most, per="customer")]
        with self.store.begin("worker") as transaction:
            lanes.declare(transaction, {"mail": limits}, "test")

    @rule(
        customer=CUSTOMERS,
        units=st.integers(1, 6),
        priority=st.sampled_from([100, 2000]),
        delay=st.sampled_from([0, 90]),
    )
    def put(self, customer: int, units: int, priority: int, delay: int) -> None:
        action = PutTask("mail", f'{{"customer":{customer}}}', 1)
        self.shop.put(action, units=units, priority=priority, delay=delay)

    @rule()
    def put_another_kind(self) -> None:
        self.shop.put("other")

    @rule(size=st.integers(1, 5))
    def turn(self, size: int) -> None:
        """A worker's turn: open lanes, claim."""
        self.token += 1
        with self.store.begin("worker") as transaction:
            lanes.open_lanes(transaction)
            for each in claims.claim(transaction, Subscription(), Wish(self.token, 1, 30 * SECOND, size, size)):
                self.running[each.id] = each
                if each.handler == "mail":
                    ((units,),) = self.shop_units(transaction, each.id)
                    self.started[each.id, each.token] = (each.claimed_at, min(units, RATE))

    @staticmethod
    def shop_units(transaction, task: int):  # type: ignore[no-untyped-def]
        text = transaction.dialect.turn(f"select coalesce(units, 1) from tickwork.task where id = {task}")
        return transaction.connection.execute(text).fetchall()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["done", "failed", "released", "dies"]))
    def end(self, data: st.DataObject, how: str) -> None:
        each = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        now = self.shop.watch.now()
        if how == "dies":
            with self.store.begin("worker") as transaction:
                for lease in leases.standing(transaction):
                    if lease.token == each.token:
                        leases.rescue(transaction, lease)
            self.running = {task: other for task, other in self.running.items() if other.token != each.token}
            return
        ended = {
            "done": outcomes.done(each, None, None, each.claimed_at, now),
            "failed": outcomes.judged(each, ValueError("no"), lambda _: 30 * SECOND, each.claimed_at, now),
            "released": outcomes.released(each, now),
        }[how]
        if how == "released":  # it never began
            self.started.pop((each.id, each.token), None)
        with self.store.begin("worker") as transaction:
            archive.settle(transaction, 1, [ended], [])

    @rule(task=st.integers(1, 12), verb=st.sampled_from(["cancel", "delay", "free", "urgent"]))
    def change(self, task: int, verb: str) -> None:
        scope = Scope.of(self.store.dialect, "default", wake=False)
        if verb == "cancel":
            self.shop.cancel(task)
        elif verb == "free":
            self.store.perform("operator", lambda: tasks.free(scope, task))
        else:
            columns = {"priority": 5} if verb == "urgent" else {"at": None, "delay": 40 * SECOND}
            self.store.perform("operator", lambda: tasks.edit(scope, task, columns))

    @rule(most=st.integers(1, 3))
    def change_the_limit(self, most: int) -> None:
        self.say(most)

    @rule(seconds=st.sampled_from([0.2, 20, 61]))
    def wait(self, seconds: float) -> None:
        self.shop.wind(seconds)
        with self.store.begin("worker") as transaction:
            lanes.recall(transaction)

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        assert unbalanced(self.shop) == {}
        customers = Counter[str]()
        for (payload,) in self.shop.ask(
            "select payload from tickwork.task where state = 'running' and handler = 'mail'"
        ):
            customers[payload] += 1
        assert max(customers.values(), default=0) <= self.most, customers
        for at, _ in self.started.values():
            within = sum(units for other, units in self.started.values() if at <= other < at + PERIOD)
            assert within <= RATE, self.started

    @invariant()
    def who_is_held_is_out_of_what_is_ready(self) -> None:
        for lane, held_at, places in self.shop.ask(
            "select lane, held_at, places from tickwork.task where lane is not null"
        ):
            assert held_at is not None
            assert lane not in [name for name, _ in msgspec.json.decode(places or "[]")]

    def teardown(self) -> None:
        """Whatever happened, everybody gets in."""
        for _ in range(200):
            if not self.shop.ask("select 1 from tickwork.task limit 1"):
                break
            self.turn(5)
            for task in sorted(self.running):
                each = self.running.pop(task)
                with self.store.begin("worker") as transaction:
                    ended = outcomes.done(each, None, None, each.claimed_at, self.shop.watch.now())
                    archive.settle(transaction, 1, [ended], [])
            self.shop.wind(20)
        assert self.shop.ask("select * from tickwork.task") == []
        self.store.close()
        shutil.rmtree(self.folder)


TestLimits = LimitModel.TestCase
TestLimits.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
