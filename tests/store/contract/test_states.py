"""Every change that the database makes to a row stands in the tables of states, and every line of them is seen.

The database itself keeps the account: a trigger of its own on each table writes down what a row was and what it became,
so that no statement can change a state behind the tables' back.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.scene import START, Scene
from tests.support.shop import Shop
from tickwork import clocks
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.model import outcome as outcomes
from tickwork.model.lease import LENGTH
from tickwork.model.retry import Backoff
from tickwork.model.states import EVENT, TASK, TRIGGER, Machine
from tickwork.signals import Decline, GiveUp, Snooze
from tickwork.store import archive, claims, tasks
from tickwork.store.claims import Subscription, Wish
from tickwork.store.scope import Scope

#: How a row's state is read, from the row before (old) and after (new) a change.
STATE = {
    "trigger": ("id", "{}.state"),
    "event": (
        "trigger_id",
        "case when {0}.set_aside_at is not null then 'set aside' when {0}.due_at is not null then 'planned' else 'at rest' end",
    ),
    "task": ("id", "{}.state"),
    "archive": ("id", "{}.outcome"),
}
PARTS = {"insert": ("", "new"), "update": ("old", "new"), "delete": ("old", "")}


def watch_rows(store) -> None:
    """Let the database write down each change of a state."""
    key = (
        "integer primary key autoincrement" if store.dialect.name == "sqlite" else "bigint generated always as identity"
    )
    run(store, f"create table tickwork.seen (number {key}, kind text, id bigint, source text, target text)")
    for table, (column, state) in STATE.items():
        for event, (old, new) in PARTS.items():
            source, target = (state.format(row) if row else "null" for row in (old, new))
            note = (
                "insert into tickwork.seen (kind, id, source, target)"
                f" values ('{table}', {new or old}.{column}, {source}, {target});"
            )
            if store.dialect.name == "sqlite":
                run(store, f"create trigger seen_{table}_{event} after {event} on tickwork.{table} begin {note} end")
            else:
                run(
                    store,
                    f"create function tickwork.seen_{table}_{event}() returns trigger language plpgsql as "
                    f"$$ begin {note} return null; end $$",
                )
                run(
                    store,
                    f"create trigger seen_{table}_{event} after {event} on tickwork.{table} "
                    f"for each row execute function tickwork.seen_{table}_{event}()",
                )


def run(store, text: str) -> list:
    with store.begin("installer") as transaction:
        cursor = transaction.connection.execute(store.dialect.turn(text))
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def seen(store, kind: str) -> set[tuple[str | None, str | None]]:
    return set(run(store, f"select source, target from tickwork.seen where kind = '{kind}'"))


def moves(machine: Machine) -> set[tuple[str | None, str | None]]:
    """The changes of state that a machine allows; those that leave a row where it is are left out."""
    return {(source, target) for source, _, target in machine.transitions if source != target}


def idle(machine: Machine) -> set[tuple[str | None, str | None]]:
    """Writes that leave a row where it is (on SQLite a row is held by one)."""
    return {(state, state) for state in machine.states}


@pytest.fixture
def scene(database):
    scene = Scene(database)
    watch_rows(scene.store)
    yield scene
    scene.close()


@pytest.fixture
def shop(store):
    watch_rows(store)
    return Shop(store)


def test_every_state_of_a_trigger(scene):
    verbs = scene.app.triggers
    scene.put("t", clocks.Every(60))
    for verb in ("pause", "rearm", "resume", "cancel", "rearm", "pause", "cancel"):
        getattr(verbs, verb)("t")
    scene.put("t", clocks.Every(60))
    verbs.move("t", clocks.Every(90))
    assert seen(scene.store, "trigger") - idle(TRIGGER) == moves(TRIGGER)
    words = {word for (word,) in scene.sql("select did from tickwork.trigger_version")}
    assert words <= {happens for _, happens, _ in TRIGGER.transitions}
    trail = scene.sql("select state, did, version from tickwork.trigger_version order by version")
    for (before, _, _), (after, did, version) in pairwise(trail):
        assert TRIGGER.after(before, did) == after, f"version {version}: {before} {did} {after}"


def test_every_state_of_an_event(scene):
    def spoil(*keys: str, column: str = "clock_kind") -> None:
        for key in keys:
            scene.sql(f"update tickwork.trigger set {column} = 'no such', version = version + 1 where key = '{key}'")
            letter(key)

    def letter(*keys: str) -> None:
        for key in keys:
            scene.sql(
                f"insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger where key = '{key}'"
            )

    verbs, minute = scene.app.triggers, clocks.Every(60)
    for key in ("planned", "resting", "broken", "once", "weary", "asked"):
        scene.put(key, clocks.Once(START) if key == "once" else minute)
    verbs.pause("resting")
    spoil("broken")
    scene.work()  # nothing -> planned, at rest, set aside; firing: planned -> at rest
    scene.wind(60)  # firing: planned -> planned
    spoil("resting", "asked")
    scene.work()  # at rest and planned -> set aside
    scene.put("broken", minute)
    verbs.edit("resting", clock=minute)
    verbs.cancel("asked")
    scene.work()  # set aside -> planned, at rest
    verbs.resume("resting")
    verbs.pause("planned")
    scene.work()  # at rest -> planned, planned -> at rest
    scene.sql("update tickwork.trigger set action = 'shout' where key = 'weary'")
    for _ in range(10):
        scene.wind(3600)  # failure: planned -> planned, and -> set aside at the tenth
    assert scene.event("weary")["set_aside_at"] is not None
    letter("planned", "broken", "weary")
    scene.sql("delete from tickwork.trigger where key in ('planned', 'broken', 'weary')")
    scene.work()  # removal
    assert seen(scene.store, "event") - idle(EVENT) == moves(EVENT)


def test_every_state_of_a_task(shop):
    scope = Scope.of(shop.store.dialect, "default", wake=False)
    ends = {"fails": ValueError("no"), "snoozes": Snooze(60), "gives up": GiveUp("no"), "declines": Decline("no")}
    registry = Registry()
    registry.add("work", work := raising({}))
    for name, error in ends.items():
        registry.add(name.replace(" ", "."), raising({name: error}), attempts=2, backoff=Backoff(jitter=0.0))

    for name in ("work", "fails", "snoozes", "gives.up", "declines", "nobody"):
        shop.put(name)
    late = shop.put("work", expires_at=shop.watch.now() + 1)
    shop.wind(1)
    shop.worker(registry).run_due()  # ready -> running -> waiting, done, gave up, declined, expired, unhandled
    assert shop.archive[late].outcome == "expired"
    registry.add("nobody", work)
    shop.worker(registry).run_due()  # unhandled -> ready
    laid_aside, waits = shop.put("nobody.else"), shop.put("work", delay=60)
    shop.worker(registry).run_due()
    assert shop.tasks[laid_aside].state == "unhandled"
    for task in (laid_aside, waits):
        assert shop.cancel(task) == "cancelled"

    asked, released, lost, saved = (shop.put("work", attempts=number) for number in (9, 9, 1, 9))
    with shop.store.begin("worker") as transaction:
        claimed = {each.id: each for each in claims.claim(transaction, Subscription(), Wish(7, 1, LENGTH, 4, 4))}
    assert shop.cancel(asked) == "asked"
    now = shop.watch.now()
    with shop.store.begin("worker") as transaction:
        done = outcomes.done(claimed[asked], None, None, now, now)
        archive.settle(transaction, 1, [done, outcomes.released(claimed[released], now)], [])
    rescue = Rescue(shop.store)
    rescue.turn(now)
    shop.wind(30)
    rescue.turn(shop.watch.now())  # running -> ready, lost
    assert shop.archive[lost].outcome == "lost"
    assert shop.tasks[saved].state == "waiting"
    for task in {row.outcome: row.id for row in shop.archive.values()}.values():  # one of each
        shop.store.perform("application", lambda task=task: tasks.retry(scope, task, repeat=True))

    def stored(state: str | None) -> str | None:
        return "waiting" if state == "ready" else state

    expected = {(stored(source), stored(target)) for source, target in moves(TASK)}
    assert journeys(shop.store) == {(source, target) for source, target in expected if source != target}


def journeys(store) -> set[tuple[str | None, str | None]]:
    """Put the moves between task and archive together: what leaves one table arrives in the other."""
    found, left, came = set(), {}, {}
    for kind, task, source, target in run(store, "select kind, id, source, target from tickwork.seen order by number"):
        if kind in {"task", "archive"} and source is not None and target is not None:
            found.add((source, target))
        elif kind in {"task", "archive"}:
            left.setdefault(task, []).extend([source] if source is not None else [])
            came.setdefault(task, []).extend([target] if target is not None else [])
    for task, targets in came.items():
        sources = left[task]
        ordered = sorted(targets[1:], key=lambda state: state == "waiting")
        assert len(sources) == len(ordered)
        found.add((None, targets[0]))
        words = sorted(sources, key=lambda state: state not in {"waiting", "running", "unhandled"})
        found |= set(zip(words, ordered, strict=True))
    # a rescue gives all tasks of a lease back and archives the lost ones, in one transaction: nobody sees them wait
    found = {
        ("running", target) if (source, target) == ("waiting", "lost") else (source, target) for source, target in found
    }
    return {(source, target) for source, target in found if source != target}


def raising(error: dict[str, Exception]):
    def work() -> None:
        for each in error.values():
            raise each

    return work
