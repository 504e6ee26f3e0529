"""The examples of docs/concepts/recurrence.md give what the page says."""

from __future__ import annotations

import doctest

import pytest

from tests.support.shared import REPOSITORY


def test_the_examples_on_the_page() -> None:
    pytest.importorskip("icalendar")
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(
        str(REPOSITORY / "docs" / "concepts" / "recurrence.md"), module_relative=False, optionflags=flags
    )
    assert tried > 15
    assert failed == 0
