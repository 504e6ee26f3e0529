"""Flat cost: statements per operation, and with 200,000 rows waiting every hot statement goes by its index."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from tests.support.plans import nodes, plan_of
from tests.support.scene import Scene
from tickwork import clocks
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.engine.worker.appetite import Appetite
from tickwork.store.claims import Subscription
from tickwork.watch import DAY, FIRST_INSTANT, SECOND

WAITING = 200_000
NOW = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"


@pytest.fixture
def scene(database):
    scene = Scene(database)
    yield scene
    scene.close()


def many_triggers(scene, count):
    """Write many copies of one trigger, in SQL."""
    scene.put("model", clocks.Every(60))
    scene.sql(
        "insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at, changed_at)"
        f" with recursive n (i) as (select 1 union all select i + 1 from n where i < {count - 1})"
        " select t.namespace, 'k' || n.i, t.clock_kind, t.clock_params, t.since_at, t.handler, 0, 0 from n, tickwork.trigger t"
        " where t.key = 'model'"
    )
    scene.sql("delete from tickwork.trigger_change")
    scene.sql("insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger")


def counted(scene, work):
    ran = Counter()
    scene.store.dialect.on_statement = lambda name: ran.update([name])
    work()
    scene.store.dialect.on_statement = None
    return ran


def test_statements_of_a_batch_of_a_thousand(scene, tell):
    many_triggers(scene, 1_000)
    planning = counted(scene, lambda: scene.daemon.planning.turn(2**62, scene.watch.now()))
    assert scene.daemon.planning.planned == 1_000
    scene.watch.wind(60)
    firing = counted(scene, scene.daemon.firings.turn)
    assert len(scene.tasks()) == 1_000
    name = scene.store.dialect.name
    tell(f"statements on {name}: planning 1,000 letters {planning.total()}, firing 1,000 {firing.total()}")
    for turn in (planning, firing):
        assert turn["begin"] == turn["commit"] == 1
    assert planning.total() <= 10
    assert firing.total() <= (7 if name == "postgresql" else 10)


def test_statements_of_saving_a_trigger(scene, tell):
    scene.put("first", clocks.Every(60))  # asks once whether the tables are those of this program
    saving = counted(scene, lambda: scene.put("k", clocks.Every(60)))
    verbs = saving.total() - saving["begin"] - saving["commit"]
    tell(f"statements on {scene.store.dialect.name}: saving a trigger {dict(saving)}")
    assert saving["commit"] == 1
    assert verbs <= (2 if scene.store.dialect.name == "postgresql" else 4)


HOT = {
    "look": {"mark": FIRST_INSTANT},
    "letters": {"after": 0, "top": 2**62, "n": 1_000},
    "lock_orders": {"ids": [5, 6, 7]},
    "lock_events": {"ids": [5, 6, 7]},
    "orders_that_exist": {"ids": [5, 6, 7]},
    "events_that_exist": {"ids": [5, 6, 7]},
    "due_events": {"due": FIRST_INSTANT, "id": 0, "n": 1_000},
    "due_events_of": {"ids": [5, 6, 7]},
    "longest_due": {},
    "finished_to_collect": {"before": 2**60, "n": 1_000},
    "pauses": {"ids": [5, 6, 7]},
    "hold_trigger_by_key": {"namespace": "default", "key": "k7"},
    "hold_trigger_by_id": {"namespace": "default", "id": 7},
    "trigger_as_it_is": {"namespace": "default", "key": "k7"},
}


def test_with_200_000_waiting_every_hot_statement_goes_by_its_index(scene):
    many_triggers(scene, WAITING)
    at = scene.watch.now() + 3600 * SECOND
    scene.sql(
        "insert into tickwork.event (trigger_id, version, generation, next_at, due_at)"
        f" select id, 1, 1, {at} + id, {at} + id from tickwork.trigger"
    )
    if scene.store.dialect.name == "postgresql":
        scene.sql("analyze tickwork.trigger")
        scene.sql("analyze tickwork.event")
    with scene.store.begin("daemon") as transaction:
        for name, values in HOT.items():
            plan = explained(scene.store.dialect, transaction, name, {**values, "now": scene.watch.now()})
            assert not plan, f"{name} reads a whole table: {plan}"


@pytest.mark.stores("postgresql")
def test_after_a_quiet_hour_nothing_reads_a_backlog_from_end_to_end(store):
    """Statistics were taken of tables that had been worked off: plans made for one row meet 20,000, and still go by keys.

    Real time, and the server's own counts: planning, firing, and a worker from its start on read so many rows each.
    """
    dialect, items = store.dialect, 500
    with dialect.connect() as connection:
        for table in ("task", "trigger", "event", "trigger_change", "firing", "archive", "lease"):
            connection.execute(dialect.turn(f"alter table tickwork.{table} set (autovacuum_enabled = off)"))
        backlog(connection, dialect, 20_000, "old")
        for table in ("task", "event", "trigger", "trigger_change"):
            connection.execute(dialect.turn(f"delete from tickwork.{table}"))
        connection.execute("vacuum analyze")
        backlog(connection, dialect, 20_000, "new")
        connection.execute(dialect.turn("insert into tickwork.trigger_change (trigger_id)"
                                        f" select id from tickwork.trigger order by id limit {items}"))  # fmt: skip
        connection.execute(dialect.turn(f"update tickwork.event set due_at = {NOW} - 1000, next_at = {NOW} - 1000 where trigger_id in"
                                        f" (select id from tickwork.trigger order by id desc limit {items})"))  # fmt: skip
        connection.execute(dialect.turn(f"update tickwork.task set available_at = {NOW} - 1000 where id in"
                                        f" (select id from tickwork.task order by id desc limit {items})"))  # fmt: skip
    before = rows_read(store)
    daemon = TriggerDaemon(store, batch=items)
    registry = Registry()
    ran = []
    registry.add("note", lambda: ran.append(1))
    daemon.run_due(0)
    Worker(store, registry, Subscription(), Appetite(), at_once=True).run_due()
    store.close()
    after = rows_read(store)
    assert len(ran) == 2 * items, "those that were ready, and those that triggers put"
    much = {index: after[index] - before[index] for index in after if after[index] - before[index] > 12 * items}
    assert not much, f"rows read for {items} letters, {items} firings and {2 * items} tasks"


def backlog(connection, dialect, count, word):
    """Planned triggers and tasks that wait for a year, in SQL."""
    far = f"{NOW} + {366 * DAY}"
    each = f"generate_series(1, {count}) n (i)"
    triggers = "insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at, changed_at)"
    events = "insert into tickwork.event (trigger_id, version, generation, next_at, due_at)"
    tasks = "insert into tickwork.task (namespace, priority, available_at, handler, asked_at, created_at)"
    hourly = '{"period":3600000000}'
    for text in (
        f"{triggers} select 'default', '{word}' || i, 'every', '{hourly}', 0, 'note', 0, 0 from {each}",
        f"{events} select id, 1, 1, {far} + id, {far} + id from tickwork.trigger",
        f"{tasks} select 'default', 2000, {far} + i, 'note', 0, 0 from {each}",
    ):
        connection.execute(dialect.turn(text))


def rows_read(store):
    """How many rows each index, and each table without one, has given so far."""
    with store.dialect.connect() as connection:
        connection.execute("select pg_stat_clear_snapshot()")
        return dict(
            connection.execute(
                "select relname || ' by ' || indexrelname, idx_tup_read from pg_stat_user_indexes union all"
                " select relname || ' from end to end', seq_tup_read from pg_stat_user_tables"
            ).fetchall()
        )


def explained(dialect, transaction, name, values):
    """The parts of a statement's plan that read a whole table."""
    statement = dialect.book[name]
    values = {key: value for key, value in values.items() if key in statement.parameters}
    if dialect.name == "sqlite":
        bound = {key: json.dumps(value) if isinstance(value, list) else value for key, value in values.items()}
        rows = transaction.connection.execute(f"explain query plan {statement.named}", bound).fetchall()
        whole = [row[3] for row in rows if row[3].startswith("SCAN") and "INDEX" not in row[3]]
        return [
            text for text in whole if not any(word in text for word in ("json_each", "CONSTANT", "clock", "(subquery"))
        ]
    kinds = [node["Node Type"] for node in nodes(plan_of(transaction, name, values, how=""))]
    return [kind for kind in kinds if kind == "Seq Scan"]


def test_idle_and_firing_read_the_same_with_ten_times_as_many_waiting(scene):
    """A turn's statements do not depend on what waits."""
    seen = []
    for number in range(2):
        scene.put(f"due{number}", clocks.Once(scene.now + timedelta(seconds=1)))
        if number:
            many_triggers(scene, 2_000)
        scene.work()
        scene.watch.wind(1)
        seen.append(counted(scene, lambda: scene.daemon.turn(scene.watch.now())).total())
    assert seen[0] == seen[1]
