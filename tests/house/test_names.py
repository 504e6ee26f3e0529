"""Rooms are named for what is in them, and one word means one thing (house.md, "Manner")."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.tree import SOURCE, name, rooms, tree

#: Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc", "base", "core"}


@pytest.mark.parametrize("file", rooms(), ids=name)
def test_a_room_is_named_for_what_is_in_it(file: Path) -> None:
    assert not EMPTY_NAMES & {part.removesuffix(".py") for part in file.relative_to(SOURCE).parts}


@pytest.mark.parametrize("file", rooms(), ids=name)
def test_a_module_opens_with_a_sentence(file: Path) -> None:
    docstring = ast.get_docstring(tree(file))
    assert docstring, "a module docstring is its contract in one sentence"
    assert docstring.split("\n\n")[0].rstrip().endswith((".", ":", "::", "?", "…", ")")), docstring.split("\n\n")[0]


@pytest.mark.parametrize("file", rooms(), ids=name)
def test_public_classes_and_functions_say_what_they_do(file: Path) -> None:
    silent = [
        f"{node.lineno} {node.name}"
        for node in tree(file).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _speaks_for_itself(node)
    ]
    assert not silent, f"public names without a docstring in {name(file)}"


def test_sizes(tell: Callable[[str], None]) -> None:
    """Sizes are a feeling and no limit: the run's last lines show the largest rooms, a person judges."""
    sizes = sorted(((len(file.read_text().splitlines()), name(file)) for file in rooms()), reverse=True)
    tell("the largest rooms: " + ", ".join(f"{path} {lines}" for lines, path in sizes[:5]))
    assert sizes


def _speaks_for_itself(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A function of one or two statements whose name says it all needs no sentence."""
    return not isinstance(node, ast.ClassDef) and len(node.body) <= 2
