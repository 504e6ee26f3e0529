"""Limits: never more at once than is allowed, never more within a period, nobody forgotten, and nothing for the others.

A *hand* takes what may run, as a worker does, and gives it back when the test says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.shop import NOON, Shop
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.worker.appetite import Appetite
from tickwork.errors import ConfigurationError, InvalidInput
from tickwork.model import outcome as outcomes
from tickwork.model.action import PutTask
from tickwork.model.limit import LaneName, Limit
from tickwork.model.work import Claimed
from tickwork.signals import Snooze
from tickwork.store import archive, claims, lanes, leases, tasks
from tickwork.store.claims import Subscription, Wish
from tickwork.store.lanes import Lane
from tickwork.store.scope import Scope
from tickwork.watch import SECOND

LENGTH = 30 * SECOND


class Hand:
    """Takes tasks and ends them, one transaction each, as a worker's turn does."""

    def __init__(self, shop: Shop, **limits: Sequence[Limit]) -> None:
        self.shop, self.token = shop, 0
        with shop.store.begin("worker") as transaction:
            lanes.declare(transaction, {name.replace("_", "."): said for name, said in limits.items()}, "test")

    def take(self, size: int = 100, **reach: Any) -> list[Claimed]:
        """Open lanes and claim until nothing moves any more."""
        taken: list[Claimed] = []
        for _ in range(20):
            self.token += 1
            with self.shop.store.begin("worker") as transaction:
                opened = lanes.open_lanes(transaction)
                wish = Wish(self.token, 1, LENGTH, size - len(taken), 0)
                haul = claims.claim(transaction, Subscription(**reach), wish) if wish.size else claims.Haul()
            taken += haul
            if not (opened.moved or haul or haul.ajar):
                break
        return taken

    def end(self, *ended: Claimed) -> None:
        now = self.shop.watch.now()
        self.settle([outcomes.done(each, None, None, each.claimed_at, now) for each in ended])

    def settle(self, batch: list[outcomes.Outcome]) -> None:
        if not batch:
            return
        with self.shop.store.begin("worker") as transaction:
            archive.settle(transaction, 1, batch, [])

    @property
    def lanes(self) -> list[Lane]:
        with self.shop.store.read() as transaction:
            return transaction.perform(lanes.lanes(100))


def mail(customer: int) -> PutTask:
    return PutTask("mail.send", f'{{"customer":{customer}}}', 1)


def ids(claimed: Sequence[Claimed]) -> list[int]:
    return [each.id for each in claimed]


def test_no_more_at_once_than_allowed_and_the_next_one_comes_in_order(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=2)])
    late = shop.put("note", priority=3000)
    first, second, third = (shop.put("note") for _ in range(3))
    urgent = shop.put("note", priority=10)
    others = [shop.put("other") for _ in range(3)]
    taken = hand.take()
    assert sorted(ids(taken)) == sorted([urgent, first, *others])
    running = {each.id: each for each in taken}
    hand.end(running[urgent])
    (next_one,) = hand.take()
    assert next_one.id == second
    assert hand.take() == []
    hand.end(running[first], next_one)
    assert ids(hand.take()) == [third, late]


def test_each_key_is_counted_by_itself_and_no_key_keeps_another_waiting(shop: Shop) -> None:
    hand = Hand(shop, mail_send=[Limit(concurrency=1, per="customer")])
    flood = [shop.put(mail(1)) for _ in range(50)]
    few = [shop.put(mail(customer)) for customer in (2, 3, 3)]
    assert sorted(ids(hand.take())) == [flood[0], few[0], few[1]]
    assert [(lane.key, lane.places, lane.waiting) for lane in hand.lanes] == [("1", 1, 49), ("2", 1, 0), ("3", 1, 1)]


def test_a_key_may_be_said_where_the_task_is_put(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1, per="customer")])
    acme = [shop.put("note", limit_key="acme") for _ in range(2)]
    other = shop.put("note", limit_key="other")
    assert ids(hand.take()) == [acme[0], other]


def test_a_handler_and_its_keys_may_both_be_limited(shop: Shop) -> None:
    """Three at once in all, one of each customer; the places of a key are never taken by those who wait elsewhere."""
    hand = Hand(shop, mail_send=[Limit(concurrency=3), Limit(concurrency=1, per="customer")])
    mails = {customer: [shop.put(mail(customer)) for _ in range(2)] for customer in range(1, 6)}
    running = hand.take()
    assert ids(running) == [mails[1][0], mails[2][0], mails[3][0]]
    order = ids(running)
    while running:
        hand.end(running.pop(0))
        came = hand.take()
        running += came
        order += ids(came)
        keys = [each.payload for each in running]
        assert len(running) <= 3
        assert len(set(keys)) == len(keys)
    assert sorted(order) == sorted(task for pair in mails.values() for task in pair)
    assert hand.lanes == []


def test_a_namespace_has_its_share_of_places_whatever_the_handler(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=3)])
    with shop.store.begin("operator") as transaction:
        transaction.perform(lanes.set_limit("greedy", "*", Limit(concurrency=2), "somebody"))
    for name in ("note", "other"):
        for _ in range(3):
            shop.put(name, namespace="greedy")
            shop.put(name)
    taken = hand.take()
    assert sorted(each.handler for each in taken if each.namespace == "default") == ["note"] * 3 + ["other"] * 3
    greedy = [each for each in taken if each.namespace == "greedy"]
    for _ in range(2):
        assert len(greedy) == 2
        hand.end(*greedy)
        greedy = hand.take()
    hand.end(*greedy)


def test_s4_43_t125_no_more_units_start_within_any_period_than_the_rate_says(shop: Shop) -> None:
    """S4-43, T-125: 50 units a second, tasks of 5 units: at most 10 a second, and 100 in ten seconds."""
    hand = Hand(shop, note=[Limit(rate="50/s")])
    for _ in range(200):
        shop.put("note", units=5)
    started: list[int] = []
    for _ in range(100):  # ten seconds in steps of a tenth
        taken = hand.take()
        started += [each.claimed_at for each in taken]
        hand.end(*taken)
        shop.wind(0.1)
    assert len(started) == 100
    assert all(later - earlier >= SECOND for earlier, later in zip(started, started[10:], strict=False))


def test_a_rate_counts_starts_and_not_ends(shop: Shop) -> None:
    """What runs for longer than a period keeps nobody from starting; without its end the start is known less well."""
    hand = Hand(shop, note=[Limit(rate="2/s")])
    notes = [shop.put("note") for _ in range(5)]
    running = hand.take()
    assert ids(running) == notes[:2]
    shop.wind(1)
    assert hand.take() == []
    shop.wind(0.5)
    assert ids(hand.take()) == notes[2:4]
    hand.end(*running)
    assert hand.take() == []


def test_a_claim_that_never_began_gives_its_units_back_at_once(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(rate="1/day")])
    first, second = shop.put("note"), shop.put("note")
    (taken,) = hand.take()
    assert taken.id == first
    hand.settle([outcomes.released(taken, shop.watch.now())])
    (taken,) = hand.take()  # who waits in the lane goes first
    assert taken.id == second
    hand.end(taken)
    assert hand.take() == []
    shop.wind(24 * 3600 - 1)
    assert hand.take() == []
    shop.wind(1)
    assert ids(hand.take()) == [first]


def test_a_task_worth_more_than_the_whole_rate_counts_as_the_whole(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(rate="10/s")])
    small, huge, after = shop.put("note"), shop.put("note", units=1000), shop.put("note")
    assert ids(hand.take()) == [small]
    shop.wind(2)
    assert ids(hand.take()) == [huge]
    shop.wind(2)
    assert ids(hand.take()) == [after]


def test_a_task_that_yields_gives_its_place_back(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    first, second = shop.put("note"), shop.put("note")
    (taken,) = hand.take()
    hand.settle([outcomes.judged(taken, Snooze(60), lambda _: 0, taken.claimed_at, shop.watch.now())])
    (other,) = hand.take()
    assert (taken.id, other.id) == (first, second)
    shop.wind(61)
    assert hand.take() == []
    hand.end(other)
    assert ids(hand.take()) == [first]


def test_a_rescued_task_gives_its_place_back(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    first, second = shop.put("note", attempts=1), shop.put("note")
    (taken,) = hand.take()
    with shop.store.begin("worker") as transaction:
        claims.mark_started(transaction, [taken])
        standing = leases.standing(transaction)
    with shop.store.begin("worker") as transaction:
        leases.rescue(transaction, next(each for each in standing if each.token == taken.token))
    assert shop.archive[first].outcome == "lost"
    assert ids(hand.take()) == [second]


@pytest.mark.parametrize("verb", ["cancel", "delay", "replace"])
def test_one_that_was_let_in_and_is_taken_away_gives_its_place_to_the_next(shop: Shop, verb: str) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1, rate="1/day")])
    first, second = shop.put("note", key="first"), shop.put("note")
    hand.take(size=0)
    with shop.store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(900, 1, LENGTH, 10, 0))
    with shop.store.begin("worker") as transaction:
        assert lanes.open_lanes(transaction).moved == 1
    if verb == "cancel":
        assert shop.cancel(first) == "cancelled"
    else:
        shop.put("note", key="first", delay=60, existing="replace" if verb == "replace" else "debounce")
    assert ids(hand.take()) == [second]


def test_one_that_is_held_can_be_cancelled_moved_and_made_more_urgent(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    first, second, third, fourth = (shop.put("note", key=name) for name in "abcd")
    (running,) = hand.take()
    assert shop.cancel(second) == "cancelled"
    scope = Scope.of(shop.store.dialect, "default", wake=False)
    shop.store.perform("operator", lambda: tasks.edit(scope, fourth, {"priority": 5}))
    assert shop.put("note", key="c") == third  # putting it again hastens nothing: it could run, but for its place
    hand.end(running)
    (next_one,) = hand.take()
    assert (running.id, next_one.id) == (first, fourth)
    hand.end(next_one)
    assert ids(hand.take()) == [third]


def test_what_an_operator_says_stands_and_all_agree(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    notes = [shop.put("note") for _ in range(6)]
    assert ids(hand.take()) == notes[:1]
    with shop.store.begin("operator") as transaction:
        transaction.perform(lanes.set_limit("", "note", Limit(concurrency=3), "somebody"))
    assert ids(hand.take()) == notes[1:3]
    with shop.store.begin("worker") as transaction:  # another process, whose code says something else
        assert lanes.declare(transaction, {"note": [Limit(concurrency=50)]}, "other") == []
    assert hand.take() == []
    with shop.store.begin("operator") as transaction:
        assert transaction.perform(lanes.remove_limit("", "note", ""))
    assert ids(hand.take()) == notes[3:]


def test_the_newest_code_stands_and_says_so(shop: Shop) -> None:
    Hand(shop, note=[Limit(concurrency=1)])
    with shop.store.begin("worker") as transaction:
        assert lanes.declare(transaction, {"note": [Limit(concurrency=2)]}, "b") == [
            "note: test had said (1, None, None)"
        ]
        assert lanes.declare(transaction, {"note": [Limit(concurrency=2)]}, "b") == []
        assert lanes.declare(transaction, {"note": []}, "b") == ["note: no longer limited"]


def test_places_of_those_whom_nobody_serves_go_to_others(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    orphan, served = shop.put("note", queue="closed"), shop.put("note")
    with shop.store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(900, 1, LENGTH, 10, 0))
    assert hand.take(queues=("default",)) == []  # the older one was let in, and its queue has no worker any more
    shop.wind(31)
    with shop.store.begin("worker") as transaction:
        assert lanes.recall(transaction) == 1
    assert ids(hand.take(queues=("default",))) == [served]
    assert shop.tasks[orphan].state == "waiting"


@pytest.mark.stores("postgresql-18")
def test_a_lane_that_somebody_has_open_is_passed_over_and_its_letters_stay(shop: Shop) -> None:
    """A count in a snapshot is not a lock: the second one neither waits nor counts, and finds everything afterwards."""
    hand = Hand(shop, note=[Limit(concurrency=2)])
    notes = [shop.put("note") for _ in range(3)]
    running = hand.take()
    with shop.store.begin("worker") as one:
        one.all("lock_lanes", names=[LaneName(*hand.lanes[0][:4]).encode()])
        hand.end(running[0])
        with shop.store.begin("worker") as other:
            opened = lanes.open_lanes(other)
        assert (opened.moved, len(opened.busy)) == (0, 1)
    assert ids(hand.take()) == notes[2:]


@pytest.mark.stores("postgresql-18")
def test_first_ones_that_an_application_holds_are_passed_over_and_the_lane_is_looked_at_again(shop: Shop) -> None:
    hand = Hand(shop, note=[Limit(concurrency=1)])
    notes = [shop.put("note") for _ in range(2)]
    (running,) = hand.take()
    with shop.store.begin("application") as transaction:
        transaction.all("hold_task", id=notes[1])
        hand.end(running)
        assert hand.take() == []
    assert hand.take() == []  # nobody writes a letter when an application lets go
    shop.wind(1)
    assert ids(hand.take()) == notes[1:]


@pytest.mark.parametrize("at_once", [1, 3])
def test_s4_28_a_slow_kind_does_not_block_others(shop: Shop, at_once: int) -> None:
    """S4-28: with fifty slow ones due in front of them, every fast one starts within one poll."""
    registry = Registry()
    started: list[str] = []
    registry.add("slow", lambda task: started.append("slow"), concurrency=at_once)
    registry.add("fast", lambda task: started.append("fast"))
    for _ in range(50):
        shop.put("slow")
    for _ in range(10):
        shop.put("fast")
    worker = shop.worker(registry, Appetite(concurrency=10, batch=10))
    hand = Hand(shop, slow=[Limit(concurrency=at_once)])
    taken = hand.take()
    assert [each.handler for each in taken].count("slow") == at_once
    assert [each.handler for each in taken].count("fast") == 10
    hand.settle([outcomes.released(each, shop.watch.now()) for each in taken])
    worker.run_due()
    assert (started.count("slow"), started.count("fast")) == (50, 10)
    assert shop.tasks == {}
    assert hand.lanes == []


def test_a_handler_says_its_limits_and_a_worker_keeps_them(shop: Shop) -> None:
    registry = Registry()
    ran: list[int] = []
    registry.add("note", lambda task: ran.append(task.id), rate="3/min", limits=[Limit(concurrency=1, per="customer")])
    notes = [shop.put("note") for _ in range(7)]
    worker = shop.worker(registry)
    worker.run_due()
    assert ran == notes[:3]
    shop.wind(60)
    worker.run_due()
    assert ran == notes[:6]


def test_a_start_that_comes_too_late_for_its_rate_is_given_back(shop: Shop) -> None:
    registry = Registry()
    ran: list[int] = []

    def run(task: Any) -> None:
        ran.append(task.id)
        shop.wind(0.6)

    registry.add("note", run, rate="3/min")
    notes = [shop.put("note") for _ in range(3)]
    shop.worker(registry).run_due()
    assert sorted(ran) == notes  # the second and third of the first batch were late, and came again
    assert {task: row.attempt for task, row in shop.archive.items()} == dict.fromkeys(notes, 1)
    started = sorted(row[0] for row in shop.ask("select started_at from tickwork.archive"))
    assert started == [NOON, NOON + 600_000, NOON + 1_200_000]


def test_tasks_without_limits_cost_not_one_statement_more(shop: Shop) -> None:
    Hand(shop, limited=[Limit(concurrency=1)])
    worker = shop.worker({"note": lambda: None}, Appetite(concurrency=100, batch=100))
    told: list[str] = []
    worker.run_due()
    shop.store.dialect.on_statement = told.append
    for _ in range(300):
        shop.put("note")
    told.clear()
    worker.run_due()
    of_limits = {each.name for each in shop.store.dialect.book.statements() if each.source == "lanes.sql"}
    assert "due_openings" in of_limits
    assert not of_limits.intersection(told)


def test_what_cannot_be_is_refused(shop: Shop) -> None:
    registry = Registry()
    for wrong in (0, -1, True, 2**40, "3"):
        with pytest.raises(InvalidInput, match="concurrency"):
            registry.add("a", lambda: None, concurrency=wrong)  # type: ignore[arg-type]
    for wrong in ("", "100", "0/s", "1/0s", "1/fortnight", "9999999999/s", 3):
        with pytest.raises(InvalidInput, match="rate"):
            registry.add("a", lambda: None, rate=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="limits"):
        registry.add("a", lambda: None, concurrency=1, limits=[Limit(rate="1/s")])
    for wrong in (0, -1, 10**9, "5"):
        with pytest.raises(InvalidInput, match="units"):
            shop.put("note", units=wrong)
    with pytest.raises(InvalidInput, match="limit_key"):
        shop.put("note", limit_key="a\0b")


@pytest.mark.parametrize(
    "payload", ['{"customer":"\\u0000"}', '{"customer":1e999}', '{"customer":[1]}', "{}", '{"customer":null}']
)
def test_payloads_of_every_kind_have_a_key(shop: Shop, payload: str) -> None:
    hand = Hand(shop, mail_send=[Limit(concurrency=1, per="customer")])
    notes = [shop.put(PutTask("mail.send", payload, 1)) for _ in range(2)]
    (taken,) = hand.take()
    assert taken.id == notes[0]
    hand.end(taken)
    assert ids(hand.take()) == notes[1:]


def test_who_settles_lets_the_next_one_in_at_once(shop: Shop) -> None:
    """Without waiting for a look: in the turn that settles, though nothing else would have made the worker look for work."""
    registry = Registry()
    ran: list[int] = []
    registry.add("note", lambda task: ran.append(task.id), concurrency=1)
    worker = shop.worker(registry)
    notes = [shop.put("note") for _ in range(2)]
    hand = Hand(shop, note=[Limit(concurrency=1)])
    (taken,) = hand.take()
    worker.run_due()
    assert (taken.id, ran) == (notes[0], [])
    worker.pump.lead.settling.add(outcomes.done(taken, None, None, taken.claimed_at, shop.watch.now()))
    worker.pump.stirred, worker.pump.plan.rung = True, False
    worker.pump.turn(shop.watch.now())
    assert ran == notes[1:]
