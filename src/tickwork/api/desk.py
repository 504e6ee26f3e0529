"""A desk is where verbs are asked for: it knows the namespace, the handlers, the time, and who performs.

The same rooms (triggers, tasks) stand behind every desk. The application's own desk performs each verb in a
transaction of its own; a lent desk performs it in the user's, and where that is asynchronous the answer is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidPayload, UnknownHandler
from tickwork.model.action import COMMAND, Action, Log
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant

Answer = TypeVar("Answer")


class Perform(Protocol):
    """Runs a verb in some transaction and returns what it answers."""

    def __call__(self, make: Callable[[], Verb[Answer]], /) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What every room behind it works with."""

    scope: Scope
    handlers: Registry
    now: Callable[[], Instant]
    perform: Perform
    look: Perform

    def check(self, action: Action) -> Verb[None]:
        """Refuse an action that nobody could run: by our own handlers, else by those that workers have registered."""
        if isinstance(action, Log) or action.handler == COMMAND:
            return
        handler = self.handlers.get(action.handler)
        if handler is not None:
            if action.payload_version == handler.version:
                handler.payload.check(action.payload)
            return
        if not self.scope.chains_writes:
            yield from ask("become_writer")  # before the first read, so that a lent transaction can still write
        rows = yield from ask("known_handlers", name=action.handler)
        if not rows:
            here = ", ".join(sorted(self.handlers)) or "none"
            raise UnknownHandler(
                f"no handler is registered as {action.handler!r}; registered here: {here}, and no worker that runs "
                "knows it either. Register it with @app.handler, or say unchecked=True"
            )
        if all(schema is not None and not fits(action.payload, schema) for (schema,) in rows):
            raise InvalidPayload(
                f"payload of {action.handler}", action.payload, f"what its handler takes: {fields_of(rows[0][0])}"
            )

    def attempts(self, action: Action, given: Mapping[str, Any]) -> dict[str, int]:
        """Return the attempts that a handler was registered with, where the caller says nothing."""
        handler = self.handlers.get(action.handler)
        return {} if handler is None or "attempts" in given else {"attempts": handler.attempts}


def fits(payload: str, schema: str) -> bool:
    """Say whether a payload has the fields that a registered schema wants; their types are the worker's to check.

    >>> fits('{"a":1}', '{"type":"object","properties":{"a":{}},"required":["a"]}')
    True
    >>> fits('{"b":1}', '{"type":"object","properties":{"a":{}},"required":["a"]}')
    False
    """
    shape, given = _shape(schema), set(msgspec.json.decode(payload))
    if not set(shape.get("required", ())) <= given:
        return False
    return shape.get("additionalProperties", True) is not False or given <= set(shape.get("properties", ()))


def fields_of(schema: str) -> str:
    """Return the fields of a registered schema as people read them."""
    shape = _shape(schema)
    required = set(shape.get("required", ()))
    fields = [name if name in required else f"{name} (optional)" for name in shape.get("properties", ())]
    return ", ".join(fields) or "nothing"


def _shape(schema: str) -> dict[str, Any]:
    """Return the part of a JSON schema that describes the payload itself."""
    shape: dict[str, Any] = msgspec.json.decode(schema)
    reference = shape.get("$ref", "")
    found: dict[str, Any] = shape.get("$defs", {}).get(reference.rpartition("/")[2], shape)
    return found
