"""What keeps a second task away from a first one: a key and its scope, or that both say the same (``dedupe``).

The key names a task. Its scope says while what it is taken: as long as the first is unfinished, as long as it has not
been claimed, or for a period, whatever becomes of it. Two tasks say the same when handler and payload are equal, apart
from the fields of the payload that are named not to count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import PutTask
from tickwork.model.standing_order import span
from tickwork.watch import Instant, to_instant

#: While what a key keeps a second task away: the first is unfinished, or has not begun; or for a period (a timedelta).
Scope = Literal["unfinished", "waiting"]
#: What a second put of a key does to the first task: nothing but an earlier time, everything, or a later time.
Existing = Literal["keep", "replace", "debounce"]

_SCOPES = '"unfinished", "waiting" or a period (a timedelta longer than 0)'
#: The words of a treatment that are read here.
WORDS = ("key", "dedupe", "scope", "existing")


@dataclass(frozen=True, slots=True)
class Root:
    """The root task that a leaf belongs to: leaves are no-ops once a newer root of the same signature is registered.

    Args:
        signature: what the roots of one kind of change have in common: ``"links of page/7"``.
        at: when the change happened that the root stands for.

    >>> Root("links of page/7", 1_000_000)
    Root(signature='links of page/7', at=1000000)
    """

    signature: str
    at: datetime | Instant

    def __post_init__(self) -> None:
        limits.text(self.signature, "root")
        object.__setattr__(self, "at", to_instant(self.at, "root"))


def key_columns(action: PutTask, treatment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what keeps a second task away: ``key``, ``unique_key``, ``key_scope``, ``existing`` and ``period``."""
    key, scope = limits.optional_text(treatment.get("key"), "key"), treatment.get("scope", "unfinished")
    existing = treatment.get("existing", "keep")
    if existing not in ("keep", "replace", "debounce"):
        raise InvalidInput("existing", existing, "keep, replace or debounce")
    if (dedupe := treatment.get("dedupe", False)) is not False:
        if key is not None:
            raise InvalidInput("dedupe", dedupe, "either it or a key: it makes a key of what the task says")
        key, scope = signature(action, dedupe), treatment.get("scope", "waiting")
    elif key is None:
        for name in ("scope", "existing"):
            if name in treatment:
                raise InvalidInput(name, treatment[name], "a key beside it: it says what the key does")
    columns = {"key": key, "unique_key": None, "key_scope": None, "existing": existing, "period": None}
    if isinstance(scope, timedelta):
        period = span(scope, "scope")
        if not period:
            raise InvalidInput("scope", scope, _SCOPES)
        return {**columns, "key_scope": "period", "period": period}
    if scope not in ("unfinished", "waiting"):
        raise InvalidInput("scope", scope, _SCOPES)
    return {**columns, "unique_key": key, "key_scope": "waiting" if scope == "waiting" else None}


def signature(action: PutTask, ignored: bool | Iterable[str] = True) -> str:
    """Return a key that tasks have in common which say the same; *ignored*: fields of the payload that do not count.

    >>> signature(PutTask("page.purge", '{"page":7,"by":"ann"}'), ["by"])
    'page.purge#af51f8ad503658b948322f625a64bf53'
    >>> signature(PutTask("page.purge", '{"by":"bob","page":7}'), ["by"]) == _
    True
    """
    if isinstance(ignored, str) or not (ignored is True or isinstance(ignored, Iterable)):
        raise InvalidInput("dedupe", ignored, "True, or the names of payload fields that do not count")
    names = set() if ignored is True else {limits.text(name, "dedupe") for name in ignored}
    payload = {name: value for name, value in msgspec.json.decode(action.payload).items() if name not in names}
    said = msgspec.json.encode([action.handler, payload], order="sorted")
    return f"{action.handler}#{hashlib.sha256(said).hexdigest()[:32]}"
