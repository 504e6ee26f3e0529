"""Everything that Tickwork raises, as one small tree.

::

    TickworkError
    ├── InvalidInput (ValueError)         a field has a value that is not allowed
    │   ├── InvalidClock                  a clock that cannot be, or that never fires
    │   ├── InvalidPayload                a payload that does not fit its handler
    │   └── ConfigurationError            a setting, an address or a file of settings
    ├── NotFound (LookupError)            no trigger, task or clock of that name
    ├── UnknownHandler (LookupError)      no worker and no module has registered that handler
    ├── StateConflict                     a job is not in a status from which that is possible
    ├── QueueFull                         a bounded queue takes no more just now
    ├── LeaseLost                         another worker owns the work now; the result is discarded
    └── StoreError                        the database said no
        ├── TryAgain                      begin your transaction anew
        ├── StoreUnavailable              the database cannot be reached; wait and reconnect
        ├── ReadOnlyStore                 the database takes no writes just now
        ├── SchemaMismatch                the tables are older or newer than this program
        ├── WrongDatabase                 a lent connection leads somewhere else
        ├── WrongWriter                   a role may not run this statement
        └── StatementRefused              the database refused a value; one row of a batch is bad

Handlers speak by raising *signals*, which are not errors: see :mod:`tickwork.signals`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class TickworkError(Exception):
    """The root of the tree: ``except TickworkError`` catches all that the library raises."""


class InvalidInput(TickworkError, ValueError):
    """A value was refused where it was given, and nothing was written.

    ``field`` names what was wrong, ``value`` is what was given, ``allowed`` says what would do.

    >>> raise InvalidInput("priority", 0, "a whole number from 1 to 9999")
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: priority: 0 is not allowed; expected a whole number from 1 to 9999
    """

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        super().__init__(f"{field}: {shown(value)} is not allowed; expected {allowed}")


class InvalidClock(InvalidInput):
    """A clock that cannot be built, or that would never fire."""


class InvalidPayload(InvalidInput):
    """A payload that does not fit its handler's signature, or is too large, or is not JSON."""


class ConfigurationError(InvalidInput):
    """A setting, a database address or a settings file that cannot be used."""


class NotFound(TickworkError, LookupError):
    """There is no trigger, task or clock of that key or id."""


class UnknownHandler(TickworkError, LookupError):
    """No handler of that name is registered."""


class StateConflict(TickworkError):
    """A job is not in a status from which this is possible; nothing was written.

    ``expected`` lists the statuses from which it would be, ``actual`` is the one that was found.
    """

    def __init__(self, expected: Iterable[str], actual: str | None, what: str = "this") -> None:
        self.expected, self.actual = tuple(expected), actual
        wanted = " or ".join(self.expected) or "nothing before it"
        super().__init__(f"{what} is possible from {wanted}, but the job is {actual or 'not there'}")


class QueueFull(TickworkError):
    """A bounded queue takes no more just now; nothing was put."""


class LeaseLost(TickworkError):
    """The lease ran out and another worker owns the work now; this result is discarded."""


class StoreError(TickworkError):
    """The database said no; the message says why, the cause is chained."""


class TryAgain(StoreError):
    """Your transaction lost a race (serialisation failure, deadlock, SQLite snapshot): begin it anew."""


class StoreUnavailable(StoreError):
    """The database cannot be reached just now; loops wait and reconnect by themselves."""


class ReadOnlyStore(StoreError):
    """The database takes no writes just now (a replica, a read-only file, maintenance)."""


class SchemaMismatch(StoreError):
    """The tables are older or newer than this program; the message names the command that helps."""


class WrongDatabase(StoreError):
    """A lent connection leads to another database than the one this application was given."""


class WrongWriter(StoreError):
    """A role tried to run a statement that belongs to another writer; a bug, never a user's mistake."""


class StatementRefused(StoreError):
    """The database refused a value in a statement (data or integrity error)."""


def shown(value: Any, limit: int = 80) -> str:
    """Return ``repr(value)``, cut to *limit* characters so that an error stays one line."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
