"""The application itself: settings, schema, what runs, what is counted."""

from __future__ import annotations

import threading

import pytest

from tickwork import Tickwork, clocks
from tickwork.api.settings import Settings
from tickwork.errors import ConfigurationError, InvalidInput, SchemaMismatch, StoreUnavailable


def test_settings_go_arguments_environment_file_defaults(tmp_path):
    (tmp_path / "tickwork.toml").write_text('[tickwork]\ndatabase = "sqlite:///file.db"\nnamespace = "file"\n')
    environment = {"TICKWORK_DATABASE": "sqlite:///environment.db", "TICKWORK_SCHEMA": ""}
    found = Settings.gather({"namespace": "given", "schema": None}, environment, tmp_path)
    assert (found.database, found.namespace, found.schema) == ("sqlite:///environment.db", "given", "tickwork")
    assert Settings.gather({}, {}, tmp_path).database == "sqlite:///file.db"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "TICKWORK_DATABASE"),
        ({"database": "mysql://host/db"}, "sqlite:///"),
        ({"database": "sqlite:relative.db/x"}, None),
        ({"database": "sqlite://", "wake": "loudly"}, "notify or none"),
        ({"database": "sqlite://", "schema": "Drop Table"}, "schema"),
        ({"database": "sqlite://", "namespace": ""}, "namespace"),
        ({"database": "sqlite://", "synchronous": "off"}, "full or normal"),
        ({"database": "sqlite://", "pool_size": 0}, "pool_size"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused_by_name(given, named, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TICKWORK_DATABASE", raising=False)
    if named is None:
        Tickwork(**given).close()  # a path like any other: it is opened when it is used
        return
    with pytest.raises(InvalidInput, match=named):
        Tickwork(**given)


def test_an_unknown_key_of_the_file_is_named(tmp_path):
    (tmp_path / "tickwork.toml").write_text('databse = "sqlite:///x.db"\n')
    with pytest.raises(ConfigurationError, match="databse"):
        Settings.gather({}, {}, tmp_path)


def test_the_schema_is_checked_at_the_first_use(database_url):
    with Tickwork(database_url) as app:
        with pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
            app.triggers.list()
        with pytest.raises(SchemaMismatch, match="tickwork db upgrade"):
            app.process()
        assert app.migrate()
        assert app.triggers.list() == []


def test_a_schema_of_ones_own(database_url):
    with Tickwork(database_url, schema="mine") as app:
        app.migrate()
        app.trigger("k", clocks.Every(60), app.handler("work")(lambda: None).task())
        assert app.counts().triggers == {"active": 1}


@pytest.mark.stores("postgresql")
def test_a_database_that_is_down_is_unavailable(monkeypatch):
    monkeypatch.setattr("tickwork.store.postgresql.connections.POOL_WAIT_SECONDS", 0.2)
    with Tickwork("postgresql://nobody@127.0.0.1:1/none") as app:
        with pytest.raises(StoreUnavailable):
            app.triggers.list()
        assert not app.available()


def test_counts(app, watch):
    app.trigger("k", clocks.Every(60), app.work.task())
    app.trigger("p", clocks.Every(60), app.work.task())
    app.triggers.pause("p")
    app.put(app.work.task())
    app.put(app.work.task(), delay=60)
    app.tasks.cancel(app.put(app.work.task()).id)
    counts = app.counts()
    assert counts.triggers == {"active": 1, "paused": 1}
    assert counts.tasks == {"ready": 1, "waiting": 1}
    assert counts.archive == {"cancelled": 1}
    assert (counts.due, counts.set_aside) == (0, 0)


def test_a_handler_stays_a_function(app):
    @app.handler("double", attempts=3)
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8
    assert double.task(number=4).payload == '{"number":4}'
    with pytest.raises(ConfigurationError, match="not taken"):
        app.handler("double")(lambda: None)


def test_a_process_works_until_it_is_stopped(database):
    """A wake-up: what another connection puts is done at once, though the process would sleep for long."""
    done = threading.Event()
    with Tickwork(database) as app, Tickwork(database) as writer:

        @app.handler("work")
        def work() -> None:
            done.set()

        with app.process() as process:
            writer.trigger("k", clocks.Every(0.01), work.task(), unchecked=True, max_firings=1)
            assert done.wait(60)
            assert process.stop()
        assert not app.available()


def test_the_first_request_to_stop_ends_a_run(database):
    with Tickwork(database) as app:
        app.handler("work")(lambda: None)
        process = app.process()
        runner = threading.Thread(target=process.run)
        runner.start()
        process.ask_to_stop()
        runner.join(60)
        assert not runner.is_alive()


def test_a_web_server_runs_it_beside_itself(database):
    """``async with app:`` starts daemon and worker, and stops them; verbs go on working meanwhile."""
    import asyncio

    app = Tickwork(database)
    done = threading.Event()

    @app.handler("work")
    def work() -> None:
        done.set()

    async def serve():
        async with app:
            assert app.start() is app.start()
            app.put(work.task())
            assert await asyncio.to_thread(done.wait, 60)
            assert app.available()

    asyncio.run(serve())
    assert app.stop()


def test_a_daemon_is_seen_while_it_runs_and_signs_off(database):
    with Tickwork(database) as app:
        with app.process(worker=False):
            for _ in range(100_000):
                if kinds := {each.kind for each in app.alive()}:
                    break
            assert kinds == {"daemon"}
            assert not app.available()  # nobody would run a task
        assert app.alive() == []
