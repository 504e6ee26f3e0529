"""Whole arrays in PostgreSQL's binary form: integers, always eight bytes wide, texts, and truth values.

The driver sends a list of integers as the narrowest type that its elements seem to need, so one statement would be
prepared under many types. Here the statement says ``bigint[]`` and that is what travels. Lists of texts it writes element
by element, each through an expression that escapes it; here they are joined at once, and a column that says the same in
every row, as most do, is written once and repeated.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain, repeat

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_INT8, _INT8_ARRAY = 20, 1016
_TEXT, _TEXT_ARRAY = 25, 1009
_BOOL, _BOOL_ARRAY = 16, 1000
_NULL = struct.pack(">i", -1)
_ELEMENT = struct.Struct(">iq")
_HEAD, _LENGTH = struct.Struct(">iiiii"), struct.Struct(">i")
_TRUTH = {None: _NULL, True: b"\x00\x00\x00\x01\x01", False: b"\x00\x00\x00\x01\x00"}


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


class Texts(list[str | None]):
    """A list that is sent as ``text[]``."""


class TextsDumper(Dumper):
    """Writes :class:`Texts`: header, then for each element its length and its bytes."""

    format = Format.BINARY
    oid = _TEXT_ARRAY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        spoken = self.connection.info.encoding if self.connection is not None else "utf-8"
        self._encoding = "utf-8" if spoken == "ascii" else spoken  # a database that knows no encoding

    def dump(self, values: Sequence[str | None]) -> bytes:
        if not values:
            return struct.pack(">iii", 0, 0, _TEXT)
        head = _HEAD.pack(1, 1, _TEXT, len(values), 1)
        if values.count(values[0]) == len(values):
            return head + self._element(values[0]) * len(values)
        return head + b"".join(map(self._element, values))

    def _element(self, value: str | None) -> bytes:
        if value is None:
            return _NULL
        text = value.encode(self._encoding)
        return _LENGTH.pack(len(text)) + text


class Truths(list[bool | None]):
    """A list that is sent as ``bool[]``."""


class TruthsDumper(Dumper):
    """Writes :class:`Truths`: header, then for each element its length and a byte."""

    format = Format.BINARY
    oid = _BOOL_ARRAY

    def dump(self, values: Sequence[bool | None]) -> bytes:
        if not values:
            return struct.pack(">iii", 0, 0, _BOOL)
        return _HEAD.pack(1, 1, _BOOL, len(values), 1) + b"".join([_TRUTH[value] for value in values])
