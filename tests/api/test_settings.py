"""Settings: from arguments, environment and file; refused by name; agreed on by every process of a database."""

from __future__ import annotations

import pytest

from tickwork import PutTask, Tickwork
from tickwork.api.settings import Settings
from tickwork.cli.main import run
from tickwork.errors import ConfigurationError, InvalidPayload


def test_arguments_go_before_environment_before_file(tmp_path):
    (tmp_path / "tickwork.toml").write_text(
        '[tickwork]\ndatabase = "sqlite:///file.db"\nnamespace = "file"\nnamespaces = ["file", "environment", "given"]\n'
    )
    environment = {"TICKWORK_NAMESPACE": "environment", "TICKWORK_SCHEMA": ""}
    found = Settings.gather({"namespace": "given"}, environment, tmp_path)
    assert (found.database, found.namespace, found.schema) == ("sqlite:///file.db", "given", "tickwork")
    assert Settings.gather({}, environment, tmp_path).namespace == "environment"
    assert Settings.gather({}, {}, tmp_path).namespace == "file"
    assert found.namespaces == ("file", "environment", "given")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"databse": "sqlite://"}, "databse: 'sqlite://' is not allowed; expected a setting that there is: database, "),
        ({"wake": "loud"}, "wake: 'loud' is not allowed; expected notify or none"),
        ({"pool_size": 0}, "pool_size: 0 is not allowed"),
        (
            {"payload_limit": 2_000_000},
            "payload_limit: 2000000 is not allowed; expected a whole number from 1 to 1000000",
        ),
        ({"namespaces": "billing"}, "namespaces: 'billing' is not allowed; expected a list of names"),
        ({"namespace": ""}, "namespace: '' is not allowed"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given, said):
    with pytest.raises(ValueError, match="is not allowed") as refused:
        Tickwork("sqlite://", **given)
    assert str(refused.value).startswith(said)


def test_a_file_that_cannot_be_is_refused_by_name(tmp_path):
    (tmp_path / "tickwork.toml").write_text('database = "sqlite://"\nnamespase = "x"\n')
    with pytest.raises(ConfigurationError, match=r"tickwork\.toml: namespase: 'x' is not allowed"):
        Settings.gather({}, {}, tmp_path)
    (tmp_path / "tickwork.toml").write_text("database = \n")
    with pytest.raises(ConfigurationError, match="a file in TOML"):
        Settings.gather({}, {}, tmp_path)
    with pytest.raises(ConfigurationError, match="environment variable TICKWORK_DATABASE"):
        Settings.gather({}, {}, tmp_path / "nowhere")


def test_two_processes_whose_settings_differ(database):
    """Issue 3: a process that differs refuses to start and names the key; changing it is a decision of its own."""
    with Tickwork(database, payload_limit=1_000) as first:
        first.migrate()
    with (
        Tickwork(database) as second,
        pytest.raises(ConfigurationError, match="payload_limit: 1000000 is not allowed; expected 1000, on which"),
    ):
        second.put(PutTask("work", "{}"), unchecked=True)
    with Tickwork(database) as second:
        second.agree()
        second.counts()
    with Tickwork(database, payload_limit=1_000) as first, pytest.raises(ConfigurationError, match="tickwork db agree"):
        first.process()


def test_namespaces_that_there_may_be(database):
    """S4-59: tenants are named once, for every process; a misspelt one is no new tenant."""
    names = ("billing", "default")
    with Tickwork(database, namespaces=names, namespace="billing") as app:
        app.migrate()
    with (
        Tickwork(database, namespaces=names, namespace="biling") as app,
        pytest.raises(ConfigurationError, match="namespace: 'biling' is not allowed; expected one of billing, default"),
    ):
        app.counts()
    with (
        Tickwork(database, namespaces=["default"]) as app,
        pytest.raises(ConfigurationError, match="namespaces"),
    ):
        app.counts()


def test_the_agreed_payload_limit_holds(database):
    with Tickwork(database, payload_limit=20) as app:
        app.migrate()

        @app.handler("note")
        def note(text: str) -> None: ...

        app.put(note.task(text="short"))
        with pytest.raises(InvalidPayload, match=r"at most 20 bytes \(it has 32\)"):
            app.put(note.task(text="much longer than that"))


@pytest.mark.stores("sqlite")
def test_the_command_agrees(database, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickwork.toml").write_text(f'database = "{database}"\npayload_limit = 500\n')
    assert run(["db", "upgrade"]) == 0
    (tmp_path / "tickwork.toml").write_text(f'database = "{database}"\npayload_limit = 600\n')
    assert run(["db", "check"]) == 0
    capsys.readouterr()
    assert run(["status"]) == 2
    assert "payload_limit: 600 is not allowed; expected 500" in capsys.readouterr().err
    assert run(["db", "agree"]) == 0
    assert run(["status"]) == 0


def test_what_a_store_can_do_is_asked(store):
    """S4-52: capability can be queried; a feature can depend on it."""
    assert store.supports("delay")
    assert store.supports("lent-transactions")
    assert store.supports("listen") is store.dialect.locks_rows
    assert not store.supports("telepathy")
