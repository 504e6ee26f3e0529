"""What users have made of their connections must neither hurt a verb nor be changed by it."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from tickwork import Tickwork
from tickwork.clocks import Every
from tickwork.errors import InvalidInput, ReadOnlyStore, SchemaMismatch, StoreUnavailable, WrongDatabase
from tickwork.model.action import PutTask

WORK = PutTask("work")


def path_of(url):
    return url.removeprefix("sqlite:///")


@pytest.fixture
def app(database):
    with Tickwork(database) as app:
        yield app


def put(on, key="k"):
    return on.trigger(key, Every(60), WORK, unchecked=True)


@pytest.mark.stores("sqlite")
def test_sqlite3_with_its_default_opens_a_transaction_that_the_user_commits(app, database):
    connection = sqlite3.connect(path_of(database))
    put(app.on(connection))
    assert connection.in_transaction
    assert app.triggers.list() == []
    connection.rollback()
    assert app.triggers.list() == []
    put(app.on(connection))
    connection.commit()
    assert [each.key for each in app.triggers.list()] == ["k"]
    connection.close()


@pytest.mark.stores("sqlite")
def test_row_factories_are_left_alone(app, database):
    connection = sqlite3.connect(path_of(database))
    connection.row_factory = sqlite3.Row
    assert put(app.on(connection)).did == "created"
    assert app.on(connection).triggers.get("k").key == "k"
    assert connection.row_factory is sqlite3.Row
    connection.close()


@pytest.mark.stores("sqlite")
def test_a_file_is_the_same_whatever_it_is_called(app, database, tmp_path):
    link = tmp_path / "another name.db"
    link.hardlink_to(path_of(database))
    symlink = tmp_path / "symlink.db"
    symlink.symlink_to(path_of(database))
    connection = sqlite3.connect(symlink)
    assert put(app.on(connection)).did == "created"
    connection.close()


@pytest.mark.stores("sqlite")
def test_a_database_in_memory_is_nobody_elses(database):
    with Tickwork("sqlite://") as app:
        app.migrate()
        other = sqlite3.connect(":memory:")
        with pytest.raises(WrongDatabase, match="memory"):
            put(app.on(other))
        other.close()


@pytest.mark.stores("sqlite")
def test_another_writer_is_waited_for_as_long_as_the_user_waits(app, database):
    """A transaction that is begun by the verb begins as a writer: it waits, and says so when it waited in vain."""
    holder = sqlite3.connect(path_of(database), isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    lent = sqlite3.connect(path_of(database), timeout=0.01)
    with pytest.raises(StoreUnavailable, match="busy time-out"):
        put(app.on(lent))
    patient = sqlite3.connect(path_of(database), timeout=30)
    release = threading.Timer(0.05, lambda: holder.execute("commit"))
    release.start()
    assert put(app.on(patient)).did == "created"
    release.join()
    for connection in (holder, lent, patient):
        connection.close()


@pytest.mark.stores("sqlite")
def test_a_read_only_connection_is_named_as_such(app, database):
    connection = sqlite3.connect(f"file:{path_of(database)}?mode=ro", uri=True)
    with pytest.raises(ReadOnlyStore):
        put(app.on(connection))
    connection.close()


@pytest.mark.stores("sqlite")
def test_tables_that_are_missing_are_named_with_the_command(database_url):
    connection = sqlite3.connect(path_of(database_url))
    connection.execute("create table mine (id integer)")
    with Tickwork(database_url) as app, pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
        put(app.on(connection))
    connection.close()


@pytest.mark.stores("sqlite")
def test_an_open_writer_on_a_file_without_tables_is_answered_at_once(database_url):
    """No connection of our own is opened beside a lent one that holds the only write lock."""
    connection = sqlite3.connect(path_of(database_url), isolation_level=None)
    connection.execute("begin immediate")
    connection.execute("create table mine (id integer)")
    with Tickwork(database_url) as app, pytest.raises(SchemaMismatch):
        put(app.on(connection))
    connection.execute("commit")
    connection.close()


@pytest.mark.stores("postgresql")
def test_psycopg_row_and_cursor_factories_are_left_alone(app, database):
    import psycopg
    from psycopg.rows import dict_row

    with psycopg.connect(database, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as connection:
        assert put(app.on(connection)).did == "created"
        assert connection.execute("select 1 as one where $1", [True]).fetchone() == {"one": 1}


@pytest.mark.stores("postgresql")
def test_a_nested_psycopg_transaction_is_undone_alone(app, database):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection, connection.transaction():
        put(app.on(connection), "kept")
        with pytest.raises(ZeroDivisionError), connection.transaction():
            put(app.on(connection), "undone")
            raise ZeroDivisionError
    assert [each.key for each in app.triggers.list()] == ["kept"]


@pytest.mark.stores("postgresql")
def test_a_connection_from_a_pool_of_asyncpg(app, database):
    import asyncio

    import asyncpg

    async def tale():
        async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool, pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await put(app.on(connection), "undone")
            await transaction.rollback()
            async with connection.transaction():
                await put(app.on(connection), "kept")

    asyncio.run(tale())
    assert [each.key for each in app.triggers.list()] == ["kept"]


@pytest.mark.stores("postgresql")
def test_a_wake_up_travels_with_the_commit_and_not_before(app, database):
    import psycopg

    with (
        psycopg.connect(database, autocommit=True) as ear,
        psycopg.connect(database) as connection,
    ):
        ear.execute("listen tickwork_tickwork")
        put(app.on(connection))
        app.on(connection).put(WORK, unchecked=True)
        assert list(ear.notifies(timeout=0)) == []
        connection.commit()
        heard = [notice.payload for notice in ear.notifies(timeout=10, stop_after=2)]
        assert sorted(heard) == ["task", "trigger"]


@pytest.mark.stores("postgresql")
def test_f18_without_wake_ups_a_transaction_can_be_prepared(database):
    """F18: NOTIFY makes ``prepare transaction`` fail, so it can be switched off; polling stands behind it."""
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        if connection.execute("show max_prepared_transactions").fetchone() == ("0",):
            pytest.skip("this server takes no prepared transactions")
        name = f"two-{database.rpartition('/')[2]}"
        connection.execute("begin")
        with Tickwork(database, wake="none") as app:
            put(app.on(connection))
        connection.execute(f"prepare transaction '{name}'")
        connection.execute(f"commit prepared '{name}'")
        connection.execute("begin")
        with Tickwork(database) as app:
            put(app.on(connection), "notified")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="NOTIFY"):
            connection.execute(f"prepare transaction '{name}'")
        connection.execute("rollback")


@pytest.mark.parametrize("thing", [None, 7, object(), [], threading.Lock()], ids=lambda thing: type(thing).__name__)
@pytest.mark.stores("sqlite")
def test_anything_else_is_refused_with_the_list_of_what_may_be_lent(app, thing):
    with pytest.raises(InvalidInput, match="SQLAlchemy Session"):
        app.on(thing)


@pytest.mark.stores("postgresql")
def test_another_kind_of_database_is_told_apart(app, tmp_path):
    connection = sqlite3.connect(tmp_path / "mine.db")
    with pytest.raises(WrongDatabase, match="leads to sqlite"):
        put(app.on(connection))
    connection.close()


@pytest.mark.stores("sqlite")
def test_nothing_is_imported_before_such_an_object_arrives():
    from tests.support.processes import run

    code, said = run(
        "-c",
        "import sys, sqlite3; from tickwork import Tickwork, clocks; from tickwork.model.action import PutTask; "
        "app = Tickwork('sqlite://'); app.migrate(); app.on(sqlite3.connect(':memory:')); "
        "app.put(PutTask('work'), unchecked=True); "
        "print([name for name in ('sqlalchemy', 'django', 'psycopg', 'asyncpg', 'aiosqlite') if name in sys.modules])",
    )
    assert (code, said.strip()) == (0, "[]")
