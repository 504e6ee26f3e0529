"""From options to an application: ``--app module:attribute``, or ``--database`` (else environment, else ``tickwork.toml``)."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tickwork.errors import ConfigurationError

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

Command = Callable[..., Any]


def connected(command: Command) -> Command:
    """Give a command the options that say which database, and an open application as its first argument."""

    @functools.wraps(command)
    def with_app(opened: Callable[[], Tickwork], **arguments: Any) -> Any:
        return command(opened(), **arguments)

    return connectable(with_app)


def connectable(command: Command) -> Command:
    """Give a command the same options, and a function that opens the application when it is needed."""

    @click.option("--database", metavar="URL", help="sqlite:///work.db or postgresql://... [env: TICKWORK_DATABASE]")
    @click.option(
        "--app", "app_path", metavar="MODULE:ATTR", help="Your application: the Tickwork object, by its name."
    )
    @click.option("--schema", metavar="NAME", help="PostgreSQL schema, or prefix of SQLite tables (default: tickwork).")
    @click.option("--namespace", metavar="NAME", help="Namespace (default: default).")
    @functools.wraps(command)
    def connecting(
        *, database: str | None, app_path: str | None, schema: str | None, namespace: str | None, **arguments: Any
    ) -> Any:
        with ExitStack() as stack:

            def opened() -> Tickwork:
                logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it tells each try; the error tells it once
                app = open_app(database, app_path, schema, namespace)
                stack.callback(app.close)
                return app

            return command(opened, **arguments)

    return connecting


def open_app(database: str | None, app_path: str | None, schema: str | None, namespace: str | None) -> Tickwork:
    """Return the application that the options name; raises ConfigurationError saying what is missing."""
    if app_path is not None:
        for field, value in (("--database", database), ("--schema", schema), ("--namespace", namespace)):
            if value is not None:
                raise ConfigurationError(field, value, "only one of it and --app: the application has its own")
        return load_app(app_path)
    from tickwork.api.app import Tickwork

    return Tickwork(database, schema=schema, namespace=namespace)


def load_app(path: str) -> Tickwork:
    """Import ``module:attribute`` and return the application that stands there."""
    from tickwork.api.app import Tickwork

    module_name, colon, attribute = path.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError("--app", path, "module:attribute, for instance myproject.clock:app")
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)  # `tickwork` is a script elsewhere; the application is here
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module_name}.".startswith(f"{missing.name}."):
            raise  # the application's own import is broken, and its traceback says where
        raise ConfigurationError(
            "--app", path, f"a module that can be imported from here (no {missing.name!r})"
        ) from None
    found: Any = module
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, Tickwork):
        raise ConfigurationError("--app", path, f"the Tickwork object of {module_name} (found {type(found).__name__})")
    return found


def as_json(command: Command) -> Command:
    """Give a command the option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON lines; instants RFC 3339, durations in seconds.")(
        command
    )
