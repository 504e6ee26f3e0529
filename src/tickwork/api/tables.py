"""The tables of an application, for people who make them by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwork.store import migrate

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork


def script(app: Tickwork, after: int = 0) -> str:
    """Return the SQL of the steps after a number; nothing is connected or run."""
    return migrate.script(app.store.dialect, after)
