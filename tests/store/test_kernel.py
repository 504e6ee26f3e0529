"""The kernel of the store: migrations, roles, transactions, on every store."""

import pytest

from tickwork.errors import SchemaMismatch, StatementRefused, StoreError, WrongWriter
from tickwork.store.open import open_store


def test_a_second_upgrade_takes_no_step(store):
    assert store.migrate() == []
    store.check_schema()


def test_a_database_without_tables_is_refused_and_the_command_named(database_url):
    store = open_store(database_url)
    with pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
        store.check_schema()
    store.close()


def test_a_role_may_run_only_its_own_statements(store):
    with pytest.raises(WrongWriter, match="installer"), store.begin("worker") as transaction:
        transaction.run("record_step", number=99, name="x")


def test_an_error_rolls_back_and_is_translated(store):
    with pytest.raises(StatementRefused), store.begin("installer") as transaction:
        transaction.run("record_step", number=98, name="kept?")
        transaction.run("record_step", number=98, name="twice")
    with store.read() as transaction:
        assert (98,) not in transaction.all("steps_taken")


def test_a_savepoint_undoes_its_inside_only(store):
    with store.begin("installer") as transaction:
        transaction.run("record_step", number=98, name="kept")
        with pytest.raises(StoreError), transaction.savepoint(), store.dialect.translated():
            transaction.run("record_step", number=98, name="twice")
    with store.read() as transaction:
        assert (98,) in transaction.all("steps_taken")


def test_tables_of_another_schema_or_prefix_live_beside(database_url):
    stores = [open_store(database_url, schema=name) for name in ("one", "two")]
    for each in stores:
        assert each.migrate()[:2] == ["0001_heart", "0002_jobs"]
    for each in stores:
        each.check_schema()
        each.close()
