"""What a key keeps away, while what, and what a second put does to the first task: on every store, also with races."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.api.test_tasks import NOON, run_due
from tests.support.dying import walk
from tests.support.processes import child
from tickwork import Root, Tickwork
from tickwork.api import assembly
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask
from tickwork.watch import SECOND, ManualWatch, to_instant

HOUR = timedelta(hours=1)


def test_t101_a_claimed_task_keeps_nothing_away_where_the_scope_is_waiting(app):
    """T-101: the first one is claimed, a second one is put: a second row exists. While it waits, there is one."""
    first = app.put(app.work.task(), key="k", scope="waiting")
    assert app.put(app.work.task(), key="k", scope="waiting").id == first.id
    claimed_by_worker(app)
    second = app.put(app.work.task(), key="k", scope="waiting")
    assert (second.did, second.id != first.id) == ("put", True)
    third = app.put(app.work.task(), key="k", scope="waiting")
    assert (third.did, third.id) == ("exists", second.id)
    assert app.tasks.get("k").id == second.id, "a key names the one that can still be changed"


def test_a_failed_task_of_that_scope_waits_beside_the_one_that_came_later(app, watch):
    """Its retry is no conflict: the key was given up for good when it was claimed."""
    failing = app.handler("failing")(_fails)
    first = app.put(failing.task(), key="k", scope="waiting")
    run_due(app)
    second = app.put(failing.task(), key="k", scope="waiting", delay=60)
    watch.wind(30)
    run_due(app)
    assert {task.id for task in app.tasks.list()} == {first.id, second.id}


def _fails() -> None:
    raise ValueError("no")


def claimed_by_worker(app):
    """Claim as a worker does: in the claim the key is given up."""
    from tickwork.store import claims
    from tickwork.store.claims import Subscription, Wish

    with app.store.begin("worker") as transaction:
        return claims.claim(transaction, Subscription(), Wish(7, 1, 30 * SECOND, 1, 1))


def test_an_unfinished_task_keeps_its_key_while_it_runs(app):
    first = app.put(app.work.task(), key="k")
    claimed_by_worker(app)
    for existing in ("keep", "replace", "debounce"):
        put = app.put(app.work.task(number=7), key="k", existing=existing, delay=9)
        assert (put.id, put.did) == (first.id, "exists")
    assert app.tasks.get("k").payload == "{}"


def test_a_period_outlives_its_task(app, watch):
    first = app.put(app.work.task(), key="daily", scope=HOUR)
    run_due(app)
    watch.wind(HOUR - timedelta(microseconds=1))
    again = app.put(app.work.task(), key="daily", scope=HOUR)
    assert (again.id, again.did) == (first.id, "exists")
    watch.wind(timedelta(microseconds=1))
    assert app.put(app.work.task(), key="daily", scope=HOUR).did == "put"
    assert app.put(app.work.task(), key="daily").did == "put", "a key of another scope is another key"


def test_replace_says_everything_anew(app):
    first = app.put(app.work.task(number=1), key="k", delay=60, priority=7, tags=["a"], object="o")
    second = app.put(app.work.task(number=2), key="k", delay=5, queue="slow", existing="replace")
    found = app.tasks.get("k")
    assert (second.id, second.did) == (first.id, "edited")
    assert (found.payload, found.priority, found.queue, found.tags, found.object) == (
        '{"number":2}', 2000, "slow", None, None,
    )  # fmt: skip
    assert found.available_at == to_instant(NOON) + 5 * SECOND


def test_debounce_moves_to_the_later_time_and_keeps_the_rest(app, watch):
    first = app.put(app.work.task(number=1), key="k", delay=10, existing="debounce")
    watch.wind(5)
    assert app.put(app.work.task(number=2), key="k", delay=10, existing="debounce").did == "edited"
    assert app.put(app.work.task(number=3), key="k", delay=1, existing="debounce").did == "exists"
    found = app.tasks.get("k")
    assert (found.id, found.payload) == (first.id, '{"number":1}')
    assert found.available_at == to_instant(NOON) + 15 * SECOND


@pytest.mark.parametrize("existing", ["keep", "replace", "debounce"])
def test_a_period_treats_the_first_one_as_other_scopes_do(app, existing):
    app.put(app.work.task(number=1), key="k", scope=HOUR, delay=10)
    app.put(app.work.task(number=2), key="k", scope=HOUR, delay=20, existing=existing)
    found = app.tasks.get("k")
    assert (found.available_at - to_instant(NOON), found.payload) == {
        "keep": (10 * SECOND, '{"number":1}'),
        "replace": (20 * SECOND, '{"number":2}'),
        "debounce": (20 * SECOND, '{"number":1}'),
    }[existing]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"scope": "for ever", "key": "k"}, "scope"),
        ({"scope": timedelta(0), "key": "k"}, "scope"),
        ({"scope": 60, "key": "k"}, "scope"),
        ({"existing": "ignore", "key": "k"}, "existing"),
        ({"scope": "waiting"}, "scope"),
        ({"existing": "replace"}, "existing"),
        ({"root": "page/7"}, "root"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(app, bad, named):
    with pytest.raises(InvalidInput) as refused:
        app.put(app.work.task(), **bad)
    assert refused.value.field == named


def test_a_retried_task_takes_its_key_again(app):
    first = app.put(app.work.task(), key="k", scope="waiting")
    app.tasks.cancel(first.id)
    assert app.tasks.retry(first.id).did == "retried"
    assert app.put(app.work.task(), key="k", scope="waiting").id == first.id
    claimed_by_worker(app)
    assert app.put(app.work.task(), key="k", scope="waiting").did == "put"


@pytest.mark.stores("postgresql")  # on SQLite nothing is claimed while an application writes
def test_a_put_that_is_kept_away_holds_the_first_until_it_commits(app, database):
    """Coalescing is safe: what was written beside the second put has committed before the first task begins."""
    import psycopg

    first = app.put(app.work.task(), key="k", scope="waiting")
    with psycopg.connect(app.store.dialect.conninfo) as connection:
        assert app.on(connection).put(app.work.task(), key="k", scope="waiting").id == first.id
        assert claimed_by_worker(app) == []
        connection.commit()
    assert [each.id for each in claimed_by_worker(app)] == [first.id]


# ------------------------------------------------------------------------------------------------------------- races

PUTTER = """
import sys
from datetime import timedelta
from tickwork import Tickwork
from tickwork.model.action import PutTask

app = Tickwork(sys.argv[1])
scopes = ["unfinished", "waiting", timedelta(hours=1)]
print("up")
sys.stdin.readline()
put = 0
for number in range(60):
    put += app.put(PutTask("work"), unchecked=True, key=f"k{number}", scope=scopes[number % 3], delay=60).did == "put"
print("put", put)
"""


def test_two_processes_put_the_same_keys_and_each_is_put_once(database):
    with child("-c", PUTTER, database) as one, child("-c", PUTTER, database) as other:
        for process in (one, other):
            process.line("up")
        for process in (one, other):
            process.tell("go")
        put = [int(process.line("put").split()[1]) for process in (one, other)]
    assert sum(put) == 60
    with Tickwork(database) as app:
        assert sorted(task.key for task in app.tasks.list()) == sorted(f"k{number}" for number in range(60))


def test_a_claim_and_a_put_of_the_same_key_at_once(app, database):
    """However they meet, the second put is kept away by a task that has not begun, or it is a task of its own."""
    for _ in range(20):
        first = app.put(app.work.task(), key="k", scope="waiting")
        taken = []
        claimer = threading.Thread(target=lambda taken=taken: taken.extend(claimed_by_worker(app)))
        claimer.start()
        second = app.put(app.work.task(), key="k", scope="waiting")
        claimer.join()
        assert second.did == ("exists" if second.id == first.id else "put")
        assert {each.id for each in taken} <= {first.id, second.id}
        assert taken or second.id == first.id, "what is held by a put is passed over"
        with app.store.begin("installer") as transaction:
            for table in ("task", "lease"):
                transaction.connection.execute(app.store.dialect.turn(f"delete from tickwork.{table}"))


# -------------------------------------------------------------------------------------------------------------- walks


def puts_keys(store) -> None:
    """The body: puts of one key in every scope, each twice; what says the same, twice; a leaf, and its root."""
    store.watch = ManualWatch(NOON)
    tasks = Tasks(assembly.own_desk(store, Settings("sqlite://"), Registry(), lambda: None))
    for number, scope in enumerate(("unfinished", "waiting", HOUR)):
        for existing in ("keep", "replace"):
            tasks.put(PutTask("work"), unchecked=True, key=f"k{number}", scope=scope, existing=existing, delay=60)
    for _ in range(2):
        tasks.put(PutTask("work"), unchecked=True, dedupe=True, root=Root("s", NOON))
    tasks.register_root(Root("s", NOON))


def keys_are_whole(url: str, n: int) -> None:
    with Tickwork(url, watch=ManualWatch(NOON)) as app:
        keys = [task.key for task in app.tasks.list()]
        assert len(keys) == len(set(keys)), f"died before statement {n}"
        for number, scope in enumerate(("unfinished", "waiting", HOUR)):
            put = app.put(PutTask("work"), unchecked=True, key=f"k{number}", scope=scope, delay=60)
            assert put.did == ("exists" if f"k{number}" in keys else "put"), f"died before statement {n}"
        same = app.put(PutTask("work"), unchecked=True, dedupe=True).did
        assert same == ("exists" if any(key.startswith("work#") for key in keys) else "put"), (
            f"died before statement {n}"
        )
        assert app.tasks.register_root(Root("s", NOON)), "once more is no mistake, whether it stands or not"


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_putting_dies_before_every_statement(bench, store_name, tell):
    died = walk(puts_keys, bench.migrated, keys_are_whole)
    assert died > 20
    tell(f"walk of keys on {store_name}: died before each of {died} statements")


def test_the_old_rows_keep_their_keys_through_the_upgrade(bench):
    """Step 3 on a filled database: what was unique stays so."""
    url = bench.fresh()
    app = Tickwork(url)
    app.store.migrate(2)
    with app.store.begin("installer") as transaction:
        transaction.connection.execute(
            app.store.dialect.turn(
                "insert into tickwork.task (namespace, available_at, handler, key, asked_at, created_at)"
                " values ('default', 0, 'work', 'old', 0, 0), ('default', 0, 'work', null, 0, 0)"
            )
        )
    assert "0003_bulk" in app.migrate()
    assert app.put(PutTask("work"), unchecked=True, key="old").did == "exists"
    assert len(app.tasks.list()) == 2
    app.close()
