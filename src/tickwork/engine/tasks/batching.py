"""Batch handlers: one call for up to N tasks of one handler, and an outcome for each of them.

What a claim brings for such a handler is grouped in claim order. The function gets a :class:`Batch` of items; each has
its task and its payload, typed by ``Batch[Page]``. Whatever is not said otherwise is done when the function returns;
``item.fail(error)`` lets one of them fail alone, with an error or a signal; what is raised out of the function happens
to every item of which nothing was said yet.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar, get_args, get_type_hints, is_typeddict, overload

import msgspec

from tickwork.engine.tasks.payload import Payload, plain, revived
from tickwork.errors import ConfigurationError, InvalidPayload
from tickwork.model.work import Task

P = TypeVar("P")


class Item(Generic[P]):
    """One task of a batch: who it is, its payload, and how it ends."""

    __slots__ = ("error", "payload", "result", "task")

    def __init__(self, task: Task, payload: P) -> None:
        self.task, self.payload = task, payload
        self.error: BaseException | None = None
        self.result: Said | None = None

    def fail(self, error: BaseException | str) -> None:
        """Let this one fail, and the others not: with an error, its text, or a signal (Snooze, GiveUp ...)."""
        self.error = error if isinstance(error, BaseException) else ItemFailed(error)

    def done(self, result: Any = None) -> None:
        """Say what came of this one; kept where the handler keeps results. What is raised later does not undo it."""
        self.error, self.result = None, Said(result)


class ItemFailed(Exception):
    """A handler said of one item of its batch that it failed."""


class Said:
    """A result that was said, if only None."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Batch(Sequence[Item[P]]):
    """The items of one call, in the order in which they were claimed.

    >>> batch = Batch([Item(None, 1), Item(None, 2)])
    >>> [item.payload for item in batch], len(batch)
    ([1, 2], 2)
    """

    def __init__(self, items: Sequence[Item[P]]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, place: int) -> Item[P]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Item[P]]: ...

    def __getitem__(self, place: Any) -> Any:
        return self._items[place]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item[P]]:
        return iter(self._items)


class BatchPayload(Payload):
    """The payload of each item, typed by ``Batch[Page]``: a dataclass, a struct, a pydantic model, a TypedDict."""

    def __init__(self, function: Callable[..., Any], handler: str) -> None:
        parameters = list(inspect.signature(function).parameters.values())
        if len(parameters) != 1:
            raise ConfigurationError("handler", f"{handler}{inspect.signature(function)}", "one parameter: the batch")
        self.handler, self.takes_task, self.takes_more, self.transaction = handler, False, True, None
        self._type = _type_of_items(function, parameters[0], handler)
        self._fields = _names(self._type)
        self._decoder = msgspec.json.Decoder(self._type, dec_hook=revived)
        self._encoder = msgspec.json.Encoder(enc_hook=plain)

    def encode(self, payload: dict[str, Any]) -> str:
        """Return the JSON of one item's payload; raises InvalidPayload naming the field that does not fit."""
        unknown = [name for name in payload if self._fields and name not in self._fields]
        if unknown:
            known = ", ".join(sorted(self._fields))
            raise InvalidPayload(f"{self.handler}({unknown[0]})", payload[unknown[0]], f"a field of its items: {known}")
        return super().encode(payload)

    def decode(self, text: str) -> dict[str, Any]:
        """Return the payload of one item."""
        return {"payload": self._decode(text, None)}


def _type_of_items(function: Callable[..., Any], parameter: inspect.Parameter, handler: str) -> Any:
    try:
        hints = get_type_hints(inspect.unwrap(function))
    except Exception as error:
        raise ConfigurationError("handler", handler, f"annotations that can be read ({error})") from error
    said = get_args(hints.get(parameter.name, Batch))
    return said[0] if said else dict[str, Any]


def _names(kind: Any) -> frozenset[str]:
    """Return the fields of a payload's type; none where it takes any."""
    if is_dataclass(kind):
        return frozenset(field.name for field in fields(kind))
    if is_typeddict(kind):
        return frozenset(kind.__annotations__)
    names: Any = getattr(kind, "__struct_fields__", None) or getattr(kind, "model_fields", ())
    return frozenset(names)
