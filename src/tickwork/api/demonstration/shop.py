"""The application of the demonstration: its orders stand in a table of its own, in the same file.

Every write is one transaction of the application's: its own row and the trigger, both or neither. After the commit of a
move or a cancel it notes the time; a firing at the old time that the ledger has later than that breaks the promise.
"""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass, field

from tickwork.api.app import Tickwork
from tickwork.model.action import PutTask
from tickwork.watch import SECOND, Instant, SystemWatch, from_instant

#: Orders that are written in one transaction.
BATCH = 250
#: A moved order gets a time at least so far ahead.
AHEAD = SECOND // 2


@dataclass(slots=True)
class Shop:
    """Writes orders, moves and cancels them."""

    app: Tickwork
    connection: sqlite3.Connection
    chance: random.Random
    first_at: Instant = 0
    last_at: Instant = 0
    written: int = 0
    moved: int = 0
    cancelled: int = 0
    due: dict[int, Instant] = field(default_factory=dict)
    """Orders that can still be edited, with their time."""
    noted: list[tuple[Instant, int]] = field(default_factory=list)

    def open(self) -> None:
        """Make the application's own table."""
        self.connection.execute(
            "create table demo_order (number integer primary key, key text not null unique, due_at integer not null,"
            " old_due_at integer, edit text, committed_at integer)"
        )

    def write(self, count: int) -> None:
        """Write one batch of orders, due at times by chance within the show."""
        with _Transaction(self.connection):
            triggers = self.app.on(self.connection).triggers
            for number in range(self.written, self.written + count):
                due_at = self.chance.randrange(self.first_at, self.last_at)
                action = PutTask.of("demo.ring", {"number": number})
                self.connection.execute(
                    "insert into demo_order (number, key, due_at) values (?, ?, ?)", (number, key_of(number), due_at)
                )
                triggers.put(key_of(number), from_instant(due_at), action, unchecked=True)
                self.due[number] = due_at
        self.written += count

    def edit(self) -> None:
        """Move or cancel one order by chance: soon due ones as likely as late ones, and some that have just fired."""
        now = SystemWatch().now()
        number = self._chosen(now)
        if number is None:
            return
        if self.chance.random() < 0.5 or now + AHEAD >= self.last_at:
            self._cancel(number)
        else:
            self._move(number, self.chance.randrange(now + AHEAD, self.last_at))

    def _chosen(self, now: Instant) -> int | None:
        """Choose an order that nobody has edited and that is not long over."""
        while self.due:
            number = self.chance.choice(list(self.due))
            if self.due.pop(number) > now - AHEAD:
                return number
        return None

    def _cancel(self, number: int) -> None:
        with _Transaction(self.connection):
            self.connection.execute("update demo_order set edit = 'cancelled' where number = ?", (number,))
            self.app.on(self.connection).triggers.cancel(key_of(number))
        self.noted.append((SystemWatch().now(), number))
        self.cancelled += 1

    def _move(self, number: int, due_at: Instant) -> None:
        with _Transaction(self.connection):
            self.connection.execute(
                "update demo_order set edit = 'moved', old_due_at = due_at, due_at = ? where number = ?",
                (due_at, number),
            )
            self.app.on(self.connection).triggers.move(key_of(number), from_instant(due_at))
        self.noted.append((SystemWatch().now(), number))
        self.moved += 1

    def close(self) -> None:
        """Write down when each edit had committed."""
        with _Transaction(self.connection):
            self.connection.executemany("update demo_order set committed_at = ? where number = ?", self.noted)


class _Transaction:
    """The application's own transaction; it will write, so it begins as a writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("begin immediate")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.connection.execute("commit" if kind is None else "rollback")


def key_of(number: int) -> str:
    """Return the key of an order's trigger."""
    return f"demo/{number}"
