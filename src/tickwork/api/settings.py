"""Settings: one frozen value, from arguments, else the environment, else ``tickwork.toml``, else the defaults.

``tickwork.toml`` stands where the program is started, and has a table ``[tickwork]`` or the keys at its top::

    database = "postgresql://app@db/app"
    namespace = "billing"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tickwork.errors import ConfigurationError
from tickwork.model import limits

Wake = Literal["notify", "none"]

FILE = "tickwork.toml"
#: Which environment variable says which setting.
ENVIRONMENT = {"TICKWORK_DATABASE": "database", "TICKWORK_NAMESPACE": "namespace", "TICKWORK_SCHEMA": "schema"}


@dataclass(frozen=True, slots=True)
class Settings:
    """How an application is connected.

    ``database``: ``sqlite:///work.db`` or ``postgresql://...``; ``schema``: PostgreSQL's schema, on SQLite the prefix of
    the tables; ``wake``: whether a write wakes daemons and workers by NOTIFY (``none``: they poll; a two-phase
    ``prepare transaction`` needs it); ``pool_size``: connections to PostgreSQL; ``synchronous``: SQLite's, full or
    normal. On two every process of a database must agree (:mod:`tickwork.api.agreement`): ``payload_limit``, the
    largest payload in bytes, and ``namespaces``, those that there may be (none named: any).
    """

    database: str
    namespace: str = "default"
    schema: str = "tickwork"
    wake: Wake = "notify"
    pool_size: int | None = None
    synchronous: str | None = None
    payload_limit: int = limits.PAYLOAD_BYTES
    namespaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.database, str) or not self.database:
            raise ConfigurationError(
                "database",
                self.database,
                "an address such as sqlite:///work.db or postgresql://..., given as an argument, in the environment "
                f"variable TICKWORK_DATABASE, or as database = ... in {FILE}",
            )
        limits.text(self.namespace, "namespace", limits.NAME_LENGTH)
        if self.wake not in get_args(Wake):
            raise ConfigurationError("wake", self.wake, "notify or none")
        if self.pool_size is not None:
            limits.number(self.pool_size, "pool_size", 1, 10_000)
        limits.number(self.payload_limit, "payload_limit", 1, limits.PAYLOAD_BYTES)
        if isinstance(self.namespaces, str):
            raise ConfigurationError("namespaces", self.namespaces, "a list of names, not one text")
        names = tuple(limits.text(name, "namespaces", limits.NAME_LENGTH) for name in self.namespaces)
        object.__setattr__(self, "namespaces", names)

    @classmethod
    def gather(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Settings:
        """Put the settings together: what is *given* (None: not said) goes before environment and file.

        >>> Settings.gather({"namespace": "billing"}, {"TICKWORK_DATABASE": "sqlite://"}).namespace
        'billing'
        """
        found = _from_file(Path(FILE) if folder is None else folder / FILE)
        spoken = os.environ if environment is None else environment
        found.update({setting: spoken[name] for name, setting in ENVIRONMENT.items() if spoken.get(name)})
        for name, value in given.items():
            _known(name, name, value)
        found.update({name: value for name, value in given.items() if value is not None})
        found.setdefault("database", "")
        return cls(**found)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
    except OSError:
        return {}
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(file.name, str(error), "a file in TOML") from None
    table = said.get("tickwork", said)
    for name in table:
        _known(name, f"{file.name}: {name}", table[name])
    return dict(table)


def _known(name: str, field: str, value: Any) -> None:
    """Refuse a setting that there is not: a misspelt one would silently not count."""
    known = [field.name for field in fields(Settings)]
    if name not in known:
        raise ConfigurationError(field, value, f"a setting that there is: {', '.join(known)}")
