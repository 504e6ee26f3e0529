"""The due query's plan is the nested loop over its index, whatever the statistics say or do not say."""

import pytest

from tests.support.plans import nodes, plan_of
from tickwork.watch import FIRST_INSTANT, SECOND

pytestmark = pytest.mark.stores("postgresql")

NOW = 1_800_000_000 * SECOND
ROWS, DUE = 50_000, 20_000

FILL = """
insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at, changed_at)
select 'default', 'k' || i, 'every', '{}', 0, 'x', 0, 0 from generate_series(1, %(rows)s) i
"""
PLAN = """
insert into tickwork.event (trigger_id, version, generation, next_at, due_at)
select id, 1, 1, %(now)s, %(now)s + case when id <= %(due)s then -id else id end from tickwork.trigger
"""


def fill(store):
    with store.begin("installer") as transaction:
        values = {"rows": ROWS, "due": DUE, "now": NOW}
        transaction.connection.execute(FILL, values)
        transaction.connection.execute(PLAN, values)


def run(store, *commands):
    connection = store.dialect.connect()
    for command in commands:
        connection.execute(command)
    connection.close()


def never_analysed(store):
    run(store, "alter table tickwork.event set (autovacuum_enabled = off)")
    fill(store)


def analysed(store):
    fill(store)
    run(store, "vacuum analyze tickwork.event", "vacuum analyze tickwork.trigger")


def stale(store):
    run(store, "alter table tickwork.event set (autovacuum_enabled = off)")
    fill(store)
    run(store, "analyze tickwork.event", "analyze tickwork.trigger")
    with store.begin("installer") as transaction:
        transaction.connection.execute("update tickwork.event set due_at = due_at - 1000000")


def empty_then_filled(store):
    run(store, "vacuum analyze tickwork.event", "vacuum analyze tickwork.trigger")
    assert plan(store)["Actual Rows"] == 0, "the plan is made while the tables are empty, and kept"
    fill(store)


def plan(store):
    """The plan of the daemon's session."""
    with store.begin("daemon", NOW) as transaction:
        return plan_of(transaction, "due_events", {"now": NOW, "due": FIRST_INSTANT, "id": 0, "n": 1_000})


@pytest.mark.parametrize("history", [never_analysed, analysed, stale, empty_then_filled])
def test_the_due_query_walks_its_index(store, history):
    history(store)
    top = plan(store)
    found = list(nodes(top))
    kinds = [node["Node Type"] for node in found]
    assert not {"Sort", "Hash Join", "Hash", "Seq Scan", "Merge Join", "Bitmap Heap Scan"} & set(kinds), kinds
    assert "Nested Loop" in kinds and "LockRows" in kinds
    assert not [node for node in found if node["Node Type"] == "Nested Loop" and "Join Filter" in node]
    (scan,) = [node for node in found if node.get("Index Name") == "event_due"]
    assert scan["Actual Rows"] == 1_000
    assert top["Actual Rows"] == 1_000
