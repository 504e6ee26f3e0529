"""Steps run on a filled database, by several at once, and a program refuses tables that are not its own."""

from __future__ import annotations

import threading

import pytest

from tests.support.scene import START
from tickwork import Tickwork, clocks
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import SchemaMismatch
from tickwork.model.action import PutTask
from tickwork.store import migrate
from tickwork.store.open import open_store
from tickwork.watch import ManualWatch


def test_every_later_step_runs_on_a_filled_database(database_url):
    store = open_store(database_url)
    numbers = [step.number for step in migrate.steps(store.dialect)]
    store.migrate(to=1)
    fill(store)
    assert [name[:4] for name in store.migrate()] == [f"{number:04d}" for number in numbers[1:]]
    store.check_schema()
    store.close()
    app = Tickwork(database_url, watch=ManualWatch(START))
    assert app.triggers.get("kept").key == "kept"
    TriggerDaemon(app.store).run_due(0)
    assert app.triggers.get("kept").next_at is not None
    app.close()


def fill(store):
    """What an application of the first step would have written, in plain SQL."""
    turn = store.dialect.turn
    with store.begin("installer") as transaction:
        for text in (
            (
                "insert into tickwork.trigger (namespace, key, clock_kind, clock_params, since_at, handler, created_at,"
                " changed_at) values ('default', 'kept', 'every', '{\"period\":60000000}', 0, 'work', 0, 0)"
            ),
            "insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger",
            (
                "insert into tickwork.task (namespace, available_at, handler, asked_at, created_at)"
                " values ('default', 0, 'work', 0, 0)"
            ),
        ):
            transaction.connection.execute(turn(text))


def test_two_who_upgrade_at_once_take_turns(database_url):
    taken, stores = [], [open_store(database_url) for _ in range(4)]
    threads = [threading.Thread(target=lambda each=each: taken.extend(each.migrate())) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == sorted(f"{step.number:04d}_{step.name}" for step in migrate.steps(stores[0].dialect))
    for each in stores:
        each.check_schema()
        each.close()


def test_tables_newer_than_the_program_are_refused_by_name(store):
    with store.begin("installer") as transaction:
        transaction.run("record_step", number=9999, name="from the future")
    with pytest.raises(SchemaMismatch, match=r"9999.*upgrade tickwork"):
        store.check_schema()


def test_tables_older_than_the_program_name_the_command(database_url):
    store = open_store(database_url)
    store.migrate(to=1)
    with pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
        store.check_schema()
    app = Tickwork(database_url)
    with pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
        app.trigger("k", clocks.Every(60), PutTask("work"), unchecked=True)
    app.close()
    store.close()


def test_the_script_for_people_who_migrate_by_hand_is_the_same_steps(database_url):
    store = open_store(database_url, schema="mine")
    script = migrate.script(store.dialect)
    assert "tickwork." not in script.replace("'tickwork.", "")
    assert all(f"step {step.number:04d} {step.name}" in script for step in migrate.steps(store.dialect))
    store.close()
