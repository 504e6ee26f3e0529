"""Numbered steps that make the tables, each recorded in the transaction that took it.

A step is ``schema/NNNN_name.sql`` of its dialect; nothing released is edited. Two processes that upgrade at once
take turns (an advisory lock on PostgreSQL, the one writer on SQLite). A program refuses tables that are older or
newer than its own steps, and the error names the command that helps.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from tickwork.errors import SchemaMismatch, StoreError
from tickwork.store.dialect import Dialect

ABILITIES = frozenset({"delay", "triggers", "leases", "lent-transactions", "wake-up"})


@dataclass(frozen=True)
class Step:
    """One migration."""

    number: int
    name: str
    text: str


def steps(dialect: Dialect) -> list[Step]:
    """Return the steps of a dialect in order."""
    found = []
    for entry in files("tickwork.store").joinpath(dialect.name, "schema").iterdir():
        if entry.name.endswith(".sql"):
            number, _, rest = entry.name.partition("_")
            found.append(Step(int(number), rest.removesuffix(".sql"), entry.read_text("utf-8")))
    return sorted(found, key=lambda step: step.number)


def upgrade(dialect: Dialect, to: int | None = None) -> list[str]:
    """Take the steps that are missing, each in a transaction of its own."""
    taken = []
    with dialect.begin("installer") as transaction:
        transaction.all("take_turns_at_migrating")
        transaction.all("make_room_for_steps")
        transaction.all("make_list_of_steps")
    for step in steps(dialect):
        if to is not None and step.number > to:
            break
        with dialect.begin("installer") as transaction:
            transaction.all("take_turns_at_migrating")
            if (step.number,) not in transaction.all("steps_taken"):
                dialect.script(transaction, step.text)
                transaction.run("record_step", number=step.number, name=step.name)
                taken.append(f"{step.number:04d}_{step.name}")
    return taken


def taken(dialect: Dialect) -> list[int]:
    """Return the numbers of the steps that the database has, none where there are no tables."""
    try:
        with dialect.begin("operator", reading=True) as transaction:
            return sorted(number for (number,) in transaction.all("steps_taken"))
    except SchemaMismatch:
        return []
    except StoreError as error:
        if "no such table" in str(error):
            return []
        raise


def check(dialect: Dialect) -> None:
    """Raise SchemaMismatch unless the database has exactly this program's steps."""
    mine, theirs = {step.number for step in steps(dialect)}, set(taken(dialect))
    if missing := sorted(mine - theirs):
        raise SchemaMismatch(
            f"the tables are too old for this program (steps {', '.join(map(str, missing))} are missing): "
            "run 'tickwork db upgrade'"
        )
    if unknown := sorted(theirs - mine):
        raise SchemaMismatch(
            f"the tables are newer than this program (it does not know steps {', '.join(map(str, unknown))}): "
            "upgrade tickwork on this host"
        )


def script(dialect: Dialect, after: int = 0) -> str:
    """Return the SQL of the steps after a number, for people who run migrations by hand."""
    parts = [
        f"-- step {step.number:04d} {step.name}\n{dialect.turn(step.text)}"
        for step in steps(dialect)
        if step.number > after
    ]
    return "\n".join(parts)


def abilities(dialect: Dialect) -> frozenset[str]:
    """What this store can do."""
    return ABILITIES | ({"skip-locked", "listen"} if dialect.locks_rows else {"one-writer"})
