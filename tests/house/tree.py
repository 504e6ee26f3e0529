"""What the house tests look at: the repository's own files, parsed once."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

from tests.support.shared import REPOSITORY

SOURCE = REPOSITORY / "src" / "tickwork"


@cache
def rooms() -> list[Path]:
    """Every Python file of the package."""
    return sorted(SOURCE.rglob("*.py"))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def name(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


@cache
def texts() -> list[Path]:
    """Every text file that belongs to the repository; git knows, and without git everything outside .venv does."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [REPOSITORY / path for path in listed.stdout.split("\0") if path]
    else:
        found = [file for file in REPOSITORY.rglob("*") if ".venv" not in file.parts]
    return sorted(file for file in found if file.is_file() and b"\0" not in file.read_bytes()[:4096])
