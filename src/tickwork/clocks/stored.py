"""Reads a clock's stored parameters strictly: what is missing, unknown or of a wrong type is refused by its key.

A clock's ``from_params`` opens :class:`Stored`, asks it for each key, and ends with :meth:`Stored.done`. JSON has no
integers of its own, so ``1.5``, ``true`` and ``"33"`` are told apart from whole numbers here, once for all clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tickwork.errors import InvalidClock

_ABSENT = object()


class Stored:
    """The parameters of one clock, each asked for once."""

    def __init__(self, kind: str, params: Mapping[str, Any]) -> None:
        if not isinstance(params, Mapping):
            raise InvalidClock(f"clock {kind}", params, "parameters as a JSON object")
        self.kind = kind
        self._params = params
        self._asked: list[str] = []

    def whole(self, key: str, what: str = "a whole number", default: Any = _ABSENT) -> Any:
        """Return the whole number stored under *key*, or the default where the key is missing."""
        value = self._value(key, what, default)
        if value is not default and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidClock(key, value, what)
        return value

    def text(self, key: str, what: str = "text", default: Any = _ABSENT) -> Any:
        """Return the text stored under *key*, or the default where the key is missing."""
        value = self._value(key, what, default)
        if value is not default and not isinstance(value, str):
            raise InvalidClock(key, value, what)
        return value

    def value(self, key: str, what: str = "a value", default: Any = _ABSENT) -> Any:
        """Return what is stored under *key* as it is: the clock's constructor judges it."""
        return self._value(key, what, default)

    def done(self) -> None:
        """Refuse every key that was not asked for."""
        for key, value in self._params.items():
            if key not in self._asked:
                known = ", ".join(self._asked) if self._asked else "no keys at all"
                raise InvalidClock(key, value, f"no such key: a clock of kind {self.kind!r} has {known}")

    def _value(self, key: str, what: str, default: Any) -> Any:
        self._asked.append(key)
        value = self._params.get(key, _ABSENT)
        if value is not _ABSENT:
            return value
        if default is _ABSENT:
            raise InvalidClock(key, "(missing)", what)
        return default
