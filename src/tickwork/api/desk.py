"""A desk is where verbs are asked for: it knows the namespace, the handlers, the time, and who performs.

The same rooms (triggers, tasks) stand behind every desk. The application's own desk performs each verb in a
transaction of its own; a lent desk performs it in the user's, and where that is asynchronous the answer is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from tickwork.engine.tasks.registry import Registry
from tickwork.errors import InvalidPayload, UnknownHandler
from tickwork.model import limits
from tickwork.model.action import COMMAND, Action, Log, PutTask, Topic
from tickwork.store.dialect import Row, Verb, ask
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
    payload_limit: int = limits.PAYLOAD_BYTES
    """The largest payload in bytes, on which all processes of the database agreed."""
    lent: bool = False
    """Whether somebody else's transaction stands behind it, so that everything happens in that one."""

    def admit(self, queue: str, count: int = 1) -> Verb[None]:
        """Refuse what a bounded queue has no room for."""
        bound = self.handlers.bounds.get(queue)
        if bound is not None:
            yield from bound.admit(self.scope, count, self.now())

    def check(self, action: Action) -> Verb[None]:
        """Refuse an action that nobody could run: by our own handlers, else by those that workers have registered."""
        yield from self.check_all([action])

    def check_all(self, actions: Iterable[Action]) -> Verb[None]:
        """Refuse all where nobody could run one of them; the database is asked once for each handler."""
        known: dict[str, list[Row]] = {}
        for action in actions:
            if not self._is_fine(action):
                yield from self._check(action, known)

    def _is_fine(self, action: Action) -> bool:
        """Check what nearly all are, a small payload of a handler of our own, without another generator for each."""
        handler = self.handlers.get(action.handler) if type(action) is PutTask else None
        if handler is None or 4 * len(action.payload) > self.payload_limit or action.payload_version != handler.version:
            return False
        handler.payload.check(action.payload)
        return True

    def _check(self, action: Action, known: dict[str, list[Row]]) -> Verb[None]:
        if isinstance(action, Log):
            return
        if (size := len(action.payload.encode())) > self.payload_limit:
            field = f"payload of {action.handler}"
            raise InvalidPayload(field, action.payload, f"at most {self.payload_limit:,} bytes (it has {size:,})")
        if action.handler == COMMAND or isinstance(action, Topic):
            return
        handler = self.handlers.get(action.handler)
        if handler is not None:
            if action.payload_version == handler.version:
                handler.payload.check(action.payload)
            return
        if not self.scope.chains_writes and not known:
            yield from ask("become_writer")  # before the first read, so that a lent transaction can still write
        if action.handler not in known:
            known[action.handler] = yield from ask("known_handlers", name=action.handler)
        rows = known[action.handler]
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
