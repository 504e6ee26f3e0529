"""The payload of a task, typed by its handler's signature: checked when it is put, and again when it is run.

A payload is JSON and never a pickle. What the signature says (numbers, text, datetimes, dataclasses, msgspec structs,
pydantic models, unions, defaults) is what is accepted; an error names the field. It is checked by writing the JSON
and reading it back as the worker will, so "accepted" means that the worker can read it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import cached_property
from types import SimpleNamespace
from typing import Any, get_type_hints

import msgspec

from tickwork.errors import ConfigurationError, InvalidPayload
from tickwork.model.work import Task
from tickwork.store.own import OwnTransaction

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Payload:
    """The shape of one handler's payload.

    >>> def remind(task, meeting_id: int, channel: str = "mail"): ...
    >>> shape = Payload(remind, "meeting.remind")
    >>> shape.encode({"meeting_id": 7})
    '{"meeting_id":7}'
    >>> shape.decode('{"meeting_id":7}')
    {'meeting_id': 7, 'channel': 'mail'}
    >>> shape.encode({"meeting_id": "seven"})
    Traceback (most recent call last):
    tickwork.errors.InvalidPayload: meeting.remind(meeting_id): 'seven' is not allowed; expected `int`, got `str`
    """

    def __init__(self, function: Callable[..., Any], handler: str) -> None:
        self.handler = handler
        parameters = list(inspect.signature(function).parameters.values())
        self.takes_task = bool(parameters) and _is_task(parameters[0])
        fields = parameters[1:] if self.takes_task else parameters
        self.transaction = next((field.name for field in fields if _is_transaction(field)), None)
        fields = [field for field in fields if field.name != self.transaction]
        self.takes_more = any(field.kind is inspect.Parameter.VAR_KEYWORD for field in fields)
        fields = [field for field in fields if field.kind is not inspect.Parameter.VAR_KEYWORD]
        for field in fields:
            if field.kind not in _NAMED:
                raise ConfigurationError(
                    "handler", f"{handler}({field})", "parameters with names: a payload is handed over by name"
                )
        self._type = _struct(function, handler, fields, closed=not self.takes_more)
        self._fields = frozenset(field.name for field in fields)
        self._decoder = msgspec.json.Decoder(self._type, dec_hook=revived)
        self._encoder = msgspec.json.Encoder(enc_hook=plain)

    def encode(self, payload: dict[str, Any]) -> str:
        """Return the JSON of a payload; raises InvalidPayload naming the field that does not fit."""
        try:
            text = self._encoder.encode(payload)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidPayload(
                f"payload of {self.handler}", payload, f"values that JSON can say ({error})"
            ) from error
        self._decode(text, payload)
        return text.decode()

    def decode(self, text: str) -> dict[str, Any]:
        """Return a stored payload as the handler's arguments, with its defaults filled in."""
        return self._arguments(self._decode(text, None), text)

    def check(self, text: str) -> None:
        """Refuse JSON text that is no payload of this handler."""
        self._decode(text, None)

    @cached_property
    def schema(self) -> str | None:
        """The JSON schema that workers publish; None where a type has none."""
        try:
            return msgspec.json.encode(msgspec.json.schema(self._type, schema_hook=_schema)).decode()
        except Exception:
            return None

    def _arguments(self, decoded: msgspec.Struct, text: str) -> dict[str, Any]:
        arguments = msgspec.structs.asdict(decoded)
        if self.takes_more:
            arguments.update((k, v) for k, v in msgspec.json.decode(text).items() if k not in self._fields)
        return arguments

    def _decode(self, text: str | bytes, given: dict[str, Any] | None) -> msgspec.Struct:
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise self._refused(error, given, text) from error

    def _refused(self, error: Exception, given: dict[str, Any] | None, text: str | bytes) -> InvalidPayload:
        expected, _, path = str(error).partition(" - at `$")
        field = path.rstrip("`").lstrip(".")
        value = _at(given, field) if given is not None else text
        if not field and "unknown field `" in expected:
            field = expected.split("`")[1]
            known = ", ".join(sorted(self._fields)) or "none"
            return InvalidPayload(f"{self.handler}({field})", _at(given, field), f"a field of its signature: {known}")
        if not field and "required field `" in expected:
            field = expected.split("`")[1]
            return InvalidPayload(f"{self.handler}({field})", given, "a value, for it has no default")
        allowed = expected.removeprefix("Expected ")
        return InvalidPayload(f"{self.handler}({field})" if field else f"payload of {self.handler}", value, allowed)


def _is_task(parameter: inspect.Parameter) -> bool:
    if parameter.kind not in (*_NAMED, inspect.Parameter.POSITIONAL_ONLY):
        return False
    named = parameter.annotation if isinstance(parameter.annotation, str) else ""
    return parameter.name == "task" or parameter.annotation is Task or named.rpartition(".")[2] == "Task"


def _is_transaction(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return parameter.kind in _NAMED and (
        parameter.name == "transaction" or named.rpartition(".")[2] == OwnTransaction.__name__
    )


def _struct(
    function: Callable[..., Any], handler: str, fields: list[inspect.Parameter], *, closed: bool
) -> type[msgspec.Struct]:
    """Build the struct whose fields are the handler's parameters."""
    written = SimpleNamespace(
        __annotations__={
            field.name: Any if field.annotation is inspect.Parameter.empty else field.annotation for field in fields
        }
    )
    try:
        types = get_type_hints(
            written, globalns=getattr(inspect.unwrap(function), "__globals__", {}), include_extras=True
        )
        members: list[Any] = [
            (field.name, types[field.name])
            if field.default is inspect.Parameter.empty
            else (field.name, types[field.name], _default(field.default))
            for field in fields
        ]
        made = msgspec.defstruct("Payload", members, kw_only=True, forbid_unknown_fields=closed)
        msgspec.json.Decoder(made, dec_hook=revived)
    except Exception as error:
        raise ConfigurationError(
            "handler", f"{handler}{inspect.signature(function)}", f"annotations that can be read ({error})"
        ) from error
    return made


def _default(value: Any) -> Any:
    return msgspec.field(default_factory=lambda: deepcopy(value)) if isinstance(value, (list, dict, set)) else value


def plain(value: Any) -> Any:
    """Say in JSON what msgspec does not know: a pydantic model, or anything that can dump itself so."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} is no type that JSON can say")
    return dump(mode="json")


def revived(kind: type, value: Any) -> Any:
    """Make a pydantic model again."""
    validate = getattr(kind, "model_validate", None)
    if validate is None:
        raise TypeError(f"{kind!r} is no type that can be read from JSON")
    return validate(value)


def _schema(kind: type) -> dict[str, Any]:
    schema: dict[str, Any] = kind.model_json_schema()  # type: ignore[attr-defined]
    return schema


def _at(given: dict[str, Any] | None, path: str) -> Any:
    """Return the value at ``a.b`` of what was given, as far as the path can be followed."""
    value: Any = given
    for step in filter(None, path.split(".")):
        name = step.partition("[")[0]
        if not isinstance(value, dict) or name not in value:
            break
        value = value[name]
    return value
