"""Rows of jobs on every store: appends that compare and swap, logs that only grow, and controllers side by side."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.jobs.yard import FIVE_MINUTES, Yard
from tickwork.clocks import Every
from tickwork.errors import StateConflict, StatementRefused, StoreError, WrongWriter
from tickwork.model.job_log import fold_all
from tickwork.store import jobs
from tickwork.store.ear import Halt
from tickwork.store.jobs import Word
from tickwork.store.open import open_store


@pytest.fixture
def yard(store):
    return Yard(store)


def test_an_append_with_an_old_number_changes_nothing(yard):
    """S3-56: of two writers that read the same row one appends, the other is told; no row changes."""
    yard.declare()
    stale = yard.row()
    yard.start()
    before = yard.log()
    with pytest.raises(StateConflict), yard.store.begin("application") as transaction:
        transaction.perform(jobs.append(yard.scope, stale, [Word("scheduled")], role="application", lease=None))
    assert yard.log() == before
    assert yard.row().seq == 2


def test_an_event_that_cannot_follow_is_refused_before_anything_is_written(yard):
    """S3-56."""
    yard.declare()
    counted = yard.count()
    with pytest.raises(StateConflict) as refused, yard.store.begin("worker") as transaction:
        row = jobs.lock(transaction, [yard.id()])[yard.id()]
        transaction.perform(jobs.append(yard.scope, row, [Word("running")], role="worker", lease=None))
    assert (refused.value.expected, refused.value.actual) == (("scheduled",), "completed")
    assert counted["append_to_job"] == 0


def test_each_role_appends_its_own_kinds(yard):
    """A controller does not run, a worker does not configure: refused before anything is written."""
    yard.declare()
    for role, kind in (("controller", "stop requested"), ("worker", "scheduled"), ("application", "running")):
        with pytest.raises(WrongWriter), yard.store.begin(role) as transaction:
            row = jobs.lock(transaction, [yard.id()])[yard.id()]
            transaction.perform(jobs.append(yard.scope, row, [Word(kind)], role=role, lease=None))


def test_the_key_stands_behind_the_row(yard):
    """Two events of one number do not exist, whoever writes."""
    yard.declare()
    values = {"id": yard.id(), "seq": 1, "kind": "configured", "at": 0, "writer": "application", "detail": "{}"}
    with pytest.raises(StatementRefused), yard.store.begin("application") as transaction:
        transaction.run("log_job_event", **values, descriptor=None)


def test_a_log_only_grows(store):
    """S3-57: no statement changes an event, and one removes a log, together with its job."""
    book = [
        statement
        for statement in store.dialect.book.statements()
        if statement.writes and re.search(r"tickwork[._]job_event", statement.text)
    ]
    changing = {each.name for each in book if re.search(r"(update|delete from) tickwork[._]job_event", each.text)}
    assert changing == {"remove_job_log"}
    assert {each.name for each in book} == {"append_to_job", "log_job_event", "remove_job_log"} - (
        {"append_to_job"} if store.dialect.name == "sqlite" else set()
    )


def test_an_append_is_one_statement_where_the_store_chains(yard):
    """On PostgreSQL row, events and wake-up are one statement; on SQLite the events follow."""
    yard.declare()
    counted = yard.count()
    yard.start()
    assert counted["append_to_job"] == 1
    assert counted["log_job_event"] == (0 if yard.store.dialect.chains_writes else 1)


def test_the_descriptor_travels_with_the_events(yard):
    """S3-59: scheduled events carry the descriptor; the newest event that carries one has the latest."""
    yard.declare()
    yard.start()
    yard.declare(clock=Every(7))
    carried = [event.descriptor for event in yard.log() if event.descriptor is not None]
    assert len(carried) == 3
    assert carried[-1] == yard.row().descriptor != carried[0]


def test_undone_with_its_transaction(yard):
    """Written with your data: a declaration that is rolled back leaves nothing."""
    from tickwork.model.job import Descriptor
    from tickwork.store import job_orders

    with pytest.raises(StoreError, match="undo"), yard.store.begin("application") as transaction:
        transaction.perform(job_orders.declare(yard.scope, "job", Descriptor("job", FIVE_MINUTES)))
        raise StoreError("undo")
    assert yard.status() == "gone"


def test_a_wake_up_names_the_job(store):
    """On PostgreSQL the commit says ``job:ID:SEQ``; on SQLite the file says that something changed."""
    heard, listening, done = [], threading.Event(), threading.Event()
    yard = Yard(store)
    yard.scope = yard.scope.of(store.dialect, "default", wake=True)

    def hear(hint):
        heard.append(hint)
        listening.set()
        if len(heard) >= 2:
            done.set()

    with Halt() as halt:
        thread = threading.Thread(target=store.dialect.ear().listen, args=(hear, halt))
        thread.start()
        assert listening.wait(20)
        put = yard.declare()
        assert done.wait(20)
        halt.ask()
        thread.join(20)
    assert heard[1] == (f"job:{put.id}:1" if store.dialect.locks_rows else "")


@pytest.mark.parametrize("controllers", [3])
def test_controllers_side_by_side(database, controllers):
    """S3-71, T-077: at the same moments, in threads and on connections of their own; each fire once, no overlap."""
    stores = [open_store(database) for _ in range(controllers + 1)]
    yard = Yard(stores[0])
    for number in range(12):
        yard.declare(f"job-{number:02}", Every(60 * (1 + number % 3)))
    for store in stores:
        store.watch = yard.watch
    running = [yard.another() for _ in range(controllers)]
    for controller, store in zip(running, stores[1:], strict=True):
        controller.store = store

    def turn(controller):
        controller.hear("")
        controller.run_due(yard.watch.now())

    with ThreadPoolExecutor(controllers) as pool:
        for _ in range(12):
            yard.later(60)
            list(pool.map(turn, running))
            for run in yard.take(20):
                from tickwork.model.job_run import completed

                yard.work.settle(run, completed())
    fires = 0
    for number in range(12):
        nominals = yard.nominals(f"job-{number:02}")
        assert nominals == sorted(set(nominals))
        assert len(nominals) == 12 // (1 + number % 3)
        fires += len(nominals)
        row = yard.row(f"job-{number:02}")
        assert fold_all(event.entry for event in yard.log(row.name)) == row.state
    assert sum(controller.counts.fires for controller in running) == fires
    assert sum(controller.counts.errors for controller in running) == 0
    for store in stores:
        store.close()
