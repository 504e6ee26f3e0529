"""The README and the documents keep their word: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import name, texts
from tests.support.processes import run
from tests.support.shared import REPOSITORY

DOCUMENTS = [file for file in texts() if file.suffix == ".md"]
README = REPOSITORY / "README.md"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_targets_exist(document: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", document.read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: help (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert re.findall(r"^  make (\w+)", listed, re.MULTILINE) == ["help", *phony.group(1).split()]


def test_the_readme_s_first_two_commands_are_demo_and_test() -> None:
    assert re.findall(r"^\$ (.*)$", README.read_text(), re.MULTILINE)[:2] == ["make demo", "make test"]


def test_ci_runs_the_readme_s_commands() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)", script, re.MULTILINE) == ["test", "verify"]
    explained = ("postgresql-15", "venv", "make", "CI=true", "make verify MINUTES=1")
    assert [word for word in explained if word not in README.read_text()] == []


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:`|\$ )tickwork ([a-z]+(?: [a-z]+)?)", README.read_text())))
)
def test_commands_that_the_readme_names_exist(command: str) -> None:
    code, said = run("-m", "tickwork", *command.split(), "--help")
    assert code == 0, said


def test_the_parts_of_the_tests_that_the_readme_names_exist() -> None:
    parts = re.findall(r'make test ARGS="(?:-k )?([^"]+)"', README.read_text())
    assert parts
    there = [
        f"{name(file)}::{function}"
        for file in (REPOSITORY / "tests").rglob("test_*.py")
        for function in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
        if "house" not in file.parts
    ]
    assert [part for part in parts if not any(part in test for test in there)] == []


def test_the_readme_s_example_runs(tmp_path: Path) -> None:
    source = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
    (tmp_path / "myapp.py").write_text(source)
    code, said = run(
        "-c", f"import os; os.chdir({str(tmp_path)!r}); exec(compile(open('myapp.py').read(), 'myapp.py', 'exec'))"
    )
    assert code == 0, said
