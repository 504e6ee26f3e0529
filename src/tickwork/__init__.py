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
    from tickwork.engine.generators.cursor import Aggregate as Aggregate
    from tickwork.engine.generators.cursor import Cursor as Cursor
    from tickwork.engine.generators.deadline import Deadline as Deadline
    from tickwork.engine.generators.generator import Generator as Generator
    from tickwork.engine.generators.polling import Polling as Polling
    from tickwork.engine.generators.work import Work as Work
    from tickwork.engine.tasks.batching import Batch as Batch
    from tickwork.errors import TickworkError as TickworkError
    from tickwork.errors import TryAgain as TryAgain
    from tickwork.model.action import Log as Log
    from tickwork.model.action import PutTask as PutTask
    from tickwork.model.action import Topic as Topic
    from tickwork.model.expiry import ExpiryRule as ExpiryRule
    from tickwork.model.flow import Gathered as Gathered
    from tickwork.model.flow import Group as Group
    from tickwork.model.generator import Offer as Offer
    from tickwork.model.limit import Limit as Limit
    from tickwork.model.unique import Root as Root
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
    "Aggregate": "tickwork.engine.generators.cursor",
    "Backpressure": "tickwork.signals",
    "Batch": "tickwork.engine.tasks.batching",
    "Cursor": "tickwork.engine.generators.cursor",
    "Deadline": "tickwork.engine.generators.deadline",
    "Decline": "tickwork.signals",
    "ExpiryRule": "tickwork.model.expiry",
    "Gathered": "tickwork.model.flow",
    "Generator": "tickwork.engine.generators.generator",
    "GiveUp": "tickwork.signals",
    "Group": "tickwork.model.flow",
    "Limit": "tickwork.model.limit",
    "Log": "tickwork.model.action",
    "Offer": "tickwork.model.generator",
    "OwnTransaction": "tickwork.store.own",
    "Polling": "tickwork.engine.generators.polling",
    "PutTask": "tickwork.model.action",
    "RetryAfter": "tickwork.signals",
    "Root": "tickwork.model.unique",
    "Snooze": "tickwork.signals",
    "Task": "tickwork.model.work",
    "Tickwork": "tickwork.api.app",
    "Topic": "tickwork.model.action",
    "TickworkError": "tickwork.errors",
    "TryAgain": "tickwork.errors",
    "Work": "tickwork.engine.generators.work",
    "clocks": None,
    "errors": None,
}

__all__ = [
    "Aggregate",
    "Backpressure",
    "Batch",
    "Cursor",
    "Deadline",
    "Decline",
    "ExpiryRule",
    "Gathered",
    "Generator",
    "GiveUp",
    "Group",
    "Limit",
    "Log",
    "Offer",
    "OwnTransaction",
    "Polling",
    "PutTask",
    "RetryAfter",
    "Root",
    "Snooze",
    "Task",
    "Tickwork",
    "TickworkError",
    "Topic",
    "TryAgain",
    "Work",
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
