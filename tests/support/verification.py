"""Long checks: the same properties as in the tests, for minutes instead of moments, with an account of what was done.

A long check is a module ``tests/verify/NAME.py`` whose docstring's first line says what holds, with one function::

    def verify(run: Run) -> None:
        while run.goes_on():
            expression = random_expression(run.random)
            assert ours(expression) == reference(expression), expression
            run.count("expressions")

It raises when something does not hold. ``make verify NAME=... MINUTES=...`` runs it and appends one line to
``docs/verified.md``: when, which commit, which seed, for how long, what was counted, and how it ended.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from tests.support.shared import REPOSITORY

ACCOUNT = REPOSITORY / "docs" / "verified.md"

HEAD = """# Verified

Appended by `make verify`, one line for each long check; never edited by hand. The commit is the one that was checked out;
`+` says that files had been changed since. The same seed makes the same random choices.

| when (UTC) | commit | check | minutes | seed | counted | result |
|---|---|---|---|---|---|---|
"""


@dataclass
class Run:
    """One run of a long check: how long it may take, its random numbers, and what it has counted.

    With *cases* it goes on, however long that takes, until it has counted so many of something.
    """

    seconds: float
    seed: int
    cases: int = 0
    clock: Callable[[], float] = time.monotonic
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.started = self.clock()

    @property
    def left(self) -> float:
        """Seconds until the time is up, never below 0."""
        return max(0.0, self.started + self.seconds - self.clock())

    def goes_on(self) -> bool:
        return self.left > 0 or max(self.counted.values(), default=0) < self.cases

    def count(self, what: str, number: int = 1) -> None:
        """Count *number* more of *what*; the sums stand in the account."""
        self.counted[what] += number


def account(check: str, run: Run, result: str, file: Path = ACCOUNT) -> str:
    """Append one line about *run* to *file* and return it."""
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    counted = ", ".join(f"{number:,} {what}" for what, number in run.counted.items()) or "nothing"
    minutes = f"{(run.clock() - run.started) / 60:.1f}"
    line = f"| {when} | {_commit()} | {check} | {minutes} | {run.seed} | {counted} | {_cell(result)} |\n"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(HEAD)
    with file.open("a") as appended:
        appended.write(line)
    return line


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:1000]


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/verified.md")
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if changed else "")
