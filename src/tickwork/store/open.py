"""From an address to a store: the only place that knows both dialects."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tickwork.errors import ConfigurationError
from tickwork.store.store import Store

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}$")


def open_store(url: str, *, schema: str = "tickwork", **settings: Any) -> Store:
    """Return the store at *url*: ``sqlite:///work.db``, ``sqlite://`` (in memory) or ``postgresql://...``.

    *schema* is PostgreSQL's schema, or on SQLite the prefix of the tables, so that they live beside your own.
    """
    if not isinstance(url, str) or not _NAME.match(schema):
        raise ConfigurationError("schema", schema, "a name of lower-case letters, digits and underscores")
    kind = urlsplit(url).scheme
    if kind == "sqlite":
        from tickwork.store.sqlite.dialect import SqliteDialect

        path, options = sqlite_path(url)
        return Store(SqliteDialect(path, prefix=f"{schema}_", **options, **_only(settings, "synchronous")))
    if kind in ("postgresql", "postgres"):
        try:
            from tickwork.store.postgresql.dialect import PostgresqlDialect
        except ImportError as missing:
            raise ConfigurationError(
                "database", url, "PostgreSQL's driver, which is an extra: pip install 'tickwork[postgresql]'"
            ) from missing
        return Store(PostgresqlDialect(url, schema=schema, **_only(settings, "pool_size")))
    raise ConfigurationError(
        "database", url, "an address that begins with sqlite:/// or postgresql://, for instance sqlite:///work.db"
    )


def sqlite_path(url: str) -> tuple[str, dict[str, str]]:
    """Return the path of a ``sqlite:`` address, in the manner that SQLAlchemy made usual, and its options."""
    parts = urlsplit(url)
    if parts.netloc:
        raise ConfigurationError(
            "database", url, "sqlite:///relative.db or sqlite:////absolute.db (three or four slashes)"
        )
    path = parts.path.removeprefix("/")
    return path or ":memory:", dict(parse_qsl(parts.query))


def _only(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: settings[name] for name in names if settings.get(name) is not None}
