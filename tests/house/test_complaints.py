"""The table of complaints in the page on the queue: every one of the survey has its answer, and every answer its test."""

from __future__ import annotations

import re

from tests.support.shared import REPOSITORY, shared

PAGE = REPOSITORY / "docs" / "concepts" / "queue.md"
ROW = re.compile(r"^\| ([\d, –]+) \|(.*)", re.MULTILINE)


def rows() -> list[tuple[set[int], str]]:
    table = PAGE.read_text().partition("## What people complain about")[2]
    return [(numbers(first), rest) for first, rest in ROW.findall(table)]


def numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("–")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_every_complaint_stands_in_one_row() -> None:
    paper = shared("field.md").read_text()
    section = paper.partition("## 3. What users complain about")[2].partition("### 3f.")[0]
    complaints = {int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)}
    answered = [number for told, _ in rows() for number in told]
    assert sorted(answered) == sorted(complaints)


def test_every_answer_names_a_file_that_is_there() -> None:
    for told, rest in rows():
        links = re.findall(r"\]\(([^)#]+)\)", rest)
        assert links or told == {88}, told
        for link in links:
            assert (PAGE.parent / link).resolve().exists(), (told, link)
