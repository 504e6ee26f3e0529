"""Payloads are typed by the handler's signature: what fits is accepted, what does not is refused by its field's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwork.engine.tasks.payload import Payload
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import ConfigurationError, InvalidInput, InvalidPayload, UnknownHandler
from tickwork.model.work import Task

AT = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)


@dataclass
class Person:
    name: str
    born: date | None = None


class Place(msgspec.Struct):
    city: str
    floors: list[int] = []


def takes(
    number: int = 0,
    text: str = "",
    at: datetime = AT,
    span: timedelta = timedelta(0),
    price: Decimal = Decimal(0),
    who: Person | None = None,
    where: Place | None = None,
    kind: Literal["a", "b"] = "a",
    small: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0,
    many: list[int] = [],  # noqa: B006 - the point: each run gets its own
) -> None: ...


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"number": 2**53, "text": "snow ☃ \x00"},
        {"at": AT, "span": timedelta(days=1, microseconds=1), "price": Decimal("12.30")},
        {"who": Person("Ada", date(1815, 12, 10)), "where": Place("Bath", [1, 2])},
        {"kind": "b", "small": 9, "many": [1]},
    ],
)
def test_what_is_put_is_what_arrives(given_: dict) -> None:
    shape = Payload(takes, "takes")
    arrived = shape.decode(shape.encode(given_))
    assert {name: arrived[name] for name in given_} == given_
    assert set(arrived) == {"number", "text", "at", "span", "price", "who", "where", "kind", "small", "many"}


@pytest.mark.parametrize(
    ("given_", "field", "allowed"),
    [
        ({"number": "7"}, "takes(number)", "`int`, got `str`"),
        ({"number": None}, "takes(number)", "`int`, got `null`"),
        ({"numbre": 7}, "takes(numbre)", "a field of its signature"),
        ({"who": {"name": 7}}, "takes(who.name)", "`str`, got `int`"),
        ({"many": [1, "2"]}, "takes(many[1])", "`int`, got `str`"),
        ({"kind": "c"}, "takes(kind)", "Invalid enum value"),
        ({"small": 10}, "takes(small)", "`int` <= 9"),
        ({"text": object()}, "payload of takes", "values that JSON can say"),
        ({"at": "yesterday"}, "takes(at)", "Invalid RFC3339"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(given_: dict, field: str, allowed: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        Payload(takes, "takes").encode(given_)
    assert refused.value.field == field
    assert allowed in refused.value.allowed


def test_a_field_without_a_default_is_needed() -> None:
    def remind(task, meeting_id: int) -> None: ...

    with pytest.raises(InvalidPayload, match=r"remind\(meeting_id\).*has no default"):
        Payload(remind, "remind").encode({})


def test_defaults_are_not_shared_between_runs() -> None:
    shape = Payload(takes, "takes")
    shape.decode("{}")["many"].append(1)
    assert shape.decode("{}")["many"] == []


@pytest.mark.parametrize("text", ["", "7", "[]", "{", '{"number": 1e400}', "null"])
def test_text_that_is_no_payload(text: str) -> None:
    with pytest.raises(InvalidPayload):
        Payload(takes, "takes").check(text)


@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.integers(), st.text(), st.none(), st.floats(), st.lists(st.booleans()))
    )
)
def test_anything_is_accepted_or_refused_and_nothing_else(payload: dict) -> None:
    try:
        text = Payload(lambda **payload: None, "any").encode(payload)
    except InvalidPayload:
        return
    assert set(Payload(lambda **payload: None, "any").decode(text)) == set(payload)


def test_who_takes_the_task() -> None:
    def named(task, n: int) -> None: ...
    def annotated(work: Task, n: int) -> None: ...
    def neither(n: int) -> None: ...

    assert [Payload(each, "h").takes_task for each in (named, annotated, neither)] == [True, True, False]


@pytest.mark.parametrize(
    "function",
    [lambda *arguments: None, lambda n, /: None, eval("lambda n: None", {}) and print],
    ids=["star", "slash", "print"],
)
def test_functions_whose_payload_cannot_have_names(function) -> None:
    with pytest.raises(ConfigurationError, match="handler"):
        Payload(function, "h")


def test_annotations_that_cannot_be_read() -> None:
    def remind(meeting: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match="annotations that can be read"):
        Payload(remind, "remind")


def test_pydantic_models() -> None:
    pydantic = pytest.importorskip("pydantic", reason="an extra that is not installed here")
    meeting_model = pydantic.create_model("Meeting", id=(int, ...), room=(str, "blue"))

    def remind(meeting) -> None: ...

    remind.__annotations__["meeting"] = meeting_model
    shape = Payload(remind, "remind")
    assert shape.decode(shape.encode({"meeting": meeting_model(id=7)}))["meeting"] == meeting_model(id=7)
    with pytest.raises(InvalidPayload):
        shape.encode({"meeting": {"id": "seven"}})
    assert "blue" in (shape.schema or "")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": True}, "attempts"),
        ({"lease": 0.5}, "lease"),
        ({"lease": float("nan")}, "lease"),
        ({"backoff": 7}, "backoff"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_settings_are_refused_by_name(settings: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Registry().add("note", lambda: None, **settings)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "9lives", "a b", "a" * 201, None, "é\n"])
def test_names_are_refused(name) -> None:
    with pytest.raises(ConfigurationError, match=r"^handler:"):
        Registry().add(name, lambda: None)


def test_a_name_belongs_to_one_function() -> None:
    registry, note = Registry(), lambda: None
    registry.add("note", note)
    registry.add("note", note, attempts=3)
    with pytest.raises(ConfigurationError, match="taken"):
        registry.add("note", lambda: 1)
    with pytest.raises(UnknownHandler, match=r"registered here: note$"):
        registry.find("other")


def test_coroutine_functions_are_known() -> None:
    async def coroutine(n: int = 0) -> None: ...

    class AsyncCall:
        async def __call__(self) -> None: ...

    registry = Registry()
    kinds = {"plain": lambda: None, "coroutine": coroutine, "partial": partial(coroutine, n=1), "object": AsyncCall()}
    assert [registry.add(name, each).is_async for name, each in kinds.items()] == [False, True, True, True]


def test_the_schema_says_what_the_signature_says() -> None:
    schema = msgspec.json.decode(Payload(takes, "takes").schema or "")
    properties = schema["$defs"]["Payload"]["properties"]
    assert properties["kind"]["enum"] == ["a", "b"]
    assert properties["small"]["maximum"] == 9
