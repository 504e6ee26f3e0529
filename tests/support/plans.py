"""The plan that PostgreSQL keeps for a statement of the book, in a session of the role that runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

Plan = dict[str, Any]


def plan_of(transaction: Any, name: str, values: Mapping[str, Any], how: str = "analyze, buffers") -> Plan:
    """Explain *name* as the session runs it: prepared, so that it is the kept plan and not one for these values.

    Who asks again in the same session sees the plan that was made the first time, whatever has come into the tables since.
    """
    statement = transaction.dialect.book[name]
    filled = transaction._filled(statement, {key: each for key, each in values.items() if key in statement.parameters})
    kept = transaction.connection.execute("select from pg_prepared_statements where name = %s", (f"explain {name}",))
    if not kept.fetchall():
        transaction.connection.execute(f'prepare "explain {name}" as {statement.numeric}'.encode())
    places = ", ".join(f"%({parameter})s" for parameter in statement.parameters)
    given = f'explain ({", ".join(filter(None, (how, "format json")))}) execute "explain {name}"'
    given += f" ({places})" if places else ""
    ((answer,),) = psycopg.ClientCursor(transaction.connection).execute(given, filled).fetchall()
    plan: Plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's nodes, from the top."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def blocks(plan: Plan) -> int:
    """How many blocks it has touched."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
