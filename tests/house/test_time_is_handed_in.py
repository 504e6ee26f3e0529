"""Clocks, nouns and rows never ask what time it is: no wall clock is read on these floors (house.md, "Floors")."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import SOURCE, name, tree

#: Names whose use asks the machine what time it is.
ASKING = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime", "SystemWatch"}
#: Modules and classes that have them.
OWNERS = {"datetime", "date", "time", "watch", "dt"}

PURE = sorted([*(SOURCE / "clocks").rglob("*.py"), *(SOURCE / "model").rglob("*.py")])


@pytest.mark.parametrize("file", PURE, ids=name)
def test_no_clock_is_read(file: Path) -> None:
    assert asks_the_time(tree(file)) == []


def test_the_look_finds_what_it_looks_for() -> None:
    asking = (
        "from datetime import datetime\nfrom tickwork.watch import SystemWatch\ndatetime.now()\nSystemWatch().now()"
    )
    assert asks_the_time(ast.parse(asking)) == [2, 3, 4]
    assert asks_the_time(ast.parse("def next_at(after, now): return now.time()")) == []


def asks_the_time(module: ast.Module) -> list[int]:
    """Return the lines of *module* that import or call something which tells the machine's time."""
    lines = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "tickwork.watch"}:
            if ASKING & {alias.name for alias in node.names}:
                lines.add(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr in ASKING:
            owner = node.value
            owner_name = (
                owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            )
            if owner_name in OWNERS:
                lines.add(node.lineno)
        elif isinstance(node, ast.Name) and node.id == "SystemWatch":
            lines.add(node.lineno)
    return sorted(lines)
