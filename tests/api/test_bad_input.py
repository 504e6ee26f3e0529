"""The bad-input list: each is refused where it is given, with field, value and what is allowed, and nothing is written.

One table for the library and one for the command line, on every store.
"""

from __future__ import annotations

import shlex
import sqlite3
import threading
from datetime import date, datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from tickwork import Tickwork, clocks
from tickwork.cli.main import run
from tickwork.engine.loop import Runner
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import (
    ConfigurationError,
    InvalidClock,
    InvalidInput,
    InvalidPayload,
    NotFound,
    ReadOnlyStore,
    StatementRefused,
    StoreUnavailable,
    UnknownHandler,
)
from tickwork.model.action import PutTask
from tickwork.watch import SystemWatch

WORK = PutTask("work")
SOON = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def app(database):
    app = Tickwork(database)

    @app.handler("work")
    def work(number: int = 0) -> None: ...

    yield app
    app.close()


def trigger(clock=None, action=WORK, key="k", **terms):
    return lambda app: app.trigger(key, clock if clock is not None else clocks.Every(60), action, **terms)


def put(action=WORK, **treatment):
    return lambda app: app.put(action, **treatment)


def registered(**settings):
    return lambda app: app.handler("other", **settings)(lambda: None)


LIBRARY = {
    "clock that never fires": (lambda app: clocks.Cron("0 0 30 2 *"), InvalidClock, "never fires"),
    "clock that has ended": (
        trigger(clocks.Every(60).until(datetime(2020, 1, 1, tzinfo=timezone.utc))),
        InvalidClock,
        "",
    ),
    "naive instant": (lambda app: clocks.Once(datetime(2030, 1, 1)), InvalidInput, "time zone"),
    "a date is no instant": (lambda app: clocks.Once(date(2030, 1, 1)), InvalidInput, ""),
    "instant beyond the year 9999": (lambda app: clocks.Once(2**62), InvalidInput, "9999"),
    "instant before the year 1": (lambda app: clocks.Once(-(2**62)), InvalidInput, "years 1"),
    "period of nothing": (lambda app: clocks.Every(0), InvalidInput, "period"),
    "period that is no number": (lambda app: clocks.Every(float("nan")), InvalidInput, "period"),
    "period as text": (lambda app: clocks.Every("60"), InvalidInput, "period"),
    "unknown zone": (lambda app: clocks.Daily("09:00", "Europe/Berln"), InvalidClock, "Europe/Berlin"),
    "hour 25": (lambda app: clocks.Daily("25:00"), InvalidInput, "25:00"),
    "empty key": (trigger(key=""), InvalidInput, "key"),
    "key of 501 characters": (trigger(key="k" * 501), InvalidInput, "500"),
    "key with NUL": (trigger(key="a\0b"), InvalidInput, "NUL"),
    "key with a lone surrogate": (trigger(key="\ud800"), InvalidInput, "surrogate"),
    "key that is no text": (trigger(key=7), InvalidInput, "key"),
    "unknown handler": (trigger(action=PutTask("nobody")), UnknownHandler, "nobody"),
    "payload of another type": (put(PutTask("work", '{"number":"seven"}')), InvalidPayload, "number"),
    "payload with an unknown name": (put(PutTask("work", '{"colour":1}')), InvalidPayload, "colour"),
    "payload that is no object": (lambda app: PutTask("work", "[1]"), InvalidPayload, "object"),
    "payload that is no JSON": (lambda app: PutTask("work", "{"), InvalidPayload, "JSON"),
    "payload over 1 MB": (lambda app: PutTask("work", '{"a":"' + "x" * 1_000_000 + '"}'), InvalidPayload, "1,000,000"),
    "priority 0": (put(priority=0), InvalidInput, "priority"),
    "priority 10000": (put(priority=10_000), InvalidInput, "9999"),
    "attempts 0": (put(attempts=0), InvalidInput, "attempts"),
    "negative delay": (put(delay=-1), InvalidInput, "delay"),
    "delay of eleven centuries": (put(delay=timedelta(days=400_000)), InvalidInput, "1,000 years"),
    "at and delay": (put(at=SOON, delay=1), InvalidInput, "not both"),
    "naive expiry": (put(expires_at=datetime(2030, 1, 1)), InvalidInput, "expires_at"),
    "misfire that is unknown": (trigger(misfire="sometimes"), InvalidInput, "misfire"),
    "negative grace": (trigger(grace=-1), InvalidInput, "grace"),
    "no firings at all": (trigger(max_firings=0), InvalidInput, "max_firings"),
    "tags as one text": (trigger(tags="urgent"), InvalidInput, "tags"),
    "a lookup with a lone surrogate": (lambda app: app.triggers.get("\ud800"), StatementRefused, "surrogates"),
    "a trigger that is not there": (lambda app: app.triggers.cancel("nobody"), NotFound, "nobody"),
    "something that cannot be lent": (lambda app: app.on(object()), InvalidInput, ""),
    "tags that are no list": (put(tags=7), InvalidInput, "tags"),
    "queues as one text": (lambda app: app.process(queues="mail"), InvalidInput, "queues"),
    "queues that are no list": (lambda app: app.process(queues=7), InvalidInput, "queues"),
    "negative ageing": (lambda app: app.process(ageing=-1), InvalidInput, "ageing"),
    "ageing beyond all time": (lambda app: app.process(ageing=10**30), InvalidInput, "ageing"),
    "negative lag of a replica": (lambda app: app.process(replica_lag=-1), InvalidInput, "replica_lag"),
    "ids that are no list": (lambda app: app.tasks.where(ids=7), InvalidInput, "ids"),
    "ids as one text": (lambda app: app.tasks.where(ids="7"), InvalidInput, "ids"),
    "a list by a handler that is no text": (lambda app: app.tasks.list(handler=7), InvalidInput, "handler"),
    "a list by a trigger with NUL": (lambda app: app.tasks.list_archived(trigger="a\0b"), InvalidInput, "trigger"),
    "a task of an id that cannot be": (lambda app: app.tasks.get(10**30), NotFound, "no task"),
    "a task of a key that cannot be": (lambda app: app.tasks.get("\ud800"), NotFound, "no task"),
    "a run of what cannot be": (lambda app: app.run_tasks(-(10**30)), NotFound, "no task"),
    "a version that is no number": (registered(version="2"), InvalidInput, "version"),
    "a version of nothing": (registered(version=0), InvalidInput, "version"),
    "an upgrade that is no function": (registered(upgrade={}), ConfigurationError, "upgrade"),
    "a lease for ever": (registered(lease=10**30), ConfigurationError, "lease"),
    "a result that is maybe kept": (registered(keep_result="no"), ConfigurationError, "keep_result"),
    "handler twice": (lambda app: app.handler("work")(lambda: None), ConfigurationError, "work"),
}


@pytest.mark.parametrize("given", LIBRARY, ids=str)
def test_the_library_refuses(app, given):
    verb, error, names = LIBRARY[given]
    with pytest.raises(error) as caught:
        verb(app)
    assert names in str(caught.value)
    if not isinstance(caught.value, (NotFound, UnknownHandler, StatementRefused)):
        assert isinstance(caught.value, ValueError)
    assert app.triggers.list() == []
    assert app.tasks.list() == []


@pytest.mark.parametrize("name", [10**30, -(10**30), 0, -1, "", "a\0b", "\ud800", "x" * 10_000])
def test_what_cannot_be_a_task_is_unknown_to_every_verb(app, name):
    verbs = app.tasks.cancel, app.tasks.free, lambda task: app.tasks.edit(task, priority=7)
    assert [verb(name).did for verb in verbs] == ["unknown"] * 3


COMMANDS = {
    "clock that never fires": ("trigger put k --cron '0 0 30 2 *' --handler work --unchecked", 2, "never fires"),
    "no clock": ("trigger put k --handler work --unchecked", 2, "exactly one of"),
    "two clocks": ("trigger put k --every 5m --daily 09:00 --handler work --unchecked", 2, "exactly one of"),
    "field out of range": ("trigger put k --cron '61 * * * *' --handler work --unchecked", 2, "minute"),
    "no offset": ("trigger put k --at 2030-01-01T00:00:00 --handler work --unchecked", 2, "2030-01-01T00:00:00"),
    "leap second T-148": ("trigger put k --at 2016-12-31T23:59:60Z --handler work --unchecked", 2, "23:59:60"),
    "unknown zone": ("trigger put k --daily 09:00 --zone Mars/Base --handler work --unchecked", 2, "Mars/Base"),
    "payload no JSON": ("trigger put k --every 5m --handler work --payload '{' --unchecked", 2, "JSON"),
    "unknown handler": ("trigger put k --every 5m --handler nobody", 3, "nobody"),
    "priority 0": ("task put work --priority 0 --unchecked", 2, "priority"),
    "at and delay": ("task put work --at 2030-01-01T00:00:00Z --delay 5m --unchecked", 2, ""),
    "no such trigger": ("trigger show nobody", 3, "nobody"),
    "a task of an id that cannot be": ("task show 99999999999999999999999", 3, "no task"),
    "no such task to awaken": ("task awaken nobody", 3, "nobody"),
    "no such task": ("task show 999", 3, "999"),
    "empty key": ("trigger put '' --every 5m --handler work --unchecked", 2, "key"),
    "key of 501 characters": (f"trigger put {'k' * 501} --every 5m --handler work --unchecked", 2, "500"),
    "key that is not UTF-8": ("trigger put \udcff --every 5m --handler work --unchecked", 2, "UTF-8"),
    "lookup that is not UTF-8": ("trigger show \udcff", 2, "UTF-8"),
    "lookup with NUL": ("trigger cancel a\0b", 2, "NUL"),
    "file name with NUL": ("trigger import a\0b", 2, "NUL"),
    "instant beyond the year 9999": ("trigger put k --at 10000-01-01T00:00:00Z --handler work --unchecked", 2, "10000"),
    "duration of 10,000 years": ("task put work --delay 3650000d --unchecked", 2, "delay"),
    "payload over 1 MB": (
        ["task", "put", "work", "--unchecked", "--payload", f'{{"a": "{"x" * 1_000_000}"}}'],
        2,
        "1,000,000",
    ),
    "several that are not there": ("trigger cancel nobody nowhere", 3, "nowhere"),
    "unknown verb": ("trigger explode", 2, "explode"),
}


@pytest.mark.parametrize("given", COMMANDS, ids=str)
def test_the_command_line_refuses(database, capsys, monkeypatch, given):
    words, code, names = COMMANDS[given]
    monkeypatch.setenv("TICKWORK_DATABASE", database)
    assert run(shlex.split(words) if isinstance(words, str) else words) == code
    said = capsys.readouterr()
    assert names in said.err
    assert "Traceback" not in said.err
    assert len(said.err) < 2_000
    assert run(["trigger", "list", "--json"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verb", ["trigger cancel", "trigger pause", "task cancel"])
def test_a_database_that_is_down_is_busy_for_each_name(capsys, tmp_path, verb):
    (tmp_path / "work.db").mkdir()  # what cannot be opened
    assert run([*verb.split(), "1", "2", "--database", f"sqlite:///{tmp_path}/work.db"]) == 75
    assert "Traceback" not in capsys.readouterr().err


def test_a_long_text_is_not_said_back_whole(capsys):
    assert run(["clock", "describe", "--every", "x" * 20_000]) == 2
    said = capsys.readouterr().err
    assert len(said) < 2_000
    assert "is not a duration; write 90s" in said


def test_a_past_one_time_trigger_is_no_bad_input(app):
    app.trigger("past", clocks.Once(datetime(2020, 1, 1, tzinfo=timezone.utc)), WORK)
    TriggerDaemon(app.store).run_due(0)
    (row,) = app.triggers.ledger("past")
    assert row.outcome == "fired"
    assert row.fired_at - row.planned_at > 5 * 365 * 86_400 * 1_000_000


@pytest.mark.parametrize(
    "address", ["", "mysql://x/y", "work.db", "sqlite://host/work.db", "postgresql://u@/x?pooler=session"]
)
def test_an_address_that_cannot_be_is_refused_by_name(address):
    with pytest.raises(ConfigurationError):
        Tickwork(address).triggers.list()


@pytest.mark.stores("sqlite")
def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="folder"):
        Tickwork(f"sqlite:///{tmp_path}/nowhere/work.db").triggers.list()


@pytest.mark.stores("sqlite")
def test_a_file_that_is_no_database_is_said(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear database, " * 1_000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Tickwork(f"sqlite:///{file}").triggers.list()


@pytest.mark.stores("sqlite")
def test_a_read_only_file_takes_no_writes_and_says_so(database, monkeypatch):
    path = "/" + urlsplit(database).path.lstrip("/")
    with sqlite3.connect(path) as connection:  # a database in rollback mode can be read without writing beside it
        connection.execute("pragma journal_mode = delete")
    connection.close()
    app = Tickwork(database)
    monkeypatch.setattr(app.store.dialect, "connect", lambda: _read_only(path))
    assert app.triggers.list() == []
    with pytest.raises(ReadOnlyStore):
        app.trigger("k", clocks.Every(60), WORK, unchecked=True)
    app.close()


def _read_only(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


@pytest.mark.stores("postgresql")
def test_a_read_only_database_takes_no_writes_and_says_so(app, database):
    admin = app.store.dialect.connect()
    name = urlsplit(database).path.lstrip("/")
    admin.execute(f'alter database "{name}" set default_transaction_read_only = on')
    reader = Tickwork(database)
    assert reader.triggers.list() == []
    with pytest.raises(ReadOnlyStore):
        reader.put(WORK, unchecked=True)
    reader.close()
    admin.execute(f'alter database "{name}" reset default_transaction_read_only')  # another test will have it
    admin.close()


@pytest.mark.stores("postgresql")
def test_a_full_pool_says_what_to_do(database, monkeypatch):
    from tickwork.store.postgresql import connections

    monkeypatch.setattr(connections, "POOL_WAIT_SECONDS", 0.2)
    app = Tickwork(database, pool_size=1)
    app.triggers.list()
    with app.store.begin("application"), pytest.raises(StoreUnavailable, match="pool_size"):
        app.put(WORK, unchecked=True)
    app.close()


@pytest.mark.stores("postgresql-18")
def test_a_server_that_is_not_there_is_said_and_waited_for(caplog):
    app = Tickwork("postgresql://nobody@127.0.0.1:9/nothing")
    from tickwork.store.postgresql import connections

    told = threading.Event()

    class Told:
        name = "daemon"
        daemon = TriggerDaemon(app.store)

        def turn(self, now):
            try:
                return self.daemon.turn(now)
            except StoreUnavailable:
                told.set()
                raise

    connections.POOL_WAIT_SECONDS, before = 0.2, connections.POOL_WAIT_SECONDS
    runner = Runner(Told(), SystemWatch())
    try:
        runner.start()
        assert told.wait(60)
        assert runner.alive, "the loop survives and waits"
    finally:
        runner.stop()
        runner.join(30)
        connections.POOL_WAIT_SECONDS = before
        app.close()
