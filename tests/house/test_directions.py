"""Imports point downward only: the contracts in pyproject.toml hold (house.md, "Floors")."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.shared import REPOSITORY


def test_import_contracts_hold(tmp_path: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--cache-dir", tmp_path],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY / "src"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_floor_of_the_package_stands_in_a_contract() -> None:
    """A package or module that no layer names would be free to import anything."""
    import tomllib

    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {floor.strip() for layer in layers for floor in layer.split(":")}
    source = REPOSITORY / "src" / "tickwork"
    there = {path.stem for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__", "__main__"} == named
