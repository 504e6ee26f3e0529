"""How a process learns that another one has written to the file: it sleeps until the log is written, then looks.

The look is ``data_version``: no statement, no lock, and it changes when any other connection has committed. A commit is
written to the log, synced, and only then seen; so one look at the moment of the write would come too soon. The ear looks
a millisecond later, and again and again after a third more, until that is every 25 milliseconds and half a second has passed
since the last write: it hears late by a quarter of what the commit took. When it has heard one, another may have been written
with it, and it looks twice more within a tenth of a second. Two rings are 25 ms apart at least, however much is written. And
it looks every five seconds whatever happens. While nobody writes it costs nothing. Where the system tells nobody of writes
(no Linux, or no watch to be had) it looks every 25 ms.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import struct
import time
from collections.abc import Callable
from typing import Self

from tickwork.store.ear import Ear, Halt

LOOK_EVERY_SECONDS = 0.025
FIRST_LOOK_SECONDS = 0.001
#: The pauses between looks after a write, each a third longer than the one before, for half a second in all.
AFTER_A_WRITE = (*(FIRST_LOOK_SECONDS * (4 / 3) ** number for number in range(1, 11)), *(LOOK_EVERY_SECONDS,) * 17)
#: And after a commit that was heard.
AFTER_A_COMMIT = (LOOK_EVERY_SECONDS, 3 * LOOK_EVERY_SECONDS)
#: How long it sleeps at most.
SLEEP_SECONDS = 5.0

_MODIFY, _MOVE_SELF, _DELETE_SELF, _IGNORED = 0x002, 0x800, 0x400, 0x8000
_HEAD = struct.Struct("iIII")


class SqliteEar(Ear):
    """Hears the commits of every other connection, on one that never writes."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], path: str) -> None:
        self.connect, self.path = connect, path

    def listen(self, heard: Callable[[str], None], halt: Halt) -> None:
        connection = self.connect()
        try:
            with Log(f"{self.path}-wal") as log:
                self._listen(connection, log, heard, halt)
        finally:
            connection.close()

    def _listen(self, connection: sqlite3.Connection, log: Log, heard: Callable[[str], None], halt: Halt) -> None:
        seen = connection.execute("pragma data_version").fetchone()
        heard("")  # whatever was written before we looked
        heard_at, pauses = time.monotonic(), iter(AFTER_A_WRITE)
        while not halt.asked:
            if not log.watches():
                halt.pause(LOOK_EVERY_SECONDS)
            elif log.written(halt, next(pauses, SLEEP_SECONDS)):
                halt.pause(max(0.0, heard_at + LOOK_EVERY_SECONDS - time.monotonic()) + FIRST_LOOK_SECONDS)
                pauses = iter(AFTER_A_WRITE)
            version = connection.execute("pragma data_version").fetchone()
            if version != seen:
                seen, heard_at, pauses = version, time.monotonic(), iter(AFTER_A_COMMIT)
                heard("")


class Log:
    """The log of a database, as far as anybody says that it was written (inotify)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._system = ctypes.CDLL(None, use_errno=True)
        self._inbox, self._watching = -1, False

    def __enter__(self) -> Self:
        if hasattr(self._system, "inotify_init1"):
            self._inbox = self._system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        if self._inbox >= 0:
            os.close(self._inbox)

    def written(self, halt: Halt, seconds: float) -> bool:
        """Wait, at most so long, until it is written or *halt* is asked for; return whether it was written."""
        if not halt.wait_for(self._inbox, seconds):
            return False
        letters = os.read(self._inbox, 65_536)
        if self._gone(letters):
            self._watching = False
        return True

    def watches(self) -> bool:
        """Whether anybody tells us of writes."""
        if self._inbox >= 0 and not self._watching:
            wanted = _MODIFY | _MOVE_SELF | _DELETE_SELF
            self._watching = self._system.inotify_add_watch(self._inbox, os.fsencode(self.path), wanted) >= 0
        return self._watching

    @staticmethod
    def _gone(letters: bytes) -> bool:
        """Whether it was removed or replaced; each letter is followed by a name of *size* bytes (none: it is a file)."""
        place = 0
        while place < len(letters):
            _, mask, _, size = _HEAD.unpack_from(letters, place)
            if mask & (_MOVE_SELF | _DELETE_SELF | _IGNORED):
                return True
            place += _HEAD.size + size
        return False
