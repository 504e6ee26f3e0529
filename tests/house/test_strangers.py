"""Nothing in the repository belongs to one machine: no absolute home paths, no registry addresses, no lock files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import name, texts

# Written in pieces, so that this file does not find itself.
HOMES = re.compile("/" + "work/|/" + r"root/\.|/" + r"home/(?!user|you|app|alice)\w+/|/" + "Users/")
REGISTRIES = re.compile(r"(?:index-url|find-links|https?://\S*(?:pypi|simple|artifactory|nexus)\S*)", re.IGNORECASE)
LOCKS = {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}


def test_no_path_of_one_machine() -> None:
    assert _lines_with(HOMES, texts()) == []


def test_no_registry_address() -> None:
    options = {"Makefile", "test_strangers.py"}  # the option that leaves addresses out
    assert _lines_with(REGISTRIES, [file for file in texts() if file.name not in options]) == []


def test_no_lock_file_with_addresses() -> None:
    assert [name(file) for file in texts() if file.name in LOCKS] == []


@pytest.mark.parametrize("which", ["build", "runtime", "dev"])
def test_every_requirement_is_pinned_by_hash(which: str) -> None:
    from tests.support.shared import REPOSITORY

    text = (REPOSITORY / "requirements" / f"{which}.txt").read_text()
    entries = text.replace("\\\n", " ").splitlines()
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def _lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{name(file)}:{number}: {line.strip()[:100]}"
        for file in files
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
