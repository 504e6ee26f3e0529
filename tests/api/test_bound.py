"""Bounded queues: producers are refused or wait, by choice; a lent transaction never waits."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.engine.tasks.test_worker import until
from tests.support.processes import run as run_child
from tickwork import Tickwork
from tickwork.errors import InvalidInput, QueueFull


@pytest.fixture
def app(database: str) -> Iterator[Tickwork]:
    made = Tickwork(database)
    made.handler("note")(lambda: None)
    yield made
    made.close()


def depth(app: Tickwork) -> int:
    return len(app.tasks.list(queue="small", limit=100_000))


def test_it_refuses_what_there_is_no_room_for(app: Tickwork) -> None:
    app.bound("small", at_most=3)
    note = app.handlers["note"].task()
    for _ in range(3):
        app.put(note, queue="small")
    with pytest.raises(QueueFull, match="has 3 unfinished tasks, and 3 are allowed"):
        app.put(note, queue="small")
    with pytest.raises(QueueFull):
        app.tasks.put_many([note, note], queue="small")
    assert depth(app) == 3
    app.put(note)  # another queue
    app.tasks.cancel(app.tasks.list(queue="small", limit=1)[0].id)
    app.put(note, queue="small")
    assert depth(app) == 3


def test_not_every_put_looks_while_there_is_room(app: Tickwork) -> None:
    app.bound("small", at_most=1_000)
    said: list[str] = []
    app.store.dialect.on_statement = said.append
    for _ in range(100):
        app.put(app.handlers["note"].task(), queue="small")
    assert said.count("queue_depth") < 20


def test_a_producer_waits_until_there_is_room(app: Tickwork) -> None:
    app.bound("small", at_most=2, when_full="wait", within=60)
    note = app.handlers["note"].task()
    first = [app.put(note, queue="small").id for _ in range(2)]
    waiting = threading.Thread(target=lambda: app.put(note, queue="small"))
    waiting.start()
    other = Tickwork(app.settings.database)
    assert waiting.is_alive()
    other.tasks.cancel(first[0])
    waiting.join(30)
    assert not waiting.is_alive()
    until(lambda: depth(app) == 2)
    other.close()


def test_nobody_waits_for_ever(app: Tickwork) -> None:
    app.bound("small", at_most=1, when_full="wait", within=0.2)
    app.put(app.handlers["note"].task(), queue="small")
    with pytest.raises(QueueFull, match="stayed so"):
        app.put(app.handlers["note"].task(), queue="small")


@pytest.mark.stores("sqlite")
def test_in_a_lent_transaction_nobody_waits(app: Tickwork) -> None:
    app.bound("small", at_most=1, when_full="wait", within=60)
    app.put(app.handlers["note"].task(), queue="small")
    connection = sqlite3.connect(urlsplit(app.settings.database).path, isolation_level=None)
    connection.execute("begin immediate")
    with pytest.raises(QueueFull):
        app.on(connection).put(app.handlers["note"].task(), queue="small")
    connection.execute("rollback")
    connection.close()


PRODUCER = """
import sys
from tickwork import Tickwork
from tickwork.errors import QueueFull
app = Tickwork(sys.argv[1])
app.handler("note")(lambda: None)
app.bound("small", at_most=50)
put = 0
try:
    while put < 1000:
        app.put(app.handlers["note"].task(), queue="small")
        put += 1
except QueueFull:
    pass
print("put", put)
"""


@pytest.mark.long
@pytest.mark.stores("sqlite", "postgresql-18")
def test_two_processes_share_a_bound_softly(app: Tickwork, database: str) -> None:
    said: list[Any] = []
    threads = [threading.Thread(target=lambda: said.append(run_child("-c", PRODUCER, database))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    put = sum(int(text.split()[-1]) for code, text in said if code == 0)
    assert len(said) == 2
    assert put == depth(app)
    assert 50 <= put <= 100  # each may believe in half of the room that it saw


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize(("field", "wrong"), [("at_most", 0), ("when_full", "panic"), ("within", -1)])
def test_what_cannot_be_is_refused(app: Tickwork, field: str, wrong: Any) -> None:
    with pytest.raises(InvalidInput, match=field):
        app.bound("small", **{"at_most": 1, field: wrong})
