"""What may stand in a key, a name, a number or a payload: checked where it is given, before anything is written.

Each check returns the value that will be stored, or raises InvalidInput with the field, the value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tickwork.errors import InvalidInput, InvalidPayload
from tickwork.watch import DAY

KEY_LENGTH = 500
NAME_LENGTH = 200
PAYLOAD_BYTES = 1_000_000
#: A year of delay is normal; a thousand is a mistake.
LONGEST_DELAY = 1_000 * 366 * DAY

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def text(value: Any, field: str, longest: int = KEY_LENGTH) -> str:
    """Check a text that is stored and searched: not empty, not too long, no NUL, valid Unicode.

    >>> text("meeting/7/remind", "key")
    'meeting/7/remind'
    """
    allowed = f"a text of 1 to {longest} characters without NUL"
    if not isinstance(value, str) or not 1 <= len(value) <= longest or "\0" in value:
        raise InvalidInput(field, value, allowed)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, value, f"{allowed} and without lone surrogates") from None
    return value


def optional_text(value: Any, field: str, longest: int = KEY_LENGTH) -> str | None:
    """Check a text that may be missing."""
    return None if value is None else text(value, field, longest)


def number(value: Any, field: str, least: int, most: int) -> int:
    """Check a whole number in a range, both ends included."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(field, value, f"a whole number from {least} to {most}")
    return value


def priority(value: Any) -> int:
    """Check a priority: 1 to 9999, the smaller the sooner."""
    return number(value, "priority", 1, 9_999)


def attempts(value: Any) -> int:
    """Check how many runs are allowed in all."""
    return number(value, "attempts", 1, 1_000_000)


def several(value: Any, field: str, what: str = "texts") -> tuple[Any, ...]:
    """Check that there are several of something: one text would be taken for its letters.

    >>> several(["mail", "sms"], "queues")
    ('mail', 'sms')
    >>> several("mail", "queues")
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: queues: 'mail' is not allowed; expected a list of texts, not one text
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidInput(field, value, f"a list of {what}" + (", not one text" if isinstance(value, str) else ""))
    return tuple(value)


def tags(value: Iterable[str]) -> tuple[str, ...]:
    """Check tags; they are a set, so they are stored sorted and once each."""
    return tuple(sorted({text(tag, "tags", NAME_LENGTH) for tag in several(value, "tags")}))


def may_exist(name: int | str) -> bool:
    r"""Say whether a row could have this id or key at all: what no database holds is nobody's.

    >>> may_exist(7), may_exist("meeting/7"), may_exist(10**30), may_exist("a\0b"), may_exist("\ud800")
    (True, True, False, False, False)
    """
    if isinstance(name, int):
        return -(2**63) <= name < 2**63
    try:
        return "\0" not in name and bool(name.encode())
    except UnicodeEncodeError:
        return False


def payload(value: Any, handler: str) -> str:
    """Check a payload: the text of a JSON object of at most 1 MB.

    >>> payload('{"meeting_id":7}', "meeting.remind")
    '{"meeting_id":7}'
    """
    field = f"payload of {handler}"
    if not isinstance(value, str):
        raise InvalidPayload(field, value, "the text of a JSON object")
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise InvalidPayload(field, value, "valid Unicode, without lone surrogates") from None
    if len(raw) > PAYLOAD_BYTES:
        raise InvalidPayload(field, value, f"at most {PAYLOAD_BYTES:,} bytes (it has {len(raw):,})")
    try:
        _decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidPayload(field, value, f"the text of a JSON object ({error})") from None
    return value
