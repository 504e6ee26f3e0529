"""What is kept of a handler's result: JSON of a sane size, or why not. The work is done either way."""

from __future__ import annotations

from typing import Any

import msgspec

RESULT_LIMIT = 1_000_000


def kept_of(result: Any) -> tuple[str | None, str | None]:
    """Return a result as JSON, or the reason why it cannot be kept.

    >>> kept_of({"sent": 3})
    ('{"sent":3}', None)
    >>> kept_of(object())[1]
    'its result could not be kept: Encoding objects of type object is unsupported'
    """
    try:
        text = msgspec.json.encode(result).decode()
    except Exception as error:
        return None, f"its result could not be kept: {error}"
    if len(text) > RESULT_LIMIT:
        return None, f"its result could not be kept: {len(text)} characters, more than {RESULT_LIMIT}"
    return text, None
