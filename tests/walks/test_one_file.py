"""One SQLite file, many processes: a web application, the trigger daemon and four workers under mixed load.

Nobody sees "database is locked", nothing is lost, every effect of a transactional handler is there once. The application
writes its own table and puts tasks in one transaction, moves triggers, reads; the daemon fires every second; workers run
plain, failing, transactional and batch handlers.
"""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.engine.tasks.test_worker import until
from tests.support.processes import child
from tickwork import Tickwork, clocks

APP = """
import sys, sqlite3, threading
from tickwork import Backpressure, Batch, Snooze, Tickwork, clocks

app = Tickwork(sys.argv[1])

@app.handler("pay", attempts=50, backoff=lambda attempt, error: 0.05)
def pay(task, transaction, order: int):
    transaction.execute("insert into paid (order_id) values (?)", (order,))
    if task.attempt == 1 and order % 10 == 0:
        raise ValueError("the card was declined, once")
    app.on(transaction).put(receipt.task(order=order))

@app.handler("receipt", batch=50)
def receipt(batch: Batch) -> None:
    pass

@app.handler("tick")
def tick(task):
    pass
"""
WORKER = (
    APP
    + """
with app.process(daemon=False, concurrency=4):
    print("up", flush=True)
    sys.stdin.readline()
print("stopped", flush=True)
"""
)
DAEMON = (
    APP
    + """
with app.process(worker=False):
    print("up", flush=True)
    sys.stdin.readline()
print("stopped", flush=True)
"""
)
#: The web application: threads that serve "requests", each with a connection of its own, as frameworks have them.
WEB = (
    APP
    + """
path = sys.argv[2]
stop, said = threading.Event(), threading.Lock()
errors = []

def serve(number):
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    order = number
    try:
        while not stop.is_set():
            order += 4
            connection.execute("begin immediate")
            connection.execute("insert into orders (id) values (?)", (order,))
            app.on(connection).put(pay.task(order=order))
            app.on(connection).trigger(f"remind/{order % 20}", clocks.Every(1 + order % 5), tick.task())
            connection.execute("commit")
            connection.execute("select count(*) from orders").fetchone()
            stop.wait(0.005)
    except Exception as error:
        with said:
            errors.append(repr(error))

threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
print("up", flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print("errors", errors, flush=True)
"""
)


def ordered(path: str) -> int:
    connection = sqlite3.connect(path, timeout=30)
    try:
        return int(connection.execute("select count(*) from orders").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.long
@pytest.mark.stores("sqlite")
def test_a_web_application_a_daemon_and_four_workers(database: str, tell: Callable[[str], None]) -> None:
    """Issue 5: as processes on one SQLite file under mixed load: no "database is locked", nothing lost."""
    path = urlsplit(database).path
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (id integer primary key)")
        connection.execute("create table paid (order_id integer)")
    connection.close()
    app = Tickwork(database)
    app.handler("tick")(lambda task: None)
    app.trigger("every second", clocks.Every(timedelta(seconds=1)), app.handlers["tick"].task())
    with ExitStack() as stack:
        workers = [stack.enter_context(child("-c", WORKER, database)) for _ in range(4)]
        daemon = stack.enter_context(child("-c", DAEMON, database))
        web = stack.enter_context(child("-c", WEB, database, path))
        for each in (*workers, daemon, web):
            each.line("up")
        until(lambda: ordered(path) > 500)
        workers[0].send(signal.SIGKILL)
        workers[0].wait()
        with child("-c", WORKER, database) as successor:
            successor.line("up")
            before = ordered(path)
            until(lambda: ordered(path) > before + 150)
            web.tell("stop")
            assert web.line("errors") == "errors []"
            for number in range(20):
                app.triggers.cancel(f"remind/{number}")
            app.triggers.cancel("every second")
            until(lambda: not app.tasks.list(handler="pay", limit=1) and not app.tasks.list(handler="receipt", limit=1))
            for each in (daemon, *workers[1:], successor):
                each.tell("stop")
                each.line("stopped")
            said = "\n".join(each.said for each in (*workers, successor, daemon, web))
    assert "locked" not in said, said
    orders = ordered(path)
    with sqlite3.connect(path) as connection:
        paid = connection.execute("select count(*), count(distinct order_id) from paid").fetchone()
    connection.close()
    counts = app.counts()
    archived = {
        handler: len(app.tasks.list_archived(handler=handler, outcome="done", limit=1_000_000))
        for handler in ("pay", "receipt")
    }
    app.close()
    assert paid == (orders, orders)
    assert archived == {"pay": orders, "receipt": orders}
    assert set(counts.archive) == {"done"}
    tell(
        f"one SQLite file, a web application, a daemon and four workers, one killed: {orders} orders, {counts.archive}"
    )
