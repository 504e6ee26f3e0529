"""The low water: while somebody keeps a snapshot open, what has been claimed is not walked over again by each search.

The server's own time is part of it, so here no watch is wound: tasks are made as old as a tale needs them.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.plans import blocks, plan_of
from tickwork.engine.tasks import low_water
from tickwork.engine.tasks.low_water import LONGEST, MOST, SEARCH_EVERY, SHORTEST, LowWater
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.store import claims, ranges
from tickwork.store.claims import Subscription, Wish
from tickwork.store.open import open_store
from tickwork.store.ranges import Range
from tickwork.store.store import Store
from tickwork.watch import SECOND

pytestmark = pytest.mark.stores("postgresql")
USUAL = Range("default", "default", 2000)


def sql(store: Store, text: str) -> list[tuple[Any, ...]]:
    with store.begin("installer", handing=True) as transaction:
        cursor = transaction.connection.execute(store.dialect.turn(text))  # type: ignore[attr-defined]
        return list(cursor.fetchall()) if cursor.description else []


def put(store: Store, count: int = 1, age: float = 0, each: Range = USUAL) -> list[int]:
    """Put tasks that have been ready for *age* seconds."""
    at = f"(extract(epoch from clock_timestamp()) * 1000000)::bigint - {round(age * SECOND)}"
    rows = sql(
        store,
        "insert into tickwork.task (namespace, queue, priority, available_at, handler, asked_at, created_at) "
        f"select '{each.namespace}', '{each.queue}', {each.priority}, {at} + i, 'note', 0, 0 "
        f"from generate_series(1, {count}) as n (i) returning id",
    )
    return [task for (task,) in rows]


def claim(store: Store, lows: ranges.Lows, token: int = 1, size: int = 10) -> list[int]:
    with store.begin("worker") as transaction:
        return [each.id for each in claims.claim(transaction, Subscription(), Wish(token, 1, SECOND, size, size), lows)]


def pages(store: Store, statement: str, **values: Any) -> int:
    """How many pages a search touches."""
    with store.begin("worker") as transaction:
        return blocks(plan_of(transaction, statement, values))


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any walk is worth a low: what it costs here says little of a real one."""
    monkeypatch.setattr(low_water, "CHEAP", -SECOND)


def test_where_the_bottom_is_cheap_there_are_no_lows(store, monkeypatch):
    monkeypatch.setattr(low_water, "CHEAP", 3_600 * SECOND)  # on a busy machine any search may seem dear
    water = LowWater()
    put(store, 10, age=5)
    water.claimed()
    water.keep(store, 0)
    assert water.lows == {}
    assert water.again_in(1) is None


def test_a_search_above_the_lows_passes_no_dead_entries(store, watchful):
    """20,000 claimed and archived while somebody keeps a snapshot: a look and a claim touch a few pages again."""
    with store.dialect.connect() as pinning:
        pinning.execute("begin isolation level repeatable read")
        pinning.execute(store.dialect.turn("select count(*) from tickwork.task"))
        put(store, 20_000, age=60)
        sql(store, "delete from tickwork.task")
        (task,) = put(store, age=30)
        water = LowWater()
        water.claimed()
        water.keep(store, 0)
        given = {**Subscription().values, **ranges.named(water.lows)}
        taking = {"token": 5, "worker_id": 1, "length": 1, "size": 10, "starts": 1, **claims.NOTHING_FOREIGN.values}
        assert pages(store, "look_for_tasks", **Subscription().values) > 400
        assert pages(store, "look_above_lows", **given) < 100
        assert pages(store, "ready_ranges_above_lows", **given) < 100
        assert pages(store, "claim_above_lows", **given, **taking) < 200
    assert sql(store, f"select state from tickwork.task where id = {task}") == [("running",)]


def test_lows_rise_to_the_head_and_stay_behind_the_clock(store, watchful):
    water = LowWater()
    put(store, 3, age=100)
    water.claimed()
    water.keep(store, 0)
    (head,) = sql(store, "select min(available_at) from tickwork.task")[0]
    assert water.lows == {USUAL: head}
    claim(store, water.lows)
    water.claimed()
    water.keep(store, SEARCH_EVERY)
    (now,) = sql(store, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")[0]
    assert head < water.lows[USUAL] <= now - low_water.MARGIN


def test_what_comes_to_lie_below_is_found_by_the_next_search_from_the_bottom(store, watchful):
    """A put whose transaction stays open for a minute, a task that another worker gives back: late, and never lost."""
    water = LowWater()
    put(store, 3, age=1)
    water.claimed()
    water.keep(store, 0)
    claim(store, water.lows)
    (late,) = put(store, age=60)
    with store.begin("worker", reading=True) as transaction:
        assert claims.look(transaction, Subscription(), water.lows).ready == 0
    assert 0 < water.again_in(1) <= LONGEST
    water.keep(store, LONGEST, looking=True)
    assert claim(store, water.lows, token=2) == [late]


def test_a_look_that_found_nothing_is_followed_by_one_from_the_bottom(store, watchful):
    """A worker that fell asleep on its lows would leave what lies below to somebody's next ring."""
    worker = Worker(store, Registry(), Subscription(), Appetite(), at_once=True)
    put(store, 3, age=1)
    worker.queue.water.claimed()
    worker.queue.water.keep(store, 0)
    claim(store, {})
    put(store, age=60)
    now, looks = 1, 0
    while (seen := worker.queue.look(now)).best is None:
        assert seen.next_at is not None
        now, looks = now + seen.next_at - seen.at, looks + 1
    assert seen.best == 2000
    assert now <= LONGEST
    assert looks <= 2, "one that searches for new ranges, one from the bottom"


def test_the_bottom_is_searched_once_and_then_there_is_peace(store, watchful):
    water = LowWater()
    put(store, 3, age=1)
    water.claimed()
    water.keep(store, 0)
    assert water.again_in(0) is None, "all was seen just now"
    assert water.again_in(1) is not None
    water.keep(store, LONGEST, looking=True)
    assert water.again_in(LONGEST) is None
    assert water.again_in(LONGEST + 1) is not None, "somebody has rung since"


def test_a_task_that_is_given_back_here_sinks_the_lows(store, watchful):
    water = LowWater()
    put(store, 1, age=1)
    water.claimed()
    water.keep(store, 0)
    (given_back,) = put(store, age=50)
    (at,) = sql(store, f"select available_at from tickwork.task where id = {given_back}")[0]
    water.sink(at)
    assert claim(store, water.lows)[0] == given_back


def test_a_new_range_is_known_within_a_second(store, watchful):
    """A queue or a priority that nobody has used so far has no low: its new tasks' ids tell of it."""
    water = LowWater()
    put(store, 1, age=1)
    water.claimed()
    water.keep(store, 0)
    water._period = LONGEST
    claim(store, water.lows)
    new = [Range("a", "default", 2000), Range("default", "default", 10), Range("z", "mail", 9999)]
    for each in new:
        put(store, 1, age=3600, each=each)
    with store.begin("worker", reading=True) as transaction:
        assert claims.look(transaction, Subscription(), water.lows).ready == 0
    assert water.again_in(1) == SEARCH_EVERY - 1
    water.keep(store, SEARCH_EVERY, looking=True)
    with store.begin("worker", reading=True) as transaction:
        assert claims.look(transaction, Subscription(), water.lows).ready == 3


def test_a_backlog_is_not_looked_through_for_new_ranges(store, watchful, monkeypatch):
    """Only ids newer than the last search from the bottom are asked for: what waits may be ten million."""
    asked = []
    honest = ranges.used_since
    monkeypatch.setattr(ranges, "used_since", lambda t, seen: asked.append(seen) or honest(t, seen))
    newest = put(store, 100, age=-3600)[-1]
    put(store, 1, age=1)
    water = LowWater()
    water.claimed()
    water.keep(store, 0)
    water._period = LONGEST
    water.claimed()
    water.keep(store, SEARCH_EVERY)
    assert len(asked) >= 2
    assert min(asked) > newest


def test_many_new_ranges_end_the_lows(store, watchful):
    water = LowWater()
    put(store, 1, age=1)
    water.claimed()
    water.keep(store, 0)
    water._period = LONGEST
    for number in range(MOST + 1):
        put(store, 1, age=1, each=Range("default", "default", 1 + number))
    water.keep(store, SEARCH_EVERY, looking=True)
    assert water.lows == {}


def test_a_clock_that_was_set_back_sends_the_search_to_the_bottom(store, watchful):
    water = LowWater()
    put(store, 1, age=1)
    water.claimed()
    water.keep(store, 0)
    water._period = LONGEST  # the next search will begin at the lows
    water._clock += 100 * SECOND  # as if the database's clock had stood there
    water.claimed()
    water.keep(store, SEARCH_EVERY)
    assert water.again_in(SEARCH_EVERY) == 0


def test_many_ranges_have_no_lows(store, watchful):
    water = LowWater()
    for number in range(MOST + 1):
        put(store, 1, age=1, each=Range("default", "default", 1 + number))
    water.claimed()
    water.keep(store, 0)
    assert water.lows == {}


def test_the_walk_takes_a_twentieth_of_the_time(store, watchful, monkeypatch):
    """The next search from the bottom is due when twenty times the cost of the last has passed."""
    water, costs = LowWater(), iter([100_000, 1_000])
    monkeypatch.setattr(water, "_search", lambda store, lows: setattr(water, "lows", {USUAL: 1}) or next(costs))
    water.claimed()
    water.keep(store, 0)
    assert water._period == 20 * 100_000
    assert SHORTEST <= water._period <= LONGEST


keys = st.builds(
    Range, st.sampled_from(["a", "b", "default"]), st.sampled_from(["", "m", "default"]), st.integers(1, 3)
)


@pytest.mark.stores("postgresql-18")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tasks=st.lists(st.tuples(keys, st.integers(1, 9)), max_size=12),
    lows=st.dictionaries(keys, st.integers(1, 9), max_size=5),
)
def test_heads_above_lows_are_the_first_at_or_above_them(bench, tasks, lows):
    """Whatever lies where: the head of a range is its earliest task that is not below its low."""
    store = open_store(bench.migrated())
    for each, at in tasks:
        sql(
            store,
            "insert into tickwork.task (namespace, queue, priority, available_at, handler, asked_at, created_at) "
            f"values ('{each.namespace}', '{each.queue}', {each.priority}, {at}, 'note', 0, 0)",
        )
    with store.begin("worker", reading=True) as transaction:
        _, heads = ranges.heads(transaction, lows)
    expected: dict[Range, int] = {}
    for each, at in tasks:
        if not lows or at >= lows.get(each, 10):
            expected[each] = min(at, expected.get(each, at))
    assert heads == expected
    store.close()
