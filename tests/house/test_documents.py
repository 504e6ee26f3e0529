"""The documents do what they say: commands are run and their output compared, parts made by commands are fresh."""

from __future__ import annotations

import doctest
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.documents import Reader
from tests.support.shared import REPOSITORY, shared
from tickwork.engine.triggers.mark import BOTTOM_EVERY
from tickwork.model.event import FIRST_WAIT
from tickwork.model.lease import LENGTH, LOST_ALLOWED, RENEW_EVERY
from tickwork.model.policies import GRACE, MISSED_LIMIT
from tickwork.model.standing_order import PRIORITY
from tickwork.model.states import EVENT, TASK, TRIGGER
from tickwork.store.postgresql.sessions import DAEMON_SESSION
from tickwork.store.sqlite.dialect import BUSY_SECONDS
from tickwork.watch import SECOND
from tools import requirements, states

DOCS = REPOSITORY / "docs"
PAGES = [*sorted((DOCS / "concepts").glob("*.md")), DOCS / "logging.md"]
SESSION_LIMITS = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")
CASE = re.compile(r"^\| ([A-Z]-?\d+) \|", re.MULTILINE)
#: What was done before a test runs at all.
INSTALLED = frozenset({"make install", ". .venv/bin/activate"})


def reader(folder: Path, **replaced: str) -> Reader:
    """Somebody in an empty folder who has only what the document told him to install."""
    programs = Path(sys.executable).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TICKWORK", "PYTHON"))}
    source = os.pathsep.join(str(REPOSITORY / each) for each in ("src",))
    path = f"{programs}{os.pathsep}{kept.get('PATH', '')}"
    return Reader(folder, {**kept, "PATH": path, "PYTHONPATH": source, "COLUMNS": "160"}, replaced, INSTALLED)


@pytest.mark.stores("postgresql-18")
@pytest.mark.long
def test_the_quickstart(tmp_path, database_url):
    quickstart = DOCS / "quickstart.md"
    done = reader(tmp_path, **{"postgresql://localhost/work": database_url}).follow(quickstart)
    assert done == sum(line.startswith("$ ") for line in quickstart.read_text().splitlines()) - len(INSTALLED)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=flags, encoding="utf-8")
    assert failed == 0


@pytest.mark.parametrize("sheet", states.SHEETS, ids=lambda sheet: sheet.machine.name)
def test_the_states_are_drawn_from_the_table_as_it_is(sheet):
    drawn = (states.FOLDER / f"{sheet.machine.name}.svg").read_text()
    assert drawn == states.draw(sheet), "run `make docs`"
    assert sheet.machine in {TRIGGER, EVENT, TASK}
    assert [state for state in sheet.machine.states if f">{state}</text>" not in drawn] == []


def test_every_requirement_and_every_case_has_a_test_an_issue_or_a_reason():
    rows = dict(re.findall(r"^\| (\S+) \|(.*)\|$", requirements.PAGE.read_text(), re.MULTILINE))
    read = [*requirements.requirements(), *requirements.cases()]
    stale = [each.number for each in read if f" {each.stands} " not in rows.get(each.number, "").split("|")]
    assert stale == [], "run `make docs`"


def test_a_gap_is_found(tmp_path):
    data = tmp_path / "data.toml"
    data.write_text('["S9-01"]\ntitle = "nobody does this"\n["S9-02"]\ntitle = "shown"\nshown = ["Z9"]\nissue = 3\n')
    with pytest.raises(requirements.Gap) as gap:
        requirements.requirements(data, {})
    assert str(gap.value).splitlines() == [
        "S9-01: no test, no issue and no reason (nobody does this)",
        "S9-02: no test shows or is called 'Z9'",
    ]


def test_the_requirements_are_those_of_the_papers():
    papers = shared("requirements").parent
    assert {each.number for each in requirements.requirements()} == requirements.numbers_of_papers(papers)
    cases = {number for file in (papers / "cases").glob("*.md") for number in CASE.findall(file.read_text())}
    assert {each.number for each in requirements.cases()} == cases


def test_the_numbers_in_the_documents_are_those_of_the_code():
    """4.23: a number stands once in the code; whoever changes it there is told where it is quoted."""
    quoted = {
        "concepts/leases.md": (f"every {RENEW_EVERY // SECOND} s for a length of {LENGTH // SECOND} s",),
        "concepts/tasks.md": (f"{PRIORITY} if nothing is said", f"{LOST_ALLOWED} lost leases"),
        "concepts/triggers.md": (f"`all`, {GRACE // SECOND} s", f"retried after {FIRST_WAIT // SECOND} s"),
        "guarantees.md": (
            f"`grace` ({GRACE // SECOND} s)",
            f"More than {MISSED_LIMIT:,} missed slots",
            f"every {BOTTOM_EVERY // SECOND} s",
            f"busy time-out of {BUSY_SECONDS:g} s",
            *(f"after {DAEMON_SESSION[limit].removesuffix('s')} s" for limit in SESSION_LIMITS),
        ),
    }
    missing = [
        (page, words) for page, texts in quoted.items() for words in texts if words not in (DOCS / page).read_text()
    ]
    assert missing == []


def test_the_five_questions_are_answered():
    """Interface and needs; small hosting; the distributed variant; how it is deployed; who operates it."""
    text = (DOCS / "concepts" / "daemons-and-workers.md").read_text()
    asked = (
        "What does an application need to know?",
        "What if only cron is allowed?",
        "How does it grow to many hosts?",
        "How is it deployed?",
        "Who operates it?",
    )
    assert [question for question in asked if question not in text] == []
    assert "What these cannot give" in text
    assert "opportunity" in text


def test_precision_is_said_in_so_many_words():
    """Never early; usually at once; possibly late without bound."""
    text = " ".join((DOCS / "guarantees.md").read_text().split())
    assert "Never before its time" in text
    assert "late without bound" in text
