"""The account at the end of the demonstration, read by SQL from the ledger and the archive."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tickwork.store.book import Statement, Turn, read_sheet
from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class Account:
    """What was ordered and what became of it; lateness in microseconds."""

    written: int
    moved: int
    cancelled: int
    planned: int
    """Orders that were to fire: all but those that were cancelled in time."""
    fired: int
    done: int
    lost: int
    doubled: int
    fired_after_cancel: int
    fired_after_move: int
    reruns: int
    kills: int
    lateness_p50: int
    lateness_p99: int

    @property
    def wrong(self) -> bool:
        """Whether a promise was broken."""
        broken = self.lost + self.doubled + self.fired_after_cancel + self.fired_after_move
        return broken > 0 or self.fired != self.planned or self.done != self.planned


#: The columns of the statement ``account``, in its order.
_COUNTED = (
    "written",
    "moved",
    "cancelled",
    "planned",
    "fired",
    "done",
    "lost",
    "doubled",
    "fired_after_cancel",
    "fired_after_move",
)


def read_account(connection: sqlite3.Connection, kills: int) -> Account:
    """Read the account."""
    counted = _ask(connection, "account")
    (reruns,) = _ask(connection, "reruns")
    fired = counted[_COUNTED.index("fired")]
    p50, p99 = (_ask(connection, "lateness", rank=fired * part // 100) for part in (50, 99))
    figures = dict(zip(_COUNTED, counted, strict=True))
    return Account(
        **figures, reruns=reruns, kills=kills, lateness_p50=p50[0] if p50 else 0, lateness_p99=p99[0] if p99 else 0
    )


def read_progress(connection: sqlite3.Connection, now: Instant) -> tuple[int, int, int]:
    """Return how many have fired, how many are done, and how much is open: due, changed or put and not yet done."""
    fired, done, unfinished = _ask(connection, "progress", now=now)
    return fired, done, unfinished


def _ask(connection: sqlite3.Connection, name: str, **values: int) -> tuple[int, ...]:
    found: tuple[int, ...] | None = connection.execute(_sheet()[name].named, values).fetchone()
    return found or ()


@cache
def _sheet() -> dict[str, Statement]:
    text = files("tickwork.api.demonstration").joinpath("account.sql").read_text("utf-8")
    turn = Turn(tables="tickwork_", now=":now", arrays=False)
    return {statement.name: statement for statement in read_sheet(text, "account.sql", turn)}
