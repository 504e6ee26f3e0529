"""The examples on the page about time are run, and their output is compared."""

from __future__ import annotations

import doctest

from tests.support.shared import REPOSITORY


def test_the_page_about_time_says_what_happens() -> None:
    page = str(REPOSITORY / "docs/concepts/time.md")
    failed, tried = doctest.testfile(page, module_relative=False, encoding="utf-8")
    assert failed == 0
    assert tried >= 15
