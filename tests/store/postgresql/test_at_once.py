"""A statement that is its own transaction: one round trip, as isolated as any other, and never run twice."""

from typing import Any

import psycopg
import pytest

from tickwork import Tickwork
from tickwork.errors import WrongWriter

pytestmark = pytest.mark.stores("postgresql")


@pytest.fixture
def app(database: str) -> Any:
    with Tickwork(database) as app:

        @app.handler("mail.send")
        def send(to: str) -> None: ...

        app.put(send.task(to="first"))  # connected, and the tables are known to be there
        yield app


def counted(app: Tickwork) -> list[str]:
    statements: list[str] = []
    app.store.dialect.on_statement = statements.append
    return statements


def test_a_put_is_one_round_trip(app: Tickwork) -> None:
    statements = counted(app)
    assert app.put(app.handlers["mail.send"].task(to="ada")).did == "put"
    assert statements == ["put_task"]


def test_many_alike_are_one_round_trip(app: Tickwork) -> None:
    statements = counted(app)
    assert app.tasks.put_many([app.handlers["mail.send"].task(to="ada")] * 3).put == 3
    assert statements == ["put_alike"]


def test_a_key_that_is_taken_goes_on_in_a_transaction(app: Tickwork) -> None:
    first = app.put(app.handlers["mail.send"].task(to="ada"), key="ada", delay=60)
    statements = counted(app)
    again = app.put(app.handlers["mail.send"].task(to="ada"), key="ada")
    assert (again.id, again.did) == (first.id, "edited")
    assert statements == ["put_task", "begin", "hold_task_of_key", "hasten_task", "commit"]


def test_what_asks_before_it_writes_is_a_transaction(app: Tickwork) -> None:
    app.bound("mail", at_most=5)
    statements = counted(app)
    app.put(app.handlers["mail.send"].task(to="ada"), queue="mail")
    assert (statements[0], statements[-1]) == ("begin", "commit")


def test_a_connection_that_was_hung_up_is_replaced_and_nothing_is_put_twice(app: Tickwork, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as other:
        ended = other.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchall()
    assert ended and all(gone for (gone,) in ended)
    statements = counted(app)
    assert app.put(app.handlers["mail.send"].task(to="ada")).did == "put"
    assert statements == ["put_task"]
    assert len(app.tasks.list()) == 2


def test_what_only_reads_begins_nothing_and_writes_nothing(app: Tickwork) -> None:
    statements = counted(app)
    with app.store.begin("worker", reading=True) as transaction:
        assert transaction.all("standing_limits") == []
        with pytest.raises(WrongWriter, match="begun to read"):
            transaction.all("hold_task", id=1)
    assert "begin" not in statements and "commit" not in statements


def test_it_is_read_committed_whatever_the_database_says(app: Tickwork, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as other:
        name = other.info.dbname
        other.execute(f'alter database "{name}" set default_transaction_isolation = serializable')
    with Tickwork(database) as fresh:
        fresh.store.check_schema()
        with fresh.store.begin("application") as transaction:
            shown = transaction.connection.execute("show default_transaction_isolation").fetchone()  # type: ignore[attr-defined]
    assert shown == ("read committed",)
