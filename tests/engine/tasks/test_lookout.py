"""Somebody stands in for processes that have gone: sees all that is theirs to do, and nothing else; a look writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.shop import Shop, registered
from tickwork.engine.tasks.lookout import Lookout
from tickwork.engine.tasks.post import LONGEST_ABSENCE, Post
from tickwork.store import claims, generators, letters, workers
from tickwork.store.claims import Subscription, Wish
from tickwork.store.scope import Scope
from tickwork.store.workers import Known
from tickwork.watch import SECOND


@pytest.fixture
def made(shop: Shop, database_url: str) -> Iterator[Callable[..., Lookout]]:
    lookouts = []

    def make(**served: Any) -> Lookout:
        served = {"namespaces": ("default",), "handlers": {"mine": Known()}, **served}
        lookouts.append(Lookout(Post(database_url, "tickwork", **served), shop.store))
        lookouts[-1].begin(shop.watch.now())
        lookouts[-1]._listener.stop()  # here it is told when to look
        return lookouts[-1]

    yield make
    for lookout in lookouts:
        lookout.end()


def needed(lookout: Lookout, shop: Shop) -> bool:
    lookout._bell.ring()
    return lookout.turn(shop.watch.now())


def test_what_is_ours_calls_and_what_others_know_does_not(made: Any, shop: Shop) -> None:
    with shop.store.begin("worker") as transaction:
        other = workers.register(transaction, "worker", "elsewhere", 1)
        workers.register_handlers(transaction, other, {"theirs": Known()})
    lookout = made(queues=("mail", "default"), priority_at_most=2_000)
    assert not needed(lookout, shop)
    for _ in range(3):
        shop.put("theirs")
    shop.put("mine", queue="other")
    shop.put("mine", priority=2_001)
    shop.put("mine", namespace="elsewhere")
    assert not needed(lookout, shop)
    shop.put("mine", queue="mail")
    assert needed(lookout, shop)


def test_a_task_that_nobody_knows_calls_and_is_laid_aside_once(made: Any, shop: Shop) -> None:
    lookout = made()
    shop.put("nobody")
    assert needed(lookout, shop)
    shop.worker(registered(mine=lambda: None)).run_due()
    assert not needed(lookout, shop)


def test_a_time_that_comes_calls_though_nobody_rings(made: Any, shop: Shop) -> None:
    lookout = made()
    shop.put("mine", delay=0.5)
    assert not needed(lookout, shop)
    shop.wind(0.5)
    assert lookout.turn(shop.watch.now())


def test_a_woken_generator_a_bulk_and_a_job_call(made: Any, shop: Shop) -> None:
    lookout = made()
    with shop.store.begin("worker") as transaction:
        generators.make(transaction, "default", "hooks", "{}")
    assert not needed(lookout, shop)
    shop.wind(1)
    scope = Scope.of(shop.store.dialect, "default", wake=False)
    shop.store.perform("worker", lambda: generators.wake(scope, "hooks"))
    assert needed(lookout, shop)
    lookout = made()
    assert not needed(lookout, shop)
    with shop.store.begin("application") as transaction:
        values = {"selection": "{}", "terms": "{}", "top_id": 0, "kind": "cancel", "title": "", "total": 1, "by": ""}
        transaction.all("put_bulk", namespace="default", key=None, **values)
    assert needed(lookout, shop)


def test_an_end_of_a_member_and_a_lane_that_opens_call(made: Any, shop: Shop) -> None:
    """A group that nobody counts, and a rate whose time has come, may make something ready: somebody must see to it."""
    lookout = made()
    opens_at = shop.watch.now() + SECOND
    with shop.store.begin("installer") as transaction:
        opening = f"insert into tickwork.opening (lane, units, due_at) values ('rate', 1, {opens_at})"
        transaction.connection.execute(shop.store.dialect.turn(opening))  # type: ignore[attr-defined]
    assert not needed(lookout, shop)
    shop.wind(1)
    assert lookout.turn(shop.watch.now())
    with shop.store.begin("installer") as transaction:
        transaction.connection.execute(shop.store.dialect.turn("delete from tickwork.opening"))  # type: ignore[attr-defined]
    assert not needed(lookout, shop)
    scope = Scope.of(shop.store.dialect, "default", wake=False)
    shop.store.perform("worker", lambda: letters.post(scope, [letters.Letter(7, 1, "done")]))
    assert needed(lookout, shop)


def test_who_holds_a_dead_workers_tasks_frees_them(made: Any, shop: Shop) -> None:
    task = shop.put("mine")
    with shop.store.begin("worker") as transaction:
        claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 10, 2))
    lookout = made()
    for _ in range(8):
        assert shop.tasks[task].state == "running"
        shop.wind(5)
        if lookout.turn(shop.watch.now()):
            break
    assert shop.tasks[task].state == "waiting"


def test_generators_are_asked_in_time(made: Any, shop: Shop) -> None:
    lookout = made(absence=40 * SECOND)
    shop.wind(39)
    assert not lookout.turn(shop.watch.now())
    shop.wind(1)
    assert lookout.turn(shop.watch.now())


def test_a_pool_with_a_restless_generator_is_never_left() -> None:
    assert Post("sqlite:///work.db", "tickwork").absence == LONGEST_ABSENCE
    assert not Post("sqlite:///work.db", "tickwork", absence=10 * SECOND).may_be_left


def test_a_look_writes_nothing_and_it_stays_known(made: Any, shop: Shop) -> None:
    lookout = made()
    seen: list[str] = []
    shop.store.dialect.on_statement = seen.append
    try:
        for _ in range(10):
            assert not needed(lookout, shop)
        book = {each.name: each for each in shop.store.dialect.book.statements()}
        assert [name for name in seen if name in book and book[name].writes] == []
        assert len([name for name in seen if name in book]) <= 2 * 10 + 3  # two looks each; the rescuer's three, once
    finally:
        shop.store.dialect.on_statement = None
    shop.wind(20)
    lookout.turn(shop.watch.now())
    ((seen_at,),) = shop.ask("select seen_at from tickwork.worker")
    assert seen_at == shop.watch.now()
    with shop.store.begin("worker") as transaction:
        workers.remove(transaction, lookout._number or 0)
    shop.wind(20)
    lookout.turn(shop.watch.now())
    assert shop.ask("select name from tickwork.handler") == [("mine",)]
