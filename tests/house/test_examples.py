"""Every example runs, and says what its own docstring says that it says."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from tests.support.processes import run
from tests.support.shared import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


@pytest.mark.long
@pytest.mark.parametrize("example", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_an_example_says_what_it_promises(example: Path) -> None:
    """The metronome among them is the ancestor's own test: every 33 seconds, log (T-137: an hour away is 109 beats)."""
    story = ast.get_docstring(ast.parse(example.read_text())) or ""
    _, command, promised = story.partition(f"$ python examples/{example.name}\n")
    assert command, "its docstring shows how it is run, and what it says"
    code, said = run(str(example))
    assert code == 0, said
    assert said.strip() == textwrap.dedent(promised).strip()
