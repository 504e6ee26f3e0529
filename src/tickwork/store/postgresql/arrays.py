"""Whole arrays of integers in PostgreSQL's binary form, always eight bytes wide.

The driver sends a list of integers as the narrowest type that its elements seem to need, so one statement would be
prepared under many types. Here the statement says ``bigint[]`` and that is what travels.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain, repeat

from psycopg.adapt import Dumper
from psycopg.pq import Format

_INT8, _INT8_ARRAY = 20, 1016
_NULL = struct.pack(">i", -1)
_ELEMENT = struct.Struct(">iq")


class Integers(list[int | None]):
    """A list that is sent as ``bigint[]``."""


class IntegersDumper(Dumper):
    """Writes :class:`Integers`: header, then for each element its length and its eight bytes."""

    format = Format.BINARY
    oid = _INT8_ARRAY

    def dump(self, values: Sequence[int | None]) -> bytes:
        try:
            return self._dump(values)
        except struct.error:
            raise OverflowError("an integer does not fit into 64 bits") from None

    def _dump(self, values: Sequence[int | None]) -> bytes:
        if not values:
            return struct.pack(">iii", 0, 0, _INT8)
        if None not in values:
            flat = chain.from_iterable(zip(repeat(8), values))
            return struct.pack(f">iiiii{'iq' * len(values)}", 1, 0, _INT8, len(values), 1, *flat)
        head = struct.pack(">iiiii", 1, 1, _INT8, len(values), 1)
        return head + b"".join([_NULL if value is None else _ELEMENT.pack(8, value) for value in values])
