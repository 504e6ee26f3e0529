"""Rows that have a time to live: gone for readers from their time on, whether they have been removed or not.

A row is visible if it has no expiry ("infinite") or one that lies after now; at the very instant it is gone. That is a
filter which stands in every read; the removal is lazy, in slices, and checks the same condition again in the removal
itself, so that a row whose time was extended in between survives.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tickwork.errors import InvalidInput
from tickwork.model import limits

_WORD = re.compile(r'(?:[A-Za-z_]\w{0,62}|"[^"\x00]{1,62}")\Z')
_TABLE = re.compile(r'(?:[A-Za-z_]\w{0,62}|"[^"\x00]{1,62}")(?:\.(?:[A-Za-z_]\w{0,62}|"[^"\x00]{1,62}"))?\Z')
Kind = Literal["moment", "naive", "microseconds", "seconds"]
_NOW: dict[str, str] = {"moment": ":moment", "naive": ":naive", "microseconds": ":now", "seconds": ":now / 1000000.0"}


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """Which rows of an application's table expire, and when.

    Args:
        table: the application's table.
        expires: the column with the time (null: never).
        key: the column by which rows are removed.
        kind: how the time is stored: ``moment`` (a timestamp with zone), ``naive`` (one without, in UTC; on SQLite both
            are the text that SQLAlchemy and Django write), ``microseconds`` or ``seconds`` since the epoch.
        name: how the rule is called; the table's name unless said.

    >>> rule = ExpiryRule("watch_item", kind="microseconds")
    >>> rule.visible()
    '(expires_at is null or expires_at > :now)'
    >>> rule.visible("w")
    '(w.expires_at is null or w.expires_at > :now)'
    """

    table: str
    expires: str = "expires_at"
    key: str = "id"
    kind: Kind = "moment"
    name: str = ""

    def __post_init__(self) -> None:
        words = (("table", self.table, _TABLE), ("expires", self.expires, _WORD), ("key", self.key, _WORD))
        for field, value, rule in words:
            if not isinstance(value, str) or not rule.match(value):
                raise InvalidInput(field, value, "the name of a table or column, as in SQL")
        if self.kind not in _NOW:
            raise InvalidInput("kind", self.kind, f"one of {', '.join(_NOW)}")
        object.__setattr__(self, "name", limits.text(self.name or self.table, "name", limits.NAME_LENGTH))

    def visible(self, alias: str = "") -> str:
        """Return the filter for reads as SQL; it wants ``:now`` (microseconds), ``:moment`` or ``:naive``."""
        column = f"{alias}.{self.expires}" if alias else self.expires
        return f"({column} is null or {column} > {_NOW[self.kind]})"

    def visible_by(self, column: Any, now: Any) -> Any:
        """Return the filter as an expression on a column of a model, for instance SQLAlchemy's ``Item.expires_at``.

        *now* is what the column is compared with: a datetime, or a number.
        """
        return column.is_(None) | (column > now)

    def visible_q(self, now: Any) -> Any:
        """Return the filter as a Django ``Q`` on the model of the table; Django must be installed."""
        from django.db.models import Q

        field = self.expires.strip('"')
        return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gt": now})

    @property
    def expired(self) -> str:
        """The condition on rows that may be removed."""
        return f"({self.expires} is not null and {self.expires} <= {_NOW[self.kind]})"

    @property
    def removal(self) -> str:
        """SQL that removes a slice, the oldest first; each row only if it is still past its time when it is removed.

        A row that an application has open is passed over.
        """
        return (
            f"delete from {self.table} where {self.key} in (select {self.key} from {self.table} where {self.expired} "
            f"order by {self.expires} limit :n for update skip locked) and {self.expired}"
        )

    def purges_now(self, rate: float, chance: Callable[[], float]) -> bool:
        """Say whether this write should have expired rows removed: with a probability, for hosts without a daemon.

        >>> ExpiryRule("watch_item").purges_now(0.1, lambda: 0.05)
        True
        """
        if not 0 <= rate <= 1:
            raise InvalidInput("rate", rate, "a probability from 0 to 1")
        return chance() < rate
