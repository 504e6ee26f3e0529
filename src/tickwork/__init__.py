"""Durable clocks and triggers for Python applications, on the database that they already have.

An application writes a trigger (a clock and an action) in the same transaction as its own data. At its time, exactly
once, the trigger becomes a task; workers run tasks.

The names below load when they are first used, so that ``import tickwork`` costs nothing that a program does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwork import clocks as clocks
    from tickwork import errors as errors
    from tickwork.api.app import Tickwork as Tickwork
    from tickwork.engine.tasks.batching import Batch as Batch
    from tickwork.errors import TickworkError as TickworkError
    from tickwork.errors import TryAgain as TryAgain
    from tickwork.model.action import Log as Log
    from tickwork.model.action import PutTask as PutTask
    from tickwork.model.work import Task as Task
    from tickwork.signals import Backpressure as Backpressure
    from tickwork.signals import Decline as Decline
    from tickwork.signals import GiveUp as GiveUp
    from tickwork.signals import RetryAfter as RetryAfter
    from tickwork.signals import Snooze as Snooze
    from tickwork.store.own import OwnTransaction as OwnTransaction

__version__ = "0.1.0"

#: Public name -> the module that has it; None where the name is a module itself.
_HOMES = {
    "Backpressure": "tickwork.signals",
    "Batch": "tickwork.engine.tasks.batching",
    "Decline": "tickwork.signals",
    "GiveUp": "tickwork.signals",
    "Log": "tickwork.model.action",
    "OwnTransaction": "tickwork.store.own",
    "PutTask": "tickwork.model.action",
    "RetryAfter": "tickwork.signals",
    "Snooze": "tickwork.signals",
    "Task": "tickwork.model.work",
    "TickworkError": "tickwork.errors",
    "TryAgain": "tickwork.errors",
    "Tickwork": "tickwork.api.app",
    "clocks": None,
    "errors": None,
}

__all__ = [
    "Backpressure",
    "Batch",
    "Decline",
    "GiveUp",
    "Log",
    "OwnTransaction",
    "PutTask",
    "RetryAfter",
    "Snooze",
    "Task",
    "Tickwork",
    "TickworkError",
    "TryAgain",
    "__version__",
    "clocks",
    "errors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    found = import_module(f"{__name__}.{name}") if home is None else getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
