"""Writes ``docs/requirements.md``: every requirement with the tests that show it, the issue that brings it, or a reason.

The numbers stand in ``requirements.toml`` beside this file. A test shows a number when the number stands in its name, its
docstring, its parameters or its body, or when the data names the test or a case that it shows. Nothing is taken on trust:
a test or case that the data names and that does not exist is an error, and so is a number with nothing behind it.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(__file__).with_suffix(".toml")
CASES = DATA.with_name("cases.toml")
PAGE = REPOSITORY / "docs" / "requirements.md"

NUMBER = re.compile(r"\b(?:S[34]-\d\d|T-\d{3}|[BCFGKQTUX]\d{1,2})\b")
IN_NAMES = re.compile(r"[bcfgkqtux]\d{1,3}")
#: So many tests are named for each number; the others are counted.
NAMED = 3

SECTIONS = {
    "S3-": "Periodic jobs on an event log",
    "S4-": "Delayed jobs, expiry, reminders",
    "3.": "What the ancestor is missing",
    "4.": "Further flaws of the ancestor",
}
HEAD = """# Requirements, and what shows each

Written by `make docs` from [tools/requirements.toml](../tools/requirements.toml) and the tests; never edited by hand. A number
is *shown* when tests hold it, *partly* when something is still to come with an issue, *to come* when nothing is there yet.
The numbers are those of the papers that this project was begun with.
"""


class Gap(Exception):
    """A number with nothing behind it, or something named that is not there."""


@dataclass(frozen=True)
class Requirement:
    """One requirement and what was found for it."""

    number: str
    title: str
    tests: tuple[str, ...]
    issue: int | None
    rest: str
    against: str

    @property
    def stands(self) -> str:
        """In a word, where it stands."""
        if self.against:
            return "not done"
        if not self.tests:
            return "to come"
        return "partly" if self.rest else "shown"

    def row(self) -> str:
        """The line of the page."""
        said = [self.against] if self.against else [_link(test) for test in self.tests[:NAMED]]
        if len(self.tests) > NAMED:
            said.append(f"and {len(self.tests) - NAMED} more")
        if self.issue is not None and self.stands in {"partly", "to come"}:
            said.append(f"issue {self.issue}" + (f": {self.rest}" if self.rest else ""))
        what = [self.number, _cell(self.title)] if self.title else [self.number]
        return f"| {' | '.join([*what, self.stands, ', '.join(said)])} |"


def requirements(data: Path = DATA, tests: Mapping[str, Sequence[str]] | None = None) -> list[Requirement]:
    """Return every requirement with its tests; raises Gap, which names all that is wrong."""
    return _read(tomllib.loads(data.read_text()), found() if tests is None else tests)


def cases(data: Path = CASES, tests: Mapping[str, Sequence[str]] | None = None) -> list[Requirement]:
    """Return every acceptance case with its tests; raises Gap as :func:`requirements` does."""
    told = tomllib.loads(data.read_text())
    entries: dict[str, dict[str, object]] = {number: {"title": ""} for number in told["numbers"].split()}
    for issue, numbers in told["issue"].items():
        for number in numbers.split():
            entries[number]["issue"] = int(issue)
    for number, test in told["shown"].items():
        entries[number]["shown"] = [test]
    for number, reason in told["against"].items():
        entries[number]["against"] = reason
    return _read(entries, found() if tests is None else tests)


@cache
def found() -> dict[str, list[str]]:
    """Which tests show which number, and each test and each file of tests under its own name."""
    shown: dict[str, list[str]] = {}
    for file in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        path = file.relative_to(REPOSITORY).as_posix()
        shown[path] = [path]
        if path == "tests/house/test_documents.py":  # it speaks of numbers and shows none
            numbers = False
        else:
            numbers = True
        for test, text in _pieces(file):
            name = f"{path}::{test}" if test else path
            shown.setdefault(name, [name])
            for number in {*NUMBER.findall(text), *_in_name(test)} if numbers else ():
                shown.setdefault(number, []).append(name)
    return shown


def page(read: Sequence[Requirement], acceptance: Sequence[Requirement] = ()) -> str:
    """Return the page: the requirements in their sections, then the acceptance cases."""
    lines = [HEAD]
    for prefix, title in SECTIONS.items():
        part = [each for each in read if each.number.startswith(prefix)]
        lines += [f"## {title}\n", f"{len(part)} in all: {_counted(part)}.\n"]
        lines += ["| number | requirement | stands | tests, issue or reason |", "|---|---|---|---|"]
        lines += [*(each.row() for each in part), ""]
    lines += ["## Acceptance cases\n", f"{len(acceptance)} in all: {_counted(acceptance)}.\n"]
    lines += ["| case | stands | tests, issue or reason |", "|---|---|---|"]
    lines += [*(each.row() for each in acceptance), ""]
    return "\n".join(lines)


def numbers_of_papers(folder: Path) -> set[str]:
    """Return every number that the papers name, to hold the data against them."""
    jobs, delays, queue = (
        (folder / "requirements" / name).read_text()
        for name in ("periodic-jobs.md", "delayed-jobs.md", "triggers-and-queue.md")
    )
    missing, further = queue.split("\n## 3. ")[1].split("\n## 4. ")
    rows = [line for line in missing.splitlines() if line.startswith("| ") and not line.startswith("| Missing")]
    return {
        *re.findall(r"\*\*(S[34]-\d\d)\*\*", jobs + delays),
        *(f"3.{number}" for number in range(1, len(rows) + 1)),
        *re.findall(r"^\| (4\.\d+) \|", further, re.MULTILINE),
    }


def main() -> int:
    """Write the page; tell what is wrong and leave with 1 where there is a gap."""
    try:
        PAGE.write_text(page(requirements(), cases()))
    except Gap as gap:
        sys.stderr.write(f"{gap}\n")
        return 1
    return 0


def _read(entries: Mapping[str, Mapping[str, object]], shown: Mapping[str, Sequence[str]]) -> list[Requirement]:
    wrong: list[str] = []
    read = [_requirement(number, entry, shown, wrong) for number, entry in entries.items()]
    if wrong:
        raise Gap("\n".join(wrong))
    return read


def _requirement(
    number: str, entry: Mapping[str, object], shown: Mapping[str, Sequence[str]], wrong: list[str]
) -> Requirement:
    named = entry.get("shown", [])
    assert isinstance(named, list)
    wrong += [f"{number}: no test shows or is called {name!r}" for name in named if name not in shown]
    tests = [test for name in (number, *named) for test in shown.get(name, ())]
    read = Requirement(
        number,
        str(entry["title"]),
        tuple(dict.fromkeys(tests)),
        issue if isinstance(issue := entry.get("issue"), int) else None,
        str(entry.get("rest", "")),
        str(entry.get("against", "")),
    )
    if not (read.tests or read.issue or read.against):
        wrong.append(f"{number}: no test, no issue and no reason ({read.title})")
    return read


def _pieces(file: Path) -> Iterator[tuple[str, str]]:
    """Each test of a file with its text, decorators included; what stands outside of tests goes under no name."""
    text = file.read_text()
    lines = text.splitlines()
    outside = set(range(1, len(lines) + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            span = range(first, (node.end_lineno or first) + 1)
            outside -= set(span)
            yield node.name, "\n".join(lines[number - 1] for number in span)
    yield "", "\n".join(lines[number - 1] for number in sorted(outside))


def _in_name(test: str) -> set[str]:
    """The numbers in a test's name: ``test_t091_...`` shows T-091, ``test_f6_f7_...`` F6 and F7."""
    words = {word.upper() for word in test.split("_") if IN_NAMES.fullmatch(word)}
    return {f"T-{word[1:]}" if len(word) == 4 else word for word in words}


def _counted(part: Sequence[Requirement]) -> str:
    stands = [each.stands for each in part]
    return ", ".join(
        f"{stands.count(word)} {word}" for word in ("shown", "partly", "to come", "not done") if word in stands
    )


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{(name or Path(path).stem).removeprefix('test_').replace('_', ' ')}](../{path})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
